"""A workspace in a temporary folder, with a valid profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.core.workspace import Workspace

PROFILE = """\
profile: shop
sources:
  orders:
    path: data/raw/orders.csv
    table: transactions
    columns: {order_id: Order, customer_id: Customer, ordered_at: Day, amount: Amount}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    for name in ("params", "notebooks", "data/raw"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "params" / "shop.yaml").write_text(PROFILE, encoding="utf-8")
    return Workspace(tmp_path.resolve())


@pytest.fixture
def write_profile(workspace: Workspace):
    """Append lines to the valid profile, or replace a part of it, and return its workspace."""

    def write(lines: str = "", *, old: str = "", new: str = "") -> Workspace:
        text = PROFILE.replace(old, new) if old else PROFILE
        (workspace.params / "shop.yaml").write_text(text + lines, encoding="utf-8")
        return workspace

    return write
