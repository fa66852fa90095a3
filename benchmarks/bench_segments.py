"""Claims: a sweep costs little more than the fits it needs; a definition assigns customers in the engine as KMeans.

    python benchmarks/bench_segments.py sweep [--customers 100000] [--features 20] [--restarts 3] [--bootstraps 50]
    python benchmarks/bench_segments.py assign [--customers 10000000]
    python benchmarks/bench_segments.py persona WORKSPACE

`sweep`: k = 2..10 with bootstraps and split halves, against the same scikit-learn fits (same points, k, starts and
seeds) run alone, on one thread and on all, whichever is faster; at most 1.5 times their seconds, under 1.5 GB.
Resamples and halves are drawn from 5,000 of the customers, in the sweep and so in its fits.
`assign`: a k-means definition applied by DuckDB from Parquet to Parquet, against `KMeans.predict` fed from pandas; the
same labels, at most twice the seconds, under 2 GB.
`persona`: the segments that 06 wrote for the profile `jewellery` in an earlier run, by the features that the profile
declares (what is bought, on which occasion, where, at which price, for whom), against plain k-means on raw recency,
frequency and spend; the adjusted Rand index with the true persona must be higher, for any number of rival groups.
Each rival runs in a process of its own. Exit code 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd

MOST_OF_FITS, SWEEP_GB = 1.5, 1.5
MOST_OF_PREDICT, ASSIGN_GB = 2.0, 2.0
GROUPS, MEMORY_LIMIT, THREADS = 6, "1GB", 2
RFM = ["recency_days", "frequency_orders", "monetary_total"]
TABLES, KS = ("identities", "features", "segments"), range(2, 11)
COLUMNS = ["recency_days", "frequency_orders", "monetary_total", "discount_share", "tenure_days"]
CUSTOMERS_SQL = """
select 'c' || lpad(i::varchar, 9, '0') as customer_id, (hash(i) % 730)::int as recency_days,
    1 + (hash(i * 3 + 1) % 40)::int as frequency_orders,
    (1 + floor(20000 * power((hash(i * 7 + 2) % 100003) / 100003.0, 4)))::double / 4 as monetary_total,
    (hash(i * 11 + 3) % 1001) / 1000.0::double as discount_share, 30 + (hash(i * 13 + 4) % 1500)::int as tenure_days
from range({n}) as t(i) order by i
"""


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def print_figures(**figures: float) -> None:
    print(json.dumps(figures | {"peak_gb": peak_gb()}))


# the sweep against its fits --------------------------------------------------------------------


def run_sweep(options: argparse.Namespace) -> None:
    """Sweep, recording every fit; then run the fits alone."""
    from sklearn.cluster import KMeans

    from workbench.analysis.clustering.sweep import sweep
    from workbench.analysis.threads import one_thread

    rng = np.random.default_rng(0)
    centres = rng.normal(0, 3, (GROUPS, options.features))
    points = centres[rng.integers(0, GROUPS, options.customers)] + rng.normal(
        size=(options.customers, options.features)
    )
    matrix = pd.DataFrame(points, columns=[f"x{at}" for at in range(options.features)])
    fits, fit = [], KMeans.fit

    def recorded(self, rows, *args, **keywords):
        fits.append((rows, self.n_clusters, self.n_init, self.random_state))
        return fit(self, rows, *args, **keywords)

    KMeans.fit = recorded
    begun = time.perf_counter()
    repeats = {"n_restarts": options.restarts, "n_bootstraps": options.bootstraps}
    candidates = sweep(matrix, range(2, 11), **repeats, seed=1)
    seconds, peak = time.perf_counter() - begun, peak_gb()
    KMeans.fit = fit
    bare = {}
    for name, threads in (("one thread", one_thread()), ("all threads", nullcontext())):
        begun = time.perf_counter()
        with threads:
            for rows, k, starts, seed in fits:
                KMeans(k, n_init=starts, random_state=seed).fit(rows)
        bare[name] = time.perf_counter() - begun
    best = max(candidates, key=lambda candidate: candidate.metrics["silhouette"])
    print(json.dumps({"sweep": seconds, "fits": min(bare.values()), **bare, "n": len(fits), "gb": peak, "k": best.k}))


# assigning customers ---------------------------------------------------------------------------


def make_customers(path: Path, n: int) -> None:
    import duckdb

    with duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "threads": THREADS}) as con:
        con.execute(f"copy ({CUSTOMERS_SQL.format(n=n)}) to '{path}' (format parquet)")


def make_definition(path: Path, target: Path) -> None:
    from workbench.analysis.clustering.centres import fit_centres
    from workbench.analysis.clustering.transforms import prepare
    from workbench.analysis.segments.definition import Segment, SegmentDefinition

    sample = pd.read_parquet(path).head(50_000)
    matrix, transform = prepare(sample, COLUMNS)
    centres = fit_centres(matrix.to_numpy(), GROUPS, n_restarts=3)
    segments = tuple(Segment(f"s{at}", {"en": f"S{at}", "zh": f"群{at}"}) for at in range(GROUPS))
    model = {"type": "centroids", "centers": centres.tolist()}
    definition = SegmentDefinition("bench", model, segments, "2025-01-01", "structure", "kmeans", transform=transform)
    target.write_text(definition.to_json(), encoding="utf-8")


def run_engine(folder: Path) -> None:
    import ibis

    from workbench.analysis.segments.definition import SegmentDefinition, assign_table

    definition = SegmentDefinition.from_json((folder / "definition.json").read_text(encoding="utf-8"))
    begun = time.perf_counter()
    con = ibis.duckdb.connect(memory_limit=MEMORY_LIMIT, threads=THREADS)
    table = con.read_parquet(folder / "customers.parquet")
    con.to_parquet(assign_table(definition, table), folder / "engine.parquet")
    print_figures(seconds=time.perf_counter() - begun)


def run_predict(folder: Path) -> None:
    from sklearn.cluster import KMeans

    from workbench.analysis.clustering.transforms import coordinates
    from workbench.analysis.segments.definition import SegmentDefinition

    definition = SegmentDefinition.from_json((folder / "definition.json").read_text(encoding="utf-8"))
    centres = np.array(definition.model["centers"])
    fitted = KMeans(GROUPS, n_init=1, max_iter=1, init=centres).fit(centres)
    fitted.cluster_centers_ = centres
    begun = time.perf_counter()
    frame = pd.read_parquet(folder / "customers.parquet")
    columns = {name: frame[name].to_numpy(dtype=float) for name in COLUMNS}
    labels = fitted.predict(np.column_stack(coordinates(definition.transform, columns)))
    assigned = pd.DataFrame({"customer_id": frame["customer_id"], "segment": pd.Series(labels).map("s{}".format)})
    assigned.to_parquet(folder / "predict.parquet")
    print_figures(seconds=time.perf_counter() - begun)


def differing(folder: Path) -> int:
    import duckdb

    with duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "threads": THREADS}) as con:
        counts = con.execute(
            f"select count(*) from '{folder}/engine.parquet' e full join '{folder}/predict.parquet' p "
            "using (customer_id) where e.segment is distinct from p.segment"
        ).fetchall()
    return counts[0][0]


def judge_persona(options: argparse.Namespace) -> bool:
    """Compare the segments that 06 wrote with the true personas of the generator, which no stage reads."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    data = options.folder / "data"
    tables = {name: pd.read_parquet(data / f"processed/jewellery/{name}.parquet") for name in TABLES}
    records, people = (pd.read_parquet(data / f"raw/jewellery/truth/{name}.parquet") for name in ("records", "people"))
    joined = tables["identities"].merge(records, on=["source", "source_id"]).merge(people, on="person_id")
    persona = joined.groupby("customer_id")["persona"].agg(
        lambda personas: personas.value_counts().sort_index().idxmax()
    )
    assigned = tables["segments"].set_index("customer_id")["segment"]
    assigned = assigned[assigned.index.isin(persona.index) & (assigned != "unknown")]
    truth = persona.loc[assigned.index]
    raw = tables["features"].set_index("customer_id").loc[assigned.index, RFM].astype("float64").fillna(0).to_numpy()
    rivals = {k: adjusted_rand_score(truth, KMeans(k, n_init=10, random_state=0).fit_predict(raw)) for k in KS}
    index, k, best = adjusted_rand_score(truth, assigned), assigned.nunique(), max(rivals, key=rivals.get)
    print(
        f"{len(assigned):,} customers, {truth.nunique()} personas, {k} segments: adjusted Rand index {index:.3f}; "
        f"plain k-means on raw RFM {rivals[k]:.3f} with as many groups, {rivals[best]:.3f} at its best (k = {best})"
    )
    return index > max(rivals.values())


