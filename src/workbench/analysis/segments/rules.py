"""Which rule places whom, and does every customer meet exactly one? Segments by declared rules, first match wins.

``read_rules`` turns YAML into a definition, ``prove`` shows that its rules are exhaustive and exclusive, or names the
gap and the overlap; ``check_rules`` counts the customers in each.
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

MOST_CELLS = 200_000  # of the proof; beyond, customers are counted only
NO_RULE = -1


@dataclass(frozen=True)
class RuleCheck:
    """Whether rules are exhaustive and exclusive.

    Attributes
    ----------
    proven : bool
        True when every combination of values was looked at; False where there are too many, so that only counts tell.
    gaps : tuple of dict
        Combinations of values that no rule covers: feature to a value's words; empty when exhaustive.
    overlaps : tuple of (str, str)
        Segments two rules of which cover the same combination, as written; the first of them wins.
    uncovered : int or None
        Customers whom no rule covers; None where no customers were given.
    counts : dict of str
        Segment to its customers, first match; empty where none were given.
    shared : dict of (str, str)
        Pair of segments to the customers whom rules of both cover.
    """

    proven: bool
    gaps: tuple[dict[str, str], ...]
    overlaps: tuple[tuple[str, str], ...]
    uncovered: int | None = None
    counts: Mapping[str, int] | None = None
    shared: Mapping[tuple[str, str], int] | None = None

    @property
    def exhaustive(self) -> bool:
        """Whether a rule covers everybody: proven, or else true of the customers counted."""
        return not self.gaps and not self.uncovered and (self.proven or self.uncovered == 0)

    @property
    def exclusive(self) -> bool:
        """Whether no two rules cover the same customer as written."""
        return not self.overlaps and not self.shared


def read_rules(segments: Sequence[Mapping[str, Any]], *, where: str = "rules") -> dict[str, Any]:
    """Turn the segments of a YAML definition into a model of rules.

    Parameters
    ----------
    segments : sequence of mapping
        Each with ``key`` and ``when`` (see ``segment_conditions.normalise``), or ``otherwise: true`` for who meets no
        rule before; other entries (name, description) are left alone.
    where : str

    Returns
    -------
    dict
        ``{"type": "rules", "rules": [{"segment": key, "when": condition}, ...]}``; otherwise is an empty ``all``.

    Raises
    ------
    ProfileError
        With every fault of every rule.
    """
    rules, faults = [], []
    for at, each in enumerate(segments):
        place = f"{where}, {each.get('key', f'rule {at + 1}')}"
        if ("when" in each) == bool(each.get("otherwise")):
            faults.append(Fault(place, "when and otherwise are both there, or neither is", "one of them"))
            continue
        if each.get("otherwise") and at < len(segments) - 1:
            faults.append(Fault(place, "otherwise stands before other rules", "the last place"))
            continue
        try:
            when = normalise(each["when"], where=place) if "when" in each else {"all": []}
        except ProfileError as error:
            faults += error.faults
        else:
            rules.append({"segment": each.get("key", ""), "when": when})
    model = {"type": "rules", "rules": rules}
    faults += _kind_faults(model, where)
    if faults:
        raise ProfileError(faults)
    return model


def rule_columns(model: Mapping[str, Any]) -> list[str]:
    """Return the columns that rules read, sorted."""
    return sorted({name for rule in model["rules"] for name in condition_columns(rule["when"])})


def rule_of_each(model: Mapping[str, Any], frame: pd.DataFrame) -> np.ndarray:
    """Return the index of the first rule that holds of each row, -1 where none does."""
    found = matches(model, frame)
    return np.where(found.any(axis=1), found.argmax(axis=1), NO_RULE)


def matches(model: Mapping[str, Any], frame: pd.DataFrame) -> np.ndarray:
    """Say of each row which rules hold, shape (rows, rules)."""
    if not model["rules"]:
        return np.zeros((len(frame), 0), dtype=bool)
    return np.column_stack([holds(rule["when"], frame) for rule in model["rules"]])


def prove(model: Mapping[str, Any]) -> RuleCheck:
    """Look at every combination of values that the rules can tell apart.

    Of a number that rules compare, these are each bound, one value between two bounds, one beyond either end, and
    missing; of a text each one that is listed, any other, and missing. Rules cannot tell other values apart, so this
    is a proof. ``otherwise`` overlaps with nothing: it is what is left.

    Parameters
    ----------
    model : mapping
        As ``read_rules`` gives it.

    Returns
    -------
    RuleCheck
        Without counts of customers.
    """
    cells = {name: _cells(name, model) for name in rule_columns(model)}
    if np.prod([len(each) for each in cells.values()], dtype=float) > MOST_CELLS:
        return RuleCheck(False, (), ())
    rows = list(product(*cells.values())) or [()]
    columns = {
        name: pd.Series([row[at][0] for row in rows], dtype=_dtype(each))
        for at, (name, each) in enumerate(cells.items())
    }
    found = matches(model, pd.DataFrame(columns, index=range(len(rows))))
    gaps = tuple(
        {name: cell[1] for name, cell in zip(cells, rows[at], strict=True)} for at in np.flatnonzero(~found.any(axis=1))
    )
    return RuleCheck(True, gaps, tuple(_pairs(model, found)))


def check_rules(model: Mapping[str, Any], table: ibis.Table) -> RuleCheck:
    """Prove the rules and count the customers of each segment, of the gap and of each overlap, inside the engine.

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
    names = [f"r{at}" for at in range(len(rules))]
    flags = table.select(**{n: compile_condition(rule["when"], table) for n, rule in zip(names, rules, strict=True)})
    counted = flags.group_by(names).aggregate(n=lambda t: t.count()).to_pandas()
    found, n = counted[names].to_numpy(dtype=bool), counted["n"].to_numpy()
    first = np.where(found.any(axis=1), found.argmax(axis=1), NO_RULE)
    counts = dict.fromkeys((rule["segment"] for rule in rules), 0)
    for at, rule in enumerate(rules):
        counts[rule["segment"]] += int(n[first == at].sum())
    shared = {pair: int(n[rows].sum()) for pair, rows in _pairs(model, found).items()}
    return RuleCheck(proof.proven, proof.gaps, proof.overlaps, int(n[first == NO_RULE].sum()), counts, shared)


