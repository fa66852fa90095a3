"""The packs of a bank and of a car maker on customers with tags computed by hand."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import ibis
import pandas as pd

from workbench.analysis.tags.strategies import strategy_for
from workbench.analysis.tags.tagging import Tagged, tag_customers
from workbench.core.tags.registry import load_registry
from workbench.core.workspace import Workspace

AS_OF = dt.date(2025, 7, 1)
WORKSPACE = Workspace(Path(__file__).parents[4])
IDS = list("abcdefgh")


def tagged(pack: str, *names: str, **frames: pd.DataFrame) -> Tagged:
    tags = load_registry(WORKSPACE, pack=pack).tags
    tables = {name: ibis.memtable(frame) for name, frame in frames.items()}
    return tag_customers(tables, [tags[name] for name in names], as_of=AS_OF, days_covered=400)


def values(found: Tagged, name: str) -> dict[str, str]:
    frame = found.portraits.to_pandas().set_index("customer_id")
    return {key: value for key, value in frame[name].items() if isinstance(value, str)}


def test_a_bank_knows_deposits_products_spending_and_what_its_ladder_holds_next():
    customers = pd.DataFrame({
        "customer_id": IDS, "deposit_balance": [100.0, 200, 300, 400, 500, 600, 700, None],
        "products_held": [1, 1, 2, 3, 1, 4, 1, 1], "spend_90d": [0.0, 10, 20, 30, 40, 50, 60, None],
    })  # fmt: skip
    result = tagged("banking", "deposit_level", "product_holding", "card_spending", "next_product", features=customers)
    # of 100 .. 700: median 400, 80th percentile 580, 95th 670
    levels = ["basic"] * 4 + ["upper", "affluent", "private"]
    assert values(result, "deposit_level") == dict(zip("abcdefg", levels, strict=True))
    held = ["one", "one", "few", "few", "one", "many", "one", "one"]
    assert values(result, "product_holding") == dict(zip(IDS, held, strict=True))
    spent = ["low", "low", "middle", "middle", "middle", "high", "high"]  # cut at 19.99998 and 40.00002
    assert values(result, "card_spending") == dict(zip("abcdefg", spent, strict=True))
    # h holds one product, but deposits are unknown: nothing is suggested on half of what must be known
    steps = ["credit_card", "credit_card", "none", "none", "savings_plan", "advice", "advice"]
    assert values(result, "next_product") == dict(zip("abcdefg", steps, strict=True))


def test_a_car_maker_reads_interviews_in_the_words_owners_used():
    answers = pd.DataFrame(
        [
            ("a", "car_ownership", "首次购车", "2025-01-01"), ("a", "car_ownership", " 换购 ", "2025-03-01"),  # later counts
            ("a", "product_use", "自驾游", "2025-03-01"), ("a", "media_habit", "短视频", "2025-03-01"),
            ("b", "car_ownership", "First purchase", "2025-02-01"), ("b", "product_use", "School run", "2025-02-01"),
            ("b", "product_opinion", "seats <too> hard", "2025-02-01"),
            ("c", "car_ownership", "a gift", "2025-02-01"), ("c", "product_use", "通勤", "2025-07-01"),  # as-of: too late
        ],
        columns=["customer_id", "question", "answer", "answered_at"],
    )  # fmt: skip
    answers = answers.assign(survey="owners", answered_at=pd.to_datetime(answers["answered_at"]))
    names = ("purchase_type", "main_use", "media_habit", "product_opinion")
    result = tagged("automotive", *names, features=pd.DataFrame({"customer_id": IDS}), responses=answers)
    assert values(result, "purchase_type") == {"a": "replacement", "b": "first", "c": "other"}
    assert values(result, "main_use") == {"a": "leisure", "b": "family"}
    assert values(result, "media_habit") == {"a": "短视频"}
    assert values(result, "product_opinion") == {"b": "seats <too> hard"}


def test_years_lie_between_two_cars_so_a_car_maker_calls_a_year_recent():
    features = pd.DataFrame({"customer_id": IDS[:4], "recency_days": [365, 366, 2920, 2921]})
    result = tagged("automotive", "recency_band", features=features)
    assert list(values(result, "recency_band").values()) == ["month", "quarter", "year", "longer"]


def test_what_a_bank_lacks_is_unknown_and_listed():
    result = tagged(
        "banking", "deposit_level", "product_holding", "next_product", features=pd.DataFrame({"customer_id": IDS})
    )
    assert result.plan.absent["deposit_level"] == ("attribute_deposit_balance",)
    assert "next_product" in result.plan.absent


def test_each_trade_declares_its_own_strategies():
    offers = {
        pack: strategy_for(load_registry(WORKSPACE, pack=pack).pack, life_cycle="at_risk")[0].strategy.offer.en
        for pack in ("banking", "automotive", "retail")
    }
    assert offers["banking"] == "a talk with an adviser about what changed"
    assert offers["automotive"] == "an inspection, a valuation of the car"
    assert len(set(offers.values())) == 3
