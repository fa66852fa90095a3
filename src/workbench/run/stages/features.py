"""Feature labels and units for other stages, and features at earlier cut-offs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.analysis.features_at_cutoff import FeaturesAtCutoff
from workbench.intake.features.contacts.scales import read_scales
from workbench.intake.features.inputs.settings import FeatureSettings
from workbench.intake.features.registry import registered, registered_units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.intake.features.inputs.settings import Scale
    from workbench.run.stages.stage import StageRun

__all__ = ["feature_labels", "feature_units", "features_at_cutoff"]

_SECTION = "03_build_features"
_WORDS = ("session_gap_minutes", "least_for_share", "event_types", "online_words", "store_words", "occasions")


def feature_labels(stage: StageRun) -> dict[str, dict[str, str]]:
    """Return the labels of the registered features, by language."""
    columns = stage.read("features", lazy=True).columns
    return {feature.name: dict(feature.label) for feature in registered(columns, scales=_scales(stage))}


def feature_units(stage: StageRun, names: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Return unit and formula of features, as in a segment definition; declared attributes have neither."""
    units = registered_units(stage.read("features", lazy=True).columns)
    return units if names is None else {name: units[name] for name in names}


def features_at_cutoff(stage: StageRun, *, like_todays: bool = True) -> FeaturesAtCutoff:
    """Return the builder of features at past cut-offs, with the settings of 03_build_features.

    Parameters
    ----------
    stage : StageRun
    like_todays : bool
        Build only the features that exist today. False: build all features without reading today's.
    """
    table = stage.read("features", lazy=True, missing="none") if like_todays else None
    columns = table.columns if table is not None else ()
    settings = {name: stage.setting(f"{_SECTION}.{name}") for name in _WORDS}
    scales = _scales(stage)
    if like_todays:
        scales = {name: scale for name, scale in scales.items() if f"scale_{name}" in columns}
    windows = stage.setting(f"{_SECTION}.windows_days")
    feature_settings = FeatureSettings(**settings, scales=scales)
    return FeaturesAtCutoff(windows, feature_settings, frozenset(columns), stage.store.engine)


def _scales(stage: StageRun) -> dict[str, Scale]:
    return read_scales({name: scale.model_dump() for name, scale in stage.setting(f"{_SECTION}.scales").items()})