def _pairs(model: Mapping[str, Any], found: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
    """Return the pairs of segments that share rows, with those rows; ``otherwise`` and a segment's own rules aside."""
    rules = model["rules"]
    asked = [at for at, rule in enumerate(rules) if rule["when"] != {"all": []}]
    pairs: dict[tuple[str, str], np.ndarray] = {}
    for one, two in combinations(asked, 2):
        names, both = (rules[one]["segment"], rules[two]["segment"]), found[:, one] & found[:, two]
        if names[0] != names[1] and both.any():
            pairs[names] = pairs.get(names, False) | both
    return pairs


def _cells(name: str, model: Mapping[str, Any]) -> list[tuple[Any, str]]:
    """Return a value for each kind of value the rules can tell apart, with the words for it; missing last."""
    values = _compared(name, model)
    texts = sorted(each for each in values if isinstance(each, str))
    if texts:
        other = max(texts, key=len) + "*"
        return [*((each, each) for each in texts), (other, "any other"), (None, "missing")]
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
    """Name the columns that are compared with texts by one rule and with numbers by another."""
    kinds = {name: {isinstance(x, str) for x in _compared(name, model)} for name in rule_columns(model)}
    return [
        Fault(where, f"{name} is compared with texts and with numbers", "one of them")
        for name, found in kinds.items()
        if len(found) > 1
    ]


def _dtype(cells: list[tuple[Any, str]]) -> str:
    return "object" if any(isinstance(value, str) for value, _ in cells) else "float64"
