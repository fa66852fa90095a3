"""What each stage of a flow depends on: whether it can run, and whether what it last made is still current."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.core.errors import DataError, Fault
from workbench.core.stages import FIRST, TABLES
from workbench.intake.identity.people import has_people
from workbench.report.text import text_digests
from workbench.run.artifacts.context import stage_folder, stage_summary
from workbench.run.artifacts.manifest import is_current, read_manifest, table_digests, told_digest
from workbench.run.keys.code import CodeIndex
from workbench.run.keys.inputs import stage_inputs
from workbench.run.keys.stage_key import stage_key, table_inputs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from workbench.core.params.profile import Profile
    from workbench.core.store.tables import Store
    from workbench.core.workspace import Workspace

__all__ = ["Dependencies"]

_MAPPED = "sources."  # of a table in a stage's needs: a source must map it


class Dependencies:
    """The keys of the stages of one flow.

    Parameters
    ----------
    workspace : Workspace
    profile : Profile
    store : Store
    entries : mapping
        What became of each stage so far, by name.

    Attributes
    ----------
    as_of : str or None
        The frozen date of the run, once it is known.
    selected : tuple of str
        The stages the run goes through.
    """

    def __init__(self, workspace: Workspace, profile: Profile, store: Store, entries: Mapping[str, Any]):
        self.workspace, self.profile, self.store, self.entries = workspace, profile, store, entries
        self.as_of = profile.as_of.isoformat() if profile.as_of else None
        self.selected: tuple[str, ...] = ()
        self.index = CodeIndex(workspace.lock.parent / "code_index.json")

    def notebook(self, stage: str) -> Path:
        """Return the template of a stage.

        Raises
        ------
        DataError
            It is not there.
        """
        path = self.workspace.notebooks / f"{stage}.ipynb"
        if not path.is_file():
            found = f"notebooks/{stage}.ipynb not found"
            raise DataError(Fault(stage, found, "A workspace holds the notebook templates"))
        return path

    def read_code(self) -> None:
        """Read the code of every stage the run goes through.

        To be done before another thread imports anything: in Python 3.11 two threads that parse at once may both fail.
        """
        for stage in self.selected:
            path = self.workspace.notebooks / f"{stage}.ipynb"
            if path.is_file():
                self.index.libraries(path, self.index.reached_files(path))
        self.index.save()

    def skipped_because(self, stage: str) -> dict[str, str] | None:
        """Return why a stage cannot run, by language; None where it can.

        Raises
        ------
        DataError
            A table it needs is written by a stage of this profile that has not run yet.
        """
        declared = self.profile.stage(stage)
        present = self.present()
        mapped = {f"{_MAPPED}{source.table}" for source in self.profile.sources.values()}
        group = declared.lacks(present | self.store.columns(present) | mapped)
        if group is None:
            return None
        tables = [name.removeprefix(_MAPPED).split(".")[0] for name in group]
        self._check_written(stage, [table for table in tables if table not in present])
        # a table that is there lacks a column; one that is not is named as a whole
        lacking = [
            name if table in present and not name.startswith(_MAPPED) else table
            for name, table in zip(group, tables, strict=True)
        ]
        unlocks = declared.unlocks or {"en": "", "zh": ""}
        return {
            "en": f"no table {' or '.join(lacking)}; it would unlock {unlocks['en']}",
            "zh": f"缺少表 {' 或 '.join(lacking)}；补齐后可得到：{unlocks['zh']}",
        }

    def present(self) -> set[str]:
        """Return the tables that are there and written by a stage of this profile."""
        mine = {table for stage in self.profile.stages for table in self.profile.stage(stage).writes}
        own = {name for name in self.store.present() if name not in TABLES}
        return (self.store.present() & mine) | own

    def key(self, stage: str, reads: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return what a stage's result depends on.

        Parameters
        ----------
        stage : str
        reads : mapping, optional
            What it has just read that no declaration names; by default what it read at its last run.
        """
        declared = self.profile.stage(stage)
        if reads is None:
            reads = read_manifest(self.folder(stage)).get("reads", {})
        present = self.present()
        digests = {
            name: digest for name, digest in table_digests(self.workspace, self.profile.name).items() if name in present
        }
        other = {name: self._summary_of(name) for name in self.profile.stages if name != stage}
        inputs = stage_inputs(declared, workspace=self.workspace, profile=self.profile, summaries=other)
        declared_as_of = self.profile.as_of.isoformat() if self.profile.as_of else None
        key = stage_key(
            declared,
            profile=self.profile,
            as_of=declared_as_of if stage == FIRST else self.as_of,
            notebook=self.notebook(stage),
            index=self.index,
            inputs=table_inputs(declared, digests, reads) | inputs,
            reads=reads,
        )
        self.index.save()
        return key

    def is_current(self, stage: str, key: Mapping[str, Any]) -> bool:
        """Say whether what a stage last made was made from exactly this key, and is whole."""
        folder = self.folder(stage)
        if not is_current(folder, key) or self._must_hand_over_again(stage):
            return False
        texts = read_manifest(folder).get("reads", {}).get("texts", {})
        return texts == text_digests(texts)

    def folder(self, stage: str) -> Path:
        """Return the folder of the current version of a stage."""
        return stage_folder(self.workspace, self.profile.name, stage)

    def _must_hand_over_again(self, stage: str) -> bool:
        """Say whether a later stage is to take a private file anew that this one would leave, and it is gone."""
        handed = self.profile.stage(stage).hands_over
        if not handed or has_people(self.workspace, self.profile.name):
            return False
        takers = [name for name in self.selected if self.profile.stage(name).takes == handed]
        there = [name for name in takers if (self.workspace.notebooks / f"{name}.ipynb").is_file()]
        runs = [name for name in there if not self.skipped_because(name)]
        return any(not is_current(self.folder(name), self.key(name)) for name in runs)

    def _check_written(self, stage: str, tables: list[str]) -> None:
        for table in tables:
            writer = TABLES[table].writer
            if writer in self.profile.stages and not self._was_run(writer):
                found = f"{table}.parquet not found for profile {self.profile.name}"
                raise DataError(Fault(stage, found, f"It is written by {writer}", "Run that stage first"))

    def _was_run(self, stage: str) -> bool:
        return stage in self.entries or bool(stage_summary(self.workspace, self.profile.name, stage))

    def _summary_of(self, stage: str) -> str | None:
        if self.entries.get(stage, {}).get("status") == "skipped":
            return "skipped"
        return told_digest(read_manifest(self.folder(stage)))
