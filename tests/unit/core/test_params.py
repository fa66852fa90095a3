"""Every parameter is typed, has a default in its range, a unit, and help in both languages."""

import datetime as dt

import pytest
from pydantic import ValidationError

from workbench.core.params.consent import ConsentParams
from workbench.core.params.run import GoalParams, RunParams
from workbench.core.params.sources import FormatParams, SourceParams
from workbench.core.stages import SECTIONS, STAGES
from workbench.core.stages.build_features import BuildFeatures
from workbench.core.stages.score_rfm import ScoreRfm
from workbench.core.stages.segment_customers import SegmentCustomers

MODELS = {
    **SECTIONS,
    "run": RunParams,
    "goal": GoalParams,
    "consent": ConsentParams,
    "sources": SourceParams,
    "sources.formats": FormatParams,
}
KNOBS = [(section, name) for section, model in MODELS.items() for name in model.model_fields]
NEEDED = {"sources": {"path": "data/raw/a.csv", "table": "transactions"}}


def test_every_stage_has_a_section_and_every_section_a_stage():
    assert set(SECTIONS) == set(STAGES)


@pytest.mark.parametrize(("section", "name"), KNOBS)
def test_every_parameter_has_help_in_both_languages_and_a_unit_entry(section, name):
    extra = MODELS[section].model_fields[name].json_schema_extra
    assert extra["help"]["en"].strip()
    assert extra["help"]["zh"].strip()
    assert any("\u4e00" <= char <= "\u9fff" for char in extra["help"]["zh"])
    assert isinstance(extra["unit"], str)


@pytest.mark.parametrize("section", MODELS)
def test_the_defaults_are_valid_values(section):
    model = MODELS[section]
    parameters = model(**NEEDED.get(section, {}))
    assert model.model_validate(parameters.model_dump()) == parameters


@pytest.mark.parametrize("section", SECTIONS)
def test_parameters_survive_a_round_trip_through_json(section):
    parameters = SECTIONS[section]()
    assert SECTIONS[section].model_validate_json(parameters.model_dump_json()) == parameters


@pytest.mark.parametrize("section", MODELS)
def test_an_unknown_key_is_refused(section):
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        MODELS[section](**NEEDED.get(section, {}), not_a_key=1)


def test_a_section_cannot_be_changed_once_read():
    with pytest.raises(ValidationError, match="frozen"):
        ScoreRfm().bins = 3


@pytest.mark.parametrize("value", ["5", 5.0, True])
def test_a_text_a_fraction_or_a_flag_is_not_an_integer(value):
    with pytest.raises(ValidationError, match="valid integer"):
        ScoreRfm(bins=value)


@pytest.mark.parametrize(("value", "valid"), [(2, True), (10, True), (1, False), (11, False)])
def test_bounds_belong_to_the_range(value, valid):
    if valid:
        assert ScoreRfm(bins=value).bins == value
    else:
        with pytest.raises(ValidationError):
            ScoreRfm(bins=value)


def test_activity_bounds_out_of_order_are_refused_with_their_values():
    with pytest.raises(ValidationError, match="are 200, 180, 360; each must exceed the one before"):
        ScoreRfm(active_days=200)


def test_k_min_above_k_max_is_refused_with_both_values():
    with pytest.raises(ValidationError, match="k_min 9 exceeds k_max 4"):
        SegmentCustomers(k_min=9, k_max=4)


def test_windows_are_sorted_and_unique():
    assert BuildFeatures(windows_days=[365, 30]).windows_days == [30, 365]
    for windows in ([30, 30], [0], []):
        with pytest.raises(ValidationError):
            BuildFeatures(windows_days=windows)


def test_a_list_of_attributes_keeps_the_names_and_a_mapping_renames_them():
    assert SourceParams(**NEEDED["sources"], attributes=["a", "b"]).attributes == {"a": "a", "b": "b"}
    assert SourceParams(**NEEDED["sources"], attributes={"tier": "Level"}).attributes == {"tier": "Level"}


def test_a_measure_of_one_expression_is_a_list_of_one():
    source = SourceParams(**NEEDED["sources"], measures={"sold": "quantity > 0"})
    assert source.measures == {"sold": ["quantity > 0"]}


def test_a_default_list_is_not_shared_between_sections():
    first, second = BuildFeatures(), BuildFeatures()
    first.windows_days.append(7)
    assert second.windows_days == [30, 90, 365]


def test_a_date_parameter_takes_no_time():
    with pytest.raises(ValidationError):
        SECTIONS["01_check_quality"](date_max=dt.datetime(2024, 1, 1, 10))
    assert SECTIONS["01_check_quality"](date_max=dt.date(2024, 1, 1)).date_max == dt.date(2024, 1, 1)
