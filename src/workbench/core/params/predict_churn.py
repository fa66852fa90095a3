"""Parameters of 08_predict_churn."""

from __future__ import annotations

from workbench.core.params.section import Section, knob

__all__ = ["PredictChurn"]


class PredictChurn(Section):
    """08_predict_churn."""

    label_name: str = knob("churn", en="What label 1 means", zh="标签 1 的含义")
    horizon_days: int | None = knob(
        None,
        unit="days",
        en="Days ahead predicted; default: from the customers' own rhythm",
        zh="预测的天数；默认取自客户自身节奏",
        ge=7,
        le=3650,
    )
    active_within_days: int | None = knob(
        None,
        unit="days",
        en="Only customers who bought within these days are predicted; default: twice the horizon",
        zh="仅预测此天数内有购买的客户；默认为预测期的两倍",
        ge=7,
        le=7300,
    )
    leak_auc: float = knob(
        0.98,
        unit="AUC",
        en="Test AUC above which the leak alarm is raised",
        zh="测试 AUC 高于此值即触发泄漏警报",
        gt=0.5,
        le=1,
    )
    min_positives: int = knob(
        30, unit="customers", en="Fewest customers of each outcome for a model", zh="建模所需的每类最少客户数", ge=30
    )
    n_bootstraps: int = knob(
        500, unit="resamples", en="Resamples for intervals", zh="区间估计的重抽样次数", ge=100, le=10000
    )
    seed: int = knob(20240601, en="Seed of all random draws", zh="随机种子", ge=0)
