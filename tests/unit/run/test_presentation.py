"""What a stage shows: plain values, escaped texts, and charts only if there is enough data."""

import datetime as dt
import decimal
import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from workbench.core.errors import DataError, WorkbenchError
from workbench.report.charts.chart import Chart
from workbench.report.findings.finding import KEY_WEIGHT, Finding
from workbench.report.tables import by_group
from workbench.run.stages import presentation
from workbench.run.stages.presentation import Presentation, plain, record_candidates, show_each, show_page


@pytest.fixture
def shown(monkeypatch):
    """The objects that are displayed."""
    objects = []
    monkeypatch.setattr(presentation, "display", objects.append)
    return objects


@pytest.fixture
def stage(tmp_path, shown):
    return Presentation("05_score_rfm", ("en", "zh"), "CNY", tmp_path)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int64(3), 3), (np.float64(0.5), 0.5), (np.bool_(True), True), (True, True), ("x", "x"), (None, None),
        (float("nan"), None), (np.float64("inf"), None), (pd.NA, None), (pd.NaT, None), (np.datetime64("NaT"), None),
        (dt.date(2024, 3, 1), "2024-03-01"), (pd.Timestamp("2024-03-01"), "2024-03-01 00:00:00"),
        (decimal.Decimal("1.50"), "1.50"), ((1, np.nan), [1, None]), ({1: {"a": np.int8(2)}}, {"1": {"a": 2}}),
        ({"en": "High", "zh": "高"}, {"en": "High", "zh": "高"}), ([], []),
    ],
)  # fmt: skip
def test_plain_values_can_be_written_as_json(value, expected):
    result = plain(value)
    assert result == expected
    assert type(result) is type(expected)
    assert json.loads(json.dumps(result, allow_nan=False)) == expected


def test_metrics_are_recorded_flat_and_later_ones_replace_earlier_ones(stage):
    stage.metric({"customers": np.int64(3), "share": float("nan")})
    stage.metric({"customers": 4})
    assert stage.metrics == {"customers": 4, "share": None}


def test_a_finding_is_recorded_with_its_values_and_displayed_in_the_leading_language(stage, shown):
    stage.say([Finding("churn_too_few", {"positives": np.int64(3), "needed": 30, "n": 50}, KEY_WEIGHT)])
    stage.say(Finding("rfm_bounds", {"active_days": 90, "dormant_days": 180, "pre_churn_days": 360}, 0.1))
    first, second = stage.records["findings"]
    assert first == {
        "key": "churn_too_few", "values": {"positives": 3, "needed": 30, "n": 50}, "weight": 0.5, "key_finding": True,
    }  # fmt: skip
    assert second["key_finding"] is False
    assert shown[0].data.startswith("Only 3 of 50 customers")
    chinese = Presentation("05_score_rfm", ("zh", "en"), "CNY", stage.folder)
    chinese.say(Finding("churn_limit_cause"))
    assert shown[-1].data.startswith("模型说明")


def test_limits_are_kept_apart_from_findings(stage, shown):
    stage.limit([Finding("churn_limit_cause"), Finding("rfm_limit_relative", {"n": np.int64(7)})])
    assert stage.records["limits"] == [
        {"key": "churn_limit_cause", "values": {}}, {"key": "rfm_limit_relative", "values": {"n": 7}},
    ]  # fmt: skip
    assert stage.records["findings"] == []
    assert len(shown) == 2


def test_a_finding_without_a_value_names_the_value(stage):
    with pytest.raises(WorkbenchError, match="text 'rfm_limit_relative': no value for n"):
        stage.say(Finding("rfm_limit_relative"))


def test_no_value_can_act_as_markdown_or_html(stage, shown):
    malicious = "<img src=x onerror=alert(1)> [a](javascript:x) `c` *b* _i_ #h |t| $x$ ~~s~~ \\ &lt;"
    stage.say(Finding("quality_repairs", {"source": malicious, "repairs": 1}))
    text = shown[0].data
    assert stage.records["findings"][0]["values"]["source"] == malicious  # recorded unchanged; the page escapes it
    assert "<img" not in text and "&lt;img" in text
    assert "&amp;lt;" in text
    bare = text.replace("\\\\", "")
    for mark in "`*_$[]#|~":
        assert mark in bare
        assert bare.count(mark) == bare.count(f"\\{mark}"), mark


