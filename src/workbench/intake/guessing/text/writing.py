"""The proposed profile as YAML, with every reason and doubt next to its line."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from workbench.intake.guessing.facts import gather_facts
from workbench.intake.guessing.questionnaires import scale_columns
from workbench.intake.guessing.reasons import Reason, say_reason
from workbench.intake.guessing.segment_features import numbers_to_group_by
from workbench.intake.guessing.spellings import gender_spellings

if TYPE_CHECKING:
    from workbench.intake.guessing.guesses import Mapped, Proposal, SourceGuess

__all__ = ["profile_text"]

_WORDS = {
    "en": {
        "head": "# Proposed by 'workbench new' from the files named below. Every line is a guess with its reason;\n"
        "# DOUBT marks what to look at first. Then: workbench check {name}",
        "goal": "# What should be decided with it? The report prints it and says whether the run answers it.\n"
        '# goal: {question: "Which customers should the spring campaign reach?", decision: contact list,\n'
        "#        audience: marketing, measure: repeat orders in 90 days}",
        "looked": "looked at {records} records{all}, encoding {encoding}",
        "all": " (all)",
        "doubt": "DOUBT: ",
        "stop": ". ",
        "list": "; ",
        "left": "not read: ",
        "scales": "# Questions that hang together make a scale; its score is used where its reliability reaches .7:\n"
        "# 03_build_features:\n"
        "#   scales:\n"
        "#     mine: {{items: [{first}], reverse: [{last}], low: {low}, high: {high}}}   # 06 may group by scale_mine",
        "group": "no orders, so groups are made of these. DOUBT: keep those that tell customers apart",
    },
    "zh": {
        "head": "# 由 workbench new 根据下列文件拟出。每行都是推测，并附理由；\n"
        "# 标有“存疑”的请先核对。然后运行：workbench check {name}",
        "goal": "# 要据此做什么决定？报告开头会印出，末尾说明是否已回答。\n"
        '# goal: {question: "春季活动应当触达哪些客户？", decision: 触达名单, audience: 市场部, measure: 90 天内复购}',
        "looked": "查看了 {records} 条记录{all}，编码 {encoding}",
        "all": "（全部）",
        "doubt": "存疑：",
        "stop": "。",
        "list": "；",
        "left": "不读取：",
        "scales": "# 含义相近的题目可合成一个量表，反向题须注明；信度达到 0.7 才会使用其得分：\n"
        "# 03_build_features:\n"
        "#   scales:\n"
        "#     mine: {{items: [{first}], reverse: [{last}], low: {low}, high: {high}}}   # 06 可按 scale_mine 分群",
        "group": "没有订单，故按这些数值分群。存疑：请保留真正能区分客户的列",
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
        YAML, without values of contact columns.
    """
    language = language or proposal.language
    words = _WORDS[language]
    lines = [words["head"].format(name=name), f"profile: {name}", f"language: {language}", words["goal"], "sources:"]
    spellings = gender_spellings(proposal)
    for source in proposal.sources:
        lines += _source_lines(source, language)
        lines += _spelling_lines(spellings.get(source.name, {}), language)
    lines += _scale_lines(proposal, words["scales"])
    features = numbers_to_group_by(proposal)
    if features:
        listed = ", ".join(_scalar(feature) for feature in features)
        lines += ["06_segment_customers:", f"  features: [{listed}]   # {words['group']}", "  log_features: []"]
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


def _source_lines(source: SourceGuess, language: str) -> list[str]:
    words, sample = _WORDS[language], source.sample
    summary = words["looked"].format(
        records=sample.records, all=words["all"] if sample.complete else "", encoding=sample.encoding
    )
    lines = [f"  {source.name}:", f"    # {summary}", f"    path: {_scalar(source.path)}"]
    lines.append(f"    table: {source.table}" + _comment(source.reasons, (), language))
    lines += [f"    # {words['doubt']}{say_reason(doubt, language)}" for doubt in source.doubts]
    lines += [f"    {key}: {_scalar(value)}" for key, value in source.settings.items()]
    if source.people:
        lines.append(f"    people: {source.people}")
    lines += _mapping_lines("columns", source.columns, language)
    lines += _mapping_lines("attributes", source.attributes, language)
    if source.formats:
        lines.append(f"    formats: {_flow(source.formats)}")
    for mapped in source.unread:
        lines.append(f"    # {words['left']}{_scalar(mapped.theirs)}: {_listed(mapped.reasons, language)}")
    return lines


def _spelling_lines(changed: dict[str, str], language: str) -> list[str]:
    """Declare that a source's spellings of a gender are replaced by those most records use."""
    if not changed:
        return []
    usual = Reason("spelled_usually", {"spellings": " / ".join(dict.fromkeys(changed.values()))})
    return [f"    standardise: {_flow({'gender': changed})}" + _comment((usual,), (), language)]


def _mapping_lines(key: str, mapped: list[Mapped], language: str) -> list[str]:
    if not mapped:
        return []
    lines = [f"    {key}:"]
    for column in mapped:
        comment = _comment(column.reasons, column.doubts, language)
        lines.append(f"      {_scalar(column.ours)}: {_scalar(column.theirs)}{comment}")
    return lines


def _comment(reasons: tuple[Reason, ...] | list[Reason], doubts: tuple[Reason, ...], language: str) -> str:
    words = _WORDS[language]
    reason_text, doubt_text = _listed(reasons, language), _listed(doubts, language)
    comment = words["stop"].join(
        part for part in (reason_text, f"{words['doubt']}{doubt_text}" if doubt_text else "") if part
    )
    return f"   # {comment}" if comment else ""


def _listed(reasons: tuple[Reason, ...] | list[Reason], language: str) -> str:
    return _WORDS[language]["list"].join(say_reason(reason, language) for reason in reasons)


def _flow(value: Any) -> str:
    """Write a value on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
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
