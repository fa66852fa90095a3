"""Two sources with the same people: one row per customer, nothing lost, and no contact data left over."""

from __future__ import annotations

import base64
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from workbench.core.store.tables import Store
from workbench.core.workspace import find_workspace
from workbench.intake.identity.vault import KEY_VARIABLE, read_vault
from workbench.run.flows.flow import run_flow
from workbench.run.flows.selection import FlowOptions
from workbench.run.services.cards import CardService

pytestmark = pytest.mark.slow

PROFILE = """profile: two_shops
language: [en, zh]
as_of: 2024-07-01
sources:
  crm:
    path: data/raw/crm.csv
    table: customers
    columns: {customer_id: id, name: name, phone: phone, gender: gender, birth_date: born, city: city}
  web:
    path: data/raw/web.csv
    table: customers
    columns: {customer_id: id, name: name, phone: phone, birth_date: born, city: city}
  pos:
    path: data/raw/pos.csv
    table: transactions
    people: crm
    columns: {order_id: o, customer_id: c, ordered_at: t, amount: a}
  shop:
    path: data/raw/shop.csv
    table: transactions
    people: web
    columns: {order_id: o, customer_id: c, ordered_at: t, amount: a}
run:
  stages: [01_check_quality, 02_resolve_identity, 03_build_features, 05_score_rfm, 12_tag_customers, 14_write_report]
"""
CRM = """id,name,phone,gender,born,city
1,欧阳金丝雀,13811112222,女,1990-02-03,北京
2,李探矿,+86 139 2222 3333,男,1985-07-09,上海
3,王金丝雀,13811112222,男,1961-01-01,北京
"""
WEB = """id,name,phone,born,city
1,李探矿,8613922223333,1985-07-09,上海
2,欧阳金丝雀,138-1111-2222,1990-02-03,北京
7,Canary Quillfeather,0044 20 7946 0958,1979-11-30,London
"""
POS = "o,c,t,a\np1,1,2024-01-05,10\np2,2,2024-02-05,20\np3,3,2024-03-05,40\np4,99,2024-03-06,80\n"
SHOP = "o,c,t,a\ns1,1,2024-04-05,100\ns2,2,2024-05-05,200\ns3,7,2024-06-05,400\n"
KEY = base64.b64encode(bytes(range(32))).decode()
CANARIES = (
    "金丝雀", "探矿", "Quillfeather", "quillfeather", "13811112222", "138-1111-2222", "13922223333", "2222 3333",
    "79460958", "7946 0958",
)  # fmt: skip


@pytest.fixture(scope="module")
def two_shops(tmp_path_factory, repository):
    return _run(tmp_path_factory.mktemp("two_shops") / "workspace", repository, key=None)


@pytest.fixture(scope="module")
def vaulted(tmp_path_factory, repository):
    return _run(tmp_path_factory.mktemp("vaulted") / "workspace", repository, key=KEY)


def _run(root: Path, repository: Path, *, key: str | None):
    for name in ("notebooks", "params"):
        shutil.copytree(repository / name, root / name, ignore=shutil.ignore_patterns("scratch", ".ipynb*"))
    (root / "data" / "raw").mkdir(parents=True)
    (root / "params" / "two_shops.yaml").write_text(PROFILE, encoding="utf-8")
    for name, text in {"crm": CRM, "web": WEB, "pos": POS, "shop": SHOP}.items():
        (root / "data" / "raw" / f"{name}.csv").write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(KEY_VARIABLE, raising=False)
        if key:
            patch.setenv(KEY_VARIABLE, key)
        first = run_flow(find_workspace(root), "two_shops", FlowOptions())
        people = read_vault(find_workspace(root), "two_shops").to_pandas() if key else None
    return root, first, people


def _frame(root: Path, table: str) -> pd.DataFrame:
    return Store(find_workspace(root), "two_shops").frame(table)


def test_both_ids_of_a_person_are_one_customer_and_their_orders_are_summed(two_shops):
    root, first, _ = two_shops
    assert first.error is None, first.error
    one_ids = _frame(root, "identities").set_index(["source", "source_id"])["customer_id"]
    assert one_ids["crm", "1"] == one_ids["web", "2"]
    assert one_ids["crm", "2"] == one_ids["web", "1"]
    spent = _frame(root, "features").set_index("customer_id")["monetary_total"]
    assert spent[one_ids["crm", "1"]] == 210
    assert spent[one_ids["crm", "2"]] == 120


