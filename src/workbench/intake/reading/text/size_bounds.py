"""Size limits for text files: files that would not fit into memory are refused while they are read."""

from __future__ import annotations

from pathlib import Path

from workbench.core.errors import DataError, Fault

__all__ = ["SizeBounds"]

_MOST_LINE_BYTES = 16 << 20
_MOST_RATIO, _RATIO_FROM_BYTES = 200, 1 << 30  # unpacked / packed size; accepted below so many unpacked bytes


class SizeBounds:
    """Tracks the length of the current line and the unpacked size of a file, chunk by chunk.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path):
        self.path = path
        self.packed = path.stat().st_size
        self.bytes = self.open_line = 0

    def check(self, chunk: bytes) -> None:
        """Count one chunk.

        Raises
        ------
        DataError
            A line or the unpacked file exceeds its limit.
        """
        self.bytes += len(chunk)
        first = min((at for at in (chunk.find(b"\n"), chunk.find(b"\r")) if at >= 0), default=len(chunk))
        if self.open_line + first > _MOST_LINE_BYTES:
            problem = f"a line of more than {_MOST_LINE_BYTES >> 20} MiB"
            remedy = "Is this the right file? Ask for an export with one record a line"
            raise DataError(Fault(self.path.name, problem, f"At most {_MOST_LINE_BYTES >> 20} MiB a line", remedy))
        last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        self.open_line = len(chunk) - last - 1 if last >= 0 else self.open_line + len(chunk)
        if self.bytes > max(_RATIO_FROM_BYTES, _MOST_RATIO * self.packed):
            problem = f"it unpacks to more than {_MOST_RATIO} times its {self.packed:,} bytes"
            expected = f"At most {_MOST_RATIO} times, from {_RATIO_FROM_BYTES >> 30} GiB on"
            raise DataError(Fault(self.path.name, problem, expected, "Unpack it yourself if it is what you expect"))
