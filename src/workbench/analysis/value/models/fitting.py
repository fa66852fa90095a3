"""Maximum likelihood for positive parameters, in log space, from several starts, with standard errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from threadpoolctl import threadpool_limits

from workbench.core.errors import DataError, Fault

__all__ = ["Fit", "Levels", "maximise"]

STEP = 1e-4  # step in log parameters, for finite differences of the gradient
SAME = 1e-3  # largest difference in log-likelihood between starts that agree
ROUGH = 20_000  # most rows for comparing the starts; the best is then optimised on all rows
WIDEST = 12.0  # bound on |log parameter|; a parameter at the bound is not identified


@dataclass(frozen=True)
class Fit:
    """A maximum of a likelihood.

    Attributes
    ----------
    parameters : dict of float
        By name, all positive.
    standard_errors : dict of float
        By name, by the delta method from the information in log space; NaN where the information is not positive
        definite.
    log_covariance : numpy.ndarray
        Of the logarithms of the parameters, in their order; NaN where not identified.
    log_likelihood : float
    customers : float
        Weight of the data.
    converged : bool
        The best start met the optimiser's tolerance and no parameter is at its bound.
    starts_agreeing, starts : int
        Number of starts within .001 of the best log-likelihood, and number of all starts; on a sample for large data.
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
        """Draw parameters from their normal approximation in log space; without one, repeat the estimate."""
        centre = np.log(list(self.parameters.values()))
        if np.isfinite(self.log_covariance).all():
            logs = rng.multivariate_normal(centre, self.log_covariance, size=count, method="eigh")
        else:
            logs = np.tile(centre, (count, 1))
        return dict(zip(self.parameters, np.exp(np.clip(logs, -WIDEST, WIDEST)).T, strict=True))


@dataclass(frozen=True)
class Levels:
    """A column with few distinct values; expensive functions are computed once per value.

    Attributes
    ----------
    values : numpy.ndarray
        The distinct values, ascending.
    place : numpy.ndarray
        Index of the value of each row.
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
        """Return the computed result of each row's value."""
        return computed[self.place]


def maximise(
    likelihood: Callable[[np.ndarray, slice], tuple[float, np.ndarray]],
    names: Sequence[str],
    starts: Sequence[Mapping[str, float]],
    *,
    weight: np.ndarray,
) -> Fit:
    """Find the maximum likelihood parameters.

    Parameters
    ----------
    likelihood : callable
        Parameters (positive, in the order of ``names``) and rows to log-likelihood and its gradient.
    names : sequence of str
    starts : sequence of mapping
        Starting parameters.
    weight : array
        Number of customers of each row.

    Returns
    -------
    Fit

    Raises
    ------
    DataError
        When no start leads to a finite likelihood.
    """
    customers, all_rows = float(weight.sum()), slice(None)
    subset = slice(None, None, max(1, len(weight) // ROUGH))
    logs = [np.log([start[name] for name in names]) for start in starts]
    results = [_optimise(likelihood, start, weight, subset) for start in logs]
    finite = [result for result in results if np.isfinite(result.fun)]
    if not finite:
        raise DataError(Fault("", f"no finite likelihood for {', '.join(names)}", "Purchases of several customers"))
    best = min(finite, key=lambda result: result.fun)
    agreeing = sum(bool((result.fun - best.fun) * weight[subset].sum() <= SAME) for result in finite)
    if subset.step > 1:
        best = _optimise(likelihood, best.x, weight, all_rows)
    objective = _objective(likelihood, customers, all_rows)
    covariance = _covariance(lambda logs: objective(logs)[1] * customers, best.x)
    parameters = np.exp(best.x)
    errors = parameters * np.sqrt(np.diag(covariance))
    return Fit(
        parameters=dict(zip(names, parameters.tolist(), strict=True)),
        standard_errors=dict(zip(names, errors.tolist(), strict=True)),
        log_covariance=covariance,
        log_likelihood=float(-best.fun * customers),
        customers=customers,
        converged=bool(_is_maximum(best) and np.abs(best.x).max() < WIDEST - 1e-6),
        starts_agreeing=agreeing,
        starts=len(starts),
    )


def _objective(likelihood: Callable, customers: float, rows: slice) -> Callable:
    def objective(logs: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = likelihood(np.exp(logs), rows)
        return -value / customers, -gradient * np.exp(logs) / customers

    return objective


def _optimise(likelihood: Callable, start: np.ndarray, weight: np.ndarray, rows: slice) -> OptimizeResult:
    """Optimise from one start on a subset of the rows."""
    objective = _objective(likelihood, float(weight[rows].sum()), rows)
    bounds = [(-WIDEST, WIDEST)] * len(start)
    options = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-7}
    with threadpool_limits(1):  # with so few parameters more threads would be slower
        return minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)


def _is_maximum(result: OptimizeResult) -> bool:
    """Return whether the optimiser stopped at a maximum: it reports success, or the gradient is near 0."""
    return bool(result.success) or float(np.abs(result.jac).max()) < 1e-5


def _covariance(gradient: Callable[[np.ndarray], np.ndarray], at: np.ndarray) -> np.ndarray:
    """Invert the second derivatives, computed as central differences of the gradient."""
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
