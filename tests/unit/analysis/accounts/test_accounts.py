"""Contacts, accounts and groups: hand-computed roll-ups, rhythm, committee and health."""

from datetime import date

import ibis
import numpy as np
import pandas as pd
import pytest

from workbench.analysis.accounts.attribution import attribute_customers
from workbench.analysis.accounts.committee import standard_role
from workbench.analysis.accounts.groups import find_groups
from workbench.analysis.accounts.health import check_health, usual_gaps
from workbench.analysis.accounts.portraits import portray_accounts

AS_OF = date(2025, 1, 1)


def test_the_group_is_the_top_of_the_chain_of_parents():
    accounts = pd.DataFrame(
        {"account_id": ["A", "B", "C", "D", "E", "F", "G"], "parent_id": [None, "A", "B", "X", "D", "G", "F"]}
    )
    result = find_groups(accounts).set_index("account_id")
    assert result["group_id"].to_dict() == {"A": "A", "B": "A", "C": "A", "D": "D", "E": "D", "F": "F", "G": "G"}
    assert result["levels"].to_dict() == {"A": 0, "B": 1, "C": 2, "D": 0, "E": 1, "F": 0, "G": 0}
    assert result["problem"].dropna().to_dict() == {
        "D": "parent_unknown", "E": "parent_unknown", "F": "cycle", "G": "cycle",
    }  # fmt: skip


def test_an_account_that_is_its_own_parent_has_none():
    assert find_groups(pd.DataFrame({"account_id": ["A"], "parent_id": ["A"]}))["group_id"].tolist() == ["A"]


def test_a_customer_of_two_accounts_counts_for_one():
    contacts = pd.DataFrame(
        {"contact_id": ["k1", "k2", "k3"], "account_id": ["B", "A", "Z"], "customer_id": ["c1", "c1", "c2"]}
    )
    result = attribute_customers(contacts, pd.DataFrame({"account_id": ["A", "B"]}))
    assert result.set_index("customer_id")["account_id"].to_dict() == {"A": "A", "B": "B", "c1": "A"}
    assert result.set_index("customer_id").loc["c1", "accounts"] == 2


def test_roles_are_brought_to_the_standard_ones_in_both_languages():
    inputs = pd.Series(["Economic Buyer", "技术把关", " champion ", "wizard", None])
    assert standard_role(inputs).tolist()[:4] == ["economic_buyer", "technical_evaluator", "champion", "other_role"]
    assert standard_role(inputs).isna().tolist() == [False] * 4 + [True]


def test_rhythm_needs_two_gaps():
    days = pd.DataFrame({
        "account_id": ["A", "A", "A", "B", "B"],
        "purchased_on": pd.to_datetime(["2024-01-01", "2024-01-11", "2024-01-31", "2024-12-01", "2024-12-22"]),
    })  # fmt: skip
    result = usual_gaps(days, as_of=AS_OF).set_index("account_id")
    assert result.loc["A", "gap_days_median"] == 15
    assert np.isnan(result.loc["B", "gap_days_median"])
    assert result["recency_days"].to_dict() == {"A": 336, "B": 10}


def health_of(**changes):
    plain = {
        "account_id": "A", "recency_days": 10.0, "gap_days_median": 20.0, "spend_recent": 100.0, "spend_before": 100.0,
        "cases": 4, "cases_open": 0, "rating_mean": 4.0, "ratings": 5, "single_thread": False,
    }  # fmt: skip
    frame = pd.DataFrame([plain | changes]).astype({"single_thread": "boolean"})
    return check_health(frame, rating_low=3.0).iloc[0]


@pytest.mark.parametrize(
    ("changes", "failed", "health"),
    [
        ({}, 0, "healthy"),
        ({"recency_days": 41.0}, 1, "watch"),
        ({"recency_days": 40.0}, 0, "healthy"),
        ({"spend_recent": 69.0}, 1, "watch"),
        ({"spend_recent": 69.0, "single_thread": True}, 2, "at_risk"),
        ({"cases_open": 2}, 1, "watch"),
        ({"cases_open": 2, "cases": 5}, 0, "healthy"),
        ({"rating_mean": 2.9}, 1, "watch"),
        ({"rating_mean": 2.9, "ratings": 2}, 0, "healthy"),
    ],
)
def test_health_counts_the_checks_that_fail(changes, failed, health):
    result = health_of(**changes)
    assert (result["checks_failed"], result["health"]) == (failed, health)


