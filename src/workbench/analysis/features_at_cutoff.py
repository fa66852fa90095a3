"""What was known of the customers at a cut-off in the past? Serves 08_predict_churn and 09_value_customers."""

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

DATED = ("customer_id", "registered_at")  # of customers: what bears a date of its own
WINDOWS_DAYS = (30, 90, 365)


@dataclass(frozen=True)
class FeaturesAtCutoff:
    """How features are built at a cut-off: as 03_build_features built those of today.

    Attributes
    ----------
    windows_days : sequence of int
    settings : FeatureSettings or None
        Of 03_build_features.
    columns : collection of str
        Of today's features: what is not known of today's customers is of no use to a model. Empty: all are built.
    engine : ibis backend, optional
        Where the tables lie: each group of features is then settled before the next, which takes a third less time.
    """

    windows_days: Sequence[int] = WINDOWS_DAYS
    settings: FeatureSettings | None = None
    columns: Collection[str] = ()
    engine: ibis.BaseBackend | None = None

    def at(self, tables: Mapping[str, ibis.Table], cut_off: date, *, undated: Collection[str] = ()) -> pd.DataFrame:
        """Build the features as they stood at a cut-off; the label table is no source of features.

        Parameters
        ----------
        tables : mapping of str to ibis.Table
            As ``dated_only`` gives them.
        cut_off : date
        undated : collection of str
            Columns of customers that ``dated_only`` left out: a feature that is made of one of them today, and could be
            made of something else then, would not mean the same, and is left out, too.

        Returns
        -------
        DataFrame, one row per customer, sorted by customer_id
        """
        from workbench.core.store.tables import to_pandas  # noqa: PLC0415

        known = {name: table for name, table in tables.items() if name != "labels"}
        asked = {"as_of": cut_off, "windows_days": self.windows_days, "settings": self.settings}
        with keeping(self.engine) if self.engine is not None else nullcontext() as keep:
            built = build_features(known, **asked, keep=keep)
            kept = [name for name in built.columns if not self.columns or name in self.columns]
            return to_pandas(built.select([name for name in kept if not _is_made_of(name, undated)]))


def _is_made_of(feature: str, columns: Collection[str]) -> bool:
    """Say whether a registered feature may be made of one of some columns of customers."""
    needs = REGISTRY[feature].needs if feature in REGISTRY else ()
    parts = {part for need in needs for part in need.split("|")}
    return not parts.isdisjoint(f"customers.{name}" for name in columns)


def dated_only(
    tables: Mapping[str, ibis.Table], late: Collection[str] = (), stable: Sequence[str] = ()
) -> tuple[dict[str, ibis.Table], tuple[str, ...]]:
    """Leave out of the customer table what bears no date, and name it; what is declared stable stays, unless late.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
    late : collection of str
        Columns that know what came after.
    stable : sequence of str
        Columns that never change.

    Raises
    ------
    DataError
        A column declared stable is not there.
    """
    if "customers" not in tables:
        return dict(tables), ()
    customers = tables["customers"]
    lacking = sorted(set(stable) - set(customers.columns))
    if lacking:
        known = did_you_mean(lacking[0], customers.columns)
        raise DataError(Fault("stable_attributes", f"'{lacking[0]}' is no column of customers", known))
    kept = {*DATED, *stable} - set(late)
    names = [name for name in customers.columns if name in kept]
    left_out = tuple(sorted(set(customers.columns) - set(names) - set(late)))
    return {**tables, "customers": customers.select(*names)}, left_out
