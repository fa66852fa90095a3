"""The tree of questions: shares end at 100 %, whatever room the words beside the points take."""

import pandas as pd

from workbench.report.plots.description.drivers import plot_tree

NODES = pd.DataFrame({
    "node": [0, 1, 2], "parent": [-1, 0, 0], "depth": [0, 1, 1], "variable": [None, "frequency_orders", "frequency_orders"],
    "value": [None, None, None], "threshold": [None, 3.0, 3.0], "branch": [None, "low", "high"],
    "unknown": [False, False, False], "n": [300, 100, 200], "outcome": [0.7, 0.1, 1.0], "low": [0.6, 0.05, 0.98],
    "high": [0.8, 0.2, 1.0], "leaf": [False, True, True], "place": [None, 0.0, 1.0],
})  # fmt: skip


def test_no_share_above_the_whole_stands_on_the_axis():
    chart = plot_tree(NODES, outcome="repeat", kind="share")
    dots = chart.figure.axes[1]
    assert dots.get_xlim()[1] > 1
    assert max(dots.get_xticks()) <= 1
    assert "100 %" in [label.get_text() for label in dots.get_xticklabels()]


def test_the_branch_that_takes_the_unknown_says_so_in_words_of_their_own():
    chart = plot_tree(NODES.assign(unknown=[False, True, False]), outcome="repeat", kind="share")
    questions = [text.get_text().replace("\n", " ") for text in chart.figure.axes[0].texts]
    assert "Orders: at most 3 or unknown" in questions
