"""True values of the generated customers: for tests, never for stages. No source of a profile reads these files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.intake.demo.jewellery.campaigns import EXPERIMENTS, OUTCOME_DAYS
from workbench.intake.demo.jewellery.chances import chances_sql
from workbench.intake.demo.jewellery.days import DAYS, START

if TYPE_CHECKING:
    from workbench.intake.demo.jewellery.draws import Draws

__all__ = ["TRUTH", "truth_queries"]

# file: what a row is, and its columns
TRUTH = {
    "people": "one row per real person: person_id, persona, joined_on, left_on (null where later than 2025-06-30), alive (on "
    "2025-07-01), orders_per_year and leaves_per_year (the person's own rates; orders with an occasion come on top), "
    "buy_probability_365d, expected_orders_365d, expected_value_365d (of the year from 2025-07-01 on, given all that is true of "
    "the person; 0 for who has left), orders_365d, value_365d (what that year then brought), engaged_on, wedding_on, couple",
    "households": "one row per real person: person_id, is_married, children (at home), owns_home, owns_car",
    "records": "one row per record of a person: source (crm, pos_members, web_accounts), source_id, person_id",
    "effects": "one row per person in a randomised campaign: experiment, person_id, persona, treated, chance_without (to buy "
    "within 90 days without the campaign), effect (what the campaign adds to it)",
    "occasions": "one row per order before 2025-07-01: order_id, person_id, occasion",
}
_EXACT = "DECIMAL(38, 12)"


def truth_queries(draws: Draws) -> dict[str, str]:
    """Write the query of each file of the truth, by its name (`TRUTH` says what the columns are)."""
    households = "SELECT person::VARCHAR AS person_id, * EXCLUDE (person) FROM households ORDER BY person"
    return {
        "people": _people(draws),
        "households": households,
        "records": _records(),
        "effects": _effects(draws),
        "occasions": _occasions(),
    }


def _people(draws: Draws) -> str:
    """Sum the chances of the year ahead, weighted by survival; an order's value is the mean of similar orders in two years."""
    worth = f"""
    SELECT persona, occasion, purse_fifth, sum(amount) / count(DISTINCT key) AS amount
    FROM lines JOIN people USING (person, persona) WHERE day >= {DAYS - 365} GROUP BY GROUPING SETS ((persona, occasion, purse_fifth), (persona, occasion), ())"""
    ahead = f"""
    SELECT c.person, sum(ln(1 - least(c.p, 0.999999))::{_EXACT}) AS none, sum(c.p::{_EXACT}) AS orders,
        sum((c.p * coalesce(w.amount, v.amount, m.amount))::{_EXACT}) AS worth
    FROM (SELECT c.person, c.occasion, p.persona, p.purse_fifth, c.chance * exp(-p.leave_rate * (c.day - {DAYS}) / 365.25) AS p
        FROM ({chances_sql(draws)}) AS c JOIN people AS p USING (person) WHERE c.day >= {DAYS} AND c.day < {DAYS + 365}) AS c
    LEFT JOIN worth AS w ON w.persona = c.persona AND w.occasion = c.occasion AND w.purse_fifth = c.purse_fifth
    LEFT JOIN worth AS v ON v.persona = c.persona AND v.occasion = c.occasion AND v.purse_fifth IS NULL
    LEFT JOIN worth AS m ON m.persona IS NULL GROUP BY c.person"""
    then = f"""SELECT person, count(DISTINCT key) AS orders, sum(amount) AS worth FROM lines
        WHERE day >= {DAYS} AND day < {DAYS + 365} GROUP BY person"""
    day = f"(DATE '{START}' + p.{{}}::INTEGER)"
    return f"""
    WITH worth AS ({worth}), ahead AS ({ahead}), then_bought AS ({then})
    SELECT p.person::VARCHAR AS person_id, p.persona, {day.format("joined")} AS joined_on,
        CASE WHEN p.left_on < {DAYS} THEN {day.format("left_on")} END AS left_on, p.left_on >= {DAYS} AS alive,
        round(p.rate, 6) AS orders_per_year, round(p.leave_rate, 6) AS leaves_per_year,
        round(coalesce(1 - exp(a.none::DOUBLE), 0), 6) AS buy_probability_365d, round(coalesce(a.orders::DOUBLE, 0), 6) AS expected_orders_365d,
        round(coalesce(a.worth::DOUBLE, 0), 2) AS expected_value_365d, coalesce(t.orders, 0) AS orders_365d,
        coalesce(t.worth, 0)::DOUBLE AS value_365d, {day.format("engaged")} AS engaged_on, {day.format("wedding")} AS wedding_on, p.couple
    FROM people AS p LEFT JOIN ahead AS a USING (person) LEFT JOIN then_bought AS t USING (person) ORDER BY p.person"""


def _records() -> str:
    return """SELECT CASE source WHEN 'pos' THEN 'pos_members' WHEN 'web' THEN 'web_accounts' ELSE source END AS source,
        source_id, person::VARCHAR AS person_id FROM accounts ORDER BY 1, 2"""


def _effects(draws: Draws) -> str:
    """Compute the chance to buy after each assignment, and what the campaign adds."""
    first = min(experiment.day for experiment in EXPERIMENTS)
    without = "exp(coalesce(sum(c.none), 0)::DOUBLE)"
    return f"""
    WITH chances AS (SELECT person, day, ln(1 - least(chance, 0.999999))::{_EXACT} AS none
        FROM ({chances_sql(draws)}) WHERE day > {first})
    SELECT x.experiment, x.person::VARCHAR AS person_id, x.persona, x.treated,
        round(1 - {without}, 6) AS chance_without, round(x.effect * {without}, 6) AS effect
    FROM arms AS x JOIN people AS p USING (person)
    LEFT JOIN chances AS c ON c.person = x.person AND c.day > x.day AND c.day <= x.day + {OUTCOME_DAYS} AND c.day < p.left_on
    GROUP BY x.experiment, x.person, x.persona, x.treated, x.effect ORDER BY 1, x.person"""


def _occasions() -> str:
    return f"SELECT order_id, person::VARCHAR AS person_id, occasion FROM orders WHERE day < {DAYS} ORDER BY order_id"
