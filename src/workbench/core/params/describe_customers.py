"""Parameters of 04_describe_customers."""

from __future__ import annotations

from workbench.core.params.section import Section, knob

__all__ = ["DescribeCustomers"]


class DescribeCustomers(Section):
    """04_describe_customers."""

    top_values: int = knob(
        12, unit="values", en="Values shown of a categorical variable", zh="分类变量展示的取值个数", ge=2, le=50
    )
    cohort_months: int = knob(12, unit="months", en="Months a cohort is followed", zh="同期群跟踪的月数", ge=2, le=60)
    n_bootstraps: int = knob(
        500, unit="resamples", en="Resamples for intervals", zh="区间估计的重抽样次数", ge=100, le=10000
    )
    seed: int = knob(20240601, en="Seed of all random draws", zh="随机种子", ge=0)
