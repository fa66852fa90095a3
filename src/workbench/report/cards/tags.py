"""The tags of a card as chips, most informative first, since not all fit on a printed card."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

from workbench.core.schema import UNDATED
from workbench.report.text import note_text, say

if TYPE_CHECKING:
    from workbench.analysis.cards.card import CardTag, PortraitCard

__all__ = ["MOST_OPEN", "MOST_PRINTED", "chips", "useful_first"]

MOST_OPEN = 5  # chips before the fold
MOST_PRINTED = 24  # chips that fit on an A5 page with the rest of the card
_KINDS = ("predicted", "fact", "rule")


def useful_first(tags: Sequence[CardTag], *, mentioned: Sequence[str] = ()) -> list[CardTag]:
    """Sort tags: valid before expired, unmentioned before mentioned, the first tag of an item before its others.

    Parameters
    ----------
    tags : sequence of CardTag
    mentioned : sequence of str
        Ids of tags in the card's sentence.

    Returns
    -------
    list of CardTag
        Ties: predictions, then facts, then rules, then the original order.
    """
    seen: set[str] = set()
    ranked = []
    for at, tag in enumerate(sorted(tags, key=lambda entry: (entry.expired, entry.tag in mentioned))):
        rank = (tag.expired, tag.tag in mentioned, tag.item in seen, _KINDS.index(tag.kind), at)
        ranked.append((rank, tag))
        seen.add(tag.item)
    return [tag for _, tag in sorted(ranked, key=lambda entry: entry[0])]


def chips(card: PortraitCard, language: str) -> list[dict[str, object]]:
    """Return the tags of a card as texts, most useful first.

    Returns
    -------
    list of dict
        name, value, kind, word, expired, source.
    """
    ordered = useful_first(card.tags, mentioned=card.sentence)
    return [_chip(entry, language, card.as_of) for entry in ordered]


def _chip(tag: CardTag, language: str, card_as_of: date) -> dict[str, object]:
    """Return the texts of a tag; the date only if it differs from that of the card."""
    until = _on("portrait_card_until", language, tag.expires_at)
    as_of = _on("portrait_card_as_of", language, tag.as_of if tag.as_of not in (UNDATED, card_as_of) else None)
    since = _on("portrait_card_since", language, tag.since) if tag.since != tag.as_of else ""
    word = _on("portrait_card_expired" if tag.expired else f"portrait_card_kind_{tag.kind}", language)
    source = " · ".join(part for part in (tag.evidence, as_of, since, until) if part)
    return {
        "name": tag.name[language], "value": tag.value_name[language], "kind": tag.kind,
        "word": word, "expired": tag.expired, "source": source,
    }  # fmt: skip


def _on(key: str, language: str, on: date | str | None = "") -> str:
    """Fill a text with a date; empty without a date."""
    if on is None:
        return ""
    note_text(key)
    return _kept(key, language, on)


@lru_cache(maxsize=4096)
def _kept(key: str, language: str, on: date | str) -> str:
    """Cache filled texts: thousands of tags share a few dates."""
    return say(key, language, {"on": on} if on else {})