def chart(language, *, drawn=True):
    title = {"en": "A title", "zh": "标题"}[language]
    return Chart(Figure(figsize=(4, 3)), title, f"alt {title}", f"note {title}", drawn)


def test_a_chart_is_drawn_once_per_language_and_the_leading_one_displayed(stage, shown):
    calls = []

    def plot(frame, *, language, about, colour):
        calls.append((list(frame), language, about.currency, colour))
        return chart(language)

    stage.show("grid", plot, pd.DataFrame({"r": [1]}), colour="red")
    assert calls == [(["r"], "en", "CNY", "red"), (["r"], "zh", "CNY", "red")]
    (figure,) = stage.records["figures"]
    assert figure["name"] == "grid"
    assert figure["title"] == {"en": "A title", "zh": "标题"}
    assert figure["alt"]["zh"] == "alt 标题"
    assert set(figure["files"]) == {"en", "zh"}
    for language, file in figure["files"].items():
        assert file.startswith(f"figures/05_score_rfm__grid.{language}.")
        assert (stage.folder / file).stat().st_size > 0
    assert len(shown) == 1


def test_a_chart_without_enough_data_is_displayed_and_left_out_of_the_report(stage, shown):
    stage.show("grid", lambda language, about: chart(language, drawn=False))
    assert stage.records["figures"] == []
    assert len(shown) == 1


def test_one_chart_is_drawn_per_named_group_with_values(stage):
    frame = pd.DataFrame({"variable": ["city", "city", "age", "gender"], "value": ["A", "B", None, "f"]})
    drawn = []

    def plot(rows, *, column, language, about):
        drawn.append((column, rows["value"].tolist(), language))
        return chart(language)

    show_each(stage, "shares", plot, by_group(frame, "variable", ["gender", "age", "city", "nobody"]))
    assert [call for call in drawn if call[2] == "en"] == [("gender", ["f"], "en"), ("city", ["A", "B"], "en")]
    assert [figure["name"] for figure in stage.records["figures"]] == ["shares_gender", "shares_city"]


def test_at_most_eight_charts_of_one_kind(stage):
    names = [f"v{at}" for at in range(12)]
    frame = pd.DataFrame({"variable": names, "value": "x"})
    show_each(stage, "s", lambda rows, column, language, about: chart(language), by_group(frame, "variable", names))
    assert [figure["name"] for figure in stage.records["figures"]] == [f"s_v{at}" for at in range(8)]


def test_a_table_has_the_columns_with_a_format_in_that_order(stage, shown):
    frame = pd.DataFrame({"rfm_type": ["general_value", "<b>"], "secret": [1, 2], "share": [0.5, np.nan]})
    stage.table("rfm_types", frame, {"share": "pct", "rfm_type": "label"}, note="rfm_bounds")
    (entry,) = stage.records["shown"]
    assert entry == {
        "name": "rfm_types", "title_key": "table_rfm_types", "columns": ["share", "rfm_type"],
        "rows": [[0.5, "general_value"], [None, "<b>"]], "formats": {"share": "pct", "rfm_type": "label"},
        "note_key": "rfm_bounds",
    }  # fmt: skip
    assert "<b>" not in shown[0].data
    assert "secret" not in shown[0].data


def test_an_html_page_is_staged_once_per_language(stage, shown):
    show_page(stage, "pointblank", lambda rows, language: f"<p>{rows} {language}</p>", 3)
    (entry,) = stage.records["embedded"]
    assert entry["files"]["zh"] == "figures/05_score_rfm__pointblank.zh.html"
    assert (stage.folder / entry["files"]["zh"]).read_text(encoding="utf-8") == "<p>3 zh</p>"
    assert shown[0].data == "<p>3 en</p>"


def test_candidates_are_named_by_their_column_and_share_settings(stage):
    frame = pd.DataFrame({"k": [2, 3], "silhouette": [0.4, np.nan]})
    record_candidates(stage, frame, by="k", settings={"seed": 1})
    assert stage.records["candidates"] == [
        {"name": "k=2", "settings": {"k": 2, "seed": 1}, "metrics": {"silhouette": 0.4}},
        {"name": "k=3", "settings": {"k": 3, "seed": 1}, "metrics": {"silhouette": None}},
    ]
    record_candidates(stage, pd.DataFrame({"candidate": ["logistic"], "auc": [0.8]}), by="candidate", settings={})
    assert stage.records["candidates"][-1]["name"] == "logistic"
    record_candidates(stage, pd.DataFrame(), by="k", settings={})
    assert len(stage.records["candidates"]) == 3


