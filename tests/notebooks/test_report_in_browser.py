"""The report of a real run in a browser without network: no request, no error, no broken link."""

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def pages(browser, tiny):
    """The run's folder, a function that opens a file of it, and a list of requests, console messages and dialogs."""
    folder = (tiny / "reports/tiny/latest").resolve()
    events = []
    context = browser.new_context(offline=True, viewport={"width": 1200, "height": 900})
    context.on("request", lambda request: events.append(request.url))

    def visit(name):
        page = context.new_page()
        page.on("console", lambda message: events.append(message.text))
        page.on("pageerror", lambda error: events.append(str(error)))
        page.on("dialog", lambda dialog: (events.append(dialog.message), dialog.dismiss()))
        page.goto((folder / name).as_uri())
        return page

    yield folder, visit, events
    context.close()


@pytest.mark.parametrize(("name", "language"), [("report.html", "en"), ("report.zh.html", "zh")])
def test_the_report_can_be_read_offline_without_a_request_or_an_error(pages, name, language):
    folder, visit, events = pages
    events.clear()
    page = visit(name)
    assert page.locator("html").get_attribute("lang").startswith(language)
    assert page.locator("h1").count() == 1
    assert 3 < page.locator("figure img, figure svg").count() <= 15
    assert not page.locator("img").evaluate_all(
        "all => all.filter(one => !one.complete || one.naturalWidth === 0).length"
    )
    assert [url for url in events if not url.startswith(("data:", folder.as_uri()))] == []
    page.close()


def test_every_stage_page_is_linked_from_the_report_and_hides_its_code(pages):
    folder, visit, events = pages
    report = visit("report.html")
    links = report.locator("a[href^='pages/']").evaluate_all("all => all.map(one => one.getAttribute('href'))")
    assert len(set(links)) >= 6
    for link in sorted(set(links)):
        assert (folder / link).is_file(), link
    events.clear()
    page = visit("pages/05_score_rfm.html")
    code = page.locator("pre").filter(has_text="score_rfm(").first
    assert not code.is_visible()
    assert page.locator("img, svg:not(.letters)").first.is_visible()
    assert page.locator("a[href='../report.html']").count() >= 1
    assert [url for url in events if not url.startswith(("data:", folder.as_uri()))] == []
