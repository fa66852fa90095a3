"""An own notebook is a stage: declared by its cell, and reported, tracked, reused and refused like a declared one."""

import json
import shutil
import sqlite3

import nbformat
import pandas as pd
import pytest

from workbench.core.errors import ProfileError
from workbench.core.params.profile import load_profile
from workbench.core.workspace import find_workspace
from workbench.run.commands.profiles.new_stage import write_new_stage
from workbench.run.flows.flow import run_flow
from workbench.run.flows.selection import FlowOptions

OWN = "15_study_spenders"
BRANCH = "16_try_segments"


def name_in_profile(root, *names, settings=""):
    path = root / "params/tiny.yaml"
    text = path.read_text(encoding="utf-8")
    assert "\nrun:" not in text
    path.write_text(f"{text}\nrun:\n  also: [{', '.join(names)}]\n{settings}", encoding="utf-8")


def flow(root, **options):
    return run_flow(find_workspace(root), "tiny", FlowOptions(**options))


def edit(root, name, old, new):
    path = root / f"notebooks/{name}.ipynb"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def copy(tiny, tmp_path):
    root = tmp_path / "workspace"
    shutil.copytree(tiny, root, symlinks=True)
    shutil.rmtree(root / "mlruns")  # its URIs are absolute
    return root


@pytest.fixture(scope="module")
def finished(tiny, tmp_path_factory):
    """A copy in which the template and a branch of 06 ran with the flow; tests must not change it."""
    root = tmp_path_factory.mktemp("own") / "workspace"
    shutil.copytree(tiny, root, symlinks=True)
    shutil.rmtree(root / "mlruns")
    write_new_stage(find_workspace(root), OWN)
    write_new_stage(find_workspace(root), BRANCH, source="06_segment_customers")
    name_in_profile(root, OWN, BRANCH, settings=f"{BRANCH}:\n  k_max: 4\n")
    return root, flow(root)


@pytest.mark.slow
def test_it_runs_after_the_declared_stages_and_before_the_report(finished):
    root, result = finished
    assert result.error is None, str(result.error)
    assert list(result.summary["stages"])[-3:] == [OWN, BRANCH, "14_write_report"]
    assert result.summary["stages"][OWN]["status"] == "done"
    assert result.summary["stages"][OWN]["metrics"]["customers"] == 40
    assert set(result.summary["stages"][OWN]["tables"]) == {"own_study_spenders"}
    table = pd.read_parquet(root / "data/processed/tiny/own_study_spenders.parquet")
    assert list(table) == ["customer_id", "monetary_total"]
    assert len(table) == 40


@pytest.mark.slow
def test_a_copy_of_a_stage_writes_own_tables_and_leaves_the_original_alone(finished, tiny):
    root, result = finished
    tables = result.summary["stages"][BRANCH]["tables"]
    assert {"own_segments", "own_segment_portraits", "own_segment_kinds"} <= set(tables)
    original = result.summary["stages"]["06_segment_customers"]
    before = json.loads((tiny / "reports/tiny/latest/summary.json").read_text(encoding="utf-8"))["stages"]
    assert original["tables"] == before["06_segment_customers"]["tables"]
    assert "reused_from" in original


@pytest.mark.slow
def test_it_has_a_section_in_the_report_in_both_languages_and_a_page(finished):
    root, result = finished
    for file in ("report.html", "report.zh.html"):
        page = (result.folder / file).read_text(encoding="utf-8")
        assert f'id="{OWN}"' in page
        assert "<strong>40</strong> customers" in page
        assert "How monetary_total is spread" in page
        assert "it does not show that they differ" in page
    assert (result.folder / f"pages/{OWN}.html").is_file()


@pytest.mark.slow
def test_it_is_tracked_like_a_declared_stage(finished):
    root, _ = finished
    with sqlite3.connect(root / "mlruns/mlflow.db") as store:
        runs = store.execute("select name, status from runs").fetchall()
    assert (OWN, "FINISHED") in runs
    assert (BRANCH, "FINISHED") in runs


