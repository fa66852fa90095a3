"""A finding: the sentence a result deserves, named by its text and filled with its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["KEY_WEIGHT", "Finding"]

KEY_WEIGHT = 0.5  # from this weight on a finding may stand at the head of the report


@dataclass(frozen=True)
class Finding:
    """One sentence of the report.

    Attributes
    ----------
    key : str
        A text of the report.
    values : mapping
        What the text names.
    weight : float in [0, 1]
        How much it matters; the heaviest with a heading names its section.
    """

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 0.0
