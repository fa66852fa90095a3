"""The portrait card: all facts about one customer in reading order; items without a value are listed as unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.analysis.cards.offers import OFFER_COLUMNS
from workbench.analysis.tags.strategies import Suggestion, strategy_for

if TYPE_CHECKING:
    from workbench.core.tags.definition import Tag
    from workbench.core.tags.pack import Pack

__all__ = ["CLASSES", "CardSources", "CardTag", "PortraitCard", "make_cards"]

# kind of a tag -> its class on the card
CLASSES = {
    "fact": "fact", "imported": "fact", "survey": "fact", "predicted": "predicted", "look_alike": "predicted",
}  # fmt: skip
RULE = "rule"
SENTENCE = ("age_band", "gender", "city", "life_cycle", "favourite_category", "frequency_band", "price_level")
PROFILING = "profiling"
_RHYTHM_ORDERS = 3
_ACTION = ("customer_id", "action", "channel", "arm", "valid_until")
_DATES = {"purchase": "next_purchase_on", "birthday": "birthday_next_on"}


@dataclass(frozen=True)
class CardTag:
    """A tag on a card: value and name by language, its class, validity dates and evidence."""

    tag: str
    item: str
    name: Mapping[str, str]
    value: str
    value_name: Mapping[str, str]
    kind: str
    since: date | None
    as_of: date | None
    expires_at: date | None
    expired: bool
    evidence: str


@dataclass(frozen=True)
class PortraitCard:
    """The facts of one customer.

    Attributes
    ----------
    customer_id : str
    as_of : date
    consents : dict of str to bool
        Latest consent by purpose; purposes without a record are absent.
    opted_out : bool
        True if the customer refused profiling: then only the header is filled.
    name : str or None
        Masked name; None without the key of the vault.
    sentence : tuple of str
        Ids of the tags in the summary sentence.
    value : dict
        expected_value, value_low, value_high, expected_orders where estimated; spend (net, so far).
    rhythm : dict
        recency_days, gap_days_median (usual gap; missing with too few orders), ratio (recency_days / usual gap).
    orders : int or None
    life_cycle_stage : str or None
    rfm : dict
        rfm_type, r_score, f_score, m_score.
    segment : str or None
    preferences : tuple of dict
        by, value, lines, share.
    occasions : tuple of dict
        what, on (date).
    risk : dict
        churn_probability, purchase_probability, cut_off, reasons (feature, value, contribution).
    suggestions : tuple of Suggestion
        Strategies declared for the customer's stage and segment.
    next_action : dict
        action (name by language), channel, arm (treat, hold_out), until, from the plan of stage 11; empty without one.
    offers : tuple of dict
        list (again, new, neutral), item, name, evidence, because_name: the first recommendations.
    timeline : dict of str to dict of date to int
        Counts by kind and month.
    data_from : date or None
        First day of the data; the timeline begins there.
    tags : tuple of CardTag
    unknown : tuple of str
        Items unknown for this customer.
    versions : dict
        definition_version, model_version.
    lists : dict of str to (int, int)
        List name to rank of the customer and length of the list.
    no_contact : str or None
        Why the customer must not be contacted, by the latest consent: refused, never_contact, minor; empty if contact
        is permitted. None if this was not checked: then ``consents`` decide.
    """

    customer_id: str
    as_of: date
    consents: Mapping[str, bool] = field(default_factory=dict)
    opted_out: bool = False
    name: str | None = None
    sentence: tuple[str, ...] = ()
    value: Mapping[str, Any] = field(default_factory=dict)
    rhythm: Mapping[str, Any] = field(default_factory=dict)
    orders: int | None = None
    life_cycle_stage: str | None = None
    rfm: Mapping[str, Any] = field(default_factory=dict)
    segment: str | None = None
    preferences: tuple[Mapping[str, Any], ...] = ()
    occasions: tuple[Mapping[str, Any], ...] = ()
    risk: Mapping[str, Any] = field(default_factory=dict)
    suggestions: tuple[Suggestion, ...] = ()
    next_action: Mapping[str, Any] = field(default_factory=dict)
    offers: tuple[Mapping[str, Any], ...] = ()
    timeline: Mapping[str, Mapping[date, int]] = field(default_factory=dict)
    data_from: date | None = None
    tags: tuple[CardTag, ...] = ()
    unknown: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    no_contact: str | None = None


@dataclass(frozen=True)
class CardSources:
    """The sources of cards, for the chosen customers only.

    Attributes
    ----------
    facts : DataFrame
        One row per customer: customer_id and columns of features, rfm, segments, churn, value.
    tags : DataFrame
        The ``tags`` table.
    preferences, timeline : DataFrame
        From ``leading_preferences`` and ``timelines``.
    offers : DataFrame
        From ``top_offers``.
    reasons : DataFrame
        customer_id, rank, feature, value, contribution; empty where no reasons were saved.
    consents : DataFrame
        customer_id, purpose, granted: the latest consent per purpose.
    items : sequence of str
        Items of the portrait: all that are not disabled.
    names : mapping of str to str
        Masked names by customer_id; empty without the key.
    data_from : date, optional
        First day of the data.
    value_names : mapping of str to mapping
        Names of values not declared by a tag, such as segments: tag to value to language to name.
    lists : mapping of str to sequence of str
        List name to customer_ids in ranked order.
    no_contact : mapping of str to str, optional
        customer_id to the reason why the customer must not be contacted.
    actions : DataFrame
        customer_id, action, channel, arm, valid_until of the table ``actions``.
    """

    facts: pd.DataFrame
    tags: pd.DataFrame
    preferences: pd.DataFrame
    timeline: pd.DataFrame
    reasons: pd.DataFrame
    consents: pd.DataFrame
    items: Sequence[str] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    data_from: date | None = None
    value_names: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)
    no_contact: Mapping[str, str] | None = None
    offers: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(OFFER_COLUMNS)))
    actions: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(_ACTION)))


def make_cards(
    sources: CardSources, registry: Mapping[str, Tag], pack: Pack, *, as_of: date, most_reasons: int = 3
) -> list[PortraitCard]:
    """Make the card of every customer in ``sources.facts``, in its order.

    Parameters
    ----------
    sources : CardSources
    registry : mapping of str to Tag
        Tags by id; values of other tags are not shown.
    pack : Pack
        The strategies declared for the industry.
    as_of : date
    most_reasons : int
        Most reasons shown for a risk.

    Returns
    -------
    list of PortraitCard
        Missing values are absent from a card, never zero. Customers who refused profiling have only a header.
    """
    maker = _Maker(sources, registry, pack, as_of, most_reasons)
    return [maker.card(row) for row in _records(sources.facts)]


class _Maker:
    """Makes cards from the rows of every source, grouped by customer."""

    def __init__(self, sources: CardSources, registry: Mapping[str, Tag], pack: Pack, as_of: date, most_reasons: int):  # noqa: PLR0917
        self.sources, self.registry, self.pack = sources, registry, pack
        self.as_of, self.most_reasons = as_of, most_reasons
        self.tags = _by_customer(sources.tags)
        self.preferences = _by_customer(sources.preferences)
        self.timeline = _by_customer(sources.timeline)
        self.reasons = _by_customer(sources.reasons)
        self.offers = _by_customer(sources.offers)
        self.actions = _by_customer(sources.actions)
        self.consents = _by_customer(sources.consents)
        self.ranks: dict[str, dict[str, tuple[int, int]]] = {}
        for name, ids in sources.lists.items():
            for rank, customer in enumerate(ids, start=1):
                self.ranks.setdefault(customer, {})[name] = (rank, len(ids))

    def card(self, row: Mapping[str, Any]) -> PortraitCard:
        customer = row["customer_id"]
        consents = {consent["purpose"]: bool(consent["granted"]) for consent in self.consents.get(customer, [])}
        header = {"customer_id": customer, "as_of": self.as_of, "consents": consents}
        header["name"] = self.sources.names.get(customer)
        if self.sources.no_contact is not None:
            header["no_contact"] = self.sources.no_contact.get(customer, "")
        if consents.get(PROFILING) is False:
            return PortraitCard(**header, opted_out=True)
        header["lists"] = self.ranks.get(customer, {})
        return PortraitCard(**header, **self.facts(row), **self.tagged(customer), **self.predicted(row, customer))

    def facts(self, row: Mapping[str, Any]) -> dict[str, Any]:
        stage, segment, orders = row.get("life_cycle_stage"), row.get("segment"), row.get("frequency_orders")
        preferred = self.preferences.get(row["customer_id"], [])
        return {
            "rhythm": _rhythm(row), "orders": None if orders is None else int(orders), "life_cycle_stage": stage,
            "rfm": _present(row, ("rfm_type", "r_score", "f_score", "m_score")), "segment": segment,
            "preferences": tuple(_present(entry, ("by", "value", "lines", "share")) for entry in preferred),
            "occasions": _occasions(row, self.as_of), "timeline": _timeline(self.timeline.get(row["customer_id"], [])),
            "data_from": self.sources.data_from,
            "offers": tuple(_present(offer, OFFER_COLUMNS[1:]) for offer in self.offers.get(row["customer_id"], [])),
            "next_action": self.next_action(row["customer_id"]),
            "suggestions": tuple(strategy_for(self.pack, life_cycle=stage, segment=segment)),
        }  # fmt: skip

    def next_action(self, customer: str) -> dict[str, Any]:
        rows = self.actions.get(customer, [])
        if not rows:
            return {}
        row, names = rows[0], self.sources.value_names.get("next_action", {})
        name = names.get(row["action"], {"en": row["action"], "zh": row["action"]})
        return {"action": dict(name), "until": row["valid_until"], **_present(row, ("channel", "arm"))}

    def tagged(self, customer: str) -> dict[str, Any]:
        rows = [row for row in self.tags.get(customer, []) if row["tag"] in self.registry]
        names = self.sources.value_names
        tags = tuple(_tag(row, self.registry[row["tag"]], self.as_of, names.get(row["tag"], {})) for row in rows)
        current = {tag.tag: tag.item for tag in tags if not tag.expired}
        return {
            "tags": tags,
            "sentence": tuple(name for name in SENTENCE if name in current),
            "unknown": tuple(item for item in self.sources.items if item not in current.values()),
        }

    def predicted(self, row: Mapping[str, Any], customer: str) -> dict[str, Any]:
        value = _present(row, ("expected_value", "value_low", "value_high", "expected_orders", "monetary_total"))
        versions = _present(row, ("definition_version", "model_version"))
        return {
            "value": value,
            "risk": _risk(row, self.reasons.get(customer, []), self.most_reasons),
            "versions": {name: str(version) for name, version in versions.items()},
        }


def _tag(row: Mapping[str, Any], tag: Tag, as_of: date, value_names: Mapping[str, Mapping[str, str]]) -> CardTag:
    value = tag.values.get(row["value"])
    default = {"en": row["value"], "zh": row["value"]}
    names = {"en": value.en, "zh": value.zh} if value else dict(value_names.get(row["value"], default))
    expires = row.get("expires_at")
    return CardTag(
        tag=tag.id, item=tag.item, name={"en": tag.name.en, "zh": tag.name.zh}, value=row["value"], value_name=names,
        kind=CLASSES.get(tag.kind, RULE), since=row.get("since"), as_of=row.get("as_of"), expires_at=expires,
        expired=expires is not None and expires <= as_of, evidence=row.get("evidence") or "",
    )  # fmt: skip


def _rhythm(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return days since the last purchase and, from three orders on, the usual gap: a single gap is not a rhythm."""
    orders = row.get("frequency_orders")
    regular = orders is None or orders >= _RHYTHM_ORDERS
    rhythm = _present(row, ("recency_days", "gap_days_median") if regular else ("recency_days",))
    if rhythm.get("gap_days_median") and "recency_days" in rhythm:
        rhythm["ratio"] = round(float(rhythm["recency_days"]) / float(rhythm["gap_days_median"]), 2)
    return rhythm


