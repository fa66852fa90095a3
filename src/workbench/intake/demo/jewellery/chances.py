"""The chances to buy: for each person the days on which a purchase may happen, with its probability and occasion.

Orders are realised chances; the true values sum the chances of the year ahead. Both use the same rows, so the true hazard
of buying is known exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import duckdb

from workbench.intake.demo.jewellery.days import DAYS, DAYS_AHEAD, MONTHS_AHEAD, START
from workbench.intake.features.inputs.calendars import days_of

if TYPE_CHECKING:
    from workbench.intake.demo.jewellery.draws import Draws

__all__ = ["chances_sql", "write_bought"]

# chance that a person buys on the day of registration
FIRST = {"service": 0.45, "passer": 0.97}
FIRST_ELSE = 0.93
SHY_DAYS = 20  # days after registration without a further purchase
FAITH = 0.5  # highest chance that a giver buys for an occasion
GIFT_FESTIVALS = ("520", "qixi", "valentines", "mothers_day")
# occasion of the first purchase, and of ordinary purchases
FIRST_OCCASION = {"bridal": "engagement", "gift": "gift", "self_reward": "self", "investor": "invest",
                  "collector": "collect", "bargain": "bargain"}  # fmt: skip
USUAL_OCCASION = FIRST_OCCASION | {"bridal": "self"}
_NO_FIRST, _NO_GIFT, _NO_TREAT, _NO_PAIR, _NO_GOLD, _NO_YEARS, _NO_BABY = 99, 100, 180, 200, 201, 210, 230


def chances_sql(draws: Draws) -> str:
    """Write the query of all chances: person, no (unique within a person), day, chance (0..1), occasion.

    A chance lies after registration and before the day the person leaves; those from day ``DAYS`` on are the year ahead,
    for those who have not left by then (later leaving is not decided here).
    """
    parts = [_usual(draws), _first(), _gifts(draws), _treats(draws), *_weddings(draws)]
    return f"""SELECT person, no, day, chance, occasion FROM ({" UNION ALL ".join(parts)})
        WHERE day >= 0 AND day < {DAYS_AHEAD} AND left_on > least(day, {DAYS - 1}) AND chance > 0"""


def write_bought(engine: duckdb.DuckDBPyConnection, draws: Draws, extra: str) -> None:
    """Make ``bought``: the realised chances, including the year ahead; ``extra`` is a query of further chances.

    Columns: person, no, day, occasion, key (unique).
    """
    engine.execute(f"""
    CREATE TEMP TABLE bought AS
    SELECT c.person, c.no, c.day, c.occasion, c.person * 1000 + c.no AS key
    FROM ({chances_sql(draws)} UNION ALL {extra}) AS c JOIN people AS p USING (person)
    WHERE {draws.unit("c.person * 1000 + c.no", "bought")} < c.chance AND c.day < p.left_on
    """)


def _by_persona(values: Mapping[str, object], otherwise: str) -> str:
    whens = " ".join(f"WHEN '{name}' THEN {value!r}" for name, value in values.items())
    return f"(CASE p.persona {whens} ELSE {otherwise} END)"


def _usual(draws: Draws) -> str:
    """Write the query of ordinary purchases: one chance a month, by season and gold price."""
    key = "p.person * 1000 + s.month"
    count = "len(s.chosen)"
    gift_or_self = f"(CASE WHEN {draws.unit(key, 'kind')} < 0.5 THEN 'gift' ELSE 'self' END)"
    response = "exp(greatest(-1.2, least(1.2, coalesce(a.gold, 0) * s.change)))"
    return f"""
    SELECT person, no, day, chance, occasion, left_on FROM (
        SELECT p.person, s.month AS no, s.chosen[1 + floor({draws.unit(key, "day")} * {count})::INTEGER] AS day,
            1 - exp(-p.rate / 12 * s.factor * {response}) AS chance, {_by_persona(USUAL_OCCASION, gift_or_self)} AS occasion,
            p.left_on, p.joined
        FROM people AS p JOIN season AS s ON s.persona = p.persona AND s.month < {MONTHS_AHEAD}
            AND s.first_day < greatest(p.left_on, {DAYS_AHEAD} * (p.left_on > {DAYS - 1})::INTEGER)
            AND s.first_day > p.joined - 31
        JOIN persona AS a ON a.name = p.persona)
    WHERE day >= joined + {SHY_DAYS}"""


def _first() -> str:
    return f"""
    SELECT p.person, {_NO_FIRST} AS no, p.joined AS day, {_by_persona(FIRST, str(FIRST_ELSE))} AS chance,
        {_by_persona(FIRST_OCCASION, "(CASE WHEN p.person % 2 = 0 THEN 'gift' ELSE 'self' END)")} AS occasion, p.left_on
    FROM people AS p WHERE p.joined >= 0 AND (p.couple IS NULL OR NOT p.is_female)"""


def _gifts(draws: Draws) -> str:
    """Write the query of gift purchases, on festivals and the recipient's birthday."""
    days = ", ".join(
        f"({(day - START).days}, {at}, {day.year - START.year})"
        for at, festival in enumerate(GIFT_FESTIVALS) for day in days_of(festival)
        if 0 <= (day - START).days < DAYS_AHEAD
    )  # fmt: skip
    number = f"{_NO_GIFT} + f.year * 8 + f.which"
    faith = f"{FAITH} * power({draws.unit('p.person * 8 + f.which', 'faith')}, 2)"
    birthdays = "SELECT p.person, p.gift_day + 365 * y.range AS spot, 7 AS which, y.range AS year FROM range(0, 6) AS y"
    return f"""
    SELECT p.person, {number} AS no, f.spot - 1 - floor({draws.unit(f"p.person * 1000 + {number}", "gift day")} * 10)::BIGINT AS day,
        {faith} AS chance, CASE WHEN f.which = 7 THEN 'birthday' ELSE 'gift' END AS occasion, p.left_on
    FROM people AS p, LATERAL (
        SELECT v.spot, v.which, v.year FROM (VALUES {days}) AS v(spot, which, year)
        UNION ALL {birthdays.replace("p.person, ", "")}) AS f
    WHERE p.persona = 'gift' AND f.spot - 12 >= p.joined + {SHY_DAYS}"""


