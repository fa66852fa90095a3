"""Whether a figure moved because the same customers changed, or because others came and went."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["split_change"]


def split_change(drift: pd.DataFrame) -> pd.DataFrame:
    """Split the change of each figure into behaviour and composition.

    Parameters
    ----------
    drift : DataFrame
        Result of `judging.judge`: subject, name, population, old, new, n_old, n_new.

    Returns
    -------
    DataFrame
        subject, name, change (of the mean or share of all customers), behaviour (of customers in both runs, by their
        mean share of both), composition (the rest: who came and went); one row per figure of customers.

    Notes
    -----
    With w the share of customers in both runs and s their mean, the mean of a run is w s + (1 - w) r. Its change is
    (w0 + w1) / 2 times the change of s, behaviour, and a rest that has only to do with who is there. E. M. Kitagawa
    (1955), Components of a difference between two rates, Journal of the American Statistical Association 50:1168-1194.

    Examples
    --------
    >>> rows = [["f", "x", "all", 10.0, 9.0, 100, 100], ["f", "x", "same", 10.0, 10.0, 50, 50]]
    >>> names = ["subject", "name", "population", "old", "new", "n_old", "n_new"]
    >>> split_change(pd.DataFrame(rows, columns=names)).iloc[0, 2:].tolist()
    [-1.0, 0.0, -1.0]
    """
    key = ["subject", "name"]
    counted = drift[(drift["n_old"] > 0) & (drift["n_new"] > 0)]
    everybody = counted[counted["population"] == "all"]
    same = counted[counted["population"] == "same"]
    rows = everybody.merge(same, on=key, how="left", suffixes=("", "_same"))
    change = rows["new"] - rows["old"]
    weight = (rows["n_old_same"] / rows["n_old"] + rows["n_new_same"] / rows["n_new"]) / 2
    behaviour = np.where(rows["n_old_same"].isna(), change, weight * (rows["new_same"] - rows["old_same"]))
    return pd.DataFrame(
        {"subject": rows["subject"], "name": rows["name"], "change": change, "behaviour": behaviour,
         "composition": change - behaviour}
    )  # fmt: skip
