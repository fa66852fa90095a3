"""The pages of an audience: gather what its portrait needs, write one page per report language."""

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

CROSSES = (("life_cycle", "spend_band"), ("life_cycle", "churn_risk"))  # crossed where nothing else is asked for
_SCORES = ("rfm", "segments", "churn", "value")  # tables whose columns are variables too
_BOOKKEEPING = ("definition_version", "model_version", "cut_off")
_SOURCES = ("source_l1", "source_l2", "source_l3")
_ANSWER = "answer_"  # before a tag that copies what was answered in a survey
_NAMED = ("city_tier",)  # numbers that name something: the tag of the same name says what


def read_crosses(texts: Sequence[str], service: AudienceService) -> tuple[tuple[str, str], ...]:
    """Read pairs of tags, written ``first:second``; the usual ones where there are none.

    Raises
    ------
    ProfileError
        A text that is no pair, or a tag that the last run did not compute, all at once.
    """
    known = service.known.tables["portraits"].columns if "portraits" in service.known.tables else ()
    faults, pairs = [], []
    for text in texts:
        pair = tuple(part.strip() for part in text.split(":"))
        if len(pair) != 2 or not all(pair) or pair[0] == pair[1]:  # noqa: PLR2004
            faults.append(Fault("--cross", f"'{text}'", "Two tags, first:second", "For example life_cycle:spend_band"))
        else:
            pairs.append(pair)
            lacking = [name for name in pair if name not in known]
            faults += [Fault("--cross", f"no tag '{name}'", "", did_you_mean(name, known)) for name in lacking]
    if faults:
        raise ProfileError(faults)
    return tuple(pairs) or CROSSES


def write_audience_pages(
    service: AudienceService, found: Estimate, *, crosses: Sequence[tuple[str, str]] = CROSSES
) -> list[Path]:
    """Write the portrait of an audience against everybody, one page per report language, and return the files."""
    audience, frame = found.audience, service.store.frame("features")
    inside = to_pandas(service.members(audience).select("customer_id"))["customer_id"]
    registry = registry_of(service.workspace, service.profile)
    tags = service.store.frame("portraits") if "portraits" in service.known.tables else None
    tables = {name: service.store.read(name) for name in ("products",) if name in service.store.present()}
    portrait = portray_members(
        _without_numbers_of(frame, tags), inside, {**service.known.tables, **tables}, as_of=service.as_of,
        scores=_scores(service, tags, registry), tags=tags, crosses=crosses,
        event_types=service.profile.sections["03_build_features"].event_types,
    )  # fmt: skip
    told = {
        "name": audience.name, "label": audience.label, "as_of": found.as_of, "purpose": audience.purpose,
        "members": found.members, "reachable": found.reachable, "consent_recorded": found.consent_recorded,
        "purposes": found.purposes,
        "customers": len(frame), "funnel": found.funnel, "made_by_rule": service.made_by(audience),
        "others": {name: rule.label for name, rule in service.named.items()},
    }  # fmt: skip
    enough = min(len(inside), len(frame) - len(inside)) >= LEAST_SEED
    lift = service.look_alikes(audience).lift if enough else None
    folder = service.workspace.reports(service.profile.name) / "audiences" / audience.name
    folder.mkdir(parents=True, exist_ok=True)
    overlaps, names, made = service.overlaps(audience), _names(registry), []
    for language in service.profile.languages:
        page = audience_page(
            told, portrait, overlaps=overlaps, lift=lift, names=names, language=language,
            currency=service.profile.currency,
        )  # fmt: skip
        made.append(write_text(folder / f"portrait.{language}.html", page))
    return made


def _without_numbers_of(features: pd.DataFrame, tags: pd.DataFrame | None) -> pd.DataFrame:
    """Leave out the numbers that name something, where a tag of the same name says what."""
    said = [name for name in _NAMED if tags is not None and name in tags.columns]
    return features.drop(columns=said, errors="ignore")


def _scores(service: AudienceService, tags: pd.DataFrame | None, registry: TagRegistry) -> list[pd.DataFrame]:
    """Bring what is known beside the features: scores, the declared source, what surveys say."""
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
        asked = [name for name, tag in registry.tags.items() if tag.kind == "survey" and name in tags.columns]
        frames += [tags[["customer_id", *asked]].rename(columns={name: f"{_ANSWER}{name}" for name in asked})]
        frames += [tags[["customer_id", *(name for name in _NAMED if name in tags.columns)]]]
    return frames


def _names(registry: TagRegistry) -> Names:
    """Say what tags and their values are called, by language."""
    tags = {name: tag.name.model_dump() for name, tag in registry.tags.items()}
    variables = {f"{_ANSWER}{name}": said for name, said in tags.items()} | tags
    values = {
        (name, key): {"en": value.en, "zh": value.zh}
        for tag in registry.tags.values()
        for name in (tag.id, f"{_ANSWER}{tag.id}")
        for key, value in tag.values.items()
    }
    values |= {(tag, key): name for tag, names in registry.value_names.items() for key, name in names.items()}
    return Names(variables, values)
