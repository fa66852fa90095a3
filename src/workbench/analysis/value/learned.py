"""A learner of spend for bases that the models of orders do not fit: boosted trees, held as plain numbers.

It learns in the past (what was known at earlier cut-offs, spend in the period after each) and is asked about a later
period. Its trees are lists of numbers, so that a definition can hold them as JSON; nothing is executed when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from workbench.analysis.model_columns import ModelColumns, choose_columns, tidy
from workbench.analysis.value.baselines import predictors

__all__ = ["HISTORY", "Inputs", "Learned", "Trees", "known_of", "learn_spend"]

HISTORY = "history_"  # begins the names of what is known of the purchases alone
_LEAST_ROWS, _MOST_ROWS = 200, 50_000  # customers and cut-offs to learn from
_LEAST_BUYERS = 100  # of them, for the part that learns from buyers alone
_LEAST_FREQUENT = 0.01  # share of customers from which a word has a column of its own
# restrained: few customers, and outcomes with a heavy tail
_BOOSTING = {"learning_rate": 0.05, "max_iter": 100, "max_leaf_nodes": 4, "min_samples_leaf": 40}
_FAR = 1e308
_LEAST_SHARE = 1e-3  # of the mean: what is expected at least, so that a deviance is finite


@dataclass(frozen=True)
class Inputs:
    """What the trees read of a customer, in this order.

    Attributes
    ----------
    numeric : tuple of str
        Numbers, missing ones as they are.
    words : mapping of str to tuple of str
        Column to its frequent words, each a column of 0 and 1.
    """

    numeric: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, known: pd.DataFrame) -> Inputs:
        """Choose the inputs by customers to learn from: what ``churn.columns.choose_columns`` lets a model see."""
        columns = choose_columns(known)
        frame = tidy(known, columns)
        words = {name: _frequent(frame[name]) for name in columns.categorical}
        return cls(columns.numeric, {name: each for name, each in words.items() if each})

    @property
    def names(self) -> list[str]:
        """All columns that are read."""
        return [*self.numeric, *self.words]

    def matrix(self, known: pd.DataFrame) -> np.ndarray:
        """Return the inputs of each row.

        Raises
        ------
        DataError
            A column is missing.
        """
        frame = tidy(known, ModelColumns(self.numeric, tuple(self.words)))
        marks = [(frame[name] == word).to_numpy(float) for name, words in self.words.items() for word in words]
        return np.column_stack([frame[list(self.numeric)].to_numpy(), *marks])


@dataclass(frozen=True)
class Trees:
    """Boosted trees as numbers.

    Attributes
    ----------
    link : str
        ``log``: what the trees add up to is a logarithm; ``logit``: log odds.
    base : float
        What is added up before any tree.
    trees : tuple of mapping
        feature (number of the input, -1 in a leaf), threshold, missing_left (1 where a missing value goes left), left,
        right (nodes), value.
    """

    link: str
    base: float
    trees: tuple[Mapping[str, list], ...]

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Return a mean (log) or a probability (logit) of each row."""
        found, rows = np.full(len(matrix), self.base), np.arange(len(matrix))
        for tree in self.trees:
            feature, threshold = np.array(tree["feature"]), np.array(tree["threshold"])
            left, right = np.array(tree["left"]), np.array(tree["right"])
            missing = np.array(tree["missing_left"], dtype=bool)
            at = np.zeros(len(matrix), dtype=int)
            for _ in range(len(feature) // 2):  # no branch is longer
                value = matrix[rows, np.maximum(feature[at], 0)]
                goes_left = np.where(np.isnan(value), missing[at], value <= threshold[at])
                at = np.where(feature[at] >= 0, np.where(goes_left, left[at], right[at]), at)
            found += np.array(tree["value"])[at]
        return np.exp(found) if self.link == "log" else expit(found)


@dataclass(frozen=True)
class Learned:
    """What was learned: the product of its parts times the scale.

    Attributes
    ----------
    inputs : Inputs
    parts : tuple of Trees
        One part: expected spend. Two: the chance to buy, and what buyers spend.
    scale : float
        Currency; so that what is predicted of those learned from sums up to what they spent net.
    """

    inputs: Inputs
    parts: tuple[Trees, ...]
    scale: float

    def predict(self, known: pd.DataFrame) -> np.ndarray:
        """Predict the spend of each customer, above 0; ``known`` as ``known_of`` gives it."""
        matrix = self.inputs.matrix(known)
        found = np.full(len(matrix), self.scale)
        for part in self.parts:
            found = found * part.predict(matrix)
        return np.maximum(found, self.scale * _LEAST_SHARE)

    def as_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return asdict(self)

    @classmethod
    def from_dict(cls, held: Mapping[str, Any]) -> Learned:
        """Read what `as_dict` gave."""
        words = {name: tuple(each) for name, each in held["inputs"]["words"].items()}
        parts = tuple(Trees(each["link"], float(each["base"]), tuple(each["trees"])) for each in held["parts"])
        return cls(Inputs(tuple(held["inputs"]["numeric"]), words), parts, float(held["scale"]))


def known_of(history: pd.DataFrame, features: pd.DataFrame | None) -> pd.DataFrame:
    """Put what is known of the customers of a history side by side: purchases in a few numbers, and their features.

    Parameters
    ----------
    history : DataFrame
        As ``history.purchase_history`` gives it.
    features : DataFrame or None
        One row per customer as of the same date; None where there are none.
    """
    known = pd.concat([history[["customer_id"]], predictors(history).add_prefix(HISTORY)], axis=1)
    if features is None:
        return known
    return known.merge(features, on="customer_id", how="left", validate="one_to_one")


def learn_spend(known: pd.DataFrame, spend: np.ndarray, *, parts: int, seed: int) -> Learned | None:
    """Learn net spend; None where there are too few customers, or too few of them bought.

    Parameters
    ----------
    known : DataFrame
        As ``known_of`` gives it at one cut-off, or those of several below each other; of more than 50,000 rows every so
        many are taken.
    spend : array
        Net spend in the period after the cut-off (currency); below 0 counts as 0, of which the scale makes up.
    parts : int
        1: trees that minimise the Poisson deviance of spend, whose minimum is the mean whatever the spread (Gneiting
        2011, JASA 106). 2: the chance to buy times what buyers spend (gamma deviance).
    seed : int
    """
    some = slice(None, None, max(1, -(-len(known) // _MOST_ROWS)))
    known, net = known.iloc[some].reset_index(drop=True), np.asarray(spend, float)[some]
    paid, bought, scale = np.maximum(net, 0.0), net > 0, float(net.mean()) if len(net) else 0.0
    if scale <= 0 or len(known) < _LEAST_ROWS or bought.sum() < _LEAST_BUYERS or (parts == 2 and bought.all()):  # noqa: PLR2004
        return None
    inputs = Inputs.of(known)
    matrix, target = inputs.matrix(known), paid / paid.mean()
    if parts == 1:
        made = (_boost("poisson", matrix, target, seed),)
    else:
        made = (_boost("log_loss", matrix, bought, seed), _boost("gamma", matrix[bought], target[bought], seed))
    product = np.prod([part.predict(matrix) for part in made], axis=0)
    return Learned(inputs, made, round(scale / float(product.mean()), 9))


def _boost(loss: str, matrix: np.ndarray, target: np.ndarray, seed: int) -> Trees:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor  # noqa: PLC0415
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    kind = HistGradientBoostingClassifier if loss == "log_loss" else HistGradientBoostingRegressor
    model = kind(loss=loss, early_stopping=False, random_state=seed, **_BOOSTING)
    with threadpool_limits(limits=1):  # the same bytes on any machine
        model.fit(matrix, target)
    trees = tuple(_numbers(each[0].nodes) for each in model._predictors)
    return Trees("logit" if loss == "log_loss" else "log", float(np.ravel(model._baseline_prediction)[0]), trees)


def _numbers(nodes: np.ndarray) -> dict[str, list]:
    leaf = nodes["is_leaf"].astype(bool)
    return {
        "feature": np.where(leaf, -1, nodes["feature_idx"].astype(int)).tolist(),
        # where missing values alone go right, the threshold is infinite, which JSON lacks
        "threshold": np.where(leaf, 0.0, np.minimum(nodes["num_threshold"], _FAR)).tolist(),
        "missing_left": nodes["missing_go_to_left"].astype(int).tolist(),
        "left": nodes["left"].astype(int).tolist(),
        "right": nodes["right"].astype(int).tolist(),
        "value": nodes["value"].tolist(),
    }


def _frequent(words: pd.Series) -> tuple[str, ...]:
    counts = words[words != ""].value_counts()
    return tuple(sorted(counts.index[counts >= _LEAST_FREQUENT * len(words)]))
