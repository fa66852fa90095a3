"""Parameters of the whole run: its goal and its limits."""

from __future__ import annotations

from typing import Literal

from workbench.core.params.hooks import HooksParams
from workbench.core.section import Section, knob

__all__ = ["GOAL_KINDS", "GoalParams", "RunParams"]

GoalKind = Literal["contact_list", "segment_strategy", "budget_split", "quality_gate", "watch", "describe"]
GOAL_KINDS: tuple[str, ...] = GoalKind.__args__  # type: ignore[attr-defined]


LocalText = str | dict[Literal["en", "zh"], str]  # one text, or one for each language


class GoalParams(Section):
    """What the run is for; printed at the top of the report, each text as it is or by language."""

    question: LocalText = knob("", en="The question the run answers", zh="本次运行要回答的问题")
    kind: GoalKind = knob(
        "describe",
        en="What is asked for: a list of customers to contact, what to do with each segment, how to split a budget, "
        "whether the data is fit for use, what changed, or a description",
        zh="所要的答案：联系名单、各客群的做法、预算分配、数据是否可用、变化监测，或客户描述",
    )
    stages: list[str] = knob(
        [],
        en="Stages of the run on which the answer rests; default: those of the kind",
        zh="答案所依据的阶段，须属于本次运行；默认由 kind 决定",
    )
    decision: LocalText = knob("", en="The decision it serves", zh="所服务的决策")
    audience: LocalText = knob("", en="Who reads it", zh="读者")
    measure: LocalText = knob("", en="How success is measured", zh="成效的衡量")


class RunParams(Section):
    """How the flow runs."""

    stages: list[str] | None = knob(
        None, en="Stages to run, in number order; default: all built-in", zh="要运行的阶段，按编号；默认全部内置阶段"
    )
    also: list[str] = knob(
        [],
        en="Notebooks of your own to run beside the stages: stems in notebooks/, such as 15_study_gifts",
        zh="与各阶段一同运行的自有笔记本：notebooks/ 中的文件名（不含扩展名），如 15_study_gifts",
    )
    min_cell: int = knob(
        10,
        unit="customers",
        en="Smallest number of customers behind a number in the report",
        zh="展示一个数字所需的最少客户数",
        ge=3,
        le=1000,
    )
    memory_limit_gb: float = knob(3.0, unit="GB", en="Memory the engine may use", zh="引擎可用内存", ge=0.25, le=1024)
    threads: int = knob(
        2, unit="threads", en="Threads of the engine and of model fits", zh="引擎与模型训练的线程数", ge=1, le=256
    )
    cell_seconds: int = knob(
        1800, unit="s", en="Longest time one cell may take", zh="单个单元格的最长时间", ge=1, le=86400
    )
    total_seconds: int = knob(
        7200, unit="s", en="Longest time the flow may take", zh="整个流程的最长时间", ge=1, le=604800
    )
    hooks: HooksParams = knob(
        HooksParams(),
        en="Whom a run tells that it ended: on_done, on_failure, on_alert, each a list of receivers "
        "(command, file, webhook, mail)",
        zh="运行结束后通知谁：on_done、on_failure、on_alert，各为一组接收方（command、file、webhook、mail）",
    )
