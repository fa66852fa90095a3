"""Campaign features: campaigns sent, opened and redeemed by customer."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from workbench.intake.features.inputs.exact import days_between
from workbench.intake.features.usage.usage import share_of

__all__ = ["count_campaigns"]

DATES = {"campaigns_sent": "sent_at", "campaigns_opened": "opened_at", "campaigns_redeemed": "redeemed_at"}
SHARES = {"campaign_open_share": "campaigns_opened", "campaign_redemption_share": "campaigns_redeemed"}


def count_campaigns(campaigns: ir.Table, *, least: int) -> ir.Table:
    """Count the distinct campaigns sent to each customer, and those opened and redeemed.

    Parameters
    ----------
    campaigns : ibis.Table
        The canonical table cut at the as-of date (``cut_tables``); one row per campaign and customer. A null date means
        that it has not happened.
    least : int
        Fewest campaigns sent for a share; below it the share is null.

    Returns
    -------
    ibis.Table
        One row per customer named in a campaign: campaigns_sent, campaigns_opened and campaigns_redeemed, each by its
        own date; campaign_open_share and campaign_redemption_share (0..1, of the campaigns sent);
        redemption_days_median, the days from the first sending to the first redemption of a campaign.
    """
    identified = campaigns.filter(campaigns.customer_id.notnull())
    dates = {name: at for name, at in DATES.items() if at in identified.columns}
    pairs = identified.group_by("customer_id", "campaign_id").aggregate(
        **{name: identified[at].min() for name, at in dates.items()}
    )
    sums = {name: pairs.count(where=pairs[name].notnull()) for name in dates}
    shares = {name: of for name, of in SHARES.items() if {"campaigns_sent", of} <= set(dates)}
    for name, of in shares.items():
        sums[name] = pairs.count(where=pairs.campaigns_sent.notnull() & pairs[of].notnull())
    if "campaign_redemption_share" in shares:
        sent, redeemed = pairs.campaigns_sent.date(), pairs.campaigns_redeemed.date()
        waited = ibis.ifelse(redeemed >= sent, days_between(sent, redeemed), ibis.null("int64"))
        sums["redemption_days_median"] = waited.median()
    totals = pairs.group_by("customer_id").aggregate(**sums)
    return totals.mutate(**{name: share_of(totals[name], totals.campaigns_sent, least) for name in shares})