def _treats(draws: Draws) -> str:
    """Write the query of birthday purchases, by those who buy for themselves."""
    key = f"p.person * 1000 + {_NO_TREAT} + y.range"
    return f"""
    SELECT person, no, day, chance, 'self' AS occasion, left_on FROM (
        SELECT p.person, {_NO_TREAT} + y.range AS no,
            date_diff('day', DATE '{START}', (p.born + to_years((2020 - year(p.born) + y.range)::INTEGER))::DATE)
                - floor({draws.unit(key, "treat")} * 8)::BIGINT AS day,
            0.25 * {draws.unit("p.person", "treats")} AS chance, p.left_on, p.joined
        FROM people AS p, range(0, 7) AS y WHERE p.persona = 'self_reward')
    WHERE day >= joined + {SHY_DAYS}"""


def _weddings(draws: Draws) -> list[str]:
    """Write the journey of a couple: engagement, pair of rings, gold for the wedding, anniversaries, the child's first month.

    Where both are customers, he buys the rings and she the rest.
    """
    u = draws.unit
    his, hers = "(p.couple IS NULL OR NOT p.is_female)::INTEGER", "(p.couple IS NULL OR p.is_female)::INTEGER"
    people = "FROM people AS p"
    bridal = "WHERE p.persona = 'bridal'"
    pair = f"""SELECT p.person, {_NO_PAIR} AS no,
        least(p.engaged + 90 + floor({u("p.person", "pair")} * 275)::BIGINT, p.wedding - 3) AS day,
        0.78 * {his} AS chance, 'wedding_pair' AS occasion, p.left_on {people} {bridal}"""
    gold = f"""SELECT p.person, {_NO_GOLD}, p.wedding - 1 - floor({u("p.person", "gold")} * 25)::BIGINT,
        0.62 * {hers}, 'wedding_gold', p.left_on {people} {bridal}"""
    years = f"""SELECT p.person, {_NO_YEARS} + y.range,
        p.wedding + 365 * y.range - 1 - floor({u(f"p.person * 1000 + {_NO_YEARS} + y.range", "anniversary")} * 10)::BIGINT,
        0.75 * {u("p.person", "anniversaries")} * CASE WHEN p.couple IS NULL OR NOT p.is_female THEN 1 ELSE 0.3 END,
        'anniversary', p.left_on {people}, range(1, 9) AS y {bridal}"""
    baby = f"""SELECT p.person, {_NO_BABY}, p.wedding + 330 + floor({u("p.person", "baby")} * 540)::BIGINT,
        0.38 * {hers}, 'baby', p.left_on {people} {bridal}"""
    return [pair, gold, years, baby]
