"""The audit log: chained lines that show every edit, its copy outside, and what cannot be seen without key or copy."""

import base64
import json
import os
import random
import stat

import pytest

from workbench.core.errors import DataError
from workbench.core.workspace import Workspace
from workbench.run.artifacts.audit import append_audit, audit_path, verify_audit

LINES, EDITS = 12, 100
KEY = base64.b64encode(bytes(range(32))).decode()
VARIABLES = ("WORKBENCH_VAULT_KEY", "WORKBENCH_VAULT_KEY_FILE", "WORKBENCH_AUDIT_HEAD")


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    root = tmp_path / "workspace"
    root.mkdir()
    return Workspace(root.resolve())


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """The copy of the log's end, outside the workspace."""
    path = tmp_path / "elsewhere" / "head.json"
    monkeypatch.setenv("WORKBENCH_AUDIT_HEAD", str(path))
    return path


def filled(workspace, lines=LINES):
    for at in range(lines):
        append_audit(workspace, "export", profile="shop", plan=f"p{at}", customers=100 + at)
    return audit_path(workspace)


def edited(content, rng):
    """Change a log as somebody would who hides something: a byte, a number, a line removed, doubled or moved, an end cut."""
    lines = content.splitlines(keepends=True)
    at, kind = rng.randrange(len(lines)), rng.randrange(6)
    if kind == 0:
        spot = rng.randrange(len(content))
        return content[:spot] + bytes([content[spot] ^ 1]) + content[spot + 1 :]
    if kind == 1:
        entry = json.loads(lines[at])
        entry["facts"]["customers"] += 1
        lines[at] = (json.dumps(entry, separators=(",", ":")) + "\n").encode()
    elif kind == 2:
        del lines[at]
    elif kind == 3:
        lines.insert(at, lines[at])
    elif kind == 4:
        lines[at], lines[at - 1] = lines[at - 1], lines[at]
    else:
        lines = lines[: at or 1][:-1] if at < 1 else lines[:at]
    return b"".join(lines)


def test_a_log_that_nobody_changed_is_sound(workspace, outside):
    path = filled(workspace)
    verdict = verify_audit(workspace)
    assert (verdict.lines, verdict.changed, verdict.unchecked, verdict.own_key) == (LINES, [], 0, LINES)
    assert verdict.head and json.loads(outside.read_text(encoding="utf-8"))["length"] == LINES
    assert [stat.S_IMODE(file.stat().st_mode) for file in (path, path.with_name("audit.key"), outside)] == [0o600] * 3
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_every_one_of_a_hundred_edits_is_seen(workspace, outside):
    path = filled(workspace)
    content, rng = path.read_bytes(), random.Random(1)
    unseen = []
    for number in range(EDITS):
        changed = edited(content, rng)
        assert changed != content
        path.write_bytes(changed)
        if not verify_audit(workspace).changed:
            unseen.append(number)
    assert unseen == []


def test_without_the_copy_only_a_cut_end_is_not_seen(workspace):
    path = filled(workspace)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-2]))
    verdict = verify_audit(workspace)
    assert (verdict.head, verdict.changed, verdict.lines) == (False, [], LINES - 2)
    path.write_bytes(b"".join(lines[1:]))
    assert verify_audit(workspace).changed[0] == (1, "order")


def test_a_cut_log_is_not_continued(workspace, outside):
    path = filled(workspace)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-3]))
    assert verify_audit(workspace).changed == [(0, "shorter")]
    with pytest.raises(DataError, match="the audit log does not end as WORKBENCH_AUDIT_HEAD says"):
        append_audit(workspace, "export", profile="shop")
    path.unlink()
    assert verify_audit(workspace).changed == [(0, "shorter")]


def test_lines_made_with_the_vaults_key_need_it(workspace, monkeypatch):
    filled(workspace, 2)
    monkeypatch.setenv("WORKBENCH_VAULT_KEY", KEY)
    path = filled(workspace, 3)
    with_key = verify_audit(workspace)
    assert (with_key.changed, with_key.unchecked, with_key.own_key) == ([], 0, 2)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1].replace(b'"customers":102', b'"customers":103'))
    assert verify_audit(workspace).changed == [(5, "mac")]
    monkeypatch.delenv("WORKBENCH_VAULT_KEY")
    without = verify_audit(workspace)
    assert (without.changed, without.unchecked) == ([], 3)
    path.write_bytes(path.read_bytes().replace(b'"customers":101', b'"customers":999'))
    assert [number for number, _ in verify_audit(workspace).changed] == [2, 3, 5]


def test_an_append_cut_short_is_no_fault_of_the_copy_and_a_torn_line_is_seen(workspace, outside, monkeypatch):
    path = filled(workspace, 3)
    whole = path.read_bytes()

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("workbench.run.artifacts.audit._append", killed)
        with pytest.raises(KeyboardInterrupt):
            append_audit(workspace, "export", profile="shop")
    assert verify_audit(workspace).changed == []
    append_audit(workspace, "export", profile="shop")
    assert verify_audit(workspace).changed == []
    path.write_bytes(whole + b'{"number":4,')
    outside.unlink()
    append_audit(workspace, "export", profile="shop")
    assert verify_audit(workspace).changed == [(4, "not_a_line")]


def test_the_line_is_written_and_the_copy_is_not(workspace, outside, monkeypatch):
    filled(workspace, 2)
    kept = outside.read_bytes()
    from workbench.run.artifacts import audit

    write_head = audit._write_head

    def without_the_end(path, length, digest, *, coming=""):
        if coming:
            write_head(path, length, digest, coming=coming)

    with monkeypatch.context() as patched:
        patched.setattr(audit, "_write_head", without_the_end)
        append_audit(workspace, "export", profile="shop")
    assert outside.read_bytes() != kept
    assert verify_audit(workspace).changed == []
    append_audit(workspace, "export", profile="shop")
    assert (verify_audit(workspace).changed, verify_audit(workspace).lines) == ([], 4)


def test_the_copy_may_not_lie_inside_the_workspace(workspace, monkeypatch):
    monkeypatch.setenv("WORKBENCH_AUDIT_HEAD", str(workspace.root / "head.json"))
    with pytest.raises(DataError, match="WORKBENCH_AUDIT_HEAD: the file it names lies inside the workspace"):
        append_audit(workspace, "export", profile="shop")


def test_an_unknown_event_is_refused(workspace):
    with pytest.raises(ValueError, match="unknown event 'exprot'"):
        append_audit(workspace, "exprot")
    assert not audit_path(workspace).exists()


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_log_is_private_under_any_umask(workspace, umask):
    before = os.umask(umask)
    try:
        path = filled(workspace, 1)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(file.stat().st_mode) for file in (path.parent, *sorted(path.parent.iterdir()))]
    assert modes[0] == 0o700 and set(modes[1:]) == {0o600}
