"""The commands that keep the workbench running, as an operator calls them: exit codes and what they print."""

import datetime as dt
import json
import sys

import pytest

from workbench.core.workspace import Workspace
from workbench.run.artifacts.audit import audit_path
from workbench.run.artifacts.lock import hold_workspace
from workbench.run.commands import cli
from workbench.run.commands.keeping import scheduling
from workbench.run.schedules.records import Planned, keep_planned, read_planned, read_state


@pytest.fixture
def call(monkeypatch, capsys):
    """Return a function that runs the command line in this process and returns (exit code, stdout, stderr)."""

    def run(root, *words):
        monkeypatch.setattr(sys, "argv", ["workbench", *map(str, words), "--workspace", str(root)])
        with pytest.raises(SystemExit) as raised:
            cli.main()
        output = capsys.readouterr()
        return raised.value.code or 0, output.out, output.err

    return run


SHANGHAI = ("--time-zone", "Asia/Shanghai")


def test_a_schedule_is_kept_and_printed_as_units_then_cron_line(call, toy_root):
    code, out, err = call(toy_root, "schedule", "toy", "--every", "Mon 06:00", *SHANGHAI)
    assert code == 0
    assert out.index("OnCalendar=Mon *-*-* 06:00:00 Asia/Shanghai") < out.index("*/5 * * * * cd ")
    assert "2024-03-01 holds for runs by hand" in err
    assert read_planned(Workspace(toy_root.resolve()), "toy").zone == "Asia/Shanghai"
    assert call(toy_root, "schedule", "toy")[1] == out


def test_one_form_alone_is_printed_for_a_pipe(call, toy_root):
    out = call(toy_root, "schedule", "toy", "--every", "06:00", *SHANGHAI, "--as", "cron")[1]
    assert len(out.splitlines()) == 1
    assert "[Timer]" not in out
    assert "crontab" not in call(toy_root, "schedule", "toy", "--as", "systemd")[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["toy", "--every", "06:00"], "--time-zone: not given"),
        (["toy", "--every", "six", "--time-zone", "UTC"], "Expected 'Mon 06:00'"),
        (["toy", "--every", "06:00", "--time-zone", "UTC", "--as", "launchd"], "Expected systemd or cron"),
        (["toy", "--every", "06:00", "--time-zone", "UTC", "--max-staleness", "0"], "More than 0"),
        (["joy", "--every", "06:00", "--time-zone", "UTC"], "Did you mean 'toy'?"),
        (["due", "toy"], "profile toy has no schedule"),
        (["due", "toy", "now"], "Expected PROFILE or due PROFILE"),
    ],
)
def test_what_is_wrong_in_the_command_ends_with_two(call, toy_root, words, message):
    code, _, err = call(toy_root, "schedule", *words)
    assert code == 2
    assert message in err
    assert read_planned(Workspace(toy_root.resolve()), "toy") is None


def overdue(root):
    """Give the profile a schedule whose moment was a while ago."""
    place = Workspace(root.resolve())
    now = dt.datetime.now(dt.UTC)
    keep_planned(place, "toy", Planned("00:00", "UTC", now - dt.timedelta(days=1, minutes=5)))
    return place, now.date().isoformat()


def test_due_runs_the_flow_with_the_date_of_the_moment_and_once(call, toy_copy):
    place, today = overdue(toy_copy)
    with hold_workspace(place, "another run"):
        assert call(toy_copy, "schedule", "due", "toy")[0] == 4
    code, out, _ = call(toy_copy, "schedule", "due", "toy")
    assert code == 0
    assert f"runs as of {today}" in out and "done in" in out
    summary = json.loads((place.reports("toy") / "latest/summary.json").read_text(encoding="utf-8"))
    assert (summary["as_of"], summary["run_id"]) == (today, read_state(place, "toy").run_id)
    code, out, _ = call(toy_copy, "schedule", "due", "toy")
    assert (code, "is handled; next" in out) == (0, True)
    assert call(toy_copy, "schedule", "due", "toy", "--quiet")[:2] == (0, "")
    assert call(toy_copy, "doctor", "--stale", "toy")[0] == 0


def test_a_due_run_that_fails_ends_with_its_exit_code_and_is_stale(call, toy_copy):
    overdue(toy_copy)
    (toy_copy / "data/raw/fault.txt").write_text("refuse", encoding="utf-8")
    assert call(toy_copy, "schedule", "due", "toy")[0] == 3
    code, out, _ = call(toy_copy, "doctor", "--stale", "toy", "--json")
    assert code == 1
    assert "ended with 3" in json.loads(out)["lines"][0]["text"]


