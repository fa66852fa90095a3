"""How separated would customers look if there were no groups? The reference for 06_segment_customers.

The reference is one cloud: each feature keeps its own shape as long as it is single-peaked (skew, long tails, values
that many customers share), and features hang together through one Gaussian correlation only. It follows SigClust
(Liu, Hayes, Nobel & Marron 2008, Journal of the American Statistical Association 103), whose reference is one
Gaussian with the data's covariance; that reference calls every skewed continuum separated, which orders and spend
always are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.analysis.clustering.centres import sorted_rows
from workbench.analysis.clustering.methods import METHODS

__all__ = ["MOST_ROWS", "distance_matrix", "draw_one_cloud", "null_reference", "silhouettes", "single_peaked"]

ATOM_SHARE = 0.05  # a value that at least this share of customers have is kept as it is
BINS = 40  # of the single-peaked histogram
MOST_ROWS = 1_500  # rows of one reference sample
QUANTILE_95 = 1.6448536269514722  # of a standard normal
CALIBRATIONS = 6  # rounds in which the latent correlation is brought to the data's own


def null_reference(
    points: np.ndarray,
    ks: Sequence[int],
    *,
    method: str = "kmeans",
    n_samples: int = 20,
    most_rows: int = MOST_ROWS,
    seed: int = 0,
) -> pd.DataFrame:
    """Cluster samples of one cloud and measure their silhouette, for each k.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, p), scaled features.
    ks : sequence of int
    method : str
        A name in ``methods.METHODS``; the cloud is grouped as the customers were. Codes of levels are drawn with their
        own shares and one correlation, rounded to codes.
    n_samples : int
        Samples of the reference, at least 5.
    most_rows : int
        Rows of one sample, at most.
    seed : int

    Returns
    -------
    pandas.DataFrame
        One row per k: k, null_mean, null_sd, null_high (mean + 1.645 standard deviations: the .95 quantile of a normal
        fitted to the samples' silhouettes, as SigClust does).
    """
    if not len(ks):
        return pd.DataFrame({name: pd.Series(dtype="float64") for name in ("k", "null_mean", "null_sd", "null_high")})
    rng = np.random.default_rng(seed)
    found = np.zeros((n_samples, len(ks)))
    draw = _cloud(sorted_rows(points), rng)
    how = METHODS[method]
    metric = "hamming" if how.space == "codes" else "euclidean"
    for turn in range(n_samples):
        cloud = draw(min(len(points), most_rows))
        cloud = np.round(cloud) if how.space == "codes" else cloud
        start = int(rng.integers(2**31 - 1))
        apart = distance_matrix(cloud, metric=metric)
        models = [how.fit(cloud, k, n_restarts=how.starts, seed=start) for k in ks]
        found[turn] = silhouettes(apart, [how.place(model, cloud) for model in models])
    mean, spread = found.mean(axis=0), found.std(axis=0, ddof=1)
    frame = pd.DataFrame(
        {"k": list(ks), "null_mean": mean, "null_sd": spread, "null_high": mean + QUANTILE_95 * spread}
    )
    return frame.round(6)


def distance_matrix(points: np.ndarray, *, metric: str = "euclidean") -> np.ndarray:
    """Return the distance of every pair of points, shape (n, n); ``hamming`` for codes of levels."""
    from scipy.spatial.distance import cdist  # noqa: PLC0415

    return cdist(points, points, metric)


def silhouettes(apart: np.ndarray, labellings: Sequence[np.ndarray]) -> list[float]:
    """Return each labelling's mean silhouette (Rousseeuw 1987, Journal of Computational and Applied Mathematics 20).

    Parameters
    ----------
    apart : numpy.ndarray
        Shape (n, n), as ``distance_matrix`` gives it: measured once, and summed in one pass for all labellings.
    labellings : sequence of numpy.ndarray
        Each of shape (n,).

    Returns
    -------
    list of float
        In -1..1; the silhouette of a cluster of one is 0, and so is that of fewer than two inhabited clusters.
    """
    clusters = [np.unique(labels, return_inverse=True, return_counts=True)[1:] for labels in labellings]
    shown = np.concatenate([np.eye(len(sizes))[place] for place, sizes in clusters], axis=1)
    parts = np.split(apart @ shown, np.cumsum([len(sizes) for _, sizes in clusters])[:-1], axis=1)
    return [_mean_width(sums, place, sizes) for sums, (place, sizes) in zip(parts, clusters, strict=True)]


def _mean_width(sums: np.ndarray, place: np.ndarray, sizes: np.ndarray) -> float:
    """Return the mean silhouette from the summed distances of each point to the members of each cluster."""
    if not 1 < len(sizes) < len(place):
        return 0.0
    rows, own_size = np.arange(len(place)), sizes[place]
    own = sums[rows, place] / np.maximum(own_size - 1, 1)
    others = sums / sizes
    others[rows, place] = np.inf
    nearest = others.min(axis=1)
    larger = np.maximum(own, nearest)
    width = np.divide(nearest - own, larger, out=np.zeros(len(rows)), where=(larger > 0) & (own_size > 1))
    return float(width.mean())


def draw_one_cloud(points: np.ndarray, n: int, *, seed: int = 0) -> np.ndarray:
    """Draw customers from the reference: the data's single-peaked margins and correlations, no groups.

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
    return _cloud(sorted_rows(points), np.random.default_rng(seed))(n)


def single_peaked(values: np.ndarray) -> np.ndarray:
    """Return a sorted sample, about as long, from the nearest single-peaked shape of a feature.

    Values that at least one in twenty customers share stay as they are. Of the rest, a histogram is brought to the
    nearest one (least squares) that rises to one bin and falls after it.

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
    kept = counts >= max(2, ATOM_SHARE * len(values))
    rest = np.repeat(unique[~kept], counts[~kept])
    if len(rest) < BINS or rest[0] == rest[-1]:
        return np.sort(values)
    heights, edges = np.histogram(rest, bins=BINS)
    mass = _unimodal(heights.astype(float))
    places = np.interp((np.arange(len(rest)) + 0.5) / len(rest), np.r_[0, np.cumsum(mass)] / mass.sum(), edges)
    return np.sort(np.r_[np.repeat(unique[kept], counts[kept]), places])


def _unimodal(heights: np.ndarray) -> np.ndarray:
    from sklearn.isotonic import isotonic_regression  # noqa: PLC0415

    best, least = heights, np.inf
    for peak in range(1, len(heights) + 1):
        up = isotonic_regression(heights[:peak])
        down = isotonic_regression(heights[peak:], increasing=False) if peak < len(heights) else heights[peak:]
        fitted = np.r_[up, down]
        error = float(((fitted - heights) ** 2).sum())
        if error < least - 1e-9:
            best, least = fitted, error
    return best


def _cloud(points: np.ndarray, rng: np.random.Generator):
    """Return a function that draws n rows of the reference."""
    shapes = [single_peaked(column) for column in points.T]
    wanted = _correlation(points)
    latent, trial = wanted.copy(), rng.standard_normal((4_000, points.shape[1]))
    for _ in range(CALIBRATIONS):
        latent = _proper(latent + wanted - _correlation(_shaped(trial @ _root(latent), shapes)))
    root = _root(latent)
    return lambda n: _shaped(rng.standard_normal((n, points.shape[1])) @ root, shapes)


def _shaped(normal: np.ndarray, shapes: list[np.ndarray]) -> np.ndarray:
    """Give each column of a normal sample the shape of its feature, rank by rank."""
    ranks = normal.argsort(axis=0).argsort(axis=0)
    share = (ranks + 0.5) / len(normal)
    return np.column_stack([shape[(share[:, j] * len(shape)).astype(int)] for j, shape in enumerate(shapes)])


def _correlation(points: np.ndarray) -> np.ndarray:
    return np.atleast_2d(np.corrcoef(points, rowvar=False))


def _proper(matrix: np.ndarray) -> np.ndarray:
    """Return the matrix as a correlation matrix: no negative eigenvalue, ones on the diagonal."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    mended = (vectors * np.maximum(values, 1e-6)) @ vectors.T
    scale = np.sqrt(np.diag(mended))
    return mended / np.outer(scale, scale)


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
