"""Every page of a run of the tiny profile passes axe: report, details, cards, lists and stages; English and Chinese."""

import pytest

pytestmark = pytest.mark.browser
BESIDE_PAGES = ("report", "details", "people/cards", "people/lists")  # in both languages


def violations(browser, file):
    """Open a page with its folds open; return what axe finds, with the first places.

    Of many cards those shown first stay, with the folds of the first open: the others are made by the same template.
    """
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(offline=True, viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.goto(file.as_uri())
    page.evaluate("document.querySelectorAll('article.card[hidden]').forEach(one => { one.remove(); })")
    page.evaluate(
        "document.querySelectorAll('article.card:first-of-type details, details:not(.card *)')"
        ".forEach(one => { one.open = true; })"
    )
    found = Axe().run(page).response["violations"]
    context.close()
    return [(entry["id"], [node["target"] for node in entry["nodes"]][:3]) for entry in found]


def pages_of(run):
    """Return every page of a run; files of figures/ are parts of stage pages, not pages."""
    names = (path.relative_to(run).as_posix() for path in run.rglob("*.html"))
    return sorted(name for name in names if not name.startswith("figures/"))


def test_every_page_of_a_run_passes_an_accessibility_check(tiny, browser):
    run = (tiny / "reports/tiny/latest").resolve()
    names = pages_of(run)
    assert {f"{page}{ending}" for page in BESIDE_PAGES for ending in (".html", ".zh.html")} <= set(names)
    assert len([name for name in names if name.startswith("pages/")]) >= 10
    assert {name: faults for name in names if (faults := violations(browser, run / name))} == {}


def test_what_fails_is_reported(browser, tmp_path):
    page = tmp_path / "bad.html"
    page.write_text("<html><body><main><img src='data:,'></main></body></html>", encoding="utf-8")
    assert {"html-has-lang", "image-alt"} <= {name for name, _ in violations(browser, page)}
