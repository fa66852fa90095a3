"""CSV to canonical Parquet: 10 M order lines through the workbench against DuckDB's own COPY of the same file.

    .venv/bin/python benchmarks/bench_csv.py --lines 10000000

Each contender is a process of its own, imports included, so that its memory is its own. The rival casts the columns as
it reads them and keeps neither rejects nor line numbers; `laid_out` does the same with the store's file layout, which
is faster to write than the engine's default. `ours` judges every record and writes the table as 01_check_quality does;
`counted` also computes what 01 reports: copies, customers, orders, money, first and last day. With --damaged a few
lines are broken, which DuckDB's COPY refuses: it then reads the clean file.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

RATIO, MEMORY_GB = 1.5, 4.0
RIVALS = ("rival", "laid_out")
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


def rival(source: Path, target: Path, *, layout: str) -> None:
    """Copy with declared types."""
    import duckdb

    duckdb.sql(f"""COPY (SELECT order_id, customer_id, ordered_at, product_id, quantity::DECIMAL(18, 3) AS quantity,
        unit_price::DECIMAL(18, 4) AS unit_price, (quantity * unit_price)::DECIMAL(18, 4) AS amount
        FROM read_csv('{source}', header = true, columns = {{'order_id': 'VARCHAR', 'customer_id': 'VARCHAR',
        'ordered_at': 'TIMESTAMP', 'product_id': 'VARCHAR', 'quantity': 'DECIMAL(18, 3)', 'unit_price': 'DECIMAL(18, 4)'}}))
        TO '{target}' (FORMAT parquet, {layout})""")  # noqa: E501


def ours(source: Path, target: Path, *, counted: bool = False) -> dict[str, int]:
    """Read the source as 01_check_quality does, and write its table; return the counts of its records."""
    from workbench.core.params.sources import SourceParams
    from workbench.core.store.tables import Store
    from workbench.core.workspace import Workspace
    from workbench.intake.tables.sources import read_source

    store = Store(Workspace(target), "bench")
    staging = store.stage("01_check_quality", "run")
    params = SourceParams(path=source.name, table="transactions", columns={name: name for name in COLUMNS})
    first, last = dt.date(1900, 1, 2), dt.date(2030, 1, 1)
    with tempfile.TemporaryDirectory(dir=target) as scratch:
        folders = {"root": source.parent, "scratch": Path(scratch)}
        if counted:
            from workbench.intake.tables.canonical import take_in

            intake = take_in(store.engine, {"orders": params}, date_min=first, date_max=last, **folders)
            staging.write("transactions", intake.tables["transactions"], copy=intake.copies.get("transactions"))
            metrics = intake.metrics
        else:
            parsed = read_source(store.engine, "orders", params, dates=(first, last), **folders)
            staging.write("transactions", parsed.table.select(*parsed.kinds), copy=parsed.copy)
            metrics = parsed.metrics
    return {key: metrics[f"orders.{key}"] for key in ("physical_records", "accepted", "rejected")}


def layout_of(contender: str) -> str:
    """Return the layout of a rival's file; called before it runs, since the store takes time to load."""
    from workbench.core.store.tables import PARQUET

    options = PARQUET if contender == "laid_out" else {"compression": PARQUET["compression"]}
    return ", ".join(f"{name.upper()} {value}" for name, value in options.items())


def measure(contender: str, source: Path, folder: Path) -> dict[str, float]:
    """Run a contender in a process of its own: seconds, seconds of processor, peak memory in GB."""
    target = Path(tempfile.mkdtemp(dir=folder))
    command = [sys.executable, __file__, "--contender", contender, str(source), str(target), layout_of(contender)]
    begun = time.perf_counter()
    process = subprocess.run(command, check=True, capture_output=True, text=True)
    figures = {"seconds": time.perf_counter() - begun, **json.loads(process.stdout.splitlines()[-1])}
    shutil.rmtree(target)
    return figures


def run(contender: str, source: Path, target: Path, layout: str) -> None:
    """Run one contender in this process."""
    figures = {}
    if contender in RIVALS:
        rival(source, target / "orders.parquet", layout=layout)
    else:
        figures = ours(source, target, counted=contender == "counted")
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures |= {"cpu": used.ru_utime + used.ru_stime, "gb": used.ru_maxrss / 1e6}
    figures["file_mb"] = max(path.stat().st_size for path in target.rglob("*.parquet")) / 1e6
    print(json.dumps(figures))


def main() -> int:
    """Make the file, run all contenders, print the ratios; exit 1 where the claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--damaged", type=int, default=0, help="broken lines in the file that ours reads")
    parser.add_argument("--repeat", type=int, default=5, help="rounds; the median of their ratios counts")
    parser.add_argument("--contender", nargs=4, metavar=("NAME", "SOURCE", "TARGET", "LAYOUT"))
    options = parser.parse_args()
    if options.contender:
        name, source, target, layout = options.contender
        run(name, Path(source), Path(target), layout)
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clean, broken = folder / "orders.csv", folder / "broken.csv"
        make_file(clean, options.lines)
        if options.damaged:
            make_file(broken, options.lines, options.damaged)
        ours_reads = broken if options.damaged else clean
        sources = {"rival": clean, "ours": ours_reads, "laid_out": clean, "counted": ours_reads}
        rounds = [{name: measure(name, path, folder) for name, path in sources.items()} for _ in range(options.repeat)]
    for name in sources:
        print(name, {key: round(median(row[name][key] for row in rounds), 2) for key in rounds[0][name]})
    time_ratios, memory = (
        ratios(rounds, "seconds"),
        max(row[name]["gb"] for row in rounds for name in ("ours", "counted")),
    )
    print(f"{options.lines:,} lines, {options.damaged} broken, {options.repeat} rounds: "
          f"{median(time_ratios):.2f} of COPY by the clock ({min(time_ratios):.2f} to {max(time_ratios):.2f}), "
          f"{median(ratios(rounds, 'cpu')):.2f} in processor time; "
          f"{median(ratios(rounds, 'seconds', rival='laid_out')):.2f} of COPY laid out alike; "
          f"{median(ratios(rounds, 'seconds', 'counted')):.2f} with 01's counts; peak {memory:.2f} GB")  # fmt: skip
    return int(median(time_ratios) > RATIO or memory > MEMORY_GB)


def ratios(rounds: list[dict], of: str, contender: str = "ours", rival: str = "rival") -> list[float]:
    """Compare within each round, since other load on the machine changes between rounds."""
    return [row[contender][of] / row[rival][of] for row in rounds]


if __name__ == "__main__":
    sys.exit(main())
