"""The model card of a value model: purpose, data, test results and limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.report.text import say

if TYPE_CHECKING:
    from workbench.analysis.saved_models import SavedModel

__all__ = ["value_cards"]

_LANGUAGES = ("en", "zh")
_PARTS = {
    "card_purpose_heading": "value_card_purpose",
    "card_data_heading": "value_card_data",
    "card_period_heading": "value_card_period",
    "card_metrics_heading": "value_card_metrics",
    "card_limits_heading": "value_card_limits",
    "card_not_for_heading": "value_card_not_for",
}


def value_cards(saved: SavedModel | None, *, profile: str, credit: Any) -> dict[str, str]:
    """Write the card in Markdown by language; empty without a model.

    Parameters
    ----------
    saved : SavedModel or None
    profile : str
    credit : str or mapping
        Source of the data, by language.
    """
    return {} if saved is None else {language: _card(saved, language, profile, credit) for language in _LANGUAGES}


def _card(saved: SavedModel, language: str, profile: str, credit: Any) -> str:
    facts, definition = saved.facts, saved.facts["definition"]
    source = credit.get(language, "") if isinstance(credit, Mapping) else credit or ""
    values = {
        "profile": profile,
        "version": saved.version,
        "source": source or profile,
        "model": facts["metrics"]["chosen"],
    }
    values |= {"start": facts["cut_offs"]["test"], "end": facts["holdout_until"], "as_of": facts["as_of"]}
    values |= {
        "horizon_days": facts["horizon_days"],
        "customers": facts["customers"],
        "level": definition["terms"]["level"],
    }
    values |= facts["metrics"]
    parts = [f"# {say('value_card_title', language, values)}"]
    parts += [f"## {say(heading, language)}\n\n{say(key, language, values)}" for heading, key in _PARTS.items()]
    return "\n\n".join(parts) + "\n"
