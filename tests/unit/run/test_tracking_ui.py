"""The MLflow UI answers under its own names alone, takes no files, and asks for a password where a report is shared."""

import asyncio
import base64
import http.client
import os
import socket
import stat
import subprocess
import time

import pytest

from workbench.core.errors import ProfileError
from workbench.core.workspace import find_workspace
from workbench.run.services.tracking_ui import ui_command
from workbench.run.tracking.server import Refusing


def answer(path, kind="http"):
    messages = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message):
        messages.append(message)

    asyncio.run(Refusing(app)({"type": kind, "path": path}, None, send))
    return messages[0].get("status", messages[0]["type"])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/ajax-api/2.0/mlflow/runs/search", 200),
        ("/get-artifact", 200),
        ("/ajax-api/2.0/mlflow/upload-artifact", 403),
        ("/api/2.0/mlflow-artifacts/artifacts/x", 403),
        ("/ajax-api/3.0/mlflow/assistant/chat", 403),
    ],
)
def test_what_would_store_or_run_something_is_refused(path, status):
    assert answer(path) == status
    assert answer("/assistant", "websocket") == "websocket.close"


def test_the_names_it_answers_to_are_exact(toy_done):
    workspace = find_workspace(toy_done[0])
    command, variables, lines = ui_command(workspace, "127.0.0.1", 5000, auth=False)
    assert variables["MLFLOW_SERVER_ALLOWED_HOSTS"] == "127.0.0.1:5000,localhost:5000"
    assert command[command.index("--host") + 1] == "127.0.0.1" and lines == ["MLflow on http://127.0.0.1:5000"]


def test_where_a_report_is_shared_a_password_is_required(toy_copy):
    profile = toy_copy / "params/toy.yaml"
    profile.write_text("share: {group: analysts}\n" + profile.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ProfileError, match="toy shares its report with a group.*--auth"):
        ui_command(find_workspace(toy_copy), "127.0.0.1", 5000, auth=False)


def test_every_start_has_a_password_of_its_own_in_private_files(toy_copy):
    pytest.importorskip("flask_wtf", reason="needs the extra auth")
    passwords = set()
    for _ in range(2):
        command, variables, lines = ui_command(find_workspace(toy_copy), "127.0.0.1", 5000, auth=True)
        passwords.add(lines[1].split()[3])
        assert not any(word in part for word in passwords for part in [*command, *variables.values()])
    folder = toy_copy / "mlruns/auth"
    assert len(passwords) == 2 and stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def free_port():
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]


def status(port, path="/", host=None, method="GET", login=""):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"Host": host or f"127.0.0.1:{port}"}
    if login:
        headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    connection.request(method, path, headers=headers)
    return connection.getresponse().status


@pytest.mark.slow
@pytest.mark.parametrize("auth", [False, True])
def test_the_server_itself_refuses_other_names_and_files(toy_copy, auth):
    if auth:
        pytest.importorskip("flask_wtf", reason="needs the extra auth")
    port = free_port()
    command, variables, lines = ui_command(find_workspace(toy_copy), "127.0.0.1", port, auth=auth)
    login = f"workbench:{lines[1].split()[3].rstrip(',')}" if auth else ""
    server = subprocess.Popen(command, cwd=toy_copy, env=os.environ | variables, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                if status(port, "/health") == 200:
                    break
            except OSError:
                time.sleep(0.5)
        assert status(port, login=login) == 200
        assert status(port) == (401 if auth else 200)
        for host in ("10.evil.example", f"10.evil.example:{port}", f"127.0.0.1.evil.example:{port}", "192.168.0.1"):
            assert status(port, host=host, login=login) == 403
        assert status(port, "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=x&path=y", method="POST", login=login) == 403
    finally:
        server.terminate()
        server.wait(20)
