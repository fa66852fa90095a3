"""What a stage tells: plain values, escaped words, and charts only where there is something to see."""

import datetime as dt
import decimal
import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from workbench.core.errors import WorkbenchError
from workbench.report.charts.chart import Chart
from workbench.report.findings.finding import KEY_WEIGHT, Finding
from workbench.run.stages import telling
from workbench.run.stages.telling import Telling, plain


@pytest.fixture
def shown(monkeypatch):
    """Collect what is displayed."""
    found = []
    monkeypatch.setattr(telling, "display", found.append)
    return found


@pytest.fixture
def stage(tmp_path, shown):
    return Telling("05_score_rfm", ("en", "zh"), "CNY", tmp_path)


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
def test_plain_values_are_what_json_holds(value, expected):
    found = plain(value)
    assert found == expected
    assert type(found) is type(expected)
    assert json.loads(json.dumps(found, allow_nan=False)) == expected


def test_metrics_are_recorded_flat_and_later_ones_replace_earlier_ones(stage):
    stage.record({"customers": np.int64(3), "share": float("nan")})
    stage.record({"customers": 4})
    assert stage.metrics == {"customers": 4, "share": None}


def test_a_finding_is_recorded_with_its_values_and_displayed_in_the_leading_language(stage, shown):
    stage.tell([Finding("churn_too_few", {"positives": np.int64(3), "needed": 30, "n": 50}, KEY_WEIGHT)])
    stage.tell(Finding("rfm_bounds", {"active_days": 90, "dormant_days": 180, "pre_churn_days": 360}, 0.1))
    first, second = stage.told["findings"]
    assert first == {
        "key": "churn_too_few", "values": {"positives": 3, "needed": 30, "n": 50}, "weight": 0.5, "key_finding": True,
    }  # fmt: skip
    assert second["key_finding"] is False
    assert shown[0].data.startswith("Only 3 of 50 customers")
    chinese = Telling("05_score_rfm", ("zh", "en"), "CNY", stage.folder)
    chinese.tell(Finding("churn_limit_cause"))
    assert shown[-1].data.startswith("模型说明")


def test_limits_are_kept_apart_from_findings(stage, shown):
    stage.caution([Finding("churn_limit_cause"), Finding("rfm_limit_relative", {"n": np.int64(7)})])
    assert stage.told["limits"] == [
        {"key": "churn_limit_cause", "values": {}}, {"key": "rfm_limit_relative", "values": {"n": 7}},
    ]  # fmt: skip
    assert stage.told["findings"] == []
    assert len(shown) == 2


def test_a_finding_without_its_values_is_refused_by_name(stage):
    with pytest.raises(WorkbenchError, match="text 'rfm_limit_relative': no value for n"):
        stage.tell(Finding("rfm_limit_relative"))


def test_no_value_can_act_as_markdown_or_html(stage, shown):
    spoilt = "<img src=x onerror=alert(1)> [a](javascript:x) `c` *b* _i_ #h |t| $x$ ~~s~~ \\ &lt;"
    stage.tell(Finding("quality_repairs", {"source": spoilt, "repairs": 1}))
    said = shown[0].data
    assert stage.told["findings"][0]["values"]["source"] == spoilt  # recorded as it is; the page escapes it itself
    assert "<img" not in said and "&lt;img" in said
    assert "&amp;lt;" in said
    bare = said.replace("\\\\", "")
    for mark in "`*_$[]#|~":
        assert mark in bare
        assert bare.count(mark) == bare.count(f"\\{mark}"), mark


def chart(language, *, drawn=True):
    said = {"en": "A title", "zh": "标题"}[language]
    return Chart(Figure(figsize=(4, 3)), said, f"alt {said}", f"note {said}", drawn)


