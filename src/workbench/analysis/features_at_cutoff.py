"""Features as of a past cut-off, for 08_predict_churn and 09_value_customers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import ibis
import pandas as pd

from workbench.core.errors import DataError, Fault, did_you_mean
from workbench.intake.features.build import build_features
from workbench.intake.features.inputs.keep import keeping
from workbench.intake.features.registry import REGISTRY

if TYPE_CHECKING:
    from workbench.intake.features.inputs.settings import FeatureSettings

__all__ = ["FeaturesAtCutoff", "dated_only"]

DATED = ("customer_id", "registered_at")  # columns of customers whose values have a date
WINDOWS_DAYS = (30, 90, 365)


@dataclass(frozen=True)
class FeaturesAtCutoff:
    """Builds features at a cut-off in the same way as 03_build_features builds today's.

    Attributes
    ----------
    windows_days : sequence of int
    settings : FeatureSettings or None
        Settings of 03_build_features.
    columns : collection of str
        Names of today's features; only these are built. Empty: all are built.
    engine : ibis backend, optional
        Engine of the tables: groups of features are then computed one after the other, which saves a third of the
        time.
    """

    windows_days: Sequence[int] = WINDOWS_DAYS
    settings: FeatureSettings | None = None
    columns: Collection[str] = ()
    engine: ibis.BaseBackend | None = None

    def at(self, tables: Mapping[str, ibis.Table], cut_off: date, *, undated: Collection[str] = ()) -> pd.DataFrame:
        """Build the features as of a cut-off; the label table is not a source of features.

        Parameters
        ----------
        tables : mapping of str to ibis.Table
            From ``dated_only``.
        cut_off : date
        undated : collection of str
            Columns of customers that ``dated_only`` left out. Features that may use one of them are left out too, since
            at the cut-off they would be computed from another source and have a different meaning.

        Returns
        -------
        DataFrame, one row per customer, sorted by customer_id
        """
        from workbench.core.store.tables import to_pandas  # noqa: PLC0415

        sources = {name: table for name, table in tables.items() if name != "labels"}
        with keeping(self.engine) if self.engine is not None else nullcontext() as keep:
            built = build_features(
                sources, as_of=cut_off, windows_days=self.windows_days, settings=self.settings, keep=keep
            )
            selected = [name for name in built.columns if not self.columns or name in self.columns]
            return to_pandas(built.select([name for name in selected if not _may_use(name, undated)]))


def _may_use(feature: str, columns: Collection[str]) -> bool:
    """Return whether a registered feature may be computed from one of the columns of customers."""
    needs = REGISTRY[feature].needs if feature in REGISTRY else ()
    parts = {part for need in needs for part in need.split("|")}
    return not parts.isdisjoint(f"customers.{name}" for name in columns)


def dated_only(
    tables: Mapping[str, ibis.Table], late: Collection[str] = (), stable: Sequence[str] = ()
) -> tuple[dict[str, ibis.Table], tuple[str, ...]]:
    """Remove columns without a date from the customer table, except stable ones that are not late; list them.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
    late : collection of str
        Columns with information from after the cut-off.
    stable : sequence of str
        Columns that never change.

    Raises
    ------
    DataError
        When a column declared stable does not exist.
    """
    if "customers" not in tables:
        return dict(tables), ()
    customers = tables["customers"]
    missing = sorted(set(stable) - set(customers.columns))
    if missing:
        hint = did_you_mean(missing[0], customers.columns)
        raise DataError(Fault("stable_attributes", f"'{missing[0]}' is not a column of customers", hint))
    allowed = {*DATED, *stable} - set(late)
    names = [name for name in customers.columns if name in allowed]
    left_out = tuple(sorted(set(customers.columns) - set(names) - set(late)))
    return {**tables, "customers": customers.select(*names)}, left_out
