"""How good the matching is, where the true identities are known: pairs found, missed and made up."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["evaluate_clusters"]

RESAMPLES = 500
LEVEL = 0.95


def evaluate_clusters(found: pd.Series, true: pd.Series, *, seed: int) -> dict[str, float]:
    """Compare found customers with true ones over pairs of records.

    Parameters
    ----------
    found, true : Series
        The customer of each record; records without a true identity (null) are left out.
    seed : int

    Returns
    -------
    dict
        pairs_found, pairs_true, pairs_right (counts); precision, recall, f1 (0 to 1, nan without pairs), each of the
        first two with ``_low`` and ``_high``: 95 % percentile bootstrap over found and over true customers, since the
        pairs of one customer stand or fall together.
    """
    known = pd.DataFrame({"found": found.to_numpy(), "true": true.to_numpy()}).dropna()
    both = known.groupby(["found", "true"], as_index=False).size()
    both["pairs"] = both["size"] * (both["size"] - 1) // 2
    rng = np.random.default_rng(seed)
    result: dict[str, float] = {}
    sides = {"precision": "found", "recall": "true"}
    for name, side in sides.items():
        sizes = known.groupby(side).size()
        all_pairs = (sizes * (sizes - 1) // 2).to_numpy()
        right = both.groupby(side)["pairs"].sum().reindex(sizes.index).to_numpy()
        some = all_pairs > 0
        low, high = _interval(right[some], all_pairs[some], rng)
        share = float(right.sum() / all_pairs.sum()) if all_pairs.sum() else float("nan")
        result |= {f"pairs_{side}": int(all_pairs.sum()), name: share, f"{name}_low": low, f"{name}_high": high}
    result["pairs_right"] = int(both["pairs"].sum())
    total = result["pairs_found"] + result["pairs_true"]
    result["f1"] = 2 * result["pairs_right"] / total if total else float("nan")
    return result


def _interval(right: np.ndarray, total: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Resample customers; equal ones are counted once, so that a million are no more than their kinds."""
    if not len(total):
        return float("nan"), float("nan")
    kinds, counts = np.unique(np.column_stack([right, total]), axis=0, return_counts=True)
    draws = rng.multinomial(counts.sum(), counts / counts.sum(), size=RESAMPLES)
    shares = (draws @ kinds[:, 0]) / (draws @ kinds[:, 1])
    tail = (1 - LEVEL) / 2
    return float(np.quantile(shares, tail)), float(np.quantile(shares, 1 - tail))
