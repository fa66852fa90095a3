"""Cast text cells to typed columns as declared, without guessing; used by 01_check_quality.

A row is rejected only if an essential cell cannot be used: the time or the money of an order line, the id of a
person or of a product, the time of an event. Any other unusable cell becomes null; its raw value is kept and counted by
reason. Blank cells are null.

Both readers use these casts: the exact one calls `cast_cell` on every cell, which returns a value or a reject code; the
fast one calls `sure_value` and passes doubtful cells (`in_doubt`) to the exact one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from workbench.core.schema import ibis_type
from workbench.intake.casting.column_kinds import EXCEL_DATE, UNIX_DATES
from workbench.intake.casting.ids import (
    LONG_ID_DIGITS,
    NOT_PRINTABLE,
    both,
    count_bytes,
    has_edges,
    id_doubts,
    normal_form,
)
from workbench.intake.reading.raw.scratch import quoted_name
from workbench.intake.reading.workbook_cells import ERRORS

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.core.params.sources import FormatParams
    from workbench.intake.casting.column_kinds import ColumnPlan

__all__ = [
    "Cell",
    "cast_cell",
    "engine_moment",
    "has_more_digits",
    "in_doubt",
    "plain_number",
    "read_cell",
    "sure_value",
]

AGE_YEARS = (0, 120)
AGE_WORDS = r"^(\d{1,3}) ?(?:岁|周岁|years?(?: old)?|ans|jahre|años|anos|anni)$"
YEARLESS = r"^\d{1,2}(月\d{1,2}[日号]?|[-/]\d{1,2})$"  # a month and a day
NOTHING = ("nan", "NaN", "NaT", "<NA>")  # missing values as written by libraries

_ERROR = f"^({'|'.join(map(re.escape, ERRORS))})$"
_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$"
_INTEGER = r"^[+-]?\d{1,18}(\.0*)?$"
_LARGEST = 10**18 - 1  # largest whole number
_SCIENTIFIC_ID = r"^\d(\.\d+)?[eE]\+\d{1,2}$"
_ISO = r"^\d{4}([-/])\d{1,2}[-/]\d{1,2}([ T]\d{1,2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?$"
_ISO_ZONED = r"^\d{4}-\d{1,2}-\d{1,2}[ T]\d{1,2}:\d{2}(:\d{2}(\.\d{1,9})?)? ?(Z|[+-]\d{2}(:?\d{2})?)$"
_EITHER_ORDER = r"^(0?[1-9]|1[0-2])[-/.](0?[1-9]|1[0-2])[-/.](\d{4}|\d{2})($|[ T])"
_WRITTEN = {  # length and pattern of timestamps that the engine reads unambiguously
    19: "[0-9]???-?[0-9]-?[0-9] [0-9]?:?[0-9]:?[0-9]", 10: "[0-9]???-?[0-9]-?[0-9]",
}  # fmt: skip
_LAST_DAY = dt.date(9998, 12, 31)  # later ones are placeholders
_MARKERS = {  # by kind, an impossible value that marks a doubtful cell; flags have no spare value
    "date": "0001-01-01", "timestamp": "0001-01-01 00:00:00", "money": "-99999999999999.9999",
    "quantity": "-999999999999999.999", "integer": "-1000000000000000000", "number": "-inf",
    "id": "", "text": "", "category": "",
}  # fmt: skip
_TRUE = ("1", "yes", "true", "是")
_FALSE = ("0", "no", "false", "否")
_GROUPS = "[\u00a0\u202f\u2009 '’]"  # digit group separators other than comma and point
_SCALES = {"万": "10000", "亿": "100000000"}
_UNITS = {
    "share": "1", "fen": "0.01", "jiao": "0.1", "yuan": "1", "thousand": "1000", "wan": "10000", "million": "1000000",
    "yi": "100000000",
}  # fmt: skip
_SIGNS = {"CNY": "¥￥元", "JPY": "¥￥円", "USD": "$", "EUR": "€", "GBP": "£", "HKD": "$", "TWD": "$"}
_NULL_TEXT = ibis.null("string")


@dataclass(frozen=True)
class Cell:
    """A typed value and, if the raw cell cannot be used, the reject code (else null)."""

    value: ibis.Value
    code: ibis.Value


@ibis.udf.scalar.builtin(name="~~~")
def _has_form(text: str, form: str) -> bool:
    """Match a text with a GLOB pattern (built into the engine)."""
    raise NotImplementedError


@ibis.udf.scalar.builtin(name="try_strptime")
def _try_strptime(text: str, pattern: str) -> ibis.dtype("timestamp(6)"):  # type: ignore[valid-type]
    """Parse a date by a pattern, null where it does not fit (built into the engine)."""


@ibis.udf.scalar.builtin(name="timezone")
def _local_time(zone: str, moment: ibis.dtype("timestamp('UTC')")) -> ibis.dtype("timestamp(6)"):  # type: ignore
    """Return the local time of a UTC timestamp in a time zone (built into the engine)."""


@ibis.udf.scalar.builtin(name="timezone")
def _instant(zone: str, clock: ibis.dtype("timestamp(6)")) -> ibis.dtype("timestamp('UTC')"):  # type: ignore
    """Return the UTC timestamp of a local time in a time zone (built into the engine)."""


def engine_moment(cell: ibis.Value, plan: ColumnPlan) -> ibis.Value | None:
    """Parse text by the engine's own cast, for moments without a declared format; None for other columns.

    `read_cell` uses the result if it agrees with the text; in a separate column it is computed only once.
    """
    if plan.kind not in ("date", "timestamp") or plan.patterns or not cell.type().is_string():
        return None
    return cell.try_cast("timestamp(6)")


def read_cell(cell: ibis.Value, plan: ColumnPlan, moment_guess: ibis.Value | None = None) -> ibis.Value | None:
    """Parse numbers and moments before they are checked; None for the other kinds.

    In a separate column the result is parsed once, instead of once per check in `cast_cell`.
    """
    if plan.kind in ("date", "timestamp"):
        return _read_moment(cell, engine_moment(cell, plan) if moment_guess is None else moment_guess, plan)
    return None if plan.kind in ("text", "category", "id", "flag") else _read_number(cell, plan)


def cast_cell(cell: ibis.Value, plan: ColumnPlan, parsed: ibis.Value | None = None) -> Cell:
    """Cast a column by its declared kind.

    Parameters
    ----------
    cell : ibis.Value
        Stripped text with blank cells as null, or a typed column of a Parquet file.
    plan : ColumnPlan
    parsed : ibis.Value, optional
        The result of `read_cell`.

    Returns
    -------
    Cell
        Null with no code where the cell is null. Codes: ``id-damaged``, ``number-invalid``, ``integer-invalid``,
        ``flag-invalid``, ``date-invalid``, ``date-ambiguous``, ``date-zone``, ``date-default``, ``date-future``,
        ``out-of-range``.
    """
    kind = cell.type()
    if plan.kind in ("text", "category"):
        return _text(cell.cast("string"))
    if plan.kind == "id":
        return _id(cell.cast("string"), plan, is_whole=kind.is_integer())
    if plan.kind == "flag":
        return _sound(cell) if kind.is_boolean() else _flag(cell.cast("string"), plan)
    parsed = read_cell(cell, plan) if parsed is None else parsed
    return _dated(cell, parsed, plan) if plan.kind in ("date", "timestamp") else _number(cell, parsed, plan)


def sure_value(cell: ibis.Value, plan: ColumnPlan, moment_guess: ibis.Value | None = None) -> ibis.Value:
    """Cast a cell that needs no repair; one that may need repair or rejection becomes a marker (``_MARKERS``).

    Parameters
    ----------
    cell : ibis.Value
        Raw text of the file, never empty; or a typed column of a Parquet file.
    plan : ColumnPlan
        Of any kind except a flag written as text.
    moment_guess : ibis.Value, optional
        The result of `engine_moment`.
    """
    if plan.kind == "flag":
        return cell
    value, doubts = cell.cast("string"), []
    marker = ibis.literal(_MARKERS[plan.kind]).cast(ibis_type(plan.kind))
    if cell.type().is_string() and not plan.trimmed:
        doubts.append(has_edges(cell))
    if plan.kind == "id":
        doubts += id_doubts(cell, plan)
    elif cell.type().is_string() and plan.kind in ("text", "category"):
        doubts.append(cell.isin(NOTHING))
    elif plan.kind not in ("text", "category"):
        if cell.type().is_string() and plan.kind in ("money", "quantity"):
            doubts.append(has_more_digits(cell, plan.kind, plan.formats.decimals))
        cell = cell.nullif(float("nan")) if cell.type().is_floating() else cell
        parsed = read_cell(cell, plan, moment_guess)
        parsed = parsed.date() if parsed is not None and plan.kind == "date" else parsed
        value = ibis.coalesce(parsed, ibis.cases((cell.notnull(), marker), else_=ibis.null(marker.type())))
    return ibis.cases((ibis.or_(*doubts), marker), else_=value) if doubts else value


def in_doubt(plan: ColumnPlan) -> list[str]:
    """Return the SQL conditions of a doubtful cell (see `sure_value`); a Parquet footer can rule them out."""
    cell, marker = quoted_name(plan.name), _MARKERS.get(plan.kind)
    if marker is None:
        return []
    conditions = [f"{cell} = '{marker}'" if marker else f"{cell} < chr(1)"]  # a footer cannot rule out = ''
    if plan.kind in ("date", "timestamp"):
        end = min(plan.date_max, _LAST_DAY) + dt.timedelta(days=1)
        conditions += [f"{cell} < DATE '{plan.date_min.isoformat()}'", f"{cell} >= DATE '{end.isoformat()}'"]
    return conditions


def _text(cell: ibis.Value) -> Cell:
    """Accept a text unchanged; missing-value words of libraries are blank, workbook errors are unusable."""
    value = ibis.cases((cell.isin(NOTHING), _NULL_TEXT), else_=cell)
    return _checked(value, [(_is_error(cell), "workbook-error")])


def _is_error(cell: ibis.Value) -> ibis.Value:
    """Return whether a cell is a workbook error, by a pattern: a list of words takes the engine minutes."""
    return both(cell.startswith("#"), cell.re_search(_ERROR))


def has_more_digits(cell: ibis.Value, kind: str, mark: str = ".") -> ibis.Value:
    """Return whether a number as text has more decimals than its kind keeps, not counting trailing zeros."""
    kept = {"quantity": 3, "money": 4}[kind]
    long = (count_bytes(cell) > kept + 1) & cell.like(f"%{mark}{'_' * (kept + 1)}%")  # the cheaper test first
    return both(long, cell.re_search(rf"\{mark}\d{{{kept}}}\d*[1-9]"))


def plain_number(cell: ibis.Value, formats: FormatParams) -> ibis.Value:
    """Return a number as text with a decimal point, without declared signs and digit groups."""
    return _plain_number(cell, formats)


def _id(cell: ibis.Value, plan: ColumnPlan, *, is_whole: bool) -> Cell:
    rounded = rf"^\d{{{LONG_ID_DIGITS - 3},}}000$"
    if is_whole:  # whole numbers need no repair
        return _checked(cell, [(cell.re_search(rounded), "id-damaged")]) if plan.long_ids_damaged else _sound(cell)
    key = ibis.cases((cell.re_search(NOT_PRINTABLE), normal_form(cell)), else_=cell).nullif("")
    if plan.drop_point_zero:
        key = key.re_replace(r"\.0$", "")
    damaged = both(key.contains("+"), key.re_search(_SCIENTIFIC_ID))
    if plan.long_ids_damaged:
        damaged = damaged | key.re_search(rounded)
    return _checked(key, [(damaged, "id-damaged"), (_is_error(key), "workbook-error")])


def _flag(cell: ibis.Value, plan: ColumnPlan) -> Cell:
    """Parse yes or no, by the values declared for the column or else by English and Chinese words."""
    text = cell.lower()
    declared = [values.get(plan.name) for values in (plan.formats.means_yes, plan.formats.means_no)]
    yes, no = (None if values is None else [value.strip().lower() for value in values] for values in declared)
    if yes is not None and no is None:
        value = ibis.cases((text.isnull(), ibis.null("boolean")), else_=text.isin(yes))
    else:
        value = ibis.cases((text.isin(yes or _TRUE), True), (text.isin(no or _FALSE), False), else_=None)
    return _checked(value, [(cell.notnull() & value.isnull(), "flag-invalid")])


def _read_number(cell: ibis.Value, plan: ColumnPlan) -> ibis.Value:
    if cell.type().is_boolean():
        cell = cell.cast("int8")
    if cell.type().is_string():
        value = _as_number(cell, plan)
    else:
        value = (
            ibis.cases((~cell.isinf(), cell.nullif(float("nan"))), else_=None) if cell.type().is_floating() else cell
        )
    if plan.kind == "integer" and value.type().is_integer():
        return ibis.cases((value.between(-_LARGEST, _LARGEST), value.cast("int64")), else_=None)
    if plan.kind == "integer":
        text = value.cast("string")
        number = ibis.cases((text.re_search(_INTEGER), text.re_replace(r"\.0*$", "")), else_=_NULL_TEXT)
        return number.try_cast("int64")
    number = _in_units(value, plan).try_cast(ibis_type(plan.kind))
    return ibis.cases((number.isinf(), ibis.null("float64")), else_=number) if plan.kind == "number" else number


def _as_number(cell: ibis.Value, plan: ColumnPlan) -> ibis.Value:
    """Return the text of a number; null if the cell is not a number.

    Money and quantities without declared signs are checked by their cast, except texts with ``_``, ``e`` or ``E``: the
    engine also casts these to decimals.
    """
    plain = _plain_number(cell, plan.formats)
    if plan.name == "age":
        plain = plain.re_replace(AGE_WORDS, r"\1")
    number = ibis.cases((plain.re_search(_NUMBER), plain), else_=_NULL_TEXT)
    if plain is not cell or plan.kind not in ("money", "quantity"):
        return number
    signs = [cell.contains(sign) for sign in "_eE" if sign in plan.signs]
    return ibis.cases((ibis.or_(*signs), number), else_=cell) if signs else cell


def _number(cell: ibis.Value, number: ibis.Value, plan: ColumnPlan) -> Cell:
    cell = cell.nullif(float("nan")) if cell.type().is_floating() else cell
    if plan.kind == "integer":
        return _checked(number, [(cell.notnull() & number.isnull(), "integer-invalid")])
    faults = [(cell.notnull() & number.isnull(), "number-invalid")]
    if plan.name == "age":
        faults.append(((number < AGE_YEARS[0]) | (number > AGE_YEARS[1]), "out-of-range"))
    return _checked(number, faults)


def _in_units(value: ibis.Value, plan: ColumnPlan) -> ibis.Value:
    """Multiply by the declared unit, before rounding to the column's digits."""
    unit = plan.formats.units.get(plan.name)
    if unit is None:
        return value
    return value.try_cast("decimal(26, 10)") * ibis.literal(_UNITS[unit]).cast("decimal(12, 2)")


