"""Whether the past is as it was: order lines that came in late since the run before, or are gone."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import ibis

__all__ = ["Past", "compare_past"]

_TABLE, _DATED, _KEY = "transactions", "ordered_at", "order_id"


@dataclass(frozen=True)
class Past:
    """What changed of the days that the run before had already seen whole.

    Attributes
    ----------
    until : date or None
        The last day of the run before, which may have been cut short and is not compared; None where there is nothing
        to compare.
    late, gone : int
        Order lines dated before it that were not there then, and that were there and are not now.
    """

    until: dt.date | None = None
    late: int = 0
    gone: int = 0

    def metrics(self) -> dict[str, int]:
        """Return the counts by name; none where there is nothing to compare."""
        return {f"{_TABLE}.late_rows": self.late, f"{_TABLE}.gone_rows": self.gone} if self.until else {}

    def rows(self) -> list[tuple]:
        """Return what changed as rows of `comparison.CHANGE_COLUMNS`."""
        counts = {"late_rows": self.late, "gone_rows": self.gone}
        before = f"< {self.until}"
        return [(kind, _TABLE, _DATED, before, str(n), None, None, "warn") for kind, n in counts.items() if n]


def compare_past(before: ibis.Table | None, after: ibis.Table | None) -> Past:
    """Compare the order lines of the run before with those of today, up to the day before its last.

    Parameters
    ----------
    before, after : ibis.Table or None
        transactions with ordered_at. A line is known again by its order_id; where either table has none, lines are
        counted day by day, which tells how many more or fewer there are, not which.

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
        named = [table.filter(table[_KEY].notnull()) for table in (then, now)]
        orders = [table.group_by(_KEY).aggregate(n=table.count()) for table in named]
        both = orders[0].outer_join(orders[1], _KEY)
        late, gone = both.n_right.sum(where=both.n.isnull()), both.n.sum(where=both.n_right.isnull())
    else:
        days = [table.group_by(day=table[_DATED].truncate("D")).aggregate(n=table.count()) for table in (then, now)]
        both = days[0].outer_join(days[1], "day")
        more = both.n_right.fill_null(0) - both.n.fill_null(0)
        late, gone = ibis.greatest(more, 0).sum(), ibis.greatest(-more, 0).sum()
    counts = both.aggregate(late=late, gone=gone).to_pyarrow().to_pylist()[0]
    return Past(until, int(counts["late"] or 0), int(counts["gone"] or 0))
