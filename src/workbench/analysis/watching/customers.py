"""The customers of two runs compared: features, scores, segments, tags, recommendations."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.analysis.watching.comparable import TagRule, tag_quiet_in, watched_features
from workbench.analysis.watching.measures.figures import EMPTY, Figure, watch_levels, watch_numbers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from workbench.analysis.watching.measures.columns import Columns
    from workbench.analysis.watching.pairing import Pairing

__all__ = ["PLACED_AS_BEFORE", "TIERS", "WITHOUT", "RunTables", "compare_customers", "value_tiers"]

PLACED_AS_BEFORE = "placed_as_before"  # this run's customers in the segments of the earlier definition

WITH, WITHOUT = "with", "without"  # a score, a tag, a recommendation
TIERS = ("low", "middle", "high")
Sides = tuple[pd.Series, ...]
_ACTIVE = "recency_days"
_LEVELS = {"rfm": ("rfm_type", "life_cycle_stage"), "segments": ("segment",)}
_SCORES = {"churn": ("churn_probability",), "value": ("expected_value",)}


@dataclass(frozen=True)
class RunTables:
    """The tables of one run, with the ids that customers have today.

    Attributes
    ----------
    customers : Series of str
        The customers of the run, in the order of the rows of ``features``.
    features : Columns or None
    tables : mapping of str to DataFrame
        rfm, segments, churn, value, tags, recommendations; those that the run has.
    """

    customers: pd.Series
    features: Columns | None = None
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def column(self, table: str, column: str) -> pd.Series:
        """Return a column of a table by customer, missing where the table lacks the customer."""
        return _by_customer(self.tables[table].set_index("customer_id")[column], self)


def compare_customers(
    old: RunTables,
    new: RunTables,
    pairing: Pairing,
    *,
    alpha: float = 0.01,
    least: int = 10,
    window_days: int = 365,
    changed: Collection[str] = (),
    recorded: Mapping[str, pd.Series] | None = None,
    tag_rules: Mapping[str, TagRule] | None = None,
) -> list[Figure]:
    """Compare the customers of two runs.

    Parameters
    ----------
    old, new : RunTables
    pairing : Pairing
        Of their customers.
    alpha : float
        For the null bands.
    least : int
        Fewest customers of a level that is named.
    window_days : int
        Features of windows are compared over customers who ordered within these days, and those without any order: a
        base that only grows would else look as if it fell asleep.
    changed : collection of str
        Tables and ``tags.<tag>`` whose definition changed: their figures say nothing about customers.
    recorded : mapping of str to Series of str, optional
        Customers with a row between the two dates, by table: features of the whole history are compared on the others.
    tag_rules : mapping of str to TagRule, optional
        What each tag rests on.

    Returns
    -------
    list of Figure
    """
    runs = _TwoRuns(old, new, pairing, alpha, least, recorded or {})
    figures = [*_features(runs, window_days)]
    for table, columns in _LEVELS.items():
        if table not in changed and runs.both_have(table):
            placed = PLACED_AS_BEFORE if table == "segments" and PLACED_AS_BEFORE in new.tables else table
            for column in columns:
                figures += runs.levels(table, column, (old.column(table, column), new.column(placed, column)))
    for table, columns in _SCORES.items():
        if table not in changed and runs.both_have(table):
            for column in columns:
                sides = tuple(run.column(table, column).astype("float64") for run in (old, new))
                scored = _known(*sides)
                figures += runs.numbers(table, column, sides, within=scored, family=column, by_mean=True)
    if "value" not in changed and runs.both_have("value"):
        tiers = value_tiers(old, new)
        figures += runs.levels("value", "value_tier", tiers, within=_known(*tiers), family="expected_value")
    return [*figures, *_tags(runs, changed, tag_rules or {}), *_recommended(runs), *_coverage(runs)]


def value_tiers(old: RunTables, new: RunTables) -> tuple[pd.Series, pd.Series]:
    """Return the value tier of every customer in both runs: thirds of the expected value of the earlier run."""
    then, now = (run.column("value", "expected_value").astype("float64") for run in (old, new))
    cuts = np.quantile(then.dropna(), [1 / 3, 2 / 3]) if then.notna().any() else np.zeros(2)
    return _tier(then, cuts), _tier(now, cuts)


def _tier(values: pd.Series, cuts: np.ndarray) -> pd.Series:
    named = pd.Series(np.array(TIERS, dtype=object)[np.searchsorted(cuts, values.fillna(0.0), side="right")])
    return named.where(values.notna().to_numpy(), None)


@dataclass(frozen=True)
class _TwoRuns:
    """Two runs, and how their columns are compared."""

    old: RunTables
    new: RunTables
    pairing: Pairing
    alpha: float
    least: int
    recorded: Mapping[str, pd.Series] = field(default_factory=dict)
    _quiet: dict[frozenset[str], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def quiet(self, tables: frozenset[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return which customers of either run are in both and have no row between the two dates in some tables."""
        if tables not in self._quiet:
            ids = self.new.customers.iloc[self.pairing.new]
            quiet = np.ones(len(ids), dtype=bool)
            for table in tables & set(self.recorded):
                quiet &= ~ids.isin(self.recorded[table]).to_numpy()
            sides = []
            for run, positions in ((self.old, self.pairing.old), (self.new, self.pairing.new)):
                inside = np.zeros(len(run.customers), dtype=bool)
                inside[positions[quiet]] = True
                sides.append(inside)
            self._quiet[tables] = (sides[0], sides[1])
        return self._quiet[tables]

    def both_have(self, table: str) -> bool:
        return table in self.old.tables and table in self.new.tables

    def levels(self, subject: str, name: str, sides: Sides, **options: Any) -> list[Figure]:
        old, new = sides
        return watch_levels(subject, name, old, new, self.pairing, alpha=self.alpha, least=self.least, **options)

    def numbers(self, subject: str, name: str, sides: Sides, **options: Any) -> list[Figure]:
        old, new = (side.to_numpy(dtype=float) for side in sides)
        return watch_numbers(subject, name, old, new, self.pairing, alpha=self.alpha, **options)


