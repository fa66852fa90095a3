"""A decision tree that people can read: at most three questions lead to groups whose outcomes differ.

It is honest: one half of the customers decides the questions, the other half says what the outcome of each group is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.analysis.description.variables import CODED_CATEGORIES, as_text, count_values, variable_kinds
from workbench.analysis.intervals import SMALL_CELL, wilson

if TYPE_CHECKING:
    from workbench.analysis.diagnosis.outcome import Outcome

__all__ = ["NODE_COLUMNS", "Tree", "grow_tree", "no_nodes"]

NODE_COLUMNS = (
    "node", "parent", "depth", "variable", "value", "threshold", "branch", "unknown", "n", "outcome", "low", "high",
    "leaf", "place",
)  # fmt: skip
MOST_CUSTOMERS = 50_000  # a half of this many decides; more change no question a person could read
LEAST_SHARE = 0.04  # of the deciding half, in a leaf
LEAST_LEAF = 25  # customers of the deciding half, in a leaf
FOLDS = 5
Z = 1.959963984540054
LEAF = -1


@dataclass(frozen=True)
class Tree:
    """A grown tree.

    Attributes
    ----------
    nodes : DataFrame, `NODE_COLUMNS`
        One row per node, the root first: the question that leads into it is variable with value (a category) or
        threshold (a number); branch is ``yes`` or ``no`` for a category, ``low`` (at most the threshold) or ``high``
        for a number, ``known`` or ``unknown`` where that alone is asked; unknown says whether customers for whom it is
        unknown went this way too. n, outcome and its 95 % interval (Wilson for shares, normal for amounts) are of the
        half that did not decide. leaf; place, the order of leaves from low to high branch, by which a drawing stacks
        them.
    explained : float
        Share of the outcome's variance explained among the half that did not decide; below 0 it explains nothing.
    n_decided, n_judged : int
    """

    nodes: pd.DataFrame
    explained: float
    n_decided: int
    n_judged: int

    @property
    def leaves(self) -> pd.DataFrame:
        """The leaves from the lowest outcome to the highest."""
        return self.nodes[self.nodes["leaf"]].sort_values(["outcome", "place"], ignore_index=True)


def grow_tree(
    features: pd.DataFrame,
    outcome: Outcome,
    *,
    depth: int = 3,
    top_values: int = 12,
    least: int = SMALL_CELL,
    seed: int,
) -> Tree | None:
    """Grow a tree on one half of the customers and judge it on the other.

    Parameters
    ----------
    features : DataFrame, one row per customer
    outcome : Outcome
    depth : int
        Questions on the way to a leaf at most.
    top_values : int
        Values of a category that are asked about, the most frequent.
    least : int
        Nodes of fewer customers are suppressed.
    seed : int

    Returns
    -------
    Tree or None
        None with too few customers for two leaves in each half, a constant outcome, or no variable. How far the tree
        is pruned is the simplest choice within one standard error of the best, over five folds of the deciding half
        (Breiman et al. 1984); it may be the root alone.

    Notes
    -----
    S. Athey, G. Imbens (2016), Recursive partitioning for heterogeneous causal effects, PNAS 113:7353-7360, on
    honesty. The tree describes; it proves no cause.
    """
    from sklearn.tree import DecisionTreeRegressor  # noqa: PLC0415  only here

    known = outcome.values
    fewest = max(LEAST_LEAF, int(np.ceil(LEAST_SHARE * min(len(known), 2 * MOST_CUSTOMERS) / 2)), least)
    if len(known) < 4 * fewest or known.nunique() < 2 or not outcome.variables:  # noqa: PLR2004  leaves, values
        return None
    questions = _questions(features.set_index("customer_id").loc[known.index], outcome, top_values)
    y = known.to_numpy()
    order = np.random.default_rng(seed).permutation(len(y))
    half = len(y) // 2
    decide, judge = np.sort(order[:half][:MOST_CUSTOMERS]), np.sort(order[half:])
    grid = questions.to_numpy(dtype="float32")
    settings = {"max_depth": depth, "min_samples_leaf": fewest, "random_state": seed}
    alpha = _choose_alpha(grid[decide], y[decide], settings)
    fitted = DecisionTreeRegressor(**settings, ccp_alpha=alpha).fit(grid[decide], y[decide])
    rows: list[dict] = []
    gaps = np.isnan(grid).any(axis=0)
    names = [(*name, bool(gap)) for name, gap in zip(questions.columns, gaps, strict=True)]
    _walk(fitted.tree_, 0, {"parent": LEAF, "depth": 0, "branch": ""}, names, rows)
    inside = fitted.decision_path(grid[judge]).toarray().astype(bool)
    nodes = _judge(rows, inside, y[judge], kind=outcome.kind, least=least)
    spread = float(np.sum((y[judge] - y[judge].mean()) ** 2))
    missed = float(np.sum((y[judge] - fitted.predict(grid[judge])) ** 2))
    return Tree(nodes, 1 - missed / spread if spread > 0 else np.nan, len(decide), len(judge))


def no_nodes() -> pd.DataFrame:
    """Return the table of nodes without rows."""
    return _typed(pd.DataFrame(columns=list(NODE_COLUMNS)))


def _questions(table: pd.DataFrame, outcome: Outcome, top_values: int) -> pd.DataFrame:
    """Return one column per question: a number itself, or 1 and 0 for a value of a category; unknown is missing."""
    kinds = variable_kinds(table, categorical=CODED_CATEGORIES)
    columns: dict[tuple[str, str], np.ndarray] = {}
    for name in outcome.variables:
        if kinds[name] == "numeric":
            numbers = table[name].astype("float64").to_numpy(na_value=np.nan)
            columns[name, ""] = np.where(np.isfinite(numbers), numbers, np.nan)
        else:
            named = as_text(table[name])
            for value in count_values(named).index[:top_values]:
                columns[name, value] = (named == value).astype("float64").where(named.notna()).to_numpy()
    return pd.DataFrame(columns, index=table.index)


def _choose_alpha(grid: np.ndarray, y: np.ndarray, settings: dict) -> float:
    """Choose how far to prune: the largest penalty within one standard error of the best, over folds."""
    from sklearn.model_selection import KFold  # noqa: PLC0415
    from sklearn.tree import DecisionTreeRegressor  # noqa: PLC0415

    path = DecisionTreeRegressor(**settings).cost_complexity_pruning_path(grid, y).ccp_alphas
    alphas = np.unique(np.r_[0.0, np.sqrt(np.maximum(path[:-1] * path[1:], 0)), path[-1]])
    losses = np.empty((FOLDS, len(alphas)))
    folds = KFold(FOLDS, shuffle=True, random_state=settings["random_state"]).split(grid)
    for fold, (train, test) in enumerate(folds):
        for at, alpha in enumerate(alphas):
            guess = DecisionTreeRegressor(**settings, ccp_alpha=alpha).fit(grid[train], y[train]).predict(grid[test])
            losses[fold, at] = np.mean((y[test] - guess) ** 2)
    mean, error = losses.mean(axis=0), losses.std(axis=0, ddof=1) / np.sqrt(FOLDS)
    best = int(mean.argmin())
    return float(alphas[np.flatnonzero(mean <= mean[best] + error[best]).max()])


def _judge(rows: list[dict], inside: np.ndarray, y: np.ndarray, *, kind: str, least: int) -> pd.DataFrame:
    told = []
    for row in rows:
        mine = y[inside[:, row["node"]]]
        place = sum(each["leaf"] for each in told) if row["leaf"] else None
        told.append(row | {"place": place} | (_outcome_of(mine, kind) if len(mine) >= least else {}))
    return _typed(pd.DataFrame(told, columns=list(NODE_COLUMNS)))


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    counts = {name: table[name].astype("Int64") for name in ("node", "parent", "depth", "n", "place")}
    numbers = {name: table[name].astype("float64") for name in ("threshold", "outcome", "low", "high")}
    flags = {name: table[name].astype("boolean").fillna(False).astype(bool) for name in ("unknown", "leaf")}
    texts = {name: table[name].astype("str").where(table[name].notna()) for name in ("variable", "value", "branch")}
    return table.assign(**counts, **numbers, **flags, **texts)


def _walk(tree, node: int, led_here: dict, names: list, rows: list[dict]) -> None:
    left, right = int(tree.children_left[node]), int(tree.children_right[node])
    leaf = left == LEAF
    rows.append({"node": node, "leaf": leaf, **led_here})
    if leaf:
        return
    variable, value, gap = names[tree.feature[node]]
    threshold = float(tree.threshold[node])
    ends = ("no", "yes") if value else ("low", "high") if np.isfinite(threshold) else ("known", "unknown")
    question = {"parent": node, "depth": led_here["depth"] + 1, "variable": variable, "value": value or None}
    question["threshold"] = threshold if ends[0] == "low" else np.nan
    left_too = gap and ends[0] != "known" and bool(tree.missing_go_to_left[node])
    right_too = gap and ends[0] != "known" and not left_too
    for child, branch, unknown in ((left, ends[0], left_too), (right, ends[1], right_too)):
        _walk(tree, child, question | {"branch": branch, "unknown": unknown}, names, rows)


def _outcome_of(values: np.ndarray, kind: str) -> dict[str, float]:
    mean = float(values.mean())
    if kind == "share":
        low, high = wilson(int(values.sum()), len(values))
        return {"n": len(values), "outcome": mean, "low": float(low), "high": float(high)}
    half = Z * float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return {"n": len(values), "outcome": mean, "low": mean - half, "high": mean + half}
