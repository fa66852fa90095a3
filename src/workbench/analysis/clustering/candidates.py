"""Which groupings are tried, on which points? Several methods over a range of k, all measured alike, for notebook 06.

``spaces_of`` brings the features into the form each method works on; ``search`` sweeps every method and puts the
reference of one cloud beside it.
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

UNSUITED = ("no_numbers", "no_categories", "no_levels")  # why features do not suit a method
MOST_WEIGHT = 2.0  # of a level's column; a category nearly all share would otherwise be all that counts


@dataclass(frozen=True)
class Spaces:
    """The customers as points, once for each form that a method asks for.

    Attributes
    ----------
    transform : Transform
        Of the numeric features.
    matrices : dict of pandas.DataFrame
        ``numbers``, ``mixed`` and ``codes``, each one row per customer, indexed and sorted by customer_id; those
        without a column are left out.
    codes : Codes
        The levels of the categories (``mixed``) or of all features (``codes``).
    weights : dict of float
        Category to the size of its columns in ``mixed``: the category counts as one scaled feature.
    dropped : dict of str
        Feature to the reason that no method uses it: constant, all_missing, infinite or all_different.
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
        By method in the order asked for, then by k.
    null : pandas.DataFrame or None
        method, k, null_mean, null_sd, null_high; None where nothing could be tried.
    skipped : dict of str
        Method to the reason it was not tried: ``no_numbers``, ``no_categories``, ``no_levels`` or ``too_little_data``.
    """

    candidates: tuple[Candidate, ...]
    null: pd.DataFrame | None
    skipped: dict[str, str]

    @property
    def table(self) -> pd.DataFrame:
        """One row per method and k: candidate (its name), then as ``candidates_table`` gives it."""
        table = candidates_table(self.candidates, self.null)
        if not table.empty:
            table.insert(0, "candidate", [each.name for each in self.candidates])
        return table

    def scan(self, method: str | None) -> pd.DataFrame:
        """Return the rows of one method; of the first that was tried where it is None."""
        table = self.table
        return table if table.empty else table[table["method"] == (method or table["method"].iloc[0])]


# what a caller may spend: of a mapping with more keys these are read
EFFORT = ("n_restarts", "n_bootstraps", "n_splits", "silhouette_sample", "costly_sample", "n_samples")


def spaces_of(
    features: pd.DataFrame,
    columns: Sequence[str],
    *,
    log_columns: Sequence[str] | None = None,
    scaling: str = "robust",
    weights: Mapping[str, float] | None = None,
) -> Spaces:
    """Bring features into the forms that the methods work on.

    Parameters
    ----------
    features : pandas.DataFrame
        One row per customer: customer_id and ``columns``; numbers, flags or categories.
    columns : sequence of str
    log_columns : sequence of str, optional
        Numbers whose logarithm is taken; default: the skewed ones.
    scaling : {"robust", "standard"}
    weights : mapping, optional
        Feature to how much it counts beside the others; 1 where it is not named. Latent classes do not weigh.

    Returns
    -------
    Spaces
        A category becomes one column per level (``column=level``), sized so that the category's mean squared distance
        between two customers is that of one scaled feature; unknown is a level of its own with no column set. Levels
        beyond the twenty most frequent are pooled; a category in which most customers have a level of their own is
        dropped.

    Raises
    ------
    DataError
        When a column is missing or customer_id repeats.
    """
    numeric = [name for name in columns if name not in features or _is_number(features[name])]
    categories = [name for name in columns if name not in numeric]
    logged = None if log_columns is None else [name for name in log_columns if name in numeric]
    matrix, transform = prepare(features, numeric, log_columns=logged, scaling=scaling, weights=weights)
    codes = encode(features, columns)
    shown, sizes = _level_columns(codes, [name for name in categories if name in codes.levels], weights or {})
    base = matrix if transform.features else pd.DataFrame(index=codes.matrix.index)
    found = {"numbers": matrix, "mixed": base.join(shown, how="left") if sizes else pd.DataFrame()}
    found["codes"] = codes.matrix
    kept = {name: frame for name, frame in found.items() if frame.shape[1]}
    dropped = transform.dropped | {name: why for name, why in codes.dropped.items() if name in categories}
    return Spaces(transform, kept, codes, sizes, dropped)


def search(
    spaces: Spaces,
    methods: Sequence[str],
    *,
    k_min: int = 2,
    k_max: int = 8,
    features: pd.DataFrame | None = None,
    effort: Mapping[str, int] | None = None,
    seed: int = 0,
) -> Search:
    """Sweep each method over the numbers of groups that the data can bear.

    Parameters
    ----------
    spaces : Spaces
    methods : sequence of str
        Names in ``methods.METHODS``.
    k_min, k_max : int
    features : pandas.DataFrame, optional
        As for ``clustering.sweep``.
    effort : mapping, optional
        n_restarts, n_bootstraps, n_splits, silhouette_sample, costly_sample of ``clustering.sweep``; n_samples of
        ``null_reference``.
    seed : int

    Returns
    -------
    Search
        A method that the features do not suit is skipped: Gaussian clouds without numbers, mixed types without a
        category, latent classes where every feature is a number of many values, which would have to be cut first.

    Raises
    ------
    ProfileError
        When a method is unknown, or the bounds are out of range.
    """
    for name in methods:
        if name not in METHODS:
            raise ProfileError(f"methods: unknown method '{name}'. {did_you_mean(name, METHODS)}")
    asked = {name: value for name, value in (effort or {}).items() if name in EFFORT}
    samples = {"n_samples": asked.pop("n_samples")} if "n_samples" in asked else {}
    most = {"most_rows": min(MOST_ROWS, asked.get("costly_sample", COSTLY_SAMPLE))}
    candidates, nulls, skipped = [], [], {}
    for name in methods:
        why_not = _unsuited(spaces, METHODS[name].space)
        if why_not:
            skipped[name] = why_not
            continue
        matrix = spaces.matrices[METHODS[name].space]
        ks = numbers_of_groups(matrix, k_min=k_min, k_max=k_max)
        if not ks:
            skipped[name] = "too_little_data"
            continue
        candidates += sweep(matrix, ks, method=name, features=features, **asked, seed=seed)
        rows = most if METHODS[name].costly else {}
        null = null_reference(matrix.to_numpy(dtype=float), ks, method=name, **samples, **rows, seed=seed)
        nulls.append(null.assign(method=name))
    return Search(tuple(candidates), pd.concat(nulls, ignore_index=True) if nulls else None, skipped)


def kept_model(candidate: Candidate, spaces: Spaces) -> dict[str, Any]:
    """Return the model of a candidate as a segment definition keeps it: by the names of features and levels.

    Parameters
    ----------
    candidate : Candidate
    spaces : Spaces
        What it was fitted on.

    Returns
    -------
    dict
        JSON values. Centroids and gaussians stand on the transform's coordinates in their order; ``mixed`` adds
        ``categories``: {name: {levels, weight, pooled}}, whose columns follow the numbers'. Classes stand on levels.
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
    """Say why no method can work on a space, or nothing where one can."""
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
    """Return one column per level, and the size of each category's columns."""
    columns, sizes = {}, {}
    for name in categories:
        own = codes.matrix[name].to_numpy()
        shares = np.bincount(own[own >= 0], minlength=len(codes.levels[name])) / max((own >= 0).sum(), 1)
        spread = max(1 - float((shares**2).sum()), 1e-9)
        sizes[name] = round(min(MOST_WEIGHT, spread**-0.5) * weights.get(name, 1.0), 6)
        columns |= {f"{name}={level}": (own == at) * sizes[name] for at, level in enumerate(codes.levels[name])}
    return pd.DataFrame(columns, index=codes.matrix.index, dtype="float64"), sizes
