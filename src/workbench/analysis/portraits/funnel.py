"""How many customers go from view to cart to purchase, and how fast? The funnel of 04_describe_customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from workbench.analysis.intervals import SMALL_CELL, wilson
from workbench.analysis.privacy.suppression import small_cells
from workbench.analysis.purchases import has_purchases
from workbench.intake.features.inputs.exact import at_midnight
from workbench.intake.features.inputs.lines import known_lines
from workbench.intake.features.inputs.words import kind_of_event
from workbench.intake.features.purchases.orders import group_orders, purchases

__all__ = ["FUNNEL_COLUMNS", "FUNNEL_STEPS", "convert_within", "funnel_times"]

FUNNEL_STEPS = ("view", "cart", "purchase")
FUNNEL_COLUMNS = (
    "window_days", "step", "entered", "n", "share", "low", "high", "step_share", "step_low", "step_high",
    "hours_median", "suppressed",
)  # fmt: skip
SECONDS_PER_HOUR = 3_600


def funnel_times(
    events: ir.Table | None,
    transactions: ir.Table | None = None,
    *,
    as_of: date,
    event_types: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Find each customer's first view, the first cart after it and the first purchase after that.

    Parameters
    ----------
    events : ibis.Table or None
        customer_id, occurred_at, type.
    transactions : ibis.Table, optional
        Order lines, used for purchases if the events contain no purchases.
    as_of : date
        Only rows before this date are read.
    event_types : mapping, optional
        Additional event types by kind of event, as for 03_build_features.

    Returns
    -------
    DataFrame
        One row per customer with a view: customer_id, view and, where recorded, cart and purchase (times; missing where
        the step was not reached in this order). Empty if the data has no views, or neither carts nor purchases.
    """
    times = pd.DataFrame({"customer_id": pd.Series(dtype="object"), "view": pd.Series(dtype="datetime64[us]")})
    if events is None or not {"customer_id", "occurred_at", "type"} <= set(events.columns):
        return times
    usable = events.filter(events.customer_id.notnull() & (events.occurred_at < at_midnight(as_of)))
    moments = usable.select("customer_id", at=usable.occurred_at, kind=kind_of_event(usable.type, event_types))
    present = set(moments.select("kind").distinct().to_pandas()["kind"])
    view = moments.filter(moments.kind == "view")
    reached = view.group_by("customer_id").aggregate(view=view["at"].min())
    sources = {}
    if "cart" in present:
        sources["cart"] = moments.filter(moments.kind == "cart")
    if "purchase" in present:
        sources["purchase"] = moments.filter(moments.kind == "purchase")
    elif has_purchases(transactions):
        orders = purchases(group_orders(known_lines(transactions, as_of=as_of)))
        sources["purchase"] = orders.select("customer_id", at=orders.ordered_at)
    if "view" not in present or not sources:
        return times
    previous = "view"
    for step, step_moments in sources.items():
        reached = _first_after(reached, step_moments.select("customer_id", "at"), previous, step)
        previous = step
    first_times = reached.order_by("customer_id").to_pandas()
    return first_times.astype({step: "datetime64[us]" for step in ("view", *sources)})


def convert_within(
    times: pd.DataFrame, *, windows_days: Sequence[int], as_of: date, least: int = SMALL_CELL
) -> pd.DataFrame:
    """Count the customers who reach each step within a window after the first view.

    Parameters
    ----------
    times : DataFrame
        From `funnel_times`.
    windows_days : sequence of int
        Lengths of the windows ``[view, view + days)``.
    as_of : date
        Customers whose window does not end by this date are left out.
    least : int
        Counts of 1 to ``least`` - 1 customers are suppressed, with further counts to prevent recovery by subtraction.

    Returns
    -------
    DataFrame, `FUNNEL_COLUMNS`
        One row per window and recorded step: entered (customers whose window is over), n (who reached the step within
        it), share = n / entered, step_share = n / n of the previous step, both with 95 % Wilson intervals,
        hours_median (from the previous step, of those n).
    """
    steps = [step for step in FUNNEL_STEPS if step in times.columns]
    rows = [row for days in windows_days for row in _window(times, steps, days, as_of, least)] if len(steps) > 1 else []
    table = pd.DataFrame(rows, columns=list(FUNNEL_COLUMNS))
    integers = {name: table[name].astype("Int64") for name in ("window_days", "entered", "n")}
    numbers = {name: table[name].astype("float64") for name in FUNNEL_COLUMNS[4:-1]}
    return table.assign(**integers, **numbers, suppressed=table["suppressed"].astype(bool))


def _first_after(reached: ir.Table, moments: ir.Table, previous: str, step: str) -> ir.Table:
    joined = reached.inner_join(moments, "customer_id")
    later = joined.filter(joined["at"] >= joined[previous])
    first = later.group_by("customer_id").aggregate(**{step: later["at"].min()})
    return reached.left_join(first, "customer_id").select(*reached.columns, step)


def _window(times: pd.DataFrame, steps: list[str], days: int, as_of: date, least: int) -> list[dict[str, Any]]:
    window = timedelta(days=int(days))
    mature = times[times["view"] + window <= pd.Timestamp(as_of)]
    reaches = {step: (mature[step] < mature["view"] + window).to_numpy() for step in steps}
    n = [int(reaches[step].sum()) for step in steps]
    n_stopped = [reached - next_reached for reached, next_reached in zip(n, [*n[1:], 0], strict=True)]
    hidden = small_cells(pd.DataFrame([n_stopped]), least=least).to_numpy()[0]
    rows: list[dict[str, Any]] = []
    for position, step in enumerate(steps):
        is_hidden = bool(hidden[position] or (position == 1 and hidden[0])) and position > 0 or len(mature) < least
        row: dict[str, Any] = {"window_days": days, "step": step, "entered": len(mature), "suppressed": is_hidden}
        if len(mature) < least:
            row["entered"] = None
        elif not is_hidden:
            row |= {"n": n[position]} | _shares(n[position], len(mature), "share", "low", "high")
            if position and not rows[-1]["suppressed"]:
                row |= _shares(n[position], n[position - 1], "step_share", "step_low", "step_high")
            if position and n[position] >= least:
                duration = mature.loc[reaches[step], step] - mature.loc[reaches[step], steps[position - 1]]
                row["hours_median"] = round(float(duration.median().total_seconds()) / SECONDS_PER_HOUR, 6)
        rows.append(row)
    return rows


def _shares(n: int, total: int, share: str, low: str, high: str) -> dict[str, float]:
    interval = wilson(n, total)
    return {share: n / total if total else float("nan"), low: float(interval[0]), high: float(interval[1])}
