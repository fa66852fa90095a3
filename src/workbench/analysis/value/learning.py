"""What the learner of spend learns from: customers at several cut-offs, and what each spent in the period after."""

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
from workbench.analysis.value.learned import Learned, known_of, learn_spend

__all__ = ["LEARNERS", "Past", "learn_until"]

# the parts of each learner: one asked for spend, or one for buying and one for what buyers spend
LEARNERS = {"learned": 1, "two_part": 2}
LEAST_BEFORE = 0.5  # of a period, which must lie between the first purchase of all and a cut-off


@dataclass(frozen=True)
class Past:
    """What was known of the customers at any date; each date is looked at once.

    Attributes
    ----------
    days : ibis.Table
        As ``history.days_of_purchase`` gives it.
    as_of : date
        Of the run.
    features : DataFrame or None
        As of ``as_of``; None: purchases alone are known.
    tables : mapping of str to ibis.Table
        Canonical tables that features of an earlier date are built from.
    then : FeaturesAtCutoff
        How they are built.
    """

    days: ir.Table
    as_of: date
    features: pd.DataFrame | None = None
    tables: Mapping[str, ibis.Table] = field(default_factory=dict)
    then: FeaturesAtCutoff = FeaturesAtCutoff()
    _held: dict[date, pd.DataFrame] = field(default_factory=dict, repr=False)

    def known(self, when: date) -> pd.DataFrame:
        """Return what was known at a date of everybody who had bought, as ``learned.known_of`` gives it."""
        if when not in self._held:
            history = purchase_history(self.days, before=when)
            self._held[when] = known_of(history, self._features(when))
        return self._held[when]

    def outcome(self, when: date, *, window_days: int) -> np.ndarray:
        """Return the net spend of the same customers in the days from a date on."""
        ends = when + timedelta(days=window_days)
        return holdout(self.days, self.known(when), first=when, before=ends)["spend"].to_numpy(dtype=float)

    def _features(self, when: date) -> pd.DataFrame | None:
        if self.features is None or when == self.as_of:
            return self.features
        known, undated = dated_only(self.tables)  # what bears no date knows what came after
        return self.then.at(known, when, undated=undated)


def learn_until(
    past: Past, until: date, first: date, *, window_days: int, cut_offs: int, seed: int
) -> dict[str, Learned]:
    """Learn from cut-offs half a period apart, the latest one period before a date: nothing at or after it is read.

    Parameters
    ----------
    past : Past
    until : date
        What is known before it may be learned.
    first : date
        Of the first purchase of all: before a cut-off there must be half a period.
    window_days : int
        Length of the period in which spend is counted.
    cut_offs : int
        At most so many; 0: nothing is learned.
    seed : int

    Returns
    -------
    dict of Learned
        By the name of the learner (``LEARNERS``); empty where the history is too short, or too few bought.
    """
    step = max(1, int(window_days * LEAST_BEFORE))
    dates = [until - timedelta(days=window_days + step * number) for number in range(cut_offs)]
    dates = [when for when in dates if (when - first).days >= step]
    if not dates:
        return {}
    known = pd.concat([past.known(when) for when in dates], ignore_index=True)
    spend = np.concatenate([past.outcome(when, window_days=window_days) for when in dates])
    found = {name: learn_spend(known, spend, parts=parts, seed=seed) for name, parts in LEARNERS.items()}
    return {name: each for name, each in found.items() if each is not None}
