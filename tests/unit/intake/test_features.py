"""The features of each customer: hand-computed answers, cut-offs, ties, missing columns, order of rows."""

import random
import re
from datetime import date, datetime
from decimal import Decimal

import ibis
import pandas as pd
import pytest
from ibis.config import Config

from workbench.core.errors import DataError, ProfileError
from workbench.core.schema import CANONICAL, KINDS, UNDATED
from workbench.intake.features.build import build_features
from workbench.intake.features.inputs.keep import keeping
from workbench.intake.features.inputs.settings import FeatureSettings
from workbench.intake.features.registry import REGISTRY, Feature, available, registered

AS_OF = date(2024, 7, 1)

# order, customer, time, product, quantity, amount, discount, coupon, store, channel
LINES = [
    ("o1", "anna", "2024-01-05 10:00", "p1", 2, "20.00", "5.00", "0", "s1", "shop"),  # Friday
    ("o1", "anna", "2024-01-05 10:00", "p2", 1, "10.10", "0", "1.00", "s1", "shop"),
    ("o2", "anna", "2024-02-05 19:30", "p1", 1, "10.00", "0", "0", "s2", "web"),  # Monday
    ("o3", "anna", "2024-06-15 20:15", "p3", 3, "30.00", "0", "0", "s1", "shop"),  # Saturday
    ("r1", "anna", "2024-06-20 09:00", "p3", -1, "-10.00", "0", "0", "s1", "shop"),
    ("o4", "bo", "2024-06-30 23:59", "p1", 1, "10.00", "0", "0", "s1", "shop"),  # Sunday
    ("r2", "cleo", "2024-05-01 12:00", "p2", -1, "-7.50", "0", "0", "s1", "shop"),
    ("o5", "dan", "2024-07-01 00:00", "p1", 1, "10.00", "0", "0", "s1", "shop"),  # on the as-of date
    ("o6", None, "2024-03-01 12:00", "p1", 1, "10.00", "0", "0", "s1", "shop"),  # nobody known
    ("o7", "eve", None, "p1", 1, "10.00", "0", "0", "s1", "shop"),  # not yet paid
]
COLUMNS = "order_id customer_id ordered_at product_id quantity amount discount coupon store_id channel".split()
PRODUCTS = [("p1", "Tea", "tea", "North"), ("p2", "Cup", "ware", "North"), ("p3", "Pot", "ware", "South")]


def table(name, columns, rows):
    kinds = {column: CANONICAL[name].kind(column) or "text" for column in columns}
    schema = ibis.schema({column: KINDS[kind] for column, kind in kinds.items()})
    cast = {"timestamp": _time, "date": date.fromisoformat, "money": Decimal, "quantity": Decimal}
    cells = [
        {c: None if v is None else cast.get(kinds[c], lambda cell: cell)(v) for c, v in zip(columns, row, strict=True)}
        for row in rows
    ]
    import pyarrow as pa

    return ibis.memtable(pa.Table.from_pylist(cells, schema=schema.to_pyarrow()), schema=schema)


def _time(cell):
    return datetime.fromisoformat(cell)


def transactions(rows=LINES, columns=COLUMNS):
    return table("transactions", columns, rows)


def products(rows=PRODUCTS):
    return table("products", ["product_id", "product_name", "category", "brand"], rows)


def features(tables, as_of=AS_OF, **settings):
    rows = build_features(tables, as_of=as_of, **settings).to_pyarrow().to_pylist()
    return {row["customer_id"]: row for row in rows}


@pytest.fixture(scope="module")
def built():
    return features({"transactions": transactions(), "products": products()})


def test_each_customer_with_a_dated_line_before_the_as_of_date_has_one_row(built):
    assert list(built) == ["anna", "bo", "cleo"]


