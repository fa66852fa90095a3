"""From canonical tables to one row per customer, as of a date."""

from workbench.intake.features.alarms import Alarm, watch_future
from workbench.intake.features.build import WINDOWS_DAYS, build_features
from workbench.intake.features.keep import keeping
from workbench.intake.features.registry import REGISTRY, Feature, available, registered
from workbench.intake.features.scales import judge_scales, read_scales
from workbench.intake.features.settings import FeatureSettings, Scale
from workbench.intake.features.unknown import leave_out_unknown

__all__ = [
    "REGISTRY",
    "WINDOWS_DAYS",
    "Alarm",
    "Feature",
    "FeatureSettings",
    "Scale",
    "available",
    "build_features",
    "judge_scales",
    "keeping",
    "leave_out_unknown",
    "read_scales",
    "registered",
    "watch_future",
]
