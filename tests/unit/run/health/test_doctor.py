"""The doctor: a sound workspace, and each fault with the command that fixes it."""

import base64
import datetime as dt
import json
import os
import socket
import sqlite3
import stat
from contextlib import closing

import pytest

from workbench.core.workspace import Workspace
from workbench.run.artifacts.audit import append_audit, audit_path
from workbench.run.artifacts.lock import hold_workspace
from workbench.run.health import environment, machine, operation, private_files
from workbench.run.health.examining import examine, repair, report_of
from workbench.run.hooks.hosts import HOSTS_VARIABLE
from workbench.run.hooks.receipts import new_receipt, read_receipts
from workbench.run.schedules.records import Planned, State, keep_planned, keep_state
from workbench.run.tracking.store_health import examine_store, newest_migration

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def place(toy_copy):
    workspace = Workspace(toy_copy.resolve())
    repair(private_files.examine_private_files(workspace))
    return workspace


def faults(lines):
    return {line.part: line for line in lines if not line.ok}


def one(lines, part):
    (line,) = [line for line in lines if line.part == part]
    return line


def test_every_line_has_words_in_both_languages_and_the_twin_says_the_same(place):
    lines = examine(place)
    for line in lines:
        assert line.name("en") and line.name("zh") and line.text("en") and line.text("zh")
    report = json.loads(json.dumps(report_of(lines, NOW)))
    assert report["ok"] == all(line.ok for line in lines)
    assert [entry["fix"] for entry in report["lines"]] == [line.command or None for line in lines]
    private = {"modes", "vault", "audit", "orphans", "lock", "tracking", "sources", "hooks"}
    assert not private & faults(lines).keys()


def test_examining_changes_nothing_but_the_lock_of_the_log(place):
    def tree():
        return {path: path.stat().st_mtime_ns for path in place.root.rglob("*") if path.is_file() and ".lock" not in path.name
                and path.parent.name != ".workbench" or path.name == "lock.json"}  # fmt: skip

    before = tree()
    examine(place)
    assert tree() == before


# environment and machine --------------------------------------------------------------------------


def test_packages_are_compared_with_the_lock(place):
    (place.root / "requirements.lock").write_text(
        "numpy==1.0 \\\n    --hash=sha256:00\nno-such-thing==2.0\nexceptiongroup==1 ; python_version < '3.0'\n",
        encoding="utf-8",
    )
    line = one(environment.examine_environment(place), "packages")
    assert line.command == "make setup"
    assert line.values["count"] == 2
    assert "no-such-thing - (==2.0)" in line.text("en")


def test_the_installed_packages_are_those_of_the_repository(repository):
    assert one(environment.examine_environment(Workspace(repository)), "packages").ok


def test_without_a_browser_the_package_is_named(place, monkeypatch):
    monkeypatch.setattr(environment, "find_browser", lambda: None)
    assert one(environment.examine_environment(place), "browser").command == "apt-get install chromium"


def test_a_full_disk_and_little_memory_name_what_frees_some(place, monkeypatch):
    monkeypatch.setattr(machine, "_LEAST_FREE_GB", 1e6)
    monkeypatch.setattr(machine, "_available_gb", lambda: 1.0)
    found = faults(machine.examine_machine(place, NOW))
    assert found["disk"].command == "workbench runs clean --keep 3 --yes"
    assert found["memory"].command == "workbench run toy --set run.memory_limit_gb=0.5"


def test_a_clock_before_the_newest_run_is_seen(place):
    assert one(machine.examine_machine(place, dt.datetime.now(dt.UTC)), "clock").ok
    line = one(machine.examine_machine(place, NOW - dt.timedelta(hours=1)), "clock")
    assert line.command == "timedatectl set-ntp true"