def test_recency_frequency_money_and_tenure_are_as_counted_by_hand(built):
    anna = built["anna"]
    assert anna["recency_days"] == 16  # from 15 June to 1 July; the return of 20 June is no purchase
    assert anna["frequency_orders"] == 3
    assert anna["monetary_total"] == Decimal("60.1000")
    assert anna["tenure_days"] == 178
    assert (anna["first_ordered_on"], anna["last_ordered_on"]) == (date(2024, 1, 5), date(2024, 6, 15))
    assert anna["spend_per_order_mean"] == pytest.approx(60.10 / 3, abs=1e-6)


def test_gaps_are_the_days_between_purchase_days(built):
    anna = built["anna"]  # gaps 31 and 131
    assert (anna["gap_days_mean"], anna["gap_days_median"], anna["last_gap_days"]) == (81.0, 81.0, 131)
    assert anna["gap_days_std"] == pytest.approx(70.710678, abs=1e-6)
    assert anna["active_months"] == 3


def test_windows_are_half_open_and_net_of_returns(built):
    anna = built["anna"]
    assert (anna["orders_30d"], anna["orders_90d"], anna["orders_365d"]) == (1, 1, 3)
    assert (anna["spend_30d"], anna["spend_365d"]) == (Decimal("20.0000"), Decimal("60.1000"))


def test_a_window_opens_at_midnight_of_its_first_day():
    rows = [("a", "x", "2024-06-24 00:00", "10"), ("b", "x", "2024-06-23 23:59", "1")]
    result = transactions(rows, ["order_id", "customer_id", "ordered_at", "amount"])
    row = features({"transactions": result}, windows_days=[7])["x"]
    assert (row["orders_7d"], row["spend_7d"], row["frequency_orders"]) == (1, Decimal("10.0000"), 2)


def test_baskets_products_and_preferences_are_as_counted_by_hand(built):
    anna = built["anna"]
    assert anna["lines_per_order_mean"] == pytest.approx(4 / 3, abs=1e-6)
    assert anna["items_per_order_mean"] == pytest.approx(7 / 3, abs=1e-6)
    assert (anna["products_distinct"], anna["categories_distinct"]) == (3, 2)
    assert (anna["category_top"], anna["brand_top"], anna["store_top"], anna["channel_top"]) == (
        "ware", "North", "s1", "shop",
    )  # fmt: skip
    assert anna["category_top_share"] == pytest.approx(40.1 / 70.1, abs=1e-6)
    assert anna["category_hhi"] == pytest.approx((40.1**2 + 30**2) / 70.1**2, abs=1e-6)
    assert anna["store_top_share"] == pytest.approx(60.1 / 70.1, abs=1e-6)


def test_times_discounts_and_returns_are_as_counted_by_hand(built):
    anna = built["anna"]
    assert (anna["part_of_day_top"], anna["evening_share"]) == ("evening", pytest.approx(2 / 3, abs=1e-6))
    assert anna["weekend_share"] == pytest.approx(1 / 3, abs=1e-6)
    assert anna["weekday_top"] == 5  # one order each on Friday, Monday, Saturday: Friday's 30.10 beat Saturday's 30.00
    assert anna["discount_share"] == pytest.approx(5 / 75.1, abs=1e-6)
    assert anna["discounted_line_share"] == 0.25
    assert anna["coupon_order_share"] == pytest.approx(1 / 3, abs=1e-6)
    assert (anna["returns_total"], anna["return_line_share"]) == (Decimal("10.0000"), 0.2)
    assert anna["return_value_share"] == pytest.approx(10 / 70.1, abs=1e-6)


def test_one_purchase_has_a_recency_but_no_gap(built):
    bo = built["bo"]
    assert (bo["recency_days"], bo["frequency_orders"], bo["weekday_top"]) == (1, 1, 7)
    assert [bo[name] for name in ("gap_days_mean", "gap_days_median", "gap_days_std", "last_gap_days")] == [None] * 4


def test_returns_alone_are_no_purchase_but_count_in_money(built):
    cleo = built["cleo"]
    assert (cleo["frequency_orders"], cleo["orders_365d"], cleo["recency_days"]) == (0, 0, None)
    assert (cleo["monetary_total"], cleo["returns_total"]) == (Decimal("-7.5000"), Decimal("7.5000"))
    assert cleo["category_top"] is None


