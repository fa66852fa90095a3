"""Score how well a file column fits one of our columns, by its name and its values together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.core.schema import columns_of
from workbench.intake.guessing.names import name_score, synonyms_of
from workbench.intake.guessing.reasons import Reason

if TYPE_CHECKING:
    from workbench.intake.guessing.facts import Facts

__all__ = ["ENOUGH", "Match", "assign", "is_code", "is_date"]

ENOUGH = 0.8  # least score of a mapped column
_BY_VALUES, _PLAUSIBLE, _NOT_THIS, _IMPOSSIBLE = 0.85, 0.1, -0.6, -3.0
_NAMED = 0.91  # least name score for which the name alone is a reason
# our column: the pattern that recognises its values
_PATTERN_OF = {
    "email": "email", "phone": "phone", "document_id": "document", "name": "person", "province": "province",
    "city": "city", "gender": "gender", "marital_status": "marital", "education": "education", "country": "country",
    "currency": "currency",
}  # fmt: skip
_EXCLUSIVE = ("email", "phone", "document", "person", "province", "gender")
_WEAK = ("country", "currency", "marital", "education", "city", "gender")  # not by values alone
_ONE_ROW_PER = {
    "customers": "customer_id",
    "products": "product_id",
    "accounts": "account_id",
    "contacts": "contact_id",
}
_LONG_TEXT, _ID_LENGTH = 60, 40
_AGES, _MOST_RATING = (0, 120), 100


@dataclass(frozen=True)
class Match:
    """A file column matched to one of our columns.

    Attributes
    ----------
    ours : str
    at : int
        Position of the file column, from 0.
    score : float
    reasons, doubts : tuple of Reason
    """

    ours: str
    at: int
    score: float
    reasons: tuple[Reason, ...]
    doubts: tuple[Reason, ...] = ()


def assign(table: str, names: list[str], facts: list[Facts], *, header: bool) -> dict[str, Match]:
    """Map the columns of a file to those of a table, the best fit first, each once.

    Parameters
    ----------
    table : str
        A canonical table.
    names : list of str
        Names of the file's columns; ignored without a header.
    facts : list of Facts
        Facts of the file's columns.
    header : bool

    Returns
    -------
    dict of str to Match
        Our column: the match, with a score of `ENOUGH` at least.
    """
    kinds = columns_of(table, contact=True, neighbours=True)
    synonyms = synonyms_of(table)
    fits = [
        match
        for ours in kinds
        for at, name in enumerate(names)
        if (match := _fit(table, ours, at, facts[at], named=name_score(name, synonyms[ours]) if header else 0.0)).score
        >= ENOUGH
    ]
    order = {ours: place for place, ours in enumerate(kinds)}
    fits.sort(key=lambda match: (-match.score, order[match.ours], match.at))
    matches: dict[str, Match] = {}
    for match in fits:
        if match.ours not in matches and all(match.at != other.at for other in matches.values()):
            rivals = [names[other.at] for other in fits if other.ours == match.ours and other.at != match.at]
            doubts = (
                (*match.doubts, Reason("rivals", {"names": ", ".join(rivals)})) if rivals and header else match.doubts
            )
            matches[match.ours] = Match(match.ours, match.at, match.score, match.reasons, doubts)
    return matches


def _fit(table: str, ours: str, at: int, facts: Facts, *, named: float) -> Match:
    kind = columns_of(table, contact=True, neighbours=True)[ours]
    reasons, doubts = [], []
    if named >= _NAMED:
        reasons.append(Reason("name"))
    elif named:
        reasons.append(Reason("name_partly"))
    score = named + _PLAUSIBLE if _is_possible(table, ours, kind, facts) else _IMPOSSIBLE
    pattern = _PATTERN_OF.get(ours)
    if pattern and facts.fits(pattern) and (named or pattern not in _WEAK):
        score = max(score, named) + _BY_VALUES
        reasons.append(Reason(f"values_{pattern}"))
        if not named:
            doubts.append(Reason("values_alone"))
    elif any(facts.fits(other) for other in _EXCLUSIVE if other != pattern):
        score += _NOT_THIS
    if named and facts.filled < facts.rows:
        doubts.append(Reason("blank", {"blank": facts.rows - facts.filled, "rows": facts.rows}))
    return Match(ours, at, score, tuple(reasons), tuple(doubts))


def is_date(facts: Facts) -> bool:
    """Tell whether the values are certainly dates: more than a year or a serial number."""
    return facts.dates is not None and facts.dates.kind not in ("year", "serial")


def is_code(facts: Facts) -> bool:
    """Tell whether the values could name something: short, without decimals, no dates."""
    cents = facts.fits("cents") and not facts.fits("point_zero")
    dated = facts.dates is not None and facts.dates.kind in ("iso", "zoned", "pattern", "either")
    return bool(facts.filled) and not cents and not dated and facts.mean_length <= _ID_LENGTH


def _is_possible(table: str, ours: str, kind: str, facts: Facts) -> bool:
    """Tell whether values are possible in one of our columns; an empty column is possible for anything but a key."""
    if not facts.filled:
        return kind != "id"
    return _KINDS[kind](facts) and _is_possible_here(table, ours, facts)


def _is_possible_here(table: str, ours: str, facts: Facts) -> bool:
    if _ONE_ROW_PER.get(table) == ours:
        return 2 * facts.distinct >= facts.filled
    limits = {
        "birth_date": facts.dates is not None and facts.dates.kind != "serial",
        "age": _AGES[0] <= facts.low and facts.high <= _AGES[1],
        "rating": facts.high <= _MOST_RATING,
        "label": facts.distinct == 2,  # noqa: PLR2004  (the event or not)
    }
    if ours in limits:
        return limits[ours]
    if ours in ("name", "given_name", "surname", "product_name"):
        return not facts.is_number and not is_date(facts)
    if ours in ("customer_id", "order_id") and facts.rows > 20:  # noqa: PLR2004  (few rows may have one)
        return facts.distinct > 1
    return ours not in ("city", "province", "country") or not facts.is_number


def _may_be_date(facts: Facts) -> bool:
    return facts.dates is not None


_KINDS = {
    "id": is_code,
    "text": lambda facts: True,
    "category": lambda facts: facts.mean_length <= _LONG_TEXT and not is_date(facts),
    "flag": lambda facts: facts.fits("flag", 1.0),
    "integer": lambda facts: facts.fits("number"),
    "number": lambda facts: facts.is_number,
    "quantity": lambda facts: facts.is_number and not facts.fits("leading_zero", 0.5),
    "money": lambda facts: facts.is_number and not facts.fits("leading_zero", 0.5),
    "date": _may_be_date,
    "timestamp": lambda facts: facts.dates is not None and facts.dates.kind != "year",
}