def _plain_number(cell: ibis.Value, formats: FormatParams) -> ibis.Value:
    """Return a number with a decimal point, without declared currency signs and digit groups."""
    if formats.currency:
        signs = "".join(re.escape(sign) for sign in _SIGNS.get(formats.currency, ""))
        written = f"[{signs}]|{formats.currency}" if signs else formats.currency
        cell = cell.re_replace(rf"^([+(-]?)\s*({written})\s*", r"\1")
        cell = cell.re_replace(rf"\s*({written})(\)?)$", r"\2")
    if "decimals" in formats.model_fields_set:
        cell = cell.re_replace(r"^\((.+)\)$", r"-\1").re_replace(r"^(\d.*)-$", r"-\1")
        group, mark = (",", r"\.") if formats.decimals == "." else (r"\.", ",")
        steps = (
            rf"({group}\d{{3}})+"
            if formats.decimals == ","
            else rf"(({group}\d{{3}})+|({group}\d{{2}})+{group}\d{{3}})"
        )
        cell = _ungrouped(cell, rf"({_GROUPS}\d{{3}})+({mark}\d*)?", _GROUPS)
        cell = _ungrouped(cell, rf"{steps}({mark}\d*)?", group)
        for sign, factor in _SCALES.items():
            cell = _unscaled(cell, sign, factor, formats.decimals)
        if formats.decimals == ",":
            two = ibis.literal("two decimal marks")
            cell = _once(cell, lambda text: ibis.cases((text.contains("."), two), else_=text.replace(",", ".")))
    return cell


