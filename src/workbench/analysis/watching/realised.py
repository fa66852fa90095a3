"""Were the predictions of earlier runs right? Outcomes that are over, beside a simple baseline.

A customer whom an exported plan contacted is judged apart: one who would have left and was kept is no error. The others
stand for all: a customer who was held out counts for those of the plan who were contacted, by the inverse of the share
held out.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.analysis.churn.models.evaluation import auc, auc_standard_error
from workbench.analysis.intervals import wilson
from workbench.analysis.watching.outcomes import bought_items, outcomes_between

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import ibis

__all__ = ["REALISED_COLUMNS", "Prediction", "judge_predictions", "lost_to_baseline", "track_record"]

REALISED_COLUMNS = (
    "prediction", "predicted_on", "matured_on", "n", "expected", "observed", "measure", "value", "low", "high",
    "baseline",
)  # fmt: skip
TREAT, HOLD_OUT = "treat", "hold_out"
_Z = 1.959964  # of a 95 % interval
_CHURN, _VALUE, _ITEMS = "08_predict_churn", "09_value_customers", "07_mine_affinities"
_LISTED = 10  # items of a list that count
_DAYS_A_YEAR = 365.25
_SPEND = re.compile(r"spend_(\d+)d")
LARGER, SMALLER = "larger", "smaller"
_BETTER = {"auc": LARGER, "hit_rate": LARGER, "mae": SMALLER, "brier": SMALLER}  # measures that have a baseline


@dataclass(frozen=True)
class Prediction:
    """What an earlier run predicted.

    Attributes
    ----------
    as_of : date
    tables : mapping of str to DataFrame
        churn, value, recommendations, purchase_propensity, features (customer_id, recency_days, a spend and an orders
        window), under the ids that customers have today; those that the run has.
    stages : mapping
        ``metrics`` and ``settings`` of its stages.
    contacted : DataFrame
        customer_id, plan, action, arm, starts_at, valid_until: people of exported plans.
    """

    as_of: dt.date
    tables: Mapping[str, pd.DataFrame]
    stages: Mapping[str, Any]
    contacted: pd.DataFrame

    def metric(self, stage: str, name: str) -> Any:
        """Return a metric of a stage; None where there is none."""
        return ((self.stages.get(stage) or {}).get("metrics") or {}).get(name)

    def setting(self, stage: str, name: str) -> Any:
        """Return a setting of a stage; None where there is none."""
        return ((self.stages.get(stage) or {}).get("settings") or {}).get(name)


@dataclass(frozen=True)
class _Judged:
    """The customers of one kind of prediction, judged over ``[start, end)``."""

    name: str
    start: dt.date
    end: dt.date
    n: int
    expected: float = np.nan
    observed: float = np.nan

    def row(self, measure: str, value: float, bounds: Sequence[float], baseline: float) -> dict[str, Any]:
        return {
            "prediction": self.name, "predicted_on": self.start, "matured_on": self.end, "n": int(self.n),
            "expected": self.expected, "observed": self.observed, "measure": measure, "value": value,
            "low": float(bounds[0]), "high": float(bounds[1]), "baseline": baseline,
        }  # fmt: skip

    def mean(self, measure: str, values: np.ndarray, weight: np.ndarray, baseline: float) -> dict[str, Any]:
        """Return the row of a weighted mean with its interval."""
        mean = float(np.average(values, weights=weight))
        spread = float(np.sqrt(np.average((values - mean) ** 2, weights=weight) / len(values)))
        return self.row(measure, mean, (mean - _Z * spread, mean + _Z * spread), baseline)

    def area(self, label: np.ndarray, scores: np.ndarray, weight: np.ndarray, simple: np.ndarray) -> dict[str, Any]:
        """Return the row of an AUC with its interval, beside that of a simple score."""
        value = auc(label, scores, weight)
        spread = auc_standard_error(value, int(label.sum()), int((1 - label).sum())) if np.isfinite(value) else np.nan
        bounds = (max(value - _Z * spread, 0.0), min(value + _Z * spread, 1.0))
        return self.row("auc", value, bounds, auc(label, simple, weight))

    def share(self, measure: str, value: float, n: float, baseline: float) -> dict[str, Any]:
        """Return the row of a share of ``n`` with its Wilson interval."""
        low, high = wilson(min(max(value, 0.0), 1.0) * n, n)
        return self.row(measure, value, (float(low), float(high)), baseline)


def judge_predictions(
    predictions: Sequence[Prediction], transactions: ibis.Table | None, *, as_of: dt.date, least: int = 10,
    categories: ibis.Table | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Compare the predictions of earlier runs with what happened.

    Parameters
    ----------
    predictions : sequence of Prediction
    transactions : ibis.Table or None
    as_of : date
        Only predictions that are over by then are judged.
    least : int
        Fewest customers of a row.
    categories : ibis.Table, optional
        product_id and category.

    Returns
    -------
    DataFrame
        The columns of ``realised``: one row per prediction, date and measure. ``expected`` and ``observed`` are a mean
        or share of customers; ``value`` is the measure with its 95 % interval.
    """
    rows: list[dict[str, Any]] = []
    for prediction in predictions:
        if transactions is None:
            break
        for judge in (_churn, _value, _recommendations, _next_category, _actions):
            rows += judge(prediction, transactions, as_of, categories)
    frame = pd.DataFrame(rows, columns=[*REALISED_COLUMNS])
    return frame[frame["n"] >= least].reset_index(drop=True)


