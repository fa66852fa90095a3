"""The proposed profile as YAML, with every reason and doubt next to its line."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.intake.guessing.headers.reasons import Reason, say_reason
from workbench.intake.guessing.headers.words import value_words
from workbench.intake.guessing.kinds.questionnaires import scale_columns
from workbench.intake.guessing.text.run_choices import short_history, stages_for
from workbench.intake.guessing.text.segment_features import numbers_to_group_by
from workbench.intake.guessing.text.spellings import gender_spellings
from workbench.intake.guessing.values.facts import gather_facts

if TYPE_CHECKING:
    from workbench.intake.guessing.kinds.guesses import Mapped, Proposal, SourceGuess

__all__ = ["profile_text"]

_WORDS = {
    "en": {
        "head": "# Proposed by 'workbench new' from the files named below. Every line is a guess with its reason;\n"
        "# DOUBT marks what to look at first; remove each such line once it is settled. Then: workbench check {name}",
        "goal": "# What should be decided with it? The report prints it and says whether the run answers it.\n"
        '# goal: {question: "Which customers should the spring campaign reach?", decision: contact list,\n'
        "#        audience: marketing, measure: repeat orders in 90 days}",
        "looked": "looked at {records} records{all}, encoding {encoding}",
        "all": " (all)",
        "doubt": "DOUBT: ",
        "list": "; ",
        "left": "not read: ",
        "scales": "# Questions that hang together make a scale; its score is used where its reliability reaches .7:\n"
        "# 03_build_features:\n"
        "#   scales:\n"
        "#     mine: {{items: [{first}], reverse: [{last}], low: {low}, high: {high}}}   # 06 may group by scale_mine",
        "left_out": "left out: ",
        "group": "no orders, so groups are made of these",
        "group_doubt": "keep the features that tell customers apart",
        "keeps_ids": "without 02_resolve_identity: one list of people with unique ids, which stay theirs",
        "short": "the orders cover fewer days than the default bounds, so status follows each customer's own rhythm",
    },
    "zh": {
        "head": "# 由 workbench new 根据下列文件拟出。每行都是推测，并附理由；\n"
        "# 标有“存疑”的请先核对，核对后删去该行。然后运行：workbench check {name}",
        "goal": "# 要据此做什么决定？报告开头会印出，末尾说明是否已回答。\n"
        '# goal: {question: "春季活动应当触达哪些客户？", decision: 触达名单, audience: 市场部, measure: 90 天内复购}',
        "looked": "查看了 {records} 条记录{all}，编码 {encoding}",
        "all": "（全部）",
        "doubt": "存疑：",
        "list": "；",
        "left": "不读取：",
        "scales": "# 含义相近的题目可合成一个量表，反向题须注明；信度达到 0.7 才会使用其得分：\n"
        "# 03_build_features:\n"
        "#   scales:\n"
        "#     mine: {{items: [{first}], reverse: [{last}], low: {low}, high: {high}}}   # 06 可按 scale_mine 分群",
        "left_out": "不纳入：",
        "group": "没有订单，故按这些数值分群",
        "group_doubt": "请保留真正能区分客户的列",
        "keeps_ids": "不含 02_resolve_identity：只有一份客户名单且编号唯一，编号保持原样",
        "short": "订单天数短于默认界限，故按每位客户自己的购买节奏判断状态",
    },
}
_IN_A_SCALE = 3  # questions of the example
_RESERVED = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")  # words that YAML reads as values
_PLAIN = re.compile(r"[A-Za-z\u3400-\u9fff][\w\u3400-\u9fff./-]*")


def profile_text(name: str, proposal: Proposal, *, language: str | None = None) -> str:
    """Write a proposal as a commented profile.

    Parameters
    ----------
    name : str
        Name of the profile.
    proposal : Proposal
    language : str, optional
        en or zh; default: that of most headers.

    Returns
    -------
    str
        YAML, without values of contact columns. A doubt is a line of its own above the key it is about.
    """
    language = language or proposal.language
    words = _WORDS[language]
    lines = [words["head"].format(name=name), f"profile: {name}", f"language: {language}", words["goal"], "sources:"]
    spellings = gender_spellings(proposal)
    for source in proposal.sources:
        lines += _source_lines(source, spellings.get(source.name, {}), language)
    for left in proposal.left_out:
        place = left.path + (f" / {left.sheet}" if left.sheet else "")
        lines.append(f"  # {words['left_out']}{_scalar(place)}: {say_reason(left.reason, language)}")
    lines += _scale_lines(proposal, words["scales"])
    stages = stages_for(proposal)
    if stages:
        lines += [f"run:   # {words['keeps_ids']}", f"  stages: [{', '.join(stages)}]"]
    if short_history(proposal):
        lines += ["05_score_rfm:", "  bounds: rhythm" + f"   # {words['short']}"]
    features = numbers_to_group_by(proposal)
    if features:
        listed = ", ".join(_scalar(feature) for feature in features)
        lines += ["06_segment_customers:", f"  # {words['doubt']}{words['group_doubt']}",
                  f"  features: [{listed}]   # {words['group']}", "  log_features: []"]  # fmt: skip
    if proposal.label:
        lines += ["08_predict_churn:", f"  label_name: {_scalar(proposal.label)}"]
    return "\n".join(lines) + "\n"


def _scale_lines(proposal: Proposal, words: str) -> list[str]:
    """Show how a scale is declared, on the first questions of a survey with one column per question."""
    for source in proposal.sources:
        if source.settings.get("layout") == "wide":
            facts = [gather_facts(cells) for cells in source.sample.columns]
            places = sorted(scale_columns(source.sample, facts))[:_IN_A_SCALE]
            names = [_scalar(source.sample.names[at]) for at in places]
            low, high = min(facts[at].low for at in places), max(facts[at].high for at in places)
            return words.format(first=", ".join(names), last=names[-1], low=f"{low:g}", high=f"{high:g}").splitlines()
    return []


def _source_lines(source: SourceGuess, spellings: dict[str, str], language: str) -> list[str]:
    words, sample = _WORDS[language], source.sample
    summary = words["looked"].format(
        records=sample.records, all=words["all"] if sample.complete else "", encoding=sample.encoding
    )
    key_doubts = {key: list(doubts) for key, doubts in source.key_doubts.items()}
    lines = [f"  {source.name}:", f"    # {summary}", f"    path: {_scalar(source.path)}"]
    lines += _doubt_lines(source.doubts, "    ", language)
    lines.append(f"    table: {source.table}" + _comment(source.reasons, language))
    for key, value in source.settings.items():
        lines += _doubt_lines(key_doubts.pop(key, []), "    ", language)
        lines.append(f"    {key}: {_flow(value)}")
    if source.people:
        lines.append(f"    people: {source.people}")
    lines += _mapping_lines("columns", source.columns, language)
    lines += _mapping_lines("attributes", source.attributes, language)
    lines += _format_lines(source, key_doubts, language)
    if source.rules or key_doubts.get("rules"):
        lines += _doubt_lines(key_doubts.pop("rules", []), "    ", language)
        lines += [f"    rules: {_flow(source.rules)}"] if source.rules else []
    lines += _spelling_lines(source, spellings, language)
    for mapped in source.unread:
        lines.append(f"    # {words['left']}{_flow(mapped.theirs)}: {_listed(mapped.reasons, language)}")
    return lines


def _format_lines(source: SourceGuess, key_doubts: dict[str, list[Reason]], language: str) -> list[str]:
    """Write the formats, one a line; a doubt without a line to stand on is written above the others."""
    doubts, currency = key_doubts.pop("formats", []), key_doubts.pop("currency", [])
    if not source.formats:
        return _doubt_lines([*doubts, *currency], "    ", language)
    lines = [*_doubt_lines(doubts, "    ", language), "    formats:"]
    if "currency" not in source.formats:
        lines += _doubt_lines(currency, "      ", language)
    for key, value in source.formats.items():
        lines += _doubt_lines(currency, "      ", language) if key == "currency" else []
        lines.append(f"      {key}: {_flow(value)}")
    return lines


def _doubt_lines(doubts: Sequence[Reason], indent: str, language: str) -> list[str]:
    return [f"{indent}# {_WORDS[language]['doubt']}{say_reason(doubt, language)}" for doubt in doubts]


def _spelling_lines(source: SourceGuess, changed: dict[str, str], language: str) -> list[str]:
    """Declare replaced spellings: of a gender those most records use, of an age band the words for unknown."""
    repairs: dict[str, dict[str, str]] = {"gender": changed} if changed else {}
    reasons = []
    if changed:
        reasons.append(Reason("spelled_usually", {"spellings": " / ".join(dict.fromkeys(changed.values()))}))
    unknown = {cell: "" for cell in sorted(set(source.cells("age_band"))) if cell.lower() in value_words("unknown")}
    if unknown:
        repairs["age_band"] = unknown
        reasons.append(Reason("spelled_unknown", {"values": ", ".join(unknown)}))
    return [f"    standardise: {_flow(repairs)}" + _comment(reasons, language)] if repairs else []


def _mapping_lines(key: str, mapped: list[Mapped], language: str) -> list[str]:
    if not mapped:
        return []
    lines = [f"    {key}:"]
    for column in mapped:
        lines += _doubt_lines(column.doubts, "      ", language)
        lines.append(f"      {_scalar(column.ours)}: {_flow(column.theirs)}{_comment(column.reasons, language)}")
    return lines


def _comment(reasons: Sequence[Reason], language: str) -> str:
    text = _listed(reasons, language)
    return f"   # {text}" if text else ""


def _listed(reasons: Sequence[Reason], language: str) -> str:
    return _WORDS[language]["list"].join(say_reason(reason, language) for reason in reasons)


def _flow(value: Any) -> str:
    """Write a value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: object) -> str:
    """Write a scalar so that YAML reads the same value: quoted unless plain text is safe."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    return json.dumps(text, ensure_ascii=False)
