"""The files of orders: lines of the tills, orders of the web shop, products."""

from __future__ import annotations

from workbench.intake.demo.jewellery.days import DAYS, START
from workbench.intake.demo.jewellery.dirt import DIRT, twice_sql
from workbench.intake.demo.jewellery.draws import Draws, quoted

__all__ = ["ACCOUNT_OF", "moment", "pos_sales_sql", "products_sql", "web_orders_sql"]

ANONYMOUS = {"passer": 0.35, "bargain": 0.06}  # share of purchases in the shop without a card
ANONYMOUS_ELSE = 0.02
ACCOUNT_OF = "(SELECT person, source_id FROM accounts WHERE source = {source} AND copy = 0)"


def moment(day: str, second: str, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Write a day and second as text."""
    at = f"(TIMESTAMP '{START} 00:00:00' + to_days(({day})::INTEGER) + to_seconds({second}))"
    return f"strftime({at}, '{pattern}')"


def pos_sales_sql(draws: Draws) -> str:
    """Write the query of the tills' lines, in order of time; numbers and times typed, for a workbook or Parquet."""
    u = draws.unit
    at = f"(TIMESTAMP '{START} 00:00:00' + to_days((l.day + l.later)::INTEGER) + to_seconds(l.second))"
    anonymous = f"CASE l.persona {' '.join(f'WHEN {quoted(a)} THEN {b}' for a, b in ANONYMOUS.items())} ELSE {ANONYMOUS_ELSE} END"
    return f"""
    SELECT l.order_id AS "销售单号", CASE WHEN {u("l.key", "anonymous")} < {anonymous} THEN NULL ELSE a.source_id END AS "会员卡号",
        {at} AS "销售时间", l.product_id AS "货号", l.quantity::INTEGER AS "件数", l.unit_price::DOUBLE AS "单价",
        l.amount::DOUBLE AS "实收金额", l.discount::DOUBLE AS "折让金额", l.coupon::DOUBLE AS "抵用券", l.channel AS "销售渠道",
        l.platform AS "终端", l.payment AS "收款方式", 'MD' || lpad(l.shop::VARCHAR, 4, '0') AS "门店编号", l.status AS "单据状态"
    FROM lines AS l LEFT JOIN {ACCOUNT_OF.format(source="'pos'")} AS a USING (person)
    WHERE NOT l.online AND l.day + l.later < {DAYS} ORDER BY l.day + l.later, l.second, l.order_id, l.line"""


def web_orders_sql(draws: Draws) -> str:
    """Write the query of the web shop's lines as text, in order of time; some rows are broken or duplicated."""
    key = "(l.key * 128 + l.line)"
    at = moment("l.day + l.later", "l.second")
    broken = f"""CASE WHEN {draws.happens(key, "no date", DIRT["no_date"])} THEN ([ '2024-13-40 10:00:00', '待确认', '0000-00-00 00:00:00'])[1 + l.line::INTEGER % 3] ELSE {at} END"""
    amount = f"CASE WHEN {draws.happens(key, 'no number', DIRT['no_number'])} THEN '见备注' ELSE l.amount::VARCHAR END"
    product = f"CASE WHEN {draws.happens(key, 'no product', DIRT['no_product'])} THEN 'ZB99' || l.product_id ELSE l.product_id END"
    account = f"CASE WHEN {draws.happens(key, 'no customer', DIRT['no_customer'])} THEN NULL ELSE a.source_id END"
    rows = f"""
    SELECT l.order_id AS "订单编号", {account} AS "买家会员名", {broken} AS "订单付款时间 ", {product} AS "商品编码", l.quantity::INTEGER AS "数量",
        l.unit_price::VARCHAR AS "单价", {amount} AS "实付金额", l.discount::VARCHAR AS "店铺优惠", l.coupon::VARCHAR AS "优惠券",
        l.channel AS "下单渠道", l.platform AS "终端类型", l.payment AS "支付方式", l.status AS "订单状态",
        l.day + l.later AS on_day, l.second AS in_day, l.line, {key} AS key
    FROM lines AS l JOIN {ACCOUNT_OF.format(source="'web'")} AS a USING (person) WHERE l.online AND l.day + l.later < {DAYS}"""
    return f"""SELECT * EXCLUDE (on_day, in_day, line, key, again) FROM ({twice_sql(draws, rows, "key")})
        ORDER BY on_day, in_day, "订单编号", line, again"""


def products_sql() -> str:
    """Write the query of the products."""
    return """
    SELECT product_id AS "货号", product_name AS "品名", category AS "品类", series AS "系列", material AS "材质",
        priced_by AS "计价方式", grams AS "克重", band AS "价格带", unit_cost::DECIMAL(18, 2) AS "成本价"
    FROM products ORDER BY product_id"""
