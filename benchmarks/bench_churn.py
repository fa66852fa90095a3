"""Claim: the churn procedure costs little more than its bare fits, and scoring in batches keeps to 2 GB.

    python benchmarks/bench_churn.py [--customers 1000000] [--features 50] [--scored 10000000]

Customers are generated. The bare fits are those of the same pipelines with the same settings on the same rows, without
search bookkeeping, calibration, intervals, importance and alarms; measured in one call, on CPU seconds. Scoring runs
in a process of its own, whose peak memory is read. Exit code 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

MOST_OF_BARE, MOST_GB = 1.3, 2.0
HELD = 0.2  # of the training customers in the calibration and in the test period


def customers(n: int, features: int, seed: int) -> pd.DataFrame:
    """Generate customers whose leaving hangs on recency, on orders and on the channel they use."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({f"f{at:02}": rng.normal(size=n) for at in range(features - 4)})
    frame["recency_days"] = rng.integers(1, 60, n)
    frame["frequency_orders"] = rng.integers(1, 20, n)
    frame["tenure_days"] = frame["recency_days"] + rng.integers(1, 600, n)
    frame["channel"] = rng.choice(["app", "shop", "web"], n)
    odds = 0.07 * (frame["recency_days"] - 40) - 0.1 * frame["frequency_orders"] + 0.8 * (frame["channel"] == "web")
    frame["label"] = (rng.random(n) < 1 / (1 + np.exp(-odds - 0.4 * frame["f00"]))).astype(int)
    frame.insert(0, "customer_id", [f"c{at:08}" for at in range(n)])
    return frame


def train(n: int, features: int) -> float:
    """Return the ratio of the whole procedure to its bare fits, in CPU seconds."""
    from workbench.analysis.churn.candidates import SEARCHED
    from workbench.analysis.churn.columns import tidy
    from workbench.analysis.churn.fitting import Recipe, Training, fit_candidate, pinned
    from workbench.analysis.churn.models import fit_dated

    held = int(n * HELD)
    sizes = {"train": n, "calibrate": held, "test": held}
    periods = {name: customers(size, features, seed) for seed, (name, size) in enumerate(sizes.items())}
    begun = time.process_time()
    found = fit_dated(periods, seed=1)
    whole = time.process_time() - begun
    recipe = Recipe(found.columns, 1)
    frames = {name: tidy(each, found.columns) for name, each in periods.items()}
    begun = time.process_time()
    with pinned():
        rows = Training(frames["train"], periods["train"]["label"].to_numpy(), found.columns)
        for name in recipe.names:
            for settings in SEARCHED.get(name, ({},)):
                fit_candidate(name, recipe, rows, settings=settings)
        again = Training(frames["calibrate"], periods["calibrate"]["label"].to_numpy(), found.columns)
        fit_candidate(found.model.name, recipe, again, settings=found.model.settings)
    bare = time.process_time() - begun
    print(f"{n:,} customers x {features}: {whole:.1f} s, bare fits {bare:.1f} s, ratio {whole / bare:.2f}")
    print(f"chosen {found.model.name}, AUC {found.metrics['auc']:.3f}")
    return whole / bare


def score(n: int, features: int, folder: Path) -> None:
    """Score generated customers in batches, as ``workbench score`` does, and print the peak memory."""
    import ibis

    from workbench.analysis.churn.columns import choose_columns, tidy
    from workbench.analysis.churn.fitting import Recipe, Training, fit_candidate, pinned
    from workbench.analysis.churn.results import ChurnResult
    from workbench.analysis.churn.saved import pack_churn
    from workbench.analysis.churn.study import ChurnStudy
    from workbench.core.exports import export_batches
    from workbench.core.store import connect
    from workbench.run.scorers import prepare_churn
    from workbench.run.scoring import _batches, _schema

    known = customers(20_000, features, 0)
    columns = choose_columns(known)
    with pinned():
        rows = Training(tidy(known, columns), known["label"].to_numpy(), columns)
        model = fit_candidate("gradient_boosting", Recipe(columns), rows)
    result = ChurnResult("model", "random", {}, {}, model=model, model_version="bench", alarms=pd.DataFrame())
    saved = pack_churn(ChurnStudy("undated_labels", "model", result), known, as_of="", label_name="churn")
    engine = connect(memory_limit_gb=1.0)
    drawn = ", ".join(f"(hash(i + {at}) % 2000) / 1000.0 - 1 as f{at:02}" for at in range(features - 4))
    engine.raw_sql(
        f"copy (select 'c' || lpad(i::varchar, 8, '0') as customer_id, {drawn}, hash(i * 7) % 60 as recency_days, "
        "hash(i * 11) % 20 as frequency_orders, hash(i * 13) % 600 as tenure_days, "
        f"['app', 'shop', 'web'][1 + (hash(i * 17) % 3)::int] as channel from range({n}) t(i)) "
        f"to '{folder / 'features.parquet'}'"
    )
    table = engine.read_parquet(folder / "features.parquet")
    begun = time.perf_counter()
    prepared = prepare_churn(saved, {"features": ibis.expr.types.Table(table.op())}, None)
    schema = _schema("churn")
    written = export_batches(_batches(prepared, schema), schema, folder / "churn.parquet")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{written} {time.perf_counter() - begun:.1f} {peak:.3f}")


def main() -> int:
    """Measure both claims."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=50)
    parser.add_argument("--scored", type=int, default=10_000_000)
    parser.add_argument("--score-in", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.score_in:
        score(asked.scored, asked.features, asked.score_in)
        return 0
    missed = train(asked.customers, asked.features) > MOST_OF_BARE if asked.customers else False
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--scored", str(asked.scored), "--features", str(asked.features)]
        told = subprocess.run(
            [*command, "--score-in", folder], capture_output=True, text=True, check=True
        ).stdout.split()
    rows, seconds, peak = int(told[-3]), float(told[-2]), float(told[-1])
    print(f"scored {rows:,} customers in {seconds:.0f} s, peak {peak:.2f} GB")
    return int(missed or peak > MOST_GB or rows != asked.scored)


if __name__ == "__main__":
    sys.exit(main())
