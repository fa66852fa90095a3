"""How far customers come, from awareness over consideration and purchase to use, in what time, and who drops off.

Each step is known by what the tables record of it; a customer seen at a later step has come at least that far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from workbench.analysis.intervals import SMALL_CELL, small_cells, wilson
from workbench.analysis.purchases import has_purchases
from workbench.intake.features.inputs.exact import at_midnight
from workbench.intake.features.inputs.lines import known_lines
from workbench.intake.features.inputs.words import kind_of_event
from workbench.intake.features.purchases.orders import group_orders, purchases

__all__ = ["EVERYBODY", "JOURNEY_COLUMNS", "JOURNEY_STEPS", "journey_times", "summarise_journeys"]

JOURNEY_STEPS = ("awareness", "consideration", "purchase", "use")
KINDS = {
    "awareness": ("impression",),
    "consideration": ("view", "search", "favourite", "cart", "click"),
    "purchase": ("purchase",),
    "use": ("attend",),
}
# step -> the table columns whose first time counts as evidence of it, beside events
MOMENTS = {
    "awareness": (("campaigns", "sent_at"),),
    "consideration": (("campaigns", "opened_at"),),
    "use": (("reviews", "reviewed_at"), ("service", "opened_at")),
}
EVERYBODY = "all"
JOURNEY_COLUMNS = (
    "group", "step", "recorded", "customers", "observed", "reached", "rate", "low", "high", "days_median", "days_n",
    "suppressed",
)  # fmt: skip
SECONDS_PER_DAY = 86_400


def journey_times(
    tables: Mapping[str, ir.Table],
    customers: pd.DataFrame,
    *,
    as_of: date,
    event_types: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Find when each customer was first seen at each step.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        transactions, events, campaigns, reviews, service, where they exist. Only rows before ``as_of`` count.
    customers : DataFrame
        customer_id; whom the journey is about.
    as_of : date
    event_types : mapping, optional
        Further words for kinds of events, as for 03_build_features.

    Returns
    -------
    DataFrame
        One row per customer, sorted: customer_id and one timestamp per step of `JOURNEY_STEPS` that some table
        records; missing where the customer was not seen there. Use counts from the first purchase on.
    """
    table = customers[["customer_id"]].sort_values("customer_id", ignore_index=True).astype({"customer_id": "object"})
    for step in JOURNEY_STEPS:
        first = _first_times(tables, step, as_of, event_types or {}, table)
        if first is not None:
            table = table.merge(first.rename(columns={"at": step}), on="customer_id", how="left")
    return table


def summarise_journeys(
    times: pd.DataFrame, groups: pd.DataFrame | None = None, *, least: int = SMALL_CELL
) -> pd.DataFrame:
    """Count how many of each group come to each step, and how long it takes.

    Parameters
    ----------
    times : DataFrame
        From `journey_times`.
    groups : DataFrame, optional
        customer_id, group; default: one group, `EVERYBODY`.
    least : int
        Numbers that 1 to ``least`` - 1 customers stand behind are suppressed, and what would give them away.

    Returns
    -------
    DataFrame, `JOURNEY_COLUMNS`
        One row per group and step: recorded (whether any table records the step), customers (of the group), observed
        (seen at this step), reached (seen at this step or a later one), rate (reached / reached at the recorded step
        before, the group's customers before the first) with its 95 % Wilson interval, days_median (from the step
        before to this one) over days_n customers seen at both in this order.
    """
    placed = times.assign(group=EVERYBODY) if groups is None else times.merge(groups, on="customer_id")
    recorded = [step for step in JOURNEY_STEPS if step in times.columns]
    seen = placed[recorded].notna().to_numpy()
    furthest = np.where(seen.any(axis=1), seen.shape[1] - seen[:, ::-1].argmax(axis=1), 0) if recorded else None
    rows = []
    names = sorted(placed["group"].unique())
    if recorded and names:
        parts = pd.crosstab(placed["group"], furthest).reindex(columns=range(len(recorded) + 1), fill_value=0)
        hidden = small_cells(parts, least=least)
        for name in names:
            mine = placed[placed["group"] == name]
            rows += _steps_of(mine, recorded, parts.loc[name].to_numpy(), hidden.loc[name].to_numpy(), least)
    missing = [
        {"group": name, "step": step, "recorded": False, "suppressed": False}
        for name in names
        for step in JOURNEY_STEPS
        if step not in recorded
    ]
    table = pd.DataFrame([*rows, *missing], columns=list(JOURNEY_COLUMNS))
    place = {step: at for at, step in enumerate(JOURNEY_STEPS)}
    table = table.assign(at=table["step"].map(place)).sort_values(["group", "at"], ignore_index=True)
    counts = {name: table[name].astype("Int64") for name in ("customers", "observed", "reached", "days_n")}
    numbers = {name: table[name].astype("float64") for name in ("rate", "low", "high", "days_median")}
    flags = {name: table[name].astype(bool) for name in ("recorded", "suppressed")}
    return table.assign(**counts, **numbers, **flags)[list(JOURNEY_COLUMNS)]


