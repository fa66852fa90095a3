"""The tier of a Chinese city in commercial usage: first, new first, second, third.

Source: the yearly ranking of the commercial appeal of cities (城市商业魅力排行榜) by the Rising Lab of China Business
Network (第一财经·新一线城市研究所), edition of 2020, its first four groups: 119 of 337 cities. It is a public ranking
by a commercial publisher, not an official one; the groups change from year to year (Wuxi and Ningbo have since moved
up, Shenyang and Foshan down). A city outside these groups has no tier here.
"""

from __future__ import annotations

from functools import cache

__all__ = ["EDITION", "NAMES", "TIERS", "city_tiers"]

EDITION = 2020
TIERS = {
    1: "北京 上海 广州 深圳",
    2: "成都 重庆 杭州 武汉 西安 天津 苏州 南京 郑州 长沙 东莞 沈阳 青岛 合肥 佛山",
    3: "宁波 昆明 福州 无锡 厦门 济南 大连 哈尔滨 温州 石家庄 泉州 南宁 长春 南昌 贵阳 金华 常州 惠州 嘉兴 南通 徐州 "
    "太原 珠海 中山 保定 兰州 台州 绍兴 烟台 廊坊",
    4: "潍坊 扬州 海口 汕头 洛阳 乌鲁木齐 临沂 唐山 镇江 盐城 湖州 赣州 泰州 济宁 呼和浩特 咸阳 漳州 揭阳 江门 桂林 "
    "邯郸 "
    "芜湖 三亚 阜阳 淮安 遵义 银川 衡阳 上饶 柳州 淄博 莆田 绵阳 湛江 商丘 宜昌 沧州 连云港 南阳 九江 新乡 信阳 襄阳 "
    "岳阳 蚌埠 驻马店 滁州 威海 宿迁 株洲 宁德 邢台 潮州 秦皇岛 肇庆 荆州 周口 马鞍山 清远 宿州 鞍山 安庆 菏泽 宜春 "
    "黄冈 "
    "泰安 南充 六安 大庆 舟山",
}
NAMES = {
    1: ("First tier", "一线"),
    2: ("New first tier", "新一线"),
    3: ("Second tier", "二线"),
    4: ("Third tier", "三线"),
}
# Latin names in addition to the pinyin
LATIN = {
    "xi'an": "西安", "peking": "北京", "canton": "广州", "harbin": "哈尔滨", "urumqi": "乌鲁木齐", "hohhot": "呼和浩特",
    "huhhot": "呼和浩特", "lu'an": "六安",
}  # fmt: skip
# readings that differ from those of the single characters
READINGS = {
    "重庆": "chongqing", "厦门": "xiamen", "六安": "luan", "蚌埠": "bengbu", "台州": "taizhou", "长沙": "changsha",
    "长春": "changchun", "成都": "chengdu", "西安": "xian", "东莞": "dongguan", "驻马店": "zhumadian", "大连": "dalian",
}  # fmt: skip
SUFFIX = "市"


@cache
def city_tiers() -> dict[str, int]:
    """Map city names to tiers: Chinese with and without 市, pinyin and English in lower case.

    A Latin name that two cities of different tiers share (Suzhou, Taizhou) is left out: its tier is ambiguous.

    Examples
    --------
    >>> city_tiers()["上海市"], city_tiers()["chengdu"], city_tiers().get("suzhou")
    (1, 2, None)
    """
    from pypinyin import lazy_pinyin  # noqa: PLC0415  (its dictionary takes half a second to load)

    chinese = {city: tier for tier, cities in TIERS.items() for city in cities.split()}
    tiers_by_pinyin: dict[str, set[int]] = {}
    for city, tier in chinese.items():
        pinyin = READINGS.get(city) or "".join(lazy_pinyin(city))
        tiers_by_pinyin.setdefault(pinyin, set()).add(tier)
    latin = {name: chinese[city] for name, city in LATIN.items()}
    latin |= {name: next(iter(tiers)) for name, tiers in tiers_by_pinyin.items() if len(tiers) == 1}
    return chinese | {f"{city}{SUFFIX}": tier for city, tier in chinese.items()} | latin
