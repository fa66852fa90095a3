"""Cells are cast by declaration, never by guessing."""

import datetime as dt
from decimal import Decimal

import ibis
import pytest

from workbench.core.params.sources import FormatParams
from workbench.intake.casting.cells import cast_cell
from workbench.intake.casting.column_kinds import ColumnPlan, essential_columns
from workbench.intake.casting.ids import has_damaged_long_ids, normalise_key, strip_cell

ENGINE = ibis.duckdb.connect(threads=1)


def cast(cells, kind, name="x", formats=None, **more):
    plan = ColumnPlan(name, kind, formats or FormatParams(), dt.date(1900, 1, 2), dt.date(2025, 1, 1), **more)
    table = ibis.memtable({"at": range(len(cells)), "x": cells}, schema={"at": "int64", "x": "string"})
    cell = cast_cell(strip_cell(table.x), plan)
    rows = ENGINE.to_pyarrow(table.select("at", v=cell.value, c=cell.code).order_by("at")).to_pylist()
    return [row["v"] for row in rows], [row["c"] for row in rows]


def test_blank_cells_are_null_without_a_reason():
    for kind in ("id", "text", "flag", "money", "number", "integer", "date", "timestamp"):
        assert cast(["", "  ", None, "\u3000"], kind) == ([None] * 4, [None] * 4)


def test_words_that_look_like_nothing_stay_text():
    words = ["NA", "null", "None", "TRUE", "1e5"]
    assert cast(words, "text")[0] == words
    assert cast([*words, "nan"], "id")[0] == [*words, "nan"]


def test_what_libraries_write_for_nothing_is_blank_in_texts():
    assert cast(["nan", "NaN", "NaT", "<NA>", "Nan"], "category")[0] == [None, None, None, None, "Nan"]


def test_money_is_exact():
    assert cast(["0.1", "-3", "+.5", "7.", "1e-2"], "money")[0] == [
        Decimal(x) for x in ("0.1", "-3", "0.5", "7", "0.01")
    ]


@pytest.mark.parametrize("bad", ["¥5", "1,234.00", "1.234,00", "(500)", "5 kg", "nan", "inf", "--5", "1e400", "9" * 20])
def test_undeclared_forms_of_numbers_are_not_guessed(bad):
    assert cast([bad], "money") == ([None], ["number-invalid"])


def test_declared_currency_and_decimals_are_read():
    formats = FormatParams(decimals=".", currency="CNY")
    values, codes = cast(["¥1,234.50", "(500)", "20元", "CNY 7", "-¥3", "$5", "1,23.0"], "money", formats=formats)
    assert values == [Decimal("1234.5"), Decimal(-500), Decimal(20), Decimal(7), Decimal(-3), None, None]
    assert codes == [None] * 5 + ["number-invalid"] * 2


def test_decimal_comma_is_read_where_declared():
    values, _ = cast(["1.234,50", "7,5", "8.5"], "money", formats=FormatParams(decimals=","))
    assert values == [Decimal("1234.5"), Decimal("7.5"), None]


def test_integer_refuses_a_fraction():
    assert cast(["5", "5.0", "5.5"], "integer") == ([5, 5, None], [None, None, "integer-invalid"])


def test_flags_are_read_in_both_languages():
    values, codes = cast(["1", "Yes", "TRUE", "是", "0", "no", "False", "否", "maybe"], "flag")
    assert values == [True] * 4 + [False] * 4 + [None]
    assert codes[-1] == "flag-invalid"


def test_a_status_is_read_by_what_the_profile_says_it_means():
    formats = FormatParams(means_yes={"x": ["Closed", "流失 "]})
    assert cast(["closed", "Active", "流失", "yes", None], "flag", formats=formats, name="x") == (
        [True, False, True, False, None],
        [None] * 5,
    )
    both = FormatParams(means_yes={"x": ["Churned"]}, means_no={"x": ["Stayed"]})
    values, codes = cast(["Churned", "stayed", "Joined", "1"], "flag", formats=both, name="x")
    assert (values, codes) == ([True, False, None, None], [None, None, "flag-invalid", "flag-invalid"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"means_no": {"label": ["Active"]}}, "means_no needs means_yes for the same column: label"),
        ({"means_yes": {"label": []}}, "means_yes of label needs values of its own"),
        (
            {"means_yes": {"label": ["Closed"]}, "means_no": {"label": ["closed", "Active"]}},
            "means_yes of label needs values of its own, not closed",
        ),
    ],
)
def test_empty_or_contradictory_meanings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        FormatParams(**settings)