def test_a_schedule_is_taken_back(call, toy_root, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(toy_root))
    call(toy_root, "schedule", "toy", "--every", "06:00", *SHANGHAI)
    assert "removed" in call(toy_root, "schedule", "toy", "--remove")[1]
    assert call(toy_root, "schedule", "due", "toy")[0] == 2


def logged(root):
    """Return the facts of the audit log's lines about schedules."""
    lines = map(json.loads, audit_path(Workspace(root.resolve())).read_text(encoding="utf-8").splitlines())
    return [line["facts"] for line in lines if line["event"] == "schedule"]


def test_the_audit_log_has_every_schedule_installed_and_removed(call, toy_root, monkeypatch):
    installed = []
    monkeypatch.setattr(scheduling, "install_cron", installed.append)
    monkeypatch.setattr(scheduling, "remove_wakers", lambda _: ["crontab"])
    call(toy_root, "schedule", "toy", "--every", "06:00", *SHANGHAI)
    assert not audit_path(Workspace(toy_root.resolve())).is_file()  # printed alone: nothing will run by itself
    call(toy_root, "schedule", "toy", "--every", "Mon 06:00", *SHANGHAI, "--as", "cron", "--install")
    call(toy_root, "schedule", "toy", "--as", "cron", "--install")
    call(toy_root, "schedule", "toy", "--remove")
    when = {"profile": "toy", "every": "Mon 06:00", "zone": "Asia/Shanghai"}
    assert len(installed) == 2
    assert logged(toy_root) == [
        {**when, "change": "installed", "by": "cron"},
        {**when, "change": "installed", "by": "cron"},
        {**when, "change": "removed"},
    ]


def test_a_schedule_that_could_not_be_installed_is_not_logged(call, toy_root, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert call(toy_root, "schedule", "toy", "--every", "06:00", *SHANGHAI, "--as", "cron", "--install")[0] == 3
    assert not audit_path(Workspace(toy_root.resolve())).is_file()


def test_runs_are_listed_shown_and_compared(call, toy_done):
    root, result = toy_done
    run_id = result.summary["run_id"]
    for words in (("list",), ("list", "toy"), ("show", "toy")):
        code, out, _ = call(root, "runs", *words)
        assert code == 0 and run_id in out
    assert "transactions 3" in call(root, "runs", "show", run_id)[1]
    assert "differ in nothing" in call(root, "runs", "compare", "toy", run_id[:10])[1]
    assert call(root, "runs", "show", "joy")[0] == 3
    assert call(root, "runs", "list", "joy")[0] == 2


def test_cleaning_lists_first_and_removes_with_yes(call, toy_copy):
    place = Workspace(toy_copy.resolve())
    newest = next(place.reports("toy").glob("2*"))
    old = newest.with_name("20200101T000000-aaaaaa")
    old.mkdir()
    summary = {"run_id": old.name, "profile": "toy", "as_of": None, "status": "done", "stages": {}}
    (old / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    assert "nothing to remove" in call(toy_copy, "runs", "clean")[1]
    assert "with --yes it is removed" in call(toy_copy, "runs", "clean", "--keep", "1")[1]
    assert old.is_dir()
    assert "removed 1 run" in call(toy_copy, "runs", "clean", "--keep", "1", "--yes")[1]
    assert not old.exists() and newest.is_dir()
    assert call(toy_copy, "runs", "clean", "--keep", "0")[0] == 2


def test_the_doctor_ends_with_one_while_a_line_is_to_fix_and_writes_its_twin(call, toy_copy):
    (toy_copy / ".workbench").chmod(0o755)
    code, out, _ = call(toy_copy, "doctor")
    assert code == 1 and "workbench doctor --fix" in out
    twin = json.loads((toy_copy / ".workbench/doctor.json").read_text(encoding="utf-8"))
    assert {"part": "modes", "ok": False, "fix": "workbench doctor --fix", "safe": True}.items() <= next(
        line.items() for line in twin["lines"] if line["part"] == "modes"
    )
    code, out, _ = call(toy_copy, "doctor", "--fix", "--json")
    assert next(line["ok"] for line in json.loads(out)["lines"] if line["part"] == "modes")
    assert call(toy_copy, "doctor", "--stale", "joy")[0] == 2
