"""Keys decide whether a stage runs again: a parameter changes only the keys of the stages that declare it."""

import datetime as dt
import json
import os
import typing
from typing import Any

import pytest

from workbench.core.errors import StageError
from workbench.core.params.consent import ConsentParams
from workbench.core.params.declared import borrowed, declared_profile, recorded_profile
from workbench.core.params.profile import load_profile
from workbench.core.params.run import RunParams
from workbench.core.stages import SECTIONS, STAGES
from workbench.core.workspace import Workspace
from workbench.run.flows.selection import batches
from workbench.run.keys import source_files as files
from workbench.run.keys.inputs import stage_inputs
from workbench.run.keys.source_files import file_digests, source_files
from workbench.run.keys.stage_key import stage_key, table_inputs

PROFILE = """\
sources:
  orders:
    path: data/raw/*.csv
    table: transactions
    columns: {order_id: a, customer_id: b}
"""
PARAMETERS = [(section, name) for section, model in SECTIONS.items() for name in model.model_fields]
NOT_IN_KEYS = {name for name in RunParams.model_fields if name != "min_cell"}
DAY = dt.date(2019, 1, 1)
OTHER = {  # a value other than the default, for parameters whose type does not suggest one
    "13_watch_changes.watch": [{"metric": "08_predict_churn.auc", "below": 0.7}],
    "13_watch_changes.acknowledged": "[{what: x, subject: y, by: z, why: w, until: 2030-01-01}]",
    "run.retention": {"runs": 400}, "run.hooks": {"on_done": [{"file": "reports/told"}]},
    "06_segment_customers.k": 3, "08_predict_churn.horizon_days": 60, "08_predict_churn.active_within_days": 90,
    "08_predict_churn.decision_size": 5, "09_value_customers.calibration_until": DAY,
    "09_value_customers.horizon_days": 60, "01_check_quality.date_min": DAY,
    "01_check_quality.date_max": DAY, "02_resolve_identity.must_link": "data/raw/links.csv",
    "02_resolve_identity.cannot_link": "data/raw/links.csv", "02_resolve_identity.truth": "data/raw/truth.csv",
    "02_resolve_identity.truth_pattern": "(a)", "03_build_features.event_types": {"view": ["look"]},
    "03_build_features.occasions": {"gift": {"words": ["gift"]}},
    "03_build_features.scales": {"trust": {"items": ["q1", "q2"], "low": 1, "high": 5}},
    "12_tag_customers.thresholds": {"coupon_use.often": 0.5}, "consent.words": {"marketing": ["mail"]},
    "consent.default": {"marketing": "granted"}, "consent.legal_basis": {"sensitive": "consent"},
    "12_tag_customers.questions": {"hobby": ["q9"]}, "12_tag_customers.labelled": {"age": "age"},
    "12_tag_customers.likes": {"tea": {"category": ["tea"]}},
    "12_tag_customers.scales": {"trust": {"items": ["q1", "q2"], "low": 1, "high": 5}},
    "12_tag_customers.pack": "banking", "12_tag_customers.sensitive_items": ["religion"],
    "06_segment_customers.feature_weights": {"recency_days": 2.0},
    "07_mine_affinities.never": {"category": ["tobacco"]}, "07_mine_affinities.once": {"category": ["ring"]},
    "07_mine_affinities.eligible": {"customers": "orders_90d > 1"},
    "10_measure_experiments.shares": {"mail": 0.9, "control": 0.1}, "11_plan_actions.budget": 500.0,
    "11_plan_actions.channel_capacities": {"sms": 5}, "11_plan_actions.channel_words": {"sms": ["text"]},
}  # fmt: skip


@pytest.fixture
def workspace(tmp_path, repository):
    for name in ("params", "data/raw"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "notebooks").symlink_to(repository / "notebooks")
    (tmp_path / "params" / "shop.yaml").write_text(PROFILE, encoding="utf-8")
    return Workspace(tmp_path.resolve())


class NoCode:
    """Replaces the code index in tests that are not about code."""

    def reached_files(self, notebook):
        return []

    def code_digest(self, notebook, files):
        return "c"

    def libraries(self, notebook, files):
        return {}


def key(workspace, stage="05_score_rfm", *, settings=(), as_of="2024-01-01", inputs=None, reads=None):
    profile = load_profile(workspace, "shop", settings=settings)
    declared = profile.stage(stage)
    other_inputs = stage_inputs(declared, workspace=workspace, profile=profile, summaries={})
    return stage_key(
        declared,
        profile=profile,
        as_of=as_of,
        notebook=workspace.notebooks / f"{stage}.ipynb",
        index=NoCode(),
        inputs={**(inputs or {}), **other_inputs},
        reads=reads or {},
    )


