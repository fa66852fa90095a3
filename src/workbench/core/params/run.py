"""Parameters of the whole run: its goal and its limits."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from workbench.core.params.hooks import HooksParams
from workbench.core.section import Section, parameter

__all__ = ["GOAL_KINDS", "GoalParams", "RetentionParams", "RunParams", "ShareParams"]

GoalKind = Literal["contact_list", "segment_strategy", "budget_split", "quality_gate", "watch", "describe"]
GOAL_KINDS: tuple[str, ...] = GoalKind.__args__  # type: ignore[attr-defined]


_MOST_DAYS = 36_525
LocalText = str | dict[Literal["en", "zh"], str]  # one text, or one for each language


class GoalParams(Section):
    """The purpose of the run, printed at the top of the report; texts are plain or by language."""

    question: LocalText = parameter("", en="The question the run answers", zh="本次运行要回答的问题")
    kind: GoalKind = parameter(
        "describe",
        en="What is asked for: a list of customers to contact, what to do with each segment, how to split a budget, "
        "whether the data is fit for use, what changed, or a description",
        zh="所要的答案：联系名单、各客群的做法、预算分配、数据是否可用、变化监测，或客户描述",
    )
    stages: list[str] = parameter(
        [],
        en="Stages of the run on which the answer rests; default: those of the kind",
        zh="答案所依据的阶段，须属于本次运行；默认由 kind 决定",
    )
    decision: LocalText = parameter("", en="The decision it serves", zh="所服务的决策")
    audience: LocalText = parameter("", en="Who reads it", zh="读者")
    measure: LocalText = parameter("", en="How success is measured", zh="成效的衡量")


class RetentionParams(Section):
    """How long results are kept, in days before the newest successful run; without a number they are never deleted."""

    tables: dict[str, int] = parameter(
        {},
        unit="days",
        en="Tables of earlier runs, by name",
        zh="以往各次运行的表，按表名",
    )
    runs: int | None = parameter(
        None,
        unit="days",
        en="All tables of earlier runs and versions of stages",
        zh="以往各次运行的全部表与阶段结果",
        ge=1,
        le=_MOST_DAYS,
    )
    reports: int | None = parameter(
        None,
        unit="days",
        en="Folders of earlier runs: report, pages, notebooks, lists and cards",
        zh="以往各次运行的文件夹：报告、页面、笔记本、名单与画像卡",
        ge=1,
        le=_MOST_DAYS,
    )
    rejects: int | None = parameter(
        None, unit="days", en="Rejected records of earlier runs", zh="以往各次运行的拒收记录", ge=1, le=_MOST_DAYS
    )
    logs: int | None = parameter(
        None, unit="days", en="Logs of scheduled runs", zh="定时运行的日志", ge=1, le=_MOST_DAYS
    )
    mlflow: int | None = parameter(
        None,
        unit="days",
        en="Tracked runs with their files; those of registered versions stay",
        zh="MLflow 中的运行及其文件；已注册版本所属的运行保留",
        ge=1,
        le=_MOST_DAYS,
    )
    subjects: int | None = parameter(
        30,
        unit="days",
        en="Answers to requests of customers for their data",
        zh="应客户请求导出的个人数据",
        ge=1,
        le=_MOST_DAYS,
    )

    @field_validator("tables")
    @classmethod
    def _whole_days(cls, tables: dict[str, int]) -> dict[str, int]:
        for name, days in tables.items():
            if not 1 <= days <= _MOST_DAYS:
                raise ValueError(f"'{name}' is kept for {days} days; expected 1 to {_MOST_DAYS:,}")
        return tables


class ShareParams(Section):
    """Who may see the report in addition to the owner."""

    group: str | None = parameter(
        None,
        en="A group of the operating system that may see the report and the stage pages, nothing else",
        zh="可查看报告与阶段页面的操作系统用户组，其余内容均不可见",
    )


class RunParams(Section):
    """Stages and limits of a run."""

    stages: list[str] | None = parameter(
        None, en="Stages to run, in number order; default: all built-in", zh="要运行的阶段，按编号；默认全部内置阶段"
    )
    also: list[str] = parameter(
        [],
        en="Notebooks of your own to run beside the stages: stems in notebooks/, such as 15_study_gifts",
        zh="与各阶段一同运行的自有笔记本：notebooks/ 中的文件名（不含扩展名），如 15_study_gifts",
    )
    min_cell: int = parameter(
        10,
        unit="customers",
        en="Smallest number of customers behind a number in the report",
        zh="展示一个数字所需的最少客户数",
        ge=3,
        le=1000,
    )
    memory_limit_gb: float = parameter(
        3.0, unit="GB", en="Memory the engine may use", zh="引擎可用内存", ge=0.25, le=1024
    )
    threads: int = parameter(
        2, unit="threads", en="Threads of the engine and of model fits", zh="引擎与模型训练的线程数", ge=1, le=256
    )
    cell_seconds: int = parameter(
        1800, unit="s", en="Longest time one cell may take", zh="单个单元格的最长时间", ge=1, le=86400
    )
    total_seconds: int = parameter(
        7200, unit="s", en="Longest time the flow may take", zh="整个流程的最长时间", ge=1, le=604800
    )
    hooks: HooksParams = parameter(
        HooksParams(),
        en="Whom a run tells that it ended: on_done, on_failure, on_alert, each a list of receivers "
        "(command, file, webhook, mail)",
        zh="运行结束后通知谁：on_done、on_failure、on_alert，各为一组接收方（command、file、webhook、mail）",
    )
    retention: RetentionParams = Field(
        default_factory=RetentionParams,
        json_schema_extra={"unit": "", "help": {
            "en": "How long results are kept; 'workbench retention apply' deletes what is older",
            "zh": "结果保留多久；由 workbench retention apply 删除过期内容",
        }},
    )  # fmt: skip
