"""Who resembles a seed audience? A logistic score, trained on part of the seed and evaluated on the rest."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.analysis.intervals import wilson
from workbench.core.errors import DataError, Fault

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["LEAST_SEED", "LookAlike", "find_look_alikes"]

LEAST_SEED = 60  # fewest customers in the seed, and outside it
HELD_OUT = 0.3
TOP_SHARES = (0.05, 0.1, 0.2)
MOST_LEVELS = 20
MOST_TRAINED = 200_000


@dataclass(frozen=True)
class LookAlike:
    """Customers ranked by likeness to a seed, with the quality of the ranking.

    Attributes
    ----------
    scores : DataFrame
        customer_id, score (0..1, for ranking; not a probability): every customer outside the seed, most similar first.
    lift : DataFrame
        One row per top share of the held-out customers: top_share, customers, recall (share of the held-out seed
        customers ranked there), low, high (95 %, Wilson), lift (recall / top_share).
    auc : float
        Area under the ROC curve, on the held-out customers.
    left_out : tuple of str
        Features that the seed's own rule uses; a score based on them would only repeat the rule.
    """

    scores: pd.DataFrame
    lift: pd.DataFrame
    auc: float
    left_out: tuple[str, ...]


def find_look_alikes(
    features: pd.DataFrame, seed_ids: Collection[str], *, left_out: Collection[str] = (), seed: int = 0
) -> LookAlike:
    """Rank customers by likeness to a seed.

    Parameters
    ----------
    features : DataFrame, one row per customer
        customer_id; numbers (missing ones get the median and an indicator) and categories of at most 20 levels are
        used.
    seed_ids : collection of str
        customer_ids of the seed.
    left_out : collection of str
        Features to leave out: those of the rule that defines the seed.
    seed : int
        Random seed of the split into training and held-out customers.

    Returns
    -------
    LookAlike
        The lift is measured on customers held out of the training: 30 % of the seed and 30 % of the others. A random
        choice has a lift of 1.

    Raises
    ------
    DataError
        With fewer than 60 customers in the seed or outside it, or no usable feature.
    """
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415

    table = features.sort_values("customer_id", ignore_index=True)
    is_seed = table["customer_id"].isin(set(seed_ids)).to_numpy()
    columns = _usable(table, set(left_out))
    _check(int(is_seed.sum()), int((~is_seed).sum()), columns)
    held_out = _held_out(is_seed, seed)
    train = _sample(np.flatnonzero(~held_out), seed)
    model = _model(table, columns)
    model.fit(table.loc[train, columns], is_seed[train])
    score = model.predict_proba(table[columns])[:, 1].round(9)
    evaluated = pd.DataFrame(
        {"customer_id": table["customer_id"][held_out], "score": score[held_out], "is_seed": is_seed[held_out]}
    )
    others = pd.DataFrame({"customer_id": table["customer_id"], "score": score})[~is_seed]
    ranked = others.sort_values(["score", "customer_id"], ascending=[False, True], ignore_index=True)
    auc = round(float(roc_auc_score(evaluated["is_seed"], evaluated["score"])), 6)
    return LookAlike(ranked, _lift(evaluated), auc, tuple(sorted(set(left_out) & set(features.columns))))


def _check(inside: int, outside: int, columns: list[str]) -> None:
    faults = []
    if min(inside, outside) < LEAST_SEED:
        counts = f"{inside} customers in the seed, {outside} outside"
        faults.append(Fault("look-alike", counts, f"Expected {LEAST_SEED} of each or more", "Widen or narrow the rule"))
    if not columns:
        faults.append(
            Fault("look-alike", "no usable feature", "Expected one or more", "Use fewer features in the rule")
        )
    if faults:
        raise DataError(faults)


def _usable(table: pd.DataFrame, left_out: set[str]) -> list[str]:
    """List the numeric columns that vary and the categories with few levels."""
    columns = [name for name in table.columns if name != "customer_id" and name not in left_out]
    levels = table[columns].nunique()
    numeric = set(table[columns].select_dtypes(["number", "bool"]).columns)
    texts = set(table[columns].select_dtypes(["object", "str", "category"]).columns)
    return [
        name
        for name in columns
        if levels[name] > 1 and (name in numeric or (name in texts and levels[name] <= MOST_LEVELS))
    ]


def _held_out(is_seed: np.ndarray, seed: int) -> np.ndarray:
    """Mark 30 % of the seed and 30 % of the others as held out."""
    rng = np.random.default_rng([seed, 17])
    draw, held_out = rng.random(len(is_seed)), np.zeros(len(is_seed), dtype=bool)
    for group in (is_seed, ~is_seed):
        rows = np.flatnonzero(group)
        held_out[rows[np.argsort(draw[rows], kind="stable")][: int(round(HELD_OUT * len(rows)))]] = True
    return held_out


def _sample(rows: np.ndarray, seed: int) -> np.ndarray:
    if len(rows) <= MOST_TRAINED:
        return rows
    return np.sort(np.random.default_rng([seed, 18]).choice(rows, MOST_TRAINED, replace=False))


def _model(table: pd.DataFrame, columns: list[str]) -> Pipeline:
    from sklearn.compose import ColumnTransformer  # noqa: PLC0415
    from sklearn.impute import SimpleImputer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import OneHotEncoder, QuantileTransformer  # noqa: PLC0415

    numbers = list(table[columns].select_dtypes(["number", "bool"]).columns)
    categories = [name for name in columns if name not in numbers]
    scale = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True),
        QuantileTransformer(n_quantiles=100, output_distribution="uniform", random_state=0),
    )
    inputs = ColumnTransformer([
        ("numbers", scale, numbers), ("words", OneHotEncoder(handle_unknown="ignore", min_frequency=10), categories),
    ])  # fmt: skip
    return make_pipeline(inputs, LogisticRegression(C=0.5, max_iter=2000, class_weight="balanced"))


def _lift(evaluated: pd.DataFrame) -> pd.DataFrame:
    ranked = evaluated.sort_values(["score", "customer_id"], ascending=[False, True])
    n_seeds = int(ranked["is_seed"].sum())
    rows = []
    for share in TOP_SHARES:
        n = max(1, int(round(share * len(ranked))))
        hits = int(ranked["is_seed"].iloc[:n].sum())
        low, high = wilson(hits, n_seeds)
        recall = hits / n_seeds
        rows.append({
            "top_share": share, "customers": n, "recall": round(recall, 6), "low": round(float(low), 6),
            "high": round(float(high), 6), "lift": round(recall / (n / len(ranked)), 6),
        })  # fmt: skip
    return pd.DataFrame(rows)
