"""Visits, conversion, service, campaigns, relations, surveys and origin: every expectation by hand."""

from datetime import date, datetime

import ibis
import pytest

from workbench.intake.features.build import build_features
from workbench.intake.features.inputs.settings import FeatureSettings

AS_OF = date(2024, 7, 1)
CUSTOMERS = {
    "customer_id": ["anna", "bo", "cleo"], "city": ["上海市", "Chengdu", "Nowhere"], "source_l1": [None, "store", None],
    "referrer_customer_id": [None, "anna", "anna"],
}  # fmt: skip


def at(text):
    return datetime.fromisoformat(text)


def frame(**columns):
    return ibis.memtable(columns)


def features(settings=None, **tables):
    tables = {"customers": ibis.memtable(CUSTOMERS), **tables}
    built = build_features(
        tables, as_of=AS_OF, windows_days=[30], settings=settings or FeatureSettings(least_for_share=1)
    )
    return {row["customer_id"]: row for row in built.to_pyarrow().to_pylist()}


EVENTS = [
    ("anna", "2024-06-10 10:00", "view", "p1", None, 20.0, "app"), ("anna", "2024-06-10 10:10", "view", "p2", None, 40.0, "app"),
    ("anna", "2024-06-10 10:20", "cart", "p1", None, None, "app"), ("anna", "2024-06-10 12:00", "view", "p3", None, None, "web"),
    ("anna", "2024-03-01 20:00", "search", None, "Gold Ring", None, "app"),
    ("anna", "2024-07-01 00:00", "view", "p1", None, 99.0, "app"),  # on the as-of date
]  # fmt: skip


def events():
    names = ("customer_id", "occurred_at", "type", "product_id", "search_term", "dwell_seconds", "platform")
    columns = {name: [row[place] for row in EVENTS] for place, name in enumerate(names)}
    return ibis.memtable(columns | {"occurred_at": [at(text) for text in columns["occurred_at"]]})


def test_sessions_are_cut_where_nothing_happens_for_half_an_hour():
    anna = features(events=events())["anna"]
    assert (anna["sessions"], anna["sessions_30d"], anna["event_days"]) == (3, 2, 2)
    assert anna["session_minutes_mean"] == pytest.approx(20 / 3, abs=1e-6)
    assert anna["single_event_session_share"] == pytest.approx(2 / 3, abs=1e-6)
    assert anna["event_recency_days"] == 21
    assert (anna["search_term_top"], anna["event_platform_top"], anna["event_hour_top"]) == ("gold ring", "app", 10)
    assert anna["dwell_minutes_per_session_mean"] == pytest.approx(1.0)


def test_the_funnel_counts_sessions_for_recorded_steps_only():
    anna = features(events=events())["anna"]
    assert anna["view_to_cart_share"] == 0.5
    assert anna["cart_to_purchase_share"] is None  # no event of the source buys


def test_a_customer_without_an_event_has_no_session_and_an_unknown_rhythm():
    bo = features(events=events())["bo"]
    assert (bo["sessions"], bo["sessions_30d"], bo["event_recency_days"]) == (0, 0, None)


def test_the_decision_cycle_runs_from_the_first_view_to_the_purchase():
    lines = frame(
        order_id=["o1"], customer_id=["anna"], ordered_at=[at("2024-06-14 09:00")], product_id=["p1"], amount=[9.0]
    )
    products = frame(product_id=["p1", "p2", "p3"], category=["ring"] * 3)
    anna = features(events=events(), transactions=lines, products=products)["anna"]
    assert (anna["decision_cycle_days_median"], anna["products_before_purchase_median"]) == (4, 3)
    assert anna["decision_style"] == "comparison"
    assert anna["viewed_bought_share"] == pytest.approx(1 / 3, abs=1e-6)


def test_a_case_that_was_open_at_the_date_has_no_rating_and_no_end():
    service = frame(
        case_id=["1", "2", "3"], customer_id=["anna"] * 3, type=["complaint", "question", "complaint"],
        topic=["size", "price", "size"], rating=[5.0, 2.0, 1.0],
        opened_at=[at("2024-05-01"), at("2024-06-10"), at("2024-06-20")],
        closed_at=[at("2024-05-05"), at("2024-06-11"), at("2024-07-03")],
    )  # fmt: skip
    anna = features(service=service)["anna"]
    assert (anna["service_cases"], anna["service_cases_30d"], anna["service_cases_open"]) == (3, 2, 1)
    assert (anna["resolve_days_median"], anna["service_rating_mean"], anna["service_rating_last"]) == (2.5, 3.5, 2.0)
    assert (anna["complaints"], anna["complaints_open"], anna["service_topic_top"]) == (2, 1, "size")


