"""The catalogue of tags: what it says of each tag, and that nothing customers typed becomes markup."""

from pathlib import Path

import pandas as pd
import pytest

from workbench.core.tags.items import ITEMS
from workbench.core.tags.registry import load_registry
from workbench.core.workspace import Workspace
from workbench.report.cards.tag_catalogue import catalogue_html, class_of
from workbench.report.findings.tags import shown_items

REGISTRY = load_registry(Workspace(Path(__file__).parents[3]))
ROWS = [
    (name, item.group, *(("known", 1, 40, 0.8, "") if name == "preference" else ("unknown", 0, None, None, "a or b")))
    for name, item in ITEMS.items()
]
FRAME = pd.DataFrame(ROWS, columns=["item", "group", "status", "tags", "customers", "share", "lacks"])
VALUES = pd.DataFrame({"tag": "favourite_category", "value": ["<b>𠮷</b>", "茶"], "customers": [30, 4]})


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_catalogue_names_every_tag_and_escapes_what_customers_typed(language):
    html = catalogue_html(REGISTRY, FRAME, VALUES, 10, language)
    assert all(f"<code>{name}</code>" in html for name in REGISTRY.tags)
    assert "<b>" not in html and "&lt;b&gt;𠮷&lt;/b&gt;" in html
    assert "<script" not in html and "http" not in html


def test_small_groups_are_not_counted_in_the_catalogue():
    html = catalogue_html(REGISTRY, FRAME, VALUES, 10, "en")
    assert html.count("not shown") == 2 and ">30<" not in html  # the 30 would give the 4 away
    more = pd.concat([VALUES, VALUES.iloc[:1].assign(value="wine", customers=50)])
    html = catalogue_html(REGISTRY, FRAME, more, 10, "en")
    assert html.count("not shown") == 2 and ">50<" in html and ">30<" not in html


def test_kinds_are_reported_as_fact_rule_or_predicted():
    assert {class_of(tag.kind) for tag in REGISTRY.tags.values()} == {"fact", "rule", "predicted"}


def test_what_is_lacking_is_reported_in_both_languages():
    lacking = shown_items(FRAME).set_index(FRAME["item"])["lacks"]
    assert lacking["education"] == {"en": "a or b", "zh": "a 或 b"}
    assert lacking["preference"] is None
