"""The pages in a real browser: nothing is requested, nothing runs that should not, keys and both languages work."""

import json
from pathlib import Path

import nbformat
import pytest
import yaml

from workbench.report.answer import GoalAnswer
from workbench.report.notebook_page import notebook_page
from workbench.report.pages.addresses import details_file, report_file
from workbench.report.pages.page import RunFacts, write_details, write_report

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 4"><script>alert("svg")</script><rect width="8" height="4"/></svg>'
LANGUAGES = ("en", "zh")
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("report")
    (target / "figures").mkdir()
    made_up = yaml.safe_load((Path(__file__).parent / "made_up_run.yaml").read_text(encoding="utf-8"))
    completeness = {**made_up["summaries"][0]["shown"][0], "title": {"en": "Completeness", "zh": "完整率"}}
    own = {"stage": "15_study_gifts", "status": "done", "metrics": {}, "shown": [completeness]}
    made_up["summaries"].append(
        own | {"findings": [{"text": {"en": "Mine.", "zh": "我的。"}, "values": {}, "weight": 1.0}]}
    )
    for language in LANGUAGES:
        (target / f"figures/made_up.{language}.svg").write_text(SVG, encoding="utf-8")
        run = RunFacts(**{**made_up["run"], "languages": LANGUAGES, "previous": made_up["previous"]})
        html = write_report(made_up["summaries"], run=run, folder=target, language=language)
        (target / report_file(language, LANGUAGES)).write_text(html, encoding="utf-8")
        beside = write_details(made_up["summaries"], run=run, language=language)
        (target / details_file(language, LANGUAGES)).write_text(beside, encoding="utf-8")
    hostile = "<script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)></svg>"
    cells = [
        nbformat.v4.new_markdown_cell(hostile + "[x](javascript:alert(4))"),
        nbformat.v4.new_code_cell(
            "1/0",
            outputs=[
                nbformat.v4.new_output("display_data", data={"text/html": hostile}),
                nbformat.v4.new_output("error", ename="E", evalue="no", traceback=["no"]),
            ],
        ),
    ]
    page = notebook_page(nbformat.v4.new_notebook(cells=cells), title="05_score_rfm", language="en")
    (target / "05_score_rfm.html").write_text(page, encoding="utf-8")
    return target


