"""Which columns may a churn model see, and which models are tried? The candidates of 08_predict_churn.

Each candidate is a scikit-learn pipeline whose every step is fitted on training customers alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from workbench.analysis.evaluation import auc
from workbench.core.errors import DataError, Fault
from workbench.core.schema import CANONICAL, CONTACT_COLUMNS

__all__ = ["BASELINE", "CANDIDATES", "ModelColumns", "build_candidates", "choose_columns", "find_leaks", "tidy"]

BASELINE = "baseline"
CANDIDATES = (BASELINE, "logistic", "gradient_boosting")  # the simplest first
BASELINE_COLUMN = "recency_days"
SENSITIVE = frozenset(each.name for table in CANONICAL.values() for each in table.columns if each.sensitive)
IDENTIFIERS = frozenset(each.name for table in CANONICAL.values() for each in table.columns if each.kind == "id")
NOT_FEATURES = frozenset({"customer_id", "label", "observed_at", "as_of", "cut_off"})
UNIQUE_SHARE = 0.5  # text with more distinct values than this share of its rows names customers, not groups
MOST_VALUES = 200  # distinct values of a category
LEAST_FREQUENT = 0.01  # share of customers under which a category value counts as infrequent
LEAK_SINGLE = 0.95  # AUC of one feature alone
LEAST_ROWS = 50  # customers from which a column without repeats is taken for an identifier
SKEWED = 2.0  # skewness beyond which the linear model sees sign(x) ln(1 + abs(x))
LEAVES, RATE, ROUNDS = 8, 0.05, 150  # as good on public data as rate .03 with 300 rounds, in half the time


@dataclass(frozen=True)
class ModelColumns:
    """The columns a model sees, and why others were left out.

    Attributes
    ----------
    numeric, categorical : tuple of str
    dropped : dict of str
        Column to reason: contact, sensitive, identifier, date, too_many_values, constant, all_missing, infinite,
        not_in_all_periods.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    dropped: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """All columns, numeric first."""
        return [*self.numeric, *self.categorical]


def choose_columns(features: pd.DataFrame, *, leave_out: Iterable[str] = ()) -> ModelColumns:
    """Sort the columns of a features table into numeric, categorical and not for a model.

    Parameters
    ----------
    features : pandas.DataFrame
        One row per training customer.
    leave_out : iterable of str
        Columns that are no features, beside customer_id and label.

    Returns
    -------
    ModelColumns
        Contact, sensitive (ethnicity, religion) and identifier columns, dates, constant and all-missing columns, and
        text with too many values are left out and named. A column counts as an identifier by its name, or when
        (nearly) every customer has a text of their own or whole numbers run through without repeats.
    """
    skipped = NOT_FEATURES | set(leave_out)
    kinds = {name: _kind(name, features[name]) for name in sorted(features.columns) if name not in skipped}
    kept = {kind: tuple(name for name, each in kinds.items() if each == kind) for kind in ("numeric", "categorical")}
    dropped = {name: kind for name, kind in kinds.items() if kind not in kept}
    return ModelColumns(kept["numeric"], kept["categorical"], dropped)


def tidy(features: pd.DataFrame, columns: ModelColumns) -> pd.DataFrame:
    """Bring the columns to the two forms that the models take: floats, and text with missing values empty.

    Parameters
    ----------
    features : pandas.DataFrame
        One row per customer, holding the columns.
    columns : ModelColumns

    Returns
    -------
    pandas.DataFrame
        The same rows; numeric columns as float64 (NaN where missing or infinite), categorical ones as text, "" where
        missing.

    Raises
    ------
    DataError
        When a column is missing.
    """
    lacking = [name for name in columns.names if name not in features.columns]
    if lacking:
        raise DataError(
            [Fault("churn features", f"column '{name}' is not there", "the training columns") for name in lacking]
        )
    numbers = features[list(columns.numeric)].astype("float64").replace([np.inf, -np.inf], np.nan)
    texts = {
        name: features[name].astype("object").where(features[name].notna(), "").astype(str)
        for name in columns.categorical
    }
    return pd.concat([numbers, pd.DataFrame(texts, index=features.index, dtype="object")], axis=1)


def build_candidates(columns: ModelColumns, *, seed: int = 0) -> dict[str, Pipeline]:
    """Build the candidates, unfitted, the simplest first.

    Parameters
    ----------
    columns : ModelColumns
    seed : int

    Returns
    -------
    dict of sklearn.pipeline.Pipeline
        ``baseline``: a logistic curve on recency_days alone or, where that is no column, on the one feature that
        ranks the training customers best; ``logistic``: logistic regression; ``gradient_boosting``: histogram
        gradient boosting with 8 leaves, rate .05, 150 rounds. Each takes a frame as ``tidy`` gives it.
    """
    linear = LogisticRegression(C=1.0, max_iter=2_000)
    if BASELINE_COLUMN in columns.numeric:
        chosen = ColumnTransformer([("recency", SimpleImputer(strategy="median"), [BASELINE_COLUMN])])
        baseline = make_pipeline(chosen, StandardScaler(), linear)
    else:
        baseline = make_pipeline(_linear_inputs(columns), SelectKBest(_ranking, k=1), linear)
    trees = HistGradientBoostingClassifier(
        max_leaf_nodes=LEAVES, learning_rate=RATE, max_iter=ROUNDS, early_stopping=False, random_state=seed
    )
    return {
        BASELINE: baseline,
        "logistic": make_pipeline(_linear_inputs(columns), linear),
        "gradient_boosting": make_pipeline(_tree_inputs(columns), trees),
    }


