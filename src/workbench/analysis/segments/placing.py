"""Assigning customers to segments, with the same result on a data frame and in the database engine.

Every model except rules gives each segment a cost. The segment with the lowest cost is chosen, of equal ones the first.
Costs are rounded to nine decimals and summed in the same order in both forms, so that ties are resolved alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import ibis
import numpy as np
import pandas as pd

from workbench.analysis.clustering.centres import DISTANCE_DECIMALS
from workbench.analysis.clustering.latent_classes import OTHER
from workbench.analysis.clustering.transforms import FeatureTransform, Transform, coordinates
from workbench.analysis.segments.conditions import compile_condition, type_fault
from workbench.analysis.segments.rules import NO_RULE, rule_columns, rule_of_each

__all__ = [
    "MODELS",
    "compile_place",
    "costs",
    "kind_faults",
    "level_of",
    "model_columns",
    "model_faults",
    "place",
    "place_table",
]

MODELS = ("single", "centroids", "gaussians", "classes", "rules")
_LEAST = 1e-12  # lower bound of a probability in a logarithm


def model_columns(transform: Transform, model: Mapping[str, Any]) -> list[str]:
    """Return the columns a definition uses: numbers, then categories; or the columns of its classes or rules."""
    if model["type"] == "classes":
        return list(model["variables"])
    if model["type"] == "rules":
        return rule_columns(model)
    return [] if model["type"] == "single" else [*transform.columns, *model.get("categories", {})]


def _groups(model: Mapping[str, Any]) -> int | None:
    """Return the number of groups of a model; None for rules, since several may lead to one segment."""
    if model["type"] == "rules":
        return None
    return {"single": 1, "centroids": len(model.get("centers", ()))}.get(model["type"], len(model.get("weights", ())))


def model_faults(transform: Transform, model: Mapping[str, Any], keys: Sequence[str]) -> list[tuple[str, str]]:
    """Return (found, expected) for each fault of a model."""
    if model.get("type") not in MODELS:
        return [(f"a model of type {model.get('type')!r}", ", ".join(MODELS))]
    groups = _groups(model)
    if groups is None:
        unknown = sorted({rule["segment"] for rule in model["rules"]} - set(keys))
        return [(f"rules of segments {', '.join(unknown)}", f"the segments {', '.join(keys)}")] if unknown else []
    faults = []
    if groups != len(keys):
        faults.append((f"{len(keys)} segments", f"{groups}, one per group of the model"))
    levels = sum(len(category["levels"]) for category in model.get("categories", {}).values())
    width = len(transform.features) + levels
    rows = model.get("centers") or model.get("means") or []
    faults += [(f"a centre of {len(row)} numbers", f"{width}, one per feature") for row in rows if len(row) != width]
    return faults


def kind_faults(transform: Transform, model: Mapping[str, Any], numbers: Mapping[str, bool | None]) -> list[str]:
    """List the errors of columns that have texts where the definition needs numbers, or the other way round.

    Parameters
    ----------
    transform, model
        Parts of the definition.
    numbers : mapping
        Column to whether it has numbers or flags; None for an empty column.
    """
    if model["type"] == "rules":
        faults = [
            type_fault(rule["when"], name, is_number=is_number)
            for name in rule_columns(model)
            for rule in model["rules"]
            if (is_number := numbers[name]) is not None
        ]
        return list(dict.fromkeys(fault for fault in faults if fault))
    needs_number = {name: True for name in transform.columns} | {name: False for name in model.get("categories", {})}
    if model["type"] == "classes":
        needs_number = {name: name in model["cuts"] for name in model["variables"]}
    words = {True: "texts where the definition compares numbers", False: "numbers where the definition has texts"}
    return [
        f"column '{name}' has {words[is_number]}"
        for name, is_number in needs_number.items()
        if model["type"] != "single" and numbers[name] not in (None, is_number)
    ]


def place(transform: Transform, model: Mapping[str, Any], frame: pd.DataFrame) -> np.ndarray:
    """Return the index of each row's segment (for rules: of the first true rule); -1 if too few features are known."""
    if model["type"] == "single":
        return np.zeros(len(frame), dtype=int)
    if model["type"] == "rules":
        return rule_of_each(model, frame)
    if not len(frame):
        return np.zeros(0, dtype=int)
    return np.where(_enough(transform, model, frame), costs(transform, model, frame).argmin(axis=1), NO_RULE)


