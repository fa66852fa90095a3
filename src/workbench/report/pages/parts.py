"""The parts of the report after the answer, and the choice of charts and sentences for each part.

A part shows the first relevant charts of its list that this run has; all others are on the pages of their stages.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from workbench.report.charts.marks import kind_of
from workbench.report.html import Speaker
from workbench.report.numbers import LANGUAGES, show
from workbench.report.pages.relevance import FEWEST_IN_HEADLINE, is_headline
from workbench.report.text import has_text, label

__all__ = [
    "ANSWER_FIGURES",
    "MEASURING",
    "PARTS",
    "PLANNING",
    "Part",
    "choose_figures",
    "choose_sentences",
    "heaviest",
    "placed_stages",
    "segment_names",
    "segments_of",
]

MOST_TRAITS = 3  # per segment
MOST_ADVICE = 2  # lines of advice per segment
TGI_BASE = 100.0  # index of all customers
LEAST_TGI = 110.0  # below this index a trait does not distinguish a segment
FEWEST_SEGMENTS = 2  # a single segment needs no name
LEAST_RATIO = 1.25  # of the segment's median to that of all customers, or the inverse

Summaries = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Part:
    """A part of the report.

    Attributes
    ----------
    name : str
    stages : tuple of str
        Stages whose findings may appear in the part, also as its heading.
    figures : tuple of (str, str)
        Charts in order of preference, as (stage, name).
    most : int
        Largest number of charts.
    sentences : int
        Largest number of sentences, besides the heading.
    keys : tuple of str
        Keys of findings that come first, from any stage; otherwise the heaviest findings do.
    """

    name: str
    stages: tuple[str, ...]
    figures: tuple[tuple[str, str], ...]
    most: int = 3
    sentences: int = 2
    keys: tuple[str, ...] = ()


MEASURING = "10_measure_experiments"  # its findings are in the answer
PLANNING = "11_plan_actions"  # as are those of the plan
ANSWER_FIGURES = ((PLANNING, "plan"), ("08_predict_churn", "profit"))

PARTS = (
    Part(
        "segments",
        ("06_segment_customers", "05_score_rfm"),
        (
            ("06_segment_customers", "sizes"),
            ("05_score_rfm", "grid"),
            ("06_segment_customers", "portraits"),
            ("05_score_rfm", "life_cycle"),
        ),
        most=2,
        sentences=1,  # segments follow with their own sentences
    ),
    Part(
        "who",
        ("04_describe_customers", "07_mine_affinities", "03_build_features"),
        (
            ("04_describe_customers", "pareto"),
            ("04_describe_customers", "months"),
            ("04_describe_customers", "week"),
            ("07_mine_affinities", "rules"),
            ("04_describe_customers", "differences"),
            ("04_describe_customers", "cohorts"),
            ("03_build_features", "coverage"),
        ),
    ),
    Part(
        "risk",
        ("09_value_customers", "08_predict_churn"),
        (
            ("08_predict_churn", "gain"),
            ("09_value_customers", "matrix"),
            ("08_predict_churn", "importance"),
            ("09_value_customers", "ladder"),
        ),
        most=2,
        keys=("value_answer", "churn_answer"),
    ),
    Part(
        "trust",
        ("01_check_quality", "02_resolve_identity", "13_watch_changes", "12_tag_customers", "03_build_features"),
        (
            ("08_predict_churn", "calibration"),
            ("09_value_customers", "tracking"),
            ("02_resolve_identity", "scores"),
            ("01_check_quality", "completeness"),
        ),
        most=2,
        keys=("watch_alarms", "churn_calibration", "quality_answer", "quality_answer_all"),
    ),
)

# the answer states these from its lists; repeating them would give a second size for the same list
SAID_BY_ANSWER = frozenset({
    "churn_decision", "churn_decision_labels", "churn_decision_undated", "churn_decision_random", "churn_profit",
    "churn_top",
})  # fmt: skip
# "nothing to report" is on the page of the stage
NOTHING_FOUND = frozenset(
    {
        "affinity_no_baskets",
        "recommend_lacking",
        "recommend_untested",
        "experiments_nothing",
        "watch_first",
        "watch_backwards",
    }
)


def placed_stages() -> frozenset[str]:
    """Return the stages that appear in the answer or a part; any other stage gets its own section."""
    placed = {stage for part in PARTS for stage in part.stages} | {stage for part in PARTS for stage, _ in part.figures}
    return frozenset(placed | {MEASURING, PLANNING, "14_write_report"})


def choose_figures(
    summaries: Summaries, wanted: Sequence[tuple[str, str]], most: int
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return the first drawn and relevant charts of a list, as (summary, figure)."""
    by_name = {
        (summary["stage"], figure["name"]): (summary, figure)
        for summary in summaries
        for figure in summary.get("figures") or ()
        if not figure.get("idle")
    }
    return [by_name[name] for name in wanted if name in by_name][:most]


