"""The dependencies of each stage of a flow: whether it can run, and whether its last result is current."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from workbench.core.errors import DataError, Fault
from workbench.core.params.shop_day import shop_day
from workbench.core.stages import FIRST, TABLES
from workbench.intake.identity.people import has_people
from workbench.report.text import text_digests
from workbench.run.artifacts.context import stage_folder, stage_summary
from workbench.run.artifacts.kept_runs import COMPARED, compared_run
from workbench.run.artifacts.manifest import is_current, read_manifest, reported_digest, table_digests
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

_MAPPED = "sources."  # prefix in a stage's needs: a source must map the table


class Dependencies:
    """Computes the keys and missing inputs of the stages of one flow.

    Parameters
    ----------
    workspace : Workspace
    profile : Profile
    store : Store
    entries : mapping
        The outcome of each stage so far, by name.

    Attributes
    ----------
    as_of : str or None
        The as-of date of the run; None until it is determined.
    today : str
        The day of the run in the shop's time zone, fixed at its start.
    selected : tuple of str
        The stages of the run.
    """

    def __init__(self, workspace: Workspace, profile: Profile, store: Store, entries: Mapping[str, Any]):
        self.workspace, self.profile, self.store, self.entries = workspace, profile, store, entries
        self.as_of = profile.as_of.isoformat() if profile.as_of else None
        self.today = shop_day(profile.sources.values()).isoformat()
        self.selected: tuple[str, ...] = ()
        self.index = CodeIndex(workspace.lock.parent / "code_index.json")

    def notebook(self, stage: str) -> Path:
        """Return the path of a stage's notebook.

        Raises
        ------
        DataError
            It does not exist.
        """
        path = self.workspace.notebooks / f"{stage}.ipynb"
        if not path.is_file():
            problem = f"notebooks/{stage}.ipynb not found"
            raise DataError(Fault(stage, problem, "A workspace holds the notebook templates"))
        return path

    def read_code(self) -> None:
        """Read the code of every stage of the run.

        Call it before another thread imports anything: in Python 3.11 parsing in two threads at once may fail.
        """
        for stage in self.selected:
            path = self.workspace.notebooks / f"{stage}.ipynb"
            if path.is_file():
                self.index.libraries(path, self.index.reached_files(path))
        self.index.save()

    def skipped_because(self, stage: str) -> dict[str, str] | None:
        """Return why a stage cannot run, by language; None if it can.

        Raises
        ------
        DataError
            A stage of this profile that writes a needed table has not run yet.
        """
        declared = self.profile.stage(stage)
        idle = declared.idle(self.profile.sections[stage]) if declared.asked_by else None
        if idle is not None:
            return idle
        present = self.present()
        mapped = {f"{_MAPPED}{source.table}" for source in self.profile.sources.values()}
        group = declared.lacks(present | self.store.columns(present) | mapped)
        if group is None:
            return None
        tables = [name.removeprefix(_MAPPED).split(".")[0] for name in group]
        self._check_written(stage, [table for table in tables if table not in present])
        # an existing table lacks a column, which is named; a missing table is named as a whole
        missing = [
            name if table in present and not name.startswith(_MAPPED) else table
            for name, table in zip(group, tables, strict=True)
        ]
        unlocks = declared.unlocks or {"en": "", "zh": ""}
        return {
            "en": f"no table {' or '.join(missing)}; it would unlock {unlocks['en']}",
            "zh": f"缺少表 {' 或 '.join(missing)}；补齐后可得到：{unlocks['zh']}",
        }

    def present(self) -> set[str]:
        """Return the published tables of this profile's stages and own notebooks."""
        declared = {table for stage in self.profile.stages for table in self.profile.stage(stage).writes}
        own_tables = {name for name in self.store.present() if name not in TABLES}
        return (self.store.present() & declared) | own_tables

    def key(self, stage: str, reads: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the key of a stage: everything its result depends on.

        Parameters
        ----------
        stage : str
        reads : mapping, optional
            Inputs that it has just read beyond its declaration; default: those of its last run.
        """
        declared = self.profile.stage(stage)
        if reads is None:
            reads = read_manifest(self.folder(stage)).get("reads", {})
        present = self.present()
        digests = {
            name: digest for name, digest in table_digests(self.workspace, self.profile.name).items() if name in present
        }
        summaries = {name: self._summary_of(name) for name in self.profile.stages if name != stage}
        inputs = stage_inputs(
            declared, workspace=self.workspace, profile=self.profile, summaries=summaries, as_of=self._date(),
        )  # fmt: skip
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

    def _compared(self) -> str:
        day = self._date()
        run = compared_run(self.workspace, self.profile, day) if day else None
        return run.digest if run else ""

    def _date(self) -> dt.date | None:
        return dt.date.fromisoformat(self.as_of) if self.as_of else None

    def is_current(self, stage: str, key: Mapping[str, Any]) -> bool:
        """Return whether the last result of a stage has exactly this key and unchanged files."""
        folder = self.folder(stage)
        if not is_current(folder, key) or self._must_hand_over_again(stage):
            return False
        reads = read_manifest(folder).get("reads", {})
        if reads.get("day", self.today) != self.today:
            return False  # dates that were in the future then may be in the past now
        if COMPARED in reads and reads[COMPARED] != self._compared():
            return False  # it compared with an earlier run, and that is a different run now
        texts = reads.get("texts", {})
        return texts == text_digests(texts)

    def folder(self, stage: str) -> Path:
        """Return the folder of the current version of a stage."""
        return stage_folder(self.workspace, self.profile.name, stage)

    def _must_hand_over_again(self, stage: str) -> bool:
        """Return whether a later stage needs a private file that this stage must write again."""
        private_file = self.profile.stage(stage).hands_over
        if not private_file or has_people(self.workspace, self.profile.name):
            return False
        takers = [name for name in self.selected if self.profile.stage(name).takes == private_file]
        with_notebook = [name for name in takers if (self.workspace.notebooks / f"{name}.ipynb").is_file()]
        runnable = [name for name in with_notebook if not self.skipped_because(name)]
        return any(not is_current(self.folder(name), self.key(name)) for name in runnable)

    def _check_written(self, stage: str, tables: list[str]) -> None:
        for table in tables:
            writer = TABLES[table].writer
            if writer in self.profile.stages and not self._was_run(writer):
                problem = f"{table}.parquet not found for profile {self.profile.name}"
                raise DataError(Fault(stage, problem, f"It is written by {writer}", "Run that stage first"))

    def _was_run(self, stage: str) -> bool:
        return stage in self.entries or bool(stage_summary(self.workspace, self.profile.name, stage))

    def _summary_of(self, stage: str) -> str | None:
        if self.entries.get(stage, {}).get("status") == "skipped":
            return "skipped"
        return reported_digest(read_manifest(self.folder(stage)))
