"""Propose the sources of a profile from samples of its files: what each file is, its mapping, formats and id spaces."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from workbench.intake.guessing.headers.names import is_chinese
from workbench.intake.guessing.headers.parts import parts_in
from workbench.intake.guessing.headers.reasons import Reason
from workbench.intake.guessing.kinds.behaviour import goods_in_events
from workbench.intake.guessing.kinds.guesses import LeftOut, Mapped, Proposal, SourceGuess
from workbench.intake.guessing.kinds.labels import find_label, label_formats
from workbench.intake.guessing.kinds.left_out import why_no_table
from workbench.intake.guessing.kinds.links import find_links
from workbench.intake.guessing.kinds.orders import OrderGuess, refine_orders, who_by_contact
from workbench.intake.guessing.kinds.people import people_columns, people_traits
from workbench.intake.guessing.kinds.questionnaires import scale_columns
from workbench.intake.guessing.kinds.tables import TableGuess, guess_table
from workbench.intake.guessing.linking import tie_files
from workbench.intake.guessing.sources import as_source, free_name, unused_name
from workbench.intake.guessing.values.facts import Facts, gather_facts

if TYPE_CHECKING:
    from workbench.intake.guessing.samples import Sample

__all__ = ["propose"]

_OVERLAP = 0.2  # least share of ids known to a source of people
_SURELY = 0.95  # share of known ids without a doubt
_SAME_ORDERS = 0.5  # share of order numbers known to another file from which both speak of the same orders
_PEOPLE, _ORDERS, _GOODS, _LABELS, _EVENTS = "customers", "transactions", "products", "labels", "events"
_FEATURES_BESIDE_A_LABEL = 2


@dataclass(frozen=True)
class _File:
    """A file of the call: its sample, the facts of its columns, its table."""

    sample: Sample
    facts: list[Facts]
    guess: TableGuess
    name: str


def propose(samples: list[Sample]) -> Proposal:
    """Propose the sources of a profile.

    Parameters
    ----------
    samples : list of Sample
        One per file or sheet.

    Returns
    -------
    Proposal
        A file of customers with a column of outcomes gives two sources: the people, and their labels. So does a
        questionnaire with a column per question (who answered, and the answers), a file of orders that describes its
        customers, and a file of events that describes its goods.
    """
    readable = [sample for sample in samples if sample.left is None]
    left_out = [_left(sample, sample.left) for sample in samples if sample.left is not None]
    files = _kept(_guessed(readable), left_out)
    taken: set[str] = set()
    sources: list[SourceGuess] = []
    label = None
    for file in files:
        scales = scale_columns(file.sample, file.facts)
        if scales:
            sources += _as_questionnaire(file, scales, taken=taken)
            continue
        proposed = _sources_of(file, taken)
        label = next((str(_theirs(source, "label")) for source in proposed if source.table == _LABELS), label)
        sources += proposed
    return Proposal(_with_people(sources), _language(samples), label, left_out)


def _language(samples: list[Sample]) -> str:
    """Return the language of most headers; of files without a header, that of their values and names."""
    names = [name for sample in samples for name in sample.names if sample.header]
    if not names:
        names = [PurePosixPath(sample.path).name for sample in samples]
        names += [cells[0] for sample in samples for cells in sample.columns if cells and not cells[0].isascii()]
    return "zh" if 2 * sum(map(is_chinese, names)) > len(names) else "en"


def _guessed(samples: list[Sample]) -> list[_File]:
    """Guess every file by itself, then again with what the ids of the others decide."""
    facts = [_facts(sample) for sample in samples]
    file_names = [PurePosixPath(sample.path).name + str(sample.settings.get("sheet", "")) for sample in samples]
    guesses = [
        guess_table(sample.names, own, header=sample.header, file_name=name)
        for sample, own, name in zip(samples, facts, file_names, strict=True)
    ]
    for _ in range(2 if len(samples) > 1 else 0):
        ties = tie_files(samples, guesses, find_links(samples, facts))
        guesses = [
            guess_table(sample.names, own, header=sample.header, file_name=name, forced=tie.forced, bonus=tie.bonus)
            for sample, own, name, tie in zip(samples, facts, file_names, ties, strict=True)
        ]
    return [
        _File(sample, own, guess, name)
        for sample, own, guess, name in zip(samples, facts, guesses, file_names, strict=True)
    ]


def _facts(sample: Sample) -> list[Facts]:
    """Gather the facts of all columns; a name that the header repeats cannot be mapped, so nothing is told of it."""
    return [
        Facts(sample.records, 0, 0) if sample.header and name and sample.names.count(name) > 1 else gather_facts(cells)
        for name, cells in zip(sample.names, sample.columns, strict=True)
    ]


def _kept(files: list[_File], left_out: list[LeftOut]) -> list[_File]:
    """Leave out what feeds no table; a file that repeats the orders of another becomes goods, or is left out."""
    kept = []
    for file in files:
        reason = why_no_table(file.sample, file.facts, file.guess)
        reason = _is_returns(file, files) or reason
        if reason is None or len(files) == 1:
            kept.append(_lines_of_heads(file, files, left_out))
        else:
            left_out.append(_left(file.sample, reason))
    return [file for file in kept if file is not None] or files


def _left(sample: Sample, reason: Reason | None) -> LeftOut:
    return LeftOut(sample.path, str(sample.settings.get("sheet", "")), sample.records, reason or Reason("left_empty"))


def _order_numbers(file: _File) -> set[str]:
    match = file.guess.matches.get("order_id") if file.guess.table == _ORDERS else None
    return {cell for cell in file.sample.columns[match.at] if cell} if match else set()


def _is_returns(file: _File, files: list[_File]) -> Reason | None:
    """Return why a short list of order numbers of another file is no list of people or orders."""
    if any(match.ours in ("amount", "unit_price", "quantity", "ordered_at") for match in file.guess.matches.values()):
        return None
    for at, name in enumerate(file.sample.names):
        if "order" not in parts_in(name) or not file.sample.header:
            continue
        own = {cell for cell in file.sample.columns[at] if cell}
        for other in files:
            known = _order_numbers(other) if other is not file else set()
            if own and known and len(own & known) >= _SAME_ORDERS * len(own):
                others = [label for place, label in enumerate(file.sample.names) if place != at]
                label = str(other.sample.settings.get("sheet", "")) or PurePosixPath(other.sample.path).name
                return Reason("sheet_orders", {"orders": label, "known": len(own & known), "names": ", ".join(others)})
    return None


def _lines_of_heads(file: _File, files: list[_File], left_out: list[LeftOut]) -> _File | None:
    """Keep the goods of order lines whose orders, with their money, are in another file: both would count twice."""
    own = _order_numbers(file)
    match = file.guess.matches.get("order_id")
    if not own or match is None or file.facts[match.at].unique:
        return file
    for other in files:
        heads = other.guess.matches.get("order_id")
        known = _order_numbers(other) if other is not file else set()
        if heads is None or not other.facts[heads.at].unique or len(own & known) < _SAME_ORDERS * len(own):
            continue
        if "customer_id" in file.guess.matches or not {"amount", "unit_price"} & set(other.guess.matches):
            continue
        columns = ("product_id", "product_name", "category", "brand")
        matches = {ours: file.guess.matches[ours] for ours in columns if ours in file.guess.matches}
        goods = TableGuess(_GOODS, matches, () if "product_id" in matches else ("product_id",), (), ())
        reason = Reason("lines_of_heads", {"orders": PurePosixPath(other.sample.path).name})
        if goods.missing:
            left_out.append(_left(file.sample, reason))
            return None
        return replace(file, guess=replace(goods, reasons=(reason,), doubts=()))
    return file


def _sources_of(file: _File, taken: set[str]) -> list[SourceGuess]:
    """Write down the source of a file, and those its columns feed besides."""
    sample, facts, guess = file.sample, file.facts, file.guess
    if guess.table == _ORDERS:
        return _as_orders(file, taken)
    if guess.table == _LABELS and _features(guess, facts) >= _FEATURES_BESIDE_A_LABEL:
        guess = guess_table(sample.names, facts, header=sample.header, file_name=file.name, among=(_PEOPLE,))
    if guess.table == _EVENTS:
        return _as_events(file, taken)
    if guess.table not in (_PEOPLE, _ORDERS, _GOODS):
        matches = dict(guess.matches)
        who_by_contact(matches, sample, facts)
        missing = tuple(key for key in guess.missing if key not in matches)
        guess = replace(guess, matches=matches, missing=missing)
    guess = _card_as_id(guess, facts)
    source = as_source(free_name(sample, guess.table, taken), sample, facts, guess)
    if guess.table != _PEOPLE:
        return [source]
    if "customer_id" not in guess.matches:
        source = replace(
            source, settings={**source.settings, "numbered": "customer_id"}, doubts=[*source.doubts, Reason("numbered")]
        )
    outcome = find_label(source, facts)
    return [source] if outcome is None else list(_with_label(source, outcome, facts, taken))


def _features(guess: TableGuess, facts: list[Facts]) -> int:
    used = {match.at for match in guess.matches.values()}
    return sum(at not in used and own.filled > 0 for at, own in enumerate(facts))


def _card_as_id(guess: TableGuess, facts: list[Facts]) -> TableGuess:
    """Let a member number be the customer's id, where it is the only one."""
    card = guess.matches.get("member_number")
    if guess.table != _PEOPLE or card is None or not facts[card.at].unique:
        return guess
    own = guess.matches.get("customer_id")
    if own is not None and own.score >= card.score - 0.1:
        return guess
    matches = {ours: match for ours, match in guess.matches.items() if ours not in ("customer_id", "member_number")}
    return replace(guess, matches={"customer_id": replace(card, ours="customer_id"), **matches}, missing=())


