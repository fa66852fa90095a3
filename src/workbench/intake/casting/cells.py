"""From cells of text to typed columns, by declaration and never by guessing; used by 01_check_quality.

A row is rejected only where a cell without which it has no meaning cannot be used: the time or the money of an order
line, the id of a person or of a product, the time of an event. Any other unusable cell becomes null; its raw value is
kept and counted by reason. Blank cells are null.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from workbench.core.schema import ibis_type
from workbench.intake.casting.column_kinds import EXCEL_DATE

if TYPE_CHECKING:
    from workbench.core.params.sources import FormatParams

__all__ = [
    "BLANKS",
    "Cell",
    "ColumnPlan",
    "cast_cell",
    "essential_columns",
    "glance_at",
    "has_damaged_long_ids",
    "id_statistics",
    "normalise_key",
    "patterns_of",
    "read_cell",
    "strip_cell",
]

# surrounding characters that a cell loses: blanks of every width, line ends, zero-width marks
BLANKS = " \t\r\n\v\f\u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200C))) + "\u202f\u205f\u2060\u3000\ufeff"
_EDGE = f"^[{BLANKS}]|[{BLANKS}]$"
AGE_YEARS = (0, 120)
LONG_ID_DIGITS = 18  # workbooks keep 15 digits: a longer id ends in three zeros or more once it is damaged
LONG_ID_CHANCE = 0.003  # three times the share of undamaged long ids that end in three zeros

_ESSENTIAL = {
    "transactions": ("ordered_at", "amount"),
    "customers": ("customer_id", "source_id"),
    "products": ("product_id",),
    "events": ("occurred_at",),
}

_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$"
_INTEGER = r"^[+-]?\d{1,18}(\.0*)?$"
_LARGEST = 10**18 - 1  # the same for a whole number
_SCIENTIFIC_ID = r"^\d(\.\d+)?[eE]\+\d{1,2}$"
_ISO = r"^\d{4}([-/])\d{1,2}[-/]\d{1,2}([ T]\d{1,2}:\d{2}(:\d{2}(\.\d{1,9})?)?)?$"
_ISO_ZONED = r"^\d{4}-\d{1,2}-\d{1,2}[ T]\d{1,2}:\d{2}(:\d{2}(\.\d{1,9})?)? ?(Z|[+-]\d{2}(:?\d{2})?)$"
_EITHER_ORDER = r"^(0?[1-9]|1[0-2])[-/.](0?[1-9]|1[0-2])[-/.](\d{4}|\d{2})($|[ T])"
_MOMENT_LETTERS, _DAY_LETTERS = 19, 10  # of YYYY-MM-DD HH:MM:SS and YYYY-MM-DD
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


@dataclass(frozen=True)
class ColumnPlan:
    """How one column is cast.

    Attributes
    ----------
    name : str
    kind : str
        A key of ``core.schema.KINDS``.
    formats : FormatParams
    date_min, date_max : date
        Dates before the first are placeholders, dates after the second lie in the future.
    drop_point_zero : bool
        Every id of the column ends in ``.0``, which is removed.
    long_ids_damaged : bool
        More ids of 18 digits and more end in ``000`` than chance allows.
    printable : bool
        Every cell is known to be printable ASCII, which `normalise_key` leaves as it is.
    """

    name: str
    kind: str
    formats: FormatParams
    date_min: dt.date
    date_max: dt.date
    drop_point_zero: bool = False
    long_ids_damaged: bool = False
    printable: bool = False
    patterns: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "patterns", patterns_of(self.formats, self.name))


@ibis.udf.scalar.builtin(name="trim")
def _trim(text: str, characters: str) -> str:
    """Strip characters from both ends (built into the engine)."""


@ibis.udf.scalar.builtin(name="try_strptime")
def _try_strptime(text: str, pattern: str) -> ibis.dtype("timestamp(6)"):  # type: ignore[valid-type]
    """Read a date by a pattern, null where it does not fit (built into the engine)."""


@ibis.udf.scalar.builtin(name="timezone")
def _local_time(zone: str, moment: ibis.dtype("timestamp('UTC')")) -> ibis.dtype("timestamp(6)"):  # type: ignore
    """Return the clock time of a moment in a zone (built into the engine)."""


@ibis.udf.scalar.builtin(name="timezone")
def _instant(zone: str, clock: ibis.dtype("timestamp(6)")) -> ibis.dtype("timestamp('UTC')"):  # type: ignore
    """Return the moment at which the clocks of a zone showed a time (built into the engine)."""


@ibis.udf.scalar.pyarrow
def _normal_form(text: str) -> str:
    """Apply `normalise_key` to a column of the engine, which takes no null for an answer: nothing left is blank."""
    return pa.array([None if each is None else normalise_key(each) or "" for each in text.to_pylist()], pa.string())


def normalise_key(text: str) -> str | None:
    """Return an id in Unicode form NFKC, without control and zero-width characters and surrounding blanks.

    Source: Unicode Standard Annex 15.

    Examples
    --------
    >>> normalise_key("１２\u200b３ ")
    '123'
    """
    folded = unicodedata.normalize("NFKC", text)
    kept = "".join(each for each in folded if unicodedata.category(each) not in ("Cc", "Cf"))
    return kept.strip(BLANKS) or None


def strip_cell(cell: ibis.Value) -> ibis.Value:
    """Remove surrounding blanks of a text cell; a blank cell becomes null."""
    stripped = ibis.cases((cell.re_search(_EDGE), _trim(cell, ibis.literal(BLANKS))), else_=cell)
    return stripped.nullif("")


def essential_columns(table: str, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the mapped columns without which a row of this table has no meaning.

    Where an order line has no amount of its own, its quantity and unit price stand for it.
    """
    essential = [name for name in _ESSENTIAL.get(table, ()) if name in columns]
    if table == "transactions" and "amount" not in columns:
        essential += [name for name in ("quantity", "unit_price") if name in columns]
    return tuple(essential)


