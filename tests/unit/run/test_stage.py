"""The stage object of a notebook, without a kernel: refusals, tables, summaries, skipped stages."""

import datetime as dt
import json

import pandas as pd
import pytest

from workbench.core.errors import DataError, ProfileError
from workbench.core.schema import UNDATED
from workbench.core.stages import SECTIONS, STAGES
from workbench.core.workspace import find_workspace
from workbench.run.artifacts.context import CONTEXT_VARIABLE, RunContext
from workbench.run.artifacts.manifest import write_manifest
from workbench.run.flows.flow import run_flow
from workbench.run.flows.selection import FlowOptions
from workbench.run.stages import presentation
from workbench.run.stages.files import scratch_folder
from workbench.run.stages.intake import date_range, freeze_as_of
from workbench.run.stages.presentation import show_page
from workbench.run.stages.report import summaries_before
from workbench.run.stages.stage import start

ORDERS = pd.DataFrame(
    {
        "order_id": ["o1", "o2", "o3"],
        "customer_id": ["c1", "c2", "c1"],
        "ordered_at": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-02-03"]).astype("datetime64[us]"),
        "amount": [10.0, 20.0, 30.0],
    }
)


@pytest.fixture
def flow_of(toy_root, tmp_path, monkeypatch):
    """Return a function that makes this process one kernel of a flow in the toy workspace."""
    monkeypatch.setattr(presentation, "display", lambda _: None)

    def enter(run_id="run1", **options):
        values = {"as_of": "2024-03-01", "today": "2024-04-01", "by_flow": True, **options}
        context = RunContext(str(toy_root.resolve()), "toy", run_id, **values)
        monkeypatch.setenv(CONTEXT_VARIABLE, str(context.write(tmp_path / "context.json")))
        return find_workspace(toy_root)

    return enter


def settings(stage, **changed):
    return SECTIONS[stage]().model_dump(mode="json") | changed


def read_orders():
    """Run the first stage without a notebook and publish it, as the flow does."""
    stage = start("01_check_quality", "toy", settings("01_check_quality"))
    stage.write("transactions", ORDERS)
    stage.metric({"transactions.first_ordered_at": "2024-01-01T00:00:00"})
    stage.metric({"transactions.last_ordered_at": "2024-02-03T00:00:00"})
    stage.finish()
    write_manifest(stage.staging.folder, {"x": 1}, stage._summary())
    stage.staging.publish()
    return stage


def test_all_faults_of_the_settings_are_reported_together_with_the_nearest_name(flow_of):
    flow_of()
    values = settings("05_score_rfm", bins="five", activ_days=90)
    del values["active_days"]
    with pytest.raises(ProfileError) as raised:
        start("05_score_rfm", "toy", values)
    messages = [str(fault) for fault in raised.value.faults]
    assert messages[0] == "05_score_rfm: parameter active_days is not passed to start()."
    assert messages[1] == "05_score_rfm: unknown parameter 'activ_days'. Did you mean 'active_days'?"
    assert messages[2].startswith("05_score_rfm: bins is 'five'")
    assert len(messages) == 3


def test_a_value_out_of_range_is_refused_with_its_bound(flow_of):
    flow_of()
    with pytest.raises(ProfileError, match="05_score_rfm: bins is 1. .*greater than or equal to 2"):
        start("05_score_rfm", "toy", settings("05_score_rfm", bins=1))


def test_a_misspelt_stage_is_refused_by_name(flow_of):
    flow_of()
    with pytest.raises(ProfileError, match=r"unknown stage '05_score_rmf'. Did you mean '05_score_rfm'\?"):
        start("05_score_rmf", "toy", {})


def test_nothing_is_staged_when_the_settings_are_refused(flow_of):
    workspace = flow_of()
    with pytest.raises(ProfileError):
        start("05_score_rfm", "toy", {})
    assert not workspace.processed("toy").exists()


