"""Is this still the same segment? A refit is matched to the last version, so that names stay with their customers.

Each new segment is paired with at most one old segment (Hungarian method; Kuhn 1955, Naval Research Logistics 2), by
shared customers and by the distance of the centres. If the pair shares enough customers, the new segment keeps the old
key and name; other segments are new, merged or split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from workbench.analysis.segments.definition import UNKNOWN, Segment, SegmentDefinition

__all__ = ["KINDS", "SegmentMatch", "carry_names", "match_segments", "match_table"]

KINDS = ("kept", "new", "merged", "split")
KEPT = 0.5  # Jaccard of members above which a segment is the same (Hennig 2007: up to .5 dissolved)
PART = 0.5  # share of a segment's customers in another segment above which it counts as a part of that segment
NEARNESS_WEIGHT = 0.25  # weight of the centres in the pairing; only members decide which segments are kept


@dataclass(frozen=True)
class SegmentMatch:
    """The origin of a new segment.

    Attributes
    ----------
    key : str
        Key of the new segment, as fitted.
    kind : str
        ``kept`` (the same as ``before[0]``), ``merged`` (from two or more of the last version), ``split`` (one of two
        or more parts of ``before[0]``) or ``new``.
    before : tuple of str
        Keys of its segments of origin in the last version; empty where new.
    overlap : float
        Jaccard similarity with the members of the paired old segment, among customers assigned by both; 0 without a
        pair.
    distance : float
        Distance between the paired centres, in scaled units; missing if the centres are not comparable.
    """

    key: str
    kind: str
    before: tuple[str, ...]
    overlap: float
    distance: float


def match_segments(
    old: SegmentDefinition, new: SegmentDefinition, old_assigned: pd.DataFrame, new_assigned: pd.DataFrame
) -> tuple[SegmentMatch, ...]:
    """Match the segments of a refit to those of the last version.

    Parameters
    ----------
    old, new : SegmentDefinition
    old_assigned, new_assigned : pandas.DataFrame
        customer_id, segment; one row per customer. Only customers assigned by both definitions are used.

    Returns
    -------
    tuple of SegmentMatch
        One per segment of ``new``, in its order. An old segment is kept by at most one new segment.
    """
    before, after = [segment.key for segment in old.segments], [segment.key for segment in new.segments]
    joined = old_assigned[["customer_id", "segment"]].merge(
        new_assigned[["customer_id", "segment"]], on="customer_id", suffixes=("_old", "_new")
    )
    counts = pd.crosstab(joined["segment_new"], joined["segment_old"]).reindex(
        index=after, columns=before, fill_value=0
    ).to_numpy(dtype=float)  # fmt: skip
    overlap, distances = _jaccard(counts), _distances(old, new)
    nearness = np.zeros_like(overlap) if np.isnan(distances).all() else 1 / (1 + distances)
    rows, columns = linear_sum_assignment(-(overlap + NEARNESS_WEIGHT * nearness))
    paired = {int(row): int(column) for row, column in zip(rows, columns, strict=True) if overlap[row, column] > KEPT}
    return tuple(_match(at, paired, counts, (overlap, distances), (before, after)) for at in range(len(after)))


def carry_names(old: SegmentDefinition, new: SegmentDefinition, matches: Sequence[SegmentMatch]) -> SegmentDefinition:
    """Carry key and name over to kept segments; description and use come from the new fit.

    Parameters
    ----------
    old, new : SegmentDefinition
    matches : sequence of SegmentMatch
        From ``match_segments``.

    Returns
    -------
    SegmentDefinition
        A new or split segment whose key or name is already used gets a number (2, 3, ...). Names of tiers contain their
        rank: they are carried over only between cuts with the same number of tiers, never to separate groups.
    """
    if old.verdict != new.verdict or (new.verdict == "continuum" and len(old.segments) != len(new.segments)):
        return new
    old_by_key = {segment.key: segment for segment in old.segments}
    kept = {match.key: old_by_key[match.before[0]] for match in matches if match.kind == "kept"}
    used = list(kept.values())
    segments = []
    for segment in new.segments:
        if segment.key in kept:
            segments.append(replace(segment, key=kept[segment.key].key, name=kept[segment.key].name))
        else:
            numbered = _numbered(segment, used)
            used.append(numbered)
            segments.append(numbered)
    return replace(new, segments=tuple(segments))


def match_table(matches: Sequence[SegmentMatch], old: SegmentDefinition, new: SegmentDefinition) -> pd.DataFrame:
    """Return the matches as a table.

    Parameters
    ----------
    matches : sequence of SegmentMatch
    old, new : SegmentDefinition
        ``new`` as fitted or with names carried over; its segments are in the order of the matches.

    Returns
    -------
    pandas.DataFrame
        One row per new segment: segment (key), kind, before (keys, joined by ", "), overlap, distance; then one row of
        kind ``gone``, with missing overlap, per old segment from which no new segment originates.
    """
    rows = [
        (segment.key, match.kind, ", ".join(match.before), match.overlap, match.distance)
        for segment, match in zip(new.segments, matches, strict=True)
    ]
    origins = {key for match in matches for key in match.before}
    rows += [(segment.key, "gone", "", np.nan, np.nan) for segment in old.segments if segment.key not in origins]
    return pd.DataFrame(rows, columns=["segment", "kind", "before", "overlap", "distance"])


def _jaccard(counts: np.ndarray) -> np.ndarray:
    either = counts.sum(axis=1, keepdims=True) + counts.sum(axis=0, keepdims=True) - counts
    return np.divide(counts, either, out=np.zeros_like(counts), where=either > 0)


def _distances(old: SegmentDefinition, new: SegmentDefinition) -> np.ndarray:
    """Return distances of new to old centres in units of the old scaling; missing if not comparable."""
    missing = np.full((len(new.segments), len(old.segments)), np.nan)
    old_centres, new_centres = _centres(old), _centres(new)
    if old_centres is None or new_centres is None or old.transform.columns != new.transform.columns:
        return missing
    pairs = zip(old.transform.features, new.transform.features, strict=True)
    if any(before.log != after.log for before, after in pairs):
        return missing
    old_scale = np.array([[feature.center, feature.scale] for feature in old.transform.features])
    new_scale = np.array([[feature.center, feature.scale] for feature in new.transform.features])
    rescaled = (new_centres * new_scale[:, 1] + new_scale[:, 0] - old_scale[:, 0]) / old_scale[:, 1]
    return np.round(np.linalg.norm(rescaled[:, None] - old_centres[None], axis=2), 6)


def _centres(definition: SegmentDefinition) -> np.ndarray | None:
    model = definition.model
    centres = model.get("centers") or model.get("means")
    if not centres or model.get("categories"):
        return None
    return np.array(centres)


def _match(
    at: int,
    pairs: dict[int, int],
    counts: np.ndarray,
    measures: tuple[np.ndarray, np.ndarray],
    keys: tuple[list[str], list[str]],
) -> SegmentMatch:
    overlap, distances = measures
    before, after = keys
    if at in pairs:
        column = pairs[at]
        return SegmentMatch(
            after[at], "kept", (before[column],), round(float(overlap[at, column]), 6), float(distances[at, column])
        )
    of_old = np.divide(
        counts, np.maximum(counts.sum(axis=0, keepdims=True), 1)
    )  # share of each old segment in the new one
    of_new = counts / max(counts[at].sum(), 1)  # share of the new segment from each old one
    sources = [column for column in range(len(before)) if of_old[at, column] > PART]
    parent = int(of_new[at].argmax())
    if len(sources) > 1:
        kind, origin = "merged", sources
    elif of_new[at, parent] > PART:
        kind, origin = "split", [parent]
    else:
        return SegmentMatch(after[at], "new", (), 0.0, float("nan"))
    best = max(origin, key=lambda column: (overlap[at, column], -column))
    origin_keys = tuple(before[column] for column in origin)
    return SegmentMatch(after[at], kind, origin_keys, round(float(overlap[at, best]), 6), float(distances[at, best]))


def _numbered(segment: Segment, others: Sequence[Segment]) -> Segment:
    """Add a number to a segment whose key or name is already used."""
    used = {(part, value) for other in others for part, value in (("key", other.key), *other.name.items())}
    numbered, rank = segment, 1
    while {("key", numbered.key), *numbered.name.items()} & used or numbered.key == UNKNOWN.key:
        rank += 1
        name = {"en": f"{segment.name['en']} ({rank})", "zh": f"{segment.name['zh']}（{rank}）"}
        numbered = replace(segment, key=f"{segment.key}_{rank}", name=name)
    return numbered