def costs(transform: Transform, model: Mapping[str, Any], frame: pd.DataFrame) -> np.ndarray:
    """Return the cost of each segment for each row, shape (rows, segments): squared distances, or minus log densities.

    Missing numbers are replaced by the median of the fit; missing or unseen levels favour no segment.
    """
    columns = [_number_of(frame[name]) for name in _numbers(transform, model)]
    points = coordinates(transform, dict(zip(transform.columns, columns, strict=True))) if columns else []
    if model["type"] == "classes":
        return _round(_class_costs(model, {name: level_of(frame[name], name, model) for name in model["variables"]}))
    if model["type"] == "gaussians":
        return _round(np.column_stack([_density_cost(cloud, points, len(frame)) for cloud in _components(model)]))
    totals = np.zeros((len(frame), len(model["centers"])))
    for number, centre in enumerate(model["centers"]):
        for point, middle in zip(points, centre, strict=False):
            totals[:, number] += (point - middle) ** 2
        for name, shares in _level_costs(transform, model, number).items():
            totals[:, number] += (
                level_of(frame[name], name, model).map(shares[0]).fillna(shares[1]).to_numpy(dtype=float)
            )
    return _round(totals)


def compile_place(transform: Transform, model: Mapping[str, Any], table: ibis.Table, keys: Sequence[str]) -> ibis.Value:
    """Return ``place`` as an expression over a table, with the key of each group; the last key is for -1."""
    unknown = ibis.literal(keys[-1])
    if model["type"] == "single":
        return ibis.literal(keys[0])
    if model["type"] == "rules":
        rules = [(compile_condition(rule["when"], table), key) for rule, key in zip(model["rules"], keys, strict=False)]
        return ibis.cases(*rules, else_=unknown) if rules else unknown
    values = {name: _known(table[name]) for name in _numbers(transform, model)}
    count = sum(value.notnull().cast("int64") for value in values.values())
    costs_of = _cost_expressions(transform, model, table, values)
    lowest = costs_of[0] if len(costs_of) == 1 else ibis.least(*costs_of)
    branches = [(cost == lowest, key) for cost, key in zip(costs_of, keys, strict=False)]
    if model["type"] != "classes" and transform.features:
        return ibis.cases((count < transform.min_known, unknown), *branches, else_=unknown)
    levels = [_level(table[name], name, model) for name in _categories(model)]
    return ibis.cases((ibis.and_(*(level.isnull() for level in levels)), unknown), *branches, else_=unknown)


def place_table(transform: Transform, model: Mapping[str, Any], table: ibis.Table, keys: Sequence[str]) -> ibis.Table:
    """Return customer_id and segment as from ``compile_place``, with each coordinate and cost computed once.

    In a single expression every cost repeats the coordinates and every CASE branch repeats the costs, which the engine
    does not optimise. Here coordinates and costs are intermediate columns.
    """
    if model["type"] not in ("centroids", "gaussians") or not transform.features:
        return table.select("customer_id", segment=compile_place(transform, model, table, keys))
    values = {name: _known(table[name]) for name in _numbers(transform, model)}
    names = {feature.name: f"z{number}" for number, feature in enumerate(transform.features)}
    placed = {
        names[feature.name]: _coordinate(values[feature.name], feature, transform.clip)
        for feature in transform.features
    }
    category_columns = [name for name in _categories(model) if name not in values]
    count = sum(value.notnull().cast("int64") for value in values.values())
    first = table.select("customer_id", *category_columns, known_features=count, **placed)
    cost_values = _point_costs(transform, model, first, [first[name] for name in names.values()])
    second = first.select(
        "customer_id", "known_features", **{f"cost{number}": cost for number, cost in enumerate(cost_values)}
    )
    costs_there = [second[f"cost{number}"] for number in range(len(cost_values))]
    third = second.mutate(least=costs_there[0] if len(cost_values) == 1 else ibis.least(*costs_there))
    branches = [
        (third[f"cost{number}"] == third.least, key) for number, key in zip(range(len(cost_values)), keys, strict=False)
    ]
    too_few = (third.known_features < transform.min_known, ibis.literal(keys[-1]))
    return third.select("customer_id", segment=ibis.cases(too_few, *branches, else_=keys[-1]))


