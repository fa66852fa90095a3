"""Chinese texts of notebook cells: English is in the notebook, Chinese by cell id in the texts of the stage."""

from __future__ import annotations

import hashlib

from workbench.report.text_files import text_files

__all__ = ["english_digest", "in_chinese"]

_DIGITS = 8  # of the digest


def english_digest(markdown: str) -> str:
    """Return the digest of a markdown cell, stored under ``of`` in its Chinese entry.

    Examples
    --------
    >>> english_digest("## Parameters")
    '6760862f'
    """
    return hashlib.sha256(markdown.encode()).hexdigest()[:_DIGITS]


def in_chinese(markdown: str, *, stage: str, cell: str) -> str:
    """Return a markdown cell in Chinese.

    Parameters
    ----------
    markdown : str
        Text of the cell.
    stage : str
        Stage of the notebook.
    cell : str
        Id of the cell.

    Returns
    -------
    str
        A cell without a Chinese text, or with English changed since the translation, is returned unchanged, so
        that notes and manual edits are kept.

    Examples
    --------
    >>> in_chinese("## Parameters", stage="05_score_rfm", cell="05-01")
    '## 参数'
    >>> in_chinese("## My parameters", stage="05_score_rfm", cell="05-01")
    '## My parameters'
    """
    chinese = text_files().notebooks.get(stage, {}).get(cell)
    return chinese.zh if chinese and chinese.of == english_digest(markdown) else markdown
