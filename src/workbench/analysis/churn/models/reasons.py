"""Why does a customer have this risk, and which features matter? For 08_predict_churn.

Every input of a pipeline belongs to one feature: all inputs of a feature are shuffled or explained together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from workbench.analysis.churn.models.candidates import inputs_of
from workbench.analysis.churn.models.evaluation import LEVEL, auc_of_draws, logit
from workbench.analysis.churn.models.fitting import ChurnModel, pinned
from workbench.analysis.model_columns import tidy

__all__ = ["REASON_COLUMNS", "explain_customers", "partial_effects", "permutation_importance"]

REASON_COLUMNS = ("customer_id", "rank", "feature", "value", "contribution", "direction")
MOST_ROWS = 5_000  # most customers for permutation importance
DRAWS = 40  # bootstraps of customers per shuffle
LINEAR = frozenset({"baseline", "logistic"})
ORDERS = 8  # permutations of the features for sampled Shapley values
BACKGROUND = 200  # most customers in the background
LEAST_AT = 10  # fewest customers with a value of a feature for its partial effect
DIGITS = 6


def explain_customers(
    model: ChurnModel, customers: pd.DataFrame, background: pd.DataFrame, *, max_reasons: int = 3, seed: int = 0
) -> pd.DataFrame:
    """Find the features that change each customer's risk most, compared with other customers.

    Parameters
    ----------
    model : ChurnModel
    customers : pandas.DataFrame
        customer_id and the model's features, of the customers to explain.
    background : pandas.DataFrame
        Customers to compare with, with the same features; of more than 200 every k-th is used.
    max_reasons : int
        Most reasons per customer.
    seed : int

    Returns
    -------
    pandas.DataFrame
        customer_id, rank (1 the strongest), feature, value (as text, empty where missing), contribution (to the log
        odds of the event, calibrated, against the mean of the background), direction (raises, lowers); contributions
        under .0005 are left out; sorted by customer and rank. Linear models: exact. Gradient boosting: exact Shapley
        values of the trees (Lundberg et al. 2020, Nature Machine Intelligence 2). Others: Shapley values sampled over
        eight orders of the features (Strumbelj & Kononenko 2014).
    """
    if not len(customers):
        return pd.DataFrame({name: pd.Series(dtype="object") for name in REASON_COLUMNS})
    frame, compared_with = tidy(customers, model.columns), tidy(background, model.columns)
    compared_with = compared_with.iloc[:: max(1, -(-len(compared_with) // BACKGROUND))]
    with pinned():
        contributions = _contributions(model, frame, compared_with, seed)
    names = np.array(model.columns.names)
    order = np.lexsort((np.broadcast_to(names, contributions.shape), -np.abs(contributions).round(DIGITS)), axis=1)[
        :, :max_reasons
    ]
    ids = customers["customer_id"].to_numpy()
    values = frame[list(names)].to_numpy(dtype=object)
    rows = [
        (ids[index], rank, names[pick], _as_text(values[index, pick]), round(float(contributions[index, pick]), DIGITS))
        for index, picks in enumerate(order)
        for rank, pick in enumerate(picks, start=1)
        if abs(contributions[index, pick]) >= 0.0005  # noqa: PLR2004
    ]
    table = pd.DataFrame(rows, columns=list(REASON_COLUMNS[:-1]))
    table["direction"] = np.where(table["contribution"] > 0, "raises", "lowers")
    return table.sort_values(["customer_id", "rank"], ignore_index=True)


def permutation_importance(
    model: ChurnModel, features: pd.DataFrame, labels: np.ndarray, *, n_repeats: int = 5, seed: int = 0
) -> pd.DataFrame:
    """Measure the drop of the AUC when one feature is shuffled among customers (Breiman 2001, Machine Learning 45).

    Parameters
    ----------
    model : ChurnModel
    features : pandas.DataFrame
        Customers outside the training; of more than 5,000 a seeded sample is used.
    labels : numpy.ndarray
        Shape (n,), 0 or 1.
    n_repeats : int
        Shuffles per feature.
    seed : int

    Returns
    -------
    pandas.DataFrame
        feature, importance (mean drop of the AUC), low, high (.95 interval over bootstraps of customers and
        shuffles), the most important first, ties by name; features the model does not use are left out. Redundant
        features share their importance, or hide it.
    """
    rng = np.random.default_rng(seed)
    labels = np.asarray(labels)
    if len(labels) > MOST_ROWS:
        sample = np.sort(rng.choice(len(labels), MOST_ROWS, replace=False))
        features, labels = features.iloc[sample], labels[sample]
    n = len(labels)
    matrix, feature_of = _matrix(model, tidy(features, model.columns))
    all_once, draws = np.ones(n), [np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(DRAWS)]
    auc_of = auc_of_draws(labels, _log_odds(model, matrix))
    base_auc, base_draws = auc_of(all_once), np.array([auc_of(draw) for draw in draws])
    rows = []
    for position, name in enumerate(model.columns.names):
        inputs = np.flatnonzero(feature_of == position)
        if not len(inputs):
            continue
        auc_shuffled = [
            auc_of_draws(labels, _log_odds(model, _swapped(matrix, inputs, rng.permutation(n))))
            for _ in range(n_repeats)
        ]
        drops = np.concatenate([base_draws - [area(draw) for draw in draws] for area in auc_shuffled])
        finite = drops[np.isfinite(drops)] if np.isfinite(drops).any() else np.array([np.nan])
        low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        mean = np.mean([base_auc - area(all_once) for area in auc_shuffled])
        rows.append({"feature": name, "importance": mean, "low": low, "high": high})
    table = pd.DataFrame(rows, columns=["feature", "importance", "low", "high"]).round(DIGITS)
    return table.sort_values(["importance", "feature"], ascending=[False, True], ignore_index=True)


def partial_effects(
    model: ChurnModel, features: pd.DataFrame, names: Sequence[str], *, points: int = 9, max_rows: int = 1_000
) -> pd.DataFrame:
    """Compute the mean risk at values of one feature, all others unchanged (Friedman 2001, Annals of Statistics 29).

    Parameters
    ----------
    model : ChurnModel
    features : pandas.DataFrame
        Customers; of more than max_rows every k-th is used.
    names : sequence of str
        Numeric or categorical features of the model.
    points : int
        Most values per feature. For numbers: the values with at least ten customers if these are few, else quantiles
        between .05 and .95. For categories: the most frequent values.
    max_rows : int

    Returns
    -------
    pandas.DataFrame
        feature, value (a number or a category value), probability (mean over the customers), n (customers in the mean).
        This describes the model, not a cause.
    """
    sample = tidy(features, model.columns)
    sample = sample.iloc[:: max(1, -(-len(sample) // max_rows))]
    rows = []
    for name in names:
        if name in model.columns.numeric:
            values = list(_steps(sample[name].dropna(), points))
        else:
            counts = sample[name].value_counts().sort_index(kind="stable").sort_values(ascending=False, kind="stable")
            values = [word for word in counts.index[:points] if word]
        for value in values:
            mean = float(model.predict(sample.assign(**{name: value})).mean())
            rows.append({"feature": name, "value": value, "probability": round(mean, DIGITS), "n": len(sample)})
    return pd.DataFrame(rows, columns=["feature", "value", "probability", "n"])


def _steps(values: pd.Series, points: int) -> np.ndarray:
    """Return the values at which the effect of a number is evaluated."""
    common = values.value_counts()
    common = np.sort(common.index[common >= LEAST_AT].to_numpy())
    quantiles = np.unique(np.quantile(values, np.linspace(0.05, 0.95, points))) if len(values) else np.zeros(0)
    return common if len(quantiles) < len(common) <= points else quantiles


def _contributions(model: ChurnModel, frame: pd.DataFrame, background: pd.DataFrame, seed: int) -> np.ndarray:
    """Return each feature's contribution to the log odds, shape (customers, features)."""
    matrix, feature_of = _matrix(model, frame)
    background_matrix, _ = _matrix(model, background)
    if model.name in LINEAR:
        parts = _weights(model, matrix.shape[1]) * (matrix - background_matrix.mean(axis=0))
    elif model.name == "gradient_boosting":
        import shap  # noqa: PLC0415  (takes seconds to import; needed for trees alone)

        parts = shap.TreeExplainer(model.pipeline[-1]).shap_values(matrix)
    else:
        return model.slope * _sampled_contributions(model, matrix, background_matrix, feature_of, seed)
    contributions = np.zeros((len(frame), len(model.columns.names)))
    for column in range(contributions.shape[1]):
        contributions[:, column] = parts[:, feature_of == column].sum(axis=1)
    return model.slope * contributions


