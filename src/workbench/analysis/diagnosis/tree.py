"""A readable decision tree: a few questions lead to groups whose outcomes differ.

The tree is honest (Athey and Imbens 2016): one half of the customers is used to choose the questions, the other half to
estimate the outcome of each group.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
MOST_CUSTOMERS = 50_000  # most customers for growing the tree; more would not change the questions
LEAST_SHARE = 0.04  # smallest share of the growing half in a leaf
LEAST_LEAF = 25  # fewest customers of the growing half in a leaf
FOLDS = 5
Z = 1.959963984540054
LEAF = -1


@dataclass(frozen=True)
class Tree:
    """A grown tree.

    Attributes
    ----------
    nodes : DataFrame, `NODE_COLUMNS`
        One row per node, the root first. variable with value (a category) or threshold (a number) is the question that
        leads to the node; branch is ``yes`` or ``no`` for a category, ``low`` (at most the threshold) or ``high``
        for a number, ``known`` or ``unknown`` if the split is on missingness; unknown is true if customers with a
        missing value take this branch too. n, outcome and its 95 % interval (Wilson for shares, normal for amounts)
        are of the estimation half. leaf: whether the node is a leaf; place: the order of
        the leaves from low to high branch, for drawing.
    explained : float
        Share of the outcome's variance explained in the estimation half; below 0 the tree explains nothing.
    n_decided, n_judged : int
        Number of customers in the half that chose the questions, and in the estimation half.
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
    """Grow a tree on one half of the customers and estimate it on the other.

    Parameters
    ----------
    features : DataFrame, one row per customer
    outcome : Outcome
    depth : int
        Most questions on the way to a leaf.
    top_values : int
        Most values of a category used in questions, the most frequent first.
    least : int
        Nodes of fewer customers are suppressed.
    seed : int

    Returns
    -------
    Tree or None
        None with too few customers for two leaves in each half, a constant outcome, or no variable. The tree is pruned
        to the simplest one within one standard error of the best, over five folds of the growing half (Breiman et al.
        1984); this may be the root alone.

    Notes
    -----
    S. Athey, G. Imbens (2016), Recursive partitioning for heterogeneous causal effects, PNAS 113:7353-7360, on
    honesty. The tree describes associations, not causes.
    """
    from sklearn.tree import DecisionTreeRegressor  # noqa: PLC0415  only here

    values = outcome.values
    min_leaf = max(LEAST_LEAF, int(np.ceil(LEAST_SHARE * min(len(values), 2 * MOST_CUSTOMERS) / 2)), least)
    if len(values) < 4 * min_leaf or values.nunique() < 2 or not outcome.variables:  # noqa: PLR2004  leaves, values
        return None
    questions = _questions(features.set_index("customer_id").loc[values.index], outcome, top_values)
    y = values.to_numpy()
    order = np.random.default_rng(seed).permutation(len(y))
    middle = len(y) // 2
    growing, estimating = np.sort(order[:middle][:MOST_CUSTOMERS]), np.sort(order[middle:])
    grid = questions.to_numpy(dtype="float32")
    settings = {"max_depth": depth, "min_samples_leaf": min_leaf, "random_state": seed}
    alpha = _choose_alpha(grid[growing], y[growing], settings)
    fitted = DecisionTreeRegressor(**settings, ccp_alpha=alpha).fit(grid[growing], y[growing])
    rows: list[dict] = []
    has_missing = np.isnan(grid).any(axis=0)
    names = [(*name, bool(is_missing)) for name, is_missing in zip(questions.columns, has_missing, strict=True)]
    _walk(fitted.tree_, 0, {"parent": LEAF, "depth": 0, "branch": ""}, names, rows)
    in_node = fitted.decision_path(grid[estimating]).toarray().astype(bool)
    nodes = _estimate(rows, in_node, y[estimating], kind=outcome.kind, least=least)
    total_error = float(np.sum((y[estimating] - y[estimating].mean()) ** 2))
    residual_error = float(np.sum((y[estimating] - fitted.predict(grid[estimating])) ** 2))
    return Tree(nodes, 1 - residual_error / total_error if total_error > 0 else np.nan, len(growing), len(estimating))


def no_nodes() -> pd.DataFrame:
    """Return an empty table of nodes."""
    return _typed(pd.DataFrame(columns=list(NODE_COLUMNS)))


