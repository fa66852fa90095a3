"""Names of the parts of a column that joins two or more of a file's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams

__all__ = ["is_shaped", "named_parts", "part_name"]


def is_shaped(source: SourceParams) -> bool:
    """Tell whether a source declares columns that its rows do not have as they stand."""
    return bool(source.constants or source.fill or source.skip_rows) or any(
        isinstance(theirs, list) for theirs in source.columns.values()
    )


def part_name(ours: str, at: int) -> str:
    """Return the name of a part while a file is read."""
    return f"_part{at}_{ours}"


def named_parts(columns: Mapping[str, Any]) -> Iterator[tuple[str, str | int]]:
    """Yield our name and the file's for each column to read; a joined column gives one pair per part."""
    for ours, theirs in columns.items():
        if isinstance(theirs, list):
            yield from ((part_name(ours, at), part) for at, part in enumerate(theirs))
        else:
            yield ours, theirs
