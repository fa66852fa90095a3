"""Which traits go along with an outcome, how strongly, and which of them may only stand for something else.

Every trait is a yes or no: above the median of a number, or one value of a category. Its effect is the difference in
the outcome between those who have it and those who do not. These are associations; the check against recency, tenure
and spend finds those that likely stand for one of the three, not those that stand for something unmeasured.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

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
STRATA = 5  # fifths of the control
HALF = 0.5  # of its size an effect must keep
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
        Values of a category that are traits, the most frequent.
    least : int
        Traits that fewer customers have, or lack, are left out.

    Returns
    -------
    DataFrame, `EFFECT_COLUMNS`
        One row per trait, the largest standardised effect first: variable; value (of a category, or `UPPER_HALF`);
        threshold (the median that parts a number); n and n_rest; the mean outcome of both; difference with its 95 %
        interval (Welch); standardised (difference / standard deviation of the outcome); p_value and q_value
        (Benjamini-Hochberg); differs (q_value at most .05). control is the one of ``outcome.controls`` whose fifths
        change the difference most; adjusted is the mean difference within its fifths, weighted by
        n x n_rest / (n + n_rest); kept is adjusted / difference among the same customers. verdict of a trait that
        differs: ``reverses`` (adjusted has the other sign and its interval leaves 0 out), ``shrinks`` (less than half
        is kept), ``holds``; ``unclear`` where it does not differ, ``untested`` without controls.

    Notes
    -----
    B. L. Welch (1947). Stratification as in W. G. Cochran (1968), Biometrics 24:295-313: five strata remove about
    nine tenths of the bias of one confounder.
    """
    table = features.set_index("customer_id").loc[outcome.values.index]
    y = outcome.values.to_numpy()
    strata = {name: _fifths(table[name]) for name in outcome.controls}
    rows = [
        _effect(y, has, known, least) | {"variable": variable, "value": value, "threshold": threshold}
        | _adjust(y, has, known, {name: each for name, each in strata.items() if name != variable})
        for variable, value, threshold, has, known in _traits(table, outcome, top_values)
        if min((has & known).sum(), (~has & known).sum()) >= max(least, 2)
    ]  # fmt: skip
    found = pd.DataFrame(rows, columns=list(EFFECT_COLUMNS))
    spread = float(np.std(y, ddof=1)) if len(y) > 1 else 0.0
    q_value = benjamini_hochberg(found["p_value"].astype("float64"))
    found = found.assign(
        standardised=found["difference"].astype("float64") / (spread if spread > 0 else np.nan),
        q_value=q_value, differs=q_value <= FALSE_DISCOVERIES,
    )  # fmt: skip
    found = found.assign(verdict=[_verdict(row) for row in found.itertuples()])
    far = found["standardised"].abs().fillna(-1)
    order = found.assign(far=-far.round(12)).sort_values(["far", "variable", "value"], kind="stable").index
    return _typed(found.loc[order].reset_index(drop=True))


def no_effects() -> pd.DataFrame:
    """Return the table of effects without rows."""
    return _typed(pd.DataFrame(columns=list(EFFECT_COLUMNS)))


def _traits(
    table: pd.DataFrame, outcome: Outcome, top_values: int
) -> Iterator[tuple[str, str, float, np.ndarray, np.ndarray]]:
    kinds = variable_kinds(table, categorical=CODED_CATEGORIES)
    for name in outcome.variables:
        if kinds[name] == "numeric":
            numbers = table[name].astype("float64").to_numpy(na_value=np.nan)
            known = np.isfinite(numbers)
            middle = float(np.median(numbers[known])) if known.any() else np.nan
            yield name, UPPER_HALF, middle, np.where(known, numbers, -np.inf) > middle, known
        else:
            named = as_text(table[name])
            known = named.notna().to_numpy()
            for value in count_values(named).index[:top_values]:
                yield name, value, np.nan, (named == value).fillna(False).to_numpy(dtype=bool), known


