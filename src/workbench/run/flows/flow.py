"""The flow: run or reuse the stages of a profile in order, publish, track and report them.

In every case the exit code, ``summary.json``, the tracked status and the report's badge agree.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, CancelledError, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from itertools import groupby
from typing import TYPE_CHECKING, Any

from workbench.core.errors import DataError, Fault, StageError, WorkbenchError
from workbench.core.params.profile import Profile, load_profile
from workbench.core.stages import FIRST, LAST
from workbench.core.store.tables import Store
from workbench.intake.identity.people import forget_people
from workbench.run.artifacts.context import RunContext, new_run_id, stage_folder, stage_summary
from workbench.run.artifacts.kept_runs import keep_run
from workbench.run.artifacts.lock import hold_workspace
from workbench.run.artifacts.manifest import changed_stages, check_unchanged, write_manifest
from workbench.run.artifacts.modes import find_group, open_to_group, share_folders
from workbench.run.artifacts.publish import RunFolder, last_summary, sweep_orphans
from workbench.run.artifacts.room import make_room, reserve_room
from workbench.run.flows.background import BackgroundTracking
from workbench.run.flows.check import check_sources, fetch_remote, make_demo_data, make_sheets
from workbench.run.flows.dependencies import Dependencies
from workbench.run.flows.environments import check_vault, kernel_environment
from workbench.run.flows.iri_grammar import without_iri_grammar
from workbench.run.flows.kernels import KernelServer, can_fork, end_kernels, imported_by
from workbench.run.flows.outcome import (
    FlowResult,
    check_reported,
    failed_entry,
    failures_before,
    os_error_text,
    place_report,
)
from workbench.run.flows.progress import Progress
from workbench.run.flows.selection import FlowOptions, batches, select_stages
from workbench.run.flows.spent import seconds_by
from workbench.run.keys.inputs import CHAMPION, raw_digests
from workbench.run.rights.erasing.respecting import respect_erasures

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from workbench.core.workspace import Workspace

__all__ = ["run_flow"]

_AT_ONCE = 2  # stages that run in parallel


def run_flow(workspace: Workspace, name: str, options: FlowOptions, progress: Progress | None = None) -> FlowResult:
    """Run a profile's stages.

    Parameters
    ----------
    workspace : Workspace
    name : str
        The profile.
    options : FlowOptions
    progress : Progress, optional

    Raises
    ------
    ProfileError, DataError, WorkspaceBusyError
        Raised before any kernel starts. Later errors are in the result.
    """
    profile = load_profile(workspace, name, settings=options.settings, as_of=options.as_of)
    selected = select_stages(profile, options)
    shared_with = None if workspace.scratch else find_group(profile)
    with hold_workspace(workspace, f"workbench run {name}"), KernelServer(os.environ, workspace.root) as kernels:
        respected = respect_erasures(workspace)
        imports = _imports(workspace, selected)
        repeated = [stage for stage in selected if options.force]
        check_unchanged(workspace, name, [stage for stage in profile.stages if stage not in repeated])
        for stage in changed_stages(workspace, name, repeated):
            Store(workspace, name).retire(stage)
        if options.force or not stage_summary(workspace, name, selected[0]):
            kernels.start(imports)  # runs during the checks before the first stage
        last = last_summary(workspace, name)
        failures = failures_before(last, [stage for stage in profile.stages if stage not in selected])
        if LAST in selected:
            check_reported(failures, name)
        expected = {stage: entry["seconds"] for stage, entry in last.get("stages", {}).items() if entry.get("seconds")}
        progress = progress or Progress(selected, expected)
        for text in respected:
            progress.say(text)
        _make_raw_files(workspace, profile, progress, fetch=FIRST in selected)
        check_sources(workspace, profile)
        check_vault(workspace, profile, selected)
        share_folders(workspace, profile, shared_with)
        flow = _Flow(workspace, profile, options, progress, kernels, shared_with=shared_with)
        flow.failures = failures
        with _terminated_as_interrupt():
            return flow.run(selected)


def _make_raw_files(workspace: Workspace, profile: Profile, progress: Progress, *, fetch: bool) -> None:
    """Create missing raw files: demo data, sheets to fill by hand, remote sources."""
    make_demo_data(workspace, profile)
    for sheet in make_sheets(workspace, profile):
        progress.say(f"created {sheet}, to be filled by hand")
    for source, records in (fetch_remote(workspace, profile) if fetch else {}).items():
        progress.say(f"fetched {source}: {records:,} records")


def _imports(workspace: Workspace, stages: Sequence[str]) -> list[str]:
    """Return the imports of the stages' notebooks, in the order in which they are needed."""
    notebooks = (workspace.notebooks / f"{stage}.ipynb" for stage in stages)
    return [name for notebook in notebooks if notebook.is_file() for name in imported_by(notebook)]


