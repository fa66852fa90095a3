"""Recommendations: histories, methods, ranking with ties, trial by date, eligibility, lists with evidence."""

import datetime as dt

import ibis
import numpy as np
import pandas as pd
import pytest

from workbench.analysis.audiences.rule import parse_expression
from workbench.analysis.audiences.select import Knowledge
from workbench.analysis.recommendations.eligibility import Eligibility, eligible_customers, eligible_items
from workbench.analysis.recommendations.evidence import Companions
from workbench.analysis.recommendations.history import collect_history, day_number
from workbench.analysis.recommendations.lists import list_neutral, recommend
from workbench.analysis.recommendations.methods import METHODS, Scorer, scorer
from workbench.analysis.recommendations.ranking import count_served, rank_again, rank_new
from workbench.analysis.recommendations.study import study_recommendations
from workbench.analysis.recommendations.trial import TRIAL_COLUMNS, measure_ranking, run_trial
from workbench.core.errors import DataError, ProfileError

AS_OF = dt.date(2024, 7, 1)
OPTIONS = {
    "items": ["product_id"], "methods": ["popularity", "own", "bm25"], "trial": "quick", "hold_out_days": 30,
    "n_recommendations": 2, "never": {}, "once": {}, "eligible": {}, "n_bootstraps": 50, "seed": 1,
}  # fmt: skip


def history_of_rows(rows, as_of=AS_OF):
    frame = pd.DataFrame(rows, columns=["customer_id", "item", "day"])
    return collect_history(ibis.memtable(frame), as_of=as_of)


def day(text):
    return dt.date.fromisoformat(f"2024-{text}")


SMALL = [
    ("x", "milk", day("01-01")), ("x", "milk", day("01-11")), ("x", "milk", day("01-31")), ("x", "tea", day("06-30")),
    ("y", "milk", day("02-01")), ("y", "jam", day("02-01")), ("z", "ale", day("03-01")), ("z", "ale", day("03-01")),
    ("z", "late", day("07-01")),
]  # fmt: skip


def shopping(customers=60, seed=1):
    """Return customers who each buy one of two trios every ten days."""
    random, rows = np.random.default_rng(seed), []
    for customer in range(customers):
        names = ["a1", "a2", "a3"] if customer % 2 else ["b1", "b2", "b3"]
        rows += [
            (f"c{customer:03d}", name, dt.date(2024, 1, 1) + dt.timedelta(days=at * 10 + int(random.integers(3))))
            for at in range(18)
            for name in random.permutation(names)[:2]
        ]
    return rows


def listed(*arguments, **options):
    return pd.concat(recommend(*arguments, **options), ignore_index=True)


def lists_of(result):
    return pd.concat(result.frames(), ignore_index=True)


def names_of(history, codes):
    return [[history.items[code] for code in row if code >= 0] for row in codes]


def test_items_are_in_order_of_popularity_then_name_and_the_future_is_not_read():
    history = history_of_rows(SMALL)
    assert history.items.tolist() == ["milk", "ale", "jam", "tea"]
    assert history.popularity.tolist() == [4, 1, 1, 1]
    assert history.counts.toarray().tolist() == [[3, 0, 0, 1], [1, 0, 1, 0], [0, 1, 0, 0]]
    earlier = history.before(day_number(day("02-01")))
    assert (earlier.items.tolist(), earlier.popularity.tolist()) == (["milk"], [3])


def test_the_next_basket_is_the_first_day_at_or_after_the_cut_off():
    baskets = history_of_rows(SMALL).baskets_after(day_number(day("01-11")), days=30)
    assert baskets.values.tolist() == [[0, "milk"], [1, "milk"], [1, "jam"]]


def test_ties_are_broken_by_popularity_then_name():
    history = history_of_rows(SMALL)
    items, scores = rank_again(history, scorer("own", history), np.array([1]), k=3)
    assert (names_of(history, items), scores[0, :2].tolist()) == ([["milk", "jam"]], [1, 1])
    items, _ = rank_new(history, scorer("popularity", history), np.array([0, 2]), k=3)
    assert names_of(history, items) == [["ale", "jam"], ["milk", "jam", "tea"]]


