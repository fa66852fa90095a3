"""What tags may be used for: a tag whose purpose changed leaves the workbench only under a raised version.

Personal data that was collected for one purpose may not quietly be used for another (PIPL 14, GDPR 5 (1) b). Whoever
raises the version of a tag says that customers were informed of the new purpose, or asked.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypedDict

from workbench.core.errors import Fault, ProfileError
from workbench.core.store.sealed import check_published
from workbench.run.artifacts.context import stage_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workbench.core.tags.registry import TagRegistry
    from workbench.core.workspace import Workspace

__all__ = ["PURPOSES_FILE", "acknowledged_purposes", "check_purposes"]

PURPOSES_FILE = "purposes.json"  # beside the tables of 12
_TAGS = "12_tag_customers"


class _Purpose(TypedDict):
    purpose: str
    version: int


def acknowledged_purposes(workspace: Workspace, profile: str, registry: TagRegistry) -> str:
    """Return the purposes of all tags as JSON, for 12 to publish; a changed one counts once its version is raised."""
    before = _published(workspace, profile)
    current = {name: _Purpose(purpose=tag.purpose, version=tag.version) for name, tag in registry.tags.items()}
    kept = {name: before[name] if _is_changed(before.get(name), entry) else entry for name, entry in current.items()}
    return json.dumps(kept, ensure_ascii=False, sort_keys=True, indent=1)


def check_purposes(workspace: Workspace, profile: str, registry: TagRegistry, tags: Iterable[str]) -> None:
    """Refuse an export that rests on tags whose purpose changed while their version stayed.

    Parameters
    ----------
    workspace : Workspace
    profile : str
        Its name.
    registry : TagRegistry
        As the files are now.
    tags : iterable of str
        Ids of the tags that the export uses; those that 12 has not computed yet are left alone.

    Raises
    ------
    ProfileError
        For every such tag: the purpose then and now, and the version to raise.
    """
    before = _published(workspace, profile)
    faults = []
    for name in sorted(set(tags) & set(registry.tags)):
        tag, last = registry.tags[name], before.get(name)
        if last is not None and _is_changed(last, _Purpose(purpose=tag.purpose, version=tag.version)):
            problem = f"its purpose changed from “{last['purpose']}” to “{tag.purpose}”"
            remedy = f"Inform the customers, or ask them, then write version: {last['version'] + 1} and export again"
            faults.append(Fault(f"tag {name}", problem, "A tag is used for the purpose it was computed for", remedy))
    if faults:
        raise ProfileError(faults)


def _is_changed(before: _Purpose | None, now: _Purpose) -> bool:
    return before is not None and before["purpose"] != now["purpose"] and now["version"] <= before["version"]


def _published(workspace: Workspace, profile: str) -> Mapping[str, _Purpose]:
    path = stage_folder(workspace, profile, _TAGS) / PURPOSES_FILE
    if not path.is_file():
        return {}
    check_published(path)
    return json.loads(path.read_text(encoding="utf-8"))
