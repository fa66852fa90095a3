"""Which outcome is explained, and which variables may explain it? The diagnosis of 04_describe_customers."""

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
CONTROLS = ("recency_days", "tenure_days", "monetary_total")  # likely confounders
EARLY, LATE = 0.05, 0.95  # range of the repeat rate in which repeat is a useful outcome
BINARY = 2
HALF = 0.5
SENT_BY_US = ("campaigns_received",)  # contacts that the business decides on
FOLLOWS = 0.3  # rank correlation from which contacts are taken to depend on the outcome
# groups of features that are part of an outcome, or computed from the same orders
PARTS_OF_ORDERS = ("spend", "rhythm", "basket", "returns", "decision")
MADE_OF_ORDERS = (
    "referred_spend", "view_to_purchase_share", "cart_to_purchase_share", "viewed_bought_share", "survey_answers",
    "campaigns_redeemed", "campaign_redemption_share", "redemption_days_median", "member_level",  # set by spend
)  # fmt: skip
# variety and occasions of a customer's orders; with one order there is no variety, so these reveal the order count
VARIETY = (
    "occasion_top", "occasion_order_share", "occasions_distinct", "brands_distinct", "channel_entropy",
    "shopping_mode", "category_hhi", "category_top_share", "brand_top_share", "store_top_share", "channel_top_share",
    "platform_top_share", "payment_method_top_share", "category_top_lift", "brand_top_lift", "brand_concentration",
    "brand_loyalty",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """The outcome to explain, per customer.

    Attributes
    ----------
    name : str
        ``spend``, ``repeat``, the name of the label, or the name of the variable.
    kind : str
        ``share`` (0 or 1 per customer) or ``amount``.
    values : Series of float
        Outcome by customer_id, sorted; customers without a value are left out.
    variables : tuple of str
        Variables that may explain the outcome: neither part of it nor computed from the same orders.
    controls : tuple of str
        Recency, tenure and spend, where present and not part of the outcome.
    money : bool
        Whether an amount is money.
    left_out : tuple of str
        Variables equivalent to the outcome: its parts; for spend and repeat also the variety of a customer's orders,
        shares of orders that are 0 or 1 for half of the customers (with a single order they can be nothing else), and
        contacts sent by the business if they depend on the outcome (Spearman's rho of 0.3 or more).
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
    """Choose the requested outcome, or the most informative one.

    Parameters
    ----------
    features : DataFrame, one row per customer
    outcome : str
        ``label``; ``repeat`` (buyers who bought more than once); ``spend`` (net spend of buyers); a variable that is
        numeric or has two values; or ``auto``: the label if there is one, else repeat if 5 to 95 % of the buyers bought
        again, else spend.
    labels : ibis.Table, optional
        customer_id, label and, where known, observed_at: the latest label before ``as_of`` counts; of several at the
        same time, true.
    label_name : str
        Meaning of label 1.
    as_of : date

    Returns
    -------
    Outcome or None
        None where ``auto`` finds neither labels nor purchases.

    Raises
    ------
    DataError
        When the requested outcome does not exist, or is neither numeric nor has two values.
    """
    table = features.sort_values("customer_id").set_index("customer_id")
    selected = _most_informative(table, labels) if outcome == "auto" else outcome
    if selected is None:
        return None
    parts: tuple[str, ...]
    if selected == "label" and labels is not None:
        values, parts = _latest_labels(labels, as_of).reindex(table.index).dropna(), ()
        name, kind = label_name, "share"
    elif "frequency_orders" in table and (selected == "repeat" or (selected == "spend" and "monetary_total" in table)):
        orders = table["frequency_orders"].astype("float64").fillna(0)
        is_buyer = orders > 0
        values = (
            table["monetary_total"].astype("float64")[is_buyer] if selected == "spend" else (orders > 1)[is_buyer] * 1.0
        )
        name, kind, parts = selected, "amount" if selected == "spend" else "share", PARTS_OF_ORDERS
    else:
        name, (values, kind), parts = selected, _variable(table, selected, outcome), _groups_of(selected)
    variables, left_out = _may_explain(features, name, parts)
    sent = {column for column in SENT_BY_US if column in variables and _follows(table[column], values)}
    variables = tuple(column for column in variables if column not in sent)
    left_out = (*left_out, *sorted(sent))
    controls = tuple(control for control in CONTROLS if control in table and control != name)
    if parts == PARTS_OF_ORDERS:
        controls = tuple(control for control in controls if control != "monetary_total")
    return Outcome(name, kind, values.dropna(), variables, controls, _is_money(name), left_out)


def _most_informative(table: pd.DataFrame, labels: ir.Table | None) -> str | None:
    if labels is not None:
        return "label"
    if "frequency_orders" not in table or not (table["frequency_orders"] > 0).any():
        return None
    orders = table.loc[table["frequency_orders"] > 0, "frequency_orders"]
    if EARLY <= (orders > 1).mean() <= LATE:
        return "repeat"
    return "spend" if "monetary_total" in table else None  # orders may have no amounts


def _latest_labels(labels: ir.Table, as_of: date) -> pd.Series:
    usable = labels.filter(labels.customer_id.notnull() & labels.label.notnull())
    when = ibis.literal(0)
    if "observed_at" in usable.columns:
        usable = usable.filter(usable.observed_at.isnull() | (usable.observed_at < at_midnight(as_of)))
        when = usable.observed_at.epoch_seconds().fill_null(0)
    rows = usable.select("customer_id", label=usable.label.cast("int64"), at=when).distinct()
    latest = rows.group_by("customer_id").aggregate(at=rows["at"].max())
    newest = rows.inner_join(latest, ["customer_id", "at"])
    label_of = newest.group_by("customer_id").aggregate(label=newest.label.max()).to_pandas()
    return label_of.set_index("customer_id")["label"].astype("float64").sort_index()


def _variable(table: pd.DataFrame, name: str, requested: str) -> tuple[pd.Series, str]:
    kinds = variable_kinds(table.reset_index())
    if name not in kinds:
        nearest = did_you_mean(name, [*OUTCOMES, *kinds])
        raise DataError(Fault("outcome", f"'{requested}' is not an outcome of this base", "", nearest))
    values = table[name]
    distinct = sorted(values.dropna().unique(), key=str)
    if len(distinct) == BINARY:
        return values.map({distinct[0]: 0.0, distinct[1]: 1.0}).astype("float64"), "share"
    if kinds[name] == "numeric":
        return values.astype("float64").replace([np.inf, -np.inf], np.nan), "amount"
    problem = f"'{name}' is a category with {len(distinct)} values"
    raise DataError(Fault("outcome", problem, "a number, or a variable with two values", "Choose another outcome"))


def _groups_of(name: str) -> tuple[str, ...]:
    feature = next(iter(registered([name])), None)
    if feature is None:
        return ()
    return PARTS_OF_ORDERS if feature.group in PARTS_OF_ORDERS else (feature.group,)


def _may_explain(features: pd.DataFrame, name: str, parts: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the variables that may explain an outcome, and those equivalent to it."""
    kinds = variable_kinds(features, categorical=CODED_CATEGORIES)
    groups = {entry.name: entry.group for entry in registered(list(kinds))}
    banned: set[str] = set()
    if tuple(parts) == PARTS_OF_ORDERS:
        banned = {
            *MADE_OF_ORDERS,
            *VARIETY,
            *(entry.name for entry in registered(kinds) if _is_none_or_all(features, entry)),
        }
    candidates = [variable for variable, kind in kinds.items() if kind != "date" and variable != name]
    left_out = tuple(variable for variable in candidates if variable in banned or groups.get(variable) in parts)
    return tuple(variable for variable in candidates if variable not in left_out), left_out


def _follows(contacts: pd.Series, values: pd.Series) -> bool:
    """Return whether contacts rise with the outcome, so that they may be its consequence."""
    pairs = pd.concat([contacts.astype("float64"), values.astype("float64")], axis=1, join="inner").dropna().rank()
    return bool(pairs.iloc[:, 0].corr(pairs.iloc[:, 1]) >= FOLLOWS)


def _is_none_or_all(features: pd.DataFrame, feature: Feature) -> bool:
    """Return whether a share of orders, or its ratio to the average, is at an extreme for half of the customers."""
    if feature.unit not in ("share", "ratio") or not any(need.startswith("transactions.") for need in feature.needs):
        return False
    values = features[feature.name].dropna().astype("float64")
    return bool(len(values)) and float(values.isin([values.min(), values.max()]).mean()) >= HALF


def _is_money(name: str) -> bool:
    if name == "spend":
        return True
    return next((entry.unit == "money" for entry in registered([name])), False)
