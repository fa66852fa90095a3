"""Plans from the table to the lists: frozen once, permitted now, held out always, logged, whole or not at all."""

import importlib.util
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from workbench.core.errors import DataError, ProfileError
from workbench.core.workspace import Workspace
from workbench.run.artifacts.assignments import stated_tests
from workbench.run.artifacts.audit import audit_path, verify_audit
from workbench.run.artifacts.plans import frozen_people, frozen_plans, sweep_plans
from workbench.run.commands.cli import app
from workbench.run.services.actions.exporting import ActionService

_spec = importlib.util.spec_from_file_location("planned_workspace", Path(__file__).with_name("planned_workspace.py"))
made = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made)
PLAN, TREATED = made.PLAN, [at for at in range(made.CUSTOMERS) if at not in made.HELD]
DAY = pd.Timestamp(made.AS_OF).date()


@pytest.fixture
def root(tmp_path, repository, monkeypatch):
    for name in ("WORKBENCH_VAULT_KEY", "WORKBENCH_VAULT_KEY_FILE", "WORKBENCH_AUDIT_HEAD"):
        monkeypatch.delenv(name, raising=False)
    return made.make_planned_workspace((tmp_path / "shop").resolve(), repository)


@pytest.fixture
def vault(root, monkeypatch):
    monkeypatch.setenv("WORKBENCH_VAULT_KEY", made.KEY)
    made.write_vault(root)
    return root


def export(root, **options):
    return ActionService(Workspace(root), "shop").export(**options)


def listed(root, result, form="csv"):
    """Return the rows of all lists of one form, as text."""
    files = [root / file.file for file in result.files if file.file.endswith(form)]
    return pd.concat([pd.read_csv(file, dtype=str, encoding="utf-8-sig", keep_default_na=False) for file in files])


def withdraw(root, at):
    path = root / "data/raw/words.csv"
    path.write_text(path.read_text(encoding="utf-8") + f"C{at},marketing,no,2025-08-01\n", encoding="utf-8")


def everything_below(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_lists_hold_the_treated_who_may_be_contacted_under_their_sources_ids(root):
    result = export(root)
    rows = listed(root, result)
    expected = {f"C{at}" for at in TREATED if at != 3}
    assert set(rows["客户编号"]) == expected and len(rows) == result.rows == len(expected)
    assert (result.held_out, result.left_out, result.frozen_now) == (len(made.HELD), {"never_contact": 1}, True)
    assert {Path(file.file).name for file in result.files} == {
        f"{channel}.{form}" for channel in ("sms", "phone") for form in ("csv", "xlsx", "parquet")
    }
    assert list(rows.columns)[:2] == ["客户编号", "来源"] and "手机号" not in rows.columns
    assert set(rows["入选原因"]) == {"'=1+1"}
    english = listed(root, export(root, language="en"))
    assert list(english.columns)[:2] == ["customer id", "source"]


def test_files_and_folders_are_private_under_any_umask(root):
    before = os.umask(0)
    try:
        export(root)
    finally:
        os.umask(before)
    people = root / "reports/shop/people"
    plan = root / f"data/processed/shop/plans/{PLAN}"
    assignments = root / "data/raw/shop/assignments"
    paths = [people, *people.rglob("*"), plan.parent, plan, *plan.rglob("*"), assignments, *assignments.rglob("*")]
    modes = {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()}
    assert modes == {0o700}
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()} == {0o600}


def test_exporting_again_leaves_plan_arms_and_assignment_as_they_are(root):
    first = export(root)
    plan, raw = root / f"data/processed/shop/plans/{PLAN}", root / "data/raw/shop/assignments"
    before = everything_below(raw) | {path: path.read_bytes() for path in plan.glob("*.parquet")}
    withdraw(root, 0)
    withdraw(root, 11)
    again = export(root)
    after = everything_below(raw) | {path: path.read_bytes() for path in plan.glob("*.parquet")}
    assert before == after
    assert again.rows == first.rows - 2 and again.left_out == {"never_contact": 1, "refused": 2}
    assert not {"C0", "C11"} & set(listed(root, again)["客户编号"])
    manifest = json.loads((plan / "manifest.json").read_text(encoding="utf-8"))
    assert [entry["left_out"] for entry in manifest["exports"]] == [dict(first.left_out), dict(again.left_out)]
    assert manifest["people"] == {"call_back": {"treat": 10}, "coupon": {"hold_out": 5, "treat": 25}}
    people = frozen_people(Workspace(root), "shop", DAY)
    assert len(people) == made.CUSTOMERS and {"P000", "P011"} <= set(people["customer_id"])


