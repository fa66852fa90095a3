"""Fill required columns that no name matched from the unmatched ones; every such guess is a doubt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from workbench.core.schema import CANONICAL
from workbench.intake.guessing.fitting import ENOUGH, Match, is_code, is_date
from workbench.intake.guessing.names import is_chinese, plain_name
from workbench.intake.guessing.reasons import Reason

if TYPE_CHECKING:
    from workbench.intake.guessing.facts import Facts

__all__ = ["fill_gaps"]

_ID_WORDS = ("id", "no", "key", "code", "number", "nr")
_ID_ENDS = ("编号", "号", "编码", "ID", "id", "代码")
_FEW_PIECES = 10_000


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
        Without a header, customer, quantity and order are guessed too.

    Returns
    -------
    dict of str to Match
        The given and the added matches.
    """
    filled = dict(matches)

    def take(ours: str, test: Callable[[Facts], bool], reason: str) -> None:
        used = {match.at for match in filled.values()}
        fitting = [at for at, values in enumerate(facts) if at not in used and values.filled and test(values)]
        if not fitting or ours in filled:
            return
        at, others = fitting[0], ", ".join(names[other] for other in fitting[1:])
        doubts = (Reason("rivals", {"names": others}),) if others else ()
        filled[ours] = Match(ours, at, ENOUGH, (Reason(reason),), (Reason("values_alone"), *doubts))

    dated = CANONICAL[table].dated_by
    if dated and (table == "transactions" or dated in CANONICAL[table].keys):
        take(dated, is_date, "only_dates")
    if table == "transactions" and not {"amount", "unit_price"} & set(filled):
        take("amount", lambda values: values.fits("cents", 0.5) or values.fits("money_sign"), "only_money")
    if not header and table == "transactions":
        take("customer_id", lambda values: is_code(values) and values.fits("leading_zero", 0.1), "only_codes")
        take("quantity", _is_pieces, "only_pieces")
        take(
            "customer_id",
            lambda values: is_code(values) and not values.unique and not values.fits("cents"),
            "only_codes",
        )
        take("order_id", lambda values: is_code(values) and values.unique, "only_unique")
    elif "customer_id" in CANONICAL[table].keys and "customer_id" not in filled:
        once = table == "customers"
        ids = {at for at, name in enumerate(names) if not header or _is_id_name(name)}
        keep = {id(facts[at]) for at in ids}
        take(
            "customer_id",
            lambda values: id(values) in keep and is_code(values) and (values.unique or not once),
            "only_codes",
        )
    return filled


def _is_pieces(facts: Facts) -> bool:
    whole = facts.fits("integer") and not facts.fits("leading_zero", 0.01)
    return whole and not is_date(facts) and facts.high <= _FEW_PIECES and 2 * facts.distinct <= facts.filled


def _is_id_name(name: str) -> bool:
    if is_chinese(name):
        return name.strip().endswith(_ID_ENDS)
    return plain_name(name).split()[-1:] != [] and plain_name(name).split()[-1] in _ID_WORDS
