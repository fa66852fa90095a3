"""What shall a segment be called? Names from what sets its customers apart, never from a cluster's number.

``define_segments`` turns the verdict of 06_segment_customers into a named definition; a refit keeps the names of the
segments that are still there (``segment_matching``).
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
from workbench.analysis.segments.phrases import AVERAGE, TIER_WORDS, TIER_ZH, Fact, Phrase, describe, phrase

if TYPE_CHECKING:
    from workbench.analysis.clustering.sweep import Candidate
    from workbench.analysis.clustering.verdicts import Verdict

__all__ = ["define_segments", "name_segments", "name_tiers", "order_by_value", "telling_differences"]

TELLING = 0.3  # effect below which a difference names nothing
TELLING_SHARE = (
    0.2  # a level that fewer have, within and without, names nothing: "seldom snacks" says little of anybody
)
MOST_PHRASES = 3
VALUE_COLUMNS = ("monetary_total", "spend_per_order_mean", "frequency_orders")  # the first that is there stands for it
TELLING_COLUMNS = (
    "segment", "feature", "level", "effect", "low", "high", "q_value", "statistic", "own", "base",
)  # fmt: skip


def define_segments(
    verdict: Verdict, spaces: Spaces, features: pd.DataFrame, *, as_of: date, details: Mapping[str, Any] | None = None
) -> SegmentDefinition:
    """Turn a verdict into a named, versioned definition.

    Parameters
    ----------
    verdict : Verdict
        As ``clustering.judge`` gave it.
    spaces : Spaces
        What the candidates were fitted on.
    features : pandas.DataFrame
        One row per customer: the features in their own units, for order and description.
    as_of : datetime.date
        Date up to which the features were built.
    details : mapping, optional
        Further fields of ``SegmentDefinition``: name, parameters, training_digest, made_by; and ``labels``, feature to
        {"en", "zh"}, for the names.

    Returns
    -------
    SegmentDefinition
        Structure: segments named by what sets them apart, the most valuable first. Continuum: tiers in order of value,
        or by what sets them apart where nothing stands for value. Otherwise the single segment ``all``. A segment whose
        Jaccard is under .6 is marked ``do_not_use``, under .75
        ``pattern``.
    """
    kept = dict(details or {})
    labels = kept.pop("labels", None) or {}
    segments, model, method = (ALL,), {"type": "single"}, "single"
    if verdict.candidate is not None:
        chosen = verdict.candidate
        placed = _placed(chosen, spaces)
        order = order_by_value(features, placed, chosen.k)
        model, method = _reordered(kept_model(chosen, spaces), order), chosen.method
        placed = placed.map({int(before): after for after, before in enumerate(order)})
        telling = telling_differences(spaces, features, placed)
        ranked = any(name in features and features[name].notna().any() for name in VALUE_COLUMNS)
        spoken = name_tiers if ranked and verdict.verdict == "continuum" else name_segments
        marks = np.array(chosen.cluster_jaccard)[order]
        segments = tuple(
            replace(each, use=_use(float(mark)))
            for each, mark in zip(spoken(telling, chosen.k, labels=labels), marks, strict=True)
        )
    return SegmentDefinition(
        name=kept.pop("name", "customer_segments"),
        transform=spaces.transform,
        model=model,
        segments=segments,
        as_of=as_of.isoformat(),
        verdict=verdict.verdict,
        method=method,
        evidence={"reason": verdict.reason, **_finite(verdict.values)},
        **kept,
    )


def telling_differences(spaces: Spaces, features: pd.DataFrame, placed: pd.Series) -> pd.DataFrame:
    """List what sets each segment apart, the strongest first.

    Numbers are compared on the scale they were clustered on by the standardised mean difference from everybody,
    levels of categories by Cohen's h; each with its 95 % interval, p-values adjusted over all rows by Benjamini and
    Hochberg (``differences_from_base``).

    Parameters
    ----------
    spaces : Spaces
    features : pandas.DataFrame
        One row per customer, own units.
    placed : pandas.Series
        Segment number by customer_id.

    Returns
    -------
    pandas.DataFrame
        One row per segment and feature (level): segment (number), feature, level (missing for numbers), effect, low,
        high, q_value, statistic (median; mean where segment and base share their median; share of a level), own and
        base (in the feature's unit, or shares). Only those that hold after adjustment (q at most .05). Effects are
        compared to one decimal, ties by the order of the features, so that a hair's breadth does not reorder names.
    """
    own = features.set_index("customer_id").reindex(placed.index)
    categories = own[list(spaces.weights)] if spaces.weights else own[[]]
    if not spaces.transform.features:
        categories = own[[name for name in spaces.codes.levels if name in own]].astype("str")
    points = spaces.matrix.reindex(placed.index).join(categories).assign(segment=placed.astype(int).astype(str))
    columns = [name for name in points.columns if name != "segment"]
    table = differences_from_base(points.rename_axis("customer_id").reset_index(), by="segment", columns=columns)
    kept = table[table["differs"].fillna(False).astype(bool)].copy()
    number = kept["kind"].eq("numeric").to_numpy()
    numbers = own[spaces.transform.columns].astype("float64")
    told = kept.assign(
        segment=kept["group"].astype(int),
        feature=kept["variable"],
        level=kept["value"].astype("object").where(~number, None),
        low=kept["effect_low"],
        high=kept["effect_high"],
    )
    middles = [_middles(numbers[row.feature], placed, row.segment) if row.kind == "numeric"
               else ("share", row.share, row.base_share) for row in told.itertuples()]  # fmt: skip
    told["statistic"], told["own"], told["base"] = zip(*middles, strict=True) if middles else ([], [], [])
    told["rank"] = -told["effect"].abs().round(1)
    told["place"] = told["feature"].map({name: at for at, name in enumerate(columns)})
    ranked = told.sort_values(["segment", "rank", "place", "level"], na_position="first", ignore_index=True)
    return ranked[list(TELLING_COLUMNS)]


def _middles(values: pd.Series, placed: pd.Series, segment: int) -> tuple[str, float, float]:
    """Return median of the segment and of all, or their means where the medians say nothing."""
    inside = values[placed == segment]
    own, base = float(inside.median()), float(values.median())
    if own != base:
        return "median", own, base
    return "mean", float(inside.mean()), float(values.mean())


def name_segments(
    telling: pd.DataFrame, k: int, *, labels: Mapping[str, Mapping[str, str]] | None = None
) -> tuple[Segment, ...]:
    """Name separate groups by the features in which they differ most from everybody.

    Parameters
    ----------
    telling : pandas.DataFrame
        As ``telling_differences`` gives it.
    k : int
        Number of segments; one without a row is ``average``.
    labels : mapping, optional
        Feature to {"en", "zh"} label, for features without a phrase of their own.

    Returns
    -------
    tuple of Segment
        One per segment. A name joins up to three phrases, the strongest difference first, each of an effect of at
        least .3, the absence of a level after all others; more phrases follow where two segments would share a name,
        and last of all a number. Keys are the
        English names in lower case with underscores. A level names only where one in five has it. The description gives
        the figures of the same differences.
    """
    rows = [telling[telling["segment"] == at] for at in range(k)]
    named = _distinct([_spoken(each, labels or {}) for each in rows])
    return tuple(
        replace(each, description=_description(own, labels or {})) for each, own in zip(named, rows, strict=True)
    )


def name_tiers(
    telling: pd.DataFrame, k: int, *, labels: Mapping[str, Mapping[str, str]] | None = None
) -> tuple[Segment, ...]:
    """Name the pieces of a continuum by their rank: tiers of a stable cut, not groups that were found.

    Parameters
    ----------
    telling, k, labels
        As for ``name_segments``; segments stand in descending order of value.

    Returns
    -------
    tuple of Segment
        Keys such as tier_1_high, tier_2_middle, tier_3_low; names add the phrases of the strongest differences.
    """
    words = TIER_WORDS.get(k) or ("high", *["middle"] * (k - 2), "low")
    tiers = []
    for at, word in enumerate(words):
        own = telling[telling["segment"] == at]
        plain = _segment(_spoken(own, labels or {})[0])
        english = (
            f"Tier {at + 1} of {k}, {word.replace('_', '-')}: {plain.name['en'][:1].lower()}{plain.name['en'][1:]}"
        )
        chinese = f"{TIER_ZH[word]}价值层（{at + 1}/{k}）：{plain.name['zh']}"
        name = {"en": english, "zh": chinese}
        tiers.append(Segment(f"tier_{at + 1}_{word}", name, description=_description(own, labels or {})))
    return tuple(tiers)


def order_by_value(features: pd.DataFrame, placed: pd.Series, k: int) -> np.ndarray:
    """Return the order of the segments from the highest value to the lowest.

    Parameters
    ----------
    features : pandas.DataFrame
        customer_id and monetary_total, else spend_per_order_mean, else frequency_orders, which stands for value.
    placed : pandas.Series
        Segment number, 0..k-1, by customer_id.
    k : int

    Returns
    -------
    numpy.ndarray
        Indices, shape (k,), by the median, ties by the mean, then by size; without any of the columns by size alone.
    """
    sizes = placed.value_counts().reindex(range(k), fill_value=0).to_numpy()
    known = [name for name in VALUE_COLUMNS if name in features.columns]
    if not known:
        return np.lexsort((np.arange(k), -sizes))
    value = features.set_index("customer_id")[known[0]].reindex(placed.index).astype("float64").groupby(placed)
    middle = value.median().reindex(range(k)).fillna(-np.inf).to_numpy()
    mean = value.mean().reindex(range(k)).fillna(-np.inf).round(6).to_numpy()
    return np.lexsort((np.arange(k), -sizes, -mean, -middle))


def _placed(candidate: Candidate, spaces: Spaces) -> pd.Series:
    """Return the segment number of each customer that was clustered."""
    how = METHODS[candidate.method]
    matrix = spaces.matrices[how.space]
    return pd.Series(how.place(candidate.model, matrix.to_numpy(dtype=float)), index=matrix.index)


def _reordered(model: Mapping[str, Any], order: np.ndarray) -> dict[str, Any]:
    """Put the groups of a model into another order."""
    by_group = ("centers", "weights", "means", "precision_cholesky", "log_det")
    done = {name: [value[at] for at in order] if name in by_group else value for name, value in model.items()}
    if "variables" in model:
        done["variables"] = {
            name: {level: [row[at] for at in order] for level, row in levels.items()}
            for name, levels in model["variables"].items()
        }
    return done


def _use(jaccard: float) -> str:
    if jaccard < PATTERN:
        return "do_not_use"
    return "pattern" if jaccard < STABLE else "ok"


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what JSON can hold: a measure that does not apply is null."""
    return {
        name: None if isinstance(value, float) and not np.isfinite(value) else value for name, value in values.items()
    }


def _spoken(rows: pd.DataFrame, labels: Mapping[str, Mapping[str, str]]) -> tuple[list[Phrase], list[Phrase]]:
    """Return the phrases that name a segment, strongest difference first, and those that may lengthen the name."""
    told: dict[Phrase, bool] = {}
    ranked = sorted(rows.itertuples(), key=_is_absence)  # what they are before what they are not
    for row in ranked:
        words = phrase(row.feature, bool(row.effect > 0), labels, level=row.level)
        told[words] = told.get(words, False) or _is_telling(row)
    lead = [words for words, strong in told.items() if strong][:MOST_PHRASES]
    return lead or [AVERAGE], [words for words in told if words not in lead]


def _is_absence(row: Any) -> bool:
    return isinstance(row.level, str) and row.effect < 0


def _is_telling(row: Any) -> bool:
    if isinstance(row.level, str) and max(row.own, row.base) < TELLING_SHARE:
        return False
    return abs(row.effect) >= TELLING


def _description(rows: pd.DataFrame, labels: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    strong = [row for row in sorted(rows.itertuples(), key=_is_absence) if _is_telling(row)][:MOST_PHRASES]
    facts = [Fact(row.feature, row.level, row.statistic, float(row.own), float(row.base)) for row in strong]
    return describe(facts, labels)


def _distinct(spoken: list[tuple[list[Phrase], list[Phrase]]]) -> tuple[Segment, ...]:
    """Lengthen names until all differ in key and in both languages; number what still does not."""
    more = [0] * len(spoken)
    for _ in range(1 + max(len(rest) for _, rest in spoken)):
        named = [_segment([*lead, *rest[:added]]) for (lead, rest), added in zip(spoken, more, strict=True)]
        shared = _shared(named)
        more = [added + (at in shared) for at, added in enumerate(more)]
    ranks = {at: rank for rank, at in enumerate(sorted(shared), start=1)}
    return tuple(_ranked(each, ranks[at]) if at in ranks else each for at, each in enumerate(named))


def _segment(phrases: list[Phrase]) -> Segment:
    english, chinese = ", ".join(each[0] for each in phrases), "、".join(each[1] for each in phrases)
    key = re.sub(r"[^a-z0-9]+", "_", english.lower()).strip("_") or "segment"
    return Segment(key, {"en": english[:1].upper() + english[1:], "zh": chinese})


def _shared(named: Sequence[Segment]) -> set[int]:
    found = set()
    for read in (lambda each: each.key, lambda each: each.name["en"], lambda each: each.name["zh"]):
        spoken = [read(each) for each in named]
        found |= {at for at, name in enumerate(spoken) if spoken.count(name) > 1}
    return found


def _ranked(segment: Segment, rank: int) -> Segment:
    return Segment(
        f"{segment.key}_{rank}", {"en": f"{segment.name['en']} ({rank})", "zh": f"{segment.name['zh']}（{rank}）"}
    )
