"""Who moved between segments, RFM types, life-cycle stages and value tiers, as matrices with spend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from workbench.analysis.privacy.suppression import small_cells
from workbench.analysis.watching.customers import RunTables, value_tiers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.analysis.watching.pairing import Pairing

__all__ = ["ENTERED", "LEFT", "MIGRATION_COLUMNS", "count_moved", "follow_customers", "migration_matrix"]

ENTERED, LEFT = "(new)", "(gone)"
MIGRATION_COLUMNS = ("kind", "from", "to", "customers", "share", "spend")
_KINDS = {
    "segment": ("segments", "segment"),
    "rfm_type": ("rfm", "rfm_type"),
    "life_cycle_stage": ("rfm", "life_cycle_stage"),
}


def follow_customers(
    old: RunTables, new: RunTables, pairing: Pairing, *, spend: tuple[pd.Series, pd.Series] | None = None
) -> dict[str, pd.DataFrame]:
    """Return where every customer was and is, by kind.

    Parameters
    ----------
    old, new : RunTables
    pairing : Pairing
    spend : (Series, Series), optional
        Spend of every customer of either run, in the order of their customers.

    Returns
    -------
    dict of str to DataFrame
        customer_id, from, to, spend (of this run; of those who are gone, of the earlier one); one row per customer.
    """  # fmt: skip
    columns = {
        kind: tuple(run.column(table, column) for run in (old, new))
        for kind, (table, column) in _KINDS.items()
        if table in old.tables and table in new.tables
    }
    if "value" in old.tables and "value" in new.tables:
        columns["value_tier"] = value_tiers(old, new)
    return {kind: _moves(old, new, sides, pairing, spend) for kind, sides in columns.items()}


def migration_matrix(moves: Mapping[str, pd.DataFrame], *, least: int = 10) -> pd.DataFrame:
    """Return the table ``migration``.

    Parameters
    ----------
    moves : mapping of str to DataFrame
        Result of `follow_customers`.
    least : int
        Smallest cell that is shown; smaller ones, and others that would give them away, have no numbers.

    Returns
    -------
    DataFrame
        kind, from, to, customers, share (of those who came from there), spend; only cells with customers.
    """
    parts = [_matrix(kind, frame, least) for kind, frame in moves.items() if len(frame)]
    if not parts:
        return pd.DataFrame(columns=[*MIGRATION_COLUMNS])
    return pd.concat(parts, ignore_index=True)


def count_moved(moves: Mapping[str, pd.DataFrame], kind: str = "segment") -> int | None:
    """Return how many customers of both runs are elsewhere now; None without this kind."""
    if kind not in moves:
        return None
    both = moves[kind][(moves[kind]["from"] != ENTERED) & (moves[kind]["to"] != LEFT)]
    return int((both["from"] != both["to"]).sum())


def _moves(
    old: RunTables, new: RunTables, sides: tuple[pd.Series, pd.Series], pairing: Pairing,
    spend: tuple[pd.Series, pd.Series] | None,
) -> pd.DataFrame:  # fmt: skip
    then, now = (side.astype("object") for side in sides)
    money = spend or tuple(pd.Series(0.0, index=range(len(run.customers))) for run in (old, new))
    both = pd.DataFrame(
        {"customer_id": new.customers.to_numpy()[pairing.new], "from": then.to_numpy()[pairing.old],
         "to": now.to_numpy()[pairing.new], "spend": money[1].to_numpy()[pairing.new]}
    )  # fmt: skip
    entered = pd.DataFrame(
        {"customer_id": new.customers.to_numpy()[pairing.entered], "from": ENTERED,
         "to": now.to_numpy()[pairing.entered], "spend": money[1].to_numpy()[pairing.entered]}
    )  # fmt: skip
    left = pd.DataFrame(
        {"customer_id": old.customers.to_numpy()[pairing.left], "from": then.to_numpy()[pairing.left], "to": LEFT,
         "spend": money[0].to_numpy()[pairing.left]}
    )  # fmt: skip
    return pd.concat([both, entered, left], ignore_index=True).dropna(subset=["from", "to"]).reset_index(drop=True)


def _matrix(kind: str, moves: pd.DataFrame, least: int) -> pd.DataFrame:
    counts = moves.groupby(["from", "to"]).agg(customers=("customer_id", "size"), spend=("spend", "sum")).reset_index()
    totals = counts.groupby("from")["customers"].transform("sum")
    wide = counts.pivot(index="from", columns="to", values="customers").fillna(0)
    hidden = small_cells(wide, least=least).stack()
    flags = [bool(hidden.loc[(row["from"], row["to"])]) for row in counts.to_dict("records")]
    publishable = ~pd.Series(flags, index=counts.index, dtype=bool)
    counts = counts.assign(
        kind=kind, share=(counts["customers"] / totals).where(publishable), spend=counts["spend"].where(publishable)
    )
    counts["customers"] = counts["customers"].astype("Int64").where(publishable)
    return counts[[*MIGRATION_COLUMNS]]
