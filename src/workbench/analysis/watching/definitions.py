"""What was defined differently in two runs: settings, features, segments, tags, models, the form of kept tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

__all__ = ["Redefined", "compare_definitions", "tag_versions"]

_CHOICES = {
    "07_mine_affinities": ("again.method", "new.method"), "08_predict_churn": ("chosen", "horizon_days", "label_name"),
    "09_value_customers": ("chosen", "horizon_days"),
}  # fmt: skip
_NEAR = 0.2  # relative change of a number that follows from the data and is still the same choice
# parameters that change no customer's figures
_WITHOUT_EFFECT = {"13_watch_changes", "14_write_report"}
_READS = {
    "03_build_features": ("features", "rfm", "segments", "churn", "value", "tags"), "05_score_rfm": ("rfm",),
    "06_segment_customers": ("segments",), "07_mine_affinities": ("recommendations",), "08_predict_churn": ("churn",),
    "09_value_customers": ("value",), "12_tag_customers": ("tags",),
}  # fmt: skip


@dataclass(frozen=True)
class Redefined:
    """A definition that changed.

    Attributes
    ----------
    what : str
        settings, features, segments, tags, model, stages or form.
    subject : str
    old, new : str
        What stood there, in words.
    changes : tuple of str
        Tables, or ``tags.<tag>``, whose figures are no longer comparable.
    """

    what: str
    subject: str
    old: str
    new: str
    changes: tuple[str, ...] = ()


def compare_definitions(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    *,
    features: tuple[Sequence[str], Sequence[str]] = ((), ()),
    segments: tuple[Mapping[str, Any], Mapping[str, Any]] = ({}, {}),
    tags: tuple[Mapping[str, int], Mapping[str, int]] = ({}, {}),
    forms: tuple[int, int] = (1, 1),
) -> list[Redefined]:
    """Return what was defined differently.

    Parameters
    ----------
    old, new : mapping
        By stage: ``status``, ``settings`` and ``metrics``.
    features : (columns then, columns now)
    segments : (definition then, definition now)
        As in segment_definition.json. A refit on the same features that gives the same segments is no new definition.
    tags : (versions then, versions now)
        Version by tag.
    forms : (then, now)
        Number of the form in which the tables were kept.
    """
    changes: list[Redefined] = []
    if forms[0] != forms[1]:
        changes.append(Redefined("form", "kept_run", str(forms[0]), str(forms[1])))
    changes += _stages(old, new)
    gone, added = ([name for name in one if name not in other] for one, other in (features, features[::-1]))
    if gone or added:
        changes.append(Redefined("features", "features", _listed(gone), _listed(added)))
    changes += _segments(*segments)
    changes += _tags(*tags)
    return changes


def tag_versions(tags: pd.DataFrame) -> dict[str, int]:
    """Return the version of every tag of a table ``tags``."""
    return {str(tag): int(version) for tag, version in tags.groupby("tag", observed=True)["version"].max().items()}


def _stages(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Redefined]:
    changes = []
    for stage in sorted({*old, *new} - _WITHOUT_EFFECT):
        then, now = old.get(stage, {}), new.get(stage, {})
        done = [entry.get("status") == "done" for entry in (then, now)]
        if done[0] != done[1]:
            words = ["done" if flag else "skipped" for flag in done]
            changes.append(Redefined("stages", stage, words[0], words[1], _READS.get(stage, ())))
            continue
        if not all(done):
            continue
        before, after = then.get("settings") or {}, now.get("settings") or {}
        names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        if names:
            words = [_listed([f"{name}: {side.get(name)}" for name in names]) for side in (before, after)]
            changes.append(Redefined("settings", stage, words[0], words[1], _READS.get(stage, ())))
        metrics = [entry.get("metrics") or {} for entry in (then, now)]
        chosen = [name for name in _CHOICES.get(stage, ()) if _differ(metrics[0].get(name), metrics[1].get(name))]
        if chosen:
            words = [_listed([f"{name}: {side.get(name)}" for name in chosen]) for side in metrics]
            changes.append(Redefined("model", stage, words[0], words[1], _READS.get(stage, ())))
    return changes


def _differ(then: Any, now: Any) -> bool:
    if isinstance(then, (int, float)) and isinstance(now, (int, float)):
        return abs(now - then) > _NEAR * max(abs(then), abs(now))
    return then != now


def _segments(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Redefined]:
    if not old or not new or old.get("version") == new.get("version"):
        return []
    sides = [(_names_of(side), side.get("columns") or sorted(side.get("features") or ())) for side in (old, new)]
    if sides[0] == sides[1]:
        return []
    return [Redefined("segments", "segments", _listed(sides[0][0]), _listed(sides[1][0]), changes=("segments",))]


def _names_of(definition: Mapping[str, Any]) -> list[str]:
    return sorted(str(segment.get("key")) for segment in definition.get("segments") or ())


def _tags(old: Mapping[str, int], new: Mapping[str, int]) -> list[Redefined]:
    if not old or not new:
        return []
    names = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    if not names:
        return []
    words = [_listed([f"{name} {side[name]}" for name in names if name in side]) for side in (old, new)]
    return [Redefined("tags", "tags", words[0], words[1], changes=tuple(f"tags.{name}" for name in names))]


def _listed(names: Sequence[str], most: int = 6) -> str:
    more = f" (+{len(names) - most})" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more
