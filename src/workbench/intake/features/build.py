"""Build one row per customer as of a date; used by 03_build_features, and by 08_predict_churn at its cut-offs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING

import ibis.expr.types as ir

from workbench.core.errors import DataError, Fault, ProfileError, did_you_mean
from workbench.intake.features.contacts.attributes import describe_attributes, registered_before
from workbench.intake.features.contacts.campaigns import count_campaigns
from workbench.intake.features.contacts.network import describe_referrals, describe_relations
from workbench.intake.features.contacts.origin import describe_acquisition, describe_city
from workbench.intake.features.contacts.service import describe_reviews, describe_service
from workbench.intake.features.contacts.surveys import describe_answers, score_scale
from workbench.intake.features.inputs.cutting import cut_tables
from workbench.intake.features.inputs.exact import join_customers
from workbench.intake.features.inputs.lines import ORDER_LABELS, known_lines
from workbench.intake.features.inputs.settings import FeatureSettings
from workbench.intake.features.purchases.occasions import describe_occasions
from workbench.intake.features.purchases.orders import group_orders, purchases
from workbench.intake.features.purchases.preferences import (
    count_products,
    describe_loyalty,
    prefer_group,
    prefer_label,
    spend_by_group,
)
from workbench.intake.features.purchases.prices import compare_with_usual_price, describe_margin, describe_price_level
from workbench.intake.features.purchases.rhythm import describe_rhythm, describe_times
from workbench.intake.features.purchases.ways import describe_instalments, describe_shopping_mode
from workbench.intake.features.registry import DEFAULT_WINDOWS_DAYS, Feature, available
from workbench.intake.features.usage.behaviour import describe_behaviour
from workbench.intake.features.usage.decisions import describe_decisions, follow_products
from workbench.intake.features.usage.sessions import known_events
from workbench.intake.features.usage.usage import describe_usage

if TYPE_CHECKING:
    from workbench.intake.features.inputs.keep import Keep

__all__ = ["WINDOWS_DAYS", "build_features"]

WINDOWS_DAYS = DEFAULT_WINDOWS_DAYS
MOST_JOINS = 12


def build_features(
    tables: Mapping[str, ir.Table],
    *,
    as_of: date,
    windows_days: Sequence[int] = WINDOWS_DAYS,
    settings: FeatureSettings | None = None,
    only: Collection[str] | None = None,
    keep: Keep | None = None,
) -> ir.Table:
    """Build the features of every customer from data before the as-of date.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        Canonical tables by name (``core.schema``), all on one engine; customers, transactions, products, events,
        service, reviews, campaigns, relations and responses are used where present. Features whose
        source columns are missing are left out.
    as_of : date
        Every dated table is cut at its midnight before anything is computed (``cut_tables``); rows without a date feed
        no feature of a dated table.
    windows_days : sequence of int
        Lengths in days, from 1, of the windows ``[as_of - days, as_of)``.
    settings : FeatureSettings, optional
        Sessions, least counts, words, occasions and scales.
    only : collection of str, optional
        Features to build in addition to the declared attributes; others are not computed. Default: all that the
        sources allow.
    keep : callable, optional
        Executes an expression and returns the result as a table (``keeping``); used for the orders and each group of
        features to limit memory with tens of millions of lines. It does not change the result.

    Returns
    -------
    ibis.Table
        One row per customer, sorted by customer_id (text): the ids of customers registered before the as-of date or at
        an unknown time, and of those with any dated order line before it; where there are neither, of those with an
        event before it. Then the features of ``REGISTRY`` whose
        source columns exist, in its order, the scores of the scales, then the declared attributes of customers. A
        customer without any order line has frequency_orders 0 and the other features of transactions null; counts of
        other tables are 0. Without ``keep`` nothing is computed until the table is executed, except one query over
        the text attributes of customers.

    Raises
    ------
    DataError
        If neither customers nor transactions nor events have a customer_id.
    ProfileError
        If a window is not a whole number of days from 1, or is repeated; if an occasion's rule cannot be read; if
        ``only`` names a feature the sources do not allow.
    """
    _check_windows(windows_days)
    settings = settings or FeatureSettings()
    features = _select_features(available(tables, windows_days=windows_days, settings=settings), only)
    work = _Work(
        cut_tables(tables, as_of=as_of), as_of, tuple(windows_days), settings, keep or _lazily,
        frozenset(feature.name for feature in features),
    )  # fmt: skip
    from_transactions = _transaction_blocks(work)
    customer_ids = _all_customer_ids(work.tables, from_transactions.blocks[:1], as_of=as_of)
    blocks = [
        *from_transactions.blocks,
        *_usage_blocks(work),
        *_contact_blocks(work),
        *_origin_blocks(work, customer_ids, from_transactions),
    ]
    attributes: list[str] = []
    if "customers" in work.tables:
        declared = describe_attributes(work.tables["customers"], as_of=as_of)
        blocks.append(declared)
        attributes = declared.columns[1:]
    joined = _joined(customer_ids, blocks, work.keep)
    names = [feature.name for feature in features]
    zeros = {feature.name: joined[feature.name].fill_null(0) for feature in features if feature.counts_zero}
    columns = ["customer_id", *names, *(name for name in attributes if name not in names)]
    return joined.mutate(**zeros).select(columns).order_by("customer_id")


def _select_features(features: Sequence[Feature], only: Collection[str] | None) -> Sequence[Feature]:
    if only is None:
        return features
    names = [feature.name for feature in features]
    if unknown := [name for name in only if name not in names]:
        raise ProfileError([Fault("only", f"no feature '{name}'", "", did_you_mean(name, names)) for name in unknown])
    return [feature for feature in features if feature.name in only]


def _joined(customer_ids: ir.Table, blocks: Sequence[ir.Table], keep: Keep) -> ir.Table:
    """Join the blocks, materialising at intervals: queries nested about thirty joins deep cannot be compiled."""
    joined = customer_ids
    for at, block in enumerate(blocks, start=1):
        joined = join_customers(joined, block)
        joined = keep(joined) if at % MOST_JOINS == 0 else joined
    return joined


@dataclass(frozen=True)
class _Work:
    """Inputs of every group of features; ``names`` are the requested features."""

    tables: Mapping[str, ir.Table]
    as_of: date
    windows_days: tuple[int, ...]
    settings: FeatureSettings
    keep: Keep
    names: frozenset[str]

    def wants(self, *names: str) -> bool:
        return any(name in self.names for name in names)

    def chosen(self, block: ir.Table) -> ir.Table:
        """Keep only the requested features and materialise them."""
        return self.keep(block.select("customer_id", *(name for name in block.columns if name in self.names)))


@dataclass(frozen=True)
class _TransactionBlocks:
    """The features of transactions; the first block has every customer with an order line."""

    blocks: list[ir.Table]
    orders: ir.Table | None = None
    purchases: ir.Table | None = None


def _transaction_blocks(work: _Work) -> _TransactionBlocks:
    transactions = work.tables.get("transactions")
    if transactions is None or "customer_id" not in transactions.columns:
        return _TransactionBlocks([])
    lines = known_lines(transactions, as_of=work.as_of)
    orders = work.keep(group_orders(lines))
    bought = purchases(orders)
    blocks = [work.chosen(describe_behaviour(orders, as_of=work.as_of, windows_days=work.windows_days))]
    if "ordered_at" in lines.columns:
        blocks += [work.chosen(describe_rhythm(bought, as_of=work.as_of)), work.chosen(describe_times(bought))]
    blocks += [work.chosen(prefer_label(bought, label)) for label in ORDER_LABELS if label in lines.columns]
    if work.wants("shopping_mode"):
        blocks.append(work.chosen(describe_shopping_mode(bought, work.settings)))
    if work.wants("instalment_order_share"):
        blocks.append(work.chosen(describe_instalments(bought)))
    if work.wants("occasion_top"):
        blocks.append(work.chosen(describe_occasions(work.tables, bought, work.settings.occasions)))
    if "product_id" in lines.columns:
        blocks += _product_blocks(work, lines)
    return _TransactionBlocks(blocks, orders, bought)


def _product_blocks(work: _Work, lines: ir.Table) -> list[ir.Table]:
    products = work.tables.get("products")
    blocks = [work.chosen(count_products(lines))]
    if "amount" not in lines.columns:
        return blocks
    groups = [group for group in ("category", "brand") if products is not None and group in products.columns]
    if groups:
        spend = work.keep(spend_by_group(lines, products, groups))
        blocks += [work.chosen(prefer_group(spend, group)) for group in groups]
        if work.wants("brand_loyalty"):
            blocks.append(work.chosen(describe_loyalty(spend)))
    if work.wants("price_percentile_mean"):
        blocks.append(work.chosen(describe_price_level(lines, products)))
    if work.wants("below_usual_price_share"):
        blocks.append(work.chosen(compare_with_usual_price(lines)))
    if work.wants("margin_total"):
        blocks.append(work.chosen(describe_margin(lines, products)))
    return blocks


def _usage_blocks(work: _Work) -> list[ir.Table]:
    if not work.wants("sessions"):
        return []
    described = describe_usage(
        work.tables, as_of=work.as_of, windows_days=work.windows_days, settings=work.settings, keep=work.keep
    )
    blocks = [work.chosen(block) for block in described]
    tables_with_kinds = {**work.tables, "events": known_events(work.tables["events"], work.settings.event_types)}
    if work.wants("decision_style"):
        blocks.append(work.chosen(describe_decisions(tables_with_kinds)))
    if work.wants("viewed_bought_share"):
        blocks.append(work.chosen(follow_products(tables_with_kinds, least=work.settings.least_for_share)))
    return blocks


def _contact_blocks(work: _Work) -> list[ir.Table]:
    tables, blocks = work.tables, []
    if "campaigns" in tables:
        blocks.append(count_campaigns(tables["campaigns"], least=work.settings.least_for_share))
    if "service" in tables:
        blocks.append(describe_service(tables["service"], as_of=work.as_of, windows_days=work.windows_days))
    if "reviews" in tables:
        blocks.append(describe_reviews(tables["reviews"], as_of=work.as_of))
    if work.wants("survey_answers"):
        blocks.append(describe_answers(tables["responses"]))
        blocks += [score_scale(tables["responses"], name, scale) for name, scale in work.settings.scales.items()]
    return [work.chosen(block) for block in blocks]


def _origin_blocks(work: _Work, customer_ids: ir.Table, from_transactions: _TransactionBlocks) -> list[ir.Table]:
    blocks = []
    if work.wants("relations_degree"):
        blocks.append(describe_relations(work.tables, customer_ids, from_transactions.purchases, as_of=work.as_of))
    if work.wants("referrals"):
        blocks.append(describe_referrals(work.tables, customer_ids, from_transactions.orders))
    if work.wants("acquisition_channel"):
        blocks.append(describe_acquisition(work.tables, customer_ids, from_transactions.purchases))
    if work.wants("city_tier"):
        blocks.append(describe_city(work.tables["customers"]))
    return [work.chosen(block) for block in blocks]


def _lazily(table: ir.Table) -> ir.Table:
    return table


def _all_customer_ids(tables: Mapping[str, ir.Table], behaviour: Sequence[ir.Table], *, as_of: date) -> ir.Table:
    """List every customer once."""
    parts = [block.select("customer_id") for block in behaviour]
    if "customers" in tables:
        parts.append(registered_before(tables["customers"], as_of=as_of))
    if not parts and "events" in tables and "customer_id" in tables["events"].columns:
        parts.append(tables["events"].filter(tables["events"].customer_id.notnull()).select("customer_id").distinct())
    if not parts:
        raise DataError(
            Fault(
                "build_features",
                f"no customers among the tables {sorted(tables)}",
                "customers, or transactions or events with a customer_id",
                "map customer_id in a source of the profile",
            )
        )
    return reduce(lambda left, right: left.union(right, distinct=True), parts)


def _check_windows(windows_days: Sequence[int]) -> None:
    wrong = [days for days in windows_days if not isinstance(days, int) or isinstance(days, bool) or days < 1]
    if wrong or len(set(windows_days)) != len(windows_days):
        raise ProfileError(
            Fault(
                "03_build_features.windows_days",
                f"windows_days is {list(windows_days)}",
                "Expected whole numbers of days from 1, each once",
                "for example [30, 90, 365]",
            )
        )
