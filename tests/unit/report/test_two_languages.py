"""Texts in two languages: a page shows one of them, and no note in one language alone is lost."""

import pytest

from workbench.report.two_languages import is_chinese, one_language

CELL = """## Values to look at · 需要核对的取值

Well formed, and hardly true; YOLO as 婚姻状况, say.

格式正确，但很可能不真实，例如婚姻状况为 YOLO。

| reads · 读取 | writes · 写出 |
|---|---|
| the canonical tables · 标准表 | `features` |"""


def test_each_language_has_its_heading_its_paragraph_and_its_cells():
    assert one_language(CELL, "en") == (
        "## Values to look at\n\nWell formed, and hardly true; YOLO as 婚姻状况, say.\n\n"
        "| reads | writes |\n|---|---|\n| the canonical tables | `features` |"
    )
    assert one_language(CELL, "zh") == (
        "## 需要核对的取值\n\n格式正确，但很可能不真实，例如婚姻状况为 YOLO。\n\n"
        "| 读取 | 写出 |\n|---|---|\n| 标准表 | `features` |"
    )


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    "text",
    [
        "## Only English\n\nOne paragraph.",
        "## 只有中文\n\n一段话。",
        "## A note\n\n这是分析师的一条中文备注。",
        "Three paragraphs.\n\n三段。\n\nThe third without its twin.",
        "An order of its own.\n\nTwo in English.\n\n两段中文。\n\n第二段中文。",
        "## Figures 2024 · 2025",
        "",
    ],
)
def test_what_does_not_stand_in_both_languages_stays_whole(text, language):
    assert one_language(text, language) == text


def test_code_in_a_chinese_paragraph_does_not_make_it_english():
    assert is_chinese('任何其他一对记录，均可按来源和编号查看：`match.explain(("crm", "17"), ("web", "23"))`。')
