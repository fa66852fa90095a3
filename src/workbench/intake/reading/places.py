"""The files of a source: a single file, a folder or glob, or the snapshot of a remote source."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from workbench.core.errors import DataError, Fault, did_you_mean

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams

__all__ = ["FORMS", "REMOTE", "find_files", "form_of", "is_remote", "place_of", "present_files", "readable_files"]

REMOTE = "env:"  # followed by the name of an environment variable with a URL
# file ending -> format; text files may also end in .gz
FORMS = {
    ".csv": "text", ".tsv": "text", ".txt": "text", ".tab": "text", ".dat": "text", ".parquet": "parquet",
    ".pq": "parquet", ".xlsx": "workbook", ".xlsm": "workbook", ".xls": "workbook", ".jsonl": "json",
    ".ndjson": "json", ".json": "json",
}  # fmt: skip
_OTHER = {".sql": "SQL file", ".db": "database", ".sqlite": "database", ".duckdb": "database", ".zip": "zip archive",
          ".xlsb": "binary workbook", ".ods": "OpenDocument sheet", ".pdf": "PDF", ".doc": "document"}  # fmt: skip


def is_remote(source: SourceParams) -> bool:
    """Return whether a source is fetched from a database or an HTTP endpoint."""
    return source.path.startswith(REMOTE)


def place_of(source: SourceParams) -> str:
    """Return the path of a source's records, relative to the workspace."""
    return (source.snapshot or "") if is_remote(source) else source.path


def form_of(path: Path) -> str:
    """Return the format of a file: text, parquet, workbook or json.

    Raises
    ------
    DataError
        The format is not supported.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    suffix = suffixes[-2] if len(suffixes) > 1 and suffixes[-1] == ".gz" else (suffixes or [""])[-1]
    if suffix in _OTHER:
        problem = f"a {_OTHER[suffix]} ({suffix}) is not read"
        url = "Put its URL into an environment variable: path: env:NAME, select: table"
        remedy = url if _OTHER[suffix] == "database" else "Save it in one of these forms"
        raise DataError(Fault(path.name, problem, "Separated text, Excel, JSON or Parquet", remedy))
    form = FORMS.get(suffix, "text")
    if form in ("workbook", "parquet") and suffixes[-1] == ".gz":
        raise DataError(Fault(path.name, f"a packed {form} is not read", "", "Unpack it"))
    return form


def present_files(source: SourceParams, root: Path) -> list[Path]:
    """Return the existing files of a source, sorted; may be empty."""
    place = place_of(source)
    if not place:
        return []
    named = root / place
    if any(sign in place for sign in "*?["):
        return sorted(path for path in root.glob(place) if path.is_file())
    if named.is_dir():
        return readable_files(named)
    return [named] if named.is_file() else []


def readable_files(folder: Path) -> list[Path]:
    """Return the files of a folder with a supported ending, sorted by name."""
    return sorted(path for path in folder.iterdir() if path.is_file() and _is_readable(path))


def find_files(source: SourceParams, root: Path) -> list[Path]:
    """Return the files a source names, sorted by name.

    Raises
    ------
    DataError
        There are no files.
    """
    files = present_files(source, root)
    if files:
        return files
    place = place_of(source)
    named = root / place
    if is_remote(source):
        remedy = "A run fetches it; set the variable first"
        raise DataError(Fault(source.path, f"not fetched yet, no snapshot at {place}", "", remedy))
    if named.is_dir():
        expected = f"Files ending in {', '.join(FORMS)}"
        raise DataError(Fault(place, "the folder holds no file that is read", expected))
    near = sorted(path.name for path in named.parent.iterdir() if path.is_file()) if named.parent.is_dir() else []
    remedy = did_you_mean(named.name, near) if near else f"Put it into {Path(place).parent.as_posix()}/"
    raise DataError(Fault(place, "file not found", "", remedy))


def _is_readable(path: Path) -> bool:
    plain = path.name.removesuffix(".gz")
    return not path.name.startswith((".", "~$")) and Path(plain).suffix.lower() in FORMS