@pytest.mark.parametrize("method", METHODS)
def test_no_method_repeats_an_item_or_offers_a_bought_one_as_new(method):
    history = history_of_rows(shopping())
    fitted, rows = scorer(method, history, seed=3), np.arange(len(history.customers))
    items, _ = rank_again(history, fitted, rows, k=3)
    assert all(
        set(codes[codes >= 0]) <= set(history.counts[[row]].indices) for row, codes in zip(rows, items, strict=True)
    )
    if fitted.new is not None:
        items, _ = rank_new(history, fitted, rows, k=3)
        assert all(
            not set(codes[codes >= 0]) & set(history.counts[[row]].indices)
            for row, codes in zip(rows, items, strict=True)
        )
        again, _ = rank_new(history, scorer(method, history, seed=3), rows, k=3)
        assert (items == again).all()


@pytest.mark.parametrize("method", ["bm25", "cosine", "ease", "als", "tifu_knn", "rules"])
def test_item_methods_recommend_what_similar_customers_bought(method):
    rows = [row for row in shopping() if not (row[0] == "c001" and row[1] == "a3")]
    history = history_of_rows(rows)
    items, _ = rank_new(history, scorer(method, history), np.array([1]), k=1)
    assert names_of(history, items) == [["a3"]]


def test_measures_at_their_best_their_worst_and_by_hand():
    wanted = pd.DataFrame({"row": [0, 0, 1, 2], "item": [1, 2, 5, -2]})
    measures = measure_ranking(np.array([[1, 2, 3], [0, 5, -1], [4, -1, -1], [1, 2, 3]]), wanted)
    assert measures["row"].tolist() == [0, 1, 2]
    assert measures["recall"].tolist() == [1, 1, 0]
    assert measures["ndcg"].tolist() == pytest.approx([1, 1 / np.log2(3), 0])
    assert measures["hit"].tolist() == [1, 1, 0]


def test_the_trial_chooses_before_it_reports_and_a_simpler_method_unless_clearly_beaten():
    history = history_of_rows(shopping())
    trial = run_trial(history, methods=["popularity", "own", "own_decayed"], hold_out_days=30, n_bootstraps=50, seed=1)
    assert set(trial.table["cut_off"]) == {dt.date(2024, 5, 2), dt.date(2024, 6, 1)}
    assert tuple(trial.table.columns[: len(TRIAL_COLUMNS)]) == TRIAL_COLUMNS
    assert trial.chosen["again"] == "own"
    assert trial.metrics["again.recall_at_10"] == 1.0
    assert trial.metrics["again.baseline_recall_at_10"] == 1.0


def test_a_change_after_the_cut_off_changes_no_ranking_before_it():
    history = history_of_rows(shopping())
    cut = day_number(day("06-01"))
    later = history_of_rows([row for row in shopping() if row[2] < day("06-01")]).before(cut)
    assert history.before(cut).items.tolist() == later.items.tolist()
    assert (history.before(cut).counts != later.counts).nnz == 0


def test_too_few_customers_leave_the_baselines():
    trial = run_trial(
        history_of_rows(SMALL), methods=["popularity", "own", "bm25"], hold_out_days=30, n_bootstraps=50, seed=1
    )
    assert (trial.chosen, trial.metrics) == ({"again": "own", "new": "popularity"}, {})


PRODUCTS = ibis.memtable({
    "product_id": ["milk", "ale", "jam", "tea"], "category": ["dairy", "alcohol", "sweet", "sweet"],
    "in_stock": ["yes", "yes", "no", "yes"],
})  # fmt: skip


def test_what_may_be_offered():
    history = history_of_rows(SMALL)
    eligible = eligible_items(
        history, PRODUCTS, level="product_id", never={"category": ["alcohol"]}, once={"category": ["sweet"]},
        expression="in_stock = 'yes'",
    )  # fmt: skip
    assert history.items[eligible.allowed].tolist() == ["milk", "tea"]
    assert [history.items[group].tolist() for group in eligible.once] == [["jam", "tea"]]
    with pytest.raises(DataError, match="never or once: products has no column 'categori'.*Did you mean 'category'"):
        eligible_items(history, PRODUCTS, level="product_id", never={"categori": ["x"]}, once={})
    with pytest.raises(DataError, match="there is no table products"):
        eligible_items(history, None, level="product_id", never={"category": ["x"]}, once={})


