"""A page as a picture, drawn by the Chromium of this machine; nothing is fetched."""

from __future__ import annotations

import shutil
from pathlib import Path

from workbench.core.errors import DataError, Fault
from workbench.core.files import write_file

__all__ = ["find_browser", "picture_page"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")


def find_browser() -> str | None:
    """Return the path of a Chromium on this machine, or None."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def picture_page(page: Path, target: Path, *, selector: str, scale: int = 2, width: int = 800) -> Path:
    """Draw one element of a page as PNG, at twice its size in pixels.

    Raises
    ------
    DataError
        No Chromium on this machine, or nothing on the page fits the selector.
    """
    browser = find_browser()
    if browser is None:
        raise DataError(Fault("--png", "no Chromium on this machine", "", "Install one, or print the HTML"))
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    def draw(part: Path) -> None:
        with sync_playwright() as play:
            opened = play.chromium.launch(executable_path=browser, args=list(_QUIET))
            sheet = opened.new_page(viewport={"width": width, "height": 1000}, device_scale_factor=scale)
            sheet.goto(page.resolve().as_uri())
            found = sheet.query_selector(selector)
            if found is None:
                opened.close()
                raise DataError(Fault(page.name, f"nothing fits {selector}", "A card"))
            found.screenshot(path=str(part), type="png")
            opened.close()

    return write_file(target, draw)
