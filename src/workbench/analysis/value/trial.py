"""Test of the value models: fit up to a cut-off, test on the following period, choose the best one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd

from workbench.analysis.value.baselines import line_of_spend, naive_spend
from workbench.analysis.value.history import DAYS_A_WEEK, holdout, purchase_history
from workbench.analysis.value.judging import deviance, errors, gini, loss_difference
from workbench.analysis.value.learning import Past, learn_until
from workbench.analysis.value.models import gamma_gamma
from workbench.analysis.value.orders import ORDER_MODELS, expect, fit_orders, naive_orders
from workbench.analysis.value.worth import Spend, Terms

if TYPE_CHECKING:
    from workbench.analysis.value.learned import Learned
    from workbench.analysis.value.models.fitting import Fit

__all__ = ["LEAST_REPEATERS", "Case", "Tested", "fit_spend", "kept_shares", "net_share", "try_models"]

LEAST_REPEATERS = 30  # fewest customers with a repeat purchase day
LEAST_COSTED = 0.5  # share of net spend with known cost required for a margin


@dataclass(frozen=True)
class Case:
    """Histories for the fit (before), outcomes for the test (later), and histories for the final values (whole)."""

    days: ir.Table
    whole: pd.DataFrame
    before: pd.DataFrame
    later: pd.DataFrame
    split: date
    as_of: date
    terms: Terms
    past: Past
    learn_cut_offs: int = 2
    choose_by: str = "deviance"

    @property
    def weeks(self) -> float:
        """Length of the test period."""
        return (self.as_of - self.split).days / DAYS_A_WEEK

    @property
    def window_days(self) -> int:
        """Period of the learners in days: the horizon, but at most the length of the test period."""
        return min((self.as_of - self.split).days, round(self.terms.weeks * DAYS_A_WEEK))

    def learn(self, until: date) -> dict[str, Learned]:
        """Return the learners trained on data before a date, by name."""
        first = self.whole["first_on"].min().date()
        return learn_until(
            self.past,
            until,
            first,
            window_days=self.window_days,
            cut_offs=self.learn_cut_offs,
            seed=self.terms.seed,
        )


@dataclass(frozen=True)
class Tested:
    """Results of the test period: fits, errors, the chosen model and the predictions of spend."""

    fits: dict[str, Fit]
    spend: Spend
    errors: pd.DataFrame
    order_model: str
    orders: dict[str, np.ndarray]
    money: dict[str, np.ndarray]
    chosen: str
    reasons: dict[str, float]


def try_models(case: Case) -> Tested:
    """Fit every model to the data before the cut-off and test it on the period after."""
    before = case.before
    ordered, spent = (case.later[name].to_numpy(dtype=float) for name in ("orders", "spend"))
    fits = {model: fit_orders(model, before) for model in ORDER_MODELS}
    spend = fit_spend(before)
    predicted = {model: expect(model, fit, before, weeks=case.weeks) for model, fit in fits.items()}
    predicted["naive"] = naive_orders(before, weeks=case.weeks)
    orders = _table_of_errors("orders", predicted, ordered)
    model = _choose(orders, fits)
    money, learners = _predict_spend(case, {model: predicted[model]}, spend)
    table = pd.concat([orders, _table_of_errors("spend", money, spent)], ignore_index=True)
    chosen, reasons = _learner_wins(money, spent, model, learners, case)
    return Tested(fits, spend, table, model, predicted, money, chosen, reasons)


def _table_of_errors(target: str, predicted: Mapping[str, np.ndarray], observed: np.ndarray) -> pd.DataFrame:
    rows = [
        {
            "model": model, "target": target, **errors(forecast, observed),
            "gini": gini(forecast, observed), "deviance": deviance(forecast, observed),
        }
        for model, forecast in predicted.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _choose(orders: pd.DataFrame, fits: Mapping[str, Fit]) -> str:
    """Choose the converged order model with the smallest squared error in the test period."""
    converged = [model for model, fit in fits.items() if fit.converged] or list(fits)
    ranked = orders[orders["model"].isin(converged)].sort_values(["rmse", "model"])
    return str(ranked["model"].iloc[0])


def _predict_spend(
    case: Case, orders: Mapping[str, np.ndarray], spend: Spend
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Predict the spend in the test period by the chosen order model, every baseline and every learner."""
    before = case.before
    predictions = {model: expected * spend.per_order(before) * net_share(case) for model, expected in orders.items()}
    predictions["naive"] = naive_spend(before, weeks=case.weeks)
    earlier_split = case.split - (case.as_of - case.split)
    if earlier_split > before["first_on"].min().date():
        earlier = purchase_history(case.days, before=earlier_split)
        target = holdout(case.days, earlier, first=earlier_split, before=case.split)["spend"].to_numpy(dtype=float)
        predictions["straight_line"] = line_of_spend(earlier, target, before)
    learned = case.learn(case.split)
    ratio = (case.as_of - case.split).days / case.window_days
    predictions |= {
        name: learner.predict(case.past.predictors(case.split)) * ratio for name, learner in learned.items()
    }
    return predictions, list(learned)


