"""Whether a run answers the goal of its profile: on which stages the answer rests, and which of them are done.

Serves 14_write_report. The profile names the stages; without them they follow from the kind of the goal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["STAGES_OF_KIND", "Answer", "judge_goal", "stages_of_goal"]

STAGES_OF_KIND = {  # kind of a goal -> the stages that answer it
    "contact_list": ("08_predict_churn", "09_value_customers"),
    "segment_strategy": ("06_segment_customers",),
    "budget_split": ("10_measure_experiments", "11_plan_actions"),
    "quality_gate": ("01_check_quality",),
    "watch": ("13_watch_changes",),
    "describe": ("03_build_features", "04_describe_customers"),
}


@dataclass(frozen=True)
class Answer:
    """The text key of the verdict (``goal_answered``, ``goal_partly``, ...) and the stages it names."""

    key: str
    done: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()


def stages_of_goal(goal: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the stages on which the answer rests: ``goal.stages``, else those of its kind."""
    return tuple(goal.get("stages") or STAGES_OF_KIND[str(goal.get("kind") or "describe")])


def judge_goal(goal: Mapping[str, Any], summaries: Sequence[Mapping[str, Any]]) -> Answer:
    """Say whether the stages that answer the goal are done.

    Parameters
    ----------
    goal : mapping
        ``question``, ``kind``, ``stages``, ``decision``, ``audience``, ``measure``; empty if the profile states none.
    summaries : sequence of mapping
        Stage summaries with ``stage`` and ``status``.

    Returns
    -------
    Answer
        ``goal_none`` without a question; ``goal_answered`` if every stage is done; ``goal_partly`` if some are; else
        ``goal_not_answered``.
    """
    if not str(goal.get("question") or "").strip():
        return Answer("goal_none")
    status = {summary["stage"]: summary["status"] for summary in summaries}
    requested = stages_of_goal(goal)
    done = tuple(stage for stage in requested if status.get(stage) == "done")
    lacking = tuple(stage for stage in requested if stage not in done)
    if not lacking:
        return Answer("goal_answered", done)
    return Answer("goal_partly" if done else "goal_not_answered", done, lacking)
