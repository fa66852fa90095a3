"""The generated companies: the same seed gives the same bytes, and the planted cases are there."""

import csv
from datetime import date

import ibis
import pandas as pd
import pytest

from workbench.analysis.accounts.portraits import portray_accounts
from workbench.intake.demo.business import BUSINESS_END, generate_business


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return {path.name: path for path in generate_business(tmp_path_factory.mktemp("b2b"))}


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_same_seed_gives_the_same_bytes(files, tmp_path):
    again = {path.name: path for path in generate_business(tmp_path)}
    other = {path.name: path for path in generate_business(tmp_path / "other", seed=12)}
    assert {name: path.read_bytes() for name, path in files.items()} == {
        name: path.read_bytes() for name, path in again.items()
    }
    assert other["orders.csv"].read_bytes() != files["orders.csv"].read_bytes()


def test_every_order_is_of_a_known_contact_and_before_the_end(files):
    contacts = {row["customer_id"] for row in rows(files["contacts.csv"])}
    orders = rows(files["orders.csv"])
    assert {row["customer_id"] for row in orders} <= contacts
    assert max(row["ordered_at"] for row in orders) < BUSINESS_END.isoformat()


def test_what_is_planted_is_found(files):
    tables = {}
    for name, kinds in {
        "accounts": (),
        "contacts": (),
        "orders": ("ordered_at",),
        "service": ("opened_at", "closed_at"),
    }.items():
        ids = {column: "str" for column in ("account_id", "parent_id", "contact_id", "customer_id", "order_id")}
        frame = pd.read_csv(files[f"{name}.csv"], dtype=ids, parse_dates=list(kinds))
        tables["transactions" if name == "orders" else name] = ibis.memtable(frame)
    result = portray_accounts(tables, as_of=date(2025, 1, 1))
    assert result.shared_customers == 1
    assert result.accounts["problem"].value_counts().to_dict() == {"parent_unknown": 1}
    assert result.accounts["single_thread"].sum() >= 3
    assert set(result.accounts["health"]) == {"healthy", "watch", "at_risk", "unknown"}
    assert result.accounts["spend"].sum() == pytest.approx(result.groups["spend"].sum())
