"""``workbench tags``: list, show and preview; a preview writes nothing."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from workbench.core.store.tables import Store
from workbench.core.workspace import Workspace
from workbench.run.commands import cli

ROOT = Path(__file__).parents[3]
PROFILE = """profile: shop
as_of: 2025-07-01
sources:
  orders:
    path: data/raw/orders.csv
    table: transactions
    columns: {order_id: o, customer_id: c, ordered_at: t, amount: a}
run: {stages: [01_check_quality, 03_build_features, 12_tag_customers]}
"""
FEATURES = pd.DataFrame(
    {
        "customer_id": ["a", "b", "c", "d"],
        "recency_days": [10, 40, 400, None],
        "orders_90d": [1, 1, 0, None],
        "orders_365d": [2, 1, 0, None],
        "category_top": ["[bold]=1+1", "茶", "茶", None],
        "frequency_orders": [5, 4, 3, 0],
    }
)
DRAFT = """
  trial:
    item: recency
    name: {en: Trial, zh: 试}
    kind: rule
    business: {en: b, zh: 业}
    technical: {en: t, zh: 技}
    status: draft
    values:
      near: {en: near, zh: 近, when: "tag_recency_band = 'month'"}
      far: {en: far, zh: 远, otherwise: true}
"""


@pytest.fixture
def shop(tmp_path):
    """A workspace with features and without computed tags."""
    for name in ("tags", "packs"):
        shutil.copytree(ROOT / "params" / name, tmp_path / "params" / name)
    (tmp_path / "params/shop.yaml").write_text(PROFILE, encoding="utf-8")
    write(tmp_path, "03_build_features", features=FEATURES)
    return tmp_path


def write(root, stage, **tables):
    staging = Store(Workspace(root.resolve()), "shop").stage(stage, "r1")
    for name, frame in tables.items():
        staging.write(name, frame)
    staging.publish()


@pytest.fixture
def call(monkeypatch, capsys, shop):
    """Return a function that runs ``workbench tags ...`` and returns (exit code, stdout, stderr)."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["workbench", "tags", *words, "--workspace", str(shop)])
        with pytest.raises(SystemExit) as raised:
            cli.main()
        output = capsys.readouterr()
        return raised.value.code or 0, output.out, output.err

    return run


def files(root):
    return {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file() or path.is_symlink()}


def test_a_preview_counts_and_writes_nothing(call, shop):
    before = files(shop)
    code, out, err = call("preview", "shop", "recency_band")
    assert (code, err) == (0, "")
    assert "recency_band (Last purchase): known for 3 of 4 customers (75" in out
    assert "the last run did not compute this tag" in out
    assert files(shop) == before


def test_a_preview_counts_changes_since_the_last_run(call, shop):
    last = pd.DataFrame(
        {
            "customer_id": list("abcd"),
            "as_of": pd.Timestamp("2025-06-01"),
            "recency_band": ["month", "month", None, "year"],
        }
    )
    write(shop, "12_tag_customers", portraits=last)
    assert "against the last run: 1 same, 1 changed, 1 gained, 1 lost" in call("preview", "shop", "recency_band")[1]


def test_a_draft_is_previewed_with_the_tag_it_names(call, shop):
    path = shop / "params/tags/consumption.yaml"
    path.write_text(path.read_text(encoding="utf-8") + DRAFT, encoding="utf-8")
    code, out, _ = call("preview", "shop", "trial", "--language", "zh")
    assert code == 0
    assert "trial（试）：" in out and "（75%）" in out and "客户数" in out and "recency_band (" not in out


def test_text_of_customers_is_shown_unchanged(call):
    assert "[bold]=1+1" in call("preview", "shop", "favourite_category")[1]


def test_an_unknown_tag_ends_with_two_and_offers_the_nearest_name(call):
    code, _, err = call("preview", "shop", "recency_bend")
    assert code == 2
    assert "unknown tag 'recency_bend'. Did you mean 'recency_band'?" in err


def test_a_window_longer_than_the_data_is_refused(call, shop):
    orders = pd.DataFrame(
        {"order_id": ["1"], "customer_id": ["a"], "ordered_at": [pd.Timestamp("2025-05-01")], "amount": [1.0]}
    )
    write(shop, "01_check_quality", transactions=orders)
    code, _, err = call("preview", "shop", "order_recency")
    assert code == 2
    assert "tag order_recency: a window of 365 days. The data covers fewer days." in err


def test_a_sensitive_tag_and_one_without_data_are_refused_each_with_what_to_do(call):
    assert (
        "item religion is sensitive and off. Name it in 12_tag_customers.sensitive_items."
        in call("preview", "shop", "religion")[2]
    )
    code, _, err = call("preview", "shop", "education")
    assert code == 3 and "tag education: lacks education (customers.education)" in err


def test_tags_are_listed_by_group_unknown_ones_included(call):
    code, out, _ = call("list", "shop", "--group", "social")
    assert code == 0
    assert "circle_size" in out and "recency_band" not in out and "unknown" in out
    assert "Did you mean 'social'?" in call("list", "shop", "--group", "socail")[2]


def test_a_tag_is_shown_with_owner_definition_conditions_and_thresholds(call):
    out = call("show", "shop", "recency_band")[1]
    assert all(
        part in out
        for part in ("sales analysis", "recency_days <= 30", "otherwise", "30 days", "service and marketing")
    )
    assert "monetary_total from 50% to 80% of customers" in call("show", "shop", "spend_band")[1]


def test_a_rule_that_names_an_unknown_column_is_refused_before_any_kernel(shop, monkeypatch, capsys):
    path = shop / "params/tags/consumption.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("recency_days <= {month}", "recency_dyas <= {month}"), encoding="utf-8"
    )
    (shop / "data/raw").mkdir(parents=True, exist_ok=True)
    (shop / "data/raw/orders.csv").write_text("o,c,t,a\n1,a,2025-05-01,1\n", encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["workbench", "check", "shop", "--workspace", str(shop)])
    with pytest.raises(SystemExit) as raised:
        cli.main()
    assert raised.value.code == 2
    assert "tag recency_band, value month: unknown column 'recency_dyas'" in capsys.readouterr().err


def test_a_tag_is_traced_to_the_order_lines_behind_it(call, shop):
    orders = pd.DataFrame(
        {"order_id": ["1", "2"], "customer_id": ["a", "b"], "ordered_at": pd.to_datetime(["2025-06-21", "2025-05-22"]), "amount": [1, 2]}
    )  # fmt: skip
    write(shop, "01_check_quality", transactions=orders)
    before = files(shop)
    code, out, err = call("show", "shop", "recency_band", "--customer", "a", "--language", "zh")
    assert (code, err) == (0, "")
    assert "a: month (30 天内)" in out
    assert "transactions：该客户共" in out and "显示最新" in out
    assert "2025-06-21" in out and "2025-05-22" not in out
    assert files(shop) == before


def test_a_trace_of_an_unknown_customer_ends_with_three_and_offers_the_nearest_id(call):
    code, _, err = call("show", "shop", "recency_band", "--customer", "aa")
    assert code == 3
    assert "no customer 'aa'. Did you mean 'a'?" in err
