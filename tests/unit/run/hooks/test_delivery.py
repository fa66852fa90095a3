"""Delivery to real receivers on this machine: programs, files, web servers and mail servers, good and bad."""

import json
import socketserver
import stat
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from workbench.core.params.hooks import HooksParams
from workbench.core.workspace import Workspace
from workbench.run.hooks.deliver import Limits, deliver
from workbench.run.hooks.hosts import HOSTS_VARIABLE
from workbench.run.hooks.network import PASSWORD_VARIABLE
from workbench.run.hooks.receipts import new_receipt, read_receipts

MESSAGE = {
    "workspace": "shop", "profile": "tiny", "run_id": "20261201T000000-abcdef", "status": "done", "exit_code": 0,
    "as_of": "2026-12-01", "seconds": 4.2, "stages": {"ran": 1, "reused": 0, "skipped": 0, "failed": 0},
    "failed_stage": None, "alerts": 2, "warnings": 0, "report": "reports/tiny/20261201T000000-abcdef/report.html",
}  # fmt: skip
QUICK = Limits(attempts=3, seconds=1.5, pauses=(0.01,))


@pytest.fixture
def place(tmp_path):
    return Workspace(tmp_path.resolve())


def send(place, *hooks, event="on_done", limits=QUICK):
    """Deliver a message to hooks; return each receiver's state, attempts and detail."""
    declared = HooksParams.model_validate({event: list(hooks)}).of(event)
    receipt = new_receipt(place, event, MESSAGE, declared, "en")
    deliver(place, receipt, limits)
    (kept,) = [kept for kept in read_receipts(place) if kept.path == receipt.path]
    return [(receiver["state"], receiver["attempts"], receiver["detail"]) for receiver in kept.receivers]


def program(place, body):
    """Return a hook that runs a Python program."""
    path = place.root / f"hook_{abs(hash(body))}.py"
    path.write_text(f"import os, sys, time\n{body}\n", encoding="utf-8")
    return {"command": [sys.executable, str(path)]}


# programs -----------------------------------------------------------------------------------------


def test_a_program_gets_the_message_on_its_standard_input(place):
    body = "open('got.json', 'w').write(sys.stdin.read()); print('thanks')"
    assert send(place, program(place, body)) == [("delivered", 1, "thanks")]
    assert json.loads((place.root / "got.json").read_text(encoding="utf-8")) == {"event": "on_done", **MESSAGE}


def test_a_program_that_fails_is_tried_three_times(place):
    body = "open('count', 'a').write('x'); print('out of order'); sys.exit(1)"
    assert send(place, program(place, body)) == [("failed", 3, "ended with 1: out of order")]
    assert (place.root / "count").read_text() == "xxx"


def test_a_program_that_works_at_the_second_attempt_is_delivered(place):
    body = "open('count', 'a').write('x'); sys.exit(len(open('count').read()) < 2)"
    assert [result[:2] for result in send(place, program(place, body))] == [("delivered", 2)]


def test_a_program_that_hangs_is_killed_with_its_children_and_the_others_are_told(place):
    body = "import subprocess; subprocess.Popen(['sh', '-c', 'sleep 4; touch alive']); time.sleep(60)"
    begun = time.monotonic()
    first, second = send(
        place, program(place, body), program(place, "sys.stdin.read()"), limits=Limits(1, seconds=1, pauses=())
    )
    assert (first[:2], second[:2]) == (("failed", 1), ("delivered", 1))
    assert first[2] == "did not end within 1 s"
    assert time.monotonic() - begun < 4
    time.sleep(max(0.0, begun + 5.2 - time.monotonic()))
    assert not (place.root / "alive").exists()


def test_a_program_that_prints_a_gigabyte_is_ended_and_little_is_kept(place):
    body = "for _ in range(1000): os.write(1, b'A' * 1_000_000)"
    begun = time.monotonic()
    ((state, _, detail),) = send(place, program(place, body), limits=Limits(1, seconds=20, pauses=()))
    assert (state, detail) == ("failed", "printed more than 4,000,000 bytes")
    assert time.monotonic() - begun < 10
    assert sum(path.stat().st_size for path in (place.root / ".workbench/hooks").iterdir()) < 10_000


def test_a_program_gets_neither_keys_nor_passwords(place, monkeypatch):
    for name in ("WORKBENCH_VAULT_KEY", PASSWORD_VARIABLE, "CRM_URL", "WORKBENCH_HOOK_TOKEN"):
        monkeypatch.setenv(name, "secret")
    send(place, program(place, "open('names', 'w').write(' '.join(os.environ))"))
    names = (place.root / "names").read_text().split()
    assert "WORKBENCH_HOOK_TOKEN" in names
    assert not {"WORKBENCH_VAULT_KEY", PASSWORD_VARIABLE, "CRM_URL"} & set(names)


def test_a_program_that_is_not_there_is_named_as_such(place):
    assert send(place, {"command": "no-such-program"})[0][2] == "cannot be started: No such file or directory"


def test_the_receipt_is_private_and_holds_no_control_characters(place):
    send(place, program(place, "print('a\\x1b[2Jb')"))
    (path,) = (place.root / ".workbench/hooks").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_receipts(place)[0].receivers[0]["detail"] == "a\\x1b[2Jb"


# files --------------------------------------------------------------------------------------------


def test_a_file_is_dropped_for_each_message(place):
    assert [result[0] for result in send(place, {"file": "data/outbox"}, {"file": "data/outbox"})] == ["delivered"] * 2
    paths = sorted((place.root / "data/outbox").iterdir())
    assert len(paths) == 2
    assert all(path.name.startswith("20261201T000000-abcdef-on_done-") for path in paths)
    assert json.loads(paths[0].read_text(encoding="utf-8"))["run_id"] == MESSAGE["run_id"]