def _once(cell: ibis.Value, change: Callable[[ibis.Value], ibis.Value]) -> ibis.Value:
    """Apply a change that uses its text several times, computing the text only once.

    Otherwise the formula of a number after five such changes would contain hundreds of copies of its cell.
    """
    return ibis.array([cell]).map(change)[0]


def _ungrouped(cell: ibis.Value, rest: str, group: str) -> ibis.Value:
    """Remove digit group separators if the text after the first digits matches the pattern ``rest``."""
    form = rf"^[+-]?\d{{1,3}}{rest}$"
    return _once(cell, lambda text: ibis.cases((text.re_search(form), text.re_replace(group, "")), else_=text))


def _unscaled(cell: ibis.Value, sign: str, factor: str, mark: str) -> ibis.Value:
    """Multiply out 万 or 亿, as in 1.2万."""

    def multiplied(text: ibis.Value) -> ibis.Value:
        bare = text.re_replace(rf"\s*{sign}$", "")
        number = (bare.replace(",", ".") if mark == "," else bare).try_cast("decimal(26, 10)")
        product = (number * ibis.literal(factor).cast("decimal(12, 2)")).cast("string")
        product = product.replace(".", ",") if mark == "," else product
        return ibis.cases((text.endswith(sign) & product.notnull(), product), else_=text)

    return _once(cell, multiplied)


