"""Granted, refused, withdrawn before, at and after the as-of date, never asked: every output obeys, none names one too many."""

import csv
import json
import subprocess
import sys

import pandas as pd
import pytest

from workbench.intake.demo.synthetic import generate_tiny

pytestmark = pytest.mark.slow

AS_OF, EACH = "2025-07-01", 20
ROWS = {  # what the consents say, in order
    "granted": [("yes", "2024-01-01")],
    "refused": [("no", "2024-01-01")],
    "before": [("yes", "2024-01-01"), ("no", "2025-06-30 23:59:59")],
    "at": [("yes", "2024-01-01"), ("no", AS_OF)],
    "after": [("yes", "2024-01-01"), ("no", "2025-08-01")],
    "never": [],
}
CONSENTS = """\
  consents:
    path: data/raw/tiny/consents.csv
    table: consents
    columns: {customer_id: customer_id, purpose: purpose, granted: granted, changed_at: changed_at}
06_segment_customers:
"""


def groups(first):
    """The customers of each kind, from a number on."""
    return {
        kind: {f"{first + at * EACH + one:06d}" for one in range(EACH)} for at, kind in enumerate(ROWS)
    }  # fmt: skip


PROFILING, MARKETING = groups(1), groups(121)


def workbench(root, *words):
    command = [sys.executable, "-m", "workbench.run.commands.cli", *words]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def run(repository, tmp_path_factory):
    import shutil

    root = tmp_path_factory.mktemp("matrix") / "workspace"
    for name in ("notebooks", "params"):
        shutil.copytree(repository / name, root / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints", "scratch"))
    generate_tiny(root / "data/raw/tiny")
    profile = root / "params/tiny.yaml"
    profile.write_text(
        profile.read_text(encoding="utf-8").replace("06_segment_customers:\n", CONSENTS, 1), encoding="utf-8"
    )
    with (root / "data/raw/tiny/consents.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["customer_id", "purpose", "granted", "changed_at"])
        for purpose, own in (("profiling", PROFILING), ("marketing", MARKETING)):
            for kind, customers in own.items():
                writer.writerows([one, purpose, word, day] for one in sorted(customers) for word, day in ROWS[kind])
        writer.writerows([one, "marketing", "yes", "2024-01-01"] for own in PROFILING.values() for one in sorted(own))
    workbench(root, "run", "tiny")
    return root


def sources(root, ids):
    """Translate customer ids into those of the source."""
    known = pd.read_parquet(root / "data/processed/tiny/identities.parquet")
    return set(known.loc[known["customer_id"].isin(list(ids)), "source_id"])


@pytest.mark.parametrize(
    "table",
    [
        "features",
        "rfm",
        "segments",
        "churn",
        "value",
        "recommendations",
        "actions",
        "tags",
        "portraits",
        "next_purchase",
    ],
)
def test_who_refuses_profiling_is_in_no_table(run, table):
    ids = sources(run, pd.read_parquet(run / f"data/processed/tiny/{table}.parquet")["customer_id"])
    assert not ids & (PROFILING["refused"] | PROFILING["before"])
    if table in ("features", "rfm", "segments"):
        assert all(PROFILING[kind] <= ids for kind in ("granted", "at", "after", "never"))


def test_01_and_03_give_one_number(run):
    stages = json.loads((run / "reports/tiny/latest/summary.json").read_text())["stages"]
    numbers = [stages[name]["metrics"]["not_profiled"] for name in ("01_check_quality", "03_build_features")]
    assert numbers == [2 * EACH] * 2 and stages["03_build_features"]["metrics"]["customers"] == 400 - 2 * EACH


def no_marketing():
    never = {f"{at:06d}" for at in range(241, 401)}
    return set().union(*(MARKETING[kind] for kind in ("refused", "before", "at", "after", "never")), never)


def test_the_plan_obeys_the_word_as_of_the_run(run):
    plan = pd.read_parquet(run / "data/processed/tiny/actions.parquet")
    assert not sources(run, plan["customer_id"]) & (no_marketing() - MARKETING["at"] - MARKETING["after"])


def test_lists_cards_audiences_and_exports_obey_the_latest_word(run):
    people = run / "reports/tiny/latest/people"
    listed = {path.stem: set(pd.read_csv(path, dtype=str)["source_id"]) for path in (people / "lists").glob("*.csv")}
    assert listed["contact_list"] and not set().union(*listed.values()) & no_marketing()
    cards = (people / "cards.html").read_text(encoding="utf-8")
    refusing = PROFILING["refused"] | PROFILING["before"] | PROFILING["at"] | PROFILING["after"]
    known = pd.read_parquet(run / "data/processed/tiny/identities.parquet").set_index("source_id")["customer_id"]
    assert not [one for one in refusing if f'data-id="{known[one]}"' in cards]
    workbench(run, "actions", "export", "tiny")
    exported = [pd.read_csv(path, dtype=str) for path in (run / "reports/tiny/people/plans").rglob("*.csv")]
    ids = {value for frame in exported for value in frame.iloc[:, 0]}
    assert ids and not (ids | sources(run, ids)) & no_marketing()
    before = set(run.rglob("*.csv"))
    workbench(run, "audience", "frequency_orders > 0", "--profile", "tiny", "--export", "csv")
    (path,) = set(run.rglob("*.csv")) - before
    named = sources(run, pd.read_csv(path, dtype=str)["customer_id"])
    assert named and not named & (no_marketing() | PROFILING["refused"] | PROFILING["before"])


def test_a_restricted_customer_is_kept_and_not_used(run):
    one = sorted(PROFILING["granted"])[0]
    workbench(run, "subject", "restrict", one, "--profile", "tiny", "--objection", "--identity", "letter")
    workbench(run, "run", "tiny", "--to", "05_score_rfm")
    stages = json.loads((run / "reports/tiny/latest/summary.json").read_text())["stages"]
    assert [stages[name]["metrics"]["not_profiled"] for name in ("01_check_quality", "03_build_features")] == [
        2 * EACH + 1
    ] * 2
    assert one not in sources(run, pd.read_parquet(run / "data/processed/tiny/features.parquet")["customer_id"])
    assert one in set(pd.read_parquet(run / "data/processed/tiny/customers.parquet")["customer_id"])
    workbench(run, "subject", "restrict", one, "--profile", "tiny", "--lift")
    workbench(run, "subject", "correct", one, "--set", "city=深圳", "--profile", "tiny")
    workbench(run, "run", "tiny", "--to", "05_score_rfm")
    customers = pd.read_parquet(run / "data/processed/tiny/customers.parquet").set_index("customer_id")
    assert customers.loc[one, "city"] == "深圳" and (customers["city"] == "深圳").sum() == 1
    assert one in sources(run, pd.read_parquet(run / "data/processed/tiny/features.parquet")["customer_id"])
