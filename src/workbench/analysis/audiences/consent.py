"""Who may be contacted, profiled or studied? Consent, age, restrictions and never-contact lists, for every output."""

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
_RECORD = "record"  # id of a source record that was merged into the customer
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
    """Decide for every customer whether an output for a purpose may name them.

    Parameters
    ----------
    customers : ibis.Table
        customer_id, one row per customer.
    consents : ibis.Table or None
        customer_id, purpose, granted and, where recorded, changed_at; where identities are resolved also ``record``,
        the source record. None if the profile has no consents: then nobody has refused, which the caller reports.
    purpose : str
        ``marketing``, or one of its channels such as ``marketing_sms``; compared without case and surrounding blanks.
    as_of : date
        Rows at or after this date are not read, unless ``latest``; ages are computed on this date.
    params : ConsentParams
        The section ``consent`` of the profile.
    people : ibis.Table, optional
        customer_id with birth_date or age, to identify minors.
    never_contact : collection of str
        customer_ids that must not be on any list.
    restricted : collection of str
        customer_ids whose data is stored but not used for any purpose.
    latest : bool
        Read rows of any date: a list follows the latest consent at the moment it is made.

    Returns
    -------
    ibis.Table, one row per customer, sorted by customer_id
        customer_id, permitted, reason (``restricted``, ``never_contact``, ``minor``, ``refused``; null where
        permitted).

    Notes
    -----
    For each record the latest row of a purpose decides; rows without a time count as the earliest. Among rows of the
    same time a refusal decides. One refusal among merged records counts for the customer. A refusal of the purpose
    covers all its channels. Where a customer has no row for a purpose, ``params.default`` decides.
    """
    ids = customers.select("customer_id").distinct()
    verdict = ids.mutate(refused=ibis.literal(False))
    if consents is not None:
        verdict = _with_refusals(ids, consents, purpose.strip().lower(), None if latest else as_of, params)
    verdict = verdict.mutate(
        is_never_contact=verdict.customer_id.isin(sorted(never_contact)) if never_contact else ibis.literal(False)
    )
    is_restricted = verdict.customer_id.isin(sorted(restricted)) if restricted else ibis.literal(False)
    verdict = verdict.mutate(is_restricted=is_restricted)
    verdict = _with_minors(verdict, people, as_of, params.minors_under)
    reason = ibis.cases(
        (verdict.is_restricted, RESTRICTED), (verdict.is_never_contact, NEVER_CONTACT), (verdict.minor, MINOR),
        (verdict.refused, REFUSED),
        else_=ibis.null("string"),
    )  # fmt: skip
    verdict = verdict.mutate(reason=reason)
    return verdict.select("customer_id", permitted=verdict.reason.isnull(), reason=verdict.reason).order_by(
        "customer_id"
    )


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
    """Join whether the customer refused: their consent for the channel, else for its purpose, else the default."""
    general = purpose.partition("_")[0]
    consent = _latest_consent(consents, purpose, before)
    joined = ids.left_join(consent, "customer_id").select("customer_id", granted=consent.granted)
    if general == purpose:
        granted = joined.granted.fill_null(params.holds(purpose))
        return joined.select("customer_id", refused=~granted)
    consent = _latest_consent(consents, general, before)
    joined = joined.left_join(consent, "customer_id").select("customer_id", "granted", general=consent.granted)
    granted = ibis.coalesce(joined.granted, joined.general, ibis.literal(params.holds(purpose)))
    return joined.select("customer_id", refused=~(granted & joined.general.fill_null(True)))


def _latest_consent(consents: ibis.Table, purpose: str, before: date | None) -> ibis.Table:
    """Return customer_id and granted: the latest consent for a purpose; customers without one are absent."""
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
    consent = last.group_by("customer_id").aggregate(granted=last.granted.min())
    return consent.select("customer_id", granted=consent.granted == 1)


def _with_minors(verdict: ibis.Table, people: ibis.Table | None, as_of: date, under: int) -> ibis.Table:
    """Join whether the customer is a minor; customers of unknown age count as adults."""
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