def track_record(realised: pd.DataFrame) -> pd.DataFrame:
    """Return the measures that have a baseline, by prediction and date, with ``lost``: no better than the baseline."""
    rows = realised[realised["measure"].isin(list(_BETTER)) & realised["baseline"].notna()].copy()
    larger = rows["measure"].map(_BETTER) == LARGER
    worse = np.where(larger, rows["value"] < rows["baseline"], rows["value"] > rows["baseline"])
    return rows.assign(lost=worse).sort_values(["prediction", "measure", "predicted_on"]).reset_index(drop=True)


def lost_to_baseline(realised: pd.DataFrame, *, times: int = 2) -> list[str]:
    """Return the predictions that lost to their baseline in each of the last ``times`` runs that are over."""
    record = track_record(realised)
    lost = [
        str(prediction)
        for (prediction, _), rows in record.groupby(["prediction", "measure"], sort=True)
        if len(rows) >= times and rows["lost"].tail(times).all()
    ]
    return list(dict.fromkeys(lost))


def weights_of(
    customers: pd.Series, contacted: pd.DataFrame, start: dt.date, end: dt.date
) -> tuple[np.ndarray, np.ndarray]:
    """Return who was contacted in ``[start, end)``, and the weight of everybody else.

    Returns
    -------
    (contacted, weight) : array of bool, array of float
        The weight of somebody held out is that of all who were planned in the same plan and action, over those held
        out; of others 1; of those contacted 0.
    """  # fmt: skip
    treated, weight = np.zeros(len(customers), dtype=bool), np.ones(len(customers))
    if contacted.empty:
        return treated, weight
    begins = pd.to_datetime(contacted["starts_at"]).dt.date
    running = contacted[(begins >= start) & (begins < end)]
    here = running[running["customer_id"].isin(customers)]
    treated = customers.isin(here.loc[here["arm"] == TREAT, "customer_id"]).to_numpy()
    for _, plan in here.groupby(["plan", "action"]):
        held = plan.loc[plan["arm"] == HOLD_OUT, "customer_id"]
        if len(held):
            weight[customers.isin(held).to_numpy()] = len(plan) / len(held)
    weight[treated] = 0.0
    return treated, weight


def _over(prediction: Prediction, days: Any, as_of: dt.date) -> dt.date | None:
    """Return the day on which a prediction is over; None while it is not."""
    if not days:
        return None
    end = prediction.as_of + dt.timedelta(days=int(days))
    return end if end <= as_of else None


