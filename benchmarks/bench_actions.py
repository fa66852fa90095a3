"""Claim: actions for a million customers are chosen in half a minute of CPU, within .05 % of the best possible.

    python benchmarks/bench_actions.py [--customers 1000000] [--actions 10] [--piece 2000000]

Gains differ by customer, six of ten pairs are allowed; a budget, a capacity per action, a channel and the share for
gains that nothing has shown limit the choice. Each size runs in a process of its own. Exit code 1 when a bound is
exceeded or a limit of the plan is.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time

import numpy as np

from workbench.analysis.actions.problem import Limit, Problem
from workbench.analysis.actions.solve import PIECE, choose_actions

MOST_SECONDS, MOST_MB, MOST_GAP = 30.0, 500.0, 5e-4
ALLOWED = 0.6
MEGABYTE = 2**10  # of kilobytes


def made_up(customers: int, actions: int, seed: int = 0) -> Problem:
    """Return customers with gains, costs and limits of a large plan."""
    draws = np.random.default_rng(seed)
    costs = np.round(draws.uniform(0.1, 5, actions), 2)
    strength = draws.uniform(0.5, 2, actions)
    values = np.empty((actions, customers))
    for at in range(actions):
        values[at] = draws.gamma(2, 6, customers) * strength[at] - costs[at]
        values[at, draws.random(customers) >= ALLOWED] = -np.inf
    at = np.arange(actions)
    limits = [Limit("budget", costs, 0.25 * customers), Limit("explore", costs * (at >= actions - 2), 0.05 * customers)]
    limits += [Limit(f"capacity.{one}", (at == one).astype(float), float(int(0.08 * customers))) for one in at]
    limits.append(Limit("channel.sms", (at % 3 == 0).astype(float), float(int(0.15 * customers))))
    return Problem(values, tuple(limits), draws.random(customers))


def measure(customers: int, actions: int, piece: int) -> dict[str, float]:
    """Choose actions once: seconds of CPU, peak memory in MB, gap, and how far a limit is exceeded."""
    problem = made_up(customers, actions)
    begun = time.process_time()
    choice = choose_actions(problem, piece=piece)
    seconds = time.process_time() - begun
    over = max(problem.used(choice.chosen) - np.array([limit.bound for limit in problem.limits]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE
    return {"seconds": seconds, "megabytes": peak, "gap": choice.gap, "over": max(0.0, float(over))}


def main() -> int:
    """Measure and print; 1 when a bound is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--actions", type=int, default=10)
    parser.add_argument("--piece", type=int, default=PIECE)
    options = parser.parse_args()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(measure, (options.customers, options.actions, options.piece))
    print(
        f"{options.customers:,} customers x {options.actions} actions: {found['seconds']:.1f} s of CPU, "
        f"{found['megabytes']:.0f} MB, gap {100 * found['gap']:.5f} %, limits exceeded by {found['over']:.6f}"
    )
    whole = options.customers <= PIECE  # beyond, memory is that of the customers themselves
    holds = found["seconds"] <= MOST_SECONDS and found["megabytes"] <= MOST_MB or not whole
    return 0 if holds and found["gap"] <= MOST_GAP and found["over"] <= 1e-6 * options.customers else 1


if __name__ == "__main__":
    sys.exit(main())