def _numbers(transform: Transform, model: Mapping[str, Any]) -> list[str]:
    """Return the scaled columns."""
    return transform.columns if model["type"] in ("centroids", "gaussians") else []


def level_of(values: pd.Series, name: str, model: Mapping[str, Any]) -> pd.Series:
    """Return the model's level of each value; missing where the value is missing or unseen."""
    levels = _levels(name, model)
    if name in model.get("cuts", {}):
        numbers = _number_of(values)
        codes = np.searchsorted(model["cuts"][name], numbers, side="right")
        return pd.Series(codes, index=values.index).astype("str").astype("object").where(~np.isnan(numbers), None)
    text = values.astype("object").where(values.notna(), None)
    pooled = OTHER if OTHER in levels else None
    return text.map(lambda level: level if level is None or level in levels else pooled)


def _enough(transform: Transform, model: Mapping[str, Any], frame: pd.DataFrame) -> np.ndarray:
    if model["type"] != "classes" and transform.features:
        is_known = [~np.isnan(_number_of(frame[name])) for name in transform.columns]
        return np.sum(is_known, axis=0) >= transform.min_known
    return np.any([level_of(frame[name], name, model).notna() for name in _categories(model)], axis=0)


def _categories(model: Mapping[str, Any]) -> list[str]:
    return list(model["variables"] if model["type"] == "classes" else model.get("categories", {}))


def _levels(name: str, model: Mapping[str, Any]) -> list[str]:
    return list(model["variables"][name] if model["type"] == "classes" else model["categories"][name]["levels"])


def _number_of(values: pd.Series) -> np.ndarray:
    return pd.to_numeric(values).astype("float64").to_numpy(na_value=np.nan)


def _round(values: np.ndarray) -> np.ndarray:
    return np.round(values, DISTANCE_DECIMALS)


# centroids: squared distances ------------------------------------------------------------------


def _level_costs(
    transform: Transform, model: Mapping[str, Any], number: int
) -> dict[str, tuple[dict[str, float], float]]:
    """Return, for one centre, each category's squared distance by level, and that of a missing or unseen level."""
    centre, start = model["centers"][number], len(transform.features)
    level_costs: dict[str, tuple[dict[str, float], float]] = {}
    for name, category in model.get("categories", {}).items():
        shares = np.array(centre[start : start + len(category["levels"])])
        start += len(category["levels"])
        no_level = float((shares**2).sum())
        by_level = (shares - category["weight"]) ** 2 - shares**2 + no_level
        level_costs[name] = ({level: float(x) for level, x in zip(category["levels"], by_level, strict=True)}, no_level)
    return level_costs


# gaussians: minus log density ------------------------------------------------------------------


def _components(model: Mapping[str, Any]) -> Iterator[tuple[float, Sequence[float], list[list[float]]]]:
    kinds = (model["weights"], model["means"], model["precision_cholesky"], model["log_det"])
    for weight, mean, factor, log_det in zip(*kinds, strict=True):
        rows = np.diag(factor) if model["covariance"] == "diag" else np.array(factor)
        yield float(-np.log(max(weight, _LEAST)) - log_det), mean, rows.tolist()


def _density_cost(component: tuple[float, Sequence[float], list[list[float]]], points: Sequence[Any], n: int) -> Any:
    """Return the cost of one component, with the same arithmetic for arrays and expressions."""
    base, mean, factor = component
    total: Any = 0.0
    for column in range(len(mean)):
        whitened: Any = None
        for row, point in enumerate(points):
            if factor[row][column] != 0:
                part = (point - mean[row]) * factor[row][column]
                whitened = part if whitened is None else whitened + part
        total = whitened * whitened + total
    return total * 0.5 + base


