"""The model card of a churn model: purpose, data, test results and limits.

After Mitchell et al. (2019), Model cards for model reporting. Serves 08_predict_churn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.report.text import label, say

if TYPE_CHECKING:
    from workbench.analysis.saved_models import SavedModel

__all__ = ["churn_cards"]

_LANGUAGES = ("en", "zh")
_MEASURES = ("auc", "average_precision", "brier", "log_loss", "calibration_slope", "calibration_intercept")


def churn_cards(saved: SavedModel | None, *, profile: str, credit: Any) -> dict[str, str]:
    """Write the card of a churn model in Markdown by language; empty without a model.

    Parameters
    ----------
    saved : SavedModel or None
    profile : str
    credit : str or mapping
        Source of the data, by language.
    """
    return {} if saved is None else {language: _card(saved, language, profile, credit) for language in _LANGUAGES}


def _card(saved: SavedModel, language: str, profile: str, credit: Any) -> str:
    facts = saved.facts
    metrics = facts["metrics"]
    source = credit.get(language, "") if isinstance(credit, Mapping) else credit or ""
    values = {"profile": profile, "version": saved.version, "model": facts["candidate"], "source": source or profile}
    values |= {"customers": metrics["customers"], "positives": metrics["positives"], "alarms": facts["leak_alarms"]}
    values |= {"horizon_days": facts["horizon_days"], "inputs": len(saved.inputs), "label_name": facts["label_name"]}
    values |= {name: facts["cut_offs"].get(name) for name in ("train", "calibrate", "test")}
    values |= {"cut_offs": len(facts.get("train_cut_offs") or [None])}
    dated = "card_period_dated" if facts["cut_offs"] else "card_period_undated"
    aims = "card_purpose" if facts["horizon_days"] else "card_purpose_labels"
    parts = [f"# {say('card_title', language, values)}"]
    for heading, key in (
        ("card_purpose_heading", aims),
        ("card_data_heading", "card_data"),
        ("card_period_heading", dated),
    ):
        parts.append(f"## {say(heading, language)}\n\n{say(key, language, values)}")
    parts.append(f"## {say('card_metrics_heading', language)}\n\n{_measures(metrics, language)}")
    parts.append(f"## {say('card_limits_heading', language)}\n\n{say('card_limits', language, values)}")
    parts.append(f"## {say('card_not_for_heading', language)}\n\n{say('card_not_for', language)}")
    return "\n\n".join(parts) + "\n"


def _measures(metrics: Mapping[str, Any], language: str) -> str:
    rows = []
    for name in _MEASURES:
        if metrics.get(name) is not None and metrics.get(f"{name}_low") is not None:
            values = {"value": metrics[name], "low": metrics[f"{name}_low"], "high": metrics[f"{name}_high"]}
            rows.append(f"- {label(name, language)}: {say('card_measure', language, values)}")
    return "\n".join(rows)
