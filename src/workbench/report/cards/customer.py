"""The portrait card as a page, as a fragment of the report, and as JSON values for a CRM."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from workbench.analysis.cards.tensions import tensions_of
from workbench.analysis.cards.timeline import KINDS, month_starts
from workbench.core.tags.items import ITEMS
from workbench.report.cards.first_line import barred, first_line
from workbench.report.cards.tags import MOST_OPEN, MOST_PRINTED, chips
from workbench.report.datelines import dateline
from workbench.report.html import badge, render, render_all, stylesheet
from workbench.report.numbers import show
from workbench.report.reasons import write_reason
from workbench.report.text import label, say

if TYPE_CHECKING:
    from workbench.analysis.cards.card import PortraitCard

__all__ = ["card_page", "card_pages", "card_values", "card_view"]

_MONTHS = 24
_STEP, _HEIGHT, _GAP = 17, 18, 6  # pixels: month, row of the timeline, gap between rows
_MOST_UNKNOWN = 12
_LISTS = {"new": "new_items"}  # lists with another label key
_WHO = ("age_band", "gender", "city")
_FOUND_BY = ("city", "segment", "favourite_category")  # tags searchable in pinyin too


def card_page(cards: Sequence[PortraitCard], *, language: str = "en", currency: str = "", report: str = "") -> str:
    """Write cards as one self-contained page; one card per page in print.

    Parameters
    ----------
    cards : sequence of PortraitCard
    language : {"en", "zh"}
    currency : str
    report : str
        Address of the report; the page links back to it.

    Returns
    -------
    str
        The page; all customer texts are escaped.
    """
    views = [card_view(card, language=language, currency=currency) for card in cards]
    return render("card.html.j2", _frame(views, language, report), language)


def card_pages(cards: Sequence[PortraitCard], *, language: str = "en", currency: str = "") -> list[str]:
    """Write each card as a separate page, in order; all embed the same subset of the Chinese font."""
    views = [card_view(card, language=language, currency=currency) for card in cards]
    return render_all("card.html.j2", [_frame([view], language) for view in views], language)


def _frame(views: list[dict[str, Any]], language: str, report: str = "") -> dict[str, Any]:
    """Return the context of the page template."""
    title = say("portrait_card_title", language)
    return {
        "title": f"{title} {views[0]['id']}" if len(views) == 1 else title,
        "colon": "：" if language == "zh" else ": ",
        "card_style": stylesheet("card.css"),
        "report": report,
        "badge": badge("done", language),
        "cards": views,
    }


def card_values(card: PortraitCard) -> dict[str, Any]:
    """Return a card as JSON-compatible values for a CRM, dates as ISO text."""
    return _plain(dataclasses.asdict(card))


def card_view(card: PortraitCard, *, language: str = "en", currency: str = "") -> dict[str, Any]:
    """Return the texts of a card in one language, in the order of the template.

    Returns
    -------
    dict
        id, name, as_of, consents, opted_out; and, unless profiling was refused, sentence, numbers, preferences,
        occasions, risk, barred, actions, explained, offers, timeline, tags, unknown, computed. Unknown values are
        absent or marked as unknown. Tags are split into open_tags (always visible) and folded_tags; left_out is the
        number of folded tags that do not fit on the printed card.
    """
    head = {
        "id": card.customer_id,
        "name": card.name or say("portrait_card_no_name", language),
        "as_of": dateline(card.as_of, language),
        "consents": _consents(card, language),
        "opted_out": card.opted_out,
        "neutral": say("portrait_card_neutral", language),
        "search": _search_words(card, language),
    }
    if card.opted_out:
        return head
    tags = chips(card, language)
    unprinted = max(0, len(tags) - MOST_PRINTED)
    return head | {
        "do": first_line(card, language, currency),
        "sentence": _sentence(card, language),
        "numbers": _numbers(card, language, currency),
        "preferences": [_preference(preference, language) for preference in card.preferences],
        "occasions": [_occasion(occasion, language) for occasion in card.occasions],
        "risk": _risk(card, language),
        "barred": barred(card, language),
        "actions": _actions(card, language),
        "explained": [say(f"portrait_card_explained_{name}", language) for name in tensions_of(card)],
        "offers": [_offer(offer, language) for offer in card.offers],
        "timeline": _timeline(card, language),
        "tags": tags,
        "open_tags": tags[:MOST_OPEN],
        "folded_tags": tags[MOST_OPEN:],
        "left_out": say("portrait_card_not_printed", language, {"n": unprinted}) if unprinted else "",
        "unknown": _unknown(card, language),
        "computed": _computed(card, language),
    }


def _sentence(card: PortraitCard, language: str) -> str:
    """Summarise the customer in one sentence from current tags: demographics by value, others by name and value."""
    tags = {tag.tag: tag for tag in card.tags}
    who = [tags[tag].value_name[language] for tag in card.sentence if tag in _WHO]
    comma, colon, stop = ("，", "：", "；") if language == "zh" else (", ", ": ", "; ")
    what = [
        f"{tags[tag].name[language]}{colon}{tags[tag].value_name[language]}" for tag in card.sentence if tag not in _WHO
    ]
    text = stop.join(part for part in (comma.join(who), *what) if part)
    return (text + ("。" if language == "zh" else ".")) if text else say("portrait_card_no_sentence", language)


def _search_words(card: PortraitCard, language: str) -> str:
    """Join words of a card with their pinyin: id, shown name, city, segment, stage and favourite."""
    tags = {tag.tag: tag.value_name[language] for tag in card.tags}
    words = [card.name or "", *(tags.get(name, "") for name in _FOUND_BY)]
    words += [label(card.life_cycle_stage, language)] if card.life_cycle_stage else []
    return " ".join([card.customer_id, *(f"{word} {_pinyin(word)}".strip() for word in dict.fromkeys(words) if word)])


def _pinyin(text: str) -> str:
    """Write Chinese in pinyin, in full and as initials; empty without Chinese."""
    from pypinyin import Style, lazy_pinyin  # noqa: PLC0415

    if text.isascii():
        return ""
    whole, initials = "".join(lazy_pinyin(text)), "".join(lazy_pinyin(text, style=Style.FIRST_LETTER))
    return "" if whole == text else f"{whole} {initials}"


def _consents(card: PortraitCard, language: str) -> list[dict[str, str]]:
    if not card.consents:
        return [{"mark": "?", "text": say("portrait_card_consent_unknown", language)}]
    return [
        {
            "mark": "✓" if granted else "✕",
            "text": say(
                f"portrait_card_consent_{'granted' if granted else 'refused'}",
                language,
                {"purpose": label(name, language)},
            ),
        }
        for name, granted in sorted(card.consents.items())
    ]


def _numbers(card: PortraitCard, language: str, currency: str) -> list[dict[str, str]]:
    unknown = say("portrait_card_unknown", language)

    def number(key: str, value: str, note: str = "") -> dict[str, str]:
        return {"name": say(key, language), "value": value, "note": note}

    money = {
        name: show(value, "money" if name == "monetary_total" else "estimate", language, currency)
        for name, value in card.value.items()
        if name != "expected_orders"
    }
    if "expected_value" in money:
        note = say(
            "portrait_card_range", language, {"low": money.get("value_low", ""), "high": money.get("value_high", "")}
        )
        value = number("portrait_card_value", money["expected_value"], note if "value_low" in money else "")
    else:
        value = number("portrait_card_spend", money.get("monetary_total", unknown))
    days = card.rhythm.get("recency_days")
    rhythm = say("portrait_card_no_rhythm", language)
    if card.rhythm.get("ratio") is not None:
        gap = round(float(card.rhythm.get("gap_days_median") or 0))
        rhythm = say("portrait_card_rhythm", language, {"gap": gap, "days": days})
    last = number("portrait_card_last", show(days, "days", language) if days is not None else unknown, rhythm)
    orders = number("portrait_card_orders", show(card.orders, "int", language) if card.orders is not None else unknown)
    stage = label(card.life_cycle_stage, language) if card.life_cycle_stage else unknown
    rfm = label(card.rfm["rfm_type"], language) if "rfm_type" in card.rfm else ""
    cell = " ".join(
        f"{name}{card.rfm[f'{name.lower()}_score']:.0f}" for name in "RFM" if f"{name.lower()}_score" in card.rfm
    )
    return [value, last, orders, number("portrait_card_stage", stage, f"{rfm} {cell}".strip())]


def _preference(row: Mapping[str, Any], language: str) -> dict[str, Any]:
    n = say("portrait_card_lines", language, {"n": int(row["lines"])})
    return {
        "name": row["value"],
        "share": show(row["share"], "pct", language),
        "width": round(100 * row["share"]),
        "n": n,
    }


def _occasion(row: Mapping[str, Any], language: str) -> str:
    return say(f"portrait_card_occasion_{row['what']}", language, {"on": row["on"]})


def _risk(card: PortraitCard, language: str) -> dict[str, Any] | None:
    if "churn_probability" not in card.risk:
        return None
    p = float(card.risk["churn_probability"])
    reasons = [
        {
            "mark": "▲" if reason["contribution"] > 0 else "▼",
            "text": say(
                "portrait_card_reason_up" if reason["contribution"] > 0 else "portrait_card_reason_down",
                language,
                {"feature": label(reason["feature"], language), "value": _value(reason.get("value"), language)},
            ),
        }
        for reason in card.risk.get("reasons", ())
    ]
    cut = card.risk.get("cut_off")
    note = say("portrait_card_risk_cut_off", language, {"cut_off": cut}) if isinstance(cut, date) else ""
    n = round(100 * p)
    return {
        "text": say("portrait_card_risk" if n else "portrait_card_risk_low", language, {"n": n}),
        "reasons": reasons,
        "note": note,
    }


def _value(value: Any, language: str) -> str:
    if value is None:
        return say("portrait_card_unknown", language)
    try:
        return show(float(value), "num", language)
    except ValueError:
        return label(value, language)


def _actions(card: PortraitCard, language: str) -> list[dict[str, Any]]:
    actions = []
    for suggestion in card.suggestions:
        strategy = suggestion.strategy
        parts = [
            (name, getattr(strategy, name, None))
            for name in ("goal", "offer", "channel", "content", "cadence", "measure")
        ]
        words = [{"name": label(name, language), "text": getattr(part, language)} for name, part in parts if part]
        key = getattr(strategy.name, language) if strategy.name else label(suggestion.key, language)
        why = say(f"portrait_card_action_{suggestion.by}", language, {"key": key})
        evidence = getattr(strategy.evidence, language, "") if strategy.evidence else ""
        actions.append({"why": why, "parts": words, "evidence": evidence})
    return actions


def _offer(offer: Mapping[str, Any], language: str) -> dict[str, str]:
    name = _LISTS.get(offer["list"], offer["list"])
    reason = write_reason(offer["list"], json.loads(offer["evidence"]), offer.get("because_name"), language)
    return {"name": offer["name"], "list": label(name, language), "reason": reason}


def _timeline(card: PortraitCard, language: str) -> dict[str, Any] | None:
    months = month_starts(card.as_of, _MONTHS)
    if card.data_from is not None:
        months = [month for month in months if month >= card.data_from.replace(day=1)] or months[-1:]
    kinds = [kind for kind in KINDS if card.timeline.get(kind)]
    if not kinds:
        return None
    bars, words = [], []
    for row, kind in enumerate(kinds):
        counts = card.timeline[kind]
        top, floor = max(counts.values()), (row + 1) * (_HEIGHT + _GAP) - _GAP
        for at, month in enumerate(months):
            n = counts.get(month, 0)
            height = max(2.0, _HEIGHT * n / top) if n else 0
            if n:
                bars.append({"x": at * _STEP, "y": round(floor - height, 1), "h": round(height, 1), "kind": kind})
        total = sum(counts.get(month, 0) for month in months)
        name = say(f"portrait_card_kind_of_{kind}", language)
        words.append({"kind": kind, "name": name, "n": show(total, "int", language), "y": floor})
    size = {"width": len(months) * _STEP, "height": len(kinds) * (_HEIGHT + _GAP)}
    period = say("portrait_card_period", language, {"first": months[0], "last": months[-1]})
    alt = "; ".join(f"{word['name']} {word['n']}" for word in words)
    return {"bars": bars, "rows": words, **size, "period": period, "alt": f"{period}: {alt}"}


def _unknown(card: PortraitCard, language: str) -> str:
    names = [ITEMS[item].name[language] for item in card.unknown if item in ITEMS]
    first_names = ("、" if language == "zh" else ", ").join(names[:_MOST_UNKNOWN])
    more = len(names) - _MOST_UNKNOWN
    return say("portrait_card_unknown_more", language, {"names": first_names, "n": more}) if more > 0 else first_names


def _computed(card: PortraitCard, language: str) -> str:
    words = [f"{label(name, language)} {value}" for name, value in card.versions.items()]
    return say("portrait_card_computed", language, {"versions": "; ".join(words) or "–"})


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key.isoformat() if isinstance(key, date) else str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, date):
        return value.isoformat()
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return value.item() if hasattr(value, "item") else value
