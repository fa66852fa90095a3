"""The flow: the stages of a profile in order, each reused or run, published, tracked and reported.

Whatever happens, the exit code, ``summary.json``, the tracked status and the report's badge agree.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.errors import DataError, Fault, ProfileError, StageError, WorkbenchError, did_you_mean
from workbench.core.params.profile import Profile, load_profile
from workbench.core.stages import STAGES
from workbench.core.store.tables import Store
from workbench.run.artifacts.champion import champion_digest
from workbench.run.artifacts.context import RunContext, new_run_id, stage_folder, stage_summary
from workbench.run.artifacts.declared_segments import kinds_inputs
from workbench.run.artifacts.digests import code_digest, file_digests, source_files, stage_inputs, stage_key
from workbench.run.artifacts.lock import hold_workspace
from workbench.run.artifacts.manifest import is_current, read_manifest, table_digests, write_manifest
from workbench.run.artifacts.people import forget_people, has_people, identity_inputs
from workbench.run.artifacts.publish import RunFolder, last_summary, sweep_orphans
from workbench.run.artifacts.tag_registry import registry_inputs
from workbench.run.flows.background import BackgroundTracking
from workbench.run.flows.check import check_sources, fetch_remote, make_demo_data, make_sheets
from workbench.run.flows.outcome import FlowResult, failed_entry, os_error_text, place_report
from workbench.run.flows.progress import Progress

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["FlowOptions", "run_flow", "select_stages"]

_FIRST = "01_check_quality"
_IDENTITY = "02_resolve_identity"
_SEGMENTS = "06_segment_customers"
_TAGS = "12_tag_customers"
_REPORT = "14_write_report"


@dataclass(frozen=True)
class FlowOptions:
    """What the command line may ask of a flow.

    Attributes
    ----------
    only, first, last : str or None
        Run one stage, or from and to a stage.
    force : bool
        Run stages that are up to date, too.
    settings : tuple of str
        ``SECTION.KEY=VALUE`` overrides.
    as_of : str or None
    """

    only: str | None = None
    first: str | None = None
    last: str | None = None
    force: bool = False
    settings: tuple[str, ...] = ()
    as_of: str | None = None


def run_flow(workspace: Workspace, name: str, options: FlowOptions, say: Progress | None = None) -> FlowResult:
    """Run a profile's stages.

    Parameters
    ----------
    workspace : Workspace
    name : str
        The profile.
    options : FlowOptions
    say : Progress, optional

    Raises
    ------
    ProfileError, DataError, WorkspaceBusyError
        Before any kernel starts. What fails later is in the result.
    """
    profile = load_profile(workspace, name, settings=options.settings, as_of=options.as_of)
    selected = select_stages(profile, options)
    with hold_workspace(workspace, f"workbench run {name}"):
        last = last_summary(workspace, name)
        expected = {stage: entry["seconds"] for stage, entry in last.get("stages", {}).items() if entry.get("seconds")}
        say = say or Progress(selected, expected)
        _make_raw_files(workspace, profile, say, fetch=_FIRST in selected)
        check_sources(workspace, profile)
        flow = _Flow(workspace, profile, options, say)
        with _terminated_as_interrupt():
            return flow.run(selected)


def _make_raw_files(workspace: Workspace, profile: Profile, say: Progress, *, fetch: bool) -> None:
    """Put in place what the run reads and nobody has brought: demo data, sheets to fill, remote sources."""
    make_demo_data(workspace, profile)
    for sheet in make_sheets(workspace, profile):
        say.say(f"made {sheet}, to be filled by hand")
    for source, records in (fetch_remote(workspace, profile) if fetch else {}).items():
        say.say(f"fetched {source}: {records:,} records")


def select_stages(profile: Profile, options: FlowOptions) -> list[str]:
    """Return the stages a command asks for, in number order.

    Raises
    ------
    ProfileError
        A stage is unknown, or not among the profile's.
    """
    stages = profile.stages
    asked = {"--only": options.only, "--from": options.first, "--to": options.last}
    faults = [
        Fault(flag, f"stage '{stage}' is not among the stages of {profile.name}", "", did_you_mean(stage, stages))
        for flag, stage in asked.items()
        if stage is not None and stage not in stages
    ]
    if options.only and (options.first or options.last):
        faults.append(Fault("--only", "given together with --from or --to", "One or the other"))
    if options.first and options.last and options.first > options.last:
        faults.append(Fault("--from", f"{options.first} comes after --to {options.last}"))
    if faults:
        raise ProfileError(faults)
    if options.only:
        return [options.only]
    return [each for each in stages if (options.first or "") <= each <= (options.last or "99")]


class _Flow:
    """One run of a profile's stages."""

    def __init__(self, workspace: Workspace, profile: Profile, options: FlowOptions, say: Progress):
        self.workspace = workspace
        self.profile = profile
        self.options = options
        self.say = say
        self.run_id = new_run_id()
        self.store = Store(workspace, profile.name)
        self.folder = RunFolder(workspace, profile.name, self.run_id)
        self.stages: dict[str, dict[str, Any]] = {}
        self.selected: tuple[str, ...] = ()
        self.as_of = profile.as_of.isoformat() if profile.as_of else None
        self.deadline = time.monotonic() + profile.run.total_seconds
        self.tracking = BackgroundTracking(workspace, profile.name, self.run_id)

    def run(self, selected: Sequence[str]) -> FlowResult:
        for path in sweep_orphans(self.workspace):
            self.say.say(f"swept {path}, left by a run that did not end")
        for stage in STAGES:
            self.store.show(stage)
        self.tracking.begin({"workbench.languages": ",".join(self.profile.languages)})
        error: WorkbenchError | None = None
        try:
            self._find_as_of(selected)
            self.selected = tuple(selected)
            for stage in selected:
                self._one(stage)
            self.tracking.wait()
        except WorkbenchError as raised:
            error = raised
        except KeyboardInterrupt:
            error = StageError(Fault(self._running(), "interrupted", "", "Run the same command again: it resumes"))
        except OSError as raised:
            error = StageError(
                Fault(self._running(), os_error_text(raised), "", "What was published before is untouched")
            )
        except Exception as raised:
            self._end(StageError(Fault(self._running(), f"{type(raised).__name__}: {raised}")))
            raise
        return self._end(error)

    # one stage ---------------------------------------------------------------------------------

    def _one(self, stage: str) -> None:
        because = self._skipped_because(stage)
        if because:
            self._skip(stage, because)
            return
        notebook = self.workspace.notebooks / f"{stage}.ipynb"
        if not notebook.is_file():
            found = f"notebooks/{stage}.ipynb not found"
            raise DataError(Fault(stage, found, "A workspace holds the notebook templates"))
        key = self._key(stage, notebook)
        published = stage_folder(self.workspace, self.profile.name, stage)
        if not self.options.force and is_current(published, key) and not self._people_are_gone(stage):
            self._reuse(stage)
        else:
            self._execute(stage, notebook, key)
        if stage == _FIRST:
            self.as_of = self.as_of or stage_summary(self.workspace, self.profile.name, stage).get("as_of")

    def _people_are_gone(self, stage: str) -> bool:
        """Say whether 01 must read people again, since 02 is to resolve them anew and has none to resolve."""
        if stage != _FIRST or _IDENTITY not in self.selected or has_people(self.workspace, self.profile.name):
            return False
        notebook = self.workspace.notebooks / f"{_IDENTITY}.ipynb"
        if self._skipped_because(_IDENTITY) or not notebook.is_file():
            return False
        published = stage_folder(self.workspace, self.profile.name, _IDENTITY)
        return not is_current(published, self._key(_IDENTITY, notebook))

    def _skipped_because(self, stage: str) -> dict[str, str] | None:
        present = self._present()
        group = STAGES[stage].lacks(present | self.store.columns(present))
        if stage == _IDENTITY and not any(source.table == "customers" for source in self.profile.sources.values()):
            group = ("customers",)  # those that order lines name alone are no records of people
            present = present - {"customers"}
        if group is None:
            return None
        tables = [each.split(".")[0] for each in group]
        unwritten = [each for each in tables if self._writer(each) in self.profile.stages and not self._was_run(each)]
        if unwritten:
            writer = self._writer(unwritten[0])
            found = f"{unwritten[0]}.parquet not found for profile {self.profile.name}"
            raise DataError(Fault(stage, found, f"It is written by {writer}", "Run that stage first"))
        # a table that is there lacks a column; one that is not is named as a whole
        lacking = [each if table in present else table for each, table in zip(group, tables, strict=True)]
        unlocks = STAGES[stage].unlocks or {"en": "", "zh": ""}
        return {
            "en": f"no table {' or '.join(lacking)}; it would unlock {unlocks['en']}",
            "zh": f"缺少表 {' 或 '.join(lacking)}；补齐后可得到：{unlocks['zh']}",
        }

    def _present(self) -> set[str]:
        mine = {table for stage in self.profile.stages for table in STAGES[stage].writes}
        return self.store.present() & mine

    def _writer(self, table: str) -> str:
        return next(name for name, stage in STAGES.items() if table in stage.writes)

    def _was_run(self, table: str) -> bool:
        writer = self._writer(table)
        return writer in self.stages or bool(stage_summary(self.workspace, self.profile.name, writer))

    def _skip(self, stage: str, because: dict[str, str]) -> None:
        self.store.retire(stage)
        self.stages[stage] = {
            "status": "skipped",
            "seconds": 0.0,
            "skipped_because": because,
            "metrics": {},
            "tables": {},
        }
        summary = self.stages[stage] | {"stage": stage, "run_id": self.run_id, "as_of": self.as_of}
        self.say.ended(stage, summary)
        self.tracking.later(lambda: self.tracking.log_stage(summary, None))

    def _reuse(self, stage: str) -> None:
        summary = dict(stage_summary(self.workspace, self.profile.name, stage))
        summary["reused_from"] = summary["run_id"]
        summary["run_id"] = self.run_id
        if stage == _IDENTITY:
            forget_people(self.workspace, self.profile.name)
        self._note(stage, summary)
        self.say.ended(stage, summary)

    def _execute(self, stage: str, notebook: Path, key: Mapping[str, Any]) -> None:
        from workbench.run.flows.execute import execute_notebook  # noqa: PLC0415  (papermill takes a second to import)

        begun = time.monotonic()
        self.stages[stage] = {"status": "running"}
        files_before = self._raw_digests() if stage == _FIRST else {}
        context = self._write_context(stage)
        output = self.folder.staging / "notebooks" / f"{stage}.ipynb"
        output.parent.mkdir(parents=True, exist_ok=True)
        parameters = {"profile": self.profile.name, **self.profile.sections[stage].model_dump(mode="json")}
        limits = {"cell_seconds": self.profile.run.cell_seconds, "deadline": self.deadline}
        with self.say.stage(stage):
            execute_notebook(notebook, output, parameters=parameters, context=context, **limits)
        staging = self.store.staging_folder(stage, self.run_id)
        summary = self._staged_summary(stage, staging, time.monotonic() - begun)
        if files_before != (self._raw_digests() if stage == _FIRST else {}):
            raise DataError(
                Fault(stage, "a raw file changed while it was read", "", "Wait for the copy to end, run again")
            )
        shutil.copyfile(output, staging / "notebook.ipynb")
        write_manifest(staging, key, summary)
        self.store.publish(stage, self.run_id)
        if stage == _IDENTITY:
            forget_people(self.workspace, self.profile.name)
        self._note(stage, summary)
        self.say.ended(stage, summary)

    def _staged_summary(self, stage: str, staging: Path, seconds: float) -> dict[str, Any]:
        path = staging / "summary.json"
        if not path.is_file():
            found = "the notebook ended without stage.finish()"
            raise StageError(Fault(stage, found, "The last cell calls it", f"Mend notebooks/{stage}.ipynb"))
        summary = json.loads(path.read_text(encoding="utf-8")) | {"seconds": round(seconds, 3)}
        path.write_text(json.dumps(summary, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        return summary

    def _note(self, stage: str, summary: dict[str, Any]) -> None:
        """Enter a stage that is done into the run: its summary, figures, page and tracked run."""
        kept = ("status", "seconds", "skipped_because", "metrics", "tables", "reused_from")
        self.stages[stage] = {name: summary[name] for name in kept if name in summary}
        folder = stage_folder(self.workspace, self.profile.name, stage)
        self.folder.staging.mkdir(parents=True, exist_ok=True)
        self.folder.add_figures(stage)
        self.tracking.later(lambda: self._page_and_track(stage, summary, folder.resolve()))

    def _page_and_track(self, stage: str, summary: dict[str, Any], folder: Path) -> None:
        self.folder.add_notebook(stage, folder / "notebook.ipynb")
        self._write_page(stage, folder / "notebook.ipynb")
        self.tracking.log_stage(summary, folder)

    def _write_page(self, stage: str, notebook: Path) -> Path:
        from workbench.run.flows.stage_page import write_stage_page  # noqa: PLC0415

        return write_stage_page(notebook, self.folder.page(stage), stage=stage, language=self.profile.languages[0])

    # what a stage depends on -------------------------------------------------------------------

    def _key(self, stage: str, notebook: Path) -> dict[str, Any]:
        inputs: dict[str, Any] = stage_inputs(stage, {t: d for t, d in self._digests().items() if t in self._present()})
        if stage == _FIRST:
            inputs = self._raw_digests()
        elif stage == _IDENTITY:
            inputs |= identity_inputs(self.workspace, self.profile)
        elif stage == _SEGMENTS:
            self.tracking.wait()  # it has written the promoted definition
            inputs["champion"] = champion_digest(self.workspace, self.profile.name)
            inputs |= kinds_inputs(self.workspace) | registry_inputs(self.workspace, self.profile)
        elif stage == _TAGS:
            inputs |= registry_inputs(self.workspace, self.profile)
        elif stage == _REPORT:
            inputs = {name: self._told_by(name) for name in self.profile.stages if name != stage}
            inputs |= registry_inputs(self.workspace, self.profile)  # the cards show its names and strategies
        as_of = self.as_of if stage != _FIRST else (self.profile.as_of.isoformat() if self.profile.as_of else None)
        return stage_key(stage, profile=self.profile, as_of=as_of, code=code_digest(notebook), inputs=inputs)

    def _digests(self) -> dict[str, str]:
        return table_digests(self.workspace, self.profile.name)

    def _told_by(self, stage: str) -> str | None:
        entry = self.stages.get(stage, {})
        if entry.get("status") == "skipped":
            return "skipped"
        return read_manifest(stage_folder(self.workspace, self.profile.name, stage)).get("summary")

    def _raw_digests(self) -> dict[str, str]:
        return file_digests(self.workspace, source_files(self.workspace, self.profile))

    def _find_as_of(self, selected: Sequence[str]) -> None:
        if self.as_of is None and _FIRST not in selected:
            self.as_of = stage_summary(self.workspace, self.profile.name, _FIRST).get("as_of")

    def _write_context(self, stage: str) -> Path:
        context = RunContext(
            workspace=str(self.workspace.root),
            profile=self.profile.name,
            run_id=self.run_id,
            as_of=self.as_of,
            settings=[*self.options.settings, *([f"as_of={self.options.as_of}"] if self.options.as_of else [])],
            by_flow=True,
            stages={name: {k: v for k, v in entry.items() if k != "tables"} for name, entry in self.stages.items()},
            today=dt.datetime.now(dt.UTC).date().isoformat(),
        )
        return context.write(self.folder.staging / ".context" / f"{stage}.json")

    # how it ends -------------------------------------------------------------------------------

    def _running(self) -> str:
        return next((name for name, entry in self.stages.items() if entry["status"] == "running"), "the flow")

    def _end(self, error: WorkbenchError | None) -> FlowResult:
        if error is None:
            try:
                return self._publish("done", None)
            except (WorkbenchError, OSError) as raised:
                error = raised if isinstance(raised, WorkbenchError) else StageError(os_error_text(raised))
        try:
            return self._publish("failed", error)
        except (WorkbenchError, OSError) as raised:  # the disk is full, say: nothing can be written
            self.folder.discard()
            self.tracking.give_up()
            self.say.say(f"the failed run could not be recorded either: {os_error_text(raised)}")
            return FlowResult(self._summary("failed", error), None, error)

    def _publish(self, status: str, error: WorkbenchError | None) -> FlowResult:
        for name, entry in self.stages.items():
            if entry["status"] == "running":
                self.stages[name] = failed_entry(error)
        self.folder.staging.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.folder.staging / ".context", ignore_errors=True)
        summary = self._summary(status, error)
        report = stage_folder(self.workspace, self.profile.name, _REPORT) if self._wrote_report(status) else None
        place_report(self.folder, self.profile.languages, self.stages, report=report, error=error)
        if status == "failed":
            self.tracking.drain()
            self._show_failure()
        if self.folder.final.exists():  # what failed came after publishing, tracking say
            self.folder.rewrite(summary)
        else:
            self.folder.publish(summary)
        folder = self.folder.final
        self.tracking.end(status, summary, folder)
        return FlowResult(summary, folder, error)

    def _wrote_report(self, status: str) -> bool:
        return status == "done" and self.stages.get(_REPORT, {}).get("status") == "done"

    def _show_failure(self) -> None:
        """Keep the half-run notebook of the failed stage and its page, and name where it will lie."""
        for stage, entry in self.stages.items():
            notebook = self.folder.staging / "notebooks" / f"{stage}.ipynb"
            if entry["status"] != "failed":
                continue
            shutil.rmtree(self.store.staging_folder(stage, self.run_id), ignore_errors=True)
            if notebook.is_file():
                self._write_page(stage, notebook)
            summary = entry | {"stage": stage, "run_id": self.run_id, "as_of": self.as_of}
            self.tracking.later(lambda summary=summary: self.tracking.log_stage(summary, None))

    def _summary(self, status: str, error: WorkbenchError | None) -> dict[str, Any]:
        text = str(error).replace(str(self.folder.staging), str(self.folder.final)) if error else None
        if error and text != str(error):
            error.args, error.faults = (text,), [Fault("", text)]
        summary = {
            "run_id": self.run_id,
            "profile": self.profile.name,
            "as_of": self.as_of,
            "status": status,
            "seconds": round(self.say.elapsed(), 3),
            "stages": self.stages,
        }
        return summary | ({"error": text} if text else {})


@contextmanager
def _terminated_as_interrupt() -> Iterator[None]:
    """Treat a polite kill like Ctrl-C, so that the run is told as failed, not left running."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
