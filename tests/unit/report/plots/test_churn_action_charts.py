"""What contacting gains, and how the risk moves with a feature: the message is that of the figures."""

import pandas as pd
import pytest

from workbench.report.plots.churn.action import plot_partial, plot_profit


def partial(*probabilities):
    rows = [("complaints", str(at), each, 300) for at, each in enumerate(probabilities)]
    return pd.DataFrame(rows, columns=["feature", "value", "probability", "n"])


@pytest.mark.parametrize(
    ("probabilities", "title"),
    [
        ((0.2, 0.35, 0.5), "How the risk varies with complaints: from 20 % to 50 %"),
        ((0.6601, 0.6602), "Complaints alone hardly changes the risk: 66 % throughout"),
    ],
)
def test_a_risk_that_does_not_move_is_not_reported_as_moving(probabilities, title):
    chart = plot_partial(partial(*probabilities), column="complaints")
    assert chart.title == title
    assert "300 tested customers" in chart.note


def test_one_value_says_nothing_of_an_effect():
    assert not plot_partial(partial(0.3), column="complaints").drawn


@pytest.mark.parametrize(("profit", "words"), [(40.0, "pays most"), (-5.0, "")])
def test_the_best_share_to_contact_is_reported_where_it_pays(profit, words):
    shares = [0.0, 0.5, 1.0]
    frame = pd.DataFrame({"share_contacted": shares, "profit": [0.0, profit, -20.0], "random": [0.0, -10.0, -20.0]})
    frame = frame.assign(low=frame["profit"] - 3, high=frame["profit"] + 3, best=[profit < 0, profit > 0, False])
    chart = plot_profit(frame, cost=1.0, gain=5.0)
    assert words in chart.title
    assert ("pays most" in chart.title) == (profit > 0)


def test_contacting_everybody_is_not_called_the_riskiest_hundred_per_cent():
    frame = pd.DataFrame({"share_contacted": [0.0, 0.5, 1.0], "profit": [0.0, 20.0, 40.0], "random": [0.0, 10.0, 40.0]})
    frame = frame.assign(low=frame["profit"] - 3, high=frame["profit"] + 3, best=[False, False, True])
    assert plot_profit(frame, cost=1.0, gain=5.0).title.startswith("Contacting everybody pays most: 40")
