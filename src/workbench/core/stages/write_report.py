"""The declaration of 14_write_report."""

from __future__ import annotations

from workbench.core.section import Section, parameter
from workbench.core.stages.stage import Stage

__all__ = ["STAGE", "WriteReport"]


class WriteReport(Section):
    """14_write_report."""

    key_findings: int = parameter(
        5, unit="findings", en="Findings at the top of the report", zh="报告开头的要点数", ge=1, le=12
    )
    cards: int = parameter(
        60,
        unit="customers",
        en="Customers with portrait cards beside the report: all if there are fewer, else some at risk and some of "
        "every segment; the first 200 of every list come on top; 0 for none",
        zh="画像卡的客户数：客户较少时为全部，否则为部分高风险及各客群的客户；每份名单的前 200 位另计；0 表示不附",
        ge=0,
        le=150,
    )


STAGE = Stage(
    "14_write_report",
    {"en": "What should the reader know?", "zh": "读者应当知道什么？"},
    WriteReport,
    borrows=(
        "11_plan_actions.actions",
        "12_tag_customers.likes",
        "12_tag_customers.pack",
        "12_tag_customers.thresholds",
        "12_tag_customers.questions",
        "consent.words",
        "consent.default",
        "consent.minors_under",
        "run.min_cell",
    ),  # fmt: skip
    inputs=("goal", "summaries", "tag_registry", "never_contact", "actions"),
)
