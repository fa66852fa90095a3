"""Purchases become orders and order lines: channel, shop, pieces, daily prices, discounts, old gold, returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from workbench.intake.demo.jewellery.catalogue import TRADE_IN
from workbench.intake.demo.jewellery.days import DAYS

if TYPE_CHECKING:
    from workbench.intake.demo.jewellery.draws import Draws

__all__ = ["write_lines", "write_orders"]

HOURS_OF_SHOP = "[10,11,11,12,13,14,14,15,15,16,16,17,18,19,19,20,20,21]"
HOURS_OF_WEB = "[0,7,9,10,11,12,12,13,14,15,16,18,19,20,20,21,21,21,22,22,22,23,23]"
SHOPS_FIRST = ("engagement", "wedding_pair", "wedding_gold", "collect", "invest")  # seldom bought on the web
TRADE_INS, TRADE_INS_ELSE = 0.38, 0.03  # share of gold orders paid partly with old gold: bargain hunters, others
OLD_GOLD = 0.96  # of the price of the day
RETURNED_WEB, RETURNED_SHOP, RETURN_DAYS = 0.075, 0.012, 9
FIXED_PRICES_RISE = 0.04  # a year
KEEPS_TASTE = 0.6  # chance that a piece is of the person's usual category


def write_orders(engine: duckdb.DuckDBPyConnection, draws: Draws) -> None:
    """Make ``orders``, one row per purchase of ``bought``.

    Columns: key, person, persona, day, occasion, order_id, second (of the day), online, channel, platform, shop, payment,
    gold, thrift, purse, lines (how many pieces).
    """
    u, key = draws.unit, "b.key"
    shop_occasions = ", ".join(f"'{name}'" for name in SHOPS_FIRST)
    web = draws.weighted(key, "web channel", {"官网商城": 2, "微信小程序": 4, "天猫旗舰店": 4})
    payment = draws.weighted(key, "payment web", {"支付宝": 5, "微信支付": 5, "花呗分期": 1})
    till = draws.weighted(key, "payment shop", {"微信支付": 4, "支付宝": 2, "银行卡": 3, "现金": 1})
    hours = f"""CASE WHEN online THEN ({HOURS_OF_WEB})[1 + floor({u(key, "hour")} * 23)::INTEGER]
        ELSE ({HOURS_OF_SHOP})[1 + floor({u(key, "hour")} * 18)::INTEGER] END"""
    pieces = f"""CASE WHEN occasion = 'wedding_gold' THEN CASE WHEN {u(key, "five")} < 0.35 THEN 5 ELSE 3 END
        WHEN occasion IN ('wedding_pair', 'engagement') THEN 1
        ELSE 1 + ({u(key, "second piece")} < 0.20)::INTEGER + ({u(key, "third piece")} < 0.05)::INTEGER END"""
    engine.execute(f"""
    CREATE TEMP TABLE orders AS
    SELECT b.key, b.person, persona, b.day, occasion, 'XS' || strftime(on_date, '%y%m%d') || lpad(b.key::VARCHAR, 11, '0') AS order_id,
        ({hours}) * 3600 + floor({u(key, "second")} * 3600)::BIGINT AS second, online,
        CASE WHEN NOT online THEN '门店' ELSE {web} END AS channel, thrift, purse, gold,
        CASE WHEN online THEN 0 ELSE city_no * 10 + 1 + floor({u("b.person", "shop")} * shops)::BIGINT END AS shop,
        CASE WHEN occasion = 'engagement' AND {u(key, "instalment")} < 0.25 THEN '信用卡分期'
            WHEN online THEN {payment} ELSE {till} END AS payment, {pieces} AS lines
    FROM (SELECT b.*, p.persona, p.thrift, p.purse, p.city_no, p.shops, d.on_date, d.gold,
            p.has_web AND {u(key, "online")} < p.online * CASE WHEN b.occasion IN ({shop_occasions}) THEN 0.3 ELSE 1 END AS online
        FROM bought AS b JOIN people AS p USING (person) JOIN days AS d USING (day)) AS b
    """)
    engine.execute("""ALTER TABLE orders ADD COLUMN platform VARCHAR""")
    engine.execute(f"""UPDATE orders SET platform = CASE WHEN NOT online THEN 'POS' WHEN channel = '微信小程序' THEN 'wechat'
        WHEN {u("person", "device")} < 0.45 THEN 'ios' WHEN {u("person", "device")} < 0.85 THEN 'android' ELSE 'web' END""")


def write_lines(engine: duckdb.DuckDBPyConnection, draws: Draws) -> None:
    """Make ``lines``, one row per order line.

    Columns: those of an order, then line (from 1; 90 the old gold, 100 + line a return), product_id, quantity, unit_price,
    discount, coupon, amount, status, later (days from the order to the line).
    """
    engine.execute(f"CREATE TEMP TABLE pieces AS {_pieces(draws)}")
    engine.execute(f"CREATE TEMP TABLE sold AS {_sold(draws)}")
    engine.execute(f"""
    CREATE TEMP TABLE lines AS
    SELECT * FROM sold UNION ALL BY NAME {_old_gold(draws)} UNION ALL BY NAME {_returns(draws)}
    """)
    for name in ("pieces", "sold"):
        engine.execute(f"DROP TABLE {name}")


def _pieces(draws: Draws) -> str:
    """Choose the pieces: the category by occasion and habit, the piece by purse, the price by the day."""
    u, key = draws.unit, "o.key * 8 + o.line"
    wish = f"""(CASE WHEN {u(key, "habit")} < {KEEPS_TASTE} THEN {u("o.person", "taste")} ELSE {u(key, "wish")} END)"""
    rank = f"1 / (1 + exp(-1.6 * (0.75 * o.purse + 0.85 * {draws.normal(key, 'piece')})))"
    return f"""
    SELECT o.*, r.product_id, r.category, r.grams, r.priced_by = '按克' AS by_weight,
        CASE WHEN r.priced_by = '按克' THEN round(r.grams * (o.gold + r.craft), 2)
            ELSE round(r.price * power(1 + {FIXED_PRICES_RISE}, (o.day - {DAYS}) / 365.25) / 10) * 10 - 1 END AS unit_price
    FROM (SELECT o.*, s.pieces[1 + floor({rank} * len(s.pieces) * 0.999)::INTEGER] AS chosen
        FROM (SELECT o.*, w.categories[1 + floor({wish} * len(w.categories))::INTEGER] AS wished
            FROM (SELECT *, unnest(range(1, lines + 1)) AS line FROM orders) AS o JOIN wishes AS w USING (occasion)) AS o
        JOIN shelves AS s ON s.category = o.wished) AS o
    JOIN products AS r ON r.product_id = o.chosen
    QUALIFY row_number() OVER (PARTITION BY o.key, o.chosen ORDER BY o.line) = 1"""


def _sold(draws: Draws) -> str:
    u, key = draws.unit, "key * 8 + line"
    quantity = f"""CASE WHEN category = '投资金条' THEN 1 + least(4, floor({draws.exponential(key, "bars")} * 0.9))::BIGINT
        WHEN category = '银饰' AND {u(key, "two")} < 0.12 THEN 2 ELSE 1 END"""
    rebate = f"""CASE WHEN {u(key, "reduced")} < thrift * 0.9
        THEN ([0.05, 0.08, 0.1, 0.15, 0.2])[1 + floor({u(key, "rebate")} * 5)::INTEGER] * CASE WHEN by_weight THEN 0.25 ELSE 1 END
        ELSE 0 END"""
    voucher = f"""CASE WHEN line = 1 AND online AND {u(key, "voucher")} < 0.1 + 0.5 * thrift
        THEN CASE WHEN unit_price < 600 THEN 20 WHEN unit_price < 3000 THEN 100 ELSE 300 END ELSE 0 END"""
    return f"""
    SELECT * EXCLUDE (rebate, by_weight, grams, lines),
        (unit_price * quantity - discount - coupon)::DECIMAL(18, 2) AS amount, '已完成' AS status, 0::BIGINT AS later
    FROM (SELECT *, (round(unit_price * quantity * rebate, 0))::DECIMAL(18, 2) AS discount
        FROM (SELECT * REPLACE (unit_price::DECIMAL(18, 2) AS unit_price), {quantity} AS quantity, {rebate} AS rebate,
            ({voucher})::DECIMAL(18, 2) AS coupon FROM pieces))"""


def _old_gold(draws: Draws) -> str:
    """Old gold taken in part payment of gold, in the shop: a negative line of the same order."""
    chance = f"CASE WHEN persona = 'bargain' THEN {TRADE_INS} ELSE {TRADE_INS_ELSE} END"
    share = f"(0.2 + 0.5 * {draws.unit('key', 'old gold')})"
    return f"""
    SELECT * EXCLUDE (paid) REPLACE (90 AS line, '{TRADE_IN}' AS product_id, '以旧换新' AS category, -1 AS quantity,
        0 AS discount, 0 AS coupon, paid AS unit_price, -paid AS amount, '旧料抵扣' AS status)
    FROM (SELECT *, (round(amount * {share} / (gold * {OLD_GOLD}), 2) * gold * {OLD_GOLD})::DECIMAL(18, 2) AS paid FROM sold
        WHERE line = 1 AND NOT online AND category IN ('足金饰品', '婚嫁足金')
            AND {draws.unit("key", "trade in")} < {chance})"""


def _returns(draws: Draws) -> str:
    key = "key * 8 + line"
    chance = f"CASE WHEN online THEN {RETURNED_WEB} ELSE {RETURNED_SHOP} END"
    return f"""
    SELECT * REPLACE (line + 100 AS line, 'TH' || substr(order_id, 3) AS order_id, -quantity AS quantity, 0 AS discount,
        0 AS coupon, -amount AS amount, '已退款' AS status,
        2 + floor({draws.unit(key, "back")} * {RETURN_DAYS})::BIGINT AS later)
    FROM sold WHERE {draws.unit(key, "returned")} < {chance} AND category NOT IN ('投资金条', '对戒')
        AND (day >= {DAYS} OR day < {DAYS - RETURN_DAYS - 3})"""
