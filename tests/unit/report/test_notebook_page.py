"""An executed notebook as a safe page."""

import base64
from html.parser import HTMLParser

import nbformat
import pytest
from markupsafe import escape

from workbench.report.notebook_page import MOST_CHARACTERS, clean_html, notebook_page, without_paths

code, markdown, output = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell, nbformat.v4.new_output


def page_of(*cells, **options):
    return notebook_page(nbformat.v4.new_notebook(cells=list(cells)), title="05_score_rfm", **options)


def test_text_code_and_outputs_are_shown_with_the_code_behind_a_toggle():
    page = page_of(markdown("# How recent?\n\n| a | b |\n|---|---|\n| 1 | 2 |"), code("x = 1  # days"), language="zh")
    assert '<html lang="zh-Hans">' in page
    assert "<h1>How recent?</h1>" in page and "<td>1</td>" in page
    assert '<details class="input"><summary>代码 1</summary>' in page
    assert "# days" in page
    assert 'href="report.html"' in page


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href="JaVaScRiPt&#58;alert(1)">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    '<svg onload="alert(1)"><circle/></svg>',
    '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
    '<img src="https://example.org/pixel.png">',
    '<p style="background:url(https://example.org/x)" onclick="alert(1)">x</p>',
    "<style>@import url(https://example.org/a.css)</style>",
    "<script>alert(1)",
    '<form action="https://example.org"><input></form>',
    "<scr<script></script>ipt>alert(1)</script>",
    '<meta http-equiv="refresh" content="0;url=https://example.org">',
    '<div id="main" class="masthead">x</div>',
]


def live_parts(page):
    """List the attributes of a page that run or fetch something, as a browser would read them."""
    live = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            live.extend((tag, *pair) for pair in attrs if pair[0].startswith("on") or "alert" in (pair[1] or ""))

    Reader().feed(page)
    return live


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_html_is_inert_wherever_it_stands(text):
    cleaned = str(clean_html(text)).lower()
    for live in (
        "<script",
        "onerror=",
        "onload=",
        "onclick=",
        'href="javascript',
        "<iframe",
        "<form",
        "<meta",
        "<svg",
        "<style",
        "id=",
    ):
        assert live not in cleaned.replace("&lt;", ""), cleaned
    assert 'src="http' not in cleaned and 'href="data' not in cleaned
    page = page_of(
        markdown(text),
        code(text, outputs=[output("stream", text=text)]),
        code("1", outputs=[output("display_data", data={"text/html": text, "text/plain": "p"})]),
        code("2", outputs=[output("execute_result", data={"text/plain": text})]),
        code("3", outputs=[output("display_data", data={"text/markdown": text})]),
    )
    assert page.lower().count("<script") == 1  # the page's own
    assert not live_parts(page.lower())


def test_scripts_that_outputs_carry_as_javascript_are_dropped():
    page = page_of(code("1", outputs=[output("display_data", data={"application/javascript": "alert(7)"})]))
    assert "alert(7)" not in page


@pytest.mark.parametrize(
    ("written", "shown"), [("ELECT &amp;PLUMBING", "ELECT &amp;PLUMBING"), ("a &lt;b&gt; c", "a &lt;b&gt; c")]
)
def test_an_entity_in_a_text_is_one_character(written, shown):
    assert f"<p>{shown}</p>" in page_of(markdown(written))


def test_tables_and_pictures_survive_the_cleaning():
    picture = "data:image/png;base64," + base64.b64encode(b"png").decode()
    html = f'<div class="scroll" tabindex="0"><table><caption>c</caption><tr><th scope="col" class="number">n</th></tr></table></div><img src="{picture}" alt="a chart">'
    cleaned = str(clean_html(html))
    assert '<th scope="col" class="number">n</th>' in cleaned
    assert f'src="{picture}"' in cleaned and 'alt="a chart"' in cleaned


def test_pictures_are_inlined_with_an_alternative_text():
    svg = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
    page = page_of(
        code("1", outputs=[output("display_data", data={"image/png": "aGk=\n", "text/plain": "Figure"})]),
        code("2", outputs=[output("display_data", data={"image/svg+xml": svg})]),
    )
    assert '<img src="data:image/png;base64,aGk=" alt="Figure from cell 1">' in page
    assert f'<img src="data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"' in page
    assert "onload" not in page


def test_the_first_failing_cell_is_marked_and_a_banner_leads_to_it():
    error = output(
        "error", ename="ZeroDivisionError", evalue="by <zero>", traceback=["\x1b[31mTrace\x1b[0m", "by <zero>"]
    )
    marker = markdown('<span id="papermill-error-cell">An Exception</span>')
    marker.metadata["tags"] = ["papermill-error-cell-tag"]
    page = page_of(marker, code("1"), code("1/0", outputs=[error]), code("never run"))
    assert page.count('id="error-cell"') == 1
    assert 'href="#error-cell"' in page
    assert "badge-failed" in page
    assert "An Exception" not in page
    assert "Trace\nby &lt;zero&gt;" in page and "\x1b" not in page
    assert "badge-done" in page_of(code("1")) and 'error-cell"' not in page_of(code("1"))


def test_endless_output_is_cut_and_says_so():
    page = page_of(code("1", outputs=[output("stream", text="x" * (MOST_CHARACTERS + 5))]))
    assert "Output cut after 100,000 characters." in page
    assert "x" * (MOST_CHARACTERS + 1) not in page


def test_a_drawing_is_part_of_the_page_named_by_its_title():
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 4"><title>Half of &lt;spend&gt;</title><g><text>words</text></g></svg>'
    cell = nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("display_data", data={"image/svg+xml": svg})])
    page = notebook_page(nbformat.v4.new_notebook(cells=[cell]), title="05_score_rfm")
    assert 'role="img" aria-label="Half of &lt;spend&gt;"' in page
    assert "<text>words</text>" in page


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("PosixPath('/home/ana/shop/reports/tiny/cards.html')", "cards.html"),
        ("in /home/ann/my-shop/src/a.py:3", "in …/a.py:3"),
        ("File C:\\Users\\ann\\a.py", "File …/a.py"),
        ("3/4 of <b>x</b> on 2018/01/02, data/raw/a.csv", "3/4 of <b>x</b> on 2018/01/02, data/raw/a.csv"),
    ],
)
def test_no_path_of_the_machine_is_written(text, written):
    assert without_paths(text) == written
    cell = nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("stream", text=text)])
    page = notebook_page(nbformat.v4.new_notebook(cells=[cell]), title="05_score_rfm")
    assert f"<pre>{escape(written)}</pre>" in page


def test_an_empty_head_of_a_table_is_a_cell():
    assert str(clean_html("<table><tr><th></th><th>a</th></tr></table>")).count("<th>") == 1