def _occasions(row: Mapping[str, Any], as_of: date) -> tuple[dict[str, Any], ...]:
    dates = [(what, on) for what, column in _DATES.items() if (on := row.get(column)) is not None]
    return tuple({"what": what, "on": on} for what, on in sorted(dates, key=itemgetter(1)) if on >= as_of)


def _risk(row: Mapping[str, Any], reasons: Sequence[Mapping[str, Any]], max_reasons: int) -> dict[str, Any]:
    risk = _present(row, ("churn_probability", "purchase_probability", "cut_off"))
    ranked = sorted(reasons, key=itemgetter("rank"))[:max_reasons]
    if risk and ranked:
        risk["reasons"] = [_present(reason, ("feature", "value", "contribution")) for reason in ranked]
    return risk


def _timeline(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[date, int]]:
    counts: dict[str, dict[date, int]] = {}
    for row in rows:
        counts.setdefault(row["kind"], {})[row["month"]] = int(row["n"])
    return counts


def _present(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: row[name] for name in names if row.get(name) is not None}


def _by_customer(frame: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    rows_of: dict[str, list[dict[str, Any]]] = {}
    for row in _records(frame):
        rows_of.setdefault(row["customer_id"], []).append(row)
    return rows_of


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as plain values; missing values are None, timestamps become dates."""
    plain = frame.astype("object").where(frame.notna(), None)
    for name in frame.columns:
        if pd.api.types.is_datetime64_any_dtype(frame[name]):
            plain[name] = [None if pd.isna(moment) else moment.date() for moment in frame[name]]
    return plain.to_dict("records")
