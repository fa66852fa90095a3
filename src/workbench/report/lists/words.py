"""The reason why a customer is on a list, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from workbench.report.answer import PLAN
from workbench.report.text import say

__all__ = ["reasons_in_words"]

_JOINER = {"en": "; ", "zh": "；"}
_LATE = 1.5  # times the usual gap between purchases


def reasons_in_words(
    rows: pd.DataFrame, *, basis: str, language: str, actions: Mapping[str, Mapping[str, str]] | None = None
) -> list[str]:
    """Write the reason of every row of a list.

    Parameters
    ----------
    rows : DataFrame
        probability; recency_days, gap_days_median, sent and answered where measured; for a plan action and basis.
    basis : str
        ``plan``, ``answers``, ``leaving`` or ``member``.
    language : {"en", "zh"}
    actions : mapping of str to mapping, optional
        Names of actions by language.
    """
    if basis == PLAN:
        return [
            say(f"list_plan_{by}", language, {"action": (actions or {}).get(name, {}).get(language, name)})
            for name, by in zip(rows["action"], rows["basis"], strict=True)
        ]
    return [_reason(row, basis, language) for row in rows.to_dict("records")]


def _reason(row: dict[str, Any], basis: str, language: str) -> str:
    values = {name: row.get(name) for name in ("probability", "recency_days", "gap_days_median", "sent", "answered")}
    measured = {name: float(value) for name, value in values.items() if value is not None and not pd.isna(value)}
    counts: dict[str, Any] = {name: int(measured[name]) for name in ("sent", "answered") if name in measured}
    parts = []
    if basis == "answers":
        key = (
            "list_answered"
            if counts.get("answered")
            else "list_never_answered"
            if counts.get("sent")
            else "list_never_sent"
        )
        parts.append(say(key, language, counts))
        parts.append(say("list_likely_answer", language, measured))
    else:
        recency, gap = measured.get("recency_days"), measured.get("gap_days_median")
        if recency is not None:
            late = gap is not None and gap > 0 and recency > _LATE * gap
            parts.append(say("list_late" if late else "list_last_order", language, measured))
        if "probability" in measured:
            parts.append(say("list_chance_of_leaving", language, measured))
    return _JOINER[language].join(parts)
