"""Who may be profiled: refusals as of a day, one number by the ids of the sources, rows left out."""

import datetime as dt

import ibis
import pytest

from workbench.analysis.audiences.profiling import count_not_profiled, refusing_customers, without_customers
from workbench.core.params.consent import ConsentParams

AS_OF = dt.date(2025, 7, 1)
ROWS = [  # customer, granted, changed_at, whether they refuse as of the day
    ("granted", [(True, "2025-01-01")], False),
    ("refused", [(False, "2025-01-01")], True),
    ("before", [(True, "2025-01-01"), (False, "2025-06-30T23:59:59")], True),
    ("at", [(True, "2025-01-01"), (False, "2025-07-01")], False),
    ("after", [(False, "2025-08-01")], False),
    ("again", [(False, "2025-01-01"), (True, "2025-02-01")], False),
    ("both", [(True, "2025-01-01"), (False, "2025-01-01")], True),
    ("undated", [(False, None)], True),
]


def consents(people=None):
    frame = {"customer_id": [], "purpose": [], "granted": [], "changed_at": []}
    for customer, words, _ in ROWS:
        for granted, day in words:
            moment = dt.datetime.fromisoformat(day) if day else None
            for name, value in zip(frame, (customer, " 数据分析", granted, moment), strict=True):
                frame[name].append(value)
    schema = {"customer_id": "string", "purpose": "string", "granted": "boolean", "changed_at": "timestamp"}
    table = ibis.memtable(frame, schema=schema)
    return table if people is None else table.mutate(_people=ibis.literal(people))


def customers(*ids, **columns):
    return ibis.memtable({"customer_id": list(ids), **columns})


PARAMS = ConsentParams(words={"profiling": ["数据分析"]})


def test_the_word_before_the_day_holds():
    assert refusing_customers({"consents": consents()}, PARAMS, AS_OF) == {name for name, _, refuses in ROWS if refuses}


def test_without_consents_nobody_has_refused():
    assert refusing_customers({"customers": customers("a")}, PARAMS, AS_OF) == set()


def test_where_refused_is_the_default_the_never_asked_are_left_out_too():
    params = ConsentParams(words=PARAMS.words, default={"profiling": "refused"})
    tables = {
        "consents": consents(),
        "customers": customers("granted", "never"),
        "transactions": customers("other", None),
    }
    left_out = refusing_customers(tables, params, AS_OF)
    assert {"never", "other", "after"} <= left_out and not {"granted", "again"} & left_out


@pytest.mark.parametrize(("restricted", "expected"), [([], 2), ([("crm", "granted")], 3), ([("web", "granted")], 2)])
def test_the_number_counts_ids_of_the_sources_that_are_customers(restricted, expected):
    people = customers("granted", "refused", "before", "never", _people=["crm"] * 4)
    tables = {"customers": people, "consents": consents("crm")}
    assert count_not_profiled(tables, PARAMS, AS_OF, restricted=restricted) == expected


def test_rows_about_them_and_rows_that_name_them_go():
    table = customers("a", "b", None, "c", referrer_customer_id=["b", "a", "b", None], n=[1, 2, 3, 4])
    kept = without_customers(table, {"b"}).order_by("n").to_pandas()
    assert kept["n"].tolist() == [1, 3, 4] and kept["referrer_customer_id"].isna().all()
    relations = customers("a", "c", other_id=["b", "a"])
    assert without_customers(relations, {"b"}).to_pandas()["customer_id"].tolist() == ["c"]
    assert without_customers(relations, set()) is relations


def test_very_many_are_left_out_alike():
    table = customers(*map(str, range(6000)))
    assert without_customers(table, {str(at) for at in range(5999)}).to_pandas()["customer_id"].tolist() == ["5999"]
