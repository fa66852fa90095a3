"""The declaration of 02_resolve_identity."""

from __future__ import annotations

import re

from pydantic import field_validator

from workbench.core.schema import ABOUT_CUSTOMERS, Table, columns
from workbench.core.section import Section, parameter
from workbench.core.stages.stage import Stage

__all__ = ["STAGE", "ResolveIdentity"]


class ResolveIdentity(Section):
    """02_resolve_identity."""

    threshold: float = parameter(
        0.95,
        unit="probability",
        en="Smallest match probability for two records to be one customer",
        zh="两条记录视为同一客户的最低匹配概率",
        ge=0.5,
        lt=1,
    )
    blocking: list[str] = parameter(
        [],
        en="Columns on which records must agree to be compared: 'column' or 'column, column'; default: automatic",
        zh="参与比对的记录须一致的列，每项为一列或用逗号分隔的多列；默认自动选择",
    )
    max_pairs_per_record: int = parameter(
        100,
        unit="pairs",
        en="Pairs per record above which a blocking rule is left out",
        zh="每条记录的候选对超过此数则不采用该分块规则",
        ge=1,
        le=10000,
    )
    max_per_key: int = parameter(
        8,
        unit="records",
        en="Most records that a phone, e-mail or number may link; above it, it is shared and links nobody",
        zh="同一手机号、邮箱或证件号最多关联的记录数；超过者视为公用，不作关联",
        ge=2,
        le=1000,
    )
    max_records: int = parameter(
        20, unit="records", en="Records in one customer above which the alarm is raised",
        zh="单个客户的记录数超过此值即触发警报", ge=2, le=10000,
    )  # fmt: skip
    max_diameter: int = parameter(
        3,
        unit="links",
        en="Links between the two farthest records of a customer above which the alarm is raised",
        zh="单个客户内相距最远的两条记录之间的关联步数超过此值即触发警报",
        ge=1,
        le=100,
    )
    must_link: str | None = parameter(
        None,
        en="CSV of pairs that are one customer: source, source_id, other_source, other_source_id",
        zh="必为同一客户的记录对（CSV）：source、source_id、other_source、other_source_id",
    )
    cannot_link: str | None = parameter(
        None,
        en="CSV of pairs that are not one customer, with the same columns",
        zh="必非同一客户的记录对（CSV），列同上",
    )
    truth: str | None = parameter(
        None,
        en="Column of people with the true identity, for precision and recall; never used for matching",
        zh="记载真实身份的列，仅用于计算查准率与查全率，不参与匹配",
    )
    truth_pattern: str | None = parameter(
        None,
        en="Regular expression whose first group is the true identity within that column",
        zh="从该列取真实身份的正则表达式（取第一个分组）",
    )
    seed: int = parameter(20240601, en="Seed of all random draws", zh="随机种子", ge=0)

    @field_validator("truth_pattern")
    @classmethod
    def _one_group(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from None
            if groups < 1:
                raise ValueError("expected one group in round brackets: the identity")
        return pattern


STAGE = Stage(
    "02_resolve_identity",
    {"en": "Which records are the same customer?", "zh": "哪些记录属于同一位客户？"},
    ResolveIdentity,
    tables=(
        Table(
            "identities",
            columns("source:category source_id:id customer_id:id match_probability:number"),
            keys=("source", "source_id"),
        ),
        Table("households", columns("customer_id:id household_id:id"), keys=("customer_id",)),
        Table("identity_changes", columns("old_customer_id:id new_customer_id:id kind:category records:integer")),
    ),
    reads=ABOUT_CUSTOMERS,
    needs=(("sources.customers",), ("customers",)),
    unlocks={"en": "one customer across all sources", "zh": "跨来源统一的客户身份"},
    borrows=("run.min_cell",),
    inputs=("people", "marked_merges"),
    checks=("id_spaces", "link_files"),
    takes="people",
)
