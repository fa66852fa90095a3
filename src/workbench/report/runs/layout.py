"""Lay out a graph: layers from top to bottom, few crossings, long edges routed around boxes.

The steps are those of Sugiyama, Tagawa and Toda (1981): layers by the longest path, a virtual node wherever an edge
passes a layer, and the order within a layer by the mean position of the neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Box", "Layout", "lay_out", "needed_edges"]

_WIDTH, _HEIGHT, _GAP, _LAYER = 206, 70, 26, 118
_VIRTUAL_WIDTH = 14
_SWEEPS = 6

Edge = tuple[str, str]


@dataclass(frozen=True)
class Box:
    """The position of a node: upper left corner and size."""

    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """Boxes by name, and every edge as the points of its line."""

    boxes: dict[str, Box]
    lines: dict[Edge, list[tuple[float, float]]]
    width: float
    height: float


def needed_edges(edges: Sequence[Edge]) -> list[Edge]:
    """Drop edges implied by longer paths (the transitive reduction of an acyclic graph).

    Examples
    --------
    >>> needed_edges([("a", "b"), ("b", "c"), ("a", "c")])
    [('a', 'b'), ('b', 'c')]
    """
    targets: dict[str, set[str]] = {}
    for start, end in edges:
        targets.setdefault(start, set()).add(end)
    below: dict[str, set[str]] = {}

    def reach(name: str) -> set[str]:
        if name not in below:
            below[name] = set()
            for target in targets.get(name, ()):
                below[name] |= {target} | reach(target)
        return below[name]

    return [
        (start, end)
        for start, end in dict.fromkeys(edges)
        if not any(end in reach(other) for other in targets[start] if other != end)
    ]


def lay_out(names: Sequence[str], edges: Sequence[Edge]) -> Layout:
    """Lay out an acyclic graph.

    Parameters
    ----------
    names : sequence of str
        In an order in which no edge points backwards.
    edges : sequence of (str, str)
    """
    depth = _depths(names, edges)
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in names:
        layers[depth[name]].append(name)
    ways = {edge: _way(edge, depth) for edge in edges}
    for way in ways.values():
        for step in way[1:-1]:
            layers[int(step.rsplit("@", 1)[1])].append(step)
    links = [pair for way in ways.values() for pair in zip(way, way[1:], strict=False)]
    _order(layers, links)
    width = max((_layer_width(layer) for layer in layers), default=0)
    boxes = {box.name: box for at, layer in enumerate(layers) for box in _boxes(layer, at, width)}
    lines = {edge: _points([boxes[name] for name in way]) for edge, way in ways.items()}
    real = {name: boxes[name] for name in names}
    return Layout(real, lines, width, len(layers) * _LAYER - (_LAYER - _HEIGHT) if layers else 0)


def _depths(names: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    depth = dict.fromkeys(names, 0)
    for name in names:
        above = [depth[start] for start, end in edges if end == name]
        depth[name] = max(above, default=-1) + 1
    return depth


def _way(edge: Edge, depth: Mapping[str, int]) -> list[str]:
    """Return the nodes of an edge with a virtual one in every layer between them."""
    start, end = edge
    return [start, *(f"{start}>{end}@{at}" for at in range(depth[start] + 1, depth[end])), end]


def _order(layers: list[list[str]], links: Sequence[Edge]) -> None:
    """Sort every layer by the mean position of the neighbours above, then of those below, several times."""
    above: dict[str, list[str]] = {}
    below: dict[str, list[str]] = {}
    for start, end in links:
        above.setdefault(end, []).append(start)
        below.setdefault(start, []).append(end)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        neighbours = above if down else below
        for layer in layers if down else layers[::-1]:
            place = {name: _centre(at, row) for row in layers for at, name in enumerate(row)}
            own = {name: place[name] for name in layer}
            layer.sort(key=lambda name: _mean([place[other] for other in neighbours.get(name, ())], own[name]))  # noqa: B023


def _centre(at: int, layer: Sequence[str]) -> float:
    return at - (len(layer) - 1) / 2


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _width_of(name: str) -> int:
    return _VIRTUAL_WIDTH if "@" in name else _WIDTH


def _layer_width(layer: Sequence[str]) -> float:
    return sum(_width_of(name) for name in layer) + _GAP * (len(layer) - 1)


def _boxes(layer: Sequence[str], at: int, width: float) -> list[Box]:
    left, boxes = (width - _layer_width(layer)) / 2, []
    for name in layer:
        boxes.append(Box(name, left, at * _LAYER, _width_of(name), _HEIGHT))
        left += _width_of(name) + _GAP
    return boxes


def _points(way: Sequence[Box]) -> list[tuple[float, float]]:
    """Return the points of a line: below its first box, through the virtual ones, above its last box."""
    first, last = way[0], way[-1]
    points = [(first.x + first.width / 2, first.y + first.height)]
    for box in way[1:-1]:
        points += [(box.x + box.width / 2, box.y), (box.x + box.width / 2, box.y + box.height)]
    return [*points, (last.x + last.width / 2, last.y)]
