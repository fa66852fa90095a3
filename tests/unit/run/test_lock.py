"""One run at a time: a second one is refused, the lock of a dead process is free."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from workbench.core.errors import WorkspaceBusyError
from workbench.core.workspace import Workspace
from workbench.run.artifacts.lock import hold_workspace, holder

HOLD = """
import sys, time
from pathlib import Path
from workbench.core.workspace import Workspace
from workbench.run.artifacts.lock import hold_workspace

with hold_workspace(Workspace(Path(sys.argv[1])), "workbench run shop"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path.resolve())


@pytest.fixture
def other(workspace):
    """Start another process that holds the workspace."""
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(workspace.root)], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "held\n"
    yield child
    child.kill()
    child.wait()
    child.stdout.close()


def test_the_holder_names_pid_host_start_and_what(workspace):
    with hold_workspace(workspace, "workbench run shop"):
        note = holder(workspace)
    assert note["pid"] == os.getpid()
    assert note["host"] == socket.gethostname()
    assert note["what"] == "workbench run shop"
    assert note["start"].endswith("+00:00")


def test_a_second_run_is_refused_with_exit_code_4_and_the_name_of_the_first(workspace, other):
    with pytest.raises(WorkspaceBusyError) as raised, hold_workspace(workspace, "workbench run shop"):
        pytest.fail("two runs hold one workspace")
    message = str(raised.value)
    assert raised.value.exit_code == 4
    assert f"workbench run shop (pid {other.pid}, host {socket.gethostname()}, since 2" in message
    assert "Wait for it, or stop that process" in message


def test_the_lock_of_a_killed_process_is_free(workspace, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    with hold_workspace(workspace, "workbench run shop"):
        assert holder(workspace)["pid"] == os.getpid()


def test_the_lock_is_free_again_after_a_failure(workspace):
    with pytest.raises(ValueError, match="broken"), hold_workspace(workspace, "first"):
        raise ValueError("broken")
    with hold_workspace(workspace, "second"):
        assert holder(workspace)["what"] == "second"


def test_a_lock_cannot_be_taken_twice_within_one_process(workspace):
    with hold_workspace(workspace, "first"), pytest.raises(WorkspaceBusyError), hold_workspace(workspace, "second"):
        pytest.fail("taken twice")


def test_a_damaged_note_beside_the_lock_does_no_harm(workspace):
    with hold_workspace(workspace, "first"):
        workspace.lock.with_suffix(".json").write_text("{half", encoding="utf-8")
        assert holder(workspace) == {}
        with pytest.raises(WorkspaceBusyError, match="held by another run"), hold_workspace(workspace, "second"):
            pytest.fail("taken twice")
    with hold_workspace(workspace, "third"):
        assert holder(workspace)["what"] == "third"
