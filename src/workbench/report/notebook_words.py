"""What the notebooks say in Chinese: the English stands in them, its Chinese in ``templates/notebook.zh.yaml``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources

import yaml

__all__ = ["chinese_words", "in_chinese", "pieces"]

_BARS = re.compile(r"(\s*\|\s*)")


@cache
def chinese_words() -> dict[str, str]:
    """Return the Chinese of every heading, paragraph and cell of a table that the notebooks hold."""
    path = resources.files("workbench.report") / "templates" / "notebook.zh.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def in_chinese(markdown: str) -> str:
    """Say markdown in Chinese.

    Parameters
    ----------
    markdown : str
        Of a cell; blocks are parted by an empty line.

    Returns
    -------
    str
        A heading, a paragraph or a cell of a table that is not known stays as it was written: nothing that somebody
        noted or changed is lost.

    Examples
    --------
    >>> in_chinese("## Parameters")
    '## 参数'
    """
    known = chinese_words()
    return "\n\n".join("".join(known.get(piece, piece) for piece in pieces(block)) for block in markdown.split("\n\n"))


def pieces(block: str) -> Iterator[str]:
    """Part a block of markdown into what is said and the marks around it; joined they are the block.

    Examples
    --------
    >>> list(pieces("## Start")), list(pieces("| reads |"))
    (['## ', 'Start'], ['', '| ', 'reads', ' |', ''])
    """
    if block.startswith("#"):
        marks, blank, words = block.partition(" ")
        yield from (marks + blank, words)
    elif block.startswith("|"):
        yield from _BARS.split(block)
    else:
        yield block
