"""One row per customer, all that a tag may name: features, what later stages wrote, answers, accounts, consent."""

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
from workbench.core.tags.items import ITEMS
from workbench.intake.features.inputs.cutting import cut_tables
from workbench.intake.features.inputs.exact import join_customers

if TYPE_CHECKING:
    from workbench.intake.features.inputs.settings import Scale

__all__ = ["MINORS", "PROFILING", "Wide", "hidden_customers", "widen"]

PROFILING = "profiling"  # the purpose whose refusal leaves a customer without tags
MINORS = "minors"  # the purpose that must be granted for a customer under age
ADULT_YEARS = 18
_MINOR_BANDS = ("<18", "under 18", "under18", "0-17", "0-18", "18-", "未成年", "18岁以下", "18以下", "under_18")
_DERIVED = ("rfm", "segments", "churn", "value")
_NEVER = ("definition_version", "cut_off", "model_version")  # bookkeeping of other tables, two of them under one name
_FROM_CUSTOMERS = ("ethnicity", "religion", "nationality", "source_l1", "source_l2", "source_l3")


@dataclass(frozen=True)
class Wide:
    """The wide table and what its survey scales came to.

    Attributes
    ----------
    table : ibis.Table
        One row per customer_id.
    scales : tuple of ScoredScale
        Reliability of every scale asked for; only the reliable ones are columns.
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
) -> Wide:
    """Join everything that is known of each customer.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        features (required), rfm, segments, churn, churn_reasons, value, households and canonical tables, all on one
        engine.
    as_of : date
        Dated canonical tables are cut at its midnight.
    questions : mapping of str to sequence of str, optional
        Survey item to the questions that ask for it; by default a question called as the item is.
    scales : mapping of str to Scale, optional
        Survey item to its scale; scored where reliable.
    sensitive_items : sequence of str
        Sensitive items that may be read at all.
    alpha_least : float
        Least Cronbach's alpha of a scale, 0..1.

    Returns
    -------
    Wide
        Columns keep their names; where two tables have one name the earlier table's stays. Answers are
        ``answer_<item>``, scores ``score_<item>``, the account's columns ``account_<column>``, consents
        ``consent_<purpose>`` (true, false, or null where nothing is recorded); what raises the churn score most is
        ``churn_reason_top`` (a feature) with ``churn_reason_value``.
    """
    known = cut_tables(tables, as_of=as_of)
    allowed = [name for name in ITEMS if not ITEMS[name].sensitive or name in sensitive_items]
    blocks = [known[name] for name in _DERIVED if name in known]
    blocks += [_household(known["households"])] if "households" in known else []
    blocks += [_first_reason(known["churn_reasons"])] if "churn_reasons" in known else []
    blocks += _declared(known, sensitive_items)
    scored: tuple[ScoredScale, ...] = ()
    if "responses" in known:
        asked = {item: scale for item, scale in (scales or {}).items() if item in allowed}
        scored = score_scales(known["responses"], asked, least=alpha_least)
        blocks += [each.scores for each in scored if each.scores is not None]
        blocks += [latest_answers(known["responses"], questions or {}, items=allowed)]
    blocks += _accounts(known)
    blocks += [_consents(known["consents"])] if "consents" in known else []
    return Wide(reduce(_join_new, blocks, known["features"]), scored)


def hidden_customers(table: ir.Table, *, minors: bool) -> ir.BooleanValue:
    """Say of which customers no tag may be kept: those who refused profiling, and minors.

    Parameters
    ----------
    table : ibis.Table
        As `widen` gives it.
    minors : bool
        Whether customers under age may be tagged where the purpose ``minors`` is granted.
    """
    columns = table.columns
    refused, granted = f"{CONSENT}{PROFILING}", f"{CONSENT}{MINORS}"
    hidden = ~table[refused].fill_null(True) if refused in columns else ibis.literal(False)
    under_age = ibis.literal(False)
    if "age" in columns:
        under_age = under_age | (table.age < ADULT_YEARS).fill_null(False)
    if "age_band" in columns:
        bands = table.age_band.lower().replace(" ", "").isin([each.replace(" ", "") for each in _MINOR_BANDS])
        under_age = under_age | bands.fill_null(False)
    if minors:
        under_age &= ~table[granted].fill_null(False) if granted in columns else ibis.literal(True)
    return hidden | under_age


def _join_new(left: ir.Table, right: ir.Table) -> ir.Table:
    """Add the columns that are not there yet."""
    new = [name for name in right.columns if name not in left.columns and name not in _NEVER]
    return join_customers(left, right.select("customer_id", *new)) if new else left


def _household(households: ir.Table) -> ir.Table:
    sizes = households.group_by("household_id").aggregate(household_members=households.count())
    return households.inner_join(sizes, "household_id").select("customer_id", "household_members")


def _first_reason(reasons: ir.Table) -> ir.Table:
    """Bring the reason that raises a customer's churn score most; who has none that raises it has no row."""
    raising = reasons.filter(reasons.direction == "raises")
    return raising.group_by("customer_id").aggregate(
        churn_reason_top=raising.feature.argmin(raising["rank"]),
        churn_reason_value=raising["value"].argmin(raising["rank"]),
    )


def _declared(tables: Mapping[str, ir.Table], sensitive_items: Sequence[str]) -> list[ir.Table]:
    """Bring the columns of customers that no feature may be."""
    if "customers" not in tables:
        return []
    customers = tables["customers"]
    wanted = [
        name
        for name in _FROM_CUSTOMERS
        if name in customers.columns and (name not in ITEMS or not ITEMS[name].sensitive or name in sensitive_items)
    ]
    return [customers.filter(customers.customer_id.notnull()).select("customer_id", *wanted)] if wanted else []


def _accounts(tables: Mapping[str, ir.Table]) -> list[ir.Table]:
    """Bring the role of each customer who is a contact, and the account; the first contact by its id counts."""
    contacts = tables.get("contacts")
    if contacts is None or "customer_id" not in contacts.columns:
        return []
    known = contacts.filter(contacts.customer_id.notnull())
    first = known.group_by("customer_id").aggregate(contact_id=known.contact_id.min())
    own = known.semi_join(first, ["customer_id", "contact_id"])
    accounts = tables.get("accounts")
    named = {f"{ACCOUNT}{name}": own[name] for name in own.columns if not name.endswith("_id")}
    table = own.select("customer_id", *(["account_id"] if "account_id" in own.columns else []), **named)
    if accounts is not None and "account_id" in own.columns:
        of = {
            f"{ACCOUNT}{name}": accounts[name]
            for name in accounts.columns
            if not name.endswith("_id") and name != "name"
        }
        table = table.left_join(accounts.select(account_key=accounts.account_id, **of), [("account_id", "account_key")])
        table = table.drop("account_key")
    return [table.drop("account_id") if "account_id" in table.columns else table]


def _consents(consents: ir.Table) -> ir.Table:
    """Tell the latest word of each customer by purpose; refused where two are as late."""
    known = consents.filter(consents.customer_id.notnull() & consents.granted.notnull())
    purposes = known.select("purpose").distinct().to_pyarrow().column(0).to_pylist()
    if "changed_at" in known.columns:
        newest = known.changed_at.max().over(ibis.window(group_by=["customer_id", "purpose"]))
        known = known.mutate(newest=newest)
        known = known.filter((known.changed_at == known.newest) | known.newest.isnull())
    said = {
        f"{CONSENT}{purpose}": known.granted.cast("int64").min(where=known.purpose == purpose).cast("boolean")
        for purpose in sorted(each for each in purposes if each)
    }
    return known.group_by("customer_id").aggregate(**said)
