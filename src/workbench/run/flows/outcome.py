"""The outcome of a flow: its result, its description, and the report in its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.core.errors import Fault, StageError
from workbench.core.files import write_text
from workbench.run.artifacts.publish import RunFolder, plain_page
from workbench.run.flows.progress import clock

if TYPE_CHECKING:
    from workbench.core.errors import WorkbenchError

__all__ = [
    "FlowResult",
    "check_reported",
    "describe",
    "failed_entry",
    "failures_before",
    "os_error_text",
    "place_report",
]


@dataclass(frozen=True)
class FlowResult:
    """The result of a flow: its summary, its folder (None if it could not be published), its error."""

    summary: dict[str, Any]
    folder: Path | None
    error: WorkbenchError | None = field(default=None)


def describe(result: FlowResult) -> str:
    """Describe in two or three lines how a flow ended and where its report is."""
    summary = result.summary
    entries = summary["stages"].values()
    ran = sum(entry["status"] == "done" and "reused_from" not in entry for entry in entries)
    reused = sum("reused_from" in entry for entry in entries)
    skipped = sum(entry["status"] == "skipped" for entry in entries)
    lines = [
        f"{summary['status']} in {clock(summary['seconds'])}: {ran} stages run, {reused} unchanged, {skipped} skipped"
    ]
    if result.folder is not None:
        latest = result.folder.parent / "latest" / "report.html"
        lines.append(f"report: {latest}" if latest.is_file() else f"run: {result.folder}")
    return "\n".join(lines)


def failed_entry(error: WorkbenchError | None) -> dict[str, Any]:
    """Return the entry of a failed stage in the run's summary."""
    entry = {"status": "failed", "seconds": 0.0, "skipped_because": None, "metrics": {}, "tables": {}}
    return entry | {"error": str(error or "failed")}


def failures_before(last: Mapping[str, Any], stages: Sequence[str]) -> dict[str, str]:
    """Return the failures that remain from the last run: stages that failed and have not run since.

    Parameters
    ----------
    last : mapping
        The summary of the last run; empty if there is none.
    stages : sequence of str
        The stages of the profile that this run does not run.

    Returns
    -------
    dict of str to str
        The message of each failed stage.
    """
    entries = last.get("stages", {}).items()
    failed = {stage: entry.get("error", "failed") for stage, entry in entries if entry["status"] == "failed"}
    failed = {**last.get("failed_before", {}), **failed}
    return {stage: message for stage, message in failed.items() if stage in stages}


def check_reported(failures: Mapping[str, str], profile: str) -> None:
    """Refuse to write a report after failed stages, since it would present old or missing results as done.

    Raises
    ------
    StageError
        With the message of every failed stage.
    """
    remedy = "Correct the cause, then run it again: workbench run {profile} --from {stage}"
    faults = [
        Fault(stage, f"failed in the run before, so no report is written ({message})", "",
              remedy.format(profile=profile, stage=stage))
        for stage, message in failures.items()
    ]  # fmt: skip
    if faults:
        raise StageError(faults)


def place_report(
    folder: RunFolder,
    languages: Sequence[str],
    stages: Mapping[str, Any],
    *,
    report: Path | None,
    error: WorkbenchError | None,
) -> None:
    """Copy the new or the last successful report into a run's folder and set its badge.

    Parameters
    ----------
    folder : RunFolder
    languages : sequence of str
    stages : mapping
        The stages that ran.
    report : Path or None
        Folder of the report that this run wrote. If None, the last successful report is copied and marked stale; if
        there is none, a plain page says that the run failed.
    error : WorkbenchError or None
    """
    from workbench.report.html import mark  # noqa: PLC0415

    message = _failure_message(folder, error) if error else _partial_message(stages)
    if folder.final.exists():
        for path in sorted(folder.final.glob("report*.html")):
            language = "zh" if "zh" in path.stem else languages[0]
            write_text(path, mark(path.read_text(encoding="utf-8"), "failed", message[language], language))
    elif report is not None:
        folder.add_report(report)
    else:
        folder.keep_last_report(mark, "stale", message)
        if error and not any(folder.staging.glob("report*.html")):
            message = _failure_message(folder, error, report=False)
            page = plain_page(folder.profile, message[languages[0]], languages[0], "")
            write_text(folder.staging / "report.html", mark(page, "failed", message[languages[0]], languages[0]))


def os_error_text(error: BaseException) -> str:
    """Describe an error of the operating system, with its file."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error) or type(error).__name__


def _failure_message(folder: RunFolder, error: WorkbenchError | None, *, report: bool = True) -> dict[str, str]:
    """Return the failure message by language, with relative paths; it says whether an earlier report follows."""
    text = (str(error).splitlines()[0] if error else "").replace(f"{folder.final.parents[2]}/", "")
    follows = (
        ("what follows is the last good report", "以下为上一份完好的报告")
        if report
        else ("there is no earlier report", "此前没有报告")
    )
    return {
        "en": f"Run {folder.run_id} failed; {follows[0]}. {text}",
        "zh": f"运行 {folder.run_id} 失败；{follows[1]}。{text}",
    }


def _partial_message(stages: Mapping[str, Any]) -> dict[str, str]:
    names = ", ".join(stages)
    return {"en": f"After this report only {names} ran again.", "zh": f"本报告之后仅重新运行了 {names}。"}
