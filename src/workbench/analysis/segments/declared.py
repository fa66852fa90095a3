"""How does an analyst declare segments? A YAML mapping of rules becomes a definition like any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.analysis.segments.definition import Segment, SegmentDefinition
from workbench.analysis.segments.rules import read_rules
from workbench.core.errors import Fault, ProfileError, did_you_mean

__all__ = ["RULE_METHODS", "declare"]

RULE_METHODS = ("rules", "tree", "rfm_grid", "life_cycle_grid")
_KEYS = ("name", "title", "subject", "method", "as_of", "segments", "parameters", "features", "evidence")
_SEGMENT_KEYS = ("key", "name", "description", "use", "when", "otherwise")


def declare(content: Mapping[str, Any]) -> SegmentDefinition:
    """Turn a declared definition into a ``SegmentDefinition``.

    Parameters
    ----------
    content : mapping
        name, as_of (ISO date); segments: a list, the first that holds wins, each with key, name {en, zh}, ``when``
        (``segment_conditions.normalise``) or ``otherwise: true``, and optionally description, use; optionally title
        {en, zh}, subject, method (one of ``RULE_METHODS``), features, parameters, evidence. A key may stand in several
        entries, of which the first names it.

    Returns
    -------
    SegmentDefinition
        Of verdict ``declared``. Whether its rules are exhaustive and exclusive is asked of ``segment_rules.prove``.

    Raises
    ------
    ProfileError
        With every fault of every rule.
    """
    where = f"segments {content.get('name', '')}".strip()
    listed = content.get("segments") or []
    faults = [
        Fault(where, f"unknown entry '{key}'", "", did_you_mean(key, _KEYS)) for key in content if key not in _KEYS
    ]
    faults += [Fault(where, f"no {key}", "an entry") for key in ("name", "as_of", "segments") if not content.get(key)]
    if content.get("method", "rules") not in RULE_METHODS:
        faults.append(Fault(where, f"method '{content['method']}'", ", ".join(RULE_METHODS)))
    for each in listed:
        place = f"{where}, {each.get('key', '?')}"
        unknown = [key for key in each if key not in _SEGMENT_KEYS]
        faults += [Fault(place, f"unknown entry '{key}'", "", did_you_mean(key, _SEGMENT_KEYS)) for key in unknown]
    model: dict[str, Any] = {}
    try:
        model = read_rules(listed, where=where)
    except ProfileError as error:
        faults += error.faults
    if faults:
        raise ProfileError(faults)
    named: dict[str, Segment] = {}
    for each in listed:
        named.setdefault(each["key"], _segment(each))
    kept = ("title", "subject", "parameters", "features", "evidence")
    return SegmentDefinition(
        name=content["name"],
        model=model,
        segments=tuple(named.values()),
        as_of=str(content["as_of"]),
        verdict="declared",
        method=content.get("method", "rules"),
        **{key: content[key] for key in kept if key in content},
    )


def _segment(entry: Mapping[str, Any]) -> Segment:
    words = {part: dict(entry.get(part, {})) for part in ("name", "description")}
    return Segment(entry["key"], **words, use=entry.get("use", "ok"))
