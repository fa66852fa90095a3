"""Two runs of a made-up shop, and changes planted in the second."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import ibis
import numpy as np
import pandas as pd

from workbench.analysis.watching.customers import RunTables
from workbench.analysis.watching.measures.columns import Columns
from workbench.analysis.watching.study import RunState

__all__ = ["PLANTED", "Run", "pair_of_runs", "state_of"]

THEN, NOW = dt.date(2025, 5, 1), dt.date(2025, 6, 1)
N = 3_000
SEGMENTS = ["loyal", "occasional", "new"]


@dataclass(frozen=True)
class Run:
    """The frames of one run: features, derived tables, facts of its stages, orders."""

    features: pd.DataFrame
    tables: dict[str, pd.DataFrame]
    stages: dict[str, Any]
    profile: pd.DataFrame
    orders: pd.DataFrame
    past: dict[str, int]
    definition: dict[str, Any]


def people(rng: np.random.Generator, n: int, *, first: int = 0, latent: np.ndarray | None = None) -> pd.DataFrame:
    """Draw customers; the same latent taste gives similar figures in both runs."""
    taste = rng.gamma(2.0, 1.0, n) if latent is None else latent
    orders = rng.poisson(taste * 1.5)
    spend = np.where(orders > 0, orders * rng.lognormal(4.0, 0.4, n), 0.0)
    return pd.DataFrame(
        {
            "customer_id": [f"c{first + at:05}" for at in range(n)],
            "recency_days": rng.exponential(60.0, n).round(),
            "orders_90d": orders.astype(float),
            "spend_90d": spend,
            "sessions_30d": rng.poisson(taste * 4).astype(float),
            "evening_share": rng.beta(2, 3, n),
            "discount_share": rng.beta(1, 6, n),
            "service_rating_mean": np.where(rng.random(n) < 0.6, rng.normal(4, 0.5, n), np.nan),
            "channel_top": rng.choice(["store", "web", "app"], n, p=[0.5, 0.3, 0.2]),
            "city": rng.choice(["north", "south", "east", "west"], n),
            "taste": taste,
        }
    )


def derived(rng: np.random.Generator, features: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Derive scores, segments, tags and lists from features."""
    ids, taste, n = features["customer_id"], features["taste"].to_numpy(), len(features)
    segment = np.select([taste > 2.5, taste > 1.0], SEGMENTS[:2], SEGMENTS[2])
    chance = 1 / (1 + np.exp(taste - 1.5 + rng.normal(0, 0.3, n)))
    tags = pd.concat(
        [
            pd.DataFrame(
                {"customer_id": ids, "tag": "gift_giver", "value": rng.choice(["yes", "no"], n, p=[0.3, 0.7])}
            ),
            pd.DataFrame({"customer_id": ids, "tag": "daypart", "value": rng.choice(["day", "evening"], n)}),
        ]
    ).assign(version=1)
    lists = pd.DataFrame(
        {"customer_id": ids, "list": "again", "rank": 1, "product_id": rng.choice(list("ABCDEF"), n), "category": None}
    )
    return {
        "rfm": pd.DataFrame(
            {"customer_id": ids, "rfm_type": np.where(taste > 2, "important_value", "general_value"),
             "life_cycle_stage": np.where(features["recency_days"] < 90, "active", "at_risk")}
        ),
        "segments": pd.DataFrame({"customer_id": ids, "segment": segment}),
        "churn": pd.DataFrame({"customer_id": ids, "churn_probability": chance}),
        "value": pd.DataFrame({"customer_id": ids, "expected_value": taste * rng.lognormal(3, 0.3, n)}),
        "tags": tags,
        "recommendations": lists,
    }  # fmt: skip


def order_lines(rng: np.random.Generator, ids: pd.Series, per_day: int = 120) -> pd.DataFrame:
    """Draw order lines of the 120 days before the later run."""
    days = pd.date_range(NOW - dt.timedelta(days=120), NOW - dt.timedelta(days=1))
    at = np.repeat(days.to_numpy(), per_day)
    n, product = len(at), rng.integers(0, 40, len(at))
    return pd.DataFrame(
        {
            "order_id": [f"o{number}" for number in range(n)], "customer_id": rng.choice(ids, n), "ordered_at": at,
            "product_id": [f"p{number}" for number in product], "unit_price": 10.0 + product, "amount": 10.0 + product,
            "store_id": rng.choice(["s1", "s2", "s3"], n), "channel": rng.choice(["store", "web"], n),
        }
    )  # fmt: skip


