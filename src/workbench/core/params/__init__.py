"""The parameters: one typed model per section, each with unit, range, default and help (en, zh).

The name of a parameter is the same in the YAML, here, in the notebook's parameters cell and in the
keyword of the function that uses it.
"""

from __future__ import annotations

from workbench.core.params.build_features import BuildFeatures
from workbench.core.params.check_quality import CheckQuality
from workbench.core.params.describe_customers import DescribeCustomers
from workbench.core.params.flow import GoalParams, RunParams
from workbench.core.params.predict_churn import PredictChurn
from workbench.core.params.resolve_identity import ResolveIdentity
from workbench.core.params.score_rfm import ScoreRfm
from workbench.core.params.section import Section
from workbench.core.params.segment_customers import SegmentCustomers
from workbench.core.params.sources import AccuracyParams, FormatParams, KeepParams, SourceParams
from workbench.core.params.tag_customers import TagCustomers
from workbench.core.params.value_customers import ValueCustomers
from workbench.core.params.write_report import WriteReport

__all__ = [
    "SECTIONS",
    "AccuracyParams",
    "BuildFeatures",
    "CheckQuality",
    "DescribeCustomers",
    "FormatParams",
    "GoalParams",
    "KeepParams",
    "PredictChurn",
    "ResolveIdentity",
    "RunParams",
    "ScoreRfm",
    "Section",
    "SegmentCustomers",
    "SourceParams",
    "ValueCustomers",
    "TagCustomers",
    "WriteReport",
]

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
