"""Sentences and labels in two languages."""

import re

import pytest

from workbench.core.errors import WorkbenchError
from workbench.core.stages import STAGES, TABLES
from workbench.report import text
from workbench.report.numbers import LANGUAGES, VALUE_KINDS, fewer_than
from workbench.report.text import fill, has_label, label, labels, pieces, placeholders, say, texts
from workbench.report.text_files import TOKEN

SAMPLE = {"int": 12, "num": 0.5, "pct": 0.25, "money": 9.5, "days": 30, "date": "2017-12-31", "month": "2017-12"}
HALF_WIDTH = re.compile(r"[\u4e00-\u9fff][,;:?!()](?!\()|[\u4e00-\u9fff]\.(?!\d)")


def test_each_text_names_the_same_values_in_both_languages():
    differing = {key: e for key, e in texts().items() if placeholders(e["en"]) != placeholders(e["zh"])}
    assert differing == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_can_be_said_with_the_values_it_names(language):
    for key, entry in texts().items():
        values = {
            name: ["customers"] if kind == "labels" else SAMPLE.get(kind, 0.5 if kind in VALUE_KINDS else "active")
            for name, kind in placeholders(entry["en"]).items()
        }
        sentence = say(key, language, values)
        assert sentence
        assert "{" not in sentence and "**" not in sentence and "((" not in sentence, key


def test_marks_are_closed_in_every_text():
    for key, entry in texts().items():
        for template in entry.values():
            assert template.count("**") % 2 == 0, key
            assert template.count("((") == template.count("))"), key
            assert template.count("`") % 2 == 0, key


def test_chinese_uses_full_width_punctuation():
    entries = {**texts(), **labels()}
    bare = {key: re.sub(r"\{[^}]*\}|\(\(|\)\)|\*\*", "", entry["zh"]) for key, entry in entries.items()}
    assert [key for key, sentence in bare.items() if HALF_WIDTH.search(sentence)] == []


def test_every_table_column_and_stage_has_a_label():
    names = {column.name for table in TABLES.values() for column in table.columns} | set(TABLES) | set(STAGES)
    assert sorted(name for name in names if name not in labels()) == []
    assert has_label("recency_days") and not has_label("no_such_name")


def test_every_stage_that_answers_says_how_to_read_it():
    assert [stage for stage in STAGES if stage != "14_write_report" and f"how_to_read_{stage}" not in texts()] == []


def test_numbers_are_marked_and_values_are_never_read_for_marks():
    values = {"segment": "**x** ((y)) {n}", "share": 0.22, "value_share": 0.58, "n": 10}
    assert pieces("segments_most_value", "en", values) == [
        ("“", ""), ("**x** ((y)) {n}", ""), ("” brings ", ""), ("58 %", "strong"), (" of net spend with ", ""),
        ("22 %", ""), (" of customers. ", ""), ("n = ", "quiet"), ("10", "quiet"), (".", "quiet"),
    ]  # fmt: skip


def test_a_sentence_of_ours_begins_with_a_capital_letter():
    values = {"share_spend": 0.5, "share_customers": 0.143}
    assert say("spend_concentration_heading", "en", values) == "Half of spend comes from 14 % of customers"
    assert say("variable_known", "en", {"variable": "income", "share": 0.3, "n": 10}).startswith("Income is known")


def test_chinese_sets_thin_spaces_at_latin_and_digits_but_leaves_values_alone():
    thin = text.THIN_SPACE
    sentence = say("spend_concentration_heading", "zh", {"share_spend": 0.5, "share_customers": 0.143})
    assert sentence == f"一半的消费来自{thin}14%{thin}的客户"
    assert "张A三" in say("quality_records", "zh", {"source": "张A三", "records": 1, "rejected": 0, "share": 0})


def test_a_value_that_ends_in_chinese_has_no_blank_after_it():
    thin = text.THIN_SPACE
    values = {"action": "回访", "gain": 34_000, "share": 0.44}
    title = "".join(piece for piece, _ in text.pieces("chart_plan_title", "zh", values, "CNY"))
    assert title == f"回访贡献最多，占预期增益{thin}¥3.4万的{thin}44%"


def test_what_was_measured_before_the_assignment_has_a_label():
    assert text.label("orders_365d_before", "en") == "orders in the 365 days before"
    assert text.label("bought_90d_before", "zh") == "此前 90 天购买"


def test_label_falls_back_to_the_name_and_reads_mappings_and_missing_values():
    assert label("Toronto", "zh") == "Toronto"
    assert label({"en": "high", "zh": "高"}, "zh") == "高"
    assert (label(None, "en"), label(float("nan"), "en")) == ("–", "–")
    assert label("active", "zh") == "活跃"


def test_a_scale_is_called_as_the_portrait_item_it_measures():
    assert label("scale_consumption_concept", "zh") == "消费观念（量表得分）"
    assert label("scale_loud_music", "en") == "loud music (scale score)"