def test_rows_from_the_as_of_date_on_change_nothing():
    before = [row for row in LINES if row[2] and row[2] < "2024-07-01"]
    planted = [
        ("o1", "anna", "2024-07-01 00:00", "p9", 9, "999.00", "9", "9", "s9", "web"),
        ("z1", "anna", "2025-01-01 10:00", "p3", -9, "-999.00", "9", "9", "s9", "web"),
        ("z2", "new", "2024-07-02 10:00", "p9", 9, "999.00", "9", "9", "s9", "web"),
    ]
    clean = build_features({"transactions": transactions(before), "products": products()}, as_of=AS_OF)
    dirty = build_features({"transactions": transactions(before + planted), "products": products()}, as_of=AS_OF)
    assert dirty.to_pyarrow().equals(clean.to_pyarrow())


def test_an_earlier_cut_off_sees_only_what_came_before():
    anna = features({"transactions": transactions(), "products": products()}, as_of=date(2024, 2, 6))["anna"]
    assert (anna["recency_days"], anna["frequency_orders"], anna["monetary_total"]) == (1, 2, Decimal("40.1000"))
    assert (anna["category_top"], anna["returns_total"]) == ("tea", Decimal("0.0000"))


def test_the_order_of_rows_and_the_number_of_threads_change_no_bit():
    rows = [
        (f"o{i % 700}", f"c{i % 37}", f"2024-0{1 + i % 6}-{1 + i % 28:02d} {i % 24:02d}:30", f"p{i % 3 + 1}",
         1 + i % 4, f"{(i * 7919 % 10007) / 100:.2f}", "0.10", "0", f"s{i % 5}", "shop")
        for i in range(3000)
    ]  # fmt: skip
    shuffled = random.Random(1).sample(rows, len(rows))
    tables = []
    for threads, ordered_rows in ((1, rows), (4, shuffled)):
        engine = ibis.duckdb.connect(threads=threads)
        lines = engine.create_table("transactions", transactions(ordered_rows).to_pyarrow())
        named = engine.create_table("products", products().to_pyarrow())
        expression = build_features({"transactions": lines, "products": named}, as_of=AS_OF)
        tables.append(engine.to_pyarrow(expression))
    assert tables[0].equals(tables[1])


def test_kept_intermediate_tables_change_nothing_and_are_gone_afterwards():
    engine = ibis.duckdb.connect()
    tables = {
        "transactions": engine.create_table("transactions", transactions().to_pyarrow()),
        "products": engine.create_table("products", products().to_pyarrow()),
    }
    lazily = engine.to_pyarrow(build_features(tables, as_of=AS_OF))
    with keeping(engine) as keep:
        kept = engine.to_pyarrow(build_features(tables, as_of=AS_OF, keep=keep))
        assert len(engine.list_tables()) > 2
    assert kept.equals(lazily)
    assert sorted(engine.list_tables()) == ["products", "transactions"]


def test_only_requested_features_are_built_and_unknown_names_are_refused():
    tables = {"transactions": transactions(), "products": products()}
    names = ["category_top", "frequency_orders", "orders_90d"]
    everything = build_features(tables, as_of=AS_OF).execute()
    subset = build_features(tables, as_of=AS_OF, only=names).execute()
    assert sorted(subset.columns) == sorted(["customer_id", *names])
    pd.testing.assert_frame_equal(subset, everything[subset.columns])
    with pytest.raises(ProfileError, match="no feature 'frequency'.*frequency_orders"):
        build_features(tables, as_of=AS_OF, only=["frequency"])


def test_tables_kept_in_files_are_the_same_and_the_files_are_removed_afterwards(tmp_path):
    engine = ibis.duckdb.connect()
    table = engine.create_table("rows", ibis.memtable({"a": [2, 1], "b": ["x", None]}).to_pyarrow())
    with keeping(engine, folder=tmp_path) as keep:
        assert keep(table).order_by("a").to_pyarrow().to_pylist() == [{"a": 1, "b": None}, {"a": 2, "b": "x"}]
        assert len(list(tmp_path.iterdir())) == 1
    assert not list(tmp_path.iterdir())


