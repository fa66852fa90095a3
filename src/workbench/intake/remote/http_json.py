"""Fetch the records of a JSON HTTP endpoint page by page into a snapshot, for sources with the path ``env:NAME``.

The token comes from the environment and is sent only to the named host; a next page or redirect to another host is
refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from workbench.core.errors import DataError, Fault
from workbench.core.files import write_file
from workbench.intake.reading.json_lists import list_at

__all__ = ["fetch_records"]

_TIMEOUT_SECONDS = (10, 60)  # to connect, to read
_MOST_PAGES = 100_000
# waits for the time in Retry-After (at most five minutes), else half a second, doubled each time
_RETRY = Retry(
    total=3,
    backoff_factor=0.5,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=("GET",),
    raise_on_status=False,
    retry_after_max=300,
)


def fetch_records(
    url: str,
    target: Path,
    *,
    token: str | None = None,
    records: str | None = None,
    next_page: str | None = None,
    page_parameter: str | None = None,
) -> int:
    """Write all records of an endpoint to a JSON lines file, atomically; return their number.

    Parameters
    ----------
    url : str
        http or https.
    target : Path
    token : str, optional
        Sent as ``Authorization: Bearer``.
    records : str, optional
        Dotted path to the list in each response; None: the response is the list.
    next_page : str, optional
        Dotted path to the URL of the next page; the last page has none.
    page_parameter : str, optional
        Query parameter counted from 1 until a page is empty.

    Raises
    ------
    DataError
        No connection, an error status (after several attempts if that may help), a response that is not JSON or has no
        list, a page on another host, or repeated pages.
    """
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=_RETRY))
    session.headers["Accept"] = "application/json"
    if token:
        session.headers["Authorization"] = f"Bearer {token}"
    count = 0

    def write(path: Path) -> None:
        nonlocal count
        with path.open("w", encoding="utf-8", newline="\n") as stream:
            for page in _pages(session, url, next_page, page_parameter, records):
                for record in page:
                    stream.write(json.dumps(record, ensure_ascii=False) + "\n")
                count += len(page)

    with session:
        write_file(target, write, mode=0o600)
    return count


def _pages(
    session: requests.Session, url: str, next_page: str | None, page_parameter: str | None, records: str | None
) -> Iterator[list[Any]]:
    visited: set[str] = set()
    page_url: str | None = url
    for number in range(1, _MOST_PAGES + 1):
        if page_url is None:
            return
        answer = _get(session, page_url, {page_parameter: str(number)} if page_parameter else {})
        page = list_at(answer, records, _without_secrets(page_url))
        if page_parameter and not page:
            return
        yield page
        if page_parameter:
            continue
        visited.add(page_url)
        page_url = _next_url(answer, next_page, page_url)
        if page_url in visited:
            raise DataError(Fault(_without_secrets(page_url), "the next page is one that was read already"))


def _next_url(answer: Any, next_page: str | None, url: str) -> str | None:
    value = answer
    for part in next_page.split(".") if next_page else []:
        value = value.get(part) if isinstance(value, Mapping) else None
    if not next_page or not value:
        return None
    next_url = urljoin(url, str(value))
    if urlsplit(next_url)[:2] != urlsplit(url)[:2]:
        raise DataError(
            Fault(_without_secrets(url), f"the next page lies on another host, {urlsplit(next_url).netloc}")
        )
    return next_url


def _get(session: requests.Session, url: str, parameters: Mapping[str, str]) -> Any:
    try:
        answer = session.get(url, params=parameters, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        fault = f"no answer ({type(error).__name__})"
        raise DataError(Fault(_without_secrets(url), fault, "", "Is the address right and the endpoint up?")) from None
    return _content(answer, url)


def _content(answer: requests.Response, url: str) -> Any:
    if answer.is_redirect:
        problem = f"answers with a redirect to {urlsplit(answer.headers['Location']).netloc or 'itself'}"
        raise DataError(Fault(_without_secrets(url), problem, "", "Put the final address into the variable"))
    if answer.status_code != requests.codes.ok:
        remedy = (
            "Set the variable named under token, or renew the token in it" if answer.status_code in (401, 403) else ""
        )
        raise DataError(Fault(_without_secrets(url), f"answers with status {answer.status_code}", "200", remedy))
    try:
        return answer.json()
    except ValueError:
        raise DataError(
            Fault(
                _without_secrets(url),
                "the answer is no JSON",
                "A list of records, or an object that holds one",
                "Put the address of the data into the variable, not that of a page",
            )
        ) from None


def _without_secrets(url: str) -> str:
    """Return a URL without user, password and query, which may contain secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
