"""What an order file needs beyond its names: who bought, what was bought, when, for how much, and what counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from workbench.intake.guessing.headers.names import name_score, synonyms_of
from workbench.intake.guessing.headers.parts import parts_in, tokens_of
from workbench.intake.guessing.headers.reasons import Reason
from workbench.intake.guessing.kinds.fitting import ENOUGH, Match, is_code, is_date
from workbench.intake.guessing.kinds.statuses import status_rule
from workbench.intake.guessing.values.dates import guess_dates
from workbench.intake.guessing.values.money import (
    agrees_with_product,
    grows_with,
    is_line_total,
    is_order_level,
    is_rate,
    numbers_of,
)

if TYPE_CHECKING:
    from workbench.intake.guessing.samples import Sample
    from workbench.intake.guessing.values.dates import DateGuess
    from workbench.intake.guessing.values.facts import Facts

__all__ = ["OrderGuess", "join_clock", "refine_orders", "who_by_contact"]

_NAMED, _ALIKE, _LINE_COLUMNS = 0.9, 0.9, ("product_id", "product_name", "quantity", "unit_price", "amount", "discount")
_HALF = 0.5


@dataclass
class OrderGuess:
    """The matches of an order file after its values were tested, and what the source must declare besides.

    Attributes
    ----------
    matches : dict of str to Match
    units : dict of str to str
    rules : dict of str to str
    fill : dict
        ``{by, columns}`` where columns are given on the first line of an order alone.
    moments : dict of str to DateGuess
        Format of a joined date and time.
    rule_doubts : list of Reason
    apart : dict of int to Reason
        Columns that are left out, and why.
    """

    matches: dict[str, Match]
    units: dict[str, str] = field(default_factory=dict)
    rules: dict[str, str] = field(default_factory=dict)
    fill: dict[str, Any] = field(default_factory=dict)
    moments: dict[str, DateGuess] = field(default_factory=dict)
    rule_doubts: list[Reason] = field(default_factory=list)
    apart: dict[int, Reason] = field(default_factory=dict)


def refine_orders(matches: dict[str, Match], sample: Sample, facts: list[Facts]) -> OrderGuess:
    """Test the matches of an order file against its values.

    Parameters
    ----------
    matches : dict of str to Match
    sample : Sample
    facts : list of Facts

    Returns
    -------
    OrderGuess
    """
    guess = OrderGuess(dict(matches))
    _number_by_block(guess.matches, sample, facts)
    who_by_contact(guess.matches, sample, facts)
    join_clock(guess, sample, facts, "ordered_at")
    _name_goods(guess.matches, sample, facts)
    _choose_currency(guess.matches, sample, facts)
    _test_money(guess, sample, facts)
    _fill_orders(guess, sample)
    _propose_rule(guess, sample, facts)
    return guess


def _number_by_block(matches: dict[str, Match], sample: Sample, facts: list[Facts]) -> None:
    """Where the order number is blank on further lines of an order, take the column that names the order on all."""
    own = matches.get("order_id")
    if own is None or facts[own.at].full:
        return
    numbers = sample.columns[own.at]
    for at, other in enumerate(facts):
        if at == own.at or not other.full or not is_code(other) or other.unique:
            continue
        pairs = {(number, cell) for number, cell in zip(numbers, sample.columns[at], strict=True) if number}
        if len(pairs) == facts[own.at].distinct == len({cell for _, cell in pairs}) == other.distinct:
            for ours in [ours for ours, match in matches.items() if match.at == at]:
                del matches[ours]
            matches["order_id"] = replace(own, at=at, reasons=(Reason("names_orders", {"name": sample.names[own.at]}),),
                                          doubts=())  # fmt: skip
            return


def who_by_contact(matches: dict[str, Match], sample: Sample, facts: list[Facts]) -> None:
    """Take the contact data or the name of the buyer for the customer, where no id says who bought."""
    if "customer_id" in matches or not sample.header:
        return
    used = {match.at for match in matches.values()}
    kinds = (("mail", "email", "contact_ids"), ("phone", "phone", "contact_ids"), ("name", None, "names_as_ids"))
    for part, pattern, doubt in kinds:
        for at, name in enumerate(sample.names):
            parts, own = parts_in(name), facts[at]
            if at in used or not own.filled or "owner" in parts or "store" in parts:
                continue
            by_value = pattern is not None and own.fits(pattern, _HALF)
            if part == "name":
                named = name_score(name, synonyms_of("customers")["name"]) >= _NAMED and not own.is_number
                by_value = named and bool(parts & {"customer", "person", "name"}) and "product" not in parts
            elif part == "phone":
                by_value = by_value or ("phone" in parts and own.fits("mobile"))
            if by_value:
                matches["customer_id"] = Match("customer_id", at, ENOUGH, (Reason("only_person"),), (Reason(doubt),))
                return


def join_clock(guess: OrderGuess, sample: Sample, facts: list[Facts], ours: str) -> None:
    """Join a date and the clock time of another column."""
    match = guess.matches.get(ours)
    own = facts[match.at].dates if match else None
    if match is None or own is None or any(":" in cell for cell in sample.columns[match.at][:20]):
        return
    used = {other.at for other in guess.matches.values()}
    clocks = [at for at, values in enumerate(facts) if at not in used and values.fits("clock")]
    if not clocks:
        return
    near = [at for at in clocks if at == match.at + 1] or clocks
    cells = [
        f"{day} {clock}".strip() for day, clock in zip(sample.columns[match.at], sample.columns[near[0]], strict=True)
    ]
    moment = guess_dates(sorted({cell for cell in cells if cell})[:400])
    if moment is not None and is_date(replace(facts[match.at], dates=moment)):
        guess.matches[ours] = replace(match, joined=near[0], reasons=(*match.reasons, Reason("joined")))
        guess.moments[ours] = moment


def _name_goods(matches: dict[str, Match], sample: Sample, facts: list[Facts]) -> None:
    """Let the name of a product, else its category, be its id where there is no other."""
    if "product_id" in matches:
        return
    source = next((ours for ours in ("product_name", "category") if ours in matches), None)
    if source is not None:
        own = matches[source]
        label = sample.names[own.at]
        matches["product_id"] = Match("product_id", own.at, ENOUGH, (Reason("goods_by_name"),),
                                      (Reason("goods_as_ids", {"name": label}),))  # fmt: skip


def _choose_currency(matches: dict[str, Match], sample: Sample, facts: list[Facts]) -> None:
    """Where money is in several currencies, take the pair of amount and currency that has one; else say so."""
    own = matches.get("currency")
    if own is None or facts[own.at].distinct < 2:  # noqa: PLR2004  (one currency)
        return
    listed = ", ".join(f"{value} {count}" for value, count in _counts(sample.columns[own.at]).most_common(6))
    for at, name in enumerate(sample.names):
        if at == own.at or facts[at].distinct != 1 or not ("currency" in parts_in(name) or facts[at].fits("currency")):
            continue
        extra = {token.word for token in tokens_of(name)} - {token.word for token in tokens_of(sample.names[own.at])}
        pairs = [
            other for other, label in enumerate(sample.names)
            if extra <= {token.word for token in tokens_of(label)} and "amount" in parts_in(label)
            and facts[other].is_number and not parts_in(label) & {"refund", "fee", "tax"}
        ]  # fmt: skip
        if extra and pairs and "amount" in matches:
            doubt = Reason("currency_pair", {"currencies": listed, "other": sample.names[own.at]})
            matches["currency"] = Match("currency", at, ENOUGH, (Reason("name_partly"),))
            matches["amount"] = Match("amount", pairs[0], ENOUGH, (Reason("name_partly"),), (doubt,))
            return
    matches["currency"] = replace(own, doubts=(*own.doubts, Reason("currency_mixed", {"currencies": listed})))


def _counts(cells: list[str]) -> Counter[str]:
    return Counter(cell for cell in cells if cell)


def _test_money(guess: OrderGuess, sample: Sample, facts: list[Facts]) -> None:
    matches = guess.matches

    def read(ours: str) -> list[float | None]:
        at = matches[ours].at
        return numbers_of(sample.columns[at], facts[at].mark or ".")

    if "discount" in matches:
        money = read("amount") if "amount" in matches else read("unit_price") if "unit_price" in matches else []
        if is_rate(read("discount"), money):
            guess.units["discount"] = "share"
            match = matches["discount"]
            matches["discount"] = replace(match, doubts=(*match.doubts, Reason("discount_rate")))
    orders = sample.columns[matches["order_id"].at] if "order_id" in matches else []
    if {"amount", "unit_price", "quantity"} <= set(matches):
        _compare(guess, {ours: read(ours) for ours in ("amount", "unit_price", "quantity")}, sample, orders)
    elif "amount" in matches and orders and is_order_level(sample.columns[matches["amount"].at], orders):
        match = matches["amount"]
        matches["amount"] = replace(
            match, doubts=(*match.doubts, Reason("order_level", {"name": _name(sample, match)}))
        )
    if "unit_price" in matches and not {"amount", "quantity"} & set(matches):
        match = matches.pop("unit_price")
        matches["amount"] = replace(match, ours="amount", doubts=(*match.doubts, Reason("price_without_quantity")))
    elif "amount" not in matches and {"unit_price", "quantity"} <= set(matches):
        _judge_price(guess, read("unit_price"), read("quantity"), sample)
    elif not sample.header and {"amount", "quantity"} <= set(matches) and "unit_price" not in matches:
        if not grows_with(read("amount"), read("quantity")):
            match = matches.pop("amount")
            matches["unit_price"] = replace(match, ours="unit_price", doubts=(*match.doubts, Reason("price_or_total")))


def _name(sample: Sample, match: Match) -> str:
    return sample.names[match.at]


def _compare(guess: OrderGuess, numbers: dict[str, list[float | None]], sample: Sample, orders: list[str]) -> None:
    """Compare amounts with price times quantity; an amount of the whole order gives way to the lines."""
    matches, match = guess.matches, guess.matches["amount"]
    share = agrees_with_product(numbers["amount"], numbers["unit_price"], numbers["quantity"])
    if orders and is_order_level(sample.columns[match.at], orders) and (share is None or share < _ALIKE):
        guess.apart[match.at] = Reason("order_level_left", {"name": _name(sample, match)})
        del matches["amount"]
    elif share is not None and share >= _ALIKE:
        matches["amount"] = replace(
            match, reasons=(*match.reasons, Reason("product_agrees", {"share": f"{share:.0%}"}))
        )
    elif share is not None:
        reason = Reason("product_differs", {"share": f"{share:.0%}"})
        explained = "discount" in matches or "discount" in {part for name in sample.names for part in parts_in(name)}
        if explained:
            matches["amount"] = replace(match, reasons=(*match.reasons, reason))
        else:
            matches["amount"] = replace(match, doubts=(*match.doubts, reason))


def _judge_price(guess: OrderGuess, price: list[float | None], quantity: list[float | None], sample: Sample) -> None:
    """Tell the price of a piece from the total of a line: within a product or category, a total grows with quantity."""
    matches = guess.matches
    goods = [matches[ours].at for ours in ("product_id", "product_name", "category") if ours in matches]
    labels = sample.columns[goods[0]] if goods else [""] * sample.records
    match = matches["unit_price"]
    if is_line_total(price, quantity, labels):
        del matches["unit_price"]
        matches["amount"] = Match(
            "amount", match.at, match.score, (Reason("line_total"),), (Reason("line_total_doubt"),)
        )
    elif max((value or 0 for value in quantity), default=0) > 1 and grows_with(price, quantity) and sample.records > 5:  # noqa: PLR2004
        matches["unit_price"] = replace(match, doubts=(*match.doubts, Reason("price_or_total")))


def _fill_orders(guess: OrderGuess, sample: Sample) -> None:
    """Find columns that are given on the first line of an order alone."""
    if "order_id" not in guess.matches:
        return
    orders = sample.columns[guess.matches["order_id"].at]
    first: dict[str, int] = {}
    for row, order in enumerate(orders):
        first.setdefault(order, row)
    if len(first) == len(orders):
        return
    columns = []
    for ours, match in guess.matches.items():
        cells = sample.columns[match.at]
        if ours in ("order_id", *_LINE_COLUMNS) or match.joined is not None:
            continue
        later = [cells[row] for row, order in enumerate(orders) if first[order] != row]
        given = any(cells[row] for row in first.values())
        if given and later and not any(later):
            columns.append(ours)
    if columns:
        guess.fill = {"by": "order_id", "columns": columns}


def _propose_rule(guess: OrderGuess, sample: Sample, facts: list[Facts]) -> None:
    match = guess.matches.get("status")
    if match is None:
        return
    counts = _counts(sample.columns[match.at])
    blanks = any(not cell for cell in sample.columns[match.at]) and "status" not in guess.fill.get("columns", ())
    rule, doubts = status_rule(counts, blanks=blanks)
    guess.rules |= rule
    guess.rule_doubts += doubts
