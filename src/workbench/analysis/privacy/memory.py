"""The memory of hidden cells: what an earlier report hid stays hidden until it has changed by a cell's least size.

Two reports of one table differ by few customers. A count that is hidden in one and shown in the other would be known in
both, up to those few.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

__all__ = ["CellMemory", "active_memory", "remembering", "use_memory"]

_active: ContextVar[CellMemory | None] = ContextVar("hidden_cells", default=None)
Cells = dict[str, float]  # count when the cell was hidden, by its labels


@dataclass
class CellMemory:
    """Hidden cells of the tables of a stage, before this run and in it.

    Attributes
    ----------
    before : mapping of str to mapping of str to float
        By the name of a table, the count of each hidden cell when it was last hidden for its own sake.
    now : dict
        The same, of this run.
    """

    before: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    now: dict[str, Cells] = field(default_factory=dict)

    @classmethod
    def from_json(cls, text: str) -> CellMemory:
        """Restore the memory of an earlier run."""
        return cls(before=json.loads(text))

    def to_json(self) -> str:
        """Return what a later run needs: this run's tables, and earlier ones that it did not make."""
        return json.dumps({**self.before, **self.now}, ensure_ascii=False, sort_keys=True)

    def still_hidden(self, name: str, counts: pd.DataFrame, *, least: int) -> np.ndarray:
        """Return the cells of a table that were hidden and have not changed by ``least`` since."""
        before = self.before.get(name, {})
        keys = _keys(counts)
        earlier = np.array([[before.get(key, np.nan) for key in row] for row in keys], dtype=float)
        earlier = earlier.reshape(counts.shape)
        with np.errstate(invalid="ignore"):
            return np.abs(counts.to_numpy(dtype=float) - earlier) < least

    def remember(self, name: str, counts: pd.DataFrame, hidden: np.ndarray, kept: np.ndarray) -> None:
        """Add the hidden cells of a table; those that were hidden before keep the count they had then."""
        before, keys = self.before.get(name, {}), _keys(counts)
        values = counts.to_numpy(dtype=float)
        cells = {
            keys[row][column]: before[keys[row][column]] if kept[row, column] else float(values[row, column])
            for row, column in np.argwhere(hidden)
        }
        self.now[name] = {**self.now.get(name, {}), **cells}


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
