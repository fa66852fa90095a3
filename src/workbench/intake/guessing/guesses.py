"""Guesses about files: a line of a mapping, a source, a whole profile, each with its reasons and doubts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.intake.guessing.reasons import Reason
    from workbench.intake.guessing.samples import Sample

__all__ = ["Mapped", "Proposal", "SourceGuess"]


@dataclass(frozen=True)
class Mapped:
    """A line of a mapping: our name, the file's (a position without a header), reasons and doubts."""

    ours: str
    theirs: str | int
    reasons: tuple[Reason, ...] = ()
    doubts: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class SourceGuess:
    """A proposed source.

    Attributes
    ----------
    name, path, table : str
    settings : dict
        Keys needed to read the file.
    columns, attributes : list of Mapped
    unread : list of Mapped
        Columns that are not read, and why.
    formats : dict
        dates, decimals, currency, time_zone, units.
    people : str or None
    reasons, doubts : list of Reason
        On the source as a whole.
    sample : Sample
    """

    name: str
    path: str
    table: str
    settings: dict[str, Any]
    columns: list[Mapped]
    attributes: list[Mapped]
    unread: list[Mapped]
    formats: dict[str, Any]
    reasons: list[Reason]
    doubts: list[Reason]
    sample: Sample = field(repr=False)
    people: str | None = None

    def cells(self, ours: str) -> list[str]:
        """Return the cells of a mapped column."""
        theirs = next((mapped.theirs for mapped in self.columns if mapped.ours == ours), None)
        return [] if theirs is None else self.sample.columns[self.sample.names.index(str(theirs))]


@dataclass(frozen=True)
class Proposal:
    """The sources of a profile, its language, and the name of its label where it has one."""

    sources: list[SourceGuess]
    language: str
    label: str | None = None
