"""Why does the model give a customer this risk, and what does it lean on? For 08_predict_churn.

Every input of a pipeline belongs to one feature, so a feature is shuffled or explained by its inputs together.
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
MOST_ROWS = 5_000  # customers that permutation importance is measured on
DRAWS = 40  # bootstraps of customers per shuffle
LINEAR = frozenset({"baseline", "logistic"})
ORDERS = 8  # orders of features that sampled Shapley values average over
BACKGROUND = 200  # customers that a reason compares with
LEAST_AT = 10  # customers of a value at which a partial effect is told
DIGITS = 6


def explain_customers(
    model: ChurnModel, customers: pd.DataFrame, background: pd.DataFrame, *, most: int = 3, seed: int = 0
) -> pd.DataFrame:
    """Name the features that move each customer's risk most, against the other customers.

    Parameters
    ----------
    model : ChurnModel
    customers : pandas.DataFrame
        customer_id and the model's features: those who are shown, no more.
    background : pandas.DataFrame
        Customers to compare with, with the same features; of more than 200 every k-th.
    most : int
        Reasons per customer.
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
    frame, against = tidy(customers, model.columns), tidy(background, model.columns)
    against = against.iloc[:: max(1, -(-len(against) // BACKGROUND))]
    with pinned():
        shares = _contributions(model, frame, against, seed)
    names = np.array(model.columns.names)
    order = np.lexsort((np.broadcast_to(names, shares.shape), -np.abs(shares).round(DIGITS)), axis=1)[:, :most]
    ids = customers["customer_id"].to_numpy()
    values = frame[list(names)].to_numpy(dtype=object)
    rows = [
        (ids[at], rank, names[pick], _said(values[at, pick]), round(float(shares[at, pick]), DIGITS))
        for at, picks in enumerate(order)
        for rank, pick in enumerate(picks, start=1)
        if abs(shares[at, pick]) >= 0.0005  # noqa: PLR2004
    ]
    table = pd.DataFrame(rows, columns=list(REASON_COLUMNS[:-1]))
    table["direction"] = np.where(table["contribution"] > 0, "raises", "lowers")
    return table.sort_values(["customer_id", "rank"], ignore_index=True)


def permutation_importance(
    model: ChurnModel, features: pd.DataFrame, labels: np.ndarray, *, n_repeats: int = 5, seed: int = 0
) -> pd.DataFrame:
    """Measure how far the AUC falls when one feature is shuffled among customers (Breiman 2001, Machine Learning 45).

    Parameters
    ----------
    model : ChurnModel
    features : pandas.DataFrame
        Customers it was not fitted on. Of more than 5,000 a seeded sample is taken.
    labels : numpy.ndarray
        Shape (n,), 0 or 1.
    n_repeats : int
        Shuffles per feature.
    seed : int

    Returns
    -------
    pandas.DataFrame
        feature, importance (mean fall of the AUC), low, high (.95 interval over bootstraps of customers and
        shuffles), the most important first, ties by name; features the model does not read are left out. Features that
        say the same share their importance, or hide it.
    """
    rng = np.random.default_rng(seed)
    labels = np.asarray(labels)
    if len(labels) > MOST_ROWS:
        kept = np.sort(rng.choice(len(labels), MOST_ROWS, replace=False))
        features, labels = features.iloc[kept], labels[kept]
    n = len(labels)
    matrix, belongs = _matrix(model, tidy(features, model.columns))
    whole, draws = np.ones(n), [np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(DRAWS)]
    usual = auc_of_draws(labels, _log_odds(model, matrix))
    base, based = usual(whole), np.array([usual(draw) for draw in draws])
    rows = []
    for at, name in enumerate(model.columns.names):
        mine = np.flatnonzero(belongs == at)
        if not len(mine):
            continue
        shuffled = [
            auc_of_draws(labels, _log_odds(model, _swapped(matrix, mine, rng.permutation(n)))) for _ in range(n_repeats)
        ]
        falls = np.concatenate([based - [area(draw) for draw in draws] for area in shuffled])
        finite = falls[np.isfinite(falls)] if np.isfinite(falls).any() else np.array([np.nan])
        low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        mean = np.mean([base - area(whole) for area in shuffled])
        rows.append({"feature": name, "importance": mean, "low": low, "high": high})
    table = pd.DataFrame(rows, columns=["feature", "importance", "low", "high"]).round(DIGITS)
    return table.sort_values(["importance", "feature"], ascending=[False, True], ignore_index=True)


def partial_effects(
    model: ChurnModel, features: pd.DataFrame, names: Sequence[str], *, points: int = 9, most_rows: int = 1_000
) -> pd.DataFrame:
    """Say how the mean risk moves with one feature, all others as they are (Friedman 2001, Annals of Statistics 29).

    Parameters
    ----------
    model : ChurnModel
    features : pandas.DataFrame
        Customers; of more than most_rows every k-th.
    names : sequence of str
        Numeric or categorical features of the model.
    points : int
        Values of a numeric feature that ten customers have or more, where there are no more of them; else its quantiles
        between .05 and .95; or its most frequent words.
    most_rows : int

    Returns
    -------
    pandas.DataFrame
        feature, value (a number, or the words of a category), probability (mean over the customers), n (customers in
        the mean). An effect of the model, no cause.
    """
    looked = tidy(features, model.columns)
    looked = looked.iloc[:: max(1, -(-len(looked) // most_rows))]
    rows = []
    for name in names:
        if name in model.columns.numeric:
            values = _steps(looked[name].dropna(), points)
        else:
            values = looked[name].value_counts().sort_index(kind="stable").sort_values(ascending=False, kind="stable")
            values = [each for each in values.index[:points] if each]
        for value in values:
            mean = float(model.predict(looked.assign(**{name: value})).mean())
            rows.append({"feature": name, "value": value, "probability": round(mean, DIGITS), "n": len(looked)})
    return pd.DataFrame(rows, columns=["feature", "value", "probability", "n"])


def _steps(known: pd.Series, points: int) -> np.ndarray:
    """Return the values at which the effect of a number is looked at."""
    common = known.value_counts()
    common = np.sort(common.index[common >= LEAST_AT].to_numpy())
    quantiles = np.unique(np.quantile(known, np.linspace(0.05, 0.95, points))) if len(known) else np.zeros(0)
    return common if len(quantiles) < len(common) <= points else quantiles


def _contributions(model: ChurnModel, frame: pd.DataFrame, against: pd.DataFrame, seed: int) -> np.ndarray:
    """Return each feature's share of the log odds, shape (customers, features)."""
    matrix, belongs = _matrix(model, frame)
    reference, _ = _matrix(model, against)
    if model.name in LINEAR:
        parts = _weights(model, matrix.shape[1]) * (matrix - reference.mean(axis=0))
    elif model.name == "gradient_boosting":
        import shap  # noqa: PLC0415  (takes seconds to import; needed for trees alone)

        parts = shap.TreeExplainer(model.pipeline[-1]).shap_values(matrix)
    else:
        return model.slope * _sampled_shares(model, matrix, reference, belongs, seed)
    shares = np.zeros((len(frame), len(model.columns.names)))
    for at in range(shares.shape[1]):
        shares[:, at] = parts[:, belongs == at].sum(axis=1)
    return model.slope * shares


def _weights(model: ChurnModel, inputs: int) -> np.ndarray:
    """Return the weight of every input in the log odds of a linear model, through what scales or selects it."""
    learner = model.pipeline[1:]
    zero = np.zeros((1, inputs))
    at_zero = learner.decision_function(zero)
    return (learner.decision_function(np.eye(inputs)) - at_zero).round(12)


def _sampled_shares(
    model: ChurnModel, matrix: np.ndarray, reference: np.ndarray, belongs: np.ndarray, seed: int
) -> np.ndarray:
    """Average, over orders of the features, what each adds when it takes the customer's value (raw log odds)."""
    rng = np.random.default_rng(seed)
    count = len(model.columns.names)
    shares = np.zeros((len(matrix), count))
    for _ in range(ORDERS):
        state = reference[rng.integers(0, len(reference), len(matrix))].copy()
        before = _raw_log_odds(model, state)
        for at in rng.permutation(count):
            mine = belongs == at
            state[:, mine] = matrix[:, mine]
            after = _raw_log_odds(model, state)
            shares[:, at] += (after - before) / ORDERS
            before = after
    return shares


def _matrix(model: ChurnModel, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the inputs of the learner, and which feature (by position among the columns) each belongs to."""
    inputs = model.pipeline[0]
    matrix = np.asarray(inputs.transform(frame), float)
    names = list(model.columns.names)
    kind = inputs_of(model.name, model.columns)
    if kind in ("recency", "history"):
        taken = [column for _, _, columns in inputs.transformers for column in columns]
        return matrix, np.array([names.index(each) for each in taken])
    numeric = list(range(len(model.columns.numeric)))
    belongs = numeric + (_marked(inputs) if kind == "linear" else [])
    if model.columns.categorical:
        belongs += _spread(inputs.named_transformers_["texts"], len(numeric))
    return matrix, np.array(belongs)


def _marked(inputs: Any) -> list[int]:
    """Return the numeric features that have a mark of missingness, in the order of the marks."""
    numbers = inputs.named_transformers_["numbers"]
    indicator = getattr(numbers[0], "indicator_", None) if hasattr(numbers, "__getitem__") else None
    return [] if indicator is None else [int(each) for each in indicator.features_]


def _spread(encoder: Any, first: int) -> list[int]:
    """Return the categorical feature of every column that the one-hot encoder makes."""
    found = []
    for at, values in enumerate(encoder.categories_):
        rare = encoder.infrequent_categories_[at]
        found += [first + at] * (len(values) if rare is None else len(values) - len(rare) + 1)
    return found


def _log_odds(model: ChurnModel, matrix: np.ndarray) -> np.ndarray:
    return model.intercept + model.slope * _raw_log_odds(model, matrix)


def _raw_log_odds(model: ChurnModel, matrix: np.ndarray) -> np.ndarray:
    learner = model.pipeline[1:]
    if hasattr(learner, "predict_proba"):
        return logit(learner.predict_proba(matrix)[:, 1])
    return logit(expit(learner.decision_function(matrix)))


def _swapped(matrix: np.ndarray, columns: np.ndarray, order: np.ndarray) -> np.ndarray:
    other = matrix.copy()
    other[:, columns] = matrix[np.ix_(order, columns)]
    return other


def _said(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None or not np.isfinite(value) else f"{value:.6g}"
