"""Journeys of groups: the step at which most drop off is the message, small cells say nothing."""

import pandas as pd
import pytest

from workbench.report.charts.chart import About
from workbench.report.plots.portraits.journeys import plot_journeys

STEPS = ("awareness", "consideration", "purchase")
ABOUT = About(source="made up", least=15)


def journeys(rates):
    rows = [
        {"group": group, "step": step, "recorded": True, "rate": rate, "days_median": 3.0 if at else None}
        for group, own in rates.items()
        for at, (step, rate) in enumerate(zip(STEPS, own, strict=True))
    ]
    return pd.DataFrame(rows)


def test_the_group_that_loses_most_is_named_and_steps_nobody_records_are_left_out():
    frame = journeys({"rich": [1.0, 0.9, 0.8], "poor": [0.4, 0.7, 0.2]})
    frame = pd.concat([frame, pd.DataFrame({"group": ["rich"], "step": ["use"], "recorded": [False]})])
    chart = plot_journeys(frame, names={"rich": "Rich", "poor": "Poor"}, about=ABOUT)
    assert chart.title == "“Poor” loses most before “purchase”: 20 % get there"
    assert "fewer than 15 customers" in chart.note and "Rich, consideration: 90 %" in chart.alt
    assert [label.get_text() for label in chart.figure.axes[0].get_xticklabels()] == [*STEPS]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_suppressed_cell_is_hatched_and_one_step_alone_is_no_journey(language):
    frame = journeys({"rich": [1.0, None, 0.8], "poor": [0.4, 0.7, None]})
    chart = plot_journeys(frame, language=language, about=ABOUT)
    assert sum(bool(patch.get_hatch()) for patch in chart.figure.axes[0].patches) == 2
    assert not plot_journeys(frame[frame["step"] == "purchase"], language=language).drawn


def test_a_way_on_which_nobody_is_lost_is_not_called_a_loss():
    chart = plot_journeys(journeys({"rich": [1.0, 1.0, 1.0], "poor": [1.0, 1.0, 1.0]}), about=ABOUT)
    assert chart.title == "No recorded step loses anybody; groups differ only in time"
