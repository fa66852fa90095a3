"""What has something to say on the report, and what stays on the page of its stage."""

import pytest

from workbench.report.charts.chart import canvas, composed, not_enough
from workbench.report.charts.theme import PALE, themed
from workbench.report.pages.relevance import idle_chart, idle_table, is_headline


def chart(draw):
    with themed():
        figure, axes = canvas("low")
        draw(axes)
        return composed(figure, "t", "a")


@pytest.mark.parametrize(
    ("draw", "reason"),
    [
        (lambda axes: axes.barh([0], [1.0]), "few_marks"),
        (lambda axes: axes.barh([0, 1], [0.4, 0.6]), "few_marks"),
        (lambda axes: axes.barh([0, 1, 2], [0.2, 0.2, 0.6]), ""),
        (lambda axes: axes.barh([0, 1, 2], [0.98, 0.993, 0.999]), "alike"),
        (lambda axes: axes.bar([0, 1, 2], [0.98, 0.993, 0.999]), "alike"),
        (lambda axes: (axes.barh([0, 1, 2], [0.98, 0.99, 1.0]), axes.barh([0, 1, 2], [0.1, 0.4, 0.2])), ""),
        (lambda axes: axes.barh([0, 1, 2], [0.98, 0.993, 0.92]), ""),
        (lambda axes: (axes.bar([0, 1, 2], [228, 228, 228]), axes.scatter([0, 1, 2], [5, 40, 90])), ""),
        (lambda axes: (axes.barh([0, 1], [1, 1], color=PALE), axes.barh([0, 1], [0.4, 0.6])), "few_marks"),
        (lambda axes: axes.barh([0, 1, 2], [0.0, 0.0, 1.0]), "few_marks"),
        (lambda axes: axes.scatter([1, 2], [1, 2]), "few_marks"),
        (lambda axes: axes.scatter([1, 2, 3], [1, 2, 5]), ""),
        (lambda axes: axes.plot([0, 1, 2, 3], [0, 1, 2, 3]), "straight"),
        (lambda axes: axes.plot([0, 1, 2, 3], [5, 5, 5, 5]), "straight"),
        (lambda axes: axes.plot([0, 1, 2, 3], [0, 1, 4, 9]), ""),
        (lambda axes: (axes.plot([0, 1, 2, 3], [0, 1, 4, 9]), axes.plot([0, 1, 2], [0, 1, 2])), ""),
    ],
)
def test_a_chart_is_idle_where_a_sentence_would_do(draw, reason):
    assert idle_chart("05_score_rfm", "grid", chart(draw)) == reason


def test_a_plot_of_the_inputs_and_an_empty_chart_are_idle():
    busy = chart(lambda axes: axes.scatter([1, 2, 3], [1, 2, 5]))
    assert idle_chart("06_segment_customers", "projection", busy) == "own_inputs"
    assert idle_chart("06_segment_customers", "sizes", not_enough("en")) == "not_drawn"


def test_a_table_without_rows_is_idle():
    assert idle_table({"rows": []}) == "empty"
    assert idle_table({"rows": [[1]]}) == ""


@pytest.mark.parametrize(("n", "may"), [(49, False), (50, True), (None, True)])
def test_fewer_than_fifty_customers_make_no_headline(n, may):
    assert is_headline({"values": {"n": n}}) is may
