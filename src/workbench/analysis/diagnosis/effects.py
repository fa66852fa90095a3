"""Which traits are associated with an outcome, how strongly, and which are likely confounded.

Every trait is binary: above the median of a number, or one value of a category. Its effect is the difference in the
outcome between customers with and without it. These are associations; the adjustment for recency, tenure and spend
detects confounding by these three, not by anything unmeasured.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.analysis.description.variables import CODED_CATEGORIES, as_text, count_values, variable_kinds
from workbench.analysis.intervals import LEVEL, SMALL_CELL, benjamini_hochberg

if TYPE_CHECKING:
    from workbench.analysis.diagnosis.outcome import Outcome

__all__ = ["EFFECT_COLUMNS", "UPPER_HALF", "VERDICTS", "compare_outcome", "no_effects"]

UPPER_HALF = "upper_half"
VERDICTS = ("holds", "shrinks", "reverses", "unclear", "untested")
EFFECT_COLUMNS = (
    "variable", "value", "threshold", "n", "n_rest", "outcome", "rest_outcome", "difference", "low", "high",
    "standardised", "p_value", "q_value", "differs", "control", "adjusted", "adjusted_low", "adjusted_high", "kept",
    "verdict",
)  # fmt: skip
FALSE_DISCOVERIES = 0.05
STRATA = 5  # strata of a control variable: quintiles
HALF = 0.5  # share of a difference that must remain after adjustment for the verdict ``holds``
TOP_VALUES = 12


def compare_outcome(
    features: pd.DataFrame, outcome: Outcome, *, top_values: int = TOP_VALUES, least: int = SMALL_CELL
) -> pd.DataFrame:
    """Compare the outcome of customers with and without each trait.

    Parameters
    ----------
    features : DataFrame, one row per customer
    outcome : Outcome
    top_values : int
        Most values of a category used as traits, the most frequent first.
    least : int
        Traits are left out if fewer customers have them, or do not have them.

    Returns
    -------
    DataFrame, `EFFECT_COLUMNS`
        One row per trait, the largest standardised effect first: variable; value (of a category, or `UPPER_HALF`);
        threshold (the median that splits a number); n and n_rest; the mean outcome of both; difference with its 95 %
        interval (Welch); standardised (difference / standard deviation of the outcome); p_value and q_value
        (Benjamini-Hochberg); differs (q_value at most .05). control is the variable of ``outcome.controls``
        whose quintiles change the difference most; adjusted is the mean difference within these quintiles, weighted by
        n x n_rest / (n + n_rest); kept is adjusted / difference for the same customers. verdict of a trait that
        differs: ``reverses`` (adjusted has the opposite sign and its interval excludes 0), ``shrinks`` (kept is less
        than half), ``holds``; ``unclear`` where it does not differ, ``untested`` without controls.

    Notes
    -----
    B. L. Welch (1947). Stratification as in W. G. Cochran (1968), Biometrics 24:295-313: five strata remove about
    nine tenths of the bias of one confounder.
    """
    table = features.set_index("customer_id").loc[outcome.values.index]
    y = outcome.values.to_numpy()
    strata = {name: _quintiles(table[name]) for name in outcome.controls}
    rows = [
        _effect(y, has, is_known, least) | {"variable": variable, "value": value, "threshold": threshold}
        | _adjust(y, has, is_known, {name: stratum for name, stratum in strata.items() if name != variable})
        for variable, value, threshold, has, is_known in _traits(table, outcome, top_values)
        if min((has & is_known).sum(), (~has & is_known).sum()) >= max(least, 2)
    ]  # fmt: skip
    effects = pd.DataFrame(rows, columns=list(EFFECT_COLUMNS))
    sd = float(np.std(y, ddof=1)) if len(y) > 1 else 0.0
    q_value = benjamini_hochberg(effects["p_value"].astype("float64"))
    effects = effects.assign(
        standardised=effects["difference"].astype("float64") / (sd if sd > 0 else np.nan),
        q_value=q_value, differs=q_value <= FALSE_DISCOVERIES,
    )  # fmt: skip
    effects = effects.assign(verdict=[_verdict(row) for row in effects.itertuples()])
    size = effects["standardised"].abs().fillna(-1)
    order = effects.assign(size=-size.round(12)).sort_values(["size", "variable", "value"], kind="stable").index
    return _typed(effects.loc[order].reset_index(drop=True))


def no_effects() -> pd.DataFrame:
    """Return an empty table of effects."""
    return _typed(pd.DataFrame(columns=list(EFFECT_COLUMNS)))


def _traits(
    table: pd.DataFrame, outcome: Outcome, top_values: int
) -> Iterator[tuple[str, str, float, np.ndarray, np.ndarray]]:
    kinds = variable_kinds(table, categorical=CODED_CATEGORIES)
    for name in outcome.variables:
        if kinds[name] == "numeric":
            numbers = table[name].astype("float64").to_numpy(na_value=np.nan)
            is_known = np.isfinite(numbers)
            median = float(np.median(numbers[is_known])) if is_known.any() else np.nan
            yield name, UPPER_HALF, median, np.where(is_known, numbers, -np.inf) > median, is_known
        else:
            texts = as_text(table[name])
            is_known = texts.notna().to_numpy()
            for value in count_values(texts).index[:top_values]:
                yield name, value, np.nan, (texts == value).fillna(False).to_numpy(dtype=bool), is_known


def _effect(y: np.ndarray, has: np.ndarray, is_known: np.ndarray, least: int) -> dict[str, float]:
    from scipy.special import stdtr, stdtrit  # noqa: PLC0415  only here

    with_trait, without_trait = y[has & is_known], y[~has & is_known]
    difference = with_trait.mean() - without_trait.mean()
    variance_with, variance_without = (
        with_trait.var(ddof=1) / len(with_trait),
        without_trait.var(ddof=1) / len(without_trait),
    )
    error = np.sqrt(variance_with + variance_without)
    row = {
        "n": len(with_trait),
        "n_rest": len(without_trait),
        "outcome": with_trait.mean(),
        "rest_outcome": without_trait.mean(),
    }
    if error == 0:
        return row | {"difference": difference, "p_value": float(difference == 0)}
    freedom = (variance_with + variance_without) ** 2 / (
        variance_with**2 / (len(with_trait) - 1) + variance_without**2 / (len(without_trait) - 1)
    )
    half_width = stdtrit(freedom, 0.5 + LEVEL / 2) * error
    interval = {"difference": difference, "low": difference - half_width, "high": difference + half_width}
    return row | interval | {"p_value": 2 * stdtr(freedom, -abs(difference / error))}


def _quintiles(control: pd.Series) -> np.ndarray:
    """Split customers into quintiles of a control by rank, equal values together; -1 for missing values."""
    numbers = control.astype("float64").to_numpy(na_value=np.nan)
    is_known = np.isfinite(numbers)
    rank = pd.Series(numbers[is_known]).rank(method="average", pct=True).to_numpy()
    strata = np.full(len(numbers), -1)
    strata[is_known] = np.minimum(np.ceil(rank * STRATA).astype(int), STRATA) - 1
    return strata


def _adjust(y: np.ndarray, has: np.ndarray, is_known: np.ndarray, strata: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return the adjustment that leaves the smallest part of the difference."""
    within = (_within(y, has, is_known & (stratum >= 0), stratum, name) for name, stratum in strata.items())
    adjustments = [adjustment for adjustment in within if adjustment is not None]
    return min(adjustments, key=itemgetter("kept")) if adjustments else {}


