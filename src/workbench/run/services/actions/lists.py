"""The lists of a plan: one per channel in the layout of a platform, below ``people/``, for their owner alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pandas as pd

from workbench.core.exports import export_csv, export_parquet, export_xlsx
from workbench.core.workspace import PEOPLE
from workbench.core.write_back import write_back
from workbench.report.text import say
from workbench.run.services.actions.rows import ContactRows

if TYPE_CHECKING:
    from workbench.core.actions.definition import Action
    from workbench.core.actions.layout import ExportLayout
    from workbench.core.store.tables import Store
    from workbench.core.workspace import Workspace

__all__ = ["ListFile", "chosen_rows", "lists_folder", "remove_lists", "write_lists", "write_to_database"]

DATABASE_TABLE = "planned_actions"
_SMS, _LONG_SMS = 70, 67  # characters of a message, and of each part of a longer one


@dataclass(frozen=True)
class ListFile:
    """One file of a list: its path in the workspace, channel and rows."""

    file: str
    channel: str
    rows: int


def lists_folder(workspace: Workspace, profile: str, plan: str) -> Path:
    """Return the folder of a plan's lists; it and those above it, up to ``people``, are made for their owner alone."""
    folder = workspace.reports(profile)
    for name in (PEOPLE, "plans", plan):
        folder = folder / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    return folder


def chosen_rows(rows: ContactRows, layout: ExportLayout) -> ContactRows:
    """Keep the rows of the channels that a layout is for."""
    if not layout.channels:
        return rows
    chosen = rows.frame[rows.frame["channel"].isin(layout.channels)].reset_index(drop=True)
    return ContactRows(chosen, rows.left_out, rows.consent_recorded)


def write_lists(
    store: Store,
    folder: Path,
    rows: ContactRows,
    layout: ExportLayout,
    definitions: Mapping[str, Action],
    *,
    contacts: str | None,
    language: str,
) -> list[ListFile]:
    """Write one list per channel, in every form of the layout and in parts where it takes no more rows.

    Files of an earlier export in the same layout that are not written again are removed.

    Parameters
    ----------
    store : Store
        Its engine writes the files.
    folder : Path
        The folder of the plan's lists; the layout gets a folder in it.
    rows : ContactRows
        With content.
    layout : ExportLayout
    definitions : mapping of str to Action
    contacts : str or None
        The contact column that is written, ``phone`` or ``email``.
    language : str
        Of the headings that are no platform's own, and of labels.
    """
    home = folder / layout.name
    home.mkdir(mode=0o700, exist_ok=True)
    files: list[ListFile] = []
    frame = _with_fields(rows.frame, layout, definitions, language)
    for channel, of_channel in frame.groupby("channel", sort=True):
        table = _in_columns(of_channel, layout, contacts, language)
        for name, part in _parts(f"{channel}_with_{contacts}" if contacts else str(channel), table, layout):
            files += _write(store, home / name, part, layout, str(channel))
    written = {store.workspace.root / entry.file for entry in files}
    suffix = f"_with_{contacts}" if contacts else ""
    for path in home.glob("*"):
        same_kind = (f"_with_{contacts}" in path.name) if suffix else "_with_" not in path.name
        if path not in written and same_kind:
            path.unlink()
    return files


def write_to_database(rows: ContactRows, layout: ExportLayout, definitions: Mapping[str, Action], plan: str, *,
                      contacts: str | None, language: str, variable: str) -> int:  # fmt: skip
    """Replace the plan's rows in the table ``planned_actions`` of a database; columns are called by their fields."""
    frame = _with_fields(rows.frame, layout, definitions, language)
    names = ["source_id", "source", *([contacts] if contacts else []), "action", "action_label", "channel", "content",
             "neutral_alternative", "reason", "occasion", "valid_until", "plan"]  # fmt: skip
    table = ibis.memtable(frame[names].astype("object"), schema=dict.fromkeys(names, "string"))
    return write_back(table, variable=variable, table=DATABASE_TABLE, version=plan)


