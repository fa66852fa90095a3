"""Why is a customer in this segment, and which other segment is nearest? For any definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.segments.conditions import Condition, holds, parts_of
from workbench.analysis.segments.definition import UNKNOWN, SegmentDefinition, assign
from workbench.analysis.segments.placing import costs, place

__all__ = ["REASON_COLUMNS", "explain_customer"]

REASON_COLUMNS = (
    "customer_id", "segment", "feature", "value", "condition", "typical", "other_typical", "weight",
    "nearest_other", "distance",
)  # fmt: skip
TOP = 3
_WORDS = {"at_least": ">=", "above": ">", "at_most": "<=", "below": "<"}
_OPPOSITE = {">=": "<", ">": "<=", "<=": ">", "<": ">="}


def explain_customer(definition: SegmentDefinition, customer: pd.DataFrame, *, top: int = TOP) -> pd.DataFrame:
    """Explain a customer's segment, and measure the distance to the nearest other segment.

    Parameters
    ----------
    definition : SegmentDefinition
    customer : pandas.DataFrame
        One row: customer_id and the columns of the definition.
    top : int
        Most features, the most decisive first; for rules all conditions met are returned.

    Returns
    -------
    pandas.DataFrame
        One row per condition met, or per decisive feature: customer_id, segment, feature, value (of the customer),
        condition (for rules, such as ``< 90``), typical and other_typical (the value at the centre of the customer's
        segment and of the nearest other segment, in the feature's unit; for categories the most frequent level), weight
        (share, 0..1, of the lower cost of the customer's segment that is due to the feature), nearest_other (key;
        missing with one segment), distance (to the nearest other segment minus to the customer's own, in scaled units;
        for gaussians and classes the difference of log densities; for rules the number of conditions of the other
        segment that the customer does not meet). An ``unknown`` customer has one row
        without a feature.

    Raises
    ------
    DataError
        As in ``definition.assign``.
    """
    segment = assign(definition, customer)["segment"].iloc[0]
    rows: list[dict[str, Any]] = [{}]
    if definition.model["type"] == "rules":
        rows = _by_rules(definition, customer)
    elif definition.model["type"] != "single" and segment != UNKNOWN.key:
        rows = _by_cost(definition, customer, top)
    base = {"customer_id": customer["customer_id"].iloc[0], "segment": segment}
    return pd.DataFrame([base | row for row in rows] or [base], columns=list(REASON_COLUMNS))


# rules: the conditions met ---------------------------------------------------------------------


def _by_rules(definition: SegmentDefinition, customer: pd.DataFrame) -> list[dict[str, Any]]:
    rules = definition.model["rules"]
    rule_index = int(place(definition.transform, definition.model, customer)[0])
    segment = rules[rule_index]["segment"] if rule_index >= 0 else UNKNOWN.key
    others = [
        (_unmet(rule["when"], customer), rank, rule["segment"])
        for rank, rule in enumerate(rules)
        if rule["segment"] != segment and rule["when"] != {"all": []}
    ]
    distance, _, nearest = min(others, default=(np.nan, 0, None))
    nearest_columns = {"nearest_other": nearest, "distance": float(distance)}
    comparisons = _met(rules[rule_index]["when"], customer, True) if rule_index >= 0 else []
    return [nearest_columns | comparison for comparison in comparisons] or [nearest_columns]


def _met(condition: Condition, customer: pd.DataFrame, outcome: bool) -> list[dict[str, Any]]:
    """Return the comparisons that make a condition true (or, under NOT, false)."""
    if "feature" in condition:
        name = condition["feature"]
        return [
            {"feature": name, "value": _plain(customer[name].iloc[0]), "condition": _condition_text(condition, outcome)}
        ]
    if "not" in condition:
        return _met(condition["not"], customer, not outcome)
    parts = parts_of(condition)
    every = ("all" in condition) == outcome  # either all parts are decisive, or only those with this outcome
    decisive = parts if every else [part for part in parts if bool(holds(part, customer)[0]) == outcome]
    return [row for part in decisive for row in _met(part, customer, outcome)]


def _unmet(condition: Condition, customer: pd.DataFrame, outcome: bool = True) -> int:
    """Count the comparisons that would have to change; of alternatives the smallest count."""
    if "feature" in condition:
        return int(bool(holds(condition, customer)[0]) != outcome)
    if "not" in condition:
        return _unmet(condition["not"], customer, not outcome)
    counts = [_unmet(part, customer, outcome) for part in parts_of(condition)]
    return (sum if ("all" in condition) == outcome else min)(counts or [0])


def _condition_text(leaf: Condition, outcome: bool) -> str:
    if leaf["op"] == "missing":
        return "is missing" if outcome else "is known"
    if leaf["op"] == "in":
        values = ", ".join(item if isinstance(item, str) else f"{item:g}" for item in leaf["value"])
        return values if outcome else f"not {values}"
    sign = _WORDS[leaf["op"]]
    return f"{sign if outcome else _OPPOSITE[sign]} {leaf['value']:g}"


# centroids, gaussians and classes: the decisive features ---------------------------------------


def _by_cost(definition: SegmentDefinition, customer: pd.DataFrame, top: int) -> list[dict[str, Any]]:
    transform, model = definition.transform, definition.model
    segment_costs = costs(transform, model, customer)[0]
    order = np.argsort(segment_costs, kind="stable")
    if len(order) == 1:
        return [{}]
    first, second = int(order[0]), int(order[1])
    typical = {
        name: (_typical(definition, name, first), _typical(definition, name, second)) for name in definition.columns
    }
    gains = {name: _gain(definition, customer, name, (first, second), typical[name]) for name in definition.columns}
    total_gain = sum(max(gain, 0.0) for gain in gains.values())
    ranked = sorted(gains, key=lambda name: (-round(gains[name], 9), definition.columns.index(name)))
    are_distances = model["type"] == "centroids"
    distance = (
        np.sqrt(segment_costs[second]) - np.sqrt(segment_costs[first])
        if are_distances
        else segment_costs[second] - segment_costs[first]
    )
    nearest_columns = {"nearest_other": definition.segments[second].key, "distance": round(float(distance), 6)}
    rows = []
    for name in ranked[:top]:
        if gains[name] > 0:
            typical_columns = {"typical": typical[name][0], "other_typical": typical[name][1]}
            share = round(gains[name] / total_gain, 6)
            rows.append(
                nearest_columns
                | {"feature": name, "value": _plain(customer[name].iloc[0]), "weight": share}
                | typical_columns
            )
    return rows or [nearest_columns]


def _gain(
    definition: SegmentDefinition,
    customer: pd.DataFrame,
    name: str,
    pair: tuple[int, int],
    typical: tuple[Any, Any],
) -> float:
    """Return by how much the cost advantage would shrink with the other segment's typical value of a feature."""
    first, second = pair
    changed = customer.assign(**{name: [typical[1]]})
    before = costs(definition.transform, definition.model, customer)[0]
    after = costs(definition.transform, definition.model, changed)[0]
    return float((before[second] - before[first]) - (after[second] - after[first]))


def _typical(definition: SegmentDefinition, name: str, at: int) -> Any:
    """Return a feature's value at the centre of a segment, in the feature's unit; of categories the likeliest level."""
    model, transform = definition.model, definition.transform
    if model["type"] == "classes":
        levels = model["variables"][name]
        best = max(levels, key=lambda level: (levels[level][at], level))
        return _lower_bound(best, name, model) if name in model["cuts"] else best
    if name in transform.columns:
        position = transform.columns.index(name)
        centre = (model.get("centers") or model["means"])[at][position]
        feature = transform.features[position]
        scaled = centre / feature.weight * feature.scale + feature.center
        return round(float(np.sign(scaled) * np.expm1(abs(scaled)) if feature.log else scaled), 6)
    start = len(transform.features)
    for other, category in model["categories"].items():
        shares = model["centers"][at][start : start + len(category["levels"])]
        if other == name:
            return category["levels"][int(np.argmax(shares))]
        start += len(category["levels"])
    return None


def _lower_bound(level: str, name: str, model: Mapping[str, Any]) -> float:
    """Return a number within a level: its lower bound."""
    cuts, code = model["cuts"][name], int(level)
    return float(cuts[code - 1]) if code else float(cuts[0]) - 1.0  # below the first bound


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value
