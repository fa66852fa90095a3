"""Training data of the learners of spend: customers at several cut-offs, and their spend in the following period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from workbench.analysis.features_at_cutoff import FeaturesAtCutoff, dated_only
from workbench.analysis.value.history import holdout, purchase_history
from workbench.analysis.value.learned import Learned, learn_spend, spend_predictors

__all__ = ["LEARNERS", "Past", "learn_until"]

# number of parts of each learner: spend; or probability of buying, and spend of buyers
LEARNERS = {"learned": 1, "two_part": 2}
LEAST_BEFORE = 0.5  # least history before a cut-off, as a share of a period


@dataclass(frozen=True)
class Past:
    """Predictors and outcomes of customers as of past dates; each date is computed once.

    Attributes
    ----------
    days : ibis.Table
        From ``history.days_of_purchase``.
    as_of : date
        As-of date of the run.
    features : DataFrame or None
        Features as of ``as_of``; None: only purchases are used.
    tables : mapping of str to ibis.Table
        Canonical tables for the features of earlier dates.
    features_at : FeaturesAtCutoff
        Builds the features of earlier dates.
    """

    days: ir.Table
    as_of: date
    features: pd.DataFrame | None = None
    tables: Mapping[str, ibis.Table] = field(default_factory=dict)
    features_at: FeaturesAtCutoff = FeaturesAtCutoff()
    _cache: dict[date, pd.DataFrame] = field(default_factory=dict, repr=False)

    def predictors(self, when: date) -> pd.DataFrame:
        """Return ``learned.spend_predictors`` at a date, for all customers with a purchase before it."""
        if when not in self._cache:
            history = purchase_history(self.days, before=when)
            self._cache[when] = spend_predictors(history, self._features(when))
        return self._cache[when]

    def outcome(self, when: date, *, window_days: int) -> np.ndarray:
        """Return the net spend of the same customers in the ``window_days`` that begin on a date."""
        ends = when + timedelta(days=window_days)
        return holdout(self.days, self.predictors(when), first=when, before=ends)["spend"].to_numpy(dtype=float)

    def _features(self, when: date) -> pd.DataFrame | None:
        if self.features is None or when == self.as_of:
            return self.features
        dated, undated = dated_only(self.tables)  # undated columns may reflect later events
        return self.features_at.at(dated, when, undated=undated)


def learn_until(
    past: Past, until: date, first: date, *, window_days: int, cut_offs: int, seed: int
) -> dict[str, Learned]:
    """Train on cut-offs half a period apart, the latest one period before a date; data from that date on is not used.

    Parameters
    ----------
    past : Past
    until : date
        Only data before it is used.
    first : date
        Date of the first purchase in the data, at least half a period before a cut-off.
    window_days : int
        Length of the period in which spend is counted.
    cut_offs : int
        Largest number of cut-offs; 0: no training.
    seed : int

    Returns
    -------
    dict of Learned
        Learner by name (``LEARNERS``); empty if the history is too short or there are too few buyers.
    """
    step = max(1, int(window_days * LEAST_BEFORE))
    dates = [until - timedelta(days=window_days + step * number) for number in range(cut_offs)]
    dates = [when for when in dates if (when - first).days >= step]
    if not dates:
        return {}
    customers = pd.concat([past.predictors(when) for when in dates], ignore_index=True)
    spend = np.concatenate([past.outcome(when, window_days=window_days) for when in dates])
    learners = {name: learn_spend(customers, spend, parts=parts, seed=seed) for name, parts in LEARNERS.items()}
    return {name: learner for name, learner in learners.items() if learner is not None}
