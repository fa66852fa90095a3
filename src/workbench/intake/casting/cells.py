"""From cells of text to typed columns, by declaration and never by guessing; used by 01_check_quality.

A row is rejected only where a cell without which it has no meaning cannot be used: the time or the money of an order
line, the id of a person or of a product, the time of an event. Any other unusable cell becomes null; its raw value is
kept and counted by reason. Blank cells are null.

The casts stand here once, for both ways of reading: the exact one asks `cast_cell` for a value or the code that says
why there is none, of every cell; the fast one asks `sure_value` and sends what is `in_doubt` the exact way.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis

from workbench.core.schema import ibis_type
from workbench.intake.casting.column_kinds import EXCEL_DATE
from workbench.intake.casting.ids import (
    LONG_ID_DIGITS,
    NOT_PRINTABLE,
    both,
    count_bytes,
    has_edges,
    id_doubts,
    normal_form,
)
from workbench.intake.reading.scratch import quoted_name

if TYPE_CHECKING:
    from workbench.core.params.sources import FormatParams
    from workbench.intake.casting.column_kinds import ColumnPlan

__all__ = [
    "Cell",
    "cast_cell",
    "glance_at",
    "in_doubt",
    "read_cell",
    "sure_value",
]

AGE_YEARS = (0, 120)

_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$"
_INTEGER = r"^[+-]?\d{1,18}(\.0*)?$"
_LARGEST = 10**18 - 1  # the same for a whole number
_SCIENTIFIC_ID = r"^\d(\.\d+)?[eE]\+\d{1,2}$"
_ISO = r"^\d{4}([-/])\d{1,2}[-/]\d{1,2}([ T]\d{1,2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?$"
_ISO_ZONED = r"^\d{4}-\d{1,2}-\d{1,2}[ T]\d{1,2}:\d{2}(:\d{2}(\.\d{1,9})?)? ?(Z|[+-]\d{2}(:?\d{2})?)$"
_EITHER_ORDER = r"^(0?[1-9]|1[0-2])[-/.](0?[1-9]|1[0-2])[-/.](\d{4}|\d{2})($|[ T])"
_WRITTEN = {  # length and form of a moment the engine has read, where it can only say what it means
    19: "[0-9]???-?[0-9]-?[0-9] [0-9]?:?[0-9]:?[0-9]", 10: "[0-9]???-?[0-9]-?[0-9]",
}  # fmt: skip
_LAST_DAY = dt.date(9998, 12, 31)  # later ones are placeholders
_NEVER = {  # what a cell in doubt is cast as, by kind: no cell beyond doubt says so; a flag can say nothing else
    "date": "0001-01-01", "timestamp": "0001-01-01 00:00:00", "money": "-99999999999999.9999",
    "quantity": "-999999999999999.999", "integer": "-1000000000000000000", "number": "-inf",
    "id": "", "text": "", "category": "",
}  # fmt: skip
_TRUE = ("1", "yes", "true", "是")
_FALSE = ("0", "no", "false", "否")
_UNITS = {
    "fen": "0.01", "jiao": "0.1", "yuan": "1", "thousand": "1000", "wan": "10000", "million": "1000000",
    "yi": "100000000",
}  # fmt: skip
_SIGNS = {"CNY": "¥￥元", "JPY": "¥￥円", "USD": "$", "EUR": "€", "GBP": "£", "HKD": "$", "TWD": "$"}
_NULL_TEXT = ibis.null("string")


@dataclass(frozen=True)
class Cell:
    """A typed value and, where the raw cell cannot be used, the code that says why (else null)."""

    value: ibis.Value
    code: ibis.Value


@ibis.udf.scalar.builtin(name="~~~")
def _has_form(text: str, form: str) -> bool:
    """Compare a text with a form of signs (built into the engine as GLOB)."""


@ibis.udf.scalar.builtin(name="try_strptime")
def _try_strptime(text: str, pattern: str) -> ibis.dtype("timestamp(6)"):  # type: ignore[valid-type]
    """Read a date by a pattern, null where it does not fit (built into the engine)."""


@ibis.udf.scalar.builtin(name="timezone")
def _local_time(zone: str, moment: ibis.dtype("timestamp('UTC')")) -> ibis.dtype("timestamp(6)"):  # type: ignore
    """Return the clock time of a moment in a zone (built into the engine)."""


@ibis.udf.scalar.builtin(name="timezone")
def _instant(zone: str, clock: ibis.dtype("timestamp(6)")) -> ibis.dtype("timestamp('UTC')"):  # type: ignore
    """Return the moment at which the clocks of a zone showed a time (built into the engine)."""


def glance_at(cell: ibis.Value, plan: ColumnPlan) -> ibis.Value | None:
    """Read a text as a moment in any way the engine knows, where a moment without declared format is wanted; else None.

    `read_cell` takes it where it says what the text says; fixed as a column of its own it is found once.
    """
    if plan.kind not in ("date", "timestamp") or plan.patterns or not cell.type().is_string():
        return None
    return cell.try_cast("timestamp(6)")


def read_cell(cell: ibis.Value, plan: ColumnPlan, glance: ibis.Value | None = None) -> ibis.Value | None:
    """Read numbers and moments as far as they can be read, before they are judged; None for the other kinds.

    Fixed as a column of its own it spares `cast_cell` from reading a cell anew for each of its questions.
    """
    if plan.kind in ("date", "timestamp"):
        return _read_moment(cell, glance_at(cell, plan) if glance is None else glance, plan)
    return None if plan.kind in ("text", "category", "id", "flag") else _read_number(cell, plan)


def cast_cell(cell: ibis.Value, plan: ColumnPlan, read: ibis.Value | None = None) -> Cell:
    """Cast a column by its declared kind.

    Parameters
    ----------
    cell : ibis.Value
        Stripped text, blank already null; or a typed column of a Parquet file.
    plan : ColumnPlan
    read : ibis.Value, optional
        The column of what `read_cell` says.

    Returns
    -------
    Cell
        Null with no code where the cell is null. Codes: ``id-damaged``, ``number-invalid``, ``integer-invalid``,
        ``flag-invalid``, ``date-invalid``, ``date-ambiguous``, ``date-zone``, ``date-default``, ``date-future``,
        ``out-of-range``.
    """
    kind = cell.type()
    if plan.kind in ("text", "category"):
        return _sound(cell.cast("string"))
    if plan.kind == "id":
        return _id(cell.cast("string"), plan, is_whole=kind.is_integer())
    if plan.kind == "flag":
        return _sound(cell) if kind.is_boolean() else _flag(cell.cast("string"), plan)
    read = read_cell(cell, plan) if read is None else read
    return _dated(cell, read, plan) if plan.kind in ("date", "timestamp") else _number(cell, read, plan)


def sure_value(cell: ibis.Value, plan: ColumnPlan, glance: ibis.Value | None = None) -> ibis.Value:
    """Cast a cell that needs no repair; what may have to be repaired or refused becomes what no such cell says.

    Parameters
    ----------
    cell : ibis.Value
        Text as it stands in its file, never empty; or a typed column of a Parquet file.
    plan : ColumnPlan
        Of any kind but a flag written as text.
    glance : ibis.Value, optional
        The column of what `glance_at` says.
    """
    if plan.kind == "flag":
        return cell
    value, doubts = cell.cast("string"), []
    never = ibis.literal(_NEVER[plan.kind]).cast(ibis_type(plan.kind))
    if cell.type().is_string() and not plan.trimmed:
        doubts.append(has_edges(cell))
    if plan.kind == "id":
        doubts += id_doubts(cell, plan)
    elif plan.kind not in ("text", "category"):
        cell = cell.nullif(float("nan")) if cell.type().is_floating() else cell
        read = read_cell(cell, plan, glance)
        read = read.date() if plan.kind == "date" else read
        value = ibis.coalesce(read, ibis.cases((cell.notnull(), never), else_=ibis.null(never.type())))
    return ibis.cases((ibis.or_(*doubts), never), else_=value) if doubts else value


def in_doubt(plan: ColumnPlan) -> list[str]:
    """Say in SQL how a `sure_value` shows that its cell is in doubt: comparisons that a footer can rule out."""
    cell, never = quoted_name(plan.name), _NEVER.get(plan.kind)
    if never is None or (plan.trimmed and plan.kind in ("text", "category")):
        return []
    shown = [f"{cell} = '{never}'" if never else f"{cell} < chr(1)"]  # a footer cannot rule out = ''
    if plan.kind in ("date", "timestamp"):
        end = min(plan.date_max, _LAST_DAY) + dt.timedelta(days=1)
        shown += [f"{cell} < DATE '{plan.date_min.isoformat()}'", f"{cell} >= DATE '{end.isoformat()}'"]
    return shown


def _id(cell: ibis.Value, plan: ColumnPlan, *, is_whole: bool) -> Cell:
    rounded = rf"^\d{{{LONG_ID_DIGITS - 3},}}000$"
    if is_whole:  # the digits of a whole number need no repair
        return _checked(cell, [(cell.re_search(rounded), "id-damaged")]) if plan.long_ids_damaged else _sound(cell)
    key = ibis.cases((cell.re_search(NOT_PRINTABLE), normal_form(cell)), else_=cell).nullif("")
    if plan.drop_point_zero:
        key = key.re_replace(r"\.0$", "")
    damaged = both(key.contains("+"), key.re_search(_SCIENTIFIC_ID))
    if plan.long_ids_damaged:
        damaged = damaged | key.re_search(rounded)
    return _checked(key, [(damaged, "id-damaged")])


def _flag(cell: ibis.Value, plan: ColumnPlan) -> Cell:
    """Read yes or no, by the values the profile declares for the column or else by the words of both languages."""
    said = cell.lower()
    means = [given.get(plan.name) for given in (plan.formats.means_yes, plan.formats.means_no)]
    yes, no = (None if given is None else [each.strip().lower() for each in given] for given in means)
    if yes is not None and no is None:
        value = ibis.cases((said.isnull(), ibis.null("boolean")), else_=said.isin(yes))
    else:
        value = ibis.cases((said.isin(yes or _TRUE), True), (said.isin(no or _FALSE), False), else_=None)
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
    """Give the text of a number, null where it is none; money as it stands is told from other text by its cast alone.

    Of all that the engine takes for a decimal, only texts with one of three signs may be no number here.
    """
    plain = _plain_number(cell, plan.formats)
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
    """Multiply by the declared unit, before digits are cut to the column's own."""
    unit = plan.formats.units.get(plan.name)
    if unit is None:
        return value
    return value.try_cast("decimal(26, 10)") * ibis.literal(_UNITS[unit]).cast("decimal(12, 2)")


