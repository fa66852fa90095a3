"""Refuse a source with too many rejected records: the first line of each reason, and what to do."""

from __future__ import annotations

from collections.abc import Mapping

import ibis

from workbench.core.errors import Fault, listed
from workbench.intake.quality.rejected import list_rejects

__all__ = ["too_many_rejected"]

_REMEDIES = {
    "missing-cell": "declare its separator, or correct the lines",
    "extra-cell": "declare its separator, or correct the lines",
    "unclosed-quote": "correct the quotation marks",
    "stray-quote": "correct the quotation marks",
    "invalid-encoding": "declare its encoding",
    "formula-without-value": "open the workbook once and save it, so that its formulas have values",
    "key-repeated": "write each key once in an object",
    "total-line": "remove the total line",
    "json-invalid": "write one JSON object a line",
    "number-invalid": "declare formats.decimals and formats.currency",
    "integer-invalid": "map a column of whole numbers",
    "out-of-range": "declare formats.units, or correct the numbers",
    "date-invalid": "declare formats.dates, such as '%d/%m/%Y'",
    "date-ambiguous": "declare formats.dates, such as '%d/%m/%Y'",
    "date-zone": "declare formats.time_zone",
    "date-default": "correct the dates, or widen 01_check_quality.date_min and date_max",
    "date-future": "correct the dates, or widen 01_check_quality.date_min and date_max",
    "money-missing": "map amount or unit_price to a column that is filled",
    "id-missing": "map its id to a column that is filled",
    "currency-no-rate": "add the rate to the table under formats.rates",
}
_DEFAULT_REMEDY = "declare its separator, encoding and formats"


def too_many_rejected(
    where: str, rejects: ibis.Table | None, sources: Mapping[str, str], metrics: Mapping[str, int | str], *,
    expected: str, instead: str = "",
) -> Fault:  # fmt: skip
    """Report how many records of a source are rejected, why, the first line of each reason, and what to do.

    Parameters
    ----------
    where : str
        Location of the fault, for the message.
    rejects : ibis.Table or None
        source, file, line, column, code, raw.
    sources : mapping of str to str
        Source to the canonical table it feeds.
    metrics : mapping
        With ``<source>.rejected``, ``.rejected.<code>`` and ``.physical_records``.
    expected : str
    instead : str
        An alternative remedy.
    """
    name = next(iter(sources))
    codes = {key.rpartition(".rejected.")[2]: int(count) for key, count in metrics.items()
             if key.startswith(f"{name}.rejected.") and count}  # fmt: skip
    firsts = _firsts(rejects, sources)
    counted = "; ".join(f"{code} {count}{firsts.get(code, '')}" for code, count in codes.items())
    rejected, physical = int(metrics[f"{name}.rejected"]), int(metrics[f"{name}.physical_records"])
    extent = f"all {physical}" if rejected == physical else f"{rejected} of {physical}"
    advice = list(dict.fromkeys(_REMEDIES.get(code, _DEFAULT_REMEDY) for code in codes)) + (
        [instead] if instead else []
    )
    remedy = listed(advice[:-1]) + ", or " + advice[-1] if instead and len(advice) > 1 else listed(advice)
    return Fault(where, f"{extent} records are rejected: {counted}", expected, remedy[:1].upper() + remedy[1:])


def _firsts(rejects: ibis.Table | None, sources: Mapping[str, str]) -> dict[str, str]:
    """Return code to the location of the first rejected record, with its text if it may be shown."""
    firsts: dict[str, str] = {}
    for row in list_rejects(rejects, sources).itertuples() if rejects is not None else ():
        column = f", column {row.column}" if row.column else ""
        raw_text = f": {row.raw.split(', ')[0]}" if row.raw else ""
        firsts.setdefault(row.code, f" (first in {row.file}, line {row.line}{column}{raw_text})")
    return firsts
