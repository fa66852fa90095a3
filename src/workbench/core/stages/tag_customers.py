"""The declaration of 12_tag_customers."""

from __future__ import annotations

import re
from typing import Any

from pydantic import field_validator

from workbench.core.errors import did_you_mean
from workbench.core.schema import CANONICAL, Table, columns
from workbench.core.section import Section, parameter
from workbench.core.stages.stage import Stage

__all__ = ["STAGE", "TagCustomers"]

LIKE_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_SCALE_KEYS = {"survey", "items", "reverse", "low", "high", "label", "least_share"}


class TagCustomers(Section):
    """12_tag_customers."""

    pack: str = parameter(
        "retail",
        en="Industry pack: params/packs/<pack>.yaml changes tags, thresholds and strategies",
        zh="行业包：params/packs/<pack>.yaml 调整标签、界限与策略",
    )
    thresholds: dict[str, float] = parameter(
        {}, en="Overrides of tag thresholds: <tag>.<threshold>", zh="替换标签界限的数值：<标签>.<界限>"
    )
    sensitive_items: list[str] = parameter(
        [],
        en="Sensitive items computed for customers who granted the purpose 'sensitive'; all others are off",
        zh="对授权 'sensitive' 用途的客户计算的敏感项目；其余一律关闭",
    )
    minors: bool = parameter(
        False,
        en="Tag customers under 18 who granted the purpose 'minors'; otherwise they get no tag",
        zh="为授权 'minors' 用途的 18 岁以下客户打标签；否则不打标签",
    )
    questions: dict[str, list[str]] = parameter(
        {},
        en="Survey item: the questions that ask for it; default: the question of the same name",
        zh="问卷项目对应的题目；默认与项目同名",
    )
    scales: dict[str, dict[str, Any]] = parameter(
        {},
        en="Survey item: its scale {items, reverse, low, high, survey}; default: those of 03_build_features",
        zh="问卷项目对应的量表：{items, reverse, low, high, survey}；默认取 03_build_features 中声明的量表",
    )
    alpha_least: float = parameter(
        0.7, en="Smallest Cronbach's alpha for a scale to be reported", zh="量表可报告的最低 Cronbach α", ge=0, le=1
    )
    likes: dict[str, dict[str, list[str]]] = parameter(
        {},
        en="Tags likes_<name>: name to a column of products and its values, {tea: {category: [Green tea]}}",
        zh="标签 likes_<名称>：名称对应 products 的一列及其取值，如 {tea: {category: [绿茶]}}",
    )
    labelled: dict[str, str] = parameter(
        {},
        en="Tag: the customer column that holds its true value for a sample",
        zh="标签对应的、保存样本真实取值的客户列",
    )
    account_window_days: int = parameter(
        365,
        unit="days",
        en="Length of an account's last window and of the window before it, with which it is compared",
        zh="企业最近窗口的长度，并与其前一个同长窗口比较",
        ge=7,
        le=3650,
    )
    single_thread_share: float = parameter(
        0.8,
        unit="share",
        en="Share of an account's orders and cases above which it depends on one contact",
        zh="单一联系人承担的订单与工单占比达到此值，即视为系于一人",
        gt=0.5,
        le=1,
    )

    @field_validator("scales")
    @classmethod
    def _whole_scales(cls, scales: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name, scale in scales.items():
            unknown = sorted(set(scale) - _SCALE_KEYS)
            if unknown:
                raise ValueError(f"scale {name}: unknown key '{unknown[0]}'. {did_you_mean(unknown[0], _SCALE_KEYS)}")
            if not scale.get("items") or "low" not in scale or "high" not in scale:
                raise ValueError(f"scale {name} needs items, low and high")
        return scales

    @field_validator("likes")
    @classmethod
    def _whole_likes(cls, likes: dict[str, dict[str, list[str]]]) -> dict[str, dict[str, list[str]]]:
        for name, rule in likes.items():
            if not LIKE_NAME.fullmatch(name):
                raise ValueError(f"like '{name}': expected lower-case letters, digits and _")
            if len(rule) != 1 or not all(rule.values()):
                raise ValueError(f"like '{name}' is {rule!r}; expected one column of products with its values")
        return likes

    @field_validator("sensitive_items")
    @classmethod
    def _known_items(cls, items: list[str]) -> list[str]:
        from workbench.core.tags.items import ITEMS  # noqa: PLC0415  (its package imports this module)

        sensitive = [name for name, item in ITEMS.items() if item.sensitive]
        unknown = [name for name in items if name not in sensitive]
        if unknown:
            raise ValueError(f"'{unknown[0]}' is not a sensitive item. {did_you_mean(unknown[0], sensitive)}")
        return items


STAGE = Stage(
    "12_tag_customers",
    {
        "en": "Which portrait items hold for each customer, on what evidence?",
        "zh": "每位客户有哪些画像标签、依据何在？",
    },
    TagCustomers,
    tables=(
        Table(
            "tags",
            columns(
                "customer_id:id tag:category item:category value:category since:date as_of:date expires_at:date "
                "evidence:text version:integer"
            ),
            keys=("customer_id", "tag"),
        ),
        Table("portraits", columns("customer_id:id as_of:date"), keys=("customer_id",), open=True),
        Table(
            "portrait_items",
            columns(
                "item:category group:category status:category tags:integer customers:integer share:number lacks:text"
            ),
            keys=("item",),
        ),
        Table(
            "tag_values",
            columns("tag:category value:category customers:integer share:number"),
            keys=("tag", "value"),
        ),
        Table("account_portraits", columns("account_id:id"), keys=("account_id",), open=True),
        Table("account_groups", columns("group_id:id"), keys=("group_id",), open=True),
        Table("account_committees", columns("contact_id:id"), keys=("contact_id",), open=True),
    ),
    reads=(
        "features",
        "rfm",
        "segments",
        "recommendations",
        "churn",
        "value",
        "actions",
        "households",
        "churn_reasons",
        *CANONICAL,
    ),
    needs=(("features",),),
    unlocks={"en": "tags and portraits of every customer", "zh": "每位客户的标签与画像"},
    borrows=(
        "03_build_features.scales",
        "03_build_features.windows_days",
        "11_plan_actions.actions",
        "consent.words",
        "run.min_cell",
    ),
    checks=("tag_registry",),
    inputs=("tag_registry", "actions", "marked_tags"),
)
