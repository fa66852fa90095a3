"""The clustering methods of the sweep in 06_segment_customers, with one interface.

A method fits a model of k groups and assigns points to groups by a model. Models are plain JSON values, as in a segment
definition: ``centroids``, ``gaussians`` or ``classes``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.analysis.clustering.centres import fit_centres, nearest
from workbench.analysis.clustering.latent_classes import class_scores, fit_classes
from workbench.analysis.clustering.mixtures import fit_mixture, log_densities

__all__ = ["METHODS", "Method", "Model"]

Model = Mapping[str, Any]


@dataclass(frozen=True)
class Method:
    """One clustering method.

    Attributes
    ----------
    name : str
        kmeans, mixture, mixed or classes.
    space : str
        Kind of points: ``numbers`` (scaled numeric features), ``mixed`` (scaled numeric features and one column per
        level of each category) or ``codes`` (levels as integers).
    fit : callable
        (points, k, *, n_restarts, seed) to a model; row order does not matter.
    place : callable
        (model, points) to labels 0..k-1.
    centres : callable
        Model to the centres of its groups, shape (k, p), or None for a method without centres.
    costly : bool
        Whether a fit iterates over the points many times, so that large data is sampled.
    starts : int
        Starts of a refit on resampled customers.
    """

    name: str
    space: str
    fit: Callable[..., Model]
    place: Callable[[Model, np.ndarray], np.ndarray]
    centres: Callable[[Model], np.ndarray | None]
    costly: bool = False
    starts: int = 3


def _fit_centroids(points: np.ndarray, k: int, *, n_restarts: int = 10, seed: int = 0) -> Model:
    return {"type": "centroids", "centers": fit_centres(points, k, n_restarts=n_restarts, seed=seed).tolist()}


def _place_centroids(model: Model, points: np.ndarray) -> np.ndarray:
    return nearest(points, np.array(model["centers"]))


def _place_mixture(model: Model, points: np.ndarray) -> np.ndarray:
    return log_densities(model, points).argmax(axis=1)


def _place_classes(model: Model, codes: np.ndarray) -> np.ndarray:
    return class_scores(model, codes).argmax(axis=1)


def _centroids(model: Model) -> np.ndarray:
    return np.array(model["centers"])


def _means(model: Model) -> np.ndarray:
    return np.array(model["means"])


METHODS = {
    method.name: method
    for method in (
        Method("kmeans", "numbers", _fit_centroids, _place_centroids, _centroids),
        Method("mixture", "numbers", fit_mixture, _place_mixture, _means, costly=True, starts=1),
        Method("mixed", "mixed", _fit_centroids, _place_centroids, _centroids),
        Method("classes", "codes", fit_classes, _place_classes, lambda _: None, costly=True),
    )
}
