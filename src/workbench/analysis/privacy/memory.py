"""The memory of hidden cells: what an earlier report hid stays hidden until nothing in its table is small any more.

Two reports of one table differ by few customers. A count that is hidden in one and shown in the other would be known in
both, up to those few.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

__all__ = ["CellMemory", "active_memory", "remembering", "use_memory"]

_active: ContextVar[CellMemory | None] = ContextVar("hidden_cells", default=None)


@dataclass
class CellMemory:
    """Hidden cells of the tables of a stage, before this run and in it.

    Attributes
    ----------
    before : mapping of str to collection of str
        By the name of a table, its hidden cells by their labels.
    now : dict
        The same, of this run.
    """

    before: Mapping[str, Collection[str]] = field(default_factory=dict)
    now: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, text: str) -> CellMemory:
        """Restore the memory of an earlier run."""
        return cls(before=json.loads(text))

    def to_json(self) -> str:
        """Return what a later run needs: this run's tables, and earlier ones that it did not make."""
        return json.dumps({**self.before, **self.now}, ensure_ascii=False, sort_keys=True)

    def still_hidden(self, name: str, counts: pd.DataFrame, *, least: int) -> np.ndarray:
        """Return the cells of a table that earlier reports hid: all of them until each is at least twice ``least``.

        A reader who knows how many customers joined knows a count that is shown in one report, up to those few, in the
        reports before and after it as well. So the hidden cells of a table are shown again together or not at all.
        """
        before = self.before.get(name, {})
        earlier = np.array([[key in before for key in row] for row in _keys(counts)], dtype=bool).reshape(counts.shape)
        values = counts.to_numpy(dtype=float)
        return earlier if (values[earlier] < 2 * least).any() else np.zeros_like(earlier)

    def remember(self, name: str, counts: pd.DataFrame, hidden: np.ndarray) -> None:
        """Add the hidden cells of a table."""
        keys = _keys(counts)
        self.now[name] = sorted({*self.now.get(name, []), *(keys[row][column] for row, column in np.argwhere(hidden))})


@contextmanager
def remembering(memory: CellMemory) -> Iterator[CellMemory]:
    """Let every table that is suppressed in the block use a memory."""
    token = _active.set(memory)
    try:
        yield memory
    finally:
        _active.reset(token)


def active_memory() -> CellMemory | None:
    """Return the memory in use; None where there is none."""
    return _active.get()


def use_memory(memory: CellMemory | None) -> None:
    """Set the memory in use, until another is set."""
    _active.set(memory)


def _keys(counts: pd.DataFrame) -> list[list[str]]:
    return [[f"{row}\x1f{column}" for column in counts.columns] for row in counts.index]
