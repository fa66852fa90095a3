"""Customers on the first two principal components, for 06_segment_customers."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["project"]

_AXES = 2


def project(matrix: pd.DataFrame, assigned: pd.DataFrame) -> tuple[pd.DataFrame, tuple[float, float]]:
    """Place customers on the first two principal components.

    Parameters
    ----------
    matrix : DataFrame
        Scaled features, indexed by customer_id.
    assigned : DataFrame
        customer_id, segment; one row per customer.

    Returns
    -------
    frame : DataFrame
        One row per customer of the matrix: x, y, segment. The sign of a component makes its largest loading
        positive, the first of equal ones.
    explained : (float, float)
        Share of variance each component explains, 0..1; 0 for a missing component.
    """
    from sklearn.decomposition import PCA  # noqa: PLC0415  (heavy)

    segment = assigned.set_index("customer_id")["segment"].reindex(matrix.index)
    if matrix.empty:
        return pd.DataFrame({"x": [], "y": [], "segment": []}), (0.0, 0.0)
    values = matrix.to_numpy(dtype=float)
    coordinates, shares = np.zeros((len(values), _AXES)), np.zeros(_AXES)
    n_axes = min(_AXES, *values.shape)
    if (values != values[0]).any():
        components = PCA(n_components=n_axes, svd_solver="full").fit(values)
        loadings = components.components_
        signs = np.sign(loadings[np.arange(n_axes), np.abs(loadings).round(9).argmax(axis=1)])
        coordinates[:, :n_axes] = components.transform(values) * signs
        shares[:n_axes] = components.explained_variance_ratio_
    frame = pd.DataFrame(
        {"x": coordinates[:, 0].round(9), "y": coordinates[:, 1].round(9), "segment": segment.to_numpy()}
    )
    return frame, (float(shares[0]), float(shares[1]))
