"""Try casts, currencies, time zones, patterns and rules of a profile on the first rows of its files."""

from __future__ import annotations

import gzip
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.errors import DataError, Fault, WorkbenchError
from workbench.core.params.shop_day import shop_day
from workbench.core.stages import SECTIONS

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.params.sources import SourceParams
    from workbench.core.workspace import Workspace

__all__ = ["try_sources"]

_LINES, _MOST_BYTES, _MOST_COPIED = 1_500, 2 << 20, 8 << 20
_QUALITY = "01_check_quality"
_WIDE = ("utf-16", "utf-32")


def try_sources(workspace: Workspace, profile: Profile) -> list[Fault]:
    """Read the first rows of all sources as 01_check_quality does, in a private folder that is removed afterwards.

    Parameters
    ----------
    workspace : Workspace
    profile : Profile
        A profile whose headers were checked.

    Returns
    -------
    list of Fault
        Faults for which a run would refuse a source, with the line in the profile; empty if there are none.
    """
    import ibis  # noqa: PLC0415  (slow to import)

    from workbench.intake.tables.canonical import read_sources  # noqa: PLC0415

    section = profile.sections.get(_QUALITY, SECTIONS[_QUALITY]())
    last = section.date_max or shop_day(profile.sources.values())
    with tempfile.TemporaryDirectory(prefix="workbench-check-") as folder:
        root = Path(folder)
        sources = _beginnings(profile.sources, workspace.root, root)
        if not sources:
            return []
        try:
            read_sources(
                ibis.duckdb.connect(threads=1), sources, root=root, scratch=root / ".scratch",
                dates=(section.date_min, last), max_rejected_share=section.max_rejected_share,
            )  # fmt: skip
        except WorkbenchError as error:
            return [_located(profile, fault) for fault in error.faults]
    return []


def _located(profile: Profile, fault: Fault) -> Fault:
    """Return a fault with the line of its source in the profile."""
    name = fault.where.removeprefix("sources.").split(":")[0]
    source_name = (
        name
        if name in profile.sources
        else next((source for source, declared in profile.sources.items() if fault.where.endswith(declared.path)), "")
    )
    return replace(fault, where=f"{profile.where('sources', source_name)}: {fault.where}") if source_name else fault


def _beginnings(sources: Mapping[str, SourceParams], root: Path, target: Path) -> dict[str, SourceParams]:
    """Copy the first rows of the first file of each source; sources without a file are left out."""
    from workbench.intake.reading.places import find_files, is_remote  # noqa: PLC0415

    tried = {}
    for name, source in sources.items():
        if source.manual or source.formats.rates:  # may be empty; rates are checked by themselves
            continue
        try:
            path = find_files(source, root)[0]
        except (DataError, IndexError):
            continue
        copy = target / f"{name}-{path.name}"
        if _copy_beginning(path, copy):
            remote = {"snapshot": copy.name} if is_remote(source) else {"path": copy.name}
            tried[name] = source.model_copy(update=remote)
        if source.questionnaire and (root / source.questionnaire).is_file():
            (target / source.questionnaire).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / source.questionnaire, target / source.questionnaire)
    if any(source.questionnaire for source in tried.values()) and (root / "params").is_dir():
        shutil.copytree(root / "params/questionnaires", target / "params/questionnaires", dirs_exist_ok=True)
    return {name: source.model_copy(update={"people": _known(source.people, tried)}) for name, source in tried.items()}


def _known(people: str | None, tried: Mapping[str, SourceParams]) -> str | None:
    return people if people in tried else None


def _copy_beginning(path: Path, copy: Path) -> bool:
    """Copy whole lines of a text file up to a limit, or a small file of another format; return whether copied."""
    from workbench.intake.reading.parquet_heads import copy_first_rows  # noqa: PLC0415
    from workbench.intake.reading.places import form_of  # noqa: PLC0415
    from workbench.intake.reading.text.text_encodings import encoding_by_mark  # noqa: PLC0415
    from workbench.intake.reading.text.text_files import open_bytes  # noqa: PLC0415

    form, size = form_of(path), path.stat().st_size
    lines = form == "text" or path.name.removesuffix(".gz").lower().endswith((".jsonl", ".ndjson"))
    with open_bytes(path) as stream:
        content = stream.read(_MOST_BYTES) if lines else b""
    if form == "parquet":
        return copy_first_rows(path, copy, most=_LINES)
    if not lines or (encoding_by_mark(content[:4096]) or "").startswith(_WIDE):
        if size > _MOST_COPIED:
            return False
        shutil.copyfile(path, copy)
        return True
    rows = content.splitlines(keepends=True)
    complete = rows[:_LINES] if len(rows) > _LINES else rows[:-1] if len(content) == _MOST_BYTES else rows
    text = b"".join(complete)
    copy.write_bytes(gzip.compress(text, 1) if path.name.endswith(".gz") else text)
    return True
