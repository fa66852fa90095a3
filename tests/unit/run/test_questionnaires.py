"""Answer codes get the texts of the questionnaire, by the item that a question belongs to."""

import pytest

from workbench.core.params.profile import load_profile
from workbench.core.workspace import Workspace
from workbench.run.definitions.questionnaires import answer_names
from workbench.run.definitions.tag_registry import registry_inputs, registry_of

PROFILE = """\
sources:
  people: {path: data/raw/p.csv, table: customers, columns: {customer_id: id}}
  talks:
    path: data/raw/t.csv
    table: responses
    layout: wide
    columns: {customer_id: id}
    questionnaire: deep_interview
"""
MAPPED = PROFILE + "12_tag_customers: {questions: {leisure: [bought_for]}}\n"


@pytest.fixture
def workspace(fresh_workspace):
    root = fresh_workspace
    (root / "params/talks.yaml").write_text(PROFILE, encoding="utf-8")
    (root / "params/mapped.yaml").write_text(MAPPED, encoding="utf-8")
    return Workspace(root)


def test_answers_have_the_texts_of_the_questionnaire(workspace):
    registry = registry_of(workspace, load_profile(workspace, "talks"))
    assert registry.called("media_habit", "wechat") == {"en": "WeChat", "zh": "微信"}
    assert registry.called("declared_interest", "travel")["zh"] == "旅行"
    assert registry.called("media_habit", "radio") == {"en": "radio", "zh": "radio"}
    assert "leisure" not in registry.value_names


def test_a_question_that_the_profile_maps_to_another_item_names_its_answers(workspace):
    registry = registry_of(workspace, load_profile(workspace, "mapped"))
    assert registry.called("leisure", "partner")["zh"] == "伴侣"


def test_a_missing_questionnaire_gives_no_names_and_a_changed_one_is_detected(workspace):
    profile = load_profile(workspace, "talks")
    questionnaire = workspace.root / "params/questionnaires/deep_interview.yaml"
    before = registry_inputs(workspace, profile)
    questionnaire.write_text(questionnaire.read_text(encoding="utf-8").replace("微信", "企业微信"), encoding="utf-8")
    assert registry_inputs(workspace, profile) != before
    questionnaire.unlink()
    assert answer_names(workspace, profile, registry_of(workspace, profile).tags.values()) == {}