def test_ties_go_to_the_name_that_sorts_first():
    rows = [
        ("o1", "x", "2024-03-05 08:00", "p3", 1, "10.00", "0", "0", "s2", "web"),
        ("o2", "x", "2024-03-04 13:00", "p1", 1, "10.00", "0", "0", "s1", "app"),
    ]
    row = features({"transactions": transactions(rows), "products": products()})["x"]
    tops = ("store_top", "channel_top", "category_top", "brand_top", "weekday_top", "part_of_day_top")
    assert [row[name] for name in tops] == ["s1", "app", "tea", "North", 1, "afternoon"]
    assert (row["category_top_share"], row["category_hhi"]) == (0.5, 0.5)


def test_without_order_ids_each_line_is_an_order_of_its_own():
    columns = ["customer_id", "ordered_at", "amount"]
    rows = [("x", "2024-03-05 08:00", "10"), ("x", "2024-03-05 08:00", "10")]
    assert features({"transactions": transactions(rows, columns)})["x"]["frequency_orders"] == 2
    blank = [(None, *row) for row in rows] + [("o1", *rows[0]), ("o1", *rows[0])]
    row = features({"transactions": transactions(blank, ["order_id", *columns])})["x"]
    assert (row["frequency_orders"], row["monetary_total"]) == (3, Decimal("40.0000"))


def test_a_line_whose_status_says_refunded_is_no_sale_and_no_money():
    columns = ["order_id", "customer_id", "ordered_at", "amount", "status"]
    rows = [("a", "x", "2024-03-05 08:00", "10", "paid"), ("b", "x", "2024-03-09 08:00", "30", " Refunded ")]
    row = features({"transactions": transactions(rows, columns)})["x"]
    assert (row["frequency_orders"], row["monetary_total"], row["returns_total"]) == (1, 10, 30)
    assert (row["recency_days"], row["return_value_share"]) == (118, 0.75)


def test_returned_goods_with_an_unsigned_amount_count_negative():
    columns = ["order_id", "customer_id", "ordered_at", "quantity", "amount"]
    rows = [("a", "x", "2024-03-05 08:00", 3, "30"), ("b", "x", "2024-03-06 08:00", -1, "10")]
    row = features({"transactions": transactions(rows, columns)})["x"]
    assert (row["frequency_orders"], row["monetary_total"], row["returns_total"]) == (1, 20, 10)


def test_orders_at_exactly_midnight_carry_no_time_of_day():
    rows = [("a", "x", "2024-03-05 00:00", "10"), ("b", "x", "2024-03-06 00:00", "10")]
    row = features({"transactions": transactions(rows, ["order_id", "customer_id", "ordered_at", "amount"])})["x"]
    assert (row["part_of_day_top"], row["evening_share"], row["weekday_top"]) == (None, None, 2)


def test_zero_amounts_are_no_purchase_and_divide_by_nothing():
    rows = [("a", "x", "2024-03-05 08:00", "p1", 1, "0", "0", "0", "s1", "shop")]
    row = features({"transactions": transactions(rows), "products": products()})["x"]
    assert (row["frequency_orders"], row["monetary_total"], row["discount_share"]) == (0, 0, None)


def test_a_registered_customer_without_orders_has_no_orders_and_unknown_recency():
    columns = ["customer_id", "gender", "registered_at"]
    rows = [("anna", "f", None), ("zoe", "f", "2024-06-30 10:00"), ("late", "m", "2024-07-01 00:00"),
            ("bo", "m", "2024-07-05 00:00")]  # fmt: skip
    by_customer = features({"transactions": transactions(), "customers": table("customers", columns, rows)})
    assert list(by_customer) == ["anna", "bo", "cleo", "zoe"]
    assert (
        by_customer["zoe"]["frequency_orders"],
        by_customer["zoe"]["recency_days"],
        by_customer["zoe"]["monetary_total"],
    ) == (
        0,
        None,
        None,
    )
    assert (
        by_customer["bo"]["gender"],
        by_customer["bo"]["registered_days"],
        by_customer["zoe"]["registered_days"],
    ) == ("m", None, 1)


