"""Claim: effects cost little more than the SQL of their means and variances, uplift little more than its bare fits.

    python benchmarks/bench_experiments.py [--customers 1000000] [--uplift 200000] [--rounds 3]

Customers are generated. Effects: 20 outcomes of 5 arms and a control, from columns in memory to differences, intervals,
p-values and corrections; the rival is DuckDB's count, mean and variance by arm of a table in memory, on one thread too.
Uplift: the rankings of 30 columns with their Qini coefficients and intervals; the rival is the fits that they need, of
the same models on the same folds, without predictions. Each part runs in a process of its own held to one thread; what
is compared is the quickest of the rounds in processor time. Exit code 1 when a target is missed or a mean differs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

MOST_OF_SQL, MOST_OF_FITS = 1.5, 1.3
OUTCOMES, ARMS, COLUMNS, BOOTSTRAPS = 20, 5, 30, 200
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}


def write_customers(path: Path, n: int) -> None:
    """Write an experiment: arm (0 is the control) and its outcomes, half of them rates, with a few missing."""
    draws = np.random.default_rng(1)
    frame = pd.DataFrame({"arm": draws.integers(0, ARMS + 1, n).astype("int8")})
    for at in range(OUTCOMES):
        values = draws.gamma(2, 10, n) if at % 2 else (draws.random(n) < 0.1).astype(float)
        values[draws.random(n) < 0.01] = np.nan
        frame[f"y{at:02}"] = values
    frame.to_parquet(path, index=False)


def run_effects(path: str) -> None:
    """Compare every arm with the control; print CPU seconds and the sum of all means."""
    import pyarrow.parquet as pq

    from workbench.analysis.experiments.statistics.effects import compare
    from workbench.analysis.experiments.statistics.multiple_tests import correct
    from workbench.analysis.experiments.statistics.samples import arm_slices, samples_by_arm

    frame = pq.read_table(path).to_pandas()
    begun = time.process_time()
    codes = frame["arm"].to_numpy()
    slices = arm_slices(codes, ARMS + 1)
    rows, means = [], 0.0
    for at in range(OUTCOMES):
        samples = samples_by_arm(frame[f"y{at:02}"].to_numpy(), codes, ARMS + 1, slices=slices)
        means += sum(sample.mean for sample in samples)
        effects = [compare(samples[arm], samples[0]) for arm in range(1, ARMS + 1)]
        rows += [{"primary": at == 0, "p_value": effect.p_value} for effect in effects]
    correct(pd.DataFrame(rows))
    print(f"{time.process_time() - begun:.3f} {means:.6f}")


def run_sql(path: str) -> None:
    """Run count, mean and variance by arm in DuckDB; print CPU seconds and the sum of all means."""
    import duckdb

    engine = duckdb.connect(config={"threads": 1})
    # the missing values of the file are NaN, which SQL would count as numbers
    values = ", ".join(f"CASE WHEN isnan(y{at:02}) THEN NULL ELSE y{at:02} END AS y{at:02}" for at in range(OUTCOMES))
    engine.execute(f"CREATE TABLE customers AS SELECT arm, {values} FROM '{path}'")
    columns = ", ".join(f"count(y{at:02}), avg(y{at:02}), var_samp(y{at:02})" for at in range(OUTCOMES))
    begun = time.process_time()
    rows = engine.execute(f"SELECT arm, {columns} FROM customers GROUP BY arm").fetchall()
    means = sum(sum(row[2::3]) for row in rows)
    print(f"{time.process_time() - begun:.3f} {means:.6f}")


def customers_to_rank(n: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Generate customers whose chance to buy is raised for some of them."""
    draws = np.random.default_rng(2)
    features = pd.DataFrame(draws.normal(size=(n, COLUMNS)), columns=[f"f{at:02}" for at in range(COLUMNS)])
    treated = draws.random(n) < 0.5
    chance = 0.1 + 0.05 * (features["f00"] > 0) + 0.06 * treated * (features["f01"] > 0)
    return features, (draws.random(n) < chance.to_numpy()).astype(float), treated


def run_rankings(n: str) -> None:
    """Rank customers by uplift, with Qini coefficients and intervals; print CPU seconds."""
    from workbench.analysis.experiments.targeting.uplift import rank_by_uplift

    features, values, treated = customers_to_rank(int(n))
    begun = time.process_time()
    ranked = {rank.name: rank for rank in rank_by_uplift(features, values, treated, n_bootstraps=BOOTSTRAPS, seed=1)}
    print(f"{time.process_time() - begun:.2f} {ranked['t_learner'].qini:.5f}")


def run_fits(n: str) -> None:
    """Fit the same models on the same folds; print CPU seconds."""
    from sklearn.model_selection import StratifiedKFold

    from workbench.analysis.experiments.targeting.uplift import FOLDS, new_model
    from workbench.analysis.threads import one_thread

    features, values, treated = customers_to_rank(int(n))
    numbers = features.to_numpy(float)
    begun = time.process_time()
    with one_thread():
        for kept, _ in StratifiedKFold(FOLDS, shuffle=True, random_state=1).split(numbers, treated):
            new_model(values, 1).fit(np.column_stack([numbers[kept], treated[kept]]), values[kept])
            for arm in (True, False):
                rows = kept[treated[kept] == arm]
                new_model(values, 1).fit(numbers[rows], values[rows])
    print(f"{time.process_time() - begun:.2f} 0")


RUNS = {"effects": run_effects, "sql": run_sql, "rankings": run_rankings, "fits": run_fits}


def quickest(part: str, argument: str, rounds: int) -> tuple[float, float]:
    """Run a part several times, each in a process of its own; return the fewest CPU seconds and its figure."""
    found = []
    for _ in range(rounds):
        command = [sys.executable, __file__, "--part", part, argument]
        lines = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | ONE_THREAD)
        found.append(tuple(float(word) for word in lines.stdout.split()))
    return min(found)  # type: ignore[return-value]


def main() -> int:
    """Measure both claims and print their ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--uplift", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", nargs=2)
    options = parser.parse_args()
    if options.part:
        RUNS[options.part[0]](options.part[1])
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "customers.parquet"
        write_customers(path, options.customers)
        own, rival = (quickest(part, str(path), options.rounds) for part in ("effects", "sql"))
    same = abs(own[1] - rival[1]) < 1e-6 * abs(rival[1])
    ratio = own[0] / rival[0]
    print(
        f"effects: {own[0]:.2f} s, SQL {rival[0]:.2f} s, ratio {ratio:.2f} (at most {MOST_OF_SQL}), means equal: {same}"
    )
    ranked, fitted = (quickest(part, str(options.uplift), max(1, options.rounds - 1)) for part in ("rankings", "fits"))
    share = ranked[0] / fitted[0]
    print(f"uplift: {ranked[0]:.1f} s, bare fits {fitted[0]:.1f} s, ratio {share:.2f} (at most {MOST_OF_FITS})")
    return 0 if ratio <= MOST_OF_SQL and share <= MOST_OF_FITS and same else 1


if __name__ == "__main__":
    sys.exit(main())
