"""The reference of parameters is read from the models and complete in both languages."""

from pathlib import Path

import pytest

from workbench.core.stages import SECTIONS
from workbench.run.commands.profiles.parameter_help import describe_parameters, parameters_markdown

PAGE = Path(__file__).parents[3] / "params" / "README.md"


def row(section, name, language="en"):
    return next(parameter for parameter in describe_parameters(section, language) if parameter.name == name)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_parameter_of_every_stage_is_described(language):
    for stage, model in SECTIONS.items():
        rows = list(describe_parameters(stage, language))
        assert [parameter.name for parameter in rows] == list(model.model_fields)
        assert all(parameter.help and parameter.type and parameter.default for parameter in rows)


def test_a_number_shows_type_unit_default_and_range():
    parameter = row("05_score_rfm", "bins")
    assert (parameter.type, parameter.unit, parameter.default, parameter.range) == (
        "whole number",
        "scores",
        "5",
        "≥ 2, ≤ 10",
    )


def test_an_exclusive_bound_is_shown():
    assert row("08_predict_churn", "leak_auc").range == "> 0.5, ≤ 1"


def test_a_choice_lists_its_values():
    assert row("05_score_rfm", "bounds").type == "fixed or rhythm"


def test_a_list_shows_the_type_of_its_items():
    parameter = row("03_build_features", "windows_days")
    assert (parameter.type, parameter.default) == ("list of whole number", "30, 90, 365")
    assert parameter.range == "length ≥ 1, length ≤ 6"


def test_an_optional_value_shows_its_type_its_range_and_no_default():
    parameter = row("08_predict_churn", "horizon_days")
    assert (parameter.type, parameter.default, parameter.range) == ("whole number", "none", "≥ 7, ≤ 3650")


def test_a_parameter_without_default_is_required():
    assert row("sources", "path").default == "required"


def test_a_section_includes_its_subsections():
    assert {parameter.section for parameter in describe_parameters("sources", "en")} == {"sources", "sources.formats"}


def test_both_languages_describe_the_same_parameters():
    english, chinese = (list(describe_parameters(None, language)) for language in ("en", "zh"))
    for first, second in zip(english, chinese, strict=True):
        assert (first.section, first.name) == (second.section, second.name)
        words = {"none": "无", "required": "必填", "True": "是", "False": "否"}
        assert second.default == words.get(first.default, first.default)
        assert first.help != second.help


def test_the_page_has_a_heading_per_section_and_a_row_per_parameter():
    text = parameters_markdown()
    for section in SECTIONS:
        assert f"\n## {section}\n" in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == len(list(describe_parameters(None, "en")))
    assert all(line.replace("\\|", "").count("|") == 8 for line in rows)


def test_the_page_in_params_matches_the_models():
    assert PAGE.is_file(), "params/README.md is missing: write it with 'workbench params --markdown > params/README.md'"
    advice = "params/README.md is out of date: write it again with 'workbench params --markdown'"
    assert PAGE.read_text(encoding="utf-8") == parameters_markdown(), advice


def test_types_units_and_defaults_are_chinese_in_chinese():
    rows = list(describe_parameters(None, "zh"))
    ascii_units = {one.unit for one in rows if one.unit.isascii()} - {"", "AUC", "GB", "alpha"}
    assert ascii_units == set()
    words = {word for one in rows for word in one.type.replace(":", " ").split()}
    assert not words & {"text", "number", "whole", "list", "of", "or", "mapping", "true", "date"}
    looks = row("10_measure_experiments", "looks", "zh")
    assert (looks.type, looks.unit, looks.range) == ("整数", "次", "≥ 1, ≤ 10000")
    groups = row("10_measure_experiments", "groups", "zh")
    assert (groups.type, groups.default, groups.range) == ("文本 的列表", "无", "长度 ≤ 10")
