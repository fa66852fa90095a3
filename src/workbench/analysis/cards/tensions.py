"""Statements on a card that seem to contradict each other; the card explains them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.analysis.cards.card import PortraitCard

__all__ = ["tensions_of"]

OVERDUE = frozenset({"at_risk", "dormant", "lost"})  # life-cycle stages, by the days since the last purchase
KEEP_LIST = "keep_list"


def tensions_of(card: PortraitCard) -> tuple[str, ...]:
    """List the seeming contradictions on a card.

    Parameters
    ----------
    card : PortraitCard

    Returns
    -------
    tuple of str
        ``stage`` (overdue by the days since the last purchase but predicted to stay, or the reverse), ``risk`` (high
        churn risk but likely retention, which have different sources, or the reverse), ``keep_list`` (on the list for
        the expected value, despite a low risk).
    """
    tags = {tag.tag: tag.value for tag in card.tags if not tag.expired}
    risk, retention = tags.get("churn_risk"), tags.get("retention")
    overdue = card.life_cycle_stage in OVERDUE
    stays, leaves = risk == "low" or retention == "likely", risk == "high" or retention == "unlikely"
    conflicts = {
        "stage": (overdue and stays) or (card.life_cycle_stage is not None and not overdue and leaves),
        "risk": (risk == "high" and retention == "likely") or (risk == "low" and retention == "unlikely"),
        "keep_list": KEEP_LIST in card.lists and risk == "low",
    }
    return tuple(name for name, holds in conflicts.items() if holds)
