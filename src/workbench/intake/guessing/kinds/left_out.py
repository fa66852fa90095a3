"""Which files and sheets are no tables of their own: dictionaries, pivots, notes, lists of staff, returned orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.intake.guessing.headers.parts import parts_in, without_accents
from workbench.intake.guessing.headers.reasons import Reason
from workbench.intake.guessing.headers.words import value_words
from workbench.intake.guessing.kinds.fitting import is_date

if TYPE_CHECKING:
    from workbench.intake.guessing.kinds.tables import TableGuess
    from workbench.intake.guessing.samples import Sample
    from workbench.intake.guessing.values.facts import Facts

__all__ = ["why_no_table"]

_FEW_ROWS, _FEW_COLUMNS = 60, 4


def why_no_table(sample: Sample, facts: list[Facts], guess: TableGuess) -> Reason | None:
    """Return why a sheet feeds no table; None where it may.

    Parameters
    ----------
    sample : Sample
    facts : list of Facts
    guess : TableGuess
        The table it would feed.
    """
    if _is_pivot(sample):
        return Reason("sheet_pivot")
    staff = [name for name in sample.names if "owner" in parts_in(name)]
    named = any(match.ours.endswith("_id") for match in guess.matches.values())
    dated = any(is_date(values) for values in facts)
    if staff and not named and not dated:
        return Reason("sheet_staff", {"names": ", ".join(staff)})
    texts = sum(not values.is_number and values.filled > 0 for values in facts)
    few = sample.records <= _FEW_ROWS and len(sample.names) <= _FEW_COLUMNS
    if not dated and few and texts >= len(facts) - 1 and not _has_people(guess) and not _has_ids(guess, facts):
        return Reason("sheet_texts", {"records": sample.records})
    return None


def _is_pivot(sample: Sample) -> bool:
    """Tell whether the last row is a total below labels."""
    if not sample.columns or not sample.records:
        return True
    last = without_accents(sample.columns[0][-1])
    return last in value_words("total_line") and len(sample.names) <= 2 * _FEW_COLUMNS and sample.records <= _FEW_ROWS


def _has_people(guess: TableGuess) -> bool:
    return bool({"phone", "email", "gender", "birth_date", "age"} & set(guess.matches))


def _has_ids(guess: TableGuess, facts: list[Facts]) -> bool:
    named = [match.at for ours, match in guess.matches.items() if ours.endswith("_id")]
    return any(facts[at].unique and facts[at].full and not facts[at].fits("person") for at in named)
