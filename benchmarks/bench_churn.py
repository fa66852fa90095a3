"""Claim: the churn procedure costs little more than its bare fits, and scoring in batches keeps to 2 GB.

    python benchmarks/bench_churn.py [--customers 1000000] [--features 50] [--scored 10000000]

Customers are generated. The bare fits are those that the procedure needs: every candidate with every setting
it searches on the training customers, and the chosen one on the latest; without predictions, calibration,
intervals, importance, alarms and tests at further cut-offs. The procedure and its rival run side by side, each in a
process of its own held to one thread, on the same customers; what is compared is their processor time. Scoring follows
in a process whose peak memory is read. Exit code 1 when a target is missed.
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
PARTS = ("procedure", "bare")
CHOSEN = "logistic"  # the generated risk is a logistic curve, so the simplest model that fits it is chosen
HELD = 0.2  # of the training customers in the calibration and in the test period


def customers(n: int, features: int, seed: int) -> pd.DataFrame:
    """Generate customers whose leaving depends on recency, orders and channel."""
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


def periods_of(n: int, features: int) -> dict[str, pd.DataFrame]:
    """Generate the customers of the training, the calibration and the test period."""
    sizes = {"train": n, "calibrate": int(n * HELD), "test": int(n * HELD)}
    return {name: customers(size, features, seed) for seed, (name, size) in enumerate(sizes.items())}


def run_procedure(n: int, features: int) -> None:
    """Run the whole procedure; print CPU seconds, the candidate chosen, its AUC and the peak memory."""
    from workbench.analysis.churn.models.search import fit_dated

    periods = periods_of(n, features)
    begun = time.process_time()
    result = fit_dated(periods, seed=1)
    spent = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{spent:.2f} {result.model.name} {result.metrics['auc']:.4f} {peak:.2f}")


def run_bare(n: int, features: int) -> None:
    """Run the fits alone, the final one of the candidate that is chosen here; print CPU seconds."""
    from workbench.analysis.churn.models.candidates import SEARCHED
    from workbench.analysis.churn.models.fitting import Recipe, Training, fit_candidate, pinned
    from workbench.analysis.churn.models.results import common_columns
    from workbench.analysis.model_columns import tidy

    periods = periods_of(n, features)
    recipe = Recipe(common_columns(periods), 1)
    frames = {name: tidy(frame, recipe.columns) for name, frame in periods.items()}
    begun = time.process_time()
    with pinned():
        rows = Training(frames["train"], periods["train"]["label"].to_numpy(), recipe.columns)
        for name in recipe.names:
            for settings in SEARCHED.get(name, ({},)):
                fit_candidate(name, recipe, rows, settings=settings)
        latest = Training(frames["calibrate"], periods["calibrate"]["label"].to_numpy(), recipe.columns)
        fit_candidate(CHOSEN, recipe, latest)
    print(f"{time.process_time() - begun:.2f}")


def train(n: int, features: int) -> float:
    """Return the ratio of the whole procedure to its bare fits, in CPU seconds."""
    command = [sys.executable, __file__, "--customers", str(n), "--features", str(features), "--part"]
    begun = time.perf_counter()
    running = [subprocess.Popen([*command, part], stdout=subprocess.PIPE, text=True) for part in PARTS]
    outputs = [process.communicate()[0].split() for process in running]
    if any(process.returncode for process in running):
        raise SystemExit("a rival failed; see above")
    (whole, chosen, area, peak), (bare, *_) = outputs
    ratio = float(whole) / float(bare)
    print(f"{n:,} customers x {features}: {whole} s of CPU, bare fits {bare} s, ratio {ratio:.2f}; "
          f"peak {peak} GB; side by side in {time.perf_counter() - begun:.0f} s")  # fmt: skip
    note = "" if chosen == CHOSEN else f"; the final bare fit was {CHOSEN}'s"
    print(f"chosen {chosen}, AUC {area}{note}", flush=True)
    return ratio


def score(n: int, features: int, folder: Path) -> None:
    """Score generated customers in batches, as ``workbench score`` does, and print the peak memory."""
    import ibis

    from workbench.analysis.churn.models.fitting import Recipe, Training, fit_candidate, pinned
    from workbench.analysis.churn.models.results import ChurnResult
    from workbench.analysis.churn.saved import pack_churn
    from workbench.analysis.churn.study import ChurnStudy
    from workbench.analysis.model_columns import choose_columns, tidy
    from workbench.core.exports import export_batches
    from workbench.core.store.tables import connect
    from workbench.run.services.scorers import prepare_churn
    from workbench.run.services.scoring import _batches, _schema

    sample = customers(20_000, features, 0)
    columns = choose_columns(sample)
    with pinned():
        rows = Training(tidy(sample, columns), sample["label"].to_numpy(), columns)
        model = fit_candidate("gradient_boosting", Recipe(columns), rows)
    result = ChurnResult("model", "random", {}, {}, model=model, model_version="bench", alarms=pd.DataFrame())
    saved = pack_churn(ChurnStudy("undated_labels", "model", result), sample, as_of="", label_name="churn")
    engine = connect(memory_limit_gb=1.0)
    columns_sql = ", ".join(f"(hash(i + {at}) % 2000) / 1000.0 - 1 as f{at:02}" for at in range(features - 4))
    engine.raw_sql(
        f"copy (select 'c' || lpad(i::varchar, 8, '0') as customer_id, {columns_sql}, "
        "hash(i * 7) % 60 as recency_days, "
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
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        (run_procedure if options.part == "procedure" else run_bare)(options.customers, options.features)
        return 0
    if options.score_in:
        score(options.scored, options.features, options.score_in)
        return 0
    missed = train(options.customers, options.features) > MOST_OF_BARE if options.customers else False
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--scored", str(options.scored), "--features", str(options.features)]
        output = subprocess.run(
            [*command, "--score-in", folder], capture_output=True, text=True, check=True
        ).stdout.split()
    rows, seconds, peak = int(output[-3]), float(output[-2]), float(output[-1])
    print(f"scored {rows:,} customers in {seconds:.0f} s, peak {peak:.2f} GB")
    return int(missed or peak > MOST_GB or rows != options.scored)


if __name__ == "__main__":
    sys.exit(main())
