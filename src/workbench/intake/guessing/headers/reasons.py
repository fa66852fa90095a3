"""Reasons and doubts of a guess, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from workbench.intake.guessing.headers.words import read_words

__all__ = ["Reason", "say_reason"]


@dataclass(frozen=True)
class Reason:
    """A key of ``reasons.yaml`` and the values it names."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)


def say_reason(reason: Reason, language: str) -> str:
    """Write a reason on one line; unprintable characters in a file's names become ``?``.

    Parameters
    ----------
    reason : Reason
    language : str
        en or zh.

    Examples
    --------
    >>> say_reason(Reason("rivals", {"names": "total"}), "en")
    'also possible: total'
    """
    text = read_words("headers/reasons")[reason.key][language].format(**reason.values)
    return "".join(sign if sign.isprintable() else "?" for sign in text)