class _Flow:
    """One run of a profile's stages."""

    def __init__(
        self,
        workspace: Workspace,
        profile: Profile,
        options: FlowOptions,
        progress: Progress,
        kernels: KernelServer,
        *,
        shared_with: int | None = None,
    ):
        self.workspace = workspace
        self.kernels = kernels
        self.environment = dict(os.environ)  # before MLflow adds to it
        self.profile = profile
        self.options = options
        self.progress = progress
        self.run_id = new_run_id(after=last_summary(workspace, profile.name).get("run_id", ""))
        self.store = Store(workspace, profile.name)
        self.folder = RunFolder(workspace, profile.name, self.run_id)
        self.shared_with = shared_with
        self.stages: dict[str, dict[str, Any]] = {}
        self.dependencies = Dependencies(workspace, profile, self.store, self.stages)
        self.deadline = time.monotonic() + profile.run.total_seconds
        self.tracking = BackgroundTracking(workspace, profile.name, self.run_id)
        self.report_digest = ""  # computed once, in the main thread
        self.failures: Mapping[str, str] = {}  # messages of stages that failed in an earlier run and do not run now
        self.start_keys: dict[str, Mapping[str, Any]] = {}  # key of each stage when it started

    @property
    def as_of(self) -> str | None:
        """The as-of date of the run; None until it is determined."""
        return self.dependencies.as_of

    def run(self, selected: Sequence[str]) -> FlowResult:
        reserve_room(self.workspace)
        for path in sweep_orphans(self.workspace):
            self.progress.say(f"removed {path}, left by a run that did not end")
        for stage in self.profile.stages:
            self.store.show(stage)
        self.dependencies.selected = tuple(selected)
        self.dependencies.read_code()
        self.tracking.begin({"workbench.languages": ",".join(self.profile.languages)})
        error: WorkbenchError | None = None
        try:
            self._find_as_of(selected)
            for batch in batches(self.profile, selected):
                self._run_batch(batch)
            self.kernels.close()
            self.tracking.wait()
        except WorkbenchError as raised:
            error = raised
        except KeyboardInterrupt:
            error = StageError(Fault(self._running(), "interrupted", "", "Run the same command again to resume"))
        except OSError as raised:
            error = StageError(
                Fault(self._running(), os_error_text(raised), "", "Earlier published results are unchanged")
            )
        except Exception as raised:
            self._end(StageError(Fault(self._running(), f"{type(raised).__name__}: {raised}")))
            raise
        return self._end(error)

    # one stage, or several in parallel ----------------------------------------------------------

    def _run_batch(self, batch: Sequence[str]) -> None:
        """Run stages that do not read each other; consecutive out-of-date stages run two at a time."""
        for out_of_date, group in groupby(batch, key=self._must_run if len(batch) > 1 else lambda _: False):
            stages = list(group)
            if out_of_date and len(stages) > 1 and self._can_halve():
                self._side_by_side(stages)
                continue
            for stage in stages:
                self._run_stage(stage)

    def _run_stage(self, stage: str) -> None:
        reason = self.dependencies.skipped_because(stage)
        if reason:
            self._skip(stage, reason)
        elif self._must_run(stage):
            self._start_kernels()
            self._record_start_key(stage)
            self._complete(stage, self._run_notebook(stage))
        else:
            self._reuse(stage)
        if stage == FIRST:
            self.dependencies.as_of = self.as_of or stage_summary(self.workspace, self.profile.name, stage).get("as_of")

    def _must_run(self, stage: str) -> bool:
        """Return whether a stage can run and its last result is out of date."""
        if self.dependencies.skipped_because(stage):
            return False
        if CHAMPION in self.profile.stage(stage).inputs:
            self.tracking.wait()  # tracking writes the promoted definition
        return self.options.force or not self.dependencies.is_current(stage, self.dependencies.key(stage))

    def _can_halve(self) -> bool:
        return can_fork() and self.profile.run.threads > 1

    def _side_by_side(self, stages: Sequence[str]) -> None:
        """Run stages two at a time with half the limits each; publish in order; the first failure stops all."""
        self._start_kernels()
        for stage in stages:
            self._record_start_key(stage)
        running: list[Any] = []
        ended = threading.Event()

        def run_unless_ended(stage: str) -> float:
            if ended.is_set():
                raise CancelledError
            try:
                return self._run_notebook(stage, share=_AT_ONCE, running=running)
            except BaseException:
                ended.set()
                raise

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            jobs = {stage: pool.submit(run_unless_ended, stage) for stage in stages}
            try:
                wait(jobs.values(), return_when=FIRST_EXCEPTION)
                faults = {stage: job.exception() for stage, job in jobs.items() if job.done()}
                failed = [stage for stage, fault in faults.items() if fault and not isinstance(fault, CancelledError)]
            finally:
                ended.set()
                if not all(job.done() for job in jobs.values()):
                    end_kernels(running)
        for stage, job in jobs.items():
            if job.exception() is None:
                self._complete(stage, job.result())
            elif stage not in failed:
                self.stages.pop(stage, None)  # it was stopped or never started, so it neither failed nor finished
        for stage in failed:
            jobs[stage].result()

    def _skip(self, stage: str, reason: dict[str, str]) -> None:
        self.store.retire(stage)
        self.stages[stage] = {
            "status": "skipped",
            "seconds": 0.0,
            "skipped_because": reason,
            "metrics": {},
            "tables": {},
        }
        summary = self.stages[stage] | {"stage": stage, "run_id": self.run_id, "as_of": self.as_of}
        self.progress.ended(stage, summary)
        self.tracking.later(lambda: self.tracking.log_stage(summary, None))

    def _reuse(self, stage: str) -> None:
        summary = dict(stage_summary(self.workspace, self.profile.name, stage))
        summary["reused_from"] = summary["run_id"]
        summary["run_id"] = self.run_id
        self._remove_private_file(stage)
        self._record(stage, summary)
        self.progress.ended(stage, summary)

    def _start_kernels(self) -> None:
        """Start the process from which kernels are forked, and import papermill in the main thread."""
        self.kernels.start(_imports(self.workspace, self.dependencies.selected))
        with without_iri_grammar():
            import_module("workbench.run.flows.execute")  # papermill takes a second to import

    def _run_notebook(self, stage: str, *, share: int = 1, running: list[Any] | None = None) -> float:
        """Execute the notebook of a stage into the staging folder of the run; return its seconds."""
        from workbench.run.flows.execute import execute_notebook  # noqa: PLC0415

        begun = time.monotonic()
        self.stages[stage] = {"status": "running"}
        files_before = self._raw_digests(stage)
        output = self.folder.staging / "notebooks" / f"{stage}.ipynb"
        output.parent.mkdir(parents=True, exist_ok=True)
        parameters = {"profile": self.profile.name, **self.profile.sections[stage].model_dump(mode="json")}
        with self.progress.stage(stage):
            execute_notebook(
                self.dependencies.notebook(stage),
                output,
                parameters=parameters,
                context=self._write_context(stage, share),
                cell_seconds=self.profile.run.cell_seconds,
                deadline=self.deadline,
                environment=kernel_environment(self.workspace, self.profile, stage, self.environment),
                kernels=self.kernels,
                running=running,
            )
        if files_before != self._raw_digests(stage):
            raise DataError(
                Fault(stage, "a raw file changed while it was read", "", "Wait until copying ends, then run again")
            )
        return time.monotonic() - begun

    def _complete(self, stage: str, seconds: float) -> None:
        """Publish the results of a stage and add it to the run."""
        staging = self.store.staging_folder(stage, self.run_id)
        output = self.folder.staging / "notebooks" / f"{stage}.ipynb"
        summary = self._staged_summary(stage, staging, output, seconds)
        shutil.copyfile(output, staging / "notebook.ipynb")
        reads = json.loads((staging / "reads.json").read_text(encoding="utf-8"))
        write_manifest(staging, self._key_of(stage, reads), summary, reads)
        self.store.publish(stage, self.run_id)
        self._remove_private_file(stage)
        self._record(stage, summary)
        self.progress.ended(stage, summary)

    def _record_start_key(self, stage: str) -> None:
        """Record the key of a stage when it starts."""
        self.start_keys[stage] = self.dependencies.key(stage, {})

    def _key_of(self, stage: str, reads: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the key of a finished stage; None if a cell or a file was edited while it ran."""
        if self.dependencies.key(stage, {}) == self.start_keys[stage]:
            return self.dependencies.key(stage, reads)
        self.progress.say(f"{stage}: a cell or a file it reads was edited while it ran, so the next run repeats it")
        return None

    def _remove_private_file(self, stage: str) -> None:
        """Remove the private file that a stage has read."""
        if self.profile.stage(stage).takes:
            forget_people(self.workspace, self.profile.name)

    def _staged_summary(self, stage: str, staging: Path, output: Path, seconds: float) -> dict[str, Any]:
        path = staging / "summary.json"
        if not path.is_file():
            problem = "the notebook ended without stage.finish()"
            raise StageError(Fault(stage, problem, "The last cell calls it", f"Correct notebooks/{stage}.ipynb"))
        summary = json.loads(path.read_text(encoding="utf-8"))
        parts = seconds_by(output, total=seconds, charts=summary.get("seconds_by", {}).get("charts", 0.0))
        summary |= {"seconds": round(seconds, 3), "seconds_by": parts}
        path.write_text(json.dumps(summary, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        return summary

    def _record(self, stage: str, summary: dict[str, Any]) -> None:
        """Add a finished stage to the run: its summary, figures, page and tracked run."""
        names = "status seconds seconds_by skipped_because settings metrics tables answer reused_from".split()
        self.stages[stage] = {name: summary[name] for name in names if name in summary}
        folder = stage_folder(self.workspace, self.profile.name, stage)
        self.folder.staging.mkdir(parents=True, exist_ok=True)
        self.folder.add_figures(stage)
        if not self.report_digest:
            from workbench.run.flows.stage_page import report_digest  # noqa: PLC0415

            self.report_digest = report_digest(self.dependencies.index)
        self.tracking.later(lambda: self._page_and_track(stage, summary, folder.resolve()))

    def _page_and_track(self, stage: str, summary: dict[str, Any], folder: Path) -> None:
        begun = time.perf_counter()
        self.folder.add_notebook(stage, folder / "notebook.ipynb")
        self._copy_page(stage, folder)
        page_written = time.perf_counter()
        self.tracking.log_stage(summary, folder)
        parts = {"page": round(page_written - begun, 3), "tracking": round(time.perf_counter() - page_written, 3)}
        self.stages[stage]["seconds_by"] = self.stages[stage].get("seconds_by", {}) | parts

    def _copy_page(self, stage: str, folder: Path) -> Path:
        from workbench.run.flows.stage_page import copy_stage_page  # noqa: PLC0415

        language = self.profile.languages[0]
        return copy_stage_page(folder, self.folder.page(stage), stage=stage, language=language, code=self.report_digest)

    def _copy_other_pages(self) -> None:
        """Copy the pages of stages outside this run, since the report links to them."""
        for stage in self.profile.stages:
            folder = stage_folder(self.workspace, self.profile.name, stage)
            if stage not in self.stages and (folder / "notebook.ipynb").is_file():
                self._copy_page(stage, folder.resolve())

    def _write_page(self, stage: str, notebook: Path) -> Path:
        from workbench.run.flows.stage_page import write_stage_page  # noqa: PLC0415

        return write_stage_page(notebook, self.folder.page(stage), stage=stage, language=self.profile.languages[0])

    def _write_graph(self, summary: dict[str, Any]) -> None:
        from workbench.run.overview.graph import write_graph  # noqa: PLC0415

        write_graph(self.workspace, self.profile, summary, self.folder.staging)

    def _raw_digests(self, stage: str) -> dict[str, str]:
        """Return the digests of the raw files if a stage reads them."""
        return raw_digests(self.workspace, self.profile) if "sources" in self.profile.stage(stage).inputs else {}

    def _find_as_of(self, selected: Sequence[str]) -> None:
        if self.as_of is None and FIRST not in selected:
            self.dependencies.as_of = stage_summary(self.workspace, self.profile.name, FIRST).get("as_of")

    def _write_context(self, stage: str, share: int) -> Path:
        context = RunContext(
            workspace=str(self.workspace.root),
            profile=self.profile.name,
            run_id=self.run_id,
            as_of=self.as_of,
            settings=[*self.options.settings, *([f"as_of={self.options.as_of}"] if self.options.as_of else [])],
            by_flow=True,
            stages={name: {k: v for k, v in entry.items() if k != "tables"} for name, entry in self.stages.items()},
            today=self.dependencies.today,
            memory_limit_gb=self.profile.run.memory_limit_gb / share,
            threads=max(1, self.profile.run.threads // share),
            scratch=self.workspace.scratch,
        )
        return context.write(self.folder.staging / ".context" / f"{stage}.json")

    # end of the run -------------------------------------------------------------------------------

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
        except (WorkbenchError, OSError):  # nothing can be written, for example on a full disk
            make_room(self.workspace, self.profile.name, self.run_id)
        try:
            return self._publish("failed", error)
        except (WorkbenchError, OSError) as raised:
            self.folder.discard()
            self.tracking.give_up()
            self.progress.say(f"the failed run could not be recorded: {os_error_text(raised)}")
            return FlowResult(self._summary("failed", error), None, error)

    def _publish(self, status: str, error: WorkbenchError | None) -> FlowResult:
        for name, entry in self.stages.items():
            if entry["status"] == "running":
                self.stages[name] = failed_entry(error)
        self.folder.staging.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.folder.staging / ".context", ignore_errors=True)
        summary = self._summary(status, error)
        report = stage_folder(self.workspace, self.profile.name, LAST) if self._wrote_report(status) else None
        place_report(self.folder, self.profile.languages, self.stages, report=report, error=error)
        if report is not None:
            self._copy_other_pages()
        if status == "failed":
            self.tracking.drain()
            self._show_failure()
        keep_run(self.workspace, self.profile, summary)
        if self.folder.final.exists():  # the failure came after publishing, for example in tracking
            self.folder.rewrite(summary)
        else:
            self._write_graph(summary)
            self.folder.publish(summary)
        folder = self.folder.final
        self.tracking.end(status, summary, folder)
        open_to_group(folder, self.shared_with)  # last, since tracking copies files with their modes
        return FlowResult(summary, folder, error)

    def _wrote_report(self, status: str) -> bool:
        return status == "done" and self.stages.get(LAST, {}).get("status") == "done"

    def _show_failure(self) -> None:
        """Write the page of the half-run notebook of the failed stage, and track the failure."""
        for stage, entry in self.stages.items():
            notebook = self.folder.staging / "notebooks" / f"{stage}.ipynb"
            if entry["status"] != "failed":
                continue
            shutil.rmtree(self.store.staging_folder(stage, self.run_id), ignore_errors=True)
            if notebook.is_file():
                self._write_page(stage, notebook)
            summary = entry | {"stage": stage, "run_id": self.run_id, "as_of": self.as_of}
            self.tracking.later(partial(self.tracking.log_stage, summary, None))

    def _summary(self, status: str, error: WorkbenchError | None) -> dict[str, Any]:
        text = str(error).replace(str(self.folder.staging), str(self.folder.final)) if error else None
        text = text.replace(f"{self.workspace.root}/", "") if text else None
        if error and text != str(error):
            error.args, error.faults = (text,), [Fault("", str(text))]
        summary: dict[str, Any] = {
            "run_id": self.run_id,
            "profile": self.profile.name,
            "as_of": self.as_of,
            "status": status,
            "seconds": round(self.progress.elapsed(), 3),
            "stages": self.stages,
        }
        if self.failures:
            summary["failed_before"] = {**self.failures}
        return summary | ({"error": text} if text else {})


@contextmanager
def _terminated_as_interrupt() -> Iterator[None]:
    """Handle SIGTERM like Ctrl-C: the run is reported as failed, not left running."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(_signal: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
