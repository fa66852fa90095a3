"""Who may be named: the latest word, refusals, merged records, channels, defaults, minors, never-contact lists."""

from datetime import date

import ibis
import pandas as pd
import pytest

from workbench.analysis.audiences.consent import keep_permitted, permitted
from workbench.core.params.consent import ConsentParams

AS_OF = date(2025, 1, 1)
CUSTOMERS = ibis.memtable(pd.DataFrame({"customer_id": list("abcdefg")}))
CONSENTS = ibis.memtable(pd.DataFrame({
    "customer_id": ["a", "a", "b", "b", "c", "d", "e", "e", "f"],
    "purpose": ["marketing"] * 4 + [" Marketing"] + ["profiling"] + ["marketing"] * 3,
    "granted": [False, True, True, False, True, True, True, False, None],
    "changed_at": pd.to_datetime([
        "2024-01-01", "2024-02-01", "2024-01-01", "2024-03-01", "2024-01-01", "2024-01-01", "2024-12-31", "2025-01-01", "2024-01-01",
    ]),
}))  # fmt: skip


def rows(*cells):
    frame = pd.DataFrame(cells, columns=["customer_id", "record", "purpose", "granted", "changed_at"])
    return ibis.memtable(frame.assign(changed_at=pd.to_datetime(frame["changed_at"])))


def who(consents=None, purpose="marketing", customers=CUSTOMERS, *, params=None, as_of=AS_OF, **options):
    verdicts = permitted(customers, consents, purpose, as_of, params=params or ConsentParams(), **options)
    return "".join(keep_permitted(customers, verdicts).customer_id.to_pandas())


def reasons(consents=None, **options):
    verdicts = permitted(CUSTOMERS, consents, "marketing", AS_OF, params=ConsentParams(), **options).to_pandas()
    return {row.customer_id: row.reason for row in verdicts.itertuples() if not row.permitted}


def test_the_last_word_before_the_date_counts_for_a_report_and_the_latest_for_a_list():
    assert who(CONSENTS) == "ace"
    assert who(CONSENTS, as_of=date(2025, 1, 2)) == "ac"
    assert who(CONSENTS, latest=True) == "ac"


def test_at_one_moment_a_refusal_wins_with_and_without_dates():
    dated = rows(("a", "r", "marketing", True, "2024-01-01"), ("a", "r", "marketing", False, "2024-01-01"))
    assert who(dated) == who(dated.drop("changed_at")) == ""
    assert who(rows(("a", "r", "marketing", True, None), ("a", "r", "marketing", False, None))) == ""


def test_of_merged_records_one_refusal_counts_for_all_even_an_older_one():
    merged = rows(("a", "crm1", "marketing", False, "2023-01-01"), ("a", "web7", "marketing", True, "2024-01-01"))
    assert who(merged) == ""
    assert who(merged.mutate(record=ibis.literal("crm1"))) == "a"
    assert who(merged.drop("record")) == "a"


def test_a_general_refusal_covers_every_channel_and_a_channel_may_refuse_alone():
    words = rows(
        ("a", "a", "marketing", False, "2023-01-01"), ("a", "a", "marketing_sms", True, "2024-01-01"),
        ("b", "b", "marketing", True, "2024-01-01"), ("b", "b", "marketing_sms", False, "2023-01-01"),
        ("c", "c", "marketing_sms", True, "2024-01-01"), ("d", "d", "marketing", True, "2024-01-01"),
    )  # fmt: skip
    assert who(words, "marketing_sms") == "cd"
    assert who(words, "marketing") == "bd"
    assert who(words, "marketing_email") == "bd"


def test_who_was_never_asked_follows_the_default_of_the_purpose():
    assert who(CONSENTS, "profiling") == "abcdefg"
    assert who(CONSENTS, "research") == who(CONSENTS, "unheard_of") == ""
    assert who(CONSENTS, params=ConsentParams(default={"marketing": "granted"})) == "acdeg"
    assert who(CONSENTS, "profiling", params=ConsentParams(default={"profiling": "refused"})) == "d"


def test_without_consents_nobody_has_refused():
    assert who() == "abcdefg"
    assert who(never_contact={"b"}) == "acdefg"


def test_the_reasons_name_never_contact_before_minors_before_refusals():
    people = ibis.memtable(pd.DataFrame({"customer_id": ["a", "b"], "age": [17, 17]}))
    assert reasons(CONSENTS, people=people, never_contact={"a"}) == {
        "a": "never_contact", "b": "minor", "d": "refused", "f": "refused", "g": "refused",
    }  # fmt: skip


@pytest.mark.parametrize(("born", "listed"), [("2007-01-01", "a"), ("2007-01-02", ""), (None, "a")])
def test_a_minor_is_listed_from_the_birthday_on(born, listed):
    people = ibis.memtable(pd.DataFrame({"customer_id": ["a"], "birth_date": pd.to_datetime([born])}))
    assert who(customers=people.select("customer_id"), people=people) == listed
    assert who(customers=people.select("customer_id"), people=people, params=ConsentParams(minors_under=0)) == "a"


def test_nobody_is_an_answer_too():
    empty = CUSTOMERS.filter(CUSTOMERS.customer_id == "z")
    assert who(CONSENTS, customers=empty) == ""
    verdicts = permitted(empty, None, "marketing", AS_OF, params=ConsentParams())
    assert verdicts.columns == ("customer_id", "permitted", "reason")