def _churn(prediction: Prediction, transactions: ibis.Table, as_of: dt.date, _: Any) -> list[dict[str, Any]]:
    churn = prediction.tables.get("churn")
    end = _over(prediction, prediction.metric(_CHURN, "horizon_days"), as_of)
    if churn is None or end is None or prediction.setting(_CHURN, "partial_below"):
        return []
    bought = outcomes_between(transactions, prediction.as_of, end)
    scored = churn.dropna(subset=["churn_probability"])
    if bought is None or scored.empty:
        return []
    orders = bought["orders"].reindex(scored["customer_id"]).fillna(0).to_numpy()
    treated, weight = weights_of(scored["customer_id"], prediction.contacted, prediction.as_of, end)
    silent = _column(prediction, scored["customer_id"], "recency_days")
    people = pd.DataFrame(
        {"label": (orders == 0).astype(int), "chance": scored["churn_probability"].to_numpy(dtype=float),
         "weight": weight, "simple": np.where(np.isfinite(silent), silent, -1.0)}
    )  # fmt: skip
    rows = []
    if weight.any():
        rows += _leaving(people[people["weight"] > 0], prediction.as_of, end)
        rows += _buying(people[people["weight"] > 0], prediction.as_of, end)
    if treated.any():
        rows += _calibration("churn_contacted", people[treated].assign(weight=1.0), prediction.as_of, end)[1]
    return rows


def _leaving(people: pd.DataFrame, start: dt.date, end: dt.date) -> list[dict[str, Any]]:
    """Return calibration and AUC of leaving, and the share of leavers who were in the half called less likely to."""
    judged, rows = _calibration("churn", people, start, end)
    label, chance, weight = (people[name].to_numpy() for name in ("label", "chance", "weight"))
    rows.append(judged.area(label, chance, weight, people["simple"].to_numpy()))
    leavers = weight[label == 1].sum()
    if leavers:
        missed = weight[(label == 1) & (chance < np.median(chance))].sum()
        rows.append(judged.share("missed", float(missed / leavers), int(label.sum()), 0.5))
    return rows


def _buying(people: pd.DataFrame, start: dt.date, end: dt.date) -> list[dict[str, Any]]:
    """Return calibration and Brier score of buying, beside the score of the same chance for everybody."""
    buyers = people.assign(label=1 - people["label"], chance=1 - people["chance"])
    judged, rows = _calibration("purchase", buyers, start, end)
    errors = ((buyers["chance"] - buyers["label"]) ** 2).to_numpy()
    base = judged.observed * (1 - judged.observed)
    return [*rows, judged.mean("brier", errors, buyers["weight"].to_numpy(), base)]


def _calibration(name: str, people: pd.DataFrame, start: dt.date, end: dt.date) -> tuple[_Judged, list[dict[str, Any]]]:
    """Return how many came for each one expected: 1 where the probabilities were right."""
    weight = people["weight"].to_numpy()
    expected, observed = (float(np.average(people[column], weights=weight)) for column in ("chance", "label"))
    judged = _Judged(name, start, end, len(people), expected, observed)
    if not expected:
        return judged, []
    effective = weight.sum() ** 2 / (weight**2).sum()
    bounds = [float(bound) / expected for bound in wilson(observed * effective, effective)]
    return judged, [judged.row("calibration", observed / expected, bounds, 1.0)]


