"""Labels that the business gives: read, dated, parted into periods. For 08_predict_churn."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import ibis
import pandas as pd

from workbench.analysis.churn.labels import Labels

__all__ = ["LEAST_MOMENTS", "keep_together", "part_by_date", "read_labels"]

PARTS = (0.4, 0.6, 0.8)  # of the span of dated labels: the latest training, calibration and test begin there
LATER = ("calibrate", "test")
LEAST_MOMENTS = len(PARTS) + 1  # distinct dates that make three periods
TINY = 1e-9


def read_labels(labels: ibis.Table, as_of: date) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read the latest label of each customer that was observed before the date.

    Parameters
    ----------
    labels : ibis.Table
        customer_id, label and, where known, observed_at.
    as_of : datetime.date

    Returns
    -------
    (pandas.DataFrame, dict of int)
        customer_id, observed_at (missing where not told), label (0 or 1); one row per customer, sorted. And
        ``labels.after_as_of``: labels left out since they were not known yet; ``labels.unread``: rows whose value says
        neither yes nor no.
    """
    if "observed_at" not in labels.columns:
        labels = labels.mutate(observed_at=ibis.null("timestamp"))
    late = labels.filter(labels.observed_at >= ibis.literal(as_of).cast("timestamp")).count().to_pyarrow().as_py()
    known = labels.filter(labels.observed_at.isnull() | (labels.observed_at < ibis.literal(as_of).cast("timestamp")))
    unread = known.filter(known.customer_id.notnull() & known.label.isnull()).count().to_pyarrow().as_py()
    known = known.filter(known.customer_id.notnull() & known.label.notnull())
    frame = known.select("customer_id", "observed_at", label=known.label.cast("int64")).to_pandas()
    frame = frame.sort_values(["customer_id", "observed_at", "label"]).drop_duplicates("customer_id", keep="last")
    return frame.reset_index(drop=True), {"labels.after_as_of": int(late), "labels.unread": int(unread)}


def part_by_date(labels: pd.DataFrame, train_cut_offs: int) -> tuple[list[tuple[str, Labels]], int]:
    """Part dated labels into periods, each with what it serves (train, calibrate, test), in time order.

    Parameters
    ----------
    labels : pandas.DataFrame
        As ``read_labels`` gives them, every one with its date.
    train_cut_offs : int
        Periods to train on; fewer where the labels begin later.

    Returns
    -------
    (list of (str, Labels), int)
        A period ends where the next begins, so that what is known of a label ends before it was observed. And the
        labels before the first period.
    """
    first, last = labels["observed_at"].min(), labels["observed_at"].max()
    at = [(PARTS[0] - back * (PARTS[1] - PARTS[0]), "train") for back in range(train_cut_offs)]
    at = sorted([(max(part, 0.0), role) for part, role in at if part > -TINY] + [*zip(PARTS[1:], LATER, strict=True)])
    starts = [(role, (first + part * (last - first)).normalize()) for part, role in at]
    ends = [*(start for _, start in starts[1:]), last + pd.Timedelta(days=1)]
    found = []
    for (role, start), end in zip(starts, ends, strict=True):
        inside = labels[(labels["observed_at"] >= start) & (labels["observed_at"] < end)]
        frame = inside[["customer_id", "label"]].reset_index(drop=True)
        found.append((role, Labels(frame, start.date(), (end - start).days, 0, {})))
    trains = [each for each in found if each[0] == "train"]
    kept = [each for each in trains if len(each[1].frame)] or trains[-1:]
    early = int((labels["observed_at"] < pd.Timestamp(kept[0][1].cut_off)).sum())
    return kept + [each for each in found if each[0] != "train"], early


def keep_together(
    labels: list[tuple[str, Labels]], households: pd.DataFrame | None
) -> tuple[list[tuple[str, Labels]], int]:
    """Leave out of each kind of period the customers whose household is in a later kind; count them.

    Parameters
    ----------
    labels : list of (str, Labels)
        As ``part_by_date`` gives them.
    households : pandas.DataFrame or None
        customer_id, household_id.
    """
    if households is None or households.empty:
        return labels, 0
    shared = households.drop_duplicates("customer_id").set_index("customer_id")["household_id"]
    kept, taken, parted = [], {}, 0
    for role, each in reversed(labels):
        homes = each.frame["customer_id"].map(shared)
        later = {home for other, found in taken.items() if other != role for home in found}
        stays = ~homes.isin(later) | homes.isna()
        parted += int((~stays).sum())
        taken.setdefault(role, set()).update(homes[stays].dropna())
        kept.append((role, replace(each, frame=each.frame[stays].reset_index(drop=True))))
    return kept[::-1], parted
