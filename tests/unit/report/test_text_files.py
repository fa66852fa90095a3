"""The files of texts: one for each stage, its sections, what is wrong with a file."""

import pytest

from workbench.core.errors import WorkbenchError
from workbench.core.stages import STAGES
from workbench.report.text_files import CellText, read_text_files, text_files

NAMED = "stage: {en: Scores, zh: 评分}\n"


def faults(**contents):
    with pytest.raises(WorkbenchError) as error:
        read_text_files((f"{name}.yaml", content) for name, content in contents.items())
    return [str(fault) for fault in error.value.faults]


def test_each_stage_has_a_file_of_texts_and_each_file_a_stage():
    files = text_files().stages
    lacking = [f"report/texts/{stage}.yaml is lacking" for stage in STAGES if stage not in files]
    strange = [f"report/texts/{name} belongs to no stage" for stage, name in files.items() if stage not in STAGES]
    assert lacking + strange == []


def test_a_file_of_a_stage_gives_texts_labels_and_cells():
    content = """
stage: {en: Scores, zh: 评分}
how_to_read: {en: Look., zh: 看。}
sentences: {score_answer: {en: No., zh: 否。}}
charts: {chart_score_title: {en: A title, zh: 标题}}
tables: {table_scores: {en: All scores, zh: 全部得分}}
labels: {no: {en: no, zh: 否}}
notebook: {05-00: {of: 12345678, zh: "## 开始"}}
"""
    files = read_text_files([("05_score.yaml", content), ("labels.yaml", "n: {en: n, zh: n}"), ("a.yaml", "")])
    assert list(files.texts) == ["how_to_read_05_score", "score_answer", "chart_score_title", "table_scores"]
    assert files.labels == {
        "05_score": {"en": "Scores", "zh": "评分"},
        "no": {"en": "no", "zh": "否"},
        "n": {"en": "n", "zh": "n"},
    }
    assert files.notebooks == {"05_score": {"05-00": CellText("12345678", "## 开始")}}
    assert files.stages == {"05_score": "05_score.yaml"}


def test_all_faults_of_a_file_are_reported():
    content = "a: {en: one}\nb: {en: '{n:int}', zh: '{n:intt}'}\nb: {en: again, zh: 再}\nc: word\n"
    assert faults(odd=content) == [
        "odd.yaml: key 'a' gives en. Expected en, zh.",
        "odd.yaml, b, zh: unknown kind 'intt'. Did you mean 'int'?",
        "odd.yaml: key 'b' appears twice. Keys are unique over all files.",
        "odd.yaml: key 'c' gives 'word'. Expected en, zh.",
    ]


def test_what_is_wrong_in_a_file_of_a_stage_is_named_with_its_section():
    content = "sentence: {}\ncharts: many\nlabels: {a: {en: one}}\nnotebook: {05-00: {zh: 某}}\nlabels: {}\n"
    assert faults(**{"05_score": content}) == [
        "05_score.yaml: unknown section 'sentence'. Did you mean 'sentences'?",
        "05_score.yaml: section 'charts' is not a mapping. Expected key: {en: ..., zh: ...}.",
        "05_score.yaml: section 'labels' appears twice. Sections are unique.",
        "05_score.yaml: no section 'stage'. Expected the name of the stage: {en: ..., zh: ...}.",
        "05_score.yaml, labels: key 'a' gives en. Expected en, zh.",
        "05_score.yaml, notebook: cell '05-00' gives zh. Expected of, zh.",
    ]


@pytest.mark.parametrize("section", ["sentences", "labels"])
def test_a_key_in_two_files_is_refused(section):
    entry = f"{section}: {{k: {{en: x, zh: 某}}}}\n"
    assert faults(**{"05_score": NAMED + entry, "06_part": NAMED + entry}) == [
        f"06_part.yaml, {section}: key 'k' also appears in 05_score.yaml, {section}. Keys are unique over all files."
    ]


def test_a_text_and_a_label_may_share_a_name():
    content = NAMED + "sentences: {k: {en: x, zh: 某}}\nlabels: {k: {en: y, zh: 另}}\n"
    files = read_text_files([("05_score.yaml", content)])
    assert (files.texts["k"]["en"], files.labels["k"]["en"]) == ("x", "y")


@pytest.mark.parametrize("content", ["- a\n", "word"])
def test_a_file_that_is_no_mapping_is_refused(content):
    assert faults(odd=content) == ["odd.yaml: is not a mapping. Expected key: {en: ..., zh: ...}."]


def test_a_cell_that_stands_twice_is_refused():
    content = NAMED + "notebook:\n  a: {of: 1, zh: 某}\n  a: {of: 1, zh: 某}\n"
    assert faults(**{"05_score": content}) == [
        "05_score.yaml, notebook: cell 'a' appears twice. Cell ids are unique in a notebook."
    ]
