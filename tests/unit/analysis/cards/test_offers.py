"""The first three recommendations on a card, by list in turn; the neutral list without permission."""

import json

import ibis
import pandas as pd

from workbench.analysis.cards.card import PortraitCard
from workbench.analysis.cards.offers import top_offers
from workbench.report.cards.customer import card_page, card_view

AGAIN = json.dumps({"bought": 3, "every_days": 21, "last_days": 28})
NEW = json.dumps({"base": 0.08, "because": "p1", "buyers": 120, "share": 0.31})
POPULAR = json.dumps({"base": 0.4})
ROWS = [
    ("a", "again", 1, "p1", AGAIN), ("a", "again", 2, "p2", AGAIN), ("a", "again", 3, "p3", AGAIN),
    ("a", "new", 1, "p4", NEW), ("b", "again", 1, "p1", AGAIN),
    ("*", "neutral", 1, "p9", POPULAR), ("*", "neutral", 2, "p8", POPULAR),
]  # fmt: skip
PRODUCTS = pd.DataFrame({"product_id": ["p1", "p4"], "product_name": ["Tea", "<b>Jam</b>"]})


def offers(permitted, ids=("a", "b", "c"), products=PRODUCTS):
    frame = pd.DataFrame(ROWS, columns=["customer_id", "list", "rank", "product_id", "evidence"]).assign(category=None)
    schema = dict.fromkeys(frame.columns, "string") | {"rank": "int64"}
    tables = {"recommendations": ibis.memtable(frame, schema=schema), "products": ibis.memtable(products)}
    return top_offers(tables, ids, permitted=permitted)


def test_three_offers_come_from_each_list_in_turn():
    frame = offers({"a", "b", "c"})
    own = frame[frame["customer_id"] == "a"]
    assert own[["list", "item"]].to_numpy().tolist() == [["again", "p1"], ["new", "p4"], ["again", "p2"]]
    assert own["name"].tolist() == ["Tea", "<b>Jam</b>", "p2"]
    assert own["because_name"].tolist()[1] == "Tea"
    assert frame[frame["customer_id"] == "c"]["item"].tolist() == ["p9", "p8"]


def test_products_of_one_name_are_told_apart_by_their_id():
    frame = pd.DataFrame({"product_id": ["p1", "p2", "p4"], "product_name": ["Tea", "Tea", "Jam"]})
    assert offers({"a"}, ["a"], products=frame)["name"].tolist() == ["Tea (p1)", "Jam", "Tea (p2)"]


def test_without_permission_only_the_neutral_list():
    frame = offers(set())
    assert set(frame["list"]) == {"neutral"}
    assert frame.groupby("customer_id")["item"].agg(list).to_dict() == dict.fromkeys("abc", ["p9", "p8"])
    assert top_offers({}, ["a"], permitted={"a"}).empty


def test_a_card_writes_the_reason_in_its_own_language_and_escapes_names():
    rows = offers({"a"}, ["a"]).drop(columns="customer_id").to_dict("records")
    card = PortraitCard("a", pd.Timestamp("2025-01-01").date(), offers=tuple(rows))
    texts = [offer["reason"] for offer in card_view(card)["offers"]]
    assert texts[0] == "you buy it every 21 days, last 28 days ago"
    assert texts[1] == "bought by 31 % of the 120 who bought Tea, 8 % of all"
    assert "21" in card_view(card, language="zh")["offers"][0]["reason"]
    page = card_page([card])
    assert "&lt;b&gt;Jam&lt;/b&gt;" in page
    assert "<b>Jam</b>" not in page
    assert "Recommended next" in page
    assert "Recommended next" not in card_page([PortraitCard("a", pd.Timestamp("2025-01-01").date())])