def test_campaigns_are_counted_by_what_happened_before_the_date():
    campaigns = frame(
        campaign_id=["a", "b"], customer_id=["anna"] * 2, sent_at=[at("2024-06-01"), at("2024-06-20")],
        opened_at=[at("2024-06-02"), at("2024-07-05")], redeemed_at=[at("2024-06-08"), None],
    )  # fmt: skip
    anna = features(campaigns=campaigns)["anna"]
    assert [anna[f"campaigns_{step}"] for step in ("sent", "opened", "redeemed")] == [2, 1, 1]
    assert (anna["campaign_open_share"], anna["redemption_days_median"]) == (0.5, 7)


def test_relations_count_both_ways_and_among_known_customers_only():
    relations = frame(
        customer_id=["anna", "bo", "anna"], other_id=["bo", "anna", "stranger"], kind=["friend", "friend", "friend"]
    )
    lines = frame(order_id=["o1"], customer_id=["bo"], ordered_at=[at("2024-06-01")], amount=[30.0])
    by_customer = features(relations=relations, transactions=lines)
    assert (by_customer["anna"]["relations_degree"], by_customer["cleo"]["relations_degree"]) == (1, 0)
    assert by_customer["anna"]["relations_active_share"] == 1
    assert (by_customer["anna"]["referrals"], by_customer["anna"]["referred_spend"]) == (2, 30)


def test_reviews_and_recommendation_are_as_answered_last():
    reviews = frame(
        customer_id=["anna", "anna"], rating=[5.0, 3.0], likes=[2, 4], followers=[10, 30],
        reviewed_at=[at("2024-01-01"), at("2024-06-01")],
    )  # fmt: skip
    answers = frame(
        customer_id=["anna", "anna"], survey=["s", "s"], question=["NPS", "NPS"], answer=["3", "9"],
        answered_at=[at("2024-01-01"), at("2024-06-01")],
    )  # fmt: skip
    anna = features(reviews=reviews, responses=answers)["anna"]
    assert (anna["reviews_written"], anna["review_rating_mean"], anna["review_rating_last"]) == (2, 4, 3)
    assert (anna["review_likes"], anna["followers_most"], anna["review_recency_days"]) == (6, 30, 30)
    assert (anna["nps_score"], anna["nps_class"], anna["survey_answers"]) == (9, "promoter", 2)


def test_the_city_has_a_tier_and_the_first_touch_names_the_channel():
    lines = frame(
        order_id=["o1", "o2"], customer_id=["anna", "bo"], ordered_at=[at("2024-06-01"), at("2024-06-01")],
        amount=[1.0, 1.0], channel=["web", "web"],
    )  # fmt: skip
    by_customer = features(transactions=lines)
    assert [by_customer[name]["city_tier"] for name in by_customer] == [1, 2, None]
    assert [by_customer[name]["acquisition_channel"] for name in by_customer] == ["web", "store", None]


def test_an_occasion_needs_its_goods_and_its_days_and_the_first_that_fits_wins():
    lines = frame(
        order_id=["o1", "o2", "o3"], customer_id=["anna"] * 3, product_id=["p1", "p2", "p1"], amount=[9.0] * 3,
        ordered_at=[at("2024-05-18 10:00"), at("2024-05-18 11:00"), at("2024-03-03 10:00")],
    )  # fmt: skip
    products = frame(product_id=["p1", "p2"], category=["ring", "bracelet"], product_name=["对戒", "手链"])
    occasions = {
        "love_day": {"dates": ["05-20"], "words": ["对戒"], "gift": True}, "wedding": {"categories": ["ring"], "gift": False},
    }  # fmt: skip
    settings = FeatureSettings(occasions=occasions)
    anna = features(settings, transactions=lines, products=products)["anna"]
    assert (anna["occasions_distinct"], anna["occasion_order_share"]) == (2, 1)
    assert anna["gift_order_share"] == pytest.approx(2 / 3, abs=1e-6)


@pytest.mark.parametrize(
    ("born", "bought", "fits"),
    [("1990-06-10", "2024-06-01", 1), ("1990-06-10", "2024-06-11", 0), ("1990-01-03", "2023-12-30", 1),
     ("1988-02-29", "2023-02-20", 1), ("1990-06-10", "2024-05-01", 0)],
)  # fmt: skip
def test_a_birthday_purchase_is_within_the_days_before_it_round_the_turn_of_the_year(born, bought, fits):
    tables = {
        "customers": frame(customer_id=["anna"], birth_date=[date.fromisoformat(born)]),
        "transactions": frame(order_id=["o1"], customer_id=["anna"], ordered_at=[at(bought)], amount=[9.0]),
    }
    settings = FeatureSettings(occasions={"birthday": {"birthday": True}})
    (anna,) = build_features(tables, as_of=AS_OF, settings=settings).to_pyarrow().to_pylist()
    assert (anna["occasion_order_share"], anna["occasion_top"]) == (fits, "birthday" if fits else None)


def test_a_birthday_rule_without_birth_dates_fits_nobody():
    lines = frame(order_id=["o1"], customer_id=["anna"], ordered_at=[at("2024-06-01")], amount=[9.0])
    settings = FeatureSettings(occasions={"birthday": {"birthday": True}})
    assert features(settings, transactions=lines)["anna"]["occasion_order_share"] == 0
