"""The notebooks in Chinese: each cell has the Chinese of what it says today; what somebody wrote by hand stays."""

import re
from functools import cache
from pathlib import Path

import nbformat
import pytest

from workbench.core.stages import STAGES
from workbench.report.notebook_page import notebook_page
from workbench.report.notebook_words import english_digest, in_chinese
from workbench.report.text_files import text_files

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"
CODE = re.compile(r"`[^`]*`")
HAN = re.compile("[\u3400-\u9fff]")


@cache
def english(stage):
    """Return what the markdown cells of a stage's notebook say, by id."""
    notebook = nbformat.read(NOTEBOOKS / f"{stage}.ipynb", as_version=4)
    return {cell.id: cell.source for cell in notebook.cells if cell.cell_type == "markdown"}


def faults(cells, chinese):
    """Say what to do about each cell whose Chinese is lacking, of another English, or left behind."""
    for cell, source in cells.items():
        digest = english_digest(source)
        if cell not in chinese:
            yield f"cell {cell} has no Chinese: add it with of: {digest}"
        elif chinese[cell].of != digest:
            yield f"cell {cell} was changed: say it anew in Chinese, then set of: {digest}"
    for cell in chinese:
        if cell not in cells:
            yield f"cell {cell} is gone from the notebook: take its Chinese away"


@pytest.mark.parametrize("stage", STAGES)
def test_each_cell_has_the_chinese_of_what_it_says_today(stage):
    wrong = list(faults(english(stage), text_files().notebooks.get(stage, {})))
    assert not wrong, f"report/texts/{stage}.yaml, notebook:\n" + "\n".join(wrong)


@pytest.mark.parametrize("stage", STAGES)
def test_both_languages_name_the_same_tables_and_parameters(stage):
    for cell, chinese in text_files().notebooks[stage].items():
        assert sorted(set(CODE.findall(chinese.zh))) == sorted(set(CODE.findall(english(stage)[cell]))), cell
        assert HAN.search(chinese.zh), cell


def test_a_change_of_either_side_is_seen_and_named():
    chinese = text_files().notebooks["05_score_rfm"]
    cells = english("05_score_rfm")
    new = {**cells, "05-01": "## Settings", "05-99": "## More"}
    del new["05-03"]
    assert list(faults(cells, chinese)) == []
    assert list(faults(new, chinese)) == [
        f"cell 05-01 was changed: say it anew in Chinese, then set of: {english_digest('## Settings')}",
        f"cell 05-99 has no Chinese: add it with of: {english_digest('## More')}",
        "cell 05-03 is gone from the notebook: take its Chinese away",
    ]


@pytest.mark.parametrize(
    ("stage", "cell", "text"),
    [
        ("05_score_rfm", "05-01", "## Parameters, and a note of mine"),
        ("05_score_rfm", "of-my-own", "## Parameters"),
        ("05_score_rfm", "", "## Parameters"),
        ("06_segment_customers", "05-01", "## Parameters"),
        ("", "05-01", "## Parameters"),
        ("05_score_rfm", "05-01", ""),
    ],
)
def test_what_somebody_wrote_stays_to_the_letter(stage, cell, text):
    assert in_chinese(text, stage=stage, cell=cell) == text


def test_a_page_speaks_one_language():
    notebook = nbformat.read(NOTEBOOKS / "02_resolve_identity.ipynb", as_version=4)
    pages = [
        notebook_page(notebook, title="02", stage="02_resolve_identity", language=language) for language in ("en", "zh")
    ]
    assert "Compare and link" in pages[0] and "比对与关联" not in pages[0]
    assert "比对与关联" in pages[1] and "Compare and link" not in pages[1]
    assert "人员（私有）" in pages[1] and "people (private)" not in pages[1]


def test_a_cell_that_was_edited_stands_in_english_among_the_chinese():
    notebook = nbformat.read(NOTEBOOKS / "05_score_rfm.ipynb", as_version=4)
    notebook.cells[1].source = "## My settings"
    page = notebook_page(notebook, title="05", stage="05_score_rfm", language="zh")
    assert "<h2>My settings</h2>" in page and "<h2>开始</h2>" in page
