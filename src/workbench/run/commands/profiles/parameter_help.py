"""The parameter reference, generated from the models: type, unit, default, range, help."""

from __future__ import annotations

import datetime as dt
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal

from pydantic_core import PydanticUndefined

from workbench.core.params.consent import ConsentParams
from workbench.core.params.run import GoalParams, RetentionParams, RunParams, ShareParams
from workbench.core.params.sources import FormatParams, SourceParams
from workbench.core.section import Section
from workbench.core.stages import SECTIONS
from workbench.run.commands.profiles.parameter_words import UNITS, WORDS

if typing.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

__all__ = ["ParameterHelp", "describe_parameters", "parameters_markdown"]

_MODELS: dict[str, type[Section]] = {
    "sources": SourceParams,
    "sources.formats": FormatParams,
    "consent": ConsentParams,
    "goal": GoalParams,
    "run": RunParams,
    "run.retention": RetentionParams,
    "share": ShareParams,
    **SECTIONS,
}
_TITLE = {"en": "Parameters", "zh": "参数"}


@dataclass(frozen=True)
class ParameterHelp:
    """One row of the reference."""

    section: str
    name: str
    type: str
    unit: str
    default: str
    range: str
    help: str


def describe_parameters(
    section: str | None, language: str, own: Mapping[str, type[Section]] | None = None
) -> Iterator[ParameterHelp]:
    """Describe the parameters of one section, or of all.

    Parameters
    ----------
    section : str or None
    language : str
        en or zh.
    own : mapping of str to type of Section, optional
        Parameters of the user's own notebooks, listed as well.
    """
    for name, model in {**_MODELS, **(own or {})}.items():
        if section is None or name == section or name.startswith(f"{section}."):
            for key, info in model.model_fields.items():
                extra: Any = info.json_schema_extra
                yield ParameterHelp(
                    name,
                    key,
                    _type(info.annotation, language),
                    UNITS.get(extra["unit"], extra["unit"]) if language == "zh" else extra["unit"],
                    _default(info, language),
                    _range(info, language),
                    extra["help"][language],
                )


def parameters_markdown() -> str:
    """Return the reference page, in both languages."""
    lines = ["# Parameters · 参数", "", "Written by `workbench params --markdown`; do not edit by hand.", ""]
    for section in _MODELS:
        lines += [
            f"## {section}",
            "",
            "| parameter | type | unit | default | range | meaning | 含义 |",
            "|" + "---|" * 7,
        ]
        chinese = {row.name: row.help for row in describe_parameters(section, "zh") if row.section == section}
        for row in describe_parameters(section, "en"):
            if row.section == section:
                cells = (f"`{row.name}`", row.type, row.unit, row.default, row.range, row.help, chinese[row.name])
                lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _word(text: str, language: str) -> str:
    return WORDS[text] if language == "zh" else text


def _type(annotation: Any, language: str) -> str:
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    either = _word(" or ", language)
    if origin is Literal:
        return either.join(str(part) for part in parts)
    if origin in (types.UnionType, typing.Union):
        return either.join(_type(part, language) for part in parts if part is not type(None))
    if origin is list:
        return _word("list of {}", language).format(_type(parts[0], language))
    if origin is dict:
        return f"{_type(parts[0], language)}: {_type(parts[1], language)}"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false", dt.date: "date", Any: "Any"}
    return _word(names.get(annotation, "mapping"), language)


def _default(info: FieldInfo, language: str) -> str:
    value = info.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return _word("required", language)
    if value is None or value in ({}, [], "") or isinstance(value, Section):
        return _word("none", language)
    if isinstance(value, bool):
        return _word(str(value), language)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _range(info: FieldInfo, language: str) -> str:
    length = _word("length", language)
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "min_length": f"{length} ≥", "max_length": f"{length} ≤"}
    limits = [
        f"{sign} {getattr(limit, key)}"
        for limit in info.metadata
        for key, sign in signs.items()
        if getattr(limit, key, None) is not None
    ]
    return ", ".join(limits)
