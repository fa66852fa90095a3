"""Guesses about files: a line of a mapping, a source, a whole profile, each with its reasons and doubts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.intake.guessing.headers.reasons import Reason
    from workbench.intake.guessing.samples import Sample

__all__ = ["LeftOut", "Mapped", "Proposal", "SourceGuess"]


@dataclass(frozen=True)
class Mapped:
    """A line of a mapping: our name, the file's (positions without a header, two where joined), reasons and doubts."""

    ours: str
    theirs: str | int | tuple[str | int, ...]
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
    key_doubts : dict of str to list of Reason
        On one key of the source, such as encoding, formats or rules.
    rules : dict of str to str
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
    key_doubts: dict[str, list[Reason]] = field(default_factory=dict)
    rules: dict[str, str] = field(default_factory=dict)

    def cells(self, ours: str) -> list[str]:
        """Return the cells of a mapped column."""
        theirs = next((mapped.theirs for mapped in self.columns if mapped.ours == ours), None)
        if theirs is None or isinstance(theirs, tuple):
            return []
        return self.sample.columns[self.sample.names.index(str(theirs))]

    def maps(self, *ours: str) -> bool:
        """Tell whether any of these columns is mapped."""
        return bool(set(ours) & {mapped.ours for mapped in self.columns})


@dataclass(frozen=True)
class LeftOut:
    """A file or sheet that feeds no table, and why."""

    path: str
    sheet: str
    records: int
    reason: Reason


@dataclass(frozen=True)
class Proposal:
    """The sources of a profile, its language, the name of its label, and the files and sheets left out."""

    sources: list[SourceGuess]
    language: str
    label: str | None = None
    left_out: list[LeftOut] = field(default_factory=list)