def _read_moment(cell: ibis.Value, moment_guess: ibis.Value | None, plan: ColumnPlan) -> ibis.Value:
    """Parse a timestamp as local time in the profile's time zone."""
    moment, kind = _moment_as_stored(cell, moment_guess, plan), cell.type()
    if not plan.formats.stored_in or (kind.is_timestamp() and kind.timezone is not None):
        return moment
    instant = _instant(ibis.literal(plan.formats.stored_in), moment)
    return _local_time(ibis.literal(plan.formats.time_zone), instant).cast("timestamp(6)")


def _moment_as_stored(cell: ibis.Value, moment_guess: ibis.Value | None, plan: ColumnPlan) -> ibis.Value:
    kind = cell.type()
    if kind.is_timestamp() or kind.is_date():
        zoned = kind.is_timestamp() and kind.timezone is not None
        moment = _local_time(ibis.literal(plan.formats.time_zone or "UTC"), cell) if zoned else cell
        return moment.try_cast("timestamp(6)")
    cell = cell.cast("string")
    if plan.patterns:
        return ibis.coalesce(*[_by_pattern(cell, pattern, plan.formats.time_zone) for pattern in plan.patterns])
    iso = ibis.cases((cell.re_search(_ISO), cell), else_=_NULL_TEXT).try_cast("timestamp(6)")
    moments = [iso if moment_guess is None else _as_written(cell, moment_guess), iso]
    if plan.formats.time_zone:
        zoned = ibis.cases((cell.re_search(_ISO_ZONED), cell), else_=_NULL_TEXT)
        instant = zoned.re_replace(r" ?([+-]\d{2}):?(\d{2})?$", r"\1:\2").re_replace(":$", "")
        instant = instant.try_cast("timestamp('UTC')")
        moments.append(_local_time(ibis.literal(plan.formats.time_zone), instant))
    return ibis.coalesce(*moments)


