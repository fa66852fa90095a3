"""The reference of all parameters, from the models: type, unit, default, range, help."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from workbench.core.params.consent import ConsentParams
from workbench.core.params.run import GoalParams, RunParams
from workbench.core.params.sources import FormatParams, SourceParams
from workbench.core.section import Section
from workbench.core.stages import SECTIONS

__all__ = ["ParameterHelp", "describe_parameters", "parameters_markdown"]

_MODELS: dict[str, type[Section]] = {
    "sources": SourceParams,
    "sources.formats": FormatParams,
    "consent": ConsentParams,
    "goal": GoalParams,
    "run": RunParams,
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
        The parameters of own notebooks, which are described too.
    """
    for name, model in {**_MODELS, **(own or {})}.items():
        if section is None or name == section or name.startswith(f"{section}."):
            for key, info in model.model_fields.items():
                extra: Any = info.json_schema_extra
                yield ParameterHelp(
                    name,
                    key,
                    _type(info.annotation),
                    extra["unit"],
                    _default(info),
                    _range(info),
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


def _type(annotation: Any) -> str:
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return " or ".join(str(part) for part in parts)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_type(part) for part in parts if part is not type(None))
    if origin is list:
        return f"list of {_type(parts[0])}"
    if origin is dict:
        return f"{_type(parts[0])}: {_type(parts[1])}"
    names = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}
    return names.get(annotation.__name__, "mapping" if issubclass(annotation, Section) else annotation.__name__)


def _default(info: FieldInfo) -> str:
    value = info.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if value is None or value in ({}, []) or isinstance(value, Section):
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _range(info: FieldInfo) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "min_length": "length ≥", "max_length": "length ≤"}
    limits = [
        f"{sign} {getattr(limit, key)}"
        for limit in info.metadata
        for key, sign in signs.items()
        if getattr(limit, key, None) is not None
    ]
    return ", ".join(limits)
