"""Text on charts: fonts, available characters, line breaks.

No notebook calls this module; ``report.theme`` and ``report.charts`` do.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from matplotlib import font_manager, get_data_path
from matplotlib.ft2font import FT2Font, LoadFlags

from workbench.core.errors import DataError, Fault

__all__ = ["FAMILIES", "drawable", "ems", "lines_of", "register_fonts", "shortened", "wrapped"]

FAMILIES = ("Noto Sans SC", "DejaVu Sans")  # Latin and Chinese from the first; missing symbols from the second
MEASURE = 100  # points at which characters are measured


@cache
def register_fonts() -> tuple[str, ...]:
    """Register the Chinese font once and return the files of the families in order.

    Raises
    ------
    DataError
        The package with the Chinese font is not installed.
    """
    chinese = _chinese_font()
    font_manager.fontManager.addfont(str(chinese))
    latin = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    return str(chinese), str(latin)


def drawable(text: object) -> str:
    """Return text that the fonts can draw on one line: missing glyphs become ``?``, line breaks become blanks.

    In texts without Chinese characters curly quotes become straight, since the Chinese font draws them at full width.
    """
    glyphs = _glyphs()
    plain = " ".join(str(text).split())
    if not any(_is_wide(character) for character in plain):
        plain = plain.translate(_STRAIGHT)
    return "".join(
        character if ord(character) in glyphs else "?" for character in plain if unicodedata.category(character) != "Cf"
    )


def ems(text: str) -> float:
    """Measure the width of a text in ems: a Chinese character is one, a Latin letter about half."""
    return sum(_width(character) for character in text)


def shortened(text: object, most: float = 16) -> str:
    """Cut a label to a width in ems and mark the cut with an ellipsis."""
    whole = drawable(text)
    if ems(whole) <= most:
        return whole
    cut, used = "", 1.0
    for character in whole:
        used += _width(character)
        if used > most:
            break
        cut += character
    return f"{cut.rstrip()}…"


def wrapped(text: str, width: float) -> str:
    """Break a text into lines no wider than ``width`` ems; Chinese may break anywhere but before punctuation."""
    lines, line = [], ""
    for piece in _pieces(text):
        if line and ems((line + piece).rstrip()) > width:
            lines.append(line.rstrip())
            line = piece.lstrip()
        else:
            line += piece
    return "\n".join([*lines, line.rstrip()])


def _pieces(text: str) -> list[str]:
    """Split where a line may break: after blanks and around Chinese characters, never before closing punctuation."""
    pieces: list[str] = []
    for character in text:
        if not pieces:
            pieces.append(character)
        elif (
            character in _NO_LINE_START
            or pieces[-1][-1] in _NO_LINE_END
            or (character == " " and pieces[-1][-1] != " ")
        ):
            pieces[-1] += character
        elif pieces[-1][-1] == " " or _is_wide(character) or _is_wide(pieces[-1][-1]):
            pieces.append(character)
        else:
            pieces[-1] += character
    return pieces


_STRAIGHT = str.maketrans("“”‘’", "\"\"''")
_NO_LINE_START = "，。、；：？！）》」』】”’…,.;:?!)%\u2009\u00a0\u202f"
_NO_LINE_END = "（《「『【“‘(\u2009\u00a0\u202f¥$€£"


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"


@cache
def _width(character: str) -> float:
    """Return the advance width of a character in the first font that has it."""
    font = next((font for font in _fonts() if font.get_char_index(ord(character))), None)
    return (
        font.load_char(ord(character), flags=LoadFlags.NO_HINTING).linearHoriAdvance / 65536 / MEASURE if font else 1.0
    )


def lines_of(text: str) -> int:
    """Count the lines of a wrapped text; an empty text has none."""
    return text.count("\n") + 1 if text else 0


def _chinese_font() -> Path:
    """Find the font inside its package without running that package's code."""
    spec = find_spec("zhplot")
    folders = (spec.submodule_search_locations or []) if spec else []
    files = [Path(folder) / "fonts" / "NotoSansSC-Regular.ttf" for folder in folders]
    for file in files:
        if file.is_file():
            return file
    raise DataError(
        Fault(
            "fonts",
            "NotoSansSC-Regular.ttf is not installed",
            "The package zhplot carries it",
            "Install what requirements.lock names: pip install --no-deps --require-hashes -r requirements.lock",
        )
    )


@cache
def _fonts() -> tuple[FT2Font, ...]:
    fonts = tuple(FT2Font(file) for file in register_fonts())
    for font in fonts:
        font.set_size(MEASURE, 72)
    return fonts


@cache
def _glyphs() -> frozenset[int]:
    """Return the code points that at least one font can draw."""
    return frozenset(point for font in _fonts() for point in font.get_charmap())
