"""On which scale are customers compared? Transforms of features, fitted once and saved (06_segment_customers).

Each feature is log-transformed (sign(x) ln(1 + abs(x)), where requested), imputed, centred, scaled and clipped. The
fitted numbers are stored in a ``Transform``, which is applied to later customers unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.clustering.centres import fit_centres, nearest
from workbench.analysis.clustering.valleys import valley
from workbench.core.errors import DataError, Fault, did_you_mean

__all__ = [
    "CLIP", "DECIMALS", "FeatureTransform", "Transform", "apply_transform", "coordinates", "prepare", "skewed_columns",
]  # fmt: skip

CLIP = 5.0  # scaled units; bound of a coordinate
DECIMALS = 9  # decimals of fitted numbers, so that results do not depend on later digits
SKEW_LIMIT = 1.0  # skewness above which a non-negative column is log-transformed
KNOWN_SHARE = 0.5  # share of features a customer must have to be assigned
TAIL = 0.02  # share of customers ignored on either side of the range
MODES_WEIGHT = 2.0  # weight of a feature with separate modes
MODES_VALLEY = 0.2  # largest density between modes, relative to the lower of the two
MOST_MODES = 5
MODES_ROWS = 1_000  # number of quantiles that represent a feature in the search for modes
LEAST_FOR_MODES = 100  # fewest customers for a search for modes
SHARED_VALUE = 0.05  # share of customers from which a value counts as shared by many
RANGE_TO_SD = 4.107497821  # range between the 2 % and 98 % quantiles of a standard normal


@dataclass(frozen=True)
class FeatureTransform:
    """How one feature becomes a coordinate: (log(fill(x)) - center) / scale, clipped, times weight.

    Attributes
    ----------
    name : str
        Column of the features table.
    log : bool
        Whether sign(x) ln(1 + abs(x)) is applied first.
    fill : float
        Replaces a missing value: the median, in the feature's own unit.
    center, scale : float
        Value subtracted, and value divided by, after the logarithm.
    filled : int
        Number of customers in the fit with a missing value.
    weight : float
        Multiplies the clipped coordinate.
    """

    name: str
    log: bool
    fill: float
    center: float
    scale: float
    filled: int = 0
    weight: float = 1.0


@dataclass(frozen=True)
class Transform:
    """The transforms of all features, and which columns and how many customers were left out.

    Attributes
    ----------
    features : tuple of FeatureTransform
    dropped : dict of str
        Column to reason: ``constant``, ``all_missing`` or ``infinite``.
    scaling : str
        ``robust`` (median, range of the middle 96 %) or ``standard`` (mean, standard deviation).
    min_known : int
        Features that must be known to assign a customer.
    clip : float
        Bound of a coordinate on either side.
    customers, left_out : int
        Customers in the fit, and customers with too few known features.
    """

    features: tuple[FeatureTransform, ...]
    dropped: dict[str, str]
    scaling: str
    min_known: int
    clip: float
    customers: int
    left_out: int

    @property
    def columns(self) -> list[str]:
        """Names of the transformed features, in order."""
        return [feature.name for feature in self.features]

    def to_dict(self) -> dict[str, Any]:
        """Return the transform as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Transform:
        """Restore a transform from ``to_dict``."""
        features = tuple(FeatureTransform(**feature) for feature in content["features"])
        return cls(**{**content, "features": features, "dropped": dict(content["dropped"])})


def prepare(
    features: pd.DataFrame,
    columns: Sequence[str],
    *,
    log_columns: Sequence[str] | None = None,
    scaling: str = "robust",
    clip: float = CLIP,
    weights: Mapping[str, float] | None = None,
) -> tuple[pd.DataFrame, Transform]:
    """Fit the transforms on customers and apply them.

    Parameters
    ----------
    features : pandas.DataFrame
        One row per customer: customer_id and at least ``columns`` (numbers or flags).
    columns : sequence of str
        The features to compare customers by.
    log_columns : sequence of str, optional
        Columns to log-transform; default: ``skewed_columns``.
    scaling : {"robust", "standard"}
        Median and the range between the 2 % and 98 % quantiles / 4.107, which is one standard deviation of a normal
        (standard deviation where that range is 0); or mean and standard deviation. Scaling by the range preserves the
        weight of features with separated groups (Milligan & Cooper 1988, Journal of Classification 5). A feature with
        two to five separate modes is centred on the middle of its range and counts double, so that noise in other
        features does not hide the modes.
    clip : float
        Bound of a coordinate, in scaled units, > 0.
    weights : mapping, optional
        Feature to its weight, default 1.

    Returns
    -------
    matrix : pandas.DataFrame
        One row per customer, indexed and sorted by customer_id, one float column per remaining feature. Missing values
        become the median. Customers with fewer than half of the features known are left out.
    transform : Transform
        The fitted transform; it lists constant, all-missing and infinite columns as dropped, with the reason.

    Raises
    ------
    DataError
        When a column is missing or not numeric (all are listed), or customer_id repeats.
    """
    values = _numbers(features, columns)
    dropped = {name: reason for name in columns if (reason := _useless(values[name]))}
    usable = [name for name in columns if name not in dropped]
    min_known = max(1, int(np.ceil(KNOWN_SHARE * len(usable))))
    in_fit = values.loc[values[usable].notna().sum(axis=1) >= min_known, usable]
    to_log = skewed_columns(in_fit, usable) if log_columns is None else list(log_columns)
    fitted = tuple(_fit(in_fit[name], log=name in to_log, scaling=scaling) for name in usable) if len(in_fit) else ()
    fitted = tuple(replace(feature, weight=float((weights or {}).get(feature.name, 1.0))) for feature in fitted)
    transform = Transform(fitted, dropped, scaling, min_known, float(clip), len(in_fit), len(values) - len(in_fit))
    return apply_transform(transform, features), transform


