"""A full disk: the failure of the run is recorded with the room kept for it; intermediate files of the killed go."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from workbench.core.errors import StageError
from workbench.core.workspace import find_workspace
from workbench.run.artifacts import room
from workbench.run.artifacts.publish import RunFolder
from workbench.run.flows.flow import run_flow
from workbench.run.flows.selection import FlowOptions


def test_on_a_full_disk_latest_says_that_the_run_failed(toy_copy, monkeypatch):
    publish, reserve = RunFolder.publish, toy_copy / ".workbench/reserve"

    def full(self, summary):
        if reserve.exists():
            raise OSError(errno.ENOSPC, "No space left on device", "summary.json")
        return publish(self, summary)

    monkeypatch.setattr(RunFolder, "publish", full)
    result = run_flow(find_workspace(toy_copy), "toy", FlowOptions(force=True))
    assert "No space left on device" in str(result.error)
    summary = json.loads((toy_copy / "reports/toy/latest/summary.json").read_text(encoding="utf-8"))
    assert (summary["status"], summary["run_id"]) == ("failed", result.summary["run_id"])
    assert not list((toy_copy / "reports/toy").glob(".staging-*"))


def test_a_run_does_not_begin_without_room_for_its_record(toy_root, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    (toy_root / ".workbench").mkdir()
    with pytest.raises(StageError, match="less than 8 MB are free"):
        room.reserve_room(find_workspace(toy_root))


HANG = """from workbench.run.stages.files import scratch_folder
folder = scratch_folder(stage)
(folder / "rows.parquet").write_bytes(b"13811112222")
import time; time.sleep(600)"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="kernels are forked on Linux alone")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_killed_run_had_in_clear_is_gone_at_once(toy_root, number):
    path = toy_root / "notebooks/01_check_quality.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["cells"][-1]["source"] = HANG
    path.write_text(json.dumps(notebook), encoding="utf-8")
    command = [sys.executable, "-m", "workbench.run.commands.cli", "run", "toy", "--workspace", str(toy_root)]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    interim = toy_root / "data/interim/toy"
    wait_until(lambda: list(interim.glob(".scratch-*/rows.parquet")))
    run.send_signal(number)
    run.wait(60)
    wait_until(lambda: not list(interim.glob(".s*-*")))


def wait_until(condition, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")