def _steps_of(mine: pd.DataFrame, recorded: list[str], parts: np.ndarray, hidden: np.ndarray, least: int) -> list[dict]:
    """Return the rows of one group; ``parts`` counts its customers by the furthest step they came to, 0 for none."""
    reached = parts[::-1].cumsum()[::-1]  # reached[0] is everybody
    mask = [bool(hidden[at] or (at == 1 and hidden[0])) for at in range(len(parts))]
    rows = []
    for at, step in enumerate(recorded, start=1):
        before, own = int(reached[at - 1]), int(reached[at])
        row = {"group": mine["group"].iloc[0], "step": step, "recorded": True, "suppressed": mask[at]}
        row["customers"] = len(mine) if len(mine) >= least else None
        if not mask[at]:
            observed = int(mine[step].notna().sum())
            row |= {"reached": own, "observed": observed if not 0 < observed < least else None}
        if not mask[at] and not (at > 1 and mask[at - 1]) and before:
            low, high = wilson(own, before)
            row |= {"rate": own / before, "low": float(low), "high": float(high)}
        rows.append(row | _days_between(mine, recorded[at - 2] if at > 1 else None, step, least))
    return rows


def _days_between(mine: pd.DataFrame, before: str | None, step: str, least: int) -> dict[str, float | None]:
    if before is None:
        return {}
    days = (mine[step] - mine[before]).dt.total_seconds() / SECONDS_PER_DAY
    known = days[days >= 0]
    return {"days_median": round(float(known.median()), 6), "days_n": len(known)} if len(known) >= least else {}


def _first_times(
    tables: Mapping[str, ir.Table], step: str, as_of: date, words: Mapping[str, Sequence[str]], table: pd.DataFrame
) -> pd.DataFrame | None:
    found = [*_moments(tables, step), *_events(tables.get("events"), KINDS[step], words)]
    if step == "purchase" and has_purchases(tables.get("transactions")):
        orders = purchases(group_orders(known_lines(tables["transactions"], as_of=as_of)))
        found = [orders.select("customer_id", at=orders.ordered_at)]
    if not found:
        return None
    union = ibis.union(*found) if len(found) > 1 else found[0]
    inside = union.filter(union.customer_id.notnull() & (union.at < at_midnight(as_of)))
    if step == "use" and "purchase" in table.columns:
        bought = ibis.memtable(
            table.dropna(subset=["purchase"])[["customer_id", "purchase"]].astype({"customer_id": "str"})
        )
        inside = inside.inner_join(bought, "customer_id")
        inside = inside.filter(inside["at"] >= inside.purchase)
    first = inside.group_by("customer_id").aggregate(at=inside["at"].min()).order_by("customer_id").to_pandas()
    return first.assign(at=first["at"].astype("datetime64[us]")) if len(first) else None


def _moments(tables: Mapping[str, ir.Table], step: str) -> list[ir.Table]:
    return [
        tables[name].select("customer_id", at=tables[name][column].cast("timestamp"))
        for name, column in MOMENTS.get(step, ())
        if name in tables and {"customer_id", column} <= set(tables[name].columns)
    ]


def _events(events: ir.Table | None, kinds: Sequence[str], words: Mapping[str, Sequence[str]]) -> list[ir.Table]:
    if events is None or not {"customer_id", "occurred_at", "type"} <= set(events.columns):
        return []
    chosen = events.filter(kind_of_event(events.type, words).isin(kinds))
    return [chosen.select("customer_id", at=chosen.occurred_at.cast("timestamp"))]