def _as_orders(file: _File, taken: set[str]) -> list[SourceGuess]:
    """Write down orders, and the customers their lines describe."""
    sample, facts = file.sample, file.facts
    orders = refine_orders(file.guess.matches, sample, facts)
    guess = replace(file.guess, matches=orders.matches)
    source = as_source(free_name(sample, guess.table, taken), sample, facts, guess, orders)
    key = orders.matches.get("customer_id")
    if key is None or not sample.header:
        return [source]
    used = {match.at for match in orders.matches.values()} | set(orders.apart)
    own = people_columns(sample, facts, key, used)
    traits = people_traits(sample, facts, key, used | {match.at for match in own.values()}) if own else []
    if not own:
        return [source]
    described = {sample.names[match.at] for match in own.values()} | {sample.names[at] for at in traits}
    matches = {"customer_id": replace(key, doubts=()), **own}
    people = as_source(unused_name(f"{source.name[:29]}_people", taken), sample, facts,
                       TableGuess(_PEOPLE, matches, (), (Reason("people_in_lines"),), ()))  # fmt: skip
    attributes = [mapped for mapped in people.attributes if mapped.theirs in {sample.names[at] for at in traits}]
    people = replace(people, attributes=attributes, unread=[], doubts=[], key_doubts={})
    unread = [mapped for mapped in source.unread if mapped.theirs not in described]
    return [replace(source, unread=unread), people]