def find_leaks(features: pd.DataFrame, labels: np.ndarray, columns: ModelColumns) -> pd.DataFrame:
    """Name the features that alone tell the label so well that they must know it.

    Parameters
    ----------
    features : pandas.DataFrame
        As ``tidy`` gives it.
    labels : numpy.ndarray
        Shape (n,), 0 or 1.
    columns : ModelColumns

    Returns
    -------
    pandas.DataFrame
        feature, auc: those whose value, whose being missing, or whose category's share of events reaches an AUC above
        .95 in either direction; sorted by name. Categories with fewer than ten customers are read as one.
    """
    rows = [{"feature": name, "auc": round(_alone(features[name], labels), 6)} for name in sorted(columns.names)]
    table = pd.DataFrame(rows, columns=["feature", "auc"])
    return table[table["auc"] > LEAK_SINGLE].reset_index(drop=True)


class SignedLog(TransformerMixin, BaseEstimator):
    """Take sign(x) ln(1 + abs(x)) of the columns that are skewed among the training customers."""

    def fit(self, X, y=None):
        """Find the skewed columns."""
        centred = X - X.mean(axis=0)
        spread = centred.std(axis=0)
        self.skewed_ = (centred**3).mean(axis=0) > SKEWED * np.where(spread > 0, spread, np.inf) ** 3
        return self

    def transform(self, X):
        """Transform the skewed columns, leave the others."""
        return np.where(self.skewed_, np.sign(X) * np.log1p(np.abs(X)), X)


def _kind(name: str, values: pd.Series) -> str:  # noqa: PLR0911
    known = values.dropna()
    if name in CONTACT_COLUMNS:
        return "contact"
    if name in SENSITIVE:
        return "sensitive"
    if name in IDENTIFIERS or name.endswith("_id"):
        return "identifier"
    if known.empty:
        return "all_missing"
    if known.nunique() == 1 and len(known) == len(values):
        return "constant"
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_numeric_dtype(values):
        return "identifier" if _counts_through(known) else "numeric"
    if pd.api.types.is_datetime64_any_dtype(values) or known.map(lambda each: hasattr(each, "isoformat")).all():
        return "date"
    if len(known) >= LEAST_ROWS and known.nunique() > UNIQUE_SHARE * len(known):
        return "identifier"
    return "too_many_values" if known.nunique() > MOST_VALUES else "categorical"


def _counts_through(known: pd.Series) -> bool:
    """Say whether whole numbers run through without repeats, as row numbers do."""
    numbers = known.astype("float64")
    if len(numbers) < LEAST_ROWS or numbers.nunique() < len(numbers) or (numbers % 1 != 0).any():
        return False
    return bool(numbers.max() - numbers.min() < 2 * len(numbers) or numbers.min() >= 10**5)


def _linear_inputs(columns: ModelColumns) -> ColumnTransformer:
    numbers = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), SignedLog(), StandardScaler()
    )
    return ColumnTransformer(
        [("numbers", numbers, list(columns.numeric)), ("texts", _encoder(), list(columns.categorical))]
    )


def _tree_inputs(columns: ModelColumns) -> ColumnTransformer:
    return ColumnTransformer(
        [("numbers", "passthrough", list(columns.numeric)), ("texts", _encoder(), list(columns.categorical))]
    )


def _encoder() -> OneHotEncoder:
    return OneHotEncoder(min_frequency=LEAST_FREQUENT, handle_unknown="infrequent_if_exist", sparse_output=False)


def _ranking(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Score each column by how far its AUC lies from one half."""
    return np.array([round(abs(auc(y, column) - 0.5), 9) for column in np.asarray(X).T])


def _alone(values: pd.Series, labels: np.ndarray) -> float:
    if values.dtype == "object":
        sizes = values.map(values.value_counts())
        merged = values.where(sizes >= 10, "\0rare")  # noqa: PLR2004
        scores = [pd.Series(labels, index=values.index).groupby(merged).transform("mean").to_numpy()]
    else:
        scores = [values.fillna(values.median()).fillna(0).to_numpy(), values.isna().to_numpy().astype(float)]
    areas = [auc(labels, each) for each in scores]
    return max(max(area, 1 - area) for area in areas)


def differing(frames: Mapping[str, pd.DataFrame]) -> set[str]:
    """Name the columns that not every period has."""
    sets = [set(frame.columns) for frame in frames.values()]
    return set.union(*sets) - set.intersection(*sets)