def test_a_chart_is_drawn_once_per_language_and_the_leading_one_displayed(stage, shown):
    asked = []

    def plot(frame, *, language, about, colour):
        asked.append((list(frame), language, about.currency, colour))
        return chart(language)

    stage.show("grid", plot, pd.DataFrame({"r": [1]}), colour="red")
    assert asked == [(["r"], "en", "CNY", "red"), (["r"], "zh", "CNY", "red")]
    (figure,) = stage.told["figures"]
    assert figure["name"] == "grid"
    assert figure["title"] == {"en": "A title", "zh": "标题"}
    assert figure["alt"]["zh"] == "alt 标题"
    assert set(figure["files"]) == {"en", "zh"}
    for language, file in figure["files"].items():
        assert file.startswith(f"figures/05_score_rfm__grid.{language}.")
        assert (stage.folder / file).stat().st_size > 0
    assert len(shown) == 1


def test_a_chart_that_was_not_drawn_is_displayed_and_left_out_of_the_report(stage, shown):
    stage.show("grid", lambda language, about: chart(language, drawn=False))
    assert stage.told["figures"] == []
    assert len(shown) == 1


def test_one_chart_per_group_for_the_groups_named_that_have_values(stage):
    frame = pd.DataFrame({"variable": ["city", "city", "age", "gender"], "value": ["A", "B", None, "f"]})
    drawn = []

    def plot(rows, *, column, language, about):
        drawn.append((column, rows["value"].tolist(), language))
        return chart(language)

    stage.show_each("shares", plot, frame, by="variable", only=["gender", "age", "city", "nobody"])
    assert [each for each in drawn if each[2] == "en"] == [("gender", ["f"], "en"), ("city", ["A", "B"], "en")]
    assert [each["name"] for each in stage.told["figures"]] == ["shares_gender", "shares_city"]


def test_at_most_eight_charts_of_one_kind(stage):
    names = [f"v{at}" for at in range(12)]
    frame = pd.DataFrame({"variable": names, "value": "x"})
    stage.show_each("s", lambda rows, column, language, about: chart(language), frame, by="variable", only=names)
    assert [each["name"] for each in stage.told["figures"]] == [f"s_v{at}" for at in range(8)]


def test_a_table_keeps_the_columns_that_have_a_format_in_their_order(stage, shown):
    frame = pd.DataFrame({"rfm_type": ["general_value", "<b>"], "secret": [1, 2], "share": [0.5, np.nan]})
    stage.table("rfm_types", frame, {"share": "pct", "rfm_type": "label"}, note="rfm_bounds")
    (entry,) = stage.told["shown"]
    assert entry == {
        "name": "rfm_types", "title_key": "table_rfm_types", "columns": ["share", "rfm_type"],
        "rows": [[0.5, "general_value"], [None, "<b>"]], "formats": {"share": "pct", "rfm_type": "label"},
        "note_key": "rfm_bounds",
    }  # fmt: skip
    assert "<b>" not in shown[0].data
    assert "secret" not in shown[0].data


def test_a_library_table_is_staged_once_per_language(stage, shown):
    stage.embed("pointblank", lambda rows, language: f"<p>{rows} {language}</p>", 3)
    (entry,) = stage.told["embedded"]
    assert entry["files"]["zh"] == "figures/05_score_rfm__pointblank.zh.html"
    assert (stage.folder / entry["files"]["zh"]).read_text(encoding="utf-8") == "<p>3 zh</p>"
    assert shown[0].data == "<p>3 en</p>"


def test_candidates_are_named_by_their_column_and_share_settings(stage):
    frame = pd.DataFrame({"k": [2, 3], "silhouette": [0.4, np.nan]})
    stage.candidates(frame, by="k", settings={"seed": 1})
    assert stage.told["candidates"] == [
        {"name": "k=2", "settings": {"k": 2, "seed": 1}, "metrics": {"silhouette": 0.4}},
        {"name": "k=3", "settings": {"k": 3, "seed": 1}, "metrics": {"silhouette": None}},
    ]
    stage.candidates(pd.DataFrame({"candidate": ["logistic"], "auc": [0.8]}), by="candidate", settings={})
    assert stage.told["candidates"][-1]["name"] == "logistic"
    stage.candidates(pd.DataFrame(), by="k", settings={})
    assert len(stage.told["candidates"]) == 3
