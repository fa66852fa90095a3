"""Claim: an audience of five clauses over 10 M tagged customers is estimated in under 1 s on two cores.

    python benchmarks/bench_audience.py [--customers 10000000] [--folder DIR] [--repeats 5]

And in at most twice the time DuckDB takes for the same counts in one hand-written statement over the same wide table.
The customers have twenty tags; the table is written as 12_tag_customers writes it. Both rivals run warm in one
process, in turn, and the fastest of the repeats counts; the first call of each is printed as well. A rule that also
tests a column of `features` costs a join of both tables and is reported separately, with its rival. Exit code 1 when a
target is missed or a count differs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import bench_features as features
import duckdb

from workbench.analysis.audiences.rule import parse_audience
from workbench.analysis.audiences.select import Knowledge, check_audience, funnel, standing
from workbench.core.store.tables import connect

MOST_SECONDS, MOST_OF_SQL = 1.0, 2.0
THREADS, MEMORY_GB = 2, 3.0
VALUES = 5  # of each tag; one customer in eleven has none
TAGS = (
    "gender", "age_band", "city", "life_cycle", "favourite_category", "favourite_channel", "recency_band",
    "frequency_band", "spend_band", "order_value", "basket_size", "coupon_use", "returns_habit", "loyalty",
    "buying_days", "buying_daypart", "payment_method", "purchase_cycle", "churn_risk", "rfm_type",
)  # fmt: skip
CUSTOMERS_SQL = """
select printf('C%08d', i) as customer_id, date '{as_of}' as as_of, {tags}
from (select range as i from range({customers})) order by customer_id
"""
FEATURES_SQL = """
select printf('C%08d', i) as customer_id, (hash(i, 77) % 100000 / 100)::decimal(18, 2) as monetary_total
from (select range as i from range({customers})) order by customer_id
"""
RULE = {
    "audience": "five_clauses",
    "all": [
        {"where": "life_cycle in ('v0', 'v1')"},
        {"where": "spend_band = 'v2' or frequency_band = 'v3'"},
        {"where": "coupon_use != 'v4'"},
        {"any": [{"where": "city = 'v1'"}, {"where": "city = 'v2'"}]},
        {"not": {"where": "returns_habit = 'v3'"}},
    ],
}
CLAUSES = (
    "life_cycle in ('v0', 'v1')",
    "spend_band = 'v2' or frequency_band = 'v3'",
    "coupon_use <> 'v4'",
    "city = 'v1' or city = 'v2'",
    "coalesce(returns_habit, '') <> 'v3'",
)


def main() -> int:
    """Generate the tables, count with both rivals, compare and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        _generate(folder, options.customers)
        wide = _compare("five clauses over tags", _rivals(folder, RULE, CLAUSES, "portraits"), options.repeats)
        longer_rule = {**RULE, "all": [*RULE["all"], {"where": "monetary_total >= 500"}]}
        longer_clauses = (*CLAUSES, "monetary_total >= 500")
        _compare(
            "six, one over a feature",
            _rivals(folder, longer_rule, longer_clauses, "portraits left join features using (customer_id)"),
            1,
        )
    return _judge(*wide)


def _generate(folder: Path, customers: int) -> None:
    tags = ", ".join(
        f"case when hash(i, {at}) % 11 > 0 then 'v' || hash(i, {at}, 1) % {VALUES} end as {tag}"
        for at, tag in enumerate(TAGS)
    )
    engine = duckdb.connect(config={"threads": THREADS, "memory_limit": f"{MEMORY_GB:g}GB"})
    for name, sql in (("portraits", CUSTOMERS_SQL), ("features", FEATURES_SQL)):
        content = sql.format(as_of=features.AS_OF, customers=customers, tags=tags)
        target = f"'{folder}/{name}.parquet' (format parquet, compression zstd, row_group_size 122880)"
        engine.execute(f"copy ({content}) to {target}")


def _rivals(folder: Path, rule: dict, clauses: tuple[str, ...], source: str) -> dict[str, Callable[[], list[int]]]:
    engine = connect(memory_limit_gb=MEMORY_GB, threads=THREADS)
    tables = {name: engine.read_parquet(str(folder / f"{name}.parquet")) for name in ("portraits", "features")}
    known = Knowledge(tables, features.AS_OF, {})
    audience = parse_audience(rule)

    def workbench() -> list[int]:
        check_audience(audience, known)
        steps = funnel(audience, standing(audience, known))
        return [int(count) for count in steps[["alone", "left"]].to_numpy().ravel()]

    connection = duckdb.connect(config={"threads": THREADS, "memory_limit": f"{MEMORY_GB:g}GB"})
    for name in tables:
        connection.execute(f"create view {name} as from '{folder}/{name}.parquet'")
    counts = ["count(*)", "count(*)"]
    for at, clause in enumerate(clauses, start=1):
        passed_so_far = " and ".join(f"({condition})" for condition in clauses[:at])
        counts += [f"count(*) filter ({clause})", f"count(*) filter ({passed_so_far})"]
    sql = f"select {', '.join(counts)} from {source}"
    return {"workbench": workbench, "sql": lambda: [int(count) for count in connection.execute(sql).fetchall()[0]]}


def _compare(title: str, rivals: dict[str, Callable[[], list[int]]], repeats: int) -> tuple[dict[str, float], bool]:
    seconds_by_rival: dict[str, list[float]] = {name: [] for name in rivals}
    cpu: dict[str, list[float]] = {name: [] for name in rivals}
    counts = {}
    for _ in range(repeats + 1):
        for name, count in rivals.items():
            started, used = time.perf_counter(), time.process_time()
            counts[name] = count()
            seconds_by_rival[name].append(time.perf_counter() - started)
            cpu[name].append(time.process_time() - used)
    for name, seconds in seconds_by_rival.items():
        figures = f"{min(seconds[1:]):.2f} s, first call {seconds[0]:.2f} s, cpu {min(cpu[name]):.2f} s"
        print(f"{title:<26} {name:<10} {figures}", flush=True)
    return {name: min(seconds[1:]) for name, seconds in seconds_by_rival.items()}, counts["workbench"] == counts["sql"]


def _judge(best: dict[str, float], equal: bool) -> int:
    ratio = best["workbench"] / best["sql"]
    verdicts = {
        f"{best['workbench']:.2f} s, under {MOST_SECONDS} s": best["workbench"] < MOST_SECONDS,
        f"{ratio:.2f} of the SQL, at most {MOST_OF_SQL}": ratio <= MOST_OF_SQL,
        "equal counts": equal,
    }
    for verdict, holds in verdicts.items():
        print("holds " if holds else "FAILS ", verdict)
    return 0 if all(verdicts.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
