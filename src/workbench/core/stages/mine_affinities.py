"""The declaration of 07_mine_affinities."""

from __future__ import annotations

from typing import Literal

from workbench.core.schema import Table, columns
from workbench.core.section import Section, parameter
from workbench.core.stages.stage import Stage

__all__ = ["STAGE", "MineAffinities"]

Method = Literal[
    "popularity", "own", "own_decayed", "bm25", "own_cycle", "cosine", "rules", "ease", "als", "tifu_knn"
]  # fmt: skip


class MineAffinities(Section):
    """07_mine_affinities."""

    basket: Literal["order", "day", "customer"] = parameter(
        "order",
        en="What makes a basket: an order, a customer's day, or all that a customer bought",
        zh="购物篮的口径：一个订单、一位客户的一天，或一位客户的全部购买",
    )
    items: list[str] = parameter(
        ["product_id"],
        en="Items of a basket: product_id, columns of products, and with basket: customer "
        "also customers.<attribute> and answers.<question>",
        zh="购物篮中的项目：product_id、products 的列；basket 为 customer 时还可用 customers.<属性> 与 answers.<问题>",
        min_length=1,
        max_length=8,
    )
    min_support: float = parameter(
        0.01, unit="share of baskets", en="Least support of a rule", zh="规则的最低支持度", gt=0, le=1
    )
    min_confidence: float = parameter(
        0.2, unit="share", en="Least confidence of a rule", zh="规则的最低置信度", gt=0, le=1
    )
    max_items: int = parameter(
        3, unit="items", en="Most items of a rule, consequent included", zh="规则最多的项目数（含后项）", ge=2, le=5
    )
    max_rules: int = parameter(
        10_000,
        unit="rules",
        en="Bound on rules; beyond it the support is raised, and the report says so",
        zh="规则数上限；超出时提高支持度，并在报告中注明",
        ge=10,
        le=200_000,
    )
    max_basket: int = parameter(
        2_000,
        unit="items",
        en="Baskets with more items are left out of counts and denominator",
        zh="项目数超过此值的购物篮不计入分子与分母",
        ge=2,
    )
    prune: bool = parameter(
        True,
        en="Leave rules without gain over a shorter one out of the table",
        zh="表中不列出相对更短规则没有提升的规则",
    )
    methods: list[Method] = parameter(
        ["popularity", "own", "own_decayed", "bm25"],
        en="Methods of recommendation, the simplest first; a simpler one is used unless clearly beaten",
        zh="推荐方法，由简到繁；除非明显落后，否则采用更简单的方法",
        min_length=1,
    )
    trial: Literal["quick", "full"] = parameter(
        "quick", en="Compare the methods listed, or all methods", zh="比较所列方法（quick）或全部方法（full）"
    )
    hold_out_days: int = parameter(
        60,
        unit="days",
        en="The reported cut-off lies this long before the end of the data, the one that chooses twice as long",
        zh="报告所用截点距数据末尾的天数；用于择优的截点为其两倍",
        ge=1,
        le=730,
    )
    n_recommendations: int = parameter(10, unit="items", en="Items per list", zh="每份推荐的项目数", ge=1, le=50)
    never: dict[str, list[str]] = parameter(
        {}, en="Never recommended: column of products to values", zh="从不推荐：products 的列及其取值"
    )
    once: dict[str, list[str]] = parameter(
        {},
        en="Owned once, not offered again: column of products to values",
        zh="拥有一件即不再推荐：products 的列及其取值",
    )
    eligible: dict[Literal["products", "customers"], str] = parameter(
        {},
        en="What may be offered, and to whom: products to an expression, customers to an audience rule",
        zh="可推荐的商品与客户：products 为表达式，customers 为人群规则",
    )
    n_bootstraps: int = parameter(
        200, unit="draws", en="Bootstrap draws of customers", zh="对客户的自助抽样次数", ge=50, le=2000
    )
    seed: int = parameter(20240601, en="Seed of all random draws", zh="随机种子", ge=0)


STAGE = Stage(
    "07_mine_affinities",
    {
        "en": "What is bought together, and what should be offered to whom next?",
        "zh": "哪些商品常被一起购买，接下来向谁推荐什么？",
    },
    MineAffinities,
    tables=(
        Table(
            "rules",
            columns(
                "rule:id level:category antecedent:text consequent:text baskets:integer support:number "
                "confidence:number lift:number lift_low:number lift_high:number leverage:number q_value:number "
                "held_out_lift:number mark:category"
            ),
            keys=("rule",),
        ),
        Table(
            "affinities",
            columns(
                "item:text other:text level:category baskets:integer lift:number lift_low:number lift_high:number "
                "days_between:number"
            ),
            keys=("item", "other"),
        ),
        Table(
            "recommendations",
            columns(
                "customer_id:id list:category rank:integer product_id:id category:category score:number "
                "method:category reason:text evidence:text as_of:date"
            ),
            keys=("customer_id", "list", "rank"),
        ),
        Table(
            "recommender_trial",
            columns(
                "list:category method:category cut_off:date customers:integer recall_at_10:number low:number "
                "high:number ndcg:number coverage:number chosen:flag"
            ),
            keys=("list", "method", "cut_off"),
        ),
    ),
    reads=("transactions", "products", "customers", "responses", "consents", "features", "rfm", "segments"),
    needs=(("transactions.product_id", "responses"),),
    inputs=("audience_rules", "marked_recommendations"),
    checks=("eligible_rule",),
    unlocks={
        "en": "what is bought together, and recommendations",
        "zh": "商品关联与推荐",
    },
    borrows=("consent.words", "consent.default", "consent.minors_under", "run.min_cell"),
)
