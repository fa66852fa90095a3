"""Text written in English and Chinese side by side, as notebooks hold it, and the part of it a page shows.

A heading or a cell of a table is ``English · 中文``; below it every English paragraph is followed by its Chinese one.
"""

from __future__ import annotations

import re

__all__ = ["is_chinese", "one_language"]

_HAN = re.compile("[㐀-䶿一-鿿]")
_PARTS = " · "
_PER_HAN = 6  # an English paragraph may name a Chinese word; a Chinese one has a character in six at least


def is_chinese(text: str) -> bool:
    """Say whether a text is Chinese, whatever names and code stand in it.

    Examples
    --------
    >>> is_chinese("格式正确，但很可能不真实。"), is_chinese("Answers such as 是 count as yes.")
    (True, False)
    """
    return len(_HAN.findall(text)) * _PER_HAN > len(text)


def one_language(text: str, language: str) -> str:
    """Keep the English or the Chinese of a text that holds both.

    Parameters
    ----------
    text : str
        Markdown. Blocks are parted by an empty line.
    language : str
        en or zh.

    Returns
    -------
    str
        Unless every paragraph stands in both languages, all paragraphs are kept: nothing that somebody noted in one
        language is lost.

    Examples
    --------
    >>> one_language("## The rows · 行", "zh")
    '## 行'
    """
    blocks = text.split("\n\n")
    prose = [each for each in blocks if not each.lstrip().startswith(("#", "|"))]
    chinese = [is_chinese(each) for each in prose]
    paired = chinese == [False, True] * (len(prose) // 2) and bool(prose)
    kept = []
    for block in blocks:
        if block.lstrip().startswith("|"):
            kept.append("\n".join(_row(line, language) for line in block.split("\n")))
        elif block.lstrip().startswith("#"):
            marks, _, words = block.partition(" ")
            kept.append(f"{marks} {_part(words, language)}")
        elif not paired or is_chinese(block) == (language == "zh"):
            kept.append(block)
    return "\n\n".join(kept)


def _row(line: str, language: str) -> str:
    cells = [(cell, _part(cell.strip(), language)) for cell in line.split("|")]
    return "|".join(cell if part == cell.strip() else f" {part} " for cell, part in cells)


def _part(words: str, language: str) -> str:
    english, found, chinese = words.partition(_PARTS)
    if not found or _HAN.search(english) or not _HAN.search(chinese):
        return words
    return chinese if language == "zh" else english
