"""Display sentences, limitations, figures, tables and candidate models, and record them for the report."""

from __future__ import annotations

import math
import posixpath
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
from IPython.display import HTML, SVG, Image, Markdown, display

from workbench.core.errors import DataError, Fault
from workbench.report.findings.finding import KEY_WEIGHT, Finding
from workbench.report.own_content import as_texts, formats_of, shown_text, with_plain_names

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.report.charts.chart import About, Chart

__all__ = ["Presentation", "plain", "record_candidates", "show_each", "show_page"]

_MOST_CHARTS = 8  # of one kind; more would not be read
_METRIC = re.compile(r"^(?![/.])[\w.\- :/]{1,200}$")  # names that MLflow accepts after the stage name
_RECORDS = ("findings", "figures", "shown", "embedded", "limits", "candidates")  # keys of the summary

Text = str | Mapping[str, str]  # in one language for all, or by language (en, zh)


class Presentation:
    """Records the output of a stage and displays it in the first language.

    Parameters
    ----------
    stage : str
    languages : tuple of str
        Report languages; the notebook displays the first.
    currency : str
    folder : Path
        The stage's private staging folder.
    """

    def __init__(self, stage: str, languages: tuple[str, ...], currency: str, folder: Path):
        self.stage = stage
        self.languages = languages
        self.language = languages[0]
        self.currency = currency
        self.folder = folder
        self.metrics: dict[str, Any] = {}
        self.chart_seconds = 0.0
        self.records: dict[str, list[dict[str, Any]]] = {name: [] for name in _RECORDS}

    def metric(self, name: str | Mapping[str, Any], value: Any = None) -> None:
        """Record a metric, or several by name: numbers or short text; missing values become null."""
        values = {name: value} if isinstance(name, str) else name
        for key in values:
            if not _METRIC.match(key) or posixpath.normpath(key) != key:
                expected = "Letters, digits, blanks and any of _ - . : /, at most 200 of them"
                raise DataError(Fault("metric", f"{key!r} cannot be the name of a metric", expected))
        self.metrics |= {key: plain(number) for key, number in values.items()}

    def say(self, text: Text | Finding | Iterable[Finding], **values: Any) -> None:
        """Record sentences for the report and display them.

        Parameters
        ----------
        text : str, mapping, Finding or iterable of Finding
            Your own text in Markdown without HTML, by language if there are several; or findings, whose sentences are
            in the texts of the stage.
        **values
            Values for ``{name}`` or ``{name:kind}`` (``pct``, ``int``, ``num``, ``money``, ``days``, ``date``) in your
            own text.
        """
        if isinstance(text, (str, Mapping)):
            self._record_text("findings", text, values)
            return
        for finding in _as_list(text):
            entry = {"key": finding.key, "values": plain(dict(finding.values)), "weight": finding.weight}
            self.records["findings"].append(entry | {"key_finding": finding.weight >= KEY_WEIGHT})
            self._display_text(finding.key, entry["values"])

    def limit(self, text: Text | Finding | Iterable[Finding], **values: Any) -> None:
        """Record a limitation of the result and display it; the parameters are those of `say`."""
        if isinstance(text, (str, Mapping)):
            self._record_text("limits", text, values)
            return
        for limitation in _as_list(text):
            entry = {"key": limitation.key, "values": plain(dict(limitation.values))}
            self.records["limits"].append(entry)
            self._display_text(limitation.key, entry["values"])

    def show(
        self,
        name: str,
        figure: Any,
        *frames: Any,
        title: Text | None = None,
        alt: Text | None = None,
        **options: Any,
    ) -> None:
        """Draw a chart in every report language and display it in the first.

        If there is not enough data, a sentence says so here and the report has no chart.

        Parameters
        ----------
        name : str
            Name of the figure within the stage.
        figure : callable, or a figure of matplotlib or seaborn
            A ``plot_`` function is called with the frames, the options, ``language`` and ``about``; a figure is shown
            unchanged.
        title, alt : str or mapping of str to str, optional
            For your own figure: its title, and a description of its content.
        """
        begun = time.perf_counter()
        if callable(figure):
            about = self._about()
            charts = {
                language: figure(*frames, language=language, about=about, **options) for language in self.languages
            }
        else:
            from workbench.report.charts.own_figures import chart_of, figure_of  # noqa: PLC0415

            drawing = figure_of(figure)
            charts = {
                language: chart_of(drawing, title=title, alt=alt, language=language) for language in self.languages
            }
        self._show(name, charts)
        self.chart_seconds += time.perf_counter() - begun

    def table(
        self,
        name: str,
        frame: pd.DataFrame,
        formats: Mapping[str, str] | None = None,
        *,
        title: Text | None = None,
        note: str | None = None,
    ) -> None:
        """Record a small table for the report and display it.

        Parameters
        ----------
        name : str
            Also the key of its title in the texts: ``table_<name>``.
        frame : DataFrame
        formats : mapping, optional
            Kind of each column (``text``, ``label``, ``int``, ``num``, ``pct``, ``money``, ``days``, ``date``); other
            columns are left out. Without it all columns are shown, formatted by type.
        title : str or mapping of str to str, optional
            For your own table.
        note : str, optional
            The key of a text that explains how to read the table.
        """
        from workbench.report.tables import table_html, table_title  # noqa: PLC0415

        if formats is None:
            frame = with_plain_names(frame)
            formats = formats_of(frame)
        if frame.empty:  # it may lack the columns
            frame = frame.reindex(columns=list(formats))
        entry: dict[str, Any] = {
            "name": name,
            "title_key": f"table_{name}",
            "columns": list(formats),
            "rows": [plain(list(row)) for row in frame[list(formats)].itertuples(index=False)],
            "formats": dict(formats),
            "note_key": note,
        }
        if title is not None:
            entry["title"] = as_texts(title)
        self.records["shown"].append(entry)
        caption = table_title(entry, self.language)
        display(HTML(str(table_html(entry, language=self.language, caption=caption, currency=self.currency))))

    def _about(self) -> About:
        """Return the facts printed under every chart."""
        from workbench.report.charts.chart import About  # noqa: PLC0415

        return About(currency=self.currency)

    def _show(self, name: str, charts: Mapping[str, Chart]) -> None:
        """Save a chart in every report language, and display it in the first."""
        from workbench.report.charts.theme import save  # noqa: PLC0415  (drawing is imported where a chart is drawn)
        from workbench.report.pages.relevance import idle_chart  # noqa: PLC0415

        if not charts[self.language].drawn:
            display(Markdown(_escape_markdown(charts[self.language].alt)))
            return
        entry: dict[str, Any] = {"name": name, "files": {}, "title": {}, "alt": {}, "note": {}}
        for language, chart in charts.items():
            path = save(chart, self.folder / "figures" / f"{self.stage}__{name}.{language}")
            entry["files"][language] = path.relative_to(self.folder).as_posix()
            for part in ("title", "alt", "note"):
                entry[part][language] = getattr(chart, part)
        chart = charts[self.language]
        idle = idle_chart(self.stage, name, chart)
        entry |= {key: value for key, value in (("idle", idle), ("data", chart.data)) if value}
        self.records["figures"].append(entry)
        picture = self.folder / entry["files"][self.language]
        alt = entry["alt"][self.language]
        display(SVG(filename=picture) if picture.suffix == ".svg" else Image(filename=picture, alt=alt))
        if idle:
            self._display_text(f"idle_{idle}", {})

    def _record_text(self, kind: str, text: Text, values: Mapping[str, Any]) -> None:
        entry = {"text": as_texts(text), "values": plain(dict(values))}
        ranking = {"weight": 1.0, "key_finding": False} if kind == "findings" else {}
        self.records[kind].append(entry | ranking)
        display(Markdown(shown_text(entry, self.language, self.currency)))

    def _display_text(self, key: str, values: Mapping[str, Any]) -> None:
        from workbench.report.text import say  # noqa: PLC0415

        display(Markdown(_escape_markdown(say(key, self.language, values, self.currency))))