def _features(runs: _TwoRuns, window_days: int) -> Iterator[Figure]:
    then, now = runs.old.features, runs.new.features
    if then is None or now is None:
        return
    shared = [name for name in now.names if name in then.names]
    dated = [name for name in shared if "date" in (then.kinds[name], now.kinds[name])]
    active = _active(then, now, window_days)
    watched = watched_features(shared, dated=dated)
    order = [one.name for one in watched]
    for at, one in enumerate(watched):
        numeric = then.kinds[one.name] == now.kinds[one.name] == "number"
        sides = tuple(side.column(one.name, following=order[at:]) for side in (then, now))
        within = runs.quiet(one.quiet_in) if one.quiet_in else active
        compare = runs.numbers if numeric else runs.levels
        yield from compare("features", one.name, sides, within=within, family=one.family)


def _active(then: Columns, now: Columns, window_days: int) -> tuple[np.ndarray, np.ndarray] | None:
    if not then.kinds.get(_ACTIVE) == now.kinds.get(_ACTIVE) == "number":
        return None
    days = [side.column(_ACTIVE).to_numpy(dtype=float) for side in (then, now)]
    return ~(days[0] > window_days), ~(days[1] > window_days)


def _known(then: pd.Series, now: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    return then.notna().to_numpy(), now.notna().to_numpy()


def _tags(runs: _TwoRuns, changed: Collection[str], rules: Mapping[str, TagRule]) -> list[Figure]:
    if not runs.both_have("tags"):
        return []
    sides = [run.tables["tags"].drop_duplicates(["customer_id", "tag"]) for run in (runs.old, runs.new)]
    names = set(sides[0]["tag"].unique()) & set(sides[1]["tag"].unique())
    by_tag = [dict(list(side.groupby("tag", observed=True))) for side in sides]
    columns = runs.new.features.names if runs.new.features is not None else ()
    figures = []
    for tag in sorted(name for name in names if f"tags.{name}" not in changed):
        tables = tag_quiet_in(rules.get(str(tag)), columns)
        if tables is None:
            continue
        values = tuple(
            _by_customer(part[tag].set_index("customer_id")["value"], run)
            for part, run in zip(by_tag, (runs.old, runs.new), strict=True)
        )
        rows = runs.levels("tags", str(tag), values, family="tags", within=runs.quiet(tables) if tables else None)
        figures += [replace(figure, one_sided=figure.what == EMPTY) for figure in rows]
    return figures


def _recommended(runs: _TwoRuns) -> list[Figure]:
    """Compare what stands first on the lists of customers."""
    if not runs.both_have("recommendations"):
        return []
    figures = []
    tables = [run.tables["recommendations"] for run in (runs.old, runs.new)]
    first = [table[(table["rank"] == 1) & (table["list"] != "neutral")] for table in tables]
    for name in sorted(set(first[0]["list"]) & set(first[1]["list"])):
        sides = []
        for rows, run in zip(first, (runs.old, runs.new), strict=True):
            listed = rows[rows["list"] == name].drop_duplicates("customer_id").set_index("customer_id")
            sides.append(
                _by_customer(listed["product_id"].where(listed["product_id"].notna(), listed["category"]), run)
            )
        figures += runs.levels("recommendations", str(name), tuple(sides), within=_known(*sides), family="first")
    return figures


def _coverage(runs: _TwoRuns) -> list[Figure]:
    """Compare how many customers have no score, segment, tag or recommendation."""
    figures = []
    for table in ("churn", "value", "segments", "tags", "recommendations"):
        if runs.both_have(table):
            sides = tuple(
                pd.Series(np.where(run.customers.isin(run.tables[table]["customer_id"]), WITH, WITHOUT))
                for run in (runs.old, runs.new)
            )
            rows = runs.levels("coverage", table, sides, family=table, levels=(WITHOUT, WITH))
            figures += [replace(figure, one_sided=True) for figure in rows]
    return figures


def _by_customer(values: pd.Series, run: RunTables) -> pd.Series:
    return values.reindex(run.customers).reset_index(drop=True)
