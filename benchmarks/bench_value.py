"""BG/NBD and Gamma-Gamma against lifetimes on the same customers: time, likelihood, memory.

`python benchmarks/bench_value.py [--customers 100000 1000000] [--lifetimes FOLDER]`. lifetimes 0.11.3 is archived
and no dependency: install it apart (`pip install --target FOLDER --no-deps lifetimes==0.11.3 autograd dill`) and name
the folder; without it the rows that need it are left out and the script says so.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SLOWEST = 1.0  # times lifetimes
WORST_LIKELIHOOD = 0.01  # that ours may lie below
MOST_GB = 1.5


def main() -> int:
    """Generate, run both, compare, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--lifetimes", type=Path)
    parser.add_argument("--rival", choices=("workbench", "lifetimes"), help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.rival:
        return _measure(asked.rival, asked.data, asked.lifetimes)
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        for customers in asked.customers:
            data = Path(folder) / "customers.npz"
            _generate(data, customers)
            missed += _judge(
                customers, {name: _run(name, data, asked.lifetimes) for name in _rivals(asked.lifetimes)}, data
            )
    return int(missed > 0)


def _rivals(lifetimes: Path | None) -> list[str]:
    if lifetimes is None or not (lifetimes / "lifetimes").is_dir():
        print("lifetimes is not there (--lifetimes FOLDER): its rows are skipped")
        return ["workbench"]
    return ["workbench", "lifetimes"]


def _generate(path: Path, customers: int) -> None:
    """Let customers buy and stop as BG/NBD says, over 78 weeks, dates in whole days; spend as Gamma-Gamma says."""
    rng = np.random.default_rng(17)
    t = np.ceil(rng.uniform(26, 78, customers) * 7)
    rate, stop = rng.gamma(0.6, 1 / 8.0, customers) / 7, rng.beta(0.8, 3.0, customers)
    x, t_x, at, alive = np.zeros(customers), np.zeros(customers), np.zeros(customers), np.ones(customers, dtype=bool)
    while alive.any():
        at[alive] += np.ceil(rng.exponential(1 / np.maximum(rate[alive], 1e-9)))
        alive &= at <= t
        x[alive] += 1
        t_x[alive] = at[alive]
        alive &= rng.random(customers) >= stop
    scale = rng.gamma(4.0, 1 / 20.0, customers)
    spend = np.round(rng.gamma(5.0 * np.maximum(x, 1)) / (scale * np.maximum(x, 1)), 2)
    np.savez(path, x=x, t_x=t_x / 7, t=t / 7, spend=np.maximum(spend, 0.01))


def _run(rival: str, data: Path, lifetimes: Path | None) -> dict:
    command = [sys.executable, __file__, "--rival", rival, "--data", str(data)]
    command += ["--lifetimes", str(lifetimes)] if lifetimes else []
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def _measure(rival: str, path: Path, lifetimes: Path | None) -> int:
    """Run one rival in this process; print seconds, CPU seconds, peak memory and the parameters found."""
    held = np.load(path)
    x, t_x, t, spend = (held[name] for name in ("x", "t_x", "t", "spend"))
    work = _lifetimes(lifetimes) if rival == "lifetimes" else _workbench()
    start, cpu = time.perf_counter(), time.process_time()
    orders, worth = work(x, t_x, t, spend)
    told = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu, "orders": orders, "spend": worth}
    print(json.dumps(told | {"gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}))
    return 0


def _workbench():
    import pandas as pd  # noqa: PLC0415

    from workbench.analysis.value.models import gamma_gamma  # noqa: PLC0415
    from workbench.analysis.value.orders import fit_orders  # noqa: PLC0415

    def work(x, t_x, t, spend):
        history = pd.DataFrame({"repeats": x.astype(int), "last_weeks": t_x, "age_weeks": t})
        orders = fit_orders("bgnbd", history)
        return orders.parameters, gamma_gamma.fit(x[x > 0], spend[x > 0]).parameters

    return work


def _lifetimes(folder: Path):
    sys.path.append(str(folder))
    from lifetimes import BetaGeoFitter, GammaGammaFitter  # noqa: PLC0415

    def work(x, t_x, t, spend):
        orders, worth = BetaGeoFitter(), GammaGammaFitter()
        orders.fit(x, t_x, t)
        worth.fit(x[x > 0], spend[x > 0])
        return {k: float(v) for k, v in orders.params_.items()}, {k: float(v) for k, v in worth.params_.items()}

    return work


def _judge(customers: int, runs: dict[str, dict], path: Path) -> int:
    """Print each claim with its figure; return how many fail."""
    mine, claims = runs["workbench"], []
    for name, run in runs.items():
        said = f"{run['seconds']:7.1f} s  cpu {run['cpu']:6.1f} s  peak {run['gb']:.2f} GB"
        print(f"{customers:>10,} customers  {name:<10} {said}")
    if customers >= 1_000_000:  # noqa: PLR2004
        claims.append(("peak GB", mine["gb"], MOST_GB))
    if "lifetimes" in runs:
        other = runs["lifetimes"]
        claims.append(("time / lifetimes", mine["seconds"] / other["seconds"], SLOWEST))
        for kind, below in _below(path, mine, other).items():
            claims.append((f"{kind}: log-likelihood below that of lifetimes", below, WORST_LIKELIHOOD))
    missed = 0
    for claim, figure, bound in claims:
        missed += figure > bound
        verdict = "held  " if figure <= bound else "MISSED"
        print(f"{verdict}  {customers:,} customers: {claim}: {figure:.4f} (at most {bound:g})")
    return missed


def _below(path: Path, mine: dict, other: dict) -> dict[str, float]:
    """Return by how much our log-likelihood lies below that of the rival, both by the same formula."""
    from workbench.analysis.value.models import bg_nbd, gamma_gamma  # noqa: PLC0415

    held = np.load(path)
    x, t_x, t, spend = (held[name] for name in ("x", "t_x", "t", "spend"))
    some = x > 0
    orders = [float(bg_nbd.log_likelihood(run["orders"], x, t_x, t).sum()) for run in (other, mine)]
    worth = [float(gamma_gamma.log_likelihood(run["spend"], x[some], spend[some]).sum()) for run in (other, mine)]
    return {"BG/NBD": orders[0] - orders[1], "Gamma-Gamma": worth[0] - worth[1]}


if __name__ == "__main__":
    sys.exit(main())
