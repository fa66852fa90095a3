"""One spelling of a gender over all files: F, 女 and 女性 name one group, which portraits would count as three."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from workbench.intake.guessing.values.facts import GENDERS

if TYPE_CHECKING:
    from workbench.intake.guessing.kinds.guesses import Proposal

__all__ = ["gender_spellings"]

_GENDER = "gender"
_PLACE = {word: (at, which) for at, pair in enumerate(GENDERS) for which, word in enumerate(pair)}


def gender_spellings(proposal: Proposal) -> dict[str, dict[str, str]]:
    """Return the replacement for each spelling that most records do not use.

    Parameters
    ----------
    proposal : Proposal

    Returns
    -------
    dict
        Source to {spelling in the file: the one of the pair of words most records of all sources use}; only sources
        that have another. Numeric codes are left alone: the file does not say what 1 and 2 mean.
    """
    counts = {source.name: Counter(cell for cell in source.cells(_GENDER) if cell) for source in proposal.sources}
    usual = _usual_pair(sum(counts.values(), Counter()))
    meant = {
        name: {word: usual[_PLACE[word.lower()][1]] for word in sorted(own) if word.lower() in _PLACE}
        for name, own in counts.items()
    }
    changed = {name: {old: new for old, new in words.items() if old != new} for name, words in meant.items()}
    return {name: words for name, words in changed.items() if words}


def _usual_pair(counts: Counter[str]) -> tuple[str, ...]:
    """Return the two words most records use, in the case most of them are written in."""
    pairs: Counter[int] = Counter()
    for word, n in counts.items():
        if word.lower() in _PLACE:
            pairs[_PLACE[word.lower()][0]] += n
    if not pairs:
        return GENDERS[0]
    pair = GENDERS[max(sorted(pairs), key=pairs.__getitem__)]
    spelling = max((word for word in sorted(counts) if word.lower() in pair), key=counts.__getitem__)
    case = next(convert for convert in (str.lower, str.upper, str.title, str) if convert(spelling) == spelling)
    return case(pair[0]), case(pair[1])
