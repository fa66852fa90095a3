"""A workspace with three small notebooks; a file makes the second one fail in several ways."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["FAULT", "make_toy_workspace"]

FAULT = "data/raw/fault.txt"  # names the fault of the second notebook; absent: none

PROFILE = """profile: toy
language: [en, zh]
as_of: 2024-03-01
sources:
  orders:
    path: data/raw/toy.csv
    table: transactions
    columns: {order_id: order_id, customer_id: customer_id, ordered_at: ordered_at, amount: amount}
run:
  stages: [01_check_quality, 03_build_features, 14_write_report]
  cell_seconds: 20
"""
ORDERS = """order_id,customer_id,ordered_at,amount
o1,c1,2024-01-01,10
o2,c2,2024-01-02,20
o3,c1,2024-02-03,30
"""
START = """from workbench import start
stage = start("{stage}", profile, {{{settings}}})"""
BODIES = {
    "01_check_quality": """rows = stage.store.engine.read_csv(str(stage.workspace.root / "data/raw/toy.csv"), types={"amount": "DECIMAL(18,4)"})
stage.write("transactions", rows)
stage.metric({"transactions.rows": 3})
stage.finish()""",
    "03_build_features": """import os, time
from workbench.core.errors import DataError
path = stage.workspace.root / "data/raw/fault.txt"
fault = path.read_text().strip() if path.is_file() else ""
orders = stage.tables()["transactions"]
features = orders.group_by("customer_id").agg(frequency_orders=orders.order_id.nunique())
stage.write("features", features)
if fault == "raise": raise ZeroDivisionError("planned failure <script>")
if fault == "refuse": raise DataError("the data is refused: planned.")
if fault == "die": os.kill(os.getpid(), 9)
if fault == "hang": time.sleep(600)
if fault == "forget": stage.finish = lambda: None
stage.metric({"customers": 2, "windows": len(windows_days)})
stage.finish()""",
    "14_write_report": """from workbench.run.stages.files import write_text_file
from workbench.run.stages.report import summaries_before
names = [summary["stage"] for summary in summaries_before(stage)]
page = '<html lang="{}"><body><!--status--><p>done</p><!--/status-->' + ", ".join(names) + "</body></html>"
write_text_file(stage, "report.html", page.format("en"))
write_text_file(stage, "report.zh.html", page.format("zh"))
stage.finish()""",
}


def make_toy_workspace(root: Path) -> Path:
    """Write params, notebooks and raw data of the toy profile into a folder, and return it."""
    (root / "params").mkdir(parents=True)
    (root / "params" / "toy.yaml").write_text(PROFILE, encoding="utf-8")
    (root / "data" / "raw").mkdir(parents=True)
    (root / "data" / "raw" / "toy.csv").write_text(ORDERS, encoding="utf-8")
    (root / "notebooks").mkdir()
    for stage, body in BODIES.items():
        (root / "notebooks" / f"{stage}.ipynb").write_text(json.dumps(_notebook(stage, body)), encoding="utf-8")
    return root


def _notebook(stage: str, body: str) -> dict:
    from workbench.core.stages import SECTIONS

    values = SECTIONS[stage]().model_dump(mode="json")
    parameters = "\n".join(['profile = "toy"', *(f"{name} = {value!r}" for name, value in values.items())])
    settings = ", ".join(f'"{name}": {name}' for name in values)
    sources = [parameters, START.format(stage=stage, settings=settings), body]
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{at}",
            "metadata": {"tags": ["parameters"]} if at == 0 else {},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
        for at, source in enumerate(sources)
    ]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
