"""How one value is written, in both languages."""

import math
from datetime import date, datetime
from decimal import Decimal

import pandas as pd
import pytest

from workbench.core.errors import WorkbenchError
from workbench.report.numbers import MISSING, VALUE_KINDS, fewer_than, show, significant


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
        (12.34, "days", "12.3 days", "12.3\u2009天"),
        (0, "hours", "0\u2009s", "0\u2009秒"),
        (0.0125, "hours", "45\u2009s", "45\u2009秒"),
        (0.5, "hours", "30\u2009min", "30\u2009分钟"),
        (1, "hours", "1\u2009h", "1\u2009小时"),
        (162, "hours", "6.75\u2009days", "6.75\u2009天"),
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
