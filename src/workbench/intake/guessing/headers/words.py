"""The word lists of ``workbench new``, kept as YAML: parts of headers, whole names, words of values, reasons."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

__all__ = ["read_words", "value_words"]

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def read_words(name: str) -> dict[str, Any]:
    """Read ``<name>.yaml`` of this package, such as ``headers/words``."""
    text = files("workbench.intake.guessing").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=_LOADER)  # noqa: S506  (a safe loader)


@cache
def value_words(name: str) -> tuple[str, ...]:
    """Return the words of values under a name, in lower case, in the order of the list."""
    return tuple(dict.fromkeys(str(word).lower() for word in read_words("headers/words")["values"][name]))
