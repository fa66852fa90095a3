"""Common parts of every page: templates, content policy, badge, inlined images, Chinese font.

A page is one self-contained file with styles, the script, images and the glyphs used; a Content-Security-Policy
blocks everything else. Templates escape every value; marked sentences become markup only through :func:`rich`, which
escapes every piece. Used by the report and the notebook pages.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup, escape

from workbench.core.errors import Fault, WorkbenchError, did_you_mean
from workbench.report.numbers import LANGUAGES
from workbench.report.text import Piece, pieces, say

__all__ = ["STATUSES", "Speaker", "badge", "data_uri", "mark", "render", "render_all", "rich", "stylesheet", "unbroken"]

STATUSES = {"done": "✓", "failed": "✕", "stale": "⚠"}  # status -> its icon, shown with the word
PAGE_LANGUAGES = {"en": "en", "zh": "zh-Hans"}
IMAGE_TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg"}
FONT_FAMILY = "Workbench Sans SC"  # first in the font stack; otherwise Chromium draws boxes while it loads
SYSTEM_FONTS = ("PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC")

_BADGE = re.compile(r"<!--status-->.*?<!--/status-->", re.DOTALL)
_FONT_RANGE = "U+2E80-FFEF"  # Chinese characters and full-width punctuation
_FONT_MARK = "/*font*/"
_HAN = re.compile("[⺀-⿟　-〿㐀-䶿一-鿿豈-﫿＀-￯“”‘’…—]")
_TAGS = {"strong": "strong", "quiet": "small", "code": "code"}


class Speaker:
    """Fills texts as markup in one language.

    Parameters
    ----------
    language : str
        ``en`` or ``zh``.
    currency : str
        ISO code or sign, for money.
    """

    def __init__(self, language: str, currency: str = ""):
        self.language = language
        self.currency = currency

    def __call__(self, key: str, values: Mapping[str, Any] | None = None) -> Markup:
        """Fill a text and mark up its bold and grey parts."""
        return rich(pieces(key, self.language, values, self.currency))


def rich(parts: Iterable[Piece]) -> Markup:
    r"""Turn (text, mark) pieces into escaped markup: strong becomes bold, quiet becomes grey and small.

    Examples
    --------
    >>> str(rich([("a < b ", ""), ("14 %", "strong")]))
    'a &lt; b <strong>14\u202f%</strong>'
    """
    merged: list[list[str]] = []
    for text, kind in parts:
        if merged and merged[-1][1] == kind:
            merged[-1][0] += text
        else:
            merged.append([text, kind])
    return Markup("").join(_tagged(text, kind) for text, kind in merged)


def _tagged(text: str, kind: str) -> Markup:
    inner = escape(unbroken(text))
    tag = _TAGS.get(kind)
    return Markup("<{0}>{1}</{0}>").format(Markup(tag), inner) if tag else inner


def unbroken(text: str) -> str:
    """Prevent line breaks between number and percent sign, minus and currency, and n and its number."""
    percent = re.sub(r"(?<=\d) (?=%)", "\u202f", text)
    money = re.sub(r"(?<=\u2212)(?=[$€£¥])", "\u2060", percent)
    return re.sub(r"\bn = (?=\d)", "n\u00a0=\u00a0", money)


def badge(status: str, language: str, message: str = "") -> Markup:
    """Return the status badge between its markers: icon, word and an optional message.

    Raises
    ------
    WorkbenchError
        The status is not done, failed or stale.
    """
    if status not in STATUSES:
        raise WorkbenchError(Fault("report badge", f"unknown status {status!r}", did_you_mean(status, STATUSES)))
    note = Markup(' <span class="badge-note">{}</span>').format(message) if message else ""
    return Markup(
        '<!--status--><p class="status" role="status"><span class="badge badge-{0}">'
        '<span aria-hidden="true">{1}</span> {2}</span>{3}</p><!--/status-->'
    ).format(status, STATUSES[status], say(f"ui_status_{status}", language), note)


def mark(page: str, status: str, message: str, language: str) -> str:
    """Replace the badge of a finished page, for example to mark the last successful report as out of date.

    Parameters
    ----------
    page : str
        The page's HTML.
    status : str
        ``done``, ``failed`` or ``stale``.
    message : str
        Text next to the badge; escaped.
    language : str
        ``en`` or ``zh``.

    Returns
    -------
    str
        The page with the new badge; everything else is unchanged.

    Raises
    ------
    WorkbenchError
        The page has no badge, or the status is unknown.
    """
    new = str(badge(status, language, message))
    marked, count = _BADGE.subn(lambda _: new, page, count=1)
    if not count:
        raise WorkbenchError(Fault("report badge", "the page has no badge", "Expected a page written by the workbench"))
    return marked


# characters that need no quoting in a data URI inside double quotes
_PLAIN_IN_URI = " !$'*+,-./:;=?@[]_~"


def data_uri(content: bytes, media_type: str) -> str:
    """Return bytes as a data URI."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def image_uri(path: Path) -> str:
    """Return a picture file as a data URI; SVG as text is a fifth smaller than as base64."""
    if path.suffix.lower() == ".svg":
        return f"data:{IMAGE_TYPES['.svg']},{quote(path.read_text(encoding='utf-8'), safe=_PLAIN_IN_URI)}"
    return data_uri(path.read_bytes(), IMAGE_TYPES.get(path.suffix.lower(), "image/png"))


