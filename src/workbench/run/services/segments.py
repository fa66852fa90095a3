"""Segment definitions: list, compare on today's customers, promote, apply (``workbench segments``)."""

from __future__ import annotations

import datetime as dt
import getpass
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import pandas as pd

from workbench.analysis.segments.definition import SegmentDefinition, assign, assign_table, check_features
from workbench.analysis.segments.migration import Migration, compare_placements, explain_moves
from workbench.analysis.segments.profiles import segment_sizes
from workbench.analysis.segments.reasons import explain_customer
from workbench.core.errors import Fault, ProfileError
from workbench.core.exports import export_csv, export_parquet
from workbench.core.params.profile import load_profile
from workbench.core.schema import UNDATED
from workbench.run.artifacts.audit import append_audit
from workbench.run.artifacts.context import stage_summary
from workbench.run.artifacts.lock import hold_workspace
from workbench.run.definitions.champion import champion_path
from workbench.run.services.consent import PROFILING, ConsentService
from workbench.run.services.stores import store_of
from workbench.run.tracking.runs import Tracker

if TYPE_CHECKING:
    from workbench.core.store.tables import Store
    from workbench.core.workspace import Workspace
    from workbench.run.tracking.registry import RegisteredDefinition

__all__ = ["Comparison", "SegmentService", "whoami"]

_WAIT_SECONDS = 5.0
_FORMS = (".csv", ".parquet")


@dataclass(frozen=True)
class Comparison:
    """Two definitions applied to the same customers.

    Attributes
    ----------
    first, second : SegmentDefinition
    before, after : pandas.DataFrame
        Current segments by the first and the second definition: customer_id, segment, definition_version.
    migration : Migration
    moves : pandas.DataFrame
        The result of ``explain_moves``: which customers moved and how they differ from those who stayed.
    sizes : tuple of pandas.DataFrame
        Sizes by each definition, from ``segment_sizes``.
    """

    first: SegmentDefinition
    second: SegmentDefinition
    before: pd.DataFrame
    after: pd.DataFrame
    migration: Migration
    moves: pd.DataFrame
    sizes: tuple[pd.DataFrame, pd.DataFrame]