def test_an_unknown_key_names_the_nearest_and_a_lacking_value_is_named():
    with pytest.raises(WorkbenchError, match=r"unknown text 'rfm_champion'. Did you mean 'rfm_champions'\?"):
        say("rfm_champion", "en")
    with pytest.raises(WorkbenchError, match=r"text 'segments_too_little_data': no value for needed. Given: n."):
        say("segments_too_little_data", "en", {"n": 3})
    with pytest.raises(WorkbenchError, match="unknown language 'de'"):
        say("ui_skip", "de")
    with pytest.raises(WorkbenchError, match="unknown language 'de'"):
        label("active", "de")


def test_names_between_backticks_are_set_as_code_and_lose_the_marks_in_plain_text():
    values = {"n": 12}
    assert ("06_segment_customers.features", "code") in pieces("segments_no_features", "en", values)
    assert "`" not in say("segments_no_features", "zh", values)


def test_a_noun_and_its_verb_go_with_the_count():
    sentence = [say("segments_tried", "en", {"count": n, "methods": ["kmeans"]}) for n in (1, 2)]
    assert sentence == ["1 candidate was compared: k-means.", "2 candidates were compared: k-means."]


@pytest.mark.parametrize(
    ("count", "sentence"),
    [
        (0, "0 customers"), (1, "1 customer"), (1.0, "1 customer"), (0.6, "1 customer"), (1.4, "1 customer"),
        (21, "21 customers"), (1001, "1,001 customers"), (None, "– customers"), (float("nan"), "– customers"),
        (float("inf"), "∞ customers"), (fewer_than(10), "not shown customers"),
    ],
)  # fmt: skip
def test_the_form_is_that_of_the_number_shown(count, sentence):
    assert fill("{n:int} {n|customer|customers}", "en", {"n": count}) == sentence


def test_a_number_with_decimals_takes_the_plural():
    texts = [fill("{n:num} {n|purchase|purchases}", "en", {"n": n}) for n in (0.77, 1, 1.4)]
    assert texts == ["0.77 purchases", "1 purchase", "1.4 purchases"]


def test_a_form_without_its_value_is_an_error():
    with pytest.raises(WorkbenchError, match="no value for n"):
        fill("{n|customer|customers}", "en", {})


COUNT = re.compile(r"\{(\w+):(?:int|num)\}(?:\*\*)?((?: (?:\{\w+\|[^}]*\}|[a-z-]+)){1,4})")
PLURAL_VERBS = {"are", "were", "have", "do"}
SINGULARS = {"s", "of", "is", "times", "was", "has", "this", "less", "its", "as", "across", "gives", "does", "us"}
IRREGULAR = {"people", "children"}
END_OF_NOUN = {
    "of", "in", "to", "and", "or", "with", "from", "by", "for", "at", "who", "that", "against", "on", "are", "were",
    "have", "do", "is", "was", "has", "would", "will", "did", "left", "bought", "gave", "failed", "beyond",
}  # fmt: skip


def unmatched(template):
    """Return what follows a count as a plural noun, or as a plural verb, without forms for one and for many."""
    for match in COUNT.finditer(template):
        words = match[2].split(" ")[1:] if "{" not in match[2] else match[2].split("{")[0].split()
        for word in words:
            if word in PLURAL_VERBS or word in IRREGULAR or (word.endswith("s") and word not in SINGULARS):
                yield match[0]
            if word in END_OF_NOUN or word in PLURAL_VERBS:
                break


def test_a_plural_after_a_count_is_seen():
    wrong = [
        "{n:int} customers",
        "**{n:int}** new customers",
        "{n:num} purchases",
        "{n:int} were lost",
        "{n:int} people",
    ]
    right = ["{n:int} {n|customer|customers}", "{n:int} new {n|customer|customers}", "{n:int} of all customers"]
    assert [template for template in wrong if not list(unmatched(template))] == []
    assert [template for template in right if list(unmatched(template))] == []


def test_every_count_before_a_noun_has_both_forms():
    faults = {key: parts for key, entry in texts().items() if (parts := list(unmatched(entry["en"])))}
    assert faults == {}


def test_a_form_belongs_to_a_number_shown_in_the_same_english_text():
    for key, entry in texts().items():
        kinds = placeholders(entry["en"])
        forms = [token["counted"] for token in TOKEN.finditer(entry["en"]) if token["counted"]]
        assert {kinds.get(name) for name in forms} <= {"int", "num"}, key
        assert "|" not in entry["zh"], key


@pytest.mark.parametrize(("name", "zh"), [("bought_90d", "90 天内购买"), ("returned_30d", "30 天内退货")])
def test_an_outcome_within_days_has_a_label_and_no_column_name_is_shown(name, zh):
    assert label(name, "zh") == zh
    assert f"within {name.split('_')[1].removesuffix('d')} days" in label(name, "en")
    assert label("bought_it_90d", "en") == "bought_it_90d"  # a name the user gave
