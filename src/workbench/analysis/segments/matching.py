"""Is this still the same segment? A refit matched to the last version, so that names stay with their customers.

Each new segment is paired with at most one old one (Hungarian method; Kuhn 1955, Naval Research Logistics 2) by the
customers they share, and by how near their centres lie. A pair that shares enough keeps its key and name; what is left
over is new, merged or split.
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
KEPT = 0.5  # Jaccard of members above which a segment is the same (Hennig 2007: at or under .5 dissolved)
PART = 0.5  # share of a segment's customers that lie in another one, above which it went there
NEARNESS_WEIGHT = 0.25  # of the centres beside the members in the pairing; members decide who is kept


@dataclass(frozen=True)
class SegmentMatch:
    """What became of a segment.

    Attributes
    ----------
    key : str
        Of the new segment, as fitted.
    kind : str
        ``kept`` (the same as ``before[0]``), ``merged`` (out of two or more of the last version), ``split`` (one of two
        or more parts of ``before[0]``) or ``new``.
    before : tuple of str
        Keys of the last version's segments it stems from; empty where new.
    overlap : float
        Jaccard of its members with those of the paired old segment, customers placed by both; 0 where there is none.
    distance : float
        Between the paired centres, scaled units; missing where the definitions have no comparable centres.
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
        customer_id, segment; one row per customer. Only customers in both count, and only those who are placed.

    Returns
    -------
    tuple of SegmentMatch
        One per segment of ``new``, in its order. An old segment may be kept by one new segment at most.
    """
    before, after = [each.key for each in old.segments], [each.key for each in new.segments]
    both = old_assigned[["customer_id", "segment"]].merge(
        new_assigned[["customer_id", "segment"]], on="customer_id", suffixes=("_old", "_new")
    )
    counts = pd.crosstab(both["segment_new"], both["segment_old"]).reindex(
        index=after, columns=before, fill_value=0
    ).to_numpy(dtype=float)  # fmt: skip
    overlap, apart = _jaccard(counts), _distances(old, new)
    nearness = np.zeros_like(overlap) if np.isnan(apart).all() else 1 / (1 + apart)
    rows, columns = linear_sum_assignment(-(overlap + NEARNESS_WEIGHT * nearness))
    paired = {int(row): int(column) for row, column in zip(rows, columns, strict=True) if overlap[row, column] > KEPT}
    return tuple(_judged(at, paired, counts, (overlap, apart), (before, after)) for at in range(len(after)))


def carry_names(old: SegmentDefinition, new: SegmentDefinition, matches: Sequence[SegmentMatch]) -> SegmentDefinition:
    """Give kept segments the key and name they had; descriptions and marks are the new fit's.

    Parameters
    ----------
    old, new : SegmentDefinition
    matches : sequence of SegmentMatch
        As ``match_segments`` gave them.

    Returns
    -------
    SegmentDefinition
        A new or split segment whose key or name is taken by a kept one gets a number behind it (2, 3, ...). Tiers are
        named by their rank: their names are carried over only from a cut into as many, and never become the names of
        groups that were found.
    """
    if old.verdict != new.verdict or (new.verdict == "continuum" and len(old.segments) != len(new.segments)):
        return new
    earlier = {each.key: each for each in old.segments}
    kept = {each.key: earlier[each.before[0]] for each in matches if each.kind == "kept"}
    taken = list(kept.values())
    segments = []
    for each in new.segments:
        if each.key in kept:
            segments.append(replace(each, key=kept[each.key].key, name=kept[each.key].name))
        else:
            own = _free(each, taken)
            taken.append(own)
            segments.append(own)
    return replace(new, segments=tuple(segments))


def match_table(matches: Sequence[SegmentMatch], old: SegmentDefinition, new: SegmentDefinition) -> pd.DataFrame:
    """Put the matches into a table.

    Parameters
    ----------
    matches : sequence of SegmentMatch
    old, new : SegmentDefinition
        ``new`` as fitted or with names carried over: its segments stand in the order of the matches.

    Returns
    -------
    pandas.DataFrame
        One row per new segment: segment (key), kind, before (keys, joined by ", "), overlap, distance; then one row of
        kind ``gone`` per old segment that nothing stems from, with a missing overlap.
    """
    rows = [
        (segment.key, each.kind, ", ".join(each.before), each.overlap, each.distance)
        for segment, each in zip(new.segments, matches, strict=True)
    ]
    stems = {key for each in matches for key in each.before}
    rows += [(each.key, "gone", "", np.nan, np.nan) for each in old.segments if each.key not in stems]
    return pd.DataFrame(rows, columns=["segment", "kind", "before", "overlap", "distance"])


def _jaccard(counts: np.ndarray) -> np.ndarray:
    either = counts.sum(axis=1, keepdims=True) + counts.sum(axis=0, keepdims=True) - counts
    return np.divide(counts, either, out=np.zeros_like(counts), where=either > 0)


def _distances(old: SegmentDefinition, new: SegmentDefinition) -> np.ndarray:
    """Return distances of new to old centres in units of the old scaling; missing where they cannot be compared."""
    blank = np.full((len(new.segments), len(old.segments)), np.nan)
    one, two = _centres(old), _centres(new)
    if one is None or two is None or old.transform.columns != new.transform.columns:
        return blank
    pairs = zip(old.transform.features, new.transform.features, strict=True)
    if any(before.log != after.log for before, after in pairs):
        return blank
    shift = np.array([[each.center, each.scale] for each in old.transform.features])
    own = np.array([[each.center, each.scale] for each in new.transform.features])
    moved = (two * own[:, 1] + own[:, 0] - shift[:, 0]) / shift[:, 1]
    return np.round(np.linalg.norm(moved[:, None] - one[None], axis=2), 6)


def _centres(definition: SegmentDefinition) -> np.ndarray | None:
    model = definition.model
    found = model.get("centers") or model.get("means")
    if not found or model.get("categories"):
        return None
    return np.array(found)


def _judged(
    at: int,
    paired: dict[int, int],
    counts: np.ndarray,
    measures: tuple[np.ndarray, np.ndarray],
    keys: tuple[list[str], list[str]],
) -> SegmentMatch:
    overlap, apart = measures
    before, after = keys
    if at in paired:
        column = paired[at]
        return SegmentMatch(
            after[at], "kept", (before[column],), round(float(overlap[at, column]), 6), float(apart[at, column])
        )
    came = np.divide(counts, np.maximum(counts.sum(axis=0, keepdims=True), 1))  # share of each old segment in the new
    stems = counts / max(counts[at].sum(), 1)  # share of the new segment that stems from each old one
    sources = [column for column in range(len(before)) if came[at, column] > PART]
    parent = int(stems[at].argmax())
    if len(sources) > 1:
        kind, origin = "merged", sources
    elif stems[at, parent] > PART:
        kind, origin = "split", [parent]
    else:
        return SegmentMatch(after[at], "new", (), 0.0, float("nan"))
    best = max(origin, key=lambda column: (overlap[at, column], -column))
    named = tuple(before[column] for column in origin)
    return SegmentMatch(after[at], kind, named, round(float(overlap[at, best]), 6), float(apart[at, best]))


def _free(segment: Segment, taken: Sequence[Segment]) -> Segment:
    """Give a segment whose key or name is taken a number."""
    used = {(what, value) for each in taken for what, value in (("key", each.key), *each.name.items())}
    own, rank = segment, 1
    while {("key", own.key), *own.name.items()} & used or own.key == UNKNOWN.key:
        rank += 1
        name = {"en": f"{segment.name['en']} ({rank})", "zh": f"{segment.name['zh']}（{rank}）"}
        own = replace(segment, key=f"{segment.key}_{rank}", name=name)
    return own
