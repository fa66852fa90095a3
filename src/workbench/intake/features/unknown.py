"""Features that are known of nobody: the source has their columns but never what they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis.expr.types as ir

from workbench.intake.features.registry import REGISTRY

if TYPE_CHECKING:
    from workbench.intake.features.inputs.keep import Keep

__all__ = ["leave_out_unknown"]

ALWAYS = ("spend",)  # groups that later stages read by name


def leave_out_unknown(features: ir.Table, *, keep: Keep) -> tuple[ir.Table, list[str]]:
    """Drop the registered features that no customer has a value of.

    Parameters
    ----------
    features : ibis.Table
        As ``build_features`` returns it.
    keep : callable
        Executes the table once (``keeping``).

    Returns
    -------
    tuple
        The table without these features, and their names. Features of spend and declared attributes always stay.
    """
    held = keep(features)
    asked = [name for name in held.columns if name in REGISTRY and REGISTRY[name].group not in ALWAYS]
    if not asked:
        return held, []
    known = held.aggregate(**{name: held[name].count() for name in asked}).to_pyarrow().to_pylist()[0]
    unknown = [name for name in asked if not known[name]]
    return held.drop(*unknown) if unknown else held, unknown
