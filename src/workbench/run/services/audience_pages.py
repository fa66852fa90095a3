"""Collect the data of an audience portrait and write one page per report language."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from workbench.analysis.audiences.look_alike import LEAST_SEED
from workbench.analysis.portraits.members import portray_members
from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.core.files import write_text
from workbench.core.store.tables import to_pandas
from workbench.report.cards.audience import Names, audience_page
from workbench.run.definitions.tag_registry import registry_of

if TYPE_CHECKING:
    from workbench.core.tags.registry import TagRegistry
    from workbench.run.services.audiences import AudienceService, Estimate

__all__ = ["CROSSES", "read_crosses", "write_audience_pages"]

CROSSES = (("life_cycle", "spend_band"), ("life_cycle", "churn_risk"))  # the default
_SCORES = ("rfm", "segments", "churn", "value")  # tables whose columns are also variables
_BOOKKEEPING = ("definition_version", "model_version", "cut_off")
_SOURCES = ("source_l1", "source_l2", "source_l3")
_ANSWER = "answer_"  # prefix of a tag that copies a survey answer
_NAMED = ("city_tier",)  # numeric codes; the tag of the same name has labels


def read_crosses(texts: Sequence[str], service: AudienceService) -> tuple[tuple[str, str], ...]:
    """Read pairs of tags, written ``first:second``; the default pairs if there are none.

    Raises
    ------
    ProfileError
        A text is not a pair, or the last run did not compute a tag; all faults together.
    """
    tags = service.knowledge.tables["portraits"].columns if "portraits" in service.knowledge.tables else ()
    faults, pairs = [], []
    for text in texts:
        pair = tuple(part.strip() for part in text.split(":"))
        if len(pair) != 2 or not all(pair) or pair[0] == pair[1]:  # noqa: PLR2004
            faults.append(Fault("--cross", f"'{text}'", "Two tags, first:second", "For example life_cycle:spend_band"))
        else:
            pairs.append(pair)
            unknown = [name for name in pair if name not in tags]
            faults += [Fault("--cross", f"no tag '{name}'", "", did_you_mean(name, tags)) for name in unknown]
    if faults:
        raise ProfileError(faults)
    return tuple(pairs) or CROSSES


def write_audience_pages(
    service: AudienceService, estimate: Estimate, *, crosses: Sequence[tuple[str, str]] = CROSSES
) -> list[Path]:
    """Write a portrait that compares an audience with all customers, one page per report language; return the paths."""
    audience, frame = estimate.audience, service.store.frame("features")
    inside = to_pandas(service.members(audience).select("customer_id"))["customer_id"]
    registry = registry_of(service.workspace, service.profile)
    tags = service.store.frame("portraits") if "portraits" in service.knowledge.tables else None
    tables = {name: service.store.read(name) for name in ("products",) if name in service.store.present()}
    portrait = portray_members(
        _without_codes(frame, tags), inside, {**service.knowledge.tables, **tables}, as_of=service.as_of,
        scores=_scores(service, tags, registry), tags=tags, crosses=crosses,
        event_types=service.profile.sections["03_build_features"].event_types,
    )  # fmt: skip
    facts = {
        "name": audience.name, "label": audience.label, "as_of": estimate.as_of, "purpose": audience.purpose,
        "members": estimate.members, "reachable": estimate.reachable, "consent_recorded": estimate.consent_recorded,
        "purposes": estimate.purposes,
        "customers": len(frame), "funnel": estimate.funnel, "made_by_rule": service.made_by(audience),
        "others": {name: rule.label for name, rule in service.named.items()},
    }  # fmt: skip
    enough = min(len(inside), len(frame) - len(inside)) >= LEAST_SEED
    lift = service.look_alikes(audience).lift if enough else None
    folder = service.workspace.reports(service.profile.name) / "audiences" / audience.name
    folder.mkdir(parents=True, exist_ok=True)
    overlaps, names, files = service.overlaps(audience), _names(registry), []
    for language in service.profile.languages:
        page = audience_page(
            facts, portrait, overlaps=overlaps, lift=lift, names=names, language=language,
            currency=service.profile.currency,
        )  # fmt: skip
        files.append(write_text(folder / f"portrait.{language}.html", page))
    return files


def _without_codes(features: pd.DataFrame, tags: pd.DataFrame | None) -> pd.DataFrame:
    """Drop numeric codes that have a tag of the same name with labels."""
    codes = [name for name in _NAMED if tags is not None and name in tags.columns]
    return features.drop(columns=codes, errors="ignore")


def _scores(service: AudienceService, tags: pd.DataFrame | None, registry: TagRegistry) -> list[pd.DataFrame]:
    """Return additional variables: scores, the declared acquisition source, survey answers."""
    present = service.store.present()
    frames = [
        service.store.frame(name).drop(columns=list(_BOOKKEEPING), errors="ignore")
        for name in _SCORES
        if name in present
    ]
    if "customers" in present:
        customers = service.store.read("customers")
        declared = [name for name in _SOURCES if name in customers.columns]
        frames += [to_pandas(customers.select("customer_id", *declared))] if declared else []
    if tags is not None:
        answers = [name for name, tag in registry.tags.items() if tag.kind == "survey" and name in tags.columns]
        frames += [tags[["customer_id", *answers]].rename(columns={name: f"{_ANSWER}{name}" for name in answers})]
        frames += [tags[["customer_id", *(name for name in _NAMED if name in tags.columns)]]]
    return frames


def _names(registry: TagRegistry) -> Names:
    """Return the names of tags and their values, by language."""
    tags = {name: tag.name.model_dump() for name, tag in registry.tags.items()}
    variables = {f"{_ANSWER}{name}": label for name, label in tags.items()} | tags
    values = {
        (name, key): {"en": value.en, "zh": value.zh}
        for tag in registry.tags.values()
        for name in (tag.id, f"{_ANSWER}{tag.id}")
        for key, value in tag.values.items()
    }
    values |= {(tag, key): dict(name) for tag, names in registry.value_names.items() for key, name in names.items()}
    return Names(variables, values)
