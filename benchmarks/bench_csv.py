"""CSV to canonical Parquet: 10 M order lines through the workbench against DuckDB's own COPY of the same file.

    .venv/bin/python benchmarks/bench_csv.py --lines 10000000

Each contender is a process of its own, imports included, so that its memory is its own. The rival casts the columns as
it reads them and keeps neither rejects nor line numbers. `ours` gives every record a verdict and writes the table as
01_check_quality does; `counted` also counts what 01 reports of it: copies, customers, orders, money, first and last
day. With --damaged a handful of lines is broken, which DuckDB's COPY refuses: it is compared with the clean file.
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

RATIO, MEMORY_GB = 1.5, 4.0
COLUMNS = ("order_id", "customer_id", "ordered_at", "product_id", "quantity", "unit_price")


def make_file(path: Path, lines: int, broken: int = 0) -> None:
    """Write order lines by the engine; `broken` of them lack a field."""
    import duckdb

    duckdb.sql(f"""COPY (SELECT 'A' || (i // 3) AS order_id, 'C' || (i * 7919 % 500000) AS customer_id,
        TIMESTAMP '2023-01-01' + to_seconds(i * 2654435761 % 63000000) AS ordered_at, 'P' || (i * 104729 % 5000) AS product_id,
        1 + i % 4 AS quantity, ((i * 37 % 20000) / 100.0)::DECIMAL(10, 2) AS unit_price
        FROM range({lines}) t(i)) TO '{path}' (FORMAT csv, HEADER)""")  # noqa: E501
    if broken:
        with path.open("a", encoding="utf-8") as stream:
            stream.writelines(f"broken{at},C1\n" for at in range(broken))


def rival(source: Path, target: Path) -> None:
    """Copy with declared types."""
    import duckdb

    duckdb.sql(f"""COPY (SELECT order_id, customer_id, ordered_at, product_id, quantity::DECIMAL(18, 3) AS quantity,
        unit_price::DECIMAL(18, 4) AS unit_price, (quantity * unit_price)::DECIMAL(18, 4) AS amount
        FROM read_csv('{source}', header = true, columns = {{'order_id': 'VARCHAR', 'customer_id': 'VARCHAR',
        'ordered_at': 'TIMESTAMP', 'product_id': 'VARCHAR', 'quantity': 'DECIMAL(18, 3)', 'unit_price': 'DECIMAL(18, 4)'}}))
        TO '{target}' (FORMAT parquet, COMPRESSION zstd)""")  # noqa: E501


def ours(source: Path, target: Path, *, counted: bool = False) -> dict[str, int]:
    """Read the source as 01_check_quality does, and write its table; return what became of the records."""
    from workbench.core.params import SourceParams
    from workbench.core.store import Store
    from workbench.core.workspace import Workspace
    from workbench.intake.canonical import take_in
    from workbench.intake.sources import read_source

    store = Store(Workspace(target), "bench")
    staging = store.stage("01_check_quality", "run")
    params = SourceParams(path=source.name, table="transactions", columns={name: name for name in COLUMNS})
    first, last = dt.date(1900, 1, 2), dt.date(2030, 1, 1)
    with tempfile.TemporaryDirectory(dir=target) as scratch:
        given = {"root": source.parent, "scratch": Path(scratch)}
        if counted:
            taken = take_in(store.engine, {"orders": params}, date_min=first, date_max=last, **given)
            staging.write("transactions", taken.tables["transactions"], copy=taken.copies.get("transactions"))
            metrics = taken.metrics
        else:
            read = read_source(store.engine, "orders", params, dates=(first, last), **given)
            staging.write("transactions", read.table.select(*read.kinds), copy=read.copy)
            metrics = read.metrics
    return {key: metrics[f"orders.{key}"] for key in ("physical_records", "accepted", "rejected")}


def measure(contender: str, source: Path, folder: Path) -> dict[str, float]:
    """Run a contender in a process of its own: seconds, seconds of processor, peak memory in GB."""
    target = Path(tempfile.mkdtemp(dir=folder))
    command = [sys.executable, __file__, "--contender", contender, str(source), str(target)]
    begun = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {"seconds": time.perf_counter() - begun, **json.loads(done.stdout.splitlines()[-1])}


def run(contender: str, source: Path, target: Path) -> None:
    """Be a contender."""
    if contender == "rival":
        rival(source, target / "orders.parquet")
        found = {}
    else:
        found = ours(source, target, counted=contender == "counted")
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({**found, "cpu": used.ru_utime + used.ru_stime, "gb": used.ru_maxrss / 1e6}))


def main() -> int:
    """Make the file, run all, print the ratios; exit 1 where the claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--damaged", type=int, default=0, help="broken lines in the file that ours reads")
    parser.add_argument("--repeat", type=int, default=2, help="how often each runs; the faster counts")
    parser.add_argument("--contender", nargs=3, metavar=("NAME", "SOURCE", "TARGET"))
    given = parser.parse_args()
    if given.contender:
        name, source, target = given.contender
        run(name, Path(source), Path(target))
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clean, broken = folder / "orders.csv", folder / "broken.csv"
        make_file(clean, given.lines)
        if given.damaged:
            make_file(broken, given.lines, given.damaged)
        ours_reads = broken if given.damaged else clean
        sources = {"rival": clean, "ours": ours_reads, "counted": ours_reads}
        runs = [{each: measure(each, source, folder) for each, source in sources.items()} for _ in range(given.repeat)]
        rows = {each: min((run[each] for run in runs), key=lambda row: row["seconds"]) for each in sources}
    for each, row in rows.items():
        print(each, {key: round(value, 2) for key, value in row.items()})
    ratios = {each: rows[each]["seconds"] / rows["rival"]["seconds"] for each in ("ours", "counted")}
    cpu = min(run["ours"]["cpu"] for run in runs) / min(run["rival"]["cpu"] for run in runs)
    print(f"{given.lines:,} lines, {given.damaged} broken: {ratios['ours']:.2f} of COPY by the clock, {cpu:.2f} in "
          f"processor time; {ratios['counted']:.2f} with the counts of 01; peak memory {rows['ours']['gb']:.2f} GB, "
          f"{rows['counted']['gb']:.2f} GB with these")  # fmt: skip
    return int(ratios["ours"] > RATIO or max(row["gb"] for row in rows.values()) > MEMORY_GB)


if __name__ == "__main__":
    sys.exit(main())
