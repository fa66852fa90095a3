"""The flow: the stages of a profile in order, each reused or run, published, tracked and reported.

Whatever happens, the exit code, ``summary.json``, the tracked status and the report's badge agree.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import signal
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from workbench.core.errors import DataError, Fault, StageError, WorkbenchError
from workbench.core.params.profile import Profile, load_profile
from workbench.core.stages import FIRST, LAST
from workbench.core.store.tables import Store
from workbench.intake.identity.people import forget_people
from workbench.intake.identity.vault import KEY_VARIABLE
from workbench.run.artifacts.context import RunContext, new_run_id, stage_folder, stage_summary
from workbench.run.artifacts.lock import hold_workspace
from workbench.run.artifacts.manifest import write_manifest
from workbench.run.artifacts.publish import RunFolder, last_summary, sweep_orphans
from workbench.run.flows.background import BackgroundTracking
from workbench.run.flows.check import check_sources, fetch_remote, make_demo_data, make_sheets
from workbench.run.flows.dependencies import Dependencies
from workbench.run.flows.iri_grammar import without_iri_grammar
from workbench.run.flows.kernels import KernelServer, can_fork, end_kernels, imported_by
from workbench.run.flows.outcome import FlowResult, failed_entry, os_error_text, place_report
from workbench.run.flows.progress import Progress
from workbench.run.flows.selection import FlowOptions, batches, select_stages
from workbench.run.flows.spent import seconds_by
from workbench.run.keys.inputs import CHAMPION, raw_digests

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from workbench.core.workspace import Workspace

__all__ = ["run_flow"]


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
    with hold_workspace(workspace, f"workbench run {name}"), KernelServer(os.environ) as kernels:
        imports = _imports(workspace, selected)
        if options.force or not stage_summary(workspace, name, selected[0]):
            kernels.start(imports)  # beside what comes before the first stage
        last = last_summary(workspace, name)
        expected = {stage: entry["seconds"] for stage, entry in last.get("stages", {}).items() if entry.get("seconds")}
        say = say or Progress(selected, expected)
        _make_raw_files(workspace, profile, say, fetch=FIRST in selected)
        check_sources(workspace, profile)
        flow = _Flow(workspace, profile, options, say, kernels)
        with _terminated_as_interrupt():
            return flow.run(selected)


def _make_raw_files(workspace: Workspace, profile: Profile, say: Progress, *, fetch: bool) -> None:
    """Put in place what the run reads and nobody has brought: demo data, sheets to fill, remote sources."""
    make_demo_data(workspace, profile)
    for sheet in make_sheets(workspace, profile):
        say.say(f"made {sheet}, to be filled by hand")
    for source, records in (fetch_remote(workspace, profile) if fetch else {}).items():
        say.say(f"fetched {source}: {records:,} records")


def _imports(workspace: Workspace, stages: Sequence[str]) -> list[str]:
    """Return what the notebooks of stages import, in order of need."""
    notebooks = (workspace.notebooks / f"{stage}.ipynb" for stage in stages)
    return [name for notebook in notebooks if notebook.is_file() for name in imported_by(notebook)]


class _Flow:
    """One run of a profile's stages."""

    def __init__(
        self, workspace: Workspace, profile: Profile, options: FlowOptions, say: Progress, kernels: KernelServer
    ):
        self.workspace = workspace
        self.kernels = kernels
        self.environment = dict(os.environ)  # before MLflow adds to it
        self.profile = profile
        self.options = options
        self.say = say
        self.run_id = new_run_id()
        self.store = Store(workspace, profile.name)
        self.folder = RunFolder(workspace, profile.name, self.run_id)
        self.stages: dict[str, dict[str, Any]] = {}
        self.needs = Dependencies(workspace, profile, self.store, self.stages)
        self.deadline = time.monotonic() + profile.run.total_seconds
        self.tracking = BackgroundTracking(workspace, profile.name, self.run_id)
        self.report_digest = ""  # taken once, in the main thread
        self.begun: dict[str, Mapping[str, Any]] = {}  # the key of each stage as it began

    @property
    def as_of(self) -> str | None:
        """The frozen date of the run, once it is known."""
        return self.needs.as_of

    def run(self, selected: Sequence[str]) -> FlowResult:
        for path in sweep_orphans(self.workspace):
            self.say.say(f"swept {path}, left by a run that did not end")
        for stage in self.profile.stages:
            self.store.show(stage)
        self.needs.selected = tuple(selected)
        self.needs.read_code()
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
            error = StageError(Fault(self._running(), "interrupted", "", "Run the same command again: it resumes"))
        except OSError as raised:
            error = StageError(
                Fault(self._running(), os_error_text(raised), "", "What was published before is untouched")
            )
        except Exception as raised:
            self._end(StageError(Fault(self._running(), f"{type(raised).__name__}: {raised}")))
            raise
        return self._end(error)

    # one stage, or two side by side --------------------------------------------------------------

    def _run_batch(self, batch: Sequence[str]) -> None:
        """Go through stages that do not read each other; two that both have to run do so side by side."""
        if len(batch) > 1 and self._can_halve() and all(self._must_run(stage) for stage in batch):
            self._side_by_side(batch)
            return
        for stage in batch:
            self._one(stage)

    def _one(self, stage: str) -> None:
        because = self.needs.skipped_because(stage)
        if because:
            self._skip(stage, because)
        elif self._must_run(stage):
            self._start_kernels()
            self._remember(stage)
            self._complete(stage, self._run_notebook(stage))
        else:
            self._reuse(stage)
        if stage == FIRST:
            self.needs.as_of = self.as_of or stage_summary(self.workspace, self.profile.name, stage).get("as_of")

    def _must_run(self, stage: str) -> bool:
        """Say whether a stage can run and what it last made is out of date."""
        if self.needs.skipped_because(stage):
            return False
        if CHAMPION in self.profile.stage(stage).inputs:
            self.tracking.wait()  # it has written the promoted definition
        return self.options.force or not self.needs.is_current(stage, self.needs.key(stage))

    def _can_halve(self) -> bool:
        return can_fork() and self.profile.run.threads > 1

    def _side_by_side(self, pair: Sequence[str]) -> None:
        """Run two stages at once, each with half the limits, publish them in order; the first failure ends both."""
        self._start_kernels()
        for stage in pair:
            self._remember(stage)
        running: list[Any] = []
        with ThreadPoolExecutor(len(pair)) as pool:
            jobs = {stage: pool.submit(self._run_notebook, stage, share=len(pair), running=running) for stage in pair}
            try:
                wait(jobs.values(), return_when=FIRST_EXCEPTION)
                failed = [stage for stage, job in jobs.items() if job.done() and job.exception()]
            finally:
                if not all(job.done() for job in jobs.values()):
                    end_kernels(running)
        for stage, job in jobs.items():
            if job.exception() is None:
                self._complete(stage, job.result())
            elif stage not in failed:
                del self.stages[stage]  # it was ended, and has neither failed nor been done
        for stage in failed:
            jobs[stage].result()

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
        self._forget_taken(stage)
        self._note(stage, summary)
        self.say.ended(stage, summary)

    def _start_kernels(self) -> None:
        """Start the process that kernels are forked from, and import what runs notebooks, in the main thread."""
        self.kernels.start(_imports(self.workspace, self.needs.selected))
        with without_iri_grammar():
            pass  # noqa: PLC0415  (papermill takes a second to import)

    def _run_notebook(self, stage: str, *, share: int = 1, running: list[Any] | None = None) -> float:
        """Execute the notebook of a stage into the staging folder of the run; return the seconds it took."""
        from workbench.run.flows.execute import execute_notebook  # noqa: PLC0415

        begun = time.monotonic()
        self.stages[stage] = {"status": "running"}
        files_before = self._raw_digests(stage)
        output = self.folder.staging / "notebooks" / f"{stage}.ipynb"
        output.parent.mkdir(parents=True, exist_ok=True)
        parameters = {"profile": self.profile.name, **self.profile.sections[stage].model_dump(mode="json")}
        with self.say.stage(stage):
            execute_notebook(
                self.needs.notebook(stage),
                output,
                parameters=parameters,
                context=self._write_context(stage, share),
                cell_seconds=self.profile.run.cell_seconds,
                deadline=self.deadline,
                environment=self._environment(stage),
                kernels=self.kernels,
                running=running,
            )
        if files_before != self._raw_digests(stage):
            raise DataError(
                Fault(stage, "a raw file changed while it was read", "", "Wait for the copy to end, run again")
            )
        return time.monotonic() - begun

    def _complete(self, stage: str, seconds: float) -> None:
        """Publish what a stage has staged, and enter it into the run."""
        staging = self.store.staging_folder(stage, self.run_id)
        output = self.folder.staging / "notebooks" / f"{stage}.ipynb"
        summary = self._staged_summary(stage, staging, output, seconds)
        shutil.copyfile(output, staging / "notebook.ipynb")
        reads = json.loads((staging / "reads.json").read_text(encoding="utf-8"))
        write_manifest(staging, self._key_of(stage, reads), summary, reads)
        self.store.publish(stage, self.run_id)
        self._forget_taken(stage)
        self._note(stage, summary)
        self.say.ended(stage, summary)

    def _remember(self, stage: str) -> None:
        """Keep what a stage depends on as it begins."""
        self.begun[stage] = self.needs.key(stage, {})

    def _key_of(self, stage: str, reads: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the key of a stage that has ended; None where a cell or a file was edited while it ran."""
        if self.needs.key(stage, {}) == self.begun[stage]:
            return self.needs.key(stage, reads)
        self.say.say(f"{stage}: a cell or a file it reads was edited while it ran, so the next run does it again")
        return None

    def _environment(self, stage: str) -> dict[str, str]:
        """Return the environment of a stage's kernel: the key of the vault is for the stage that fills it alone."""
        if self.profile.stage(stage).takes:
            return self.environment
        return {name: value for name, value in self.environment.items() if not name.startswith(KEY_VARIABLE)}

    def _forget_taken(self, stage: str) -> None:
        """Remove the private file that a stage has used up."""
        if self.profile.stage(stage).takes:
            forget_people(self.workspace, self.profile.name)

    def _staged_summary(self, stage: str, staging: Path, output: Path, seconds: float) -> dict[str, Any]:
        path = staging / "summary.json"
        if not path.is_file():
            found = "the notebook ended without stage.finish()"
            raise StageError(Fault(stage, found, "The last cell calls it", f"Mend notebooks/{stage}.ipynb"))
        summary = json.loads(path.read_text(encoding="utf-8"))
        spent = seconds_by(output, total=seconds, charts=summary.get("seconds_by", {}).get("charts", 0.0))
        summary |= {"seconds": round(seconds, 3), "seconds_by": spent}
        path.write_text(json.dumps(summary, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        return summary

    def _note(self, stage: str, summary: dict[str, Any]) -> None:
        """Enter a stage that is done into the run: its summary, figures, page and tracked run."""
        kept = ("status", "seconds", "seconds_by", "skipped_because", "metrics", "tables", "reused_from")
        self.stages[stage] = {name: summary[name] for name in kept if name in summary}
        folder = stage_folder(self.workspace, self.profile.name, stage)
        self.folder.staging.mkdir(parents=True, exist_ok=True)
        self.folder.add_figures(stage)
        if not self.report_digest:
            from workbench.run.flows.stage_page import report_digest  # noqa: PLC0415

            self.report_digest = report_digest(self.needs.index)
        self.tracking.later(lambda: self._page_and_track(stage, summary, folder.resolve()))

    def _page_and_track(self, stage: str, summary: dict[str, Any], folder: Path) -> None:
        begun = time.perf_counter()
        self.folder.add_notebook(stage, folder / "notebook.ipynb")
        self._keep_page(stage, folder)
        paged = time.perf_counter()
        self.tracking.log_stage(summary, folder)
        spent = {"page": round(paged - begun, 3), "tracking": round(time.perf_counter() - paged, 3)}
        self.stages[stage]["seconds_by"] = self.stages[stage].get("seconds_by", {}) | spent

    def _keep_page(self, stage: str, folder: Path) -> Path:
        from workbench.run.flows.stage_page import kept_stage_page  # noqa: PLC0415

        about = {"stage": stage, "language": self.profile.languages[0], "code": self.report_digest}
        return kept_stage_page(folder, self.folder.page(stage), **about)

    def _keep_other_pages(self) -> None:
        """Put the pages of stages that were not asked for beside the report, which links to them."""
        for stage in self.profile.stages:
            folder = stage_folder(self.workspace, self.profile.name, stage)
            if stage not in self.stages and (folder / "notebook.ipynb").is_file():
                self._keep_page(stage, folder.resolve())

    def _write_page(self, stage: str, notebook: Path) -> Path:
        from workbench.run.flows.stage_page import write_stage_page  # noqa: PLC0415

        return write_stage_page(notebook, self.folder.page(stage), stage=stage, language=self.profile.languages[0])

    def _raw_digests(self, stage: str) -> dict[str, str]:
        """Return the digests of the raw files where a stage reads them."""
        return raw_digests(self.workspace, self.profile) if "sources" in self.profile.stage(stage).inputs else {}

    def _find_as_of(self, selected: Sequence[str]) -> None:
        if self.as_of is None and FIRST not in selected:
            self.needs.as_of = stage_summary(self.workspace, self.profile.name, FIRST).get("as_of")

    def _write_context(self, stage: str, share: int) -> Path:
        context = RunContext(
            workspace=str(self.workspace.root),
            profile=self.profile.name,
            run_id=self.run_id,
            as_of=self.as_of,
            settings=[*self.options.settings, *([f"as_of={self.options.as_of}"] if self.options.as_of else [])],
            by_flow=True,
            stages={name: {k: v for k, v in entry.items() if k != "tables"} for name, entry in self.stages.items()},
            today=dt.datetime.now(dt.UTC).date().isoformat(),
            memory_limit_gb=self.profile.run.memory_limit_gb / share,
            threads=max(1, self.profile.run.threads // share),
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
        report = stage_folder(self.workspace, self.profile.name, LAST) if self._wrote_report(status) else None
        place_report(self.folder, self.profile.languages, self.stages, report=report, error=error)
        if report is not None:
            self._keep_other_pages()
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
        return status == "done" and self.stages.get(LAST, {}).get("status") == "done"

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
    """Handle SIGTERM like Ctrl-C: the run is reported as failed, not left running."""
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
