"""Which models are tried, from a rule of thumb to a neural network? The candidates of 08_predict_churn.

Each candidate is a scikit-learn pipeline whose every step is fitted on training customers alone.
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

from workbench.analysis.churn.models.evaluation import auc
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
LEAF = 0.01  # share of the training customers that every leaf of the decision tree holds
LEAVES = 8
# as good on public data as rate .03 with 300 rounds, in a third of the time
_BOOSTING = {"learning_rate": 0.07, "max_iter": 100, "early_stopping": False}
_NETWORK = {"max_iter": 10, "learning_rate_init": 0.01}

# what is searched, the most restrained first
SEARCHED: dict[str, tuple[dict[str, Any], ...]] = {
    "logistic": ({"C": 0.1}, {"C": 1.0}),
    "tree": ({"max_depth": 3}, {"max_depth": 5}),
    "svm": ({"C": 0.1},),
    "neural_network": ({"alpha": 3.0},),
    "gradient_boosting": ({"max_leaf_nodes": 4}, {"max_leaf_nodes": LEAVES}),
}


def available_candidates(columns: ModelColumns) -> tuple[str, ...]:
    """Name the candidates that the columns allow, the simplest first.

    The rule needs recency_days, expected purchases also frequency_orders and tenure_days.
    """
    lacking = set() if BASELINE_COLUMN in columns.numeric else {"rule"}
    lacking |= set() if set(HISTORY) <= set(columns.numeric) else {"expected_purchases"}
    return tuple(name for name in CANDIDATES if name not in lacking)


def inputs_of(name: str, columns: ModelColumns) -> str:
    """Return the kind of inputs a candidate takes: recency, history, linear or trees."""
    if name == "expected_purchases":
        return "history"
    if name in BASELINES:
        return "recency" if BASELINE_COLUMN in columns.numeric else "linear"
    return "trees" if name == "gradient_boosting" else "linear"


def build_inputs(kind: str, columns: ModelColumns) -> ColumnTransformer:
    """Build the first step of a pipeline, unfitted; it takes a frame as ``columns.tidy`` gives it.

    ``linear``: missing numbers by their median with a mark, skewed ones by their logarithm, all of one scale; words as
    one column each, rare and unseen ones together. ``trees``: numbers as they are. ``recency`` and ``history``: those
    columns alone.
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
    """Build what follows the inputs, unfitted.

    Parameters
    ----------
    name : str
        ``rule``: last purchase more than N days ago, N learned as the one best cut; ``baseline``: a logistic curve on
        recency_days alone or, where that is no column, on the one feature that ranks the training customers best;
        ``expected_purchases``: a logistic curve on the purchases that BG/NBD expects; ``logistic``: logistic
        regression; ``tree``: a decision tree; ``svm``: a support vector machine with a radial kernel, by random Fourier
        features; ``neural_network``: one hidden layer; ``gradient_boosting``: histogram gradient boosting.
    columns : ModelColumns
    settings : mapping
        Of the last step, as in ``SEARCHED``.
    seed : int
    horizon_days : int
        For the expected purchases.
    """
    curve = LogisticRegression(max_iter=2_000)
    if name == "baseline":
        known = BASELINE_COLUMN in columns.numeric
        return make_pipeline(StandardScaler() if known else SelectKBest(_ranking, k=1), curve)
    if name == "expected_purchases":
        return make_pipeline(ExpectedPurchases(weeks=horizon_days / 7), curve)
    if name == "svm":
        waves = RBFSampler(gamma="scale", n_components=WAVES, random_state=seed)
        return make_pipeline(waves, LinearSVC(dual=False, random_state=seed, **settings))
    learners = {
        "rule": lambda: DecisionTreeClassifier(max_depth=1, random_state=seed),
        "logistic": lambda: LogisticRegression(max_iter=2_000, **settings),
        "tree": lambda: DecisionTreeClassifier(min_samples_leaf=LEAF, random_state=seed, **settings),
        "neural_network": lambda: MLPClassifier((16,), **_NETWORK, random_state=seed, **settings),
        "gradient_boosting": lambda: HistGradientBoostingClassifier(**_BOOSTING, random_state=seed, **settings),
    }
    return make_pipeline(learners[name]())


def _ranking(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Score each column by how far its AUC lies from one half."""
    return np.array([round(abs(auc(y, column) - 0.5), 9) for column in np.asarray(X).T])
