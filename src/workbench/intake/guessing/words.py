"""The words of the room, kept as data: what columns are called elsewhere, and how reasons are said."""

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
