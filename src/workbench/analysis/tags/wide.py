"""The wide table: one row per customer with every column a tag may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir

from workbench.analysis.tags.answers import ScoredScale, latest_answers, score_scales
from workbench.analysis.tags.columns import ACCOUNT, CONSENT
from workbench.analysis.tags.offers import Likes, likes_of, offers_of
from workbench.core.tags.items import ITEMS
from workbench.intake.features.inputs.cutting import cut_tables
from workbench.intake.features.inputs.exact import join_customers

if TYPE_CHECKING:
    from workbench.intake.features.inputs.settings import Scale

__all__ = ["MINORS", "PROFILING", "Wide", "hidden_customers", "widen"]

PROFILING = "profiling"  # customers who refuse this purpose have no tags
MINORS = "minors"  # a minor must grant this purpose
ADULT_YEARS = 18
_MINOR_BANDS = ("<18", "under 18", "under18", "0-17", "0-18", "18-", "未成年", "18岁以下", "18以下", "under_18")
_DERIVED = ("rfm", "segments", "churn", "value")
_NEVER = ("definition_version", "cut_off", "model_version")  # administrative columns, not for tags
_FROM_CUSTOMERS = ("ethnicity", "religion", "nationality", "source_l1", "source_l2", "source_l3")


@dataclass(frozen=True)
class Wide:
    """The wide table and the reliability of its survey scales.

    Attributes
    ----------
    table : ibis.Table
        One row per customer_id.
    scales : tuple of ScoredScale
        Reliability of every requested scale; only reliable ones are columns.
    """

    table: ir.Table
    scales: tuple[ScoredScale, ...] = field(default=())


def widen(
    tables: Mapping[str, ir.Table],
    *,
    as_of: date,
    questions: Mapping[str, Sequence[str]] | None = None,
    scales: Mapping[str, Scale] | None = None,
    sensitive_items: Sequence[str] = (),
    alpha_least: float = 0.7,
    likes: Likes | None = None,
) -> Wide:
    """Join all data about each customer.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        features (required), rfm, segments, recommendations, churn, churn_reasons, value, actions, households and
        canonical tables, all in the same database engine.
    as_of : date
        Dated canonical tables are restricted to rows before midnight of this date.
    questions : mapping of str to sequence of str, optional
        Survey item to its questions; by default a question with the item's name.
    scales : mapping of str to Scale, optional
        Survey item to its scale; only reliable scales are scored.
    sensitive_items : sequence of str
        Sensitive items that may be used.
    alpha_least : float
        Smallest Cronbach's alpha of a scale that is used, 0..1.
    likes : mapping, optional
        Declared likes: name to a column of products and its values.

    Returns
    -------
    Wide
        Columns keep their names; of columns with the same name the first table's is used. Answers are
        ``answer_<item>``, scores ``score_<item>``, the account's columns ``account_<column>``, consents
        ``consent_<purpose>`` (true, false, or null without a record); the strongest reason for a high churn score is
        ``churn_reason_top`` (a feature) with ``churn_reason_value``.
    """
    available = cut_tables(tables, as_of=as_of)
    allowed = [name for name in ITEMS if not ITEMS[name].sensitive or name in sensitive_items]
    blocks = [available[name] for name in _DERIVED if name in available]
    blocks += [_household(available["households"])] if "households" in available else []
    blocks += [_first_reason(available["churn_reasons"])] if "churn_reasons" in available else []
    blocks += [_planned(available["actions"])] if "actions" in available else []
    offers = (offers_of(available), likes_of(available, likes or {}, as_of=as_of))
    blocks += [block for block in offers if block is not None]
    blocks += _declared(available, sensitive_items)
    scored: tuple[ScoredScale, ...] = ()
    if "responses" in available:
        requested = {item: scale for item, scale in (scales or {}).items() if item in allowed}
        scored = score_scales(available["responses"], requested, least=alpha_least)
        blocks += [scale.scores for scale in scored if scale.scores is not None]
        blocks += [latest_answers(available["responses"], questions or {}, items=allowed)]
    blocks += _accounts(available)
    blocks += [_consents(available["consents"])] if "consents" in available else []
    return Wide(reduce(_join_new, blocks, available["features"]), scored)


def hidden_customers(table: ir.Table, *, minors: bool) -> ir.BooleanValue:
    """Return whether each customer must not be tagged: those who refused profiling, and minors.

    Parameters
    ----------
    table : ibis.Table
        From `widen`.
    minors : bool
        Whether minors may be tagged where the purpose ``minors`` is granted.
    """
    columns = table.columns
    refused, granted = f"{CONSENT}{PROFILING}", f"{CONSENT}{MINORS}"
    hidden = ~table[refused].fill_null(True) if refused in columns else ibis.literal(False)
    under_age = ibis.literal(False)
    if "age" in columns:
        under_age = under_age | (table.age < ADULT_YEARS).fill_null(False)
    if "age_band" in columns:
        bands = table.age_band.lower().replace(" ", "").isin([band.replace(" ", "") for band in _MINOR_BANDS])
        under_age = under_age | bands.fill_null(False)
    if minors:
        under_age &= ~table[granted].fill_null(False) if granted in columns else ibis.literal(True)
    return hidden | under_age


def _join_new(left: ir.Table, right: ir.Table) -> ir.Table:
    """Add the columns that ``left`` lacks."""
    new = [name for name in right.columns if name not in left.columns and name not in _NEVER]
    return join_customers(left, right.select("customer_id", *new)) if new else left


def _planned(actions: ir.Table) -> ir.Table:
    """Return each customer's planned action and arm (treat, hold_out)."""
    treated = actions.arm == "treat"
    return actions.select(
        "customer_id", next_action=treated.ifelse(actions.action, ibis.null("string")), plan_arm="arm"
    )


