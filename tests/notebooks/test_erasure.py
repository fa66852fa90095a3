"""Twenty people erased from a workspace that holds them everywhere: nothing of theirs is left, nothing of others missing.

The test searches every file by itself, as it lies and decoded.
"""

import base64
import csv
import gzip
import html
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

import pandas as pd
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook, load_workbook

from workbench.core.workspace import find_workspace
from workbench.intake.demo.synthetic import generate_tiny
from workbench.intake.identity.vault import KEY_VARIABLE, Vault
from workbench.intake.privacy.tombstone_file import OUTSIDE_VARIABLE
from workbench.run.artifacts.audit import verify_audit
from workbench.run.artifacts.lock import hold_workspace

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PEOPLE = 20
HERS = [f"{at:06d}" for at in range(11, 11 + PEOPLE)]
CANARIES = [f"{at:06d}" for at in range(111, 111 + PEOPLE)]
ALPHA = "abcdefghijklmnopqrst"
KEY = base64.b64encode(b"e" * 32).decode()
SECOND = """\
profile: second
language: en
as_of: 2025-07-01
sources:
  sales:
    path: data/raw/tiny/orders.csv
    table: transactions
    columns: {order_id: order_id, customer_id: customer_id, ordered_at: ordered_at, amount: amount}
    formats: {currency: CNY}
run: {stages: [01_check_quality, 03_build_features, 05_score_rfm]}
"""


