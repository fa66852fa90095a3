"""Which table a file feeds: whose telling columns it has, whose keys it can fill, whose rows it looks like."""

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

# columns that tell a table from the others; the other columns of a table may stand in any
_TELLING = {
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
    """The table a file is taken to feed.

    Attributes
    ----------
    table : str
    matches : dict of str to Match
    missing : tuple of str
        Keys of the table that no column could be found for.
    reasons, doubts : tuple of Reason
    """

    table: str
    matches: dict[str, Match]
    missing: tuple[str, ...]
    reasons: tuple[Reason, ...]
    doubts: tuple[Reason, ...]


def guess_table(
    names: list[str], facts: list[Facts], *, header: bool, called: str, among: Collection[str] = tuple(CANONICAL)
) -> TableGuess:
    """Choose the table of a file.

    Parameters
    ----------
    names, facts : list
        Of its columns.
    header : bool
        Whether the names are its own; without them it can only be orders.
    called : str
        The file's name.
    among : collection of str
        Tables it may feed.

    Returns
    -------
    TableGuess
    """
    candidates = among if header else ("transactions", "customers")
    matched = {table: assign(table, names, facts, header=header) for table in candidates}
    matched = {table: fill_gaps(table, found, names, facts, header=header) for table, found in matched.items()}
    scores = {table: _score(table, found, facts, called, header=header) for table, found in matched.items()}
    order = sorted(scores, key=lambda table: -scores[table])
    best, found = order[0], matched[order[0]]
    telling = [name for name in _TELLING[best].split() if name in found]
    reasons = [Reason("table_columns", {"columns": ", ".join(telling) or ", ".join(found) or "-"})]
    if _is_called(best, called):
        reasons.append(Reason("table_called"))
    close = [table for table in order[1:2] if scores[table] > max(1.0, _CLOSE * scores[best])]
    doubts = [Reason("table_rival", {"table": table}) for table in close]
    return TableGuess(best, found, _missing(best, found), tuple(reasons), tuple(doubts))


def _score(table: str, found: Mapping[str, Match], facts: list[Facts], called: str, *, header: bool) -> float:
    telling = set(_TELLING[table].split())
    sure = {ours: match for ours, match in found.items() if match.score > ENOUGH or not header}
    score = sum(min(match.score, 1.2) * (1.0 if ours in telling else _ANYWHERE) for ours, match in sure.items())
    score += _NO_KEY * len(_missing(table, found)) + _CALLED_SO * _is_called(table, called)
    key = _ONE_ROW_PER.get(table)
    if key in found and not facts[found[key].at].unique:
        score += _NOT_ONE_ROW
    if table == "transactions" and not {"amount", "unit_price"} & set(found):
        score += _NO_MONEY
    if table != "customers" and not telling & set(found):
        score += _NO_KEY
    return score


def _missing(table: str, found: Mapping[str, Match]) -> tuple[str, ...]:
    return tuple(key for key in CANONICAL[table].keys if key not in found)


def _is_called(table: str, called: str) -> bool:
    return bool(re.search(_CALLED[table], called.lower()))
