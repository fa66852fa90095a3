"""Pipeline steps that scikit-learn lacks or has only slowly: logs, words as columns, expected purchases."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

from workbench.analysis.value.models import bg_nbd

__all__ = ["HISTORY", "EmptyAsZero", "ExpectedPurchases", "SignedLog", "WordColumns"]

HISTORY = ("frequency_orders", "recency_days", "tenure_days")  # inputs of expected purchases, in this order
SKEWED = 2.0  # skewness above which the linear model gets sign(x) ln(1 + abs(x))
WEEK = 7  # days
SMALL = 1e-9
MOST_FITTED = 20_000  # most customers for the BG/NBD fit


class SignedLog(TransformerMixin, BaseEstimator):
    """Take sign(x) ln(1 + abs(x)) of the columns that are skewed among the training customers."""

    def fit(self, X: np.ndarray, y: object = None) -> Self:
        """Find the skewed columns."""
        centred = X - X.mean(axis=0)
        spread = centred.std(axis=0)
        self.skewed_ = (centred**3).mean(axis=0) > SKEWED * np.where(spread > 0, spread, np.inf) ** 3
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Transform the skewed columns, leave the others."""
        return np.where(self.skewed_, np.sign(X) * np.log1p(np.abs(X)), X)


class EmptyAsZero(TransformerMixin, BaseEstimator):
    """Set columns without any value in the training to 0, since trees cannot bin them; keep other columns."""

    def fit(self, X: np.ndarray, y: object = None) -> Self:
        """Find the columns without any value."""
        self.empty_ = np.isnan(np.asarray(X, float)).all(axis=0)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the columns as an array."""
        return np.where(self.empty_, 0.0, np.asarray(X, float))


class WordColumns(TransformerMixin, BaseEstimator):
    """Encode every frequent category value as a 0/1 column, and all rare values as one column.

    The result equals that of
    ``OneHotEncoder(min_frequency=..., handle_unknown="infrequent_if_exist", sparse_output=False)`` in a tenth of the
    time, since ``OneHotEncoder`` loops over values in Python. A value unseen in training counts as rare;
    without rare values it has no column.

    Parameters
    ----------
    min_frequency : float
        Values of a smaller share of the training customers are rare.
    """

    def __init__(self, min_frequency: float = 0.01):
        self.min_frequency = min_frequency

    def fit(self, X: pd.DataFrame, y: object = None) -> Self:
        """Find the values of every column, ``categories_``, and the rare ones, ``infrequent_categories_``; sorted."""
        self.categories_, self.infrequent_categories_ = [], []
        for name in X.columns:
            counts = X[name].value_counts().sort_index()
            rare = counts.index[counts < self.min_frequency * len(X)].to_numpy(object)
            self.categories_.append(counts.index.to_numpy(object))
            self.infrequent_categories_.append(rare if len(rare) else None)
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return, for each column of X, a column per frequent value in order, then the column of the rare values."""
        parts = []
        for name, words, rare in zip(X.columns, self.categories_, self.infrequent_categories_, strict=True):
            frequent = words if rare is None else words[~np.isin(words, rare)]
            at = pd.Index(frequent, dtype=object).get_indexer(X[name].to_numpy(object))
            columns = np.zeros((len(X), len(frequent) + 1))
            columns[np.arange(len(X)), at] = 1.0  # values that are not frequent have position -1, the last column
            parts.append(columns[:, :-1] if rare is None else columns)
        return np.hstack(parts) if parts else np.zeros((len(X), 0))


class ExpectedPurchases(TransformerMixin, BaseEstimator):
    """Compute each customer's purchases within the horizon as expected by BG/NBD (never its P(alive)).

    The input is the columns of ``HISTORY``, the output the logarithm of the expected purchases (Fader, Hardie & Lee
    2005, equation 10). Fitted on at most 20,000 training customers. It is a baseline: its likelihood ignores that only
    recently active customers are scored.

    Parameters
    ----------
    weeks : float
        Length of the horizon.
    """

    def __init__(self, weeks: float = 4.0):
        self.weeks = weeks

    def fit(self, X: np.ndarray, y: object = None) -> Self:
        """Fit r, alpha, a, b by maximum likelihood."""
        x, t_x, t = _statistics(X)
        step = max(1, -(-len(x) // MOST_FITTED))
        model = bg_nbd.fit(x[::step], t_x[::step], t[::step])
        self.names_ = list(model.parameters)
        self.values_ = np.array([model.parameters[name] for name in self.names_])
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the logarithm of the expected purchases, shape (n, 1)."""
        parameters = dict(zip(self.names_, self.values_.tolist(), strict=True))
        expected = bg_nbd.expected_orders(parameters, *_statistics(X), weeks=self.weeks)
        finite = np.nan_to_num(np.asarray(expected, float), nan=SMALL, posinf=1e6)
        return np.log(np.maximum(finite, SMALL)).reshape(-1, 1)


def _statistics(X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return repeat purchases, weeks from first to last purchase and to the end; missing means one new purchase."""
    orders, recency, tenure = np.nan_to_num(np.asarray(X, float), nan=0.0).T
    t = np.maximum(tenure, 0) / WEEK
    x = np.maximum(orders - 1, 0)
    t_x = np.where(x > 0, np.clip(tenure - recency, 0, None) / WEEK, 0.0)
    return x, np.minimum(t_x, t), t
