"""A learner of spend for data that the order models do not fit: boosted trees stored as plain numbers.

It is trained on features at earlier cut-offs and spend in the period after each, and predicts a later period. Its trees
are lists of numbers, so that a definition can store them as JSON without executable code.
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

__all__ = ["HISTORY", "Inputs", "Learned", "Trees", "learn_spend", "spend_predictors"]

HISTORY = "history_"  # prefix of inputs computed from the purchases
_LEAST_ROWS, _MOST_ROWS = 200, 50_000  # fewest and most rows for training
_LEAST_BUYERS = 100  # fewest buyers among the rows for training
_LEAST_FREQUENT = 0.01  # smallest share of a category value with its own column
# strongly regularised: few customers, and outcomes with a heavy tail
_BOOSTING = {"learning_rate": 0.05, "max_iter": 100, "max_leaf_nodes": 4, "min_samples_leaf": 40}
_FAR = 1e308
_LEAST_SHARE = 1e-3  # lower bound of a prediction, as a share of the mean, so that a deviance is finite


@dataclass(frozen=True)
class Inputs:
    """The inputs of the trees, in this order.

    Attributes
    ----------
    numeric : tuple of str
        Numeric columns; missing values stay missing.
    words : mapping of str to tuple of str
        Categorical column to its frequent values, each a column of 0 and 1.
    """

    numeric: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, customers: pd.DataFrame) -> Inputs:
        """Choose the inputs from the training customers, by ``model_columns.choose_columns``."""
        columns = choose_columns(customers)
        frame = tidy(customers, columns)
        words = {name: _frequent(frame[name]) for name in columns.categorical}
        return cls(columns.numeric, {name: frequent for name, frequent in words.items() if frequent})

    @property
    def names(self) -> list[str]:
        """All input columns."""
        return [*self.numeric, *self.words]

    def matrix(self, customers: pd.DataFrame) -> np.ndarray:
        """Return the inputs of each row.

        Raises
        ------
        DataError
            When a column is missing.
        """
        frame = tidy(customers, ModelColumns(self.numeric, tuple(self.words)))
        marks = [(frame[name] == word).to_numpy(float) for name, words in self.words.items() for word in words]
        return np.column_stack([frame[list(self.numeric)].to_numpy(), *marks])


@dataclass(frozen=True)
class Trees:
    """Boosted trees as numbers.

    Attributes
    ----------
    link : str
        ``log``: the sum of the trees is a logarithm; ``logit``: log odds.
    base : float
        Constant term of the sum.
    trees : tuple of mapping
        feature (index of the input, -1 in a leaf), threshold, missing_left (1 where a missing value goes left), left,
        right (nodes), value.
    """

    link: str
    base: float
    trees: tuple[Mapping[str, list], ...]

    def predict(self, matrix: np.ndarray) -> np.ndarray:
        """Return a mean (log) or a probability (logit) for each row."""
        total, rows = np.full(len(matrix), self.base), np.arange(len(matrix))
        for tree in self.trees:
            feature, threshold = np.array(tree["feature"]), np.array(tree["threshold"])
            left, right = np.array(tree["left"]), np.array(tree["right"])
            missing = np.array(tree["missing_left"], dtype=bool)
            node = np.zeros(len(matrix), dtype=int)
            for _ in range(len(feature) // 2):  # number of steps of the longest possible branch
                value = matrix[rows, np.maximum(feature[node], 0)]
                goes_left = np.where(np.isnan(value), missing[node], value <= threshold[node])
                node = np.where(feature[node] >= 0, np.where(goes_left, left[node], right[node]), node)
            total += np.array(tree["value"])[node]
        return np.exp(total) if self.link == "log" else expit(total)


@dataclass(frozen=True)
class Learned:
    """A fitted learner: predicts the product of its parts times the scale.

    Attributes
    ----------
    inputs : Inputs
    parts : tuple of Trees
        With one part: expected spend. With two: the probability of buying, and the spend of buyers.
    scale : float
        Currency; makes the predictions for the training customers sum to their net spend.
    """

    inputs: Inputs
    parts: tuple[Trees, ...]
    scale: float

    def predict(self, customers: pd.DataFrame) -> np.ndarray:
        """Predict the spend of each customer, above 0; ``customers`` is from ``spend_predictors``."""
        matrix = self.inputs.matrix(customers)
        product = np.full(len(matrix), self.scale)
        for part in self.parts:
            product = product * part.predict(matrix)
        return np.maximum(product, self.scale * _LEAST_SHARE)

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Learned:
        """Restore a learner from `as_dict`."""
        words = {name: tuple(frequent) for name, frequent in content["inputs"]["words"].items()}
        parts = tuple(Trees(part["link"], float(part["base"]), tuple(part["trees"])) for part in content["parts"])
        return cls(Inputs(tuple(content["inputs"]["numeric"]), words), parts, float(content["scale"]))


def spend_predictors(history: pd.DataFrame, features: pd.DataFrame | None) -> pd.DataFrame:
    """Join the predictors of a history with the features of the customers.

    Parameters
    ----------
    history : DataFrame
        From ``history.purchase_history``.
    features : DataFrame or None
        One row per customer as of the same date.
    """
    customers = pd.concat([history[["customer_id"]], predictors(history).add_prefix(HISTORY)], axis=1)
    if features is None:
        return customers
    return customers.merge(features, on="customer_id", how="left", validate="one_to_one")


def learn_spend(customers: pd.DataFrame, spend: np.ndarray, *, parts: int, seed: int) -> Learned | None:
    """Train on net spend; None with too few customers or buyers.

    Parameters
    ----------
    customers : DataFrame
        From ``spend_predictors`` at one or several cut-offs, stacked; of more than 50,000 rows every k-th is used.
    spend : array
        Net spend in the period after the cut-off (currency); negative values count as 0, and the scale
        corrects for that.
    parts : int
        1: trees that minimise the Poisson deviance of spend, so that they predict the mean (Gneiting 2011, JASA 106).
        2: the probability to buy times the spend of buyers (gamma deviance).
    seed : int
    """
    every_kth = slice(None, None, max(1, -(-len(customers) // _MOST_ROWS)))
    customers, net = customers.iloc[every_kth].reset_index(drop=True), np.asarray(spend, float)[every_kth]
    paid, is_buyer, scale = np.maximum(net, 0.0), net > 0, float(net.mean()) if len(net) else 0.0
    if scale <= 0 or len(customers) < _LEAST_ROWS or is_buyer.sum() < _LEAST_BUYERS or (parts == 2 and is_buyer.all()):  # noqa: PLR2004
        return None
    inputs = Inputs.of(customers)
    matrix, target = inputs.matrix(customers), paid / paid.mean()
    trees: tuple[Trees, ...]
    if parts == 1:
        trees = (_boost("poisson", matrix, target, seed),)
    else:
        trees = (_boost("log_loss", matrix, is_buyer, seed), _boost("gamma", matrix[is_buyer], target[is_buyer], seed))
    product = np.prod([part.predict(matrix) for part in trees], axis=0)
    return Learned(inputs, trees, round(scale / float(product.mean()), 9))


def _boost(loss: str, matrix: np.ndarray, target: np.ndarray, seed: int) -> Trees:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor  # noqa: PLC0415
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    kind = HistGradientBoostingClassifier if loss == "log_loss" else HistGradientBoostingRegressor
    model = kind(loss=loss, early_stopping=False, random_state=seed, **_BOOSTING)
    with threadpool_limits(limits=1):  # for the same result on any machine
        model.fit(matrix, target)
    trees = tuple(_numbers(predictors_of_round[0].nodes) for predictors_of_round in model._predictors)
    return Trees("logit" if loss == "log_loss" else "log", float(np.ravel(model._baseline_prediction)[0]), trees)


def _numbers(nodes: np.ndarray) -> dict[str, list]:
    is_leaf = nodes["is_leaf"].astype(bool)
    return {
        "feature": np.where(is_leaf, -1, nodes["feature_idx"].astype(int)).tolist(),
        # JSON cannot store the infinite threshold of a split where only missing values go right
        "threshold": np.where(is_leaf, 0.0, np.minimum(nodes["num_threshold"], _FAR)).tolist(),
        "missing_left": nodes["missing_go_to_left"].astype(int).tolist(),
        "left": nodes["left"].astype(int).tolist(),
        "right": nodes["right"].astype(int).tolist(),
        "value": nodes["value"].tolist(),
    }


def _frequent(words: pd.Series) -> tuple[str, ...]:
    counts = words[words != ""].value_counts()
    return tuple(sorted(counts.index[counts >= _LEAST_FREQUENT * len(words)]))
