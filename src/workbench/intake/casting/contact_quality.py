"""Count usable, invalid and placeholder contact cells; no contact value leaves this module."""

from __future__ import annotations

from collections.abc import Sequence

import ibis
import pyarrow as pa

from workbench.intake.quality.mojibake import is_mojibake

__all__ = ["GARBLED", "contact_facts", "shared_phones"]

GARBLED = ("name", "given_name", "surname", "address")  # columns in which garbled text is counted

SHARED_BY = 5  # a phone in more records counts as shared
_MOBILE = r"^1[3-9]\d{9}$"
_ANY_PHONE = r"^\d{7,15}$"
_SAME_NINE = "|".join(f"{digit}{{9}}" for digit in range(10))  # the engine's patterns have no back-references
_PLACEHOLDER = rf"^(0+|1+|9+|8{{5,}}|6{{7,}}|1?234567890?\d*|0?13800138000|13800000000|1[3-9]({_SAME_NINE}))$"
_EMAIL = r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$"


def contact_facts(stripped: ibis.Table, columns: Sequence[str]) -> dict[str, ibis.Value]:
    """Return aggregates over contact columns: numbers of filled, placeholder and invalid cells.

    Parameters
    ----------
    stripped : ibis.Table
        Text cells, blank ones null.
    columns : sequence of str
        Contact columns of the table.

    Returns
    -------
    dict
        ``contact <column> filled``, for phones also ``placeholder`` and ``invalid``, for e-mails ``invalid``, for names
        and addresses ``garbled``.
    """
    facts: dict[str, ibis.Value] = {}
    for name in columns:
        cell = stripped[name].cast("string")
        facts[f"contact {name} filled"] = cell.count()
        if name == "phone":
            digits = _digits(cell)
            placeholder = digits.re_search(_PLACEHOLDER)
            facts[f"contact {name} placeholder"] = _count(placeholder)
            facts[f"contact {name} invalid"] = _count(~digits.re_search(_ANY_PHONE) & ~placeholder)
        elif name == "email":
            facts[f"contact {name} invalid"] = _count(~cell.re_search(_EMAIL))
        elif name in GARBLED:
            garbled = ibis.cases((cell.re_search(r"[^\x20-\x7E]"), _is_garbled(cell)), else_=False)
            facts[f"contact {name} garbled"] = _count(garbled)
    return facts


def shared_phones(stripped: ibis.Table) -> int:
    """Count the phones shared by more than five records, without placeholders."""
    digits = _digits(stripped["phone"].cast("string"))
    real = stripped.filter(digits.re_search(_ANY_PHONE) & ~digits.re_search(_PLACEHOLDER))
    counts = real.group_by(phone=digits).aggregate(n=lambda t: t.count())
    return int(counts.filter(counts.n > SHARED_BY).count().execute())


@ibis.udf.scalar.pyarrow(signature=(("string",), "boolean"))
def _is_garbled(texts: pa.ChunkedArray) -> pa.Array:
    """Apply `is_mojibake` to a column of the engine."""
    return pa.array([text is not None and is_mojibake(text) for text in texts.to_pylist()], pa.bool_())


def _digits(cell: ibis.Value) -> ibis.Value:
    """Return the digits of a phone, without the country code of China."""
    return cell.re_replace(r"[^0-9+]", "").re_replace(r"^(\+|00)86", "").replace("+", "")


def _count(condition: ibis.Value) -> ibis.Value:
    return condition.cast("int64").sum().fill_null(0)
