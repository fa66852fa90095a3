"""The pages that a run writes: the graph beside its stage pages, the index over all profiles."""

import datetime as dt
import json
import re

from workbench.core.workspace import Workspace
from workbench.run.overview.index import write_index
from workbench.run.schedules.records import Planned, keep_planned


def test_a_finished_run_has_a_graph_of_its_stages_and_tables(toy_done):
    root, result = toy_done
    html = (root / "reports/toy/latest/pages/dag.html").read_text(encoding="utf-8")
    for stage, entry in result.summary["stages"].items():
        assert f'id="s-{stage}"' in html
        for table in entry["tables"].values():
            assert table["digest"][:12] in html
    for address in re.findall(r'href="([^#"][^"]*)"', html):
        if not address.startswith(("data:", "../../../index")):
            assert (root / "reports/toy/latest/pages" / address).is_file(), address


def test_the_index_is_written_for_profiles_with_and_without_runs(toy_copy):
    place = Workspace(toy_copy.resolve())
    text = (place.params / "toy.yaml").read_text(encoding="utf-8")
    (place.params / "idle.yaml").write_text(text.replace("profile: toy", "profile: idle"), encoding="utf-8")
    (place.params / "broken.yaml").write_text("profile: [", encoding="utf-8")
    english, chinese = write_index(place)
    html = english.read_text(encoding="utf-8")
    assert (english.name, chinese.name) == ("index.html", "index.zh.html")
    assert all(f">{name}<" in html for name in ("toy", "idle", "broken"))
    for address in re.findall(r'href="(toy/[^"]+)"', html):
        assert (place.root / "reports" / address).is_file()
    assert "完成" in chinese.read_text(encoding="utf-8")


def test_a_missed_schedule_is_on_the_index(toy_copy):
    place = Workspace(toy_copy.resolve())
    since = dt.datetime(2099, 12, 1, tzinfo=dt.UTC)
    keep_planned(place, "toy", Planned("06:00", "UTC", since))
    html = write_index(place, dt.datetime(2099, 12, 1, 9, tzinfo=dt.UTC))[0].read_text(encoding="utf-8")
    assert "missed 2099-12-01 06:00" in html
    assert "next 2099-12-02 06:00" in html


def test_the_index_works_in_an_empty_workspace(tmp_path):
    (tmp_path / "params").mkdir()
    (path,) = write_index(Workspace(tmp_path.resolve()))
    assert "<tbody>" in path.read_text(encoding="utf-8")


def test_a_failed_run_shows_its_alerts_and_its_failed_stage(toy_copy):
    place = Workspace(toy_copy.resolve())
    folder = place.root / "reports/toy/20991201T060000-aaaaaa"
    (folder / "pages").mkdir(parents=True)
    (folder / "pages/05_score_rfm.html").write_text("x", encoding="utf-8")
    stages = {
        "05_score_rfm": {"status": "failed"},
        "13_watch_changes": {"status": "done", "metrics": {"alerts": 4, "warnings": 0}, "tables": {}},
    }
    summary = {"run_id": folder.name, "profile": "toy", "as_of": None, "status": "failed", "stages": stages}
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    html = write_index(place)[0].read_text(encoding="utf-8")
    assert "4 alerts, 0 warnings" in html
    assert f'href="toy/{folder.name}/pages/05_score_rfm.html"' in html
