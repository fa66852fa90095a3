"""Progress in plain lines: stage x of y, rows, elapsed time, and an estimate from the last run."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from workbench.run.terminal.guarding import visible

__all__ = ["Progress", "clock"]

_HEARTBEAT_SECONDS = 30.0


class Progress:
    """Writes one line when a stage starts and one when it ends; needs no terminal.

    Parameters
    ----------
    stages : list of str
    expected : mapping of str to float
        Seconds each stage took in the last run.
    stream : file, optional
    """

    def __init__(self, stages: list[str], expected: Mapping[str, float], stream: TextIO | None = None):
        self.stages = stages
        self.expected = dict(expected)
        self.stream = stream or sys.stderr
        self.begun = time.monotonic()

    def say(self, text: str) -> None:
        """Write one line."""
        print(visible(text), file=self.stream, flush=True)

    @contextmanager
    def stage(self, stage: str) -> Iterator[None]:
        """Announce a stage, and report every half minute that it is still running."""
        at = self.stages.index(stage) + 1
        last = f", {clock(self.expected[stage])} last time" if stage in self.expected else ""
        self.say(f"[{at}/{len(self.stages)}] {stage} ... {clock(self.elapsed())} elapsed{self._left(at)}{last}")
        finished = threading.Event()
        heart = threading.Thread(target=self._beat, args=(stage, at, finished), daemon=True)
        heart.start()
        try:
            yield
        finally:
            finished.set()
            heart.join()

    def ended(self, stage: str, summary: Mapping[str, Any]) -> None:
        """Write a line on how a stage ended and the rows it wrote."""
        at = self.stages.index(stage) + 1
        rows = ", ".join(f"{name} {table['rows']:,} rows" for name, table in summary.get("tables", {}).items())
        outcome = summary["status"]
        if summary.get("reused_from"):
            outcome = "unchanged, reused"
        elif outcome == "skipped":
            outcome = f"skipped: {summary['skipped_because']['en']}"
        else:
            outcome = f"{outcome} in {clock(summary['seconds'])}"
        self.say(f"[{at}/{len(self.stages)}] {stage} {outcome}" + (f" · {rows}" if rows else ""))

    def elapsed(self) -> float:
        """Return the seconds since the flow began."""
        return time.monotonic() - self.begun

    def _left(self, at: int) -> str:
        remaining = self.stages[at - 1 :]
        if not all(stage in self.expected for stage in remaining):
            return ""
        return f", about {clock(sum(self.expected[stage] for stage in remaining))} left"

    def _beat(self, stage: str, at: int, finished: threading.Event) -> None:
        begun = time.monotonic()
        while not finished.wait(_HEARTBEAT_SECONDS):
            elapsed = clock(time.monotonic() - begun)
            self.say(f"[{at}/{len(self.stages)}] {stage} still running, {elapsed} in this stage")


def clock(seconds: float) -> str:
    """Write seconds as m:ss, or with one decimal below ten.

    Examples
    --------
    >>> clock(4.21), clock(75), clock(3700)
    ('4.2 s', '1:15', '1:01:40')
    """
    if seconds < 10:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    minutes, remainder = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{remainder:02}" if hours else f"{minutes}:{remainder:02}"
