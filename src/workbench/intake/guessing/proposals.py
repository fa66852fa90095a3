"""Propose the sources of a profile from samples of its files: tables, mappings, formats, id spaces, unread columns."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pypinyin import lazy_pinyin

from workbench.core.schema import CANONICAL, NEIGHBOURS, columns_of
from workbench.intake.guessing.facts import PERSONAL, Facts, gather_facts
from workbench.intake.guessing.fitting import Match, is_date
from workbench.intake.guessing.guesses import Mapped, Proposal, SourceGuess
from workbench.intake.guessing.names import currency_in, is_chinese, name_score, synonyms_of, unit_in
from workbench.intake.guessing.questionnaires import scale_columns
from workbench.intake.guessing.reasons import Reason
from workbench.intake.guessing.tables import TableGuess, guess_table

if TYPE_CHECKING:
    from workbench.intake.guessing.samples import Sample

__all__ = ["propose"]

_MONEY, _DATED = ("money",), ("date", "timestamp")
_LABEL_NAMED = 0.9  # least name score of a label, among columns of two values
_STATUS = ("status", "churn status", "customer status", "account status", "状态", "客户状态", "会员状态", "流失状态")
_ANSWERS = ("target", "y", "response", "responded", "标签", "是否响应", "是否购买")  # outcomes other than churn
_LEFT = ("churned", "closed", "left", "lost", "cancelled", "canceled", "exited", "terminated", "流失", "已流失", "销户",
         "已销户", "离网", "已离网", "退订", "已退订")  # fmt: skip
_LONG_TEXT, _MOST_CATEGORIES = 60, 200
_OVERLAP = 0.2  # least share of ids known to a source of people
_SURELY = 0.95  # share of known ids without a doubt
_PEOPLE = "customers"


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
        questionnaire with a column per question: who answered, and the answers.
    """
    taken: set[str] = set()
    sources: list[SourceGuess] = []
    label = None
    for sample in samples:
        facts = [gather_facts(cells) for cells in sample.columns]
        file_name = PurePosixPath(sample.path).name + str(sample.settings.get("sheet", ""))
        scales = scale_columns(sample, facts)
        if scales:
            sources += _as_questionnaire(sample, facts, scales, file_name=file_name, taken=taken)
            continue
        guess = guess_table(sample.names, facts, header=sample.header, file_name=file_name)
        source = _as_source(_free_name(sample, guess.table, taken), sample, facts, guess)
        outcome = _find_label(source, facts)
        if outcome is not None:
            source, labels = _with_label(source, outcome, facts, taken)
            sources += [source, labels]
            label = str(outcome.theirs)
        else:
            sources.append(source)
    names = [name for sample in samples for name in sample.names]
    language = "zh" if 2 * sum(map(is_chinese, names)) > len(names) else "en"
    return Proposal(_with_people(sources), language, label)


def _as_source(name: str, sample: Sample, facts: list[Facts], guess: TableGuess) -> SourceGuess:
    order = {column: at for at, column in enumerate(columns_of(guess.table, contact=True, neighbours=True))}
    matches = sorted(guess.matches.values(), key=lambda match: order[match.ours])
    columns = [_mapped(match, sample, facts[match.at]) for match in matches]
    used = {match.at for match in matches}
    attributes: list[Mapped] = []
    unread: list[Mapped] = []
    for at, theirs in enumerate(sample.names):
        if at not in used:
            reason = _why_unread(guess.table, theirs, facts[at], sample)
            into = attributes if reason is None else unread
            why = reason or _type_of(facts[at])
            into.append(Mapped(_attribute_name(guess.table, theirs, columns), _theirs(sample, at), (why,)))
    formats, doubts = _formats(guess, sample, facts)
    doubts = [*guess.doubts, *doubts, *_doubts(guess, sample, facts)]
    return SourceGuess(name, sample.path, guess.table, sample.settings, columns, attributes, unread, formats,
                       list(guess.reasons), doubts, sample)  # fmt: skip


