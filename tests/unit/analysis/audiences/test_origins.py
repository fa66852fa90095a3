"""What a rule depends on: its columns, their sources, and columns that count the same rows."""

from datetime import date
from pathlib import Path

import ibis
import pytest

from workbench.analysis.audiences.origins import made_by_rule
from workbench.analysis.audiences.rule import parse_audience, parse_expression
from workbench.analysis.audiences.select import Knowledge
from workbench.core.tags.registry import load_registry
from workbench.core.workspace import Workspace

TEXTS = ("customer_id", "city", "province", "category_top")
FEATURES = (*TEXTS, "recency_days", "monetary_total", "orders_90d", "gap_days_mean", "sessions", "weekend_share")


@pytest.fixture(scope="module")
def tags():
    return load_registry(Workspace(Path(__file__).parents[4])).tags


@pytest.fixture(scope="module")
def knowledge():
    features = ibis.table({name: "string" if name in TEXTS else "float64" for name in FEATURES}, name="features")
    rfm = ibis.table({"customer_id": "string", "rfm_type": "string", "r_score": "int64"}, name="rfm")
    return Knowledge({"features": features, "rfm": rfm}, date(2025, 7, 1), {})


def behind(rule, knowledge, tags):
    audience = parse_expression(rule) if isinstance(rule, str) else parse_audience(rule)
    return {name for name in made_by_rule(audience, knowledge, tags) if name in (*FEATURES, "rfm_type", "r_score")}


ORDERS = {"recency_days", "monetary_total", "orders_90d", "gap_days_mean", "rfm_type", "r_score"}


@pytest.mark.parametrize(
    ("rule", "made"),
    [
        ("recency_days < 90", ORDERS),
        ("rfm_type = 'important_value'", ORDERS),
        ("spend_band = 'top'", ORDERS),  # a tag of monetary_total
        ({"did": {"table": "transactions", "last_days": 30}}, ORDERS),
        ({"not_done": {"table": "events"}}, {"sessions"}),
        ("city = '上海'", {"city", "province"}),
        ({"where": "city = '上海'", "limit": {"customers": 9, "by": "recency_days"}}, {"city", "province", *ORDERS}),
    ],
)
def test_what_the_rule_decides_is_found(rule, made, knowledge, tags):
    assert behind(rule, knowledge, tags) == made


def test_tags_of_the_same_figures_are_among_it(knowledge, tags):
    made = made_by_rule(parse_expression("recency_days < 90"), knowledge, tags)
    assert {"recency_band", "spend_band", "order_recency"} <= set(made)
    assert "favourite_category" not in made_by_rule(parse_expression("city = '上海'"), knowledge, tags)
