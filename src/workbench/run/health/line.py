"""One line of the doctor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.report.text import say
from workbench.run.flows.progress import visible

__all__ = ["PARTS", "Line", "sound", "to_fix"]

PARTS = (
    "python", "packages", "font", "browser", "disk", "memory", "clock", "port_lab", "port_ui", "modes", "vault",
    "audit", "orphans", "lock", "tracking", "sources", "schedule", "hooks",
)  # fmt: skip

Repair = Callable[[], object]


@dataclass(frozen=True)
class Line:
    """One line: a part, whether it is sound, and by which command it is fixed.

    Attributes
    ----------
    part : str
        What was examined; the text ``doctor_part_<part>`` names it.
    key : str
        What was found: a key of the texts.
    values : mapping
        For that text.
    command : str
        What fixes it; empty: it is sound.
    repair : callable or None
        Fixes it without asking, where that is safe.
    """

    part: str
    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    repair: Repair | None = None

    @property
    def ok(self) -> bool:
        """Whether it is sound."""
        return not self.command

    def name(self, language: str) -> str:
        """Return the part in words."""
        return say(f"doctor_part_{self.part}", language)

    def text(self, language: str) -> str:
        """Return what was found in words."""
        plain = {name: visible(value) if isinstance(value, str) else value for name, value in self.values.items()}
        return say(self.key, language, plain)


def sound(part: str, key: str, **values: Any) -> Line:
    """Return a line for a part that is sound."""
    return Line(part, key, values)


def to_fix(part: str, key: str, command: str, repair: Repair | None = None, **values: Any) -> Line:
    """Return a line for a part that a command fixes."""
    return Line(part, key, values, command, repair)
