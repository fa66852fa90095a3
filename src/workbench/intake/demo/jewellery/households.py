"""The household of each person: marriage, children at home, housing, car."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from workbench.intake.demo.jewellery.days import DAYS

if TYPE_CHECKING:
    from workbench.intake.demo.jewellery.draws import Draws

__all__ = ["write_households"]

_AGE = "date_diff('year', born, DATE '2025-07-01')"
_ONE_CHILD, _TWO_CHILDREN = 0.62, 0.95  # of parents: at most one child, at most two


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