def test_an_audience_rule_chooses_customers():
    features = pd.DataFrame({"customer_id": ["x", "y", "z"], "orders_90d": [1, 5, 7]})
    segments = pd.DataFrame({"customer_id": ["x", "y"], "segment": ["low", "high"]})
    knowledge = Knowledge({"features": ibis.memtable(features), "segments": ibis.memtable(segments)}, AS_OF, {})
    assert eligible_customers(parse_expression("orders_90d > 2"), knowledge) == {"y", "z"}
    assert eligible_customers(parse_expression("orders_90d > 2 and segment = 'high'"), knowledge) == {"y"}
    with pytest.raises(ProfileError, match="unknown column 'orders_9d'"):
        eligible_customers(parse_expression("orders_9d > 2"), knowledge)
    with pytest.raises(DataError, match="needs features"):
        eligible_customers(parse_expression("orders_90d > 2"), Knowledge({}, AS_OF, {}))


def test_customers_outside_the_rule_get_the_neutral_list_alone():
    lines = pd.DataFrame(SMALL, columns=["customer_id", "product_id", "ordered_at"])
    tables = {"transactions": ibis.memtable(lines.assign(ordered_at=pd.to_datetime(lines["ordered_at"])))}
    result = study_recommendations(tables, as_of=AS_OF, permitted={"x", "y"}, ruled={"y", "z"}, **OPTIONS)
    assert set(lists_of(result)["customer_id"]) == {"*", "y"}
    assert (result.facts["refused"], result.facts["ineligible"]) == (1, 1)


def test_categories_never_recommended_are_on_no_list_not_even_the_neutral_one():
    lines = pd.DataFrame(SMALL, columns=["customer_id", "product_id", "ordered_at"])
    tables = {
        "transactions": ibis.memtable(lines.assign(ordered_at=pd.to_datetime(lines["ordered_at"]))),
        "products": PRODUCTS,
    }
    options = OPTIONS | {"never": {"category": ["alcohol", "dairy"]}, "eligible": {"products": "in_stock = 'yes'"}}
    assert set(lists_of(study_recommendations(tables, as_of=AS_OF, **options))["item"]) == {"tea"}


def test_lists_carry_the_evidence_of_the_order_lines():
    history = history_of_rows(SMALL)
    everything = Eligibility(np.ones(4, dtype=bool))
    chosen = {"again": "own", "new": "popularity"}
    lists = listed(history, np.array([0]), chosen=chosen, eligibility=everything, n=2, seed=1)
    again = lists[lists["list"] == "again"]
    assert again["item"].tolist() == ["milk", "tea"]
    assert again[["bought", "every_days", "last_days"]].iloc[0].tolist() == [3, 15, 152]
    assert np.isnan(again["every_days"].iloc[1])
    assert lists[lists["list"] == "new"]["item"].tolist() == ["ale", "jam"]
    neutral = list_neutral(history, eligibility=everything, n=1)
    assert neutral[["customer_id", "item", "base"]].iloc[0].tolist() == ["*", "milk", 2 / 3]


def test_what_is_owned_once_is_not_offered_again_nor_another_of_its_kind():
    history = history_of_rows(SMALL)
    once = Eligibility(np.ones(4, dtype=bool), (np.isin(history.items, ["jam", "tea"]),))
    lists = listed(history, np.array([0]), chosen={"again": "own", "new": "popularity"}, eligibility=once, n=5, seed=1)
    assert lists["item"].tolist() == ["milk", "ale"]


def _companion(rows, item):
    """What explains an item to the customer called new."""
    history = history_of_rows(rows)
    codes = {name: at for at, name in enumerate(history.items)}
    customer = np.array([list(history.customers).index("new")])
    found = Companions(history).of(customer, np.array([codes[item]]))
    return {key: value[0] for key, value in found.items()}


def test_companions_are_the_shares_of_order_lines():
    rows = [(f"c{at}", "a", day("01-01")) for at in range(20)] + [(f"c{at}", "b", day("01-01")) for at in range(16)]
    rows += [(f"d{at}", "z", day("01-01")) for at in range(20)] + [("new", "a", day("01-02"))]
    found = _companion(rows, "b")
    assert (found["because"], found["buyers"]) == ("a", 21)
    assert (found["share"], found["base"]) == (pytest.approx(16 / 21), pytest.approx(16 / 41))


