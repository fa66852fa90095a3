"""A card has what is known and no more: hand-made sources, missing values, refusals, expired tags."""

from datetime import date

import pandas as pd
import pytest

from workbench.analysis.cards.card import CardSources, PortraitCard, make_cards
from workbench.analysis.cards.timeline import month_starts
from workbench.analysis.cards.urgency import by_urgency, timing_of
from workbench.core.tags.registry import load_registry
from workbench.core.workspace import find_workspace

AS_OF = date(2025, 7, 1)


@pytest.fixture(scope="module")
def registry(repository):
    return load_registry(find_workspace(repository), pack="retail", thresholds={})


def empty(*columns):
    return pd.DataFrame(columns=["customer_id", *columns])


def sources(**changes):
    facts = pd.DataFrame({
        "customer_id": ["a", "b"], "recency_days": [30.0, None], "gap_days_median": [10.0, None],
        "frequency_orders": [4.0, None], "monetary_total": [120.5, None], "life_cycle_stage": ["at_risk", None],
        "churn_probability": [0.62, None], "next_purchase_on": pd.to_datetime(["2025-07-09", None]),
        "birthday_next_on": pd.to_datetime(["2025-08-01", "2025-06-01"]),
    })  # fmt: skip
    tags = pd.DataFrame({
        "customer_id": ["a", "a", "a"], "tag": ["gender", "life_cycle", "no_such_tag"], "item": ["gender", "life_cycle", "x"],
        "value": ["female", "at_risk", "y"], "since": [date(2025, 1, 1)] * 3, "as_of": [AS_OF] * 3,
        "expires_at": [None, AS_OF, None], "evidence": ["gender=female", "", ""], "version": [1, 1, 1],
    })  # fmt: skip
    reasons = pd.DataFrame({
        "customer_id": ["a"] * 4, "rank": [2, 1, 3, 4], "feature": ["orders_90d", "recency_days", "x", "y"],
        "value": [0.0, 30.0, 1.0, 2.0], "contribution": [0.4, 1.2, -0.1, 0.05],
    })  # fmt: skip
    inputs = {
        "facts": facts, "tags": tags, "preferences": empty("by", "value", "lines", "share"),
        "timeline": empty("kind", "month", "n"), "reasons": reasons, "consents": empty("purpose", "granted"),
        "items": ("gender", "life_cycle", "income"),
    }  # fmt: skip
    return CardSources(**inputs | changes)


def cards(registry, **changes):
    return make_cards(sources(**changes), registry.tags, registry.pack, as_of=AS_OF)


def test_what_is_missing_is_absent_never_zero(registry):
    _, unknown = cards(registry)
    assert (unknown.orders, unknown.life_cycle_stage, unknown.tags, unknown.sentence) == (None, None, (), ())
    assert (unknown.value, unknown.rhythm, unknown.risk, unknown.occasions) == ({}, {}, {}, ())
    assert unknown.unknown == ("gender", "life_cycle", "income")


def test_recency_is_relative_to_the_customers_own_rhythm(registry):
    assert cards(registry)[0].rhythm == {"recency_days": 30.0, "gap_days_median": 10.0, "ratio": 3.0}


def test_the_three_strongest_reasons_are_in_order(registry):
    reasons = cards(registry)[0].risk["reasons"]
    assert [item["feature"] for item in reasons] == ["recency_days", "orders_90d", "x"]


def test_an_expired_tag_is_marked_and_not_part_of_the_sentence(registry):
    result = cards(registry)[0]
    assert {item.tag: item.expired for item in result.tags} == {"gender": False, "life_cycle": True}
    assert result.sentence == ("gender",)
    assert result.unknown == ("life_cycle", "income")


def test_a_past_date_is_not_an_occasion(registry):
    one, other = cards(registry)
    assert [item["what"] for item in one.occasions] == ["purchase", "birthday"]
    assert other.occasions == ()


def test_who_refused_profiling_has_a_header_alone(registry):
    consents = pd.DataFrame(
        {"customer_id": ["a", "b"], "purpose": ["profiling", "marketing"], "granted": [False, True]}
    )
    refused, other = cards(registry, consents=consents)
    assert refused.opted_out and not refused.tags and not refused.risk
    assert not other.opted_out and other.consents == {"marketing": True}


def test_the_strategy_is_the_one_declared_for_the_stage(registry):
    assert [item.key for item in cards(registry)[0].suggestions] == ["at_risk"]


def test_months_end_with_the_one_before_the_date():
    assert month_starts(date(2025, 3, 1), 2) == [date(2025, 1, 1), date(2025, 2, 1)]
    assert month_starts(date(2025, 3, 2), 2) == [date(2025, 2, 1), date(2025, 3, 1)]


def test_a_segment_is_called_by_the_name_its_definition_gives_it(registry):
    tags = sources().tags.iloc[:1].assign(tag="segment", item="user_tier", value="tier_1", expires_at=None)
    names = {"segment": {"tier_1": {"en": "Best", "zh": "最好"}}}
    card, _ = cards(registry, tags=tags, value_names=names)
    assert [(item.value, item.value_name) for item in card.tags] == [("tier_1", {"en": "Best", "zh": "最好"})]


def urgent(customer, risk=None, value=None, ratio=None, **changes):
    return PortraitCard(
        customer, AS_OF, risk={} if risk is None else {"churn_probability": risk},
        value={} if value is None else {"expected_value": value}, rhythm={} if ratio is None else {"ratio": ratio}, **changes,
    )  # fmt: skip


def test_cards_are_sorted_by_expected_loss_and_those_who_left_come_last():
    cards = [
        urgent("lost", 0.9, 900, life_cycle_stage="lost"), urgent("opted", 0.9, 900, opted_out=True),
        urgent("slow", ratio=1.5), urgent("late", ratio=4.0), urgent("b", 0.5, 100), urgent("a", 0.25, 200), urgent("rich", 0.2, 1000),
    ]  # fmt: skip
    order = ["rich", "a", "b", "late", "slow", "lost", "opted"]
    assert [card.customer_id for card in by_urgency(cards)] == order
    assert [card.customer_id for card in by_urgency(reversed(cards))] == order
    assert by_urgency([]) == []


def test_the_timing_is_that_of_the_own_rhythm():
    days = {"recency_days": 30.0}
    cases = {"late": 2.1, "due": 2.0, "in_time": 1.0}
    for timing, ratio in cases.items():
        assert timing_of(PortraitCard("a", AS_OF, rhythm=days | {"ratio": ratio})) == timing
    assert timing_of(PortraitCard("a", AS_OF, rhythm=days)) == "once"
    assert timing_of(PortraitCard("a", AS_OF)) == "none"
    assert timing_of(PortraitCard("a", AS_OF, rhythm=days | {"ratio": 0.1}, life_cycle_stage="lost")) == "away"


def test_a_card_names_its_place_on_every_list_and_who_may_not_be_contacted(registry):
    first, second = cards(registry, lists={"keep_list": ["b", "a"], "contact_list": ["b"]}, no_contact={"b": "minor"})
    assert (first.lists, second.lists) == ({"keep_list": (2, 2)}, {"keep_list": (1, 2), "contact_list": (1, 1)})
    assert (first.no_contact, second.no_contact) == ("", "minor")
    assert [one.no_contact for one in cards(registry)] == [None, None]