def test_iso_dates_need_no_declaration_and_other_orders_do():
    cells = [
        "2024-05-06",
        "2024/5/6",
        "2024-05-06T10:11",
        "2024-05-06 10:11:12.5",
        "03/04/2024",
        "25/12/2024",
        "2024-13-40",
    ]
    values, codes = cast(cells, "timestamp")
    assert values[:3] == [dt.datetime(2024, 5, 6)] * 2 + [dt.datetime(2024, 5, 6, 10, 11)]
    assert codes == [None] * 4 + ["date-ambiguous", "date-invalid", "date-invalid"]


def test_declared_patterns_are_tried_in_order_and_alone():
    formats = FormatParams(dates=["%d/%m/%Y", "%Y年%m月%d日"])
    values, codes = cast(["03/04/2024", "2024年5月6日", "2024-05-06"], "date", formats=formats)
    assert values == [dt.date(2024, 4, 3), dt.date(2024, 5, 6), None]
    assert codes == [None, None, "date-invalid"]


def test_patterns_by_column_leave_the_others_iso():
    formats = FormatParams(dates={"birth_date": "%Y%m%d"})
    assert cast(["19800229"], "date", "birth_date", formats)[0] == [dt.date(1980, 2, 29)]
    assert cast(["2024-02-29"], "date", "registered_at", formats)[0] == [dt.date(2024, 2, 29)]


def test_29_february_exists_in_leap_years_alone():
    assert cast(["2024-02-29", "2023-02-29"], "date")[1] == [None, "date-invalid"]


def test_dates_out_of_bounds_say_why():
    cells = ["1900-01-01", "1900-01-02", "2025-01-01", "2025-01-02", "9999-12-31"]
    assert cast(cells, "date")[1] == ["date-default", None, None, "date-future", "date-default"]
    assert cast(["2025-01-01 23:59:59"], "timestamp")[1] == [None]


def test_offset_needs_a_declared_time_zone():
    cell = ["2024-05-01T23:30:00+00:00"]
    assert cast(cell, "timestamp")[1] == ["date-zone"]
    values, _ = cast(cell, "timestamp", formats=FormatParams(time_zone="Asia/Shanghai"))
    assert values == [dt.datetime(2024, 5, 2, 7, 30)]


def test_local_times_of_a_summer_time_gap_and_overlap_do_not_crash():
    cells = ["2024-03-31 02:30:00", "2024-10-27 02:30:00", "2024-03-31T01:30:00Z"]
    values, codes = cast(cells, "timestamp", formats=FormatParams(time_zone="Europe/Berlin"))
    assert values[2] == dt.datetime(2024, 3, 31, 3, 30)
    assert codes == [None] * 3


def test_ids_stay_text_and_lose_what_cannot_be_seen():
    assert cast(["００１２３", "12\u200b3", " 123\u00a0", "123456789012345678"], "id")[0] == [
        "00123", "123", "123", "123456789012345678",
    ]  # fmt: skip
    assert normalise_key("\u200b") is None


def test_workbook_damage_to_ids_is_named():
    assert cast(["1.23E+18", "84997E5"], "id") == ([None, "84997E5"], ["id-damaged", None])
    assert cast(["123456789012345000"], "id")[1] == [None]
    assert cast(["123456789012345000"], "id", long_ids_damaged=True)[1] == ["id-damaged"]


def test_long_ids_that_end_in_zeros_by_chance_are_not_damaged():
    assert has_damaged_long_ids(3, 1)
    assert not has_damaged_long_ids(100_000, 100)
    assert not has_damaged_long_ids(0, 0)


def test_age_out_of_range_is_left_out():
    assert cast(["44", "150", "-1"], "number", "age")[1] == [None, "out-of-range", "out-of-range"]


def test_an_order_line_without_amount_needs_quantity_and_price():
    assert essential_columns("transactions", ["quantity", "unit_price"]) == ("quantity", "unit_price")
    assert essential_columns("transactions", ["quantity", "amount", "ordered_at"]) == ("ordered_at", "amount")
