"""Generate a small retailer: the raw files of the ``tiny`` profile, which tests run on.

Customers buy at their own rate until they drop out unobserved (Schmittlein, Morrison & Colombo 1987): rates and
lifetimes are heterogeneous, so recency, frequency and money form a continuum and dropping out can be learned. A few
anonymous lines, returns and broken rows are part of it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from workbench.core.files import write_text

__all__ = ["TINY_BAD_ROWS", "TINY_END", "TINY_START", "generate_tiny"]

TINY_START, TINY_END = datetime(2024, 1, 1), datetime(2025, 7, 1)  # orders lie in [start, end)
DAYS = (TINY_END - TINY_START).days
SECONDS_PER_DAY = 86_400
# rows of orders.csv that cannot be read: how many of each
TINY_BAD_ROWS = {"missing-cell": 2, "extra-cell": 1, "date-invalid": 2, "number-invalid": 1}

ORDERS_PER_DAY_MEAN, ORDERS_PER_DAY_SHAPE = 0.055, 1.3  # gamma over customers
LIFETIME_DAYS_MEAN, LIFETIME_DAYS_SHAPE = 330.0, 1.6
ANONYMOUS_ORDERS, RETURNED_LINES, MISSING_INCOMES = 0.015, 0.04, 0.06  # shares
# weight of each hour of the day for an order
HOUR_WEIGHTS = np.array(
    [1, 0, 0, 0, 0, 1, 2, 4, 6, 9, 12, 14, 12, 10, 10, 11, 12, 14, 17, 20, 19, 14, 8, 3], dtype=float
)
CATEGORIES = {
    "茶叶": 68.0,
    "咖啡": 42.0,
    "零食": 18.0,
    "母婴": 95.0,
    "家居": 120.0,
    "美妆": 150.0,
}  # name: typical price
BRANDS = ("山岚", "北屿", "禾木", "Lumen", "Oak & Co", "Verda")
PRODUCTS_PER_CATEGORY = 6
SURNAMES = ("王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "欧阳", "司马")
GIVEN = ("伟", "芳", "娜", "敏", "静", "磊", "洋", "艳", "勇", "雪梅", "子涵", "雨桐", "䶮", "思远")
LATIN_GIVEN = ("Anna", "Ben", "Chloé", "Dmitri", "Eva", "Farah", "Jörg", "Kim", "Liam", "Nora")
LATIN_SURNAMES = ("Müller", "O'Neil", "García", "Smith", "NA", "Null", "van Dijk", "Novák", "Ito", "Khan")
CITIES = ("上海", "北京", "广州", "成都", "杭州", "Singapore")
AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
LEVELS = ("普通", "银卡", "金卡")
CHANNELS, PLATFORMS = ("门店", "网店", "小程序"), ("", "web", "wechat")
PAYMENTS = ("微信支付", "支付宝", "银行卡", "现金")
CAMPAIGN_DAYS = (60, 140, 230, 320, 410, 500)  # after the start


def generate_tiny(folder: Path, *, customers: int = 400, seed: int = 7) -> list[Path]:
    """Write customers.csv, orders.csv, products.csv and campaigns.csv.

    Parameters
    ----------
    folder : Path
        Created if absent. A file with the same content is left untouched.
    customers : int
        How many are registered, from 1; some never buy.
    seed : int
        The same seed gives the same bytes.

    Returns
    -------
    list of Path
        The four files. UTF-8, comma separated, header first; customer_id has six digits with leading zeros. orders.csv
        has one row per order line in order of time, with an anonymous order here and there (blank customer_id), returns
        (order_id from R, quantity and amount negative) and the unreadable rows that ``TINY_BAD_ROWS`` counts.
    """
    folder.mkdir(parents=True, exist_ok=True)
    people = _people(customers, np.random.default_rng([seed, 1]))
    products = _products(np.random.default_rng([seed, 2]))
    lines = _lines(people, products, np.random.default_rng([seed, 3]))
    files = {
        "customers.csv": _customer_rows(people, np.random.default_rng([seed, 4])),
        "products.csv": _product_rows(products),
        "orders.csv": _order_rows(lines, products),
        "campaigns.csv": _campaign_rows(people, np.random.default_rng([seed, 5])),
    }
    for name, rows in files.items():
        text, path = _csv_text(rows), folder / name
        if not path.is_file() or path.read_bytes() != text.encode():
            write_text(path, text)
    return [folder / name for name in files]


def _people(count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw registration, purchase rate, lifetime and taste of each customer."""
    joined = np.sort(rng.uniform(0, DAYS * 0.8, count))
    online = rng.random(count)  # 0 a shop customer .. 1 an online customer
    rate = rng.gamma(ORDERS_PER_DAY_SHAPE, ORDERS_PER_DAY_MEAN / ORDERS_PER_DAY_SHAPE, count)
    # those who buy in the shop drop out earlier
    lifetime = rng.gamma(LIFETIME_DAYS_SHAPE, LIFETIME_DAYS_MEAN / LIFETIME_DAYS_SHAPE, count) * (0.6 + 0.8 * online)
    return {
        "joined": joined,
        "online": online,
        "rate": rate,
        "left": np.minimum(joined + lifetime, DAYS - 0.01),
        "purse": rng.lognormal(0.0, 0.45, count),
        "thrift": rng.beta(1.2, 3.5, count),
        "taste": rng.dirichlet(np.full(len(CATEGORIES), 0.5), count),
    }


