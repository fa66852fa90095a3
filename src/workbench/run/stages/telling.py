"""What a stage tells: findings, limits, figures, tables and candidates, recorded for the report and displayed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from IPython.display import HTML, SVG, Image, Markdown, display

from workbench.report.findings.finding import KEY_WEIGHT, Finding

__all__ = ["Telling", "plain"]

_MOST_CHARTS = 8  # of one kind; a reader looks at no more
_TOLD = ("findings", "figures", "shown", "embedded", "limits", "candidates")


class Telling:
    """Records what a stage tells and displays it in the leading language.

    Parameters
    ----------
    stage : str
    languages : tuple of str
        Report languages, the first one leading.
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
        self.told: dict[str, list] = {name: [] for name in _TOLD}

    def record(self, metrics: Mapping[str, Any]) -> None:
        """Record metrics: flat names, numbers or short text; missing values become null."""
        self.metrics |= {name: plain(value) for name, value in metrics.items()}

    def tell(self, findings: Finding | Iterable[Finding]) -> None:
        """Record findings and display their sentences, in the order given."""
        for finding in _several(findings):
            values = plain(dict(finding.values))
            entry = {"key": finding.key, "values": values, "weight": finding.weight}
            self.told["findings"].append(entry | {"key_finding": finding.weight >= KEY_WEIGHT})
            self._display_text(finding.key, values)

    def caution(self, limits: Finding | Iterable[Finding]) -> None:
        """Record what the result does not show, and display it."""
        for limit in _several(limits):
            values = plain(dict(limit.values))
            self.told["limits"].append({"key": limit.key, "values": values})
            self._display_text(limit.key, values)

    def show(self, name: str, plot: Callable, *frames: Any, **options: Any) -> None:
        """Draw a chart once per report language, stage the pictures and display the first.

        A chart that says "not enough data" is displayed here and left out of the report.

        Parameters
        ----------
        name : str
            Name of the figure within the stage.
        plot : callable
            A ``plot_`` function; called with the frames, the options, ``language`` and ``about``.
        """
        from workbench.report.charts.theme import save  # noqa: PLC0415

        entry: dict[str, Any] = {"name": name, "files": {}, "title": {}, "alt": {}, "note": {}}
        for language in self.languages:
            chart = plot(*frames, language=language, about=self.about(), **options)
            path = save(chart, self.folder / "figures" / f"{self.stage}__{name}.{language}")
            entry["files"][language] = path.relative_to(self.folder).as_posix()
            for part in ("title", "alt", "note"):
                entry[part][language] = getattr(chart, part)
        if chart.drawn:
            self.told["figures"].append(entry)
        picture = self.folder / entry["files"][self.language]
        alt = entry["alt"][self.language]
        display(SVG(filename=picture) if picture.suffix == ".svg" else Image(filename=picture, alt=alt))

    def show_each(self, name: str, plot: Callable, frame: pd.DataFrame, *, by: str, only: Sequence[str]) -> None:
        """Draw one chart per group of a frame, for the groups named, in their order, the first eight.

        Parameters
        ----------
        name : str
            The figures are called ``<name>_<group>``.
        plot : callable
            Called with the group's rows and ``column``, the group.
        frame : DataFrame
        by : str
            The column that names the groups.
        only : sequence of str
        """
        for group in only[:_MOST_CHARTS]:
            rows = frame[frame[by] == group]
            if rows["value"].notna().any():
                self.show(f"{name}_{group}", plot, rows, column=group)

    def show_all(self, name: str, plot: Callable, things: Sequence[Any], *, page: Callable | None = None) -> None:
        """Draw one chart per thing, the first eight, and keep them as pictures and as one page.

        Parameters
        ----------
        name : str
            The figures are called ``<name>_<key of the thing>``; the page ``<name>.<language>.html``, with a picture
            of each beside it.
        plot : callable
            Called with the thing, ``language`` and ``about``.
        things : sequence
            Each with a ``key``.
        page : callable, optional
            Makes an HTML file of the charts of a language.
        """
        from workbench.report.charts.theme import render  # noqa: PLC0415

        shown = things[:_MOST_CHARTS]
        for thing in shown:
            self.show(f"{name}_{thing.key}", plot, thing)
        for language in self.languages if page is not None else ():
            charts = [plot(each, language=language, about=self.about()) for each in shown]
            for thing, chart in zip(shown, charts, strict=True):
                (self.folder / f"{name}_{thing.key}.{language}.png").write_bytes(render(chart, "png"))
            text = page(charts, language=language)
            (self.folder / f"{name}.{language}.html").write_text(text, encoding="utf-8", newline="\n")

    def table(self, name: str, frame: pd.DataFrame, formats: Mapping[str, str], *, note: str | None = None) -> None:
        """Record a small table for the report and display it.

        Parameters
        ----------
        name : str
            Also the key of its title among the texts: ``table_<name>``.
        frame : DataFrame
        formats : mapping
            Kind of each column; columns not named are left out.
        note : str, optional
            A text key that says how to read it.
        """
        from workbench.report.tables import table_html  # noqa: PLC0415

        if frame.empty:  # nothing to show: a table without rows, whatever columns it came with
            frame = frame.reindex(columns=list(formats))
        rows = [plain(list(row)) for row in frame[list(formats)].itertuples(index=False)]
        entry = {"name": name, "title_key": f"table_{name}", "columns": list(formats), "rows": rows}
        entry |= {"formats": dict(formats), "note_key": note}
        self.told["shown"].append(entry)
        display(HTML(str(table_html(entry, language=self.language, currency=self.currency))))

    def embed(self, name: str, page: Callable, *given: Any) -> None:
        """Stage a table that a library draws as HTML, once per report language, and display the first.

        Parameters
        ----------
        name : str
            Also the key of its title among the texts: ``table_<name>``.
        page : callable
            Called with what is given and the language; returns HTML without scripts and references.
        """
        files = {}
        for language in self.languages:
            path = self.folder / "figures" / f"{self.stage}__{name}.{language}.html"
            path.parent.mkdir(exist_ok=True)
            path.write_text(page(*given, language), encoding="utf-8", newline="\n")
            files[language] = path.relative_to(self.folder).as_posix()
        self.told["embedded"].append({"name": name, "title_key": f"table_{name}", "files": files})
        display(HTML(filename=str(self.folder / files[self.language])))

    def candidates(self, frame: pd.DataFrame, *, by: str, settings: Mapping[str, Any]) -> None:
        """Record candidate models, one per row: each becomes a tracked run of its own with the same metric keys.

        Parameters
        ----------
        frame : DataFrame
            Numbers are metrics.
        by : str
            The column that names a candidate.
        settings : mapping
            What all candidates share.
        """
        for row in frame.to_dict("records"):
            name = str(row[by]) if isinstance(row[by], str) else f"{by}={row[by]}"
            metrics = {key: plain(value) for key, value in row.items() if key != by}
            own = {by: plain(row[by]), **settings}
            self.told["candidates"].append({"name": name, "settings": plain(own), "metrics": metrics})

    def about(self) -> Any:
        """Return what stands under every chart."""
        from workbench.report.charts.chart import About  # noqa: PLC0415

        return About(currency=self.currency)

    def _display_text(self, key: str, values: Mapping[str, Any]) -> None:
        from workbench.report.text import say  # noqa: PLC0415

        display(Markdown(_escape_markdown(say(key, self.language, values, self.currency))))


def plain(value: Any) -> Any:
    """Turn a value into one that JSON holds: numpy numbers, dates and missing values included."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (bool, int, str)) else str(value)


def _several(findings: Finding | Iterable[Finding]) -> list[Finding]:
    return [findings] if isinstance(findings, Finding) else list(findings)


def _escape_markdown(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for mark in "\\`*_$[]#|~":
        escaped = escaped.replace(mark, f"\\{mark}")
    return escaped
