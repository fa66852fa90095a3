"""What is said of companies: counts of risk, single threads, and what the roll-up leaves out."""

import pandas as pd

from workbench.analysis.accounts.portraits import AccountPortraits
from workbench.report.findings.accounts import find_accounts, limit_accounts, riskiest_accounts, riskiest_committees
from workbench.report.text import say

ROLES = [
    f"role_{role}" for role in ("economic_buyer", "champion", "technical_evaluator", "user", "gatekeeper", "influencer")
]


def portraits(**changes):
    accounts = pd.DataFrame({
        "account_id": ["A", "B", "C"], "name": ["Acme", None, "Cube"], "region": [None, None, "Beijing"],
        "size_band": [None, "1-9", "10-49"], "problem": [None, "parent_unknown", None],
        "health": ["at_risk", "healthy", "at_risk"], "spend": [10.0, 20.0, 30.0], "spend_before": [8.0, 9.0, 5.0],
        "spend_recent": [1.0, 9.0, 1.0], "contacts": [2, 1, 3], "active_contacts": [1, 1, 1], "recency_days": [9.0, 5.0, 7.0],
        "checks_failed": [2, 0, 2], "later_than_usual": [True, False, None], "spend_falling": [True, False, True],
        "cases_open_many": [None, None, None], "rating_low": [None, None, True], "single_thread": [True, None, False],
    }).astype({name: "boolean" for name in ("later_than_usual", "cases_open_many", "rating_low", "single_thread")})  # fmt: skip
    groups = pd.DataFrame({"group_id": ["C", "A"], "accounts": [2, 1], "spend_share": [0.75, 0.25]})
    committees = pd.DataFrame({"account_id": ["A", "A"], "decision_role": ["economic_buyer", None]})
    parts = {"accounts": accounts, "groups": groups, "committees": committees, "shared_customers": 0}
    return AccountPortraits(**parts | {"unattributed_spend": 0.0} | changes)


def test_risk_and_single_threads_are_counted_among_those_known():
    values = {finding.key: finding.values for finding in find_accounts(portraits(), account_window_days=365)}
    assert values["accounts_at_risk"] == {"n": 2, "known": 3, "spend": 13.0, "days": 365}
    assert values["accounts_single_thread"] == {"n": 1, "known": 2}
    assert values["accounts_deciders"] == {"n": 1, "accounts": 3}


def test_every_sentence_is_said_in_both_languages():
    accounts = portraits(shared_customers=1, unattributed_spend=5.0)
    for finding in [*find_accounts(accounts, account_window_days=365), *limit_accounts(accounts)]:
        assert all(say(finding.key, language, finding.values, "CNY") for language in ("en", "zh"))


def test_what_was_not_shared_or_lost_is_not_reported():
    keys = [finding.key for finding in limit_accounts(portraits())]
    assert keys == ["accounts_limit_health", "accounts_limit_parents"]


def test_the_riskiest_come_first_and_the_healthy_are_left_out():
    table = riskiest_accounts(portraits())
    assert table["account_name"].tolist() == ["Cube", "Acme"]
    assert table["firm"].tolist() == ["10-49 · Beijing", ""]
    assert table["failed_checks"].tolist() == [
        ["spend_falling", "rating_low"],
        ["later_than_usual", "spend_falling", "single_thread"],
    ]
    assert table["roles_known"].tolist() == [[], ["role_economic_buyer"]]
    assert table["roles_missing"].tolist() == [ROLES, [role for role in ROLES if role != "role_economic_buyer"]]


def test_the_committee_of_an_account_is_reported_role_by_role_and_nobody_of_a_healthy_one():
    committees = pd.DataFrame({
        "account_id": ["A", "A", "A", "B"], "contact_id": ["k3", "k2", "k1", "k4"],
        "decision_role": ["other_role", "user", "economic_buyer", "champion"], "position": ["aide", "chemist", "director", None],
        "orders_recent": [0, 4, 1, 2], "cases_recent": [0, 0, 2, 0],
    })  # fmt: skip
    table = riskiest_committees(portraits(committees=committees))
    assert table["contact_id"].tolist() == ["k1", "k2", "k3"]
    assert table["decision_role"].fillna("-").tolist() == ["role_economic_buyer", "role_user", "-"]
    assert (table["account_name"] == "Acme").all() and table["problem"].isna().all()
    assert riskiest_committees(None).empty
