"""Whether a run answers the goal of its profile: which stages are relevant, and which of them are done.

Serves 14_write_report. The relevant stages are inferred from the words of the goal; the page names them, so
that a reader can judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Answer", "judge_goal"]

# stage -> words of a goal, in either language, that request it
ASKS_FOR = {
    "05_score_rfm": (
        "valu", "best customer", "loyal", "recen", "frequen", "rfm", "reach", "contact", "target", "campaign",
        "价值", "忠诚", "最好", "活跃", "触达", "联系", "目标客户", "营销",
    ),
    "06_segment_customers": (
        "segment", "group", "cluster", "kinds of", "types of", "分群", "客群", "群体", "几类", "分类",
    ),
    "08_predict_churn": (
        "churn", "leave", "leaving", "lose ", "lost", "retain", "retention", "repeat", "return", "again", "win back",
        "流失", "挽留", "留存", "复购", "回购", "再次",
    ),
    "10_measure_experiments": ("effect of", "did the campaign", "uplift", "incremental", "效果", "增量", "提升了"),
}  # fmt: skip
ALWAYS = ("03_build_features", "04_describe_customers")  # relevant to every question


@dataclass(frozen=True)
class Answer:
    """The text key of the verdict (``goal_answered``, ``goal_partly``, ...) and the stages it names."""

    key: str
    done: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()


def judge_goal(goal: Mapping[str, Any], summaries: Sequence[Mapping[str, Any]]) -> Answer:
    """Say whether the stages relevant to the goal are done.

    Parameters
    ----------
    goal : mapping
        ``question``, ``decision``, ``audience``, ``measure``; empty if the profile states none.
    summaries : sequence of mapping
        Stage summaries with ``stage`` and ``status``.

    Returns
    -------
    Answer
        ``goal_none`` without a question; ``goal_answered`` if every relevant stage is done; ``goal_partly`` if a
        requested stage (or, without one, any relevant stage) is done; else
        ``goal_not_answered``.
    """
    if not str(goal.get("question") or "").strip():
        return Answer("goal_none")
    status = {summary["stage"]: summary["status"] for summary in summaries}
    words_of_goal = " ".join(str(goal.get(name) or "") for name in ("question", "decision", "measure")).lower()
    requested = tuple(stage for stage, words in ASKS_FOR.items() if any(word in words_of_goal for word in words))
    bearing = (*ALWAYS, *requested)
    done = tuple(stage for stage in bearing if status.get(stage) == "done")
    lacking = tuple(stage for stage in bearing if stage not in done)
    if not lacking:
        return Answer("goal_answered", done)
    central = [stage for stage in requested or ALWAYS if stage in done]
    return Answer("goal_partly" if central else "goal_not_answered", done, lacking)
