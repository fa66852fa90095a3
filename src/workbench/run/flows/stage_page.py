"""The page of one executed notebook, linked from the report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import workbench.report
from workbench.core.files import digest_file, digest_json, write_text
from workbench.report.notebook_page import notebook_page
from workbench.report.text import label

if TYPE_CHECKING:
    from workbench.run.keys.code import CodeIndex

__all__ = ["kept_stage_page", "report_digest", "write_stage_page"]

_REPORT = Path(workbench.report.__file__).parent


def report_digest(index: CodeIndex) -> str:
    """Return the digest of everything that decides how a page looks: the modules, templates and texts of the report."""
    return index.folder_digest(_REPORT)


def kept_stage_page(folder: Path, page: Path, *, stage: str, language: str, code: str) -> Path:
    """Put the page of a published stage into a run: the one that is kept beside the stage where it is current.

    Parameters
    ----------
    folder : Path
        The stage's folder; its page is kept below ``page/`` with the digest of what it was made from: the executed
        notebook, the language, and everything in the report's wing.
    page : Path
    stage : str
    language : str
    code : str
        Digest of the report's wing, as `report_digest` gives it.
    """
    key = digest_json([digest_file(folder / "notebook.ipynb"), language, code])
    kept, stamp = folder / "page" / "page.html", folder / "page" / "key"
    if not (kept.is_file() and stamp.is_file() and stamp.read_text(encoding="utf-8") == key):
        write_stage_page(folder / "notebook.ipynb", kept, stage=stage, language=language)
        write_text(stamp, key)
    page.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(kept, page)
    return page


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
