"""A workspace with a plan of two actions for 40 customers: consents, identities, tags, and a vault where asked for."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pandas as pd

__all__ = ["AS_OF", "HELD", "KEY", "PLAN", "customer", "make_planned_workspace", "write_vault"]

CUSTOMERS, AS_OF = 40, "2025-07-01"
PLAN = f"shop_{AS_OF}_0123abcd"
KEY = base64.b64encode(bytes(range(32))).decode()
HELD = [at for at in range(CUSTOMERS) if at % 8 == 7]  # held out: five customers
PROFILE = """\
profile: shop
language: [zh, en]
as_of: 2025-07-01
sources:
  crm:
    path: data/raw/crm.csv
    table: customers
    columns: {customer_id: id, name: name, phone: phone, email: email}
  words:
    path: data/raw/words.csv
    table: consents
    people: crm
    columns: {customer_id: id, purpose: use, granted: yes_no, changed_at: day}
never_contact: [data/raw/stop.csv]
"""
ACTIONS = {
    "coupon": """\
label: {en: Coupon, zh: 优惠券}
channel: sms
cost: 1.2
content:
  - when: "spend_90d > 20"
    text: {en: "New {first_category} for you", zh: "{first_category}新品到店"}
  - text: {en: "A coupon for you", zh: "送您一张优惠券"}
""",
    "call_back": """\
label: {en: Call back, zh: 回访}
kind: service
channel: phone
cost: 5
purpose: marketing_phone
occasion: {case: open}
""",
}


def customer(at: int) -> str:
    """Return the customer_id of a number."""
    return f"P{at:03d}"


def make_planned_workspace(root: Path, repository: Path) -> Path:
    """Write the workspace into a folder, and return it."""
    for name in ("tags", "packs", "exports"):
        shutil.copytree(repository / "params" / name, root / "params" / name)
    (root / "params/actions").mkdir()
    for name, text in ACTIONS.items():
        (root / f"params/actions/{name}.yaml").write_text(text, encoding="utf-8")
    (root / "params/shop.yaml").write_text(PROFILE, encoding="utf-8")
    raw, tables = root / "data/raw", root / "data/processed/shop"
    raw.mkdir(parents=True)
    tables.mkdir(parents=True)
    lines = [f"C{at},{use},yes,2024-05-01\n" for at in range(CUSTOMERS) for use in ("marketing", "marketing_phone")]
    (raw / "words.csv").write_text("id,use,yes_no,day\n" + "".join(lines), encoding="utf-8")
    (raw / "stop.csv").write_text("source_id\nC3\n", encoding="utf-8")
    (raw / "crm.csv").write_text("id,name,phone,email\n", encoding="utf-8")
    for name, frame in _tables().items():
        frame.to_parquet(tables / f"{name}.parquet")
    for stage, settings in {"03_build_features": {}, "11_plan_actions": {"hold_out_share": 0.125}}.items():
        folder = tables / f".stages/{stage}/current"
        folder.mkdir(parents=True)
        summary = {"as_of": AS_OF, "settings": settings}
        (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return root


def write_vault(root: Path) -> None:
    """Write the vault of the customers; the key must be in the environment. C1 has no phone."""
    import pyarrow as pa

    from workbench.core.workspace import Workspace
    from workbench.intake.identity.vault import Vault

    people = pd.DataFrame({"customer_id": [customer(at) for at in range(CUSTOMERS)], "source": "crm"})
    people["source_id"] = [f"C{at}" for at in range(CUSTOMERS)]
    people["precedence"], people["record"] = 0, range(CUSTOMERS)
    people["phone"] = [f"+86 138-0000-{at:04d}" if at != 1 else "" for at in range(CUSTOMERS)]
    people["email"] = [f"c{at}@example.com" for at in range(CUSTOMERS)]
    (root / "data/interim/shop").mkdir(parents=True, exist_ok=True)
    Vault.of(Workspace(root), "shop").write(pa.Table.from_pandas(people, preserve_index=False))


def _tables() -> dict[str, pd.DataFrame]:
    ids = [customer(at) for at in range(CUSTOMERS)]
    sources = [f"C{at}" for at in range(CUSTOMERS)]
    identities = pd.DataFrame({"source": "crm", "source_id": sources, "customer_id": ids, "match_probability": 1.0})
    features = pd.DataFrame({"customer_id": ids, "spend_90d": [float(at) for at in range(CUSTOMERS)]})
    categories = ["戒指" if at % 2 else None for at in range(CUSTOMERS)]
    categories[33] = "<b>=HYPERLINK(1)</b>"  # what a customer typed never reaches a message
    portraits = pd.DataFrame({"customer_id": ids, "favourite_category": categories})
    coupon = [at % 4 != 2 for at in range(CUSTOMERS)]
    actions = pd.DataFrame({
        "plan": PLAN, "customer_id": ids, "action": ["coupon" if flag else "call_back" for flag in coupon],
        "channel": ["sms" if flag else "phone" for flag in coupon], "expected_gain": 5.0, "gain_low": 1.0,
        "gain_high": 9.0, "cost": [0.0 if at in HELD else 1.2 for at in range(CUSTOMERS)], "basis": "assumption",
        "reason": "=1+1", "arm": ["hold_out" if at in HELD else "treat" for at in range(CUSTOMERS)],
        "neutral_alternative": None, "valid_until": pd.Timestamp("2025-07-31").date(),
    })  # fmt: skip
    return {"identities": identities, "features": features, "portraits": portraits, "actions": actions}
