"""Guess which table a file feeds: by the table's typical columns, its keys and its rows."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.core.schema import CANONICAL
from workbench.intake.guessing.filling import fill_gaps
from workbench.intake.guessing.fitting import ENOUGH, Match, assign
from workbench.intake.guessing.reasons import Reason

if TYPE_CHECKING:
    from workbench.intake.guessing.facts import Facts

__all__ = ["TableGuess", "guess_table"]

# columns typical of one table; the other columns of a table occur in several
_TYPICAL = {
    "transactions": "order_id ordered_at quantity unit_price amount discount coupon payment_method store_id",
    "customers": "document_id name given_name surname gender birth_date age age_band phone email address registered_at "
    "member_level education occupation income marital_status children household_size home_ownership car_ownership "
    "member_number nationality postcode",
    "products": "product_id product_name category brand unit_cost",
    "events": "occurred_at type page session_id dwell_seconds search_term",
    "service": "case_id opened_at closed_at topic rating",
    "reviews": "rating text reviewed_at likes followers",
    "responses": "question answer answered_at survey",
    "campaigns": "campaign_id sent_at opened_at redeemed_at",
    "experiments": "experiment arm assigned_at",
    "relations": "other_id kind",
    "labels": "label observed_at",
    "consents": "purpose granted changed_at",
    "accounts": "account_id parent_id industry employees revenue sites",
    "contacts": "contact_id account_id position function decision_role",
}
_CALLED = {
    "transactions": "order|sale|transaction|purchase|invoice|pos|basket|receipt|retail|订单|销售|交易|小票",
    "customers": "customer|crm|member|client|people|person|household|demograph|会员|客户|用户|顾客",
    "products": "product|item|sku|goods|article|商品|货品|产品",
    "events": "event|click|log|visit|session|行为|埋点|访问|浏览",
    "service": "service|case|ticket|complaint|客服|工单|售后|投诉",
    "reviews": "review|comment|评价|评论",
    "responses": "survey|response|answer|questionnaire|问卷|调研|答卷",
    "campaigns": "campaign|mailing|活动|营销|触达",
    "experiments": "experiment|abtest|实验",
    "relations": "relation|referral|friend|推荐|关系",
    "labels": "label|churn|流失",
    "consents": "consent|授权|同意",
    "accounts": "account|compan|企业",
    "contacts": "contact|联系人",
}
_ONE_ROW_PER = {
    "customers": "customer_id",
    "products": "product_id",
    "accounts": "account_id",
    "contacts": "contact_id",
}
_ANYWHERE, _CALLED_SO, _NO_KEY, _NOT_ONE_ROW, _NO_MONEY = 0.2, 0.8, -3.0, -2.0, -1.5
_CLOSE = 0.75  # share of the best score from which another table is worth a doubt


@dataclass(frozen=True)
class TableGuess:
    """The guessed table of a file.

    Attributes
    ----------
    table : str
    matches : dict of str to Match
    missing : tuple of str
        Keys of the table without a matching column.
    reasons, doubts : tuple of Reason
    """

    table: str
    matches: dict[str, Match]
    missing: tuple[str, ...]
    reasons: tuple[Reason, ...]
    doubts: tuple[Reason, ...]


def guess_table(
    names: list[str], facts: list[Facts], *, header: bool, file_name: str, among: Collection[str] = tuple(CANONICAL)
) -> TableGuess:
    """Choose the table of a file.

    Parameters
    ----------
    names, facts : list
        Names and facts of its columns.
    header : bool
        Whether the file has column names; without them only orders and customers are considered.
    file_name : str
        Name of the file.
    among : collection of str
        Tables it may feed.

    Returns
    -------
    TableGuess
    """
    candidates = among if header else ("transactions", "customers")
    matched = {table: assign(table, names, facts, header=header) for table in candidates}
    matched = {table: fill_gaps(table, matches, names, facts, header=header) for table, matches in matched.items()}
    scores = {table: _score(table, matches, facts, file_name, header=header) for table, matches in matched.items()}
    order = sorted(scores, key=lambda table: -scores[table])
    best, matches = order[0], matched[order[0]]
    typical = [name for name in _TYPICAL[best].split() if name in matches]
    reasons = [Reason("table_columns", {"columns": ", ".join(typical) or ", ".join(matches) or "-"})]
    if _name_matches(best, file_name):
        reasons.append(Reason("table_called"))
    close = [table for table in order[1:2] if scores[table] > max(1.0, _CLOSE * scores[best])]
    doubts = [Reason("table_rival", {"table": table}) for table in close]
    return TableGuess(best, matches, _missing(best, matches), tuple(reasons), tuple(doubts))


def _score(table: str, matches: Mapping[str, Match], facts: list[Facts], file_name: str, *, header: bool) -> float:
    typical = set(_TYPICAL[table].split())
    sure = {ours: match for ours, match in matches.items() if match.score > ENOUGH or not header}
    score = sum(min(match.score, 1.2) * (1.0 if ours in typical else _ANYWHERE) for ours, match in sure.items())
    score += _NO_KEY * len(_missing(table, matches)) + _CALLED_SO * _name_matches(table, file_name)
    key = _ONE_ROW_PER.get(table, "")
    if key in matches and not facts[matches[key].at].unique:
        score += _NOT_ONE_ROW
    if table == "transactions" and not {"amount", "unit_price"} & set(matches):
        score += _NO_MONEY
    if table != "customers" and not typical & set(matches):
        score += _NO_KEY
    return score


def _missing(table: str, matches: Mapping[str, Match]) -> tuple[str, ...]:
    return tuple(key for key in CANONICAL[table].keys if key not in matches)


def _name_matches(table: str, file_name: str) -> bool:
    return bool(re.search(_CALLED[table], file_name.lower()))
