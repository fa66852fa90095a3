"""Marks of erased people: what they match, where they lie, and which keys open them."""

import base64
import stat

import pytest

from workbench.core.errors import DataError
from workbench.core.workspace import Workspace
from workbench.intake.identity.vault import KEY_VARIABLE, VaultKey
from workbench.intake.privacy.tombstone_file import (
    DERIVED_VARIABLE,
    OUTSIDE_VARIABLE,
    add_marks,
    derived_key,
    marking_keys,
    read_tombstones,
    replace_vault_key,
    sync_tombstones,
    tombstones_path,
)
from workbench.intake.privacy.tombstones import Tombstones, make_mark, marks_of

KEY, OTHER = VaultKey(b"k" * 32), VaultKey(b"o" * 32)
PERSON = {
    "source": "crm", "source_id": "17", "name": "Zoë Quill", "phone": "+86 138-0013-8000", "email": "Zoe@Example.com",
    "document_id": "11010119900101123x", "birth_date": "1990-01-01",
}  # fmt: skip


@pytest.fixture
def marked():
    return Tombstones("p", {"k": b"1"}, {"k": frozenset(marks_of(b"1", PERSON, profile="p"))})


@pytest.mark.parametrize(
    ("kind", "parts", "expected"),
    [
        ("record", ("p", "crm", "17"), True),
        ("record", ("q", "crm", "17"), False),
        ("record", ("p", "web", "17"), False),
        ("phone", ("13800138000",), True),
        ("phone", ("0086 138 0013 8000",), True),
        ("phone", ("1",), False),
        ("email", (" zoe@example.COM",), True),
        ("document", ("11010119900101123X",), True),
        ("birth", ("Quill  Zoë", "1990-01-01"), True),
        ("birth", ("Zoë Quill", ""), False),
        ("birth", ("Zoë Quill", "1990-01-02"), False),
    ],
)
def test_a_mark_matches_however_the_value_is_written(marked, kind, parts, expected):
    assert marked.holds(kind, *parts) is expected


def test_a_mark_says_nothing_without_its_key():
    assert make_mark(b"1", "phone", "13800138000") != make_mark(b"2", "phone", "13800138000")
    assert make_mark(b"1", "email", "none") == ""


@pytest.fixture
def place(tmp_path, monkeypatch):
    for name in (KEY_VARIABLE, f"{KEY_VARIABLE}_FILE", OUTSIDE_VARIABLE, DERIVED_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "ws").mkdir()
    return Workspace(tmp_path / "ws")


def mark(place, key=None):
    keys = marking_keys(place, key)
    add_marks(place, {name: {make_mark(own, "record", "p", "crm", "17")} for name, own in keys.items()})


def test_without_a_vault_key_ids_are_known(place):
    mark(place)
    assert read_tombstones(place, "p").holds("record", "p", "crm", "17")
    assert stat.S_IMODE(tombstones_path(place).stat().st_mode) == 0o600


def test_the_kernel_of_01_needs_the_derived_key_alone(place, monkeypatch):
    add_marks(place, {name: {make_mark(own, "phone", "13800138000")} for name, own in marking_keys(place, KEY).items()
                      if name.startswith("vault")})  # fmt: skip
    assert read_tombstones(place, "p").unchecked == 1
    monkeypatch.setenv(DERIVED_VARIABLE, derived_key(KEY).hex())
    opened = read_tombstones(place, "p")
    assert opened.unchecked == 0 and opened.holds("phone", "13800138000")


def test_after_a_rotation_the_old_key_checks_and_no_longer_marks(place, monkeypatch):
    add_marks(place, {name: {make_mark(own, "phone", "13800138000")} for name, own in marking_keys(place, KEY).items()
                      if name.startswith("vault")})  # fmt: skip
    monkeypatch.setenv(KEY_VARIABLE, base64.b64encode(OTHER.secret).decode())
    assert read_tombstones(place, "p").unchecked == 1
    replace_vault_key(place, KEY, OTHER)
    opened = read_tombstones(place, "p")
    assert opened.unchecked == 0 and opened.holds("phone", "13800138000")
    assert derived_key(KEY) not in marking_keys(place, OTHER).values()


def test_a_file_outside_survives_a_restored_backup(place, monkeypatch, tmp_path):
    monkeypatch.setenv(OUTSIDE_VARIABLE, str(tmp_path / "tombstones.json"))
    mark(place)
    tombstones_path(place).unlink()  # the backup is older than the erasure
    assert sync_tombstones(place) == 1 and sync_tombstones(place) == 0
    monkeypatch.delenv(OUTSIDE_VARIABLE)
    assert read_tombstones(place, "p").holds("record", "p", "crm", "17")


def test_marks_that_cannot_be_read_are_refused(place, monkeypatch):
    mark(place)
    tombstones_path(place).write_text("{}")
    with pytest.raises(DataError, match="Restore it from a copy: without it erased people would come back"):
        read_tombstones(place, "p")
    monkeypatch.setenv(OUTSIDE_VARIABLE, str(place.root / "t.json"))
    tombstones_path(place).unlink()
    with pytest.raises(DataError, match="lies inside the workspace"):
        read_tombstones(place, "p")
