"""How one value is written, in both languages."""

import math
import re
from datetime import date, datetime
from decimal import Decimal

import pandas as pd
import pytest

from workbench.core.errors import WorkbenchError
from workbench.report.numbers import (
    MISSING,
    VALUE_KINDS,
    as_precise_as,
    fewer_than,
    round_to_interval,
    show,
    significant,
)
from workbench.report.tables import table_html
from workbench.report.text import say


@pytest.mark.parametrize(
    ("value", "kind", "en", "zh"),
    [
        (1469307, "int", "1,469,307", "1,469,307"),
        (-12.0, "int", "−12", "−12"),
        (0.123456, "num", "0.123", "0.123"),
        (0.77, "num", "0.77", "0.77"),
        (123456.0, "num", "123,000", "12.3万"),
        (999999.9, "num", "1 million", "100万"),
        (0.14, "pct", "14 %", "14%"),
        (0.1437, "pct", "14 %", "14%"),
        (0.0512, "pct", "5.1 %", "5.1%"),
        (0.9996, "pct", "99.96 %", "99.96%"),
        (0.999999, "pct", ">99.99 %", ">99.99%"),
        (0.00001, "pct", "<0.01 %", "<0.01%"),
        (-0.00001, "pct", "0 %", "0%"),
        (0, "pct", "0 %", "0%"),
        (1, "pct", "100 %", "100%"),
        (-0.12, "pct", "−12 %", "−12%"),
        (0.5, "portion", "half", "一半"),
        (0.8, "portion", "80 %", "80%"),
        (29.4891, "money", "$29.49", "$29.49"),
        (Decimal("4596039.58"), "money", "$4.6 million", "$460万"),
        (2.5e9, "money", "$2.5 billion", "$25亿"),
        (-4.5, "money", "−$4.50", "−$4.50"),
        (1, "days", "1 day", "1\u2009天"),
        (12.34, "days", "12 days", "12\u2009天"),
        (8.74, "days", "8.7 days", "8.7\u2009天"),
        (0, "hours", "0\u2009s", "0\u2009秒"),
        (0.0125, "hours", "45\u2009s", "45\u2009秒"),
        (0.5, "hours", "30\u2009min", "30\u2009分钟"),
        (1, "hours", "1\u2009h", "1\u2009小时"),
        (162, "hours", "6.8\u2009days", "6.8\u2009天"),
        (date(2017, 12, 31), "date", "31 December 2017", "2017年12月31日"),
        ("2017-12-31T10:00:00", "date", "31 December 2017", "2017年12月31日"),
        (datetime(2017, 12, 31, 23, 59), "date", "31 December 2017", "2017年12月31日"),
        ("2017-12", "month", "Dec 2017", "2017年12月"),
        (1.853, "ratio", "1.85×", "1.85×"),
        ({"en": "high spend", "zh": "高消费"}, "text", "high spend", "高消费"),
        (True, "text", "yes", "是"),
        (fewer_than(10), "int", "not shown", "不显示"),
        (fewer_than(25), "pct", "not shown", "不显示"),
    ],
)
def test_each_kind_is_written_as_its_readers_write_it(value, kind, en, zh):
    assert (show(value, kind, "en", "USD"), show(value, kind, "zh", "USD")) == (en, zh)


@pytest.mark.parametrize("value", [None, math.nan, pd.NaT, pd.NA, float("nan")])
@pytest.mark.parametrize("kind", sorted(VALUE_KINDS))
def test_a_missing_value_of_any_kind_is_a_dash(value, kind):
    assert show(value, kind, "en") == MISSING


def test_money_without_a_currency_has_no_sign_and_an_unlisted_code_stands_before_it():
    assert show(1234, "money", "en") == "1,230"
    assert show(1234, "money", "en", "CHF") == "CHF 1,230"
    assert show(12340, "money", "zh", "CNY") == "¥1.23万"


def test_significant_digits_do_not_depend_on_the_size_of_the_number():
    assert [significant(1.2345 * 10**power) for power in (-3, -1, 0, 2, 5)] == [
        "0.00123", "0.123", "1.23", "123", "123,000",
    ]  # fmt: skip
    assert significant(0) == "0"
    assert significant(math.inf) == "∞"


def test_unknown_kinds_languages_and_wrong_values_are_refused_by_name():
    with pytest.raises(WorkbenchError, match=r"unknown kind of value 'percent'. Did you mean 'pct'\?"):
        show(1, "percent", "en")
    with pytest.raises(WorkbenchError, match="unknown language 'fr'"):
        show(1, "int", "fr")
    with pytest.raises(WorkbenchError, match="'many' cannot be shown as 'int'. Expected a number."):
        show("many", "int", "en")
    with pytest.raises(WorkbenchError, match="'soon' cannot be shown as 'date'"):
        show("soon", "date", "en")


@pytest.mark.parametrize(
    ("value", "low", "high", "rounded"),
    [
        (0.0239, 0.0123, 0.0374, 0.024), (0.9911, 0.982, 0.9911, 0.991), (2910.4, 673.2, 5140.9, 2900), (0.45, 0.39, 0.52, 0.45),
        (7, 0.0, 100.0, 7), (7.0, 0.0, 100.5, 7.0), (0.123456, 0.2, 0.2, 0.123456), (0.123456, None, 0.2, 0.123456), ("a", 0.1, 0.2, "a"),
    ],
)  # fmt: skip
def test_a_number_is_never_more_precise_than_its_interval(value, low, high, rounded):
    assert as_precise_as(value, low, high) == rounded


def test_the_interval_of_a_number_is_its_own_or_the_one_around_it():
    values = {
        "share": 0.98765,
        "low": 0.98249,
        "high": 0.99112,
        "auc": 0.86789,
        "auc_low": 0.83912,
        "auc_high": 0.89634,
        "n": 2469,
    }
    rounded = {name: round_to_interval(name, values) for name in values}
    assert rounded == {
        "share": 0.988, "low": 0.982, "high": 0.991, "auc": 0.87, "auc_low": 0.84, "auc_high": 0.9, "n": 2469,
    }  # fmt: skip
    assert round_to_interval("other", values | {"other": 0.123456}) == 0.123456


def test_sentences_and_tables_carry_no_more_digits_than_their_interval():
    values = {"share": 0.9870, "low": 0.9820, "high": 0.99112, "n": 2469}
    assert "98.2 % to 99.1 %" in say("repeat_rate", "en", values)
    table = {"columns": ["share", "share_low", "share_high"], "rows": [[0.98723, 0.98211, 0.99112]],
             "formats": dict.fromkeys(("share", "share_low", "share_high"), "pct")}  # fmt: skip
    assert re.findall(r">([0-9.]+)", str(table_html(table, language="en"))) == ["98.7", "98.2", "99.1"]


def test_an_estimate_has_no_cents_from_ten_on():
    assert [show(value, "estimate", "en", "USD") for value in (47.06, 9.5, 75.29, 2363.36)] == [
        "$47", "$9.50", "$75", "$2,360",
    ]  # fmt: skip


def test_an_e_value_is_not_rounded_by_the_interval_of_the_difference():
    values = {"difference": 1.3, "low": -40.0, "high": 40.0, "e_value": 1.37}
    assert (round_to_interval("e_value", values), round_to_interval("difference", values)) == (1.37, 0.0)
    spend = {"arm_effect": -240.0, "low": -1200.0, "high": 700.0, "relative": -0.14}
    assert round_to_interval("relative", spend) == -0.14  # a share, though it lies between two sums of money
