"""Tags of customers, computed by hand."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import ibis
import pandas as pd
import pytest

from workbench.analysis.tags.columns import known_columns
from workbench.analysis.tags.compiling import check_tags, plan_tags
from workbench.analysis.tags.tagging import days_of_data, tag_customers, tag_options
from workbench.analysis.tags.wide import widen
from workbench.core.errors import ProfileError
from workbench.core.tags.definition import Tag
from workbench.core.tags.registry import load_registry
from workbench.core.workspace import Workspace

AS_OF = dt.date(2025, 7, 1)
FEATURES = pd.DataFrame(
    {
        "customer_id": ["a", "b", "c", "d", "e"],
        "recency_days": [10, 40, 200, None, 30],
        "frequency_orders": [5, 2, 3, 0, 1],
        "monetary_total": [50.0, 40.0, 30.0, None, 10.0],
        "category_top": ["tea", "tea", "<b>", None, "$=1"],
        "gender": ["F", "男", "x", None, " woman "],
        "age": [30, 17, 44, 60, None],
    }
)


def tag(name="last", **more):
    message = {
        "id": name, "item": "recency", "name": {"en": "n", "zh": "名"}, "business": {"en": "b", "zh": "业"}, "technical": {"en": "t", "zh": "技"},
        "kind": "rule", "owner": "o", "cadence": "daily", "ttl_days": 30, "on_null": "drop", "purpose": "p", "version": 2,
        "status": "published", **more,
    }  # fmt: skip
    return Tag.model_validate(message)


def rule(name="last", *, otherwise="far", **conditions):
    more = conditions.pop("more", {})
    values = {key: {"en": key, "zh": key, "when": when} for key, when in conditions.items()}
    return tag(name, values={**values, otherwise: {"en": otherwise, "zh": otherwise, "otherwise": True}}, **more)


LAST = rule(near="recency_days <= 30", middle="recency_days <= 90")


def run(*tags, features=FEATURES, as_of=AS_OF, before=None, days=None, options=None, **tables):
    frames = {"features": features, **tables}
    named = {name: ibis.memtable(frame) for name, frame in frames.items()}
    past = None if before is None else ibis.memtable(before)
    return tag_customers(
        named, tags, as_of=as_of, before=past, days_covered=days, options=tag_options(**(options or {}))
    )


def values(result, name="last"):
    frame = result.portraits.to_pandas().set_index("customer_id")
    return {key: value for key, value in frame[name].items() if isinstance(value, str)}


def rows(result):
    return result.tags.to_pandas().sort_values(["customer_id", "tag"]).reset_index(drop=True)


def test_the_first_condition_that_holds_wins_and_the_otherwise_value_is_for_all_others():
    assert values(run(LAST)) == {"a": "near", "c": "far", "e": "near"} | {}  # b is under age, d has no purchase


def test_a_missing_figure_is_unknown_and_never_the_otherwise_value():
    assert "d" not in values(run(LAST))
    assert "d" not in set(rows(run(LAST))["customer_id"])


def test_a_customer_under_age_gets_no_tag_unless_parameters_and_consent_allow():
    consents = pd.DataFrame({"customer_id": ["b"], "purpose": ["minors"], "granted": [True]})
    assert "b" not in values(run(LAST))
    assert "b" not in values(run(LAST, consents=consents))
    assert "b" not in values(run(LAST, options={"minors": True}))
    assert values(run(LAST, consents=consents, options={"minors": True}))["b"] == "middle"


def test_a_customer_who_refused_profiling_gets_no_tag_and_the_latest_consent_counts():
    consents = pd.DataFrame(
        {
            "customer_id": ["a", "a", "c", "e"],
            "purpose": ["profiling"] * 4,
            "granted": [True, False, False, False],
            "changed_at": pd.to_datetime(["2025-01-01", "2025-02-01", "2025-07-01", "2025-03-01"]),
        }
    )
    result = values(run(LAST, consents=consents))
    assert result == {"c": "far"}  # c's refusal was made on the as-of date, after what the run sees


def test_a_tag_that_needs_consent_holds_only_where_it_was_granted():
    consents = pd.DataFrame({"customer_id": ["a", "c"], "purpose": ["ads", "ads"], "granted": [True, False]})
    needing = rule(near="recency_days <= 30", more={"consent": "ads"})
    assert values(run(needing, consents=consents)) == {"a": "near"}
    assert values(run(needing)) == {}


def test_sensitive_tags_are_off_unless_parameters_and_consent_allow():
    customers = pd.DataFrame({"customer_id": ["a", "c"], "religion": ["x", "y"]})
    consents = pd.DataFrame({"customer_id": ["a", "c"], "purpose": ["sensitive"] * 2, "granted": [True, False]})
    faith = tag("faith", item="religion", copies="religion", consent="sensitive", sensitivity="sensitive")
    closed = run(faith, customers=customers, consents=consents)
    assert [item.id for item in closed.off] == ["faith"]
    assert "religion" not in closed.wide.columns and not len(rows(closed))
    opened = run(faith, customers=customers, consents=consents, options={"sensitive_items": ["religion"]})
    assert values(opened, "faith") == {"a": "x"}


def test_a_tag_may_be_sensitive_though_its_item_is_not():
    wealth = rule("wealth", near="recency_days <= 30", more={"sensitivity": "sensitive"})
    assert [item.id for item in run(wealth).off] == ["wealth"]
    assert run(wealth, options={"sensitive_items": [wealth.item]}).off == ()


def test_the_wide_table_has_sensitive_columns_only_where_they_are_allowed():
    customers = ibis.memtable({"customer_id": ["a"], "religion": ["x"], "nationality": ["CN"], "source_l1": ["shop"]})
    tables = {"customers": customers, "features": ibis.memtable(FEATURES)}
    closed = widen(tables, as_of=AS_OF, questions={}, scales={}, sensitive_items=()).table.columns
    opened = widen(tables, as_of=AS_OF, questions={}, scales={}, sensitive_items=("religion",)).table.columns
    assert {"nationality", "source_l1"} <= set(closed)
    assert "religion" not in closed
    assert "religion" in opened


def test_spellings_of_a_source_are_joined_and_what_fits_none_is_the_otherwise_value():
    spelt = tag(
        "sex", item="gender", copies="gender",
        values={
            "female": {"en": "f", "zh": "女", "same_as": ["F", "woman"]},
            "male": {"en": "m", "zh": "男", "same_as": ["男"]},
            "unknown": {"en": "u", "zh": "未知", "otherwise": True},
        },
    )  # fmt: skip
    assert values(run(spelt), "sex") == {"a": "female", "c": "unknown", "e": "female"}


def test_a_copied_value_is_the_exact_text_of_the_source():
    assert values(run(tag("cat", item="preference", copies="category_top")), "cat") == {
        "a": "tea",
        "c": "<b>",
        "e": "$=1",
    }


def test_a_preference_needs_its_minimum_support():
    supported = tag("cat", item="preference", copies="category_top", support={"frequency_orders": 3})
    assert values(run(supported), "cat") == {"a": "tea", "c": "<b>"}


def test_quantiles_are_cut_once_and_equal_values_are_in_one_band():
    bands = tag(
        "spend", item="monetary", quantiles={"of": "monetary_total", "cuts": [0.5]},
        values={"low": {"en": "l", "zh": "低"}, "high": {"en": "h", "zh": "高"}},
    )  # fmt: skip
    result = run(bands)
    assert result.cuts == {"spend": (35.0,)}  # between 30 and 40 of 10, 30, 40, 50
    assert values(result, "spend") == {"a": "high", "c": "low", "e": "low"}
    assert rows(result).set_index("customer_id").loc["a", "evidence"] == "monetary_total=50.0; cuts=35"
    tied = run(bands, features=FEATURES.assign(monetary_total=7.0))
    assert set(values(tied, "spend").values()) == {"low"}


def test_a_tag_may_name_another_which_is_computed_before_it():
    second = rule("view", keep="tag_last = 'near'", otherwise="win_back")
    result = run(second, LAST)
    assert values(result, "view") == {"a": "keep", "c": "win_back", "e": "keep"}
    assert [[item.id for item in level] for level in result.plan.levels] == [["last"], ["view"]]


def test_either_of_two_columns_is_enough_where_a_need_allows_it():
    either = rule(
        "stage", item_young="age < 35 or age_band like '25%'", more={"item": "age", "needs": ["age|age_band"]}
    )
    assert values(run(either), "stage") == {"a": "item_young", "c": "far", "d": "far"}
    banded = FEATURES.drop(columns="age").assign(age_band=["25-34", None, "55+", None, "25-34"])
    assert values(run(either, features=banded), "stage") == {"a": "item_young", "c": "far", "e": "item_young"}


def test_a_row_has_its_start_its_end_and_its_evidence():
    row = rows(run(LAST)).iloc[0]
    assert row[["customer_id", "tag", "item", "value", "version"]].tolist() == ["a", "last", "recency", "near", 2]
    dates = [pd.Timestamp(row[name]).date() for name in ("since", "as_of", "expires_at")]
    assert dates == [AS_OF, AS_OF, dt.date(2025, 7, 31)]
    assert row["evidence"] == "recency_days=10.0"


def test_a_value_that_has_not_changed_keeps_its_since():
    first = rows(run(LAST, as_of=dt.date(2025, 6, 1)))
    moved = FEATURES.assign(recency_days=[15, 70, 20, None, 60])
    later = rows(run(LAST, features=moved, before=first)).set_index("customer_id")
    assert pd.Timestamp(later.loc["a", "since"]).date() == dt.date(2025, 6, 1)
    assert pd.Timestamp(later.loc["c", "since"]).date() == AS_OF
    assert {pd.Timestamp(day).date() for day in later["as_of"]} == {AS_OF}


def test_a_run_of_a_later_date_is_not_used_as_history():
    future = rows(run(LAST, as_of=dt.date(2026, 1, 1)))
    repeated = rows(run(LAST, before=future))
    assert {pd.Timestamp(day).date() for day in repeated["since"]} == {AS_OF}


def test_what_is_no_longer_known_is_dropped_or_kept_until_it_expires():
    keeping = rule("kept", near="recency_days <= 30", more={"on_null": "keep_last"})
    before = rows(run(LAST, keeping, as_of=dt.date(2025, 6, 10)))
    blank = FEATURES.assign(recency_days=float("nan"))
    soon = run(LAST, keeping, features=blank, before=before)
    assert values(soon) == {}
    assert values(soon, "kept") == {"a": "near", "c": "far", "e": "near"}
    assert {pd.Timestamp(day).date() for day in rows(soon)["as_of"]} == {dt.date(2025, 6, 10)}
    late = run(LAST, keeping, features=blank, before=before, as_of=dt.date(2025, 7, 10))
    assert values(late, "kept") == {}  # expired on this day: out of the table audiences are made of
    assert len(rows(late)) == 3  # and still shown, with the day it expired


def test_nothing_is_kept_of_a_deleted_customer_or_one_who_refuses_now():
    keeping = rule("kept", near="recency_days <= 30", more={"on_null": "keep_last"})
    before = rows(run(keeping, as_of=dt.date(2025, 6, 10)))
    assert set(before["customer_id"]) == {"a", "c", "e"}  # b is under age, d unknown
    blank = FEATURES[FEATURES["customer_id"] != "c"].assign(recency_days=float("nan"))
    refusal = pd.DataFrame({"customer_id": ["a"], "purpose": ["profiling"], "granted": [False]})
    result = run(keeping, features=blank, before=before, consents=refusal)
    assert values(result, "kept") == {"e": "near"}
    assert rows(result)["customer_id"].tolist() == ["e"]


def test_a_tag_that_needs_consent_keeps_no_last_value():
    asks = rule("kept", near="recency_days <= 30", more={"on_null": "keep_last", "consent": "marketing"})
    granted = pd.DataFrame({"customer_id": ["a"], "purpose": ["marketing"], "granted": [True]})
    before = rows(run(asks, as_of=dt.date(2025, 6, 10), consents=granted))
    assert before["customer_id"].tolist() == ["a"]
    withdrawn = run(asks, before=before, consents=granted.assign(granted=False))
    assert values(withdrawn, "kept") == {}
    assert rows(withdrawn).empty


def test_a_column_the_profile_lacks_makes_the_tag_unknown():
    result = run(LAST, rule("again", often="sessions >= 3"))
    assert result.plan.absent == {"again": ("sessions",)}
    assert "again" not in result.portraits.columns


def test_numeric_columns_are_not_copied_and_text_columns_get_no_quantiles():
    band = tag("band", item="income", copies="income")
    cut = tag("level", item="income", quantiles={"of": "income", "cuts": [0.5]}, values={"l": {"en": "l", "zh": "低"}, "h": {"en": "h", "zh": "高"}})  # fmt: skip
    numbers = run(band, cut, features=FEATURES.assign(income=[1.0, 2.0, 3.0, 4.0, 5.0]))
    words = run(band, cut, features=FEATURES.assign(income=["50-74K"] * 5))
    assert [item.id for item in numbers.computed] == ["level"]
    assert [item.id for item in words.computed] == ["band"]


def test_attributes_are_referenced_with_the_attribute_prefix():
    size = tag("size", item="usage_habit", copies="attribute_ring_size")
    assert run(size).plan.absent == {"size": ("attribute_ring_size",)}
    assert values(run(size, features=FEATURES.assign(ring_size=list("13579"))), "size") == {
        "a": "1",
        "c": "5",
        "d": "7",
        "e": "9",
    }


def test_a_window_longer_than_the_data_leaves_the_tag_out_and_is_reported():
    yearly = rule("year", none="orders_365d = 0")
    long = FEATURES.assign(orders_365d=1)
    assert run(yearly, features=long, days=200).plan.short == {"year": 365}
    assert values(run(yearly, features=long, days=365), "year") == {"a": "far", "c": "far", "d": "far", "e": "far"}


def test_an_unknown_column_or_tag_is_refused_with_the_nearest_name():
    with pytest.raises(
        ProfileError, match=r"tag last, value near: unknown column 'recency_day' .* Did you mean 'recency_days'\?"
    ):
        run(rule(near="recency_day <= 30"))
    with pytest.raises(ProfileError, match=r"unknown column 'tag_lost' .* Did you mean 'tag_last'\?"):
        run(LAST, rule("view", keep="tag_lost = 'near'"))


def test_a_comparison_across_kinds_is_refused():
    with pytest.raises(ProfileError, match=r"tag last, value near: recency_days \(number\) compared with 'x'"):
        run(rule(near="recency_days = 'x'"))


def test_tags_that_name_each_other_in_a_circle_are_refused():
    first, second = rule("one", x="tag_two = 'far'"), rule("two", x="tag_one = 'far'")
    assert [str(fault) for fault in check_tags([first, second], known_columns({}))] == [
        "tag one: depends on itself: one -> two -> one. Break the circle."
    ]
    with pytest.raises(ProfileError, match="tag self: depends on itself: self -> self"):
        plan_tags([rule("self", x="tag_self = 'far'")], known_columns({}), {})


def test_the_order_of_rows_changes_nothing():
    turned = FEATURES.iloc[::-1].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows(run(LAST)), rows(run(LAST, features=turned)))


def test_a_base_without_customers_has_no_tags():
    empty = run(LAST, features=FEATURES.iloc[:0])
    assert len(rows(empty)) == 0
    assert len(empty.portraits.to_pandas()) == 0


def test_the_frames_given_are_left_as_they_are():
    before = FEATURES.copy()
    run(LAST)
    pd.testing.assert_frame_equal(FEATURES, before)


def test_days_of_data_run_from_the_first_order_or_event():
    orders = ibis.memtable(pd.DataFrame({"ordered_at": pd.to_datetime(["2025-06-01", "2025-06-20"])}))
    events = ibis.memtable(pd.DataFrame({"occurred_at": pd.to_datetime(["2025-05-02"])}))
    assert days_of_data({"transactions": orders}, as_of=AS_OF) == 30
    assert days_of_data({"transactions": orders, "events": events}, as_of=AS_OF) == 60
    assert days_of_data({}, as_of=AS_OF) is None


def test_the_account_of_a_contact_and_the_size_of_the_household_are_at_hand():
    contacts = pd.DataFrame(
        {
            "contact_id": ["2", "1"],
            "account_id": ["B", "A"],
            "customer_id": ["a", "a"],
            "decision_role": ["user", "buyer"],
        }
    )
    accounts = pd.DataFrame({"account_id": ["A", "B"], "name": ["x", "y"], "industry": ["steel", "glass"]})
    households = pd.DataFrame({"customer_id": ["a", "c"], "household_id": ["h", "h"]})
    result = run(
        tag("industry", item="industry", copies="account_industry"), tag("role", item="decision_role", copies="account_decision_role"),
        rule("home", item_two="household_members = 2", more={"item": "household_size"}),
        contacts=contacts, accounts=accounts, households=households,
    )  # fmt: skip
    assert values(result, "industry") == {"a": "steel"}  # the first contact by its id counts
    assert values(result, "role") == {"a": "buyer"}
    assert values(result, "home") == {"a": "item_two", "c": "item_two"}


def test_the_latest_answer_counts_and_only_before_the_as_of_date():
    responses = pd.DataFrame(
        {
            "customer_id": ["a", "a", "a", "c"],
            "question": ["lifestyle", "Lifestyle", "lifestyle", "生活方式"],
            "answer": ["old", "new", "future", "外向"],
            "answered_at": pd.to_datetime(["2025-01-01", "2025-02-01", "2025-08-01", "2025-01-05"]),
        }
    )
    result = run(tag("life", item="lifestyle", copies="answer_lifestyle"), responses=responses)
    assert values(result, "life") == {"a": "new", "c": "外向"}


def scale_answers(spread):
    rows_ = [(f"c{at:03}", f"q{item}", str(spread(at, item))) for at in range(60) for item in range(3)]
    return pd.DataFrame(rows_, columns=["customer_id", "question", "answer"])


def test_a_scale_is_reported_only_where_it_is_reliable():
    everybody = pd.DataFrame({"customer_id": [f"c{at:03}" for at in range(60)], "age": 40})
    options = {"scales": {"attitude": {"items": ["q0", "q1", "q2"], "low": 1, "high": 5}}}
    level = tag(
        "attitude_level", item="attitude", quantiles={"of": "score_attitude", "cuts": [0.5]},
        values={"low": {"en": "l", "zh": "低"}, "high": {"en": "h", "zh": "高"}},
    )  # fmt: skip
    alike = run(level, features=everybody, responses=scale_answers(lambda at, item: 1 + at % 5), options=options)
    assert alike.scales[0].alpha == 1.0 and alike.scales[0].n == 60
    assert values(alike, "attitude_level")["c000"] == "low"
    noise = run(
        level,
        features=everybody,
        responses=scale_answers(lambda at, item: 1 + (at * (item + 1) ** 2 + item) % 5),
        options=options,
    )
    assert noise.scales[0].alpha < 0.7 and noise.scales[0].scores is None
    assert noise.plan.absent == {"attitude_level": ("score_attitude",)}


def test_the_sign_of_leaving_is_the_first_reason_that_raises_the_churn_score():
    reasons = pd.DataFrame(
        [
            ("a", 1, "tenure_days", "900", -1.2, "lowers"),
            ("a", 2, "complaints", "2", 0.7, "raises"),
            ("a", 3, "recency_days", "80", 0.4, "raises"),
            ("c", 1, "event_recency_days", "661", 1.4, "raises"),
            ("e", 1, "recency_days", "3", -0.9, "lowers"),  # nothing speaks for leaving
            ("d", 1, "Contract", "Month-to-month", 0.9, "raises"),
        ],
        columns=["customer_id", "rank", "feature", "value", "contribution", "direction"],
    )
    shipped = load_registry(Workspace(Path(__file__).parents[4])).tags["churn_signal"]
    result = run(shipped, churn_reasons=reasons)
    assert values(result, "churn_signal") == {"a": "service", "c": "silence", "d": "other"}
    evidence = rows(result).set_index("customer_id")["evidence"]
    assert evidence["c"] == "churn_reason_top=event_recency_days; churn_reason_value=661"
    assert "churn_signal" in run(shipped).plan.absent  # 08 kept no reasons
