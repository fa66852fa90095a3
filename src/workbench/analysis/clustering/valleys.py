"""Is there a gap between neighbouring groups? The density between their centres (06_segment_customers)."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from workbench.analysis.clustering.centres import nearest

__all__ = ["valley"]

BAND = 0.1  # half width of the bands for densities, as a share of the distance between the centres


def valley(points: np.ndarray, centres: np.ndarray, labels: np.ndarray | None = None) -> float:
    """Measure the density between the least separated pair of clusters.

    The members of a pair are projected on the line through its centres. The density half way is divided by the lower
    of the densities at the two centres. In a continuum with one peak the density between two points is at least the
    lower of the two, so the ratio is about 1 or more; between separate groups it is near 0.

    Parameters
    ----------
    points : numpy.ndarray
        Shape (n, p).
    centres : numpy.ndarray
        Shape (k, p), k >= 2.
    labels : numpy.ndarray, optional
        Shape (n,), 0..k-1; default: the nearest centre.

    Returns
    -------
    float
        The largest ratio over all pairs, >= 0.
    """
    labels = nearest(points, centres) if labels is None else labels
    pairs = combinations(range(len(centres)), 2)
    return max(_pair_valley(points[np.isin(labels, pair)], *centres[list(pair)]) for pair in pairs)


def _pair_valley(members: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    line = second - first
    length = float(line @ line)
    if length == 0 or not len(members):
        return 1.0
    position = (members - first) @ line / length  # 0 at the first centre, 1 at the second
    counts = [int((np.abs(position - middle) <= BAND).sum()) for middle in (0.0, 0.5, 1.0)]
    return (counts[1] + 0.5) / (min(counts[0], counts[2]) + 0.5)