def facts(n_orders: int) -> dict[str, Any]:
    quality = {"pos.physical_records": n_orders, "pos.accepted": n_orders, "pos.rejected": 0, "transactions.rows": n_orders,
               "transactions.duplicates": 10}  # fmt: skip
    done = {"status": "done", "settings": {}, "metrics": {}}
    return {"01_check_quality": {**done, "metrics": quality}, "03_build_features": {**done, "settings": {"windows_days": [30]}},
            "08_predict_churn": {**done, "metrics": {"chosen": "boosted"}}}  # fmt: skip


def pair_of_runs(seed: int = 0, *, n: int = N, alike: bool = True) -> tuple[Run, Run]:
    """Return two runs between which nothing changed: nine in ten customers are in both, or three in ten."""
    rng = np.random.default_rng(seed)
    stay = int((0.9 if alike else 0.3) * n)
    latent = rng.gamma(2.0, 1.0, n)
    lines = order_lines(rng, pd.Series([f"c{at:05}" for at in range(n)]))
    profile = pd.DataFrame(
        {"table": "customers", "column": ["city", "gender"], "type": "string", "rows": n, "filled": n}
    )
    runs = []
    for first, own in ((0, latent), (n, np.concatenate([latent[:stay], rng.gamma(2.0, 1.0, n - stay)]))):
        features = people(rng, n, latent=own)
        if first:
            features["customer_id"] = [f"c{at if at < stay else at + n:05}" for at in range(n)]
        tables = derived(rng, features)
        definition = {"version": "1", "features": {"taste": {}}, "segments": [{"key": key} for key in SEGMENTS]}
        past = {"transactions": int((lines["ordered_at"] < pd.Timestamp(THEN)).sum())}
        runs.append(Run(features.drop(columns="taste"), tables, facts(len(lines)), profile, lines, past, definition))
    return runs[0], runs[1]


def state_of(run: Run, as_of: dt.date) -> RunState:
    """Return a run as the study takes it."""
    customers = RunTables(run.features["customer_id"].astype("object"), Columns(run.features), run.tables)
    return RunState(as_of, customers, run.stages, run.profile, run.past, run.definition)


def tables_of(run: Run) -> dict[str, ibis.Table]:
    """Return the canonical tables of a run."""
    return {"transactions": ibis.memtable(run.orders)}


# planted changes: what is done to the later run, and the alarm that it must raise ------------------------------


def _feature(name: str, change: Callable[[pd.Series, np.random.Generator], Any]) -> Callable[[Run], Run]:
    def plant(run: Run) -> Run:
        return replace(
            run, features=run.features.assign(**{name: change(run.features[name], np.random.default_rng(9))})
        )

    return plant


def _table(table: str, change: Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]) -> Callable[[Run], Run]:
    return lambda run: replace(run, tables={**run.tables, table: change(run.tables[table], np.random.default_rng(9))})


def _metrics(**changed: float) -> Callable[[Run], Run]:
    def plant(run: Run) -> Run:
        quality = run.stages["01_check_quality"]
        metrics = {**quality["metrics"], **{name.replace("__", "."): value for name, value in changed.items()}}
        return replace(run, stages={**run.stages, "01_check_quality": {**quality, "metrics": metrics}})

    return plant


def _lines(change: Callable[[pd.DataFrame, pd.Series], pd.DataFrame]) -> Callable[[Run], Run]:
    return lambda run: replace(run, orders=change(run.orders, run.orders["ordered_at"] >= pd.Timestamp(THEN)))


def _only(share: float, value: object) -> Callable[[pd.Series, np.random.Generator], Any]:
    return lambda column, rng: column.mask(rng.random(len(column)) < share, value)


def _shops(orders: pd.DataFrame, later: pd.Series) -> pd.DataFrame:
    moved = later & (np.arange(len(orders)) % 5 == 0)
    return orders.assign(store_id=orders["store_id"].mask(moved, "s4"))


def _replaced(run: Run) -> Run:
    names = {one: f"x{one}" for one in run.features["customer_id"]}
    tables = {name: table.assign(customer_id=table["customer_id"].map(names)) for name, table in run.tables.items()}
    return replace(run, features=run.features.assign(customer_id=run.features["customer_id"].map(names)), tables=tables)


def _half(run: Run) -> Run:
    kept = set(run.features["customer_id"][::2])
    tables = {name: table[table["customer_id"].isin(kept)] for name, table in run.tables.items()}
    return replace(
        run, features=run.features[run.features["customer_id"].isin(kept)].reset_index(drop=True), tables=tables
    )


