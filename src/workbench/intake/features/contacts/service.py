"""Service cases and reviews of each customer: counts, complaints, durations, ratings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir

from workbench.intake.features.inputs.exact import at_midnight, days_between, join_customers, top_by
from workbench.intake.features.inputs.words import COMPLAINT_WORDS, contains_any

__all__ = ["describe_reviews", "describe_service", "mean_rating"]

RATING = "decimal(18, 4)"


def describe_service(service: ir.Table, *, as_of: date, windows_days: Sequence[int]) -> ir.Table:
    """Summarise the service cases of each customer.

    Parameters
    ----------
    service : ibis.Table
        The canonical table cut at the as-of date (``cut_tables``); cases open at that date have no closing date and no
        rating. Rows with the same case_id are one case: first opening, last closing, lowest rating.
    as_of : date
    windows_days : sequence of int
        Lengths in days of the windows ``[as_of - days, as_of)``.

    Returns
    -------
    ibis.Table
        One row per customer with a case; as far as the columns allow: service_cases, service_cases_<days>d,
        service_cases_open, service_recency_days, resolve_days_median, service_rating_mean, service_rating_last,
        service_topic_top, complaints, complaints_open, complaint_resolve_days_median.
    """
    cases = _cases(service)
    dated = "opened_at" in cases.columns
    sums = {"service_cases": cases.count()} if dated else {}
    if dated:
        sums["service_recency_days"] = days_between(cases.opened_at.max().date(), as_of)
        for days in windows_days:
            inside = cases.opened_at >= at_midnight(as_of - timedelta(days=days))
            sums[f"service_cases_{days}d"] = cases.count(where=inside)
    if {"opened_at", "closed_at"} <= set(cases.columns):
        sums |= {
            "service_cases_open": cases.count(where=cases.closed_at.isnull()),
            "resolve_days_median": cases.took.median(),
        }
    sums |= _complaints(cases)
    if "rating" in cases.columns:
        sums |= mean_rating(cases.rating, "service_rating_mean")
    totals = cases.group_by("customer_id").aggregate(**sums) if sums else cases.select("customer_id").distinct()
    if dated and "rating" in cases.columns:
        totals = join_customers(totals, _last_rating(cases, "opened_at", "service_rating_last"))
    if "topic" in cases.columns:
        totals = join_customers(totals, _topics(cases))
    return totals


def describe_reviews(reviews: ir.Table, *, as_of: date) -> ir.Table:
    """Summarise the reviews of each customer.

    Parameters
    ----------
    reviews : ibis.Table
        The canonical table cut at the as-of date.
    as_of : date

    Returns
    -------
    ibis.Table
        One row per customer with a review: reviews_written and, as far as the columns allow, review_recency_days,
        review_rating_mean, review_rating_last, review_likes, followers_most.
    """
    identified = reviews.filter(reviews.customer_id.notnull())
    sums = {"reviews_written": identified.count()}
    if "reviewed_at" in identified.columns:
        sums["review_recency_days"] = days_between(identified.reviewed_at.max().date(), as_of)
    if "rating" in identified.columns:
        sums |= mean_rating(identified.rating, "review_rating_mean")
    if "likes" in identified.columns:
        sums["review_likes"] = identified.likes.sum()
    if "followers" in identified.columns:
        sums["followers_most"] = identified.followers.max()
    totals = identified.group_by("customer_id").aggregate(**sums)
    if {"reviewed_at", "rating"} <= set(identified.columns):
        totals = join_customers(totals, _last_rating(identified, "reviewed_at", "review_rating_last"))
    return totals


def mean_rating(rating: ir.FloatingColumn, name: str) -> Mapping[str, ir.Scalar]:
    """Return the mean of a rating from exact sums, so that row order does not matter."""
    exact = rating.round(4).cast(RATING)
    return {name: (exact.sum().cast("float64") / exact.count().nullif(0)).round(6)}


def _cases(service: ir.Table) -> ir.Table:
    """Collapse to one row per case; add the days from opening to closing (null if open)."""
    identified = service.filter(service.customer_id.notnull())
    if "case_id" in identified.columns:
        numbered, unnumbered = (
            identified.filter(identified.case_id.notnull()),
            identified.filter(identified.case_id.isnull()),
        )
        last = {"closed_at"}
        merged_columns = {
            name: numbered[name].max() if name in last else numbered[name].min()
            for name in identified.columns
            if name not in ("customer_id", "case_id", "text")
        }
        merged = numbered.group_by("customer_id", "case_id").aggregate(**merged_columns)
        identified = merged.union(unnumbered.select(merged.columns))
    if {"opened_at", "closed_at"} <= set(identified.columns):
        took = days_between(identified.opened_at.date(), identified.closed_at.date())
        identified = identified.mutate(took=ibis.ifelse(took >= 0, took, ibis.null("int64")))
    return identified


def _complaints(cases: ir.Table) -> dict[str, ir.Scalar]:
    if "type" not in cases.columns:
        return {}
    complains = contains_any(cases.type, COMPLAINT_WORDS).fill_null(False)
    sums = {"complaints": cases.count(where=complains)}
    if "closed_at" in cases.columns:
        sums["complaints_open"] = cases.count(where=complains & cases.closed_at.isnull())
    if "took" in cases.columns:
        sums["complaint_resolve_days_median"] = cases.took.median(where=complains)
    return sums


def _last_rating(table: ir.Table, at: str, name: str) -> ir.Table:
    """Return the rating of the latest rated row; ties go to the lowest."""
    rated = table.filter(table.rating.notnull() & table[at].notnull())
    latest = rated.group_by("customer_id").aggregate(last_at=rated[at].max())
    joined = rated.inner_join(latest, "customer_id")
    joined = joined.filter(joined[at] == joined.last_at)
    return joined.group_by("customer_id").aggregate(**{name: joined.rating.min()})


def _topics(cases: ir.Table) -> ir.Table:
    named = cases.filter(cases.topic.notnull())
    counted = named.group_by("customer_id", "topic").aggregate(n=named.count())
    sums = counted.group_by("customer_id").aggregate(top=top_by(counted, "topic", ["n"]))
    return sums.select("customer_id", service_topic_top=sums.top["value"])
