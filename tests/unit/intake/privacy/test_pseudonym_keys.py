"""Keys of pseudonyms: of the vault where there is one, else random and of the workspace alone."""

import base64
import hashlib
import stat

import pandas as pd
import pytest

from workbench.core.errors import DataError
from workbench.core.workspace import Workspace
from workbench.intake.identity.one_id import name_customers
from workbench.intake.identity.vault import VaultKey
from workbench.intake.privacy.pseudonym_keys import contact_ids_key, pseudonym_key, workspace_key

VARIABLES = ("WORKBENCH_VAULT_KEY", "WORKBENCH_VAULT_KEY_FILE", "WORKBENCH_CONTACT_IDS_KEY")
KEY = base64.b64encode(bytes(range(32))).decode()
MEMBERS = pd.DataFrame({"source": "crm", "source_id": [f"{n:04d}" for n in range(200)], "cluster": range(200)})
NOBODY = pd.DataFrame({"source": [], "source_id": [], "customer_id": []}, dtype="str")


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return Workspace(tmp_path.resolve())


def test_the_key_of_a_workspace_is_random_private_and_stays(workspace, tmp_path):
    key = workspace_key(workspace)
    path = tmp_path / ".workbench/pseudonym.key"
    assert (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)) == (0o600, 0o700)
    assert workspace_key(workspace) == key != workspace_key(Workspace(tmp_path / "other"))
    path.write_text("cut off")
    with pytest.raises(DataError, match="not a key"):
        workspace_key(workspace)


def test_without_a_vault_key_nobody_can_compute_a_pseudonym_from_the_ids(workspace):
    ids = set(name_customers(MEMBERS, NOBODY, key=pseudonym_key(workspace))["customer_id"])
    guesses = {
        f"C{base64.b32encode(digest)[:16].decode()}"
        for source_id in MEMBERS["source_id"]
        for text in (f"customer\x00crm\x1f{source_id}", f"crm\x1f{source_id}", source_id)
        for digest in (hashlib.sha256(text.encode()).digest(), hashlib.md5(text.encode()).digest() * 2)
    }
    assert len(ids) == 200 and not ids & guesses


def test_with_the_key_of_the_vault_pseudonyms_are_those_of_the_key(workspace, monkeypatch):
    monkeypatch.setenv("WORKBENCH_VAULT_KEY", KEY)
    assert pseudonym_key(workspace) == VaultKey(bytes(range(32)))
    assert contact_ids_key(workspace) != pseudonym_key(workspace)


def test_the_key_that_01_gets_is_that_of_contact_ids_and_opens_nothing(workspace, monkeypatch):
    monkeypatch.setenv("WORKBENCH_VAULT_KEY", KEY)
    derived = contact_ids_key(workspace)
    monkeypatch.delenv("WORKBENCH_VAULT_KEY")
    monkeypatch.setenv("WORKBENCH_CONTACT_IDS_KEY", base64.b64encode(derived.secret).decode())
    assert contact_ids_key(workspace) == derived
    assert pseudonym_key(workspace) == workspace_key(workspace)