@pytest.fixture
def visit(browser, folder):
    contexts, seen = [], {"requests": [], "console": [], "dialogs": []}

    def open_page(name, **options):
        context = browser.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: seen["requests"].append(request.url))
        page.on("console", lambda message: seen["console"].append(message.text))
        page.on("pageerror", lambda error: seen["console"].append(str(error)))
        page.on("dialog", lambda dialog: (seen["dialogs"].append(dialog.message), dialog.dismiss()))
        page.goto((folder / name).as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [url[:60] for url in seen["requests"] if not url.startswith(("data:", folder.as_uri()))] == []
    assert seen["console"] == []
    assert seen["dialogs"] == []


@pytest.mark.parametrize("name", ["report.html", "report.zh.html", "details.html", "05_score_rfm.html"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_asks_for_nothing_and_says_nothing_on_the_console(visit, name, scheme):
    page = visit(name, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    assert page.evaluate("document.documentElement.lang") == ("zh-Hans" if "zh" in name else "en")
    assert page.evaluate("[...document.images].filter(each => each.src).every(each => each.naturalWidth > 0)")
    assert page.evaluate("document.querySelectorAll('[onclick],[onerror],[onload],iframe,form').length") == 0


def moved_along(folder):
    """Write a report whose answer has a list and a curve to move along, and whose segments can be switched."""
    (folder / "profit.svg").write_text(SVG.replace('<script>alert("svg")</script>', ""), encoding="utf-8")
    steps = [[0, 0, 0, 0, 0], [0.1, 9, 8, 10, 1], [0.24, 12, 7, 14, 1]]
    data = {"n": 1000, "steps": steps, "best": 1}
    figure = {"name": "profit", "files": {"en": "profit.svg"}, "title": {"en": "Profit"}, "alt": {}, "data": data}
    sizes = {"name": "segment_sizes", "columns": ["segment", "n", "share", "value_share"]}
    sizes["rows"] = [["High", 600, 0.6, 0.9], ["Low", 400, 0.4, 0.1]]
    summaries = [
        {"stage": "06_segment_customers", "status": "done", "shown": [sizes]},
        {"stage": "08_predict_churn", "status": "done", "currency": "USD", "figures": [figure]},
    ]
    answer = json.loads((Path(__file__).parent / "made_up_answer.json").read_text(encoding="utf-8"))
    run = RunFacts(
        "a", "r1", "2018-01-01", goal={"question": "Who?", "kind": "contact_list"}, answer=GoalAnswer.from_json(answer)
    )
    (folder / "moved.html").write_text(write_report(summaries, run=run, folder=folder), encoding="utf-8")


def test_a_reader_moves_the_size_of_the_list_and_switches_segments(visit, folder):
    moved_along(folder)
    page = visit("moved.html")
    assert (
        page.locator(".mover output").inner_text()
        == "100 customers (10\u202f%): gain $9, range $8 to $10; a random choice $1."
    )
    page.locator(".mover input").press("ArrowRight")
    assert page.locator(".mover output").inner_text().startswith("240 customers (24\u202f%): gain $12")
    assert page.locator(".segment:visible").count() == 2
    page.get_by_role("button", name="Low").press("Enter")
    assert page.locator(".segment:visible h3").all_inner_texts() == ["Low"]
    assert page.get_by_role("button", name="Low").get_attribute("aria-pressed") == "true"


def test_without_a_script_nothing_is_missing(visit, folder):
    moved_along(folder)
    page = visit("moved.html", java_script_enabled=False)
    assert page.locator(".segment:visible").count() == 2
    assert not page.locator(".mover").is_visible()
    assert page.locator("a[download]").count() == 4


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_no_width_scrolls_the_page_sideways(visit, width):
    page = visit("report.zh.html", viewport={"width": width, "height": 800})
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    frames = page.locator(".frame:visible")
    assert frames.count() > 0
    assert frames.evaluate_all("all => all.every(frame => frame.scrollWidth <= frame.clientWidth)")


def test_contents_stick_beside_the_text_on_wide_screens_and_are_not_printed(visit):
    page = visit("report.html", viewport={"width": 1280, "height": 800})
    page.evaluate("window.scrollTo({top: 2500, behavior: 'instant'})")
    box = page.locator("nav.contents").bounding_box()
    assert 0 <= box["y"] < 100
    assert box["x"] + box["width"] <= page.locator("main").bounding_box()["x"]
    page.emulate_media(media="print")
    assert not page.locator("nav.contents").is_visible()
    assert page.locator("details.data table").first.is_visible()  # tables behind toggles are printed


def test_the_keyboard_reaches_skip_link_toggles_and_language(visit):
    page = visit("report.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
    toggle = page.locator("details.data summary").first
    toggle.focus()
    page.keyboard.press("Enter")
    assert page.locator("details.data").first.evaluate("each => each.open")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.locator("p.other a").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/report.zh.html")
    assert page.locator("p.kicker").first.inner_text() == "客户画像：made_up"


def test_chinese_glyphs_come_from_the_page_itself(visit):
    page = visit("report.zh.html")
    assert page.evaluate("document.fonts.ready.then(() => [...document.fonts].map(each => each.status))") == ["loaded"]
    # a glyph that exists is not drawn like one that does not: the heading's characters differ in their pixels
    drawn = """text => { const c = document.createElement('canvas'); c.width = 80; c.height = 80; const x = c.getContext('2d');
        x.font = '60px ' + getComputedStyle(document.body).fontFamily; x.fillText(text, 5, 65); return c.toDataURL(); }"""
    assert page.evaluate(drawn, "客") != page.evaluate(drawn, "户")


def test_a_long_table_is_sorted_and_filtered_by_its_full_values(visit):
    page = visit("report.html")
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    table = page.locator("table[data-long]").first
    header = table.locator("thead th").nth(2)
    header.locator("button").press("Enter")
    cells = table.locator("tbody tr td:nth-child(3)").all_inner_texts()
    assert header.get_attribute("aria-sort") == "ascending"
    assert cells[:3] == ["0\u202f%", "12\u202f%", "21\u202f%"]
    assert sorted(cells[-2:]) == ["not shown", "–"]
    page.locator("input.filter").first.fill("brand")
    assert table.locator("tbody tr:visible").count() == 1


def test_a_failed_notebook_leads_to_its_cell_and_shows_all_code_at_one_press(visit):
    page = visit("05_score_rfm.html")
    page.locator(".banner a").press("Enter")
    assert page.evaluate("location.hash") == "#error-cell"
    button = page.locator("button.toggle")
    button.press("Enter")
    assert (button.inner_text(), button.get_attribute("aria-pressed")) == ("Hide all code", "true")
    assert page.locator("details.input").evaluate_all("all => all.every(each => each.open)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(visit, scheme):
    page = visit("report.html", color_scheme=scheme)
    ratios = page.evaluate("""() => {
        const parse = c => c.match(/[\\d.]+/g).map(Number);
        const light = c => { const [r, g, b] = parse(c).map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
            return .2126 * r + .7152 * g + .0722 * b; };
        const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!/, 0\\)$|transparent/.test(c)) return c; } };
        return [...document.querySelectorAll('p, small, td, th, dt, dd, a, h1, h2, .badge, summary')].filter(e => e.textContent.trim()).map(e => {
            const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
            return [(a + .05) / (b + .05), e.tagName + '.' + e.className]; }); }""")
    assert len(ratios) > 50
    assert [ratio for ratio in ratios if ratio[0] < 4.5] == []