def in_process(*arguments: str) -> dict[str, float]:
    process = subprocess.run([sys.executable, __file__, *arguments], check=True, capture_output=True, text=True)
    return json.loads(process.stdout.splitlines()[-1])


def judge_sweep(options: argparse.Namespace) -> bool:
    arguments = (f"--{name}={getattr(options, name)}" for name in ("customers", "features", "restarts", "bootstraps"))
    figures = in_process("run-sweep", *arguments)
    ratio = figures["sweep"] / figures["fits"]
    print(
        f"sweep of {options.customers:,} x {options.features}, k 2..10, {options.bootstraps} bootstraps: "
        f"{figures['sweep']:.1f} s, its {figures['n']} fits bare {figures['one thread']:.1f} s on one thread, "
        f"{figures['all threads']:.1f} s on all, ratio to the faster {ratio:.2f} "
        f"(at most {MOST_OF_FITS}); peak {figures['gb']:.2f} GB (under {SWEEP_GB}); "
        f"best silhouette at k = {figures['k']}, planted {GROUPS}"
    )
    return ratio <= MOST_OF_FITS and figures["gb"] < SWEEP_GB and figures["k"] == GROUPS


def judge_assign(options: argparse.Namespace) -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_customers(folder / "customers.parquet", options.customers)
        make_definition(folder / "customers.parquet", folder / "definition.json")
        engine, predict = in_process("run-engine", name), in_process("run-predict", name)
        different = differing(folder)
    ratio = engine["seconds"] / predict["seconds"]
    print(
        f"{options.customers:,} customers placed: engine {engine['seconds']:.1f} s, {engine['peak_gb']:.2f} GB; "
        f"KMeans.predict from pandas {predict['seconds']:.1f} s, {predict['peak_gb']:.2f} GB; ratio {ratio:.2f} "
        f"(at most {MOST_OF_PREDICT}); {different} labels differ"
    )
    return different == 0 and ratio <= MOST_OF_PREDICT and engine["peak_gb"] < ASSIGN_GB


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["sweep", "assign", "persona", "run-sweep", "run-engine", "run-predict"])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--customers", type=int)
    parser.add_argument("--features", type=int, default=20)
    parser.add_argument("--restarts", type=int, default=3)
    parser.add_argument("--bootstraps", type=int, default=50)
    options = parser.parse_args()
    options.customers = options.customers or (10_000_000 if options.what == "assign" else 100_000)
    if options.what == "run-sweep":
        run_sweep(options)
    elif options.what in ("run-engine", "run-predict"):
        (run_engine if options.what == "run-engine" else run_predict)(options.folder)
    else:
        held = {"sweep": judge_sweep, "assign": judge_assign, "persona": judge_persona}[options.what](options)
        return 0 if held else 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
