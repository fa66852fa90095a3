"""Which groupings are compared? Several methods over a range of k, all measured alike, for 06_segment_customers.

``spaces_of`` converts the features into the form each method needs; ``search`` sweeps every method and adds the
one-cluster reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.clustering.latent_classes import Codes, encode, named_classes
from workbench.analysis.clustering.methods import METHODS
from workbench.analysis.clustering.null_model import MOST_ROWS, null_reference
from workbench.analysis.clustering.sweep import COSTLY_SAMPLE, Candidate, candidates_table, numbers_of_groups, sweep
from workbench.analysis.clustering.transforms import Transform, prepare
from workbench.core.errors import ProfileError, did_you_mean

__all__ = ["UNSUITED", "Search", "Spaces", "kept_model", "search", "spaces_of"]

UNSUITED = ("no_numbers", "no_categories", "no_levels")  # reasons why a method cannot use the features
MOST_WEIGHT = 2.0  # largest weight of a level's column; otherwise a category nearly all customers share would dominate


@dataclass(frozen=True)
class Spaces:
    """The customers as points, in each form that a method needs.

    Attributes
    ----------
    transform : Transform
        Transform of the numeric features.
    matrices : dict of pandas.DataFrame
        ``numbers``, ``mixed`` and ``codes``, each with one row per customer, indexed and sorted by customer_id;
        matrices without a column are left out.
    codes : Codes
        The levels of the categories (``mixed``) or of all features (``codes``).
    weights : dict of float
        Category to the scale of its columns in ``mixed``, so that the category counts as one scaled feature.
    dropped : dict of str
        Feature to the reason why no method uses it: constant, all_missing, infinite or all_different.
    """

    transform: Transform
    matrices: dict[str, pd.DataFrame]
    codes: Codes
    weights: dict[str, float] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)

    @property
    def matrix(self) -> pd.DataFrame:
        """The scaled numeric features."""
        return self.matrices.get("numbers", pd.DataFrame(index=self.codes.matrix.index))


@dataclass(frozen=True)
class Search:
    """All candidates with their reference.

    Attributes
    ----------
    candidates : tuple of Candidate
        By method in the order requested, then by k.
    null : pandas.DataFrame or None
        method, k, null_mean, null_sd, null_high; None without a candidate.
    skipped : dict of str
        Method to the reason why it was not tried: ``no_numbers``, ``no_categories``, ``no_levels`` or
        ``too_little_data``.
    """

    candidates: tuple[Candidate, ...]
    null: pd.DataFrame | None
    skipped: dict[str, str]

    @property
    def table(self) -> pd.DataFrame:
        """One row per method and k: candidate (its name), then the columns of ``candidates_table``."""
        table = candidates_table(self.candidates, self.null)
        if not table.empty:
            table.insert(0, "candidate", [candidate.name for candidate in self.candidates])
        return table

    def scan(self, method: str | None) -> pd.DataFrame:
        """Return the rows of one method; of the first one tried where ``method`` is None."""
        table = self.table
        return table if table.empty else table[table["method"] == (method or table["method"].iloc[0])]


# settings of the computing effort; other keys of the mapping are ignored
EFFORT = ("n_restarts", "n_bootstraps", "n_splits", "silhouette_sample", "costly_sample", "n_samples")


def spaces_of(
    features: pd.DataFrame,
    columns: Sequence[str],
    *,
    log_columns: Sequence[str] | None = None,
    scaling: str = "robust",
    weights: Mapping[str, float] | None = None,
) -> Spaces:
    """Convert features into the forms that the methods need.

    Parameters
    ----------
    features : pandas.DataFrame
        One row per customer: customer_id and ``columns``; numbers, flags or categories.
    columns : sequence of str
    log_columns : sequence of str, optional
        Numbers whose logarithm is taken; default: the skewed ones.
    scaling : {"robust", "standard"}
    weights : mapping, optional
        Feature to its weight, default 1. Latent classes ignore weights.

    Returns
    -------
    Spaces
        A category becomes one column per level (``column=level``), scaled so that the mean squared distance between two
        customers is that of one scaled feature; a missing value is 0 in all its columns. Levels beyond the twenty most
        frequent are pooled; a category with a distinct level for most customers is dropped.

    Raises
    ------
    DataError
        When a column is missing or customer_id repeats.
    """
    numeric = [name for name in columns if name not in features or _is_number(features[name])]
    categories = [name for name in columns if name not in numeric]
    log_numeric = None if log_columns is None else [name for name in log_columns if name in numeric]
    matrix, transform = prepare(features, numeric, log_columns=log_numeric, scaling=scaling, weights=weights)
    codes = encode(features, columns)
    level_columns, sizes = _level_columns(codes, [name for name in categories if name in codes.levels], weights or {})
    base = matrix if transform.features else pd.DataFrame(index=codes.matrix.index)
    matrices = {"numbers": matrix, "mixed": base.join(level_columns, how="left") if sizes else pd.DataFrame()}
    matrices["codes"] = codes.matrix
    nonempty = {name: frame for name, frame in matrices.items() if frame.shape[1]}
    dropped = transform.dropped | {name: reason for name, reason in codes.dropped.items() if name in categories}
    return Spaces(transform, nonempty, codes, sizes, dropped)


def search(
    spaces: Spaces,
    methods: Sequence[str],
    *,
    k: int | None = None,
    k_min: int = 2,
    k_max: int = 8,
    features: pd.DataFrame | None = None,
    effort: Mapping[str, int] | None = None,
    seed: int = 0,
) -> Search:
    """Sweep each method over the numbers of groups that the data supports.

    Parameters
    ----------
    spaces : Spaces
    methods : sequence of str
        Names in ``methods.METHODS``.
    k : int, optional
        The only number of groups to try.
    k_min, k_max : int
        The range to try where ``k`` is not given.
    features : pandas.DataFrame, optional
        As for ``clustering.sweep``.
    effort : mapping, optional
        n_restarts, n_bootstraps, n_splits, silhouette_sample, costly_sample of ``clustering.sweep``; n_samples of
        ``null_reference``.
    seed : int

    Returns
    -------
    Search
        Methods that cannot use the features are skipped: Gaussian mixtures without numbers, mixed types without a
        category, latent classes if every feature is a number with many values.

    Raises
    ------
    ProfileError
        When a method is unknown, or the bounds are out of range.
    """
    for name in methods:
        if name not in METHODS:
            raise ProfileError(f"methods: unknown method '{name}'. {did_you_mean(name, METHODS)}")
    options = {name: value for name, value in (effort or {}).items() if name in EFFORT}
    samples = {"n_samples": options.pop("n_samples")} if "n_samples" in options else {}
    row_limit = {"max_rows": min(MOST_ROWS, options.get("costly_sample", COSTLY_SAMPLE))}
    candidates: list[Candidate] = []
    nulls: list[pd.DataFrame] = []
    skipped: dict[str, str] = {}
    for name in methods:
        reason = _unsuited(spaces, METHODS[name].space)
        if reason:
            skipped[name] = reason
            continue
        matrix = spaces.matrices[METHODS[name].space]
        ks = numbers_of_groups(matrix, k_min=k or k_min, k_max=k or k_max)
        if not ks:
            skipped[name] = "too_little_data"
            continue
        candidates += sweep(matrix, ks, method=name, features=features, **options, seed=seed)
        rows = row_limit if METHODS[name].costly else {}
        null = null_reference(matrix.to_numpy(dtype=float), ks, method=name, **samples, **rows, seed=seed)
        nulls.append(null.assign(method=name))
    return Search(tuple(candidates), pd.concat(nulls, ignore_index=True) if nulls else None, skipped)


def kept_model(candidate: Candidate, spaces: Spaces) -> dict[str, Any]:
    """Return the model of a candidate as stored in a segment definition, with the names of features and levels.

    Parameters
    ----------
    candidate : Candidate
    spaces : Spaces
        The data it was fitted on.

    Returns
    -------
    dict
        JSON values. Centroids and gaussians use the transform's coordinates in their order; ``mixed`` adds
        ``categories``: {name: {levels, weight, pooled}}; their columns follow the numbers. Classes use levels.
    """
    if candidate.model["type"] == "classes":
        return named_classes(candidate.model, spaces.codes)
    if METHODS[candidate.method].space != "mixed":
        return dict(candidate.model)
    categories = {
        name: {"levels": list(spaces.codes.levels[name]), "weight": weight} for name, weight in spaces.weights.items()
    }
    return {**candidate.model, "categories": categories}


def _unsuited(spaces: Spaces, space: str) -> str:
    """Return why no method can use a space, or ""."""
    if space not in spaces.matrices:
        return "no_numbers" if space == "numbers" else "no_categories"
    if space == "codes" and set(spaces.codes.levels) <= spaces.codes.quartered:
        return "no_levels"
    return ""


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)


def _level_columns(
    codes: Codes, categories: Sequence[str], weights: Mapping[str, float]
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return one column per level, and the scale of each category's columns."""
    columns: dict[str, np.ndarray] = {}
    sizes: dict[str, float] = {}
    for name in categories:
        column_codes = codes.matrix[name].to_numpy()
        shares = np.bincount(column_codes[column_codes >= 0], minlength=len(codes.levels[name])) / max(
            (column_codes >= 0).sum(), 1
        )
        spread = max(1 - float((shares**2).sum()), 1e-9)
        sizes[name] = round(min(MOST_WEIGHT, spread**-0.5) * weights.get(name, 1.0), 6)
        columns |= {
            f"{name}={level}": (column_codes == code) * sizes[name] for code, level in enumerate(codes.levels[name])
        }
    return pd.DataFrame(columns, index=codes.matrix.index, dtype="float64"), sizes
