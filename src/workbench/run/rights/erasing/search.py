"""Search every file of the workspace for people, raw and decoded."""

from __future__ import annotations

import base64
import binascii
import gzip
import html
import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from workbench.core.store.rewriting import read_content
from workbench.intake.identity.vault import Vault
from workbench.run.rights.traces.places import is_vault, workspace_files
from workbench.run.rights.traces.traces import ID_COLUMNS

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace
    from workbench.run.rights.traces.traces import Traces

__all__ = ["Search", "search_workspace"]

_BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")
_PERCENT = re.compile(rb"%([0-9a-fA-F]{2})")
_UNICODE = re.compile(rb"\\u([0-9a-fA-F]{4})")
_DEEPEST = 4  # archives within archives


@dataclass
class Search:
    """The result of a search.

    Attributes
    ----------
    files : Counter
        Number of searched files by kind.
    hits : list of (str, str)
        File, relative to the workspace, and where the trace is: in the raw bytes, or in which decoded content.
    closed : list of str
        Files that cannot be read, such as a vault without its key.
    """

    files: Counter = field(default_factory=Counter)
    hits: list[tuple[str, str]] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)


def search_workspace(workspace: Workspace, traces: Traces) -> Search:
    """Search every file of the workspace: bytes, cells, members of archives, base64, escapes, free pages, the vault."""
    result = Search()
    for path in workspace_files(workspace):
        name = workspace.relative(path)
        if is_vault(path):
            _search_vault(workspace, path, name, traces, result)
            continue
        content = path.read_bytes()
        result.files[path.suffix.lower() or "other"] += 1
        ways = dict.fromkeys(_ways(path.suffix.lower(), content, traces, 0))
        if traces.encoded is not None and traces.encoded.search(path.name.encode()):
            ways["name"] = None
        result.hits += [(name, way) for way in ways]
    return result


def _search_vault(workspace: Workspace, path: Path, name: str, traces: Traces, result: Search) -> None:
    vault = Vault.of(workspace, path.parent.name)
    result.files["vault"] += 1
    if vault.path != path or not vault.can_be_read():
        result.closed.append(name)
        return
    if _in_cells(vault.read(), traces):
        result.hits.append((name, "cells"))


def _ways(suffix: str, content: bytes, traces: Traces, depth: int) -> Iterator[str]:
    pattern = traces.encoded
    if pattern is None or depth > _DEEPEST:
        return
    if traces.holds(content):
        yield "bytes"
    if content[:4] == b"PAR1":
        if _in_cells(read_content(content), traces):
            yield "cells"
        return
    if content[:2] == b"\x1f\x8b":
        try:
            inner = gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            return
        yield from (f"gzip: {way}" for way in _ways(suffix, inner, traces, depth + 1))
        return
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            for member in packed.namelist():
                inner = packed.read(member)
                yield from (f"zip: {way}" for way in _ways(Path(member).suffix, inner, traces, depth + 1))
        return
    yield from _in_escapes(content, traces)
    for match in _BASE64.finditer(content.replace(b"\\n", b"")):
        decoded = _decoded(match[0])
        if decoded and pattern.search(decoded):
            yield "base64"
        elif decoded[:2] in (b"PK", b"\x1f\x8b") or decoded[:4] == b"PAR1":
            yield from (f"base64: {way}" for way in _ways("", decoded, traces, depth + 1))


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text[: len(text) - len(text) % 4] if not text.endswith(b"=") else text)
    except (binascii.Error, ValueError):
        return b""


def _in_escapes(content: bytes, traces: Traces) -> Iterator[str]:
    """Search again after decoding HTML, JSON and URL escapes."""
    pattern = traces.encoded
    if pattern is None:
        return
    if b"&" in content and b";" in content:
        text = html.unescape(content.decode("utf-8", "replace"))
        if traces.holds(text.encode()):
            yield "HTML"
    if b"\\u" in content:
        plain = _UNICODE.sub(lambda sign: chr(int(sign[1], 16)).encode("utf-8", "surrogatepass"), content)
        if traces.holds(plain):
            yield "JSON"
    if b"%" in content and pattern.search(_PERCENT.sub(lambda sign: bytes([int(sign[1], 16)]), content)):
        yield "URL"


def _in_cells(table: pa.Table, traces: Traces) -> bool:
    for name in table.column_names:
        column = table[name]
        kind = column.type
        if name in ID_COLUMNS:
            texts = column.cast(pa.string())
            if pc.any(pc.is_in(texts, value_set=pa.array(sorted(traces.ids), pa.string()))).as_py():
                return True
        if pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind):
            values = pc.unique(column.cast(pa.large_string())).to_pylist()
        elif pa.types.is_nested(kind) or pa.types.is_binary(kind):
            values = [str(value) for value in column.to_pylist()]
        else:
            continue
        if traces.mentioning(values):
            return True
    return False