def apply_transform(transform: Transform, features: pd.DataFrame) -> pd.DataFrame:
    """Apply a fitted transform.

    Parameters
    ----------
    transform : Transform
        From ``prepare``.
    features : pandas.DataFrame
        One row per customer: customer_id and the transform's columns.

    Returns
    -------
    pandas.DataFrame
        Coordinates of the customers with enough known features, indexed and sorted by customer_id; within +-``clip``.

    Raises
    ------
    DataError
        When a column is missing or not numeric.
    """
    values = _numbers(features, transform.columns)
    assignable = values[values.notna().sum(axis=1) >= transform.min_known]
    arrays = coordinates(transform, {name: assignable[name].to_numpy() for name in transform.columns})
    table = dict(zip(transform.columns, arrays, strict=True))
    return pd.DataFrame(table, index=assignable.index, columns=transform.columns, dtype="float64")


def coordinates(transform: Transform, columns: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return the coordinates of each feature, in order; missing values become the feature's fill."""
    return [_coordinate(columns[feature.name], feature, transform.clip) for feature in transform.features]


def skewed_columns(features: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """List the columns to log-transform: non-negative and skewed to the right.

    Parameters
    ----------
    features : pandas.DataFrame
        One row per customer with ``columns``; missing values are ignored. A column counts as non-negative when at most
        one in a hundred of its values lie below zero (net refunds).
    columns : sequence of str

    Returns
    -------
    list of str
        Columns with skewness (third standardised moment) above 1, in the given order.
    """
    return [name for name in columns if _is_skewed(pd.to_numeric(features[name]).astype("float64").dropna())]


def _is_skewed(values: pd.Series) -> bool:
    if values.nunique() < 3 or (values < 0).mean() > 0.01:
        return False
    spread = values.std(ddof=0)
    return bool(spread > 0 and (((values - values.mean()) / spread) ** 3).mean() > SKEW_LIMIT)


def _numbers(features: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the columns as floats by customer_id; missing, repeated or non-numeric data raises an error."""
    faults = [
        Fault("features", f"column '{name}' is missing", remedy=did_you_mean(name, features.columns))
        for name in ("customer_id", *columns)
        if name not in features.columns
    ]
    faults += [
        Fault("features", f"column '{name}' has type {features[name].dtype}", "numbers", "Leave it out of the list.")
        for name in columns
        if name in features.columns and not pd.api.types.is_numeric_dtype(features[name])
    ]
    if not faults and features["customer_id"].duplicated().any():
        copies = int(features["customer_id"].duplicated().sum())
        faults.append(Fault("features", f"{copies} repeated customer_id", "one row per customer"))
    if faults:
        raise DataError(faults)
    return features.set_index("customer_id")[list(columns)].astype("float64").sort_index()


def _useless(values: pd.Series) -> str:
    present = values.dropna()
    if present.empty:
        return "all_missing"
    if np.isinf(present).any():
        return "infinite"
    return "constant" if present.nunique() == 1 else ""


def _fit(values: pd.Series, *, log: bool, scaling: str) -> FeatureTransform:
    fill = float(values.median())
    coordinate = _logged(values.fillna(fill).to_numpy()) if log else values.fillna(fill).to_numpy()
    low, middle, high = np.quantile(coordinate, [TAIL, 0.5, 1 - TAIL])
    spread = (high - low) / RANGE_TO_SD
    if scaling == "robust" and _has_separate_modes(coordinate):
        middle, spread = (low + high) / 2, spread / MODES_WEIGHT
    if scaling == "standard" or spread <= 0:
        middle, spread = coordinate.mean(), coordinate.std()
    fill, center, scale = (round(float(x), DECIMALS) for x in (fill, middle, max(spread, 10.0**-DECIMALS)))
    return FeatureTransform(str(values.name), log, fill, center, scale, filled=int(values.isna().sum()))


def _has_separate_modes(values: np.ndarray) -> bool:
    """Return whether a feature has two to five separate modes with (nearly) no customer between them.

    Features with values shared by many customers (counts, flags) are skipped: their gaps come from the measurement.
    """
    _, copies = np.unique(values, return_counts=True)
    if len(values) < LEAST_FOR_MODES or copies.max() >= SHARED_VALUE * len(values):
        return False
    quantiles = np.quantile(values, (np.arange(MODES_ROWS) + 0.5) / MODES_ROWS)[:, None]
    for k in range(2, MOST_MODES + 1):
        centres = fit_centres(quantiles, k, n_restarts=3)
        shares = np.bincount(nearest(quantiles, centres), minlength=k) / MODES_ROWS
        if shares.min() >= SHARED_VALUE and valley(quantiles, centres) <= MODES_VALLEY:
            return True
    return False


def _coordinate(values: np.ndarray, feature: FeatureTransform, clip: float) -> np.ndarray:
    filled = np.where(np.isnan(values), feature.fill, values)
    scaled = ((_logged(filled) if feature.log else filled) - feature.center) / feature.scale
    clipped = np.clip(scaled, -clip, clip)
    return clipped if feature.weight == 1 else clipped * feature.weight


def _logged(values: np.ndarray) -> np.ndarray:
    """Return sign(x) ln(1 + abs(x)), computed in the same way as by the database engine."""
    return np.sign(values) * np.log(1.0 + np.abs(values))
