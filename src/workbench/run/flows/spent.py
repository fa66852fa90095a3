"""The run time of a stage in seconds by part: kernel, imports, computing, charts; the runner adds page and tracking."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["seconds_by"]


def seconds_by(notebook: Path, *, total: float, charts: float) -> dict[str, float]:
    """Split the run time of an executed notebook into parts.

    Parameters
    ----------
    notebook : Path
        Written by papermill: each code cell has its duration.
    total : float
        Seconds from the request for the kernel to its end.
    charts : float
        Seconds spent on drawing, within the cells.

    Returns
    -------
    dict of str to float
        ``kernel`` (outside the cells), ``imports`` (the cells up to the one that starts the stage), ``computing`` and
        ``charts`` (the cells after it); they add up to the total.
    """
    cells = [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    spent = [float(cell["metadata"].get("papermill", {}).get("duration") or 0.0) for cell in cells]
    started = next((at for at, cell in enumerate(cells) if "start(" in "".join(cell["source"])), 0)
    imports = sum(spent[: started + 1])
    parts = {"kernel": total - sum(spent), "imports": imports, "computing": sum(spent) - imports - charts}
    return {name: round(value, 3) for name, value in {**parts, "charts": charts}.items()}
