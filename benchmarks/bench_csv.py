"""CSV to canonical Parquet: 10 M order lines through the workbench against DuckDB's own COPY of the same file.

    .venv/bin/python benchmarks/bench_csv.py --lines 10000000

Each contender is a process of its own, so that its memory is its own. The rival casts the columns as it reads them and
keeps neither rejects nor line numbers; ours gives every record a verdict. With --damaged a handful of lines is broken,
which DuckDB's COPY refuses: it is compared with the clean file.
"""

from __future__ import annotations

import argparse
import datetime as dt
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


def ours(source: Path, target: Path) -> None:
    """Read the source as 01_check_quality does, and write the canonical table."""
    import ibis

    from workbench.core.params import SourceParams
    from workbench.intake.canonical import take_in

    root = source.parent
    engine = ibis.duckdb.connect()
    params = SourceParams(path=source.name, table="transactions", columns={name: name for name in COLUMNS})
    with tempfile.TemporaryDirectory(dir=root) as scratch:
        taken = take_in(engine, {"orders": params}, root=root, scratch=Path(scratch),
                        date_min=dt.date(1900, 1, 2), date_max=dt.date(2030, 1, 1))  # fmt: skip
        engine.to_parquet(taken.tables["transactions"], target, compression="zstd")
    counts = {key: taken.metrics[f"orders.{key}"] for key in ("physical_records", "accepted", "rejected")}
    print(counts)


def measure(contender: str, source: Path, target: Path) -> tuple[float, float]:
    """Run a contender in a process of its own; return its seconds and its peak memory in GB."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, __file__, "--contender", contender, str(source), str(target)], check=True)
    return time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6


def main() -> int:
    """Make the file, run both, print the ratio; exit 1 where the claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--damaged", type=int, default=0, help="broken lines in the file that ours reads")
    parser.add_argument("--contender", nargs=3, metavar=("NAME", "SOURCE", "TARGET"))
    given = parser.parse_args()
    if given.contender:
        name, source, target = given.contender
        {"rival": rival, "ours": ours}[name](Path(source), Path(target))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        clean, broken, target = (Path(folder) / name for name in ("orders.csv", "broken.csv", "orders.parquet"))
        make_file(clean, given.lines)
        theirs, _ = measure("rival", clean, target)
        if given.damaged:
            make_file(broken, given.lines, given.damaged)
        own, memory = measure("ours", broken if given.damaged else clean, target)
    print(f"{given.lines:,} lines, {given.damaged} broken: ours {own:.1f} s, COPY {theirs:.1f} s, "
          f"ratio {own / theirs:.2f}, peak memory {memory:.2f} GB")  # fmt: skip
    return int(own > RATIO * theirs or memory > MEMORY_GB)


if __name__ == "__main__":
    sys.exit(main())
