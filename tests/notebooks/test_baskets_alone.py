"""Order and product, nothing else: 01, 07 and 14 run, name what is missing, and keep hostile names inert."""

import json

import pytest
from typer.testing import CliRunner

from workbench.run.commands.cli import app

PROFILE = """profile: till
language: [en, zh]
sources:
  receipts:
    path: data/raw/till.csv
    table: transactions
    columns: {order_id: receipt, product_id: product}
"""
MARKUP, FORMULA, LONG = '<script>alert("1")</script>', '=HYPERLINK("http://x";"y")', "x" * 300
DONE = {"01_check_quality", "07_mine_affinities", "13_watch_changes", "14_write_report"}  # 13 compares volumes


def receipts():
    rows = ["receipt,product"]
    for at in range(240):
        names = [MARKUP, FORMULA] if at % 3 else [LONG, "milk"]
        rows += [f'r{at},"{name.replace(chr(34), chr(34) * 2)}"' for name in [*names, "bread"][: 2 + at % 2]]
    return "\n".join(rows) + "\n"


@pytest.mark.slow
def test_order_and_product_alone_run_through_the_command_and_name_what_is_missing(fresh_workspace):
    raw = fresh_workspace / "data/raw"
    raw.mkdir(parents=True)
    (raw / "till.csv").write_text(receipts(), encoding="utf-8")
    (fresh_workspace / "params/till.yaml").write_text(PROFILE, encoding="utf-8")
    result = CliRunner().invoke(app, ["run", "till", "--workspace", str(fresh_workspace)])
    assert result.exit_code == 0, result.output
    latest = fresh_workspace / "reports/till/latest"
    stages = json.loads((latest / "summary.json").read_text(encoding="utf-8"))["stages"]
    assert {name for name, stage in stages.items() if stage["status"] == "done"} == DONE
    assert all(stage["skipped_because"] for name, stage in stages.items() if name not in DONE)
    assert stages["07_mine_affinities"]["metrics"]["baskets"] == 240
    assert stages["07_mine_affinities"]["metrics"]["items"] == 5
    assert stages["07_mine_affinities"]["tables"]["recommendations"]["rows"] == 0
    text = "".join(page.read_text(encoding="utf-8") for page in latest.rglob("*.html"))
    assert "alert(&#34;1&#34;)" in text or "alert(&quot;1&quot;)" in text
    assert "<script>alert" not in text
    for sentence in ("The orders name no customer", "The orders have no dates", "neither amount nor quantity",
                     "No recommendations: the orders have no"):  # fmt: skip
        assert sentence in text
    assert "订单未记录客户" in text
