"""From canonical tables to one row per customer, as of a date."""

from workbench.intake.features.build import WINDOWS_DAYS, build_features
from workbench.intake.features.keep import keeping
from workbench.intake.features.registry import REGISTRY, Feature, available, registered

__all__ = ["REGISTRY", "WINDOWS_DAYS", "Feature", "available", "build_features", "keeping", "registered"]
