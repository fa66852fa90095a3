"""The run folder: published by one rename, the last good report copied, folders of dead runs removed."""

import os
import subprocess
import sys
from datetime import date

import pytest

from workbench.analysis.cards.card import PortraitCard
from workbench.core.workspace import Workspace
from workbench.report.cards.customer import card_page
from workbench.report.pages.page import mark
from workbench.run.artifacts.context import stage_folder
from workbench.run.artifacts.publish import RunFolder, last_summary, plain_page, sweep_orphans

REASON = {"en": "It failed <b>here</b>.", "zh": "在此失败。"}
PAGE = '<html lang="{}"><body><!--status--><p>done</p><!--/status-->what was found</body></html>'


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path.resolve())


@pytest.fixture(scope="module")
def dead():
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def run(workspace, run_id="run1"):
    folder = RunFolder(workspace, "shop", run_id)
    folder.staging.mkdir(parents=True)
    return folder


def published(workspace, run_id="run1", **files):
    folder = run(workspace, run_id)
    for name, text in files.items():
        path = folder.staging / name.replace("__", "/").replace("_html", ".html")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    folder.publish({"run_id": run_id, "status": "done"})
    return folder


def test_publishing_shows_the_whole_run_and_points_latest_to_it(workspace):
    folder = run(workspace)
    assert folder.folder == folder.staging
    folder.publish({"status": "done", "名": "客户"})
    assert folder.folder == folder.final
    assert not folder.staging.exists()
    assert os.readlink(folder.latest) == "run1"
    assert last_summary(workspace, "shop") == {"status": "done", "名": "客户"}
    published(workspace, "run2")
    assert os.readlink(folder.latest) == "run2"
    assert folder.final.is_dir()


def test_a_summary_can_be_rewritten_after_publishing(workspace):
    folder = published(workspace)
    folder.rewrite({"status": "failed"})
    assert last_summary(workspace, "shop") == {"status": "failed"}


@pytest.mark.parametrize("content", [None, "", "{half"])
def test_a_missing_or_broken_summary_is_empty(workspace, content):
    if content is not None:
        folder = published(workspace)
        (folder.final / "summary.json").write_text(content, encoding="utf-8")
    assert last_summary(workspace, "shop") == {}


def test_discarding_leaves_nothing_and_may_be_repeated(workspace):
    folder = run(workspace)
    folder.discard()
    folder.discard()
    assert list(folder.home.iterdir()) == []


def test_figures_notebooks_and_reports_are_copied_into_the_run(workspace, tmp_path):
    source = stage_folder(workspace, "shop", "05_score_rfm")
    (source / "figures").mkdir(parents=True)
    (source / "figures/grid.en.svg").write_text("<svg/>", encoding="utf-8")
    (source / "notebook.ipynb").write_text("{}", encoding="utf-8")
    folder = run(workspace)
    assert not folder.add_report(source)
    (source / "report.html").write_text("en", encoding="utf-8")
    (source / "report.zh.html").write_text("zh", encoding="utf-8")
    (source / "report.secret.html").write_text("no report", encoding="utf-8")
    assert folder.add_report(source)
    folder.add_figures("05_score_rfm")
    folder.add_figures("05_score_rfm")
    folder.add_figures("01_check_quality")  # has none
    folder.add_notebook("05_score_rfm", source / "notebook.ipynb")
    names = sorted(path.relative_to(folder.staging).as_posix() for path in folder.staging.rglob("*") if path.is_file())
    assert names == ["figures/grid.en.svg", "notebooks/05_score_rfm.ipynb", "report.html", "report.zh.html"]


def test_the_last_good_report_is_copied_with_the_reason_why_it_is_old(workspace):
    published(workspace, report_html=PAGE.format("en"), **{"report.zh_html": PAGE.format("zh-Hans")})
    folder = run(workspace, "run2")
    folder.keep_last_report(mark, "stale", REASON)
    english = (folder.staging / "report.html").read_text(encoding="utf-8")
    chinese = (folder.staging / "report.zh.html").read_text(encoding="utf-8")
    assert "what was found" in english and "what was found" in chinese
    assert "It failed &lt;b&gt;here&lt;/b&gt;." in english and "<b>here" not in english
    assert "在此失败。" in chinese and "It failed" not in chinese
    assert "<p>done</p>" not in english
    old = (folder.home / "run1/report.html").read_text(encoding="utf-8")
    assert old == PAGE.format("en")