def test_a_family_sharing_a_phone_stays_two_customers_of_one_household(two_shops):
    root, _, _ = two_shops
    one_ids = _frame(root, "identities").set_index(["source", "source_id"])["customer_id"]
    assert one_ids["crm", "3"] != one_ids["crm", "1"]
    household = _frame(root, "households").set_index("customer_id")["household_id"]
    assert household[one_ids["crm", "3"]] == household[one_ids["crm", "1"]]


def test_an_order_of_an_unknown_person_is_kept_with_a_separate_customer(two_shops):
    root, first, _ = two_shops
    one_ids = _frame(root, "identities").set_index(["source", "source_id"])["customer_id"]
    features = _frame(root, "features").set_index("customer_id")
    assert features.loc[one_ids["crm", "99"], "monetary_total"] == 80
    assert features["monetary_total"].sum() == 850
    assert len(features) == one_ids.nunique() == 5
    assert first.summary["stages"]["02_resolve_identity"]["metrics"]["orphans"] == 1


def test_nothing_runs_again_when_nothing_changed(two_shops, vaulted, monkeypatch):
    for root, key in ((two_shops[0], None), (vaulted[0], KEY)):
        monkeypatch.delenv(KEY_VARIABLE, raising=False)
        if key:
            monkeypatch.setenv(KEY_VARIABLE, key)
        second = run_flow(find_workspace(root), "two_shops", FlowOptions())
        assert all("reused_from" in stage for stage in second.summary["stages"].values())


@pytest.mark.parametrize("run", ["two_shops", "vaulted"])
def test_only_raw_files_hold_a_name_or_a_phone(run, request):
    root, first, _ = request.getfixturevalue(run)
    assert first.error is None, first.error
    leaks = [
        f"{word} in {path.relative_to(root)}"
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink() and "raw" not in path.relative_to(root).parts
        for word in CANARIES
        if word.encode() in _content(path)
    ]
    assert not leaks


def _content(path: Path) -> bytes:
    """Return a file's bytes, and the cells of a table, which are compressed."""
    content = path.read_bytes()
    if path.suffix == ".parquet" and path.name != "vault.parquet":
        content += pd.read_parquet(path).to_csv().encode()
    return content


def test_the_vault_is_readable_with_the_key(vaulted):
    root, _, people = vaulted
    vault = root / "data" / "interim" / "two_shops" / "vault.parquet"
    assert vault.stat().st_mode & 0o777 == 0o600
    assert not (vault.parent / "people.parquet").exists()
    assert set(people["name"]) >= {"李探矿", "Canary Quillfeather"}
    assert people.groupby("customer_id").size().max() == 2


def test_with_the_key_customers_are_found_by_name_and_pinyin_and_names_are_masked(vaulted, monkeypatch):
    root, _, people = vaulted
    customer = people.loc[people["name"] == "李探矿", "customer_id"].iloc[0]
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    service = CardService(find_workspace(root), "two_shops")
    assert service.ids_named("探矿") == service.ids_named("LiTan") == [customer]
    assert service.ids_named("nobody") == service.ids_named(" ") == []
    assert [card.name for card in service.cards([customer])] == ["李**"]
    assert [card.name for card in service.cards([customer], contact=True)] == ["李探矿"]
    monkeypatch.delenv(KEY_VARIABLE)
    assert CardService(find_workspace(root), "two_shops").ids_named("探矿") == []


def test_without_a_key_contact_data_is_deleted_and_a_changed_setting_reads_it_again(two_shops, monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    root, first, _ = two_shops
    assert os.listdir(root / "data" / "interim" / "two_shops") == []
    assert first.summary["stages"]["02_resolve_identity"]["metrics"]["contact_deleted"] == 6
    changed = FlowOptions(settings=("02_resolve_identity.threshold=0.99",), last="02_resolve_identity")
    result = run_flow(find_workspace(root), "two_shops", changed)
    assert result.error is None, result.error
    assert "reused_from" not in result.summary["stages"]["01_check_quality"]