def choose_sentences(
    summaries: Summaries, stages: Sequence[str], most: int, keys: Sequence[str] = (), stated: Collection[str] = ()
) -> list[tuple[Any, Any]]:
    """Return the findings named by key, then the heaviest of some stages, one per stage in turn.

    Findings whose key is in ``stated`` are left out.

    Returns
    -------
    list of (summary, finding)
    """
    done = _of(summaries, [summary["stage"] for summary in summaries])
    first = [
        (summary, finding)
        for key in keys
        for summary in done
        for finding in _findings(summary, stated)
        if finding["key"] == key
    ]
    ranked = [
        (summary, sorted(_findings(summary, stated), key=lambda finding: -float(finding.get("weight") or 0)))
        for summary in _of(summaries, stages)
    ]
    rounds = [(summary, findings[at]) for at in range(most) for summary, findings in ranked if at < len(findings)]
    return [*first, *(pair for pair in rounds if pair[1]["key"] not in keys)][:most]


def heaviest(
    summaries: Summaries, stages: Sequence[str] | None = None, keys: Sequence[str] = (), stated: Collection[str] = ()
) -> tuple[Any, Any] | None:
    """Return the finding that heads a page: the first named by key, else the heaviest; None without a heading.

    Findings whose key is in ``stated`` are left out.

    Returns
    -------
    (summary, finding) or None
    """
    done = [summary["stage"] for summary in summaries]
    candidates = [
        (summary, finding)
        for summary in _of(summaries, done)
        for finding in _findings(summary, stated)
        if has_text(f"{finding['key']}_heading") and is_headline(finding)
    ]
    named = [pair for key in keys for pair in candidates if pair[1]["key"] == key]
    own = [pair for pair in candidates if stages is None or pair[0]["stage"] in stages]
    return next(iter(named), None) or max(own, key=lambda pair: float(pair[1].get("weight") or 0), default=None)


def segments_of(
    summaries: Summaries, language: str, advice: Mapping[str, Mapping[str, Any]] | None = None
) -> list[dict[str, Any]]:
    """Return each segment with its size, up to three distinctive traits, and advice.

    Parameters
    ----------
    summaries : sequence of mapping
    language : str
    advice : mapping, optional
        English name of a segment -> ``do``, ``do_not`` (lines by language) and ``members`` (address of their list).

    Returns
    -------
    list of dict
        name, sentences, members. A trait is distinctive if the whole interval of its index (TGI) is above 110, sorted
        by people x index; then medians that differ by a quarter or more, the largest ratio first.
    """
    tables = _tables(summaries)
    sizes = tables.get("segment_sizes", ())
    if len(sizes) < FEWEST_SEGMENTS:
        return []
    currency = next((summary["currency"] for summary in summaries if summary.get("currency")), "")
    words = Speaker(language, currency)
    portraits = tables.get("segment_portraits", ())
    traits = [row for row in portraits if _sets_apart(row)]
    traits.sort(key=lambda row: -row["n"] * row["share"] * (row["tgi"] - TGI_BASE))
    medians = [row for row in portraits if _ratio(row) >= LEAST_RATIO and row["n"] >= FEWEST_IN_HEADLINE]
    traits += sorted(medians, key=_ratio, reverse=True)
    segments = []
    told_apart = _tells_apart([(advice or {}).get(label(row["segment"], "en"), {}) for row in sizes])
    for row in sizes:
        name = label(row["segment"], language)
        own = [trait for trait in traits if name.startswith(label(trait["segment"], language))][:MOST_TRAITS]
        strategy = (advice or {}).get(label(row["segment"], "en"), {})
        share = row.get("value_share")
        if isinstance(share, (int, float)):
            row = {**row, "value_share": round(share, 4) + 0.0}  # noqa: PLW2901  avoids "> -0.01 %"
        size = "segment_size" if isinstance(share, (int, float)) else "segment_size_only"
        size = size if isinstance(row["n"], (int, float)) else "segment_size_hidden"
        sentences = [words(size, row), *(_trait(trait, row["n"], words, language, currency) for trait in own)]
        advised = _advised(strategy, language) if told_apart else []
        sentences += [words(f"segment_{part}", {"lines": lines}) for part, lines in advised]
        segments.append({"name": name, "sentences": sentences, "members": strategy.get("members", "")})
    return segments


