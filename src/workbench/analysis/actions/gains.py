"""What each action brings per customer, in money: measured by an experiment, assumed, or unknown.

Errors within one experiment are shared by all its customers, so an action's interval is the effect's times its
customers. What an experiment measured for tenths of its customers is shrunk towards the mean of the action. What
exported plans of an action changed since is pooled with the experiment that its gain names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from workbench.core.actions.definition import Action, Gain

__all__ = ["NOT_SHOWN", "ActionGain", "gains_of", "individual_gains"]

SHOWN, NOT_SHOWN, OPPOSITE = "shown", "not_shown", "opposite"
TREATED = "treat"  # arm of the experiment as which an exported plan comes back
_WIDTH = 1.959964  # half-widths of a 95 % interval, in standard errors


@dataclass(frozen=True)
class ActionGain:
    """The gain of one action per customer.

    Attributes
    ----------
    basis : str
        ``experiment``, ``assumption`` or ``none``.
    state : str
        ``shown``; ``not_shown`` (measured, and the interval does not rule out nothing), ``assumed``: these two are
        planned within ``explore_share``; ``due``: a service; or why it cannot be planned: ``opposite``,
        ``not_valid``, ``immature``, ``association``, ``gone`` (no such experiment or outcome), ``unknown`` (no gain
        is declared).
    mean, low, high : float
        Money per customer; bounds are missing where nothing was measured.
    experiment, arm, outcome : str
    n : int
        Customers of the experiments in both arms.
    experiments : tuple of str
        All experiments that were pooled, the oldest first: the one named by the action, then its exported plans.
    """

    basis: str
    state: str
    mean: float = 0.0
    low: float = float("nan")
    high: float = float("nan")
    experiment: str = ""
    arm: str = ""
    outcome: str = ""
    n: int = 0
    experiments: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The experiment, and how many exported plans were pooled with it."""
        more = len([name for name in self.experiments if name != self.experiment])
        return f"{self.experiment} (+{more})" if more else self.experiment

    @property
    def explores(self) -> bool:
        """Whether it is planned only within the share of the budget that is there to learn."""
        return self.state in ("assumed", NOT_SHOWN)

    @property
    def planned(self) -> bool:
        """Whether the optimum may plan it."""
        return self.mean > 0 and (self.explores or self.state == SHOWN)


def gains_of(actions: Mapping[str, Action], effects: pd.DataFrame, plans: Sequence[str] = ()) -> dict[str, ActionGain]:
    """Return the gain of every action.

    Parameters
    ----------
    actions : mapping of str to Action
    effects : DataFrame
        The table of 10: experiment, arm, outcome, group, n_treated, n_control, effect, low, high, adjusted_effect,
        adjusted_low, adjusted_high, verdict; may be empty.
    plans : sequence of str
        Ids of exported plans, the oldest first: each action came back as the experiment ``<plan>_<action>``.

    Returns
    -------
    dict of str to ActionGain
        A measured effect is the one adjusted by what was known before, where there is one. Several experiments of one
        action are pooled by random effects (DerSimonian and Laird 1986, Controlled Clinical Trials 7:177-188); what
        they show together is read from their 95 % interval.
    """
    overall = effects[effects["group"].isna()] if len(effects) else effects
    return {name: _gain_of(name, action, overall, plans) for name, action in actions.items()}


def _gain_of(name: str, action: Action, overall: pd.DataFrame, plans: Sequence[str]) -> ActionGain:
    gain = action.gain
    if gain is None:
        return ActionGain("none", "due" if action.due else "unknown")
    if gain.assumed is not None:
        return ActionGain("assumption", "assumed", gain.assumed)
    named = _measured(gain, overall)
    own = [
        _measured(gain.model_copy(update={"experiment": f"{plan}_{name}", "arm": TREATED}), overall) for plan in plans
    ]
    measured = [one for one in (named, *own) if one.state in (SHOWN, NOT_SHOWN, OPPOSITE)]
    return named if measured in ([], [named]) else _pooled(named, measured)


def _measured(gain: Gain, overall: pd.DataFrame) -> ActionGain:
    """Return what one experiment says of a gain."""
    names: dict[str, Any] = {"experiment": gain.experiment, "outcome": gain.outcome, "arm": gain.arm}
    row = _row_of(gain, overall)
    if row is None:
        return ActionGain("experiment", "gone", **names)
    names["arm"] = str(row["arm"])
    numbers = [row[f"adjusted_{name}"] for name in ("effect", "low", "high")]
    if any(pd.isna(number) for number in numbers):
        numbers = [row[name] for name in ("effect", "low", "high")]
    if any(pd.isna(number) for number in numbers):
        state = row["verdict"] if row["verdict"] not in (SHOWN, NOT_SHOWN) else "immature"
        return ActionGain("experiment", str(state), **names)
    mean, low, high = (float(number) * float(gain.worth or 0) for number in numbers)
    n = int(row["n_treated"]) + int(row["n_control"])
    experiments = (gain.experiment,)
    return ActionGain("experiment", str(row["verdict"]), mean, low, high, n=n, experiments=experiments, **names)


