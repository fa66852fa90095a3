"""Assignment files: written once, read by 01 as the source ``assignments``, and in the keys of 01, 10 and later."""

import datetime as dt
import stat

import ibis
import pandas as pd
import pytest

from workbench.core.errors import DataError, ProfileError
from workbench.core.files import digest_json, write_json
from workbench.core.params.assignments import ASSIGNMENTS
from workbench.core.params.profile import load_profile
from workbench.core.schema import ID_SPACE
from workbench.core.stages import STAGES
from workbench.core.workspace import Workspace
from workbench.intake.identity.vault import VaultKey
from workbench.intake.tables.canonical import take_in
from workbench.run.artifacts.assignments import assignment_path, assignments_written, read_assignment, write_assignment
from workbench.run.artifacts.context import stage_folder
from workbench.run.keys.identities import identity_inputs
from workbench.run.keys.inputs import stage_inputs

PROFILE = """\
sources:
  crm: {path: data/raw/crm.csv, table: customers, columns: {customer_id: id, city: city}}
  shop: {path: data/raw/shop.csv, table: customers, columns: {customer_id: id, city: city}}
  orders:
    path: data/raw/orders.csv
    table: transactions
    people: crm
    columns: {order_id: order, customer_id: id, ordered_at: day, amount: amount}
    formats: {time_zone: Asia/Shanghai}
"""
STARTED = dt.datetime(2025, 7, 1)
ARMS = pd.DataFrame(
    {
        "source": ["shop", "crm", "crm"], "source_id": ["a1", "a2", "=1+1"], "arm": ["treat", "hold_out", "treat"],
        "share": [0.9, 0.1, 0.9],
    }
)  # fmt: skip


@pytest.fixture
def workspace(tmp_path):
    for name in ("params", "data/raw"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "params/shop.yaml").write_text(PROFILE, encoding="utf-8")
    for name in ("crm", "shop"):
        (tmp_path / f"data/raw/{name}.csv").write_text("id,city\na1,上海\na2,北京\n=1+1,西安\n", encoding="utf-8")
    orders = "order,id,day,amount\no1,a1,2025-01-02,3\n"
    (tmp_path / "data/raw/orders.csv").write_text(orders, encoding="utf-8")
    return Workspace(tmp_path.resolve())


def run_intake(workspace, *, identity, key=None):
    sources = load_profile(workspace, "shop").sources
    engine = ibis.duckdb.connect(threads=1)
    dates = {"date_min": dt.date(1900, 1, 1), "date_max": dt.date(2026, 1, 1)}
    scratch = workspace.root / "scratch"
    return engine, take_in(engine, sources, root=workspace.root, scratch=scratch, identity=identity, key=key, **dates)


def test_an_assignment_is_written_privately_and_sorted(workspace):
    path = write_assignment(workspace, "shop", "七夕_coupon", ARMS, STARTED)
    assert path == workspace.raw / "shop/assignments/七夕_coupon.csv"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text(encoding="utf-8").splitlines() == [
        "experiment,source,source_id,arm,assigned_at,share",
        "七夕_coupon,crm,=1+1,treat,2025-07-01 00:00:00,0.9",
        "七夕_coupon,crm,a2,hold_out,2025-07-01 00:00:00,0.1",
        "七夕_coupon,shop,a1,treat,2025-07-01 00:00:00,0.9",
    ]
    assert assignments_written(workspace, "shop") == ["七夕_coupon"]


def test_writing_it_again_changes_nothing_and_new_people_are_added(workspace):
    path = write_assignment(workspace, "shop", "spring", ARMS, STARTED)
    before = path.stat()
    again = write_assignment(workspace, "shop", "spring", ARMS[::-1], dt.datetime(2025, 8, 1))
    assert again.stat().st_ino == before.st_ino
    more = pd.DataFrame({"source": ["crm"], "source_id": ["a1"], "arm": ["treat"], "share": [0.9]})
    write_assignment(workspace, "shop", "spring", more, dt.datetime(2025, 8, 1))
    rows = read_assignment(workspace, "shop", "spring").set_index(["source", "source_id"])
    assert rows.loc[("crm", "a1"), "assigned_at"] == "2025-08-01 00:00:00"
    assert rows.loc[("shop", "a1"), "assigned_at"] == "2025-07-01 00:00:00"
    assert len(rows) == 4


def test_arms_and_shares_cannot_change(workspace):
    path = write_assignment(workspace, "shop", "spring", ARMS, STARTED)
    before = path.read_bytes()
    with pytest.raises(DataError, match="1 of 3 records are already in another arm.*a name of its own"):
        write_assignment(workspace, "shop", "spring", ARMS.assign(arm=["treat", "treat", "treat"], share=0.9), STARTED)
    with pytest.raises(DataError, match="arm hold_out has the share 0.2, and had 0.1"):
        write_assignment(workspace, "shop", "spring", ARMS.assign(share=[0.8, 0.2, 0.8]), STARTED)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (ARMS.iloc[:0], "nobody to assign"),
        (pd.concat([ARMS, ARMS.head(1)]), "1 records are in it twice"),
        (ARMS.assign(arm=["treat", " ", "treat"]), "blank cells in arm"),
        (ARMS.assign(share=[0.9, 0.1, 0.8]), "shares of the arms do not fit"),
        (ARMS.assign(share=[0.9, 0.3, 0.9]), "shares of the arms do not fit"),
        (ARMS.assign(share=[0.9, None, 0.9]), "shares of the arms do not fit"),
    ],
)
def test_a_wrong_assignment_is_refused(workspace, frame, expected):
    with pytest.raises(DataError, match=expected):
        write_assignment(workspace, "shop", "spring", frame, STARTED)
    assert not assignments_written(workspace, "shop")


