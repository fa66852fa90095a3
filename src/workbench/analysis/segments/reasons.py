"""Why is she in this segment, and which other is nearest? Reasons of single customers, for any definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from workbench.analysis.segments.conditions import Condition, holds
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
    """Say what put a customer into her segment, and how far the nearest other one is.

    Parameters
    ----------
    definition : SegmentDefinition
    customer : pandas.DataFrame
        One row: customer_id and the columns the definition names.
    top : int
        Features named, the most decisive first; of rules every condition that was met is named.

    Returns
    -------
    pandas.DataFrame
        One row per condition met, or per feature that decided: customer_id, segment, feature, value (hers), condition
        (of rules, such as ``< 90``), typical and other_typical (the value at the centre of her segment and of the
        nearest other, in the feature's unit; of categories the most frequent level), weight (share, 0..1, of the
        difference in cost that the feature makes in favour of her segment), nearest_other (key; missing with one
        segment), distance: by how much the other is further from her than her own, in scaled units (of clouds and
        classes: the difference of log densities; of rules: conditions of the other that she does not meet). Who is
        ``unknown`` has one row that says so, without a feature.

    Raises
    ------
    DataError
        As ``segments.assign`` raises it.
    """
    own_key = assign(definition, customer)["segment"].iloc[0]
    rows: list[dict[str, Any]] = [{}]
    if definition.model["type"] == "rules":
        rows = _by_rules(definition, customer)
    elif definition.model["type"] != "single" and own_key != UNKNOWN.key:
        rows = _by_cost(definition, customer, top)
    base = {"customer_id": customer["customer_id"].iloc[0], "segment": own_key}
    return pd.DataFrame([base | row for row in rows] or [base], columns=list(REASON_COLUMNS))


# rules: the conditions that were met -----------------------------------------------------------


def _by_rules(definition: SegmentDefinition, customer: pd.DataFrame) -> list[dict[str, Any]]:
    rules = definition.model["rules"]
    at = int(place(definition.transform, definition.model, customer)[0])
    own = rules[at]["segment"] if at >= 0 else UNKNOWN.key
    others = [(_unmet(each["when"], customer), rank, each["segment"]) for rank, each in enumerate(rules)]
    asked = [each for each in others if each[2] != own and rules[each[1]]["when"] != {"all": []}]
    nearest = min(asked, default=(np.nan, 0, None))
    about = {"nearest_other": nearest[2], "distance": float(nearest[0])}
    met = _met(rules[at]["when"], customer, True) if at >= 0 else []
    return [about | each for each in met] or [about]


def _met(condition: Condition, customer: pd.DataFrame, wanted: bool) -> list[dict[str, Any]]:
    """Return the comparisons that make a condition hold (or, under NOT, fail)."""
    if "feature" in condition:
        name = condition["feature"]
        return [{"feature": name, "value": _plain(customer[name].iloc[0]), "condition": _said(condition, wanted)}]
    if "not" in condition:
        return _met(condition["not"], customer, not wanted)
    parts = condition.get("all", condition.get("any"))
    every = ("all" in condition) == wanted  # all parts count, or those alone that came out so
    kept = parts if every else [each for each in parts if bool(holds(each, customer)[0]) == wanted]
    return [row for part in kept for row in _met(part, customer, wanted)]


def _unmet(condition: Condition, customer: pd.DataFrame, wanted: bool = True) -> int:
    """Count the comparisons that would have to come out otherwise; of alternatives the fewest."""
    if "feature" in condition:
        return int(bool(holds(condition, customer)[0]) != wanted)
    if "not" in condition:
        return _unmet(condition["not"], customer, not wanted)
    counts = [_unmet(part, customer, wanted) for part in condition.get("all", condition.get("any"))]
    return (sum if ("all" in condition) == wanted else min)(counts or [0])


def _said(leaf: Condition, wanted: bool) -> str:
    if leaf["op"] == "missing":
        return "is missing" if wanted else "is known"
    if leaf["op"] == "in":
        listed = ", ".join(each if isinstance(each, str) else f"{each:g}" for each in leaf["value"])
        return listed if wanted else f"not {listed}"
    sign = _WORDS[leaf["op"]]
    return f"{sign if wanted else _OPPOSITE[sign]} {leaf['value']:g}"


# centres, clouds and classes: the features that decided ----------------------------------------


def _by_cost(definition: SegmentDefinition, customer: pd.DataFrame, top: int) -> list[dict[str, Any]]:
    transform, model = definition.transform, definition.model
    found = costs(transform, model, customer)[0]
    order = np.argsort(found, kind="stable")
    if len(order) == 1:
        return [{}]
    own, other = int(order[0]), int(order[1])
    typical = {
        name: (_typical(definition, name, own), _typical(definition, name, other)) for name in definition.columns
    }
    gains = {name: _gain(definition, customer, name, (own, other), typical[name]) for name in definition.columns}
    whole = sum(max(gain, 0.0) for gain in gains.values())
    ranked = sorted(gains, key=lambda name: (-round(gains[name], 9), definition.columns.index(name)))
    centred = model["type"] == "centroids"
    distance = np.sqrt(found[other]) - np.sqrt(found[own]) if centred else found[other] - found[own]
    about = {"nearest_other": definition.segments[other].key, "distance": round(float(distance), 6)}
    rows = []
    for name in ranked[:top]:
        if gains[name] > 0:
            shown = {"typical": typical[name][0], "other_typical": typical[name][1]}
            share = round(gains[name] / whole, 6)
            rows.append(about | {"feature": name, "value": _plain(customer[name].iloc[0]), "weight": share} | shown)
    return rows or [about]


def _gain(
    definition: SegmentDefinition,
    customer: pd.DataFrame,
    name: str,
    pair: tuple[int, int],
    typical: tuple[Any, Any],
) -> float:
    """Return how much of her lead the own segment would lose if she stood at the other's typical value instead."""
    own, other = pair
    moved = customer.assign(**{name: [typical[1]]})
    before = costs(definition.transform, definition.model, customer)[0]
    after = costs(definition.transform, definition.model, moved)[0]
    return float((before[other] - before[own]) - (after[other] - after[own]))


def _typical(definition: SegmentDefinition, name: str, at: int) -> Any:
    """Return the value of a feature at the centre of a segment, in its own unit; of categories the likeliest level."""
    model, transform = definition.model, definition.transform
    if model["type"] == "classes":
        levels = model["variables"][name]
        best = max(levels, key=lambda level: (levels[level][at], level))
        return _middle_of(best, name, model) if name in model["cuts"] else best
    if name in transform.columns:
        place_of = transform.columns.index(name)
        centre = (model.get("centers") or model["means"])[at][place_of]
        how = transform.features[place_of]
        scaled = centre / how.weight * how.scale + how.center
        return round(float(np.sign(scaled) * np.expm1(abs(scaled)) if how.log else scaled), 6)
    start = len(transform.features)
    for each, kept in model["categories"].items():
        shares = model["centers"][at][start : start + len(kept["levels"])]
        if each == name:
            return kept["levels"][int(np.argmax(shares))]
        start += len(kept["levels"])
    return None


def _middle_of(level: str, name: str, model: Mapping[str, Any]) -> float:
    """Return a number of a level: the bound at or below it."""
    cuts, at = model["cuts"][name], int(level)
    return float(cuts[at - 1]) if at else float(cuts[0]) - 1.0  # below the first bound


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value
