"""The declaration of 06_segment_customers."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator, model_validator

from workbench.core.schema import ABOUT_CUSTOMERS, Table, columns
from workbench.core.section import Section, parameter
from workbench.core.stages.stage import Stage

__all__ = ["STAGE", "SegmentCustomers"]

MOST_WEIGHT = 100.0


class SegmentCustomers(Section):
    """06_segment_customers."""

    features: list[str] = parameter(
        ["recency_days", "frequency_orders", "monetary_total"],
        en="Features used for segmentation; those absent from the data are left out and listed",
        zh="用于分群的特征；数据缺少者略去并说明",
        min_length=1,
    )
    log_features: list[str] = parameter(
        ["recency_days", "frequency_orders", "monetary_total"],
        en="Features taken on a log scale (log1p)",
        zh="取对数（log1p）的特征",
    )
    scaling: Literal["robust", "standard"] = parameter(
        "robust",
        en="robust: median and range of the middle 96 %; standard: mean and standard deviation",
        zh="robust：中位数与中间 96% 的极差；standard：均值与标准差",
    )
    feature_weights: dict[str, float] = parameter(
        {},
        en="Feature: its weight relative to the others; default 1",
        zh="各特征的相对权重；未列出者为 1",
    )
    methods: list[Literal["kmeans", "mixture", "mixed", "classes"]] = parameter(
        ["kmeans", "mixture", "mixed", "classes"],
        en="Methods tried if the features suit them: kmeans and mixture (Gaussian clouds) need numbers, mixed "
        "(numbers and categories) a category, classes (latent classes) a category or a scale of few values",
        zh="尝试的方法（特征适用时）：kmeans 与 mixture（高斯混合）需要数值，mixed（数值与类别混合）需要类别，"
        "classes（潜类别）需要类别或取值不多的量表",
        min_length=1,
    )
    choice: Literal["largest_stable", "most_stable", "best_separated", "most_actionable"] = parameter(
        "largest_stable",
        en="Which of the defensible candidates is used",
        zh="在可辩护的候选方案中选用哪一个",
    )
    k: int | None = parameter(
        None,
        unit="segments",
        en="Number of segments, where it is decided; empty: chosen from k_min to k_max by the evidence",
        zh="已确定的分群数；留空则在 k_min 至 k_max 之间依证据选择",
        ge=2,
        le=30,
    )
    k_min: int = parameter(2, unit="segments", en="Fewest segments tried", zh="尝试的最少分群数", ge=2, le=30)
    k_max: int = parameter(8, unit="segments", en="Most segments tried", zh="尝试的最多分群数", ge=2, le=30)
    n_restarts: int = parameter(10, unit="restarts", en="Restarts of a fit", zh="每次拟合的重启次数", ge=1, le=100)
    n_bootstraps: int = parameter(
        50,
        unit="resamples",
        en="Resamples for the Jaccard stability of each cluster",
        zh="每个簇 Jaccard 稳定性的重抽样次数",
        ge=10,
        le=1000,
    )
    n_splits: int = parameter(
        10, unit="splits", en="Disjoint halvings for the split-half Jaccard", zh="对半拆分 Jaccard 的次数", ge=5, le=200
    )
    silhouette_sample: int = parameter(
        3000, unit="customers", en="Customers the silhouette is computed on", zh="计算轮廓系数的客户数", ge=200
    )
    costly_sample: int = parameter(
        1000,
        unit="customers",
        en="Seeded sample of customers on which mixture and classes are fitted, with at most 20 resamples; the "
        "models then assign all customers",
        zh="拟合与重拟合 mixture、classes 所用的客户数，按种子抽取，至多重抽样 20 次；所得模型用于全部客户",
        ge=200,
    )
    min_share: float = parameter(
        0.02, unit="share", en="Smallest share a segment may have", zh="单个客群的最小占比", ge=0, le=0.5
    )
    challenger_margin: float = parameter(
        0.05,
        unit="share",
        en="Share of the variance of value and churn that a new fit must explain beyond the champion to be proposed",
        zh="新拟合须比现用定义多解释的价值与流失方差占比，达到才被提议",
        ge=0,
        le=1,
    )
    seed: int = parameter(20240601, en="Seed of all random draws", zh="随机种子", ge=0)

    @field_validator("feature_weights")
    @classmethod
    def _above_zero(cls, weights: dict[str, float]) -> dict[str, float]:
        invalid = [f"{name} {value}" for name, value in weights.items() if not 0 < value <= MOST_WEIGHT]
        if invalid:
            raise ValueError(f"weights of {', '.join(invalid)} are outside ]0, {MOST_WEIGHT:g}]")
        return weights

    @model_validator(mode="after")
    def _in_order(self) -> SegmentCustomers:
        if self.k_min > self.k_max:
            raise ValueError(f"k_min {self.k_min} exceeds k_max {self.k_max}")
        return self


STAGE = Stage(
    "06_segment_customers",
    {
        "en": "Which groups are there, by which evidence, under which definition?",
        "zh": "有哪些客群、依据何种证据、按何定义？",
    },
    SegmentCustomers,
    tables=(
        Table(
            "segments", columns("customer_id:id segment:category definition_version:category"), keys=("customer_id",)
        ),
        Table("segment_portraits", (), open=True),
        Table("segment_weeks", (), open=True),
        Table("segment_journeys", (), open=True),
        Table("segment_kinds", columns("customer_id:id"), keys=("customer_id",), open=True),
    ),
    reads=("features", "rfm", *ABOUT_CUSTOMERS),
    needs=(("features",),),
    unlocks={"en": "customer segments", "zh": "客户分群"},
    borrows=(
        "03_build_features.event_types",
        "03_build_features.scales",
        "12_tag_customers.pack",
        "12_tag_customers.thresholds",
        "12_tag_customers.questions",
        "run.min_cell",
    ),  # fmt: skip
    checks=("feature_names",),
    inputs=("champion", "segment_rules", "tag_registry", "marked_segments"),
)