def _effect(y: np.ndarray, has: np.ndarray, known: np.ndarray, least: int) -> dict[str, float]:
    from scipy.special import stdtr, stdtrit  # noqa: PLC0415  only here

    own, rest = y[has & known], y[~has & known]
    difference = own.mean() - rest.mean()
    a, b = own.var(ddof=1) / len(own), rest.var(ddof=1) / len(rest)
    error = np.sqrt(a + b)
    row = {"n": len(own), "n_rest": len(rest), "outcome": own.mean(), "rest_outcome": rest.mean()}
    if error == 0:
        return row | {"difference": difference, "p_value": float(difference == 0)}
    freedom = (a + b) ** 2 / (a**2 / (len(own) - 1) + b**2 / (len(rest) - 1))
    half = stdtrit(freedom, 0.5 + LEVEL / 2) * error
    ends = {"difference": difference, "low": difference - half, "high": difference + half}
    return row | ends | {"p_value": 2 * stdtr(freedom, -abs(difference / error))}


def _fifths(control: pd.Series) -> np.ndarray:
    """Part customers into fifths of a control by rank, equal values together; -1 where it is unknown."""
    numbers = control.astype("float64").to_numpy(na_value=np.nan)
    known = np.isfinite(numbers)
    rank = pd.Series(numbers[known]).rank(method="average", pct=True).to_numpy()
    strata = np.full(len(numbers), -1)
    strata[known] = np.minimum(np.ceil(rank * STRATA).astype(int), STRATA) - 1
    return strata


def _adjust(y: np.ndarray, has: np.ndarray, known: np.ndarray, strata: dict[str, np.ndarray]) -> dict[str, object]:
    """Return the adjustment that keeps least of the difference."""
    found = [_within(y, has, known & (stratum >= 0), stratum, name) for name, stratum in strata.items()]
    told = [each for each in found if each is not None]
    return min(told, key=lambda each: each["kept"]) if told else {}


def _within(
    y: np.ndarray, has: np.ndarray, known: np.ndarray, stratum: np.ndarray, name: str
) -> dict[str, object] | None:
    weights, gaps, errors = [], [], []
    for each in range(STRATA):
        own, rest = y[known & has & (stratum == each)], y[known & ~has & (stratum == each)]
        if min(len(own), len(rest)) > 1:
            weights.append(len(own) * len(rest) / (len(own) + len(rest)))
            gaps.append(own.mean() - rest.mean())
            errors.append(own.var(ddof=1) / len(own) + rest.var(ddof=1) / len(rest))
    crude = y[known & has].mean() - y[known & ~has].mean() if weights else 0.0
    if crude == 0:
        return None
    weight = np.array(weights) / np.sum(weights)
    adjusted = float(weight @ np.array(gaps))
    half = 1.959964 * float(np.sqrt(weight**2 @ np.array(errors)))
    ends = {"adjusted_low": adjusted - half, "adjusted_high": adjusted + half}
    return {"control": name, "adjusted": adjusted, **ends, "kept": adjusted / float(crude)}


def _verdict(row: object) -> str:
    if not row.differs:
        return "unclear"
    if pd.isna(row.kept):
        return "untested"
    away = (row.adjusted_low > 0) or (row.adjusted_high < 0)
    if row.kept < 0 and away:
        return "reverses"
    return "shrinks" if row.kept < HALF else "holds"


def _typed(found: pd.DataFrame) -> pd.DataFrame:
    texts = ("variable", "value", "control", "verdict")
    counts = {name: found[name].astype("Int64") for name in ("n", "n_rest")}
    words = {name: found[name].astype("str").where(found[name].notna()) for name in texts}
    rest = [name for name in EFFECT_COLUMNS if name not in (*texts, *counts, "differs")]
    numbers = {name: found[name].astype("float64") for name in rest}
    return found.assign(**counts, **words, **numbers, differs=found["differs"].astype(bool))
