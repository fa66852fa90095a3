"""A doctor check and its result."""

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
    """The result of one doctor check: the part, whether it passed, and the command that fixes it.

    Attributes
    ----------
    part : str
        The part that was checked; its name is the text ``doctor_part_<part>``.
    key : str
        The key of the text that describes the result.
    values : mapping
        Values for that text.
    command : str
        The command that fixes a failed check; empty if the check passed.
    repair : callable or None
        Fixes it without asking; only where that is safe.
    """

    part: str
    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    repair: Repair | None = None

    @property
    def ok(self) -> bool:
        """Whether the check passed."""
        return not self.command

    def name(self, language: str) -> str:
        """Return the name of the part in a language."""
        return say(f"doctor_part_{self.part}", language)

    def text(self, language: str) -> str:
        """Return the description of the result in a language."""
        plain = {name: visible(value) if isinstance(value, str) else value for name, value in self.values.items()}
        return say(self.key, language, plain)


def sound(part: str, key: str, **values: Any) -> Line:
    """Return a passed check."""
    return Line(part, key, values)


def to_fix(part: str, key: str, command: str, repair: Repair | None = None, **values: Any) -> Line:
    """Return a failed check with the command that fixes it."""
    return Line(part, key, values, command, repair)
