"""The key of a stage, which decides whether it runs again: inputs, parameters, code and libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.core.files import digest_json
from workbench.core.params.declared import borrowed
from workbench.core.schema import CANONICAL
from workbench.core.stages.stage import IDENTITIES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from workbench.core.params.profile import Profile
    from workbench.core.stages.stage import Stage
    from workbench.run.keys.code import CodeIndex

__all__ = ["stage_key", "table_inputs"]

_CONSENTS = "consents"


def stage_key(
    stage: Stage,
    *,
    profile: Profile,
    as_of: str | None,
    notebook: Path,
    index: CodeIndex,
    inputs: Mapping[str, Any],
    reads: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the key of a stage: everything its result depends on; equal keys give equal results.

    Parameters
    ----------
    stage : Stage
    profile : Profile
    as_of : str or None
        ISO date; None before it is known.
    notebook : Path
    index : CodeIndex
    inputs : mapping
        Digests of the tables, files or summaries that it reads.
    reads : mapping
        Inputs that its last run read beyond its declaration, as in ``reads.json``; empty before the first run.
    """
    files = index.reached_files(notebook)
    return {
        "stage": stage.name,
        "settings": profile.sections[stage.name].model_dump(mode="json"),
        "borrowed": borrowed(profile, stage, also=reads.get("settings", ())),
        "tables": digest_json([repr(table) for table in stage.tables]),
        "as_of": as_of,
        "languages": list(profile.languages),
        "credit": profile.credit,
        "currency": profile.currency,
        "code": index.code_digest(notebook, files),
        "libraries": index.libraries(notebook, files),
        "inputs": dict(inputs),
        **_consent_terms(profile),
    }


def _consent_terms(profile: Profile) -> dict[str, Any]:
    """Return the consent settings of a profile with consents, which decide who is profiled."""
    if not _has_consents(profile):
        return {}
    return {"consent": profile.consent.model_dump(mode="json", include={"words", "default"})}


def _has_consents(profile: Profile) -> bool:
    """Return whether a source of a profile holds consents."""
    return any(source.table == _CONSENTS for source in profile.sources.values())


def table_inputs(stage: Stage, digests: Mapping[str, str], reads: Mapping[str, Any]) -> dict[str, str]:
    """Return the digests of the existing tables that a stage reads.

    Parameters
    ----------
    stage : Stage
    digests : mapping of str to str
        Content digest of every table of the profile's stages.
    reads : mapping
        As in `stage_key`; ``tables`` lists the tables that an own notebook read.
    """
    names = {*stage.depends_on, *reads.get("tables", ())}
    if names & set(CANONICAL) and IDENTITIES not in stage.writes:
        names |= {IDENTITIES, _CONSENTS}  # who is the same customer, and who may be profiled
    return {name: digests[name] for name in sorted(names) if name in digests}