@pytest.mark.parametrize("name", ["", " a", "../a", "a/b", ".a", "a\nb", "x" * 201])
def test_a_name_that_is_no_file_name_is_refused(workspace, name):
    with pytest.raises(ProfileError, match="cannot be the name of an experiment"):
        assignment_path(workspace, "shop", name)


def test_01_reads_assignments_as_experiments_each_row_with_the_ids_of_its_own_source(workspace):
    write_assignment(workspace, "shop", "spring", ARMS, STARTED)
    write_assignment(workspace, "shop", "autumn", ARMS.iloc[:2], STARTED)
    _engine, intake = run_intake(workspace, identity=True)
    rows = intake.tables["experiments"].to_pandas()
    assert set(rows.columns) == {"experiment", "customer_id", "arm", "assigned_at", "share", ID_SPACE}
    spaces = rows[rows["experiment"] == "spring"].set_index("customer_id")[ID_SPACE].to_dict()
    assert spaces == {"a1": "shop", "a2": "crm", "=1+1": "crm"}
    assert rows["share"].tolist() == [0.1, 0.9, 0.9, 0.1, 0.9]
    assert (rows["assigned_at"] == pd.Timestamp(STARTED)).all()
    assert intake.metrics["assignments.accepted"] == 5


def test_without_identities_the_ids_are_the_customers(workspace):
    write_assignment(workspace, "shop", "spring", ARMS.assign(source=""), STARTED)
    _engine, intake = run_intake(workspace, identity=False)
    rows = intake.tables["experiments"].to_pandas()
    assert set(rows.columns) == {"experiment", "customer_id", "arm", "assigned_at", "share"}
    assert sorted(rows["customer_id"]) == ["=1+1", "a1", "a2"]


def test_contact_ids_are_stored_as_pseudonyms(workspace):
    mails = "id,city\nli@shop.cn,上海\nwu@shop.cn,北京\n"
    (workspace.raw / "crm.csv").write_text(mails, encoding="utf-8")
    (workspace.raw / "orders.csv").write_text("order,id,day,amount\no1,wu@shop.cn,2025-01-02,3\n", encoding="utf-8")
    key = VaultKey(bytes(32))
    pseudonyms = key.pseudonyms("contact-ids", ["wu@shop.cn"])
    frame = pd.DataFrame({"source": "crm", "source_id": pseudonyms, "arm": ["treat"], "share": [0.5]})
    write_assignment(workspace, "shop", "spring", frame, STARTED)
    _engine, intake = run_intake(workspace, identity=True, key=key)
    assert intake.tables["experiments"].to_pandas()["customer_id"].tolist() == pseudonyms
    assert sorted(intake.tables["transactions"].to_pandas()["customer_id"]) == pseudonyms


def test_the_implicit_source_is_there_only_with_a_file_and_its_name_is_taken(workspace):
    assert ASSIGNMENTS not in load_profile(workspace, "shop").sources
    write_assignment(workspace, "shop", "spring", ARMS, STARTED)
    source = load_profile(workspace, "shop").sources[ASSIGNMENTS]
    assert (source.table, source.people, source.formats.time_zone) == ("experiments", "crm", "Asia/Shanghai")
    own = (
        PROFILE
        + "  assignments: {path: data/raw/a.csv, table: experiments, columns: {experiment: e, customer_id: c, arm: a}}\n"
    )
    (workspace.params / "shop.yaml").write_text(own, encoding="utf-8")
    with pytest.raises(ProfileError, match="source name 'assignments'.*Give yours another name"):
        load_profile(workspace, "shop")


def test_a_new_assignment_re_runs_only_01_10_and_later_stages(workspace):
    profile = load_profile(workspace, "shop")
    key = {"inputs": stage_inputs(STAGES["01_check_quality"], workspace=workspace, profile=profile, summaries={})}
    folder = stage_folder(workspace, "shop", "01_check_quality")
    write_json(folder / "manifest.json", {"key": digest_json(key), "depends_on": key})
    before = {name: own_inputs(workspace, stage) for name, stage in STAGES.items()}
    people = identity_inputs(workspace, profile)["people"]

    write_assignment(workspace, "shop", "spring", ARMS, STARTED)
    profile = load_profile(workspace, "shop")
    key = {"inputs": stage_inputs(STAGES["01_check_quality"], workspace=workspace, profile=profile, summaries={})}
    assert digest_json(key) != digest_json({"inputs": before["01_check_quality"]})
    write_json(folder / "manifest.json", {"key": digest_json(key), "depends_on": key})
    changed = {name for name, stage in STAGES.items() if own_inputs(workspace, stage) != before[name]}
    assert changed == {"01_check_quality"}
    assert identity_inputs(workspace, profile)["people"] == people is not None
    readers = {name for name, stage in STAGES.items() if "experiments" in stage.depends_on}
    assert "10_measure_experiments" in readers
    assert all(name >= "10" for name in readers)


def test_other_raw_data_is_still_in_the_key_of_the_identities(workspace):
    people = []
    for city in ("上海", "广州"):
        (workspace.raw / "crm.csv").write_text(f"id,city\na1,{city}\n", encoding="utf-8")
        profile = load_profile(workspace, "shop")
        key = {"inputs": own_inputs(workspace, STAGES["01_check_quality"])}
        write_json(stage_folder(workspace, "shop", "01_check_quality") / "manifest.json", {"depends_on": key})
        people.append(identity_inputs(workspace, profile)["people"])
    assert people[0] != people[1]


def own_inputs(workspace, stage):
    profile = load_profile(workspace, "shop")
    return stage_inputs(stage, workspace=workspace, profile=profile, summaries={})