def make_workspace(folder):
    """Copy notebooks and profiles into a fresh workspace."""
    for name in ("notebooks", "params"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints", "scratch"))


def person(kind, at):
    """The name, phone and mail of one of them, and of nobody else."""
    letter = ALPHA[at]
    name = [
        f"Zq{letter}lind O'{kind}{letter}x",
        f"Ñuñ{letter} {kind}ẞter",
        f"欧阳{kind}龘{letter}",
        f"{kind}{letter} <b>&amp;",
    ][at % 4]
    return name, f"139{'77' if kind == 'Erased' else '66'}{at:06d}", f"{kind.lower()}.{letter}@un-usual.example"


def words(kind):
    return [word for at in range(PEOPLE) for word in person(kind, at)]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "tombstones.json"
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(KEY_VARIABLE, KEY)
        yield os.environ | {OUTSIDE_VARIABLE: str(outside)}


def workbench(root, environment, *words, expected=0):
    command = [sys.executable, "-m", "workbench.run.commands.cli", *words]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout + done.stderr


def name_people(root):
    """Give forty customers of tiny unusual names; return the original bytes of the file."""
    path = root / "data/raw/tiny/customers.csv"
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    for row in rows:
        for kind, ids in (("Erased", HERS), ("Canary", CANARIES)):
            if row["customer_id"] in ids:
                row["name"], row["phone"], row["email"] = person(kind, ids.index(row["customer_id"]))
    write_rows(path, rows)


def write_rows(path, rows, **options):
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n", **options)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode())


def plant(root):
    """Put erased people and canaries into places that no stage writes by itself."""
    both = [(kind, at) for kind in ("Erased", "Canary") for at in range(PEOPLE)]
    raw, reports, interim = root / "data/raw/tiny", root / "reports/tiny", root / "data/interim/tiny"
    table = "name,note\n" + "".join('"{}",a note\n'.format(person(*who)[0].replace('"', '""')) for who in both)
    (raw / "old_export.csv").write_bytes(table.encode("gb18030", "replace"))
    (raw / "old_utf16.csv").write_bytes(table.encode("utf-16"))
    (raw / "old.csv.gz").write_bytes(gzip.compress(table.encode(), mtime=7))
    (raw / "old.jsonl").write_text("".join(json.dumps({"who": person(*who)[0]}) + "\n" for who in both))
    workbook = Workbook()
    for who in both:
        workbook.active.append([person(*who)[1], "kept"])
    workbook.save(raw / "old.xlsx")
    with zipfile.ZipFile(interim / "bundle.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("deep/list.csv", table)
    rows = "".join(f"<tr><td>{html.escape(person(*who)[0])}</td><td>{person(*who)[2]}</td></tr>\n" for who in both)
    uri = base64.b64encode(table.encode()).decode()
    links = "".join(f'<li><a href="?q={quote(person(*who)[0])}">x</a></li>\n' for who in both)
    (reports / "mailed.html").write_text(
        f'<!doctype html><table><tr><th>name</th></tr>{rows}</table><ul>{links}</ul><a href="data:text/csv;base64,{uri}">f</a>'
    )
    outputs = [{"output_type": "stream", "name": "stdout", "text": [f"{person(*who)[2]}\n" for who in both]}]
    cells = [{"cell_type": "code", "id": "a", "metadata": {}, "source": [], "execution_count": 1, "outputs": outputs}]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (root / "notebooks/.ipynb_checkpoints").mkdir(exist_ok=True)
    (root / "notebooks/.ipynb_checkpoints/look-checkpoint.ipynb").write_text(json.dumps(notebook))
    (root / "nightly.log").write_text("".join(f"mailed {person(*who)[2]}\n" for who in both))
    (root / "data/interim/never.csv").write_text("source_id\n" + "\n".join([HERS[0], CANARIES[0]]) + "\n")
    with sqlite3.connect(root / "mlruns/mlflow.db") as connection:
        run = connection.execute("SELECT run_uuid FROM runs LIMIT 1").fetchone()[0]
        for who in both:
            connection.execute("INSERT INTO tags VALUES (?, ?, ?)", (f"note {who}", f"asked by {person(*who)[0]}", run))
        connection.execute("CREATE TABLE gone (a TEXT)")
        connection.executemany("INSERT INTO gone VALUES (?)", [(person("Erased", at)[0] * 20,) for at in range(PEOPLE)])
        connection.execute("DROP TABLE gone")  # its pages are free and still hold them
    staging = root / "data/processed/tiny/.staging/20260101T000000-aaaaaa-03_build_features"  # of a killed run
    staging.mkdir(parents=True)
    (staging / "notebook.ipynb").write_text(json.dumps(notebook))
    (reports / "people").mkdir(exist_ok=True)
    pd.DataFrame({"customer_id": HERS + CANARIES, "text": [person(*who)[0] for who in both]}).to_parquet(
        interim / "own_study.parquet"
    )


def everything(root):
    """Yield every file's content, as it lies and decoded: a name and bytes for each."""
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not path.is_file() or path.name == "tombstones.json":
            continue
        name = path.relative_to(root).as_posix()
        content = path.read_bytes()
        if path.name == "vault.parquet":
            table = Vault.of(find_workspace(root), path.parent.name).read()
            yield f"{name} opened", table.to_pandas().to_csv().encode()
            continue
        yield from decoded(name, content)


def decoded(name, content):
    yield name, content
    if content[:4] == b"PAR1":
        yield f"{name} cells", pq.read_table(io.BytesIO(content)).to_pandas().to_csv().encode()
    elif content[:2] == b"\x1f\x8b":
        yield from decoded(f"{name} unpacked", gzip.decompress(content))
    elif zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            for member in packed.namelist():
                yield from decoded(f"{name} {member}", packed.read(member))
    else:
        for codec in ("utf-16", "gb18030"):
            yield f"{name} {codec}", content.decode(codec, "ignore").encode("utf-8", "ignore")
        yield f"{name} url", unquote_to_bytes(content)
        plain = content.decode("utf-8", "ignore")
        yield f"{name} html", html.unescape(plain).encode("utf-8", "ignore")
        yield (
            f"{name} json",
            re.sub(r"\\u([0-9a-fA-F]{4})", lambda at: chr(int(at[1], 16)), plain).encode("utf-8", "ignore"),
        )
        for at in re.finditer(rb"base64,([A-Za-z0-9+/=\s\\n]+)", content):
            text = re.sub(rb"\\n|\s", b"", at[1])
            yield f"{name} base64", base64.b64decode(text + b"=" * (-len(text) % 4))


def holders(root, wanted):
    """Return which of some texts stand in which file, in any form."""
    held = {word: set() for word in wanted}
    for name, content in everything(root):
        for word in wanted:
            if word.encode() in content:
                held[word].add(name.split(" ")[0])
    return held


@pytest.fixture(scope="module")
def erased(tmp_path_factory, environment):
    """A workspace before and after the erasure: killed once in the middle, completed by the next command."""
    root = tmp_path_factory.mktemp("erase") / "workspace"
    make_workspace(root)
    generate_tiny(root / "data/raw/tiny")
    name_people(root)
    (root / "params/second.yaml").write_text(SECOND)
    workbench(root, environment, "run", "tiny")
    workbench(root, environment, "run", "second")
    ids = pd.read_parquet(root / "data/processed/tiny/identities.parquet").set_index("source_id")["customer_id"]
    one_ids = {name: [ids[value] for value in own] for name, own in (("Erased", HERS), ("Canary", CANARIES))}
    plant(root)
    workbench(
        root, environment, "card", *one_ids["Erased"][:2], *one_ids["Canary"][:2], "--profile", "tiny", "--contact"
    )
    before = {name: path.read_bytes() for name, path in raw_files(root).items()}
    canaries = holders(root, [*words("Canary"), *one_ids["Canary"]])
    assert all(holders(root, words("Erased")).values())
    kill_in_the_middle(root, environment)
    text = workbench(root, environment, "subject", "erase", HERS[0], "--profile", "tiny", "--yes", expected=3)
    return root, one_ids, before, canaries, text


def named_by_source(root, table):
    """Read a table with customers named by their first source id: 02 keeps an earlier customer id where it has one."""
    frame = pd.read_parquet(root / f"data/processed/tiny/{table}.parquet")
    ids = pd.read_parquet(root / "data/processed/tiny/identities.parquet").groupby("customer_id")["source_id"].min()
    if not frame["customer_id"].isin(ids.index).any():
        return frame  # canonical tables hold the ids of the sources
    frame["customer_id"] = frame["customer_id"].map(ids)
    return frame.sort_values("customer_id").reset_index(drop=True)


def raw_files(root):
    return {
        name: root / "data/raw/tiny" / name for name in ("customers.csv", "orders.csv", "campaigns.csv", "products.csv")
    }


def kill_in_the_middle(root, environment):
    (root / "ids.txt").write_text("\n".join(HERS) + "\n")
    command = [sys.executable, "-m", "workbench.run.commands.cli", "subject", "erase", "--ids", "ids.txt"]
    process = subprocess.Popen(
        [*command, "--profile", "tiny", "--yes"], cwd=root, env=environment, stdout=subprocess.DEVNULL
    )
    journals = root / ".workbench/erasures"
    deadline = time.monotonic() + 120
    while len(list(journals.glob("*.touched"))) == 0 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (journal,) = journals.glob("*.json")
    assert journal.stat().st_mode & 0o777 == 0o600
    (root / "ids.txt").unlink()


def test_nothing_of_them_is_left_in_any_form(erased):
    root, one_ids, *_ = erased
    assert {word: files for word, files in holders(root, [*words("Erased"), *one_ids["Erased"]]).items() if files} == {}
    assert not list((root / ".workbench/erasures").iterdir())


def test_nothing_of_others_is_missing(erased):
    root, one_ids, _, before, _ = erased
    after = holders(root, [*words("Canary"), *one_ids["Canary"]])
    missing = {
        word: {file for file in files - after[word] if "/.staging/" not in file} for word, files in before.items()
    }
    assert {word: files for word, files in missing.items() if files} == {}  # what a killed run staged is swept


def test_raw_files_keep_every_other_byte(erased):
    root, _, before, *_ = erased
    for name, path in raw_files(root).items():
        kept = b"".join(line for line in before[name].splitlines(keepends=True)
                        if not any(part in HERS for part in line.decode("utf-8", "replace").split(",")[:2]))  # fmt: skip
        assert path.read_bytes() == kept, name


def test_the_audit_log_has_one_line_and_no_value(erased):
    root, *_ = erased
    lines = [json.loads(line) for line in (root / ".workbench/audit.jsonl").read_text().splitlines()]
    (line,) = [line for line in lines if line["event"] == "erasure"]
    assert (line["facts"]["profile"], line["facts"]["customers"]) == ("tiny", PEOPLE)
    assert not verify_audit(find_workspace(root)).changed


def test_workbooks_and_packed_files_keep_the_rest(erased):
    root, *_ = erased
    raw = root / "data/raw/tiny"
    assert [row[0] for row in load_workbook(raw / "old.xlsx").active.values] == [
        value for at in range(PEOPLE) for value in ["[erased]"]
    ] + [person("Canary", at)[1] for at in range(PEOPLE)]
    assert (raw / "old.csv.gz").read_bytes()[4:8] == (7).to_bytes(4, "little")


def test_a_run_meets_none_of_them_in_the_next_file_and_others_are_as_without_them(erased, environment, tmp_path):
    root, *_ = erased
    copy = tmp_path / "copy"
    shutil.copytree(root, copy, symlinks=True)
    name_people_again = copy / "data/raw/tiny/customers.csv"
    head = name_people_again.read_text().splitlines()[0].split(",")
    again = {"customer_id": "900001", "name": "other", "phone": person("Erased", 3)[1], "email": ""}
    with name_people_again.open("a") as file:
        file.write(",".join(again.get(name, "") for name in head) + "\n")
        file.write(",".join({"customer_id": HERS[0]}.get(name, "") for name in head) + "\n")
    workbench(copy, environment, "run", "tiny", "--to", "05_score_rfm")
    metrics = json.loads((copy / "reports/tiny/latest/summary.json").read_text())["stages"]["01_check_quality"][
        "metrics"
    ]
    assert metrics["crm.suppressed"] == 2
    assert (
        metrics["crm.physical_records"] == metrics["crm.accepted"] + metrics["crm.rejected"] + metrics["crm.suppressed"]
    )
    fresh = tmp_path / "fresh"
    make_workspace(fresh)
    shutil.copytree(root / "data/raw", fresh / "data/raw")
    plain = {name: value for name, value in environment.items() if name != OUTSIDE_VARIABLE}
    workbench(fresh, plain, "run", "tiny", "--to", "05_score_rfm")
    for table in ("customers", "transactions", "campaigns", "features", "rfm"):
        kept, new = (named_by_source(place, table) for place in (copy, fresh))
        pd.testing.assert_frame_equal(kept, new)


def test_a_restored_backup_does_not_bring_them_back(erased, environment, tmp_path):
    root, _, before, *_ = erased
    copy = tmp_path / "restored"
    shutil.copytree(root, copy, symlinks=True)
    (copy / ".workbench/tombstones.json").unlink()
    for name, path in raw_files(copy).items():
        path.write_bytes(before[name])
    text = workbench(copy, environment, "run", "tiny", "--only", "01_check_quality")
    assert f"erased {PEOPLE} people again" in text
    assert {word: files for word, files in holders(copy, words("Erased")).items() if files} == {}


def test_status_says_what_was_searched(erased, environment):
    root, one_ids, *_ = erased
    text = workbench(root, environment, "subject", "status", HERS[0], "--profile", "tiny", "--language", "en")
    assert "erased before" in text and "Nothing of 1 person was found." in text and ".parquet" in text
    text = workbench(root, environment, "subject", "status", CANARIES[0], "--profile", "tiny", "--language", "en")
    assert "data/raw/tiny/customers.csv (bytes)" in text and "vault.parquet (cells)" in text


def test_while_a_run_holds_the_workspace_nobody_is_erased(erased, environment):
    root, *_ = erased
    before = (root / "data/raw/tiny/customers.csv").read_bytes()
    with hold_workspace(find_workspace(root), "a run"):
        workbench(root, environment, "subject", "erase", CANARIES[0], "--profile", "tiny", "--yes", expected=4)
    workbench(root, environment, "subject", "erase", "nobody-like-this", "--profile", "tiny", "--yes", expected=3)
    assert (root / "data/raw/tiny/customers.csv").read_bytes() == before
