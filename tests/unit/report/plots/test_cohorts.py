"""The chart of cohorts: its title counts every cohort that is old enough, its rows are the largest."""

import pandas as pd

from workbench.report.plots.description.cohorts import plot_cohorts
from workbench.report.text import say


def cohorts(sizes, share=0.5):
    """One row per month of first purchase and month since; only the first, which is left-censored, has share 1."""
    months = pd.date_range("2020-01-01", periods=len(sizes), freq="MS")
    shares = [1.0, *(share if size > 20 else 0.0 for size in sizes[1:])]
    rows = [
        {"cohort": month, "months_since": since, "n": size, "share": returned}
        for month, size, returned in zip(months, sizes, shares, strict=True)
        for since in range(8)
    ]
    return pd.DataFrame(rows).astype({"n": "Int64"})


def test_the_title_counts_all_cohorts_though_the_latest_are_few():
    chart = plot_cohorts(cohorts([100, 200, 200, *[12] * 20]), language="en")
    assert chart.title == say("chart_cohorts_title", "en", {"share": 200 / 640, "later": 200 / 640, "months": 6})
    rows = [text.get_text() for text in chart.figure.axes[0].get_yticklabels()]
    assert len(rows) == 18 and any("(200)" in row for row in rows) and any("(100)" in row for row in rows)
    assert any("18 months with most new customers, of 23" in text.get_text() for text in chart.figure.texts)


def test_no_share_of_fewer_than_thirty_customers_is_a_title():
    chart = plot_cohorts(cohorts([100, 12, 12]), language="en")
    assert chart.title == say("chart_cohorts_none_title", "en")
