"""A code is shown by the word of its variable, and a sentence says what customers did with a value."""

import pandas as pd
import pytest

from workbench.report.findings.description.population import find_base, find_differences
from workbench.report.findings.quality import checks_shown
from workbench.report.plots.description.population import plot_differences
from workbench.report.plots.portraits.groups import plot_bought
from workbench.report.plots.shares import plot_shares
from workbench.report.text import label, say
from workbench.report.value_names import table_key, value_key

CITY = {"group_by": "part_of_day_top", "group": "afternoon", "variable": "weekday_top", "value": "7"}
ROW = {"kind": "categorical", "n": 400, "share": 0.068, "base_share": 0.11, "tgi": 60.9, "tgi_low": 50.0,
       "tgi_high": 75.0, "p_value": 0.001, "differs": True, "suppressed": False}  # fmt: skip
SHARES = pd.DataFrame([{"value": "7", "n": 28, "share": 1.0, "share_low": 0.88, "share_high": 1.0}])


def told(key, language, values):
    return say(key, language, values).replace("\u2009", " ")


@pytest.mark.parametrize(("variable", "value", "key"), [
    ("weekday_top", 7, "weekday_7"), ("weekday_top", "7.0", "weekday_7"), ("weekday_top", "12", "12"),
    ("city", "7", "7"), ("weekday_top", "other", "other"),
])  # fmt: skip
def test_a_weekday_is_named_and_a_number_of_another_variable_is_not(variable, value, key):
    assert value_key(variable, value) == key


def test_a_difference_names_the_variable_and_the_day():
    rows = pd.DataFrame([{**CITY, **ROW}])
    finding = find_differences(rows, rows)[0]
    assert "主要购买星期为“星期日”的占 6.8%" in told(finding.key, "zh", finding.values)
    assert "6.8 % have main weekday “Sunday”" in told(finding.key, "en", finding.values)
    assert "星期日" in plot_differences(rows, measure="tgi", language="zh").title


def test_a_group_of_a_weekday_is_named_by_its_day():
    rows = pd.DataFrame([{**CITY, **ROW, "group_by": "weekday_top", "group": "6", "variable": "city", "value": "Rome"}])
    finding = find_differences(rows, rows)[0]
    assert "main weekday “Saturday”" in told(finding.key, "en", finding.values)


def test_the_largest_group_of_a_weekday_is_named_by_its_day():
    columns = {"variable": "weekday_top", "part": "value", "missing": 0}
    variables = SHARES.assign(**columns, p50=float("nan"), mean=float("nan"), p90=float("nan"))
    findings = {finding.key: finding for finding in find_base(variables, None, None)}
    assert "“星期日”人数最多" in told("variable_largest", "zh", findings["variable_largest"].values)
    assert "星期日" in plot_shares(SHARES, column="weekday_top", language="zh").title


@pytest.mark.parametrize("name", ["rfm", "info", "churn", "value", "orders"])
def test_the_name_of_a_source_is_never_translated(name):
    verdicts = pd.DataFrame({"check": ["rejected", "filled"], "table": "transactions", "column": [name, "amount"]})
    columns = checks_shown(verdicts)["column"]
    assert [label(column, "zh") for column in columns] == [f"“{name}”", "金额"]


def test_a_table_an_outcome_and_a_column_of_one_name_have_words_of_their_own():
    assert [label(name, "zh") for name in ("churn", table_key("churn"))] == ["流失", "流失评分"]
    assert [label(name, "zh") for name in ("value", table_key("value"))] == ["取值", "客户价值"]
    assert table_key("customers") == "customers"


@pytest.mark.parametrize(("column", "zh", "en"), [
    ("channel", "100% 的购买客户在“Nordhaus”买过", "through “Nordhaus”"),
    ("platform", "100% 的购买客户在“Nordhaus”买过", "through “Nordhaus”"),
    ("payment_method", "100% 的购买客户用过“Nordhaus”付款", "paid with “Nordhaus”"),
    ("brand", "100% 的购买客户至少买过一次“Nordhaus”", "bought “Nordhaus” at least once"),
])  # fmt: skip
def test_nobody_buys_a_shop(column, zh, en):
    rows = SHARES.assign(value="Nordhaus")
    titles = [plot_bought(rows, column=column, language=language).title for language in ("zh", "en")]
    assert titles[0].replace("\u2009", " ") == zh and en in titles[1]
