"""Reused results equal recomputed ones: for one parameter of each section, a cached run against a forced one."""

import json
import re
import shutil

import pytest

from workbench.core.workspace import find_workspace
from workbench.run.flows.flow import run_flow
from workbench.run.flows.selection import FlowOptions

SETTINGS = {
    "01_check_quality": "max_age_days=3", "02_resolve_identity": "threshold=0.97",
    "03_build_features": "windows_days=[30, 60]", "04_describe_customers": "top_values=5",
    "05_score_rfm": "bins=4", "06_segment_customers": "k_max=5", "07_mine_affinities": "max_rules=20",
    "08_predict_churn": "n_categories=2", "09_value_customers": "n_draws=60", "10_measure_experiments": "alpha=0.1",
    "11_plan_actions": "budget=90",
    "12_tag_customers": "account_window_days=200", "14_write_report": "key_findings=3", "run": "min_cell=30",
}  # fmt: skip
IN_THE_SUITE = ("05_score_rfm", "12_tag_customers", "run")  # each takes minutes: the others run with the longest tests


def outcome(root, **options):
    """Return a run, the digests of its tables, and its pages without times and comparisons with earlier runs."""
    result = run_flow(find_workspace(root), "tiny", FlowOptions(**options))
    assert result.error is None, str(result.error)
    tables = {
        name: table["digest"] for stage in result.summary["stages"].values() for name, table in stage["tables"].items()
    }
    pages = {
        path.relative_to(result.folder).as_posix(): plain(path.read_text(encoding="utf-8"))
        for path in sorted(result.folder.rglob("*.html"))
    }
    return result, tables, pages


def plain(page):
    """Drop run ids, times, sizes and the paragraph on what changed."""
    page = re.sub(r'<section id="changes".*?</section>', "", page, flags=re.DOTALL)
    page = re.sub(r"\d{8}T\d{6}-[0-9a-f]{6}", "RUN", page)
    page = re.sub(r"<p[^>]*>[^<]*RUN[^<]*</p>", "", page)  # reused from RUN
    page = re.sub(r"\d+(\.\d+)?(\u2009|\u202f|&nbsp;| )?(s\b|秒)", "SECONDS", page)
    return re.sub(r'(report(?:\.zh)?\.html</td><td class="number">\d+</td><td class="number">)[\d,]+', r"\1SIZE", page)


@pytest.fixture(scope="module")
def workspace_after_two_runs(tiny, tmp_path_factory):
    """A workspace in which every stage has a previous version, so that pages compare with it."""
    root = tmp_path_factory.mktemp("twice") / "workspace"
    shutil.copytree(tiny, root, symlinks=True)
    outcome(root, force=True)
    return root


@pytest.mark.slow
def test_the_same_input_again_hides_the_same_cells(workspace_after_two_runs):
    """A memory that grows with every run would hide more and more of the same report."""
    for stage in (workspace_after_two_runs / "data" / "processed" / "tiny" / ".stages").iterdir():
        memories = [path.read_text(encoding="utf-8") for path in sorted(stage.glob("[0-9]*/hidden.cells"))]
        assert len(memories) == 2, stage.name
        assert memories[0] == memories[1], stage.name


@pytest.mark.parametrize(
    "section",
    [
        pytest.param(section, marks=pytest.mark.slow if section in IN_THE_SUITE else pytest.mark.long)
        for section in SETTINGS
    ],
)
def test_a_cached_run_equals_a_forced_one(workspace_after_two_runs, tmp_path, section):
    setting = (f"{section}.{SETTINGS[section]}",)
    results = {}
    for mode in ("cache", "force"):
        root = tmp_path / mode
        shutil.copytree(workspace_after_two_runs, root, symlinks=True)
        shutil.rmtree(root / "mlruns")
        results[mode] = outcome(root, settings=setting, force=mode == "force")
    ran = [name for name, stage in results["cache"][0].summary["stages"].items() if "reused_from" not in stage]
    assert ran, "the parameter changed no stage"
    assert results["cache"][1] == results["force"][1]
    cached, forced = results["cache"][2], results["force"][2]
    assert cached.keys() == forced.keys()
    assert "pages/dag.html" in cached, "the page that says which stages ran, and so must differ"
    differing = [name for name in cached if cached[name] != forced[name] and name != "pages/dag.html"]
    assert not differing, json.dumps(differing)
