"""Guess which table a file feeds: by the table's typical columns, its keys and its rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.core.schema import CANONICAL
from workbench.intake.guessing.headers.parts import parts_in, without_accents
from workbench.intake.guessing.headers.reasons import Reason
from workbench.intake.guessing.headers.words import read_words
from workbench.intake.guessing.kinds.filling import fill_gaps
from workbench.intake.guessing.kinds.fitting import ENOUGH, ONE_ROW_PER, Match, assign

if TYPE_CHECKING:
    from workbench.intake.guessing.values.facts import Facts

__all__ = ["TableGuess", "guess_table"]

# columns typical of one table; the other columns of a table occur in several
_TYPICAL = {
    "transactions": "order_id ordered_at quantity unit_price amount discount coupon payment_method store_id",
    "customers": "document_id name given_name surname gender birth_date age age_band phone email address registered_at "
    "member_level education occupation income marital_status children household_size home_ownership car_ownership "
    "member_number nationality postcode",
    "products": "product_id product_name category brand unit_cost",
    "events": "occurred_at type page session_id dwell_seconds search_term",
    "service": "case_id opened_at closed_at topic rating",
    "reviews": "rating text reviewed_at likes followers",
    "responses": "question answer answered_at survey",
    "campaigns": "campaign_id sent_at opened_at redeemed_at",
    "experiments": "experiment arm assigned_at",
    "relations": "other_id kind",
    "labels": "label observed_at",
    "consents": "purpose granted changed_at",
    "accounts": "account_id parent_id industry employees revenue sites",
    "contacts": "contact_id account_id position function decision_role",
}
_ANYWHERE, _CALLED_SO, _NO_KEY, _NOT_ONE_ROW, _NO_MONEY = 0.2, 0.8, -3.0, -2.0, -0.7
_NUMBERED, _NO_ORDER, _ALL_THERE_IS, _LIKE_EVENTS = -1.0, -3.0, 0.5, 2.0
_GOODS, _UNKIND = 0.5, -1.0  # what goods add to orders; events without a type, page or session
_WITHOUT_HEADER = ("transactions", "customers", "events")
_CLOSE = 0.75  # share of the best score from which another table is worth a doubt


@dataclass(frozen=True)
class TableGuess:
    """The guessed table of a file.

    Attributes
    ----------
    table : str
    matches : dict of str to Match
    missing : tuple of str
        Keys of the table without a matching column.
    reasons, doubts : tuple of Reason
    score : float
    """

    table: str
    matches: dict[str, Match]
    missing: tuple[str, ...]
    reasons: tuple[Reason, ...]
    doubts: tuple[Reason, ...]
    score: float = 0.0


def guess_table(
    names: list[str], facts: list[Facts], *, header: bool, file_name: str, among: Collection[str] = tuple(CANONICAL),
    forced: Mapping[str, Mapping[str, int]] | None = None, bonus: Mapping[str, float] | None = None,
) -> TableGuess:  # fmt: skip
    """Choose the table of a file.

    Parameters
    ----------
    names, facts : list
        Names and facts of its columns.
    header : bool
        Whether the file has column names; without them only orders, customers and events are considered.
    file_name : str
        Name of the file.
    among : collection of str
        Tables it may feed.
    forced : mapping, optional
        By table: our columns that other files decide, with their positions.
    bonus : mapping, optional
        By table: what other files add to its score.

    Returns
    -------
    TableGuess
    """
    candidates = among if header else [table for table in _WITHOUT_HEADER if table in among]
    matched = {
        table: assign(table, names, facts, header=header, forced=(forced or {}).get(table)) for table in candidates
    }
    matched = {table: fill_gaps(table, matches, names, facts, header=header) for table, matches in matched.items()}
    scores = {
        table: _score(table, matches, names, facts, file_name, header=header) + (bonus or {}).get(table, 0.0)
        for table, matches in matched.items()
    }
    order = sorted(scores, key=lambda table: -scores[table])
    best, matches = order[0], matched[order[0]]
    typical = [name for name in _TYPICAL[best].split() if name in matches]
    reasons = [Reason("table_columns", {"columns": ", ".join(typical) or ", ".join(matches) or "-"})]
    if _name_matches(best, file_name):
        reasons.append(Reason("table_called"))
    close = [table for table in order[1:2] if scores[table] > max(1.0, _CLOSE * scores[best])]
    doubts = [Reason("table_rival", {"table": table}) for table in close]
    return TableGuess(best, matches, _missing(best, matches), tuple(reasons), tuple(doubts), scores[best])


def _score(
    table: str, matches: Mapping[str, Match], names: list[str], facts: list[Facts], file_name: str, *, header: bool
) -> float:
    typical = set(_TYPICAL[table].split())
    sure = {ours: match for ours, match in matches.items() if match.score > ENOUGH or not header}
    score = sum(min(match.score, 1.2) * (1.0 if ours in typical else _ANYWHERE) for ours, match in sure.items())
    missing = _missing(table, matches)
    score += (_NUMBERED if table == "customers" else _NO_KEY) * len(missing)
    score += _CALLED_SO * _name_matches(table, file_name)
    key = ONE_ROW_PER.get(table, "")
    if key in matches and not facts[matches[key].at].unique:
        score += _NOT_ONE_ROW
    if table == "transactions":
        score += _order_faults(sure if header else matches) + _GOODS * ("product_name" in sure)
    if table == "reviews" and not {"rating", "text"} & set(sure):
        score += _NO_KEY
    if table == "products" and not _names_goods(matches, names, header=header):
        score += _NO_KEY
    if table == "events" and any(values.fits("event") and values.distinct > 1 for values in facts):
        score += _LIKE_EVENTS
    if table == "events" and not {"type", "page", "session_id", "search_term"} & set(sure):
        score += _UNKIND
    if table == "customers" and not missing and facts[matches[key].at].unique:
        score += _ALL_THERE_IS
    if table not in ("customers", "events") and not typical & set(matches):
        score += _NO_KEY
    return score


def _order_faults(matches: Mapping[str, Match]) -> float:
    """Score what an order needs: a time, or a number with money or goods; money."""
    mapped = set(matches)
    money = bool({"amount", "unit_price"} & mapped)
    goods = bool({"product_id", "product_name"} & mapped)
    is_order = "ordered_at" in mapped or ("order_id" in mapped and (money or goods))
    whose = bool({"customer_id", "order_id"} & mapped) or (money and "quantity" in mapped)
    return (0.0 if is_order and (whose or money) else _NO_ORDER) + (0.0 if money else _NO_MONEY)


def _names_goods(matches: Mapping[str, Match], names: list[str], *, header: bool) -> bool:
    """Tell whether a list of products says so by more than a number."""
    others = {"product_name", "category", "brand", "unit_cost"} & set(matches)
    own = matches.get("product_id")
    return bool(others) or (own is not None and header and "product" in parts_in(names[own.at]))


def _missing(table: str, matches: Mapping[str, Match]) -> tuple[str, ...]:
    return tuple(key for key in CANONICAL[table].keys if key not in matches)


def _name_matches(table: str, file_name: str) -> bool:
    plain = without_accents(file_name)
    return any(str(word) in plain for word in read_words("headers/words")["files"].get(table, ()))