def _settings(run: Run) -> Run:
    built = {**run.stages["03_build_features"], "settings": {"windows_days": [28]}}
    return replace(run, stages={**run.stages, "03_build_features": built})


def _segments(run: Run) -> Run:
    definition = {**run.definition, "version": "2", "segments": [{"key": "vip"}, {"key": "rest"}]}
    return replace(run, definition=definition)


PLANTED: dict[str, tuple[Callable[[Run], Run], tuple[str, str]]] = {
    "spend up by a third": (_feature("spend_90d", lambda v, _: v * 1.33), ("distribution", "features.spend")),
    "spend in cents": (_feature("spend_90d", lambda v, _: v * 100), ("scale", "features.spend")),
    "orders lost for a tenth": (_feature("orders_90d", _only(0.1, 0.0)), ("distribution", "features.spend")),
    "sessions all zero": (_feature("sessions_30d", lambda v, _: v * 0.0), ("constant", "features.usage")),
    "sessions halved": (_feature("sessions_30d", lambda v, _: (v / 2).round()), ("distribution", "features.usage")),
    "evening share wider": (_feature("evening_share", lambda v, _: (v - 0.4) * 1.6 + 0.4), ("distribution", "features.times")),
    "discounts doubled": (_feature("discount_share", lambda v, _: v * 2), ("distribution", "features.price")),
    "ratings missing": (_feature("service_rating_mean", _only(0.3, np.nan)), ("missing", "features.service")),
    "customers move to the app": (_feature("channel_top", _only(0.15, "app")), ("distribution", "features.preference")),
    "a new channel": (_feature("channel_top", _only(0.08, "kiosk")), ("distribution", "features.preference")),
    "city unknown": (_feature("city", _only(0.2, None)), ("missing", "features.city")),
    "a column is gone": (lambda run: replace(run, features=run.features.drop(columns="city")), ("features", "features")),
    "segments moved": (_table("segments", lambda t, rng: t.assign(segment=_only(0.15, "loyal")(t["segment"], rng))), ("distribution", "segments.segment")),
    "segments defined anew": (_segments, ("segments", "segments")),
    "life cycle moved": (_table("rfm", lambda t, rng: t.assign(life_cycle_stage=_only(0.3, "at_risk")(t["life_cycle_stage"], rng))), ("distribution", "rfm.life_cycle_stage")),
    "risk up": (_table("churn", lambda t, _: t.assign(churn_probability=(t["churn_probability"] + 0.1).clip(upper=1))), ("distribution", "churn.churn_probability")),
    "scores for fewer": (_table("churn", lambda t, _: t[t.index % 5 > 0]), ("distribution", "coverage.churn")),
    "value down": (_table("value", lambda t, _: t.assign(expected_value=t["expected_value"] * 0.8)), ("distribution", "value.expected_value")),
    "a tag moved": (_table("tags", lambda t, rng: t.assign(value=t["value"].mask((t["tag"] == "gift_giver") & (rng.random(len(t)) < 0.2), "yes"))), ("distribution", "tags")),
    "a tag defined anew": (_table("tags", lambda t, _: t.assign(version=t["version"] + (t["tag"] == "daypart"))), ("tags", "tags")),
    "one product for many": (_table("recommendations", lambda t, rng: t.assign(product_id=_only(0.3, "A")(t["product_id"], rng))), ("distribution", "recommendations.first")),
    "settings changed": (_settings, ("settings", "03_build_features")),
    "half of the records": (_metrics(pos__accepted=7_000), ("volume", "pos.volume")),
    "rejects up": (_metrics(pos__rejected=1_500), ("rejected", "pos.rejected")),
    "days without orders": (_lines(lambda t, _: t[(t["ordered_at"] < "2025-05-10") | (t["ordered_at"] >= "2025-05-17")]), ("silence", "transactions.days")),
    "a till is silent": (_lines(lambda t, later: t[~(later & (t["store_id"] == "s3"))]), ("category_gone", "transactions.store_id=s3")),
    "a new shop": (_lines(_shops), ("category_new", "transactions.store_id=s4")),
    "prices up by a quarter": (_lines(lambda t, later: t.assign(unit_price=t["unit_price"] * np.where(later, 1.25, 1.0))), ("prices", "transactions.price_level")),
    "the past is gone": (lambda run: replace(run, past={"transactions": run.past["transactions"] // 2}), ("past_rows", "transactions.past_rows")),
    "all customers replaced": (_replaced, ("replaced", "customers")),
    "half of the customers gone": (_half, ("customers_gone", "customers")),
}  # fmt: skip
