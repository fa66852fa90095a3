"""Save a trained model with the results of a stage; the runner registers it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.run.artifacts.model_files import MODEL_FOLDER, write_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.analysis.saved_models import SavedModel
    from workbench.run.stages.stage import StageRun

__all__ = ["keep_model"]


def keep_model(stage: StageRun, saved: SavedModel | None, cards: Mapping[str, str]) -> None:
    """Write a trained model and its cards (by language) to the staging folder; do nothing if it is None."""
    if saved is not None:
        write_model(stage.staging.folder / MODEL_FOLDER, saved, cards)
