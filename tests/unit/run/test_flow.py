"""The flow: consistent results, reuse, and a clean state after every fault."""

import datetime as dt
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from workbench.core.errors import DataError, ProfileError, StageError, WorkspaceBusyError
from workbench.core.workspace import find_workspace
from workbench.report.changes import changed_settings
from workbench.run.artifacts.lock import hold_workspace
from workbench.run.flows import dependencies
from workbench.run.flows.flow import _Flow, run_flow
from workbench.run.flows.outcome import describe
from workbench.run.flows.selection import FlowOptions


def flow(root, **options):
    return run_flow(find_workspace(root), "toy", FlowOptions(**options))


def latest(root):
    return json.loads((root / "reports/toy/latest/summary.json").read_text(encoding="utf-8"))


def tracked(root):
    """Return (status, workbench.run_id, name) of every tracked run."""
    with sqlite3.connect(root / "mlruns/mlflow.db") as store:
        query = """select r.status, t.value, r.name from runs r left join tags t
                   on t.run_uuid = r.run_uuid and t.key = 'workbench.run_id' order by r.start_time"""
        return store.execute(query).fetchall()


def digests(root):
    tables = {}
    for stage in latest(root)["stages"].values():
        tables |= {name: table["digest"] for name, table in stage["tables"].items()}
    return tables


def badge(root, name="report.html"):
    text = (root / "reports/toy/latest" / name).read_text(encoding="utf-8")
    return re.search(r"<!--status-->(.*?)<!--/status-->", text, re.S).group(1)


def set_fault(root, fault):
    (root / "data/raw/fault.txt").write_text(fault, encoding="utf-8")


def assert_nothing_half_written(root):
    assert not list(root.glob("data/processed/*/.staging/*"))
    assert not list(root.glob("reports/*/.staging-*"))
    assert not [path for path in root.rglob(".*.parquet.*")]


def test_a_finished_run_has_the_same_status_everywhere(toy_done):
    root, result = toy_done
    assert result.error is None
    summary = latest(root)
    assert summary == json.loads(json.dumps(result.summary))
    assert summary["status"] == "done"
    assert {name: stage["status"] for name, stage in summary["stages"].items()} == {
        "01_check_quality": "done", "03_build_features": "done", "14_write_report": "done",
    }  # fmt: skip
    features = summary["stages"]["03_build_features"]["tables"]["features"]
    assert features["rows"] == 2
    assert features["path"] == "data/processed/toy/features.parquet"
    assert (root / features["path"]).is_file()
    assert summary["stages"]["03_build_features"]["metrics"] == {"customers": 2, "windows": 3}
    assert summary["as_of"] == "2024-03-01"
    assert "done" in badge(root)
    assert {status for status, _, _ in tracked(root)} == {"FINISHED"}
    assert len(tracked(root)) == 4  # the flow and its three stages
    assert_nothing_half_written(root)


def test_a_finished_run_has_a_page_a_notebook_and_the_report_in_each_language(toy_done):
    root, _ = toy_done
    folder = root / "reports/toy/latest"
    assert sorted(path.name for path in folder.iterdir()) == [
        "notebooks", "pages", "report.html", "report.zh.html", "summary.json",
    ]  # fmt: skip
    for stage in ("01_check_quality", "03_build_features", "14_write_report"):
        assert (folder / f"pages/{stage}.html").is_file()
        assert (folder / f"notebooks/{stage}.ipynb").is_file()


