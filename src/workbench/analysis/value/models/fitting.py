"""Maximum likelihood for positive parameters: in log space, from several starts, with gradients and standard errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from threadpoolctl import threadpool_limits

from workbench.core.errors import DataError, Fault

__all__ = ["Fit", "Levels", "maximise"]

STEP = 1e-4  # in log parameters, for the differences of the gradient
SAME = 1e-3  # log-likelihood within which two starts have found the same top
ROUGH = 20_000  # rows on which the starts compete; the winner is carried to the top on all rows
WIDEST = 12.0  # bound on |log parameter|: beyond it a parameter is not identified


@dataclass(frozen=True)
class Fit:
    """A maximum of a likelihood.

    Attributes
    ----------
    parameters : dict of float
        By name, all positive.
    standard_errors : dict of float
        By name, by the delta method from the information in log space; NaN where it is not positive definite.
    log_covariance : numpy.ndarray
        Of the logarithms of the parameters, in their order; NaN where not identified.
    log_likelihood : float
    customers : float
        Weight of the data.
    converged : bool
        The best start met the optimiser's tolerance and no parameter ran to its bound.
    starts_agreeing, starts : int
        How many starts came within .001 of the best log-likelihood, of how many; on a sample where there are many rows.
    """

    parameters: dict[str, float]
    standard_errors: dict[str, float]
    log_covariance: np.ndarray
    log_likelihood: float
    customers: float
    converged: bool
    starts_agreeing: int
    starts: int

    def draw(self, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draw parameters from their normal approximation in log space; the estimate itself where it has none."""
        centre = np.log(list(self.parameters.values()))
        if np.isfinite(self.log_covariance).all():
            logs = rng.multivariate_normal(centre, self.log_covariance, size=count, method="eigh")
        else:
            logs = np.tile(centre, (count, 1))
        return dict(zip(self.parameters, np.exp(np.clip(logs, -WIDEST, WIDEST)).T, strict=True))


@dataclass(frozen=True)
class Levels:
    """A column in which few values repeat: what costs much is computed once per value.

    Attributes
    ----------
    values : numpy.ndarray
        The distinct values, ascending.
    place : numpy.ndarray
        Which of them stands in each row.
    """

    values: np.ndarray
    place: np.ndarray

    @classmethod
    def of(cls, column: np.ndarray) -> Levels:
        """Find the distinct values of a column."""
        return cls(*np.unique(np.asarray(column, dtype=float), return_inverse=True))

    def __getitem__(self, rows: slice) -> Levels:
        return Levels(self.values, self.place[rows])

    def __call__(self, computed: np.ndarray) -> np.ndarray:
        """Give every row what was computed of its value."""
        return computed[self.place]


def maximise(
    likelihood: Callable[[np.ndarray, slice], tuple[float, np.ndarray]],
    names: Sequence[str],
    starts: Sequence[Mapping[str, float]],
    *,
    weight: np.ndarray,
) -> Fit:
    """Find the parameters that make the data most likely.

    Parameters
    ----------
    likelihood : callable
        Parameters (positive, in the order of ``names``) and rows to log-likelihood and its gradient.
    names : sequence of str
    starts : sequence of mapping
        Parameters to start from.
    weight : array
        How many customers each row stands for.

    Returns
    -------
    Fit

    Raises
    ------
    DataError
        No start leads to a finite likelihood.
    """
    customers, everybody = float(weight.sum()), slice(None)
    some = slice(None, None, max(1, len(weight) // ROUGH))
    logs = [np.log([start[name] for name in names]) for start in starts]
    found = [_climb(likelihood, each, weight, some) for each in logs]
    finite = [each for each in found if np.isfinite(each.fun)]
    if not finite:
        raise DataError(Fault("", f"no finite likelihood for {', '.join(names)}", "Purchases of several customers"))
    best = min(finite, key=lambda each: each.fun)
    agreeing = sum(bool((each.fun - best.fun) * weight[some].sum() <= SAME) for each in finite)
    if some.step > 1:
        best = _climb(likelihood, best.x, weight, everybody)
    objective = _objective(likelihood, customers, everybody)
    covariance = _covariance(lambda at: objective(at)[1] * customers, best.x)
    parameters = np.exp(best.x)
    errors = parameters * np.sqrt(np.diag(covariance))
    return Fit(
        parameters=dict(zip(names, parameters.tolist(), strict=True)),
        standard_errors=dict(zip(names, errors.tolist(), strict=True)),
        log_covariance=covariance,
        log_likelihood=float(-best.fun * customers),
        customers=customers,
        converged=bool(_is_top(best) and np.abs(best.x).max() < WIDEST - 1e-6),
        starts_agreeing=agreeing,
        starts=len(starts),
    )


def _objective(likelihood: Callable, customers: float, rows: slice) -> Callable:
    def objective(logs: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = likelihood(np.exp(logs), rows)
        return -value / customers, -gradient * np.exp(logs) / customers

    return objective


def _climb(likelihood: Callable, start: np.ndarray, weight: np.ndarray, rows: slice) -> OptimizeResult:
    """Climb from one start over some of the rows."""
    objective = _objective(likelihood, float(weight[rows].sum()), rows)
    bounds = [(-WIDEST, WIDEST)] * len(start)
    options = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-7}
    with threadpool_limits(1):  # four numbers: threads would only wait for each other
        return minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)


def _is_top(found: OptimizeResult) -> bool:
    """Tell whether the optimiser stopped at a top: by its own word, or with a gradient next to nothing."""
    return bool(found.success) or float(np.abs(found.jac).max()) < 1e-5


def _covariance(gradient: Callable[[np.ndarray], np.ndarray], at: np.ndarray) -> np.ndarray:
    """Invert the second derivatives, taken as central differences of the gradient."""
    columns = []
    for index in range(len(at)):
        step = np.zeros(len(at))
        step[index] = STEP
        columns.append((gradient(at + step) - gradient(at - step)) / (2 * STEP))
    information = (np.array(columns) + np.array(columns).T) / 2
    values, vectors = np.linalg.eigh(information)
    if not (np.isfinite(values).all() and values.min() > 1e-8 * values.max()):
        return np.full((len(at), len(at)), np.nan)
    return (vectors / values) @ vectors.T
