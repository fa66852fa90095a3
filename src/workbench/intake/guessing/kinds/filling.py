"""Fill required columns that no name matched from the unmatched ones; every such guess is a doubt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from workbench.core.schema import CANONICAL
from workbench.intake.guessing.headers.parts import modifiers, parts_in, tokens_of
from workbench.intake.guessing.headers.reasons import Reason
from workbench.intake.guessing.kinds.fitting import ENOUGH, Match, is_code, is_date

if TYPE_CHECKING:
    from workbench.intake.guessing.values.facts import Facts

__all__ = ["fill_gaps"]

_ID_PARTS = ("id", "nick", "card")
_FEW_PIECES, _MOST_PIECES = 10_000, 50
_OTHER_DATES = {"register", "birth", "latest", "ship", "refund"}  # parts of dates of something else


def fill_gaps(
    table: str, matches: Mapping[str, Match], names: list[str], facts: list[Facts], *, header: bool
) -> dict[str, Match]:
    """Add matches that rest on values alone, among the unmatched columns.

    Parameters
    ----------
    table : str
    matches : mapping of str to Match
    names, facts : list
    header : bool
        Without a header, customer, quantity, product and order are guessed too.

    Returns
    -------
    dict of str to Match
        The given and the added matches.
    """
    filled = dict(matches)

    def take(ours: str, test: Callable[[Facts], bool], reason: str, *, apart: frozenset[str] = frozenset()) -> None:
        used = {match.at for match in filled.values()}
        fitting = [
            at for at, values in enumerate(facts)
            if at not in used and values.filled and test(values) and not (header and parts_in(names[at]) & apart)
        ]  # fmt: skip
        if not fitting or ours in filled:
            return
        at, others = fitting[0], ", ".join(names[other] for other in fitting[1:])
        doubts = (Reason("rivals", {"names": others}),) if others else ()
        filled[ours] = Match(ours, at, ENOUGH, (Reason(reason),), (Reason("values_alone"), *doubts))

    dated = CANONICAL[table].dated_by
    if dated and (table == "transactions" or dated in CANONICAL[table].keys):
        take(dated, is_date, "only_dates", apart=frozenset(_OTHER_DATES))
    if table == "transactions" and not {"amount", "unit_price"} & set(filled):
        take("amount", _is_money, "only_money", apart=modifiers())
    if not header:
        _fill_by_position(table, take)
    elif "customer_id" in CANONICAL[table].keys and "customer_id" not in filled:
        ids = {id(facts[at]) for at, name in enumerate(names) if _names_somebody(name, table)}
        once = table == "customers"
        take("customer_id", lambda values: id(values) in ids and is_code(values) and (values.unique or not once),
             "only_codes")  # fmt: skip
    return filled


def _fill_by_position(table: str, take: Callable[..., None]) -> None:
    """Guess the columns of a file without a header."""
    if table == "transactions":
        take("order_id", _is_order_number, "only_blocks")
        take("customer_id", lambda values: is_code(values) and values.fits("leading_zero", 0.1), "only_codes")
        take("quantity", _is_pieces, "only_pieces")
        take("product_name", _is_text, "only_texts")
        take("customer_id", lambda values: is_code(values) and not values.unique and not values.fits("cents"),
             "only_codes")  # fmt: skip
        take("order_id", lambda values: is_code(values) and values.unique, "only_unique")
    elif table == "events":
        take("type", lambda values: values.fits("event"), "only_events")
        take("customer_id", lambda values: is_code(values) and not values.unique, "only_codes")
    elif table == "customers":
        take("customer_id", lambda values: is_code(values) and values.unique, "only_unique")
        take("phone", lambda values: values.fits("mobile") and values.unique, "only_phones")
        take("age", _is_age, "only_ages")
        take("registered_at", is_date, "only_dates")


def _is_money(facts: Facts) -> bool:
    return facts.fits("cents", 0.5) or facts.fits("money_sign")


def _is_pieces(facts: Facts) -> bool:
    whole = facts.fits("integer") and not facts.fits("leading_zero", 0.01)
    few = facts.high <= _FEW_PIECES and 2 * facts.distinct <= facts.filled
    return whole and not is_date(facts) and few and not facts.in_blocks


def _is_order_number(facts: Facts) -> bool:
    """Tell whether equal numbers stand in neighbouring rows and grow, as the lines of orders do."""
    return facts.fits("integer") and facts.in_blocks and not is_date(facts) and not facts.fits("leading_zero", 0.01)


def _is_text(facts: Facts) -> bool:
    return not facts.is_number and not is_date(facts) and not facts.fits("clock") and facts.distinct > 1


def _is_age(facts: Facts) -> bool:
    return facts.fits("integer") and 0 <= facts.low and facts.high <= 120 and facts.distinct > 2  # noqa: PLR2004


def _names_somebody(name: str, table: str) -> bool:
    """Tell whether a name could be that of an id of people: its last word is a number or code, of no other thing."""
    tokens = tokens_of(name)
    parts = parts_in(name)
    others = {"order", "product", "line", "store", "owner", "postcode", "province", "phone", "table", "category"}
    named = bool(tokens) and any(part in parts for part in _ID_PARTS)
    return named and not parts & (others - ({"order"} if table != "customers" else set()))
