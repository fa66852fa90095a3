"""The real persons behind the records: persona, arrival and leaving, purse, home, couple, household."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from workbench.intake.demo.jewellery.days import DAYS
from workbench.intake.demo.jewellery.places import CITIES

if TYPE_CHECKING:
    from workbench.intake.demo.jewellery.draws import Draws

__all__ = ["write_households", "write_people"]

COUPLES = 0.05  # share of pairs of neighbouring numbers that are engaged to each other
JOINED_BEFORE, DAYS_BEFORE = 0.30, 900  # share who registered before the first day, and how long before
SPREAD_OF_RATES = 0.5  # of the logarithm, over people of one persona
IN_CRM = 0.95
_AGE = "date_diff('year', born, DATE '2025-07-01')"
_ONE_CHILD, _TWO_CHILDREN = 0.62, 0.95  # of parents: at most one child, at most two


def write_people(engine: duckdb.DuckDBPyConnection, draws: Draws, count: int) -> None:
    """Make the table ``people``, one row per real person.

    Columns: person (from 1), persona, couple (number, null where alone), is_female, joined (day, below 0 before the first),
    left_on (day of leaving for good, may lie in the future), rate (orders a year), leave_rate (a year), purse (normal
    score), purse_fifth (1..5), online, thrift (0..1), born, city, province, tier, shops, city_no, engaged and wedding
    (days, null but for bridal couples), gift_day (day of the year of the recipient's birthday), in_crm, has_web, and
    the persona's sessions, cases, reviews, answers, opens.
    """
    weights = "CASE " + " ".join(_persona_branches(engine)) + " END"
    u, normal = draws.unit, draws.normal
    first = f"""
    SELECT person, CASE WHEN is_couple THEN (person + 1) // 2 END AS couple,
        CASE WHEN is_couple THEN 'bridal' ELSE {weights.replace("@", u("person", "persona"))} END AS persona
    FROM (SELECT range AS person, {u("(range + 1) // 2", "couple")} < {COUPLES} AND (range + 1) // 2 * 2 <= {count}
        AS is_couple FROM range(1, {count + 1}))
    """
    home = "coalesce(couple + 1000000000, person)"  # couples live together and come together
    joined = f"""(CASE WHEN {u(home, "before")} < {JOINED_BEFORE} THEN -1 - floor({u(home, "joined")} * {DAYS_BEFORE})
        ELSE floor(power({u(home, "joined")}, 0.85) * {DAYS - 10}) END)::BIGINT"""
    drawn = f"""
    SELECT f.*, {joined} AS joined,
        CASE WHEN couple IS NOT NULL THEN person % 2 = 0 ELSE {u("person", "female")} < p.female END AS is_female,
        p.orders_per_year * exp({SPREAD_OF_RATES} * {normal("person", "rate")} - {SPREAD_OF_RATES**2 / 2}) AS rate,
        p.leaves_per_year * exp({SPREAD_OF_RATES} * {normal("person", "leave")} - {SPREAD_OF_RATES**2 / 2}) AS leave_rate,
        c.purse + p.purse + 0.8 * {normal("person", "purse")} AS purse,
        greatest(0.01, least(0.99, p.online + 0.22 * {normal("person", "online")})) AS online,
        greatest(0.01, least(0.95, p.thrift + 0.12 * {normal("person", "thrift")})) AS thrift,
        DATE '2025-07-01' - (365.25 * greatest(18.5, least(85, p.age + p.age_spread * {normal("person", "age")}))
            )::INTEGER AS born,
        c.city, c.province, c.tier, c.shops, c.city_no,
        120 + floor({u(home, "wedding")} * 300)::BIGINT AS engagement,
        floor({u("person", "gift day")} * 365)::BIGINT AS gift_day,
        {u("person", "crm")} < {IN_CRM} AS in_crm, {u("person", "web")} AS webby,
        p.sessions_per_month * exp(0.6 * {normal("person", "sessions")} - 0.18) AS sessions,
        p.cases_per_year AS cases, p.reviews, p.answers, p.opens
    FROM ({first}) AS f JOIN persona AS p ON p.name = f.persona
    JOIN cities AS c ON c.place = floor({u(home, "city")} * {sum(weight for _, _, weight in CITIES.values())})::BIGINT
    """
    engine.execute(f"""
    CREATE TEMP TABLE people AS SELECT * EXCLUDE (engagement, webby),
        greatest(joined, 0) + 1 + floor(365.25 / leave_rate * {draws.exponential("person", "lifetime")})::BIGINT AS left_on,
        greatest(1, least(5, 3 + round(1.1 * (purse - 0.05))))::INTEGER AS purse_fifth,
        CASE WHEN persona = 'bridal' THEN joined END AS engaged,
        CASE WHEN persona = 'bridal' THEN joined + engagement END AS wedding,
        webby < least(0.97, 0.25 + 0.85 * online) AS has_web
    FROM ({drawn})
    """)


def _persona_branches(engine: duckdb.DuckDBPyConnection) -> list[str]:
    """Write the choice of a persona by the shares; @ stands for the draw."""
    rows = engine.execute("SELECT name, sum(share) OVER (ORDER BY rowid) FROM persona ORDER BY rowid").fetchall()
    branches = [f"WHEN @ < {upper:.6f} THEN '{name}'" for name, upper in rows[:-1]]
    return [*branches, f"ELSE '{rows[-1][0]}'"]


def write_households(engine: duckdb.DuckDBPyConnection, draws: Draws) -> None:
    """Make the table ``households``, one row per person of ``people``.

    Columns: person, is_married, children (at home, 0..3), owns_home, owns_car. Children come between 26 and 38 and
    leave home between 48 and 63; homes and cars follow age and purse.
    """
    u = draws.unit
    engine.execute(f"""
    CREATE TEMP TABLE households AS SELECT person, is_married,
        CASE WHEN {u("person", "parent")} >= CASE WHEN is_married THEN 0.92 ELSE 0.04 END * {_ramp(26, 38)} * (1 - 0.85 * {_ramp(48, 63)}) THEN 0
            WHEN {u("person", "children")} < {_ONE_CHILD} THEN 1 WHEN {u("person", "children")} < {_TWO_CHILDREN} THEN 2 ELSE 3 END AS children,
        {u("person", "home")} < least(0.95, 0.2 + 0.5 * {_ramp(24, 42)} + 0.1 * greatest(purse, 0) + CASE WHEN is_married THEN 0.15 ELSE 0 END) AS owns_home,
        {u("person", "car")} < least(0.9, 0.15 + 0.35 * {_ramp(22, 38)} + 0.12 * greatest(purse, 0) + CASE WHEN is_married THEN 0.1 ELSE 0 END) AS owns_car
    FROM (SELECT person, purse, {_AGE} AS age, {_married(draws)} AS is_married FROM people)
    """)


def _married(draws: Draws) -> str:
    return f"""CASE WHEN wedding <= {DAYS} THEN TRUE WHEN persona = 'bridal' THEN FALSE
        ELSE {draws.unit("person", "married")} < least(0.9, greatest(0.05, ({_AGE} - 22) / 18.0)) END"""


def _ramp(low: int, high: int) -> str:
    """Rise from 0 at the age ``low`` to 1 at ``high``."""
    return f"least(1, greatest(0, (age - {low}) / {high - low}.0))"