def net_share(case: Case) -> float:
    """Return the share of payments left after returns, as of the cut-off."""
    return kept_shares(case.days.filter(case.days.day < case.split))["net_share"]


def _learner_wins(
    money: Mapping[str, np.ndarray], observed: np.ndarray, model: str, learners: Sequence[str], case: Case
) -> tuple[str, dict[str, float]]:
    """Choose between orders times spend and the learners.

    A learner wins if its loss is smaller by more than one standard error and its mean absolute error is not larger.
    """
    chosen = model
    reasons: dict[str, float] = {}
    model_error = np.abs(money[model] - observed).mean()
    for name in learners:
        difference, error = loss_difference(
            money[name], money[model], observed, by=case.choose_by, seed=case.terms.seed
        )
        reasons |= {f"{name}_loss_less": difference, f"{name}_loss_error": error}
        is_no_worse = np.abs(money[name] - observed).mean() <= model_error
        if is_no_worse and difference < -error and difference < reasons.get(f"{chosen}_loss_less", 0.0):
            chosen = name
    return chosen, reasons


def fit_spend(history: pd.DataFrame) -> Spend:
    """Fit Gamma-Gamma to repeat customers; with too few of them, or no finite mean, use the mean of all customers."""
    mean = round(float(history["spend_total"].sum() / (history["repeats"] + 1).sum()), 9)
    paying = history[history["paid_repeats"] > 0]
    if len(paying) < LEAST_REPEATERS or paying["spend_repeat_mean"].nunique() < LEAST_REPEATERS // 2:
        return Spend(None, mean)
    fit = gamma_gamma.fit(paying["paid_repeats"].to_numpy(float), paying["spend_repeat_mean"].to_numpy(float))
    return Spend(fit if fit.converged and fit.parameters["q"] > 1 else None, mean)


def kept_shares(days: ir.Table) -> dict[str, Any]:
    """Return the shares of payments on purchase days left after returns, and after the cost of goods."""
    sums = {"paid": days.net.sum(where=days.bought & (days.net > 0)), "net": days.net.sum()}
    if "cost" in days.columns:
        sums |= {"cost": days.cost.sum(), "costed": days.costed.sum()}
    totals = {name: float(value or 0) for name, value in days.aggregate(**sums).to_pyarrow().to_pylist()[0].items()}
    costed_share = totals.get("costed", 0.0) / totals["net"] if totals["net"] > 0 else 0.0
    margin = 1 - totals["cost"] / totals["costed"] if costed_share > LEAST_COSTED else 1.0
    net_share = min(max(totals["net"] / totals["paid"], 0.0), 1.0) if totals["paid"] > 0 else 1.0
    return {"net_share": round(net_share, 9), "margin": round(margin, 9), "margin_known": costed_share > LEAST_COSTED}