class SegmentService:
    """The segment definitions of one profile and its current customers.

    Parameters
    ----------
    workspace : Workspace
    profile : str

    Raises
    ------
    ProfileError
        No such profile, or nothing is tracked yet.
    """

    def __init__(self, workspace: Workspace, profile: str):
        self.workspace = workspace
        self.profile = load_profile(workspace, profile)
        if not (workspace.tracking / "mlflow.db").is_file():
            remedy = f"workbench run {profile}"
            raise ProfileError(Fault("mlruns/mlflow.db", "nothing is tracked yet", "", remedy))
        self.registry = Tracker(workspace, profile).segments

    def versions(self) -> list[RegisteredDefinition]:
        """Return every registered definition, newest first."""
        return self.registry.versions()

    def definition(self, which: str) -> SegmentDefinition:
        """Return a definition by number, alias or version."""
        return self.registry.definition(self.registry.find(which))

    def place(self, definition: SegmentDefinition) -> pd.DataFrame:
        """Assign today's customers to segments: customer_id, segment, definition_version.

        Raises
        ------
        DataError
            A feature of the definition is missing, or has another unit.
        """
        check_features(definition, self._units())
        return assign(definition, self._features())

    def sizes(self, definition: SegmentDefinition) -> pd.DataFrame:
        """Count today's customers by segment, with ``segment_sizes``."""
        return segment_sizes(self.place(definition), definition.keys)

    def compare(self, first: str, second: str) -> Comparison:
        """Apply two definitions to today's customers."""
        earlier, later = self.definition(first), self.definition(second)
        before, after = self.place(earlier), self.place(later)
        moves = explain_moves(before, after, self._features())
        sizes = segment_sizes(before, earlier.keys), segment_sizes(after, later.keys)
        return Comparison(earlier, later, before, after, compare_placements(before, after), moves, sizes)

    def why(self, customer: str, which: str) -> tuple[SegmentDefinition, pd.DataFrame]:
        """Explain the segment of a customer by a definition.

        Returns
        -------
        SegmentDefinition
        pandas.DataFrame
            The result of ``explain_customer``.

        Raises
        ------
        ProfileError
            No such customer.
        """
        definition = self.definition(which)
        check_features(definition, self._units())
        features = self._features()
        row = features[features["customer_id"].astype("str") == customer]
        if row.empty:
            raise ProfileError(Fault("features", f"no customer '{customer}'", "A customer_id of the features table"))
        return definition, explain_customer(definition, row)

    def promote(self, which: str, *, who: str, why: str) -> RegisteredDefinition:
        """Make a definition the champion; the next run uses it."""
        with hold_workspace(self.workspace, "workbench segments promote", wait_seconds=_WAIT_SECONDS):
            promoted = self.registry.promote(which, who=who, why=why)
            self._log_promotion("promote", promoted.number)
            self.registry.export_champion(champion_path(self.workspace, self.profile.name))
        return promoted

    def rollback(self, *, who: str, why: str) -> RegisteredDefinition:
        """Make the previous champion the champion again."""
        with hold_workspace(self.workspace, "workbench segments rollback", wait_seconds=_WAIT_SECONDS):
            restored = self.registry.rollback(who=who, why=why)
            self._log_promotion("rollback", restored.number)
            self.registry.export_champion(champion_path(self.workspace, self.profile.name))
        return restored

    def _log_promotion(self, kind: str, number: int) -> None:
        append_audit(self.workspace, "promotion", profile=self.profile.name, kind=kind, version=number)

    def assign_all(self, which: str, target: Path) -> pd.DataFrame:
        """Assign today's customers in the engine; write customer_id, segment, definition_version to a file.

        Returns
        -------
        pandas.DataFrame
            segment, n; sorted by n.

        Raises
        ------
        ProfileError
            The file ends in neither .csv nor .parquet.
        """
        if target.suffix not in _FORMS:
            raise ProfileError(Fault("--out", f"'{target.name}'", f"A file ending in {' or '.join(_FORMS)}"))
        definition = self.definition(which)
        store = store_of(self.workspace, self.profile)
        check_features(definition, self._units())
        assigned = assign_table(definition, store.read("features"))
        assigned = self._consent(store).keep(assigned, PROFILING)
        export = export_csv if target.suffix == ".csv" else export_parquet
        append_audit(self.workspace, "export", profile=self.profile.name, what="segments assign", file=target.name)
        export(store.engine, assigned, target)
        counts = assigned.group_by("segment").aggregate(n=assigned.count())
        return counts.to_pandas().sort_values(["n", "segment"], ascending=[False, True], ignore_index=True)

    def write_moves(self, comparison: Comparison, target: Path) -> int:
        """Write the customers whose segment changes: customer_id, before, after; return their number."""
        joined = comparison.before.merge(comparison.after, on="customer_id", suffixes=("_before", "_after"))
        moved = joined[joined["segment_before"] != joined["segment_after"]]
        names = {"segment_before": "before", "segment_after": "after"}
        frame = moved[["customer_id", *names]].rename(columns=names).sort_values("customer_id")
        store = store_of(self.workspace, self.profile)
        rows = self._consent(store).keep(ibis.memtable(frame), PROFILING)
        append_audit(self.workspace, "export", profile=self.profile.name, what="segments compare", file=target.name)
        export_csv(store.engine, rows, target)
        return int(rows.count().to_pandas())

    def _consent(self, store: Store) -> ConsentService:
        as_of = stage_summary(self.workspace, self.profile.name, "03_build_features").get("as_of")
        day = dt.date.fromisoformat(as_of) if as_of else UNDATED
        return ConsentService(self.workspace, self.profile, store, day)

    def _features(self) -> pd.DataFrame:
        return store_of(self.workspace, self.profile).frame("features")

    def _units(self) -> dict[str, dict[str, Any]]:
        from workbench.intake.features.registry import registered_units  # noqa: PLC0415

        return registered_units(store_of(self.workspace, self.profile).read("features").columns)


def whoami() -> str:
    """Return the name of the account that runs the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in some containers
        return "unknown"