def another(section: str, name: str) -> Any:
    """Return a valid value of a parameter that is not its default."""
    if f"{section}.{name}" in OTHER:
        return OTHER[f"{section}.{name}"]
    info = {"run": RunParams, "consent": ConsentParams, **SECTIONS}[section].model_fields[name]
    default = info.get_default(call_default_factory=True)
    if typing.get_origin(info.annotation) is typing.Literal:
        return next(choice for choice in typing.get_args(info.annotation) if choice != default)
    if isinstance(default, bool):
        return not default
    if isinstance(default, int):
        return default + 1
    if isinstance(default, float):
        limits = [getattr(limit, key) for limit in info.metadata for key in ("le", "lt") if hasattr(limit, key)]
        return (default + limits[0]) / 2 if limits else default + 1
    if isinstance(default, list):
        return default[:-1] if len(default) > 1 else ["recency_days"]
    return "other"


@pytest.mark.parametrize(
    ("section", "name"), [*PARAMETERS, *(("consent", name) for name in ConsentParams.model_fields), ("run", "min_cell")]
)
def test_a_parameter_changes_the_keys_of_exactly_the_stages_that_declare_it(workspace, section, name):
    value = another(section, name)
    is_yaml = value == DAY or f"{section}.{name}" == "13_watch_changes.acknowledged"  # JSON has no dates
    setting = f"{section}.{name}={value if is_yaml else json.dumps(value)}"
    changed = {stage for stage in STAGES if key(workspace, stage, settings=[setting]) != key(workspace, stage)}
    declaring = {stage for stage, declared in STAGES.items() if f"{section}.{name}" in declared.borrows}
    assert changed == declaring | ({section} & set(STAGES))