def _as_questionnaire(
    sample: Sample, facts: list[Facts], scales: set[int], *, file_name: str, taken: set[str]
) -> list[SourceGuess]:
    """Return the respondents, from the columns that are not scales, and the answers; numbered without a customer_id."""
    person = guess_table(sample.names, facts, among=("customers",), header=True, file_name=file_name)
    answer = guess_table(sample.names, facts, among=("responses",), header=True, file_name=file_name)
    person_matches = {ours: match for ours, match in person.matches.items() if match.at not in scales}
    answer_matches = {
        ours: match for ours, match in answer.matches.items() if ours == "answered_at" and match.at not in scales
    }
    answer_matches |= {ours: match for ours, match in person_matches.items() if ours == "customer_id"}
    names = {sample.names[at] for at in scales}
    numbered = {} if "customer_id" in person_matches else {"numbered": "customer_id"}
    people = _as_source(
        _free_name(sample, "people", taken), sample, facts, replace(person, matches=person_matches, missing=())
    )
    wide = _as_source(_unused(f"{people.name[:29]}_answers", taken), sample, facts,
                      replace(answer, matches=answer_matches, missing=()))  # fmt: skip
    survey = Reason("survey_wide", {"scales": len(scales), "columns": len(sample.names)})
    doubts = [Reason("survey_numbered")] if numbered else []
    return [
        replace(people, attributes=[mapped for mapped in people.attributes if mapped.theirs not in names],
                doubts=doubts, settings={**sample.settings, **numbered}, reasons=[Reason("survey_people")],
                unread=[mapped for mapped in people.unread if mapped.theirs not in names]),
        replace(wide, attributes=[], unread=[], doubts=[], people=people.name, reasons=[survey],
                settings={**sample.settings, "layout": "wide", **numbered}),
    ]  # fmt: skip


def _theirs(sample: Sample, at: int) -> str | int:
    return sample.names[at] if sample.header else at + 1


def _mapped(match: Match, sample: Sample, facts: Facts) -> Mapped:
    reasons, doubts = list(match.reasons), list(match.doubts)
    if facts.dates and _kind_of(match.ours) in _DATED:
        reasons += [Reason("dates_as", {"patterns": ", ".join(facts.dates.patterns)})] if facts.dates.patterns else []
        reasons += [Reason("dates_iso")] if facts.dates.kind == "iso" else []
    if match.ours.endswith("_id") and facts.filled:
        reasons.append(
            Reason("unique")
            if facts.unique
            else Reason("repeats", {"distinct": facts.distinct, "filled": facts.filled})
        )
    if facts.fits("point_zero"):
        doubts.append(Reason("point_zero"))
    if match.ours == "birth_date" and facts.dates and facts.dates.kind == "year":
        doubts.append(Reason("year_alone", {"low": int(facts.low), "high": int(facts.high)}))
    if not sample.header and match.ours == "customer_id":
        twin = _twin(sample, match.at)
        doubts += [Reason("twin", {"at": twin + 1})] if twin is not None else []
    return Mapped(match.ours, _theirs(sample, match.at), tuple(reasons), tuple(doubts))


def _kind_of(ours: str) -> str:
    return next((kind for table in CANONICAL.values() if (kind := table.kind(ours))), "")


def _type_of(facts: Facts) -> Reason:
    if facts.is_number and facts.distinct > 2:  # noqa: PLR2004  (two numbers are a yes and a no)
        return Reason("type_number", {"low": f"{facts.low:g}", "high": f"{facts.high:g}"})
    return Reason("type_values", {"distinct": facts.distinct})


def _twin(sample: Sample, at: int) -> int | None:
    """Return another column that names the same rows, one to one."""
    own = sample.columns[at]
    for other, cells in enumerate(sample.columns):
        pairs = set(zip(own, cells, strict=True))
        if other != at and len(pairs) == len(set(own)) == len(set(cells)) > 1:
            return other
    return None


