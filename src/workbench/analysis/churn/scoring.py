"""Churn probabilities from a trained model; for 08_predict_churn and ``workbench score``."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from workbench.analysis.churn.models.fitting import ChurnModel

__all__ = ["CHURN_COLUMNS", "score_frame"]

CHURN_COLUMNS = ("customer_id", "churn_probability", "purchase_probability", "cut_off", "model_version")


def score_frame(
    model: ChurnModel, features: pd.DataFrame, *, kind: str, as_of: date | None, version: str
) -> pd.DataFrame:
    """Score every row.

    Parameters
    ----------
    model : ChurnModel
    features : DataFrame, one row per customer
    kind : str
        Kind of the study that trained the model.
    as_of : date or None
        None without a date.
    version : str

    Returns
    -------
    DataFrame
        The columns of ``study.score_customers``, in the order of the rows.
    """
    frame = features[["customer_id"]].assign(churn_probability=model.predict(features).round(6))
    purchase_probability = 1 - frame["churn_probability"] if kind == "purchases" else float("nan")
    cut_off = pd.NaT if as_of is None or kind == "undated_labels" else pd.Timestamp(as_of)
    return frame.assign(purchase_probability=purchase_probability, cut_off=cut_off, model_version=version)[
        list(CHURN_COLUMNS)
    ]