def test_a_custom_text_is_filled_and_no_value_in_it_acts_as_markdown_or_html(stage, shown):
    stage.say({"en": "**{n:int}** of {who}", "zh": "**{n:int}** 位{who}"}, n=1234, who="<b>*x*</b>")
    (entry,) = stage.records["findings"]
    assert entry["text"] == {"en": "**{n:int}** of {who}", "zh": "**{n:int}** 位{who}"}
    assert entry["values"] == {"n": 1234, "who": "<b>*x*</b>"}
    assert shown[0].data == r"**1,234** of &lt;b&gt;\*x\*&lt;/b&gt;"


def test_a_text_in_one_language_is_used_for_both_and_html_in_it_is_text(stage, shown):
    stage.limit("Not <i>shown</i>: {x:pct}", x=0.256)
    (entry,) = stage.records["limits"]
    assert entry["text"]["zh"] == entry["text"]["en"]
    assert shown[0].data == "Not &lt;i>shown&lt;/i>: 26 %"


def test_a_text_without_a_value_names_the_value(stage):
    with pytest.raises(WorkbenchError, match="no value for n"):
        stage.say("{n:int} customers")


def test_a_custom_figure_is_shown_with_its_title(stage, shown):
    figure = Figure(figsize=(4, 3))
    figure.subplots().plot([1, 2], [3, 4])
    stage.show("line", figure, title={"en": "It grows", "zh": "增长"}, alt="A line upward")
    (entry,) = stage.records["figures"]
    assert entry["title"] == {"en": "It grows", "zh": "增长"}
    assert entry["alt"] == {"en": "A line upward", "zh": "A line upward"}
    assert (stage.folder / entry["files"]["zh"]).stat().st_size > 0
    with pytest.raises(DataError, match="str is no figure"):
        stage.show("word", "figure")


def test_a_custom_table_is_formatted_by_type(stage):
    frame = pd.DataFrame({"city": ["a"], "n": [3], "buyer_share": [0.5], "spend": [2.5]})
    stage.table("cities", frame, title="Cities")
    (entry,) = stage.records["shown"]
    assert entry["formats"] == {"city": "text", "n": "int", "buyer_share": "pct", "spend": "num"}
    assert entry["title"] == {"en": "Cities", "zh": "Cities"}


def test_column_names_become_text_and_duplicates_are_refused(stage):
    stage.table("years", pd.DataFrame([[1, 2]], columns=[2024, 2025]))
    frame = pd.DataFrame({"kind": ["a", "a"], "spend": [1.0, 3.0]}).groupby("kind").agg(["mean", "max"]).reset_index()
    stage.table("spend", frame)
    years, spend = stage.records["shown"]
    assert (years["columns"], years["rows"]) == (["2024", "2025"], [[1, 2]])
    assert (spend["columns"], spend["rows"]) == (["kind", "spend mean", "spend max"], [["a", 2.0, 3.0]])
    with pytest.raises(DataError, match="several columns are called x"):
        stage.table("twice", pd.DataFrame([[1, 2]], columns=["x", "x"]))


def test_a_cell_may_hold_an_array(stage):
    stage.table("codes", pd.DataFrame({"codes": [np.array([1, 2]), np.array([3.0, np.nan])]}))
    assert [row[0] for row in stage.records["shown"][0]["rows"]] == [[1, 2], [3.0, None]]


@pytest.mark.parametrize("name", ["", "a%", "..", "/a", "a//b", "a/../b", "a" * 201, "a\nb"])
def test_a_metric_name_that_mlflow_would_refuse_is_refused(stage, name):
    with pytest.raises(DataError, match="cannot be the name of a metric"):
        stage.metric(name, 1)


@pytest.mark.parametrize("name", ["customers", "transactions.rows", "share top 10", "客户数", "a/b:c-d"])
def test_names_of_metrics_may_be_in_any_language(stage, name):
    stage.metric(name, 1)
    assert stage.metrics == {name: 1}


def test_a_metric_is_recorded_by_name(stage):
    stage.metric("customers", np.int64(7))
    assert stage.metrics == {"customers": 7}
