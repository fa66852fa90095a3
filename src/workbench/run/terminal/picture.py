"""Draw a page as a picture with the Chromium of this machine; nothing is downloaded."""

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
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def picture_page(page: Path, target: Path, *, selector: str, scale: int = 2, width: int = 800) -> Path:
    """Draw one element of a page as PNG, by default with two pixels per CSS pixel.

    Raises
    ------
    DataError
        No Chromium on this machine, or nothing on the page matches the selector.
    """
    browser = find_browser()
    if browser is None:
        raise DataError(Fault("--png", "no Chromium on this machine", "", "Install one, or print the HTML"))
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    def draw(file: Path) -> None:
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=browser, args=list(_QUIET))
            tab = chromium.new_page(viewport={"width": width, "height": 1000}, device_scale_factor=scale)
            tab.goto(page.resolve().as_uri())
            element = tab.query_selector(selector)
            if element is None:
                chromium.close()
                raise DataError(Fault(page.name, f"nothing matches {selector}", "A card"))
            element.screenshot(path=str(file), type="png")
            chromium.close()

    return write_file(target, draw)
