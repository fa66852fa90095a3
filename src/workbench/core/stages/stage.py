"""The declaration of a stage: its question, parameters, and the tables and parameters it reads and writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.core.schema import CANONICAL

if TYPE_CHECKING:
    from workbench.core.schema import Table
    from workbench.core.section import Section

__all__ = ["IDENTITIES", "Stage"]

IDENTITIES = "identities"  # the store joins this table to every table with a customer id


@dataclass(frozen=True)
class Stage:
    """The declaration of a stage.

    Attributes
    ----------
    name : str
        Stem of the notebook; also the name of the YAML section, the report section and the tracked run.
    question : dict of str
        The question that the stage answers, by language (en, zh).
    parameters : type of Section
        Parameters of the stage.
    tables : tuple of Table
        The tables that only this stage writes.
    reads : tuple of str
        Tables that are used if they exist.
    needs : tuple of tuple of str
        Required tables, or columns as table.column: one of each group must exist.
    unlocks : dict of str
        The result of the stage by language, for the message that a required table is missing.
    borrows : tuple of str
        Parameters of other sections that the stage reads, as section.key; reading any other is an error.
    inputs : tuple of str
        Other inputs on which the result depends, by their names in `workbench.run.keys.inputs`.
    checks : tuple of str
        Checks of the profile before a notebook starts, by their names in `workbench.run.keys.checks`.
    hands_over : str
        Private file written for a later stage, which deletes it: ``people``.
    takes : str
        Private file that the stage uses and deletes.
    asked_by : str
        Parameter that requests work from the stage; if it is empty in a profile, the stage is skipped.
    """

    name: str
    question: dict[str, str]
    parameters: type[Section]
    tables: tuple[Table, ...] = ()
    reads: tuple[str, ...] = ()
    needs: tuple[tuple[str, ...], ...] = ()
    unlocks: dict[str, str] | None = None
    borrows: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    hands_over: str = ""
    takes: str = ""
    asked_by: str = ""

    @property
    def writes(self) -> tuple[str, ...]:
        """The names of the tables that only this stage writes."""
        return tuple(table.name for table in self.tables)

    @property
    def depends_on(self) -> set[str]:
        """The tables on which the result depends: those it reads, and the identities joined to them."""
        needed = {name.removeprefix("sources.").split(".")[0] for group in self.needs for name in group}
        tables = {*self.reads, *needed}
        joined = {IDENTITIES} if tables & set(CANONICAL) and IDENTITIES not in self.writes else set()
        return tables | joined

    def written(self) -> dict[str, Table]:
        """Return the tables of the stage by name, with this stage as writer."""
        return {table.name: replace(table, writer=self.name) for table in self.tables}

    def idle(self, section: Section) -> dict[str, str] | None:
        """Return why the stage has nothing to do with these parameters, by language; None if it has work."""
        if not self.asked_by or getattr(section, self.asked_by):
            return None
        unlocks = self.unlocks or {"en": "", "zh": ""}
        return {
            "en": f"{self.name}.{self.asked_by} names none; it would unlock {unlocks['en']}",
            "zh": f"{self.name}.{self.asked_by} 未列出任何项；列出后可得到：{unlocks['zh']}",
        }

    def lacks(self, present: set[str]) -> tuple[str, ...] | None:
        """Return the first group of ``needs`` of which no table or column is present, or None."""
        return next((group for group in self.needs if not set(group) & present), None)
