"""The customer journey: awareness, consideration, purchase, use; reach and time of each step.

The steps are taken from the tables; a customer observed at a later step counts as having reached all earlier ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from workbench.analysis.intervals import SMALL_CELL, wilson
from workbench.analysis.privacy.suppression import small_cells
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
# step -> table columns whose first time shows the step, in addition to events
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
    """Find the first time of each customer at each step.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        transactions, events, campaigns, reviews, service, where present. Only rows before ``as_of`` count.
    customers : DataFrame
        customer_id of the customers to follow.
    as_of : date
    event_types : mapping, optional
        Additional event types by kind of event, as for 03_build_features.

    Returns
    -------
    DataFrame
        One row per customer, sorted: customer_id and one timestamp per recorded step of `JOURNEY_STEPS`; missing if
        the customer was not observed at the step. Use counts only from the first purchase on.
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
    """Count the customers of each group who reach each step, and the time it takes.

    Parameters
    ----------
    times : DataFrame
        From `journey_times`.
    groups : DataFrame, optional
        customer_id, group; default: one group, `EVERYBODY`.
    least : int
        Counts of 1 to ``least`` - 1 customers are suppressed, with further counts to prevent recovery by subtraction.

    Returns
    -------
    DataFrame, `JOURNEY_COLUMNS`
        One row per group and step: recorded (whether any table records the step), customers (of the group), observed
        (at this step), reached (observed at this step or a later one), rate (reached / reached at the previous
        recorded step, at the first step / customers of the group) with its 95 % Wilson interval, days_median (from the
        previous step to this one) over the days_n customers observed at both in this order.
    """
    in_groups = times.assign(group=EVERYBODY) if groups is None else times.merge(groups, on="customer_id")
    recorded = [step for step in JOURNEY_STEPS if step in times.columns]
    is_seen = in_groups[recorded].notna().to_numpy()
    furthest = (
        np.where(is_seen.any(axis=1), is_seen.shape[1] - is_seen[:, ::-1].argmax(axis=1), 0) if recorded else None
    )
    rows = []
    names = sorted(in_groups["group"].unique())
    if recorded and names:
        parts = pd.crosstab(in_groups["group"], furthest).reindex(columns=range(len(recorded) + 1), fill_value=0)
        hidden = small_cells(parts, least=least, name="journey")
        for name in names:
            members = in_groups[in_groups["group"] == name]
            rows += _steps_of(members, recorded, parts.loc[name].to_numpy(), hidden.loc[name].to_numpy(), least)
    missing = [
        {"group": name, "step": step, "recorded": False, "suppressed": False}
        for name in names
        for step in JOURNEY_STEPS
        if step not in recorded
    ]
    table = pd.DataFrame([*rows, *missing], columns=list(JOURNEY_COLUMNS))
    step_order = {step: position for position, step in enumerate(JOURNEY_STEPS)}
    table = table.assign(at=table["step"].map(step_order)).sort_values(["group", "at"], ignore_index=True)
    counts = {name: table[name].astype("Int64") for name in ("customers", "observed", "reached", "days_n")}
    numbers = {name: table[name].astype("float64") for name in ("rate", "low", "high", "days_median")}
    flags = {name: table[name].astype(bool) for name in ("recorded", "suppressed")}
    return table.assign(**counts, **numbers, **flags)[list(JOURNEY_COLUMNS)]


def _steps_of(
    members: pd.DataFrame, recorded: list[str], parts: np.ndarray, hidden: np.ndarray, least: int
) -> list[dict]:
    """Return the rows of one group; ``parts`` counts its customers by the furthest step reached, 0 for none."""
    reached = parts[::-1].cumsum()[::-1]  # reached[0] is all customers
    is_hidden = [bool(hidden[position] or (position == 1 and hidden[0])) for position in range(len(parts))]
    rows = []
    for position, step in enumerate(recorded, start=1):
        n_before, n_reached = int(reached[position - 1]), int(reached[position])
        row = {"group": members["group"].iloc[0], "step": step, "recorded": True, "suppressed": is_hidden[position]}
        row["customers"] = len(members) if len(members) >= least else None
        if not is_hidden[position]:
            observed = int(members[step].notna().sum())
            row |= {"reached": n_reached, "observed": observed if not 0 < observed < least else None}
        if not is_hidden[position] and not (position > 1 and is_hidden[position - 1]) and n_before:
            low, high = wilson(n_reached, n_before)
            row |= {"rate": n_reached / n_before, "low": float(low), "high": float(high)}
        rows.append(row | _days_between(members, recorded[position - 2] if position > 1 else None, step, least))
    return rows


def _days_between(members: pd.DataFrame, previous: str | None, step: str, least: int) -> dict[str, float | None]:
    if previous is None:
        return {}
    days = (members[step] - members[previous]).dt.total_seconds() / SECONDS_PER_DAY
    forward = days[days >= 0]
    return {"days_median": round(float(forward.median()), 6), "days_n": len(forward)} if len(forward) >= least else {}


def _first_times(
    tables: Mapping[str, ir.Table], step: str, as_of: date, words: Mapping[str, Sequence[str]], table: pd.DataFrame
) -> pd.DataFrame | None:
    sources = [*_moments(tables, step), *_events(tables.get("events"), KINDS[step], words)]
    if step == "purchase" and has_purchases(tables.get("transactions")):
        orders = purchases(group_orders(known_lines(tables["transactions"], as_of=as_of)))
        sources = [orders.select("customer_id", at=orders.ordered_at)]
    if not sources:
        return None
    moments = ibis.union(*sources) if len(sources) > 1 else sources[0]
    usable = moments.filter(moments.customer_id.notnull() & (moments.at < at_midnight(as_of)))
    if step == "use" and "purchase" in table.columns:
        bought = ibis.memtable(
            table.dropna(subset=["purchase"])[["customer_id", "purchase"]].astype({"customer_id": "str"})
        )
        usable = usable.inner_join(bought, "customer_id")
        usable = usable.filter(usable["at"] >= usable.purchase)
    first = usable.group_by("customer_id").aggregate(at=usable["at"].min()).order_by("customer_id").to_pandas()
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
    selected = events.filter(kind_of_event(events.type, words).isin(kinds))
    return [selected.select("customer_id", at=selected.occurred_at.cast("timestamp"))]
