"""Tombstones: keyed digests by which 01_check_quality excludes erased people from later files.

A mark is the HMAC-SHA-256 of a source id, a phone, a mail, a document number, or a name with its birth date. Without
the key marks reveal nothing; with it a value can only be recovered by trying values.
"""

from __future__ import annotations

import hmac
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import ibis

from workbench.intake.identity.spaces import space_of

if TYPE_CHECKING:
    from workbench.intake.tables.sources import ParsedSource

__all__ = ["KINDS", "Tombstones", "make_mark", "marks_of", "normal_value", "suppress_erased"]

KINDS = ("record", "phone", "email", "document", "birth")
_MARK_BYTES = 20
_LEAST_DIGITS, _LEAST_DOCUMENT = 7, 6
_CHINA, _CHINA_DIGITS = "86", 13
_OWN, _OTHERS = ("customer_id",), ("other_id", "referrer_customer_id")
_CONTACTS = ("name", "given_name", "surname", "phone", "email", "document_id", "birth_date")


@dataclass(frozen=True)
class Tombstones:
    """The marks of all erased people, for one profile.

    Attributes
    ----------
    profile : str
    keys : dict of str to bytes
        The available keys by name.
    marks : dict of str to frozenset of str
        Key name to its marks.
    unchecked : int
        Number of marks whose key is not available.
    """

    profile: str
    keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    marks: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)
    unchecked: int = 0

    def __bool__(self) -> bool:
        return any(self.marks.values())

    def holds(self, kind: str, *parts: str) -> bool:
        """Return whether a value is that of an erased person."""
        value = normal_value(kind, *parts)
        return bool(value) and any(
            make_mark(key, kind, *parts) in self.marks.get(name, ()) for name, key in self.keys.items()
        )


def make_mark(key: bytes, kind: str, *parts: str) -> str:
    """Return the mark of a value: the first 20 bytes of its HMAC-SHA-256, in hex; empty without a value."""
    value = normal_value(kind, *parts)
    return hmac.digest(key, f"{kind}\x1f{value}".encode(), "sha256")[:_MARK_BYTES].hex() if value else ""


def marks_of(key: bytes, person: Mapping[str, Any], *, profile: str) -> set[str]:
    """Return the marks of one record of a person: source, source_id and the contact columns that it has."""
    values = _values(person)
    marks = {make_mark(key, kind, *parts) for kind, parts in values}
    marks.add(make_mark(key, "record", profile, str(person.get("source") or ""), str(person.get("source_id") or "")))
    return marks - {""}


def _values(person: Mapping[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    text = {name: str(person[name]) for name in _CONTACTS if _is_filled(person.get(name))}
    name = text.get("name") or " ".join(filter(None, (text.get("surname"), text.get("given_name"))))
    return [
        ("phone", (text.get("phone", ""),)),
        ("email", (text.get("email", ""),)),
        ("document", (text.get("document_id", ""),)),
        ("birth", (name, text.get("birth_date", "")[:10])),
    ]


def _is_filled(value: Any) -> bool:
    return value is not None and value == value and str(value).strip() not in ("", "NaT")  # noqa: PLR0124  (not NaN)


def normal_value(kind: str, *parts: str) -> str:
    r"""Return a value normalised for comparison; empty if it identifies nobody.

    Examples
    --------
    >>> normal_value("phone", "+86 138-0013-8000"), normal_value("birth", "Zoë Quill", "1990-01-01")
    ('13800138000', 'quillzoë\x1f1990-01-01')
    """
    texts = [unicodedata.normalize("NFKC", part).strip() for part in parts]
    if kind == "record":
        return "\x1f".join(texts) if texts[-1] else ""
    if kind == "birth":
        name = "".join(sorted(texts[0].casefold().split()))
        return f"{name}\x1f{texts[1]}" if name and texts[1] else ""
    if kind == "phone":
        digits = re.sub(r"\D", "", texts[0]).removeprefix("00")
        digits = digits[2:] if digits.startswith(_CHINA) and len(digits) == _CHINA_DIGITS else digits
        return digits if len(digits) >= _LEAST_DIGITS else ""
    if kind == "email":
        return texts[0].casefold() if "@" in texts[0] else ""
    document = re.sub(r"\s", "", texts[0]).upper()
    return document if len(document) >= _LEAST_DOCUMENT else ""


def suppress_erased(
    sources: Mapping[str, ParsedSource], tombstones: Tombstones, *, resolved: bool
) -> dict[str, ParsedSource]:
    """Remove the records of erased people, and their ids from the records of others.

    Parameters
    ----------
    sources : mapping of str to ParsedSource
        Sources with their people.
    tombstones : Tombstones
    resolved : bool
        True if identities are resolved, so that an id refers to its own source of people only.

    Returns
    -------
    dict of str to ParsedSource
        Removed records count as ``<source>.suppressed``, no longer as ``<source>.accepted``.
    """
    declared = {name: parsed.source for name, parsed in sources.items()}
    spaces = {name: space_of(name, declared) if resolved else "" for name in sources}
    erased: dict[str, set[str]] = defaultdict(set)
    for name, parsed in sources.items():
        erased[spaces[name]] |= _erased_ids(parsed, tombstones, spaces=[spaces[name]] if resolved else list(sources))
    return {name: _without(parsed, erased[spaces[name]]) for name, parsed in sources.items()}


def _erased_ids(parsed: ParsedSource, tombstones: Tombstones, *, spaces: list[str]) -> set[str]:
    """Return the ids of a source whose record or person has a mark."""
    if "customer_id" not in parsed.table.columns:
        return set()
    ids = parsed.table.select("customer_id").distinct().to_pyarrow()["customer_id"].to_pylist()
    erased = {
        value for value in ids
        if value and any(tombstones.holds("record", tombstones.profile, space, value) for space in spaces)
    }  # fmt: skip
    if parsed.people is not None:
        columns = [name for name in ("customer_id", *_CONTACTS) if name in parsed.people.columns]
        people = parsed.people.select(**{name: parsed.people[name].cast("string") for name in columns})
        for row in _rows(people):
            if row["customer_id"] and any(tombstones.holds(kind, *parts) for kind, parts in _values(row)):
                erased.add(row["customer_id"])
    return erased


def _rows(table: ibis.Table) -> Iterable[dict[str, Any]]:
    for batch in table.to_pyarrow_batches():
        yield from batch.to_pylist()


def _without(parsed: ParsedSource, ids: set[str]) -> ParsedSource:
    count_name = f"{parsed.name}.suppressed"
    if not ids or "customer_id" not in parsed.table.columns:
        return replace(parsed, metrics=parsed.metrics | {count_name: 0})
    listed = sorted(ids)
    suppressed = int(parsed.table.filter(parsed.table.customer_id.isin(listed)).count().execute())
    accepted = int(parsed.metrics[f"{parsed.name}.accepted"]) - suppressed
    metrics = parsed.metrics | {count_name: suppressed, f"{parsed.name}.accepted": accepted}

    def kept(table: ibis.Table) -> ibis.Table:
        rows = table.filter(table.customer_id.isnull() | ~table.customer_id.isin(listed))
        others = {name: rows[name].isin(listed) for name in _OTHERS if name in rows.columns}
        nulled = {name: ibis.ifelse(hers, ibis.null("string"), rows[name]) for name, hers in others.items()}
        return rows.mutate(**nulled) if nulled else rows

    people = None if parsed.people is None else kept(parsed.people)
    repaired = None if parsed.kept is None else kept(parsed.kept)
    return replace(parsed, table=kept(parsed.table), people=people, kept=repaired, metrics=metrics, copy=None)
