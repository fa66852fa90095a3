"""The days of the retailer: gold price, festivals, and on which day of a month each persona buys.

Days are counted from ``START``; orders lie in [0, DAYS), and the year after, [DAYS, DAYS_AHEAD), appears only in the true values.
"""

from __future__ import annotations

import calendar
from datetime import date, timedelta

import duckdb
import numpy as np
import pyarrow as pa

from workbench.intake.demo.jewellery.personas import FESTIVALS
from workbench.intake.features.inputs.calendars import days_of

__all__ = ["DAYS", "DAYS_AHEAD", "END", "MONTHS", "MONTHS_AHEAD", "START", "gold_prices", "write_days"]

START, END, LAST = date(2020, 7, 1), date(2025, 7, 1), date(2026, 7, 1)
DAYS, DAYS_AHEAD = (END - START).days, (LAST - START).days
MONTHS, MONTHS_AHEAD = 60, 72
DAYS_BEFORE_FESTIVAL, SPREAD_DAYS = 14, 5.0
QUANTILES = 128
# the shop's price of a gram of pure gold at the turn of each half-year, CNY; invented, close to the market
GOLD_ANCHORS = (480, 490, 485, 480, 500, 525, 575, 620, 700, 800, 980, 1000, 1000)
GOLD_NOISE, GOLD_PERSISTENCE = 0.006, 0.985
CHANGE_DAYS = 60


def write_days(engine: duckdb.DuckDBPyConnection, seed: int) -> None:
    """Make the tables of time.

    ``days``: day, on_date, gold (CNY a gram). ``season``: persona, month (0..71), first_day, factor (purchases of that
    month relative to an average one), change (log change of the gold price over the 60 days before; 0 in the year ahead),
    chosen (list of days, equally likely).
    """
    gold = gold_prices(seed)
    dates = [START + timedelta(days=day) for day in range(DAYS_AHEAD)]
    table = pa.table({"day": range(DAYS_AHEAD), "on_date": dates, "gold": gold})
    engine.register("days_view", table)
    engine.execute("CREATE TEMP TABLE days AS SELECT * FROM days_view")
    engine.register("season_view", pa.Table.from_pylist(_seasons(gold)))
    engine.execute("CREATE TEMP TABLE season AS SELECT * FROM season_view")
    for view in ("days_view", "season_view"):
        engine.unregister(view)


def gold_prices(seed: int) -> np.ndarray:
    """Draw the price of a gram of gold on each day: a drift through the anchors plus autocorrelated noise."""
    rng = np.random.default_rng([seed, 11])
    at = np.linspace(0, DAYS_AHEAD - 1, len(GOLD_ANCHORS))
    drift = np.interp(np.arange(DAYS_AHEAD), at, np.log(GOLD_ANCHORS))
    noise = np.zeros(DAYS_AHEAD)
    for day in range(1, DAYS_AHEAD):
        noise[day] = GOLD_PERSISTENCE * noise[day - 1] + GOLD_NOISE * rng.standard_normal()
    return np.round(np.exp(drift + noise))


def _seasons(gold: np.ndarray) -> list[dict[str, object]]:
    rows = []
    for persona, festivals in FESTIVALS.items():
        weights = np.ones(DAYS_AHEAD)
        for festival, multiple in festivals.items():
            weights += multiple * _festival_weights(festival)
        average = weights.mean()
        for month, (first, length) in enumerate(_months()):
            inside = weights[first : first + length]
            rows.append(
                {"persona": persona, "month": month, "first_day": first, "factor": round(float(inside.mean() / average), 6),
                 "change": round(_change(gold, first), 6), "chosen": _chosen(inside, first)}
            )  # fmt: skip
    return rows


def _festival_weights(festival: str) -> np.ndarray:
    """Weight each day before a festival: 1 three days before, fading over two weeks, 0 from the day after."""
    weights = np.zeros(DAYS_AHEAD)
    for day in days_of(festival):
        for ahead in range(DAYS_BEFORE_FESTIVAL + 1):
            at = (day - START).days - ahead
            if 0 <= at < DAYS_AHEAD:
                weights[at] = max(weights[at], float(np.exp(-(((ahead - 3) / SPREAD_DAYS) ** 2))))
    return weights


def _months() -> list[tuple[int, int]]:
    """Give the first day and the length of each month."""
    months, at = [], START
    while at < LAST:
        length = calendar.monthrange(at.year, at.month)[1]
        months.append(((at - START).days, length))
        at += timedelta(days=length)
    return months


def _change(gold: np.ndarray, first: int) -> float:
    if not CHANGE_DAYS <= first < DAYS:
        return 0.0
    return float(np.log(gold[first] / gold[first - CHANGE_DAYS]))


def _chosen(weights: np.ndarray, first: int) -> list[int]:
    cumulative = np.cumsum(weights) / weights.sum()
    places = (np.arange(QUANTILES) + 0.5) / QUANTILES
    return [first + int(at) for at in np.searchsorted(cumulative, places)]
