"""In which order should customers be contacted? The highest expected loss first, customers who have left last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.analysis.rfm.tables import LATE_TIMES

if TYPE_CHECKING:
    from workbench.analysis.cards.card import PortraitCard

__all__ = ["by_urgency", "timing_of"]

LEFT = "lost"


def timing_of(card: PortraitCard) -> str:
    """Classify the time since the last purchase by the customer's usual gap.

    Parameters
    ----------
    card : PortraitCard

    Returns
    -------
    str
        ``none`` without a purchase, ``away`` for customers who have left, ``once`` without a usual gap, ``late`` after
        more than two usual gaps, ``due`` after more than one, else ``in_time``.
    """
    if card.rhythm.get("recency_days") is None:
        return "none"
    if card.life_cycle_stage == LEFT:
        return "away"
    ratio = card.rhythm.get("ratio")
    if ratio is None:
        return "once"
    return "late" if ratio > LATE_TIMES else "due" if ratio > 1 else "in_time"


def by_urgency(cards: Iterable[PortraitCard]) -> list[PortraitCard]:
    """Sort cards by urgency: chance of leaving x expected value, the largest first.

    Parameters
    ----------
    cards : iterable of PortraitCard

    Returns
    -------
    list of PortraitCard
        Customers without an estimate follow those with one, sorted by lateness; then come customers who have left, and
        last those who refused profiling. Ties by customer_id.
    """
    return sorted(cards, key=_rank)


def _rank(card: PortraitCard) -> tuple[bool, bool, float, float, str]:
    risk, value = card.risk.get("churn_probability"), card.value.get("expected_value")
    loss = float(risk) * float(value) if risk is not None and value is not None else -1.0
    return card.opted_out, card.life_cycle_stage == LEFT, -loss, -_number(card.rhythm, "ratio"), card.customer_id


def _number(values: Mapping[str, Any], name: str) -> float:
    value = values.get(name)
    return -1.0 if value is None else float(value)
