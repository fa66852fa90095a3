"""Claim: resolving identities costs at most a quarter more than bare Splink on the same settings, under 2 GB.

    python benchmarks/bench_identity.py [--records 1000000] [--folder DIR]

People are generated (the same for every run; about one in five has a second record with an error). Each rival runs in a
process of its own. The rival is Splink alone on columns standardised beforehand: the same comparisons and blocking
rules, the same training, prediction and clustering. Ours reads raw people and does all that 02 does: it standardises,
links by keys, keeps families apart, clusters and raises alarms. Exit code 1 when a target is missed.
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

import duckdb
import pandas as pd

MOST_OF_SPLINK, MOST_GB = 1.25, 2.0
MEMORY_LIMIT, THREADS = "1200MB", 2
SETTINGS = {
    "threshold": 0.95, "blocking": [], "max_pairs_per_record": 20, "max_per_key": 8, "max_records": 20,
    "max_diameter": 3, "truth": None, "truth_pattern": None, "seed": 1,
}  # fmt: skip
PEOPLE_SQL = """
with drawn as (
    select i, case when i % 5 = 4 then i - 4 else i end as who, i % 5 = 4 as again from range({records}) as t(i)
), made as (
    select i, again, hash(who * 7 + 1) as a, hash(who * 11 + 2) as b, hash(who * 13 + 3) as c, hash(i * 17 + 4) as slip
    from drawn
)
select 'crm' as source, lpad(i::varchar, 9, '0') as source_id, 0 as precedence, i as record,
    'g' || chr(97 + (a % 26)::int) || chr(97 + (a // 26 % 26)::int) || chr(97 + (a // 676 % 26)::int)
        || case when again and slip % 7 = 0 then 'on' else 'an' end as given_name,
    's' || chr(97 + (b % 26)::int) || chr(97 + (b // 26 % 26)::int) || chr(97 + (b // 676 % 26)::int)
        || case when again and slip % 3 = 0 then 'x' else 'er' end as surname,
    (date '1940-01-01' + (c % 24000)::int
        + case when again and slip % 11 < 2 then (slip % 400)::int else 0 end)::varchar as birth_date,
    case when slip % 10 < 6 then '13' || lpad((c % 1000000000)::varchar, 9, '0') end as phone,
    lpad((case when again and slip % 13 < 2 then slip else a end % 20000)::varchar, 5, '0') as postcode,
    'city' || case when again and slip % 17 < 2 then slip else b end % 300 as city,
    (b % 900)::varchar || ' road ' || case when again and slip % 19 < 3 then slip else a end % 4000 as address
from made
"""


def connect() -> duckdb.DuckDBPyConnection:
    engine = duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "threads": THREADS})
    engine.execute(f"SET temp_directory = '{tempfile.mkdtemp()}'")
    return engine


def make(folder: Path, records: int) -> None:
    connect().execute(f"COPY ({PEOPLE_SQL.format(records=records)}) TO '{folder}/people.parquet' (FORMAT parquet)")


def ours(folder: Path) -> dict[str, float]:
    import ibis

    from workbench.intake.identity.links import declared_pairs
    from workbench.intake.identity.resolve import match_people

    engine = ibis.duckdb.from_connection(connect())
    begun, used = time.perf_counter(), time.process_time()
    people = engine.read_parquet(str(folder / "people.parquet"))
    nobody = declared_pairs(None)
    match = match_people(engine, people, must_link=nobody, cannot_link=nobody, settings=SETTINGS)
    spent = {"seconds": time.perf_counter() - begun, "cpu": time.process_time() - used}
    return spent | {"customers": match.metrics["customers"]}


def splink(folder: Path) -> dict[str, float]:
    from workbench.intake.identity.comparisons import choose_blocking, choose_comparisons, filled_columns
    from workbench.intake.identity.matching import LEAST_PROBABILITY, make_linker, sure_rules, train
    from workbench.intake.identity.standardise import COMPARABLE, standardise

    engine = connect()
    engine.execute(f"CREATE TABLE given AS FROM '{folder}/people.parquet'")
    records = standardise(engine, "given", "people")
    known = filled_columns(engine, "people", COMPARABLE)
    rules = choose_blocking(engine, "people", known, most_pairs=SETTINGS["max_pairs_per_record"] * records, declared=[])
    sure = sure_rules(engine, "people", known)
    begun, used = time.perf_counter(), time.process_time()
    linker = make_linker(engine, "people", choose_comparisons(known, records), rules)
    train(linker, rules, sure, SETTINGS["seed"])
    pairs = linker.inference.predict(threshold_match_probability=LEAST_PROBABILITY, warning_mode="never")
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
        pairs, threshold_match_probability=SETTINGS["threshold"]
    )
    spent = {"seconds": time.perf_counter() - begun, "cpu": time.process_time() - used}
    count = engine.execute(f"SELECT count(DISTINCT cluster_id) FROM {clusters.physical_name}").fetchall()[0][0]
    return spent | {"customers": count}


def measure(rival: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--rival", rival, "--folder", str(folder)]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(process.stdout.splitlines()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="each rival's quickest run counts")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--rival", choices=["ours", "splink"])
    options = parser.parse_args()
    if options.rival:
        figures = {"ours": ours, "splink": splink}[options.rival](options.folder)
        print(json.dumps({**figures, "gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}))
        return 0
    folder = options.folder or Path(tempfile.mkdtemp())
    make(folder, options.records)
    runs = [{which: measure(which, folder) for which in ("splink", "ours")} for _ in range(options.rounds)]
    rows = {which: min((run[which] for run in runs), key=lambda run: run["seconds"]) for which in ("splink", "ours")}
    print(pd.DataFrame(rows).T.round(2).to_string())
    ratio = rows["ours"]["seconds"] / rows["splink"]["seconds"]
    cpu_ratio = rows["ours"]["cpu"] / rows["splink"]["cpu"]
    peak = rows["ours"]["gb"]
    print(
        f"{options.records:,} records: {ratio:.2f} of bare Splink ({cpu_ratio:.2f} in processor time), "
        f"peak {peak:.2f} GB"
    )
    return 0 if ratio <= MOST_OF_SPLINK and peak <= MOST_GB else 1


if __name__ == "__main__":
    sys.exit(main())