def test_a_port_that_another_program_uses_is_seen(place, monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setitem(machine._PORTS, "ui", port)
        assert one(machine.examine_machine(place, NOW), "port_ui").command == f"workbench ui --port {port + 1}"


# private files ------------------------------------------------------------------------------------


def test_open_modes_are_closed_by_the_repair(place):
    secret = place.root / ".workbench/hooks/a.json"
    secret.parent.mkdir(mode=0o755)
    secret.write_text("{}", encoding="utf-8")
    os.chmod(secret, 0o644)
    os.chmod(place.root / "params", 0o777)
    line = one(private_files.examine_private_files(place), "modes")
    assert (line.command, line.values["count"]) == ("workbench doctor --fix", 3)
    repair([line])
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE((place.root / "params").stat().st_mode) == 0o775
    assert one(private_files.examine_private_files(place), "modes").ok


def test_a_vault_without_its_key_is_seen(place, monkeypatch, tmp_path):
    vault = place.root / "data/interim/toy/vault.parquet"
    vault.parent.mkdir(parents=True, exist_ok=True)
    vault.touch(mode=0o600)
    for name in ("WORKBENCH_VAULT_KEY", "WORKBENCH_VAULT_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert "toy" in one(private_files.examine_private_files(place), "vault").text("en")
    monkeypatch.setenv("WORKBENCH_VAULT_KEY", base64.b64encode(bytes(32)).decode())
    assert one(private_files.examine_private_files(place), "vault").ok
    key = tmp_path / "key"
    key.write_text("x", encoding="utf-8")
    key.chmod(0o644)
    monkeypatch.delenv("WORKBENCH_VAULT_KEY")
    monkeypatch.setenv("WORKBENCH_VAULT_KEY_FILE", str(key))
    assert "others may read the key" in one(private_files.examine_private_files(place), "vault").text("en")


def test_a_changed_audit_log_is_seen(place):
    append_audit(place, "schedule", profile="toy")
    assert one(private_files.examine_private_files(place), "audit").ok
    path = audit_path(place)
    path.write_text(path.read_text(encoding="utf-8").replace("toy", "joy"), encoding="utf-8")
    assert one(private_files.examine_private_files(place), "audit").command == "workbench audit verify"


def test_what_a_dead_run_left_is_swept_by_the_repair_but_not_during_a_run(place):
    left = place.root / "reports/toy/.staging-20200101T000000-aaaaaa"
    left.mkdir()
    line = one(private_files.examine_private_files(place), "orphans")
    assert line.values["path"] == "reports/toy/.staging-20200101T000000-aaaaaa"
    with hold_workspace(place, "a run"):
        lines = private_files.examine_private_files(place)
        assert one(lines, "orphans").ok
        assert "held by a run" in one(lines, "lock").text("en")
    repair([line])
    assert not left.exists()


# operation ----------------------------------------------------------------------------------------


def change_store(place, statement):
    with closing(sqlite3.connect(place.tracking / "mlflow.db")) as store, store:
        store.execute(statement)


def tracking(place):
    return one(operation.examine_operation(place, NOW), "tracking")


def test_the_store_is_current_after_a_run(place):
    state = examine_store(place)
    assert (state.status, state.version) == ("current", newest_migration()[0])
    assert state.runs > 0 and state.running == 0


def test_an_older_store_names_its_migration_and_a_foreign_one_the_installation(place):
    older = sorted(newest_migration()[1] - {newest_migration()[0]})[0]
    change_store(place, f"update alembic_version set version_num = '{older}'")
    assert tracking(place).command.endswith("mlflow db upgrade sqlite:///mlruns/mlflow.db")
    change_store(place, "update alembic_version set version_num = 'ffffffffffff'")
    assert tracking(place).command == "make setup"


def test_a_damaged_store_is_seen(place):
    (place.tracking / "mlflow.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    assert examine_store(place).status == "damaged"


def test_runs_that_died_are_closed_by_the_repair(place):
    change_store(place, "update runs set status = 'RUNNING' where name like 'toy %'")
    line = tracking(place)
    assert line.values["count"] == 1
    repair([line])
    assert tracking(place).ok
    with closing(sqlite3.connect(place.tracking / "mlflow.db")) as store:
        assert store.execute("select status from runs where name like 'toy %'").fetchall() == [("KILLED",)]


def test_a_source_that_is_gone_or_not_renewed_is_seen(place):
    keep_planned(place, "toy", Planned("06:00", "UTC", NOW - dt.timedelta(1)))
    source = place.root / "data/raw/toy.csv"
    os.utime(source, (NOW.timestamp() - 5 * 86400,) * 2)
    assert "no new file for 5 days" in one(operation.examine_operation(place, NOW), "sources").text("en")
    source.unlink()
    line = one(operation.examine_operation(place, NOW), "sources")
    assert (line.command, line.values["count"]) == ("workbench check toy", 1)


@pytest.mark.parametrize(
    ("state", "key", "ok"),
    [
        (None, "doctor_schedule_missed", False),
        ("done", "doctor_schedule_kept", True),
        ("failed", "doctor_schedule_failed", False),
        ("missed", "doctor_schedule_missed", False),
    ],
)
def test_a_schedule_is_stale_where_nobody_ran_it_or_its_run_failed(place, state, key, ok):
    midnight = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    now = midnight + dt.timedelta(days=1, hours=9)
    keep_planned(place, "toy", Planned("06:00", "UTC", midnight))
    if state:
        keep_state(place, "toy", State(midnight + dt.timedelta(days=1, hours=6), state, 1, exit_code=1))
    line = operation.examine_schedule(place, "toy", now)
    assert (line.key, line.ok) == (key, ok)


def test_a_profile_without_a_schedule_is_told_how_to_set_one(place):
    assert operation.examine_schedule(place, "toy", NOW).command.startswith("workbench schedule toy --every")


def test_a_schedule_that_nothing_wakes_is_seen(place, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(place.root))
    keep_planned(place, "toy", Planned("06:00", "UTC", NOW))
    assert one(operation.examine_operation(place, NOW), "schedule").command == "workbench schedule toy --install"


def test_hooks_that_were_refused_never_delivered_or_failed_are_seen(place, monkeypatch):
    path = place.params / "toy.yaml"
    text = path.read_text(encoding="utf-8")
    hooks = "run:\n  hooks: {on_done: {webhook: 'https://chat.example/x'}, on_alert: {file: data/out}}\n"
    path.write_text(text.replace("run:\n", hooks), encoding="utf-8")
    waiting = new_receipt(place, "on_alert", {"profile": "toy", "run_id": None}, [], "en")
    waiting.receivers.append({"hook": {"file": "data/out"}, "state": "waiting", "attempts": 0, "detail": ""})
    waiting.pid = 2**22 + 1
    waiting.write()
    failed = new_receipt(place, "on_done", {"profile": "toy"}, [], "en")
    failed.receivers.append({"hook": {}, "state": "failed", "attempts": 3, "detail": "answered 500"})
    failed.write()
    lines = {line.key: line for line in operation.examine_operation(place, NOW) if line.part == "hooks"}
    assert lines["doctor_hooks_refused"].command == f"export {HOSTS_VARIABLE}=chat.example:443"
    assert "answered 500" in lines["doctor_hooks_failed"].text("en")
    started = []
    monkeypatch.setattr(operation, "start_delivery", lambda _place, receipt: started.append(receipt.path))
    repair([lines["doctor_hooks_waiting"]])
    assert started == [waiting.path] and len(read_receipts(place)) == 2
    monkeypatch.setenv(HOSTS_VARIABLE, "chat.example")
    assert "doctor_hooks_refused" not in {line.key for line in operation.examine_operation(place, NOW)}
