"""Where members live: provinces by share, tiers in their order, everybody beside them, small cells said to be small."""

import pandas as pd

from workbench.report.charts.chart import About
from workbench.report.plots.portraits.regions import plot_region

ABOUT = About(least=12)


def places(rows):
    columns = ["variable", "value", "share", "share_low", "share_high", "base_share", "n"]
    return pd.DataFrame(rows, columns=columns)


SHARES = places([
    ("province", "Guangdong", 0.6, 0.5, 0.7, 0.3, 200), ("province", "Hunan", 0.4, 0.3, 0.5, 0.7, 200),
    ("city_tier", "first tier", 0.1, 0.05, 0.2, 0.2, 180), ("city_tier", "second tier", None, None, None, 0.4, 180),
    ("city", "Shenzhen", 0.5, 0.4, 0.6, 0.2, 180),
])  # fmt: skip


def test_the_leading_province_is_the_message_and_tiers_stand_below():
    chart = plot_region(SHARES, about=ABOUT)
    assert chart.title == "60 % of the members live in Guangdong, against 30 % of all customers"
    provinces, tiers = chart.figure.axes
    assert [label.get_text() for label in provinces.get_yticklabels()] == ["Guangdong", "Hunan"]
    assert [label.get_text() for label in tiers.get_yticklabels()] == ["first tier", "second tier"]
    assert [text.get_text() for text in tiers.texts] == ["10 %", "not shown"]
    assert "Not shown: fewer than 12 customers" in chart.note
    assert "Province known for 200 members. City tier known for 180 members" in chart.note


def test_a_country_and_a_city_stand_in_where_province_and_tier_are_not_known():
    rows = SHARES[SHARES["variable"] == "city"]
    chart = plot_region(pd.concat([rows, rows.assign(variable="country", value="China")]), language="zh", about=ABOUT)
    assert [len(panel.get_yticklabels()) for panel in chart.figure.axes] == [1, 1]
    assert chart.title.replace("\N{THIN SPACE}", "") == "China居首：成员中50%居住于此，全体客户中为20%"


def test_nothing_known_is_said_to_be_nothing():
    assert not plot_region(SHARES.assign(share=None), about=ABOUT).drawn
    assert not plot_region(SHARES.iloc[:0], about=ABOUT).drawn
