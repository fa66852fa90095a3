"""Evaluate the matching against known true identities: pairs found, missed and wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["evaluate_clusters"]

RESAMPLES = 500
LEVEL = 0.95


def evaluate_clusters(predicted: pd.Series, true: pd.Series, *, seed: int) -> dict[str, float]:
    """Compare predicted customers with true ones over pairs of records.

    Parameters
    ----------
    predicted, true : Series
        The customer of each record; records without a true identity (null) are left out.
    seed : int

    Returns
    -------
    dict
        pairs_found, pairs_true, pairs_right (counts); precision, recall, f1 (0 to 1, nan without pairs), each of the
        first two with ``_low`` and ``_high``: 95 % percentile bootstrap over predicted and over true customers, since
        the pairs of one customer are not independent.
    """
    labelled = pd.DataFrame({"found": predicted.to_numpy(), "true": true.to_numpy()}).dropna()
    overlap = labelled.groupby(["found", "true"], as_index=False).size()
    overlap["pairs"] = overlap["size"] * (overlap["size"] - 1) // 2
    rng = np.random.default_rng(seed)
    result: dict[str, float] = {}
    sides = {"precision": "found", "recall": "true"}
    for name, side in sides.items():
        sizes = labelled.groupby(side).size()
        all_pairs = (sizes * (sizes - 1) // 2).to_numpy()
        right = overlap.groupby(side)["pairs"].sum().reindex(sizes.index).to_numpy()
        has_pairs = all_pairs > 0
        low, high = _interval(right[has_pairs], all_pairs[has_pairs], rng)
        share = float(right.sum() / all_pairs.sum()) if all_pairs.sum() else float("nan")
        result |= {f"pairs_{side}": int(all_pairs.sum()), name: share, f"{name}_low": low, f"{name}_high": high}
    result["pairs_right"] = int(overlap["pairs"].sum())
    total = result["pairs_found"] + result["pairs_true"]
    result["f1"] = 2 * result["pairs_right"] / total if total else float("nan")
    return result


def _interval(right: np.ndarray, total: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Resample customers, grouped by equal counts to keep a million customers cheap."""
    if not len(total):
        return float("nan"), float("nan")
    kinds, counts = np.unique(np.column_stack([right, total]), axis=0, return_counts=True)
    draws = rng.multinomial(counts.sum(), counts / counts.sum(), size=RESAMPLES)
    shares = (draws @ kinds[:, 0]) / (draws @ kinds[:, 1])
    tail = (1 - LEVEL) / 2
    return float(np.quantile(shares, tail)), float(np.quantile(shares, 1 - tail))
