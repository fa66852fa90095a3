"""What the retailer sells: pieces by category, series, material and weight, at a fixed price or by the gram."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from workbench.intake.demo.jewellery.days import DAYS, gold_prices

__all__ = ["OCCASIONS", "TRADE_IN", "write_catalogue"]

TRADE_IN = "HS001"  # the article of old gold taken back
COST_SHARE = {"weight": 0.86, "fixed": 0.46}  # of the price at the mean price of gold


@dataclass(frozen=True)
class _Shelf:
    """A category: its series, materials and styles; grams by weight, or yuan of a fixed price, from low to high."""

    series: tuple[str, ...]
    materials: tuple[str, ...]
    styles: tuple[str, ...]
    pieces: int
    low: float
    high: float
    by_weight: bool = False


SHELVES = {
    "钻石戒指": _Shelf(("星誓", "恒星"), ("18K金 天然钻石", "铂金950 天然钻石", "18K金 培育钻石"), ("单钻戒", "群镶戒", "经典六爪"), 24, 4800, 68000),
    "对戒": _Shelf(("星誓", "同心"), ("18K金", "铂金950", "足金999"), ("对戒", "情侣对戒"), 14, 3200, 16800),
    "婚嫁足金": _Shelf(("龙凤呈祥", "御鸾"), ("足金999", "古法金"), ("龙凤镯", "项链", "戒指", "耳饰", "吊坠"), 20, 4, 45, True),
    "足金饰品": _Shelf(("金语", "御鸾"), ("足金999", "足金9999", "5G金"), ("项链", "手链", "耳钉", "戒指", "转运珠"), 28, 1, 18, True),
    "投资金条": _Shelf(("金库",), ("足金9999",), ("投资金条", "生肖金条", "金币"), 10, 5, 100, True),
    "K金饰品": _Shelf(("悦我", "光年"), ("18K金", "14K金"), ("项链", "手链", "耳环", "戒指", "锁骨链"), 32, 680, 6800),
    "银饰": _Shelf(("小确幸", "悦我"), ("银925",), ("项链", "手链", "耳钉", "戒指"), 26, 128, 880),
    "珍珠": _Shelf(("海月",), ("淡水珍珠", "Akoya海水珍珠"), ("项链", "耳钉", "手链", "吊坠"), 14, 480, 9800),
    "彩宝": _Shelf(("花信", "光年"), ("18K金 碧玺", "18K金 红宝石", "18K金 蓝宝石"), ("吊坠", "戒指", "耳环"), 14, 1280, 15800),
    "翡翠": _Shelf(("玉见",), ("翡翠 A货 冰种", "翡翠 A货 糯种"), ("手镯", "吊坠", "珠链", "平安扣"), 18, 2800, 168000),
    "和田玉": _Shelf(("玉见",), ("和田玉 羊脂", "和田玉 青白"), ("手镯", "挂件", "把件"), 12, 1800, 58000),
    "童饰": _Shelf(("小满",), ("足金999", "银990"), ("长命锁", "宝宝手镯", "生肖转运珠"), 10, 2, 12, True),
}  # fmt: skip

# occasion: category and weight
OCCASIONS = {
    "engagement": {"钻石戒指": 85, "K金饰品": 15},
    "wedding_pair": {"对戒": 100},
    "wedding_gold": {"婚嫁足金": 100},
    "anniversary": {"K金饰品": 35, "钻石戒指": 15, "足金饰品": 30, "珍珠": 20},
    "baby": {"童饰": 90, "足金饰品": 10},
    "gift": {"K金饰品": 38, "银饰": 22, "珍珠": 20, "足金饰品": 10, "彩宝": 10},
    "birthday": {"K金饰品": 40, "珍珠": 20, "彩宝": 20, "足金饰品": 20},
    "self": {"K金饰品": 36, "银饰": 34, "彩宝": 15, "珍珠": 10, "足金饰品": 5},
    "invest": {"投资金条": 85, "足金饰品": 15},
    "collect": {"翡翠": 60, "和田玉": 30, "珍珠": 10},
    "bargain": {"足金饰品": 58, "银饰": 22, "K金饰品": 20},
}
_BANDS = ((1000, "1千以下"), (3000, "1千至3千"), (8000, "3千至8千"), (20000, "8千至2万"), (float("inf"), "2万以上"))


def write_catalogue(engine: duckdb.DuckDBPyConnection, seed: int) -> None:
    """Make the tables ``products``, ``shelves`` and ``wishes``.

    ``products``: product_id, product_name, category, series, material, priced_by (按克 or 一口价), grams, price (fixed, CNY),
    craft (CNY a gram), band, unit_cost. ``shelves``: category, pieces (product ids by price). ``wishes``: occasion,
    categories (a hundred, equally likely).
    """
    products = _products(seed)
    shelves = [
        {"category": name, "pieces": [product["product_id"] for product in products if product["category"] == name]}
        for name in SHELVES
    ]
    wishes = [
        {"occasion": occasion, "categories": [name for name, weight in weights.items() for _ in range(weight)]}
        for occasion, weights in OCCASIONS.items()
    ]
    for name, rows in (("products", [*products, _trade_in()]), ("shelves", shelves), ("wishes", wishes)):
        engine.register(f"{name}_view", pa.Table.from_pylist(rows))
        engine.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM {name}_view")
        engine.unregister(f"{name}_view")


def _products(seed: int) -> list[dict[str, object]]:
    rng, gold_price = np.random.default_rng([seed, 12]), float(gold_prices(seed)[:DAYS].mean())
    rows = []
    for number, (category, shelf) in enumerate(SHELVES.items()):
        sizes = np.exp(
            np.linspace(np.log(shelf.low), np.log(shelf.high), shelf.pieces) + rng.normal(0, 0.05, shelf.pieces)
        )
        for at, size in enumerate(np.sort(sizes)):
            rows.append(_product(f"{number + 1:02d}{at + 1:03d}", category, float(size), gold_price, rng))
    return rows


def _product(code: str, category: str, size: float, gold_price: float, rng: np.random.Generator) -> dict[str, object]:
    shelf = SHELVES[category]
    style, series = str(rng.choice(shelf.styles)), str(rng.choice(shelf.series))
    material = str(rng.choice(shelf.materials))
    craft = float(rng.integers(4, 12) if category == "投资金条" else rng.integers(25, 90)) if shelf.by_weight else 0.0
    grams = round(size, 2) if shelf.by_weight else 0.0
    fixed = 0.0 if shelf.by_weight else float(np.ceil(size / 10) * 10 - 1)
    typical = grams * (gold_price + craft) if shelf.by_weight else fixed
    share = COST_SHARE["weight" if shelf.by_weight else "fixed"]
    return {
        "product_id": f"ZB{code}", "product_name": f"{series}系列 {material} {style}", "category": category,
        "series": series, "material": material, "priced_by": "按克" if shelf.by_weight else "一口价", "grams": grams,
        "price": fixed, "craft": craft, "band": next(name for top, name in _BANDS if typical < top),
        "unit_cost": round(typical * share, 2),
    }  # fmt: skip


def _trade_in() -> dict[str, object]:
    return {
        "product_id": TRADE_IN, "product_name": "旧金回收抵扣", "category": "以旧换新", "series": "旧料", "material": "旧足金",
        "priced_by": "按克", "grams": 1.0, "price": 0.0, "craft": 0.0, "band": "1千以下", "unit_cost": 0.0,
    }  # fmt: skip
