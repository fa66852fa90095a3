"""Score how well a file column fits one of our columns, by its name and its values together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.core.schema import columns_of
from workbench.intake.guessing.headers.names import name_score, synonyms_of
from workbench.intake.guessing.headers.parts import parts_in
from workbench.intake.guessing.headers.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.intake.guessing.values.facts import Facts

__all__ = ["ENOUGH", "ONE_ROW_PER", "Match", "assign", "is_code", "is_date"]

ENOUGH = 0.8  # least score of a mapped column
ONE_ROW_PER = {
    "customers": "customer_id",
    "products": "product_id",
    "accounts": "account_id",
    "contacts": "contact_id",
}
_BY_VALUES, _PLAUSIBLE, _NOT_THIS, _IMPOSSIBLE = 0.85, 0.1, -0.6, -3.0
_NAMED = 0.91  # least name score for which the name alone is a reason
_BLANKS, _MOSTLY_THERE = 0.3, 0.4  # what a column without any filled cell scores less; from which share of blanks
_FORCED = 2.0  # score of a match that the values of another file decide
# our column: the pattern that recognises its values
_PATTERN_OF = {
    "email": "email", "phone": "phone", "document_id": "document", "name": "person", "province": "province",
    "city": "city", "gender": "gender", "marital_status": "marital", "education": "education", "country": "country",
    "currency": "currency", "age_band": "band",
}  # fmt: skip
_EXCLUSIVE = ("email", "phone", "document", "person", "province", "gender")
_WEAK = ("country", "currency", "marital", "education", "city", "gender", "band")  # not by values alone
_TOLD_BY_VALUES = ("gender",)  # of weak ones, where no header names anything
_NO_CODES = ("gender", "flag", "event", "percent", "clock", "band", "currency", "marital")  # values that name nobody
_LONG_TEXT, _ID_LENGTH = 60, 40
_AGES, _MOST_RATING, _BANDS = (0, 120), 100, 0.5
_FEW_ROWS, _LEAST_IDS = 20, 4


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
    joined : int or None
        Position of a second column, joined to the first by a blank.
    """

    ours: str
    at: int
    score: float
    reasons: tuple[Reason, ...]
    doubts: tuple[Reason, ...] = ()
    joined: int | None = None