@pytest.mark.parametrize("name", sorted(NOT_IN_KEYS - {"stages", "also"}))
def test_the_limits_of_a_run_change_no_key(workspace, name):
    setting = f"run.{name}={json.dumps(another('run', name))}"
    assert all(key(workspace, stage, settings=[setting]) == key(workspace, stage) for stage in STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_borrowed_parameters_exist(stage):
    sections = {"run": RunParams, "consent": ConsentParams, **SECTIONS}
    for name in STAGES[stage].borrows:
        section, _, parameter = name.partition(".")
        assert section != stage
        assert parameter in sections[section].model_fields


def test_reading_an_undeclared_parameter_raises(workspace):
    profile = declared_profile(load_profile(workspace, "shop"), STAGES["05_score_rfm"])
    assert profile.sections["05_score_rfm"].bins == 5
    assert profile.run.min_cell == 10
    with pytest.raises(StageError, match="05_score_rfm: reads the parameter 08_predict_churn.seed, which it does not"):
        _ = profile.sections["08_predict_churn"].seed
    with pytest.raises(StageError, match="run.cell_seconds"):
        _ = profile.run.cell_seconds


def test_equal_inputs_give_equal_keys_that_json_can_hold(workspace):
    assert key(workspace) == key(workspace)
    assert json.loads(json.dumps(key(workspace))) == key(workspace)


@pytest.mark.parametrize(
    "changed", [{"settings": ["language=zh"]}, {"as_of": "2024-01-02"}, {"inputs": {"features": "x"}}]
)
def test_each_input_changes_the_key(workspace, changed):
    assert key(workspace, **changed) != key(workspace)


@pytest.mark.parametrize("stage", STAGES)
def test_no_other_input_takes_the_place_of_a_table_in_the_key(workspace, stage):
    profile = load_profile(workspace, "shop")
    other = stage_inputs(STAGES[stage], workspace=workspace, profile=profile, summaries={})
    assert not set(other) & set(STAGES[stage].depends_on)


def test_quality_depends_on_its_sources_and_the_report_on_the_goal(workspace):
    rules = ["sources.orders.rules={kept: quantity > 0}"]
    assert key(workspace, "01_check_quality", settings=rules) != key(workspace, "01_check_quality")
    assert key(workspace, settings=rules) == key(workspace)
    goal = ["goal.question=Whom to reach?"]
    assert key(workspace, "14_write_report", settings=goal) != key(workspace, "14_write_report")


def test_declaring_a_default_value_is_a_change(workspace):
    declared = ['sources.orders.formats={decimals: "."}']
    assert key(workspace, "01_check_quality", settings=declared) != key(workspace, "01_check_quality")


def test_the_key_of_an_own_notebook_has_what_it_read(workspace):
    reads = {"tables": ["features"], "settings": ["03_build_features.windows_days"]}
    longer = ["03_build_features.windows_days=[7]"]
    assert key(workspace, settings=longer) == key(workspace)
    assert key(workspace, settings=longer, reads=reads) != key(workspace, reads=reads)
    digests = {"features": "a", "segments": "b"}
    assert table_inputs(STAGES["14_write_report"], digests, reads) == {"features": "a"}


def test_the_parameters_that_an_own_notebook_reads_are_recorded(workspace):
    names = []
    profile = recorded_profile(load_profile(workspace, "shop"), "05_score_rfm", names.append)
    assert profile.sections["06_segment_customers"].k_max > profile.run.min_cell - 100
    assert profile.sections["05_score_rfm"].bins and profile.run.threads
    assert names == ["06_segment_customers.k_max", "run.min_cell"]


def test_a_parameter_of_a_removed_section_has_no_value(workspace):
    profile = load_profile(workspace, "shop")
    values = borrowed(profile, STAGES["05_score_rfm"], also=["16_study_gifts.share"])
    assert values["16_study_gifts.share"] is None


def test_a_stage_depends_on_the_existing_tables_that_it_reads():
    digests = {"features": "a", "transactions": "b", "segments": "c"}
    assert table_inputs(STAGES["05_score_rfm"], digests, {}) == {"features": "a", "transactions": "b"}
    assert table_inputs(STAGES["05_score_rfm"], {}, {}) == {}


def test_borrowed_values_are_those_of_the_profile(workspace):
    profile = load_profile(workspace, "shop", settings=["run.min_cell=20"])
    assert borrowed(profile, STAGES["05_score_rfm"]) == {"run.min_cell": 20}


def test_source_files_are_all_matches_sorted(workspace):
    for name in ("b.csv", "a.csv", "c.txt"):
        (workspace.raw / name).write_text("x\n", encoding="utf-8")
    paths = source_files(workspace, load_profile(workspace, "shop"))
    assert [path.name for path in paths] == ["a.csv", "b.csv"]


def test_rates_and_questionnaires_are_read_with_their_source(workspace):
    wide = "  talks: {path: t.csv, table: responses, layout: wide, columns: {customer_id: id}, questionnaire: talks}\n"
    (workspace.root / "params/shop.yaml").write_text(PROFILE + wide, encoding="utf-8")
    (workspace.root / "params/questionnaires").mkdir()
    (workspace.root / "params/questionnaires/talks.yaml").write_text("questionnaire: talks\n", encoding="utf-8")
    assert [path.name for path in source_files(workspace, load_profile(workspace, "shop"))] == ["talks.yaml"]


def test_a_file_is_digested_by_content_and_read_again_only_when_it_changed(workspace, monkeypatch):
    path = workspace.raw / "a.csv"
    path.write_text("x\n", encoding="utf-8")
    first = file_digests(workspace, [path])
    assert list(first) == ["data/raw/a.csv"]
    read = []
    monkeypatch.setattr(files, "digest_file", lambda file: read.append(file) or "new")
    assert file_digests(workspace, [path]) == first
    assert not read
    path.write_text("y\n", encoding="utf-8")
    os.utime(path, (1, 1))
    assert file_digests(workspace, [path]) == {"data/raw/a.csv": "new"}


def test_a_file_of_the_same_size_and_time_but_other_content_is_detected(workspace):
    path = workspace.raw / "a.csv"
    path.write_text("x\n", encoding="utf-8")
    os.utime(path, (1, 1))
    before = file_digests(workspace, [path])
    path.write_text("y\n", encoding="utf-8")
    os.utime(path, (1, 1))
    assert file_digests(workspace, [path]) != before


def test_a_damaged_cache_of_digests_is_replaced(workspace):
    path = workspace.raw / "a.csv"
    path.write_text("x\n", encoding="utf-8")
    before = file_digests(workspace, [path])
    (workspace.lock.parent / "file_digests.json").write_text("{half", encoding="utf-8")
    assert file_digests(workspace, [path]) == before


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (["01_check_quality", "03_build_features"], [("01_check_quality",), ("03_build_features",)]),
        (["02_resolve_identity", "03_build_features"], [("02_resolve_identity",), ("03_build_features",)]),
        (
            ["04_describe_customers", "05_score_rfm", "06_segment_customers"],
            [("04_describe_customers", "05_score_rfm"), ("06_segment_customers",)],
        ),
        (
            [
                "06_segment_customers",
                "07_mine_affinities",
                "08_predict_churn",
                "09_value_customers",
                "12_tag_customers",
            ],
            [
                ("06_segment_customers",),
                ("07_mine_affinities", "08_predict_churn", "09_value_customers"),
                ("12_tag_customers",),
            ],
        ),
        (["12_tag_customers", "14_write_report"], [("12_tag_customers",), ("14_write_report",)]),
    ],
)
def test_stages_run_side_by_side_if_the_later_read_nothing_of_the_earlier(workspace, stages, expected):
    assert batches(load_profile(workspace, "shop"), stages) == expected