def _value(prediction: Prediction, transactions: ibis.Table, as_of: dt.date, _: Any) -> list[dict[str, Any]]:
    value, days = prediction.tables.get("value"), prediction.metric(_VALUE, "horizon_days")
    end = _over(prediction, days, as_of)
    if value is None or value.empty or end is None:
        return []
    bought = outcomes_between(transactions, prediction.as_of, end)
    _, weight = weights_of(value["customer_id"], prediction.contacted, prediction.as_of, end)
    if bought is None or not weight.any():
        return []
    rows, weight = value[weight > 0].reset_index(drop=True), weight[weight > 0]
    later = bought.reindex(rows["customer_id"]).fillna(0.0)
    factor = _worth(prediction, float(days))
    past = _past(prediction, rows["customer_id"], int(days))
    pairs = {
        "orders": (rows["expected_orders"], later["orders"]),
        "value": (rows["expected_value"], later["spend"] * factor),
    }
    judged = []
    for name, sides in pairs.items():
        means = (float(np.average(side, weights=weight)) for side in sides)
        judged.append(_Judged(name, prediction.as_of, end, len(rows), *means))
    spend = later["spend"].to_numpy(dtype=float) * factor
    errors = np.abs(rows["expected_orders"].to_numpy(dtype=float) - later["orders"].to_numpy(dtype=float))
    simple = _mean_error(past[0], later["orders"].to_numpy(dtype=float), weight)
    results = [judged[0].mean("mae", errors, weight, simple)]
    errors = np.abs(rows["expected_value"].to_numpy(dtype=float) - spend)
    results.append(judged[1].mean("mae", errors, weight, _mean_error(past[1] * factor, spend, weight)))
    inside = (spend >= rows["value_low"].to_numpy(dtype=float)) & (spend <= rows["value_high"].to_numpy(dtype=float))
    level = prediction.metric(_VALUE, "level") or np.nan
    results.append(judged[1].share("coverage", float(np.average(inside, weights=weight)), len(inside), level))
    return results


def _worth(prediction: Prediction, days: float) -> float:
    """Return what a unit of spend adds to value: the margin where costs are known, discounted to the prediction."""
    margin = prediction.metric(_VALUE, "margin") if prediction.metric(_VALUE, "margin_known") else 1.0
    rate = float(prediction.setting(_VALUE, "discount_rate") or 0.0)
    return float(margin or 1.0) * (1 + rate) ** (-days / 2 / _DAYS_A_YEAR)


def _mean_error(forecast: np.ndarray, actual: np.ndarray, weight: np.ndarray) -> float:
    return float(np.average(np.abs(forecast - actual), weights=weight)) if np.isfinite(forecast).all() else np.nan


def _past(prediction: Prediction, customers: pd.Series, days: int) -> tuple[np.ndarray, np.ndarray]:
    """Return orders and spend of as many days before, from the feature with the nearest window."""
    features = prediction.tables.get("features")
    names = features.columns if features is not None else ()
    windows = [int(match[1]) for name in names if (match := _SPEND.fullmatch(name)) and f"orders_{match[1]}d" in names]
    if not windows:
        missing = np.full(len(customers), np.nan)
        return missing, missing
    window = min(windows, key=lambda length: abs(length - days))
    orders, spend = (_column(prediction, customers, f"{name}_{window}d") for name in ("orders", "spend"))
    return np.nan_to_num(orders) * days / window, np.nan_to_num(spend) * days / window


def _column(prediction: Prediction, customers: pd.Series, name: str) -> np.ndarray:
    features = prediction.tables.get("features")
    if features is None or name not in features.columns:
        return np.full(len(customers), np.nan)
    return features.set_index("customer_id")[name].reindex(customers).astype("float64").to_numpy()


def _recommendations(
    prediction: Prediction, transactions: ibis.Table, as_of: dt.date, categories: ibis.Table | None
) -> list[dict[str, Any]]:
    """Return of how many buyers at least one of the first ten items was bought, beside the list for everybody."""
    table = prediction.tables.get("recommendations")
    end = _over(prediction, prediction.setting(_ITEMS, "hold_out_days"), as_of)
    if table is None or table.empty or end is None or "product_id" not in transactions.columns:
        return []
    column = "product_id" if table["product_id"].notna().any() else "category"
    lines = transactions if column == "product_id" else _with_category(transactions, categories)
    if lines is None:
        return []
    bought = bought_items(lines, prediction.as_of, end, column)
    people = pd.Series(bought["customer_id"].unique())
    treated, _ = weights_of(people, prediction.contacted, prediction.as_of, end)
    bought = bought[~bought["customer_id"].isin(people[treated])]
    first = table[table["rank"] <= _LISTED]
    neutral = set(first.loc[first["list"] == "neutral", column].dropna())
    rows = []
    for name in ("again", "new"):
        listed = first.loc[first["list"] == name, ["customer_id", column]].dropna().rename(columns={column: "item"})
        buyers = bought[bought["customer_id"].isin(listed["customer_id"])]
        n = buyers["customer_id"].nunique()
        if n:
            hits = buyers.merge(listed, on=["customer_id", "item"])["customer_id"].nunique() / n
            general = buyers[buyers["item"].isin(neutral)]["customer_id"].nunique() / n
            simple = (
                general if neutral and name == "again" else np.nan
            )  # the general list is of things bought before too
            judged = _Judged(f"recommendations_{name}", prediction.as_of, end, n, observed=hits)
            rows.append(judged.share("hit_rate", hits, n, simple))
    return rows


