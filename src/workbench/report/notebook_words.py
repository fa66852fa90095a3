"""What the notebooks say in Chinese: the English stands in them, its Chinese by cell id in the texts of the stage."""

from __future__ import annotations

import hashlib

from workbench.report.text_files import text_files

__all__ = ["english_digest", "in_chinese"]

_DIGITS = 8  # of the digest: enough to see that a cell was edited


def english_digest(markdown: str) -> str:
    """Return the digest of a markdown cell that stands beside its Chinese, under ``of``.

    Examples
    --------
    >>> english_digest("## Parameters")
    '6760862f'
    """
    return hashlib.sha256(markdown.encode()).hexdigest()[:_DIGITS]


def in_chinese(markdown: str, *, stage: str, cell: str) -> str:
    """Say a markdown cell in Chinese.

    Parameters
    ----------
    markdown : str
        What the cell says.
    stage : str
        The stage whose notebook it stands in.
    cell : str
        Its id.

    Returns
    -------
    str
        A cell that has no Chinese, or whose English is no longer the one that was translated, stays as it was written:
        nothing that somebody noted or changed is lost.

    Examples
    --------
    >>> in_chinese("## Parameters", stage="05_score_rfm", cell="05-01")
    '## 参数'
    >>> in_chinese("## My parameters", stage="05_score_rfm", cell="05-01")
    '## My parameters'
    """
    chinese = text_files().notebooks.get(stage, {}).get(cell)
    return chinese.zh if chinese and chinese.of == english_digest(markdown) else markdown
