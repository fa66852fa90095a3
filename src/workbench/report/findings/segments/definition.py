"""Findings on the segments. Serves 06_segment_customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.analysis.clustering.candidates import UNSUITED, Search
from workbench.analysis.clustering.methods import METHODS
from workbench.analysis.clustering.verdicts import criteria
from workbench.core.schema import UNDATED
from workbench.report.findings.finding import Finding

if TYPE_CHECKING:
    from workbench.analysis.clustering.verdicts import Verdict
    from workbench.analysis.segments.choice import Choice
    from workbench.analysis.segments.definition import SegmentDefinition
    from workbench.analysis.segments.matching import SegmentMatch

__all__ = ["find_choice", "find_segments", "find_tried", "limit_kinds", "limit_segments", "segment_metrics"]

_METHODS = ("kmeans", "mixture", "mixed", "classes")
_EVIDENCE = {
    "segments_continuum": "segments_continuum_evidence",
    "segments_continuum_near": "segments_continuum_near_evidence",
}


def find_segments(
    verdict: Verdict,
    definition: SegmentDefinition,
    sizes: pd.DataFrame,
    strongest: pd.DataFrame,
    explained: pd.DataFrame | None = None,
) -> list[Finding]:
    """Report whether there are segments, the largest and the most valuable one, and the main difference.

    Parameters
    ----------
    verdict : Verdict
    definition : SegmentDefinition
    sizes : DataFrame
        `value_shares`.
    strongest : DataFrame
        `workbench.analysis.segments.profiles.strongest_differences`.
    explained : DataFrame, optional
        `workbench.analysis.clustering.actionability.actionability`.

    Returns
    -------
    list of Finding
    """
    values = verdict.values
    evidence = {
        "k": verdict.k,
        "n": int(sizes["n"].sum()),
        "needed": values.get("needed", 0),
        "silhouette": values.get("silhouette"),
        "null_silhouette": values.get("null_high"),
        "jaccard": values.get("min_jaccard"),
        "margin": values.get("margin"),
    }
    key = "segments_kept_last" if verdict.reason == "unstable" and len(definition.segments) > 1 else None
    findings = [Finding(key or _verdict_key(verdict, evidence), evidence, 0.8)]
    if len(definition.segments) > 1:
        findings += (
            _sizes(sizes, definition) + _apart(strongest, definition) + _marked(definition) + _explain(explained)
        )
    if verdict.k > 1:
        splits = definition.parameters.get("n_splits")
        bootstraps = values.get("bootstraps", definition.parameters.get("n_bootstraps"))
        stability = {"k": verdict.k, "jaccard": values["split_half_jaccard"], "splits": splits}
        least = {"min_jaccard": values["bootstrap_min_jaccard"], "bootstraps": bootstraps}
        findings.append(Finding("segments_stability", stability | least, 0.2))
    if findings[0].key in _EVIDENCE:
        findings.append(Finding(_EVIDENCE[findings[0].key], evidence, 0.1))
    about = {"name": definition.name, "version": definition.version, "features": _features(definition)}
    return [*findings, Finding("segments_definition", about, 0.1)] if about["features"] else findings


def _verdict_key(verdict: Verdict, evidence: Mapping[str, Any]) -> str:
    if verdict.reason == "no_features":
        return "segments_no_features"
    if verdict.reason == "requested":
        return "segments_requested"
    if verdict.verdict == "continuum" and evidence["silhouette"] > evidence["null_silhouette"]:
        return "segments_continuum_near"
    alike = verdict.verdict == "too_little_data" and evidence["n"] >= evidence["needed"]
    return "segments_all_alike" if alike else f"segments_{verdict.verdict}"


def find_tried(search: Search, verdict: Verdict, n: int) -> list[Finding]:
    """Report the methods compared, candidates overruled, methods that did not suit the features or used a sample.

    Parameters
    ----------
    search : Search
    verdict : Verdict
        On these candidates.
    n : int
        Number of customers.
    """
    tried = sorted({candidate.method for candidate in search.candidates}, key=_METHODS.index)
    findings = []
    if tried:
        tried_values = {"count": len(search.candidates), "methods": [f"method_{name}" for name in tried]}
        findings.append(Finding("segments_tried", tried_values, 0.15))
    findings += _overruled(search, verdict)
    for reason in (unsuited for unsuited in UNSUITED if unsuited in search.skipped.values()):
        inapplicable = [f"method_{name}" for name in _METHODS if search.skipped.get(name) == reason]
        findings.append(Finding(f"segments_{reason}", {"methods": inapplicable}, 0.05))
    sampled = {candidate.method: int(candidate.metrics["customers_fitted"]) for candidate in search.candidates}
    sampled = {name: size for name, size in sampled.items() if METHODS[name].costly and size < n}
    if sampled:
        tried_values = {"methods": [f"method_{name}" for name in sampled], "sample": max(sampled.values()), "n": n}
        findings.append(Finding("segments_sampled", tried_values, 0.1))
    return findings


def _overruled(search: Search, verdict: Verdict) -> list[Finding]:
    """Name the criterion that left out the best candidate with better silhouette and stability than the one in use."""
    used = verdict.candidate
    if used is None:
        return []
    names = criteria(verdict, search.candidates, search.null)
    better = [
        (candidate.metrics["silhouette"], candidate, name)
        for candidate, name in zip(search.candidates, names, strict=True)
        if candidate.metrics["silhouette"] > used.metrics["silhouette"]
        and candidate.metrics["min_jaccard"] > used.metrics["min_jaccard"]
    ]
    if not better:
        return []
    _, best, name = max(better, key=lambda entry: entry[0])
    values = {"k": best.k, "method": f"method_{best.method}", "used_k": used.k, "limit": verdict.values["deepest"]}
    values |= {key: best.metrics[key] for key in ("silhouette", "min_jaccard", "valley", "smallest_share")}
    return [Finding(f"segments_overruled_{name}", values, 0.2)]


def find_choice(choice: Choice, fitted: SegmentDefinition, matches: Sequence[SegmentMatch]) -> list[Finding]:
    """Report the definition in use, the decision on today's fit, and which segments kept their names.

    Parameters
    ----------
    choice : Choice
    fitted : SegmentDefinition
        Today's fit.
    matches : sequence of SegmentMatch
        Matches of today's fit with the last version; empty without one.
    """
    findings = []
    if choice.reason not in ("no_champion", "kept_last"):
        about = {"version": choice.used.version, "as_of": choice.used.as_of}
        findings.append(Finding("segments_champion", about, 0.15))
        choice_values = {"version": fitted.version, **choice.values}
        findings.append(Finding(f"segments_choice_{choice.reason}", choice_values, 0.55 if choice.challenger else 0.1))
    changed = [match for match in matches if match.kind != "kept"]
    if matches:
        counts = {"kept": len(matches) - len(changed), "changed": len(changed)}
        findings.append(Finding("segments_kept" if not changed else "segments_changed", counts, 0.1))
    return findings


def limit_segments(verdict: Verdict, definition: SegmentDefinition, left_out: Sequence[str]) -> list[Finding]:
    """Report the limits of the segments.

    Parameters
    ----------
    verdict : Verdict
    definition : SegmentDefinition
    left_out : sequence of str
        Requested features that are missing or that no method could use.
    """
    findings = []
    if verdict.verdict == "continuum":
        findings.append(Finding("segments_limit_cut", {"k": verdict.k}))
    if _features(definition):
        findings.append(Finding("segments_limit_features", {"features": _features(definition)}))
    if left_out:
        findings.append(Finding("segments_dropped", {"features": list(left_out), "count": len(left_out)}))
    filled = max(definition.transform.features, key=lambda feature: feature.filled, default=None)
    if filled is not None and filled.filled:
        share = filled.filled / definition.transform.customers
        findings.append(Finding("segments_imputed", {"feature": filled.name, "count": filled.filled, "share": share}))
    if definition.method in _METHODS:
        findings.append(Finding(f"segments_limit_{definition.method}"))
    if definition.as_of != UNDATED.isoformat():
        findings.append(Finding("segments_limit_new", {"as_of": definition.as_of}))
    return findings


def _features(definition: SegmentDefinition) -> list[str]:
    """Return the features that were compared, even with a single segment."""
    return definition.columns or definition.transform.columns


def _marked(definition: SegmentDefinition) -> list[Finding]:
    """Report the segments that are not reproducible on other customers."""
    weak = [segment.name for segment in definition.segments if segment.use == "do_not_use"]
    return [Finding("segments_do_not_use", {"segments": weak, "count": len(weak)}, 0.6)] if weak else []


def _explain(explained: pd.DataFrame | None) -> list[Finding]:
    if explained is None:
        return []
    names = ("variable", "explained", "low", "high", "random_high", "n")
    return [
        Finding(
            "segments_explain" if row["beats_random"] else "segments_explain_nothing", {k: row[k] for k in names}, 0.3
        )
        for row in explained.to_dict("records")
    ]


def _sizes(sizes: pd.DataFrame, definition: SegmentDefinition) -> list[Finding]:
    n = int(sizes["n"].sum())
    largest = sizes.loc[sizes["n"].idxmax()]
    values = {name: largest[name] for name in ("share", "low", "high", "value_share")} | {"n": n}
    key = "segments_largest_bare" if pd.isna(largest["value_share"]) else "segments_largest"
    richest = sizes.loc[sizes["value_share"].idxmax()] if sizes["value_share"].notna().any() else None
    both = richest is not None and richest["segment"] == largest["segment"]
    weight = 0.65 if both else 0.3
    findings = [Finding(key, values | {"segment": _name(largest["segment"], definition)}, weight)]
    if richest is not None and not both:
        values = {name: richest[name] for name in ("share", "value_share")} | {"n": n}
        findings.append(
            Finding("segments_most_value", values | {"segment": _name(richest["segment"], definition)}, 0.65)
        )
    return findings


def _apart(strongest: pd.DataFrame, definition: SegmentDefinition) -> list[Finding]:
    if strongest.empty:
        return []
    row = strongest.loc[strongest["difference"].abs().idxmax()]
    values = {"feature": row["feature"], "effect": row["difference"], "low": row["low"], "high": row["high"]}
    about = {"segment": _name(row["segment"], definition), "n": row["n"]}
    return [Finding("segments_difference", about | values, 0.25)]


def _name(key: str, definition: SegmentDefinition) -> dict[str, Any]:
    return {language: definition.label(key, language) for language in ("en", "zh")}


def segment_metrics(
    verdict: Verdict, definition: SegmentDefinition, fitted: SegmentDefinition, chosen: Choice
) -> dict[str, Any]:
    """Return the metrics of 06_segment_customers: verdict, evidence, definition in use, fitted definition."""
    evidence = {
        name: verdict.values.get(name) for name in ("silhouette", "min_jaccard", "split_half_jaccard", "null_high")
    }
    return {
        "verdict": verdict.verdict, "reason": verdict.reason, "k": verdict.k, "method": verdict.method, **evidence,
        "segments": len(definition.segments), "definition_version": definition.version,
        "fitted_version": fitted.version, "challenger": chosen.challenger, "challenger_reason": chosen.reason,
    }  # fmt: skip


def limit_kinds(definitions: Sequence[SegmentDefinition], customers: pd.DataFrame) -> list[Finding]:
    """Report the declared kinds of segments that cannot be formed, and their missing columns.

    Parameters
    ----------
    definitions : sequence of SegmentDefinition
        All declared kinds.
    customers : DataFrame
        One row per customer, with the existing columns that the kinds need.
    """
    lacking = {
        definition.name: [name for name in definition.columns if name not in customers] for definition in definitions
    }
    titles = {definition.name: dict(definition.title) for definition in definitions if lacking[definition.name]}
    if not titles:
        return []
    columns = list(dict.fromkeys(name for names in lacking.values() for name in names))
    values = {"kinds": list(titles.values()), "count": len(titles), "columns": columns}
    return [Finding("segments_kinds_absent", values)]
