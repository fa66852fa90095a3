"""Rules are read, and all faults of form are reported at once."""

import pytest

from workbench.analysis.audiences.rule import Did, parse_audience, parse_expression
from workbench.core.errors import ProfileError


def test_a_rule_is_read_into_steps_exclusions_and_limit():
    result = parse_audience({
        "audience": "win_back",
        "purpose": "marketing",
        "all": ["churn_probability > 0.5", {"did": {"table": "transactions", "last_days": 90}}, {"any": ["a = 1", "b = 2"]}],
        "exclude": [{"not_done": {"table": "events"}}],
        "limit": {"customers": 10, "by": "expected_value"},
    })  # fmt: skip
    assert [item.words for item in result.rule] == [
        "churn_probability > 0.5", ">= 1 transactions in 90 days", "a = 1 or b = 2",
    ]  # fmt: skip
    assert result.rule[1].content == Did("transactions", None, 90)
    assert result.exclude[0].words == "no events"
    assert (result.limit.customers, result.limit.order) == (10, "highest")


def test_each_term_of_an_expression_is_a_step_and_alternatives_stay_together():
    assert [item.content for item in parse_expression("a = 1 and b = 'x and y'").rule] == ["a = 1", "b = 'x and y'"]
    assert [item.content for item in parse_expression("a = 1 and b = 2 or c = 3").rule] == ["a = 1 and b = 2 or c = 3"]
    assert [item.content for item in parse_expression("(a = 1 and b = 2)").rule] == ["(a = 1 and b = 2)"]


def test_every_fault_is_reported_at_once():
    with pytest.raises(ProfileError) as refused:
        parse_audience({
            "audience": "Win Back",
            "purposes": "x",
            "all": [{"wher": "a = 1"}, {"did": {"table": "events", "last_day": 3, "at_least": 2, "at_most": 1}}],
            "limit": {"customers": -1, "by": "x", "order": "high"},
        })  # fmt: skip
    message = str(refused.value)
    for part in (
        "name 'Win Back'", "unknown key 'purposes'", "Did you mean 'purpose'?", "unknown clause 'wher'",
        "unknown key 'last_day'", "at_most 1 below at_least 2", "-1", "'high'",
    ):  # fmt: skip
        assert part in message, part


@pytest.mark.parametrize("content", [{}, {"all": ["a = 1"], "any": ["b = 1"]}])
def test_a_rule_has_one_top_clause(content):
    with pytest.raises(ProfileError, match="top clauses"):
        parse_audience(content)


def test_a_sequence_needs_two_steps():
    with pytest.raises(ProfileError, match="Expected two steps or more"):
        parse_audience({"sequence": {"steps": [{"table": "events"}]}})


def test_nesting_has_an_end():
    clause = "a = 1"
    for _ in range(40):
        clause = {"not": clause}
    with pytest.raises(ProfileError, match="mapping with one key"):
        parse_audience(clause)