def test_the_second_run_reuses_everything_and_reports_it(toy_root):
    first = flow(toy_root)
    second = flow(toy_root)
    assert all(stage["reused_from"] == first.summary["run_id"] for stage in second.summary["stages"].values())
    assert "0 stages run, 3 unchanged, 0 skipped" in describe(second)
    for name, stage in first.summary["stages"].items():
        assert second.summary["stages"][name]["metrics"] == stage["metrics"]
        assert second.summary["stages"][name]["tables"] == stage["tables"]
    assert len(tracked(toy_root)) == 5  # the first flow with its three stages, and the second, which ran none
    third = flow(toy_root, settings=("03_build_features.windows_days=[7]",))
    reused = [name for name, stage in third.summary["stages"].items() if "reused_from" in stage]
    assert reused == ["01_check_quality"]
    assert third.summary["stages"]["03_build_features"]["metrics"]["windows"] == 1
    now = [{"stage": name, **stage} for name, stage in third.summary["stages"].items()]
    before = second.summary["stages"]["03_build_features"]["settings"]["windows_days"]
    written = ", ".join(map(str, before))
    assert changed_settings(now, second.summary) == [f"03_build_features.windows_days: {written} → 7"]
    forced = flow(toy_root, force=True, only="01_check_quality")
    assert "reused_from" not in forced.summary["stages"]["01_check_quality"]
    (toy_root / "data/raw/toy.csv").write_text(
        (toy_root / "data/raw/toy.csv").read_text() + "o4,c3,2024-02-05,5\n", encoding="utf-8"
    )
    changed = flow(toy_root)
    assert not [name for name, stage in changed.summary["stages"].items() if "reused_from" in stage]
    assert changed.summary["stages"]["03_build_features"]["tables"]["features"]["rows"] == 3


@pytest.mark.slow
def test_dates_that_lay_in_the_future_are_read_again_on_the_next_day(toy_root, monkeypatch):
    def on(day):
        monkeypatch.setattr(dependencies, "shop_day", lambda _: dt.date(2026, 11, day))
        return ran(flow(toy_root))

    count = r'"orders.rejected.date-future\": '
    edit(toy_root, "01_check_quality", r'"transactions.rows\": 3', count + "1")
    on(29)
    assert (on(29), on(30)[0]) == ([], "01_check_quality")
    edit(toy_root, "01_check_quality", count + "1", count + "0")
    on(30)
    assert on(1) == []  # nothing lies in the future: the day changes nothing


def edit(root, stage, old, new):
    path = root / f"notebooks/{stage}.ipynb"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def ran(result):
    return [name for name, stage in result.summary["stages"].items() if "reused_from" not in stage]


@pytest.mark.slow
def test_a_report_is_written_again_if_only_a_figure_has_changed(toy_root):
    edit(
        toy_root,
        "03_build_features",
        "stage.finish()",
        "from workbench.run.stages.files import write_text_file as w; w(stage, 'figures/line.svg', '<svg/>'); stage.finish()",
    )
    flow(toy_root)
    edit(toy_root, "03_build_features", "<svg/>", "<svg ></svg>")
    assert ran(flow(toy_root)) == ["03_build_features", "14_write_report"]
    assert ran(flow(toy_root)) == []


@pytest.mark.slow
def test_a_notebook_edited_while_it_runs_is_run_again(toy_root):
    change = (
        "p = stage.workspace.notebooks / '03_build_features.ipynb'; p.write_text(p.read_text().replace('2, ', '3, '))"
    )
    edit(toy_root, "03_build_features", "stage.finish()", f"{change}; stage.finish()")
    assert flow(toy_root).summary["stages"]["03_build_features"]["metrics"]["customers"] == 2
    resumed = flow(toy_root)
    assert resumed.summary["stages"]["03_build_features"]["metrics"]["customers"] == 3
    assert ran(flow(toy_root)) == []