def test_copied_cards_are_marked_as_old_in_their_language(workspace):
    cards = {
        f"cards.{language}": card_page(
            [PortraitCard("7", date(2025, 7, 1))], language=language, report="../report.html"
        )
        for language in ("en", "zh")
    }
    files = {f"people__{name}_html": text for name, text in cards.items()} | {
        "people__cards_html": PAGE.format("en").replace("status", "")
    }
    published(workspace, **files)
    folder = run(workspace, "run2")
    folder.keep_last_report(mark, "stale", REASON)
    people = folder.staging / "people"
    assert {path.stat().st_mode & 0o777 for path in (people, *people.iterdir())} == {0o700, 0o600}
    copies = {name: (people / f"{name}.html").read_text(encoding="utf-8") for name in cards}
    assert "badge-done" in cards["cards.en"] and "badge-done" not in copies["cards.en"].split("<main")[1]
    assert "Out of date</span>" in copies["cards.en"] and "It failed &lt;b&gt;here" in copies["cards.en"]
    assert "已过期</span>" in copies["cards.zh"] and "在此失败。" in copies["cards.zh"]
    without_badge = (people / "cards.html").read_text(encoding="utf-8")
    assert without_badge == files["people__cards_html"]  # from a version without badges on cards


def test_a_report_copied_twice_has_one_badge(workspace):
    published(workspace, report_html=PAGE.format("en"))
    second = run(workspace, "run2")
    second.keep_last_report(mark, "stale", REASON)
    second.publish({})
    third = run(workspace, "run3")
    third.keep_last_report(mark, "stale", {"en": "A second time.", "zh": "再次。"})
    text = (third.staging / "report.html").read_text(encoding="utf-8")
    assert "A second time." in text and "It failed" not in text
    assert text.count("<!--status-->") == 1


def test_pages_of_the_last_run_are_copied_except_new_ones(workspace):
    published(workspace, report_html=PAGE.format("en"), pages__a_html="old a", pages__b_html="old b")
    folder = run(workspace, "run2")
    folder.page("b").parent.mkdir()
    folder.page("b").write_text("new b", encoding="utf-8")
    folder.keep_last_report(mark, "stale", REASON)
    assert {path.stem: path.read_text(encoding="utf-8") for path in (folder.staging / "pages").iterdir()} == {
        "a": "old a", "b": "new b",
    }  # fmt: skip


def test_without_a_last_run_nothing_is_copied(workspace):
    folder = run(workspace)
    folder.keep_last_report(mark, "stale", REASON)
    assert list(folder.staging.iterdir()) == []


@pytest.fixture
def leftovers(workspace, dead):
    """Folders of earlier runs, by the state of their owner."""
    alive = os.getpid()
    paths = {
        "flow": "data/processed/shop/.staging/20240301T000000-abc123-05_score_rfm",
        "report": "reports/shop/.staging-20240301T000000-abc123",
        "dead hand": f"data/processed/shop/.staging/20240301T000000-abc123-hand{dead}-05_score_rfm",
        "living hand": f"data/processed/shop/.staging/20240301T000000-abc123-hand{alive}-05_score_rfm",
        "dead scratch": f"data/interim/shop/.scratch-{dead}",
        "living scratch": f"data/interim/shop/.scratch-{alive}",
        "dead spill": f"data/interim/shop/.spill-{dead}",
        "living spill": f"data/interim/shop/.spill-{alive}",
        "published": "data/processed/shop/.stages/05_score_rfm/run1",
        "run": "reports/shop/run1",
    }
    for path in paths.values():
        (workspace.root / path).mkdir(parents=True)
        (workspace.root / path / "rows.parquet").write_bytes(b"half")
    return paths


def test_folders_of_dead_runs_are_removed_and_those_of_open_notebooks_kept(workspace, leftovers):
    removed = sweep_orphans(workspace)
    expected = {"flow", "report", "dead hand", "dead scratch", "dead spill"}
    assert sorted(removed) == sorted(leftovers[name] for name in expected)
    for name, path in leftovers.items():
        assert (workspace.root / path).exists() == (name not in expected), name


def test_sweeping_again_removes_nothing(workspace, leftovers):
    sweep_orphans(workspace)
    assert sweep_orphans(workspace) == []


def test_an_empty_workspace_has_nothing_to_sweep(workspace):
    assert sweep_orphans(workspace) == []


def test_a_message_cannot_inject_html_into_the_plain_page():
    page = plain_page("shop", "<script>alert(1)</script>", "zh", "")
    assert "<script>" not in page
    assert "default-src 'none'" in page
    assert '<html lang="zh">' in page
    assert "failed" in mark(page, "failed", "why", "en").lower()