def segment_names(summaries: Summaries) -> list[dict[str, Any]]:
    """Return the name of each segment by language, its key, customers and share; empty for a single one."""
    rows = _tables(summaries).get("segment_sizes", ())
    names = [{language: label(row["segment"], language) for language in LANGUAGES} for row in rows]
    if len(rows) < FEWEST_SEGMENTS:
        return []
    return [
        {"key": name["en"].lower(), "name": name, "n": row["n"], "share": row["share"]}
        for name, row in zip(names, rows, strict=True)
    ]


def _tables(summaries: Summaries) -> dict[str, list[dict[str, Any]]]:
    return {
        view["name"]: [dict(zip(view["columns"], row, strict=True)) for row in view["rows"]]
        for summary in _of(summaries, ("06_segment_customers",))
        for view in summary.get("shown") or ()
    }


def _tells_apart(strategies: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether strategies differ; the same strategy for every segment says nothing about any of them."""
    stated = [{part: strategy[part] for part in ("do", "do_not")} for strategy in strategies if "do" in strategy]
    return len(stated) < FEWEST_SEGMENTS or any(strategy != stated[0] for strategy in stated)


def _advised(advice: Mapping[str, Any], language: str) -> list[tuple[str, str]]:
    """Return what to do (goal and offer) and what to avoid, one text each; empty without a declared strategy."""
    stop = "；" if language == "zh" else "; "
    parts = {part: list((advice.get(part) or {}).get(language, ()))[:MOST_ADVICE] for part in ("do", "do_not")}
    return [(part, stop.join(lines)) for part, lines in parts.items() if lines]


def _sets_apart(row: Mapping[str, Any]) -> bool:
    low = row.get("tgi_low")
    return isinstance(low, (int, float)) and low > LEAST_TGI and row["n"] >= FEWEST_IN_HEADLINE


def _ratio(row: Mapping[str, Any]) -> float:
    """Return the ratio of the larger to the smaller of two medians, segment and all; 0 unless both are above 0."""
    median, base = row.get("median"), row.get("base_median")
    if not isinstance(median, (int, float)) or not isinstance(base, (int, float)) or min(median, base) <= 0:
        return 0.0
    return max(median / base, base / median)


def _trait(row: Mapping[str, Any], n: Any, words: Speaker, language: str, currency: str) -> Markup:
    """Write a trait compared with all customers, with its n if it is not known for all ``n`` of the segment.

    A hidden size is not revealed by n.
    """
    known = "" if row["n"] == n or not isinstance(n, (int, float)) else "_known"
    if not _ratio(row):
        return words(f"segment_trait{known}", row)
    kind = kind_of(str(row["trait"]))
    medians = {name: show(row[name], kind, language, currency) for name in ("median", "base_median")}
    return words(f"segment_trait_median{known}", {**row, **medians})


def _of(summaries: Summaries, stages: Sequence[str]) -> list[Mapping[str, Any]]:
    by_name = {summary["stage"]: summary for summary in summaries if summary["status"] == "done"}
    return [by_name[stage] for stage in stages if stage in by_name]


def _findings(summary: Mapping[str, Any], stated: Collection[str] = ()) -> list[Mapping[str, Any]]:
    findings = summary.get("findings") or ()
    return [
        finding
        for finding in findings
        if "key" in finding and finding["key"] not in SAID_BY_ANSWER | NOTHING_FOUND and finding["key"] not in stated
    ]
