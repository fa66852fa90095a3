"""Segments declared by an analyst: a YAML mapping of rules becomes a segment definition."""

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
    """Build a ``SegmentDefinition`` from a declaration.

    Parameters
    ----------
    content : mapping
        name, as_of (ISO date); segments: a list of entries, of which the first with a true condition applies, each with
        key, name {en, zh}, ``when`` (see ``conditions.normalise``) or ``otherwise: true``, and optionally description,
        use. Optional are title {en, zh}, subject, method (one of ``RULE_METHODS``), features, parameters, evidence. If
        a key occurs in several entries, the first one gives its name.

    Returns
    -------
    SegmentDefinition
        With verdict ``declared``. ``rules.prove`` checks whether the rules are exhaustive and exclusive.

    Raises
    ------
    ProfileError
        With all errors of all rules.
    """
    where = f"segments {content.get('name', '')}".strip()
    entries = content.get("segments") or []
    faults = [
        Fault(where, f"unknown entry '{key}'", "", did_you_mean(key, _KEYS)) for key in content if key not in _KEYS
    ]
    faults += [Fault(where, f"no {key}", "an entry") for key in ("name", "as_of", "segments") if not content.get(key)]
    if content.get("method", "rules") not in RULE_METHODS:
        faults.append(Fault(where, f"method '{content['method']}'", ", ".join(RULE_METHODS)))
    for entry in entries:
        entry_where = f"{where}, {entry.get('key', '?')}"
        unknown = [key for key in entry if key not in _SEGMENT_KEYS]
        faults += [
            Fault(entry_where, f"unknown entry '{key}'", "", did_you_mean(key, _SEGMENT_KEYS)) for key in unknown
        ]
    model: dict[str, Any] = {}
    try:
        model = read_rules(entries, where=where)
    except ProfileError as error:
        faults += error.faults
    if faults:
        raise ProfileError(faults)
    segments: dict[str, Segment] = {}
    for entry in entries:
        segments.setdefault(entry["key"], _segment(entry))
    optional = ("title", "subject", "parameters", "features", "evidence")
    return SegmentDefinition(
        name=content["name"],
        model=model,
        segments=tuple(segments.values()),
        as_of=str(content["as_of"]),
        verdict="declared",
        method=content.get("method", "rules"),
        **{key: content[key] for key in optional if key in content},
    )


def _segment(entry: Mapping[str, Any]) -> Segment:
    words = {part: dict(entry.get(part, {})) for part in ("name", "description")}
    return Segment(entry["key"], **words, use=entry.get("use", "ok"))
