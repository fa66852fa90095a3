"""Fetch remote sources: rows of a database or an endpoint are stored under data/raw, then read like any file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from workbench.core.errors import DataError, Fault
from workbench.intake.reading.places import REMOTE, is_remote, place_of

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams

__all__ = ["fetch_source", "needs_fetching", "remote_faults"]

_FOREIGN = ("ftp", "sftp", "file", "s3", "gs", "hdfs")  # URL schemes of files, which are not supported


def remote_faults(source: SourceParams, environment: Mapping[str, str] | None = None) -> list[Fault]:
    """List the faults of the variables of a remote source, without using the network."""
    variables = os.environ if environment is None else environment
    variable = source.path.removeprefix(REMOTE)
    faults = []
    if not variables.get(variable):
        faults.append(Fault(source.path, f"the environment variable {variable} is not set", "A URL"))
    elif "://" not in variables[variable] or urlsplit(variables[variable]).scheme in _FOREIGN:
        expected = "http(s)://host/path, or the URL of a database such as postgresql://user@host/db"
        faults.append(Fault(source.path, f"the environment variable {variable} holds no URL that is read", expected))
    elif _is_http(variables[variable]) == bool(source.select):
        problem = "an HTTP address has no table" if source.select else "a database URL needs the name of a table"
        faults.append(Fault(source.path, problem, "", "Remove select" if source.select else "select: <table or view>"))
    if source.token and not variables.get(source.token):
        faults.append(
            Fault(source.path, f"the environment variable {_nameable(source.token)} is not set", "An access token")
        )
    return faults


def fetch_source(source: SourceParams, root: Path) -> int:
    """Fetch a remote source into its snapshot; return the number of records.

    Raises
    ------
    DataError
        A variable is not set, or the source cannot be read. An existing snapshot stays unchanged.
    """
    faults = remote_faults(source)
    if faults:
        raise DataError(faults)
    url = os.environ[source.path.removeprefix(REMOTE)]
    target = root / place_of(source)
    if not _is_http(url):
        from workbench.intake.remote.databases import fetch_table  # noqa: PLC0415

        return fetch_table(url, source.select or "", target)
    from workbench.intake.remote.http_json import fetch_records  # noqa: PLC0415

    token = os.environ.get(source.token) if source.token else None
    return fetch_records(
        url, target, token=token, records=source.records, next_page=source.next_page,
        page_parameter=source.page_parameter,
    )  # fmt: skip


def needs_fetching(source: SourceParams, root: Path) -> bool:
    """Return whether a source is remote and has not been fetched yet."""
    return is_remote(source) and not (root / place_of(source)).is_file()


def _is_http(url: str) -> bool:
    return urlsplit(url).scheme in ("http", "https")


def _nameable(variable: str) -> str:
    """Return the name of a variable, or a placeholder if it could be the token itself, entered by mistake."""
    is_name = "_" in variable or not any(sign.isdigit() for sign in variable)
    return variable if is_name else "named under token"