def test_nothing_known_is_unknown_health():
    result = health_of(
        recency_days=np.nan, gap_days_median=np.nan, spend_before=0.0, cases=0, ratings=0, rating_mean=np.nan,
        single_thread=None,
    )  # fmt: skip
    assert (result["checks_known"], result["health"]) == (0, "unknown")


@pytest.fixture(scope="module")
def portraits():
    lines = pd.DataFrame({
        "order_id": ["1", "1", "2", "3", "4", "5", "6"],
        "customer_id": ["c1", "c1", "c2", "c1", "c3", "A2", "c9"],
        "ordered_at": pd.to_datetime(
            ["2024-05-01", "2024-05-01", "2024-06-01", "2023-06-01", "2024-07-01", "2024-08-01", "2024-08-01"]
        ),
        "amount": [10.0, 20.0, 5.0, 100.0, 50.0, 7.0, 1000.0],
    })  # fmt: skip
    service = pd.DataFrame({
        "case_id": ["s1", "s2", "s3"],
        "customer_id": ["c1", "c2", "c1"],
        "opened_at": pd.to_datetime(["2024-03-01", "2024-12-30", "2025-02-01"]),
        "closed_at": pd.to_datetime(["2024-03-02", "2025-01-05", None]),
        "rating": [4.0, 1.0, 5.0],
    })  # fmt: skip
    accounts = pd.DataFrame({
        "account_id": ["A1", "A2", "A3"], "parent_id": [None, "A1", None], "name": ["甲", "乙", "丙"],
        "employees": [9, 10, None],
    })  # fmt: skip
    contacts = pd.DataFrame({
        "contact_id": ["k1", "k2", "k3", "k4"], "account_id": ["A1", "A1", "A2", "A3"],
        "customer_id": ["c1", "c2", "c3", "c1"], "decision_role": ["拍板人", "user", "champion", None],
    })  # fmt: skip
    frames = {"transactions": lines, "service": service, "accounts": accounts, "contacts": contacts}
    tables = {name: ibis.memtable(frame) for name, frame in frames.items()}
    return portray_accounts(tables, as_of=AS_OF)


def test_orders_roll_up_to_accounts_and_groups_without_counting_twice(portraits):
    result = portraits.accounts.set_index("account_id")
    assert result["orders"].to_dict() == {"A1": 3, "A2": 2, "A3": 0}
    assert result["spend"].to_dict() == {"A1": 135.0, "A2": 57.0, "A3": 0.0}
    assert result["spend_before"].to_dict() == {"A1": 100.0, "A2": 0.0, "A3": 0.0}
    groups = portraits.groups.set_index("group_id")
    assert groups.loc["A1", ["accounts", "orders", "spend", "spend_share"]].tolist() == [2, 5, 192.0, 1.0]
    assert portraits.shared_customers == 1
    assert portraits.unattributed_spend == 1000.0


def test_what_happens_after_the_date_is_not_known(portraits):
    result = portraits.accounts.set_index("account_id").loc["A1"]
    assert (result["cases"], result["cases_open"], result["ratings"], result["rating_mean"]) == (2, 1, 1, 4.0)


def test_the_committee_names_what_is_missing(portraits):
    result = portraits.accounts.set_index("account_id").loc["A1"]
    assert (result["contacts"], result["roles_known"]) == (2, 2)
    assert result["roles_missing"] == "champion, technical_evaluator, gatekeeper, influencer"
    assert result["top_contact_share"] == 0.5
    assert not result["single_thread"]


def test_size_bands_begin_at_their_lower_end(portraits):
    assert portraits.accounts["size_band"].tolist()[:2] == ["1-9", "10-49"]
    assert pd.isna(portraits.accounts["size_band"].iloc[2])


def test_without_accounts_there_is_no_portrait():
    assert portray_accounts({}, as_of=AS_OF) is None


def test_accounts_alone_are_enough():
    tables = {"accounts": ibis.memtable(pd.DataFrame({"account_id": ["A"], "industry": ["software"]}))}
    result = portray_accounts(tables, as_of=AS_OF).accounts.iloc[0]
    assert (result["orders"], result["health"]) == (0, "unknown")
