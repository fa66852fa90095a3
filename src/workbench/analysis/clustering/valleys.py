"""Is there a gap between neighbouring groups? The density between their centres (06_segment_customers)."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from workbench.analysis.clustering.centres import nearest

__all__ = ["valley"]

# positions on the line through two centres, as shares of their distance: 0 at the first centre, 1 at the second
BANDWIDTH = 0.1  # of the Gaussian kernel
BETWEEN = np.linspace(0.2, 0.8, 25)  # where the valley is looked for
AROUND = np.linspace(-0.2, 0.2, 17)  # around a centre, where its peak is looked for


def valley(points: np.ndarray, centres: np.ndarray, labels: np.ndarray | None = None) -> float:
    """Measure the density between the least separated pair of clusters.

    The members of a pair are projected on the line through its centres. The lowest density between the centres is
    divided by the lower of the two peaks around them (kernel densities). The lowest point is looked for because it is
    not half way where one group is wider than the other. In a continuum with one peak the ratio is about 1, between
    separate groups near 0.

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
    position = (members - first) @ line / length
    peaks = [float(_density(position, at + AROUND).max()) for at in (0.0, 1.0)]
    return (float(_density(position, BETWEEN).min()) + 0.5) / (min(peaks) + 0.5)


def _density(position: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the members within one bandwidth, weighted by a Gaussian kernel, at each of the positions."""
    return np.array([np.exp(-0.5 * ((position - place) / BANDWIDTH) ** 2).sum() for place in at])