def assign(
    table: str, names: list[str], facts: list[Facts], *, header: bool, forced: Mapping[str, int] | None = None
) -> dict[str, Match]:
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
    forced : mapping of str to int, optional
        Our column: the position of the file column that other files decide.

    Returns
    -------
    dict of str to Match
        Our column: the match, with a score of `ENOUGH` at least.
    """
    kinds = columns_of(table, contact=True, neighbours=True)
    synonyms = synonyms_of(table)
    forced = {ours: at for ours, at in (forced or {}).items() if ours in kinds}
    fits = [
        match
        for ours in kinds
        for at, name in enumerate(names)
        if (match := _fit(table, ours, at, facts[at], name=name if header else "")).score >= ENOUGH
    ]
    order = {ours: place for place, ours in enumerate(kinds)}
    fits.sort(key=lambda match: (-match.score, order[match.ours], match.at))
    matches: dict[str, Match] = {
        ours: Match(ours, at, _FORCED, (Reason("ids_of_others"),)) for ours, at in forced.items()
    }
    for match in fits:
        if match.ours not in matches and all(match.at != other.at for other in matches.values()):
            named = max(name_score(names[match.at], synonyms[match.ours]), 0.01) if header else 0.0
            rivals = [
                names[other.at]
                for other in fits
                if other.ours == match.ours and other.at != match.at and header
                and name_score(names[other.at], synonyms[match.ours]) > named - _CLOSE
            ]  # fmt: skip
            doubts = (*match.doubts, Reason("rivals", {"names": ", ".join(rivals)})) if rivals else match.doubts
            matches[match.ours] = replace(match, doubts=doubts)
    return matches


_CLOSE = 0.2  # a column whose name fits this much less is no rival


def _fit(table: str, ours: str, at: int, facts: Facts, *, name: str) -> Match:
    kind = columns_of(table, contact=True, neighbours=True)[ours]
    synonyms = synonyms_of(table)
    named = name_score(name, synonyms[ours]) if name else 0.0
    if ours == "age_band" and facts.fits("band", _BANDS) and name:
        named = max(named, name_score(name, synonyms["age"]))
    reasons, doubts = [], []
    if named >= _NAMED:
        reasons.append(Reason("name"))
    elif named:
        reasons.append(Reason("name_partly"))
    score = named + _PLAUSIBLE if _is_possible(table, ours, kind, facts, named=named) else _IMPOSSIBLE
    pattern = _PATTERN_OF.get(ours)
    certain = named or pattern not in _WEAK or (not name and pattern in _TOLD_BY_VALUES)
    if pattern and facts.fits(pattern) and certain and not _is_staff(name):
        score = max(score, named) + _BY_VALUES
        reasons.append(Reason(f"values_{pattern}"))
        if not named:
            doubts.append(Reason("values_alone"))
    elif any(facts.fits(other) for other in _EXCLUSIVE if other != pattern):
        score += _NOT_THIS
    if named and facts.filled < facts.rows:
        reasons.append(Reason("blank", {"blank": facts.rows - facts.filled, "rows": facts.rows}))
        blank = 1 - facts.filled / facts.rows
        score -= _BLANKS * blank if kind in ("id", "timestamp", "money") and blank > _MOSTLY_THERE else 0
    return Match(ours, at, score, tuple(reasons), tuple(doubts))


def _is_staff(name: str) -> bool:
    return "owner" in parts_in(name)


def is_date(facts: Facts) -> bool:
    """Tell whether the values are certainly dates: more than a year or a serial number."""
    return facts.dates is not None and facts.dates.kind not in ("year", "serial")


def is_code(facts: Facts) -> bool:
    """Tell whether the values could name something: short, without decimals, no dates, no genders or other words."""
    cents = facts.fits("cents") and not facts.fits("point_zero")
    dated = facts.dates is not None and facts.dates.kind in ("iso", "zoned", "pattern", "either", "unix")
    words = any(facts.fits(pattern) for pattern in _NO_CODES) and facts.distinct < max(_LEAST_IDS, facts.filled / 2)
    return bool(facts.filled) and not cents and not dated and not words and facts.mean_length <= _ID_LENGTH


def _is_possible(table: str, ours: str, kind: str, facts: Facts, *, named: float) -> bool:
    """Tell whether values are possible in one of our columns; a column without values is read for none."""
    return bool(facts.filled) and _KINDS[kind](facts) and _is_possible_here(table, ours, facts, named=named)


def _is_possible_here(table: str, ours: str, facts: Facts, *, named: float) -> bool:
    if ONE_ROW_PER.get(table) == ours:
        return 2 * facts.distinct >= facts.filled
    limits = {
        "birth_date": facts.dates is not None and facts.dates.kind != "serial",
        "age": facts.fits("age_words", 0.01) or (_AGES[0] <= facts.low and facts.high <= _AGES[1]),
        "age_band": not facts.is_number,
        "rating": facts.high <= _MOST_RATING,
        "label": facts.distinct == 2,  # noqa: PLR2004  (the event or not)
    }
    if ours in limits:
        return limits[ours]
    if ours in ("name", "given_name", "surname", "product_name"):
        return not facts.is_number and not is_date(facts)
    if ours in ("customer_id", "order_id") and facts.rows > _FEW_ROWS:  # few rows may have one
        return facts.distinct > (1 if named >= _NAMED else _LEAST_IDS)
    return ours not in ("city", "province", "country") or not facts.is_number


def _may_be_date(facts: Facts) -> bool:
    return facts.dates is not None


def _may_be_measure(facts: Facts) -> bool:
    return facts.is_number and not facts.fits("leading_zero", 0.5) and not facts.fits("percent", 0.5)


_KINDS = {
    "id": is_code,
    "text": lambda facts: True,
    "category": lambda facts: facts.mean_length <= _LONG_TEXT and not is_date(facts),
    "flag": lambda facts: facts.fits("flag", 1.0),
    "integer": lambda facts: facts.fits("number"),
    "number": lambda facts: facts.is_number or facts.shares.get("age_words", 0) + facts.shares.get("number", 0) >= 0.9,  # noqa: PLR2004
    "quantity": _may_be_measure,
    "money": _may_be_measure,
    "date": _may_be_date,
    "timestamp": lambda facts: facts.dates is not None and facts.dates.kind != "year",
}
