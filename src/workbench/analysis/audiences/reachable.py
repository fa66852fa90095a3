"""Who in an audience may be contacted for a purpose: consent as of a date, and the suppression list."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

import ibis

from workbench.intake.features.inputs.exact import at_midnight

__all__ = ["consenting", "reachable"]


def consenting(consents: ibis.Table, *, purpose: str, as_of: date) -> ibis.Table:
    """Find the customers whose latest consent before a date grants a purpose.

    Parameters
    ----------
    consents : ibis.Table
        customer_id, purpose, granted and, where known, changed_at. Rows at or after the date are not read. Among rows
        of the same time a refusal prevails; rows without a time count as the earliest.
    purpose : str
        Compared without regard to case and surrounding blanks.
    as_of : date

    Returns
    -------
    ibis.Table
        customer_id, distinct. Customers without a recorded consent are not included.
    """
    relevant = consents.filter(
        consents.customer_id.notnull(), consents.purpose.strip().lower() == purpose.strip().lower()
    )
    granted = relevant.granted.fill_null(False).cast("int8")
    if "changed_at" not in relevant.columns:
        consent = relevant.group_by("customer_id").aggregate(granted=granted.min())
        return consent.filter(consent.granted == 1).select("customer_id")
    relevant = relevant.mutate(granted=granted, at=relevant.changed_at.epoch_seconds().fill_null(-(2**62)))
    relevant = relevant.filter(relevant.changed_at.isnull() | (relevant.changed_at < at_midnight(as_of)))
    latest = relevant.group_by("customer_id").aggregate(at=relevant["at"].max())
    last = relevant.inner_join(latest, ["customer_id", "at"])
    consent = last.group_by("customer_id").aggregate(granted=last.granted.min())
    return consent.filter(consent.granted == 1).select("customer_id")


def reachable(
    members: ibis.Table,
    *,
    consents: ibis.Table | None,
    purpose: str,
    as_of: date,
    suppressed: Collection[str] = (),
) -> ibis.Table:
    """Keep the members who may be contacted.

    Parameters
    ----------
    members : ibis.Table
        customer_id and any other columns.
    consents : ibis.Table or None
        None where the profile records no consent: then no one is excluded for lack of it, which the caller must report.
    purpose, as_of
        As in ``consenting``.
    suppressed : collection of str
        customer_ids never to be contacted.

    Returns
    -------
    ibis.Table
        The same columns, sorted by customer_id.
    """
    selected = members
    if consents is not None:
        selected = selected.semi_join(consenting(consents, purpose=purpose, as_of=as_of), "customer_id")
    if suppressed:
        selected = selected.filter(selected.customer_id.notin(sorted(suppressed)))
    return selected.order_by("customer_id")