def _plain_number(cell: ibis.Value, formats: FormatParams) -> ibis.Value:
    """Bring a number to a decimal point, without the signs and groups its source has declared."""
    if formats.currency:
        signs = "".join(re.escape(sign) for sign in _SIGNS.get(formats.currency, ""))
        cell = cell.re_replace(rf"^([+(-]?)\s*([{signs}]|{formats.currency})\s*" if signs else formats.currency, r"\1")
        cell = cell.re_replace(rf"\s*([{signs}]|{formats.currency})(\)?)$" if signs else formats.currency, r"\2")
    if "decimals" in formats.model_fields_set:
        cell = cell.re_replace(r"^\((.+)\)$", r"-\1")
        group, mark = (",", r"\.") if formats.decimals == "." else (r"\.", ",")
        grouped = cell.re_search(rf"^[+-]?\d{{1,3}}({group}\d{{3}})+({mark}\d*)?$")
        cell = ibis.cases((grouped, cell.re_replace(group, "")), else_=cell)
        if formats.decimals == ",":
            cell = ibis.cases((cell.contains("."), ibis.literal("two decimal marks")), else_=cell.replace(",", "."))
    return cell


def _read_moment(cell: ibis.Value, glance: ibis.Value | None, plan: ColumnPlan) -> ibis.Value:
    """Read a moment by the clock of the profile's time zone."""
    moment, kind = _moment_as_stored(cell, glance, plan), cell.type()
    if not plan.formats.stored_in or (kind.is_timestamp() and kind.timezone is not None):
        return moment
    instant = _instant(ibis.literal(plan.formats.stored_in), moment)
    return _local_time(ibis.literal(plan.formats.time_zone), instant).cast("timestamp(6)")