def show_each(
    stage: Presentation,
    name: str,
    plot: Callable,
    contents: Mapping[str, Any],
    *,
    page: Callable | None = None,
    **options: Any,
) -> None:
    """Draw one chart per key, the first eight; show them as `Presentation.show` does.

    Parameters
    ----------
    stage : Presentation
    name : str
        The figures are called ``<name>_<key>``.
    plot : callable
        A ``plot_`` function; called with the content, and its key as ``column`` unless ``page`` is given.
    contents : mapping of str to object
        Key to content of a chart; frames without a value are left out.
    page : callable, optional
        Makes ``<name>.<language>.html`` from the charts of a language; every chart is also saved as a picture.
    """
    begun = time.perf_counter()
    about = stage._about()
    drawn_charts: dict[str, dict[str, Chart]] = {}
    for key, content in list(contents.items())[:_MOST_CHARTS]:
        if isinstance(content, pd.DataFrame) and not content["value"].notna().any():
            continue
        keywords = {"about": about, **({} if page is not None else {"column": key}), **options}
        drawn_charts[key] = {language: plot(content, language=language, **keywords) for language in stage.languages}
        stage._show(f"{name}_{key}", drawn_charts[key])
    if page is not None:
        for language in stage.languages:
            page_charts = {key: charts[language] for key, charts in drawn_charts.items()}
            _write_page(stage.folder, name, page_charts, page, language)
    stage.chart_seconds += time.perf_counter() - begun


