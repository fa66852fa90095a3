"""Events of the web shop and the app: visits month by month, and those that lead to a purchase."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from workbench.intake.demo.jewellery.days import DAYS

if TYPE_CHECKING:
    from workbench.intake.demo.jewellery.draws import Draws

__all__ = ["write_visits"]

FADES_DAYS = 150  # before leaving, visits become rare
LOOKS_BACK_DAYS = 35
EVENING = "[7,8,9,12,12,13,18,19,20,20,21,21,21,22,22,22,23,23,0]"
TERMS = {"钻石戒指": ("求婚钻戒", "钻戒", "六爪钻戒"), "对戒": ("情侣对戒", "婚戒"), "婚嫁足金": ("三金", "五金 结婚", "龙凤镯"),
         "足金饰品": ("黄金项链", "转运珠", "今日金价"), "投资金条": ("金条", "今日金价", "生肖金条"), "K金饰品": ("锁骨链", "18k金项链", "玫瑰金"),
         "银饰": ("925银", "银手链"), "珍珠": ("珍珠耳钉", "akoya"), "彩宝": ("碧玺", "红宝石吊坠"), "翡翠": ("翡翠手镯", "冰种 平安扣"),
         "和田玉": ("和田玉 羊脂", "玉牌"), "童饰": ("长命锁", "宝宝银镯")}  # fmt: skip
USUAL_WISH = {
    "bridal": "engagement",
    "gift": "gift",
    "investor": "invest",
    "collector": "collect",
    "bargain": "bargain",
}
ATTENDS = {"collector": 0.30, "self_reward": 0.02, "bridal": 0.02}  # chance that a visit is an event attended


def write_visits(engine: duckdb.DuckDBPyConnection, draws: Draws) -> None:
    """Make ``visits`` (person, visit (unique), day, second, occasion, key of the order or null, steps) and ``events``.

    ``events``: person, visit, day, second, type, product_id, search_term, dwell_seconds, platform, channel.
    """
    wish = " ".join(f"WHEN '{name}' THEN '{occasion}'" for name, occasion in USUAL_WISH.items())
    key = "p.person * 4096 + m.range * 16 + k.range"
    fades = f"least(1, greatest(0.03, (p.left_on - m.range * 30.4) / {FADES_DAYS}.0))"
    mean = f"p.sessions * {fades}"
    hours = f"({EVENING})[1 + floor({draws.unit('visit', 'visit hour')} * 19)::INTEGER]"
    engine.execute(f"""
    CREATE TEMP TABLE visits AS
    SELECT *, {hours} * 3600 + floor({draws.unit("visit", "visit second")} * 2400)::BIGINT AS second,
        1 + floor({draws.exponential("visit", "steps")} * 2.2)::BIGINT AS steps
    FROM (
        SELECT p.person, {key} AS visit, (m.range * 30.4 + floor({draws.unit(key, "visit day")} * 30))::BIGINT AS day,
            CASE p.persona {wish} ELSE 'self' END AS occasion, NULL::BIGINT AS key, p.joined, p.left_on
        FROM people AS p, range(0, 60) AS m, range(0, 4) AS k
        WHERE p.has_web AND {draws.unit(key, "visit")} < 1 - exp(-{mean} / 4)
        UNION ALL
        SELECT o.person, -(o.key * 4 + k.range) AS visit,
            CASE WHEN k.range = 0 AND o.online THEN o.day
                ELSE o.day - floor({LOOKS_BACK_DAYS} * power({draws.unit("o.key * 4 + k.range", "back")}, 2))::BIGINT END,
            o.occasion, CASE WHEN k.range = 0 AND o.online THEN o.key END, p.joined, p.left_on
        FROM orders AS o JOIN people AS p USING (person), range(0, 4) AS k
        WHERE p.has_web AND o.day < {DAYS} AND (k.range = 0 AND o.online
            OR {draws.unit("o.key * 4 + k.range", "looks")} < CASE WHEN o.occasion IN ('engagement', 'wedding_pair') THEN 0.7
                WHEN o.online THEN 0.45 ELSE 0.3 END))
    WHERE day >= 0 AND day < {DAYS} AND day >= joined - {LOOKS_BACK_DAYS} AND day <= left_on
    """)
    engine.execute(f"CREATE TEMP TABLE events AS {_events(draws)}")


def _events(draws: Draws) -> str:
    u = draws.unit
    terms = " ".join(
        f"WHEN '{category}' THEN {draws.one_of('place', 'term', words)}" for category, words in TERMS.items()
    )
    attends = " ".join(f"WHEN '{name}' THEN {chance}" for name, chance in ATTENDS.items())
    # the last step of a visit that led to an online order is the order itself, of the piece bought
    steps = """
    SELECT v.*, v.visit * 64 + s.step AS place, s.step, s.step = v.steps + 1 AS is_order, p.persona
    FROM visits AS v JOIN people AS p USING (person), LATERAL (
        SELECT unnest(range(1, least(v.steps, 12) + 1 + (v.key IS NOT NULL)::INTEGER)) AS step) AS s"""
    views = f"""
    SELECT e.*, coalesce(CASE WHEN e.key IS NOT NULL AND (e.step >= e.steps OR {u("place", "same")} < 0.5) THEN b.product_id END,
            s.pieces[1 + floor({u("place", "seen")} * len(s.pieces))::INTEGER]) AS product_id, s.category
    FROM ({steps}) AS e LEFT JOIN (SELECT key, product_id FROM lines WHERE line = 1) AS b USING (key)
    JOIN wishes AS w USING (occasion)
    JOIN shelves AS s ON s.category = w.categories[1 + floor(
        CASE WHEN {u("place", "seen habit")} < 0.6 THEN {u("person", "taste")} ELSE {u("place", "seen category")} END
        * len(w.categories))::INTEGER]"""
    return f"""
    SELECT person, visit, day, least(86399, second + (step - 1) * 45 + floor({u("place", "pause")} * 40)::BIGINT) AS second,
        CASE WHEN is_order THEN '下单' WHEN key IS NOT NULL AND step = steps THEN '加购' WHEN attends THEN '活动签到'
            WHEN kind < 0.14 AND step = 1 THEN '搜索' WHEN kind < 0.82 THEN '浏览' WHEN kind < 0.87 THEN '点击' WHEN kind < 0.93 THEN '收藏' ELSE '加购' END AS type,
        CASE WHEN attends OR kind < 0.14 AND step = 1 AND NOT is_order THEN NULL ELSE product_id END AS product_id,
        CASE WHEN kind < 0.14 AND step = 1 AND NOT is_order AND NOT attends THEN CASE category {terms} END END AS search_term,
        CASE WHEN NOT is_order THEN round(4 + 40 * {draws.exponential("place", "dwell")}, 1) END AS dwell_seconds,
        CASE WHEN {u("person", "device")} < 0.45 THEN 'ios' WHEN {u("person", "device")} < 0.85 THEN 'android' ELSE 'web' END AS platform,
        CASE WHEN {u("visit", "traffic")} < 0.35 THEN '小程序' WHEN {u("visit", "traffic")} < 0.6 THEN 'APP'
            WHEN {u("visit", "traffic")} < 0.8 THEN '官网' ELSE '天猫' END AS channel
    FROM (SELECT *, {u("place", "kind")} AS kind,
        step = 1 AND key IS NULL AND {u("visit", "attends")} < (CASE persona {attends} ELSE 0 END) AS attends FROM ({views}))"""
