"""Who of an audience may be reached for a purpose: consent as of a date, and those never to be reached."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import ibis

from workbench.intake.features.inputs.exact import at_midnight

__all__ = ["consenting", "reachable"]


def consenting(consents: ibis.Table, *, purpose: str, as_of: date) -> ibis.Table:
    """Find the customers whose last word before a date grants a purpose.

    Parameters
    ----------
    consents : ibis.Table
        customer_id, purpose, granted and, where known, changed_at. Rows at or after the date are not read. Of rows at
        one moment a refusal counts; rows without a moment count as the earliest.
    purpose : str
        Compared without case and surrounding blanks.
    as_of : date

    Returns
    -------
    ibis.Table
        customer_id, distinct. Who never said anything is not among them.
    """
    about = consents.filter(consents.customer_id.notnull(), consents.purpose.strip().lower() == purpose.strip().lower())
    granted = about.granted.fill_null(False).cast("int8")
    if "changed_at" not in about.columns:
        said = about.group_by("customer_id").aggregate(granted=granted.min())
        return said.filter(said.granted == 1).select("customer_id")
    about = about.mutate(granted=granted, at=about.changed_at.epoch_seconds().fill_null(-(2**62)))
    about = about.filter(about.changed_at.isnull() | (about.changed_at < at_midnight(as_of)))
    latest = about.group_by("customer_id").aggregate(at=about["at"].max())
    last = about.inner_join(latest, ["customer_id", "at"])
    said = last.group_by("customer_id").aggregate(granted=last.granted.min())
    return said.filter(said.granted == 1).select("customer_id")


def reachable(
    members: ibis.Table,
    *,
    consents: ibis.Table | None,
    purpose: str,
    as_of: date,
    suppressed: Collection[str] = (),
) -> ibis.Table:
    """Keep the members who may be reached.

    Parameters
    ----------
    members : ibis.Table
        customer_id and whatever else.
    consents : ibis.Table or None
        None where the profile records no consent: then nobody is left out for want of it, which the caller must say.
    purpose, as_of
        As in ``consenting``.
    suppressed : collection of str
        customer_ids never to be reached.

    Returns
    -------
    ibis.Table
        The same columns, sorted by customer_id.
    """
    kept = members
    if consents is not None:
        kept = kept.semi_join(consenting(consents, purpose=purpose, as_of=as_of), "customer_id")
    if suppressed:
        kept = kept.filter(kept.customer_id.notin(sorted(suppressed)))
    return kept.order_by("customer_id")
