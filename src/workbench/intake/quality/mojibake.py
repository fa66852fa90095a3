"""Text that was once read in the wrong encoding: UTF-8 taken for GBK (姓名 has become 濮撳悕)."""

from __future__ import annotations

import codecs

__all__ = ["is_mojibake"]


def is_mojibake(text: str) -> bool:
    """Return whether the GBK bytes of a text are UTF-8 with Chinese characters, ignoring a truncated end."""
    try:
        decoded = codecs.getincrementaldecoder("utf-8")().decode(text.rstrip("?\ufffd").encode("gb18030"))
    except UnicodeError:
        return False
    return any("\u4e00" <= sign <= "\u9fff" for sign in decoded)
