"""Who fulfils a rule: hand-counted on eight customers, on the edges of windows, and where values are missing."""

from datetime import date

import ibis
import pandas as pd
import pytest

from workbench.analysis.audiences.rule import parse_audience, parse_expression
from workbench.analysis.audiences.select import Knowledge, check_audience, funnel, members, standing
from workbench.core.errors import ProfileError

AS_OF = date(2025, 1, 1)
FEATURES = pd.DataFrame({
    "customer_id": list("abcdefgh"),
    "recency_days": [1, 40, 100, 200, None, 5, 9, 300],
    "city": ["上海", "上海", "北京", None, "北京", "上海", "广州", "北京"],
})  # fmt: skip
CHURN = pd.DataFrame({"customer_id": list("abcdefg"), "churn_probability": [0.1, 0.9, 0.8, 0.7, 0.2, 0.6, None]})
ORDERS = pd.DataFrame({
    "order_id": ["1", "1", "2", "3", "4", None, None],
    "customer_id": ["a", "a", "a", "b", "c", "f", "f"],
    "ordered_at": pd.to_datetime(
        ["2024-12-31 10:00", "2024-12-31 10:00", "2024-12-02", "2024-12-01", "2025-01-01", "2024-12-20", "2024-12-20"], format="ISO8601"),
    "channel": ["shop", "shop", "web", "web", "web", "web", "web"],
})  # fmt: skip
EVENTS = pd.DataFrame({
    "customer_id": ["a", "a", "b", "b", "c", "c", "d", "d", "d"],
    "occurred_at": pd.to_datetime([
        "2024-12-01 10:00", "2024-12-01 11:00", "2024-12-01 11:00", "2024-12-01 10:00", "2024-12-01", "2024-12-20",
        "2024-11-01", "2024-12-10", "2024-12-12",
    ], format="ISO8601"),
    "type": ["view", "cart", "view", "cart", "view", "cart", "view", "view", "cart"],
})  # fmt: skip


def knowledge_with(**named):
    frames = {"features": FEATURES, "churn": CHURN, "transactions": ORDERS, "events": EVENTS}
    return Knowledge({name: ibis.memtable(frame) for name, frame in frames.items()}, AS_OF, named)


def who(content, **named):
    audience = parse_expression(content) if isinstance(content, str) else parse_audience(content)
    knowledge = knowledge_with(**named)
    check_audience(audience, knowledge)
    return "".join(members(audience, standing(audience, knowledge)).customer_id.to_pandas())


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("churn_probability > 0.5 and city = '上海'", "bf"),
        ("recency_days is null", "e"),
        ({"not": "churn_probability > 0.5"}, "aegh"),  # unknown is not known to hold
        ({"any": ["city = '广州'", "recency_days > 250"]}, "gh"),
        ({"did": {"table": "transactions"}}, "abf"),  # the as-of date itself is not seen
        ({"did": {"table": "transactions", "at_least": 2}}, "af"),  # lines without an order_id are orders
        ({"did": {"table": "transactions", "last_days": 31}}, "abf"),  # [start, end): 1 December is in
        ({"did": {"table": "transactions", "last_days": 30}}, "af"),
        ({"did": {"table": "transactions", "where": "channel = 'shop'"}}, "a"),
        ({"did": {"table": "events", "at_least": 1, "at_most": 2}}, "abc"),
        ({"did": {"table": "events", "at_least": 0, "at_most": 2}}, "abcefgh"),
        ({"not_done": {"table": "transactions"}}, "cdegh"),
        (
            {"all": ["city = '上海'"], "exclude": [{"did": {"table": "transactions", "where": "channel = 'shop'"}}]},
            "bf",
        ),
        ({"all": [], "limit": {"customers": 2, "by": "churn_probability"}}, "bc"),
        ({"all": [], "limit": {"customers": 2, "by": "recency_days", "order": "lowest"}}, "af"),
    ],
)
def test_members_are_as_counted_by_hand(rule, expected):
    assert who(rule) == expected


def cart(**days):
    steps = [{"table": "events", "where": "type = 'view'"}, {"table": "events", "where": "type = 'cart'"}]
    return {"sequence": {"steps": steps, **days}}


def test_a_sequence_is_in_order_and_in_time():
    assert who(cart()) == "acd"  # b put it in the cart before the view
    assert who(cart(within_days=5)) == "ad"  # d saw it again two days before
    assert who(cart(within_days=5, last_days=25)) == "d"


def test_steps_at_one_moment_do_not_follow_each_other():
    same = EVENTS.assign(occurred_at=pd.Timestamp("2024-12-01"))
    knowledge = Knowledge({"features": ibis.memtable(FEATURES), "events": ibis.memtable(same)}, AS_OF, {})
    audience = parse_audience(cart())
    assert members(audience, standing(audience, knowledge)).count().to_pandas() == 0


def test_another_audience_is_a_clause():
    inner = parse_audience({"audience": "leaving", "all": ["churn_probability > 0.5"], "exclude": ["city = '北京'"]})
    assert who({"all": [{"audience": "leaving"}, "recency_days < 50"]}, leaving=inner) == "bf"
    assert who({"not": {"audience": "leaving"}}, leaving=inner) == "acegh"


