"""Who may be contacted, profiled or studied: consent, minors and never-contact lists, answered for every output."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from typing import TYPE_CHECKING

import ibis

from workbench.intake.features.inputs.exact import at_midnight

if TYPE_CHECKING:
    from workbench.core.params.consent import ConsentParams

__all__ = ["MINOR", "NEVER_CONTACT", "REFUSED", "RESTRICTED", "keep_permitted", "permitted"]

NEVER_CONTACT, MINOR, REFUSED, RESTRICTED = "never_contact", "minor", "refused", "restricted"
_RECORD = "record"  # one of the records that were merged into a customer
_EARLIEST = -(2**62)


def permitted(
    customers: ibis.Table,
    consents: ibis.Table | None,
    purpose: str,
    as_of: date,
    *,
    params: ConsentParams,
    people: ibis.Table | None = None,
    never_contact: Collection[str] = (),
    latest: bool = False,
    restricted: Collection[str] = (),
) -> ibis.Table:
    """Say of every customer whether an output for a purpose may name them.

    Parameters
    ----------
    customers : ibis.Table
        customer_id, one row per customer.
    consents : ibis.Table or None
        customer_id, purpose, granted and, where recorded, changed_at; with ``record``, one of the merged records, where
        identities are resolved. None where the profile has no consents: nobody has refused, which the caller reports.
    purpose : str
        ``marketing``, or a channel of it such as ``marketing_sms``; compared without case and surrounding blanks.
    as_of : date
        Rows at or after it are not read, unless ``latest``; the age of minors is taken at it.
    params : ConsentParams
        The section ``consent`` of the profile.
    people : ibis.Table, optional
        customer_id with birth_date or age, for minors.
    never_contact : collection of str
        customer_ids that are on no list.
    restricted : collection of str
        customer_ids whose data is kept and not used, for any purpose.
    latest : bool
        Read rows of any date: a list obeys the latest word at the moment it is made.

    Returns
    -------
    ibis.Table, one row per customer, sorted by customer_id
        customer_id, permitted, reason (``restricted``, ``never_contact``, ``minor``, ``refused``; null where
        permitted).

    Notes
    -----
    For each record the latest row of a purpose holds; rows of equal time, or without time, which count as the earliest,
    are decided by a refusal. One refusal among merged records counts for all. A channel needs the word for its purpose
    not to be a refusal. A customer and purpose never mentioned follow ``params.default``.
    """
    ids = customers.select("customer_id").distinct()
    verdict = ids.mutate(refused=ibis.literal(False))
    if consents is not None:
        verdict = _with_refusals(ids, consents, purpose.strip().lower(), None if latest else as_of, params)
    verdict = verdict.mutate(
        never=verdict.customer_id.isin(sorted(never_contact)) if never_contact else ibis.literal(False)
    )
    limited = verdict.customer_id.isin(sorted(restricted)) if restricted else ibis.literal(False)
    verdict = verdict.mutate(limited=limited)
    verdict = _with_minors(verdict, people, as_of, params.minors_under)
    reason = ibis.cases(
        (verdict.limited, RESTRICTED), (verdict.never, NEVER_CONTACT), (verdict.minor, MINOR),
        (verdict.refused, REFUSED),
        else_=ibis.null("string"),
    )  # fmt: skip
    judged = verdict.mutate(reason=reason)
    return judged.select("customer_id", permitted=judged.reason.isnull(), reason=judged.reason).order_by("customer_id")


def keep_permitted(rows: ibis.Table, verdicts: ibis.Table) -> ibis.Table:
    """Keep the rows of customers who may be named.

    Parameters
    ----------
    rows : ibis.Table
        customer_id and any other columns.
    verdicts : ibis.Table
        The result of ``permitted``.

    Returns
    -------
    ibis.Table
        The same columns, sorted by customer_id.
    """
    return rows.semi_join(verdicts.filter(verdicts.permitted), "customer_id").order_by("customer_id")


def _with_refusals(
    ids: ibis.Table, consents: ibis.Table, purpose: str, before: date | None, params: ConsentParams
) -> ibis.Table:
    """Join whether the customer refused: their word for the channel, else for its purpose, else the default."""
    general = purpose.partition("_")[0]
    word = _word(consents, purpose, before)
    joined = ids.left_join(word, "customer_id").select("customer_id", granted=word.granted)
    if general == purpose:
        granted = joined.granted.fill_null(params.holds(purpose))
        return joined.select("customer_id", refused=~granted)
    word = _word(consents, general, before)
    joined = joined.left_join(word, "customer_id").select("customer_id", "granted", general=word.granted)
    granted = ibis.coalesce(joined.granted, joined.general, ibis.literal(params.holds(purpose)))
    return joined.select("customer_id", refused=~(granted & joined.general.fill_null(True)))


def _word(consents: ibis.Table, purpose: str, before: date | None) -> ibis.Table:
    """Return the word of each customer for a purpose: customer_id, granted; those who said nothing are absent."""
    rows = consents.filter(consents.customer_id.notnull(), consents.purpose.strip().lower() == purpose)
    rows = rows.mutate(
        record=rows[_RECORD].fill_null("") if _RECORD in rows.columns else rows.customer_id,
        granted=rows.granted.fill_null(False).cast("int8"),
        at=rows.changed_at.epoch_seconds().fill_null(_EARLIEST)
        if "changed_at" in rows.columns
        else ibis.literal(_EARLIEST, "int64"),
    )
    if before is not None and "changed_at" in consents.columns:
        rows = rows.filter(rows.changed_at.isnull() | (rows.changed_at < at_midnight(before)))
    rows = rows.select("customer_id", "record", "at", "granted")
    newest = rows.group_by("customer_id", "record").aggregate(at=rows["at"].max())
    last = rows.semi_join(newest, ["customer_id", "record", "at"])
    word = last.group_by("customer_id").aggregate(granted=last.granted.min())
    return word.select("customer_id", granted=word.granted == 1)


def _with_minors(verdict: ibis.Table, people: ibis.Table | None, as_of: date, under: int) -> ibis.Table:
    """Join whether the customer is a minor; an unknown age is not one."""
    columns = [] if people is None else [name for name in ("birth_date", "age") if name in people.columns]
    if people is None or not columns or not under:
        return verdict.mutate(minor=ibis.literal(False))
    conditions = []
    if "birth_date" in columns:
        day = as_of.day if (as_of.month, as_of.day) != (2, 29) else 28
        conditions.append(people.birth_date.cast("date") > ibis.literal(date(as_of.year - under, as_of.month, day)))
    if "age" in columns:
        conditions.append(people.age < under)
    minor = conditions[0].fill_null(False)
    for condition in conditions[1:]:
        minor = minor | condition.fill_null(False)
    minors = people.filter(minor).select("customer_id").distinct().mutate(is_minor=ibis.literal(True))
    joined = verdict.left_join(minors, "customer_id")
    return joined.mutate(minor=joined.is_minor.fill_null(False)).select(*verdict.columns, "minor")
