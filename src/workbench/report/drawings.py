"""Embed charts in a page: text in the page font, colours for dark mode, shared shapes defined once.

A file with other elements than plain shapes and text is embedded as an image, in which no script runs.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from markupsafe import Markup

__all__ = ["MESSAGE", "TONES", "Drawings"]

# id of the title in the chart file and its class on a page; a phone shows the title above the chart
MESSAGE = "message"

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_SHAPES = {"svg", "g", "defs", "path", "use", "clipPath", "rect", "image", "pattern", "style", "title", "text"}
_LOOKS = {"id", "d", "style", "transform", "clip-path", "x", "y", "width", "height", "viewBox", "opacity", "href"}
_LOOKS |= {"fill", "fill-opacity", "stroke", "stroke-width", "version", "type", "patternUnits", "font-family"}
_LOOKS |= {"textLength", "lengthAdjust"}
_OWN_TARGET = re.compile(r"#[\w-]+|data:image/png;base64,[A-Za-z0-9+/=\s]+")
_FOREIGN_URL = re.compile(r"url\((?!#)|@import|expression\(", re.IGNORECASE)
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
_WHITE = "#ffffff"
# theme colour that changes in dark mode -> its variable in page.css
TONES = {
    _WHITE: "--chart",
    "#1f2328": "--ink",
    "#5b636b": "--grey",
    "#9aa1a8": "--chart-base",
    "#e3e6e9": "--chart-faint",
    "#f3f4f5": "--chart-pale",
    "#0072b2": "--chart-blue",
    "#d55e00": "--chart-red",
    "#000000": "--ink",
}
_LINES = "stroke-linejoin:round;stroke-linecap:butt"  # line style of the removed style sheet


class Drawings:
    """The drawings of one page and the shapes they share."""

    def __init__(self) -> None:
        self._shared: dict[str, str] = {}

    def draw(self, svg: str, *, alt: str) -> Markup | None:
        """Return a chart as an element of the page, or None if it has to be an image.

        Parameters
        ----------
        svg : str
            The chart's file.
        alt : str
            Alternative text; escaped.

        Returns
        -------
        Markup or None
            None if the file is not SVG, has elements other than plain shapes, or reuses the shape name of another
            chart for a different shape.
        """
        try:
            root = ElementTree.fromstring(svg)
        except ElementTree.ParseError:
            return None
        if root.tag != f"{_SVG}svg" or not all(_is_plain(element) for element in root.iter()):
            return None
        for element in root.iter():
            _tone(element)
        shapes = {shape.get("id", ""): _written(shape) for shape in _definitions(root)}
        if any(self._shared.get(name, shape) != shape for name, shape in shapes.items()):
            return None
        self._shared |= shapes
        _drop_what_is_shared(root)
        _name(root, alt)
        return Markup(_written(root))

    def shared(self) -> Markup:
        """Return the shared shapes in an invisible element; empty if there are no drawings."""
        if not self._shared:
            return Markup("")
        shapes = "".join(self._shared[name] for name in sorted(self._shared))
        hidden = 'class="letters" width="0" height="0" aria-hidden="true" focusable="false"'
        return Markup(f"<svg {hidden}><defs>{shapes}</defs></svg>")


def _is_plain(element: ElementTree.Element) -> bool:
    """Return whether an element is a plain shape or text, without scripts or external references."""
    names = {name.replace(_HREF, "href") for name in element.attrib}
    target = element.get(_HREF, element.get("href"))
    return (
        element.tag.removeprefix(_SVG) in _SHAPES
        and names <= _LOOKS
        and (target is None or _OWN_TARGET.fullmatch(target) is not None)
        and not any(_FOREIGN_URL.search(value) for value in [*element.attrib.values(), element.text or ""])
    )


def _tone(element: ElementTree.Element) -> None:
    """Let the colours of an element follow the page; white text stays white, since it is on a coloured mark."""
    is_text = element.tag == f"{_SVG}text"
    style = element.get("style")
    if style:
        element.set("style", _COLOUR.sub(lambda colour: _toned(colour[0], is_text), style))


def _toned(colour: str, is_text: bool) -> str:
    variable = TONES.get(colour.lower())
    return colour if variable is None or (is_text and colour.lower() == _WHITE) else f"var({variable})"


def _definitions(root: ElementTree.Element) -> list[ElementTree.Element]:
    return [shape for defs in root.iter(f"{_SVG}defs") for shape in defs if shape.get("id")]


def _drop_what_is_shared(root: ElementTree.Element) -> None:
    for parent in list(root.iter()):
        for child in [part for part in parent if part.tag in {f"{_SVG}defs", f"{_SVG}title", f"{_SVG}style"}]:
            parent.remove(child)
        if parent.attrib.pop("id", None) == MESSAGE:  # ids repeat across charts
            parent.set("class", MESSAGE)


def _name(root: ElementTree.Element, alt: str) -> None:
    for name in ("width", "height", "version", "font-family"):
        root.attrib.pop(name, None)
    root.attrib |= {"role": "img", "aria-label": alt, "style": _LINES}


def _written(element: ElementTree.Element) -> str:
    """Write an element for an HTML page, without namespaces."""
    for part in element.iter():
        part.tag = part.tag.removeprefix(_SVG)
        if _HREF in part.attrib:
            part.attrib["href"] = part.attrib.pop(_HREF)
        part.tail = None
    return ElementTree.tostring(element, encoding="unicode")
