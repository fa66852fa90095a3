"""Parameters of 06_segment_customers."""

from __future__ import annotations

from pydantic import model_validator

from workbench.core.params.section import Section, knob

__all__ = ["SegmentCustomers"]


class SegmentCustomers(Section):
    """06_segment_customers."""

    features: list[str] = knob(
        ["recency_days", "frequency_orders", "monetary_total"],
        en="Features the segments are made of; those a base lacks are left out and said so",
        zh="用于分群的特征；数据缺少者略去并说明",
        min_length=1,
    )
    log_features: list[str] = knob(
        ["recency_days", "frequency_orders", "monetary_total"],
        en="Features taken on a log scale (log1p)",
        zh="取对数（log1p）的特征",
    )
    k_min: int = knob(2, unit="segments", en="Fewest segments tried", zh="尝试的最少分群数", ge=2, le=30)
    k_max: int = knob(8, unit="segments", en="Most segments tried", zh="尝试的最多分群数", ge=2, le=30)
    n_restarts: int = knob(10, unit="restarts", en="Restarts of k-means", zh="k-means 重启次数", ge=1, le=100)
    n_bootstraps: int = knob(
        50,
        unit="resamples",
        en="Resamples for the Jaccard stability of each cluster",
        zh="每个簇 Jaccard 稳定性的重抽样次数",
        ge=10,
        le=1000,
    )
    n_splits: int = knob(
        10, unit="splits", en="Disjoint halvings for the split-half Jaccard", zh="对半拆分 Jaccard 的次数", ge=5, le=200
    )
    silhouette_sample: int = knob(
        5000, unit="customers", en="Customers the silhouette is computed on", zh="计算轮廓系数的客户数", ge=200
    )
    min_share: float = knob(
        0.02, unit="share", en="Smallest share a segment may have", zh="单个客群的最小占比", ge=0, le=0.5
    )
    seed: int = knob(20240601, en="Seed of all random draws", zh="随机种子", ge=0)

    @model_validator(mode="after")
    def _in_order(self) -> SegmentCustomers:
        if self.k_min > self.k_max:
            raise ValueError(f"k_min {self.k_min} exceeds k_max {self.k_max}")
        return self
