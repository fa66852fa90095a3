"""Features without any value: the source has their columns but no usable cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis.expr.types as ir

from workbench.intake.features.registry import REGISTRY

if TYPE_CHECKING:
    from workbench.intake.features.inputs.keep import Keep

__all__ = ["leave_out_unknown"]

ALWAYS = ("spend",)  # groups that later stages read by name


def leave_out_unknown(features: ir.Table, *, keep: Keep) -> tuple[ir.Table, list[str]]:
    """Drop the registered features without any value.

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
    kept_features = keep(features)
    candidates = [name for name in kept_features.columns if name in REGISTRY and REGISTRY[name].group not in ALWAYS]
    if not candidates:
        return kept_features, []
    counts = (
        kept_features.aggregate(**{name: kept_features[name].count() for name in candidates})
        .to_pyarrow()
        .to_pylist()[0]
    )
    unknown = [name for name in candidates if not counts[name]]
    return kept_features.drop(*unknown) if unknown else kept_features, unknown
