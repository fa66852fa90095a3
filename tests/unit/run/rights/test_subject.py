"""The commands on a small workspace of two profiles: who is found, who is not, what a call without --yes changes."""

import json
import stat
import subprocess
import sys

import pytest

from workbench.core.workspace import Workspace
from workbench.intake.identity.vault import KEY_VARIABLE
from workbench.run.rights.erasing.tracing import traces_of
from workbench.run.rights.people import find_people

CRM = """\
id,name,phone,mail,born,city
1,Zoë Quill,138-0013-8000,zoe@example.com,1990-01-01,上海
2,Bo Ray,13800138001,house@example.com,1980-01-01,上海
3,Ann Ray,13800138002,house@example.com,1982-01-01,北京
"""
WEB = """\
user;full;tel
zq_90;ZOË  QUILL;+86 13800138000
bo;Someone Else;13800138001
"""
PROFILE = """\
profile: {name}
language: en
sources:
  {source}:
    path: data/raw/{file}
    table: customers
    columns: {columns}
run: {{stages: [01_check_quality]}}
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    (tmp_path / "data/raw").mkdir(parents=True)
    (tmp_path / "params").mkdir()
    (tmp_path / "data/raw/crm.csv").write_text(CRM, encoding="utf-8")
    (tmp_path / "data/raw/web.csv").write_text(WEB, encoding="utf-8")
    for name, source, file, columns in (
        (
            "shop",
            "crm",
            "crm.csv",
            "{customer_id: id, name: name, phone: phone, email: mail, birth_date: born, city: city}",
        ),
        ("site", "web", "web.csv", "{customer_id: user, name: full, phone: tel}"),
        ("copy", "crm", "crm.csv", "{customer_id: id, city: city}"),
    ):
        text = PROFILE.format(name=name, source=source, file=file, columns=columns)
        (tmp_path / f"params/{name}.yaml").write_text(text, encoding="utf-8")
    return Workspace(tmp_path)


def command(place, *words, expected=0):
    call = [sys.executable, "-m", "workbench.run.commands.cli", "subject", *words, "--profile", "shop"]
    done = subprocess.run(call, cwd=place.root, capture_output=True, text=True, check=False)
    assert done.returncode == expected, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_person_is_found_in_every_profile(place):
    (person,), every = find_people(place, "shop", ["1"])
    assert {name: rows["source_id"].tolist() for name, rows in person.records.items()} == {
        "shop": ["1"], "site": ["zq_90"], "copy": ["1"]
    }  # fmt: skip
    traces = traces_of([person], every)
    assert {"Zoë Quill", "13800138000", "zoe@example.com"} <= traces.words


def test_what_a_family_shares_is_no_trace_of_one(place):
    (person,), every = find_people(place, "shop", ["2"])
    assert {name: rows["source_id"].tolist() for name, rows in person.records.items()} == {"shop": ["2"], "copy": ["2"]}
    assert person.doubtful == 2  # her mail, and the phone under another name
    traces = traces_of([person], every)
    assert "house@example.com" in traces.shared and "house@example.com" not in traces.words


def test_names_need_the_key(place):
    assert "with the vault's key alone" in command(place, "find", "Zoë Quill", expected=3)


def test_erasing_says_first_and_then_does(place):
    said = command(place, "erase", "1")
    assert "3 records in 3 profiles" in said and (place.root / "data/raw/crm.csv").read_text(encoding="utf-8") == CRM
    said = command(place, "erase", "1", "--yes", "--identity", "passport", "--received", "2026-01-31")
    assert "Nothing of 1 person was found." in said and "due 28 February 2026" in said
    assert (place.root / "data/raw/crm.csv").read_text(encoding="utf-8") == CRM.replace(CRM.splitlines(True)[1], "")
    assert (place.root / "data/raw/web.csv").read_text(encoding="utf-8") == WEB.replace(WEB.splitlines(True)[1], "")
    assert "erased before" in command(place, "status", "1")
    command(place, "erase", "1", "--yes", expected=3)


def test_a_request_is_registered_and_wrong_ones_are_refused(place):
    assert "open" in command(place, "export", "1", "--register-only", "--received", "2026-11-30")
    (entry,) = json.loads((place.root / ".workbench/requests.json").read_text(encoding="utf-8"))
    assert (entry["due"], entry["done"]) == ("2026-12-30", "")
    assert not (place.root / "data/interim/shop/subjects").exists()
    command(place, "export", expected=2)
    command(place, "export", "1", "--received", "soon", expected=2)
    assert "Did you mean 'city'?" in command(place, "correct", "1", "--set", "cty=北京", expected=2)
    command(place, "correct", "1", "--set", "born=x", expected=2)


def test_an_export_is_private(place):
    command(place, "export", "1")
    folder = place.root / "data/interim/shop/subjects"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    held = json.loads((folder / "1.json").read_text(encoding="utf-8"))
    assert set(held["profiles"]) == {"shop", "site", "copy"}
    assert held["profiles"]["shop"]["contact"][0]["name"] == "Zoë Quill"
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    page = (folder / "1.zh.html").read_text(encoding="utf-8")
    assert "我们持有的您的全部数据" in page and "Bo Ray" not in page
