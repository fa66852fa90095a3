"""Who is like a seed audience? A logistic score learned on part of the seed and judged on the rest of it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.analysis.intervals import wilson
from workbench.core.errors import DataError, Fault

__all__ = ["LEAST_SEED", "LookAlike", "find_look_alikes"]

LEAST_SEED = 60  # customers of the seed below which nothing is learned
HELD_OUT = 0.3
TOP_SHARES = (0.05, 0.1, 0.2)
MOST_LEVELS = 20
MOST_TRAINED = 200_000


@dataclass(frozen=True)
class LookAlike:
    """What was learned of a seed.

    Attributes
    ----------
    scores : DataFrame
        customer_id, score (in 0..1, a rank and no probability): every customer outside the seed, the likest first.
    lift : DataFrame
        One row per share of the customers held out: top_share, customers, found (share of the held-out seed among
        them), low, high (95 %, Wilson), lift (found / top_share).
    auc : float
        On the held-out part.
    left_out : tuple of str
        Features the seed's own rule names; a score that used them would only repeat the rule.
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
        customer_id; numbers (missing ones take the median, with a mark) and categories of at most 20 levels are used.
    seed_ids : collection of str
        customer_ids of the seed.
    left_out : collection of str
        Features not used, those of the rule that made the seed.
    seed : int
        Of the split into learned and held-out customers.

    Returns
    -------
    LookAlike
        The lift is measured on 30 % of all customers, seed and others, which the score has not seen; a lift of 1 is
        what a random choice gives.

    Raises
    ------
    DataError
        Fewer than 60 customers of the seed, or as few outside it, or no feature left: with the count.
    """
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415

    table = features.sort_values("customer_id", ignore_index=True)
    wanted = table["customer_id"].isin(set(seed_ids)).to_numpy()
    used = _usable(table, set(left_out))
    _check(int(wanted.sum()), int((~wanted).sum()), used)
    held = _held_out(wanted, seed)
    learned = _sample(np.flatnonzero(~held), seed)
    model = _model(table, used)
    model.fit(table.loc[learned, used], wanted[learned])
    score = model.predict_proba(table[used])[:, 1].round(9)
    judged = pd.DataFrame({"customer_id": table["customer_id"][held], "score": score[held], "wanted": wanted[held]})
    others = pd.DataFrame({"customer_id": table["customer_id"], "score": score})[~wanted]
    ranked = others.sort_values(["score", "customer_id"], ascending=[False, True], ignore_index=True)
    auc = round(float(roc_auc_score(judged["wanted"], judged["score"])), 6)
    return LookAlike(ranked, _lift(judged), auc, tuple(sorted(set(left_out) & set(features.columns))))


def _check(inside: int, outside: int, used: list[str]) -> None:
    faults = []
    if min(inside, outside) < LEAST_SEED:
        found = f"{inside} customers in the seed, {outside} outside"
        faults.append(Fault("look-alike", found, f"Expected {LEAST_SEED} of each or more", "Widen or narrow the rule"))
    if not used:
        faults.append(Fault("look-alike", "no feature is left to learn from", "", "Name fewer features in the rule"))
    if faults:
        raise DataError(faults)


def _usable(table: pd.DataFrame, left_out: set[str]) -> list[str]:
    """List the numbers that vary and the categories of few levels."""
    columns = [name for name in table.columns if name != "customer_id" and name not in left_out]
    levels = table[columns].nunique()
    numeric = set(table[columns].select_dtypes(["number", "bool"]).columns)
    texts = set(table[columns].select_dtypes(["object", "str", "category"]).columns)
    return [
        name
        for name in columns
        if levels[name] > 1 and (name in numeric or (name in texts and levels[name] <= MOST_LEVELS))
    ]


def _held_out(wanted: np.ndarray, seed: int) -> np.ndarray:
    """Mark 30 % of the seed and of the others."""
    rng = np.random.default_rng([seed, 17])
    draw, held = rng.random(len(wanted)), np.zeros(len(wanted), dtype=bool)
    for part in (wanted, ~wanted):
        at = np.flatnonzero(part)
        held[at[np.argsort(draw[at], kind="stable")][: int(round(HELD_OUT * len(at)))]] = True
    return held


def _sample(rows: np.ndarray, seed: int) -> np.ndarray:
    if len(rows) <= MOST_TRAINED:
        return rows
    return np.sort(np.random.default_rng([seed, 18]).choice(rows, MOST_TRAINED, replace=False))


def _model(table: pd.DataFrame, used: list[str]):  # noqa: ANN202  (a scikit-learn pipeline)
    from sklearn.compose import ColumnTransformer  # noqa: PLC0415
    from sklearn.impute import SimpleImputer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import OneHotEncoder, QuantileTransformer  # noqa: PLC0415

    numbers = list(table[used].select_dtypes(["number", "bool"]).columns)
    words = [name for name in used if name not in numbers]
    scale = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True),
        QuantileTransformer(n_quantiles=100, output_distribution="uniform", random_state=0),
    )
    parts = ColumnTransformer([
        ("numbers", scale, numbers), ("words", OneHotEncoder(handle_unknown="ignore", min_frequency=10), words),
    ])  # fmt: skip
    return make_pipeline(parts, LogisticRegression(C=0.5, max_iter=2000, class_weight="balanced"))


def _lift(judged: pd.DataFrame) -> pd.DataFrame:
    ranked = judged.sort_values(["score", "customer_id"], ascending=[False, True])
    seeds = int(ranked["wanted"].sum())
    rows = []
    for share in TOP_SHARES:
        n = max(1, int(round(share * len(ranked))))
        hits = int(ranked["wanted"].iloc[:n].sum())
        low, high = wilson(hits, seeds)
        found = hits / seeds
        rows.append({
            "top_share": share, "customers": n, "found": round(found, 6), "low": round(float(low), 6),
            "high": round(float(high), 6), "lift": round(found / (n / len(ranked)), 6),
        })  # fmt: skip
    return pd.DataFrame(rows)
