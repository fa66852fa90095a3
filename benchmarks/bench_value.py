"""BG/NBD and Gamma-Gamma against lifetimes on the same customers: time, likelihood, memory.

`python benchmarks/bench_value.py [--customers 100000 1000000] [--lifetimes FOLDER]`. lifetimes 0.11.3 is archived
and not a dependency: install it separately (`pip install --target FOLDER --no-deps lifetimes==0.11.3 autograd dill`)
and name the folder; without it the rows that need it are skipped, with a message.
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
WORST_LIKELIHOOD = 0.01  # most by which ours may be lower
MOST_GB = 1.5


def main() -> int:
    """Generate customers, run both rivals, compare, print and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--lifetimes", type=Path)
    parser.add_argument("--rival", choices=("workbench", "lifetimes"), help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rival:
        return _measure(options.rival, options.data, options.lifetimes)
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        for customers in options.customers:
            data = Path(folder) / "customers.npz"
            _generate(data, customers)
            missed += _judge(
                customers, {name: _run(name, data, options.lifetimes) for name in _rivals(options.lifetimes)}, data
            )
    return int(missed > 0)


def _rivals(lifetimes: Path | None) -> list[str]:
    if lifetimes is None or not (lifetimes / "lifetimes").is_dir():
        print("lifetimes is not there (--lifetimes FOLDER): its rows are skipped")
        return ["workbench"]
    return ["workbench", "lifetimes"]


def _generate(path: Path, customers: int) -> None:
    """Draw purchases from BG/NBD over 78 weeks, dates in whole days, and spend from Gamma-Gamma."""
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
    """Run one rival in this process; print seconds, CPU seconds, peak memory and the fitted parameters."""
    arrays = np.load(path)
    x, t_x, t, spend = (arrays[name] for name in ("x", "t_x", "t", "spend"))
    work = _lifetimes(lifetimes) if rival == "lifetimes" else _workbench()
    start, cpu = time.perf_counter(), time.process_time()
    orders, worth = work(x, t_x, t, spend)
    figures = {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "orders": orders,
        "spend": worth,
    }
    print(json.dumps(figures | {"gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}))
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
    ours, claims = runs["workbench"], []
    for name, run in runs.items():
        figures = f"{run['seconds']:7.1f} s  cpu {run['cpu']:6.1f} s  peak {run['gb']:.2f} GB"
        print(f"{customers:>10,} customers  {name:<10} {figures}")
    if customers >= 1_000_000:  # noqa: PLR2004
        claims.append(("peak GB", ours["gb"], MOST_GB))
    if "lifetimes" in runs:
        rival = runs["lifetimes"]
        claims.append(("time / lifetimes", ours["seconds"] / rival["seconds"], SLOWEST))
        for kind, shortfall in _below(path, ours, rival).items():
            claims.append((f"{kind}: log-likelihood below that of lifetimes", shortfall, WORST_LIKELIHOOD))
    missed = 0
    for claim, figure, bound in claims:
        missed += figure > bound
        verdict = "held  " if figure <= bound else "MISSED"
        print(f"{verdict}  {customers:,} customers: {claim}: {figure:.4f} (at most {bound:g})")
    return missed


def _below(path: Path, ours: dict, rival: dict) -> dict[str, float]:
    """Return by how much our log-likelihood is below that of the rival, both by the same formula."""
    from workbench.analysis.value.models import bg_nbd, gamma_gamma  # noqa: PLC0415

    arrays = np.load(path)
    x, t_x, t, spend = (arrays[name] for name in ("x", "t_x", "t", "spend"))
    repeat_buyers = x > 0
    orders = [float(bg_nbd.log_likelihood(run["orders"], x, t_x, t).sum()) for run in (rival, ours)]
    worth = [
        float(gamma_gamma.log_likelihood(run["spend"], x[repeat_buyers], spend[repeat_buyers]).sum())
        for run in (rival, ours)
    ]
    return {"BG/NBD": orders[0] - orders[1], "Gamma-Gamma": worth[0] - worth[1]}


if __name__ == "__main__":
    sys.exit(main())
