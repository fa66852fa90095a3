"""Where do customers lie when the features are looked at from the side that shows most? For 06_segment_customers."""

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
        One row per customer of the matrix: x, y, segment. The sign of a component is such that its largest
        loading is positive, the first of equal ones.
    explained : (float, float)
        Share of variance each component explains, 0..1; 0 where there is no such component.
    """
    segment = assigned.set_index("customer_id")["segment"].reindex(matrix.index)
    if matrix.empty:
        return pd.DataFrame({"x": [], "y": [], "segment": []}), (0.0, 0.0)
    centred = matrix.to_numpy(dtype=float) - matrix.to_numpy(dtype=float).mean(axis=0)
    _, sizes, loadings = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(loadings[np.arange(len(loadings)), np.abs(loadings).round(9).argmax(axis=1)])
    places = np.zeros((len(matrix), _AXES))
    kept = min(_AXES, len(sizes))
    places[:, :kept] = centred @ (loadings * signs[:, None])[:kept].T
    shares = np.zeros(_AXES)
    shares[:kept] = (sizes**2 / max((sizes**2).sum(), np.finfo(float).tiny))[:kept]
    frame = pd.DataFrame({"x": places[:, 0].round(9), "y": places[:, 1].round(9), "segment": segment.to_numpy()})
    return frame, (float(shares[0]), float(shares[1]))
