"""Which columns may a churn model see, and in which form? For 08_predict_churn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from workbench.core.errors import DataError, Fault
from workbench.core.schema import CANONICAL, CONTACT_COLUMNS

__all__ = ["SENSITIVE", "ModelColumns", "choose_columns", "differing", "tidy"]

SENSITIVE = frozenset(each.name for table in CANONICAL.values() for each in table.columns if each.sensitive)
IDENTIFIERS = frozenset(each.name for table in CANONICAL.values() for each in table.columns if each.kind == "id")
NOT_FEATURES = frozenset({"customer_id", "label", "observed_at", "as_of", "cut_off"})
UNIQUE_SHARE = 0.5  # text with more distinct values than this share of its rows names customers, not groups
MOST_VALUES = 200  # distinct values of a category
LEAST_ROWS = 50  # customers from which a column without repeats is taken for an identifier


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
    numbers = features[list(columns.numeric)].to_numpy(dtype="float64", na_value=np.nan, copy=True)
    numbers[np.isinf(numbers)] = np.nan
    known = pd.DataFrame(numbers, columns=list(columns.numeric), index=features.index)
    texts = {name: _text(features[name]) for name in columns.categorical}
    return pd.concat([known, pd.DataFrame(texts, index=features.index, dtype="object")], axis=1)


def _text(values: pd.Series) -> np.ndarray:
    """Return values as text, "" where missing; each distinct one is written once."""
    codes, words = pd.factorize(values)
    return np.array([*(str(each) for each in words), ""], dtype=object)[codes]


def differing(frames: Mapping[str, pd.DataFrame]) -> set[str]:
    """Name the columns that not every period has."""
    sets = [set(frame.columns) for frame in frames.values()]
    return set.union(*sets) - set.intersection(*sets)


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
    if len(known) == len(values) and (known == known.iloc[0]).all():
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
    numbers = known.to_numpy(dtype="float64")
    if len(numbers) < LEAST_ROWS or (numbers[:LEAST_ROWS] % 1 != 0).any() or (numbers % 1 != 0).any():
        return False
    dense = np.ptp(numbers) < 2 * len(numbers) or numbers.min() >= 10**5  # noqa: PLR2004
    return bool(dense and len(np.unique(numbers)) == len(numbers))