def _products(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw the price and brand of each product; products of a category stand together."""
    typical = np.repeat(list(CATEGORIES.values()), PRODUCTS_PER_CATEGORY)
    price = np.round(typical * rng.lognormal(0.0, 0.35, typical.size), 1)
    return {
        "price": price,
        "cost": np.round(price * rng.uniform(0.45, 0.7, typical.size), 2),
        "brand": rng.integers(len(BRANDS), size=typical.size),
    }


def _lines(
    people: dict[str, np.ndarray], products: dict[str, np.ndarray], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Draw the order lines, sorted by time."""
    orders = _orders(people, rng)
    of_order = np.repeat(np.arange(orders["buyer"].size), 1 + rng.poisson(1.1, orders["buyer"].size))
    buyer = orders["buyer"][of_order]
    taste = np.cumsum(people["taste"][buyer], axis=1)
    category = np.minimum((taste < rng.random(buyer.size)[:, None]).sum(axis=1), len(CATEGORIES) - 1)
    product = category * PRODUCTS_PER_CATEGORY + np.minimum(
        rng.geometric(0.35, buyer.size) - 1, PRODUCTS_PER_CATEGORY - 1
    )
    quantity = 1 + rng.binomial(3, np.clip(0.12 * people["purse"][buyer], 0, 0.8))
    gross = products["price"][product] * quantity
    thrift = people["thrift"][buyer]  # how often a bargain decides
    rebate = np.where(rng.random(buyer.size) < thrift, rng.choice([0.1, 0.2, 0.3], buyer.size), 0.0)
    first = np.r_[True, of_order[1:] != of_order[:-1]]
    used = first & (rng.random(buyer.size) < 0.4 * thrift)
    discount = np.round(gross * rebate, 2)
    coupon = np.where(used, np.minimum(5.0, np.round(gross * 0.2, 2)), 0.0)
    lines = {name: values[of_order] for name, values in orders.items()} | {
        "order": of_order,
        "product": product,
        "quantity": quantity,
        "discount": discount,
        "coupon": coupon,
        "amount": np.round(gross - discount - coupon, 2),
    }
    return _with_returns(lines, rng)


def _orders(people: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw each customer's orders between registration and dropping out, sorted by time."""
    span = people["left"] - people["joined"]
    buyer = np.repeat(np.arange(span.size), 1 + rng.poisson(people["rate"] * span) - (rng.random(span.size) < 0.06))
    day = np.floor(people["joined"][buyer] + rng.random(buyer.size) * span[buyer])
    hour = rng.choice(24, buyer.size, p=HOUR_WEIGHTS / HOUR_WEIGHTS.sum())
    second = (day * 24 + hour) * 3600 + rng.integers(3600, size=buyer.size)
    channel = np.where(rng.random(buyer.size) < people["online"][buyer], rng.choice([1, 2], buyer.size), 0)
    order = np.lexsort((buyer, second))
    orders = {
        "buyer": buyer,
        "second": second.astype("int64"),
        "channel": channel,
        "store": np.where(channel == 0, 1 + buyer % 5, 0),
        "payment": np.where(channel == 0, rng.integers(4, size=buyer.size), rng.integers(3, size=buyer.size)),
        "anonymous": (rng.random(buyer.size) < ANONYMOUS_ORDERS) & (channel == 0),
    }
    return {name: values[order] for name, values in orders.items()}


def _with_returns(lines: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return some lines two to fourteen days later, each as an order of its own; sort by time."""
    later = lines["second"] + rng.integers(2 * SECONDS_PER_DAY, 14 * SECONDS_PER_DAY, lines["second"].size)
    sent = (rng.random(later.size) < RETURNED_LINES) & (later < DAYS * SECONDS_PER_DAY) & ~lines["anonymous"]
    back = {name: values[sent] for name, values in lines.items()}
    back |= {"second": later[sent], "quantity": -back["quantity"], "amount": -back["amount"]}
    back |= {"discount": np.zeros(sent.sum()), "coupon": np.zeros(sent.sum())}
    combined = {name: np.r_[values, back[name]] for name, values in lines.items()}
    combined["returned"] = np.r_[np.zeros(sent.size, bool), np.ones(sent.sum(), bool)]
    order = np.argsort(combined["second"], kind="stable")
    return {name: values[order] for name, values in combined.items()}


def _customer_rows(people: dict[str, np.ndarray], rng: np.random.Generator) -> list[Sequence[object]]:
    count = people["joined"].size
    latin = rng.random(count) < 0.35
    first, last = rng.integers(1 << 30, size=(2, count))
    band = np.minimum(rng.binomial(5, 0.25 + 0.3 * rng.random(count)), len(AGE_BANDS) - 1)
    gender = rng.choice(["女", "男", ""], count, p=[0.52, 0.43, 0.05])
    income = np.round(60_000 * people["purse"] * (1 + 0.1 * band), -3).astype("int64")
    unknown = rng.random(count) < MISSING_INCOMES
    city, phone = rng.integers(len(CITIES), size=count), rng.integers(10**8, size=count)
    level = np.digitize(people["rate"], [0.06, 0.12])
    header = (
        "customer_id", "name", "phone", "email", "gender", "age_band", "city", "income", "member_level", "registered_at"
    )  # fmt: skip
    rows: list[Sequence[object]] = [header]
    for i in range(count):
        name = (
            f"{LATIN_GIVEN[first[i] % len(LATIN_GIVEN)]} {LATIN_SURNAMES[last[i] % len(LATIN_SURNAMES)]}"
            if latin[i]
            else SURNAMES[last[i] % len(SURNAMES)] + GIVEN[first[i] % len(GIVEN)]
        )
        registered = TINY_START + timedelta(days=int(people["joined"][i]))
        income_text = "" if unknown[i] else income[i]
        rows.append(
            (_id(i), name, f"139{phone[i]:08d}", f"user{i + 1}@example.com", gender[i], AGE_BANDS[band[i]],
             CITIES[city[i]], income_text, LEVELS[level[i]], f"{registered:%Y-%m-%d}")
        )  # fmt: skip
    return rows


def _product_rows(products: dict[str, np.ndarray]) -> list[Sequence[object]]:
    rows: list[Sequence[object]] = [("product_id", "product_name", "category", "brand", "unit_cost")]
    categories = list(CATEGORIES)
    for i, brand in enumerate(products["brand"]):
        category, number = categories[i // PRODUCTS_PER_CATEGORY], i % PRODUCTS_PER_CATEGORY + 1
        rows.append((f"P{i + 1:03d}", f"{category} {number} 号", category, BRANDS[brand], f"{products['cost'][i]:.2f}"))
    return rows


def _order_rows(lines: dict[str, np.ndarray], products: dict[str, np.ndarray]) -> list[Sequence[object]]:
    header = (
        "order_id", "customer_id", "ordered_at", "product_id", "quantity", "unit_price", "amount", "discount", "coupon",
        "channel", "platform", "payment_method", "store_id",
    )  # fmt: skip
    rows: list[Sequence[object]] = [header]
    columns = {name: values.tolist() for name, values in lines.items()}
    price = products["price"].tolist()
    for i, second in enumerate(columns["second"]):
        channel, store, product = columns["channel"][i], columns["store"][i], columns["product"][i]
        rows.append(
            (f"{'R' if columns['returned'][i] else 'A'}{columns['order'][i] + 1:06d}",
             "" if columns["anonymous"][i] else _id(columns["buyer"][i]),
             f"{TINY_START + timedelta(seconds=second):%Y-%m-%d %H:%M:%S}", f"P{product + 1:03d}",
             columns["quantity"][i], f"{price[product]:.2f}", f"{columns['amount'][i]:.2f}",
             f"{columns['discount'][i]:.2f}", f"{columns['coupon'][i]:.2f}", CHANNELS[channel], PLATFORMS[channel],
             PAYMENTS[columns["payment"][i]], f"S{store}" if store else "")
        )  # fmt: skip
    return _with_bad_rows(rows)


def _with_bad_rows(rows: list[Sequence[object]]) -> list[Sequence[object]]:
    """Add broken copies of lines at fixed places, as ``TINY_BAD_ROWS`` counts them."""
    step = max(1, len(rows) // 8)
    copies = [list(rows[min(1 + step * place, len(rows) - 1)]) for place in range(1, 7)]
    date_at, amount_at = 2, 6
    bad = [copies[0][:5], copies[1][:9], [*copies[2], "surplus"], copies[3], copies[4], copies[5]]
    bad[3][date_at], bad[4][date_at], bad[5][amount_at] = "2024-13-40 10:00:00", "soon", "abc"
    mixed = list(rows)
    for place, row in zip(range(6, 0, -1), reversed(bad), strict=True):
        mixed.insert(min(2 + step * place, len(mixed)), row)
    return mixed


def _campaign_rows(people: dict[str, np.ndarray], rng: np.random.Generator) -> list[Sequence[object]]:
    rows: list[Sequence[object]] = [("campaign_id", "customer_id", "sent_at", "channel", "opened_at", "redeemed_at")]
    for number, day in enumerate(CAMPAIGN_DAYS, start=1):
        sent = TINY_START + timedelta(days=day, hours=10)
        reached = np.flatnonzero((people["joined"] < day) & (rng.random(people["joined"].size) < 0.6))
        staying = people["left"][reached] > day
        opened = rng.random(reached.size) < np.where(staying, 0.5, 0.1)
        redeemed = opened & staying & (rng.random(reached.size) < people["thrift"][reached])
        hours = rng.integers(1, 72, reached.size)
        for i, customer in enumerate(reached):
            seen = sent + timedelta(hours=int(hours[i]))
            rows.append(
                (f"M{number:02d}", _id(int(customer)), _clock(sent), ("短信", "邮件", "小程序")[number % 3],
                 _clock(seen) if opened[i] else "", _clock(seen + timedelta(days=1)) if redeemed[i] else "")
            )  # fmt: skip
    return rows


def _id(index: int) -> str:
    return f"{index + 1:06d}"


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _csv_text(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