def _as_events(file: _File, taken: set[str]) -> list[SourceGuess]:
    """Write down events, and the goods their rows describe."""
    sample, facts = file.sample, file.facts
    matches = dict(file.guess.matches)
    who_by_contact(matches, sample, facts)
    goods = {} if sample.header else goods_in_events(matches, sample, facts)
    if "product_id" in goods:
        matches["product_id"] = goods["product_id"]
        if matches.get("customer_id") and matches["customer_id"].at == goods["product_id"].at:
            del matches["customer_id"]
    orders = OrderGuess(matches)
    missing = tuple(key for key in file.guess.missing if key not in matches)
    guess = replace(file.guess, matches=matches, missing=missing)
    source = as_source(free_name(sample, guess.table, taken), sample, facts, guess, orders)
    if len(goods) < 2:  # noqa: PLR2004  (a product and what it belongs to)
        return [source]
    products = as_source(unused_name(f"{source.name[:29]}_goods", taken), sample, facts,
                         TableGuess(_GOODS, goods, (), (Reason("goods_in_events"),), ()))  # fmt: skip
    return [source, replace(products, attributes=[], unread=[], doubts=[])]


def _as_questionnaire(file: _File, scales: set[int], *, taken: set[str]) -> list[SourceGuess]:
    """Return the respondents, from the columns that are not scales, and the answers; numbered without a customer_id."""
    sample, facts = file.sample, file.facts
    person = guess_table(sample.names, facts, among=(_PEOPLE,), header=True, file_name=file.name)
    answer = guess_table(sample.names, facts, among=("responses",), header=True, file_name=file.name)
    person_matches = {ours: match for ours, match in person.matches.items() if match.at not in scales}
    answer_matches = {
        ours: match for ours, match in answer.matches.items() if ours == "answered_at" and match.at not in scales
    }
    answered = {match.at for match in answer_matches.values()}
    person_matches = {ours: match for ours, match in person_matches.items() if match.at not in answered}
    answer_matches |= {ours: match for ours, match in person_matches.items() if ours == "customer_id"}
    names = {sample.names[at] for at in scales}
    numbered = {} if "customer_id" in person_matches else {"numbered": "customer_id"}
    people = as_source(
        free_name(sample, "people", taken), sample, facts, replace(person, matches=person_matches, missing=())
    )
    wide = as_source(unused_name(f"{people.name[:29]}_answers", taken), sample, facts,
                     replace(answer, matches=answer_matches, missing=()))  # fmt: skip
    survey = Reason("survey_wide", {"scales": len(scales), "columns": len(sample.names)})
    doubts = [Reason("survey_numbered")] if numbered else []
    return [
        replace(people, attributes=[mapped for mapped in people.attributes if mapped.theirs not in names],
                doubts=doubts, settings={**people.settings, **numbered}, reasons=[Reason("survey_people")],
                unread=[mapped for mapped in people.unread if mapped.theirs not in names]),
        replace(wide, attributes=[], unread=[], doubts=[], people=people.name, reasons=[survey], key_doubts={},
                settings={**wide.settings, "layout": "wide", **numbered}),
    ]  # fmt: skip


