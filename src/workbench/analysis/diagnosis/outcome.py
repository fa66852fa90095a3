"""Which outcome is to be explained, and which variables may explain it. The diagnosis of 04_describe_customers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from workbench.analysis.description.variables import CODED_CATEGORIES, variable_kinds
from workbench.core.errors import DataError, Fault, did_you_mean
from workbench.intake.features.inputs.exact import at_midnight
from workbench.intake.features.registry import Feature, registered

__all__ = ["CONTROLS", "OUTCOMES", "Outcome", "choose_outcome"]

OUTCOMES = ("auto", "spend", "repeat", "label")
CONTROLS = ("recency_days", "tenure_days", "monetary_total")  # what an association may only stand for
EARLY, LATE = 0.05, 0.95  # shares of repeaters between which repeat is worth asking about
BINARY = 2
HALF = 0.5
# groups of features that are parts of an outcome, or counted from the same orders
PARTS_OF_ORDERS = ("spend", "rhythm", "basket", "returns", "decision")
MADE_OF_ORDERS = (
    "referred_spend", "view_to_purchase_share", "cart_to_purchase_share", "viewed_bought_share", "survey_answers",
    "campaigns_redeemed", "campaign_redemption_share", "redemption_days_median",
)  # fmt: skip
# how varied somebody's orders are: one order has no variety, so these tell the number of orders; so does whether any of
# them fits an occasion
VARIETY = (
    "occasion_top", "occasion_order_share", "occasions_distinct", "brands_distinct", "channel_entropy",
    "shopping_mode", "category_hhi", "category_top_share", "brand_top_share", "store_top_share", "channel_top_share",
    "platform_top_share", "payment_method_top_share", "category_top_lift", "brand_top_lift", "brand_concentration",
    "brand_loyalty",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What is to be explained, per customer.

    Attributes
    ----------
    name : str
        ``spend``, ``repeat``, what the label is called, or the variable's own name.
    kind : str
        ``share`` (0 or 1 per customer) or ``amount``.
    values : Series of float
        By customer_id, sorted; customers for whom it is unknown are left out.
    variables : tuple of str
        What may explain it: no part of the outcome, nothing counted from the same orders.
    controls : tuple of str
        Recency, tenure and spend, as far as they are known and no part of the outcome.
    money : bool
        Whether an amount is money.
    left_out : tuple of str
        Variables that would tell the outcome in other words: its parts; of spend and repeat also how varied somebody's
        orders are, and shares of orders that are none or all of them for half of the customers, since one order can
        give nothing between the two.
    """

    name: str
    kind: str
    values: pd.Series
    variables: tuple[str, ...] = ()
    controls: tuple[str, ...] = field(default=())
    money: bool = False
    left_out: tuple[str, ...] = ()


def choose_outcome(
    features: pd.DataFrame,
    *,
    outcome: str = "auto",
    labels: ir.Table | None = None,
    label_name: str = "churn",
    as_of: date,
) -> Outcome | None:
    """Take the outcome that is asked for, or the one that says most.

    Parameters
    ----------
    features : DataFrame, one row per customer
    outcome : str
        ``label``; ``repeat``, bought more than once, among those who bought; ``spend``, net spend of those who bought;
        a numeric variable, or one of two values; or ``auto``: the label where there is one, else repeat where 5 to
        95 % repeat, else spend.
    labels : ibis.Table, optional
        customer_id, label and, where known, observed_at: the latest before ``as_of`` counts; of several at once, true.
    label_name : str
        What label 1 means.
    as_of : date

    Returns
    -------
    Outcome or None
        None where ``auto`` finds neither label nor purchase.

    Raises
    ------
    DataError
        When the outcome asked for is not there, or is neither a number nor has two values.
    """
    known = features.sort_values("customer_id").set_index("customer_id")
    wanted = _first_that_says(known, labels) if outcome == "auto" else outcome
    if wanted is None:
        return None
    if wanted == "label" and labels is not None:
        values, parts = _latest_labels(labels, as_of).reindex(known.index).dropna(), ()
        name, kind = label_name, "share"
    elif wanted in ("spend", "repeat") and "frequency_orders" in known:
        orders = known["frequency_orders"].astype("float64").fillna(0)
        bought = orders > 0
        values = known["monetary_total"].astype("float64")[bought] if wanted == "spend" else (orders > 1)[bought] * 1.0
        name, kind, parts = wanted, "amount" if wanted == "spend" else "share", PARTS_OF_ORDERS
    else:
        name, (values, kind), parts = wanted, _variable(known, wanted, outcome), _own_group(wanted)
    variables, left_out = _may_explain(features, name, parts)
    controls = tuple(each for each in CONTROLS if each in known and each != name)
    if parts == PARTS_OF_ORDERS:
        controls = tuple(each for each in controls if each != "monetary_total")
    return Outcome(name, kind, values.dropna(), variables, controls, _is_money(name), left_out)


