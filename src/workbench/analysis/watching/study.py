"""The whole comparison of a run with an earlier one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.analysis.watching.customers import RunTables, compare_customers
from workbench.analysis.watching.definitions import Redefined, compare_definitions, tag_versions
from workbench.analysis.watching.judging import judge
from workbench.analysis.watching.measures.figures import SOURCE, Figure
from workbench.analysis.watching.migration import count_moved, follow_customers, migration_matrix
from workbench.analysis.watching.pairing import Pairing, pair_customers
from workbench.analysis.watching.recorded import recorded_between
from workbench.analysis.watching.sources import Period, compare_profiles, compare_records, watch_prices, watch_tables

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

    import ibis
    import pandas as pd

    from workbench.analysis.watching.comparable import TagRule

__all__ = ["Changes", "RunState", "no_changes", "study_changes"]

_QUALITY = "01_check_quality"
_FEATURES = "features"


@dataclass(frozen=True)
class RunState:
    """What is known of one run.

    Attributes
    ----------
    as_of : date
    customers : RunTables
        Under the ids that customers have today.
    stages : mapping
        status, settings and metrics by stage.
    profile : DataFrame or None
        ``quality_profile``.
    past : mapping of str to int
        Rows before the date of the earlier run, by table.
    definition : mapping
        The segment definition; empty without one.
    form : int
        The form in which its tables were kept.
    """

    as_of: dt.date
    customers: RunTables
    stages: Mapping[str, Any] = field(default_factory=dict)
    profile: pd.DataFrame | None = None
    past: Mapping[str, int] = field(default_factory=dict)
    definition: Mapping[str, Any] = field(default_factory=dict)
    form: int = 1


@dataclass(frozen=True)
class Changes:
    """What changed between two runs.

    Attributes
    ----------
    pairing : Pairing or None
        None on the first run.
    drift : DataFrame
        Result of `judging.judge`.
    redefined : tuple of Redefined
    moves : dict of str to DataFrame
        Result of `migration.follow_customers`.
    migration : DataFrame
    days : int
        Between the two runs.
    seasonal : bool
        Whether the run of the same season a year ago was compared too.
    """

    pairing: Pairing | None
    drift: pd.DataFrame
    redefined: tuple[Redefined, ...]
    moves: dict[str, pd.DataFrame]
    migration: pd.DataFrame
    days: int
    seasonal: bool = False

    @property
    def same(self) -> int:
        """Customers of both runs."""
        return self.pairing.same if self.pairing else 0

    @property
    def moved(self) -> int | None:
        """Customers of both runs whose segment changed; None on a first run, or without segments."""
        return count_moved(self.moves)


def no_changes() -> Changes:
    """Return the result of a first run: nothing to compare with."""
    return Changes(None, judge([]), (), {}, migration_matrix({}), 0)


def study_changes(
    old: RunState,
    new: RunState,
    tables: Mapping[str, ibis.Table],
    *,
    alpha: float = 0.01,
    least_change_points: float = 2.0,
    least: int = 10,
    window_days: int = 365,
    withdrawn: Sequence[str] = (),
    usual: Mapping[tuple[str, str], float] | None = None,
    season: RunTables | None = None,
    tag_rules: Mapping[str, TagRule] | None = None,
) -> Changes:
    """Compare a run with an earlier one.

    Parameters
    ----------
    old, new : RunState
    tables : mapping of str to ibis.Table
        Canonical tables of this run.
    alpha, least_change_points : float
        As in `judging.judge`.
    least : int
        Fewest customers of a group that is shown.
    window_days : int
        As in `customers.compare_customers`.
    withdrawn : sequence of str
        Customers who withdrew or were erased.
    usual : mapping, optional
        As in `judging.judge`.
    season : RunTables, optional
        The run a year ago.
    tag_rules : mapping of str to TagRule, optional
        What each tag rests on.
    """
    pairing = pair_customers(old.customers.customers, new.customers.customers, withdrawn=set(withdrawn))
    redefined = compare_definitions(
        old.stages, new.stages, features=_columns(old, new), segments=(old.definition, new.definition),
        tags=_versions(old, new), forms=(old.form, new.form),
    )  # fmt: skip
    changed = {name for one in redefined for name in one.changes}
    settings: dict[str, Any] = {
        "alpha": alpha, "least": least, "window_days": window_days, "changed": changed, "tag_rules": tag_rules,
    }  # fmt: skip
    figures: list[Figure] = []
    if "features" not in changed:
        recorded = recorded_between(tables, old.as_of, new.as_of)
        figures += compare_customers(old.customers, new.customers, pairing, recorded=recorded, **settings)
    figures += _base(pairing, least_change_points)
    figures += _sources(old, new, tables, least_change_points, least)
    then = {}
    if season is not None:
        pairs = pair_customers(season.customers, new.customers.customers)
        seasonal = compare_customers(season, new.customers, pairs, **settings)
        then = {(one.subject, one.name): one.old for one in seasonal if one.population == "all"}
    drift = judge(figures, alpha=alpha, least_change_points=least_change_points, usual=usual, season=then)
    moves = follow_customers(old.customers, new.customers, pairing, spend=_spend(old, new))
    return Changes(
        pairing,
        drift,
        tuple(redefined),
        moves,
        migration_matrix(moves, least=least),
        (new.as_of - old.as_of).days,
        season is not None,
    )


def _columns(old: RunState, new: RunState) -> tuple[Sequence[str], Sequence[str]]:
    sides = (old.customers.features, new.customers.features)
    return tuple(() if side is None else side.names for side in sides)  # type: ignore[return-value]


def _versions(old: RunState, new: RunState) -> tuple[Mapping[str, int], Mapping[str, int]]:
    sides = (run.customers.tables.get("tags") for run in (old, new))
    return tuple({} if side is None else tag_versions(side) for side in sides)  # type: ignore[return-value]


def _base(pairing: Pairing, floor: float) -> list[Figure]:
    """Report that there are fewer customers, or none of the earlier run: customers do not vanish by themselves."""
    gone, fewer = len(pairing.left), 100 * (1 - pairing.n_new / pairing.n_old) if pairing.n_old else 0.0
    if not pairing.n_old or (pairing.same and fewer < floor):
        return []
    what = "replaced" if not pairing.same else "customers_gone"
    change = -100 * gone / pairing.n_old
    return [
        Figure("customers", "customers", SOURCE, "all", pairing.n_old, pairing.n_new, change, what=what,
               family="customers", certain=True)
    ]  # fmt: skip


def _sources(old: RunState, new: RunState, tables: Mapping[str, ibis.Table], floor: float, least: int) -> list[Figure]:
    metrics = [(run.stages.get(_QUALITY) or {}).get("metrics") or {} for run in (old, new)]
    figures = compare_records(metrics[0], metrics[1], (old.past, new.past), floor=floor)
    figures += compare_profiles(old.profile, new.profile, floor=floor)
    if new.as_of > old.as_of:
        period = Period(old.as_of, new.as_of)
        figures += watch_tables(tables, period, least=least) + watch_prices(tables, period)
    return figures


def _spend(old: RunState, new: RunState) -> tuple[pd.Series, pd.Series] | None:
    """Return the spend of every customer over the longest window that both runs have, else over the whole history."""
    sides = (old.customers.features, new.customers.features)
    if any(side is None for side in sides):
        return None
    shared = [name for name in sides[0].names if name in sides[1].names]  # type: ignore[union-attr]
    windows = [name for name in shared if name.startswith("spend_") and name[6:-1].isdigit()]
    name = max(windows, key=lambda column: int(column[6:-1]), default="monetary_total")
    if name not in shared:
        return None
    return tuple(side.column(name).fillna(0.0).astype(np.float64) for side in sides)  # type: ignore[union-attr]
