"""The declaration of 11_plan_actions."""

from __future__ import annotations

from pydantic import model_validator

from workbench.core.schema import CANONICAL, Table, columns
from workbench.core.section import Section, parameter
from workbench.core.stages.stage import Stage

__all__ = ["STAGE", "PlanActions"]


class PlanActions(Section):
    """11_plan_actions."""

    actions: list[str] = parameter(
        [],
        en="Actions to plan: names of files in params/actions, services first come first; without any the stage is "
        "skipped",
        zh="要规划的行动：params/actions 中的文件名，服务类按所列顺序优先；不列则跳过本阶段",
    )
    budget: float | None = parameter(
        None, unit="money", en="Money for all contacts of the plan; required", zh="本计划全部触达的预算，必填", ge=0
    )
    contacts_per_customer: int = parameter(
        1,
        unit="contacts",
        en="Most contacts of a customer in contact_days, those of campaigns and exported plans included",
        zh="每位客户在 contact_days 内的最多触达次数，活动与已导出计划的触达均计入",
        ge=1,
        le=100,
    )
    contact_days: int = parameter(
        7, unit="days", en="Days over which contacts are counted", zh="统计触达次数的天数", ge=1, le=365
    )
    hold_out_share: float = parameter(
        0.1,
        unit="share",
        en="Share of those eligible who are kept out by lot, so that the effect can be measured; 0 needs "
        "no_hold_out_because",
        zh="随机留作对照、不予触达的比例，用于衡量效果；设为 0 须填写 no_hold_out_because",
        ge=0,
        le=0.5,
    )
    no_hold_out_because: str = parameter("", en="Why nobody is held out", zh="不留对照组的理由")
    explore_share: float = parameter(
        0.2,
        unit="share",
        en="The most of the budget for gains that are assumed, or measured and not shown",
        zh="可用于假定增益或尚未显示增益的预算上限比例",
        ge=0,
        le=1,
    )
    channel_capacities: dict[str, int] = parameter(
        {}, en="Most contacts of the plan by channel", zh="本计划各渠道的触达上限"
    )
    channel_words: dict[str, list[str]] = parameter(
        {},
        en="Channel of actions: further words for it in campaigns; a contact on a channel without a word counts on all",
        zh="行动渠道对应 campaigns 中的其他写法；无法识别的渠道按所有渠道计",
    )
    groups: list[str] = parameter(
        [],
        en="Columns of customers whose groups are compared: who gets an action",
        zh="比较是否一视同仁的客户分组列",
        max_length=8,
    )
    seed: int = parameter(20240601, en="Seed of all random draws", zh="随机种子", ge=0)

    @model_validator(mode="after")
    def _with_a_reason(self) -> PlanActions:
        if not self.hold_out_share and not self.no_hold_out_because.strip():
            raise ValueError("hold_out_share is 0, so nothing can be measured; say why in no_hold_out_because")
        below = [channel for channel, most in self.channel_capacities.items() if most < 0]
        if below:
            raise ValueError(f"channel_capacities: {below[0]} is below 0")
        return self


STAGE = Stage(
    "11_plan_actions",
    {"en": "What should be done with whom, within the budget?", "zh": "预算之内，对谁做什么？"},
    PlanActions,
    tables=(
        Table(
            "actions",
            columns(
                "plan:id customer_id:id action:category channel:category expected_gain:money gain_low:money "
                "gain_high:money cost:money basis:category reason:text arm:category neutral_alternative:text "
                "valid_until:date"
            ),
            keys=("customer_id",),
        ),
        Table(
            "action_prices", columns("constraint:category price:number bound:number used:number"), keys=("constraint",)
        ),
    ),
    reads=("features", "rfm", "segments", "churn", "value", "recommendations", "effects", "uplift", *CANONICAL),
    needs=(("features",),),
    unlocks={"en": "a plan of actions with a hold-out", "zh": "带对照组的行动计划"},
    borrows=("consent.words", "consent.default", "consent.minors_under", "run.min_cell"),
    inputs=("actions", "never_contact", "frozen_plans"),
    checks=("actions",),
    asked_by="actions",
)
