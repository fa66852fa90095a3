"""Campaigns: recipients, openings and redemptions; two of them have a randomised control group.

The effect of a randomised campaign is an added chance to buy in the following weeks, by persona. The generator sets it,
so it is known exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import duckdb

from workbench.intake.demo.jewellery.chances import USUAL_OCCASION
from workbench.intake.demo.jewellery.days import DAYS, START

if TYPE_CHECKING:
    from workbench.intake.demo.jewellery.draws import Draws

__all__ = ["CAMPAIGNS", "EXPERIMENTS", "Experiment", "added_chances_sql", "write_arms", "write_campaigns"]

OUTCOME_DAYS = 90
WORKS_WITHIN_DAYS = 60  # the added purchase falls into these days
_NO_ADDED = 240


@dataclass(frozen=True)
class Experiment:
    """A randomised campaign.

    Attributes
    ----------
    name, campaign : str
    on : date
        Day of assignment and sending.
    sampled, treated : float
        Share of eligible customers who take part; share of these who are sent the campaign.
    effect : mapping of str to float
        Added chance to buy, by persona, for customers who have not left.
    """

    name: str
    campaign: str
    on: date
    sampled: float
    treated: float
    effect: dict[str, float]

    @property
    def day(self) -> int:
        """Day of assignment, counted from the first day."""
        return (self.on - START).days


EXPERIMENTS = (
    Experiment("七夕短信提醒2024", "HD2024QX", date(2024, 7, 20), 0.6, 0.5,
               {"gift": 0.14, "bridal": 0.04, "self_reward": 0.02}),
    Experiment("春季老客唤醒券2025", "HD2025CJ", date(2025, 3, 1), 0.8, 0.6,
               {"bargain": 0.16, "self_reward": 0.10, "gift": 0.05, "bridal": 0.02, "passer": 0.01}),
)  # fmt: skip
# campaign: day and channel; those of experiments go to the treated alone
CAMPAIGNS = {
    "HD2021CJ": ("2021-02-01", "短信"), "HD202152": ("2021-05-12", "短信"), "HD2021SY": ("2021-11-01", "企业微信"),
    "HD2022CJ": ("2022-01-18", "短信"), "HD202252": ("2022-05-12", "短信"), "HD2022QX": ("2022-07-26", "APP推送"),
    "HD2022SY": ("2022-11-01", "企业微信"), "HD2023CJ": ("2023-01-08", "短信"), "HD202352": ("2023-05-12", "企业微信"),
    "HD2023QX": ("2023-08-12", "APP推送"), "HD2023SY": ("2023-11-01", "企业微信"), "HD2024CJ": ("2024-01-26", "短信"),
    "HD202452": ("2024-05-12", "企业微信"), "HD2024QX": ("2024-07-20", "短信"), "HD2024SY": ("2024-11-01", "企业微信"),
    "HD2025CJ": ("2025-03-01", "短信"), "HD202552": ("2025-05-12", "企业微信"),
}  # fmt: skip
REACHED = 0.5
REDEEM_DAYS = 45


def write_arms(engine: duckdb.DuckDBPyConnection, draws: Draws) -> None:
    """Make ``arms``: experiment, campaign, person, persona, day, treated, effect (added chance; 0 for those who left)."""
    parts = []
    for experiment in EXPERIMENTS:
        effects = " ".join(f"WHEN '{name}' THEN {value}" for name, value in experiment.effect.items())
        parts.append(f"""
        SELECT '{experiment.name}' AS experiment, '{experiment.campaign}' AS campaign, person, persona, {experiment.day} AS day,
            {draws.unit("person", experiment.name + " arm")} < {experiment.treated} AS treated,
            CASE WHEN left_on <= {experiment.day} THEN 0 ELSE CASE persona {effects} ELSE 0 END END AS effect
        FROM people WHERE in_crm AND joined < {experiment.day} AND {draws.unit("person", experiment.name)} < {experiment.sampled}""")
    engine.execute(f"CREATE TEMP TABLE arms AS {' UNION ALL '.join(parts)}")


def added_chances_sql(draws: Draws) -> str:
    """Write the query of the chances the campaigns add, in the columns of `chances.chances_sql`."""
    whens = " ".join(f"WHEN '{name}' THEN '{occasion}'" for name, occasion in USUAL_OCCASION.items())
    number = f"{_NO_ADDED} + (a.day > {EXPERIMENTS[0].day})::INTEGER"
    return f"""SELECT a.person, {number} AS no,
        a.day + 1 + floor({draws.unit("a.person + a.day", "added day")} * {WORKS_WITHIN_DAYS})::BIGINT AS day,
        a.effect AS chance, CASE a.persona {whens} ELSE 'self' END AS occasion FROM arms AS a WHERE a.treated AND a.effect > 0"""


def write_campaigns(engine: duckdb.DuckDBPyConnection, draws: Draws) -> None:
    """Make ``campaigns``: campaign, person, channel, day, second, opened_after and redeemed_after (hours, null if not).

    A campaign is redeemed if it was opened and a purchase followed within 45 days; more often by the thrifty.
    """
    campaigns = ", ".join(
        f"('{name}', '{channel}', {(date.fromisoformat(day) - START).days}, {at})"
        for at, (name, (day, channel)) in enumerate(CAMPAIGNS.items())
    )
    randomised = ", ".join(f"'{experiment.campaign}'" for experiment in EXPERIMENTS)
    key = "(s.person * 64 + s.spot)"
    engine.execute(f"""
    CREATE TEMP TABLE campaigns AS
    WITH sent AS (
        SELECT c.campaign, c.channel, c.day, c.spot, p.person, p.opens, p.thrift, p.left_on
        FROM (VALUES {campaigns}) AS c(campaign, channel, day, spot) JOIN people AS p ON p.in_crm AND p.joined < c.day
        WHERE CASE WHEN c.campaign IN ({randomised})
            THEN EXISTS (FROM arms AS a WHERE a.campaign = c.campaign AND a.person = p.person AND a.treated)
            ELSE {draws.unit("p.person * 64 + c.spot", "reached")} < {REACHED} END),
    bought_after AS (
        SELECT s.campaign, s.person, min(b.day) AS bought_on FROM sent AS s JOIN bought AS b
            ON b.person = s.person AND b.day > s.day AND b.day <= s.day + {REDEEM_DAYS} AND b.day < {DAYS} GROUP BY ALL)
    SELECT campaign, s.person, channel, day, 36000 + floor({draws.unit(key, "sent")} * 1800)::BIGINT AS second,
        CASE WHEN opened THEN 1 + floor({draws.exponential(key, "open hours")} * 9)::BIGINT END AS opened_after,
        CASE WHEN opened AND bought_on IS NOT NULL AND {draws.unit(key, "redeemed")} < 0.3 + 0.7 * thrift
            THEN (bought_on - day) * 24 + 9 END AS redeemed_after
    FROM (SELECT *, {draws.unit(key.replace("s.", ""), "opened")} < opens * CASE WHEN left_on > day THEN 1 ELSE 0.15 END AS opened FROM sent) AS s
    LEFT JOIN bought_after USING (campaign, person)
    """)