def _dated(cell: ibis.Value, moment: ibis.Value, plan: ColumnPlan) -> Cell:
    kind = cell.type()
    typed = kind.is_timestamp() or kind.is_date()
    faults = [] if typed or plan.patterns else _doubts(cell.cast("string"), moment, plan)
    if plan.name == "birth_date" and kind.is_string():
        faults.append((moment.isnull() & cell.re_search(YEARLESS), "year-missing"))
    faults.append((cell.notnull() & moment.isnull(), "date-invalid"))
    day = moment.date()
    last = plan.date_max
    faults += [
        ((day < plan.date_min) | (day >= dt.date(9999, 1, 1)), "date-default"),
        (day > last, "date-future"),
    ]
    return _checked(day if plan.kind == "date" else moment, faults)


def _doubts(cell: ibis.Value, moment: ibis.Value, plan: ColumnPlan) -> list[tuple[ibis.Value, str]]:
    """Return the conditions under which an unreadable text would be a valid date with another declaration."""
    zoned = [] if plan.formats.time_zone else [(both(moment.isnull(), cell.re_search(_ISO_ZONED)), "date-zone")]
    return [*zoned, (both(moment.isnull(), cell.re_search(_EITHER_ORDER)), "date-ambiguous")]


def _as_written(cell: ibis.Value, moment: ibis.Value) -> ibis.Value:
    """Accept dates in the engine's own form, YYYY-MM-DD with or without HH:MM:SS; they need no pattern."""
    valid = moment.notnull() & ~cell.contains(" 24:")  # midnight of the next day
    forms = [
        (valid & (count_bytes(cell) == length) & _has_form(cell, ibis.literal(form)), moment)
        for length, form in _WRITTEN.items()
    ]
    return ibis.cases(*forms, else_=ibis.null("timestamp(6)"))


