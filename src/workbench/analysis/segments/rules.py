"""Segments by declared rules: the first true rule applies.

``read_rules`` builds a model from YAML, ``prove`` finds gaps and overlaps between rules, or proves that there are none;
``check_rules`` also counts the customers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, product
from typing import Any

import ibis
import numpy as np
import pandas as pd

from workbench.analysis.segments.conditions import all_leaves, compile_condition, condition_columns, holds, normalise
from workbench.core.errors import Fault, ProfileError

__all__ = ["RuleCheck", "check_rules", "matches", "prove", "read_rules", "rule_columns", "rule_of_each"]

MOST_CELLS = 200_000  # most cells of a proof; with more, customers are only counted
NO_RULE = -1


@dataclass(frozen=True)
class RuleCheck:
    """Whether rules are exhaustive and exclusive.

    Attributes
    ----------
    proven : bool
        True if every combination of values was checked; False if there are too many, so that only counts are known.
    gaps : tuple of dict
        Combinations of values that no rule covers: feature to a description of the value; empty if exhaustive.
    overlaps : tuple of (str, str)
        Segments with two rules that cover the same combination; the first rule applies.
    uncovered : int or None
        Number of customers not covered by any rule; None without a table of customers.
    counts : dict of str
        Segment to its number of customers, by first match; None without a table of customers.
    shared : dict of (str, str)
        Pair of segments to the number of customers covered by rules of both.
    """

    proven: bool
    gaps: tuple[dict[str, str], ...]
    overlaps: tuple[tuple[str, str], ...]
    uncovered: int | None = None
    counts: Mapping[str, int] | None = None
    shared: Mapping[tuple[str, str], int] | None = None

    @property
    def exhaustive(self) -> bool:
        """Whether the rules cover all customers: proven, or true for the counted customers."""
        return not self.gaps and not self.uncovered and (self.proven or self.uncovered == 0)

    @property
    def exclusive(self) -> bool:
        """Whether no customer is covered by rules of two segments."""
        return not self.overlaps and not self.shared


def read_rules(segments: Sequence[Mapping[str, Any]], *, where: str = "rules") -> dict[str, Any]:
    """Build a model of rules from the segments of a YAML definition.

    Parameters
    ----------
    segments : sequence of mapping
        Each with ``key`` and ``when`` (see ``conditions.normalise``), or ``otherwise: true`` for customers who meet no
        earlier rule; other entries (name, description) are ignored.
    where : str

    Returns
    -------
    dict
        ``{"type": "rules", "rules": [{"segment": key, "when": condition}, ...]}``; otherwise is an empty ``all``.

    Raises
    ------
    ProfileError
        With all errors of all rules.
    """
    rules: list[dict[str, Any]] = []
    faults: list[Fault] = []
    for number, segment in enumerate(segments):
        location = f"{where}, {segment.get('key', f'rule {number + 1}')}"
        if ("when" in segment) == bool(segment.get("otherwise")):
            faults.append(Fault(location, "both when and otherwise, or neither", "one of them"))
            continue
        if segment.get("otherwise") and number < len(segments) - 1:
            faults.append(Fault(location, "otherwise comes before other rules", "the last place"))
            continue
        try:
            when = normalise(segment["when"], where=location) if "when" in segment else {"all": []}
        except ProfileError as error:
            faults += error.faults
        else:
            rules.append({"segment": segment.get("key", ""), "when": when})
    model = {"type": "rules", "rules": rules}
    faults += _kind_faults(model, where)
    if faults:
        raise ProfileError(faults)
    return model


def rule_columns(model: Mapping[str, Any]) -> list[str]:
    """Return the columns of rules, sorted."""
    return sorted({name for rule in model["rules"] for name in condition_columns(rule["when"])})


def rule_of_each(model: Mapping[str, Any], frame: pd.DataFrame) -> np.ndarray:
    """Return the index of the first true rule for each row, -1 without one."""
    is_match = matches(model, frame)
    return np.where(is_match.any(axis=1), is_match.argmax(axis=1), NO_RULE)


def matches(model: Mapping[str, Any], frame: pd.DataFrame) -> np.ndarray:
    """Return which rules are true for each row, shape (rows, rules)."""
    if not model["rules"]:
        return np.zeros((len(frame), 0), dtype=bool)
    return np.column_stack([holds(rule["when"], frame) for rule in model["rules"]])


def prove(model: Mapping[str, Any]) -> RuleCheck:
    """Check every combination of values that the rules can distinguish.

    For a number these are each bound, a value between each two bounds, a value beyond either end, and missing; for a
    text each listed value, any other value, and missing. Rules cannot distinguish further values, so this is a proof.
    ``otherwise`` covers the remaining customers and overlaps with no rule.

    Parameters
    ----------
    model : mapping
        From ``read_rules``.

    Returns
    -------
    RuleCheck
        Without counts of customers.
    """
    cells = {name: _cells(name, model) for name in rule_columns(model)}
    if np.prod([len(values) for values in cells.values()], dtype=float) > MOST_CELLS:
        return RuleCheck(False, (), ())
    rows = list(product(*cells.values())) or [()]
    columns = {
        name: pd.Series([row[position][0] for row in rows], dtype=_dtype(values))
        for position, (name, values) in enumerate(cells.items())
    }
    is_match = matches(model, pd.DataFrame(columns, index=range(len(rows))))
    gaps = tuple(
        {name: cell[1] for name, cell in zip(cells, rows[position], strict=True)}
        for position in np.flatnonzero(~is_match.any(axis=1))
    )
    return RuleCheck(True, gaps, tuple(_pairs(model, is_match)))


def check_rules(model: Mapping[str, Any], table: ibis.Table) -> RuleCheck:
    """Prove the rules, and count the customers of each segment, gap and overlap in the database engine.

    Parameters
    ----------
    model : mapping
    table : ibis.Table
        One row per customer with the columns of the rules.

    Returns
    -------
    RuleCheck
    """
    proof, rules = prove(model), model["rules"]
    names = [f"r{number}" for number in range(len(rules))]
    flags = table.select(**{n: compile_condition(rule["when"], table) for n, rule in zip(names, rules, strict=True)})
    combinations = flags.group_by(names).aggregate(n=lambda t: t.count()).to_pandas()
    is_match, n = combinations[names].to_numpy(dtype=bool), combinations["n"].to_numpy()
    first = np.where(is_match.any(axis=1), is_match.argmax(axis=1), NO_RULE)
    counts = dict.fromkeys((rule["segment"] for rule in rules), 0)
    for number, rule in enumerate(rules):
        counts[rule["segment"]] += int(n[first == number].sum())
    shared = {pair: int(n[rows].sum()) for pair, rows in _pairs(model, is_match).items()}
    return RuleCheck(proof.proven, proof.gaps, proof.overlaps, int(n[first == NO_RULE].sum()), counts, shared)


def _pairs(model: Mapping[str, Any], is_match: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
    """Return the pairs of segments that share rows, with those rows; ``otherwise`` is ignored."""
    rules = model["rules"]
    proper = [number for number, rule in enumerate(rules) if rule["when"] != {"all": []}]
    pairs: dict[tuple[str, str], np.ndarray] = {}
    for first, second in combinations(proper, 2):
        names, rows = (rules[first]["segment"], rules[second]["segment"]), is_match[:, first] & is_match[:, second]
        if names[0] != names[1] and rows.any():
            pairs[names] = pairs.get(names, False) | rows
    return pairs


def _cells(name: str, model: Mapping[str, Any]) -> list[tuple[Any, str]]:
    """Return one value of each kind that the rules can distinguish, with a description; missing last."""
    values = _compared(name, model)
    texts = sorted(value for value in values if isinstance(value, str))
    if texts:
        other = max(texts, key=len) + "*"
        return [*((text, text) for text in texts), (other, "any other"), (None, "missing")]
    bounds = sorted(values)
    if not bounds:
        return [(0.0, "known"), (np.nan, "missing")]
    cells = [(bounds[0] - 1, f"below {bounds[0]:g}"), (bounds[0], f"{bounds[0]:g}")]
    for low, high in pairwise(bounds):
        cells += [((low + high) / 2, f"between {low:g} and {high:g}"), (high, f"{high:g}")]
    return [*cells, (bounds[-1] + 1, f"above {bounds[-1]:g}"), (np.nan, "missing")]


def _compared(name: str, model: Mapping[str, Any]) -> set[Any]:
    """Return the values that rules compare a column with."""
    leaves = [leaf for rule in model["rules"] for leaf in all_leaves(rule["when"]) if leaf["feature"] == name]
    return {x for leaf in leaves if leaf["op"] != "missing" for x in np.atleast_1d(leaf["value"]).tolist()}


def _kind_faults(model: Mapping[str, Any], where: str) -> list[Fault]:
    """List columns compared with texts by one rule and with numbers by another."""
    kinds = {name: {isinstance(x, str) for x in _compared(name, model)} for name in rule_columns(model)}
    return [
        Fault(where, f"{name} is compared with texts and with numbers", "one of them")
        for name, has_text in kinds.items()
        if len(has_text) > 1
    ]


def _dtype(cells: list[tuple[Any, str]]) -> str:
    return "object" if any(isinstance(value, str) for value, _ in cells) else "float64"