def test_a_stage_without_its_tables_says_which_are_missing_and_what_they_would_give(flow_of):
    flow_of()
    with pytest.raises(DataError) as raised:
        start("03_build_features", "toy", settings("03_build_features"))
    message = str(raised.value)
    assert message.startswith("03_build_features has no ")
    assert all(table in message for table in ("customers", "transactions", "for profile toy"))
    assert "It would give one row of features per customer, and every later stage." in message
    assert message.endswith("Add such a source, or run the stages before it.")


def test_a_table_of_another_stage_is_not_written(flow_of):
    flow_of()
    read_orders()
    stage = start("03_build_features", "toy", settings("03_build_features"))
    with pytest.raises(DataError, match="03_build_features would write transactions. Only 01_check_quality writes it"):
        stage.write("transactions", ORDERS)
    assert stage.staging.rows == {}
    with pytest.raises(DataError, match=r"unknown table 'feature'. Did you mean 'features'\?"):
        stage.write("feature", ORDERS)


def test_a_written_table_is_private_until_it_is_published(flow_of):
    workspace = flow_of()
    stage = start("01_check_quality", "toy", settings("01_check_quality"))
    stage.write("transactions", ORDERS)
    assert stage.staging.rows == {"transactions": 3}
    assert set(stage.tables(["transactions", "customers"])) == {"transactions"}
    assert "transactions" not in stage.available()
    assert not (workspace.processed("toy") / "transactions.parquet").exists()
    stage.finish()
    stage.staging.publish()
    assert {"transactions", "transactions.amount"} <= stage.available()


def test_the_summary_has_what_the_report_reads(flow_of):
    workspace = flow_of()
    read_orders()
    folder = workspace.processed("toy") / ".stages/01_check_quality/current"
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert set(summary) == {
        "stage", "status", "seconds", "seconds_by", "skipped_because", "profile", "run_id", "as_of", "language", "currency",
        "settings", "metrics", "tables", "findings", "figures", "shown", "embedded", "limits", "candidates",
    }  # fmt: skip
    assert (summary["stage"], summary["status"], summary["run_id"]) == ("01_check_quality", "done", "run1")
    assert (summary["profile"], summary["as_of"], summary["language"]) == ("toy", "2024-03-01", ["en", "zh"])
    table = summary["tables"]["transactions"]
    assert (table["rows"], table["path"]) == (3, "data/processed/toy/transactions.parquet")
    assert len(table["digest"]) == 64
    assert summary["settings"] == settings("01_check_quality")


def test_the_same_stage_gives_the_same_digests(flow_of):
    flow_of("run1")
    first = read_orders().store.digest("transactions")
    flow_of("run2")
    assert read_orders().store.digest("transactions") == first


def test_finish_removes_the_scratch_folder(flow_of):
    flow_of()
    stage = start("01_check_quality", "toy", settings("01_check_quality"))
    scratch = scratch_folder(stage)
    (scratch / "half.csv").write_text("x", encoding="utf-8")
    stage.write("transactions", ORDERS)
    stage.finish()
    assert not scratch.exists()


def test_the_as_of_date_of_the_data_does_not_replace_a_declared_one(flow_of):
    flow_of()
    stage = start("01_check_quality", "toy", settings("01_check_quality"))
    freeze_as_of(stage, dt.date(2024, 2, 4))
    assert stage.as_of == dt.date(2024, 3, 1)


def test_without_a_declared_date_that_of_the_data_is_used_else_the_end_of_time(flow_of, toy_root):
    profile = toy_root / "params/toy.yaml"
    profile.write_text(profile.read_text(encoding="utf-8").replace("as_of: 2024-03-01\n", ""), encoding="utf-8")
    flow_of(as_of=None)
    stage = start("01_check_quality", "toy", settings("01_check_quality"))
    assert (stage.as_of, stage._summary()["as_of"]) == (UNDATED, None)
    freeze_as_of(stage, dt.date(2024, 2, 4))
    assert (stage.as_of, stage._summary()["as_of"]) == (dt.date(2024, 2, 4), "2024-02-04")