@pytest.mark.slow
def test_a_partial_run_has_the_pages_of_all_stages(toy_root):
    flow(toy_root)
    before = sorted(path.name for path in (toy_root / "reports/toy/latest/pages").iterdir())
    flow(toy_root, force=True, first="14_write_report")
    assert list(latest(toy_root)["stages"]) == ["14_write_report"]
    assert sorted(path.name for path in (toy_root / "reports/toy/latest/pages").iterdir()) == before


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("raise", StageError, "ZeroDivisionError: planned failure"),
        ("refuse", DataError, "the data is refused: planned"),
        pytest.param("die", StageError, "the kernel died", marks=pytest.mark.slow),
        pytest.param("forget", StageError, "ended without stage.finish()", marks=pytest.mark.slow),
    ],
)
def test_a_failed_stage_is_failed_everywhere_and_the_last_good_report_stays(toy_copy, fault, error, message):
    root = toy_copy
    before = digests(root)
    set_fault(root, fault)
    result = flow(root, force=True)
    assert isinstance(result.error, error)
    assert message in str(result.error)
    summary = latest(root)
    assert summary["status"] == "failed"
    assert message in summary["error"]
    assert summary["stages"]["03_build_features"]["status"] == "failed"
    assert "14_write_report" not in summary["stages"]
    states = {name: status for status, run, name in tracked(root) if run == summary["run_id"]}
    assert states[f"toy {summary['run_id']}"] == "FAILED"
    assert states["03_build_features"] == "FAILED"
    assert "RUNNING" not in {status for status, _, _ in tracked(root)}
    for name, words in (("report.html", "last good report"), ("report.zh.html", "上一份完好的报告")):
        assert words in badge(root, name)
    notebook = root / "reports/toy/latest/notebooks/03_build_features.ipynb"
    assert notebook.is_file()
    if fault in ("raise", "refuse"):
        assert str(notebook.resolve().relative_to(root.resolve())) in str(result.error)
        assert str(root) not in str(result.error)
        assert f"notebook: {notebook.resolve().relative_to(root.resolve())}" in str(result.error)
        assert 'id="error-cell"' in (root / "reports/toy/latest/pages/03_build_features.html").read_text()
    assert_nothing_half_written(root)
    os.remove(root / "data/raw/fault.txt")
    resumed = flow(root)
    assert resumed.error is None
    assert digests(root) == before
    assert "done" in badge(root)


@pytest.mark.slow
def test_no_report_is_written_after_a_stage_that_failed_and_did_not_run_again(toy_root):
    set_fault(toy_root, "refuse")
    flow(toy_root)
    for _ in range(2):  # the failure stays open whatever else runs in between
        with pytest.raises(
            StageError, match="03_build_features: failed in the run before.*the data is refused: planned"
        ):
            flow(toy_root, only="14_write_report")
        flow(toy_root, only="01_check_quality")
    assert not (toy_root / "data/processed/toy/.stages/14_write_report").exists()
    os.remove(toy_root / "data/raw/fault.txt")
    assert flow(toy_root, first="03_build_features").error is None
    assert "failed_before" not in latest(toy_root) and "done" in badge(toy_root)


@pytest.mark.slow
def test_a_cell_over_its_time_fails_and_leaves_no_kernel(toy_root):
    set_fault(toy_root, "hang")
    result = flow(toy_root, settings=("run.cell_seconds=4",))
    assert "took too long" in str(result.error)
    assert "Raise run.cell_seconds" in str(result.error)
    processes = subprocess.run(["ps", "ax", "-o", "args"], capture_output=True, text=True, check=True).stdout
    assert not [line for line in processes.splitlines() if "ipykernel" in line and str(toy_root) in line]
    assert latest(toy_root)["status"] == "failed"
    assert "failed" in (toy_root / "reports/toy/latest/report.html").read_text().lower()


def start_cli(root):
    command = [sys.executable, "-m", "workbench.run.commands.cli", "run", "toy", "--workspace", str(root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(process, words):
    lines = []
    for line in process.stderr:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError("".join(lines))


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("[2/3] 03_build_features ...", 0.0),
        pytest.param("[1/3] 01_check_quality ...", 0.3, marks=pytest.mark.slow),
        pytest.param("[2/3] 03_build_features ...", 2.5, marks=pytest.mark.slow),
        pytest.param("[3/3] 14_write_report done", 0.05, marks=pytest.mark.slow),
    ],
)
def test_a_run_killed_at_any_moment_resumes_to_the_same_digests(toy_done, toy_root, words, seconds):
    process = start_cli(toy_root)
    wait_for(process, words)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    for path in toy_root.glob("data/processed/toy/*.parquet"):
        assert path.read_bytes()[-4:] == b"PAR1"
    if (toy_root / "reports/toy/latest").exists():
        assert latest(toy_root)["status"] == "done"
    resumed = flow(toy_root)
    assert resumed.error is None
    assert digests(toy_root) == digests(toy_done[0])
    assert "RUNNING" not in {status for status, _, _ in tracked(toy_root)}
    assert_nothing_half_written(toy_root)