def test_without_an_as_of_date_nothing_is_counted_up_to_it():
    columns = ["customer_id", "birth_date", "registered_at"]
    rows = [("zoe", "1990-02-03", "2024-06-30 10:00")]
    result = build_features({"customers": table("customers", columns, rows)}, as_of=UNDATED).execute()
    assert result[["age", "registered_days"]].isna().all(axis=None)


def test_customers_alone_are_enough():
    columns = ["customer_id", "birth_date", "income", "household_size", "gender", "contract", "score", "code", "name"]
    rows = [
        ("1", "2000-07-01", "1000", "2", "1", "monthly", "1.5", "001", "Ann"),
        ("2", "2000-07-02", " ", "3+", "2", " yearly ", "-2e3", "002", "Bob"),
    ]
    result = build_features({"customers": table("customers", columns, rows)}, as_of=AS_OF)
    assert result.schema().names == (
        "customer_id", "income", "household_size", "gender", "contract", "score", "code", "age",
    )  # fmt: skip
    first, second = result.to_pyarrow().to_pylist()
    assert (first["income"], second["income"], second["score"], second["household_size"]) == (
        1000.0,
        None,
        -2000.0,
        "3+",
    )
    assert (first["age"], second["age"], second["contract"], first["code"], first["gender"]) == (
        24,
        23,
        "yearly",
        "001",
        "1",
    )


def test_contact_and_sensitive_columns_and_identifiers_never_become_features():
    columns = ["customer_id", "phone", "email", "religion", "member_number", "source", "province"]
    result = build_features(
        {"customers": table("customers", columns, [("1", "139", "a@b", "none", "7", "crm", "Rome")])}, as_of=AS_OF
    )
    assert result.columns == ("customer_id", "province")


def test_campaigns_count_by_their_own_dates():
    columns = ["campaign_id", "customer_id", "sent_at", "redeemed_at"]
    rows = [
        ("c1", "anna", "2024-05-01 00:00", "2024-05-03 00:00"),
        ("c1", "anna", "2024-05-02 00:00", None),
        ("c2", "anna", "2024-06-01 00:00", "2024-07-01 00:00"),
        ("c3", "anna", "2024-07-01 00:00", None),
        ("c4", "anna", None, None),
    ]
    by_customer = features({"transactions": transactions(), "campaigns": table("campaigns", columns, rows)})
    assert (by_customer["anna"]["campaigns_sent"], by_customer["anna"]["campaigns_redeemed"]) == (2, 1)
    assert (by_customer["bo"]["campaigns_sent"], by_customer["bo"]["campaigns_redeemed"]) == (0, 0)


@pytest.mark.parametrize(
    "absent", ["ordered_at", "order_id", "product_id", "quantity", "discount", "coupon", "channel"]
)
def test_an_absent_column_takes_its_features_with_it_and_no_others(absent):
    columns = [column for column in COLUMNS if column != absent]
    place = COLUMNS.index(absent)
    rows = [row[:place] + row[place + 1 :] for row in LINES]
    tables = {"transactions": transactions(rows, columns), "products": products()}
    result = build_features(tables, as_of=AS_OF)
    expected = [name for name, feature in REGISTRY.items() if feature.is_met(_present(tables))]
    assert list(result.columns) == ["customer_id", *expected]
    assert result.count().execute() > 0


def _present(tables):
    return {f"{name}.{column}" for name, table in tables.items() for column in table.columns}


def full_tables():
    return {name: _empty(name) for name in CANONICAL}


FULL = FeatureSettings(occasions={"wedding": {"words": ["ring"], "gift": True}})


def _empty(name):
    return table(name, [column.name for column in CANONICAL[name].columns], [])


