"""The vault opens only with its key, and pseudonyms of one purpose are unrelated to those of another."""

from __future__ import annotations

import base64
import hashlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.core.errors import DataError
from workbench.core.workspace import Workspace
from workbench.intake.identity.people import read_people
from workbench.intake.identity.vault import (
    KEY_FILE_VARIABLE,
    KEY_VARIABLE,
    Vault,
    VaultKey,
    find_key,
    open_vault,
    read_vault,
)

KEY = base64.b64encode(bytes(range(32))).decode()
PEOPLE = pa.table({"customer_id": ["C1", "C2"], "name": ["张伟", "Ann Lee"], "phone": ["13811112222", None]})


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    monkeypatch.delenv(KEY_FILE_VARIABLE, raising=False)
    (tmp_path / "workspace" / "params").mkdir(parents=True)
    return Workspace(tmp_path / "workspace")


def test_the_vault_returns_its_content_and_the_file_hides_it(workspace, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    vault = Vault.of(workspace, "toy")
    vault.write(PEOPLE)
    assert read_vault(workspace, "toy").equals(PEOPLE)
    content = vault.path.read_bytes()
    assert not any(word.encode() in content for word in ("张伟", "Ann", "13811112222"))
    assert vault.path.stat().st_mode & 0o777 == 0o600


def test_another_key_or_none_opens_nothing_in_the_same_process(workspace, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    Vault.of(workspace, "toy").write(PEOPLE)
    monkeypatch.setenv(KEY_VARIABLE, base64.b64encode(bytes(32)).decode())
    assert not Vault.of(workspace, "toy").can_be_read()
    with pytest.raises(DataError, match="does not open"):
        read_vault(workspace, "toy")
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(DataError, match="no key"):
        read_vault(workspace, "toy")
    with pytest.raises(OSError, match=r"(?i)encrypt|decrypt"):
        pq.read_table(Vault.of(workspace, "toy").path)


@pytest.mark.parametrize(
    ("key", "message"),
    [(base64.b64encode(bytes(32)).decode(), "which the key given does not open"), (None, "which no key opens")],
)
def test_a_closed_vault_is_distinguished_from_missing_people(workspace, monkeypatch, key, message):
    with pytest.raises(DataError) as caught:
        read_people(None, workspace, "toy")
    assert "vault" not in str(caught.value)
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    Vault.of(workspace, "toy").write(PEOPLE)
    monkeypatch.setenv(KEY_VARIABLE, key) if key else monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(DataError) as caught:
        read_people(None, workspace, "toy")
    assert f"no people to resolve for profile toy: they lie in its vault, {message}." in str(caught.value)
    assert f"Set {KEY_VARIABLE} or {KEY_FILE_VARIABLE} to the key it was written with" in str(caught.value)


@pytest.mark.parametrize("text", ["", "no", base64.b64encode(b"short").decode(), "*" * 44])
def test_an_invalid_key_is_refused_without_being_displayed(workspace, monkeypatch, text):
    monkeypatch.setenv(KEY_VARIABLE, text or " ")
    with pytest.raises(DataError, match="Base64 of 32 bytes") as refused:
        find_key(workspace)
    assert not text or text == "no" or text not in str(refused.value)


@pytest.mark.parametrize(("mode", "inside", "message"), [(0o600, True, "inside the workspace"), (0o644, False, "0644")])
def test_a_key_file_lies_outside_and_is_read_by_its_owner_alone(workspace, monkeypatch, mode, inside, message):
    path = (workspace.root if inside else workspace.root.parent) / "key"
    path.write_text(KEY)
    path.chmod(mode)
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(path))
    with pytest.raises(DataError, match=message):
        find_key(workspace)


def test_a_key_file_is_found(workspace, monkeypatch):
    path = workspace.root.parent / "key"
    path.write_text(KEY + "\n")
    path.chmod(0o600)
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(path))
    assert find_key(workspace) == VaultKey(bytes(range(32)))
    assert "secret" not in repr(find_key(workspace))


def test_pseudonyms_depend_on_key_and_purpose_and_are_no_plain_digest():
    key, phone = VaultKey(bytes(range(32))), "13811112222"
    pseudonym = key.pseudonyms("customer", [phone])
    assert pseudonym == key.pseudonyms("customer", [phone])
    assert pseudonym != key.pseudonyms("export", [phone])
    assert pseudonym != VaultKey(bytes(32)).pseudonyms("customer", [phone])
    plain = base64.b32encode(hashlib.sha256(phone.encode()).digest())[:16].decode()
    assert pseudonym != [plain]


def test_the_open_vault_gives_each_customer_the_first_filled_value(workspace, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    records = {
        "customer_id": ["C2", "C1", "C1", "C1"], "source": ["crm", "web", "crm", "crm"],
        "source_id": ["9", "1", "7", "8"], "precedence": [0, 1, 0, 0], "record": [3, 0, 5, 4],
        "name": ["Ann Lee", "Z. Wei", None, "张伟"], "phone": ["", "13811112222", None, None],
    }  # fmt: skip
    Vault.of(workspace, "toy").write(pa.table(records))
    customers = open_vault(workspace, "toy")
    assert customers.index.tolist() == ["C1", "C2"]
    assert customers.columns.tolist() == ["name", "phone"]
    assert customers.loc["C1"].tolist() == ["张伟", "13811112222"]
    assert customers.loc["C2", "name"] == "Ann Lee" and customers["phone"].isna().tolist() == [False, True]


def test_the_open_vault_reports_what_is_missing(workspace, monkeypatch):
    with pytest.raises(DataError, match="no vault"):
        open_vault(workspace, "toy")