@pytest.mark.slow
def test_a_list_in_another_layout_that_names_somebody_who_withdrew_is_removed(root):
    sms = export(root, layout="sms")
    hubspot = export(root, layout="hubspot")
    withdraw(root, 0)
    again = export(root, layout="hubspot")
    assert set(again.removed) == {file.file for file in sms.files}
    assert not any((root / file.file).exists() for file in sms.files)
    assert all((root / file.file).is_file() for file in hubspot.files)
    files = everything_below(root / "reports/shop/people")
    assert files and not any(b"C0," in content for content in files.values())


def test_the_assignment_has_both_arms_of_every_action_with_a_hold_out_and_no_clock(root):
    export(root)
    paths = sorted((root / "data/raw/shop/assignments").glob("*.csv"))
    assert [path.name for path in paths] == [f"{PLAN}_coupon.csv"]  # nobody of call_back is held out
    rows = pd.read_csv(paths[0], dtype=str)
    arms = rows.groupby("arm")["share"].agg(["size", "first"])
    assert arms.to_dict("index") == {
        "hold_out": {"size": 5, "first": "0.125"}, "treat": {"size": 25, "first": "0.875"}
    }  # fmt: skip
    assert set(rows["assigned_at"]) == {"2025-07-01 00:00:00"} and set(rows["source"]) == {"crm"}
    assert set(rows.loc[rows["arm"] == "hold_out", "source_id"]) == {f"C{at}" for at in made.HELD}
    assert stated_tests(Workspace(root), "shop") == {f"{PLAN}_coupon": {"control": "hold_out"}}  # its gain is assumed


def test_an_action_comes_back_measured_by_the_outcome_that_its_gain_names(root):
    action = root / "params/actions/coupon.yaml"
    text = action.read_text(encoding="utf-8")
    kept = [row for row in text.splitlines() if not row.startswith("gain:")]
    measured = "gain: {experiment: Spring, outcome: bought_90d, worth: 30}"
    action.write_text("\n".join([*kept, measured, ""]), encoding="utf-8")
    export(root)
    stated = {"control": "hold_out", "outcome": "bought_90d"}
    assert stated_tests(Workspace(root), "shop") == {f"{PLAN}_coupon": stated}


def test_people_of_a_frozen_plan_are_in_no_other_one(root):
    export(root)
    path = root / "data/processed/shop/actions.parquet"
    other = f"shop_{made.AS_OF}_ffffffff"
    pd.read_parquet(path).assign(plan=other).to_parquet(path)
    with pytest.raises(DataError, match=f"40 of its customers are in {PLAN}, which is valid until 2025-07-31"):
        export(root)
    assert [plan.plan for plan in frozen_plans(Workspace(root), "shop")] == [PLAN]
    assert export(root, plan=PLAN).frozen_now is False
    with pytest.raises(ProfileError, match=f"no plan 'shop_{made.AS_OF}_0123abce'. Did you mean '{PLAN}'?"):
        export(root, plan=f"shop_{made.AS_OF}_0123abce")


@pytest.mark.slow
def test_a_customer_merged_since_with_a_held_out_one_is_not_contacted(root):
    export(root)
    path = root / "data/processed/shop/identities.parquet"
    identities = pd.read_parquet(path)
    identities["customer_id"] = identities["customer_id"].replace({"P000": "P007", "P001": "P004"})
    identities[identities["source_id"] != "C5"].to_parquet(path)
    again = export(root)
    ids = set(listed(root, again)["客户编号"])
    assert again.left_out == {"gone": 1, "merged": 2, "never_contact": 1}
    assert not {"C0", "C5", "C7"} & ids and len({"C1", "C4"} & ids) == 1
    people = frozen_people(Workspace(root), "shop", DAY).set_index("customer_id")
    assert people.index.is_unique is False or "P005" in people.index


def test_texts_fall_to_the_next_variant_where_a_value_is_missing_or_unsafe(root):
    rows = listed(root, export(root)).set_index("客户编号")["内容"]
    assert rows["C25"] == "戒指新品到店"
    assert rows["C24"] == rows["C33"] == rows["C5"] == "送您一张优惠券"
    assert rows["C2"] == ""  # call_back has no content
    table = ActionService(Workspace(root), "shop").preview(language="en")
    counts = {(entry.action, entry.variant): (entry.customers, entry.example) for entry in table}
    assert counts["coupon", 1] == (6, "New 戒指 for you") and counts["call_back", 0][0] == 10
    assert sum(count for count, _ in counts.values()) == len(TREATED) - 1