@pytest.mark.slow
def test_it_is_reused_until_a_cell_a_parameter_a_table_or_a_module_beside_it_changes(copy):
    write_new_stage(find_workspace(copy), OWN)
    name_in_profile(copy, OWN)
    (copy / "notebooks/rates.py").write_text("RATE = 1\n", encoding="utf-8")
    edit(copy, OWN, "import seaborn as sns", 'import rates\\n",\n    "import seaborn as sns')
    assert flow(copy).error is None

    def reused(**options):
        result = flow(copy, only=OWN, **options)
        assert result.error is None, str(result.error)
        return "reused_from" in result.summary["stages"][OWN]

    assert reused()
    (copy / "notebooks/rates.py").write_text("RATE = 2.5\n", encoding="utf-8")
    assert not reused()
    assert reused()
    assert not reused(settings=(f"{OWN}.top_share=0.2",))
    assert not reused(settings=("run.min_cell=20",))
    edit(copy, OWN, "top = features.loc", "top  = features.loc")
    assert not reused()


def test_a_misspelt_or_wrong_parameter_is_refused_with_the_nearest_name(copy):
    write_new_stage(find_workspace(copy), OWN)
    name_in_profile(copy, OWN, settings=f"{OWN}:\n  top_shore: 0.2\n")
    workspace = find_workspace(copy)
    with pytest.raises(ProfileError, match=r"15_study_spenders: unknown key 'top_shore'.*Did you mean 'top_share'\?"):
        load_profile(workspace, "tiny")
    with pytest.raises(ProfileError, match="top_share is 'much'"):
        load_profile(workspace, "tiny", settings=[f"{OWN}.top_share=much"])


def test_a_missing_notebook_and_an_invalid_name_are_refused(copy):
    name_in_profile(copy, "15_study_nothing", "report", "05_score_rfm")
    with pytest.raises(ProfileError) as raised:
        load_profile(find_workspace(copy), "tiny")
    text = str(raised.value)
    assert "unknown stage '15_study_nothing'" in text
    assert "'report' cannot be named here" in text
    assert "'05_score_rfm' cannot be named here" in text


@pytest.mark.slow
def test_it_fails_like_a_declared_stage_and_its_half_run_notebook_is_kept(copy):
    write_new_stage(find_workspace(copy), OWN)
    name_in_profile(copy, OWN)
    edit(copy, OWN, "top = features.loc", "raise ZeroDivisionError('own') or features.loc")
    result = flow(copy, only=OWN)
    assert result.error is not None
    assert "ZeroDivisionError: own" in str(result.error)
    assert result.summary["stages"][OWN]["status"] == "failed"
    notebook = nbformat.read(result.folder / f"notebooks/{OWN}.ipynb", as_version=4)
    assert any(output.output_type == "error" for cell in notebook.cells for output in cell.get("outputs", []))


@pytest.mark.slow
def test_it_may_write_neither_a_declared_table_nor_one_without_a_key(copy):
    write_new_stage(find_workspace(copy), OWN)
    name_in_profile(copy, OWN)
    edit(copy, OWN, 'stage.write(\\"own_study_spenders\\", top)', 'stage.write(\\"rfm\\", top)')
    assert "15_study_spenders would write rfm. Only 05_score_rfm writes it" in str(flow(copy, only=OWN).error)
    edit(copy, OWN, 'stage.write(\\"rfm\\", top)', 'stage.write(\\"own_x\\", top[[column]])')
    assert "no column customer_id" in str(flow(copy, only=OWN).error)


def test_a_template_never_overwrites_a_notebook(copy):
    workspace = find_workspace(copy)
    write_new_stage(workspace, OWN)
    for name in (OWN, "05_score_rfm"):
        with pytest.raises(ProfileError, match="already exists"):
            write_new_stage(workspace, name)
    for name in ("study", "15", "15_Study_X"):
        with pytest.raises(ProfileError, match="cannot be the name of a notebook"):
            write_new_stage(workspace, name)
    with pytest.raises(ProfileError, match="'06_segment' cannot be copied. Did you mean '06_segment_customers'"):
        write_new_stage(workspace, "17_try_this", source="06_segment")
