"""Content variants: the first that holds and can be filled, safe values, and faults before a run."""

import ibis
import pandas as pd
import pytest

from workbench.analysis.actions.content import columns_of_content, content_faults, fill_content, placeholders
from workbench.core.actions.definition import Action

KINDS = {
    "city": "category",
    "spend_90d": "money",
    "last_day": "date",
    "is_member": "flag",
    "favourite_category": "category",
}
LAST = {"text": {"en": "Hello", "zh": "您好"}}


def variants(*entries):
    content = [{"text": {"en": text, "zh": text}, **({"when": when} if when else {})} for when, text in entries]
    return Action(name="offer", label={"en": "x", "zh": "x"}, channel="sms", cost=1.0, content=[*content, LAST])


def filled(values, *entries, kinds=KINDS, words=None):
    frame = pd.DataFrame({"customer_id": [f"{at}" for at in range(len(values[next(iter(values))]))], **values})
    action = variants(*entries)
    result = fill_content(
        frame["customer_id"].tolist(), action.content, ibis.memtable(frame), kinds, words=words or {}, language="en"
    )
    return result["content"].tolist(), result["variant"].tolist()


def test_the_first_variant_that_holds_and_can_be_filled_is_used():
    values = {"city": ["上海", "北京", None], "spend_90d": [150.0, 12.5, 300.0]}
    texts, numbers = filled(values, ("spend_90d > 100", "{city}: {spend_90d}"), ("", "In {city}"))
    assert texts == ["上海: 150", "In 北京", "Hello"] and numbers == [1, 2, 3]


def test_a_condition_on_a_missing_value_does_not_hold():
    texts, _ = filled({"city": ["a", None]}, ("city != 'b'", "not b"))
    assert texts == ["not b", "Hello"]


@pytest.mark.parametrize(
    "value",
    [
        "<b>x</b>",
        "{city}",
        "=1+1",
        "+86",
        "@x",
        "a\nb",
        "a\u202eb",
        "http://x.cn",
        "WWW.x.cn",
        "",
        "  ",
        "nan",
        "x" * 61,
    ],
)
def test_a_value_that_cannot_stand_in_a_message_counts_as_missing(value):
    assert filled({"city": [value]}, ("", "In {city}"))[0] == ["Hello"]


def test_values_are_written_for_a_reader_and_a_text_is_one_line():
    values = {"spend_90d": [1234.5, 10.0], "last_day": pd.to_datetime(["2025-07-01", None]), "city": ["gz", "x"]}
    texts, _ = filled(values, ("", "{city}\n on {last_day}"), ("", "{spend_90d}"), words={"city": {"gz": "Guangzhou"}})
    assert texts == ["Guangzhou on 2025-07-01", "10"]
    assert filled({"spend_90d": [1234.5]}, ("", "{spend_90d}"))[0] == ["1234.50"]


def test_a_column_that_this_data_lacks_is_missing_for_everybody():
    texts, numbers = filled({"city": ["a"]}, ("spend_90d > 1", "x"), ("", "{spend_90d}"))
    assert (texts, numbers) == (["Hello"], [3])


def test_the_first_category_is_the_favourite_one():
    assert columns_of_content(variants(("city = 'a'", "{first_category}")).content) == ["city", "favourite_category"]
    assert filled({"favourite_category": ["Rings"]}, ("", "{first_category}!"))[0] == ["Rings!"]


def test_customers_outside_the_table_get_the_last_text_and_nobody_gets_none():
    action = variants(("spend_90d > 0", "x"))
    table = ibis.memtable(pd.DataFrame({"customer_id": ["a"], "spend_90d": [1.0]}))
    texts = fill_content(["b", "a"], action.content, table, KINDS, words={}, language="en")
    assert texts["content"].tolist() == ["Hello", "x"] and texts["customer_id"].tolist() == ["b", "a"]
    assert fill_content(["a"], [], table, KINDS, words={}, language="en")["content"].tolist() == [""]
    assert fill_content([], action.content, table, KINDS, words={}, language="en").empty


@pytest.mark.parametrize(
    ("when", "text", "message"),
    [
        ("", "In {ctiy}", "offer.yaml, content 1: unknown placeholder {ctiy}. The name of a tag or a feature. Did you"),
        ("", "{is_member}", "{is_member} is yes or no, no text"),
        ("", "{religion}", "placeholder {religion} is sensitive"),
        ("city = 'a'", "<b>Sale</b>", "the text holds < or >. Plain text, no HTML"),
        ("", "{city", "a brace without its other half"),
        ("city = 'a'", "=cmd", "the text starts with =. No start of a formula"),
        ("ctiy = 'a'", "x", "unknown column 'ctiy' in ctiy = 'a'. Did you mean 'city'?"),
        ("city = ", "x", "content 1"),
    ],
)
def test_a_fault_of_the_content_is_found_before_a_run(when, text, message):
    faults = content_faults(variants((when, text)), KINDS, forbidden={"religion": "is sensitive"}, where="offer.yaml")
    assert any(message in str(fault) for fault in faults), [str(fault) for fault in faults]


def test_content_without_a_text_for_everybody_is_refused():
    action = variants(("", "{city}"))
    action = action.model_copy(update={"content": action.content[:1]})
    assert "no condition" not in str(content_faults(action, KINDS, where="x")[0])
    assert "a last text for everybody" in str(content_faults(action, KINDS, where="x")[0]).lower()
    assert content_faults(variants(("city = 'a'", "{city}")), KINDS, where="x") == []


def test_placeholders_are_named_in_order_each_once():
    assert placeholders("{b} {a} {b}") == ["b", "a"]