def _moment_as_stored(cell: ibis.Value, glance: ibis.Value | None, plan: ColumnPlan) -> ibis.Value:
    kind = cell.type()
    if kind.is_timestamp() or kind.is_date():
        zoned = kind.is_timestamp() and kind.timezone is not None
        moment = _local_time(ibis.literal(plan.formats.time_zone or "UTC"), cell) if zoned else cell
        return moment.try_cast("timestamp(6)")
    cell = cell.cast("string")
    if plan.patterns:
        return ibis.coalesce(*[_by_pattern(cell, pattern) for pattern in plan.patterns])
    iso = ibis.cases((cell.re_search(_ISO), cell), else_=_NULL_TEXT).try_cast("timestamp(6)")
    moments = [iso if glance is None else _as_written(cell, glance), iso]
    if plan.formats.time_zone:
        instant = ibis.cases((cell.re_search(_ISO_ZONED), cell), else_=_NULL_TEXT).try_cast("timestamp('UTC')")
        moments.append(_local_time(ibis.literal(plan.formats.time_zone), instant))
    return ibis.coalesce(*moments)


def _dated(cell: ibis.Value, moment: ibis.Value, plan: ColumnPlan) -> Cell:
    kind = cell.type()
    typed = kind.is_timestamp() or kind.is_date()
    faults = [] if typed or plan.patterns else _doubts(cell.cast("string"), moment, plan)
    faults.append((cell.notnull() & moment.isnull(), "date-invalid"))
    day = moment.date()
    last = plan.date_max
    faults += [
        ((day < plan.date_min) | (day >= dt.date(9999, 1, 1)), "date-default"),
        (day > last, "date-future"),
    ]
    return _checked(day if plan.kind == "date" else moment, faults)


