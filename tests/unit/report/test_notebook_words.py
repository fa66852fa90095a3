"""The notebooks in Chinese: all they say is known, nothing else is, and what somebody wrote by hand stays."""

import re

import nbformat
import pytest

from workbench.core.stages import STAGES
from workbench.report.notebook_page import notebook_page
from workbench.report.notebook_words import chinese_words, in_chinese, pieces

CODE = re.compile(r"`[^`]*`")


def said(repository, stage):
    """Return what a template says: its headings, paragraphs and cells, those of code alone left out."""
    notebook = nbformat.read(repository / f"notebooks/{stage}.ipynb", as_version=4)
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    found = {piece for text in texts for block in text.split("\n\n") for piece in pieces(block)}
    return {each for each in found if re.search("[A-Za-z]", CODE.sub("", each))}


@pytest.mark.parametrize("stage", STAGES)
def test_everything_a_notebook_says_has_its_chinese(repository, stage):
    assert sorted(said(repository, stage) - set(chinese_words())) == []


def test_no_chinese_stands_for_what_no_notebook_says(repository):
    assert sorted(set(chinese_words()) - set.union(*(said(repository, stage) for stage in STAGES))) == []


@pytest.mark.parametrize(("english", "chinese"), chinese_words().items())
def test_both_languages_name_the_same_tables_and_parameters(english, chinese):
    assert set(CODE.findall(english)) == set(CODE.findall(chinese))
    assert re.search("[\u3400-\u9fff]", chinese)


@pytest.mark.parametrize(
    "text",
    [
        "A note of my own.\n\n我的备注。",
        "## 2024\n\n| a | b |\n|---|---|\n| 1 |  |",
        "|",
        "",
        "#",
        "Parameters\nand more",
    ],
)
def test_what_somebody_wrote_stays_to_the_letter(text):
    assert in_chinese(text) == text
    assert "".join(piece for block in [text] for piece in pieces(block)) == text


def test_a_page_speaks_one_language(repository):
    notebook = nbformat.read(repository / "notebooks/02_resolve_identity.ipynb", as_version=4)
    english, chinese = (notebook_page(notebook, title="02", language=each) for each in ("en", "zh"))
    assert "Compare and link" in english and "比对与关联" not in english
    assert "比对与关联" in chinese and "Compare and link" not in chinese
    assert "人员（私有）" in chinese and "people (private)" not in chinese
