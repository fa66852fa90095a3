"""Names of segments, made from the features that distinguish their customers, never from cluster numbers.

``define_segments`` turns the verdict of 06_segment_customers into a named definition; a refit keeps the names of kept
segments (``matching``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.analysis.clustering.candidates import Spaces, kept_model
from workbench.analysis.clustering.methods import METHODS
from workbench.analysis.clustering.stability import PATTERN, STABLE
from workbench.analysis.description.differences import differences_from_base
from workbench.analysis.segments.definition import ALL, Segment, SegmentDefinition
from workbench.analysis.segments.phrases import AVERAGE, TIER_WORDS, TIER_ZH, Fact, Phrase, describe, mildly, phrase

if TYPE_CHECKING:
    from workbench.analysis.clustering.sweep import Candidate
    from workbench.analysis.clustering.verdicts import Verdict

__all__ = ["define_segments", "distinguishing_features", "name_segments", "name_tiers", "order_by_value"]

LEAST_EFFECT = 0.3  # smallest effect used in a name
MILD = 0.2  # smallest difference of medians, relative to the base, used in a name if no effect is large enough
LEAST_SHARE = 0.2  # smallest share of a level, in the segment or the base, for use in a name
MOST_PHRASES = 3
VALUE_COLUMNS = (
    "monetary_total",
    "spend_per_order_mean",
    "frequency_orders",
)  # the first column present measures value
DISTINGUISHING_COLUMNS = (
    "segment", "feature", "level", "effect", "low", "high", "q_value", "statistic", "own", "base",
)  # fmt: skip


def define_segments(
    verdict: Verdict, spaces: Spaces, features: pd.DataFrame, *, as_of: date, details: Mapping[str, Any] | None = None
) -> SegmentDefinition:
    """Turn a verdict into a named, versioned definition.

    Parameters
    ----------
    verdict : Verdict
        From ``verdicts.judge``.
    spaces : Spaces
        Data used to fit the candidates.
    features : pandas.DataFrame
        One row per customer: the features in their own units, for ordering and descriptions.
    as_of : datetime.date
        Date of the features.
    details : mapping, optional
        Further fields of ``SegmentDefinition``: name, parameters, training_digest, made_by; and ``labels``, feature to
        {"en", "zh"}, for the names.

    Returns
    -------
    SegmentDefinition
        For ``structure``: segments named by their distinguishing features, the most valuable first. For ``continuum``:
        tiers in order of value or, without a measure of value, segments named by distinguishing features. Otherwise the
        single segment ``all``.
        A segment with a Jaccard under .6 is marked ``do_not_use``, under .75 ``pattern``.
    """
    fields = dict(details or {})
    labels = fields.pop("labels", None) or {}
    segments: tuple[Segment, ...] = (ALL,)
    model: dict[str, Any] = {"type": "single"}
    method = "single"
    if verdict.candidate is not None:
        chosen = verdict.candidate
        numbers = _numbers_of(chosen, spaces)
        order = order_by_value(features, numbers, chosen.k)
        model, method = _reordered(kept_model(chosen, spaces), order), chosen.method
        numbers = numbers.map({int(before): after for after, before in enumerate(order)})
        distinguishing = distinguishing_features(spaces, features, numbers)
        has_value = any(name in features and features[name].notna().any() for name in VALUE_COLUMNS)
        name_groups = name_tiers if has_value and verdict.verdict == "continuum" else name_segments
        marks = np.array(chosen.cluster_jaccard)[order]
        segments = tuple(
            replace(segment, use=_use(float(mark)))
            for segment, mark in zip(name_groups(distinguishing, chosen.k, labels=labels), marks, strict=True)
        )
    return SegmentDefinition(
        name=fields.pop("name", "customer_segments"),
        transform=spaces.transform,
        model=model,
        segments=segments,
        as_of=as_of.isoformat(),
        verdict=verdict.verdict,
        method=method,
        evidence={"reason": verdict.reason, **_finite(verdict.values)},
        **fields,
    )


def distinguishing_features(spaces: Spaces, features: pd.DataFrame, numbers_of: pd.Series) -> pd.DataFrame:
    """List the distinguishing features of each segment, the strongest first.

    Numbers are compared on the clustering scale by the standardised mean difference from all customers, levels of
    categories by Cohen's h; each with its 95 % interval, p-values adjusted over all rows by Benjamini and Hochberg
    (``differences_from_base``).

    Parameters
    ----------
    spaces : Spaces
    features : pandas.DataFrame
        One row per customer, own units.
    numbers_of : pandas.Series
        Segment number by customer_id.

    Returns
    -------
    pandas.DataFrame
        One row per segment and feature (level): segment (number), feature, level (missing for numbers), effect, low,
        high, q_value, statistic (median; mean where segment and base have the same median; share of a level), own
        and base (figures of the segment and of all customers, in the feature's unit, or shares). Only significant
        differences (q at most .05). Effects are ranked to one
        decimal, ties by the order of the features, so that tiny differences do not reorder names.
    """
    attributes = features.set_index("customer_id").reindex(numbers_of.index)
    categories = attributes[list(spaces.weights)] if spaces.weights else attributes[[]]
    if not spaces.transform.features:
        categories = attributes[[name for name in spaces.codes.levels if name in attributes]].astype("str")
    points = spaces.matrix.reindex(numbers_of.index).join(categories).assign(segment=numbers_of.astype(int).astype(str))
    columns = [name for name in points.columns if name != "segment"]
    table = differences_from_base(points.rename_axis("customer_id").reset_index(), by="segment", columns=columns)
    significant = table[table["differs"].fillna(False).astype(bool)].copy()
    is_numeric = significant["kind"].eq("numeric").to_numpy()
    numbers = attributes[spaces.transform.columns].astype("float64")
    described = significant.assign(
        segment=significant["group"].astype(int),
        feature=significant["variable"],
        level=significant["value"].astype("object").where(~is_numeric, None),
        low=significant["effect_low"],
        high=significant["effect_high"],
    )
    middles = [_middles(numbers[row.feature], numbers_of, row.segment) if row.kind == "numeric"
               else ("share", row.share, row.base_share) for row in described.itertuples()]  # fmt: skip
    described["statistic"], described["own"], described["base"] = (
        zip(*middles, strict=True) if middles else ([], [], [])
    )
    described["rank"] = -described["effect"].abs().round(1)
    described["place"] = described["feature"].map({name: position for position, name in enumerate(columns)})
    ranked = described.sort_values(["segment", "rank", "place", "level"], na_position="first", ignore_index=True)
    return ranked[list(DISTINGUISHING_COLUMNS)]


def _middles(values: pd.Series, numbers_of: pd.Series, segment: int) -> tuple[str, float, float]:
    """Return the medians of the segment and of all customers, or the means if the medians are equal."""
    inside = values[numbers_of == segment]
    segment_median, base_median = float(inside.median()), float(values.median())
    if segment_median != base_median:
        return "median", segment_median, base_median
    return "mean", float(inside.mean()), float(values.mean())


def name_segments(
    distinguishing: pd.DataFrame, k: int, *, labels: Mapping[str, Mapping[str, str]] | None = None
) -> tuple[Segment, ...]:
    """Name separate groups by the features on which they differ most from all customers.

    Parameters
    ----------
    distinguishing : pandas.DataFrame
        From ``distinguishing_features``.
    k : int
        Number of segments; a segment without a row is called ``average``.
    labels : mapping, optional
        Feature to {"en", "zh"} label, for features without a predefined phrase.

    Returns
    -------
    tuple of Segment
        One per segment. A name joins up to three phrases for effects of at least .3, the strongest first, absences of a
        level last. Without such effects, mild phrases are used for medians that differ by a fifth or more from the
        median of all customers. A level needs a share of one in five. If two segments would have the same name, further
        phrases and finally a number are added. Keys are the English names in lower case with underscores. The
        description gives the figures of the same differences.
    """
    rows = [distinguishing[distinguishing["segment"] == number] for number in range(k)]
    segments = _distinct([_phrases_of(differences, labels or {}) for differences in rows])
    return tuple(
        replace(segment, description=_description(differences, labels or {}))
        for segment, differences in zip(segments, rows, strict=True)
    )


def name_tiers(
    distinguishing: pd.DataFrame, k: int, *, labels: Mapping[str, Mapping[str, str]] | None = None
) -> tuple[Segment, ...]:
    """Name the tiers of a continuum by their rank.

    Parameters
    ----------
    distinguishing, k, labels
        As for ``name_segments``; segments are in descending order of value.

    Returns
    -------
    tuple of Segment
        Keys such as tier_1_high, tier_2_middle, tier_3_low; names add the phrases of the strongest differences.
    """
    words = TIER_WORDS.get(k) or ("high", *["middle"] * (k - 2), "low")
    tiers = []
    for number, word in enumerate(words):
        differences = distinguishing[distinguishing["segment"] == number]
        group = _segment(_phrases_of(differences, labels or {})[0])
        english = (
            f"Tier {number + 1} of {k}, {word.replace('_', '-')}: {group.name['en'][:1].lower()}{group.name['en'][1:]}"
        )
        chinese = f"{TIER_ZH[word]}价值层（{number + 1}/{k}）：{group.name['zh']}"
        name = {"en": english, "zh": chinese}
        tiers.append(Segment(f"tier_{number + 1}_{word}", name, description=_description(differences, labels or {})))
    return tuple(tiers)


def order_by_value(features: pd.DataFrame, numbers: pd.Series, k: int) -> np.ndarray:
    """Return the order of the segments from the highest value to the lowest.

    Parameters
    ----------
    features : pandas.DataFrame
        customer_id and a measure of value: monetary_total, else spend_per_order_mean, else frequency_orders.
    numbers : pandas.Series
        Segment number, 0..k-1, by customer_id.
    k : int

    Returns
    -------
    numpy.ndarray
        Indices, shape (k,), sorted by the median, ties by the mean, then by size; without these columns by size only.
    """
    sizes = numbers.value_counts().reindex(range(k), fill_value=0).to_numpy()
    present = [name for name in VALUE_COLUMNS if name in features.columns]
    if not present:
        return np.lexsort((np.arange(k), -sizes))
    value = features.set_index("customer_id")[present[0]].reindex(numbers.index).astype("float64").groupby(numbers)
    median = value.median().reindex(range(k)).fillna(-np.inf).to_numpy()
    mean = value.mean().reindex(range(k)).fillna(-np.inf).round(6).to_numpy()
    return np.lexsort((np.arange(k), -sizes, -mean, -median))


def _numbers_of(candidate: Candidate, spaces: Spaces) -> pd.Series:
    """Return the segment number of each clustered customer."""
    method = METHODS[candidate.method]
    matrix = spaces.matrices[method.space]
    return pd.Series(method.place(candidate.model, matrix.to_numpy(dtype=float)), index=matrix.index)


def _reordered(model: Mapping[str, Any], order: np.ndarray) -> dict[str, Any]:
    """Reorder the groups of a model."""
    by_group = ("centers", "weights", "means", "precision_cholesky", "log_det")
    reordered = {
        name: [value[position] for position in order] if name in by_group else value for name, value in model.items()
    }
    if "variables" in model:
        reordered["variables"] = {
            name: {level: [row[position] for position in order] for level, row in levels.items()}
            for name, levels in model["variables"].items()
        }
    return reordered


def _use(jaccard: float) -> str:
    if jaccard < PATTERN:
        return "do_not_use"
    return "pattern" if jaccard < STABLE else "ok"


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    """Replace non-finite numbers by None, for JSON."""
    return {
        name: None if isinstance(value, float) and not np.isfinite(value) else value for name, value in values.items()
    }


def _phrases_of(rows: pd.DataFrame, labels: Mapping[str, Mapping[str, str]]) -> tuple[list[Phrase], list[Phrase]]:
    """Return the phrases of a segment's name, the strongest first, and further phrases to make the name unique."""
    is_strong_of: dict[Phrase, bool] = {}
    ranked = sorted(rows.itertuples(), key=_is_absence)  # presence before absence
    for row in ranked:
        words_of_row = phrase(row.feature, bool(row.effect > 0), labels, level=row.level)
        is_strong_of[words_of_row] = is_strong_of.get(words_of_row, False) or _is_distinctive(row)
    leading = [words_of_row for words_of_row, is_strong in is_strong_of.items() if is_strong][:MOST_PHRASES]
    mild = [mildly(phrase(row.feature, bool(row.effect > 0), labels)) for row in ranked if _is_mild(row)]
    leading = leading or list(dict.fromkeys(mild))[:MOST_PHRASES]
    return leading or [AVERAGE], [words_of_row for words_of_row in is_strong_of if words_of_row not in leading]


def _is_absence(row: Any) -> bool:
    return isinstance(row.level, str) and row.effect < 0


def _is_distinctive(row: Any) -> bool:
    if isinstance(row.level, str) and max(row.own, row.base) < LEAST_SHARE:
        return False
    return abs(row.effect) >= LEAST_EFFECT


def _is_mild(row: Any) -> bool:
    """Return whether the medians differ by a fifth of the base's median, although the effect is small."""
    return row.statistic == "median" and bool(abs(row.own - row.base) >= MILD * abs(row.base) > 0)


def _description(rows: pd.DataFrame, labels: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    ranked = sorted(rows.itertuples(), key=_is_absence)
    chosen = [row for row in ranked if _is_distinctive(row)] or [row for row in ranked if _is_mild(row)]
    facts = [
        Fact(row.feature, row.level, row.statistic, float(row.own), float(row.base)) for row in chosen[:MOST_PHRASES]
    ]
    return describe(facts, labels)


def _distinct(phrases: list[tuple[list[Phrase], list[Phrase]]]) -> tuple[Segment, ...]:
    """Add phrases until all names differ in key and both languages, then number the remaining duplicates."""
    n_added = [0] * len(phrases)
    for _ in range(1 + max(len(further) for _, further in phrases)):
        segments = [
            _segment([*leading, *further[:added]]) for (leading, further), added in zip(phrases, n_added, strict=True)
        ]
        duplicates = _duplicates(segments)
        n_added = [added + (position in duplicates) for position, added in enumerate(n_added)]
    ranks = {position: rank for rank, position in enumerate(sorted(duplicates), start=1)}
    return tuple(
        _ranked(segment, ranks[position]) if position in ranks else segment for position, segment in enumerate(segments)
    )


def _segment(phrases: list[Phrase]) -> Segment:
    english, chinese = ", ".join(en for en, _ in phrases), "、".join(zh for _, zh in phrases)
    key = re.sub(r"[^a-z0-9]+", "_", english.lower()).strip("_") or "segment"
    return Segment(key, {"en": english[:1].upper() + english[1:], "zh": chinese})


def _duplicates(segments: Sequence[Segment]) -> set[int]:
    shared: set[int] = set()
    keys, english, chinese = zip(*((s.key, s.name["en"], s.name["zh"]) for s in segments), strict=True)
    for names in (keys, english, chinese):
        shared |= {position for position, name in enumerate(names) if names.count(name) > 1}
    return shared


def _ranked(segment: Segment, rank: int) -> Segment:
    return Segment(
        f"{segment.key}_{rank}", {"en": f"{segment.name['en']} ({rank})", "zh": f"{segment.name['zh']}（{rank}）"}
    )