def _first_that_says(known: pd.DataFrame, labels: ir.Table | None) -> str | None:
    if labels is not None:
        return "label"
    if "frequency_orders" not in known or not (known["frequency_orders"] > 0).any():
        return None
    bought = known.loc[known["frequency_orders"] > 0, "frequency_orders"]
    return "repeat" if EARLY <= (bought > 1).mean() <= LATE else "spend"


def _latest_labels(labels: ir.Table, as_of: date) -> pd.Series:
    known = labels.filter(labels.customer_id.notnull() & labels.label.notnull())
    when = ibis.literal(0)
    if "observed_at" in known.columns:
        known = known.filter(known.observed_at.isnull() | (known.observed_at < at_midnight(as_of)))
        when = known.observed_at.epoch_seconds().fill_null(0)
    rows = known.select("customer_id", label=known.label.cast("int64"), at=when).distinct()
    latest = rows.group_by("customer_id").aggregate(at=rows["at"].max())
    newest = rows.inner_join(latest, ["customer_id", "at"])
    found = newest.group_by("customer_id").aggregate(label=newest.label.max()).to_pandas()
    return found.set_index("customer_id")["label"].astype("float64").sort_index()


def _variable(known: pd.DataFrame, name: str, asked: str) -> tuple[pd.Series, str]:
    kinds = variable_kinds(known.reset_index())
    if name not in kinds:
        nearest = did_you_mean(name, [*OUTCOMES, *kinds])
        raise DataError(Fault("outcome", f"'{asked}' is no outcome of this base", "", nearest))
    values = known[name]
    distinct = sorted(values.dropna().unique(), key=str)
    if len(distinct) == BINARY:
        return values.map({distinct[0]: 0.0, distinct[1]: 1.0}).astype("float64"), "share"
    if kinds[name] == "numeric":
        return values.astype("float64").replace([np.inf, -np.inf], np.nan), "amount"
    found = f"'{name}' is a category of {len(distinct)} values"
    raise DataError(Fault("outcome", found, "a number, or a variable of two values", "Choose another outcome"))


def _own_group(name: str) -> tuple[str, ...]:
    feature = next(iter(registered([name])), None)
    if feature is None:
        return ()
    return PARTS_OF_ORDERS if feature.group in PARTS_OF_ORDERS else (feature.group,)


def _may_explain(features: pd.DataFrame, name: str, parts: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the variables that may explain an outcome, and those that would say it in other words."""
    kinds = variable_kinds(features, categorical=CODED_CATEGORIES)
    groups = {each.name: each.group for each in registered(list(kinds))}
    banned: set[str] = set()
    if tuple(parts) == PARTS_OF_ORDERS:
        banned = {
            *MADE_OF_ORDERS,
            *VARIETY,
            *(each.name for each in registered(kinds) if _is_none_or_all(features, each)),
        }
    asked = [each for each, kind in kinds.items() if kind != "date" and each != name]
    left_out = tuple(each for each in asked if each in banned or groups.get(each) in parts)
    return tuple(each for each in asked if each not in left_out), left_out


def _is_none_or_all(features: pd.DataFrame, feature: Feature) -> bool:
    """Say whether a share of orders, or its multiple of everybody's, lies at an end for half of the customers."""
    if feature.unit not in ("share", "ratio") or not any(need.startswith("transactions.") for need in feature.needs):
        return False
    known = features[feature.name].dropna().astype("float64")
    return bool(len(known)) and float(known.isin([known.min(), known.max()]).mean()) >= HALF


def _is_money(name: str) -> bool:
    if name == "spend":
        return True
    return next((each.unit == "money" for each in registered([name])), False)
