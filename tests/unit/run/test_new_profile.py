"""``workbench new``: what it writes, what it refuses, and the hints it gives."""

import shutil

import pytest
import yaml

from workbench.core.errors import DataError, ProfileError
from workbench.core.workspace import Workspace
from workbench.run.commands.new_profile import write_new_profile

ORDERS = "order_id,customer_id,order_date,amount\n" + "".join(
    f"o{at},c{at % 4},2024-05-0{at + 1},9.50\n" for at in range(8)
)


@pytest.fixture
def place(tmp_path, repository):
    root = tmp_path / "ws"
    for name in ("packs", "tags"):  # what a workspace brings beside its profiles
        shutil.copytree(repository / "params" / name, root / "params" / name)
    (root / "data/raw").mkdir(parents=True)
    (root / "data/raw/orders.csv").write_text(ORDERS, encoding="utf-8")
    return Workspace(root.resolve())


def test_a_profile_is_written_that_the_check_accepts(place):
    made = write_new_profile(place, "shop", ["data/raw/orders.csv"])
    assert (made.sources, made.faults) == ((("orders", "transactions"),), ())
    assert yaml.safe_load(made.path.read_text(encoding="utf-8"))["sources"]["orders"]["path"] == "data/raw/orders.csv"


def test_a_folder_stands_for_the_files_in_it(place, tmp_path, monkeypatch):
    (tmp_path / "elsewhere/data/raw").mkdir(parents=True)  # a folder of the same name, where the command is given
    monkeypatch.chdir(tmp_path / "elsewhere")
    (place.raw / "people.csv").write_text("customer_id,gender\nc0,F\nc1,M\n", encoding="utf-8")
    (place.raw / "notes.md").write_text("x", encoding="utf-8")
    assert [name for name, _ in write_new_profile(place, "shop", ["data/raw"]).sources] == ["orders", "people"]


def test_an_existing_profile_is_not_touched(place):
    (place.params / "shop.yaml").write_text("profile: shop\n", encoding="utf-8")
    with pytest.raises(ProfileError, match="params/shop.yaml: the profile exists and is not overwritten"):
        write_new_profile(place, "shop", ["data/raw/orders.csv"])
    assert (place.params / "shop.yaml").read_text(encoding="utf-8") == "profile: shop\n"


def test_every_fault_is_told_at_once_and_nothing_is_written(place, tmp_path):
    (tmp_path / "outside.csv").write_text(ORDERS, encoding="utf-8")
    (place.raw / "linked.csv").symlink_to(tmp_path / "outside.csv")
    files = [str(tmp_path / "outside.csv"), "data/raw/linked.csv", "../outside.csv", "data/raw/nothing.csv"]
    with pytest.raises(ProfileError) as refused:
        write_new_profile(place, "Shop!", files, language="fr")
    said = str(refused.value)
    assert "profile name 'Shop!' cannot be used" in said
    assert "language 'fr'" in said
    assert said.count("lies outside the workspace") == 3
    assert "Copy it into data/raw/ and name it from there: data/raw/outside.csv" in said
    assert "data/raw/nothing.csv: file not found" in said
    assert not list(place.params.glob("*.yaml"))


def test_files_that_cannot_be_read_are_a_fault_of_the_data(place):
    (place.raw / "empty.csv").write_text("", encoding="utf-8")
    (place.raw / "shop.db").write_bytes(b"SQLite format 3\0")
    with pytest.raises(DataError) as refused:
        write_new_profile(place, "shop", ["data/raw/empty.csv", "data/raw/shop.db"])
    assert "empty.csv: the file is empty" in str(refused.value)
    assert "a database (.db) is not read" in str(refused.value)
    assert not list(place.params.glob("*.yaml"))


def test_what_a_check_still_refuses_is_returned(place):
    (place.raw / "people.csv").write_text("gender,age\nF,30\nM,41\nF,30\n", encoding="utf-8")
    made = write_new_profile(place, "shop", ["data/raw/people.csv"])
    assert "customer_id not mapped" in str(made.faults[0])
    assert made.path.is_file()
