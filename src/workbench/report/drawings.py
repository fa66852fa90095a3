"""Charts drawn into a page itself, where they share the outlines of their letters.

Every chart file carries the outline of each letter it writes, which is most of its size. In the page each outline
stands once, and the charts point to it. A file that holds anything but plain shapes is not drawn: it stays an image,
in which no script runs.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from markupsafe import Markup

__all__ = ["Drawings"]

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_SHAPES = {"svg", "g", "defs", "path", "use", "clipPath", "rect", "image", "pattern", "style", "title"}
_LOOKS = {"id", "d", "style", "transform", "clip-path", "x", "y", "width", "height", "viewBox", "opacity", "href"}
_LOOKS |= {"fill", "fill-opacity", "stroke", "stroke-width", "version", "type", "patternUnits"}
_OWN_TARGET = re.compile(r"#[\w-]+|data:image/png;base64,[A-Za-z0-9+/=\s]+")
_FOREIGN_URL = re.compile(r"url\((?!#)|@import|expression\(", re.IGNORECASE)
_LINES = "stroke-linejoin:round;stroke-linecap:butt"  # what a chart's own style sheet says of all its lines


class Drawings:
    """The drawings of one page and the shapes they share."""

    def __init__(self) -> None:
        self._shared: dict[str, str] = {}

    def draw(self, svg: str, *, alt: str) -> Markup | None:
        """Return a chart as an element of the page, or None when it has to stay an image.

        Parameters
        ----------
        svg : str
            The chart's file.
        alt : str
            What a screen reader says of it; escaped.

        Returns
        -------
        Markup or None
            None for a file that is no SVG, holds anything but plain shapes, or names a shape as another chart
            names a different one.
        """
        try:
            root = ElementTree.fromstring(svg)
        except ElementTree.ParseError:
            return None
        if root.tag != f"{_SVG}svg" or not all(_is_plain(element) for element in root.iter()):
            return None
        shapes = {shape.get("id", ""): _written(shape) for shape in _definitions(root)}
        if any(self._shared.get(name, shape) != shape for name, shape in shapes.items()):
            return None
        self._shared |= shapes
        _drop_what_is_shared(root)
        _name(root, alt)
        return Markup(_written(root))

    def shared(self) -> Markup:
        """Return the shapes the drawings point to, in an element that takes no room; empty without drawings."""
        if not self._shared:
            return Markup("")
        shapes = "".join(self._shared[name] for name in sorted(self._shared))
        hidden = 'class="letters" width="0" height="0" aria-hidden="true" focusable="false"'
        return Markup(f"<svg {hidden}><defs>{shapes}</defs></svg>")


def _is_plain(element: ElementTree.Element) -> bool:
    """Say whether an element is a shape that neither acts nor loads anything."""
    names = {name.replace(_HREF, "href") for name in element.attrib}
    target = element.get(_HREF, element.get("href"))
    return (
        element.tag.removeprefix(_SVG) in _SHAPES
        and names <= _LOOKS
        and (target is None or _OWN_TARGET.fullmatch(target) is not None)
        and not any(_FOREIGN_URL.search(value) for value in [*element.attrib.values(), element.text or ""])
    )


def _definitions(root: ElementTree.Element) -> list[ElementTree.Element]:
    return [shape for defs in root.iter(f"{_SVG}defs") for shape in defs if shape.get("id")]


def _drop_what_is_shared(root: ElementTree.Element) -> None:
    for parent in list(root.iter()):
        for child in [part for part in parent if part.tag in {f"{_SVG}defs", f"{_SVG}title", f"{_SVG}style"}]:
            parent.remove(child)
        parent.attrib.pop("id", None)  # names of the parts, which every chart repeats


def _name(root: ElementTree.Element, alt: str) -> None:
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.attrib |= {"role": "img", "aria-label": alt, "style": _LINES}


def _written(element: ElementTree.Element) -> str:
    """Write an element as it stands in an HTML page: no namespaces, so one name for one thing."""
    for part in element.iter():
        part.tag = part.tag.removeprefix(_SVG)
        if _HREF in part.attrib:
            part.attrib["href"] = part.attrib.pop(_HREF)
        part.tail = None
    return ElementTree.tostring(element, encoding="unicode")
