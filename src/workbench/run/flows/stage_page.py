"""The page of one executed notebook, linked from the report."""

from __future__ import annotations

import json
from pathlib import Path

from workbench.core.files import write_text
from workbench.report.notebook_page import notebook_page
from workbench.report.text import label

__all__ = ["write_stage_page"]


def write_stage_page(notebook: Path, page: Path, *, stage: str, language: str) -> Path:
    """Write an executed or half-run notebook as one self-contained page.

    Parameters
    ----------
    notebook : Path
        As papermill wrote it.
    page : Path
    stage : str
    language : str
        en or zh.
    """
    content = json.loads(notebook.read_text(encoding="utf-8"))
    failed = any(output["output_type"] == "error" for cell in content["cells"] for output in cell.get("outputs", []))
    status = "failed" if failed else "done"
    about = {"title": label(stage, language), "stage": stage, "language": language, "back": "../report.html"}
    html = notebook_page(content, **about, status=status)
    return write_text(page, html)
