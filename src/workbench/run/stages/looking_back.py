"""What a stage knows of the past: the segment definitions before this run, and features as they once stood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.run.artifacts.context import stage_folder

if TYPE_CHECKING:
    from workbench.analysis.features_at_cutoff import FeaturesThen
    from workbench.analysis.segments.definition import SegmentDefinition
    from workbench.core.params.profile import Profile
    from workbench.core.store.tables import Store
    from workbench.core.workspace import Workspace

__all__ = ["LookingBack"]


class LookingBack:
    """A part of `workbench.run.stages.stage.StageRun`, which has what it reads."""

    stage: str
    workspace: Workspace
    profile: Profile
    store: Store

    def present(self) -> set[str]:
        """Return the tables that are there for this profile's stages."""
        raise NotImplementedError

    def setting(self, stage: str, name: str) -> Any:
        """Return a parameter of another stage, as the profile has it."""
        raise NotImplementedError

    def features_then(self) -> FeaturesThen:
        """Return how features are built at a cut-off in the past: as 03_build_features built those of today."""
        from workbench.analysis.features_at_cutoff import FeaturesThen  # noqa: PLC0415
        from workbench.intake.features.contacts.scales import read_scales  # noqa: PLC0415
        from workbench.intake.features.inputs.settings import FeatureSettings  # noqa: PLC0415

        columns = self.store.read("features").columns if "features" in self.present() else ()
        names = ("session_gap_minutes", "least_for_share", "event_types", "online_words", "store_words", "occasions")
        own = {name: self.setting("03_build_features", name) for name in names}
        given = {name: each.model_dump() for name, each in self.setting("03_build_features", "scales").items()}
        scales = {name: each for name, each in read_scales(given).items() if f"scale_{name}" in columns}
        settings = FeatureSettings(**own, scales=scales)
        windows = self.setting("03_build_features", "windows_days")
        return FeaturesThen(windows, settings, frozenset(columns), self.store.engine)

    def champion(self) -> SegmentDefinition | None:
        """Return the segment definition in use, None where none was promoted."""
        from workbench.run.artifacts.champion import read_champion  # noqa: PLC0415

        found = read_champion(self.workspace, self.profile.name)
        return found.definition if found else None

    def placing_definition(self) -> SegmentDefinition | None:
        """Return the definition that placed the customers of the table ``segments``; None where it is not kept."""
        from workbench.analysis.segments.definition import SegmentDefinition  # noqa: PLC0415

        if "segments" not in self.present():
            return None
        versions = set(self.store.frame("segments", ["definition_version"])["definition_version"])
        path = stage_folder(self.workspace, self.profile.name, "06_segment_customers") / "segment_definition.json"
        fitted = SegmentDefinition.from_json(path.read_text(encoding="utf-8")) if path.is_file() else None
        return next((each for each in (self.champion(), fitted) if each and {each.version} == versions), None)

    def previous_definition(self) -> SegmentDefinition | None:
        """Return the segment definition in use, else the one this stage fitted at its last run, else None."""
        from workbench.analysis.segments.definition import SegmentDefinition  # noqa: PLC0415

        path = stage_folder(self.workspace, self.profile.name, self.stage) / "segment_definition.json"
        if (champion := self.champion()) is not None or not path.is_file():
            return champion
        return SegmentDefinition.from_json(path.read_text(encoding="utf-8"))
