"""A survey of attitudes: scales of four Likert items with one reversed, an unreliable scale, choices, willingness to recommend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from workbench.intake.demo.jewellery.days import DAYS

if TYPE_CHECKING:
    from workbench.intake.demo.jewellery.draws import Draws

__all__ = ["SCALES", "SURVEY", "write_answers"]

SURVEY = "2025年春季顾客态度调研"
FIRST_DAY, OPEN_DAYS = DAYS - 80, 45
SKIPPED, NOT_AN_ANSWER = 0.02, 0.004


@dataclass(frozen=True)
class _Scale:
    """A scale: its items (reversed ones marked by a leading minus), their loading, the mean score by persona."""

    name: str
    items: tuple[str, ...]
    loading: float
    means: dict[str, float]


SCALES = (
    _Scale("仪式感", ("重要的日子一定要有首饰见证", "纪念日不送礼会觉得遗憾", "-首饰对我只是装饰，没有特别意义", "我会为仪式感提前挑选礼物"),
           0.82, {"bridal": 1.0, "gift": 0.8, "self_reward": 0.1, "investor": -0.9, "service": -0.2, "bargain": -0.6, "passer": -0.3}),
    _Scale("保值意识", ("买首饰首先看能否保值", "我会关注每天的金价", "-款式好看比克重更重要", "黄金是可靠的家庭资产"),
           0.80, {"investor": 1.4, "bargain": 0.7, "collector": 0.6, "self_reward": -0.9, "gift": -0.3}),
    _Scale("悦己", ("买首饰是犒劳自己", "不需要特别的理由也会给自己买首饰", "-首饰应当由别人送", "我喜欢用首饰搭配每天的穿着"),
           0.80, {"self_reward": 1.2, "collector": 0.4, "gift": -0.9, "investor": -0.5, "bridal": -0.2}),
    _Scale("价格敏感", ("我会等到活动时再买", "购买前我会比较多家价格", "-只要喜欢，价格不是问题", "工费高低影响我的选择"),
           0.78, {"bargain": 1.2, "collector": -1.0, "investor": 0.3, "passer": 0.3}),
    _Scale("环保", ("我愿意为环保包装多付钱", "培育钻石比天然钻石更值得买", "-我不关心首饰的来源"), 0.30, {}),
    _Scale("认可需求", ("我希望佩戴的首饰得到身边人称赞", "合适的首饰让我更自信", "-别人怎么看我的首饰都无所谓", "收到首饰让我感到被重视"),
           0.80, {"self_reward": 0.8, "bridal": 0.6, "gift": 0.3, "investor": -1.0, "bargain": -0.3}),
    _Scale("服务期待", ("我期待顾问记得我的喜好", "售后问题应当当天有答复", "-只要价格合适，服务好坏不重要", "我期待终身免费清洗与保养"),
           0.80, {"collector": 1.1, "service": 0.9, "bridal": 0.4, "bargain": -0.8, "passer": -0.9}),
)  # fmt: skip
FIRST_ITEMS = (0, 8, 16, 24, 32, 40, 44)  # number of the first item of each scale; choices follow from 50, nps is 63
# question: answers with weights, by default and for personas that differ
CHOICES: dict[str, dict[str, dict[str, float]]] = {
    "购物同伴": {
        "": {"独自": 4, "伴侣": 2, "家人": 2, "朋友": 2},
        "bridal": {"独自": 1, "伴侣": 7, "家人": 2, "朋友": 1},
        "self_reward": {"独自": 4, "伴侣": 1, "家人": 1, "朋友": 4},
        "gift": {"独自": 7, "伴侣": 1, "家人": 1, "朋友": 1},
    },
    "购物环境偏好": {
        "": {"商场专柜": 5, "品牌旗舰店": 2, "线上商城": 3, "贵宾室": 0.3},
        "self_reward": {"商场专柜": 2, "品牌旗舰店": 2, "线上商城": 6},
        "collector": {"商场专柜": 1, "品牌旗舰店": 3, "贵宾室": 6},
    },
    "兴趣爱好": {
        "": {"旅行": 3, "美食": 3, "影视": 2, "运动": 2, "理财": 1, "收藏": 0.5, "穿搭": 1},
        "self_reward": {"穿搭": 6, "旅行": 3, "影视": 2, "美食": 2},
        "investor": {"理财": 6, "运动": 1, "旅行": 1, "收藏": 1},
        "collector": {"收藏": 6, "旅行": 2, "理财": 1},
    },
    "媒介习惯": {
        "": {"微信": 4, "抖音": 4, "小红书": 2, "电视": 1},
        "self_reward": {"小红书": 6, "抖音": 3, "微信": 1},
        "bridal": {"小红书": 5, "微信": 3, "抖音": 3},
        "collector": {"微信": 6, "电视": 3, "抖音": 1},
    },
    "生活方式": {
        "": {"居家务实": 4, "工作为先": 3, "健康自律": 2, "社交活跃": 2},
        "self_reward": {"精致时尚": 6, "社交活跃": 3, "健康自律": 2, "工作为先": 1},
        "bridal": {"精致时尚": 3, "工作为先": 3, "居家务实": 2, "社交活跃": 2},
        "investor": {"居家务实": 5, "工作为先": 4, "健康自律": 1},
        "collector": {"精致时尚": 2, "居家务实": 3, "健康自律": 3, "社交活跃": 2},
    },
    "闲暇安排": {
        "": {"陪伴家人": 4, "逛街购物": 2, "短途自驾": 2, "运动健身": 1.5, "宅家休息": 2},
        "self_reward": {"逛街购物": 5, "短途自驾": 2, "运动健身": 2, "宅家休息": 2},
        "bridal": {"短途自驾": 4, "逛街购物": 3, "宅家休息": 2, "运动健身": 1},
        "collector": {"陪伴家人": 3, "短途自驾": 2, "参观展览": 4},
    },
    "购买理由": {
        "": {"款式": 3, "价格": 2, "品质": 3, "品牌": 2, "保值": 1},
        "bargain": {"价格": 7, "保值": 2, "款式": 1},
        "investor": {"保值": 8, "品质": 1, "价格": 1},
        "self_reward": {"款式": 6, "品牌": 2, "价格": 1, "品质": 1},
        "collector": {"品质": 6, "保值": 2, "款式": 2},
        "bridal": {"款式": 4, "品牌": 4, "品质": 2},
    },
    "佩戴用途": {
        "": {"日常佩戴": 4, "节日聚会": 2, "送礼": 2, "收藏保值": 1},
        "bridal": {"婚嫁": 8, "日常佩戴": 2},
        "gift": {"送礼": 8, "日常佩戴": 1, "节日聚会": 1},
        "self_reward": {"日常佩戴": 7, "节日聚会": 3},
        "investor": {"收藏保值": 8, "送礼": 1, "日常佩戴": 1},
        "collector": {"收藏保值": 6, "日常佩戴": 2, "节日聚会": 2},
    },
    "改进建议": {
        "": {"没有": 4, "工费偏高": 2, "款式更新慢": 2, "售后等待久": 1, "活动规则复杂": 1},
        "bargain": {"工费偏高": 6, "活动规则复杂": 3, "没有": 1},
        "self_reward": {"款式更新慢": 5, "没有": 3, "活动规则复杂": 1},
        "service": {"售后等待久": 7, "没有": 2, "工费偏高": 1},
    },
}
NPS = {
    "collector": 9.2,
    "bridal": 8.3,
    "self_reward": 8.4,
    "gift": 7.8,
    "investor": 7.6,
    "bargain": 6.8,
    "service": 6.5,
}
NPS_ELSE, NPS_SPREAD = 7.0, 1.7


def write_answers(engine: duckdb.DuckDBPyConnection, draws: Draws) -> None:
    """Make ``answers``: person, item, question, answer (text: 1..5, 0..10 for nps, seldom no number; a choice), day."""
    rows = [
        {"scale": scale.name, "item": first + number, "question": text.removeprefix("-"), "reverse": text.startswith("-"),
         "loading": scale.loading}
        for first, scale in zip(FIRST_ITEMS, SCALES, strict=True) for number, text in enumerate(scale.items)
    ]  # fmt: skip
    engine.register("items_view", pa.Table.from_pylist(rows))
    latent = " ".join(
        f"WHEN '{scale.name}' THEN CASE p.persona {_whens(scale.means)} ELSE 0 END + 0.75 * {draws.normal('p.person', scale.name)}"
        for scale in SCALES
    )
    key = "(p.person * 64 + i.item)"
    score = f"3.1 + 1.05 * (i.loading * CASE i.scale {latent} END + sqrt(1 - i.loading * i.loading) * {draws.normal(key, 'item')})"
    respondents = f"""FROM people AS p WHERE p.in_crm AND p.joined < {FIRST_DAY}
        AND {draws.unit("p.person", "answers")} < p.answers * CASE WHEN p.left_on > {FIRST_DAY} THEN 1 ELSE 0.25 END"""
    answered_on = f"{FIRST_DAY} + floor({draws.unit('p.person', 'answered')} * {OPEN_DAYS})::BIGINT AS day"
    likert = f"greatest(1, least(5, round({score})))::INTEGER"
    engine.execute(f"""
    CREATE TEMP TABLE answers AS
    SELECT p.person, i.item, i.question, CASE WHEN {draws.unit(key, "odd")} < {NOT_AN_ANSWER} THEN '不清楚'
        ELSE (CASE WHEN i.reverse THEN 6 - {likert} ELSE {likert} END)::VARCHAR END AS answer, p.day
    FROM (SELECT p.person, p.persona, {answered_on} {respondents}) AS p, items_view AS i WHERE {draws.unit(key, "skipped")} >= {SKIPPED}
    UNION ALL
    SELECT p.person, 63, 'nps', greatest(0, least(10, round(CASE p.persona {_whens(NPS)} ELSE {NPS_ELSE} END
        + {NPS_SPREAD} * {draws.normal("p.person", "nps")})))::INTEGER::VARCHAR, {answered_on} {respondents}
    UNION ALL
    SELECT p.person, 50 + c.item, c.question, {_choice(draws)}, p.day
    FROM (SELECT p.person, p.persona, {answered_on} {respondents}) AS p, (VALUES {_questions()}) AS c(item, question)
    """)
    engine.unregister("items_view")


def _questions() -> str:
    return ", ".join(f"({at}, '{question}')" for at, question in enumerate(CHOICES))


def _choice(draws: Draws) -> str:
    """Write the choice of an answer, by the persona where it differs."""
    branches = []
    for question, by_persona in CHOICES.items():
        special = " ".join(
            f"WHEN '{name}' THEN {draws.weighted('p.person', question, weights)}"
            for name, weights in by_persona.items()
            if name
        )
        usual = draws.weighted("p.person", question, by_persona[""])
        branches.append(f"WHEN '{question}' THEN CASE p.persona {special} ELSE {usual} END")
    return f"CASE c.question {' '.join(branches)} END"


def _whens(values: dict[str, float]) -> str:
    return " ".join(f"WHEN '{name}' THEN {value}" for name, value in values.items()) or "WHEN '' THEN 0"
