"""What is said to whom: content variants with placeholders, checked before a run and filled when a plan is exported.

A placeholder is the name of a tag or feature in braces, ``{favourite_category}``. A customer gets the first variant
whose condition holds and whose placeholders all have a value that can stand in a message; the last variant needs
neither, so everybody gets a text. A value with markup, control or direction characters, an address of the web, or the
start of a formula counts as missing: what a customer typed into a form never reaches a message as code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import ibis
import numpy as np
import pandas as pd

from workbench.core.errors import Fault, nearest
from workbench.core.exports import FORMULA_STARTS
from workbench.core.store.tables import to_pandas
from workbench.intake.expressions import check_expression, columns_in, to_ibis

if TYPE_CHECKING:
    from workbench.core.actions.definition import Action, Content

__all__ = ["ALIASES", "columns_of_content", "content_faults", "fill_content", "placeholders"]

ALIASES = {"first_category": "favourite_category"}  # a placeholder: the tag it stands for
LONGEST_VALUE = 60  # characters; what is longer is a remark, not a value
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_WHOLE = 1e-9  # how close to a whole number an amount is written without decimals
_UNSAFE = (
    r"[<>{}\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"  # markup, control, direction
    r"|://|www\."
)
_EMPTY = {"", "nan", "none", "null"}


def placeholders(text: str) -> list[str]:
    """Return the placeholders of a text as written, in order, each once.

    Examples
    --------
    >>> placeholders("For your {first_category}: {offer}")
    ['first_category', 'offer']
    """
    return list(dict.fromkeys(_PLACEHOLDER.findall(text)))


def columns_of_content(content: Iterable[Content]) -> list[str]:
    """Return the columns that conditions and placeholders name, each once, sorted."""
    names: set[str] = set()
    for variant in content:
        names |= set(columns_in(variant.when)) if variant.when else set()
        for text in (variant.text.en, variant.text.zh):
            names |= {ALIASES.get(name, name) for name in placeholders(text)}
    return sorted(names)


def content_faults(
    action: Action, kinds: Mapping[str, str], *, forbidden: Mapping[str, str] | None = None, where: str
) -> list[Fault]:
    """List what is wrong with the content of an action, before any data is read.

    Parameters
    ----------
    action : Action
    kinds : mapping of str to str
        Every tag and feature that a profile can have, with its kind.
    forbidden : mapping of str to str, optional
        Names that may not stand in a message, with the reason: sensitive tags.
    where : str
        The file, for the message.

    Returns
    -------
    list of Fault
        Unknown placeholders and columns with the nearest name, conditions that cannot be parsed, markup, braces
        without a name, no text for those for whom no other variant holds.
    """
    faults: list[Fault] = []
    for at, variant in enumerate(action.content, start=1):
        place = f"{where}, content {at}"
        if variant.when:
            faults += check_expression(variant.when, kinds, where=place)
        for text in dict.fromkeys((variant.text.en, variant.text.zh)):
            faults += _text_faults(text, kinds, forbidden or {}, place)
    last = action.content[-1] if action.content else None
    if last is not None and (last.when or placeholders(last.text.en) or placeholders(last.text.zh)):
        found = "the last content has a condition or a placeholder"
        expected = "A last text for everybody for whom no other can be filled"
        faults.append(Fault(where, found, expected, "Add one without 'when' and without placeholders"))
    return faults


def fill_content(
    people: Sequence[str],
    content: Sequence[Content],
    table: ibis.Table,
    kinds: Mapping[str, str],
    *,
    words: Mapping[str, Mapping[str, str]],
    language: str,
) -> pd.DataFrame:
    """Write the text of every customer.

    Parameters
    ----------
    people : sequence of str
        customer_ids, each once.
    content : sequence of Content
        The variants of one action; an empty sequence gives empty texts.
    table : ibis.Table
        customer_id and the columns of ``columns_of_content``; a column that this data lacks may be absent.
    kinds : mapping of str to str
        Kind of each column of the table.
    words : mapping of str to mapping
        Column to value to its name in the language; a value without a name stands as it is.
    language : str
        ``en`` or ``zh``.

    Returns
    -------
    DataFrame
        customer_id, variant (number from 1; 0 without content), content; in the order of ``people``. White space of a
        text is one blank, so that a text is one line.
    """
    frame = pd.DataFrame({"customer_id": pd.Series(list(people), dtype="str")})
    if not content or frame.empty:
        return frame.assign(variant=0, content="")
    values = _values(frame, content, table, kinds)
    variant = pd.Series(0, index=frame.index)
    text = pd.Series("", index=frame.index, dtype="object")
    for at, entry in enumerate(content, start=1):
        filled = _filled(getattr(entry.text, language), values, kinds, words)
        chosen = (variant == 0) & values[f"_when{at}"] & filled.notna()
        variant, text = variant.mask(chosen, at), text.mask(chosen, filled)
    return frame.assign(variant=variant.to_numpy(), content=text.to_numpy())


def _values(
    frame: pd.DataFrame, content: Sequence[Content], table: ibis.Table, kinds: Mapping[str, str]
) -> pd.DataFrame:
    """Return the columns of the people, and one boolean per variant: whether its condition holds."""
    known = {name: kind for name, kind in kinds.items() if name in table.columns}
    chosen = table.semi_join(ibis.memtable(frame), "customer_id")
    flags = {}
    for at, entry in enumerate(content, start=1):
        names = set(columns_in(entry.when)) if entry.when else set()
        if names <= set(known):
            holds = to_ibis(entry.when, chosen, known).fill_null(False) if entry.when else ibis.literal(True)
        else:
            holds = ibis.literal(False)  # this data lacks the column: the condition holds for nobody
        flags[f"_when{at}"] = holds
    rows = to_pandas(chosen.mutate(**flags))
    values = frame.merge(rows, on="customer_id", how="left")
    for at, entry in enumerate(content, start=1):
        values[f"_when{at}"] = values[f"_when{at}"].astype("boolean").fillna(not entry.when).astype(bool)
    return values


def _filled(
    text: str, values: pd.DataFrame, kinds: Mapping[str, str], words: Mapping[str, Mapping[str, str]]
) -> pd.Series:
    """Return the text of every customer; missing where a placeholder has no value."""
    filled = pd.Series("", index=values.index, dtype="object")
    pieces = _PLACEHOLDER.split(" ".join(text.split()))  # text, name, text, name, ... text
    for at, piece in enumerate(pieces):
        name = ALIASES.get(piece, piece)
        if at % 2 == 0:
            filled = filled + piece
        elif name in values.columns:
            filled = filled + _as_words(values[name], kinds.get(name, "category"), words.get(name, {}))
        else:
            return pd.Series(None, index=values.index, dtype="object")
    return filled


def _as_words(column: pd.Series, kind: str, names: Mapping[str, str]) -> pd.Series:
    """Write values for a message; missing where there is none, or none that can stand in it."""
    if pd.api.types.is_datetime64_any_dtype(column) or kind in ("date", "timestamp"):
        return pd.to_datetime(column).dt.strftime("%Y-%m-%d").astype("object").where(column.notna(), None)
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return _as_numbers(column.astype("float64"))
    plain = column.astype("str").str.strip()
    plain = plain.replace(dict(names)) if names else plain
    unsafe = plain.str.contains(_UNSAFE, case=False, regex=True) | plain.str.startswith(FORMULA_STARTS)
    usable = column.notna() & ~unsafe & ~plain.str.lower().isin(_EMPTY) & (plain.str.len() <= LONGEST_VALUE)
    return plain.astype("object").where(usable, None)


def _as_numbers(numbers: pd.Series) -> pd.Series:
    """Write numbers with two decimals, or none where they are whole."""
    rounded = numbers.fillna(0.0).round(2).to_numpy()
    whole = np.abs(rounded - np.round(rounded)) < _WHOLE
    written = np.where(whole, np.char.mod("%.0f", rounded), np.char.mod("%.2f", rounded))
    return pd.Series(written, index=numbers.index, dtype="object").where(numbers.notna(), None)


def _text_faults(text: str, kinds: Mapping[str, str], forbidden: Mapping[str, str], where: str) -> list[Fault]:
    faults = []
    for name in placeholders(text):
        column = ALIASES.get(name, name)
        if column in forbidden:
            faults.append(Fault(where, f"placeholder {{{name}}} {forbidden[column]}", "", "Take it out of the text"))
        elif column not in kinds or kinds[column] == "flag":
            found = f"unknown placeholder {{{name}}}" if column not in kinds else f"{{{name}}} is yes or no, no text"
            remedy = nearest(name, [*ALIASES, *(known for known in kinds if kinds[known] != "flag")])
            faults.append(Fault(where, found, "The name of a tag or a feature", remedy))
    rest = _PLACEHOLDER.sub("", text)
    if re.search(r"[<>]", rest):
        faults.append(Fault(where, "the text holds < or >", "Plain text, no HTML", "Take it out"))
    if re.search(r"[{}]", rest):
        faults.append(Fault(where, "a brace without its other half", "Placeholders as {name}", "Close it"))
    if text.lstrip().startswith(FORMULA_STARTS):
        faults.append(Fault(where, f"the text starts with {text.lstrip()[0]}", "No start of a formula", "Reword it"))
    return faults
