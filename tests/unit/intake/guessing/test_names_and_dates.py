"""Facts from names and values alone: synonyms, units, date patterns, headers."""

import pytest

from workbench.core.schema import CANONICAL, columns_of
from workbench.intake.guessing.headers.names import currency_in, name_score, plain_name, synonyms_of, unit_in
from workbench.intake.guessing.headers.words import read_words
from workbench.intake.guessing.samples import names_columns
from workbench.intake.guessing.values.dates import guess_dates
from workbench.intake.guessing.values.facts import gather_facts


@pytest.mark.parametrize(
    ("table", "ours", "theirs"),
    [
        ("transactions", "order_id", "InvoiceNo"),
        ("transactions", "order_id", "主订单编号"),
        ("transactions", "ordered_at", "订单付款时间 "),
        ("transactions", "amount", "实付金额（元）"),
        ("transactions", "quantity", "number_of_cds"),
        ("customers", "customer_id", "会员编号"),
        ("customers", "registered_at", "Dt_Customer"),
        ("customers", "phone", "手机号码"),
        ("customers", "birth_date", "Year_Birth"),
        ("customers", "gender", "性别"),
        ("labels", "label", "是否流失"),
        ("service", "case_id", "工单号"),
    ],
)
def test_names_in_english_and_chinese_are_known(table, ours, theirs):
    assert name_score(theirs, synonyms_of(table)[ours]) >= 0.75


def test_every_synonym_is_of_a_column_the_table_has_and_every_column_knows_its_own_name():
    for table in CANONICAL:
        synonyms = synonyms_of(table)
        assert set(synonyms) == set(columns_of(table, contact=True, neighbours=True))
        assert all(name_score(ours, names) == 1.0 for ours, names in synonyms.items())


def test_a_misspelt_name_is_near_and_a_short_one_is_not():
    assert name_score("custmer_id", synonyms_of("customers")["customer_id"]) == 0.75
    assert name_score("Mood swings", synonyms_of("customers")["name"]) == 0.0


def test_capitals_signs_and_units_do_not_matter():
    assert plain_name("CustomerID") == plain_name("customer_id") == plain_name("Customer Id") == "customer id"
    assert plain_name("年收入（万元）") == "年收入"


def test_units_and_currencies_stand_in_names():
    assert unit_in("年收入（万元）") == "wan"
    assert unit_in("金额(分)") == "fen"
    assert unit_in("金额(元)") is None
    assert currency_in("dollar_value") == "USD"
    assert currency_in("金额(元)") == "CNY"
    assert currency_in("¥1,234.00") == "CNY"
    assert currency_in("单价") is None


@pytest.mark.parametrize(
    ("values", "patterns", "kind"),
    [
        (["2020-02-21 00:00:00", "2020-02-20 23:59:54"], (), "iso"),
        (["2024/5/1", "2024/12/31 10:00"], (), "iso"),
        (["2024-05-01T10:00:00+08:00"], (), "zoned"),
        (["04-09-2012", "21-08-2013"], ("%d-%m-%Y",), "pattern"),
        (["12/1/2010 8:26", "12/31/2010 17:05"], ("%m/%d/%Y %H:%M",), "pattern"),
        (["2024年5月6日", "2024年12月31日"], ("%Y年%m月%d日",), "pattern"),
        (["19970101", "19980630"], ("%Y%m%d",), "compact"),
        (["1957", "1893"], ("%Y",), "year"),
        (["45123", "45124.5"], ("excel",), "serial"),
        (["03/04/2024", "05/06/2024"], ("%d/%m/%Y", "%m/%d/%Y"), "either"),
        (["2024-05-01", "2024年5月2日", "2024-05-03"], ("%Y-%m-%d", "%Y年%m月%d日"), "pattern"),
    ],
)
def test_date_patterns_are_found_from_all_values(values, patterns, kind):
    guess = guess_dates(values)
    assert (guess.patterns, guess.kind) == (patterns, kind)


@pytest.mark.parametrize("values", [[], ["ring", "gold"], ["2024-13-40", "2023-02-30"], ["1", "12", "123"], ["85123A"]])
def test_other_texts_are_no_dates(values):
    assert guess_dates(values) is None


def test_one_false_date_in_a_hundred_does_not_hide_the_pattern():
    guess = guess_dates([f"{day:02d}.{month:02d}.2024" for month in range(1, 5) for day in range(1, 26)] + ["soon"])
    assert guess.patterns == ("%d.%m.%Y",)
    assert guess.share == pytest.approx(100 / 101)


def test_values_identify_phones_provinces_names_and_identity_numbers():
    assert gather_facts(["13812345678", "+86 139 1234 5678"]).fits("phone")
    assert gather_facts(["上海", "内蒙古自治区", "湖南省"]).fits("province")
    assert gather_facts(["张伟", "李娜", "欧阳"]).shares["person"] == pytest.approx(2 / 3)
    assert gather_facts(["11010519491231002X"]).fits("document")
    assert gather_facts(["a@b.cn", ""]).fits("email")


def test_personal_values_are_not_kept():
    assert gather_facts(["13812345678", "13912345678"]).values == ()
    assert gather_facts(["是", "否", "是"]).values == ("是", "否")


def test_an_empty_column_has_no_facts():
    facts = gather_facts(["", ""])
    assert (facts.filled, facts.distinct, facts.dates, facts.is_number, facts.unique) == (0, 0, None, False, False)


def test_a_first_row_of_data_is_no_header():
    assert not names_columns([["00004", "19970101", "29.33"], ["00021", "19970113", "11.77"]])
    assert names_columns([["id", "date"], ["1", "2024-05-01"], ["2", "2024-05-02"]])
    assert names_columns([["name", "city"], ["Ann", "Paris"]])
    assert names_columns([["id", "2019", "2020"], ["a", "x", "y"]])


def test_every_reason_has_both_languages_with_the_same_values():
    for key, texts in read_words("headers/reasons").items():
        assert set(texts) == {"en", "zh"}, key
        braces = [{part.split("}")[0] for part in text.replace("{{", "").split("{")[1:]} for text in texts.values()]
        assert braces[0] == braces[1], key
