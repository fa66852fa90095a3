"""Group events into sessions, one row per visit; the usage and decision features of 03_build_features use them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ibis
import ibis.expr.types as ir

from workbench.intake.features.inputs.words import EVENT_KINDS, kind_of_event

__all__ = ["DWELL", "group_sessions", "known_events"]

DWELL = "decimal(18, 3)"
SECONDS = 60  # per minute


def known_events(events: ir.Table, more: Mapping[str, Sequence[str]] | None = None) -> ir.Table:
    """Keep the events of known customers at a known time, and add their kind.

    Parameters
    ----------
    events : ibis.Table
        The canonical table, cut at the as-of date.
    more : mapping of str to sequence of str, optional
        Further words of the source by kind of event.

    Returns
    -------
    ibis.Table
        The same columns and, where the table has a type, ``kind``: a key of ``EVENT_KINDS`` or null.
    """
    valid = events.filter(events.customer_id.notnull() & events.occurred_at.notnull())
    return valid.mutate(kind=kind_of_event(valid.type, more)) if "type" in valid.columns else valid


def group_sessions(events: ir.Table, *, session_gap_minutes: int) -> ir.Table:
    """Group events into sessions.

    Parameters
    ----------
    events : ibis.Table
        As ``known_events`` returns them.
    session_gap_minutes : int
        Events without a session_id belong to one session until nothing happens for longer than this.

    Returns
    -------
    ibis.Table
        One row per customer and session: customer_id, started_at, seconds (from its first to its last event), events;
        views, carts, purchases, favourites, searches, impressions, clicks, attends (counts, where events have a type
        or a search term), dwell (seconds; null where no event has one).
    """
    if "session_id" not in events.columns:
        return _summed(_numbered(events, session_gap_minutes), "session")
    named = _summed(events.filter(events.session_id.notnull()), "session_id")
    unnamed = _summed(_numbered(events.filter(events.session_id.isnull()), session_gap_minutes), "session")
    return named.union(unnamed)


def _numbered(events: ir.Table, session_gap_minutes: int) -> ir.Table:
    """Assign session numbers to the events of each customer by the gaps between them."""
    in_order = ibis.window(group_by=events.customer_id, order_by=events.occurred_at)
    seconds = events.occurred_at.epoch_seconds()
    gapped = events.mutate(pause=seconds - seconds.lag().over(in_order))
    opens = ibis.ifelse(gapped.pause > session_gap_minutes * SECONDS, 1, 0)
    so_far = ibis.cumulative_window(group_by=gapped.customer_id, order_by=gapped.occurred_at)
    return gapped.mutate(session=opens.sum().over(so_far))


def _summed(events: ir.Table, session: str) -> ir.Table:
    sums = {
        "started_at": events.occurred_at.min(),
        "ended_at": events.occurred_at.max(),
        "events": events.count(),
    }
    if "kind" in events.columns:
        sums |= {f"{kind}s": events.count(where=events.kind == kind) for kind in EVENT_KINDS if kind != "search"}
    searches = _searches(events)
    if searches is not None:
        sums["searches"] = events.count(where=searches)
    if "dwell_seconds" in events.columns:
        sums["dwell"] = events.dwell_seconds.round(3).cast(DWELL).sum(where=events.dwell_seconds >= 0).cast(DWELL)
    grouped = events.group_by("customer_id", session).aggregate(**sums)
    lasted = grouped.ended_at.epoch_seconds() - grouped.started_at.epoch_seconds()
    columns = [name for name in grouped.columns if name not in (session, "ended_at")]
    return grouped.mutate(seconds=lasted).select(*columns, "seconds")


def _searches(events: ir.Table) -> ir.BooleanColumn | None:
    """Mark search events, by their kind or by a search term."""
    conditions = []
    if "kind" in events.columns:
        conditions.append((events.kind == "search").fill_null(False))
    if "search_term" in events.columns:
        conditions.append(events.search_term.notnull())
    return conditions[0] | conditions[-1] if conditions else None
