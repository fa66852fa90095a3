"""The reference of parameters is read from the models and complete in both languages."""

from pathlib import Path

import pytest

from workbench.core.stages import SECTIONS
from workbench.run.commands.parameter_help import describe_parameters, parameters_markdown

PAGE = Path(__file__).parents[3] / "params" / "README.md"


def row(section, name, language="en"):
    return next(each for each in describe_parameters(section, language) if each.name == name)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_parameter_of_every_stage_is_described(language):
    for stage, model in SECTIONS.items():
        rows = list(describe_parameters(stage, language))
        assert [each.name for each in rows] == list(model.model_fields)
        assert all(each.help and each.type and each.default for each in rows)


def test_a_number_shows_type_unit_default_and_range():
    found = row("05_score_rfm", "bins")
    assert (found.type, found.unit, found.default, found.range) == ("whole number", "scores", "5", "≥ 2, ≤ 10")


def test_an_open_bound_is_shown_as_such():
    assert row("08_predict_churn", "leak_auc").range == "> 0.5, ≤ 1"


def test_a_choice_lists_its_values():
    assert row("05_score_rfm", "bounds").type == "fixed or rhythm"


def test_a_list_shows_what_it_is_a_list_of():
    found = row("03_build_features", "windows_days")
    assert (found.type, found.default) == ("list of whole number", "30, 90, 365")
    assert found.range == "length ≥ 1, length ≤ 6"


def test_an_optional_value_shows_its_type_its_range_and_no_default():
    found = row("08_predict_churn", "horizon_days")
    assert (found.type, found.default, found.range) == ("whole number", "none", "≥ 7, ≤ 3650")


def test_what_a_source_must_have_is_required():
    assert row("sources", "path").default == "required"


def test_a_section_includes_the_ones_below_it():
    assert {each.section for each in describe_parameters("sources", "en")} == {"sources", "sources.formats"}


def test_both_languages_describe_the_same_parameters():
    english, chinese = (list(describe_parameters(None, language)) for language in ("en", "zh"))
    assert [(each.section, each.name, each.default) for each in english] == [
        (each.section, each.name, each.default) for each in chinese
    ]
    assert all(one.help != other.help for one, other in zip(english, chinese, strict=True))


def test_the_page_has_a_heading_per_section_and_a_row_per_parameter():
    text = parameters_markdown()
    for section in SECTIONS:
        assert f"\n## {section}\n" in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == len(list(describe_parameters(None, "en")))
    assert all(line.replace("\\|", "").count("|") == 8 for line in rows)


def test_the_page_in_params_is_what_the_models_say():
    assert PAGE.is_file(), "params/README.md is missing: write it with 'workbench params --markdown > params/README.md'"
    said = "params/README.md is behind the models: write it again with 'workbench params --markdown'"
    assert PAGE.read_text(encoding="utf-8") == parameters_markdown(), said
