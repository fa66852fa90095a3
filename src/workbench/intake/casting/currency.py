"""Convert money in several currencies to one currency by dated rates; used by 01_check_quality.

Each line takes the latest rate on or before its day. A line without such a rate is rejected; its currency stays in the
``currency`` column.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from workbench.core.errors import DataError, Fault, listed
from workbench.core.schema import CANONICAL

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams

__all__ = ["NO_RATE", "check_rates", "convert_money", "rate_spans", "read_rates", "refuse_mixed"]

NO_RATE = "currency-no-rate"
_COLUMNS = ("date", "currency", "rate")
_FOREVER = dt.date(9999, 12, 31)
_RATE_STEP, _RATE_LIMIT = Decimal("1e-12"), 10**8
_SCHEMA = pa.schema(
    [("_from", pa.date32()), ("_until", pa.date32()), ("_code", pa.string()), ("_rate", pa.decimal128(24, 12))]
)


def read_rates(path: Path, label: str) -> list[tuple[dt.date, str, Decimal]]:
    """Read a table of rates: date, currency, rate.

    Raises
    ------
    DataError
        The file or a column is missing; a date is not ISO, a rate is not above 0, or a day has two rates. All faults
        with their lines.
    """
    if not path.is_file():
        raise DataError(Fault(label, "no table of currency rates", "A CSV with date, currency, rate"))
    with path.open(encoding="utf-8-sig", newline="") as stream:
        try:
            reader = csv.DictReader(stream)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or [])]
            rows = list(enumerate(reader, 2))
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(Fault(label, f"no text in UTF-8 ({error})", "A CSV with date, currency, rate")) from error
        if missing:
            raise DataError(Fault(label, f"no column {listed(missing)}", "A CSV with date, currency, rate"))
    faults: list[Fault] = []
    rates: dict[tuple[str, dt.date], Decimal] = {}
    for line, row in rows:
        try:
            day, code = dt.date.fromisoformat(row["date"].strip()), row["currency"].strip().upper()
            rate = Decimal(row["rate"]).quantize(_RATE_STEP)
            if not (0 < rate < _RATE_LIMIT and code):
                raise ValueError
        except (ValueError, InvalidOperation, AttributeError, TypeError):
            cells = ", ".join(str(row.get(name)) for name in _COLUMNS)
            faults.append(
                Fault(
                    f"{label}, line {line}",
                    f"'{cells}' is no rate",
                    "YYYY-MM-DD, a code, a number above 0, below a hundred million",
                )
            )
            continue
        if rates.setdefault((code, day), rate) != rate:
            faults.append(Fault(f"{label}, line {line}", f"a second rate of {code} on {day}", "One a day"))
    if faults or not rates:
        raise DataError(faults or [Fault(label, "no rate in it")])
    return sorted((day, code, rate) for (code, day), rate in rates.items())


def check_rates(path: Path, label: str) -> list[Fault]:
    """List the faults of a table of rates."""
    try:
        read_rates(path, label)
    except DataError as error:
        return list(error.faults)
    return []


def refuse_mixed(currencies: Sequence[str], source: SourceParams) -> None:
    """Refuse money in several currencies, or in a currency other than declared, if there are no rates.

    Parameters
    ----------
    currencies : sequence of str
        The currencies of the source's rows.
    source : SourceParams

    Raises
    ------
    DataError
    """
    declared = source.formats.currency
    remedy = "Name formats.currency and a table of dated rates under formats.rates"
    if len(currencies) > 1:
        problem = f"money in {len(currencies)} currencies: {listed(sorted(currencies)[:8])}"
        raise DataError(Fault(source.path, problem, "One currency, or rates to bring them to one", remedy))
    if currencies and declared and currencies[0] != declared:
        problem = f"money in {currencies[0]}, declared is {declared}"
        raise DataError(Fault(source.path, problem, "Rows in the declared currency", remedy))


def convert_money(typed: ibis.Table, rates: ibis.Table, source: SourceParams, *, money: Sequence[str]) -> ibis.Table:
    """Convert the money of typed rows to the declared currency.

    Parameters
    ----------
    typed : ibis.Table
        ``currency``, the columns of ``money``, and the date column of the table, if it has one.
    rates : ibis.Table
        As returned by ``rate_spans``.
    source : SourceParams
        With ``formats.currency``.
    money : sequence of str
        Columns to convert; rounded at the fourth decimal.

    Returns
    -------
    ibis.Table
        The same columns, and ``_no_rate``: true if the row's currency has no rate on or before its day. Rows without
        a currency count as the declared one.
    """
    target = source.formats.currency
    dated = CANONICAL[source.table].dated_by
    code = typed.currency.strip().upper().fill_null(target)
    day = typed[dated].date() if dated in typed.columns else ibis.literal(_FOREVER - dt.timedelta(days=1))
    rows = typed.mutate(_code=code, _day=day.fill_null(_FOREVER - dt.timedelta(days=1)))
    matches = [rows._code == rates._code, rows._day >= rates._from, rows._day < rates._until]
    joined = rows.left_join(rates, matches)
    own = joined._code == target
    rate = ibis.cases((own, ibis.literal(Decimal(1)).cast("decimal(24, 12)")), else_=joined._rate)
    converted = {name: (joined[name].cast("decimal(19, 4)") * rate).cast("decimal(38, 4)").try_cast("decimal(18, 4)")
                 for name in money}  # fmt: skip
    return joined.select(
        **{name: converted.get(name, joined[name]) for name in typed.columns}, _no_rate=~own & joined._rate.isnull()
    )


def rate_spans(rates: list[tuple[dt.date, str, Decimal]]) -> pa.Table:
    """Turn dated rates into periods, each until the day before the next rate of its currency."""
    rows = []
    for at, (day, code, rate) in enumerate(rates):
        following = next((later for later, other, _ in rates[at + 1 :] if other == code), _FOREVER)
        rows.append({"_from": day, "_until": following, "_code": code.upper(), "_rate": rate})
    return pa.Table.from_pylist(rows, schema=_SCHEMA)
