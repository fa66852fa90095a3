"""What moved is named as readers know it: a tag by its name and value in both languages."""

import pytest

from workbench.core.tags.registry import load_registry
from workbench.core.workspace import find_workspace
from workbench.report.findings.watching.words import figure_name


@pytest.fixture(scope="module")
def tags():
    from pathlib import Path

    return load_registry(find_workspace(Path(__file__).parents[4]))


def test_a_tag_that_moved_has_its_name_and_value_in_both_languages(tags):
    tag = next(one for one in tags.tags.values() if one.values)
    value, words = next(iter(tag.values.items()))
    named = figure_name(f"{tag.id}={value}", "tags", tags)
    assert named == {"en": f"{tag.name.en}: {words.en}", "zh": f"{tag.name.zh}：{words.zh}"}
    assert figure_name(tag.id, "tags", tags) == {"en": tag.name.en, "zh": tag.name.zh}


def test_a_feature_with_the_name_of_a_tag_stays_a_feature(tags):
    tag = next(one for one in tags.tags.values() if one.values)
    plain = figure_name(f"{tag.id}=x", "features", tags)
    assert plain == figure_name(f"{tag.id}=x")
    assert figure_name("unknown_tag=x", "tags", tags) == figure_name("unknown_tag=x")