def _questions(table: pd.DataFrame, outcome: Outcome, top_values: int) -> pd.DataFrame:
    """Return one column per numeric variable, and a 0/1 column per category value; NaN where missing."""
    kinds = variable_kinds(table, categorical=CODED_CATEGORIES)
    columns: dict[tuple[str, str], np.ndarray] = {}
    for name in outcome.variables:
        if kinds[name] == "numeric":
            numbers = table[name].astype("float64").to_numpy(na_value=np.nan)
            columns[name, ""] = np.where(np.isfinite(numbers), numbers, np.nan)
        else:
            texts = as_text(table[name])
            for value in count_values(texts).index[:top_values]:
                columns[name, value] = (texts == value).astype("float64").where(texts.notna()).to_numpy()
    return pd.DataFrame(columns, index=table.index)


def _choose_alpha(grid: np.ndarray, y: np.ndarray, settings: dict) -> float:
    """Choose the pruning penalty: the largest within one standard error of the best, over folds."""
    from sklearn.model_selection import KFold  # noqa: PLC0415
    from sklearn.tree import DecisionTreeRegressor  # noqa: PLC0415

    path = DecisionTreeRegressor(**settings).cost_complexity_pruning_path(grid, y).ccp_alphas
    alphas = np.unique(np.r_[0.0, np.sqrt(np.maximum(path[:-1] * path[1:], 0)), path[-1]])
    losses = np.empty((FOLDS, len(alphas)))
    folds = KFold(FOLDS, shuffle=True, random_state=settings["random_state"]).split(grid)
    for fold, (train, test) in enumerate(folds):
        for position, alpha in enumerate(alphas):
            predicted = (
                DecisionTreeRegressor(**settings, ccp_alpha=alpha).fit(grid[train], y[train]).predict(grid[test])
            )
            losses[fold, position] = np.mean((y[test] - predicted) ** 2)
    mean, error = losses.mean(axis=0), losses.std(axis=0, ddof=1) / np.sqrt(FOLDS)
    best = int(mean.argmin())
    return float(alphas[np.flatnonzero(mean <= mean[best] + error[best]).max()])


def _estimate(rows: list[dict], in_node: np.ndarray, y: np.ndarray, *, kind: str, least: int) -> pd.DataFrame:
    nodes: list[dict[str, Any]] = []
    for row in rows:
        node_outcomes = y[in_node[:, row["node"]]]
        place = sum(node["leaf"] for node in nodes) if row["leaf"] else None
        nodes.append(row | {"place": place} | (_outcome_of(node_outcomes, kind) if len(node_outcomes) >= least else {}))
    return _typed(pd.DataFrame(nodes, columns=list(NODE_COLUMNS)))


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    counts = {name: table[name].astype("Int64") for name in ("node", "parent", "depth", "n", "place")}
    numbers = {name: table[name].astype("float64") for name in ("threshold", "outcome", "low", "high")}
    flags = {name: table[name].astype("boolean").fillna(False).astype(bool) for name in ("unknown", "leaf")}
    texts = {name: table[name].astype("str").where(table[name].notna()) for name in ("variable", "value", "branch")}
    return table.assign(**counts, **numbers, **flags, **texts)


def _walk(tree: Any, node: int, entry: dict, names: list, rows: list[dict]) -> None:
    left, right = int(tree.children_left[node]), int(tree.children_right[node])
    leaf = left == LEAF
    rows.append({"node": node, "leaf": leaf, **entry})
    if leaf:
        return
    variable, value, has_missing = names[tree.feature[node]]
    threshold = float(tree.threshold[node])
    branches = ("no", "yes") if value else ("low", "high") if np.isfinite(threshold) else ("known", "unknown")
    question = {"parent": node, "depth": entry["depth"] + 1, "variable": variable, "value": value or None}
    question["threshold"] = threshold if branches[0] == "low" else np.nan
    left_takes_missing = has_missing and branches[0] != "known" and bool(tree.missing_go_to_left[node])
    right_takes_missing = has_missing and branches[0] != "known" and not left_takes_missing
    for child, branch, unknown in ((left, branches[0], left_takes_missing), (right, branches[1], right_takes_missing)):
        _walk(tree, child, question | {"branch": branch, "unknown": unknown}, names, rows)


def _outcome_of(values: np.ndarray, kind: str) -> dict[str, float]:
    mean = float(values.mean())
    if kind == "share":
        low, high = wilson(int(values.sum()), len(values))
        return {"n": len(values), "outcome": mean, "low": float(low), "high": float(high)}
    half_width = Z * float(values.std(ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return {"n": len(values), "outcome": mean, "low": mean - half_width, "high": mean + half_width}
