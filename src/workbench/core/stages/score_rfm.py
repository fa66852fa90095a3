"""The declaration of 05_score_rfm."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from workbench.core.schema import Table, columns
from workbench.core.section import Section, parameter
from workbench.core.stages.stage import Stage

__all__ = ["STAGE", "ScoreRfm"]


class ScoreRfm(Section):
    """05_score_rfm."""

    bins: int = parameter(
        5,
        unit="scores",
        en="Scores per dimension, the highest is best",
        zh="每个维度的分值个数，最高为最好",
        ge=2,
        le=10,
    )
    tie_rule: Literal["lowest", "middle", "highest"] = parameter(
        "lowest", en="Rank that equal values share", zh="相同取值共同采用的名次：最低、居中或最高"
    )
    cut: Literal["median", "mean", "mean_score", "score"] = parameter(
        "median",
        en="The cut between high and low: median or mean of the values, mean of the scores, or the middle score",
        zh="高低的分界：取值的中位数或均值、得分的均值，或中间分",
    )
    bounds: Literal["fixed", "rhythm"] = parameter(
        "fixed",
        en="Activity bounds: fixed days, or the customers' own gaps between orders",
        zh="活跃状态界限：固定天数，或客户自身的购买间隔",
    )
    active_days: int = parameter(90, unit="days", en="Active up to this recency", zh="活跃：最近购买不超过", ge=1)
    dormant_days: int = parameter(180, unit="days", en="Dormant up to this recency", zh="沉睡：最近购买不超过", ge=2)
    pre_churn_days: int = parameter(
        360,
        unit="days",
        en="Pre-churn up to this recency, churned beyond",
        zh="预流失：最近购买不超过，其后为流失",
        ge=3,
    )

    @model_validator(mode="after")
    def _in_order(self) -> ScoreRfm:
        if not self.active_days < self.dormant_days < self.pre_churn_days:
            bounds = f"{self.active_days}, {self.dormant_days}, {self.pre_churn_days}"
            raise ValueError(f"active_days, dormant_days, pre_churn_days are {bounds}; each must exceed the one before")
        return self


STAGE = Stage(
    "05_score_rfm",
    {"en": "How recent, frequent and valuable is each customer?", "zh": "每位客户最近何时购买、多频繁、价值多高？"},
    ScoreRfm,
    tables=(
        Table(
            "rfm",
            columns(
                "customer_id:id recency_days:number frequency_orders:integer monetary_total:money r_score:integer "
                "f_score:integer m_score:integer rfm_type:category activity_status:category life_cycle_stage:category"
            ),
            keys=("customer_id",),
        ),
    ),
    reads=("features", "transactions"),
    needs=(("transactions.customer_id",), ("transactions.amount",), ("features",)),
    unlocks={
        "en": "RFM scores, the eight customer types and the activity status",
        "zh": "RFM 得分、八类客户与活跃状态",
    },
    borrows=("run.min_cell",),
)
