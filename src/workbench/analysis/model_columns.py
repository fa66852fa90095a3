"""Which columns may a churn model use, and in which form? For 08_predict_churn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from workbench.core.errors import DataError, Fault
from workbench.core.schema import CANONICAL, CONTACT_COLUMNS

__all__ = ["SENSITIVE", "ModelColumns", "choose_columns", "differing", "tidy"]

SENSITIVE = frozenset(column.name for table in CANONICAL.values() for column in table.columns if column.sensitive)
IDENTIFIERS = frozenset(column.name for table in CANONICAL.values() for column in table.columns if column.kind == "id")
NOT_FEATURES = frozenset({"customer_id", "label", "observed_at", "as_of", "cut_off"})
UNIQUE_SHARE = 0.5  # share of distinct values above which a text column is an identifier
MOST_VALUES = 200  # most distinct values of a category
LEAST_ROWS = 50  # fewest rows for recognising identifiers by their distinct values


@dataclass(frozen=True)
class ModelColumns:
    """The columns of a model, and the reasons why others were left out.

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
    """Sort the columns of a features table into numeric, categorical and excluded.

    Parameters
    ----------
    features : pandas.DataFrame
        One row per training customer.
    leave_out : iterable of str
        Columns to exclude, in addition to customer_id and label.

    Returns
    -------
    ModelColumns
        Contact, sensitive (ethnicity, religion) and identifier columns, dates, constant and all-missing columns, and
        text with too many values are dropped with the reason. A column is an identifier by its name, or when
        (nearly) every customer has a distinct text, or integers run consecutively without repeats.
    """
    skipped = NOT_FEATURES | set(leave_out)
    kinds = {name: _kind(name, features[name]) for name in sorted(features.columns) if name not in skipped}
    numeric = tuple(name for name, kind in kinds.items() if kind == "numeric")
    categorical = tuple(name for name, kind in kinds.items() if kind == "categorical")
    dropped = {name: kind for name, kind in kinds.items() if kind not in ("numeric", "categorical")}
    return ModelColumns(numeric, categorical, dropped)


def tidy(features: pd.DataFrame, columns: ModelColumns) -> pd.DataFrame:
    """Convert the columns to the two forms that models take: floats, and text with missing values as "".

    Parameters
    ----------
    features : pandas.DataFrame
        One row per customer, with the columns.
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
    missing = [name for name in columns.names if name not in features.columns]
    if missing:
        raise DataError(
            [Fault("churn features", f"column '{name}' is missing", "the training columns") for name in missing]
        )
    numbers = features[list(columns.numeric)].to_numpy(dtype="float64", na_value=np.nan, copy=True)
    numbers[np.isinf(numbers)] = np.nan
    numeric = pd.DataFrame(numbers, columns=list(columns.numeric), index=features.index)
    texts = {name: _text(features[name]) for name in columns.categorical}
    return pd.concat([numeric, pd.DataFrame(texts, index=features.index, dtype="object")], axis=1)


def _text(values: pd.Series) -> np.ndarray:
    """Return values as text, "" where missing; each distinct value is converted once."""
    codes, words = pd.factorize(values)
    return np.array([*(str(word) for word in words), ""], dtype=object)[codes]


def differing(frames: Mapping[str, pd.DataFrame]) -> set[str]:
    """Return the columns that are missing in some periods."""
    sets = [set(frame.columns) for frame in frames.values()]
    return set.union(*sets) - set.intersection(*sets)


def _kind(name: str, values: pd.Series) -> str:  # noqa: PLR0911
    present = values.dropna()
    if name in CONTACT_COLUMNS:
        return "contact"
    if name in SENSITIVE:
        return "sensitive"
    if name in IDENTIFIERS or name.endswith("_id"):
        return "identifier"
    if present.empty:
        return "all_missing"
    if len(present) == len(values) and (present == present.iloc[0]).all():
        return "constant"
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_numeric_dtype(values):
        return "identifier" if _is_row_number(present) else "numeric"
    if pd.api.types.is_datetime64_any_dtype(values) or present.map(lambda value: hasattr(value, "isoformat")).all():
        return "date"
    if len(present) >= LEAST_ROWS and present.nunique() > UNIQUE_SHARE * len(present):
        return "identifier"
    return "too_many_values" if present.nunique() > MOST_VALUES else "categorical"


def _is_row_number(values: pd.Series) -> bool:
    """Return whether integers run consecutively without repeats, as row numbers do."""
    numbers = values.to_numpy(dtype="float64")
    if len(numbers) < LEAST_ROWS or (numbers[:LEAST_ROWS] % 1 != 0).any() or (numbers % 1 != 0).any():
        return False
    is_dense = np.ptp(numbers) < 2 * len(numbers) or numbers.min() >= 10**5  # noqa: PLR2004
    return bool(is_dense and len(np.unique(numbers)) == len(numbers))