def test_a_share_of_few_buyers_does_not_win_by_chance():
    # all 11 other buyers of "few" bought b: .92 with the new one, lower bound .65; of the 101 of "many" 90: .89, .81
    rows = [(f"c{at}", item, day("01-01")) for at in range(11) for item in ("few", "b")]
    rows += [(f"m{at}", item, day("01-01")) for at in range(100) for item in ("many", "b")[: 1 + (at < 90)]]
    rows += [(f"z{at}", "z", day("01-01")) for at in range(100)]
    rows += [("new", "few", day("01-02")), ("new", "many", day("01-02"))]
    assert _companion(rows, "b")["because"] == "many"


def test_an_item_that_its_buyers_buy_no_more_than_others_explains_nothing():
    rows = [(f"c{at}", item, day("01-01")) for at in range(20) for item in ("a", "b")[: 1 + at // 10]]
    found = _companion([*rows, ("new", "a", day("01-02"))], "b")
    assert (found["because"], np.isnan(found["share"]), found["base"]) == (None, True, pytest.approx(10 / 21))


def test_without_permission_only_the_neutral_list():
    lines = pd.DataFrame(SMALL, columns=["customer_id", "product_id", "ordered_at"])
    tables = {"transactions": ibis.memtable(lines.assign(ordered_at=pd.to_datetime(lines["ordered_at"])))}
    result = study_recommendations(tables, as_of=AS_OF, permitted=set(), **OPTIONS)
    assert set(lists_of(result)["customer_id"]) == {"*"}
    assert (result.facts["refused"], result.facts["recommended_customers"]) == (3, 0)
    everybody = study_recommendations(tables, as_of=AS_OF, **OPTIONS)
    assert everybody.facts["recommended_customers"] == 3


@pytest.mark.parametrize("column", ["customer_id", "ordered_at"])
def test_without_customers_or_dates_the_lacking_column_is_named(column):
    lines = pd.DataFrame(SMALL, columns=["customer_id", "product_id", "ordered_at"]).drop(columns=column)
    result = study_recommendations({"transactions": ibis.memtable(lines)}, as_of=AS_OF, **OPTIONS)
    assert (result.facts["lacking"], len(lists_of(result))) == (column, 0)


# streaming ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_parts_of_any_size_give_the_same_lists(method):
    history = history_of_rows(shopping(customers=41))
    chosen = {"again": method, "new": "popularity" if method.startswith("own") else method}
    options = {"chosen": chosen, "eligibility": Eligibility(np.ones(6, dtype=bool)), "n": 4, "seed": 1}
    rows = np.arange(41)
    parts = list(recommend(history, rows, **options, chunk=7))
    assert len(parts) == 6
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), listed(history, rows, **options))


def test_sparse_and_dense_scores_rank_alike():
    random = np.random.default_rng(4)
    rows = [(f"c{random.integers(80):02d}", f"p{int(60 * random.random() ** 2):02d}", day("01-01")) for _ in range(900)]
    history = history_of_rows(rows)
    fitted, people = scorer("bm25", history), np.arange(len(history.customers))
    dense = Scorer(fitted.again, lambda chosen: np.asarray(fitted.new(chosen).todense()))
    allowed = random.random(len(history.items)) < 0.8
    barred = [(random.random(len(people)) < 0.5, random.random(len(history.items)) < 0.3)]
    for k in (1, 5, 70):
        sparse_items, sparse_scores = rank_new(history, fitted, people, k=k, allowed=allowed, barred=barred)
        items, scores = rank_new(history, dense, people, k=k, allowed=allowed, barred=barred)
        assert (sparse_items == items).all()
        np.testing.assert_allclose(sparse_scores, scores)


def test_customers_without_any_item_to_offer_are_not_counted():
    history = history_of_rows(SMALL)
    assert count_served(history, np.arange(3), again=np.ones(4, dtype=bool), new=np.zeros(4, dtype=bool)) == 3
    nothing, milk = np.zeros(4, dtype=bool), history.items == "milk"
    assert count_served(history, np.arange(3), again=nothing, new=nothing) == 0
    assert count_served(history, np.arange(3), again=nothing, new=milk) == 1  # z alone has not bought it
    barred = [(np.array([False, False, True]), milk)]
    assert count_served(history, np.arange(3), again=nothing, new=milk, barred=barred) == 0
