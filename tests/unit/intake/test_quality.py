"""Quality: verdicts, completeness, score, freshness and the pointblank page."""

import base64
import datetime as dt
import re

import ibis
import pandas as pd
import pytest

from workbench.core.errors import DataError
from workbench.intake.quality.accuracy import ACCURACY_COLUMNS
from workbench.intake.quality.checks import assess
from workbench.intake.quality.pointblank_page import pointblank_report
from workbench.intake.quality.records import records_flow, rows_by_month
from workbench.intake.quality.rejected import list_rejects

RULES = pd.DataFrame([("shop", "transactions", "sold", "warning", 0.9, 1.0, 10, "4")], columns=list(ACCURACY_COLUMNS))
SOURCES = {"crm": "customers", "shop": "transactions"}


@pytest.fixture(scope="module")
def engine():
    return ibis.duckdb.connect(threads=1)


@pytest.fixture
def tables(engine):
    lines = {
        "order_id": ["1", "2", "3", "4"],
        "customer_id": ["K1", "K1", "K9", None],
        "ordered_at": [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 31), dt.datetime(2024, 3, 2), None],
        "unit_price": [1.0, 2.0, -3.0, 4.0],
    }
    people = {"customer_id": ["K1", "K2"], "city": ["Wuhan", None]}
    return {
        "customers": engine.create_table("people", ibis.memtable(people), overwrite=True),
        "transactions": engine.create_table("lines", ibis.memtable(lines), overwrite=True),
    }


def metrics(**more):
    base = {
        "crm.physical_records": 2,
        "crm.accepted": 2,
        "crm.rejected": 0,
        "customers.rows": 2,
        "customers.duplicates": 0,
    }
    base |= {"customers.repeated_ids": 0, "shop.physical_records": 5, "shop.accepted": 4, "shop.rejected": 1}
    return base | {"shop.rejected.date-invalid": 1, "transactions.rows": 4, "transactions.duplicates": 1} | more


def verdict(quality, check, column, table="transactions"):
    rows = quality.verdicts[lambda rows: (rows.check == check) & (rows.column == column) & (rows.table == table)]
    (row,) = rows.to_dict("records")
    return row["status"], row["observed"], row["n"]


def test_verdicts_give_the_observed_value_and_the_rows(tables):
    quality = assess(tables, metrics(), as_of=dt.date(2024, 3, 10), sources=SOURCES)
    assert verdict(quality, "orphans", "customer_id") == ("warn", pytest.approx(1 / 3), 3)
    assert verdict(quality, "without_rows", "customer_id", "customers") == ("pass", 0.5, 2)
    assert verdict(quality, "range", "unit_price") == ("warn", 0.25, 4)
    assert verdict(quality, "fresh", "ordered_at") == ("pass", 8.0, 3)
    assert verdict(quality, "rejected", "shop") == ("warn", 0.2, 5)
    assert verdict(quality, "duplicates", "") == ("warn", 0.25, 4)
    assert verdict(quality, "complete", "customer_id") == ("pass", 0.75, 4)
    assert verdict(quality, "key", "customer_id", "customers") == ("pass", 0.0, 2)


def test_text_that_was_read_in_the_wrong_encoding_draws_a_warning(engine):
    names = {"customer_id": ["1", "2", "3", "4"], "city": ["姓名".encode().decode("gbk"), "姓名", "張偉", "Xi'an"]}
    table = engine.create_table("spoiled", ibis.memtable(names), overwrite=True)
    clean = {"crm.physical_records": 4, "crm.accepted": 4, "crm.rejected": 0, "customers.rows": 4}
    quality = assess({"customers": table}, clean, as_of=dt.date(2024, 1, 1), sources={"crm": "customers"})
    assert verdict(quality, "mojibake", "city", "customers") == ("warn", pytest.approx(1 / 3), 3)


def test_stale_data_draws_a_warning(tables):
    quality = assess(tables, metrics(), as_of=dt.date(2024, 6, 1), sources=SOURCES, max_age_days=45)
    assert verdict(quality, "fresh", "ordered_at") == ("warn", 91.0, 3)


def test_score_is_the_mean_of_the_applicable_shares_per_table(tables):
    quality = assess(tables, metrics(), as_of=dt.date(2024, 5, 31), sources=SOURCES, accuracy=RULES)
    by_table = quality.dimensions.set_index("table")
    people = (0.75 + 1 + 1) / 3
    lines = (14 / 16 + 0.75 + 0.8 + 2 / 3 + 0.5 + 0.9) / 6  # 90 days old where 45 are allowed; a rule that holds for .9
    assert by_table["score"].tolist() == [round(100 * people, 1), round(100 * lines, 1)]
    assert by_table.loc["customers", ["timeliness", "accuracy"]].isna().all()
    assert quality.score == round(100 * (people + lines) / 2, 2)
    assert quality.metrics()["quality_score"] == quality.score
    assert sum(value for key, value in quality.metrics().items() if key != "quality_score") == len(quality.verdicts)


def test_perfect_data_scores_a_hundred(engine):
    table = engine.create_table("good", ibis.memtable({"customer_id": ["K1", "K2"]}), overwrite=True)
    clean = {
        "crm.physical_records": 2,
        "crm.accepted": 2,
        "crm.rejected": 0,
        "customers.rows": 2,
        "customers.duplicates": 0,
    }
    quality = assess({"customers": table}, clean, as_of=dt.date(2024, 1, 1), sources={"crm": "customers"})
    assert quality.score == 100
    assert set(quality.verdicts["status"]) == {"pass"}


