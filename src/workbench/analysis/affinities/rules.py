"""Association rules with one consequent: measures, marks, held-out lift. Serves 07_mine_affinities.

Support and confidence are shares of all baskets (Agrawal and Srikant 1994, as in R's arules).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.analysis.affinities.hierarchy import holds_pair
from workbench.analysis.affinities.itemsets import Itemsets, count_itemsets, find_itemsets
from workbench.analysis.affinities.significance import fisher_greater, lift_interval
from workbench.analysis.intervals import benjamini_hochberg

if TYPE_CHECKING:
    from workbench.analysis.affinities.baskets import Baskets

__all__ = ["RULE_COLUMNS", "Rules", "mine_rules"]

RULE_COLUMNS = (
    "rule", "level", "antecedent", "consequent", "baskets", "support", "confidence", "lift", "lift_low", "lift_high",
    "leverage", "q_value", "held_out_lift", "mark",
)  # fmt: skip
ALPHA = 0.05
_SETS_PER_RULE = 5  # itemsets of one size per permitted rule
_DEFINED, _REDUNDANT, _UNDATED, _NOT_SIGNIFICANT, _NOT_REPEATED, _NOT_HELD = (
    "by_definition", "redundant", "undated", "not_significant", "not_repeated", "not_held",
)  # fmt: skip
_PRUNED = (_DEFINED, _REDUNDANT)
_NO_PAIRS = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Rules:
    """Association rules mined from baskets.

    Attributes
    ----------
    table : DataFrame
        ``RULE_COLUMNS``, by support, then held-out lift, then name.
    facts : dict
        Counts of rules: rules (all that meet the thresholds, before pruning), tried, redundant, by_definition,
        significant, repeated, held (also valid in the later half). Besides: baskets, items, left_out (large baskets),
        least (threshold in baskets), used (threshold after limiting the number of rules; equal to least if the limit
        was not reached), early_lift and late_lift (median lift of the repeated rules in the earlier and the later
        half).
    """

    table: pd.DataFrame
    facts: dict[str, Any]


@dataclass(frozen=True)
class _Tried:
    """All rules of frequent itemsets, including those below the minimum confidence."""

    antecedents: np.ndarray  # (rules, most items - 1), padded with -1 at the end
    consequents: np.ndarray
    both: np.ndarray
    first: np.ndarray
    second: np.ndarray
    gains: np.ndarray  # False if a shorter rule has at least the same confidence


def mine_rules(
    baskets: Baskets, *, min_support: float, min_confidence: float, max_items: int, max_rules: int, prune: bool = True,
    contained: np.ndarray = _NO_PAIRS,
) -> Rules:  # fmt: skip
    """Mine rules with one consequent.

    Parameters
    ----------
    baskets : Baskets
    min_support, min_confidence : float in (0, 1]
        Thresholds, compared as integer counts to avoid rounding.
    max_items : int
        Most items of a rule, including the consequent.
    max_rules : int
        Most rules; those with the smallest counts are left out, and ``used`` is the smallest count kept.
    prune : bool
        Leave out redundant rules and rules that are true by definition.
    contained : ndarray, optional
        Pairs of items that contain each other, from `hierarchy.contained_pairs`; rules with both
        items are true by definition.

    Returns
    -------
    Rules
    """
    bounds: dict[str, Any] = {
        "min_support": min_support,
        "max_items": max_items,
        "most_sets": _SETS_PER_RULE * max_rules,
    }
    itemsets = find_itemsets(baskets.matrix, **bounds)
    tried = _tried(itemsets, baskets.counts)
    p_values = fisher_greater(tried.both, tried.first, tried.second, baskets.n)
    q_values = benjamini_hochberg(p_values) if len(p_values) else p_values
    confident = _meets(tried.both, tried.first, min_confidence)
    chosen, used = _within(tried.both, confident, max_rules, max(itemsets.raised, itemsets.least))
    table = _table(baskets, tried, chosen, q_values)
    held = _held_out(baskets, tried, chosen, min_confidence, bounds)
    sets = np.column_stack([tried.antecedents[chosen], tried.consequents[chosen]])
    defined = holds_pair(sets, contained, len(baskets.items))
    marks = _marks(defined, tried.gains[chosen], q_values[chosen], held)
    table = table.assign(held_out_lift=held["late_lift"], mark=marks)
    facts = {
        "baskets": baskets.n, "items": len(baskets.items), "rules": len(chosen), "tried": len(tried.both),
        "redundant": int((~tried.gains[chosen]).sum()), "by_definition": int(defined.sum()),
        "significant": int((q_values[chosen] <= ALPHA).sum()),
        "left_out": baskets.left_out, "least": itemsets.least, "used": used, **_held_facts(held),
    }  # fmt: skip
    if prune:
        table = table[~table["mark"].isin(_PRUNED)] if held["dated"] else table[tried.gains[chosen] & ~defined]
    order = ["baskets", "held_out_lift", "level", "antecedent", "consequent"]
    table = table.sort_values(order, ascending=[False, False, True, True, True], na_position="last")
    return Rules(table.reset_index(drop=True)[list(RULE_COLUMNS)], facts)


def _tried(itemsets: Itemsets, counts: np.ndarray) -> _Tried:
    """Split every frequent set into rules with one consequent."""
    width = max(itemsets.sets) - 1 if len(itemsets.sets) > 1 else 1
    parts: list[_Tried] = []
    best: pd.Series | None = None  # best confidence of the rules one item shorter, by antecedent and consequent
    for size in sorted(itemsets.sets)[1:]:
        sets, both = itemsets.sets[size], itemsets.counts[size]
        shorter = pd.Series(itemsets.counts[size - 1], index=_index(itemsets.sets[size - 1]))
        antecedents, consequents, first = [], [], []
        for column in range(size):
            antecedent_items = np.delete(sets, column, axis=1)
            antecedents.append(antecedent_items)
            consequents.append(sets[:, column])
            first.append(shorter.reindex(_index(antecedent_items)).to_numpy(dtype=np.float64))
        antecedent_items, right = np.concatenate(antecedents), np.concatenate(consequents)
        joint, base = np.tile(both, size), np.concatenate(first)
        present = ~np.isnan(base)  # a raised threshold may have dropped a subset
        antecedent_items, right, joint, base = (
            antecedent_items[present],
            right[present],
            joint[present],
            base[present].astype(np.int64),
        )
        confidence = joint / np.maximum(base, 1)
        previous = _best_shorter(best, antecedent_items, right)
        gains = confidence > previous
        best = pd.Series(np.fmax(confidence, previous), index=_index(np.column_stack([antecedent_items, right])))
        padded = np.full((len(antecedent_items), width), -1, dtype=np.int64)
        padded[:, : size - 1] = antecedent_items
        parts.append(_Tried(padded, right, joint, base, counts[right], gains))
    if not parts:
        empty = np.zeros(0, dtype=np.int64)
        return _Tried(np.zeros((0, width), dtype=np.int64), empty, empty, empty, empty, np.zeros(0, dtype=bool))
    names = ("antecedents", "consequents", "both", "first", "second", "gains")
    return _Tried(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _best_shorter(best: pd.Series | None, antecedent_items: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the best confidence of the rules whose antecedent is a proper subset."""
    result = np.full(len(antecedent_items), -np.inf)
    if best is None:
        return result
    for column in range(antecedent_items.shape[1]):
        keys = _index(np.column_stack([np.delete(antecedent_items, column, axis=1), right]))
        result = np.fmax(result, best.reindex(keys).to_numpy())
    return result


