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

__all__ = ["copy_stage_page", "report_digest", "write_stage_page"]

_REPORT = Path(workbench.report.__file__).parent


def report_digest(index: CodeIndex) -> str:
    """Return the digest of the modules, templates and texts of the report package, on which a page depends."""
    return index.folder_digest(_REPORT)


def copy_stage_page(folder: Path, page: Path, *, stage: str, language: str, code: str) -> Path:
    """Copy the page of a published stage into a run; write the page again only if it is out of date.

    Parameters
    ----------
    folder : Path
        The stage's folder; its subfolder ``page/`` holds the page, its digest, and the digest of its inputs: the
        executed notebook, the language and the report package.
    page : Path
    stage : str
    language : str
    code : str
        Digest of the report package, from `report_digest`.
    """
    key = digest_json([digest_file(folder / "notebook.ipynb"), language, code])
    cached, key_file = folder / "page" / "page.html", folder / "page" / "key"
    written = f"{key} {digest_file(cached)}" if cached.is_file() else ""
    if not (written and key_file.is_file() and key_file.read_text(encoding="utf-8") == written):
        write_stage_page(folder / "notebook.ipynb", cached, stage=stage, language=language)
        write_text(key_file, f"{key} {digest_file(cached)}")
    page.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(cached, page)
    return page


def write_stage_page(notebook: Path, page: Path, *, stage: str, language: str) -> Path:
    """Write an executed or half-run notebook as one self-contained page.

    Parameters
    ----------
    notebook : Path
        Written by papermill.
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
