"""Replace ids that are contact data (mails, phones, document numbers) by pseudonyms in every table.

The original is kept with the person as contact data for 02_resolve_identity, or only in data/raw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from workbench.core.params.assignments import ASSIGNMENTS
from workbench.intake.identity.spaces import space_of

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams
    from workbench.intake.identity.vault import VaultKey
    from workbench.intake.tables.sources import ParsedSource

__all__ = ["hide_contact_ids", "hide_people_ids"]

_DOMAIN, _MOST = "contact-ids", 0.5  # above this share the ids of a source count as contact data
_COLUMNS = ("customer_id", "source_id", "referrer_customer_id", "other_id")
_FORMS = {  # the id is kept in this contact column if the column is not mapped
    "email": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    "phone": r"^(\+?86|0086)?1[3-9]\d{9}$|^\+\d[\d ()-]{7,16}$",
    "document_id": r"^[1-9]\d{16}[0-9Xx]$",
}
_names = count()


def hide_contact_ids(
    sources: Mapping[str, ParsedSource], key: VaultKey
) -> tuple[dict[str, ParsedSource], dict[str, int]]:
    """Replace ids that are contact data by pseudonyms, the same in all sources of one id space.

    Parameters
    ----------
    sources : mapping of str to ParsedSource
        In the profile's order. Assignments already have pseudonyms, as in ``identities``, and stay unchanged.
    key : VaultKey
        `workbench.intake.privacy.pseudonym_keys.contact_ids_key`.

    Returns
    -------
    (dict, dict)
        The sources, and ``<source>.contact_ids``: the number of distinct ids replaced.
    """
    every, sources = sources, {name: parsed for name, parsed in sources.items() if name != ASSIGNMENTS}
    declared = {name: parsed.source for name, parsed in sources.items()}
    spaces = {name: space_of(name, declared) for name in sources}
    shares = {name: _shares(parsed) for name, parsed in sources.items()}
    hidden = {spaces[name] for name, own in shares.items() if max(own.values(), default=0.0) > _MOST}
    if not hidden:
        return dict(every), {}
    pseudonyms: dict[str, dict[str, str]] = {space: {} for space in hidden}
    counts: dict[str, int] = {}
    for name, parsed in sources.items():
        if spaces[name] in hidden:
            own = _ids(parsed)
            counts[f"{name}.contact_ids"] = len(own)
            _add_pseudonyms(pseudonyms[spaces[name]], own, key)
    changed = {
        name: _hidden(parsed, pseudonyms[spaces[name]], shares[name]) if spaces[name] in hidden else parsed
        for name, parsed in sources.items()
    }
    return {**every, **changed}, counts


def hide_people_ids(
    people: Mapping[str, ibis.Table], sources: Mapping[str, SourceParams], key: VaultKey
) -> dict[str, ibis.Table | None]:
    """Replace the ids of people by the pseudonyms in the tables, for sources with contact data as ids.

    Parameters
    ----------
    people : mapping of str to ibis.Table
        Source of customers to its rows with contact columns.
    sources : mapping of str to SourceParams
        All sources of the profile.
    key : VaultKey
        The key with which 01 made the pseudonyms.
    """
    hidden: dict[str, ibis.Table | None] = {}
    for name, table in people.items():
        shares = {kind: table.customer_id.re_search(form).cast("float64").mean() for kind, form in _FORMS.items()}
        row = table.aggregate(**shares).to_pyarrow().to_pylist()[0]
        own = {kind: float(share or 0.0) for kind, share in row.items()}
        if space_of(name, sources) != name or max(own.values()) <= _MOST:
            hidden[name] = table
            continue
        pseudonyms: dict[str, str] = {}
        ids = table.filter(table.customer_id.notnull()).select("customer_id").distinct()
        _add_pseudonyms(pseudonyms, ids.to_pyarrow()["customer_id"].to_pylist(), key)
        column = max(own, key=lambda kind: own[kind])
        kept = (
            table.customer_id
            if column not in table.columns
            else ibis.coalesce(table[column].cast("string"), table.customer_id)
        )
        hidden[name] = table.mutate(**{column: kept, "customer_id": _lookup(pseudonyms)(table.customer_id).nullif("")})
    return hidden


def _shares(parsed: ParsedSource) -> dict[str, float]:
    """Return the share of a source's customer ids that have the form of each kind of contact data."""
    if "customer_id" not in parsed.table.columns:
        return {}
    ids = parsed.table.customer_id
    shares = {name: ids.re_search(form).cast("float64").mean() for name, form in _FORMS.items()}
    row = parsed.table.aggregate(**shares).to_pyarrow().to_pylist()[0]
    return {name: float(share or 0.0) for name, share in row.items()}


def _ids(parsed: ParsedSource) -> list[str]:
    """Return the distinct ids of a source, in the order of their first record."""
    table = parsed.table
    columns = [name for name in _COLUMNS if name in table.columns]
    if not columns:
        return []
    parts = [table.select(value=table[name], place=table["_order"].cast("int64")) for name in columns]
    stacked = ibis.union(*parts, distinct=False) if len(parts) > 1 else parts[0]
    firsts = stacked.filter(stacked.value.notnull()).group_by("value").aggregate(place=stacked.place.min())
    return firsts.order_by(["place", "value"]).to_pyarrow()["value"].to_pylist()


def _add_pseudonyms(pseudonyms: dict[str, str], ids: list[str], key: VaultKey) -> None:
    fresh = [value for value in ids if value not in pseudonyms]
    pseudonyms.update(zip(fresh, key.pseudonyms(_DOMAIN, fresh), strict=True))


def _hidden(parsed: ParsedSource, pseudonyms: Mapping[str, str], shares: Mapping[str, float]) -> ParsedSource:
    lookup = _lookup(pseudonyms)

    def replaced(table: ibis.Table) -> ibis.Table:
        ids = {name: lookup(table[name]).nullif("") for name in _COLUMNS if name in table.columns}
        return table.mutate(**ids)

    people = parsed.people
    if people is not None:
        column = max(shares, key=lambda name: shares[name])
        original = people.customer_id
        if column in people.columns:
            original = ibis.coalesce(people[column].cast("string"), original)
        people = replaced(people.mutate(**{column: original}))
    kept = None if parsed.kept is None else replaced(parsed.kept)
    return replace(parsed, table=replaced(parsed.table), kept=kept, people=people, copy=None)


def _lookup(pseudonyms: Mapping[str, str]):  # type: ignore[no-untyped-def]  # noqa: ANN202  (a function of the engine)
    def pseudonym(texts: pa.ChunkedArray) -> pa.Array:
        return pa.array(
            [pseudonyms.get(text, "") if text is not None else "" for text in texts.to_pylist()], pa.string()
        )

    name = f"pseudonym_{next(_names)}"
    return ibis.udf.scalar.pyarrow(pseudonym, name=name, signature=(("string",), "string"))