def _index(sets: np.ndarray) -> pd.Index:
    if sets.shape[1] == 1:
        return pd.Index(sets[:, 0])
    return pd.MultiIndex.from_arrays([sets[:, column] for column in range(sets.shape[1])])


def _meets(both: np.ndarray, first: np.ndarray, min_confidence: float) -> np.ndarray:
    """Return whether ``both / first >= min_confidence``, compared as integers."""
    limit = Fraction(str(min_confidence))
    if max(limit.denominator, 1) < 10**9:
        return both.astype(np.int64) * limit.denominator >= first.astype(np.int64) * limit.numerator
    pairs = zip(both.tolist(), first.tolist(), strict=True)
    return np.array([joint * limit.denominator >= base * limit.numerator for joint, base in pairs], dtype=bool)


def _within(both: np.ndarray, confident: np.ndarray, max_rules: int, least: int) -> tuple[np.ndarray, int]:
    """Return the rules kept within ``max_rules``, and the smallest count among them."""
    chosen = np.flatnonzero(confident)
    if len(chosen) <= max_rules:
        return chosen, least
    used = int(np.sort(both[chosen])[::-1][max_rules]) + 1
    return chosen[both[chosen] >= used], used


def _table(baskets: Baskets, tried: _Tried, chosen: np.ndarray, q_values: np.ndarray) -> pd.DataFrame:
    n, both = max(baskets.n, 1), tried.both[chosen]
    first, second = tried.first[chosen], tried.second[chosen]
    low, high = lift_interval(both, first, second, n)
    names = [[baskets.items[item] for item in row if item >= 0] for row in tried.antecedents[chosen].tolist()]
    codes = [[item for item in row if item >= 0] for row in tried.antecedents[chosen].tolist()]
    consequents = tried.consequents[chosen].tolist()
    levels = [
        "+".join(sorted({baskets.levels[item] for item in [*row, end]}))
        for row, end in zip(codes, consequents, strict=True)
    ]
    antecedents = [json.dumps(sorted(row), ensure_ascii=False) for row in names]
    ends = [baskets.items[item] for item in consequents]
    return pd.DataFrame({
        "rule": [_rule_id(*parts) for parts in zip(levels, antecedents, ends, strict=True)],
        "level": levels, "antecedent": antecedents, "consequent": ends, "baskets": both, "support": both / n,
        "confidence": both / np.maximum(first, 1), "lift": both * n / np.maximum(first * second, 1),
        "lift_low": low, "lift_high": high, "leverage": both / n - (first / n) * (second / n),
        "q_value": q_values[chosen],
    })  # fmt: skip


