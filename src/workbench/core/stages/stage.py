"""What a stage declares: its question, what it reads, needs, borrows and writes, its parameters."""

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
        The notebook's stem; also the YAML section, the report section and the tracked run.
    question : dict of str
        The question it answers, by language (en, zh).
    parameters : type of Section
        Its own parameters.
    tables : tuple of Table
        The tables that only this stage writes.
    reads : tuple of str
        Tables it uses if they exist.
    needs : tuple of tuple of str
        Required tables, or columns as table.column: one of each group must exist.
    unlocks : dict of str
        The result of the stage, for the message that a table is missing, by language.
    borrows : tuple of str
        Parameters of other sections that it reads, as section.key. Reading any other raises.
    inputs : tuple of str
        Other inputs it depends on, by their names in `workbench.run.keys.inputs`.
    checks : tuple of str
        Checks of the profile before any kernel starts, by their names in `workbench.run.keys.checks`.
    hands_over : str
        The private file it leaves for a later stage, which removes it: ``people``.
    takes : str
        The private file it uses and removes.
    asked_by : str
        The parameter of its own that says what it is to do; a profile that leaves it empty skips the stage.
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
        """The tables its result depends on: those it reads, and the identities the store joins to them."""
        needed = {name.removeprefix("sources.").split(".")[0] for group in self.needs for name in group}
        tables = {*self.reads, *needed}
        joined = {IDENTITIES} if tables & set(CANONICAL) and IDENTITIES not in self.writes else set()
        return tables | joined

    def written(self) -> dict[str, Table]:
        """Return its tables by name, each naming this stage as its writer."""
        return {table.name: replace(table, writer=self.name) for table in self.tables}

    def idle(self, section: Section) -> dict[str, str] | None:
        """Return why there is nothing to do for a profile with this section, by language; None if there is."""
        if not self.asked_by or getattr(section, self.asked_by):
            return None
        unlocks = self.unlocks or {"en": "", "zh": ""}
        return {
            "en": f"{self.name}.{self.asked_by} names none; it would unlock {unlocks['en']}",
            "zh": f"{self.name}.{self.asked_by} 未列出任何项；列出后可得到：{unlocks['zh']}",
        }

    def lacks(self, present: set[str]) -> tuple[str, ...] | None:
        """Return the first group without any present table or table.column, or None."""
        return next((group for group in self.needs if not set(group) & present), None)
