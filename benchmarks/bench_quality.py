"""Claim: the checks of 01_check_quality cost at most twice hand-written SQL for the same checks.

    python benchmarks/bench_quality.py [--lines 10000000] [--repeats 2]

Order lines, products and customers are generated (the same for every run). Both rivals read the same Parquet files in a
process of their own: cells filled in every column, ranges, ids listed elsewhere (both ways), the newest row, text
read in the wrong encoding. The hand-written SQL gives the same figures. Exit code 1 when the target is missed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from bench_features import LINES_SQL, PRODUCTS_SQL

MOST_OF_SQL = 2.0
AS_OF = dt.date(2025, 1, 1)
TABLES = ("transactions", "products", "customers")
TEXTS = {"transactions": ("channel", "platform", "payment_method"), "products": ("category", "brand")}
KEYS = {
    "transactions": ("order_id", "customer_id", "product_id", "store_id"),
    "products": ("product_id",),
    "customers": ("customer_id",),
}


def make(folder: Path, lines: int) -> None:
    engine = duckdb.connect()
    spent = LINES_SQL.format(lines=lines, customers=lines // 20)
    engine.execute(f"COPY ({spent}) TO '{folder}/transactions.parquet' (FORMAT parquet)")
    engine.execute(f"COPY ({PRODUCTS_SQL}) TO '{folder}/products.parquet' (FORMAT parquet)")
    people = f"SELECT DISTINCT customer_id FROM '{folder}/transactions.parquet' WHERE hash(customer_id) % 50 > 0"
    engine.execute(f"COPY ({people}) TO '{folder}/customers.parquet' (FORMAT parquet)")


def ours(folder: Path) -> dict[str, float]:
    import ibis

    from workbench.intake.quality.checks import assess

    engine = ibis.duckdb.connect(memory_limit="3GB", threads=2)
    begun = time.perf_counter()
    tables = {name: engine.read_parquet(str(folder / f"{name}.parquet")) for name in TABLES}
    sources = {name: name for name in TABLES}
    metrics = {f"{name}.{count}": 1 for name in TABLES for count in ("physical_records", "accepted")}
    metrics |= {f"{name}.rejected": 0 for name in TABLES}
    quality = assess(tables, metrics, as_of=AS_OF, sources=sources)
    seconds = time.perf_counter() - begun
    verdicts = quality.verdicts[quality.verdicts["check"].isin(["orphans", "without_rows", "fresh"])]
    return {"seconds": seconds, "found": sorted(round(float(share), 9) for share in verdicts["observed"])}


def sql(folder: Path) -> dict[str, float]:
    engine = duckdb.connect(config={"memory_limit": "3GB", "threads": 2})
    begun = time.perf_counter()
    for name in TABLES:
        engine.execute(f"CREATE VIEW {name} AS FROM '{folder}/{name}.parquet'")
        columns = [row[0] for row in engine.execute(f"DESCRIBE {name}").fetchall()]
        engine.execute(f"SELECT count(*), {', '.join(f'count({column})' for column in columns)} FROM {name}").fetchall()
    engine.execute("SELECT count(discount), count(*) FILTER (discount < 0) FROM transactions").fetchall()
    for name, columns in [*TEXTS.items(), *KEYS.items()]:
        for column in columns:
            foreign = f"SELECT DISTINCT {column} FROM {name} WHERE regexp_matches({column}, '[^\\x00-\\x7F]')"
            engine.execute(f"{foreign} ORDER BY 1 LIMIT 2000").fetchall()
    shares = [_fresh(engine)]
    for column, other in (("customer_id", "customers"), ("product_id", "products")):
        shares += _both_ways(engine, column, other)
    return {"seconds": time.perf_counter() - begun, "found": sorted(round(float(share), 9) for share in shares)}


def _fresh(engine: duckdb.DuckDBPyConnection) -> float:
    last = engine.execute("SELECT max(ordered_at), count(ordered_at) FROM transactions").fetchall()[0][0]
    return float((AS_OF - last.date()).days)


def _both_ways(engine: duckdb.DuckDBPyConnection, column: str, other: str) -> list[float]:
    return list(
        engine.execute(f"""
        WITH named AS (SELECT {column} AS k, count(*) AS n FROM transactions WHERE {column} IS NOT NULL GROUP BY 1),
            listed AS (SELECT DISTINCT {column} AS k FROM {other})
        SELECT (SELECT coalesce(sum(n), 0) FROM named ANTI JOIN listed USING (k)) / (SELECT sum(n) FROM named),
            (SELECT count(*) FROM listed ANTI JOIN named USING (k)) / (SELECT count(*) FROM listed)
        """).fetchall()[0]
    )


def measure(rival: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--rival", rival, "--folder", str(folder)]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(process.stdout.splitlines()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--rival", choices=["ours", "sql"])
    options = parser.parse_args()
    if options.rival:
        figures = {"ours": ours, "sql": sql}[options.rival](options.folder)
        print(json.dumps({**figures, "gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}))
        return 0
    folder = options.folder or Path(tempfile.mkdtemp())
    make(folder, options.lines)
    runs = [(measure("sql", folder), measure("ours", folder)) for _ in range(options.repeats)]
    best = [min(run[at]["seconds"] for run in runs) for at in (0, 1)]
    equal = all(rival["found"] == own["found"] for rival, own in runs)
    peak = max(own["gb"] for _, own in runs)
    print(
        f"{options.lines:,} lines: SQL {best[0]:.1f} s, ours {best[1]:.1f} s, ratio {best[1] / best[0]:.2f}, ", end=""
    )
    print(f"peak {peak:.2f} GB, equal figures: {equal}")
    return 0 if equal and best[1] <= MOST_OF_SQL * best[0] else 1


if __name__ == "__main__":
    sys.exit(main())