def _pooled(named: ActionGain, measured: Sequence[ActionGain]) -> ActionGain:
    """Pool what several experiments of an action measured."""
    means = np.array([one.mean for one in measured])
    variances = np.array([((one.high - one.low) / 2 / _WIDTH) ** 2 for one in measured])
    precise = variances == 0
    weights = precise.astype(float) if precise.any() else 1 / variances
    mean = float(weights @ means / weights.sum())
    spread = float(weights @ (means - mean) ** 2) - (len(measured) - 1)
    scale = float(weights.sum() - (weights**2).sum() / weights.sum())
    between = max(0.0, spread / scale) if scale > 0 and not precise.any() else 0.0
    weights = weights if precise.any() else 1 / (variances + between)
    mean = float(weights @ means / weights.sum())
    half = 0.0 if precise.any() else float(_WIDTH / np.sqrt(weights.sum()))
    low, high = mean - half, mean + half
    return replace(
        named, state=SHOWN if low > 0 else OPPOSITE if high < 0 else NOT_SHOWN, mean=mean, low=low, high=high,
        n=sum(one.n for one in measured), experiments=tuple(one.experiment for one in measured),
    )  # fmt: skip


def _row_of(gain: Gain, overall: pd.DataFrame) -> Mapping[str, Any] | None:
    """Return the effect that a gain names; None if it is not there, or if several arms have one and none is named."""
    if overall.empty:
        return None
    rows = overall[(overall["experiment"] == gain.experiment) & (overall["outcome"] == gain.outcome)]
    if gain.arm:
        rows = rows[rows["arm"] == gain.arm]
    return rows.iloc[0].to_dict() if len(rows) == 1 else None


def individual_gains(
    customers: np.ndarray, gain: ActionGain, worth: float, uplift: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return the gain of an action by customer, where the experiment showed that customers differ.

    Parameters
    ----------
    customers : ndarray of str
        Sorted.
    gain : ActionGain
    worth : float
        Money per unit of the outcome.
    uplift : DataFrame
        The table of 10: customer_id, experiment, arm, outcome, low, high: the interval of the customer's tenth.

    Returns
    -------
    (ndarray, ndarray, ndarray) or None
        Gain and its bounds, money, by the newest of the action's experiments that a customer was in. Customers who
        were in none have the mean of the action. None where nothing shows that customers differ.

    Notes
    -----
    The effect of a tenth is the middle of its interval. With m the mean, s_t the standard error of tenth t, and v the
    variance of the tenths beyond their errors (0 or more), a customer's gain is ``m + w (effect of the tenth - m)``
    with ``w = v / (v + s_t^2)`` (empirical Bayes), and its half-width ``sqrt(w h_t^2 + (1 - w)^2 h_m^2)``.
    """
    if uplift.empty or not gain.planned or gain.basis != "experiment":
        return None
    rows = _newest(uplift[uplift["outcome"] == gain.outcome], gain)
    if rows.empty:
        return None
    low, high = rows["low"].to_numpy(float) * worth, rows["high"].to_numpy(float) * worth
    middle, half = (low + high) / 2, (high - low) / 2
    weight = _weights(middle, half)
    shrunk = gain.mean + weight * (middle - gain.mean)
    at = np.searchsorted(customers, rows["customer_id"].to_numpy(dtype=customers.dtype))
    inside = at < len(customers)
    inside[inside] = customers[at[inside]] == rows["customer_id"].to_numpy(dtype=customers.dtype)[inside]
    means, lows, highs = (np.full(len(customers), number) for number in (gain.mean, gain.low, gain.high))
    below = np.sqrt(weight * half**2 + (1 - weight) ** 2 * (gain.mean - gain.low) ** 2)
    above = np.sqrt(weight * half**2 + (1 - weight) ** 2 * (gain.high - gain.mean) ** 2)
    means[at[inside]] = shrunk[inside]
    lows[at[inside]], highs[at[inside]] = (shrunk - below)[inside], (shrunk + above)[inside]
    return means, lows, highs


def _newest(uplift: pd.DataFrame, gain: ActionGain) -> pd.DataFrame:
    """Return one row per customer: of the newest experiment of the action."""
    age = {name: at for at, name in enumerate(gain.experiments or (gain.experiment,))}
    arm = uplift["experiment"].map(lambda name: gain.arm if name == gain.experiment else TREATED)
    rows = uplift[uplift["experiment"].isin(list(age)) & (uplift["arm"] == arm)].dropna(subset=["low", "high"])
    ordered = rows.assign(_age=rows["experiment"].map(age)).sort_values("_age", kind="stable")
    return ordered.drop_duplicates("customer_id", keep="last").drop(columns="_age")


def _weights(middle: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Return by customer how far the effect of the tenth counts against the mean, 0 to 1."""
    tenths = np.unique(np.column_stack([middle, half]), axis=0)
    errors = (tenths[:, 1] / _WIDTH) ** 2
    beyond = max(0.0, float(tenths[:, 0].var(ddof=1) - errors.mean())) if len(tenths) > 1 else 0.0
    total = beyond + (half / _WIDTH) ** 2
    return np.divide(beyond, total, out=np.zeros(len(total)), where=total > 0)
