"""The funnel: windows stand side by side, and their figures can be read."""

import pandas as pd
import pytest

from workbench.report.plots.description.drivers import plot_funnel

STEPS = ("view", "cart", "purchase")


def funnel(windows: tuple[int, ...]) -> pd.DataFrame:
    rows = [(days, step, share) for days in windows for step, share in zip(STEPS, (1.0, 0.5, 0.2), strict=True)]
    frame = pd.DataFrame(rows, columns=["window_days", "step", "share"])
    return frame.assign(entered=200, n=100, low=frame["share"] - 0.05, high=frame["share"], hours_median=2.0)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("windows", [(7,), (1, 7), (1, 7, 30)])
def test_positions_on_the_axis_do_not_run_into_each_other(windows, language):
    figure = plot_funnel(funnel(windows), language=language).figure
    figure.canvas.draw()
    assert len(figure.axes) == len(windows)
    for axes in figure.axes:
        boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
        assert len(boxes) >= 3
        assert all(one.x1 < other.x0 for one, other in zip(boxes, boxes[1:], strict=False))
