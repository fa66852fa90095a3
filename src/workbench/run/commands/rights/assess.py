"""The command ``workbench assess``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.core.params.profile import LANGUAGES, load_profile
from workbench.core.workspace import find_workspace

if TYPE_CHECKING:
    from workbench.core.params.profile import Profile
    from workbench.core.workspace import Workspace

__all__ = ["assess"]

WorkspaceOption = Annotated[
    Path | None, typer.Option("--workspace", help="Folder that holds params/; default: the nearest one upward.")
]


def assess(
    profile: Annotated[str, typer.Argument(help="A profile: the stem of params/<profile>.yaml.")],
    workspace: WorkspaceOption = None,
) -> None:
    """Write the record of processing and impact assessment of a profile (个人信息保护影响评估); no legal advice."""
    from workbench.core.files import write_text  # noqa: PLC0415
    from workbench.report.subjects.assessment import assessment_markdown, assessment_page  # noqa: PLC0415
    from workbench.run.rights.assessing.facts import assessment_facts  # noqa: PLC0415

    place, today = find_workspace(workspace), dt.date.today()
    loaded = load_profile(place, profile)
    facts = assessment_facts(place, loaded, _permissions(place, loaded), today=today, models=_models(place, profile))
    folder = place.reports(profile) / "assessment"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for language in LANGUAGES:
        page, text = assessment_page(facts, language=language), assessment_markdown(facts, language=language)
        for ending, content in (("html", page), ("md", text)):
            print(place.relative(write_text(folder / f"assessment.{language}.{ending}", content, mode=0o600)))


def _permissions(workspace: Workspace, profile: Profile) -> dict[str, dict[str, int]]:
    """Count the customers by purpose and reason for refusal, as of today."""
    from workbench.run.services.consent import MARKETING, PROFILING, RECOMMENDATION, ConsentService  # noqa: PLC0415
    from workbench.run.services.stores import store_of  # noqa: PLC0415

    store = store_of(workspace, profile)
    base = next((name for name in ("customers", "features") if name in store.present()), None)
    if base is None:
        return {}
    consent = ConsentService(workspace, profile, store, dt.date.today())
    customers = store.read(base).select("customer_id").distinct()
    counts = {}
    for purpose in (PROFILING, MARKETING, RECOMMENDATION, "research"):
        verdicts = consent.verdicts(customers, purpose)
        rows = verdicts.group_by("reason").aggregate(n=verdicts.count()).to_pyarrow().to_pylist()
        counts[purpose] = {row["reason"] or "": int(row["n"]) for row in rows}
    return counts


def _models(workspace: Workspace, profile: str) -> list[dict[str, Any]]:
    if not (workspace.tracking / "mlflow.db").is_file():
        return []
    from workbench.run.tracking.erasures import registered_models  # noqa: PLC0415  (MLflow takes seconds to import)

    return registered_models(workspace, profile)