def _why_unread(table: str, name: str, facts: Facts, sample: Sample) -> Reason | None:
    """Return why a column is not kept as an attribute; None where it is."""
    always = facts.values[0] if facts.values else "?"
    texts = facts.distinct > max(_MOST_CATEGORIES, facts.filled / 2)
    faults = (
        (not sample.header, Reason("left_position")),
        (not name, Reason("left_nameless")),
        (not facts.filled, Reason("left_empty")),
        (any(facts.fits(pattern) for pattern in PERSONAL), Reason("left_personal")),
        (not CANONICAL[table].open, Reason("left_table", {"table": table})),
        (facts.distinct == 1 and facts.full and facts.rows > 1, Reason("left_constant", {"value": always})),
        (is_date(facts), Reason("left_date")),
        (facts.mean_length > _LONG_TEXT, Reason("left_text")),
        (not facts.is_number and texts, Reason("left_unique", {"distinct": facts.distinct})),
    )
    return next((reason for applies, reason in faults if applies), None)


def _attribute_name(table: str, name: str, columns: list[Mapped]) -> str:
    """Return the name of an attribute: that of the file, unless one of our columns has it."""
    ours = (*columns_of(table, contact=True, neighbours=True), *(mapped.ours for mapped in columns))
    reserved = {column.lower() for column in ours}
    return f"{name}_given" if name.lower() in reserved or name.startswith("_") else name


def _formats(guess: TableGuess, sample: Sample, facts: list[Facts]) -> tuple[dict[str, Any], list[Reason]]:
    kinds = columns_of(guess.table, contact=True, neighbours=True)
    formats: dict[str, Any] = {}
    doubts: list[Reason] = []
    dates: dict[str, str | list[str]] = {}
    units: dict[str, str] = {}
    signs: Counter[str] = Counter()
    for ours, match in guess.matches.items():
        own, name = facts[match.at], sample.names[match.at] if sample.header else ""
        if kinds[ours] in _DATED and own.dates:
            _declare_dates(ours, own, dates, doubts, formats)
        if kinds[ours] in _MONEY:
            signs.update(_currencies(name, sample.columns[match.at]))
            if unit := unit_in(name):
                units[ours] = unit
            if own.shares.get("comma_number", 0) > own.shares.get("number", 0):
                formats["decimals"] = ","
            elif any("," in cell for cell in sample.columns[match.at]):
                formats["decimals"] = "."
    if dates:
        formats["dates"] = dates
    if units:
        formats["units"] = units
    if any(kinds[ours] in _MONEY for ours in guess.matches) and "currency" not in guess.matches:
        if signs:
            formats["currency"] = signs.most_common(1)[0][0]
            doubts += [Reason("currency_signs", {"currency": ", ".join(sorted(signs))})] if len(signs) > 1 else []
        elif any(map(is_chinese, sample.names)):
            formats["currency"] = "CNY"
            doubts.append(Reason("currency_guessed"))
        else:
            doubts.append(Reason("currency_unknown"))
    return formats, doubts


def _declare_dates(
    ours: str, facts: Facts, dates: dict[str, str | list[str]], doubts: list[Reason], formats: dict[str, Any]
) -> None:
    guess = facts.dates
    if guess is None:
        return
    if guess.kind == "either":
        doubts.append(Reason("date_either", {"column": ours, "patterns": " / ".join(guess.patterns)}))
    elif guess.kind == "zoned":
        formats["time_zone"] = "Asia/Shanghai"
        doubts.append(Reason("date_zone", {"column": ours}))
    elif guess.patterns:
        dates[ours] = guess.patterns[0] if len(guess.patterns) == 1 else list(guess.patterns)
    if guess.share < 1:
        doubts.append(Reason("date_some", {"column": ours, "share": f"{guess.share:.1%}"}))


def _currencies(name: str, cells: list[str]) -> list[str]:
    codes = [currency_in(name), *(currency_in(cell) for cell in cells[:50])]
    return [code for code in codes if code]