def test_the_funnel_counts_each_clause_alone_and_in_turn():
    audience = parse_audience({"all": ["churn_probability > 0.5", "city = '上海'"], "exclude": ["recency_days < 10"]})
    result = funnel(audience, standing(audience, knowledge_with()))
    assert result["alone"].tolist() == [8, 4, 3, 3]
    assert result["left"].tolist() == [8, 4, 2, 1]
    assert result["part"].tolist() == ["everybody", "rule", "rule", "exclude"]


@pytest.mark.parametrize("tagged", ["abcdefgh", "abcdef"])
def test_everybody_counts_whether_or_not_every_customer_has_a_row_of_tags(tagged):
    portraits = pd.DataFrame({"customer_id": list(tagged), "mood": ["glad", "sad"] * (len(tagged) // 2)})
    tables = {"features": ibis.memtable(FEATURES), "portraits": ibis.memtable(portraits)}
    audience = parse_audience({"not": "mood = 'glad'"})
    table = standing(audience, Knowledge(tables, AS_OF, {}))
    assert funnel(audience, table)["left"].tolist() == [8, 8 - len(tagged) // 2]
    joins = str(ibis.to_sql(table)).upper().count("JOIN")
    assert joins == (0 if tagged == "abcdefgh" else 1)  # the join is left out only where it changes nothing


def test_an_empty_audience_is_a_result():
    assert who("city = '深圳'") == ""
    audience = parse_expression("city = '深圳'")
    assert funnel(audience, standing(audience, knowledge_with()))["left"].tolist() == [8, 0]


def test_the_order_of_rows_changes_nothing():
    tables = {"features": FEATURES.sample(frac=1, random_state=1), "churn": CHURN.sample(frac=1, random_state=2)}
    knowledge = Knowledge({name: ibis.memtable(frame) for name, frame in tables.items()}, AS_OF, {})
    audience = parse_audience({"all": ["churn_probability > 0"], "limit": {"customers": 3, "by": "churn_probability"}})
    assert "".join(members(audience, standing(audience, knowledge)).customer_id.to_pandas()) == "bcd"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("chrun_probability > 0.5", "Did you mean 'churn_probability'?"),
        ("city > 5", "city"),
        ({"did": {"table": "event"}}, "Did you mean 'events'?"),
        ({"did": {"table": "products"}}, "has no dates"),
        ({"did": {"table": "events", "where": "typ = 'view'"}}, "Did you mean 'type'?"),
        ({"did": {"table": "events", "last_days": 9999}}, "longer than the data, which begins on 2024-11-01"),
        ({"audience": "x"}, "top clauses"),
        ({"all": [{"audience": "leavng"}]}, "no audience 'leavng'"),
        ({"all": ["city = '上海'"], "limit": {"customers": 1, "by": "valu"}}, "unknown column 'valu'"),
        ({"all": ["city = '上海'"], "columns": ["phone"]}, "unknown column 'phone'"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_nearest_name(rule, said):
    with pytest.raises(ProfileError) as refused:
        who(rule)
    assert said in str(refused.value)


def test_audiences_in_a_circle_are_refused():
    first = parse_audience({"audience": "one", "all": [{"audience": "two"}]})
    second = parse_audience({"audience": "two", "all": [{"audience": "one"}]})
    with pytest.raises(ProfileError, match="in a circle: one -> two -> one"):
        check_audience(first, knowledge_with(one=first, two=second))


# recommended ------------------------------------------------------------------------------------

RECOMMENDED = pd.DataFrame({
    "customer_id": ["a", "a", "b", "*"], "list": ["again", "new", "new", "neutral"],
    "product_id": ["p1", "p2", "p1", "p3"], "category": pd.Series([None] * 4, dtype="object"),
})  # fmt: skip


def recommended(text, frame=RECOMMENDED):
    tables = {"features": ibis.memtable(FEATURES)}
    if frame is not None:
        schema = dict.fromkeys(("customer_id", "list", "product_id", "category"), "string")
        tables["recommendations"] = ibis.memtable(frame, schema=schema)
    audience, knowledge = parse_expression(text), Knowledge(tables, AS_OF, {})
    check_audience(audience, knowledge)
    return "".join(members(audience, standing(audience, knowledge)).customer_id.to_pandas())


def test_a_rule_may_ask_who_is_recommended_a_product_or_a_category():
    assert recommended("recommended('p1')") == "ab"
    assert recommended("recommended('p1') and city = '上海' and not recommended('p2')") == "b"
    categories = RECOMMENDED.assign(product_id=None, category=["tea", "jam", "tea's", "ale"])
    assert recommended("recommended('tea''s')", categories) == "b"


def test_an_item_that_nobody_is_recommended_is_refused_with_the_nearest_name():
    with pytest.raises(ProfileError, match="nobody is recommended 'p11'.*Did you mean 'p1'"):
        recommended("recommended('p11')")
    with pytest.raises(ProfileError, match="nobody is recommended 'p3'"):  # everybody's list is nobody's own
        recommended("recommended('p3')")
    with pytest.raises(ProfileError, match=r"no table recommendations\. Run 07_mine_affinities first"):
        recommended("recommended('p1')", None)
