"""Which models are compared, from a rule of thumb to a neural network? The candidates of 08_predict_churn.

Each candidate is a scikit-learn pipeline, fitted on training customers only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from workbench.analysis.churn.models.evaluation import auc_of_draws
from workbench.analysis.churn.models.steps import HISTORY, EmptyAsZero, ExpectedPurchases, SignedLog, WordColumns

if TYPE_CHECKING:
    from workbench.analysis.model_columns import ModelColumns

__all__ = [
    "BASELINE",
    "BASELINES",
    "CANDIDATES",
    "SEARCHED",
    "available_candidates",
    "build_inputs",
    "build_learner",
    "inputs_of",
]

BASELINE = "baseline"
BASELINES = ("rule", BASELINE, "expected_purchases")
CANDIDATES = (*BASELINES, "logistic", "tree", "svm", "neural_network", "gradient_boosting")  # the simplest first
BASELINE_COLUMN = "recency_days"
LEAST_FREQUENT = 0.01  # share of customers under which a category value counts as infrequent
WAVES = 100  # random Fourier features of the radial kernel (Rahimi & Recht 2007)
LEAF = 0.01  # smallest share of the training customers in a leaf of the decision tree
LEAVES = 8
# on public data as accurate as a learning rate of .03 with 300 iterations, in a third of the time
_BOOSTING = {"learning_rate": 0.07, "max_iter": 100, "early_stopping": False}
_NETWORK = {"max_iter": 10, "learning_rate_init": 0.01}

# searched settings, the most regularised first
SEARCHED: dict[str, tuple[dict[str, Any], ...]] = {
    "logistic": ({"C": 0.1}, {"C": 1.0}),
    "tree": ({"max_depth": 3}, {"max_depth": 5}),
    "svm": ({"C": 0.1},),
    "neural_network": ({"alpha": 3.0},),
    "gradient_boosting": ({"max_leaf_nodes": 4}, {"max_leaf_nodes": LEAVES}),
}


def available_candidates(columns: ModelColumns) -> tuple[str, ...]:
    """Return the candidates possible with the columns, the simplest first.

    The rule needs recency_days, expected purchases also frequency_orders and tenure_days.
    """
    impossible = set() if BASELINE_COLUMN in columns.numeric else {"rule"}
    impossible |= set() if set(HISTORY) <= set(columns.numeric) else {"expected_purchases"}
    return tuple(name for name in CANDIDATES if name not in impossible)


def inputs_of(candidate: str, columns: ModelColumns) -> str:
    """Return the kind of inputs of a candidate: recency, history, linear or trees."""
    if candidate == "expected_purchases":
        return "history"
    if candidate in BASELINES:
        return "recency" if BASELINE_COLUMN in columns.numeric else "linear"
    return "trees" if candidate == "gradient_boosting" else "linear"


def build_inputs(kind: str, columns: ModelColumns) -> ColumnTransformer:
    """Build the first step of a pipeline, unfitted; its input is a frame from ``model_columns.tidy``.

    ``linear``: missing numbers become the median, with an indicator column; skewed numbers are log-transformed; all are
    standardised. Each category value becomes a column; rare and unseen values share one. ``trees``: numbers unchanged.
    ``recency`` and ``history``: only those columns.
    """
    if kind == "recency":
        return ColumnTransformer([("recency", SimpleImputer(strategy="median"), [BASELINE_COLUMN])])
    if kind == "history":
        return ColumnTransformer([("history", "passthrough", list(HISTORY))])
    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), SignedLog(), StandardScaler()
    )
    words = WordColumns(min_frequency=LEAST_FREQUENT)
    return ColumnTransformer(
        [
            ("numbers", numbers if kind == "linear" else EmptyAsZero(), list(columns.numeric)),
            ("texts", words, list(columns.categorical)),
        ]
    )


def build_learner(
    name: str, columns: ModelColumns, *, settings: Mapping[str, Any], seed: int = 0, horizon_days: int = 28
) -> Pipeline:
    """Build the steps after the inputs, unfitted.

    Parameters
    ----------
    name : str
        ``rule``: last purchase more than N days ago, with the best N; ``baseline``: logistic regression on
        recency_days or, without that column, on the feature with the best AUC of the training customers;
        ``expected_purchases``: logistic regression on the purchases expected by BG/NBD; ``logistic``: logistic
        regression; ``tree``: a decision tree; ``svm``: a support vector machine with a radial kernel, by random Fourier
        features; ``neural_network``: one hidden layer; ``gradient_boosting``: histogram gradient boosting.
    columns : ModelColumns
    settings : mapping
        Settings of the last step, as in ``SEARCHED``.
    seed : int
    horizon_days : int
        Horizon of the expected purchases.
    """
    curve = LogisticRegression(max_iter=2_000)
    if name == "baseline":
        has_recency = BASELINE_COLUMN in columns.numeric
        return make_pipeline(StandardScaler() if has_recency else SelectKBest(_ranking, k=1), curve)
    if name == "expected_purchases":
        return make_pipeline(ExpectedPurchases(weeks=horizon_days / 7), curve)
    if name == "svm":
        features = RBFSampler(gamma="scale", n_components=WAVES, random_state=seed)
        return make_pipeline(features, LinearSVC(dual=False, random_state=seed, **settings))
    learners = {
        "rule": lambda: DecisionTreeClassifier(max_depth=1, random_state=seed),
        "logistic": lambda: LogisticRegression(max_iter=2_000, **settings),
        "tree": lambda: DecisionTreeClassifier(min_samples_leaf=LEAF, random_state=seed, **settings),
        "neural_network": lambda: MLPClassifier((16,), **_NETWORK, random_state=seed, **settings),
        "gradient_boosting": lambda: HistGradientBoostingClassifier(**_BOOSTING, random_state=seed, **settings),
    }
    return make_pipeline(learners[name]())


def _ranking(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Score each column by the distance of its AUC from one half.

    ``auc_of_draws`` is used, since a fit ranks up to hundreds of columns and scikit-learn takes three times as long.
    """
    weights = np.ones(len(y))
    return np.array([round(abs(auc_of_draws(y, column)(weights) - 0.5), 9) for column in np.asarray(X).T])
