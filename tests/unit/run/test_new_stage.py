"""New notebooks: the frame of a declared stage, a copy with own tables, refused names."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.core.errors import ProfileError
from workbench.core.stages import FIRST, LAST, STAGES
from workbench.core.workspace import find_workspace
from workbench.run.commands.profiles.new_stage import write_new_stage

ROOT = Path(__file__).parents[3]
COPIED = [stage for stage in STAGES if stage not in (FIRST, LAST)]


def cells(path):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return {cell["id"]: "".join(cell["source"]) for cell in notebook["cells"]}


@pytest.fixture
def workspace(fresh_workspace):
    return find_workspace(fresh_workspace)


def test_a_declared_stage_without_a_notebook_gets_its_frame(workspace):
    (workspace.notebooks / "05_score_rfm.ipynb").unlink()
    sources = cells(write_new_stage(workspace, "05_score_rfm"))
    assert list(sources) == [f"05-{at:02d}" for at in range(13)]
    assert sources["05-00"].startswith("# How recent, frequent and valuable is each customer?\n")
    assert sources["05-00"].endswith("| `features`, `transactions` | `rfm` |")
    assert "\nbins = 5  # scores: Scores per dimension, the highest is best\n" in sources["05-02"]
    values: dict = {}
    exec(sources["05-02"], values)
    parameters = {name: values[name] for name in STAGES["05_score_rfm"].parameters.model_fields}
    assert STAGES["05_score_rfm"].parameters(**parameters) == STAGES["05_score_rfm"].parameters()
    assert sources["05-04"].endswith('stage = start("05_score_rfm", profile, settings)')
    assert sources["05-12"] == "stage.finish()"


@pytest.mark.parametrize("stage", STAGES)
def test_the_frame_of_every_stage_is_python_with_its_defaults(workspace, stage):
    (workspace.notebooks / f"{stage}.ipynb").unlink()
    values: dict = {}
    exec(cells(write_new_stage(workspace, stage))[f"{stage[:2]}-02"], values)
    model = STAGES[stage].parameters
    assert {name: values[name] for name in model.model_fields} == model().model_dump(mode="json")


def test_a_copy_writes_own_tables(workspace):
    sources = list(cells(write_new_stage(workspace, "15_try_scores", source="05_score_rfm")).values())
    assert sources[0].endswith("| `features`, `transactions` | `own_rfm` |")
    assert any('stage.write("own_rfm", rfm' in source for source in sources)
    assert any('start("15_try_scores"' in source for source in sources)


@pytest.mark.parametrize("stage", COPIED)
def test_every_table_of_a_copy_is_an_own_table(workspace, stage):
    code = "\n".join(cells(write_new_stage(workspace, "15_try_it", source=stage)).values())
    written = [line for line in code.splitlines() if line.startswith("stage.write(")]
    assert written
    assert all("own_" in line and "key=[" in line for line in written)


def test_a_copy_of_an_executed_notebook_has_its_settings_and_no_outputs(workspace):
    path = workspace.notebooks / "05_score_rfm.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    (parameters,) = [cell for cell in notebook["cells"] if "parameters" in cell["metadata"].get("tags", ())]
    parameters["source"] = [line.replace("bins = 5", "bins = 4") for line in parameters["source"]]
    parameters |= {"execution_count": 3, "outputs": [{"name": "stdout", "output_type": "stream", "text": ["2469\n"]}]}
    path.write_text(json.dumps(notebook), encoding="utf-8")
    copy = json.loads(write_new_stage(workspace, "15_try_it", source="05_score_rfm").read_text(encoding="utf-8"))
    code = [cell for cell in copy["cells"] if cell["cell_type"] == "code"]
    assert any("bins = 4" in "".join(cell["source"]) for cell in code)
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []


def test_tables_written_together_keep_their_form(workspace):
    code = "\n".join(cells(write_new_stage(workspace, "15_try_it", source="08_predict_churn")).values())
    assert 'stage.write({"own_churn": churn, "own_churn_reasons": reasons}, key=[])' in code
    code = "\n".join(cells(write_new_stage(workspace, "15_try_this", source="04_describe_customers")).values())
    assert 'stage.write({f"own_profile_{name}": table for name, table in vars(base).items()}, key=[])' in code


def test_new_notebooks_pass_ruff(workspace):
    notebooks = [write_new_stage(workspace, "97_study_spread")]
    notebooks += [write_new_stage(workspace, f"{at}_try_it", source=stage) for at, stage in enumerate(COPIED, 80)]
    settings = ["--config", str(ROOT / "pyproject.toml"), "--config", "lint.isort.known-first-party=['workbench']"]
    for command in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *command, *settings, *map(str, notebooks)]
        process = subprocess.run(ruff, check=False, cwd=workspace.root, capture_output=True, text=True)
        assert process.returncode == 0, process.stdout


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("gifts", None, "'gifts' cannot be the name of a notebook"),
        ("05_score_rfm", None, "notebooks/05_score_rfm.ipynb already exists"),
        ("05_score_rfm", "06_segment_customers", "'05_score_rfm' cannot be the name of a notebook"),
        ("15_try_it", FIRST, f"'{FIRST}' cannot be copied"),
        ("15_try_it", LAST, f"'{LAST}' cannot be copied"),
    ],
)
def test_an_invalid_name_or_source_is_refused(workspace, name, source, message):
    with pytest.raises(ProfileError, match=message):
        write_new_stage(workspace, name, source=source)


def test_the_report_is_the_last_stage_whatever_its_number():
    assert list(STAGES)[-1] == LAST
    assert [name for name, stage in STAGES.items() if "summaries" in stage.inputs] == [LAST]
