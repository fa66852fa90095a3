"""A table written part by part equals the table written at once."""

import datetime as dt

import pandas as pd

from workbench.core.store.parts import hold_parts
from workbench.core.store.tables import connect

ROWS = pd.DataFrame({
    "customer_id": ["*", "a", "a"], "list": ["neutral", "again", "new"], "rank": [1, 1, 1],
    "product_id": ["p1", "p2", "p3"], "category": [None, None, None], "score": [3.0, 2.5, None],
    "method": ["popularity", "own", "bm25"], "reason": ["x", "\"y\"", "z"], "evidence": ["{}"] * 3,
    "as_of": [dt.date(2025, 1, 1)] * 3,
})  # fmt: skip


def test_parts_are_one_table_with_the_declared_kinds(tmp_path):
    engine = connect(memory_limit_gb=1, threads=1, scratch=tmp_path / "spill")
    parts = (ROWS.iloc[[at]] for at in range(3))
    table = hold_parts(engine, "recommendations", parts, tmp_path / "parts.parquet")
    assert table.schema()["category"].is_string()
    assert table.schema()["as_of"].is_date()
    frame = table.order_by("product_id").to_pandas()
    assert frame["customer_id"].tolist() == ["*", "a", "a"]
    assert frame["score"].isna().tolist() == [False, False, True]
    assert frame["category"].isna().all()


def test_no_parts_are_an_empty_table(tmp_path):
    engine = connect(memory_limit_gb=1, threads=1, scratch=tmp_path / "spill")
    assert hold_parts(engine, "recommendations", [], tmp_path / "parts.parquet").count().execute() == 0
