"""The layout of an exported list: columns, headings and file formats for a platform; one file in params/exports."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import Field, ValidationError, field_validator, model_validator

from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.core.section import Section, Words
from workbench.core.yaml_lines import MarkedYaml, read_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.core.workspace import Workspace

__all__ = ["CONTACTS", "FIELDS", "FORMS", "ExportLayout", "LayoutColumn", "layout_paths", "read_layout"]

ListField = Literal[
    "source_id", "source", "plan", "action", "action_label", "channel", "content", "neutral_alternative", "reason",
    "valid_until", "occasion", "sms_parts", "phone", "email", "fixed",
]  # fmt: skip
Form = Literal["csv", "xlsx", "parquet"]
Contact = Literal["phone", "email"]
FIELDS, FORMS, CONTACTS = get_args(ListField), get_args(Form), get_args(Contact)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_FORMULA = ("=", "+", "-", "@")


class LayoutColumn(Section):
    """One column of an exported list.

    Attributes
    ----------
    header : str or Words
        Column heading: the one the platform expects, or one per language.
    field : str
        Content of the column, one of ``FIELDS``. ``phone`` and ``email`` are written only with ``--contacts``;
        ``fixed`` writes the same ``value`` in every row.
    value : str
    """

    header: str | Words
    field: ListField
    value: str = ""

    def heading(self, language: str) -> str:
        """Return the heading in a language."""
        return self.header if isinstance(self.header, str) else str(getattr(self.header, language))

    @field_validator("header")
    @classmethod
    def _plain(cls, header: str | Words) -> str | Words:
        for text in (header,) if isinstance(header, str) else (header.en, header.zh):
            if not text.strip() or text != text.strip() or text.startswith(_FORMULA) or not text.isprintable():
                raise ValueError(f"heading {text!r}: expected text that is no formula, without blanks around it")
        return header

    @model_validator(mode="after")
    def _fixed_has_a_value(self) -> LayoutColumn:
        if (self.field == "fixed") != bool(self.value):
            raise ValueError("value belongs to field: fixed, which needs one")
        return self


class ExportLayout(Section):
    """The list format that a platform requires.

    Attributes
    ----------
    name : str
        Stem of the file.
    label : Words
    about : Words
        What the platform does with the file, and where its fields must be set up first.
    forms : list of str
        File formats: csv, xlsx, parquet; one file is written per format.
    columns : list of LayoutColumn
        Columns in the order of the file.
    channels : list of str
        Only lists of these channels are written; empty: all.
    opt_out : Words or None
        Unsubscribe notice, appended to every text that does not contain one.
    opt_out_words : list of str
        Words that show that a text already contains an unsubscribe notice.
    reserved : int
        Number of characters that the platform adds to every text, such as a signature; they count for ``sms_parts``.
    without : str
        Characters that the platform rejects; they are removed from every text.
    rows_per_file : int or None
        Largest number of rows per file; longer lists are split into several files.
    """

    name: str
    label: Words
    about: Words
    forms: list[Form] = Field(min_length=1)
    columns: list[LayoutColumn] = Field(min_length=1)
    channels: list[str] = []
    opt_out: Words | None = None
    opt_out_words: list[str] = []
    reserved: int = Field(0, ge=0, le=70)
    without: str = ""
    rows_per_file: int | None = Field(None, ge=1, le=1_048_575)

    @property
    def contacts(self) -> set[str]:
        """The contact columns of the layout."""
        return {str(column.field) for column in self.columns} & set(CONTACTS)

    @model_validator(mode="after")
    def _columns_fit(self) -> ExportLayout:
        for language in ("en", "zh"):
            headings = [column.heading(language) for column in self.columns]
            twice = sorted({name for name in headings if headings.count(name) > 1})
            if twice:
                raise ValueError(f"two columns are called {twice[0]!r}")
        if "source_id" not in {column.field for column in self.columns}:
            raise ValueError("no column with field source_id: without it replies cannot be matched to customers")
        return self


def layout_paths(workspace: Workspace) -> dict[str, Path]:
    """Return the files of params/exports, by name."""
    return {path.stem: path for path in sorted((workspace.params / "exports").glob("*.yaml"))}


def read_layout(workspace: Workspace, name: str) -> ExportLayout:
    """Read a layout by name.

    Raises
    ------
    ProfileError
        When the layout does not exist (with the most similar name); for unknown keys and wrong values, each with its
        line.
    """
    paths = layout_paths(workspace)
    if name not in paths:
        remedy = did_you_mean(name, paths) if paths else f"Write params/exports/{name}.yaml"
        raise ProfileError(Fault("--layout", f"no layout '{name}' in params/exports", "", remedy))
    label = workspace.relative(paths[name])
    if not _NAME.fullmatch(name):
        raise ProfileError(Fault(label, f"the file name '{name}'", "Lower-case letters, digits and _", "Rename it"))
    marked = read_yaml(paths[name], label)
    try:
        return ExportLayout.model_validate({**marked.content, "name": name})
    except ValidationError as error:
        raise ProfileError([_explain(details, marked, label) for details in error.errors()]) from None


def _explain(error: Mapping[str, Any], marked: MarkedYaml, label: str) -> Fault:
    trail = tuple(part for part in error["loc"] if part not in ("str", "Words"))
    where, name = f"{label}, line {marked.line(trail)}", ".".join(str(part) for part in trail)
    if error["type"] == "missing":
        return Fault(where, f"no {name}", "", f"Add {name}")
    if error["type"] == "extra_forbidden":
        owner = LayoutColumn if trail[0] == "columns" else ExportLayout
        return Fault(where, f"unknown key '{name}'", "", did_you_mean(str(trail[-1]), owner.model_fields))
    if error["type"] == "literal_error":
        choices = FIELDS if trail[0] == "columns" else FORMS
        return Fault(where, f"{name} is {error['input']!r}", "", did_you_mean(str(error["input"]), choices))
    message = error["msg"].removeprefix("Value error, ")
    value_text = f" is {error['input']!r}" if not isinstance(error["input"], (dict, list)) else ""
    return Fault(where, f"{name}{value_text}: {message}" if name else message)
