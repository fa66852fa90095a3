"""The base class of all parameter sections, and the function that declares a parameter."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Section", "Words", "parameter"]


def parameter(default: Any, *, unit: str = "", en: str, zh: str, **limits: Any) -> Any:
    """Declare a parameter: its default, unit, help in both languages, and limits."""
    extra: dict[str, Any] = {"unit": unit, "help": {"en": en, "zh": zh}}
    if isinstance(default, (list, dict)):
        return Field(default_factory=lambda: type(default)(default), json_schema_extra=extra, **limits)
    return Field(default, json_schema_extra=extra, **limits)


class Section(BaseModel):
    """The base class of parameter sections: unknown keys are errors, types are strict, values are frozen."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Words(Section):
    """A text in English and Chinese."""

    en: str
    zh: str

    @model_validator(mode="after")
    def _not_empty(self) -> Words:
        if not self.en.strip() or not self.zh.strip():
            raise ValueError("a text is empty; both en and zh are needed")
        return self
