"""Which campaigns reached each customer, and which of them were redeemed."""

from __future__ import annotations

from datetime import date

import ibis.expr.types as ir

from workbench.intake.features.exact import at_midnight

__all__ = ["count_campaigns"]

DATES = {"campaigns_sent": "sent_at", "campaigns_redeemed": "redeemed_at"}


def count_campaigns(campaigns: ir.Table, *, as_of: date) -> ir.Table:
    """Count the distinct campaigns sent to each customer, and those redeemed, before the as-of date.

    Parameters
    ----------
    campaigns : ibis.Table
        The canonical table; one row per campaign and customer. A null date means that it did not happen.
    as_of : date
        Only what happened before its midnight counts, each by its own date.

    Returns
    -------
    ibis.Table
        One row per customer named in a campaign: campaigns_sent and campaigns_redeemed, where the column that dates
        them exists.
    """
    named = campaigns.filter(campaigns.customer_id.notnull())
    happened = {name: named[at] < at_midnight(as_of) for name, at in DATES.items() if at in named.columns}
    pairs = named.group_by("customer_id", "campaign_id").aggregate(
        **{name: before.any() for name, before in happened.items()}
    )
    return pairs.group_by("customer_id").aggregate(**{name: pairs.count(where=pairs[name]) for name in happened})
