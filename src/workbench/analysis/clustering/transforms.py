"""On which scale are customers compared? Declared transforms of features, fitted once and kept (06_segment_customers).

Each feature is taken through ``log`` (sign(x) ln(1 + abs(x)), where asked for), filled where missing, centred, scaled
and clipped. The numbers used are kept in a ``Transform`` so that any later customer goes through the same ones.
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

CLIP = 5.0  # scaled units; a value further out counts as this far out
DECIMALS = 9  # of fitted numbers, so that results do not depend on the last digit
SKEW_LIMIT = 1.0  # skewness of a non-negative column above which its logarithm is taken
KNOWN_SHARE = 0.5  # share of the features that must be known for a customer to be placed
TAIL = 0.02  # share of customers on either side that does not count for the range
MODES_WEIGHT = 2.0  # a feature that alone falls apart into groups counts so many times as much
MODES_VALLEY = 0.2  # density between its groups, as a share of that at the emptier one
MOST_MODES = 5
MODES_ROWS = 1_000  # quantiles that stand for the feature
LEAST_FOR_MODES = 100  # customers
SHARED_VALUE = 0.05  # share of customers
RANGE_TO_SD = 4.107497821  # range between the 2 % and 98 % quantiles of a standard normal


@dataclass(frozen=True)
class FeatureTransform:
    """How one feature becomes a coordinate: (log(fill(x)) - center) / scale, clipped, times weight.

    Attributes
    ----------
    name : str
        Column of the features table.
    log : bool
        Whether sign(x) ln(1 + abs(x)) is taken first.
    fill : float
        What stands for a missing value, in the feature's own unit (the median).
    center, scale : float
        Subtracted and divided by, after the logarithm.
    filled : int
        Customers of the fit whose value was missing.
    weight : float
        How much the feature counts beside others; the clipped coordinate is multiplied by it.
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
    """The transforms of all features, and what was left out on the way.

    Attributes
    ----------
    features : tuple of FeatureTransform
    dropped : dict of str
        Column to reason: ``constant``, ``all_missing`` or ``infinite``.
    scaling : str
        ``robust`` (median, range of the middle 96 %) or ``standard`` (mean, standard deviation).
    min_known : int
        Features that must be known for a customer to be placed.
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
        """Names of the features that remain, in order."""
        return [each.name for each in self.features]

    def to_dict(self) -> dict[str, Any]:
        """Return the transform as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Transform:
        """Read back what ``to_dict`` gave."""
        features = tuple(FeatureTransform(**each) for each in content["features"])
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
        Columns whose logarithm is taken; default: those ``skewed_columns`` names.
    scaling : {"robust", "standard"}
        Median and the range between the 2 % and 98 % quantiles / 4.107, which is one standard deviation of a normal
        (standard deviation where that range is 0); or mean and standard deviation. Dividing by the range keeps the
        weight of features in which groups stand apart (Milligan & Cooper 1988, Journal of Classification 5).
        A feature that alone falls apart into two to five groups is centred on the middle of its range and counts
        double, so that the noise of the others does not hide them.
    clip : float
        Bound of a coordinate, in scaled units, > 0.
    weights : mapping, optional
        Feature to how much it counts; 1 where it is not named.

    Returns
    -------
    matrix : pandas.DataFrame
        One row per placed customer, indexed and sorted by customer_id, one float column per remaining feature.
        Missing values stand at the median. Customers of whom fewer than half of the features are known are left out.
    transform : Transform
        What was done; constant, all-missing and infinite columns are dropped there with the reason.

    Raises
    ------
    DataError
        When a column is missing or holds no numbers (all are listed), or customer_id repeats.
    """
    values = _numbers(features, columns)
    dropped = {name: reason for name in columns if (reason := _useless(values[name]))}
    kept = [name for name in columns if name not in dropped]
    min_known = max(1, int(np.ceil(KNOWN_SHARE * len(kept))))
    placed = values.loc[values[kept].notna().sum(axis=1) >= min_known, kept]
    logged = skewed_columns(placed, kept) if log_columns is None else list(log_columns)
    fitted = tuple(_fit(placed[name], log=name in logged, scaling=scaling) for name in kept) if len(placed) else ()
    fitted = tuple(replace(each, weight=float((weights or {}).get(each.name, 1.0))) for each in fitted)
    transform = Transform(fitted, dropped, scaling, min_known, float(clip), len(placed), len(values) - len(placed))
    return apply_transform(transform, features), transform


def apply_transform(transform: Transform, features: pd.DataFrame) -> pd.DataFrame:
    """Take customers through a fitted transform.

    Parameters
    ----------
    transform : Transform
        As ``prepare`` fitted it.
    features : pandas.DataFrame
        One row per customer: customer_id and the transform's columns.

    Returns
    -------
    pandas.DataFrame
        Coordinates of the customers with enough known features, indexed and sorted by customer_id; within +-``clip``.

    Raises
    ------
    DataError
        When a column is missing or holds no numbers.
    """
    values = _numbers(features, transform.columns)
    placed = values[values.notna().sum(axis=1) >= transform.min_known]
    found = coordinates(transform, {name: placed[name].to_numpy() for name in transform.columns})
    done = dict(zip(transform.columns, found, strict=True))
    return pd.DataFrame(done, index=placed.index, columns=transform.columns, dtype="float64")


def coordinates(transform: Transform, columns: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return the coordinate of each feature, in order; a missing value stands at the fit's fill."""
    return [_coordinate(columns[each.name], each, transform.clip) for each in transform.features]


