"""The registered features: definition, unit and required columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.intake.features.catalogue import contacts, purchases, usage
from workbench.intake.features.catalogue.missing import MISSING
from workbench.intake.features.inputs.settings import FeatureSettings, Scale

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = [
    "REGISTRY", "SCALE_NAME", "Feature", "available", "registered", "registered_units", "scale_features",
    "window_features",
]  # fmt: skip

DEFAULT_WINDOWS_DAYS = (30, 90, 365)

# group -> its entries, in the order of the features table
GROUPS: dict[str, Sequence[Mapping[str, Any]]] = {
    "spend": purchases.SPEND,
    "rhythm": purchases.RHYTHM,
    "basket": purchases.BASKET,
    "preference": purchases.PREFERENCE,
    "times": purchases.TIMES,
    "price": purchases.PRICE,
    "returns": purchases.RETURNS,
    "occasion": purchases.OCCASION,
    "usage": usage.USAGE,
    "decision": usage.DECISION,
    "campaigns": contacts.CAMPAIGNS,
    "service": contacts.SERVICE,
    "reviews": contacts.REVIEWS,
    "network": contacts.NETWORK,
    "survey": contacts.SURVEY,
    "origin": contacts.ORIGIN,
}
# the feature of a survey scale: ``{scale}`` is its name, ``{label_en}`` and ``{label_zh}`` what it measures
SCALE: dict[str, Any] = dict(
    name="scale_{scale}", kind="number", unit="score", needs="responses.question responses.answer", missing="few_items",
    label={"en": "{label_en} (scale score)", "zh": "{label_zh}（量表得分）"},
    formula={
        "en": "mean of the items answered, reversed items recoded; the latest answer of each item counts",
        "zh": "已答题项的均值，反向题已转向；每题取最近一次回答",
    },
)  # fmt: skip
SCALE_NAME = SCALE["name"]  # name of the score of a scale
# features of counts and dates only, which need no amounts
COUNTED = frozenset({
    "recency_days", "frequency_orders", "tenure_days", "first_ordered_on", "last_ordered_on", "orders_{days}d",
    *(entry["name"] for entry in purchases.RHYTHM), "lines_per_order_mean", "items_per_order_mean",
    "products_distinct", *(entry["name"] for entry in purchases.TIMES),
})  # fmt: skip
_WINDOW = "{days}"
_WINDOWS = [(group, entry) for group, entries in GROUPS.items() for entry in entries if _WINDOW in entry["name"]]
_STEMS = "|".join(re.escape(entry["name"].partition(_WINDOW)[0]) for _, entry in _WINDOWS)
_WINDOW_NAME = re.compile(rf"(?:{_STEMS})([1-9][0-9]*)d")


@dataclass(frozen=True)
class Feature:
    """A feature: one value per customer, with its definition.

    Attributes
    ----------
    name : str
        Its column, with unit and window.
    label : dict of str
        A short name by language (en, zh).
    unit : str
        days, orders, money, share (0..1), date, name, weekday (1..7), or what is counted.
    window : int or None
        Length in days of the window before the as-of date; None where all of the past counts.
    formula : dict of str
        The definition by language.
    needs : tuple of str
        The source columns it is computed from, as table.column; ``a|b`` where one of the two is enough.
    missing : dict of str
        What a missing value means, by language.
    kind : str
        A kind of ``core.schema``: integer, number, money, date or category.
    counts_zero : bool
        True where a customer without any row has 0 rather than null.
    group : str
        A key of ``GROUPS``.
    moves_with : str
        What else changes it for a customer of whom nothing new is recorded: ``date`` (an age), ``others`` (a rank
        among customers), empty where nothing does.
    """

    name: str
    label: Mapping[str, str]
    unit: str
    window: int | None
    formula: Mapping[str, str]
    needs: tuple[str, ...]
    missing: Mapping[str, str]
    kind: str
    counts_zero: bool = False
    group: str = "spend"
    moves_with: str = ""

    def is_met(self, present: set[str]) -> bool:
        """Return whether the columns it needs exist; ``present`` lists columns as table.column."""
        return all(any(column in present for column in need.split("|")) for need in self.needs)


def window_features(days: int) -> list[Feature]:
    """Return the features of one window, given its length in days."""
    return [_feature(group, {_WINDOW: days}, **entry) for group, entry in _WINDOWS]


def scale_features(scales: Mapping[str, Scale]) -> list[Feature]:
    """Return the score features of survey scales."""
    described = []
    for name, scale in scales.items():
        values = {"{scale}": name, "{label_en}": scale.label["en"], "{label_zh}": scale.label["zh"]}
        described.append(_feature("survey", values, **SCALE))
    return described


def registered(columns: Iterable[str], *, scales: Mapping[str, Scale] | None = None) -> list[Feature]:
    """Return the registered features among the columns of a table, in their order; other columns are skipped.

    Parameters
    ----------
    columns : iterable of str
    scales : mapping of str to Scale, optional
        The scales whose scores are features too.

    Examples
    --------
    >>> [feature.label["en"] for feature in registered(["customer_id", "recency_days", "orders_7d", "income"])]
    ['Days since last purchase', 'Orders, last 7 days']
    """
    scored = {feature.name: feature for feature in scale_features(scales or {})}
    features = []
    for name in columns:
        window = _WINDOW_NAME.fullmatch(name)
        if name in REGISTRY:
            features.append(REGISTRY[name])
        elif name in scored:
            features.append(scored[name])
        elif window:
            features += [feature for feature in window_features(int(window[1])) if feature.name == name]
    return features


def registered_units(columns: Iterable[str]) -> dict[str, dict[str, object]]:
    """Return unit and formula of each column of a features table; a column that is not registered has neither.

    Parameters
    ----------
    columns : iterable of str

    Returns
    -------
    dict
        Column to {unit, formula: {en, zh}}, or to an empty dict.
    """
    names = list(columns)
    definitions: dict[str, dict[str, object]] = {
        feature.name: {"unit": feature.unit, "formula": dict(feature.formula)} for feature in registered(names)
    }
    return {name: definitions.get(name, {}) for name in names}


def available(
    tables: Mapping[str, ir.Table],
    *,
    windows_days: Sequence[int] = DEFAULT_WINDOWS_DAYS,
    settings: FeatureSettings | None = None,
) -> list[Feature]:
    """Return the features whose source columns all exist, in the order of the features table."""
    settings = settings or FeatureSettings()
    present = {f"{name}.{column}" for name, table in tables.items() for column in table.columns}
    present |= {"params.occasions"} if settings.occasions else set()
    features = [*_all(windows_days), *scale_features(settings.scales)]
    return [feature for feature in features if feature.is_met(present)]


def _all(windows_days: Sequence[int]) -> list[Feature]:
    features = []
    for group, entries in GROUPS.items():
        for entry in entries:
            windows: list[dict[str, Any]] = [{}]
            if _WINDOW in entry["name"]:
                windows = [{_WINDOW: days} for days in windows_days]
            features += [_feature(group, values, **entry) for values in windows]
    return features


def _feature(
    group: str,
    values: Mapping[str, Any],
    *,
    name: str,
    kind: str,
    unit: str,
    missing: str,
    label: Mapping[str, str],
    formula: Mapping[str, str],
    needs: str = "",
    moves_with: str = "",
) -> Feature:
    """Return the feature of a catalogue entry, with placeholders replaced by values."""
    return Feature(
        name=_replaced(name, values),
        label={language: _replaced(text, values) for language, text in label.items()},
        unit=unit,
        window=values.get(_WINDOW),
        formula={language: _replaced(text, values) for language, text in formula.items()},
        needs=_needs(needs.split(), money=name not in COUNTED),
        missing=MISSING[missing],
        kind=kind,
        counts_zero=missing == "zero",
        group=group,
        moves_with=moves_with,
    )


def _needs(columns: list[str], *, money: bool) -> tuple[str, ...]:
    """Add the table names; every feature of transactions needs its customer, and its amount unless it only counts."""
    named = ["|".join(_named(part) for part in column.split("|")) for column in columns]
    lines = [name for name in named if name.split("|")[0].startswith("transactions.")]
    others = [name for name in named if name not in lines]
    if lines or not others:
        lines = ["transactions.customer_id", *["transactions.amount"] * money, *lines]
    return (*dict.fromkeys(lines), *others)


def _named(column: str) -> str:
    return column if "." in column else f"transactions.{column}"


def _replaced(text: str, values: Mapping[str, object]) -> str:
    for placeholder, value in values.items():
        text = text.replace(placeholder, str(value))
    return text


REGISTRY = {feature.name: feature for feature in _all(DEFAULT_WINDOWS_DAYS)}
