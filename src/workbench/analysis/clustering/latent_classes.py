"""Which kinds of answers go together? Latent class analysis of categories, for 06_segment_customers and surveys.

Each class has a probability for every level of every variable, independent of the other variables (Lazarsfeld & Henry
1968, Latent structure analysis). It is fitted by expectation-maximisation (EM) over distinct rows, so that 100,000
customers with the same answers take no longer than one. stepmix gives the same fit
(tests/unit/analysis/test_latent_classes.py) but takes .7 s instead of 10 ms, and the sweep makes some hundred fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from workbench.core.errors import DataError, Fault, did_you_mean

__all__ = ["UNKNOWN_LEVEL", "Codes", "class_scores", "encode", "fit_classes", "named_classes"]

UNKNOWN_LEVEL = -1
MOST_LEVELS = 20  # further levels are pooled into OTHER
MOST_DISTINCT = 12  # a number with more distinct values is cut at its quartiles
OTHER = "(other)"
IDENTIFYING_SHARE = 0.5  # distinct levels per customer above which a category identifies customers
MOST_ROUNDS = 500
TOLERANCE = 1e-6  # gain in mean log-likelihood at which a fit has converged
SMOOTHING = 0.5  # pseudo-customers per variable and class, distributed as in the base, so that no probability is 0
DECIMALS = 9
SCORE_DECIMALS = 9


@dataclass(frozen=True)
class Codes:
    """Categories as small integers.

    Attributes
    ----------
    matrix : pandas.DataFrame
        One row per customer, indexed and sorted by customer_id; codes from 0, -1 where unknown.
    levels : dict
        Variable to its levels, in the order of the codes.
    cuts : dict
        Numeric variable to its cut points: the level is the number of cut points at or below the value.
    dropped : dict
        Variable to the reason it was dropped: all_missing, constant or all_different.
    quartered : frozenset of str
        Numbers with many values, cut at their quartiles.
    """

    matrix: pd.DataFrame
    levels: dict[str, list[str]]
    cuts: dict[str, list[float]]
    dropped: dict[str, str]
    quartered: frozenset[str] = frozenset()


def encode(features: pd.DataFrame, columns: Sequence[str], *, most_levels: int = MOST_LEVELS) -> Codes:
    """Encode categories, flags and numbers as codes.

    Parameters
    ----------
    features : pandas.DataFrame
        One row per customer: customer_id and ``columns``.
    columns : sequence of str
        Text keeps its levels, the rarest beyond ``most_levels`` pooled into ``(other)``; flags are numbers 0 and 1;
        numbers with at most twelve values keep them as levels, others are cut at their quartiles.
    most_levels : int

    Returns
    -------
    Codes

    Raises
    ------
    DataError
        When a column is missing.
    """
    faults = [
        Fault("features", f"column '{name}' is missing", remedy=did_you_mean(name, features.columns))
        for name in columns
        if name not in features.columns
    ]
    if faults:
        raise DataError(faults)
    table = features.set_index("customer_id")[list(columns)].sort_index()
    codes, levels, cuts, dropped = {}, {}, {}, {}
    for name in columns:
        text, value_cuts = _as_levels(table[name])
        values = text.dropna()
        if values.nunique() < 2:  # noqa: PLR2004
            dropped[name] = "all_missing" if values.empty else "constant"
            continue
        if values.nunique() > max(most_levels, IDENTIFYING_SHARE * len(values)):
            dropped[name] = "all_different"
            continue
        if value_cuts:
            cuts[name] = value_cuts
        codes[name], levels[name] = _to_codes(text, most_levels)
    quartered = frozenset(name for name in cuts if table[name].nunique() > MOST_DISTINCT)
    return Codes(pd.DataFrame(codes, index=table.index, dtype="int64"), levels, cuts, dropped, quartered)


def fit_classes(codes: np.ndarray, k: int, *, n_restarts: int = 10, seed: int = 0) -> dict[str, object]:
    """Fit k latent classes by expectation-maximisation, best of several random starts.

    Parameters
    ----------
    codes : numpy.ndarray
        Shape (n, p), integers from 0, -1 where unknown (left out of the likelihood).
    k, n_restarts, seed : int

    Returns
    -------
    dict
        type ``classes``; weights (k); probabilities, one (levels, k) table per variable; log_likelihood (per customer).
        Largest class first; ties by the probabilities. Row order does not matter.
    """
    rows, counts = np.unique(codes.astype(np.int64), axis=0, return_counts=True)
    sizes = np.maximum(rows.max(axis=0) + 1, 1)
    indicators = _one_hot(rows, sizes)
    prior = SMOOTHING * _normalised(counts @ indicators, sizes) / counts.sum()
    rng = np.random.default_rng(seed)
    starts = [rng.dirichlet(np.ones(k), len(indicators)) for _ in range(n_restarts)]
    fits = [_run_em(indicators, counts / counts.sum(), prior, sizes, start) for start in starts]
    weights, table, log_likelihood = max(fits, key=lambda fit: round(fit[2], DECIMALS))
    order = np.lexsort((*np.round(table, 6).T[::-1], -np.round(weights, 6)))
    tables = np.split(np.round(table[order].T, DECIMALS), np.cumsum(sizes)[:-1])
    return {
        "type": "classes",
        "weights": np.round(weights[order], DECIMALS).tolist(),
        "probabilities": [part.tolist() for part in tables],
        "log_likelihood": round(float(log_likelihood), DECIMALS),
    }


def class_scores(model: Mapping[str, Any], codes: np.ndarray) -> np.ndarray:
    """Return the log of the class weight times the probability of each customer's levels, by class.

    Parameters
    ----------
    model : mapping
        From ``fit_classes``.
    codes : numpy.ndarray
        Shape (n, p); unknown (-1) and unseen codes are ignored.

    Returns
    -------
    numpy.ndarray
        Shape (n, k), rounded to nine decimals, so that ties are the same on every machine.
    """
    total = np.tile(np.log(np.maximum(model["weights"], 1e-12)), (len(codes), 1))
    for column, table in enumerate(model["probabilities"]):
        logs = np.vstack(
            [np.log(np.maximum(table, 1e-12)), np.zeros(len(model["weights"]))]
        )  # the last row is for ignored codes
        column_codes = codes[:, column].astype(np.int64)
        total += logs[np.where((column_codes < 0) | (column_codes >= len(table)), len(table), column_codes)]
    return np.round(total, SCORE_DECIMALS)


def named_classes(model: Mapping[str, Any], codes: Codes) -> dict[str, Any]:
    """Return the model as stored in a segment definition, with the names of variables and levels.

    Parameters
    ----------
    model : mapping
        From ``fit_classes``.
    codes : Codes
        The data it was fitted on.

    Returns
    -------
    dict
        type, weights, variables ({name: {level: probability by class}}), cuts ({name: cuts of a number}), unseen
        (``ignore``: unseen levels are ignored).
    """
    variables = {
        name: {level: list(row) for level, row in zip(codes.levels[name], table, strict=False)}
        for name, table in zip(codes.matrix.columns, model["probabilities"], strict=True)
    }
    cuts = {name: list(variable_cuts) for name, variable_cuts in codes.cuts.items()}
    return {
        "type": "classes",
        "weights": list(model["weights"]),
        "variables": variables,
        "cuts": cuts,
        "unseen": "ignore",
    }


def _as_levels(values: pd.Series) -> tuple[pd.Series, list[float]]:
    """Return the values as text levels, and the cut points of a number."""
    if not pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return values.astype("object").where(values.notna(), None).map(lambda x: None if x is None else str(x)), []
    numbers = values.astype("float64").where(np.isfinite)
    present = numbers.dropna()
    if present.nunique() <= MOST_DISTINCT:
        cuts = [float(x) for x in np.unique(present)[1:]]
    else:
        cuts = sorted({round(float(x), 6) for x in present.quantile([0.25, 0.5, 0.75])} - {float(present.min())})
    level = np.searchsorted(cuts, numbers.to_numpy(), side="right")
    return pd.Series(level, index=values.index).astype("str").where(numbers.notna(), None).astype("object"), cuts


def _to_codes(text: pd.Series, most_levels: int) -> tuple[np.ndarray, list[str]]:
    counts = text.value_counts()
    ranked = sorted(counts.index, key=lambda level: (-counts[level], level))
    frequent = sorted(ranked[:most_levels])
    levels = [*frequent, OTHER] if len(ranked) > most_levels else frequent
    code_of = {level: code for code, level in enumerate(frequent)}
    codes = text.map(code_of).astype("float64")
    codes = codes.where(codes.notna() | text.isna(), float(len(frequent)))
    return codes.fillna(UNKNOWN_LEVEL).astype("int64").to_numpy(), levels


def _one_hot(rows: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    starts = np.r_[0, np.cumsum(sizes)[:-1]]
    indicators = np.zeros((len(rows), int(sizes.sum())))
    row, column = np.nonzero(rows >= 0)
    indicators[row, starts[column] + rows[row, column]] = 1.0
    return indicators


def _normalised(mass: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Normalise the masses of levels within each variable, along the last axis."""
    starts = np.r_[0, np.cumsum(sizes)[:-1]]
    totals = np.add.reduceat(mass, starts, axis=-1)
    divisors = np.repeat(np.where(totals > 0, totals, 1.0), sizes, axis=-1)
    return mass / divisors


def _run_em(
    indicators: np.ndarray, shares: np.ndarray, prior: np.ndarray, sizes: np.ndarray, membership: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Run EM from one start until the likelihood converges.

    Returns weights (k), probabilities (k, levels) and the mean log-likelihood.
    """
    previous = -np.inf
    for _ in range(MOST_ROUNDS):
        mass = membership * shares[:, None]
        weights = mass.sum(axis=0)
        table = _normalised(mass.T @ indicators + prior, sizes)
        joint = indicators @ np.log(np.maximum(table, 1e-12)).T + np.log(np.maximum(weights, 1e-12))
        top = joint.max(axis=1, keepdims=True)
        likelihood = np.exp(joint - top)
        evidence = likelihood.sum(axis=1, keepdims=True)
        membership = likelihood / evidence
        log_likelihood = float(shares @ (np.log(evidence) + top)[:, 0])
        if log_likelihood - previous < TOLERANCE:
            break
        previous = log_likelihood
    return weights, table, log_likelihood
