"""How separated would clusters look if there were no groups? The null reference for 06_segment_customers.

The reference is one cluster: each feature has the nearest single-peaked shape (with skew, long tails and values that
many customers share), and features depend on each other through a Gaussian correlation only. It follows SigClust (Liu,
Hayes, Nobel & Marron 2008, Journal of the American Statistical Association 103). SigClust's own reference, one Gaussian
with the data's covariance, would call every skewed continuum separated, and orders and spend are always skewed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from workbench.analysis.clustering.centres import sorted_rows
from workbench.analysis.clustering.methods import METHODS

__all__ = ["MOST_ROWS", "distance_matrix", "draw_one_cloud", "null_reference", "silhouettes", "single_peaked"]

ATOM_SHARE = 0.05  # values shared by at least this share of customers are kept unchanged
BINS = 40  # bins of the single-peaked histogram
MOST_ROWS = 1_500  # rows of one reference sample
QUANTILE_95 = 1.6448536269514722  # .95 quantile of a standard normal
CALIBRATIONS = 6  # iterations that fit the latent correlation to that of the data


def null_reference(
    points: np.ndarray,
    ks: Sequence[int],
    *,
    method: str = "kmeans",
    n_samples: int = 20,
    max_rows: int = MOST_ROWS,
    seed: int = 0,
) -> pd.DataFrame:
    """Cluster samples of the one-cluster reference and measure their silhouette, for each k.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, p), scaled features.
    ks : sequence of int
    method : str
        A name in ``methods.METHODS``; samples are clustered by the same method. For codes of levels the samples
        are rounded to codes.
    n_samples : int
        Samples of the reference, at least 5.
    max_rows : int
        Most rows of one sample.
    seed : int

    Returns
    -------
    pandas.DataFrame
        One row per k: k, null_mean, null_sd, null_high (mean + 1.645 standard deviations: the .95 quantile of a normal
        fitted to the samples' silhouettes, as in SigClust).
    """
    if not len(ks):
        return pd.DataFrame({name: pd.Series(dtype="float64") for name in ("k", "null_mean", "null_sd", "null_high")})
    rng = np.random.default_rng(seed)
    widths = np.zeros((n_samples, len(ks)))
    draw = _reference(sorted_rows(points), rng)
    clustering = METHODS[method]
    metric = "hamming" if clustering.space == "codes" else "euclidean"
    for at in range(n_samples):
        sample = draw(min(len(points), max_rows))
        sample = np.round(sample) if clustering.space == "codes" else sample
        start = int(rng.integers(2**31 - 1))
        distances = distance_matrix(sample, metric=metric)
        models = [clustering.fit(sample, k, n_restarts=clustering.starts, seed=start) for k in ks]
        widths[at] = silhouettes(distances, [clustering.place(model, sample) for model in models])
    mean, sd = widths.mean(axis=0), widths.std(axis=0, ddof=1)
    high = mean + QUANTILE_95 * sd
    return pd.DataFrame({"k": list(ks), "null_mean": mean, "null_sd": sd, "null_high": high}).round(6)


def distance_matrix(points: np.ndarray, *, metric: str = "euclidean") -> np.ndarray:
    """Return the distance of every pair of points, shape (n, n); ``hamming`` for codes of levels."""
    from scipy.spatial.distance import cdist  # noqa: PLC0415

    return cdist(points, points, metric)


def silhouettes(distances: np.ndarray, labellings: Sequence[np.ndarray]) -> list[float]:
    """Return each labelling's mean silhouette (Rousseeuw 1987, Journal of Computational and Applied Mathematics 20).

    Parameters
    ----------
    distances : numpy.ndarray
        Shape (n, n), from ``distance_matrix``; shared by all labellings.
    labellings : sequence of numpy.ndarray
        Each of shape (n,).

    Returns
    -------
    list of float
        In -1..1; 0 for a cluster of one, and for a labelling with fewer than two non-empty clusters.
    """
    clusters = [np.unique(labels, return_inverse=True, return_counts=True)[1:] for labels in labellings]
    indicators = np.concatenate([np.eye(len(sizes))[cluster] for cluster, sizes in clusters], axis=1)
    parts = np.split(distances @ indicators, np.cumsum([len(sizes) for _, sizes in clusters])[:-1], axis=1)
    return [_mean_width(sums, cluster, sizes) for sums, (cluster, sizes) in zip(parts, clusters, strict=True)]


def _mean_width(sums: np.ndarray, cluster: np.ndarray, sizes: np.ndarray) -> float:
    """Return the mean silhouette from the summed distances of each point to the members of each cluster."""
    if not 1 < len(sizes) < len(cluster):
        return 0.0
    rows, own_size = np.arange(len(cluster)), sizes[cluster]
    within = sums[rows, cluster] / np.maximum(own_size - 1, 1)
    between = sums / sizes
    between[rows, cluster] = np.inf
    nearest = between.min(axis=1)
    larger = np.maximum(within, nearest)
    width = np.divide(nearest - within, larger, out=np.zeros(len(rows)), where=(larger > 0) & (own_size > 1))
    return float(width.mean())


def draw_one_cloud(points: np.ndarray, n: int, *, seed: int = 0) -> np.ndarray:
    """Draw customers from the reference: single-peaked margins and correlations as in the data, no groups.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (m, p).
    n : int
        Rows to draw.
    seed : int

    Returns
    -------
    numpy.ndarray
        Shape (n, p).
    """
    return _reference(sorted_rows(points), np.random.default_rng(seed))(n)


def single_peaked(values: np.ndarray) -> np.ndarray:
    """Return a sorted sample of about the same size from the nearest single-peaked shape of a feature.

    Values of at least one in twenty customers are kept. The histogram of the other values is replaced by the nearest
    one (least squares) that increases up to one bin and decreases after it.

    Parameters
    ----------
    values : numpy.ndarray
        Shape (n,), no missing values.

    Returns
    -------
    numpy.ndarray
        Sorted values; deterministic.
    """
    unique, counts = np.unique(values, return_counts=True)
    is_shared = counts >= max(2, ATOM_SHARE * len(values))
    others = np.repeat(unique[~is_shared], counts[~is_shared])
    if len(others) < BINS or others[0] == others[-1]:
        return np.sort(values)
    heights, edges = np.histogram(others, bins=BINS)
    mass = _unimodal(heights.astype(float))
    drawn = np.interp((np.arange(len(others)) + 0.5) / len(others), np.r_[0, np.cumsum(mass)] / mass.sum(), edges)
    return np.sort(np.r_[np.repeat(unique[is_shared], counts[is_shared]), drawn])


def _unimodal(heights: np.ndarray) -> np.ndarray:
    from sklearn.isotonic import isotonic_regression  # noqa: PLC0415

    best, smallest = heights, np.inf
    for peak in range(1, len(heights) + 1):
        rising = isotonic_regression(heights[:peak])
        falling = isotonic_regression(heights[peak:], increasing=False) if peak < len(heights) else heights[peak:]
        fitted = np.r_[rising, falling]
        error = float(((fitted - heights) ** 2).sum())
        if error < smallest - 1e-9:
            best, smallest = fitted, error
    return best


def _reference(points: np.ndarray, rng: np.random.Generator) -> Callable[[int], np.ndarray]:
    """Return a function that draws n rows of the reference."""
    shapes = [single_peaked(column) for column in points.T]
    target = _correlation(points)
    latent, sample = target.copy(), rng.standard_normal((4_000, points.shape[1]))
    for _ in range(CALIBRATIONS):
        latent = _proper(latent + target - _correlation(_shaped(sample @ _root(latent), shapes)))
    root = _root(latent)
    return lambda n: _shaped(rng.standard_normal((n, points.shape[1])) @ root, shapes)


def _shaped(normal: np.ndarray, shapes: list[np.ndarray]) -> np.ndarray:
    """Map each column of a normal sample to the distribution of its feature, by rank."""
    ranks = normal.argsort(axis=0).argsort(axis=0)
    share = (ranks + 0.5) / len(normal)
    return np.column_stack([shape[(share[:, j] * len(shape)).astype(int)] for j, shape in enumerate(shapes)])


def _correlation(points: np.ndarray) -> np.ndarray:
    return np.atleast_2d(np.corrcoef(points, rowvar=False))


def _proper(matrix: np.ndarray) -> np.ndarray:
    """Return the nearest correlation matrix: no negative eigenvalue, ones on the diagonal."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    positive = (vectors * np.maximum(values, 1e-6)) @ vectors.T
    scale = np.sqrt(np.diag(positive))
    return positive / np.outer(scale, scale)


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
