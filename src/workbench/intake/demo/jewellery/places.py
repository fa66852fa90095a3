"""Where the retailer's customers live: cities with province, weight and purse, and the channels through which they came."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pyarrow as pa

__all__ = ["CITIES", "SOURCES", "write_places"]

# city: province, tier (0 where it is not ranked), weight
CITIES = {
    "上海": ("上海", 1, 9), "北京": ("北京", 1, 8), "广州": ("广东", 1, 6), "深圳": ("广东", 1, 8),
    "成都": ("四川", 2, 6), "杭州": ("浙江", 2, 6), "武汉": ("湖北", 2, 5), "西安": ("陕西", 2, 4),
    "南京": ("江苏", 2, 5), "长沙": ("湖南", 2, 4), "宁波": ("浙江", 3, 3), "福州": ("福建", 3, 3),
    "温州": ("浙江", 3, 3), "南昌": ("江西", 3, 2), "徐州": ("江苏", 3, 2), "洛阳": ("河南", 4, 2),
    "赣州": ("江西", 4, 2), "绵阳": ("四川", 4, 2), "汕头": ("广东", 4, 2), "呼和浩特": ("内蒙古", 4, 1),
    "喀什": ("新疆", 0, 1), "大理": ("云南", 0, 1),
}  # fmt: skip
# the purse of a city by its tier, as a normal score
TIER_PURSE = {1: 0.35, 2: 0.1, 3: -0.1, 4: -0.3, 0: -0.4}
SHOPS_PER_CITY = {1: 4, 2: 3, 3: 2, 4: 1, 0: 1}
# persona: source of level 1 > level 2 > level 3, with its weight
SOURCES: Mapping[str, Mapping[tuple[str, str, str], float]] = {
    "bridal": {("线下", "婚博会", "春季展"): 3, ("线下", "婚博会", "秋季展"): 2, ("线上", "小红书", "备婚笔记"): 3,
               ("线下", "商场门店", "自然进店"): 2, ("转介绍", "老客推荐", "亲友"): 2},
    "gift": {("线上", "搜索", "品牌词"): 3, ("线上", "抖音", "直播间"): 2, ("线下", "商场门店", "自然进店"): 3,
             ("转介绍", "老客推荐", "同事"): 1},
    "self_reward": {("线上", "小红书", "达人种草"): 4, ("线上", "抖音", "短视频"): 3, ("线上", "天猫", "活动页"): 2,
                    ("转介绍", "老客推荐", "闺蜜"): 2, ("线下", "商场门店", "快闪店"): 1},
    "investor": {("线下", "商场门店", "自然进店"): 3, ("线下", "银行合作", "网点"): 3, ("转介绍", "老客推荐", "亲友"): 1},
    "collector": {("线下", "鉴赏会", "翡翠专场"): 4, ("转介绍", "老客推荐", "藏友"): 3, ("线下", "商场门店", "自然进店"): 1},
    "bargain": {("线上", "天猫", "活动页"): 4, ("线下", "商场门店", "以旧换新"): 3, ("线上", "抖音", "直播间"): 2},
    "service": {("线下", "商场门店", "售后登记"): 5, ("线下", "商场门店", "自然进店"): 2},
    "passer": {("线下", "商场门店", "自然进店"): 5, ("线上", "天猫", "活动页"): 2, ("线上", "抖音", "直播间"): 2},
}  # fmt: skip
_SLOTS = 100


def write_places(engine: duckdb.DuckDBPyConnection) -> None:
    """Make ``cities`` (place from 0, city, province, tier, purse, shops; as many rows as weights) and ``origins``.

    ``origins``: persona, slot (0..99, equally likely), source_l1, source_l2, source_l3.
    """
    cities = [
        {"city": city, "province": province, "tier": tier, "purse": TIER_PURSE[tier], "shops": SHOPS_PER_CITY[tier],
         "city_no": number}
        for number, (city, (province, tier, weight)) in enumerate(CITIES.items()) for _ in range(weight)
    ]  # fmt: skip
    rows = [{"place": place, **city} for place, city in enumerate(cities)]
    origins = [
        {"persona": persona, "slot": slot, "source_l1": levels[0], "source_l2": levels[1], "source_l3": levels[2]}
        for persona, weights in SOURCES.items() for slot, levels in enumerate(_spread(weights))
    ]  # fmt: skip
    for name, content in (("cities", rows), ("origins", origins)):
        engine.register(f"{name}_view", pa.Table.from_pylist(content))
        engine.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM {name}_view")
        engine.unregister(f"{name}_view")


def _spread(weights: Mapping[tuple[str, str, str], float]) -> list[tuple[str, str, str]]:
    """Fill a hundred slots with sources in proportion to their weights."""
    total, so_far = sum(weights.values()), 0.0
    slots: list[tuple[str, str, str]] = []
    for levels, weight in weights.items():
        so_far += weight
        slots += [levels] * (round(_SLOTS * so_far / total) - len(slots))
    return slots
