"""Parameters of 03_build_features."""

from __future__ import annotations

from typing import Any

from pydantic import field_validator

from workbench.core.params.section import Section, knob

__all__ = ["BuildFeatures"]


class BuildFeatures(Section):
    """03_build_features."""

    windows_days: list[int] = knob(
        [30, 90, 365],
        unit="days",
        en="Windows before the as-of date for orders, spend, sessions, attendances and service cases",
        zh="统计日之前的订单、消费、会话、活动参与与工单窗口",
        min_length=1,
        max_length=6,
    )
    session_gap_minutes: int = knob(
        30,
        unit="minutes",
        en="Minutes without an event after which a session without an id ends",
        zh="无会话编号时，多少分钟无事件即视为会话结束",
        ge=1,
        le=1440,
    )
    least_for_share: int = knob(
        5,
        unit="cases",
        en="Fewest sessions, campaigns or products on which a share is told",
        zh="计算占比所需的最少会话、活动或商品数",
        ge=1,
        le=1000,
    )
    event_types: dict[str, list[str]] = knob(
        {},
        en="Words of the source by kind of event: view, cart, purchase, favourite, search, impression, click, attend",
        zh="各类事件在来源中的叫法：view、cart、purchase、favourite、search、impression、click、attend",
    )
    online_words: list[str] = knob(
        [], en="Further words in channel or platform names that mean online", zh="渠道或平台名称中表示线上的其他字词"
    )
    store_words: list[str] = knob(
        [], en="Further words in channel or platform names that mean a shop", zh="渠道或平台名称中表示门店的其他字词"
    )
    occasions: dict[str, dict[str, Any]] = knob(
        {},
        en="Occasions of purchase, the first that fits wins: name: {categories, words, calendar, dates, birthday, "
        "days_before, days_after, gift}",
        zh="购买场景，先符合者优先：名称：{categories, words, calendar, dates, birthday, days_before, days_after, gift}",
    )

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
