"""Texts of one's own as HTML: one paragraph stands in the page's own, several are kept as they are."""

from workbench.report.own_content import as_texts, own_html


def html(text, **values):
    return own_html({"text": as_texts(text), "values": values}, "en")


def test_one_paragraph_brings_no_paragraph_of_its_own():
    assert html("**{n:int}** <b>customers</b>", n=3) == "<strong>3</strong> &lt;b&gt;customers&lt;/b&gt;"
    assert html("one\n\ntwo") == "<p>one</p>\n<p>two</p>"


def test_a_link_runs_no_script():
    assert "javascript" not in html("[a](javascript:alert)")
