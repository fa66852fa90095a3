"""Open the table store of a profile with its memory and thread limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.core.store.tables import Store

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.workspace import Workspace

__all__ = ["store_of"]


def store_of(workspace: Workspace, profile: Profile) -> Store:
    """Return the table store of a profile."""
    run = profile.run
    return Store(workspace, profile.name, memory_limit_gb=run.memory_limit_gb, threads=run.threads)
