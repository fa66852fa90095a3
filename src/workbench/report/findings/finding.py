"""A finding: one sentence of the report, by text key and values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["KEY_WEIGHT", "Finding"]

KEY_WEIGHT = 0.5  # findings from this weight can be key findings


@dataclass(frozen=True)
class Finding:
    """One sentence of the report.

    Attributes
    ----------
    key : str
        A text of the report.
    values : mapping
        Values of the text.
    weight : float in [0, 1]
        Importance; the heaviest finding with a heading heads its section.
    """

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 0.0