def skewed_columns(features: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Name the columns whose logarithm makes customers comparable: non-negative and skewed to the right.

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
    """Take the columns as floats by customer_id, refusing what is missing, repeated or no number."""
    faults = [
        Fault("features", f"column '{name}' is not there", remedy=did_you_mean(name, features.columns))
        for name in ("customer_id", *columns)
        if name not in features.columns
    ]
    faults += [
        Fault("features", f"column '{name}' holds {features[name].dtype}", "numbers", "Leave it out of the list.")
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
    known = values.dropna()
    if known.empty:
        return "all_missing"
    if np.isinf(known).any():
        return "infinite"
    return "constant" if known.nunique() == 1 else ""


def _fit(values: pd.Series, *, log: bool, scaling: str) -> FeatureTransform:
    fill = float(values.median())
    coordinate = _logged(values.fillna(fill).to_numpy()) if log else values.fillna(fill).to_numpy()
    low, middle, high = np.quantile(coordinate, [TAIL, 0.5, 1 - TAIL])
    spread = (high - low) / RANGE_TO_SD
    if scaling == "robust" and _has_separate_modes(coordinate):
        middle, spread = (low + high) / 2, spread / MODES_WEIGHT
    if scaling == "standard" or spread <= 0:
        middle, spread = coordinate.mean(), coordinate.std()
    numbers = (round(float(x), DECIMALS) for x in (fill, middle, max(spread, 10.0**-DECIMALS)))
    return FeatureTransform(str(values.name), log, *numbers, filled=int(values.isna().sum()))


def _has_separate_modes(values: np.ndarray) -> bool:
    """Say whether a feature alone falls apart into two to five groups with (nearly) nobody between them.

    Features in which many customers share a value (counts, flags) are not asked: their gaps are the measurement's own.
    """
    _, copies = np.unique(values, return_counts=True)
    if len(values) < LEAST_FOR_MODES or copies.max() >= SHARED_VALUE * len(values):
        return False
    line = np.quantile(values, (np.arange(MODES_ROWS) + 0.5) / MODES_ROWS)[:, None]
    for k in range(2, MOST_MODES + 1):
        centres = fit_centres(line, k, n_restarts=3)
        shares = np.bincount(nearest(line, centres), minlength=k) / MODES_ROWS
        if shares.min() >= SHARED_VALUE and valley(line, centres) <= MODES_VALLEY:
            return True
    return False


def _coordinate(values: np.ndarray, how: FeatureTransform, clip: float) -> np.ndarray:
    filled = np.where(np.isnan(values), how.fill, values)
    scaled = ((_logged(filled) if how.log else filled) - how.center) / how.scale
    clipped = np.clip(scaled, -clip, clip)
    return clipped if how.weight == 1 else clipped * how.weight


def _logged(values: np.ndarray) -> np.ndarray:
    """Take sign(x) ln(1 + abs(x)); written as the database writes it."""
    return np.sign(values) * np.log(1.0 + np.abs(values))
