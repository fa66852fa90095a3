"""An executed notebook as one static, self-contained page: text, code behind toggles, tables and pictures.

Serves every stage. Notebook outputs contain untrusted data: HTML is reduced to a list of
harmless tags, scripts and styles are removed with their contents, other texts are escaped, pictures are inlined.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from html import unescape
from typing import Any

from markupsafe import Markup, escape

from workbench.report.drawings import Drawings
from workbench.report.html import badge, data_uri, render
from workbench.report.notebook_words import in_chinese
from workbench.report.text import say

__all__ = ["clean_html", "notebook_page", "without_paths"]

MOST_CHARACTERS = 100_000  # of one text output
MOST_HTML = 2_000_000  # of one HTML output; nobody reads longer tables
ERROR_CELL = "error-cell"
PAPERMILL_MARK = "papermill-error-cell-tag"  # cells papermill adds around a failure; the page has its own banner

TAGS = frozenset(
    "a abbr b blockquote br caption code col colgroup dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 "
    "hr i img li ol p pre s small span strong sub summary sup table tbody td tfoot th thead tr u ul".split()
)
ATTRIBUTES = {
    "*": {"class", "lang"},
    "a": {"href"},
    "th": {"scope", "colspan", "rowspan"},
    "td": {"colspan", "rowspan"},
    "img": {"alt", "height", "src", "width"},
    "div": {"role", "aria-label", "tabindex"},
}
CLASSES = frozenset({"number", "scroll", "frame", "unseen", "note"})
LIVE = {"iframe", "noscript", "object", "script", "style", "template", "title"}  # removed with their contents
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_ADDRESS = re.compile(r"(https?://|mailto:|#|[\w.][\w./-]*(#|$))", re.IGNORECASE)
_EMPTY_HEAD = re.compile(r"<th\b[^>]*>\s*</th>")  # the corner of a frame: it heads nothing
_PATH_OBJECT = re.compile(r"(?:Pure)?(?:Posix|Windows)Path\('([^']*)'\)")
_MACHINE_PATH = re.compile(r"(?<![\w./:<>+=,;&*-])(?:[A-Za-z]:)?(?:[/\\][\w.@+-]+)+[/\\](?=[\w.<-])")
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|svg\+xml);base64,[A-Za-z0-9+/=\s]+\Z")
_PICTURES = ("image/png", "image/jpeg", "image/svg+xml")


def notebook_page(
    notebook: Mapping[str, Any],
    *,
    title: str,
    stage: str = "",
    language: str = "en",
    back: str = "report.html",
    status: str | None = None,
) -> str:
    """Write an executed notebook as one HTML page.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        The executed notebook (version 4).
    title : str
        Title of the page: stage and run.
    stage : str
        Stage of the notebook; the Chinese of its markdown cells is in the texts of the stage.
    language : str
        ``en`` or ``zh``, for the texts of the page and for unchanged markdown cells.
    back : str
        Address of the report, relative to the page.
    status : str, optional
        ``done``, ``failed`` or ``stale``; by default ``failed`` if a cell has an error, else ``done``.

    Returns
    -------
    str
        The page. The failed cell has the id ``error-cell``, and a banner at the top links to it.
    """
    cells = list(_cells(notebook, stage, language))
    failed = any(cell.get("failed") for cell in cells)
    context = {
        "title": title,
        "back": back,
        "badge": badge(status or ("failed" if failed else "done"), language),
        "failed": failed,
        "cells": cells,
    }
    return render("notebook.html.j2", context, language)


def _cells(notebook: Mapping[str, Any], stage: str, language: str) -> Iterator[dict[str, Any]]:
    number, marked = 0, False
    for cell in notebook["cells"]:
        if PAPERMILL_MARK in cell.get("metadata", {}).get("tags", ()):
            continue
        if cell["cell_type"] == "markdown":
            text = _joined(cell["source"])
            if language == "zh":
                text = in_chinese(text, stage=stage, cell=cell.get("id", ""))
            yield {"kind": "markdown", "html": _markdown(text)}
        elif cell["cell_type"] == "code":
            number += 1
            outputs = cell.get("outputs") or ()
            failed = any(output["output_type"] == "error" for output in outputs)
            yield {
                "kind": "code",
                "number": number,
                "code": _code(_joined(cell["source"])),
                "outputs": [html for output in outputs if (html := _output(output, number, language))],
                "failed": failed,
                "id": ERROR_CELL if failed and not marked else "",
            }
            marked = marked or failed


def _joined(text: Any) -> str:
    return text if isinstance(text, str) else "".join(text)


def _code(source: str) -> Markup:
    from pygments import highlight  # noqa: PLC0415
    from pygments.formatters.html import HtmlFormatter  # noqa: PLC0415
    from pygments.lexers.python import PythonLexer  # noqa: PLC0415

    return (
        Markup(highlight(source, PythonLexer(), HtmlFormatter(nowrap=True)).rstrip()) if source.strip() else Markup("")
    )


def _markdown(source: str) -> Markup:
    return clean_html(_markdown_reader()(source))


@cache
def _markdown_reader() -> Any:
    import mistune  # noqa: PLC0415
    from mistune.util import safe_entity  # noqa: PLC0415

    class Renderer(mistune.HTMLRenderer):
        """Writes HTML tags as text and decodes entities (&amp; is one character), as JupyterLab does."""

        def text(self, text: str) -> str:
            return safe_entity(text)

    return mistune.create_markdown(renderer=Renderer(escape=True), plugins=["table", "strikethrough"])


def clean_html(html: str) -> Markup:
    """Reduce HTML to harmless tags and attributes; scripts and styles go with their contents.

    Parameters
    ----------
    html : str
        Anything.

    Returns
    -------
    markupsafe.Markup
        Only tables, text and inlined pictures; links keep http, https, mailto, relative and in-page addresses.

    Examples
    --------
    >>> str(clean_html('<b onclick="x()">hi</b><script>alert(1)</script>'))
    '<b>hi</b>'
    """
    import nh3  # noqa: PLC0415

    cleaned = nh3.clean(
        html,
        tags=set(TAGS),
        attributes=ATTRIBUTES,
        attribute_filter=_harmless,
        clean_content_tags=LIVE,
        url_schemes={"http", "https", "mailto", "data"},
        link_rel=None,
    )
    return Markup(_EMPTY_HEAD.sub("<td></td>", cleaned))


def _harmless(tag: str, name: str, value: str) -> str | None:
    """Return the value of an allowed attribute; None if the attribute must be removed."""
    if name == "class":
        return value if CLASSES.issuperset(value.split()) else None
    if name == "href":
        return value if _ADDRESS.match(value) else None
    if name == "src":
        return value if _PICTURE.match(value) else None
    return value


def _output(output: Mapping[str, Any], number: int, language: str) -> Markup | None:
    kind = output["output_type"]
    if kind == "stream":
        return _plain(_joined(output["text"]), language)
    if kind == "error":
        trace = "\n".join(output.get("traceback") or ()) or f"{output.get('ename')}: {output.get('evalue')}"
        return _plain(trace, language)
    data = output.get("data") or {}
    for media_type in _PICTURES:
        if media_type in data:
            return _picture(data[media_type], media_type, number, language)
    if "text/html" in data and len(html := _joined(data["text/html"])) <= MOST_HTML:
        return clean_html(html)
    if "text/markdown" in data:
        return _markdown(_joined(data["text/markdown"]))
    return _plain(_joined(data["text/plain"]), language) if "text/plain" in data else None


def _drawn(svg: str, number: int, language: str) -> Markup | None:
    """Return a chart as an SVG element with its title; None if it has to be an image."""
    title = re.search(r"<title>(.*?)</title>", svg, re.DOTALL)
    drawings = Drawings()
    name = unescape(title[1]) if title else say("ui_figure", language, {"number": number})
    chart = drawings.draw(svg, alt=name)
    if chart is None:
        return None
    return Markup('{}<div class="frame" tabindex="0" role="group" aria-label="{}">{}</div>').format(
        drawings.shared(), name, chart
    )


def _picture(content: Any, media_type: str, number: int, language: str) -> Markup:
    text = _joined(content)
    if media_type.endswith("xml") and (drawn := _drawn(text, number, language)):
        return drawn
    source = data_uri(text.encode(), media_type) if media_type.endswith("xml") else (
        f"data:{media_type};base64,{''.join(text.split())}"
    )  # fmt: skip
    return Markup('<img src="{}" alt="{}">').format(source, say("ui_figure", language, {"number": number}))


def without_paths(text: str) -> str:
    """Shorten file paths to their last part, so that a page shows file names but no locations.

    Examples
    --------
    >>> without_paths("PosixPath('/home/ann/shop/reports/cards.html'), 3/4, /usr/lib/python3/site.py:7")
    'cards.html, 3/4, …/site.py:7'
    """
    named = _PATH_OBJECT.sub(lambda path: path[1].rstrip("/").rsplit("/", 1)[-1], text)
    return _MACHINE_PATH.sub("…/", named)


def _plain(text: str, language: str) -> Markup:
    plain = without_paths(_COLOURS.sub("", text)).rstrip()
    if not plain:
        return Markup("")
    note = ""
    if len(plain) > MOST_CHARACTERS:
        cut_note = escape(say("ui_cut_output", language, {"characters": MOST_CHARACTERS}))
        plain, note = plain[:MOST_CHARACTERS], Markup('<p class="note">{}</p>').format(cut_note)
    return Markup("<pre>{}</pre>{}").format(plain, note)
