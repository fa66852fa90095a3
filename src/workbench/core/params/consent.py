"""Parameters of consent: the source's names of purposes, the default without a recorded consent, and minors."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from workbench.core.errors import did_you_mean
from workbench.core.section import Section, parameter

__all__ = ["DEFAULTS", "PURPOSES", "ConsentParams"]

Word = Literal["granted", "refused"]

DEFAULTS: dict[str, Word] = {
    "profiling": "granted", "marketing": "refused", "recommendation": "refused", "research": "refused",
}  # fmt: skip
PURPOSES = (*DEFAULTS, "minors", "sensitive")  # the last two are used by 12_tag_customers


class ConsentParams(Section):
    """Who may be contacted, profiled and studied."""

    words: dict[str, list[str]] = parameter(
        {},
        en="Purpose (profiling, marketing, recommendation, research, minors, sensitive; marketing_sms for a channel): "
        "the source's words for it",
        zh="用途（profiling 画像、marketing 营销、recommendation 推荐、research 研究、minors、sensitive；"
        "单个渠道写作 marketing_sms）对应的来源用语",
    )
    default: dict[str, Word] = parameter(
        {},
        en="What holds for a purpose that the consents never mention for a customer, granted or refused; "
        "profiling: granted, all others: refused, unless stated",
        zh="授权表从未提及某客户的某用途时如何处理：granted 同意或 refused 拒绝；未声明时 profiling 为同意，其余为拒绝",
    )
    legal_basis: dict[str, str] = parameter(
        {},
        en="Purpose: the legal basis of processing for it, in your words; sensitive items need one for sensitive",
        zh="用途对应的合法性基础，以文字说明；计算敏感项目须写明 sensitive 的基础",
    )
    minors_under: int = parameter(
        18,
        unit="years",
        en="Customers younger than this are on no list",
        zh="低于此年龄的客户不进入任何名单",
        ge=0,
        le=30,
    )

    @field_validator("words")
    @classmethod
    def _one_purpose_per_word(cls, words: dict[str, list[str]]) -> dict[str, list[str]]:
        _check_purposes(words)
        spellings = [word.strip().lower() for synonyms in words.values() for word in synonyms]
        repeated = sorted({word for word in spellings if spellings.count(word) > 1})
        if repeated:
            raise ValueError(f"'{repeated[0]}' is listed under two purposes; list it once")
        return words

    @field_validator("legal_basis")
    @classmethod
    def _purposes_of_basis(cls, basis: dict[str, str]) -> dict[str, str]:
        _check_purposes(basis)
        return basis

    @field_validator("default")
    @classmethod
    def _purposes_of_default(cls, default: dict[str, Word]) -> dict[str, Word]:
        _check_purposes(default)
        return default

    def holds(self, purpose: str) -> bool:
        """Return whether a purpose counts as granted for customers without a recorded consent for it.

        A channel of a purpose (``marketing_sms``) has the default of the purpose, unless it has its own default.
        """
        defaults = {**DEFAULTS, **self.default}
        return defaults.get(purpose, defaults.get(purpose.partition("_")[0], "refused")) == "granted"


def _check_purposes(names: dict) -> None:
    unknown = [name for name in names if name.partition("_")[0] not in PURPOSES]
    if unknown:
        raise ValueError(f"'{unknown[0]}' is not a purpose. {did_you_mean(unknown[0], PURPOSES)}")
