"""``workbench new``: the profile it writes, its refusals and hints."""

import shutil

import pytest
import yaml

from workbench.core.errors import DataError, ProfileError
from workbench.core.workspace import Workspace
from workbench.run.commands.profiles.new_profile import write_new_profile
from workbench.run.flows.trial import try_sources

ORDERS = "order_id,customer_id,order_date,amount\n" + "".join(
    f"o{at},c{at % 4},2024-05-0{at + 1},9.50\n" for at in range(8)
)


@pytest.fixture
def workspace(tmp_path, repository):
    root = tmp_path / "ws"
    for name in ("packs", "tags"):  # a workspace also has these
        shutil.copytree(repository / "params" / name, root / "params" / name)
    (root / "data/raw").mkdir(parents=True)
    (root / "data/raw/orders.csv").write_text(ORDERS, encoding="utf-8")
    return Workspace(root.resolve())


def test_the_check_accepts_the_new_profile(workspace):
    profile = write_new_profile(workspace, "shop", ["data/raw/orders.csv"])
    assert (profile.sources, profile.faults) == ((("orders", "transactions"),), ())
    assert (
        yaml.safe_load(profile.path.read_text(encoding="utf-8"))["sources"]["orders"]["path"] == "data/raw/orders.csv"
    )


def test_a_folder_means_the_files_in_it(workspace, tmp_path, monkeypatch):
    (tmp_path / "elsewhere/data/raw").mkdir(parents=True)  # a folder of the same name in the current folder
    monkeypatch.chdir(tmp_path / "elsewhere")
    (workspace.raw / "people.csv").write_text("customer_id,gender\nc0,F\nc1,M\n", encoding="utf-8")
    (workspace.raw / "notes.md").write_text("x", encoding="utf-8")
    assert [name for name, _ in write_new_profile(workspace, "shop", ["data/raw"]).sources] == ["orders", "people"]


def test_an_existing_profile_is_not_changed(workspace):
    (workspace.params / "shop.yaml").write_text("profile: shop\n", encoding="utf-8")
    with pytest.raises(ProfileError, match="params/shop.yaml: the profile exists and is not overwritten"):
        write_new_profile(workspace, "shop", ["data/raw/orders.csv"])
    assert (workspace.params / "shop.yaml").read_text(encoding="utf-8") == "profile: shop\n"


def test_all_faults_are_reported_together_and_nothing_is_written(workspace, tmp_path):
    (tmp_path / "outside.csv").write_text(ORDERS, encoding="utf-8")
    (workspace.raw / "linked.csv").symlink_to(tmp_path / "outside.csv")
    files = [str(tmp_path / "outside.csv"), "data/raw/linked.csv", "../outside.csv", "data/raw/nothing.csv"]
    with pytest.raises(ProfileError) as raised:
        write_new_profile(workspace, "Shop!", files, language="fr")
    message = str(raised.value)
    assert "profile name 'Shop!' cannot be used" in message
    assert "language 'fr'" in message
    assert message.count("is outside the workspace") == 3
    assert "Copy it into data/raw/ and name it from there: data/raw/outside.csv" in message
    assert "data/raw/nothing.csv: file not found" in message
    assert not list(workspace.params.glob("*.yaml"))


def test_unreadable_files_are_a_data_error(workspace):
    (workspace.raw / "empty.csv").write_text("", encoding="utf-8")
    (workspace.raw / "shop.db").write_bytes(b"SQLite format 3\0")
    with pytest.raises(DataError) as raised:
        write_new_profile(workspace, "shop", ["data/raw/empty.csv", "data/raw/shop.db"])
    assert "empty.csv: the file is empty" in str(raised.value)
    assert "a database (.db) is not read" in str(raised.value)
    assert not list(workspace.params.glob("*.yaml"))


def test_the_remaining_faults_are_returned_with_what_the_first_records_show(workspace):
    rows = "".join(f"o{at},c{at % 4},0{at % 9 + 1}/0{at % 7 + 1}/2024,9.50\n" for at in range(20))
    (workspace.raw / "orders.csv").write_text(f"order_id,customer_id,order_date,amount\n{rows}", encoding="utf-8")
    profile = write_new_profile(workspace, "shop", ["data/raw/orders.csv"], try_sources)
    assert "date-ambiguous" in str(profile.faults[0])
    assert profile.path.is_file()