def test_dates_are_plausible_up_to_the_day_of_the_run_by_default(flow_of):
    flow_of()
    stage = start("01_check_quality", "toy", settings("01_check_quality"))
    assert date_range(stage, "2000-01-01", None) == (dt.date(2000, 1, 1), dt.date(2024, 4, 1))
    assert date_range(stage, "2000-01-01", "2023-12-31")[1] == dt.date(2023, 12, 31)


def test_the_period_under_a_chart_ends_before_the_as_of_date(flow_of):
    flow_of("run1", as_of="2024-02-02")
    read_orders()
    flow_of("run2", as_of="2024-02-02")
    stage = start("03_build_features", "toy", settings("03_build_features"))
    assert stage._about().period == (dt.date(2024, 1, 1), dt.date(2024, 2, 1))


def test_summaries_before_the_report_include_skipped_stages_with_reasons(flow_of):
    reason = {"en": "no table transactions", "zh": "缺少表 transactions"}
    flow_of()
    read_orders()
    flow_of("run2", stages={"03_build_features": {"status": "skipped", "skipped_because": reason}})
    first, second = summaries_before(start("14_write_report", "toy", settings("14_write_report")))
    assert (first["stage"], first["status"], first["run_id"]) == ("01_check_quality", "done", "run1")
    assert second == {
        "stage": "03_build_features", "status": "skipped", "skipped_because": reason, "figures": [], "embedded": [],
    }  # fmt: skip


def test_figure_paths_are_relative_to_the_folder_of_tables(flow_of):
    flow_of()
    stage = start("01_check_quality", "toy", settings("01_check_quality"))
    show_page(stage, "page", lambda language: f"<p>{language}</p>")
    stage.finish()
    stage.staging.publish()
    flow_of("run2", stages={"01_check_quality": {"status": "done"}})
    report = start("14_write_report", "toy", settings("14_write_report"))
    (page,) = summaries_before(report)[0]["embedded"]
    assert (report.store.folder / page["files"]["zh"]).read_text(encoding="utf-8") == "<p>zh</p>"


def test_command_line_overrides_reach_the_notebook(flow_of):
    flow_of(settings=["03_build_features.windows_days=[7]"])
    read_orders()
    stage = start("03_build_features", "toy", settings("03_build_features", windows_days=[7]))
    assert stage.settings["windows_days"] == [7]
    assert set(stage.settings) == set(SECTIONS["03_build_features"].model_fields)


def test_a_stage_without_its_tables_is_skipped_with_the_reason_in_both_languages(toy_root):
    profile = toy_root / "params/toy.yaml"
    stages = "[01_check_quality, 05_score_rfm]"
    text = profile.read_text(encoding="utf-8").replace("[01_check_quality, 03_build_features, 14_write_report]", stages)
    profile.write_text(text, encoding="utf-8")
    notebook = toy_root / "notebooks/01_check_quality.ipynb"
    cells = notebook.read_text(encoding="utf-8").replace('stage.write(\\"transactions\\", rows)', "rows = None")
    notebook.write_text(cells, encoding="utf-8")
    result = run_flow(find_workspace(toy_root), "toy", FlowOptions())
    assert result.error is None
    skipped = result.summary["stages"]["05_score_rfm"]
    assert skipped["status"] == "skipped"
    reason = skipped["skipped_because"]
    for language in ("en", "zh"):
        assert "transactions" in reason[language]
        assert reason[language].endswith(STAGES["05_score_rfm"].unlocks[language])
    assert skipped["tables"] == {}
    assert result.summary["status"] == "done"
    assert not (result.folder / "pages/05_score_rfm.html").exists()


def test_a_misspelt_option_of_read_is_refused_with_the_nearest(flow_of):
    flow_of()
    read_orders()
    stage = start("03_build_features", "toy", settings("03_build_features"))
    with pytest.raises(DataError, match=r"when is 'previos'. Did you mean 'previous'\?"):
        stage.read("features", when="previos")
    with pytest.raises(DataError, match="missing is 'nothing'"):
        stage.read("features", missing="nothing")
    assert stage.read("features", missing="none") is None
    assert list(stage.read("features", missing="empty")) == ["customer_id"]