def _household(households: ir.Table) -> ir.Table:
    sizes = households.group_by("household_id").aggregate(household_members=households.count())
    return households.inner_join(sizes, "household_id").select("customer_id", "household_members")


def _first_reason(reasons: ir.Table) -> ir.Table:
    """Return the reason that raises a customer's churn score most; customers without one have no row."""
    raising_reasons = reasons.filter(reasons.direction == "raises")
    return raising_reasons.group_by("customer_id").aggregate(
        churn_reason_top=raising_reasons.feature.argmin(raising_reasons["rank"]),
        churn_reason_value=raising_reasons["value"].argmin(raising_reasons["rank"]),
    )


def _declared(tables: Mapping[str, ir.Table], sensitive_items: Sequence[str]) -> list[ir.Table]:
    """Return the columns of customers that must not be features."""
    if "customers" not in tables:
        return []
    customers = tables["customers"]
    columns = [
        name
        for name in _FROM_CUSTOMERS
        if name in customers.columns and (name not in ITEMS or not ITEMS[name].sensitive or name in sensitive_items)
    ]
    return [customers.filter(customers.customer_id.notnull()).select("customer_id", *columns)] if columns else []


def _accounts(tables: Mapping[str, ir.Table]) -> list[ir.Table]:
    """Return role and account of each customer who is a contact; the contact with the first id is used."""
    contacts = tables.get("contacts")
    if contacts is None or "customer_id" not in contacts.columns:
        return []
    linked = contacts.filter(contacts.customer_id.notnull())
    first_contacts = linked.group_by("customer_id").aggregate(contact_id=linked.contact_id.min())
    contact = linked.semi_join(first_contacts, ["customer_id", "contact_id"])
    accounts = tables.get("accounts")
    contact_columns = {f"{ACCOUNT}{name}": contact[name] for name in contact.columns if not name.endswith("_id")}
    table = contact.select(
        "customer_id", *(["account_id"] if "account_id" in contact.columns else []), **contact_columns
    )
    if accounts is not None and "account_id" in contact.columns:
        account_columns = {
            f"{ACCOUNT}{name}": accounts[name]
            for name in accounts.columns
            if not name.endswith("_id") and name != "name"
        }
        table = table.left_join(
            accounts.select(account_key=accounts.account_id, **account_columns), [("account_id", "account_key")]
        )
        table = table.drop("account_key")
    return [table.drop("account_id") if "account_id" in table.columns else table]


def _consents(consents: ir.Table) -> ir.Table:
    """Return the latest consent by purpose; of several at the same time, or from merged records, a refusal wins."""
    recorded = consents.filter(consents.customer_id.notnull() & consents.granted.notnull())
    purposes = recorded.select("purpose").distinct().to_pyarrow().column(0).to_pylist()
    if "changed_at" in recorded.columns:
        whose = ["customer_id", *(["record"] if "record" in recorded.columns else []), "purpose"]
        newest = recorded.changed_at.max().over(ibis.window(group_by=whose))
        recorded = recorded.mutate(newest=newest)
        recorded = recorded.filter((recorded.changed_at == recorded.newest) | recorded.newest.isnull())
    consent_columns = {
        f"{CONSENT}{purpose}": recorded.granted.cast("int64").min(where=recorded.purpose == purpose).cast("boolean")
        for purpose in sorted(filter(None, purposes))
    }
    return recorded.group_by("customer_id").aggregate(**consent_columns)