def _with_label(
    source: SourceGuess, label: Mapped, facts: list[Facts], taken: set[str]
) -> tuple[SourceGuess, SourceGuess]:
    people = replace(
        source,
        attributes=[mapped for mapped in source.attributes if mapped.theirs != label.theirs],
        unread=[mapped for mapped in source.unread if mapped.theirs != label.theirs],
    )
    keys = [replace(mapped, doubts=()) for mapped in source.columns if mapped.ours == "customer_id"]
    own = facts[source.sample.names.index(str(label.theirs))]
    labels = replace(
        source, name=unused_name(f"{source.name[:30]}_labels", taken), table=_LABELS, attributes=[], unread=[],
        formats=label_formats(label, own), columns=[*keys, label], reasons=[Reason("label_source")], doubts=[],
        key_doubts={}, rules={},
    )  # fmt: skip
    return people, labels


def _theirs(source: SourceGuess, ours: str) -> Any:
    return next((mapped.theirs for mapped in source.columns if mapped.ours == ours), "")


def _with_people(sources: list[SourceGuess]) -> list[SourceGuess]:
    """Set whose customer ids a file uses, where several files hold people: those of the file that has most of them."""
    people = [source for source in sources if source.table == _PEOPLE and source.cells("customer_id")]
    ids_by_name = {source.name: set(source.cells("customer_id")) for source in people}
    resolved = []
    for source in sources:
        ids = {cell for cell in source.cells("customer_id") if cell}
        if source.table == _PEOPLE or not people or not ids:
            resolved.append(source)
            continue
        shares = {name: len(ids & own) / len(ids) for name, own in ids_by_name.items()}
        best = max(shares, key=lambda name: shares[name])
        whole = next(file for file in people if file.name == best).sample.complete
        doubts, reasons, alone = list(source.doubts), list(source.reasons), shares[best] == 0 and whole
        if alone:
            doubts.append(Reason("none_known", {"name": best, "own": source.name}))
        elif shares[best] < _OVERLAP and whole:
            doubts.append(Reason("few_known", {"share": f"{shares[best]:.1%}", "name": best}))
        elif len(people) > 1:
            share = Reason("known_by" if whole else "known_so_far", {"share": f"{shares[best]:.0%}", "name": best})
            (reasons if shares[best] >= _SURELY else doubts).append(share)
        whose = source.name if alone else best if len(people) > 1 else None
        resolved.append(replace(source, people=whose, reasons=reasons, doubts=doubts))
    return resolved