def test_table_without_rows_fails(engine):
    empty = engine.create_table("empty", schema=ibis.schema({"customer_id": "string"}), overwrite=True)
    clean = {"crm.physical_records": 1, "crm.accepted": 0, "crm.rejected": 1}
    quality = assess({"customers": empty}, clean, as_of=dt.date(2024, 1, 1), sources={"crm": "customers"})
    assert verdict(quality, "complete", "customer_id", "customers") == ("fail", 0.0, 0)


def test_records_flow_adds_up():
    flow = records_flow(metrics(), "shop")
    assert flow.to_dict("list") == {
        "step": ["records", "date-invalid", "accepted"], "kind": ["records", "rejected", "accepted"], "rows": [5, 1, 4],
        "source": ["shop"] * 3,
    }  # fmt: skip


def test_rows_by_month_mark_the_months_that_are_not_whole(tables):
    months = rows_by_month(tables["transactions"], "ordered_at")
    assert months["rows"].tolist() == [2, 1]
    assert months["complete"].tolist() == [True, False]
    assert [str(month)[:10] for month in months["month"]] == ["2024-01-01", "2024-03-01"]


@pytest.mark.parametrize(("language", "word"), [("en", "Pointblank Validation"), ("zh", "检验")])
def test_pointblank_page_is_static_and_in_the_language(tables, language, word):
    html = pointblank_report(tables["customers"], "customers", language)
    assert word in html
    assert "fonts.googleapis" not in html
    assert "@import" not in html
    assert "<script" not in html
    assert "IBM Plex Sans" not in html and "font-family: inherit" in html  # the page's own font has Chinese
    assert html == pointblank_report(tables["customers"], "customers", language)
    assert not re.search(r">#[0-9A-Fa-f]{6}", html)  # codes of colours, which only a style sheet would hide


def test_pointblank_page_shows_no_value_of_a_row(engine):
    rows = {"customer_id": ["<img onerror=alert(1)>"], "city": ["secret street"]}
    html = pointblank_report(engine.create_table("evil", ibis.memtable(rows), overwrite=True), "customers")
    assert "onerror" not in html
    assert "secret street" not in html


def test_pointblank_page_holds_no_row_that_fails_a_check_not_even_as_a_download(engine):
    rows = {"customer_id": ["planted-id", "planted-id", None], "city": ["planted city", None, "planted town"]}
    html = pointblank_report(engine.create_table("failing", ibis.memtable(rows), overwrite=True), "customers")
    coded = re.findall(r"[A-Za-z0-9+/]{16,}={0,2}", html)
    read = " ".join(base64.b64decode(code + "=" * (-len(code) % 4)).decode("utf-8", "ignore") for code in coded)
    assert "planted" not in html + read
    assert "base64" not in html
    assert "download" not in html


def test_unknown_language_is_refused(tables):
    with pytest.raises(DataError, match="no report on 'customers' in 'fr'"):
        pointblank_report(tables["customers"], "customers", "fr")


def test_rejects_are_counted_by_reason_with_the_first_line_and_no_word_that_may_be_a_name():
    lines = [
        ("shop", "b.csv", 2, "amount", "number-invalid", "¥1,200"),
        ("shop", "a.csv", 10, "amount", "number-invalid", "张伟"),
        ("shop", "a.csv", 9, "amount", "number-invalid", "13812345678"),
        ("shop", "a.csv", 12, "amount", "number-invalid", "¥1,200"),
        ("shop", "a.csv", 3, "", "extra-cell", "A1,K1,5,6"),
        ("crm", "c.csv", 7, "birth_date", "date-default", "1893"),
        ("crm", "c.csv", 5, "customer_id", "id-damaged", "1.23E+18"),
    ]
    columns = ["source", "file", "line", "column", "code", "raw"]
    listed = list_rejects(ibis.memtable(pd.DataFrame(lines, columns=columns)), SOURCES)
    assert [tuple(row) for row in listed.to_numpy()] == [
        ("crm", "birth_date", "date-default", 1, "c.csv", 7, "1893"),
        ("crm", "customer_id", "id-damaged", 1, "c.csv", 5, ""),
        ("shop", "amount", "number-invalid", 4, "a.csv", 9, "¥1,200"),
        ("shop", "", "extra-cell", 1, "a.csv", 3, ""),
    ]


def test_without_rejects_the_list_of_them_is_empty():
    nothing = {"source": "string", "file": "string", "line": "int64", "column": "string", "code": "string"}
    listed = list_rejects(ibis.memtable([], schema=nothing | {"raw": "string"}), SOURCES)
    assert list(listed.columns) == ["source", "column", "code", "rows", "file", "line", "raw"]
    assert listed.empty


def test_the_validity_of_a_survey_counts_answers_not_records(engine):
    answers = {"customer_id": ["K1"] * 6 + ["K7"] * 2, "question": list("abcdefab"), "answer": ["1"] * 8}
    tables = {
        "customers": engine.create_table("asked", ibis.memtable({"customer_id": ["K1", "K2"]}), overwrite=True),
        "responses": engine.create_table("answers", ibis.memtable(answers), overwrite=True),
    }
    counted = {"crm.physical_records": 2, "crm.accepted": 2, "crm.rejected": 0, "customers.rows": 2}
    counted |= {"poll.physical_records": 4, "poll.accepted": 3, "poll.rejected": 1, "responses.rows": 8}
    counted |= {"poll.nulled.answer-no-option": 2, "poll.unanswered": 5}
    quality = assess(tables, counted, as_of=dt.date(2024, 4, 1), sources={"crm": "customers", "poll": "responses"})
    dimensions = quality.dimensions.set_index("table")
    assert dimensions.loc["responses", "validity"] == pytest.approx(3 / 4 * 8 / 10)
    assert dimensions.loc["responses", "consistency"] == pytest.approx(6 / 8)  # two answers of an unlisted customer
