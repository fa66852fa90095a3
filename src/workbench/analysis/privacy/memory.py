"""Memory of hidden cells: cells hidden in an earlier report stay hidden until all of them are large enough.

Two reports of the same table differ by few customers. A count that is hidden in one report and shown in the other
could be derived for both, up to those few customers.
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
    """Hidden cells of the tables of a stage, in earlier runs and in this run.

    Attributes
    ----------
    before : mapping of str to collection of str
        Table name to labels of the cells that earlier runs hid.
    now : dict
        Table name to labels of the cells that this run hid.
    """

    before: Mapping[str, Collection[str]] = field(default_factory=dict)
    now: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, text: str) -> CellMemory:
        """Restore the memory of an earlier run."""
        return cls(before=json.loads(text))

    def to_json(self) -> str:
        """Return the memory for a later run: tables of this run, and earlier tables that this run did not make."""
        return json.dumps({**self.before, **self.now}, ensure_ascii=False, sort_keys=True)

    def still_hidden(self, name: str, counts: pd.DataFrame, *, least: int) -> np.ndarray:
        """Return the cells of a table that must stay hidden: all cells hidden before, until each is twice ``least``.

        A count shown in one report reveals the same count in the reports before and after it, up to the few customers
        who joined or left. So the hidden cells of a table are shown again all together or not at all.
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
    """Use a memory for all suppressions within the ``with`` block."""
    token = _active.set(memory)
    try:
        yield memory
    finally:
        _active.reset(token)


def active_memory() -> CellMemory | None:
    """Return the memory in use, or None."""
    return _active.get()


def use_memory(memory: CellMemory | None) -> None:
    """Set the memory in use, until another is set."""
    _active.set(memory)


def _keys(counts: pd.DataFrame) -> list[list[str]]:
    return [[f"{row}\x1f{column}" for column in counts.columns] for row in counts.index]