@pytest.mark.slow
def test_sigterm_is_reported_as_failed(toy_root):
    set_fault(toy_root, "hang")
    process = start_cli(toy_root)
    wait_for(process, "[2/3] 03_build_features ...")
    time.sleep(3)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "interrupted" in errors
    assert latest(toy_root)["status"] == "failed"
    assert "RUNNING" not in {status for status, _, _ in tracked(toy_root)}


def test_a_second_run_is_refused_with_the_name_of_the_first(toy_root):
    with hold_workspace(find_workspace(toy_root), "workbench run toy"), pytest.raises(WorkspaceBusyError) as raised:
        flow(toy_root)
    assert raised.value.exit_code == 4
    assert f"pid {os.getpid()}" in str(raised.value)
    assert not (toy_root / "reports").exists()


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["rename", "replace", "fsync"])
def test_a_full_disk_at_any_write_leaves_the_old_or_the_new_state(toy_done, toy_copy, monkeypatch, operation):
    root = toy_copy
    flow(root)
    real, calls = getattr(os, operation), {"left": 0}

    def fails(*arguments, **options):
        calls["left"] -= 1
        if calls["left"] == 0:
            raise OSError(28, "No space left on device", str(arguments[0]))
        return real(*arguments, **options)

    monkeypatch.setattr(os, operation, fails)
    failed = 0
    for nth in range(1, 200):
        calls["left"] = nth
        try:
            result = flow(root)
        except OSError:
            failed += 1
            continue
        reached = calls["left"] <= 0
        summary = latest(root)
        assert (root / "reports/toy/latest/report.html").is_file()
        status = {status for status, run, name in tracked(root) if run == summary["run_id"] and name.startswith("toy ")}
        expected = {"FINISHED"} if summary["status"] == "done" else {"FAILED"}
        assert status == expected or (result.error is not None and not status)  # the disk was full for tracking, too
        assert ("done" in badge(root)) == (summary["status"] == "done")
        if not reached:
            break
        failed += result.error is not None
        assert result.folder is None or (result.error is None) == (summary["status"] == "done")
    else:
        raise AssertionError("the fault was reached every time")
    assert failed > 0
    assert digests(root) == digests(toy_done[0])


def test_selected_stages_must_belong_to_the_profile(toy_root):
    with pytest.raises(ProfileError, match="stage '05_score_rfm' is not among the stages of toy"):
        flow(toy_root, only="05_score_rfm")
    with pytest.raises(ProfileError, match="Only one of them"):
        flow(toy_root, only="01_check_quality", last="03_build_features")
    result = flow(toy_root, first="03_build_features")
    assert isinstance(result.error, DataError)
    assert "It is written by 01_check_quality. Run that stage first." in str(result.error)


@pytest.mark.parametrize("failing", ["07_mine_affinities", "08_predict_churn"])
def test_the_first_of_stages_side_by_side_that_fails_ends_the_others_and_begins_no_more(monkeypatch, failing):
    begun, completed, stages = [], [], {}
    other_ended = threading.Event()
    monkeypatch.setattr("workbench.run.flows.flow.end_kernels", lambda running: other_ended.set())

    def run_notebook(stage, *, share, running):
        begun.append(stage)
        stages[stage] = {"status": "running"}
        if stage == failing:
            raise DataError(f"{stage} is refused")
        assert other_ended.wait(20)
        raise StageError(f"{stage} was ended")

    fake = SimpleNamespace(
        stages=stages, _start_kernels=lambda: None, _record_start_key=lambda stage: None, _run_notebook=run_notebook,
        _complete=lambda stage, seconds: completed.append(stage),
    )  # fmt: skip
    names = ["07_mine_affinities", "08_predict_churn", "09_value_customers", "10_measure_experiments"]
    with pytest.raises(DataError, match=f"{failing} is refused"):
        _Flow._side_by_side(fake, names)
    assert failing in begun and set(begun) <= set(names[:2])
    assert completed == []
    assert set(stages) == {failing}
