"""The declaration of 03_build_features."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import field_validator, model_validator

from workbench.core.schema import ABOUT_CUSTOMERS, Table, columns
from workbench.core.section import Section, parameter
from workbench.core.stages.stage import Stage

__all__ = ["READ_AT_CUT_OFFS", "STAGE", "BuildFeatures", "ScaleParams"]


class ScaleParams(Section):
    """A survey scale: several questions on one subject, answered in numbers."""

    items: list[str] = parameter(
        ..., en="Questions as in responses", zh="量表题项，与问卷回答中的写法一致", min_length=2
    )
    reverse: list[str] = parameter([], en="Reverse-scored items", zh="其中的反向题")
    low: float = parameter(..., en="Lowest answer", zh="最低分")
    high: float = parameter(..., en="Highest answer", zh="最高分")
    survey: str | None = parameter(None, en="Survey of the items; default: any", zh="所属问卷；默认不限")
    label: dict[Literal["en", "zh"], str] | None = parameter(
        None, en="What it measures, in en and zh; default: its name", zh="测量内容（en 与 zh）；默认用其名称"
    )
    least_share: float = parameter(
        0.5, unit="share", en="Share of the items that must be answered", zh="须回答的题项占比", gt=0, le=1
    )

    @model_validator(mode="after")
    def _fits(self) -> ScaleParams:
        if unknown := [name for name in self.reverse if name not in self.items]:
            raise ValueError(f"reverse names {', '.join(unknown)}, which is none of the items")
        if self.low >= self.high:
            raise ValueError(f"low is {self.low}, high is {self.high}; low must be the smaller")
        if self.label is not None and set(self.label) != {"en", "zh"}:
            raise ValueError("label needs both en and zh")
        return self


class BuildFeatures(Section):
    """03_build_features."""

    windows_days: list[int] = parameter(
        [30, 90, 365],
        unit="days",
        en="Windows before the as-of date for orders, spend, sessions, attendances and service cases",
        zh="统计日之前的订单、消费、会话、活动参与与工单窗口",
        min_length=1,
        max_length=6,
    )
    session_gap_minutes: int = parameter(
        30,
        unit="minutes",
        en="Minutes without an event after which a session without an id ends",
        zh="无会话编号时，多少分钟无事件即视为会话结束",
        ge=1,
        le=1440,
    )
    least_for_share: int = parameter(
        5,
        unit="cases",
        en="Smallest number of sessions, campaigns or products for a share",
        zh="计算占比所需的最少会话、活动或商品数",
        ge=1,
        le=1000,
    )
    event_types: dict[str, list[str]] = parameter(
        {},
        en="Source's words by kind of event: view, cart, purchase, favourite, search, impression, click, attend",
        zh="各类事件在来源中的叫法：view、cart、purchase、favourite、search、impression、click、attend",
    )
    online_words: list[str] = parameter(
        [], en="Further words in channel or platform names that mean online", zh="渠道或平台名称中表示线上的其他字词"
    )
    store_words: list[str] = parameter(
        [], en="Further words in channel or platform names that mean a shop", zh="渠道或平台名称中表示门店的其他字词"
    )
    occasions: dict[str, dict[str, Any]] = parameter(
        {},
        en="Purchase occasions; the first match wins: name: {categories, words, calendar, dates, birthday, "
        "days_before, days_after, gift}",
        zh="购买场景，先符合者优先：名称：{categories, words, calendar, dates, birthday, days_before, days_after, "
        "gift}",
    )

    scales: dict[str, ScaleParams] = parameter(
        {},
        en="Scales of surveys: name: {items, reverse, low, high, survey, label, least_share}",
        zh="问卷量表：名称：{items, reverse, low, high, survey, label, least_share}",
    )
    least_reliability: float = parameter(
        0.7, unit="alpha", en="Cronbach's alpha below which a scale is not scored",
        zh="量表的 Cronbach α 低于此值则不计分", ge=0, le=1,
    )  # fmt: skip

    @field_validator("event_types")
    @classmethod
    def _known_kinds(cls, words: dict[str, list[str]]) -> dict[str, list[str]]:
        kinds = ("view", "cart", "purchase", "favourite", "search", "impression", "click", "attend")
        unknown = sorted(set(words) - set(kinds))
        if unknown:
            raise ValueError(f"unknown kinds {', '.join(unknown)}; known: {', '.join(kinds)}")
        return words

    @field_validator("windows_days")
    @classmethod
    def _positive(cls, days: list[int]) -> list[int]:
        if any(day < 1 for day in days) or len(set(days)) < len(days):
            raise ValueError("windows are whole days from 1, each once")
        return sorted(days)


READ_AT_CUT_OFFS = (
    "03_build_features.session_gap_minutes",
    "03_build_features.least_for_share",
    "03_build_features.event_types",
    "03_build_features.online_words",
    "03_build_features.store_words",
    "03_build_features.occasions",
    "03_build_features.scales",
    "03_build_features.windows_days",
)
"""Parameters that features at past cut-offs depend on: stages that build such features borrow them."""

STAGE = Stage(
    "03_build_features",
    {"en": "What did each customer do, as of the date?", "zh": "截至该日期，每位客户做过什么？"},
    BuildFeatures,
    tables=(Table("features", columns("customer_id:id"), keys=("customer_id",), open=True),),
    reads=ABOUT_CUSTOMERS,
    needs=(("customers", "transactions.customer_id", "events.customer_id"),),
    unlocks={
        "en": "one row of features per customer, and every later stage",
        "zh": "每位客户一行特征，以及其后的所有阶段",
    },
    borrows=("run.min_cell",),
)
