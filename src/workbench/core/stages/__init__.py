"""The stages, one declaration each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.stages.build_features import BuildFeatures
from workbench.core.stages.check_quality import CheckQuality
from workbench.core.stages.describe_customers import DescribeCustomers
from workbench.core.stages.predict_churn import PredictChurn
from workbench.core.stages.resolve_identity import ResolveIdentity
from workbench.core.stages.score_rfm import ScoreRfm
from workbench.core.stages.segment_customers import SegmentCustomers
from workbench.core.stages.stage import STAGES
from workbench.core.stages.tag_customers import TagCustomers
from workbench.core.stages.value_customers import ValueCustomers
from workbench.core.stages.write_report import WriteReport

if TYPE_CHECKING:
    from workbench.core.section import Section

__all__ = ["SECTIONS", "STAGES"]

SECTIONS: dict[str, type[Section]] = {
    "01_check_quality": CheckQuality,
    "02_resolve_identity": ResolveIdentity,
    "03_build_features": BuildFeatures,
    "04_describe_customers": DescribeCustomers,
    "05_score_rfm": ScoreRfm,
    "06_segment_customers": SegmentCustomers,
    "08_predict_churn": PredictChurn,
    "09_value_customers": ValueCustomers,
    "12_tag_customers": TagCustomers,
    "14_write_report": WriteReport,
}
