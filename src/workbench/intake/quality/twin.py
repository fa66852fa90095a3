"""The JSON report of 01_check_quality, for automated monitoring."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from workbench.intake.quality.checks import Quality

__all__ = ["quality_json"]


def quality_json(quality: Quality, suspects: pd.DataFrame, changes: pd.DataFrame) -> str:
    """Return the results of the checks as JSON.

    Returns
    -------
    str
        An object: score, counts (pass, warn, fail), verdicts, tables, columns, suspects, changes; lists of objects with
        the columns of the frames, missing values as null.
    """
    content = {
        "score": quality.score,
        "counts": {name: int((quality.verdicts["status"] == name).sum()) for name in ("pass", "warn", "fail")},
        "verdicts": _rows(quality.verdicts),
        "tables": _rows(quality.dimensions),
        "columns": _rows(quality.columns),
        "suspects": _rows(suspects),
        "changes": _rows(changes),
    }
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {name: None if pd.isna(value) else value for name, value in row.items()}
        for row in frame.astype(object).to_dict("records")
    ]
