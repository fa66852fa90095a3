"""Small tables as accessible, inert HTML."""

import math
from datetime import date

import pandas as pd
import pytest

from workbench.core.errors import WorkbenchError
from workbench.report.tables import LONG, table_html, table_title
from workbench.report.text import label


def test_a_frame_becomes_a_table_with_labels_scopes_and_numbers_to_the_right():
    frame = pd.DataFrame({"rfm_type": ["important_value"], "share": [0.241], "customers": [595]})
    html = table_html(frame, language="zh", caption="类型", formats={"share": "pct"})
    assert "<caption>类型</caption>" in html
    assert '<th scope="col">RFM 客户类型</th><th scope="col" class="number">占比</th>' in html
    assert '<th scope="row">重要价值客户</th><td class="number" data-sort="0.241">24%</td>' in html
    assert '<td class="number" data-sort="595.0">595</td>' in html


def test_cells_headers_and_captions_are_escaped():
    hostile = "<img src=x onerror=alert(1)>"
    html = table_html({"columns": [hostile], "rows": [[hostile]]}, language="en", caption=hostile)
    assert "<img" not in html
    assert html.count("&lt;img src=x onerror=alert(1)&gt;") == 4  # region label, caption, header, cell


def test_kinds_are_reported_from_values_and_missing_cells_are_dashes():
    table = {"columns": ["a", "b", "c", "d"], "rows": [["x", 1.5, 3, date(2017, 1, 2)], ["y", math.nan, None, None]]}
    html = table_html(table, language="en")
    assert '<td class="number" data-sort="1.5">1.5</td><td class="number" data-sort="3.0">3</td>' in html
    assert '<td class="number" data-sort="2017-01-02">2 January 2017</td>' in html
    assert html.count("–") == 3


def test_only_long_tables_are_sortable_and_an_empty_one_says_so():
    short = table_html({"columns": ["n"], "rows": [[1]] * (LONG - 1)}, language="en")
    long = table_html({"columns": ["n"], "rows": [[1]] * LONG}, language="en")
    assert ("data-long" in short, "data-long" in long) == (False, True)
    assert "No rows." in table_html({"columns": ["n"], "rows": []}, language="en")


def test_rows_and_formats_that_do_not_fit_are_refused_together():
    with pytest.raises(WorkbenchError) as caught:
        table_html({"columns": ["a", "b"], "rows": [[1]], "formats": {"c": "int", "a": "percent"}}, language="en")
    message = str(caught.value)
    assert "table: row 1 has 1 cells. Expected 2: a, b." in message
    assert "table: format for unknown column 'c'. Columns: a, b." in message
    assert "table: unknown format 'percent' of column 'a'." in message


def test_the_frame_is_left_as_it_was():
    frame = pd.DataFrame({"n": [2, 1]})
    before = frame.copy()
    table_html(frame, language="en")
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("view", "title"),
    [
        ({"name": "report_pages", "title_key": "table_report_pages"}, "The pages written"),
        ({"name": "own_gifts", "title_key": "table_own_gifts", "title": {"en": "Gifts"}}, "Gifts"),
        ({"name": "own_gifts", "title_key": "table_own_gifts"}, label("own_gifts", "en")),
    ],
)
def test_a_table_has_a_title_of_its_own_or_of_the_texts(view, title):
    assert table_title(view, "en") == title
