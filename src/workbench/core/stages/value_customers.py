"""The declaration of 09_value_customers."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from workbench.core.schema import ABOUT_CUSTOMERS, Table, columns
from workbench.core.section import Section, parameter
from workbench.core.stages.build_features import READ_AT_CUT_OFFS
from workbench.core.stages.stage import Stage

__all__ = ["STAGE", "ValueCustomers"]


class ValueCustomers(Section):
    """09_value_customers."""

    calibration_until: dt.date | None = parameter(
        None,
        unit="date",
        en="Last day of the training period; default: two thirds of the history",
        zh="受检模型可见的最后一天；默认为历史的前三分之二",
    )
    horizon_days: int | None = parameter(
        None,
        unit="days",
        en="Forecast horizon; default: as long as the test period, at most a year",
        zh="估值的未来天数；默认与检验期等长，至多一年",
        ge=7,
        le=3650,
    )
    discount_rate: float = parameter(
        0.1, unit="share a year", en="Discount rate of future value", zh="未来价值的年折现率", ge=0, le=1
    )
    learn_cut_offs: int = parameter(
        2,
        unit="cut-offs",
        en="Past cut-offs, half a horizon apart, on which a machine-learned spend model trains; 0: not tried",
        zh="消费学习模型所用的历史截点个数，彼此相隔半个预测期；0 表示不尝试",
        ge=0,
        le=12,
    )
    choose_by: Literal["deviance", "rmse", "gini"] = parameter(
        "deviance",
        en="Metric by which a learned model must beat orders times spend in the test period: deviance (Poisson, of the "
        "mean), rmse (large orders decide), gini (ranking only); its mean absolute error must never be larger",
        zh="学习模型在检验期内须优于“购买次数×单次消费”的指标：deviance（泊松偏差，针对均值）、rmse（大额订单主导）、gini（仅看排序）；无论何种，平均绝对误差均不得更大",
    )
    n_draws: int = parameter(
        200, unit="draws", en="Draws per customer for the intervals", zh="每位客户区间估计的抽样次数", ge=50, le=2000
    )
    interval_level: float = parameter(
        0.9,
        unit="share",
        en="Nominal coverage of the intervals",
        zh="区间应覆盖的结果比例",
        ge=0.5,
        le=0.99,
    )
    seed: int = parameter(20240601, en="Seed of all random draws", zh="随机种子", ge=0)


STAGE = Stage(
    "09_value_customers",
    {
        "en": "What are the customers worth, within what range, and when will they buy next?",
        "zh": "客户价值多少、范围多大、下次何时购买？",
    },
    ValueCustomers,
    tables=(
        Table(
            "value",
            columns(
                "customer_id:id expected_orders:number expected_value:number value_low:number value_high:number "
                "p_alive:number"
            ),
            keys=("customer_id",),
        ),
        Table(
            "next_purchase",
            columns(
                "customer_id:id buy_probability:number next_purchase_at:date next_purchase_low:date "
                "next_purchase_high:date"
            ),
            keys=("customer_id",),
        ),
    ),
    reads=("features", "segments", *ABOUT_CUSTOMERS),
    needs=(("transactions.customer_id",), ("transactions.amount",), ("transactions.ordered_at",)),
    unlocks={
        "en": "expected purchases and value of each customer, and the next purchase date",
        "zh": "每位客户的预期购买次数、价值与下次购买日",
    },
    borrows=(*READ_AT_CUT_OFFS, "run.min_cell"),
)
