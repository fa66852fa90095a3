"""The diagnosis of one outcome: effects and tree, empty without an outcome."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis.expr.types as ir
import pandas as pd

from workbench.analysis.diagnosis.effects import compare_outcome, no_effects
from workbench.analysis.diagnosis.outcome import Outcome, choose_outcome
from workbench.analysis.diagnosis.tree import Tree, grow_tree, no_nodes
from workbench.analysis.intervals import SMALL_CELL

__all__ = ["Diagnosis", "explain"]


@dataclass(frozen=True)
class Diagnosis:
    """What is associated with an outcome.

    Attributes
    ----------
    outcome : Outcome or None
    effects : DataFrame
        `workbench.analysis.diagnosis.effects.EFFECT_COLUMNS`.
    tree : Tree or None
    """

    outcome: Outcome | None
    effects: pd.DataFrame
    tree: Tree | None

    @property
    def nodes(self) -> pd.DataFrame:
        """The nodes of the tree; an empty table without a tree."""
        return self.tree.nodes if self.tree is not None else no_nodes()

    @property
    def about(self) -> dict[str, Any]:
        """Properties of the outcome for charts: outcome, kind, money."""
        if self.outcome is None:
            return {"outcome": "", "kind": "amount", "money": False}
        return {"outcome": self.outcome.name, "kind": self.outcome.kind, "money": self.outcome.money}


def explain(
    features: pd.DataFrame,
    outcome: str,
    *,
    as_of: date,
    labels: ir.Table | None = None,
    label_name: str = "churn",
    depth: int = 3,
    top_values: int = 12,
    least: int = SMALL_CELL,
    seed: int,
) -> Diagnosis:
    """Choose an outcome, compare it across all traits and grow its tree.

    Parameters
    ----------
    features : DataFrame, one row per customer
    outcome, as_of, labels, label_name
        As for `workbench.analysis.diagnosis.outcome.choose_outcome`.
    depth, top_values, least, seed
        As for `workbench.analysis.diagnosis.tree.grow_tree`.
    """
    selected = choose_outcome(features, outcome=outcome, labels=labels, label_name=label_name, as_of=as_of)
    if selected is None:
        return Diagnosis(None, no_effects(), None)
    effects = compare_outcome(features, selected, top_values=top_values, least=least)
    tree = grow_tree(features, selected, depth=depth, top_values=top_values, least=least, seed=seed)
    return Diagnosis(selected, effects, tree)
