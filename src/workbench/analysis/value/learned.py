"""A learner of regressions for bases that the models of orders do not fit: boosted trees, held as plain numbers.

It learns in the past (predictors at an earlier date, spend in the period after it) and is asked about a later period.
Its trees are lists of numbers, so that a definition can hold them as JSON; nothing of it is executed when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.value.baselines import predictors

__all__ = ["Learned", "learn_spend"]

_LEAST_ROWS, _MOST_ROWS = 200, 20_000  # customers to learn from
_TREES, _RATE, _DEPTH, _LEAST_LEAF = 120, 0.05, 3, 20
_GROUPS = 10  # of like prediction, whose outcomes give the interval


@dataclass(frozen=True)
class Learned:
    """Boosted trees as numbers.

    Attributes
    ----------
    base : float
        What is predicted before any tree.
    trees : tuple of mapping
        feature (number of the predictor, -2 in a leaf), threshold, left, right (nodes), value (times the rate).
    """

    base: float
    trees: tuple[Mapping[str, list], ...]

    def predict(self, history: pd.DataFrame) -> np.ndarray:
        """Predict the net spend of each customer of a history; never below 0."""
        table = predictors(history).to_numpy(dtype=np.float32)
        found, rows = np.full(len(table), self.base), np.arange(len(table))
        for tree in self.trees:
            feature, threshold = np.array(tree["feature"]), np.array(tree["threshold"])
            left, right = np.array(tree["left"]), np.array(tree["right"])
            at = np.zeros(len(table), dtype=int)
            for _ in range(_DEPTH):
                inner = feature[at] >= 0
                goes_left = table[rows, np.maximum(feature[at], 0)] <= threshold[at]
                at = np.where(inner, np.where(goes_left, left[at], right[at]), at)
            found += np.array(tree["value"])[at]
        return np.maximum(found, 0.0)

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {"base": self.base, "trees": [dict(tree) for tree in self.trees]}

    @classmethod
    def from_dict(cls, held: Mapping[str, Any]) -> Learned:
        """Read what `as_dict` gave."""
        return cls(float(held["base"]), tuple(held["trees"]))


def learn_spend(earlier: pd.DataFrame, spend: np.ndarray, *, seed: int) -> Learned | None:
    """Learn net spend from histories; None where there are too few customers or nothing was spent.

    Parameters
    ----------
    earlier : DataFrame
        Histories at the earlier date; of more than 20,000 every so many are taken.
    spend : array
        Net spend in the period after it (currency).
    seed : int
    """
    if len(earlier) < _LEAST_ROWS or not np.any(spend > 0):
        return None
    from sklearn.ensemble import GradientBoostingRegressor  # noqa: PLC0415

    some = slice(None, None, -(-len(earlier) // _MOST_ROWS))
    model = GradientBoostingRegressor(
        n_estimators=_TREES, learning_rate=_RATE, max_depth=_DEPTH, min_samples_leaf=_LEAST_LEAF, random_state=seed
    )
    model.fit(predictors(earlier.iloc[some]).to_numpy(dtype=np.float32), spend[some])
    trees = tuple(_numbers(each[0].tree_) for each in model.estimators_)
    return Learned(float(model.init_.constant_.ravel()[0]), trees)


def _numbers(tree: Any) -> dict[str, list]:
    return {
        "feature": tree.feature.tolist(),
        "threshold": tree.threshold.tolist(),
        "left": tree.children_left.tolist(),
        "right": tree.children_right.tolist(),
        "value": (tree.value.ravel() * _RATE).tolist(),
    }