def render(template: str, context: Mapping[str, Any], language: str) -> str:
    """Fill a page template and make it one self-contained file.

    Parameters
    ----------
    template : str
        File name in ``report/templates``.
    context : mapping
        Values of the template; every string is escaped.
    language : str
        ``en`` or ``zh``; sets ``lang`` and the fixed words.

    Returns
    -------
    str
        The page, with styles, script and the Chinese glyphs it uses inside.
    """
    return render_all(template, [context], language)[0]


def render_all(template: str, contexts: Iterable[Mapping[str, Any]], language: str) -> list[str]:
    """Fill a template once per context; all pages share one font subset, since making one takes a second.

    See `render`, which does this for one page.
    """
    if language not in LANGUAGES:
        raise WorkbenchError(Fault("page", f"unknown language {language!r}", did_you_mean(language, LANGUAGES)))
    script = _asset("page.js")
    frame = {
        "lang": PAGE_LANGUAGES[language],
        "t": Speaker(language),
        "style": Markup(_asset("page.css")),
        "script": Markup(script),
        "policy": _policy(script),
    }
    filled = _environment().get_template(template)
    pages = [filled.render({**frame, **context}) for context in contexts]
    face = _font_face(pages)
    return [page.replace(_FONT_MARK, face, 1) for page in pages]


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return (
        f"default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


def stylesheet(name: str) -> Markup:
    """Return a style sheet of ``report/templates`` for the ``style`` block of a page."""
    return Markup(_asset(name))


@cache
def _asset(name: str) -> str:
    return (resources.files("workbench.report") / "templates" / name).read_text(encoding="utf-8").strip()


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("workbench.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _font_face(pages: Iterable[str]) -> str:
    """Return a font rule with the Chinese glyphs of the pages; empty if there are none."""
    characters = "".join(sorted({character for page in pages for character in _HAN.findall(page)}))
    if not any(character >= "⺀" for character in characters):
        return ""
    local_fonts = ", ".join(f'local("{name}")' for name in SYSTEM_FONTS)
    source = f'{local_fonts}, url({data_uri(_subset(characters), "font/woff")}) format("woff")'
    return f'@font-face{{font-family:"{FONT_FAMILY}";src:{source};font-display:block;unicode-range:{_FONT_RANGE}}}'


@cache
def _subset(characters: str) -> bytes:
    from fontTools import subset  # noqa: PLC0415  only pages with Chinese text need it

    options = subset.Options(flavor="woff", hinting=False, layout_features=[])
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=characters)
    target = io.BytesIO()
    with subset.load_font(str(_font_file()), options) as font:
        subsetter.subset(font)
        subset.save_font(font, target, options)
    return target.getvalue()


def _font_file() -> Path:
    """Find the font file in the package zhplot (Noto Sans SC, SIL Open Font License) without importing it."""
    spec = importlib.util.find_spec("zhplot")
    if spec is None or spec.origin is None:
        raise WorkbenchError(Fault("page", "the package zhplot is not installed", "", "Install requirements.lock"))
    return Path(spec.origin).parent / "fonts" / "NotoSansSC-Regular.ttf"