def test_an_unknown_placeholder_stops_an_export_before_anything_is_frozen(root):
    path = root / "params/actions/coupon.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("{first_category}", "{frist_category}"), encoding="utf-8")
    with pytest.raises(ProfileError, match=r"content 1: unknown placeholder \{frist_category\}") as caught:
        export(root)
    assert "Did you mean 'first_category'?" in str(caught.value)
    assert frozen_plans(Workspace(root), "shop") == [] and not (root / "reports").exists()


def test_consents_that_cannot_be_read_refuse_the_export_and_freeze_nothing(root):
    (root / "data/raw/words.csv").unlink()
    result = CliRunner().invoke(app, ["actions", "export", "shop", "--workspace", str(root)])
    assert result.exception.exit_code == 3
    assert frozen_plans(Workspace(root), "shop") == [] and not audit_path(Workspace(root)).exists()


@pytest.mark.slow
def test_when_everybody_refuses_nobody_is_exported_and_old_lists_are_emptied(root):
    export(root)
    words = root / "data/raw/words.csv"
    words.write_text(words.read_text(encoding="utf-8").replace(",yes,", ",no,"), encoding="utf-8")
    again = export(root)
    assert (again.rows, again.files) == (0, ())
    assert everything_below(root / "reports/shop/people") == {}
    fresh = root / "data/processed/shop/plans"
    subprocess.run(["rm", "-r", str(fresh)], check=True)
    with pytest.raises(DataError, match="nobody to export. refused 34, never_contact 1|never_contact 1, refused 34"):
        export(root)
    assert frozen_plans(Workspace(root), "shop") == []


def test_contacts_come_from_the_vault_with_its_key_and_are_logged(vault, monkeypatch):
    result = export(vault, contacts="phone", layout="sms")
    rows = listed(vault, result).set_index("客户编号")
    assert rows["手机号"]["C0"] == "13800000000" and "C1" not in rows.index
    assert result.left_out == {"never_contact": 1, "no_contact": 1}
    log = audit_path(Workspace(vault)).read_text(encoding="utf-8")
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert events == ["vault_opened", "export"] and "1380000" not in log and "C0" not in log
    assert verify_audit(Workspace(vault)).changed == []
    monkeypatch.delenv("WORKBENCH_VAULT_KEY")
    with pytest.raises(DataError, match="--contacts phone: no key for the vault"):
        export(vault, contacts="phone", layout="sms")
    with pytest.raises(ProfileError, match="layout sms has no column for email. It has phone"):
        export(vault, contacts="email", layout="sms")


@pytest.mark.parametrize(("contacts", "layout", "key"), [("phone", "sms", None), ("email", "hubspot", made.KEY)])
def test_contacts_of_a_profile_without_a_vault_are_refused_before_anything_is_frozen(
    root, monkeypatch, contacts, layout, key
):
    if key:
        monkeypatch.setenv("WORKBENCH_VAULT_KEY", key)
    command = ["actions", "export", "shop", "--contacts", contacts, "--layout", layout, "--workspace", str(root)]
    refused = CliRunner().invoke(app, command).exception
    assert isinstance(refused, DataError) and refused.exit_code == 3
    said = f"--contacts {contacts}: profile shop has no vault. 02_resolve_identity writes it where it has a key."
    assert said in str(refused) and "without --contacts the lists hold the source's own ids" in str(refused)
    assert frozen_plans(Workspace(root), "shop") == []
    assert not audit_path(Workspace(root)).exists() and not list(root.glob("reports/shop/people/plans/*"))


def test_by_default_no_file_holds_contact_data(vault, plain_content):
    export(vault)
    for folder in (
        vault / "reports",
        vault / "data/processed/shop/plans",
        vault / "data/raw/shop",
        vault / ".workbench",
    ):
        for path in (path for path in folder.rglob("*") if path.is_file()):
            content = plain_content(path)
            assert b"1380000" not in content and b"example.com" not in content, path


