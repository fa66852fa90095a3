"""Heat-maps and histograms: cells and bars where the numbers put them, text that can be read on its cell."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_hex, to_rgb

from workbench.report.charts.chart import canvas
from workbench.report.charts.marks import diverging, heat_cells, histogram, row_axis, sequential
from workbench.report.charts.theme import DIVERGING, SEQUENTIAL, themed


def bars(values, **settings) -> list[tuple[float, float, float]]:
    with themed():
        _, axes = canvas()
        histogram(axes, pd.Series(values, dtype=float), **settings)
    return [(bar.get_x(), bar.get_x() + bar.get_width(), bar.get_height()) for bar in axes.patches]


def test_the_lines_of_a_chinese_name_do_not_touch():
    with themed():
        figure, axes = canvas("low")
        row_axis(axes, ["多因婚嫁购买", "多因婚嫁购买\n送礼订单占比低"])
        one, two = (name.get_window_extent(RendererAgg(800, 260, figure.dpi)).height for name in axes.get_yticklabels())
    size = axes.get_yticklabels()[0].get_fontsize() * figure.dpi / 72  # pixels, the height of a Chinese character
    assert two - one >= 1.05 * size


def test_few_whole_numbers_have_a_bar_each():
    assert [(round(low, 6), round(high, 6), count) for low, high, count in bars([1, 1, 2, 4], bins=10)] == [
        (0.5, 1.5, 2),
        (1.5, 2.5, 1),
        (2.5, 3.5, 0),
        (3.5, 4.5, 1),
    ]


def test_bins_have_the_same_width_and_on_a_log_axis_the_same_ratio():
    plain = bars([0.5, 1, 4.5], bins=4)
    assert [high - low for low, high, _ in plain] == pytest.approx([1.0] * 4)
    ratios = [high / low for low, high, _ in bars([1, 10, 100, 10_000], bins=4, log=True)]
    assert ratios == pytest.approx([10.0] * 4)


def test_cells_without_a_value_have_no_text_and_texts_are_dark_on_light_and_white_on_dark():
    table = pd.DataFrame([[0.0, np.nan], [1.0, 0.5]])
    with themed():
        _, axes = canvas()
        heat_cells(axes, table, colours=sequential(0.0, 1.0), write=lambda value: f"{value:.1f}")
    texts = {text.get_text(): (text.get_position(), to_hex(text.get_color())) for text in axes.texts}
    assert texts == {
        "0.0": ((0.5, 0.5), "#20242a"),
        "1.0": ((0.5, 1.5), "#ffffff"),
        "0.5": ((1.5, 1.5), "#20242a"),
    }


def test_ratios_as_far_above_as_below_are_as_far_from_the_middle():
    ramp = diverging(50.0, 200.0, log=True)
    expected = (DIVERGING[0], DIVERGING[0], DIVERGING[2], DIVERGING[-1], DIVERGING[-1])
    for tgi, colour in zip((0.0, 50.0, 100.0, 200.0, 900.0), expected, strict=True):
        assert ramp.to_rgba(np.asarray(tgi))[:3] == pytest.approx(to_rgb(colour), abs=0.01)


def test_a_single_value_has_the_middle_colour():
    middle = to_hex(sequential(0.0, 1.0).to_rgba(np.asarray(0.5)))
    assert to_hex(sequential(3.0, 3.0).to_rgba(np.asarray(3.0))) == middle
    assert middle not in {SEQUENTIAL[0].lower(), SEQUENTIAL[-1].lower()}
