"""Word lists kept as YAML: synonyms of column names, and texts of reasons."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

__all__ = ["read_words"]


@cache
def read_words(name: str) -> dict[str, Any]:
    """Read ``<name>.yaml`` beside this module."""
    return yaml.safe_load(files(__package__).joinpath(f"{name}.yaml").read_text(encoding="utf-8"))