def _next_category(
    prediction: Prediction, transactions: ibis.Table, as_of: dt.date, categories: ibis.Table | None
) -> list[dict[str, Any]]:
    """Return how well the chance of buying in a category ranks customers and categories, beside that of everybody."""
    table = prediction.tables.get("purchase_propensity")
    end = _over(prediction, prediction.metric(_CHURN, "horizon_days"), as_of)
    lines = _with_category(transactions, categories)
    if table is None or table.empty or end is None or lines is None:
        return []
    bought = bought_items(lines, prediction.as_of, end, "category").assign(label=1).rename(columns={"item": "category"})
    rows = table.merge(bought, on=["customer_id", "category"], how="left").fillna({"label": 0})
    _, weight = weights_of(rows["customer_id"], prediction.contacted, prediction.as_of, end)
    rows, weight = rows[weight > 0], weight[weight > 0]
    label, chance = rows["label"].to_numpy(dtype=int), rows["purchase_probability"].to_numpy(dtype=float)
    if not 0 < label.sum() < len(label):
        return []
    popular = rows.groupby("category")["purchase_probability"].transform("mean").to_numpy()
    means = (float(np.average(side, weights=weight)) for side in (chance, label))
    judged = _Judged("category", prediction.as_of, end, rows["customer_id"].nunique(), *means)
    return [judged.area(label, chance, weight, popular)]


def _actions(prediction: Prediction, transactions: ibis.Table, as_of: dt.date, _: Any) -> list[dict[str, Any]]:
    """Return what exported plans that began with the run changed: spend of those contacted less of those held out."""
    people = prediction.contacted
    if people.empty:
        return []
    people = people[pd.to_datetime(people["starts_at"]).dt.date == prediction.as_of]
    end = max(pd.to_datetime(people["valid_until"]).dt.date, default=as_of)
    bought = outcomes_between(transactions, prediction.as_of, end) if end <= as_of and len(people) else None
    if bought is None:
        return []
    spend = bought["spend"].reindex(people["customer_id"]).fillna(0.0).to_numpy(dtype=float)
    treated, held = (spend[(people["arm"] == arm).to_numpy()] for arm in (TREAT, HOLD_OUT))
    if min(len(treated), len(held)) < 2:  # noqa: PLR2004
        return []
    change = float(treated.mean() - held.mean())
    spread = float(np.sqrt(treated.var(ddof=1) / len(treated) + held.var(ddof=1) / len(held)))
    gain = float(pd.to_numeric(people.loc[people["arm"] == TREAT, "expected_gain"]).mean())
    judged = _Judged("actions", prediction.as_of, end, len(spend), gain, change)
    return [judged.row("gain", change, (change - _Z * spread, change + _Z * spread), 0.0)]


def _with_category(transactions: ibis.Table, categories: ibis.Table | None) -> ibis.Table | None:
    if "category" in transactions.columns:
        return transactions
    keyed = categories is not None and {"product_id", "category"} <= set(categories.columns)
    if categories is None or not keyed or "product_id" not in transactions.columns:
        return None
    named = categories.select("product_id", "category").distinct(on="product_id")
    return transactions.left_join(named, "product_id").drop("product_id_right")