def _rule_id(level: str, antecedent: str, consequent: str) -> str:
    text = "\x1f".join((level, antecedent, consequent))
    return "r" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _held_out(
    baskets: Baskets, tried: _Tried, chosen: np.ndarray, min_confidence: float, bounds: dict[str, Any]
) -> dict[str, Any]:
    """Mine rules in the earlier half, and measure them in the later half."""
    missing = np.full(len(chosen), np.nan)
    early, late = baskets.early, baskets.late
    if early is None or late is None or not early.shape[0] or not late.shape[0]:
        return {"dated": False, "late_lift": missing, "early_lift": missing, "repeated": np.zeros(len(chosen), bool)}
    earlier = _tried(
        find_itemsets(early, **bounds),
        np.asarray(early.sum(axis=0), dtype=np.int64).ravel(),
    )
    confident = _meets(earlier.both, earlier.first, min_confidence)
    lifts = earlier.both * early.shape[0] / np.maximum(earlier.first * earlier.second, 1)
    width = max(tried.antecedents.shape[1], earlier.antecedents.shape[1])
    early_lift = pd.Series(lifts[confident], index=_rule_keys(earlier, width)[confident])
    matched = early_lift.reindex(_rule_keys(tried, width)[chosen]).to_numpy()
    repeated = ~np.isnan(matched)
    late_lift = missing.copy()
    late_lift[repeated] = _lifts(late, tried, chosen[repeated])
    return {"dated": True, "late_lift": late_lift, "early_lift": matched, "repeated": repeated}


def _rule_keys(tried: _Tried, width: int) -> pd.Index:
    padded = np.full((len(tried.antecedents), width), -1, dtype=np.int64)
    padded[:, : tried.antecedents.shape[1]] = tried.antecedents
    return _index(np.column_stack([padded, tried.consequents]))


def _lifts(matrix: Any, tried: _Tried, rules: np.ndarray) -> np.ndarray:
    """Return the lifts of rules in other baskets; missing if the antecedent or consequent does not occur there."""
    counts = np.asarray(matrix.sum(axis=0), dtype=np.float64).ravel()
    sizes = (tried.antecedents[rules] >= 0).sum(axis=1)
    lifts = np.full(len(rules), np.nan)
    for size in np.unique(sizes):
        positions = np.flatnonzero(sizes == size)
        left = tried.antecedents[rules[positions], :size]
        right = tried.consequents[rules[positions]]
        first = count_itemsets(matrix, left)
        both = count_itemsets(matrix, np.column_stack([left, right]))
        with np.errstate(divide="ignore", invalid="ignore"):
            values = both * matrix.shape[0] / (first * counts[right])
        lifts[positions] = np.where(np.isfinite(values), values, np.nan)
    return lifts


def _marks(defined: np.ndarray, gains: np.ndarray, q_values: np.ndarray, held: dict[str, Any]) -> list[str]:
    """Return one mark per rule: the first that applies."""
    with np.errstate(invalid="ignore"):
        fell = held["repeated"] & ~(held["late_lift"] > 1)
    if not held["dated"]:
        return np.where(defined, _DEFINED, _UNDATED).tolist()
    conditions = [defined, ~gains, q_values > ALPHA, ~held["repeated"], fell]
    return np.select(
        conditions, [_DEFINED, _REDUNDANT, _NOT_SIGNIFICANT, _NOT_REPEATED, _NOT_HELD], default=""
    ).tolist()


def _held_facts(held: dict[str, Any]) -> dict[str, Any]:
    repeated = held["repeated"]
    if not repeated.any():
        return {"dated": held["dated"], "repeated": 0, "held": 0, "early_lift": None, "late_lift": None}
    late = held["late_lift"][repeated]
    measured = late[~np.isnan(late)]
    return {
        "dated": True, "repeated": int(repeated.sum()), "held": int((late > 1).sum()),
        "early_lift": float(np.median(held["early_lift"][repeated])),
        "late_lift": float(np.median(measured)) if len(measured) else None,
    }  # fmt: skip
