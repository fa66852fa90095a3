"""A proposed source from a file's table and matches: its mapping, attributes, unread columns, formats and doubts."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pypinyin import lazy_pinyin

from workbench.core.schema import CANONICAL, NEIGHBOURS, columns_of
from workbench.intake.guessing.headers.names import currency_in, is_chinese, unit_in
from workbench.intake.guessing.headers.parts import parts_in
from workbench.intake.guessing.headers.reasons import Reason
from workbench.intake.guessing.kinds.fitting import is_date
from workbench.intake.guessing.kinds.guesses import Mapped, SourceGuess
from workbench.intake.guessing.values.facts import PERSONAL
from workbench.intake.guessing.values.numbers import has_groups
from workbench.intake.guessing.values.zones import zone_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.intake.guessing.kinds.fitting import Match
    from workbench.intake.guessing.kinds.orders import OrderGuess
    from workbench.intake.guessing.kinds.tables import TableGuess
    from workbench.intake.guessing.samples import Sample
    from workbench.intake.guessing.values.dates import DateGuess
    from workbench.intake.guessing.values.facts import Facts

__all__ = ["as_source", "free_name", "unused_name"]

_MONEY, _DATED, _IDS = ("money",), ("date", "timestamp"), ("id",)
_LONG_TEXT, _MOST_CATEGORIES, _FEW = 60, 200, 2


def as_source(
    name: str, sample: Sample, facts: list[Facts], guess: TableGuess, orders: OrderGuess | None = None
) -> SourceGuess:
    """Write down a source.

    Parameters
    ----------
    name : str
    sample : Sample
    facts : list of Facts
    guess : TableGuess
        Its table and matches, as refined.
    orders : OrderGuess, optional
        Of a file of orders: what its values say besides.
    """
    order = {column: at for at, column in enumerate(columns_of(guess.table, contact=True, neighbours=True))}
    matches = sorted(guess.matches.values(), key=lambda match: order[match.ours])
    moments = orders.moments if orders else {}
    columns = [_mapped(match, sample, facts[match.at], moments.get(match.ours)) for match in matches]
    used = {match.at for match in matches} | {match.joined for match in matches if match.joined is not None}
    attributes: list[Mapped] = []
    unread: list[Mapped] = []
    apart = orders.apart if orders else {}
    for at, theirs in enumerate(sample.names):
        if at not in used:
            reason = apart.get(at) or _why_unread(guess.table, at, facts[at], sample)
            into = attributes if reason is None else unread
            why = reason or _type_of(facts[at])
            into.append(Mapped(_attribute_name(guess.table, theirs, columns), theirs_at(sample, at), (why,)))
    formats, key_doubts = _formats(guess, sample, facts, [column.theirs for column in attributes], moments)
    if orders:
        formats |= {"units": formats.get("units", {}) | orders.units} if orders.units else {}
        key_doubts |= {"rules": orders.rule_doubts} if orders.rule_doubts else {}
    settings = dict(sample.settings)
    settings |= {"fill": orders.fill} if orders and orders.fill else {}
    if sample.encoding_rivals:
        key_doubts["encoding"] = [Reason("encoding_rivals", {"names": ", ".join(sample.encoding_rivals)})]
    if sample.settings.get("skip_rows"):
        key_doubts["skip_rows"] = [Reason("header_below", {"lines": sample.settings["skip_rows"]})]
    return SourceGuess(
        name, sample.path, guess.table, settings, columns, attributes, unread, formats, list(guess.reasons),
        [*guess.doubts, *_doubts(guess, sample, facts)], sample, key_doubts=key_doubts,
        rules=orders.rules if orders else {},
    )  # fmt: skip


def theirs_at(sample: Sample, at: int) -> str | int:
    """Return how a profile names a column of the file: by its name, without a header by its position from 1."""
    return sample.names[at] if sample.header else at + 1


def _mapped(match: Match, sample: Sample, facts: Facts, moment: DateGuess | None) -> Mapped:
    reasons, doubts = list(match.reasons), list(match.doubts)
    dates, kind = moment or facts.dates, _kind_of(match.ours)
    if dates and kind in _DATED:
        reasons += [Reason("dates_as", {"patterns": ", ".join(dates.patterns)})] if dates.patterns else []
        reasons += [Reason("dates_iso")] if dates.kind == "iso" else []
        doubts += [Reason("date_mixed", {"patterns": ", ".join(dates.patterns)})] if _mixes(dates) else []
    if match.ours.endswith("_id") and facts.filled:
        repeats = Reason("repeats", {"distinct": facts.distinct, "filled": facts.filled})
        reasons.append(Reason("unique") if facts.unique else repeats)
    if kind in _IDS and facts.fits("point_zero"):
        doubts.append(Reason("point_zero"))
    if match.ours == "birth_date" and facts.dates and facts.dates.kind == "year":
        doubts.append(Reason("year_alone", {"low": int(facts.low), "high": int(facts.high)}))
    if match.ours == "birth_date" and facts.dates and facts.dates.yearless:
        reasons.append(Reason("birthday_yearless"))
    if match.ours == "gender" and facts.is_number:
        doubts.append(Reason("gender_codes", {"values": ", ".join(facts.values)}))
    if match.ours == "age" and facts.fits("age_words", 0.01):
        reasons.append(Reason("age_words"))
    if not sample.header and match.ours == "customer_id":
        twin = _twin(sample, match.at)
        doubts += [Reason("twin", {"at": twin + 1})] if twin is not None else []
    theirs: Any = theirs_at(sample, match.at)
    if match.joined is not None:
        theirs = (theirs, theirs_at(sample, match.joined))
    return Mapped(match.ours, theirs, tuple(reasons), tuple(doubts))


def _mixes(dates: DateGuess) -> bool:
    """Tell whether rows write their days in different ways."""
    return dates.kind == "pattern" and len({pattern.partition(" ")[0] for pattern in dates.patterns}) > 1


def _kind_of(ours: str) -> str:
    return next((kind for table in CANONICAL.values() if (kind := table.kind(ours))), "")


def _type_of(facts: Facts) -> Reason:
    if facts.is_number and facts.distinct > _FEW:  # two numbers are a yes and a no
        return Reason("type_number", {"low": f"{facts.low:.15g}", "high": f"{facts.high:.15g}"})
    return Reason("type_values", {"distinct": facts.distinct})


def _twin(sample: Sample, at: int) -> int | None:
    """Return another column that names the same rows, one to one."""
    own = sample.columns[at]
    for other, cells in enumerate(sample.columns):
        pairs = set(zip(own, cells, strict=True))
        if other != at and len(pairs) == len(set(own)) == len(set(cells)) > 1:
            return other
    return None


def _why_unread(table: str, at: int, facts: Facts, sample: Sample) -> Reason | None:
    """Return why a column is not kept as an attribute; None where it is."""
    name = sample.names[at]
    always = facts.values[0] if facts.values else "?"
    texts = facts.distinct > max(_MOST_CATEGORIES, facts.filled / 2)
    personal = any(facts.fits(pattern) for pattern in PERSONAL)
    repeated = sample.names.count(name) > 1
    faults = (
        (not sample.header, Reason("left_position")),
        (facts.counting and _names_lines(name), Reason("left_counter")),
        (not name, Reason("left_nameless")),
        (sample.header and repeated, Reason("left_repeated")),
        (not facts.filled, Reason("left_empty")),
        (personal, Reason("left_personal")),
        (facts.fits("address"), Reason("left_address")),
        (not CANONICAL[table].open, Reason("left_table", {"table": table})),
        (facts.distinct == 1 and facts.full and facts.rows > 1, Reason("left_constant", {"value": always})),
        (is_date(facts), Reason("left_date")),
        (facts.mean_length > _LONG_TEXT, Reason("left_text")),
        (not facts.is_number and texts, Reason("left_unique", {"distinct": facts.distinct})),
    )
    return next((reason for applies, reason in faults if applies), None)


def _names_lines(name: str) -> bool:
    """Tell whether a name says no more than the number of a line."""
    return parts_in(name) <= {"line", "id", "quantity"}


def _attribute_name(table: str, name: str, columns: list[Mapped]) -> str:
    """Return the name of an attribute: that of the file, unless one of our columns has it."""
    ours = (*columns_of(table, contact=True, neighbours=True), *(mapped.ours for mapped in columns))
    reserved = {column.lower() for column in ours}
    return f"{name}_given" if name.lower() in reserved or name.startswith("_") else name


def _formats(
    guess: TableGuess, sample: Sample, facts: list[Facts], attributes: list[Any], moments: Mapping[str, DateGuess]
) -> tuple[dict[str, Any], dict[str, list[Reason]]]:
    kinds = columns_of(guess.table, contact=True, neighbours=True)
    formats: dict[str, Any] = {}
    doubts: dict[str, list[Reason]] = {}
    units: dict[str, str] = {}
    signs: Counter[str] = Counter()
    numbers = [match.at for ours, match in guess.matches.items() if kinds[ours] in ("money", "quantity", "number")]
    numbers += [
        at for at, name in enumerate(sample.names) if theirs_at(sample, at) in attributes and facts[at].is_number
    ]
    for ours, match in guess.matches.items():
        own, name = facts[match.at], sample.names[match.at] if sample.header else ""
        if kinds[ours] in _DATED and (moment := moments.get(ours) or own.dates):
            _declare_dates(ours, moment, sample.columns[match.at], formats, doubts)
        if kinds[ours] in _MONEY:
            signs.update(_currencies(name, sample.columns[match.at]))
            if unit := unit_in(name):
                units[ours] = unit
    marks = Counter(facts[at].mark for at in numbers if _shows_mark(facts[at], sample.columns[at]))
    if marks:
        formats["decimals"] = marks.most_common(1)[0][0]
        if len(marks) > 1:
            doubts.setdefault("formats", []).append(Reason("marks_mixed"))
    if formats.get("dates") == {}:
        del formats["dates"]
    if units:
        formats["units"] = units
    signed = [code for at in numbers for code in _currencies("", sample.columns[at])]
    money = any(kinds[ours] in _MONEY for ours in guess.matches)
    if (money or signed) and "currency" not in guess.matches:
        _declare_currency(signs or Counter(signed), sample, formats, doubts)
    return formats, doubts


def _declare_currency(
    signs: Counter[str], sample: Sample, formats: dict[str, Any], doubts: dict[str, list[Reason]]
) -> None:
    listed = doubts.setdefault("currency", [])
    if signs:
        formats["currency"] = signs.most_common(1)[0][0]
        listed += [Reason("currency_signs", {"currency": ", ".join(sorted(signs))})] if len(signs) > 1 else []
    elif any(map(is_chinese, [*sample.names, *(cells[0] for cells in sample.columns if cells)])):
        formats["currency"] = "CNY"
        listed.append(Reason("currency_guessed"))
    else:
        listed.append(Reason("currency_unknown"))


def _shows_mark(facts: Facts, cells: list[str]) -> bool:
    """Tell whether a column needs its decimal mark declared: a comma, digit groups or signs."""
    return facts.mark == "," or (facts.is_number and has_groups(cells[:2000], facts.mark or "."))


def _declare_dates(
    ours: str, guess: DateGuess, cells: list[str], formats: dict[str, Any], doubts: dict[str, list[Reason]]
) -> None:
    dates = formats.setdefault("dates", {})
    listed = doubts.setdefault("formats", [])
    if guess.kind == "either":
        listed.append(Reason("date_either", {"column": ours, "patterns": " / ".join(guess.patterns)}))
    elif guess.kind == "zoned":
        formats["time_zone"] = zone_of(guess.offsets, cells)
        values = {"column": ours, "offsets": ", ".join(guess.offsets[:4]), "zone": formats["time_zone"]}
        listed.append(Reason("date_zone", values))
    elif guess.kind == "unix":
        dates[ours] = guess.patterns[0]
        listed.append(Reason("date_unix", {"column": ours}))
    elif guess.patterns:
        dates[ours] = guess.patterns[0] if len(guess.patterns) == 1 else list(guess.patterns)
    if guess.share < 1:
        listed.append(Reason("date_some", {"column": ours, "share": f"{guess.share:.1%}"}))


def _currencies(name: str, cells: list[str]) -> list[str]:
    codes = [currency_in(name), *(currency_in(cell) for cell in cells[:50])]
    return [code for code in codes if code]


def _doubts(guess: TableGuess, sample: Sample, facts: list[Facts]) -> list[Reason]:
    doubts = [
        Reason("key_missing", {"column": key, "table": guess.table})
        for key in guess.missing
        if not (guess.table == "customers" and key == "customer_id")
    ]
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
    repeated = [name for name, count in Counter(sample.names).items() if count > 1 and name]
    if repeated and sample.header:
        doubts.append(Reason("names_repeated", {"names": ", ".join(repeated)}))
    if sample.unread:
        doubts.append(Reason("unread", {"lines": sample.unread}))
    if sample.records_inside:
        doubts.append(Reason("records_inside", {"line": sample.records_inside}))
    if sample.encoding == "utf-8" and any("\ufffd" in cell for cells in sample.columns for cell in cells):
        doubts.append(Reason("undecodable"))
    damaged = [name for name in sample.names if len(name) > 1 and re.search("[濮浣閿鐢]", name)]
    return doubts + ([Reason("mojibake", {"names": ", ".join(damaged)})] if damaged else [])


def free_name(sample: Sample, table: str, taken: set[str]) -> str:
    """Return a name for a source that is not taken: that of its file and sheet, in pinyin where they are Chinese."""
    stem = _spelled(PurePosixPath(sample.path).name.split(".")[0])
    sheet = _spelled(str(sample.settings.get("sheet", "")))
    slug = re.sub(r"[^a-z0-9]+", "_", f"{stem}_{sheet}".lower() if sheet else stem.lower()).strip("_")[:36]
    return unused_name(slug if re.match(r"[a-z]", slug) and len(slug) > _FEW else table, taken)


def _spelled(name: str) -> str:
    """Spell Chinese characters in pinyin, so that a source keeps the name of its file."""
    return "".join(lazy_pinyin(name)) if is_chinese(name) else name


def unused_name(name: str, taken: set[str]) -> str:
    """Return the name, with a number where it is taken, and take it."""
    free, at = name, 2
    while free in taken:
        free, at = f"{name}_{at}", at + 1
    taken.add(free)
    return free
