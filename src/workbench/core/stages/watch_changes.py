"""The declaration of 13_watch_changes."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import model_validator

from workbench.core.schema import CANONICAL, Table, columns
from workbench.core.section import Section, parameter
from workbench.core.stages.stage import Stage

__all__ = ["STAGE", "Acknowledgement", "Watch", "WatchChanges"]


class Watch(Section):
    """A watched metric: an alarm is raised below or above a bound."""

    metric: str
    below: float | None = None
    above: float | None = None
    level: Literal["alert", "warning"] = "alert"

    @model_validator(mode="after")
    def _with_a_bound(self) -> Watch:
        stage, _, name = self.metric.partition(".")
        if not stage or not name:
            raise ValueError(f"watch: metric is '{self.metric}'; expected stage.metric, such as 08_predict_churn.auc")
        if self.below is None and self.above is None:
            raise ValueError(f"watch: {self.metric} has neither below nor above")
        return self


class Acknowledgement(Section):
    """A reviewed alarm: by whom, why, and until when it stays closed."""

    what: str
    subject: str
    by: str
    why: str
    until: dt.date

    @model_validator(mode="after")
    def _by_somebody(self) -> Acknowledgement:
        empty = [name for name in ("what", "subject", "by", "why") if not getattr(self, name).strip()]
        if empty:
            raise ValueError(f"acknowledged: {empty[0]} is empty; state who reviewed the alarm and why it is accepted")
        return self


class WatchChanges(Section):
    """13_watch_changes."""

    compare_with: str = parameter(
        "last",
        en="Run to compare with: last (the latest good run with an earlier date), none, a run id, or a date",
        zh="与哪次运行比较：last（统计日更早的最近一次成功运行）、none、运行编号或日期",
    )
    alpha: float = parameter(
        0.01,
        en="False discovery rate over all watched figures (Benjamini-Hochberg)",
        zh="全部监控指标的错误发现率（Benjamini-Hochberg）",
        gt=0,
        le=0.2,
    )
    least_change_points: float = parameter(
        2.0,
        unit="percentage points",
        en="Smallest change that raises an alarm: the share of customers that moved",
        zh="触发警报的最小变化：发生变动的客户比例",
        ge=0,
        le=50,
    )
    watch: list[Watch] = parameter(
        [],
        en="Metrics with bounds: {metric: 08_predict_churn.auc, below: 0.7, level: warning}",
        zh="设定界限的指标：{metric: 08_predict_churn.auc, below: 0.7, level: warning}",
    )
    acknowledged: list[Acknowledgement] = parameter(
        [],
        en="Alarms that were looked at: {what, subject, by, why, until}",
        zh="已核实的警报：{what, subject, by, why, until}",
    )


STAGE = Stage(
    "13_watch_changes",
    {
        "en": "What changed since the last run, and were the predictions right?",
        "zh": "与上次运行相比有何变化，当时的预测是否准确？",
    },
    WatchChanges,
    tables=(
        Table(
            "drift",
            columns(
                "subject:category name:category kind:category population:category old:number new:number change:number "
                "statistic:number null_low:number null_high:number q_value:number level:category"
            ),
            keys=("subject", "name", "population"),
        ),
        Table(
            "migration",
            columns("kind:category from:category to:category customers:integer share:number spend:money"),
            keys=("kind", "from", "to"),
        ),
        Table(
            "realised",
            columns(
                "prediction:category predicted_on:date matured_on:date n:integer expected:number observed:number "
                "measure:category value:number low:number high:number baseline:number"
            ),
            keys=("prediction", "predicted_on", "measure"),
        ),
        Table(
            "alerts",
            columns(
                "level:category what:category subject:category old:text new:text threshold:text since:date "
                "acknowledged_by:text"
            ),
            keys=("what", "subject"),
        ),
    ),
    reads=(
        "features",
        "rfm",
        "segments",
        "churn",
        "value",
        "tags",
        "recommendations",
        "actions",
        "quality_profile",
        "purchase_propensity",
        *CANONICAL,
    ),  # fmt: skip
    unlocks={"en": "what changed since the last run", "zh": "与上次运行相比的变化"},
    borrows=(
        "03_build_features.windows_days",
        "11_plan_actions.actions",
        "12_tag_customers.likes",
        "12_tag_customers.pack",
        "12_tag_customers.questions",
        "12_tag_customers.thresholds",
        "consent.words",
        "consent.default",
        "consent.minors_under",
        "run.min_cell",
    ),  # fmt: skip
    inputs=("kept_runs", "earlier_summaries", "frozen_plans", "tag_registry"),
    checks=("compare_with",),
)
