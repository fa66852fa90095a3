"""Small tables as HTML: escaped, with labels and formatted numbers.

Serves the report's sections and the tables of notebooks.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from workbench.core.errors import Fault, WorkbenchError, listed
from workbench.report.numbers import VALUE_KINDS, is_missing, round_to_interval, show
from workbench.report.text import JOINERS, has_text, label, say
from workbench.report.text_files import NAME_KINDS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["WRITTEN", "by_group", "sort_key", "table_html", "table_title"]

LONG = 15  # rows from which a table gets a filter and sorting
WRITTEN = "written"  # a number already formatted as text, right-aligned
TEXT_KINDS = ("text", *NAME_KINDS)


def table_title(view: Mapping[str, Any], language: str) -> str:
    """Return the title of a stage's table: the text of its key, else its own title, else the label of its name."""
    key = view.get("title_key")
    if key and has_text(key):
        return say(key, language, view.get("values"))
    return view.get("title", {}).get(language) or label(view["name"], language)


def table_html(
    table: Any,
    *,
    language: str,
    caption: str = "",
    formats: Mapping[str, str] | None = None,
    currency: str = "",
) -> Markup:
    """Write a small table as accessible HTML.

    Parameters
    ----------
    table : pandas.DataFrame or mapping
        A frame, or ``{"columns": [...], "rows": [[...]], "formats": {column: kind}}``. The index is not shown.
    language : str
        ``en`` or ``zh``; column names and category values are shown by their labels.
    caption : str
        Caption of the table.
    formats : mapping of str to str, optional
        Column to kind: those of ``numbers.VALUE_KINDS``, ``label``, ``labels`` or ``written``. Without one,
        whole numbers are ``int``, others ``num``, dates ``date``, anything else ``label``.
    currency : str
        ISO code or sign for money.

    Returns
    -------
    markupsafe.Markup
        A ``<table>`` with escaped cells; missing values are en dashes; the first column is the row heading. From 15
        rows on it can be sorted and filtered if the page's script runs. Without rows a paragraph says so.

    Raises
    ------
    WorkbenchError
        Rows and columns do not match, or a format names an unknown column or kind.
    """
    columns, rows, formats_of_table = _parts(table)
    kinds = {**formats_of_table, **(formats or {})}
    _check(columns, rows, kinds)
    column_kinds = [kinds.get(name) or _kind([row[at] for row in rows]) for at, name in enumerate(columns)]
    head = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(_class(kind), label(name, language))
        for name, kind in zip(columns, column_kinds, strict=True)
    )
    body = Markup("").join(_row(row, _as_precise(row, columns), column_kinds, language, currency) for row in rows)
    if not rows:
        named = Markup("<strong>{}</strong> ").format(caption) if caption else ""
        return Markup('<p class="note">{}{}</p>').format(named, say("ui_empty_table", language))
    return Markup('<div class="scroll" tabindex="0" role="region" aria-label="{}"><table{}>{}<thead><tr>{}</tr></thead>'
                  "<tbody>{}</tbody></table></div>").format(
        caption or say("ui_table", language, {"title": ""}),
        Markup(" data-long") if len(rows) >= LONG else "",
        Markup("<caption>{}</caption>").format(caption) if caption else "",
        head,
        body,
    )  # fmt: skip


def _parts(table: Any) -> tuple[list[str], list[list[Any]], dict[str, str]]:
    if isinstance(table, Mapping):
        rows = [list(row) for row in table["rows"]]
        return [str(name) for name in table["columns"]], rows, dict(table.get("formats") or {})
    names = [str(name) for name in table.columns]
    return names, [list(row) for row in table.itertuples(index=False, name=None)], {}


def _check(columns: Sequence[str], rows: Sequence[Sequence[Any]], kinds: Mapping[str, str]) -> None:
    allowed = (*VALUE_KINDS, *NAME_KINDS, WRITTEN)
    faults = [
        Fault("table", f"row {at} has {len(row)} cells", f"Expected {len(columns)}: {listed(columns)}")
        for at, row in enumerate(rows, start=1)
        if len(row) != len(columns)
    ]
    for name, kind in kinds.items():
        if name not in columns:
            faults.append(Fault("table", f"format for unknown column {name!r}", f"Columns: {listed(columns)}"))
        if kind not in allowed:
            faults.append(Fault("table", f"unknown format {kind!r} of column {name!r}", f"Formats: {listed(allowed)}"))
    if faults:
        raise WorkbenchError(faults)


def _kind(values: Sequence[Any]) -> str:
    present = [value for value in values if not is_missing(value)]
    if present and all(isinstance(value, numbers.Real) and not isinstance(value, bool) for value in present):
        whole = all(isinstance(value, numbers.Integral) or float(value).is_integer() for value in present)
        return "int" if whole else "num"
    if present and all(hasattr(value, "isoformat") for value in present):
        return "date"
    return "label"


def _class(kind: str) -> Markup:
    return Markup("") if kind in TEXT_KINDS else Markup(' class="number"')


def _as_precise(row: Sequence[Any], columns: Sequence[str]) -> list[Any]:
    """Round the cells of a row that have an interval in the row to its precision."""
    values = dict(zip(columns, row, strict=True))
    return [round_to_interval(name, values) for name in columns]


def _row(row: Sequence[Any], rounded: Sequence[Any], kinds: Sequence[str], language: str, currency: str) -> Markup:  # noqa: PLR0917
    cells = []
    for at, (value, precise, kind) in enumerate(zip(row, rounded, kinds, strict=True)):
        tag = Markup('th scope="row"') if at == 0 else Markup("td")
        key = sort_key(value)
        sort = Markup(' data-sort="{}"').format(key) if key and kind not in TEXT_KINDS else ""
        cells.append(
            Markup("<{}{}{}>{}</{}>").format(
                tag, _class(kind), sort, _shown(precise, kind, language, currency), Markup("th" if at == 0 else "td")
            )
        )
    return Markup("<tr>{}</tr>").format(Markup("").join(cells))


def by_group(frame: pd.DataFrame, column: str, groups: Sequence[str] | None = None) -> dict[str, pd.DataFrame]:
    """Return the rows of each group of a frame, for ``groups`` in their order, or all in order of appearance."""
    names = list(frame[column].unique()) if groups is None else groups
    return {name: frame[frame[column] == name] for name in names}


def sort_key(value: Any) -> str:
    """Return the sort key of a cell: the full number or ISO date; empty for missing values and words."""
    if is_missing(value) or isinstance(value, (str, bool)):
        return ""
    if isinstance(value, numbers.Real):
        return repr(float(value))
    return value.isoformat() if hasattr(value, "isoformat") else ""


def _shown(value: Any, kind: str, language: str, currency: str) -> Markup:
    if kind == "label":
        return escape(label(value, language))
    if kind == "labels":
        names = [] if is_missing(value) else value
        return escape(JOINERS[language].join(label(name, language) for name in names))
    text = str(value) if kind == WRITTEN else show(value, kind, language, currency)
    return escape(text.replace(" %", "\u202f%"))