def test_a_folder_outside_the_workspace_is_refused(place):
    state, _, detail = send(place, {"file": "../outside"})[0]
    assert (state, detail) == ("failed", "path '../outside' leads outside")


# the web ------------------------------------------------------------------------------------------


@pytest.fixture
def web(monkeypatch):
    """A web server on this machine: its address, what it got, and the answers it gives in turn."""
    got, answers = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, self.headers["Content-Type"], json.loads(body)))
            answer = answers.pop(0) if answers else 204
            if answer == "drip":
                for _ in range(40):
                    time.sleep(0.1)
                    self.wfile.write(b"x")
                return
            self.send_response(answer)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()

        def log_message(self, *_):
            pass

        def handle(self):
            try:
                super().handle()
            except OSError:
                pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv(HOSTS_VARIABLE, f"hooks.example.com, 127.0.0.1:{server.server_port}")
    yield f"http://127.0.0.1:{server.server_port}", got, answers
    server.shutdown()
    server.server_close()


def test_a_webhook_gets_the_message_as_json(place, web):
    address, got, _ = web
    assert send(place, {"webhook": f"{address}/a?b=1"}) == [("delivered", 1, "answered 204")]
    assert got == [("/a?b=1", "application/json; charset=utf-8", {"event": "on_done", **MESSAGE})]


def test_a_webhook_may_stand_in_a_variable(place, web, monkeypatch):
    monkeypatch.setenv("CHAT_URL", web[0])
    assert send(place, {"webhook": "env:CHAT_URL"})[0][0] == "delivered"
    assert send(place, {"webhook": "env:NO_URL"})[0][2] == "the variable NO_URL is not set"


def test_an_error_of_the_server_is_tried_again_and_a_redirect_is_not_followed(place, web):
    address, got, answers = web
    answers += [500, 200]
    assert send(place, {"webhook": address}) == [("delivered", 2, "answered 200")]
    answers += [302, 302, 302]
    assert send(place, {"webhook": address}) == [("failed", 3, "answered 302")]
    assert len(got) == 5


def test_a_server_that_drips_is_left_after_its_time(place, web):
    web[2].append("drip")
    begun = time.monotonic()
    result = send(place, {"webhook": web[0]}, limits=Limits(1, seconds=0.5, pauses=()))
    assert result == [("failed", 1, "no answer: took longer than 0.5 s")]
    assert time.monotonic() - begun < 2


def test_only_hosts_of_the_environment_are_reached(place, web, monkeypatch):
    address, got, _ = web
    for allowed in ("", "hooks.example.com", "127.0.0.1:1", "127.0.0.10", "http://example.com"):
        monkeypatch.setenv(HOSTS_VARIABLE, allowed)
        state, _, detail = send(place, {"webhook": address})[0]
        assert state == "failed"
        assert f"is not allowed without encryption by {HOSTS_VARIABLE}" in detail
    assert got == []


# mail ---------------------------------------------------------------------------------------------


@pytest.fixture
def mail(monkeypatch):
    """A mail server on this machine: its port, and what it was told."""
    told = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline().decode().strip():
                told.append(line)
                verb = line.split()[0].upper()
                if verb == "EHLO":
                    self.wfile.write(b"250-here\r\n250 AUTH PLAIN\r\n")
                elif verb == "DATA":
                    self.wfile.write(b"354 go on\r\n")
                    while (text := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                        told.append(text)
                    self.wfile.write(b"250 taken\r\n")
                elif verb == "QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                elif verb == "AUTH" and not line.endswith("AGRlc2sAc2VjcmV0"):  # desk, secret
                    self.wfile.write(b"535 no\r\n")
                else:
                    self.wfile.write(b"250 ok\r\n" if verb != "AUTH" else b"235 ok\r\n")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv(HOSTS_VARIABLE, "127.0.0.1")
    yield server.server_address[1], told
    server.shutdown()
    server.server_close()


def letter(port, **changes):
    parts = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "a@shop.example",
        "to": ["b@shop.example"],
    }
    return {"mail": parts | changes}


def test_a_mail_names_the_profile_the_date_and_the_report(place, mail):
    port, told = mail
    assert send(place, letter(port), event="on_alert") == [("delivered", 1, "sent to 1")]
    assert "Subject: Customer portraits: tiny raised 2 alerts" in told
    assert {"as of: 2026-12-01", f"report: {MESSAGE['report']}"} <= set(told)


def test_the_password_comes_from_the_environment(place, mail, monkeypatch):
    port, _ = mail
    assert send(place, letter(port, user="desk"))[0][2] == f"the variable {PASSWORD_VARIABLE} is not set"
    monkeypatch.setenv(PASSWORD_VARIABLE, "wrong")
    assert send(place, letter(port, user="desk"))[0][2] == "not sent: SMTPAuthenticationError 535"
    monkeypatch.setenv(PASSWORD_VARIABLE, "secret")
    assert send(place, letter(port, user="desk"))[0][0] == "delivered"
    assert "secret" not in "".join(path.read_text() for path in (place.root / ".workbench/hooks").iterdir())


def test_a_password_is_never_sent_to_another_host_without_encryption(place, monkeypatch):
    monkeypatch.setenv(PASSWORD_VARIABLE, "secret")
    monkeypatch.setenv(HOSTS_VARIABLE, "http://mail.example")
    hook = letter(25, user="desk", host="mail.example")
    assert send(place, hook)[0][2] == "a password is not sent without encryption; set security to starttls or tls"
    monkeypatch.setenv(HOSTS_VARIABLE, "")
    assert "mail.example:25 is not allowed" in send(place, hook)[0][2]