def _doubts(cell: ibis.Value, moment: ibis.Value, plan: ColumnPlan) -> list[tuple[ibis.Value, str]]:
    """Say of a text that is no moment whether a declaration would make it one."""
    zoned = [] if plan.formats.time_zone else [(both(moment.isnull(), cell.re_search(_ISO_ZONED)), "date-zone")]
    return [*zoned, (both(moment.isnull(), cell.re_search(_EITHER_ORDER)), "date-ambiguous")]


def _as_written(cell: ibis.Value, moment: ibis.Value) -> ibis.Value:
    """Take the dates that the engine would write alike, YYYY-MM-DD with or without HH:MM:SS: these need no pattern."""
    given = moment.notnull() & ~cell.contains(" 24:")  # midnight of the next day
    forms = [
        (given & (count_bytes(cell) == length) & _has_form(cell, ibis.literal(form)), moment)
        for length, form in _WRITTEN.items()
    ]
    return ibis.cases(*forms, else_=ibis.null("timestamp(6)"))


def _by_pattern(cell: ibis.Value, pattern: str) -> ibis.Value:
    if pattern != EXCEL_DATE:
        return _try_strptime(cell, ibis.literal(pattern))
    serial = ibis.cases((cell.re_search(r"^\d{1,7}(\.\d+)?$"), cell), else_=_NULL_TEXT).try_cast("float64")
    seconds = (serial * 86_400).round().cast("int64")
    return ibis.literal(dt.datetime(1899, 12, 30)).cast("timestamp(6)") + seconds.as_interval("s")


def _sound(value: ibis.Value) -> Cell:
    return Cell(value, _NULL_TEXT)


def _checked(value: ibis.Value, faults: list[tuple[ibis.Value, str]]) -> Cell:
    """Give the first code whose condition holds, and no value where one does."""
    code = ibis.cases(*[(found, ibis.literal(name)) for found, name in faults], else_=_NULL_TEXT)
    return Cell(ibis.cases((code.isnull(), value), else_=ibis.null(value.type())), code)