def id_statistics(cell: ibis.Value) -> dict[str, ibis.Value]:
    """Return aggregates over an id column, text already stripped, from which its repairs are decided.

    Returns
    -------
    dict
        ``filled``, ``point_zero`` (digits ending in ``.0``), ``long`` (18 digits and more), ``long_zeros`` (of these,
        ending in ``000``), ``folded`` (changed by `normalise_key`).
    """
    if cell.type().is_integer():
        is_long = cell >= 10 ** (LONG_ID_DIGITS - 1)
        counts = {"long": _count(is_long), "long_zeros": _count(_both(is_long, cell % 1000 == 0))}
        return {"filled": cell.count(), **counts, "point_zero": ibis.literal(0), "folded": ibis.literal(0)}
    cell = cell.cast("string")
    folded, is_long = cell.re_search(r"[^\x20-\x7E]"), cell.length() >= LONG_ID_DIGITS
    return {
        "filled": cell.count(),
        "point_zero": _count(_both(cell.endswith(".0"), cell.re_search(r"^\d+\.0$"))),
        "long": _count(_both(is_long, cell.re_search(rf"^\d{{{LONG_ID_DIGITS},}}$"))),
        "long_zeros": _count(_both(is_long, cell.re_search(rf"^\d{{{LONG_ID_DIGITS - 3},}}000$"))),
        "folded": _count(ibis.cases((folded, _normal_form(cell) != cell), else_=False)),
    }


def _both(cheap: ibis.Value, dear: ibis.Value) -> ibis.Value:
    """Ask the dear condition only where the cheap one holds."""
    return ibis.cases((cheap, dear), else_=False)


def _count(condition: ibis.Value) -> ibis.Value:
    return condition.cast("int64").sum().fill_null(0)


def has_damaged_long_ids(long: int, long_zeros: int) -> bool:
    """Tell whether more long ids end in three zeros than chance allows: a workbook has rounded them."""
    return long_zeros > LONG_ID_CHANCE * long


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


def _id(cell: ibis.Value, plan: ColumnPlan, *, is_whole: bool) -> Cell:
    rounded = rf"^\d{{{LONG_ID_DIGITS - 3},}}000$"
    if is_whole:  # the digits of a whole number need no repair
        return _checked(cell, [(cell.re_search(rounded), "id-damaged")]) if plan.long_ids_damaged else _sound(cell)
    folded = ibis.cases((cell.re_search(r"[^\x20-\x7E]"), _normal_form(cell)), else_=cell).nullif("")
    key = cell if plan.printable else folded
    if plan.drop_point_zero:
        key = key.re_replace(r"\.0$", "")
    damaged = _both(key.contains("+"), key.re_search(_SCIENTIFIC_ID))
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
        plain = _plain_number(cell, plan.formats)
        value = ibis.cases((plain.re_search(_NUMBER), plain), else_=_NULL_TEXT)
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
    zoned = [] if plan.formats.time_zone else [(_both(moment.isnull(), cell.re_search(_ISO_ZONED)), "date-zone")]
    return [*zoned, (_both(moment.isnull(), cell.re_search(_EITHER_ORDER)), "date-ambiguous")]


def _as_written(cell: ibis.Value, moment: ibis.Value) -> ibis.Value:
    """Read the dates that the engine would write alike, YYYY-MM-DD with or without HH:MM:SS: these need no pattern."""
    return ibis.cases(
        (_both(cell.length() == _MOMENT_LETTERS, moment.cast("string") == cell), moment),
        (_both(cell.length() == _DAY_LETTERS, moment.date().cast("string") == cell), moment),
        else_=ibis.null("timestamp(6)"),
    )


def _by_pattern(cell: ibis.Value, pattern: str) -> ibis.Value:
    if pattern != EXCEL_DATE:
        return _try_strptime(cell, ibis.literal(pattern))
    serial = ibis.cases((cell.re_search(r"^\d{1,7}(\.\d+)?$"), cell), else_=_NULL_TEXT).try_cast("float64")
    seconds = (serial * 86_400).round().cast("int64")
    return ibis.literal(dt.datetime(1899, 12, 30)).cast("timestamp(6)") + seconds.as_interval("s")


def patterns_of(formats: FormatParams, column: str) -> tuple[str, ...]:
    """Return the declared patterns of a column's dates; none where ISO dates are read."""
    declared: object = formats.dates
    if isinstance(declared, Mapping):
        declared = declared.get(column)
    if declared is None:
        return ()
    return (declared,) if isinstance(declared, str) else tuple(declared)


def _sound(value: ibis.Value) -> Cell:
    return Cell(value, _NULL_TEXT)


def _checked(value: ibis.Value, faults: list[tuple[ibis.Value, str]]) -> Cell:
    """Give the first code whose condition holds, and no value where one does."""
    code = ibis.cases(*[(found, ibis.literal(name)) for found, name in faults], else_=_NULL_TEXT)
    return Cell(ibis.cases((code.isnull(), value), else_=ibis.null(value.type())), code)