def remove_lists(workspace: Workspace, files: list[str]) -> list[str]:
    """Remove lists of earlier exports that are still there; return their paths."""
    paths = [workspace.resolve(file) for file in files]
    present = [path for path in paths if path.is_file()]
    for path in present:
        path.unlink()
    return [workspace.relative(path) for path in present]


def _with_fields(
    frame: pd.DataFrame, layout: ExportLayout, definitions: Mapping[str, Action], language: str
) -> pd.DataFrame:
    """Add the fields that a layout may ask for; all are text but the number of messages."""
    labels = {name: str(getattr(action.label, language)) for name, action in definitions.items()}
    occasions = {name: _occasion(action, language) for name, action in definitions.items()}
    texts = _with_opt_out(_without(frame["content"], layout.without), layout, language)
    length = texts.str.len().to_numpy(dtype="int64") + layout.reserved
    parts = np.where(length <= _SMS, 1, -(-length // _LONG_SMS))
    return frame.assign(
        action_label=frame["action"].map(labels),
        occasion=frame["action"].map(occasions),
        content=texts,
        sms_parts=np.where(texts.str.len() > 0, parts, 0),
        neutral_alternative=_without(frame["neutral_alternative"].fillna(""), layout.without),
        reason=_without(frame["reason"].fillna(""), layout.without),
        valid_until=frame["valid_until"].astype("str").str.slice(0, 10),
    )


def _occasion(action: Action, language: str) -> str:
    if action.occasion is None:
        return ""
    days = action.occasion.after_order_days or action.occasion.days_before
    return say(f"actions_occasion_{action.occasion.kind}", language, {"days": days})


def _without(texts: pd.Series, characters: str) -> pd.Series:
    plain = texts.astype("str")
    return plain.str.translate(dict.fromkeys(map(ord, characters))) if characters else plain


def _with_opt_out(texts: pd.Series, layout: ExportLayout, language: str) -> pd.Series:
    """Append how to unsubscribe to every text that does not say so."""
    if layout.opt_out is None:
        return texts
    line = getattr(layout.opt_out, language)
    said = pd.Series(False, index=texts.index)
    for word in (line.strip(), *layout.opt_out_words):
        said |= texts.str.contains(word, case=False, regex=False)
    return texts.where(said | (texts == ""), texts + line)


def _in_columns(frame: pd.DataFrame, layout: ExportLayout, contacts: str | None, language: str) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    for column in layout.columns:
        if column.field in layout.contacts and column.field != contacts:
            continue
        values = column.value if column.field == "fixed" else frame[column.field].to_numpy()
        columns[column.heading(language)] = values
    return pd.DataFrame(columns, index=range(len(frame)))


def _parts(name: str, table: pd.DataFrame, layout: ExportLayout) -> list[tuple[str, pd.DataFrame]]:
    most = layout.rows_per_file or len(table)
    if len(table) <= most:
        return [(name, table)]
    starts = range(0, len(table), most)
    return [(f"{name}_{number}", table.iloc[start : start + most]) for number, start in enumerate(starts, start=1)]


def _write(store: Store, path: Path, frame: pd.DataFrame, layout: ExportLayout, channel: str) -> list[ListFile]:
    kinds = {name: "int64" if pd.api.types.is_integer_dtype(frame[name]) else "string" for name in frame.columns}
    texts = [name for name, kind in kinds.items() if kind == "string"]
    table = ibis.memtable(frame.astype(dict.fromkeys(texts, "object")).reset_index(drop=True), schema=kinds)
    files = []
    for form in layout.forms:
        target = path.with_name(f"{path.name}.{form}")
        if form == "xlsx":
            export_xlsx(table, target, sheet=channel[:31])
        else:
            (export_csv if form == "csv" else export_parquet)(store.engine, table, target)
        files.append(ListFile(store.workspace.relative(target), channel, len(frame)))
    return files