def _weights(model: ChurnModel, inputs: int) -> np.ndarray:
    """Return the weight of every input in the log odds of a linear model, including scaling and selection."""
    learner = model.pipeline[1:]
    origin = np.zeros((1, inputs))
    at_zero = learner.decision_function(origin)
    return (learner.decision_function(np.eye(inputs)) - at_zero).round(12)


def _sampled_contributions(
    model: ChurnModel, matrix: np.ndarray, reference: np.ndarray, feature_of: np.ndarray, seed: int
) -> np.ndarray:
    """Average each feature's change of the raw log odds at the customer's value, over permutations of the features."""
    rng = np.random.default_rng(seed)
    count = len(model.columns.names)
    contributions = np.zeros((len(matrix), count))
    for _ in range(ORDERS):
        state = reference[rng.integers(0, len(reference), len(matrix))].copy()
        before = _raw_log_odds(model, state)
        for feature in rng.permutation(count):
            is_input = feature_of == feature
            state[:, is_input] = matrix[:, is_input]
            after = _raw_log_odds(model, state)
            contributions[:, feature] += (after - before) / ORDERS
            before = after
    return contributions


def _matrix(model: ChurnModel, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the inputs of the learner, and for each input the position of its feature among the columns."""
    inputs = model.pipeline[0]
    matrix = np.asarray(inputs.transform(frame), float)
    names = list(model.columns.names)
    kind = inputs_of(model.name, model.columns)
    if kind in ("recency", "history"):
        columns_read = [column for _, _, columns in inputs.transformers for column in columns]
        return matrix, np.array([names.index(name) for name in columns_read])
    numeric = list(range(len(model.columns.numeric)))
    feature_of = numeric + (_indicated_features(inputs) if kind == "linear" else [])
    if model.columns.categorical:
        feature_of += _features_of_words(inputs.named_transformers_["texts"], len(numeric))
    return matrix, np.array(feature_of)


def _indicated_features(inputs: Any) -> list[int]:
    """Return the numeric features with a missingness indicator, in the order of the indicators."""
    numbers = inputs.named_transformers_["numbers"]
    indicator = getattr(numbers[0], "indicator_", None) if hasattr(numbers, "__getitem__") else None
    return [] if indicator is None else [int(position) for position in indicator.features_]


def _features_of_words(encoder: Any, first: int) -> list[int]:
    """Return the categorical feature of every column of the one-hot encoder."""
    features = []
    for position, values in enumerate(encoder.categories_):
        rare = encoder.infrequent_categories_[position]
        features += [first + position] * (len(values) if rare is None else len(values) - len(rare) + 1)
    return features


def _log_odds(model: ChurnModel, matrix: np.ndarray) -> np.ndarray:
    return model.intercept + model.slope * _raw_log_odds(model, matrix)


def _raw_log_odds(model: ChurnModel, matrix: np.ndarray) -> np.ndarray:
    learner = model.pipeline[1:]
    if hasattr(learner, "predict_proba"):
        return logit(learner.predict_proba(matrix)[:, 1])
    return logit(expit(learner.decision_function(matrix)))


def _swapped(matrix: np.ndarray, columns: np.ndarray, order: np.ndarray) -> np.ndarray:
    swapped = matrix.copy()
    swapped[:, columns] = matrix[np.ix_(order, columns)]
    return swapped


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None or not np.isfinite(value) else f"{value:.6g}"
