"""The registered features: what each means, in which unit, and what it needs. Each name stands here once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import ibis.expr.types as ir

from workbench.intake.features.catalogue import FEATURES, MISSING, WINDOWS

__all__ = ["REGISTRY", "Feature", "available", "registered", "window_features"]

DEFAULT_WINDOWS_DAYS = (30, 90, 365)
_WINDOW_NAME = re.compile(r"(?:orders|spend)_([1-9][0-9]*)d")
_WINDOWS_BEFORE = "lines_per_order_mean"  # windows stand before it


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
        The source columns it is made of, all of them, as table.column.
    missing : dict of str
        What a missing value means, by language.
    kind : str
        A kind of ``core.schema``: integer, number, money, date or category.
    counts_zero : bool
        True where a customer without any row has 0 rather than nothing.
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


def window_features(days: int) -> list[Feature]:
    """Describe the orders and the spend of one window, of a length in days."""
    return [_feature(entry, days) for entry in WINDOWS]


def registered(columns: Iterable[str]) -> list[Feature]:
    """Give the features among the columns of a table, in their order; other columns are passed over.

    Examples
    --------
    >>> [feature.label["en"] for feature in registered(["customer_id", "recency_days", "orders_7d", "income"])]
    ['Days since last purchase', 'Orders, last 7 days']
    """
    found = []
    for name in columns:
        window = _WINDOW_NAME.fullmatch(name)
        if name in REGISTRY:
            found.append(REGISTRY[name])
        elif window:
            found += [feature for feature in window_features(int(window[1])) if feature.name == name]
    return found


def available(tables: Mapping[str, ir.Table], *, windows_days: Sequence[int] = DEFAULT_WINDOWS_DAYS) -> list[Feature]:
    """Give the features whose source columns all exist, in the order of the features table."""
    present = {f"{table}.{column}" for table, each in tables.items() for column in each.columns}
    return [feature for feature in _all(windows_days) if set(feature.needs) <= present]


def _all(windows_days: Sequence[int]) -> list[Feature]:
    features = []
    for entry in FEATURES:
        if entry[0] == _WINDOWS_BEFORE:
            pairs = zip(*(window_features(days) for days in windows_days), strict=True)
            features += [feature for same in pairs for feature in same]
        features.append(_feature(entry))
    return features


def _feature(entry: tuple[str, ...], days: int | None = None) -> Feature:
    name, kind, unit, needs, missing, *words = entry
    if days is not None:
        name, *words = (text.format(days=days) for text in (name, *words))
    label_en, label_zh, formula_en, formula_zh = words
    return Feature(
        name=name,
        label={"en": label_en, "zh": label_zh},
        unit=unit,
        window=days,
        formula={"en": formula_en, "zh": formula_zh},
        needs=_needs(needs.split()),
        missing=MISSING[missing],
        kind=kind,
        counts_zero=missing == "zero",
    )


def _needs(columns: list[str]) -> tuple[str, ...]:
    """Name the tables; every feature of transactions needs its customer and its amount."""
    own = [column for column in columns if "." in column]
    lines = [f"transactions.{column}" for column in columns if "." not in column]
    if lines or not own:
        lines = ["transactions.customer_id", "transactions.amount", *lines]
    return (*lines, *own)


REGISTRY = {feature.name: feature for feature in _all(DEFAULT_WINDOWS_DAYS)}
