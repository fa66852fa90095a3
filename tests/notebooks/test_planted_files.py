"""Changes planted into the raw files of the jewellery retailer are noticed by the run that reads them, each by name."""

import pandas as pd
import pytest
import yaml

from tests.conftest import make_workspace
from workbench.core.workspace import find_workspace
from workbench.intake.demo.jewellery import PLANTED, generate_jewellery
from workbench.run.flows.flow import run_flow
from workbench.run.flows.selection import FlowOptions

CUSTOMERS = 5_000
THEN, NOW = "2025-06-01", "2025-07-01"
STAGES = ["01_check_quality", "02_resolve_identity", "03_build_features", "05_score_rfm", "13_watch_changes"]
OWN = {
    "price_shock": ("prices", "transactions.price_level"),
    "broken_till": ("missing", "transactions.unit_price"),
    "tracking_outage": ("silence", "events.days"),
    "new_shop": ("category_new", "transactions.store_id=MD9999"),
    "truncated_file": ("volume", "reviews.volume"),
    "renamed_category": ("category_new", "transactions.payment_method=WeChat Pay"),
}
FEW = 4  # further alarms of the same change: what is computed from it
USUAL = 2  # alarms of a month without a planted change


@pytest.fixture(scope="module")
def alarms(tmp_path_factory):
    """A function that writes the files with a change, runs the next month and returns its alarms."""
    workspace = find_workspace(make_workspace(tmp_path_factory.mktemp("planted") / "workspace"))
    path = workspace.root / "params/jewellery.yaml"
    profile = yaml.safe_load(path.read_text(encoding="utf-8"))
    profile["run"] = {**profile.get("run", {}), "stages": STAGES}
    profile["goal"] |= {"kind": "watch", "stages": ["13_watch_changes"]}
    path.write_text(yaml.safe_dump(profile, allow_unicode=True, sort_keys=False), encoding="utf-8")

    def month(as_of, planted=""):
        generate_jewellery(workspace.raw / "jewellery", customers=CUSTOMERS, planted=planted)
        result = run_flow(workspace, "jewellery", FlowOptions(as_of=as_of))
        assert result.error is None, result.error
        table = pd.read_parquet(workspace.processed("jewellery") / "alerts.parquet")
        return list(zip(table["what"], table["subject"], strict=True))

    assert month(THEN) == []
    return lambda planted="": month(NOW, planted)


def test_all_six_are_expected():
    assert set(OWN) == set(PLANTED)


@pytest.mark.long
def test_every_change_in_the_raw_files_raises_its_own_alarm_and_few_others(alarms, capsys):
    usual = alarms()
    rows = [(name, own, alarms(name)) for name, own in OWN.items()]
    with capsys.disabled():
        print(f"\nwithout a change: {', '.join(map(' '.join, usual)) or 'none'}")
        print(f"{'planted':18} {'own alarm':54} raised  others")
        for name, own, raised in rows:
            others = ", ".join(" ".join(one) for one in raised if one != own and one not in usual)
            print(f"{name:18} {' '.join(own):54} {'yes' if own in raised else 'NO':6}  {others}")
    assert len(usual) <= USUAL
    assert [name for name, own, raised in rows if own not in raised] == []
    assert [name for name, own, raised in rows if len({*raised} - {*usual, own}) > FEW] == []