def _within(
    y: np.ndarray, has: np.ndarray, is_known: np.ndarray, stratum: np.ndarray, name: str
) -> dict[str, Any] | None:
    weights, differences, errors = [], [], []
    for level in range(STRATA):
        with_trait, without_trait = y[is_known & has & (stratum == level)], y[is_known & ~has & (stratum == level)]
        if min(len(with_trait), len(without_trait)) > 1:
            weights.append(len(with_trait) * len(without_trait) / (len(with_trait) + len(without_trait)))
            differences.append(with_trait.mean() - without_trait.mean())
            errors.append(with_trait.var(ddof=1) / len(with_trait) + without_trait.var(ddof=1) / len(without_trait))
    crude = y[is_known & has].mean() - y[is_known & ~has].mean() if weights else 0.0
    if crude == 0:
        return None
    weight = np.array(weights) / np.sum(weights)
    adjusted = float(weight @ np.array(differences))
    half_width = 1.959964 * float(np.sqrt(weight**2 @ np.array(errors)))
    interval = {"adjusted_low": adjusted - half_width, "adjusted_high": adjusted + half_width}
    return {"control": name, "adjusted": adjusted, **interval, "kept": adjusted / float(crude)}


def _verdict(row: Any) -> str:
    if not row.differs:
        return "unclear"
    if pd.isna(row.kept):
        return "untested"
    excludes_zero = (row.adjusted_low > 0) or (row.adjusted_high < 0)
    if row.kept < 0 and excludes_zero:
        return "reverses"
    return "shrinks" if row.kept < HALF else "holds"


def _typed(effects: pd.DataFrame) -> pd.DataFrame:
    texts = ("variable", "value", "control", "verdict")
    counts = {name: effects[name].astype("Int64") for name in ("n", "n_rest")}
    text_columns = {name: effects[name].astype("str").where(effects[name].notna()) for name in texts}
    number_names = [name for name in EFFECT_COLUMNS if name not in (*texts, *counts, "differs")]
    numbers = {name: effects[name].astype("float64") for name in number_names}
    return effects.assign(**counts, **text_columns, **numbers, differs=effects["differs"].astype(bool))
