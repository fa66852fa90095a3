"""The tags of a card as chips: what a reader has not been told yet comes first, so that paper shows what matters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

from workbench.core.schema import UNDATED
from workbench.report.text import note_text, say

if TYPE_CHECKING:
    from workbench.analysis.cards.card import CardTag, PortraitCard

__all__ = ["MOST_PRINTED", "chips", "useful_first"]

MOST_PRINTED = 24  # chips that fit on an A5 page beside everything else
_MARKS = {"fact": "●", "rule": "◆", "predicted": "◇"}  # shape and word tell what made a tag
_KINDS = ("predicted", "fact", "rule")


def useful_first(tags: Sequence[CardTag], *, told: Sequence[str] = ()) -> list[CardTag]:
    """Order tags by what they add: living before expired, untold before told, a first word on an item before a second.

    Parameters
    ----------
    tags : sequence of CardTag
    told : sequence of str
        Ids of tags that the card's sentence says already.

    Returns
    -------
    list of CardTag
        Among equals predictions before facts before rules, then in the order given.
    """
    seen: set[str] = set()
    ranked = []
    for at, tag in enumerate(sorted(tags, key=lambda entry: (entry.expired, entry.tag in told))):
        rank = (tag.expired, tag.tag in told, tag.item in seen, _KINDS.index(tag.kind), at)
        ranked.append((rank, tag))
        seen.add(tag.item)
    return [tag for _, tag in sorted(ranked, key=lambda entry: entry[0])]


def chips(card: PortraitCard, language: str) -> list[dict[str, object]]:
    """Say the tags of a card, most useful first.

    Returns
    -------
    list of dict
        name, value, mark, kind, word, expired, source, printed (False for those left out on paper).
    """
    ordered = useful_first(card.tags, told=card.sentence)
    return [_chip(entry, language) | {"printed": at < MOST_PRINTED} for at, entry in enumerate(ordered)]


def _chip(tag: CardTag, language: str) -> dict[str, object]:
    until = _on("portrait_card_until", language, tag.expires_at)
    as_of = _on("portrait_card_as_of", language, tag.as_of if tag.as_of != UNDATED else None)
    since = _on("portrait_card_since", language, tag.since) if tag.since != tag.as_of else ""
    word = _on("portrait_card_expired" if tag.expired else f"portrait_card_kind_{tag.kind}", language)
    source = " · ".join(part for part in (tag.evidence, as_of, since, until) if part)
    return {
        "name": tag.name[language], "value": tag.value_name[language], "mark": _MARKS[tag.kind], "kind": tag.kind,
        "word": word, "expired": tag.expired, "source": source,
    }  # fmt: skip


def _on(key: str, language: str, on: date | str | None = "") -> str:
    """Say a text about a date; nothing where there is no date."""
    if on is None:
        return ""
    note_text(key)
    return _kept(key, language, on)


@lru_cache(maxsize=4096)
def _kept(key: str, language: str, on: date | str) -> str:
    """Keep what was said: thousands of tags share a few dates."""
    return say(key, language, {"on": on} if on else {})
