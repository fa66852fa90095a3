"""What hooks are told: when, what, and nothing that comes from the data; a run neither waits for them nor fails by them."""

import json
import sys
import time
from types import SimpleNamespace

import pytest

from workbench.core.errors import DataError, StageError, WorkspaceBusyError
from workbench.core.workspace import Workspace
from workbench.run.flows.selection import FlowOptions
from workbench.run.hooks.after_run import run_and_tell
from workbench.run.hooks.messages import events_of, run_message
from workbench.run.hooks.receipts import new_receipt, read_receipts

SECRET = "Zhang San 13800000000"
SUMMARY = {
    "run_id": "20261201T000000-abcdef", "profile": "toy", "as_of": "2026-12-01", "status": "failed", "seconds": 3.21,
    "error": f"cannot parse '{SECRET}'",
    "stages": {
        "01_check_quality": {"status": "done", "metrics": {"top": SECRET}, "tables": {}},
        "03_build_features": {"status": "failed", "error": SECRET, "skipped_because": {"en": SECRET}},
    },
}  # fmt: skip


def watched(alerts):
    stages = {"13_watch_changes": {"status": "done", "metrics": {"alerts": alerts, "warnings": 1}, "tables": {}}}
    return {**SUMMARY, "status": "done", "stages": stages}


@pytest.fixture
def place(toy_root):
    return Workspace(toy_root.resolve())


def declare(place, hooks):
    path = place.params / "toy.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("run:\n", f"run:\n  hooks: {json.dumps(hooks)}\n"), encoding="utf-8")


def received(place, name, wait=10.0):
    """Return the message that a hook wrote, after waiting for it."""
    path, until = place.root / name, time.monotonic() + wait
    while not path.is_file() and time.monotonic() < until:
        time.sleep(0.05)
    return json.loads(path.read_text(encoding="utf-8"))


def writes(name):
    code = f"import os, sys; open('{name}.part', 'w').write(sys.stdin.read()); os.rename('{name}.part', '{name}')"
    return {"command": [sys.executable, "-c", code]}


def test_a_message_holds_nothing_from_the_data(place):
    message = run_message(place, "toy", SUMMARY, None, 1)
    assert SECRET not in json.dumps(message, ensure_ascii=False)
    assert message["failed_stage"] == "03_build_features"
    assert message["stages"] == {"ran": 1, "reused": 0, "skipped": 0, "failed": 1}
    assert (message["exit_code"], message["seconds"], message["alerts"]) == (1, 3.2, None)


def test_alerts_are_told_where_there_are_some(place):
    assert events_of(run_message(place, "toy", watched(2), None, 0)) == ["on_done", "on_alert"]
    assert events_of(run_message(place, "toy", watched(0), None, 0)) == ["on_done"]
    assert events_of(run_message(place, "toy", watched(None), None, 0)) == ["on_done"]
    assert events_of(run_message(place, "toy", SUMMARY, None, 1)) == ["on_failure"]


def run(place, outcome):
    def run_flow(*_):
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return run_and_tell(run_flow, place, "toy", FlowOptions(as_of="2026-12-01"))


def ended(summary, error=None):
    return SimpleNamespace(summary=summary, folder=None, error=error)


def test_each_event_reaches_its_own_hooks(place):
    declare(place, {"on_done": writes("done"), "on_alert": writes("alert"), "on_failure": writes("failure")})
    run(place, ended(watched(3)))
    assert received(place, "done")["event"] == "on_done"
    assert received(place, "alert")["alerts"] == 3
    assert not (place.root / "failure").exists()
    run(place, ended(SUMMARY, StageError("no")))
    assert received(place, "failure")["exit_code"] == 1


def test_a_refused_run_is_told_even_by_a_profile_that_is_wrong_elsewhere(place):
    declare(place, {"on_failure": writes("failure")})
    with (place.params / "toy.yaml").open("a", encoding="utf-8") as file:
        file.write("no_such_key: 1\n")
    with pytest.raises(DataError):
        run(place, DataError(SECRET))
    message = received(place, "failure")
    assert (message["status"], message["exit_code"], message["as_of"]) == ("refused", 3, "2026-12-01")
    assert SECRET not in json.dumps(message)


def test_a_run_that_another_kept_out_tells_nobody(place):
    declare(place, {"on_failure": writes("failure")})
    with pytest.raises(WorkspaceBusyError):
        run(place, WorkspaceBusyError("held"))
    assert read_receipts(place) == []


def test_a_hook_that_hangs_holds_up_no_run(place):
    declare(place, {"on_done": {"command": ["sleep", "20"]}})
    begun = time.monotonic()
    run(place, ended(watched(0)))
    assert time.monotonic() - begun < 5
    (receipt,) = read_receipts(place)
    assert [receiver["state"] for receiver in receipt.receivers] == ["waiting"]


def test_a_run_in_a_scratch_area_tells_nobody_and_leaves_the_index(place):
    declare(place, {"on_done": writes("done")})
    run(Workspace(place.root, "trial"), ended(watched(0)))
    assert read_receipts(place) == []
    assert not (place.root / "reports/index.html").exists()


def test_what_goes_wrong_after_the_run_changes_nothing_about_it(place, capsys):
    (place.root / "reports").write_text("in the way", encoding="utf-8")
    assert run(place, ended(watched(0))).error is None
    assert "after the run:" in capsys.readouterr().err


def test_an_abandoned_message_is_told_from_one_on_its_way(place):
    receipt = new_receipt(place, "on_done", {"profile": "toy"}, [], "en")
    receipt.receivers.append({"hook": {}, "state": "waiting", "attempts": 0, "detail": ""})
    assert not receipt.is_abandoned()
    receipt.pid = 2**22 + 1
    assert receipt.is_abandoned()


def test_old_receipts_go(place):
    for _ in range(203):
        new_receipt(place, "on_done", {"profile": "toy"}, [], "en")
    assert len(read_receipts(place)) == 200
