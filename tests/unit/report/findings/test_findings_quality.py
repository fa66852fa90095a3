"""What the raw data is like: every record's fate in numbers, and nothing said that was not counted."""

from datetime import date

import pandas as pd
import pytest

from workbench.core.params.sources import SourceParams
from workbench.intake.quality.checks import Quality
from workbench.intake.tables.canonical import Intake
from workbench.report.findings.quality import _measures, _source, find_quality, limit_quality

AS_OF = date(2024, 3, 1)
SOURCES = {
    "shop": SourceParams(path="s.csv", table="transactions", measures={"standard": ["quantity > 0"], "lost": ["x"]}),
    "crm": SourceParams(path="c.csv", table="customers"),
}
METRICS = {
    "shop.physical_records": 100, "shop.accepted": 92, "shop.rejected": 8, "shop.rejected.bad_date": 3,
    "shop.rejected.bad_money": 3, "shop.rejected.ragged": 2, "shop.repairs.trimmed": 4, "shop.repairs.full_width": 1,
    "shop.contact_cells_dropped": 0, "crm.physical_records": 20, "crm.accepted": 20, "crm.rejected": 0,
    "crm.contact_cells_dropped": 40, "transactions.rows": 92, "transactions.customers": 18,
    "transactions.first_ordered_at": "2023-01-05T10:00:00", "transactions.last_ordered_at": "2024-02-28T09:00:00",
    "transactions.no_customer": 23, "transactions.duplicates": 2, "transactions.rule.sales_only": 6,
    "transactions.rule.never": 0, "customers.rows": 20, "customers.duplicates": 0,
    "transactions.standard_rows": 80, "transactions.standard_customers": 15, "transactions.standard_amount": 123.5,
}  # fmt: skip
VERDICTS = [
    ("complete", "transactions", "coupon", "info", "pass", 0.05, 0.0, 92),  # a blank says that none was used
    ("complete", "customers", "city", "info", "warn", 0.4, 0.5, 20),
    ("complete", "customers", "gender", "info", "pass", 0.9, 0.5, 20),
    ("orphans", "transactions", "customer_id", "warning", "warn", 9 / 69, 0.0, 69),
    ("orphans", "campaigns", "customer_id", "warning", "pass", 0.0, 0.0, 50),
    ("fresh", "transactions", "ordered_at", "warning", "pass", 2.0, 45.0, 92),
    ("rejected", "transactions", "shop", "blocker", "fail", 0.08, 0.01, 100),
]
COLUMNS = ["check", "table", "column", "level", "status", "observed", "limit", "n"]


def find(metrics=METRICS, verdicts=VERDICTS, sources=SOURCES, tables=("transactions", "customers"), as_of=AS_OF):
    intake = Intake(dict.fromkeys(tables), None, dict(metrics), {})
    quality = Quality(pd.DataFrame(verdicts, columns=COLUMNS), pd.DataFrame(), 93.5, pd.DataFrame(), pd.DataFrame())
    return find_quality(intake, quality, sources, as_of=as_of)


@pytest.fixture
def values(values_by_key):
    return values_by_key(find())


def test_every_record_of_every_source_is_accounted_for(values):
    assert values["quality_answer"] == {"records": 120, "accepted": 112, "rejected": 8, "score": 93.5}
    shop, crm = [finding.values for finding in find() if finding.key == "quality_records"]
    assert shop == {"source": "shop", "records": 100, "accepted": 92, "rejected": 8, "share": 0.08}
    assert crm["rejected"] == 0


def test_the_commonest_reason_is_named_once_and_ties_are_broken_by_name(values):
    assert values["quality_reject_reason"] == {"source": "shop", "code": "bad_money", "count": 3, "rejected": 8}
    assert sum(finding.key == "quality_reject_reason" for finding in find()) == 1


def test_cells_left_blank_and_garbled_names_are_said(values_by_key):
    more = {"crm.nulled.id-damaged": 3, "crm.nulled.answer-missing": 2, "crm.contact.name.garbled": 4,
            "crm.contact.name.filled": 20}  # fmt: skip
    values = values_by_key(find(METRICS | more))
    assert values["quality_nulled"] == {"source": "crm", "code": "id-damaged", "cells": 3}
    assert values["quality_garbled"] == {"source": "crm", "column": "name", "count": 4, "n": 20}
    assert not any(finding.values.get("code") == "answer-missing" for finding in find(METRICS | more))


def test_contact_data_masked_in_free_text_is_said(values_by_key):
    values = values_by_key(find(METRICS | {"shop.masked.text": 3, "shop.masked.topic": 1}))
    assert values["quality_masked"] == {"source": "shop", "cells": 4, "columns": ["text", "topic"]}


def test_lines_without_a_customer_weigh_more_when_they_are_many(values):
    assert values["quality_no_customer"] == {"share": 0.25, "no_customer": 23, "rows": 92}
    weights = {
        n: next(
            finding.weight
            for finding in find(METRICS | {"transactions.no_customer": n})
            if "no_customer" in finding.key
        )
        for n in (9, 10)
    }
    assert weights == {9: 0.2, 10: 0.5}


