"""Traces of people: ids in every profile, names, phones, mails, document numbers and addresses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from workbench.run.rights.traces.patterns import ENCODINGS, bytes_pattern, spellings, text_pattern

__all__ = ["ERASED", "ID_COLUMNS", "Traces", "is_distinctive"]

ERASED = "[erased]"
# columns and keys that hold the id of the person whom a row is about
ID_COLUMNS = ("customer_id", "source_id", "planned_id", "card", "客户编号", "会员编号")
_LARGE, _MANY = 200_000, 500  # bytes, texts: above these sizes a first pass by an automaton is faster
_LEAST_MIXED, _LEAST_LETTERS, _LEAST_NUMBER, _LEAST_ZERO = 5, 8, 9, 5


@dataclass(frozen=True)
class Traces:
    """The ids and words to search for and remove.

    Attributes
    ----------
    customers : frozenset of str
        Customer ids in all profiles.
    records : frozenset of (str, str, str)
        profile, source of people, source id.
    words : frozenset of str
        Texts that only these people have; they are removed everywhere.
    shared : frozenset of str
        Texts that others have too, such as a household address; they are removed only with the rows of the people.
    """

    customers: frozenset[str] = frozenset()
    records: frozenset[tuple[str, str, str]] = frozenset()
    words: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    _cache: dict = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def ids(self) -> frozenset[str]:
        """All ids: customer ids and source ids."""
        return self.customers | {source_id for _, _, source_id in self.records}

    @cached_property
    def searched(self) -> frozenset[str]:
        """The words, and the ids that cannot be mistaken for another number."""
        return self.words | {value for value in self.ids if is_distinctive(value)}

    @cached_property
    def text(self) -> re.Pattern[str] | None:
        """The pattern of the searched words and ids in text."""
        return text_pattern(self.searched)

    @cached_property
    def encoded(self) -> re.Pattern[bytes] | None:
        """The pattern of the searched words and ids in bytes, in any encoding."""
        return bytes_pattern(self.searched)

    def in_encoding(self, encoding: str) -> re.Pattern[bytes] | None:
        """Return the pattern of the searched words and ids in bytes of one encoding."""
        if encoding not in self._cache:
            self._cache[encoding] = bytes_pattern(self.searched, [encoding])
        return self._cache[encoding]

    def ids_of(self, profile: str, space: str | None) -> frozenset[str]:
        """Return the ids of a profile's source of people; of all sources if the space is None."""
        return frozenset(value for name, source, value in self.records if name == profile and space in (None, source))

    def holds(self, content: bytes) -> bool:
        """Return whether bytes contain a searched word or id, in any spelling and encoding."""
        if self.encoded is None or (
            len(content) > _LARGE and not _any_of(self._encoded_forms, [content.decode("latin-1")])
        ):
            return False
        return self.encoded.search(content) is not None

    def mentioning(self, values: Sequence[str]) -> list[str]:
        """Return the texts that contain a searched word or id."""
        if self.text is None:
            return []
        candidates = values if len(values) < _MANY else _any_of(self._forms, values)
        return [value for value in candidates if value and self.text.search(value)]

    @cached_property
    def _forms(self) -> list[str]:
        return sorted({form for word in self.searched for form in spellings(word)})

    @cached_property
    def _encoded_forms(self) -> list[str]:
        forms = set()
        for encoding in ENCODINGS:
            forms |= {form.encode(encoding, "ignore").decode("latin-1") for form in self._forms}
        return sorted(forms - {""})

    def masked(self, text: str) -> str:
        """Return a text with the searched words and ids masked."""
        return self.text.sub(ERASED, text) if self.text else text

    def mentions(self, text: str) -> bool:
        """Return whether a text contains a searched word or id."""
        return bool(self.text and self.text.search(text))

    def to_json(self) -> dict:
        """Return JSON-compatible values for the journal."""
        names = ("customers", "words", "shared")
        return {name: sorted(getattr(self, name)) for name in names} | {"records": sorted(map(list, self.records))}

    @classmethod
    def from_json(cls, values: dict) -> Traces:
        """Restore what `to_json` returned."""
        customers, words, shared = (frozenset(values[name]) for name in ("customers", "words", "shared"))
        return cls(customers, frozenset(tuple(record) for record in values["records"]), words, shared)


def _any_of(forms: list[str], values: Sequence[str]) -> list[str]:
    """Return the values that contain any of the texts, by one pass of an automaton."""
    import polars as pl  # noqa: PLC0415  (only for large files and tables)

    series = pl.Series(values, dtype=pl.String)
    return series.filter(series.str.contains_any(forms).fill_null(False)).to_list()


def is_distinctive(value: str) -> bool:
    """Return whether an id can be searched for in any text without matching other numbers.

    Examples
    --------
    >>> is_distinctive("C00017"), is_distinctive("17850"), is_distinctive("000124")
    (True, False, True)
    """
    if value.isdigit():
        return len(value) >= _LEAST_NUMBER or (value.startswith("0") and len(value) >= _LEAST_ZERO)
    mixed = not value.isalpha() and any(sign.isdigit() or sign in "_@" for sign in value)
    return len(value) >= (_LEAST_MIXED if mixed else _LEAST_LETTERS)
