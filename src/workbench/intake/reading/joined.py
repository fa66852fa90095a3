"""Names of the parts of a column that is joined from several source columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams

__all__ = ["is_shaped", "named_parts", "part_name"]


def is_shaped(source: SourceParams) -> bool:
    """Return whether a source declares columns that are not read directly from its rows."""
    return bool(source.constants or source.fill or source.skip_rows) or any(
        isinstance(source_column, list) for source_column in source.columns.values()
    )


def part_name(our_column: str, at: int) -> str:
    """Return the name of a part while a file is read."""
    return f"_part{at}_{our_column}"


def named_parts(columns: Mapping[str, Any]) -> Iterator[tuple[str, str | int]]:
    """Yield (our column, source column) for each column to read; a joined column gives one pair per part."""
    for our_column, source_column in columns.items():
        if isinstance(source_column, list):
            yield from ((part_name(our_column, at), part) for at, part in enumerate(source_column))
        else:
            yield our_column, source_column
