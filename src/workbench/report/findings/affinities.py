"""Findings on what goes together. Serves 07_mine_affinities."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.report.findings.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.analysis.affinities.study import AffinityStudy

__all__ = [
    "find_affinities", "limit_affinities", "map_cells", "measure_affinities", "table_partners", "table_rules",
]  # fmt: skip

MOST_RULES = 12
_LESS = 0.8  # a rule that keeps less of its lift in the later half has faded


def find_affinities(study: AffinityStudy, *, least: int) -> list[Finding]:
    """Report the strongest confirmed rule, how rules did in the later half, substitutes, and omissions."""
    facts = study.facts
    if not facts["baskets"]:
        return [Finding("affinity_no_baskets", {}, 0.1)]
    findings = [*_strongest(study, least), _count(facts), *_later(facts), *_falling(study, least), *_apart(study)]
    if facts["used"] > facts["least"]:
        findings.append(Finding("affinity_bound", {"least": facts["least"], "used": facts["used"]}, 0.3))
    if facts["left_out"]:
        findings.append(Finding("affinity_large_baskets", {"baskets": facts["left_out"]}, 0.2))
    if study.same_products:
        values = {"groups": len(study.same_products), "example": _suspects(study, study.same_products[0])}
        findings.append(Finding("affinity_same_products", values, 0.1))
    return findings


def limit_affinities(study: AffinityStudy) -> list[Finding]:
    """Report the limits of the rules."""
    facts = study.facts
    if not facts["baskets"]:
        return []
    limits = [Finding("affinity_limit_cause")]
    if not facts["dated"]:
        limits.append(Finding("affinity_limit_undated"))
    return [*limits, Finding("affinity_limit_significance", {"significant": facts["significant"], "n": facts["rules"]})]


def measure_affinities(study: AffinityStudy) -> dict[str, Any]:
    """Return the metrics of the rules: baskets, items, rules, and the counts of `mine_rules`."""
    return {name: value for name, value in study.facts.items() if name not in ("levels", "dated")}


def table_rules(study: AffinityStudy, *, least: int) -> pd.DataFrame:
    """Return the most useful rules: at least ``least`` baskets, held-out lift above 1, sorted by leverage.

    Returns
    -------
    DataFrame
        antecedent, consequent, baskets, support, confidence, lift, low, high, held_out_lift, leverage, name.
    """
    rules = _readable(study, least)
    rules = rules.sort_values(["leverage", "antecedent", "consequent"], ascending=[False, True, True])
    unordered = [tuple(sorted([*json.loads(left), right])) for left, right in _sides(rules)]
    rules = rules.loc[~pd.Series(unordered, index=rules.index, dtype="object").duplicated()].head(MOST_RULES)
    left = [" + ".join(_name(study, item) for item in json.loads(text)) for text in rules["antecedent"]]
    right = [_name(study, item) for item in rules["consequent"]]
    renamed = rules.rename(columns={"lift_low": "low", "lift_high": "high"})
    names = [f"{one} → {two}" for one, two in zip(left, right, strict=True)]
    return renamed.assign(antecedent=left, consequent=right, name=names).reset_index(drop=True)


def table_partners(study: AffinityStudy, *, most: int = MOST_RULES) -> pd.DataFrame:
    """Return the pairs bought one after the other, sorted by the excess of this order over the reverse.

    Returns
    -------
    DataFrame
        first_item, later_item, customers_in_order, customers_reversed, days_between, lift.
    """
    later = study.partners[
        study.partners["days_between"].notna() & (study.partners["after"] > study.partners["before"])
    ]
    surplus = later["after"] - later["before"]
    later = later.assign(surplus=surplus).sort_values(["surplus", "item", "other"], ascending=[False, True, True])
    later = later.head(most)
    later = later.rename(columns={"after": "customers_in_order", "before": "customers_reversed"})
    first, second = ([_name(study, item) for item in later[side]] for side in ("item", "other"))
    return later.assign(first_item=first, later_item=second).reset_index(drop=True)


def map_cells(study: AffinityStudy) -> pd.DataFrame:
    """Return the lift of item pairs as a matrix by name; blank where items are neither bought together nor apart."""
    items = study.mapped
    pairs = study.partners[study.partners["item"].isin(items) & study.partners["other"].isin(items)]
    cells = pairs.pivot_table(index="item", columns="other", values="lift").reindex(index=items, columns=items)
    names = [_name(study, item) for item in items]
    return cells.set_axis(names, axis=0).set_axis(names, axis=1)


def _sides(rules: pd.DataFrame) -> zip[tuple[str, str]]:
    return zip(rules["antecedent"], rules["consequent"], strict=True)


def _readable(study: AffinityStudy, least: int) -> pd.DataFrame:
    rules = study.rules
    rules = rules[(rules["baskets"] >= least) & (rules["lift_low"] > 1)]
    return rules[rules["mark"] == ""] if study.facts["dated"] else rules


def _name(study: AffinityStudy, item: str) -> str:
    return study.names.get(item, item)


def _suspects(study: AffinityStudy, items: Sequence[str]) -> str:
    """Return two items that may be the same product, with their names if known."""
    names = [study.names.get(item, item).removesuffix(f" ({item})") for item in items[:2]]
    return " / ".join(name if name == item else f"{name} ({item})" for name, item in zip(names, items[:2], strict=True))


def _count(facts: dict[str, Any]) -> Finding:
    values = {"rules": facts["rules"], "baskets": facts["baskets"], "items": facts["items"], "least": facts["used"]}
    return Finding("affinity_rules", values, 0.2)


def _strongest(study: AffinityStudy, least: int) -> list[Finding]:
    table = table_rules(study, least=least)
    if table.empty:
        return [Finding("affinity_none", {"baskets": study.facts["baskets"], "least": study.facts["used"]}, 0.2)]
    row = table.iloc[0]
    values = {
        "antecedent": row["antecedent"], "consequent": row["consequent"], "confidence": row["confidence"],
        "base": row["confidence"] / row["lift"], "lift": row["lift"], "low": row["low"], "high": row["high"],
        "baskets": row["baskets"],
    }  # fmt: skip
    return [Finding("affinity_strongest", values, 0.6)]


def _later(facts: dict[str, Any]) -> list[Finding]:
    if not facts["dated"] or not facts["repeated"]:
        return []
    names = ("rules", "repeated", "held", "early_lift", "late_lift")
    return [Finding("affinity_later", {name: facts[name] for name in names}, 0.3)]


def _falling(study: AffinityStudy, least: int) -> list[Finding]:
    """Report a rule with a significant lift above 1 that lost most of it in the later half."""
    looks_good = (study.rules["baskets"] >= least) & (study.rules["lift_low"] > 1)
    rules = study.rules[looks_good & study.rules["held_out_lift"].notna()]
    if rules.empty:
        return []
    ratio = rules["held_out_lift"] / rules["lift"]
    fallen = rules.loc[[ratio.idxmin()]].iloc[0]
    if ratio.min() >= _LESS and fallen["held_out_lift"] > 1:
        return []
    values = {
        "antecedent": " + ".join(_name(study, item) for item in json.loads(fallen["antecedent"])),
        "consequent": _name(study, fallen["consequent"]), "lift": fallen["lift"], "late": fallen["held_out_lift"],
        "baskets": fallen["baskets"],
    }  # fmt: skip
    return [Finding("affinity_falling", values, 0.2)]


def _apart(study: AffinityStudy) -> list[Finding]:
    apart = study.partners[study.partners["leverage"] < 0]
    if apart.empty:
        return []
    row = apart.loc[apart["leverage"].idxmin()]
    expected = row["baskets"] - row["leverage"] * study.facts["baskets"]
    values = {
        "item": _name(study, row["item"]), "other": _name(study, row["other"]), "baskets": row["baskets"],
        "expected": int(np.round(expected)),
    }  # fmt: skip
    return [Finding("affinity_apart", values, 0.2)]
