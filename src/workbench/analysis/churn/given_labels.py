"""Labels supplied by the business: reading, dating and splitting into periods. For 08_predict_churn."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import ibis
import pandas as pd

from workbench.analysis.churn.labels import Labels

__all__ = ["LEAST_MOMENTS", "keep_together", "part_by_date", "read_labels"]

PARTS = (0.4, 0.6, 0.8)  # share of the span of dated labels at which the latest training, calibration and test begin
LATER = ("calibrate", "test")
LEAST_MOMENTS = len(PARTS) + 1  # fewest distinct dates for a split into periods
TINY = 1e-9


def read_labels(labels: ibis.Table, as_of: date) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read the latest label of each customer observed before the as-of date.

    Parameters
    ----------
    labels : ibis.Table
        customer_id, label and, where known, observed_at.
    as_of : datetime.date

    Returns
    -------
    (pandas.DataFrame, dict of int)
        Labels: customer_id, observed_at (missing where not recorded), label (0 or 1); one row per customer, sorted.
        Counts: ``labels.after_as_of`` (labels left out because they are later than the as-of date) and
        ``labels.unread`` (rows whose value is neither yes nor no).
    """
    if "observed_at" not in labels.columns:
        labels = labels.mutate(observed_at=ibis.null("timestamp"))
    n_late = labels.filter(labels.observed_at >= ibis.literal(as_of).cast("timestamp")).count().to_pyarrow().as_py()
    usable = labels.filter(labels.observed_at.isnull() | (labels.observed_at < ibis.literal(as_of).cast("timestamp")))
    n_unread = usable.filter(usable.customer_id.notnull() & usable.label.isnull()).count().to_pyarrow().as_py()
    usable = usable.filter(usable.customer_id.notnull() & usable.label.notnull())
    frame = usable.select("customer_id", "observed_at", label=usable.label.cast("int64")).to_pandas()
    frame = frame.sort_values(["customer_id", "observed_at", "label"]).drop_duplicates("customer_id", keep="last")
    return frame.reset_index(drop=True), {"labels.after_as_of": int(n_late), "labels.unread": int(n_unread)}


def part_by_date(labels: pd.DataFrame, train_cut_offs: int) -> tuple[list[tuple[str, Labels]], int]:
    """Split dated labels into periods, each with its role (train, calibrate, test), in time order.

    Parameters
    ----------
    labels : pandas.DataFrame
        From ``read_labels``, all with a date.
    train_cut_offs : int
        Number of training periods; fewer if the labels begin too late.

    Returns
    -------
    (list of (str, Labels), int)
        The periods, each ending where the next begins, so that features end before a label is observed; and the number
        of labels before the first period.
    """
    first, last = labels["observed_at"].min(), labels["observed_at"].max()
    trains = [PARTS[0] - steps_back * (PARTS[1] - PARTS[0]) for steps_back in range(train_cut_offs)]
    shares = [(max(share, 0.0), "train") for share in trains if share > -TINY] + [*zip(PARTS[1:], LATER, strict=True)]
    starts = [(role, (first + share * (last - first)).normalize()) for share, role in sorted(shares)]
    ends = [*(start for _, start in starts[1:]), last + pd.Timedelta(days=1)]
    periods = []
    for (role, start), end in zip(starts, ends, strict=True):
        in_period = labels[(labels["observed_at"] >= start) & (labels["observed_at"] < end)]
        frame = in_period[["customer_id", "label"]].reset_index(drop=True)
        periods.append((role, Labels(frame, start.date(), (end - start).days, 0, {})))
    training = [(role, period) for role, period in periods if role == "train"]
    training = [(role, period) for role, period in training if len(period.frame)] or training[-1:]
    early = int((labels["observed_at"] < pd.Timestamp(training[0][1].cut_off)).sum())
    return training + [(role, period) for role, period in periods if role != "train"], early


def keep_together(
    labels: list[tuple[str, Labels]], households: pd.DataFrame | None
) -> tuple[list[tuple[str, Labels]], int]:
    """Remove from each role the customers whose household is in a later role, and count them.

    Parameters
    ----------
    labels : list of (str, Labels)
        From ``part_by_date``.
    households : pandas.DataFrame or None
        customer_id, household_id.
    """
    if households is None or households.empty:
        return labels, 0
    household_of = households.drop_duplicates("customer_id").set_index("customer_id")["household_id"]
    selected: list[tuple[str, Labels]] = []
    by_role: dict[str, set[object]] = {}
    removed = 0
    for role, period in reversed(labels):
        household_ids = period.frame["customer_id"].map(household_of)
        later = {household for other, members in by_role.items() if other != role for household in members}
        stays = ~household_ids.isin(later) | household_ids.isna()
        removed += int((~stays).sum())
        by_role.setdefault(role, set()).update(household_ids[stays].dropna())
        selected.append((role, replace(period, frame=period.frame[stays].reset_index(drop=True))))
    return selected[::-1], removed
