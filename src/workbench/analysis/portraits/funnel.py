"""Of those who look, who puts into the cart and who buys, and within what time? The funnel of 04_describe_customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import ibis.expr.types as ir
import pandas as pd

from workbench.analysis.intervals import SMALL_CELL, small_cells, wilson
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
    """Follow each customer from the first view over the first cart after it to the first purchase after that.

    Parameters
    ----------
    events : ibis.Table or None
        customer_id, occurred_at, type.
    transactions : ibis.Table, optional
        Order lines; their purchases count where the events record none.
    as_of : date
        Only what happened before it is read.
    event_types : mapping, optional
        Further words for kinds of events, as for 03_build_features.

    Returns
    -------
    DataFrame
        One row per customer with a view: customer_id, view and, where they are recorded, cart and purchase (times;
        missing where it never came to that in this order). No row where no view or nothing after it is recorded.
    """
    times = pd.DataFrame({"customer_id": pd.Series(dtype="object"), "view": pd.Series(dtype="datetime64[us]")})
    if events is None or not {"customer_id", "occurred_at", "type"} <= set(events.columns):
        return times
    known = events.filter(events.customer_id.notnull() & (events.occurred_at < at_midnight(as_of)))
    moments = known.select("customer_id", at=known.occurred_at, kind=kind_of_event(known.type, event_types))
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
    before = "view"
    for step, moment in sources.items():
        reached = _first_after(reached, moment.select("customer_id", "at"), before, step)
        before = step
    found = reached.order_by("customer_id").to_pandas()
    return found.astype({step: "datetime64[us]" for step in ("view", *sources)})


def convert_within(
    times: pd.DataFrame, *, windows_days: Sequence[int], as_of: date, least: int = SMALL_CELL
) -> pd.DataFrame:
    """Count who comes to each step within a window after the first view.

    Parameters
    ----------
    times : DataFrame
        From `funnel_times`.
    windows_days : sequence of int
        Lengths of the windows ``[view, view + days)``.
    as_of : date
        Customers whose window is not over by then do not enter: they have not had the time.
    least : int
        Counts of 1 to ``least`` - 1 customers are suppressed, and what would give them away.

    Returns
    -------
    DataFrame, `FUNNEL_COLUMNS`
        One row per window and step that is recorded: entered (customers whose window is over), n (who came to the
        step within it), share = n / entered, step_share = n / n of the step before, both with 95 % Wilson intervals,
        hours_median (from the step before, of those n).
    """
    steps = [step for step in FUNNEL_STEPS if step in times.columns]
    rows = [row for days in windows_days for row in _window(times, steps, days, as_of, least)] if len(steps) > 1 else []
    table = pd.DataFrame(rows, columns=list(FUNNEL_COLUMNS))
    whole = {name: table[name].astype("Int64") for name in ("window_days", "entered", "n")}
    numbers = {name: table[name].astype("float64") for name in FUNNEL_COLUMNS[4:-1]}
    return table.assign(**whole, **numbers, suppressed=table["suppressed"].astype(bool))


def _first_after(reached: ir.Table, moments: ir.Table, before: str, step: str) -> ir.Table:
    joined = reached.inner_join(moments, "customer_id")
    later = joined.filter(joined["at"] >= joined[before])
    first = later.group_by("customer_id").aggregate(**{step: later["at"].min()})
    return reached.left_join(first, "customer_id").select(*reached.columns, step)


def _window(times: pd.DataFrame, steps: list[str], days: int, as_of: date, least: int) -> list[dict]:
    length = timedelta(days=int(days))
    mature = times[times["view"] + length <= pd.Timestamp(as_of)]
    came = {step: (mature[step] < mature["view"] + length).to_numpy() for step in steps}
    n = [int(came[step].sum()) for step in steps]
    stayed = [here - after for here, after in zip(n, [*n[1:], 0], strict=True)]
    hidden = small_cells(pd.DataFrame([stayed]), least=least).to_numpy()[0]
    rows = []
    for at, step in enumerate(steps):
        covered = bool(hidden[at] or (at == 1 and hidden[0])) and at > 0 or len(mature) < least
        row = {"window_days": days, "step": step, "entered": len(mature), "suppressed": covered}
        if len(mature) < least:
            row["entered"] = None
        elif not covered:
            row |= {"n": n[at]} | _shares(n[at], len(mature), "share", "low", "high")
            if at and not rows[-1]["suppressed"]:
                row |= _shares(n[at], n[at - 1], "step_share", "step_low", "step_high")
            if at and n[at] >= least:
                took = mature.loc[came[step], step] - mature.loc[came[step], steps[at - 1]]
                row["hours_median"] = round(float(took.median().total_seconds()) / SECONDS_PER_HOUR, 6)
        rows.append(row)
    return rows


def _shares(n: int, of: int, share: str, low: str, high: str) -> dict[str, float]:
    ends = wilson(n, of)
    return {share: n / of if of else float("nan"), low: float(ends[0]), high: float(ends[1])}