def _doubts(guess: TableGuess, sample: Sample, facts: list[Facts]) -> list[Reason]:
    doubts = [Reason("key_missing", {"column": key, "table": guess.table}) for key in guess.missing]
    if guess.table == "transactions":
        missing = [name for name in ("customer_id", "ordered_at", "order_id") if name not in guess.matches]
        doubts += [Reason(f"lacks_{name}") for name in missing]
        if not {"amount", "unit_price"} & set(guess.matches):
            doubts.append(Reason("lacks_amount"))
    for other, columns in NEIGHBOURS.get(guess.table, {}).items():
        lost = [name for name in columns if name in guess.matches and CANONICAL[other].keys[0] not in guess.matches]
        doubts += [Reason("homeless", {"columns": ", ".join(lost), "key": CANONICAL[other].keys[0]})] if lost else []
    key = {"customers": "customer_id", "products": "product_id"}.get(guess.table)
    if key in guess.matches and not facts[guess.matches[key].at].unique:
        doubts.append(Reason("key_repeats", {"column": key}))
    if sample.unread:
        doubts.append(Reason("unread", {"lines": sample.unread}))
    if sample.encoding == "utf-8" and any("\ufffd" in cell for cells in sample.columns for cell in cells):
        doubts.append(Reason("undecodable"))
    damaged = [name for name in sample.names if len(name) > 1 and re.search("[濮浣閿鐢]", name)]
    return doubts + ([Reason("mojibake", {"names": ", ".join(damaged)})] if damaged else [])


def _find_label(source: SourceGuess, facts: list[Facts]) -> Mapped | None:
    """Return the column of a customers file that says who left: one with two values and a matching name."""
    if source.table != _PEOPLE or "customer_id" not in {mapped.ours for mapped in source.columns}:
        return None
    synonyms = tuple(name for name in synonyms_of("labels")["label"] if name not in _ANSWERS)
    for attribute in source.attributes:
        own = facts[source.sample.names.index(str(attribute.theirs))]
        if own.distinct != 2:  # noqa: PLR2004
            continue
        if own.fits("flag", 1.0) and name_score(str(attribute.theirs), synonyms) >= _LABEL_NAMED:
            doubts = (Reason("label_event", {"values": " / ".join(own.values)}),)
            return Mapped("label", attribute.theirs, (Reason("name"), Reason("two_values")), doubts)
        if _left_of(own.values) and name_score(str(attribute.theirs), (*synonyms, *_STATUS)) >= _LABEL_NAMED:
            doubts = (Reason("label_status", {"left": _left_of(own.values), "values": " / ".join(own.values)}),)
            return Mapped("label", attribute.theirs, (Reason("name"), Reason("two_values")), doubts)
    return None


def _left_of(values: tuple[str, ...]) -> str | None:
    """Return the one of two values that says a customer has left."""
    matches = [value for value in values if value.strip().lower() in _LEFT]
    return matches[0] if len(matches) == 1 else None


def _with_label(
    source: SourceGuess, label: Mapped, facts: list[Facts], taken: set[str]
) -> tuple[SourceGuess, SourceGuess]:
    people = replace(source, attributes=[mapped for mapped in source.attributes if mapped.theirs != label.theirs])
    key = next(mapped for mapped in source.columns if mapped.ours == "customer_id")
    own = facts[source.sample.names.index(str(label.theirs))]
    formats = {} if own.fits("flag", 1.0) else {"means_yes": {"label": [_left_of(own.values)]}}
    labels = replace(
        source, name=_unused(f"{source.name[:30]}_labels", taken), table="labels", attributes=[], unread=[],
        formats=formats, columns=[replace(key, doubts=()), label], reasons=[Reason("label_source")], doubts=[],
    )  # fmt: skip
    return people, labels


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


def _free_name(sample: Sample, table: str, taken: set[str]) -> str:
    stem = _spelled(PurePosixPath(sample.path).name.split(".")[0])
    sheet = _spelled(sample.settings.get("sheet", ""))
    slug = re.sub(r"[^a-z0-9]+", "_", f"{stem}_{sheet}".lower() if sheet else stem.lower()).strip("_")[:36]
    return _unused(slug if re.match(r"[a-z]", slug) and len(slug) > 2 else table, taken)  # noqa: PLR2004


def _spelled(name: str) -> str:
    """Spell Chinese characters in pinyin, so that a source keeps the name of its file."""
    return "".join(lazy_pinyin(name)) if is_chinese(name) else name


def _unused(name: str, taken: set[str]) -> str:
    free, at = name, 2
    while free in taken:
        free, at = f"{name}_{at}", at + 1
    taken.add(free)
    return free