def _write_page(folder: Path, name: str, charts: Mapping[str, Chart], page: Callable, language: str) -> None:
    from workbench.report.charts.theme import render  # noqa: PLC0415

    for key, chart in charts.items():
        (folder / f"{name}_{key}.{language}.png").write_bytes(render(chart, "png"))
    text = page(list(charts.values()), language=language)
    (folder / f"{name}.{language}.html").write_text(text, encoding="utf-8", newline="\n")


def show_page(stage: Presentation, name: str, page: Callable, *arguments: Any) -> None:
    """Save an HTML page in every report language, and display it in the first.

    Parameters
    ----------
    stage : Presentation
    name : str
        Also the key of its title in the texts: ``table_<name>``.
    page : callable
        Called with the arguments and the language; returns HTML without scripts and references.
    *arguments
    """
    files = {}
    for language in stage.languages:
        path = stage.folder / "figures" / f"{stage.stage}__{name}.{language}.html"
        path.parent.mkdir(exist_ok=True)
        path.write_text(page(*arguments, language), encoding="utf-8", newline="\n")
        files[language] = path.relative_to(stage.folder).as_posix()
    stage.records["embedded"].append({"name": name, "title_key": f"table_{name}", "files": files})
    display(HTML(filename=str(stage.folder / files[stage.language])))


def record_candidates(stage: Presentation, frame: pd.DataFrame, *, by: str, settings: Mapping[str, Any]) -> None:
    """Record candidate models, one per row; every candidate becomes a tracked run with the same metric keys.

    Parameters
    ----------
    stage : Presentation
    frame : DataFrame
        Numeric columns are recorded as metrics.
    by : str
        The column that names a candidate.
    settings : mapping
        Settings shared by all candidates.
    """
    for row in frame.to_dict("records"):
        name = str(row[by]) if isinstance(row[by], str) else f"{by}={row[by]}"
        metrics = {key: plain(value) for key, value in row.items() if key != by}
        parameters = {by: plain(row[by]), **settings}
        stage.records["candidates"].append({"name": name, "settings": plain(parameters), "metrics": metrics})


def plain(value: Any) -> Any:
    """Convert a value to a JSON-compatible one, including numpy numbers, dates and missing values."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        value = value.item() if getattr(value, "size", 1) == 1 else value.tolist()
        if isinstance(value, list):
            return plain(value)
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (bool, int, str)) else str(value)


def _as_list(findings: Finding | Iterable[Finding]) -> list[Finding]:
    return [findings] if isinstance(findings, Finding) else list(findings)


def _escape_markdown(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for mark in "\\`*_$[]#|~":
        escaped = escaped.replace(mark, f"\\{mark}")
    return escaped
