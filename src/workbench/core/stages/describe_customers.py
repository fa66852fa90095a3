"""The declaration of 04_describe_customers."""

from __future__ import annotations

from workbench.core.schema import ABOUT_CUSTOMERS, Table
from workbench.core.section import Section, parameter
from workbench.core.stages.stage import Stage

__all__ = ["STAGE", "DescribeCustomers"]


class DescribeCustomers(Section):
    """04_describe_customers."""

    top_values: int = parameter(
        12, unit="values", en="Values shown per categorical variable", zh="分类变量展示的取值个数", ge=2, le=50
    )
    cohort_months: int = parameter(
        12, unit="months", en="Months a cohort is followed", zh="同期群跟踪的月数", ge=2, le=60
    )
    outcome: str = parameter(
        "auto",
        en="Outcome to explain: spend, repeat, label, a two-valued or numeric variable; auto takes the label, else "
        "repeat, else spend",
        zh="要解释的结果：spend（消费额）、repeat（复购）、label（标注），或任一数值或二值变量；"
        "auto 依次取标注、复购、消费额",
    )
    tree_depth: int = parameter(
        3,
        unit="questions",
        en="Depth of the decision tree: questions that define a group",
        zh="决策树到达每组的问题数",
        ge=1,
        le=4,
    )
    windows_days: list[int] = parameter(
        [1, 7, 30],
        unit="days",
        en="Windows within which a view may lead to a cart and a purchase",
        zh="自浏览到加购与购买的转化窗口",
        min_length=1,
        max_length=3,
    )
    n_bootstraps: int = parameter(
        500, unit="resamples", en="Resamples for intervals", zh="区间估计的重抽样次数", ge=100, le=10000
    )
    seed: int = parameter(20240601, en="Seed of all random draws", zh="随机种子", ge=0)


_PROFILES = (
    "population", "variables", "differences", "pareto", "months", "cohorts", "bought", "week", "journey", "effects",
    "tree", "funnel",
)  # fmt: skip

STAGE = Stage(
    "04_describe_customers",
    {
        "en": "Who are the customers, where are they from, and how do they behave?",
        "zh": "客户是谁、来自哪里、行为如何？",
    },
    DescribeCustomers,
    tables=tuple(Table(f"profile_{name}", (), open=True) for name in _PROFILES),
    reads=("features", *ABOUT_CUSTOMERS),
    needs=(("features",),),
    unlocks={"en": "the overall portrait", "zh": "总体画像"},
    borrows=("03_build_features.event_types", "08_predict_churn.label_name", "run.min_cell"),
)