# classes: minus log probability ----------------------------------------------------------------


def _class_costs(model: Mapping[str, Any], levels: Mapping[str, pd.Series]) -> np.ndarray:
    n = len(next(iter(levels.values())))
    totals = np.tile([-float(np.log(max(weight, _LEAST))) for weight in model["weights"]], (n, 1))
    for name, text in levels.items():
        for number in range(totals.shape[1]):
            totals[:, number] += text.map(_class_terms(model, name, number)).fillna(0.0).to_numpy(dtype=float)
    return totals


def _class_terms(model: Mapping[str, Any], name: str, number: int) -> dict[str, float]:
    return {level: -float(np.log(max(row[number], _LEAST))) for level, row in model["variables"][name].items()}


# expressions -----------------------------------------------------------------------------------


def _known(value: ibis.Value) -> ibis.Value:
    number = value.cast("int8").cast("float64") if value.type().is_boolean() else value.cast("float64")
    return number.isnan().ifelse(ibis.null("float64"), number)


def _coordinate(value: ibis.Value, feature: FeatureTransform, clip: float) -> ibis.Value:
    filled = value.coalesce(feature.fill)
    logged = filled.sign() * (filled.abs() + 1.0).ln() if feature.log else filled
    scaled = ibis.least(ibis.greatest((logged - feature.center) / feature.scale, -clip), clip)
    return scaled if feature.weight == 1 else scaled * feature.weight


def _level(value: ibis.Value, name: str, model: Mapping[str, Any]) -> ibis.Value:
    levels = _levels(name, model)
    if name in model.get("cuts", {}):
        number, cuts = _known(value), model["cuts"][name]
        code = sum((number >= cut).cast("int64") for cut in cuts) if cuts else ibis.literal(0)
        return number.isnull().ifelse(ibis.null("string"), code.cast("string"))
    text = value.cast("string")
    pooled = ibis.literal(OTHER) if OTHER in levels else ibis.null("string")
    return ibis.cases((text.isnull(), ibis.null("string")), (text.isin(levels), text), else_=pooled)


def _cost_expressions(
    transform: Transform, model: Mapping[str, Any], table: ibis.Table, values: Mapping[str, ibis.Value]
) -> list[ibis.Value]:
    by_name = {feature.name: feature for feature in transform.features}
    points = [_coordinate(value, by_name[name], transform.clip) for name, value in values.items()]
    return _point_costs(transform, model, table, points)


def _point_costs(
    transform: Transform, model: Mapping[str, Any], table: ibis.Table, points: Sequence[ibis.Value]
) -> list[ibis.Value]:
    """Return the cost of each segment, given the coordinates."""
    levels = {name: _level(table[name], name, model) for name in _categories(model)}
    if model["type"] == "gaussians":
        totals = [_density_cost(cloud, points, 0) for cloud in _components(model)]
    elif model["type"] == "classes":
        totals = []
        for number, weight in enumerate(model["weights"]):
            terms = [_lookup(text, _class_terms(model, name, number), 0.0) for name, text in levels.items()]
            totals.append(_sum([ibis.literal(-float(np.log(max(weight, _LEAST)))), *terms]))
    else:
        totals = []
        for number, centre in enumerate(model["centers"]):
            squares = [(point - middle) * (point - middle) for point, middle in zip(points, centre, strict=False)]
            level_costs = _level_costs(transform, model, number)
            totals.append(_sum([*squares, *(_lookup(levels[name], *terms) for name, terms in level_costs.items())]))
    return [cost.round(DISTANCE_DECIMALS) for cost in totals]


def _lookup(text: ibis.Value, terms: Mapping[str, float], default: float) -> ibis.Value:
    return ibis.cases(*((text == level, ibis.literal(term)) for level, term in terms.items()), else_=default)


def _sum(parts: Sequence[ibis.Value]) -> ibis.Value:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
