"""Money that is money, words that mean nothing, ages, rates, totals, and records that rules leave out."""

import pytest
import yaml

from workbench.core.errors import DataError
from workbench.core.params.sources import SourceParams


def test_decimal_commas_are_declared_for_attributes_too(shop):
    goods = shop.new(shop.put("decimal_comma_in_a_comma_csv")).intake().tables["products"].to_pandas()
    assert (goods.standard_price.min(), goods.standard_price.max()) == (9.5, 3578.27)


def test_a_rate_of_discount_becomes_money_of_what_was_paid(shop):
    lines = shop.new(shop.put("discount_is_a_rate")).intake().tables["transactions"].to_pandas()
    assert shop.doubted("a rate or money")
    own = lines[lines.customer_id == "C0"][["discount", "amount"]].astype(float).sum()
    assert own.discount / (own.discount + own.amount) == pytest.approx(0.1482, abs=1e-4)


def test_a_price_that_grows_with_the_quantity_is_the_total_of_its_line(shop):
    lines = shop.new(shop.put("price_is_the_line_total")).intake().tables["transactions"].to_pandas()
    assert float(lines.amount.sum()) == 16_954.92


def test_of_several_currencies_the_pair_with_one_is_taken(shop):
    lines = shop.new(shop.put("several_currencies_unsaid")).intake().tables["transactions"].to_pandas()
    assert float(lines.amount.sum()) == 389.6
    assert shop.doubted("several currencies")


def test_nan_as_a_text_is_blank(shop):
    intake = shop.new(shop.put("nan_written_as_text")).intake()
    goods, people = intake.tables["products"].to_pandas(), intake.tables["customers"].to_pandas()
    assert (goods.product_name.notna().sum(), people.country.notna().sum(), len(people)) == (2, 3, 6)
    assert intake.metrics["orders.repairs.nothing_words"] > 0


def test_ages_with_a_word_are_numbers_and_counted(shop):
    intake = shop.new(shop.put("age_with_sui", "customers.csv")).intake()
    ages = intake.tables["customers"].to_pandas().age
    assert ages.notna().all() and (ages.min(), ages.max()) == (25, 50)
    assert intake.metrics["customers.repairs.age_words"] == 17


def test_bands_of_age_are_no_numbers_and_minus_one_is_unknown(shop):
    shop.new(shop.put("age_with_sui", "JData_User.csv"))
    columns = {"customer_id": "user_id", "age_band": "age", "registered_at": "user_reg_tm", "gender": "sex"}
    assert columns.items() <= shop.columns("customers").items()
    assert shop.doubted("codes 0, 1, 2") or shop.doubted("代码 0, 1, 2")
    assert "-1" not in set(shop.intake().tables["customers"].to_pandas().age_band.dropna())


def test_records_that_a_rule_leaves_out_are_not_rejected(shop):
    (path,) = shop.put("rule_applied_after_rejection", "deals.csv")
    profile = yaml.safe_load((shop.corpus / "rule_applied_after_rejection/profile.yaml").read_text(encoding="utf-8"))
    intake = shop.intake({"deals": SourceParams(**(profile["sources"]["deals"] | {"path": path}))})
    assert intake.tables["transactions"].count().execute() == 16
    assert (intake.metrics["deals.rejected"], intake.metrics["transactions.rule.won"]) == (0, 8)


def test_a_rule_that_cannot_be_asked_hides_no_reject(shop):
    text = "order_id,customer_id,ordered_at,quantity,amount\nA,K,2024-05-01,1,x\nB,K,2024-05-02,1,5\n"
    source = SourceParams(
        path=shop.write("o.csv", text), table="transactions", columns=shop.ours, rules={"dear": "amount > 1"}
    )
    metrics = shop.intake({"orders": source}, max_rejected_share=1.0).metrics
    assert (metrics["orders.rejected"], metrics["transactions.kept_rows"]) == (1, 1)


def test_lines_without_a_date_are_counted(shop):
    assert shop.new(shop.put("date_blank_kept")).intake().metrics["transactions.no_date"] == 6


def test_the_total_line_of_an_export_is_no_order(shop):
    metrics = shop.declared("footer_total", "foot.csv").metrics
    assert (metrics["orders.accepted"], metrics["transactions.amount_total"]) == (20, 200.0)
    assert metrics["orders.rejected.total-line"] == 1


@pytest.mark.parametrize(("quantity", "price", "total"), [("0.0004", "500", 0.2), ("1000", "1.00005", 1000.05)])
def test_no_money_is_lost_below_the_digits_of_its_factors(shop, quantity, price, total):
    text = "order_id,customer_id,ordered_at,quantity,unit_price\n" + f"A,K,2024-05-01,{quantity},{price}\n"
    columns = {name: name for name in ("order_id", "customer_id", "ordered_at", "quantity", "unit_price")}
    source = SourceParams(path=shop.write("o.csv", text), table="transactions", columns=columns)
    metrics = shop.intake({"orders": source}).metrics
    assert (metrics["transactions.amount_total"], metrics["orders.repairs.shortened"]) == (total, 1)


def test_a_hundred_small_quantities_keep_their_money(shop):
    columns = {name: name for name in ("order_id", "customer_id", "ordered_at", "quantity", "unit_price")}
    metrics = shop.declared("grams_rounded", "qty4.csv", columns=columns).metrics
    assert metrics["transactions.amount_total"] == 20.0


def test_wide_decimals_are_rounded_and_counted(shop):
    intake = shop.declared("decimal256", "p_dec256.parquet")
    assert {str(amount) for amount in intake.tables["transactions"].to_pandas().amount} == {"10.1235"}
    assert intake.metrics["orders.repairs.shortened"] == 6


def test_a_duration_is_no_money(shop):
    with pytest.raises(DataError, match="holds durations"):
        shop.declared("duration_amount", "p_dur.parquet")


@pytest.mark.parametrize(
    ("written", "formats", "amount"),
    [
        ("CHF 1'234.50", {"currency": "CHF", "decimals": "."}, 1234.5),
        ("1 234,50 €", {"currency": "EUR", "decimals": ","}, 1234.5),
        ("1\u202f234,50", {"decimals": ","}, 1234.5),
        ('"1,23,456.00"', {"decimals": "."}, 123456),
        ("12.00-", {"decimals": "."}, -12),
        ('"¥1,200.00"', {"currency": "CNY", "decimals": "."}, 1200),
        ("3.50元", {"currency": "CNY", "decimals": "."}, 3.5),
        ("1.2万", {"currency": "CNY", "decimals": "."}, 12000),
    ],
)
def test_money_is_read_as_it_is_written(shop, written, formats, amount):
    text = f"order_id;customer_id;ordered_at;quantity;amount\nA;K;2024-05-01;1;{written}\n"
    source = {"path": shop.write("o.csv", text), "table": "transactions", "columns": shop.ours, "formats": formats}
    lines = shop.intake({"orders": SourceParams(**source)}).tables["transactions"].to_pandas()
    assert float(lines.amount.iloc[0]) == amount