def test_every_feature_of_a_full_input_is_registered_and_every_registered_one_is_built():
    tables = full_tables()
    result = build_features(tables, as_of=AS_OF, settings=FULL)
    declared = set(tables["customers"].columns)
    assert [name for name in result.columns if name not in declared] == list(REGISTRY)
    assert [feature.name for feature in registered(result.columns)] == list(REGISTRY)
    assert [feature.name for feature in available(tables, settings=FULL)] == list(REGISTRY)


def test_no_rows_give_no_customers():
    assert build_features(full_tables(), as_of=AS_OF).count().execute() == 0


def test_built_types_are_those_registered():
    result = build_features(full_tables(), as_of=AS_OF, settings=FULL)
    names = {"integer": "int64", "number": "float64", "date": "date", "category": "string", "money": "decimal(18, 4)"}
    engine = {field.name: str(field.type) for field in result.to_pyarrow().schema}
    engine_types = {"int64": "int64", "float64": "double", "date": "date32[day]", "string": "string",
             "decimal(18, 4)": "decimal128(18, 4)"}  # fmt: skip
    for name, feature in REGISTRY.items():
        assert engine[name] == engine_types[names[feature.kind]], name


def test_every_feature_is_explained_in_both_languages_with_the_same_numbers():
    for feature in REGISTRY.values():
        for text in (feature.label, feature.formula, feature.missing):
            assert set(text) == {"en", "zh"} and all(text.values()), feature.name
            assert re.search(r"[一-鿿]", text["zh"]), feature.name
        assert re.findall(r"\d+", feature.label["en"]) == re.findall(r"\d+", feature.label["zh"]), feature.name
    assert len({feature.label["en"] for feature in REGISTRY.values()}) == len(REGISTRY)
    assert len({feature.label["zh"] for feature in REGISTRY.values()}) == len(REGISTRY)


def test_other_windows_are_registered_by_their_names():
    seven = registered(["orders_7d"])[0]
    assert isinstance(seven, Feature) and seven.window == 7
    assert seven.label == {"en": "Orders, last 7 days", "zh": "近 7 天订单数"}
    assert registered(["customer_id", "orders_007d", "clicks_7d"]) == []


def test_no_customers_at_all_are_refused_with_what_to_map():
    with pytest.raises(DataError, match=r"no customers among the tables \['products'\].*map customer_id"):
        build_features({"products": products()}, as_of=AS_OF)


@pytest.mark.parametrize("windows", [[0], [-30], [30, 30], [1.5], [True]])
def test_wrong_windows_are_refused_with_their_value(windows):
    with pytest.raises(ProfileError, match=re.escape(f"windows_days is {windows}")):
        build_features({"transactions": transactions()}, as_of=AS_OF, windows_days=windows)


class SparkOptions(Config):
    treat_nan_as_null: bool = False


@pytest.mark.slow
def test_the_same_expressions_compile_for_spark(monkeypatch):
    monkeypatch.setattr(ibis.options, "pyspark", SparkOptions())  # set by the Spark engine when it is installed
    unbound = {
        name: ibis.table({c.name: KINDS[c.kind] for c in CANONICAL[name].columns}, name=name)
        for name in CANONICAL
        if name != "customers"  # its text attributes need a query
    }
    text = ibis.to_sql(build_features(unbound, as_of=AS_OF, settings=FULL), dialect="pyspark")
    assert "recency_days" in text


def test_orders_of_hundreds_of_millions_are_squared_without_overflow():
    rows = [
        ("o1", "anna", "2024-01-05 10:00", "p1", 1, "300000000.00", "0", "0", "s1", "shop"),
        ("o2", "anna", "2024-02-05 10:00", "p2", 1, "100000000.00", "0", "0", "s1", "shop"),
        ("o3", "anna", "2024-03-05 10:00", "p2", 1, "100000000.00", "0", "0", "s1", "shop"),
    ]
    anna = features({"transactions": transactions(rows), "products": products()})["anna"]
    assert anna["category_hhi"] == pytest.approx(0.52)
