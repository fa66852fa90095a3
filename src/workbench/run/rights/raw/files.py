"""Remove people from one file below data/raw, using the columns of every source that reads it."""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.files import write_file
from workbench.core.params.assignments import ASSIGNMENTS
from workbench.core.store.rewriting import column_names
from workbench.intake.identity.spaces import space_of
from workbench.intake.reading.layouts import Layout, read_layout
from workbench.intake.reading.places import form_of, is_remote, present_files
from workbench.intake.reading.text.text_files import head_encoding, read_head_bytes
from workbench.intake.reading.text.text_scan import scan_text
from workbench.run.rights.raw.json_rows import clean_json_records
from workbench.run.rights.raw.rules import RowRules
from workbench.run.rights.raw.tables import TableRules, clean_parquet
from workbench.run.rights.raw.text_rows import clean_text, pack_like, unpack
from workbench.run.rights.raw.workbooks import clean_workbook

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.params.sources import SourceParams
    from workbench.core.workspace import Workspace
    from workbench.run.rights.traces.traces import Traces

__all__ = ["RawUse", "clean_raw_file", "out_of_reach", "raw_uses"]

_OWN, _OTHERS = ("customer_id", "source_id"), ("other_id", "referrer_customer_id")
_CONTACTS = ("phone", "email", "document_id", "name")
_WRITABLE = 0o200


@dataclass(frozen=True)
class RawUse:
    """One source that reads a file, and the source whose ids it uses (None: any source)."""

    profile: str
    name: str
    source: SourceParams
    space: str | None


def raw_uses(workspace: Workspace, profiles: Sequence[Profile]) -> dict[Path, list[RawUse]]:
    """Return path to the sources of all profiles that read the file."""
    uses: dict[Path, list[RawUse]] = {}
    for profile in profiles:
        resolved = any(profile.stage(name).takes == "people" for name in profile.stages)
        for name, source in profile.sources.items():
            space = space_of(name, profile.sources) if resolved else None
            for path in present_files(source, workspace.root):
                uses.setdefault(path, []).append(RawUse(profile.name, name, source, space))
    return uses


def out_of_reach(path: Path, uses: Sequence[RawUse], root: Path) -> str:
    """Return why a file cannot be rewritten; empty if it can. Its people are filtered out when it is read."""
    if path.suffix.lower() == ".xls":
        return "xls"
    if not path.resolve().is_relative_to(root):
        return "outside"
    if not stat.S_IMODE(path.stat().st_mode) & _WRITABLE:
        return "read_only"
    return "remote" if any(is_remote(use.source) for use in uses) and not path.is_file() else ""


def clean_raw_file(
    path: Path, uses: Sequence[RawUse], traces: Traces, before: Callable[[Path], None]
) -> tuple[int, int]:
    """Rewrite a raw file without the rows of erased people; return the numbers of rows removed and cells blanked.

    The new file replaces the old one by a rename, with its permission bits.
    """
    layouts = [(use, read_layout(use.source, path)) for use in uses]
    mode = stat.S_IMODE(path.stat().st_mode)
    form = form_of(path)
    if form == "parquet":
        rules = [_table_rules(use, layout, traces) for use, layout in layouts]
        return clean_parquet(path, rules, traces, mode=mode, before=before)
    original = path.read_bytes()
    rows = [_rules(use, layout.columns, traces) for use, layout in layouts]
    layout, source = layouts[0][1], layouts[0][0].source
    if form == "workbook":
        sheet = layout.sheet.name if layout.sheet else None
        result = clean_workbook(original, traces, rules=rows, sheet=sheet, macros=path.suffix.lower() == ".xlsm")
    elif form == "json":
        encoding = head_encoding(path, source.encoding, read_head_bytes(path))
        keys = [_rules(use, _keys(layout), traces) for use, layout in layouts]
        records = None if is_remote(source) else source.records
        result = clean_json_records(unpack(original), encoding=encoding, rules=keys, traces=traces, records=records)
    elif layout.head is not None:
        scan = scan_text(
            path, encoding=source.encoding, separator=layout.head.separator, header=bool(layout.head.header)
        )
        result = clean_text(unpack(original), head=layout.head, encoding=scan.encoding, rules=rows, traces=traces,
                            newline=scan.newline)  # fmt: skip
    else:
        return 0, 0
    if result.changed:
        content = result.content if form == "workbook" else pack_like(original, result.content)
        before(path)
        write_file(path, lambda target: target.write_bytes(content), mode=mode)
    return result.removed, result.blanked


def _keys(layout: Layout) -> Mapping[str, int | str]:
    return {name: layout.names[at - 1] for name, at in layout.columns.items()}


def _rules(use: RawUse, places: Mapping[str, int | str], traces: Traces) -> RowRules:
    own = tuple(places[name] for name in _OWN if name in places)
    others = tuple(places[name] for name in _OTHERS if name in places)
    ids = traces.ids_of(use.profile, use.space) | traces.words  # an id may be a phone or a mail
    if use.name == ASSIGNMENTS and "source" in places:
        spaces = {space for name, space, _ in traces.records if name == use.profile}
        by_space = {space: traces.ids_of(use.profile, space) for space in spaces}
        return RowRules(own, others, ids, (places["source"],), by_space)
    if use.source.numbered and use.source.table == "customers":
        own += tuple(places[name] for name in _CONTACTS if name in places)
    return RowRules(own, others, ids)


def _table_rules(use: RawUse, layout: Layout, traces: Traces) -> TableRules:
    """Return the rules of a Parquet file by the column names in the file."""
    names = column_names(layout.path)
    rules = _rules(use, layout.columns, traces)
    return TableRules(
        {names[int(at) - 1]: rules.ids for at in rules.own}, {names[int(at) - 1]: rules.ids for at in rules.others}
    )
