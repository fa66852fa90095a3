"""The record of the texts and labels that were looked up, and the digests that tell whether they are the same."""

import hashlib
import json
import re

import pytest

from workbench.report import text
from workbench.report.cards.tags import _on
from workbench.report.pages.page import heading_of
from workbench.report.text import (
    forget_names_read,
    has_label,
    has_text,
    label,
    pieces,
    say,
    text_digests,
    text_names_read,
)


@pytest.fixture(autouse=True)
def _nothing_read():
    forget_names_read()
    yield
    forget_names_read()


def hashed(name):
    return "label?:" + hashlib.sha256(name.encode()).hexdigest()[:12]


def test_what_is_said_is_recorded_and_what_is_not_is_not():
    say("ui_skip", "en")
    pieces("rfm_type_largest_heading", "zh", {"type": "important_value", "share": 0.2})
    label("active", "en")
    assert list(text_names_read()) == [
        "label:active", "label:important_value", "text:rfm_type_largest_heading", "text:ui_skip",
    ]  # fmt: skip


def test_names_in_a_list_are_recorded_each():
    say("ui_failed_stages", "en", {"stages": ["05_score_rfm", "09_value_customers"]})
    assert {"label:05_score_rfm", "label:09_value_customers"} < set(text_names_read())


def test_a_digest_is_of_both_languages():
    say("ui_skip", "en")
    entry = json.dumps(text.texts()["ui_skip"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert text_names_read() == {"text:ui_skip": hashlib.sha256(entry.encode()).hexdigest()[:12]}


def test_a_second_look_up_is_recorded_after_the_first_was_forgotten():
    for _ in range(2):
        say("ui_skip", "en")
        label("active", "en")
        label("orders_7d", "en")
        label("Toronto", "en")
        has_label("dormant")
        _on("portrait_card_as_of", "en", "2024-01-01")
        assert sorted(text_names_read()) == sorted(
            ["label:active", "label:dormant", "label:orders_7d", hashed("Toronto"), "text:portrait_card_as_of",
             "text:ui_skip"]
        )  # fmt: skip
        forget_names_read()
        assert text_names_read() == {}


def test_a_value_of_the_data_is_never_written_down():
    label("Wang Xiaoming", "en")
    assert text_names_read() == {hashed("Wang Xiaoming"): ""}
    label("\ud800", "en")  # half a character, as broken files have it
    assert len(text_names_read()) == 2


def test_what_is_no_name_is_not_recorded():
    for value in (None, float("nan"), True, {"en": "high", "zh": "高"}):
        label(value, "en")
    assert text_names_read() == {}


def test_labels_of_registered_features_count_as_labels():
    for name in ("orders_7d", "scale_loud_music", "recency_days"):
        label(name, "en")
    names = text_names_read()
    assert list(names) == ["label:orders_7d", "label:recency_days", "label:scale_loud_music"]
    assert all(re.fullmatch("[0-9a-f]{12}", digest) for digest in names.values())


def test_that_there_is_no_text_is_recorded_too():
    assert not has_text("no_such_text")
    assert text_names_read() == {"text:no_such_text": ""}


def test_a_heading_that_a_finding_has_not_is_recorded_as_lacking():
    heading_of({"stage": "05_score_rfm", "findings": [{"key": "rfm_no_purchase", "values": {}}]}, "en")
    assert text_names_read()["text:rfm_no_purchase_heading"] == ""


def test_digests_of_names_are_those_that_were_recorded():
    say("ui_skip", "zh")
    label("active", "zh")
    label("orders_7d", "zh")
    label("Toronto", "zh")
    has_text("no_such_text")
    names = text_names_read()
    assert text_digests(names) == names
    assert list(text_digests(reversed(names))) == list(reversed(names))


def test_a_change_of_either_language_changes_the_digest(monkeypatch):
    say("ui_skip", "en")
    label("active", "en")
    names = text_names_read()
    monkeypatch.setitem(text.texts(), "ui_skip", {**text.texts()["ui_skip"], "zh": "跳转"})
    monkeypatch.setitem(text.labels(), "active", {"en": "lively", "zh": "活跃"})
    today = text_digests(names)
    assert today.keys() == names.keys()
    assert all(today[name] != names[name] for name in names)


def test_a_text_or_label_that_is_gone_has_no_digest(monkeypatch):
    say("ui_skip", "en")
    label("active", "en")
    names = text_names_read()
    monkeypatch.delitem(text.texts(), "ui_skip")
    monkeypatch.delitem(text.labels(), "active")
    assert text_digests(names) == dict.fromkeys(names, "")


def test_a_name_that_has_a_label_now_has_a_digest_now(monkeypatch):
    label("Toronto", "en")
    names = text_names_read()
    monkeypatch.setitem(text.labels(), "Toronto", {"en": "Toronto, Ontario", "zh": "多伦多"})
    text._names_by_hash.cache_clear()
    assert text_digests(names)[hashed("Toronto")]
    monkeypatch.undo()
    text._names_by_hash.cache_clear()
    assert text_digests(names) == names


@pytest.mark.parametrize("name", ["text:", "label:", "label?:", "", "active", "other:active"])
def test_a_name_of_no_kind_has_no_digest(name):
    assert text_digests([name]) == {name: ""}