def test_what_was_counted_is_reported_and_zeros_are_not(values):
    assert values["quality_span"] == {"first": "2023-01-05", "last": "2024-02-28", "rows": 92, "customers": 18}
    assert values["quality_repairs"] == {"source": "shop", "repairs": 5}
    assert values["quality_contact_dropped"] == {"cells": 40}
    assert values["quality_duplicates"]["duplicates"] == 2
    rules = [finding.values for finding in find() if finding.key == "quality_rule"]
    assert rules == [
        {"table": "transactions", "rule": "sales_only", "dropped": 6, "rows": 92, "share": pytest.approx(6 / 92)}
    ]
    assert values["quality_checks"] == {"passed": 4, "warned": 2, "failed": 1}


def test_a_measure_is_reported_with_its_exact_figures_and_only_where_all_of_them_are(values):
    measures = [finding.values for finding in find() if finding.key == "quality_measure"]
    assert measures == [{"name": "standard", "rows": 80, "customers": 15, "amount": 123.5}]


def test_a_measure_that_two_sources_of_a_table_declare_is_reported_once():
    tills = {
        name: SourceParams(path="s.csv", table="transactions", measures={"lost": ["x"]}) for name in ("till", "web")
    }
    metrics = {f"transactions.lost_{part}": 2 for part in ("rows", "customers", "amount")}
    assert [finding.values["name"] for finding in _measures(tills, metrics)] == ["lost"]


def test_the_least_complete_column_is_not_one_whose_blank_means_none(values):
    assert values["quality_completeness"] == {"table": "customers", "column": "city", "share": 0.4, "n": 20}


def test_complete_columns_are_not_reported(values_by_key):
    full = [(*row[:5], 1.0, *row[6:]) if row[0] == "complete" else row for row in VERDICTS]
    assert "quality_completeness" not in values_by_key(find(verdicts=full))


def test_orphans_are_counted_back_from_their_share(values):
    assert values["quality_orphans"] == {
        "table": "transactions", "other": "customers", "orphans": 9, "rows": 69, "share": 9 / 69,
    }  # fmt: skip


def test_freshness_says_the_day_of_the_last_order(values):
    assert values["quality_freshness"] == {"table": "transactions", "last": "2024-02-28", "days": 2, "as_of": AS_OF}


def test_data_without_orders_speaks_of_none(values_by_key):
    people = {key: value for key, value in METRICS.items() if key.startswith(("crm.", "customers."))}
    sources = {"crm": SOURCES["crm"]}
    values = values_by_key(find(people, VERDICTS[1:3], sources, ("customers",)))
    assert set(values) == {
        "quality_answer_all", "quality_records", "quality_contact_dropped", "quality_checks", "quality_completeness",
    }  # fmt: skip


def test_an_empty_source_divides_by_nothing(values_by_key):
    empty = dict.fromkeys(("crm.physical_records", "crm.accepted", "crm.rejected", "customers.rows"), 0)
    values = values_by_key(find(empty, [], {"crm": SOURCES["crm"]}, ("customers",)))
    assert values["quality_answer"]["records"] == 0  # nothing to call complete
    assert set(values) == {"quality_answer", "quality_checks"}


def test_the_limits_name_the_publisher_of_simulated_data_and_columns_not_read(values_by_key):
    intake = Intake({}, None, {}, {"shop": ["week", "memo"], "crm": []})
    values = values_by_key(limit_quality(intake, {}, demo_data="journey"))
    assert values["quality_limit_simulated"] == {"publisher": "84.51°"}
    assert values["quality_limit_dropped_columns"] == {"source": "shop", "columns": ["week", "memo"]}
    assert set(values_by_key(limit_quality(Intake({}, None, {}, {}), {}, demo_data=None))) == {
        "quality_limit_form", "quality_limit_duplicates",
    }  # fmt: skip


def test_the_encoding_of_a_text_source_and_answers_set_aside_are_reported():
    metrics = {
        "crm.physical_records": 9, "crm.accepted": 9, "crm.rejected": 0, "crm.encoding": "gb18030", "crm.nulled.answer-no-option": 2,
        "crm.nulled.date-invalid": 4, "crm.answers_missing": 1,
    }  # fmt: skip
    values = {finding.key: finding.values for finding in _source("crm", metrics)}
    assert values["quality_encoding"] == {"source": "crm", "encoding": "gb18030"}
    assert values["quality_answers"] == {"source": "crm", "wrong": 2, "missing": 1}
    assert "quality_encoding" not in {finding.key for finding in _source("crm", metrics | {"crm.encoding": "workbook"})}


def test_a_column_of_a_neighbouring_table_without_its_key_is_reported_as_kept_nowhere(values_by_key):
    columns = {"order_id": "no", "product_name": "name", "customer_id": "who", "city": "town"}
    sources = {"shop": SourceParams(path="a.csv", table="transactions", columns=columns)}
    values = values_by_key(limit_quality(Intake({}, None, {}, {}), sources, demo_data=None))
    assert values["quality_limit_homeless"] == {"source": "shop", "column": "product_name", "key": "product_id"}
