"""Changes to past order lines since the previous run: late and missing lines."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import ibis

__all__ = ["Past", "compare_past"]

_TABLE, _DATED, _KEY = "transactions", "ordered_at", "order_id"


@dataclass(frozen=True)
class Past:
    """Changes in the days that the previous run covered completely.

    Attributes
    ----------
    until : date or None
        The last day of the previous run, which may be incomplete and is not compared; None if there is nothing to
        compare.
    late, gone : int
        Order lines dated before it that are new, and that have disappeared.
    """

    until: dt.date | None = None
    late: int = 0
    gone: int = 0

    def metrics(self) -> dict[str, int]:
        """Return the counts by name; empty if there is nothing to compare."""
        return {f"{_TABLE}.late_rows": self.late, f"{_TABLE}.gone_rows": self.gone} if self.until else {}

    def rows(self) -> list[tuple]:
        """Return the changes as rows of `comparison.CHANGE_COLUMNS`."""
        counts = {"late_rows": self.late, "gone_rows": self.gone}
        before = f"< {self.until}"
        return [(kind, _TABLE, _DATED, before, str(n), None, None, "warn") for kind, n in counts.items() if n]


def compare_past(before: ibis.Table | None, after: ibis.Table | None) -> Past:
    """Compare the order lines of the previous run with those of this run, up to the day before its last.

    Parameters
    ----------
    before, after : ibis.Table or None
        transactions with ordered_at. Lines are matched by order_id; if a table has none, lines are only counted per
        day.

    Returns
    -------
    Past
    """
    if before is None or after is None or not all(_DATED in table.columns for table in (before, after)):
        return Past()
    last = before[_DATED].max().execute()
    if last is None or last != last:  # noqa: PLR0124  (no date at all)
        return Past()
    until = last.date()
    then, now = (table.filter(table[_DATED] < ibis.literal(until).cast("timestamp")) for table in (before, after))
    if all(_KEY in table.columns for table in (before, after)):
        identified = [table.filter(table[_KEY].notnull()) for table in (then, now)]
        orders = [table.group_by(_KEY).aggregate(n=table.count()) for table in identified]
        joined = orders[0].outer_join(orders[1], _KEY)
        late, gone = joined.n_right.sum(where=joined.n.isnull()), joined.n.sum(where=joined.n_right.isnull())
    else:
        days = [table.group_by(day=table[_DATED].truncate("D")).aggregate(n=table.count()) for table in (then, now)]
        joined = days[0].outer_join(days[1], "day")
        difference = joined.n_right.fill_null(0) - joined.n.fill_null(0)
        late, gone = ibis.greatest(difference, 0).sum(), ibis.greatest(-difference, 0).sum()
    counts = joined.aggregate(late=late, gone=gone).to_pyarrow().to_pylist()[0]
    return Past(until, int(counts["late"] or 0), int(counts["gone"] or 0))