@pytest.mark.slow
def test_rows_are_written_to_a_database_and_replaced(root, tmp_path, monkeypatch):
    import sqlite3

    monkeypatch.setenv("CRM_URL", f"sqlite:///{tmp_path / 'crm.db'}")
    first = export(root, variable="CRM_URL")
    withdraw(root, 0)
    second = export(root, variable="CRM_URL")
    with sqlite3.connect(tmp_path / "crm.db") as database:
        rows = database.execute("select count(*), count(distinct source_id) from planned_actions").fetchone()
        gone = database.execute("select count(*) from planned_actions where source_id = 'C0'").fetchone()
    assert rows == (second.rows, second.rows) and first.rows == second.rows + 1 and gone == (0,)


@pytest.mark.slow
def test_a_plan_that_was_tampered_with_is_refused(root):
    export(root)
    path = root / f"data/processed/shop/plans/{PLAN}/actions.parquet"
    pd.read_parquet(path).assign(arm="treat").to_parquet(path)
    with pytest.raises(DataError, match=f"plan {PLAN}: actions.parquet was changed or removed"):
        export(root)


def test_the_command_reports_in_both_languages(root):
    runner, words = CliRunner(), ["actions", "export", "shop", "--workspace", str(root)]
    preview = runner.invoke(app, [*words, "--preview", "--language", "en"]).output
    assert (
        "New 戒指 for you" in preview
        and "first_category known" in preview
        and "everybody else" in preview
        and not (root / "reports").exists()
    )
    english = runner.invoke(app, [*words, "--language", "en"]).output
    assert f"{PLAN} is frozen" in english and "left out: 1 (never-contact list)" in english
    assert f"10 measures {PLAN}_coupon" in english
    chinese = runner.invoke(app, words).output
    assert f"方案 {PLAN} 此前已冻结" in chinese.replace("\u2009", " ") and "禁止联系" in chinese
    assert "1 line; no change found" not in runner.invoke(app, ["audit", "verify", "--workspace", str(root)]).output
    path = audit_path(Workspace(root))
    path.write_text(path.read_text(encoding="utf-8").replace('"customers":34', '"customers":33', 1), encoding="utf-8")
    verdict = runner.invoke(app, ["audit", "verify", "--workspace", str(root)])
    assert verdict.exit_code == 3 and "line 1: its content was changed" in verdict.output


# killed between steps -------------------------------------------------------------------------------

KILLED = """
import os, signal, subprocess, sys
from pathlib import Path
from workbench.core.workspace import Workspace
from workbench.run.services.actions.exporting import ActionService
root, replace, rename = Path(sys.argv[1]), os.replace, os.rename


def stopping(change, steps, last):
    def changed(*arguments, **options):
        own = any("shop" in str(argument) and ".workbench" not in str(argument) for argument in arguments)
        if own and next(steps) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return change(*arguments, **options)
    return changed


def export_until(last):
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    steps = iter(range(1000))
    os.replace, os.rename = stopping(replace, steps, last), stopping(rename, steps, last)
    ActionService(Workspace(root), "shop").export(layout="sms")
    os._exit(0)


for last in range(40):
    status = export_until(last)
    subprocess.run(["cp", "-a", root, root.with_name(f"after_{last:02d}")], check=True)
    for name in ("data/processed/shop/plans", "data/raw/shop", "reports"):
        subprocess.run(["rm", "-rf", root / name], check=True)
    if status == 0:
        break
    assert status == signal.SIGKILL
"""


@pytest.mark.slow
def test_killed_at_any_step_there_is_a_whole_plan_or_none(root, tmp_path):
    subprocess.run([sys.executable, "-c", KILLED, str(root)], check=True)
    frozen = []
    for copy in sorted(root.parent.glob("after_*")):
        plans = frozen_plans(Workspace(copy), "shop")
        for plan in plans:
            assert len(plan.actions()) == made.CUSTOMERS and len(plan.records()) == made.CUSTOMERS
            assert (copy / f"data/raw/shop/assignments/{PLAN}_coupon.csv").is_file()
        sweep_plans(Workspace(copy))
        assert plans or not list(copy.glob("data/raw/shop/assignments/*"))
        assert not list(copy.glob("data/processed/shop/plans/.staging*")) and not list(copy.rglob(".sms.*"))
        frozen.append(len(plans))
    assert frozen == sorted(frozen) and frozen.count(0) >= 4 and frozen.count(1) >= 4
    assert export(root.parent / f"after_{len(frozen) - 2:02d}").frozen_now is False
