"""Columns of recommendations and likes, counted by hand; the tags made from them."""

import datetime as dt
import json

import ibis
import pandas as pd
import pytest
from pydantic import ValidationError

from workbench.analysis.tags.offers import likes_of, offers_of
from workbench.analysis.tags.tagging import tag_customers, tag_options
from workbench.core.stages.tag_customers import TagCustomers
from workbench.core.tags.likes import like_tags

AS_OF = dt.date(2025, 1, 1)
PRODUCTS = pd.DataFrame({"product_id": ["t1", "t2", "j1", "b1"], "category": ["tea", "tea", "jam", "beer"]})
LIKES = {"tea": {"category": ["tea"]}, "wine": {"category": ["wine"]}}


def evidence(share=None):
    return json.dumps({"base": 0.1} | ({} if share is None else {"because": "x", "share": share}))


def recommendations(rows, level="product_id"):
    frame = pd.DataFrame(rows, columns=["customer_id", "list", "rank", "item", "evidence"])
    other = "category" if level == "product_id" else "product_id"
    frame = frame.rename(columns={"item": level}).assign(**{other: None})
    schema = dict.fromkeys(("customer_id", "list", "evidence", "product_id", "category"), "string") | {"rank": "int64"}
    return ibis.memtable(frame, schema={name: schema[name] for name in frame.columns})


ROWS = [
    ("a", "new", 1, "j1", evidence(0.5)), ("a", "new", 2, "t1", evidence(0.3)), ("a", "new", 3, "t2", evidence()),
    ("b", "new", 1, "j1", evidence()), ("b", "new", 2, "b1", evidence()), ("b", "again", 1, "t1", evidence(0.9)),
    ("*", "neutral", 1, "t1", evidence()),
]  # fmt: skip


def test_the_next_category_has_most_new_items_then_the_best_rank():
    tables = {"recommendations": recommendations(ROWS), "products": ibis.memtable(PRODUCTS)}
    frame = offers_of(tables).order_by("customer_id").to_pandas().set_index("customer_id")
    assert frame.index.tolist() == ["a", "b"]  # nobody owns the neutral list
    assert frame["next_category"].tolist() == ["tea", "jam"]
    assert frame["next_category_items"].tolist() == [2, 1]
    assert frame.loc["a", "cross_sell_share"] == pytest.approx(0.4)
    assert pd.isna(frame.loc["b", "cross_sell_share"])


def test_categories_recommended_themselves_need_no_products():
    rows = [("a", "new", 1, "jam", evidence(0.2)), ("a", "new", 2, "tea", evidence(0.2))]
    frame = offers_of({"recommendations": recommendations(rows, "category")}).to_pandas()
    assert frame["next_category"].tolist() == ["jam"]
    assert offers_of({}) is None


LINES = pd.DataFrame({
    "customer_id": ["a"] * 4 + ["b"] * 4 + [None],
    "product_id": ["t1", "t2", "t1", "j1", "j1", "b1", "j1", "t1", "t1"],
    "ordered_at": pd.to_datetime(["2024-06-01"] * 8 + ["2024-06-01"]),
    "amount": [1.0] * 8 + [1.0],
})  # fmt: skip


def test_a_like_compares_the_customer_with_all_lines_and_shrinks():
    tables = {"transactions": ibis.memtable(LINES), "products": ibis.memtable(PRODUCTS)}
    frame = likes_of(tables, LIKES, as_of=AS_OF).order_by("customer_id").to_pandas().set_index("customer_id")
    share = 4 / 8  # tea among the lines of customers
    assert frame["likes_tea_lines"].tolist() == [3, 1]
    assert frame.loc["a", "likes_tea_lift"] == pytest.approx((3 + 5 * share) / ((4 + 5) * share), abs=1e-6)
    assert frame["likes_wine_lift"].isna().all()  # nobody bought it
    assert likes_of(tables, {}, as_of=AS_OF) is None
    assert likes_of({"transactions": tables["transactions"]}, LIKES, as_of=AS_OF) is None
    assert likes_of(tables, {"x": {"brand": ["y"]}}, as_of=AS_OF) is None  # no such column


def test_likes_are_tags_with_the_lift_as_evidence():
    lines = pd.concat([LINES, *[LINES.assign(customer_id="c", product_id="b1")] * 6], ignore_index=True)
    features = ibis.memtable(pd.DataFrame({"customer_id": ["a", "b", "c", "d"]}))
    tables = {"features": features, "transactions": ibis.memtable(lines), "products": ibis.memtable(PRODUCTS)}
    tagged = tag_customers(tables, [*like_tags(LIKES).values()], as_of=AS_OF, options=tag_options(likes=LIKES))
    frame = tagged.tags.to_pandas()
    values = frame[frame["tag"] == "likes_tea"].set_index("customer_id")["value"].to_dict()
    assert values == {"a": "yes", "b": "no", "c": "no"}  # d bought nothing: unknown
    assert "likes_tea_lift" in frame.loc[frame["customer_id"] == "a", "evidence"].iloc[0]
    assert "likes_wine" not in set(frame["tag"])


def test_a_like_is_one_column_with_values():
    for likes in (
        {"Tea": {"category": ["x"]}},
        {"tea": {"category": []}},
        {"tea": {"category": ["x"], "brand": ["y"]}},
    ):
        with pytest.raises(ValidationError, match="like"):
            TagCustomers(likes=likes)
    assert list(like_tags(TagCustomers(likes=LIKES).likes)) == ["likes_tea", "likes_wine"]
