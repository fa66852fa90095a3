"""The stages: one notebook each, the question it answers, the tables it reads, needs and writes."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.core.schema import CANONICAL, TABLES

__all__ = ["STAGES", "Stage"]


@dataclass(frozen=True)
class Stage:
    """A stage of the flow.

    Attributes
    ----------
    name : str
        The notebook's stem; also the YAML section, the report section and the tracked run.
    question : dict of str
        The question it answers, by language (en, zh).
    reads : tuple of str
        Tables it uses where they exist.
    needs : tuple of tuple of str
        Tables, or columns as table.column, it cannot do without: one of each group must exist.
    unlocks : dict of str
        What a missing table would unlock, by language.
    """

    name: str
    question: dict[str, str]
    reads: tuple[str, ...] = ()
    needs: tuple[tuple[str, ...], ...] = ()
    unlocks: dict[str, str] | None = None

    @property
    def writes(self) -> tuple[str, ...]:
        """The tables this stage alone writes."""
        return tuple(table.name for table in TABLES.values() if table.writer == self.name)

    def lacks(self, present: set[str]) -> tuple[str, ...] | None:
        """Return the first group of which nothing is present (tables and table.columns), or None."""
        return next((group for group in self.needs if not set(group) & present), None)


# what stages before 12 write of each customer
_OF_CUSTOMERS = ("features", "rfm", "segments", "churn", "value", "households")

STAGES = {
    stage.name: stage
    for stage in (
        Stage(
            "01_check_quality",
            {"en": "Is the raw data fit to use?", "zh": "原始数据可用吗？"},
        ),
        Stage(
            "02_resolve_identity",
            {
                "en": "Which records are the same customer?",
                "zh": "哪些记录属于同一位客户？",
            },
            reads=tuple(CANONICAL),
            needs=(("customers",),),
            unlocks={
                "en": "one customer across all sources",
                "zh": "跨来源统一的客户身份",
            },
        ),
        Stage(
            "03_build_features",
            {
                "en": "What did each customer do, as of the date?",
                "zh": "截至该日期，每位客户做过什么？",
            },
            reads=tuple(CANONICAL),
            needs=(("customers", "transactions.customer_id"),),
            unlocks={
                "en": "one row of features per customer, and every later stage",
                "zh": "每位客户一行特征，以及其后的所有阶段",
            },
        ),
        Stage(
            "04_describe_customers",
            {
                "en": "Who are the customers, where are they from, and how do they behave?",
                "zh": "客户是谁、来自哪里、行为如何？",
            },
            reads=("features", *CANONICAL),
            needs=(("features",),),
            unlocks={"en": "the overall portrait", "zh": "总体画像"},
        ),
        Stage(
            "05_score_rfm",
            {
                "en": "How recent, frequent and valuable is each customer?",
                "zh": "每位客户最近何时购买、多频繁、价值多高？",
            },
            reads=("features", "transactions"),
            needs=(("transactions.customer_id",), ("features",)),
            unlocks={
                "en": "RFM scores, the eight customer types and the activity status",
                "zh": "RFM 得分、八类客户与活跃状态",
            },
        ),
        Stage(
            "06_segment_customers",
            {
                "en": "Which groups are there, by which evidence, under which definition?",
                "zh": "有哪些客群、依据何种证据、按何定义？",
            },
            reads=("features", "rfm", *CANONICAL),
            needs=(("features",),),
            unlocks={"en": "customer segments", "zh": "客户分群"},
        ),
        Stage(
            "08_predict_churn",
            {
                "en": "Who will leave, who will buy, and why?",
                "zh": "谁会流失、谁会购买、为什么？",
            },
            reads=("features", "segments", "households", *CANONICAL),
            needs=(("transactions.customer_id", "labels"), ("features",)),
            unlocks={
                "en": "churn and purchase probabilities",
                "zh": "流失与购买概率",
            },
        ),
        Stage(
            "09_value_customers",
            {
                "en": "What are the customers worth, within what range, and when will they buy next?",
                "zh": "客户价值多少、范围多大、下次何时购买？",
            },
            reads=("features", "segments", *CANONICAL),
            needs=(("transactions.customer_id",), ("transactions.ordered_at",)),
            unlocks={
                "en": "expected purchases and value of each customer, and the next purchase date",
                "zh": "每位客户的预期购买次数、价值与下次购买日",
            },
        ),
        Stage(
            "12_tag_customers",
            {
                "en": "Which portrait items hold for each customer, on what evidence?",
                "zh": "每位客户有哪些画像标签、依据何在？",
            },
            reads=tuple(name for name in (*_OF_CUSTOMERS, "churn_reasons", *CANONICAL) if name in TABLES),
            needs=(("features",),),
            unlocks={"en": "tags and portraits of every customer", "zh": "每位客户的标签与画像"},
        ),
        Stage(
            "14_write_report",
            {"en": "What should the reader know?", "zh": "读者应当知道什么？"},
        ),
    )
}
