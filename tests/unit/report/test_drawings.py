"""Charts drawn into the page share their letters, and only plain shapes are drawn."""

from importlib.resources import files

import pytest

from workbench.report.charts import theme
from workbench.report.charts.chart import canvas, composed
from workbench.report.drawings import MESSAGE, TONES, Drawings

HEAD = (
    '<svg xmlns:xlink="http://www.w3.org/1999/xlink" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 4" width="8pt">'
)
LETTER = '<defs><path id="ga" d="m0 0l1 1z"/></defs>'


def chart(inner: str) -> str:
    return f'<?xml version="1.0"?>{HEAD}<title>t</title>{inner}</svg>'


def test_a_letter_of_two_charts_stands_once_in_the_page():
    page = Drawings()
    drawn = [page.draw(chart(f'<g id="text_{n}">{LETTER}<use xlink:href="#ga" x="{n}"/></g>'), alt="A") for n in (1, 2)]
    assert page.shared().count('<path id="ga" d="m0 0l1 1z"') == 1
    assert [str(drawing) for drawing in drawn] == [
        '<svg viewBox="0 0 8 4" role="img" aria-label="A" style="stroke-linejoin:round;stroke-linecap:butt">'
        f'<g><use x="{n}" href="#ga" /></g></svg>'
        for n in (1, 2)
    ]


def test_text_stays_text_in_the_font_of_the_page():
    words = (
        '<text style="font-size: 9px; fill: #1f2328" x="1" y="2" textLength="40" lengthAdjust="spacing">a &lt; b</text>'
    )
    drawn = Drawings().draw(chart(words).replace("<svg ", '<svg font-family="Noto" '), alt="A")
    assert '<text style="font-size: 9px; fill: var(--ink)" x="1" y="2"' in drawn
    assert ">a &lt; b</text>" in drawn
    assert "Noto" not in drawn


def test_colours_of_the_theme_follow_the_page_and_white_text_stays_white():
    shapes = (
        '<path d="m0 0" style="fill: #ffffff; stroke: #E3E6E9"/><path d="m0 0" style="fill: #123456"/>'
        '<text style="fill: #ffffff">x</text>'
    )
    drawn = Drawings().draw(chart(shapes), alt="A")
    assert 'style="fill: var(--chart); stroke: var(--chart-faint)"' in drawn
    assert 'style="fill: #123456"' in drawn
    assert '<text style="fill: #ffffff">x</text>' in drawn


def test_every_tone_is_a_colour_of_the_theme_and_a_variable_of_the_page():
    css = (files("workbench.report") / "templates" / "page.css").read_text(encoding="utf-8")
    colours = {colour.lower() for colour in (theme.INK, theme.GREY, theme.BASE, theme.FAINT, theme.PALE)}
    assert colours | {colour.lower() for colour in theme.CATEGORICAL} | {"#ffffff"} >= set(TONES)
    assert colours <= set(TONES)
    assert all(css.count(f"{variable}:") == 3 for variable in TONES.values())  # light, dark and print


def test_the_title_of_a_chart_is_marked_so_that_a_phone_prints_it_once():
    with theme.themed():
        figure, axes = canvas("low")
        axes.plot([1, 2], [1, 2])
        picture = theme.render(composed(figure, "Spend doubled", "A line", "n = 2"), "svg").decode()
    drawn = str(Drawings().draw(picture, alt="A line"))
    assert drawn.count(f'class="{MESSAGE}"') == 1
    title = drawn[drawn.index(f'class="{MESSAGE}"') :].partition("</g>")[0]
    assert "Spend doubled" in title
    assert "n = 2" not in title


def test_its_words_are_escaped():
    drawn = Drawings().draw(chart("<g/>"), alt='"><script>alert(1)</script>')
    assert 'aria-label="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"' in drawn


def test_one_name_for_two_shapes_leaves_the_second_chart_an_image():
    page = Drawings()
    assert page.draw(chart(LETTER), alt="A")
    assert page.draw(chart(LETTER.replace("l1 1", "l2 2")), alt="B") is None
    assert "l2 2" not in page.shared()


@pytest.mark.parametrize(
    "inner",
    [
        "<script>alert(1)</script>",
        '<g onload="alert(1)"/>',
        '<foreignObject xmlns="http://www.w3.org/1999/xhtml"><p>x</p></foreignObject>',
        '<use xlink:href="https://example.com/a.svg#b"/>',
        '<use href="javascript:alert(1)"/>',
        '<image href="data:image/svg+xml,%3Csvg%3E"/>',
        '<path d="m0 0" style="fill: url(https://example.com/a)"/>',
        "<style>@import 'https://example.com/a.css';</style>",
        "<animate/>",
        "<text>not closed",
    ],
)
def test_what_acts_or_loads_is_not_drawn(inner):
    assert Drawings().draw(chart(inner), alt="A") is None


def test_another_kind_of_file_is_not_drawn():
    assert Drawings().draw("<html><body/></html>", alt="A") is None
    assert Drawings().shared() == ""