def _by_pattern(cell: ibis.Value, pattern: str, zone: str | None = None) -> ibis.Value:
    if pattern in UNIX_DATES:
        ticks = ibis.cases((cell.re_search(r"^\d{1,14}(\.\d+)?$"), cell), else_=_NULL_TEXT).try_cast("float64")
        micros = (ticks * (1_000_000 // UNIX_DATES[pattern])).round().cast("int64")
        moment = ibis.literal(dt.datetime(1970, 1, 1)).cast("timestamp(6)") + micros.as_interval("us")
        return _local_time(ibis.literal(zone or "UTC"), _instant(ibis.literal("UTC"), moment)).cast("timestamp(6)")
    if pattern != EXCEL_DATE:
        return _try_strptime(cell, ibis.literal(pattern))
    serial = ibis.cases((cell.re_search(r"^\d{1,7}(\.\d+)?$"), cell), else_=_NULL_TEXT).try_cast("float64")
    seconds = (serial * 86_400).round().cast("int64")
    return ibis.literal(dt.datetime(1899, 12, 30)).cast("timestamp(6)") + seconds.as_interval("s")


def _sound(value: ibis.Value) -> Cell:
    return Cell(value, _NULL_TEXT)


def _checked(value: ibis.Value, faults: list[tuple[ibis.Value, str]]) -> Cell:
    """Return the first code whose condition holds; the value only if none holds."""
    code = ibis.cases(*[(condition, ibis.literal(name)) for condition, name in faults], else_=_NULL_TEXT)
    return Cell(ibis.cases((code.isnull(), value), else_=ibis.null(value.type())), code)
