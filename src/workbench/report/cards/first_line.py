"""The first line of a card: how late the customer is, what they are worth, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.cards.urgency import timing_of
from workbench.report.numbers import show
from workbench.report.text import say

if TYPE_CHECKING:
    from workbench.analysis.cards.card import PortraitCard

__all__ = ["barred", "first_line"]

_MARKETING = "marketing"


def first_line(card: PortraitCard, language: str, currency: str) -> str:
    """Write what to do with a customer: "Late: 69 days, usually 16. Worth $68. Offer ...; channel: ...".

    Parameters
    ----------
    card : PortraitCard
    language, currency : str

    Returns
    -------
    str
        If the customer must not be contacted, the line says so; otherwise it names the lists of the customer and the
        offer. Without a declared strategy nothing is suggested.
    """
    action = barred(card, language) or f"{_lists(card, language)}{_action(card, language)}"
    parts = [_timing(card, language), _worth(card, language, currency), action.rstrip()]
    return ("" if language == "zh" else " ").join(part for part in parts if part)


def _timing(card: PortraitCard, language: str) -> str:
    gap = card.rhythm.get("gap_days_median")
    values = {"days": card.rhythm.get("recency_days"), "gap": None if gap is None else round(float(gap))}
    timing = timing_of(card)
    return say(f"portrait_card_timing_{'away_once' if timing == 'away' and gap is None else timing}", language, values)


def _worth(card: PortraitCard, language: str, currency: str) -> str:
    words = (
        ("expected_value", "estimate", "portrait_card_worth"),
        ("monetary_total", "money", "portrait_card_worth_spent"),
    )
    for name, kind, key in words:
        if card.value.get(name) is not None:
            return say(key, language, {"value": show(card.value[name], kind, language, currency)})
    return ""


def barred(card: PortraitCard, language: str) -> str:
    """Return why a customer must not be contacted, or should not while a plan is measured; empty if allowed."""
    refused = "refused" if card.consents.get(_MARKETING) is False else ""
    reason = refused if card.no_contact is None else card.no_contact
    if reason:
        return say(f"portrait_card_do_not_contact_{reason}", language)
    return _next_action(card, language) if card.next_action.get("arm") == "hold_out" else ""


def _lists(card: PortraitCard, language: str) -> str:
    """Name the lists that the customer is on, with the position in each."""
    blank = "" if language == "zh" else " "
    places = [{"list": name, "place": place, "n": n} for name, (place, n) in card.lists.items()]
    return "".join(say("portrait_card_on_list", language, place) + blank for place in places)


def _action(card: PortraitCard, language: str) -> str:
    if card.next_action:
        return _next_action(card, language)
    if not card.suggestions:
        return ""
    strategy = card.suggestions[0].strategy
    words = {name: getattr(getattr(strategy, name), language) for name in ("offer", "channel")}
    return say("portrait_card_do", language, words)


def _next_action(card: PortraitCard, language: str) -> str:
    """Return the planned action for the customer in words."""
    return say(f"portrait_card_plan_{card.next_action['arm']}", language, card.next_action)
