"""Check the headers of a source's files, for ``workbench check`` and for a run before any kernel starts.

The engine is not imported, to save time.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.errors import DataError, Fault
from workbench.intake.reading.layouts import read_layout
from workbench.intake.reading.places import find_files, is_remote, present_files
from workbench.intake.remote.snapshots import needs_fetching, remote_faults
from workbench.intake.surveys.questionnaire import find_questionnaire
from workbench.intake.tables.declarations import check_declared

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams

__all__ = ["check_source", "with_questions"]


def check_source(source: SourceParams, root: Path) -> list[Fault]:
    """List the faults of a source that show in its declaration and in the headers of its files.

    Parameters
    ----------
    source : SourceParams
    root : Path
        The workspace.

    Returns
    -------
    list of Fault
        Missing, empty or header-only files, duplicate and missing columns (with the nearest name), a surplus field in
        the first record, an unsupported file format, unknown columns in rules and measures. Empty if there are none.
    """
    faults = check_declared(source)
    if source.formats.rates:
        from workbench.intake.casting.currency import check_rates  # noqa: PLC0415  (only where there are rates)

        faults += check_rates(root / source.formats.rates, source.formats.rates)
    if is_remote(source):
        missing = remote_faults(source)
        if missing or needs_fetching(source, root):
            return [*faults, *missing]
    if source.manual and not present_files(source, root):  # a run creates the answer sheet
        return [*faults, *_questionnaire_faults(source, root)]
    try:
        paths = find_files(source, root)
    except DataError as error:
        return [*faults, *error.faults]
    wrong = _questionnaire_faults(source, root)
    faults += wrong
    if not wrong:
        with suppress(DataError):  # a file without a layout is reported below
            source, _ = with_questions(source, paths, root)
    for path in paths:
        try:
            read_layout(source, path)
        except DataError as error:
            file = path.relative_to(root).as_posix()
            faults += [replace(fault, where=file) for fault in error.faults]
    return faults


def with_questions(source: SourceParams, paths: list[Path], root: Path) -> tuple[SourceParams, dict[str, str]]:
    """Add the question columns of a wide survey, taken from the first file, to the columns that are read."""
    questionnaire = find_questionnaire(source, root)
    if source.layout != "wide":
        return source, {}
    from workbench.intake.surveys.wide import as_read, questions_of  # noqa: PLC0415  (only where there is a survey)

    questions = questions_of(source, read_layout(source, paths[0]).names, questionnaire)
    return as_read(source, questions), questions


def _questionnaire_faults(source: SourceParams, root: Path) -> list[Fault]:
    try:
        find_questionnaire(source, root)
    except DataError as error:
        return list(error.faults)
    return []
