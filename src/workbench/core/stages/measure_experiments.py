"""The declaration of 10_measure_experiments."""

from __future__ import annotations

from typing import Literal

from workbench.core.schema import Table, columns
from workbench.core.section import Section, parameter
from workbench.core.stages.build_features import READ_AT_CUT_OFFS
from workbench.core.stages.stage import Stage

__all__ = ["STAGE", "MeasureExperiments"]


class MeasureExperiments(Section):
    """10_measure_experiments."""

    control: str | dict[str, str] | None = parameter(
        None,
        en="The control arm, or experiment to control arm; default: the arm named control, hold_out, none, 对照, "
        "对照组, 空白 or 空白组",
        zh="对照组名称，或“实验：对照组”的映射；默认取名为 control、hold_out、none、对照、对照组、空白或空白组的组",
    )
    shares: dict[str, float | dict[str, float]] = parameter(
        {},
        unit="share",
        en="Share of each arm, or experiment to such shares; default: the column share, else equal",
        zh="各组的设计比例，或按实验给出；默认取 share 列，否则各组相等",
    )
    outcomes: list[str] = parameter(
        [],
        en="Outcomes: columns of experiments, orders_<n>d, spend_<n>d, bought_<n>d, returned_<n>d, opened; default: "
        "the numeric columns that are no covariates, else orders_90d and spend_90d",
        zh="结果指标：experiments 的列、orders_<n>d、spend_<n>d、bought_<n>d、returned_<n>d、opened；默认取非协变量的"
        "数值列，否则为 orders_90d 与 spend_90d",
    )
    primary: list[str] = parameter([], en="Primary outcomes; default: the first", zh="主要指标；默认为第一个")
    covariates: list[str] = parameter(
        [],
        en="Known before the assignment: columns of experiments, numeric columns of customers, features. Computed "
        "outcomes are always adjusted by their values in the window before",
        zh="分组前已知的协变量：experiments 的列、customers 的数值列或特征。可计算的指标总以分组前同长窗口的值校正",
    )
    groups: list[str] = parameter(
        [],
        en="Groups whose effects are compared; default: attributes of 2 to 8 levels, numeric ones in quarters, ten at "
        "most",
        zh="比较效果差异的分组；默认取 2 至 8 个取值的属性，数值属性按四分位，最多十个",
        max_length=10,
    )
    unit: Literal["customer", "household", "store"] = parameter(
        "customer", en="What was assigned: customers, households or stores", zh="随机分组的单位：客户、家庭或门店"
    )
    alpha: float = parameter(
        0.05, unit="share", en="Level of tests; intervals have 1 - alpha", zh="检验水平；区间为 1 - alpha", gt=0, lt=0.5
    )
    looks: int = parameter(
        1,
        unit="looks",
        en="How often the results are looked at before the end; above 1, intervals stay valid at every look",
        zh="结束前查看结果的次数；大于 1 时区间在每次查看时均有效",
        ge=1,
        le=10_000,
    )
    n_bootstraps: int = parameter(
        200,
        unit="resamples",
        en="Resamples for the intervals of Qini coefficients",
        zh="Qini 系数区间的重抽样次数",
        ge=50,
        le=5000,
    )
    seed: int = parameter(20240601, en="Seed of all random draws", zh="随机种子", ge=0)


STAGE = Stage(
    "10_measure_experiments",
    {"en": "What did the campaign change, and for whom?", "zh": "活动改变了什么，对谁有效？"},
    MeasureExperiments,
    tables=(
        Table(
            "effects",
            columns(
                "experiment:category arm:category control:category outcome:category primary:flag group:category "
                "level:category n_treated:integer n_control:integer effect:number low:number high:number "
                "p_value:number p_adjusted:number q_value:number adjusted_effect:number adjusted_low:number "
                "adjusted_high:number method:category verdict:category"
            ),
        ),
        Table(
            "uplift",
            columns(
                "customer_id:id experiment:category arm:category outcome:category uplift:number low:number high:number"
            ),
            keys=("customer_id", "experiment", "arm", "outcome"),
        ),
        Table(
            "targeting_policies",
            columns(
                "experiment:category outcome:category policy:category share:number value:number low:number high:number "
                "estimator:category"
            ),
            keys=("experiment", "outcome", "policy", "share"),
        ),
    ),
    reads=("experiments", "transactions", "campaigns", "customers", "households"),
    needs=(("experiments", "campaigns"),),
    unlocks={"en": "what experiments and campaigns changed", "zh": "实验与活动的效果"},
    inputs=("planned_tests",),
    borrows=(*READ_AT_CUT_OFFS, "run.min_cell"),
)
