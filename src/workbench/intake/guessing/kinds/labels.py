"""The column of a customers file that says who left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.intake.guessing.headers.names import name_score, synonyms_of
from workbench.intake.guessing.headers.parts import parts_in
from workbench.intake.guessing.headers.reasons import Reason
from workbench.intake.guessing.headers.words import value_words
from workbench.intake.guessing.kinds.guesses import Mapped

if TYPE_CHECKING:
    from workbench.intake.guessing.kinds.guesses import SourceGuess
    from workbench.intake.guessing.values.facts import Facts

__all__ = ["find_label", "label_formats"]

_NAMED = 0.9  # least name score of a label, among columns of two values


def find_label(source: SourceGuess, facts: list[Facts]) -> Mapped | None:
    """Return the column that says who left: one with two values and a name that means leaving.

    Parameters
    ----------
    source : SourceGuess
        A source of customers; its label is among the columns it does not map.
    facts : list of Facts
    """
    mapped = {str(column.theirs) for column in source.columns}
    for at, name in enumerate(source.sample.names):
        own = facts[at]
        if own.distinct != 2 or name in mapped or not source.sample.header:  # noqa: PLR2004
            continue
        values = " / ".join(own.values)
        if own.fits("flag", 1.0) and _means_leaving(name):
            doubts = (Reason("label_event", {"values": values}),)
            return Mapped("label", name, (Reason("name"), Reason("two_values")), doubts)
        left = _left_of(own.values)
        if left and (_means_leaving(name) or "status" in parts_in(name)):
            doubts = (Reason("label_status", {"left": left, "values": values}),)
            return Mapped("label", name, (Reason("name"), Reason("two_values")), doubts)
    return None


def label_formats(label: Mapped, facts: Facts) -> dict[str, Any]:
    """Return the formats that say which value means the event, where it is no plain yes or no."""
    return {} if facts.fits("flag", 1.0) else {"means_yes": {"label": [_left_of(facts.values)]}}


def _means_leaving(name: str) -> bool:
    return "churn" in parts_in(name) and name_score(name, synonyms_of("labels")["label"]) >= _NAMED


def _left_of(values: tuple[str, ...]) -> str | None:
    """Return the one of two values that says a customer has left."""
    matches = [value for value in values if value.strip().lower() in value_words("left")]
    return matches[0] if len(matches) == 1 else None
