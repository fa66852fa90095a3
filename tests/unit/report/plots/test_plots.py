"""Every chart: its message, its notes, its limits, in both languages."""

import re
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from workbench.core.errors import DataError
from workbench.report.charts.chart import About, footnote
from workbench.report.charts.marks import name_of
from workbench.report.charts.theme import render
from workbench.report.plots import (
    features as plots_features,
    identity as plots_identity,
    quality as plots_quality,
    rfm as plots_rfm,
    segments as plots_segments,
    shares as plots_shares,
    value as plots_value,
)
from workbench.report.plots.churn import scores as plots_churn
from workbench.report.plots.description import cohorts as plots_cohorts, population as plots_description

HOSTILE = '$x_1$ <img src=x onerror="alert(1)"> 100% 张三'
ABOUT = About(source="Shop & Sons", period=(date(2017, 1, 1), date(2017, 12, 31)), currency="CNY")
NAMES = {"a": {"en": "Recent, frequent", "zh": "近期、高频"}, "b": {"en": "Rare", "zh": "低频"}}


def months(count: int) -> list[date]:
    return [month.date() for month in pd.date_range("2015-01-01", periods=count, freq="MS")]


def frames() -> dict[str, tuple]:
    spend = np.arange(1.0, 41.0) ** 2
    customers = pd.DataFrame({"monetary_total": spend, "recency_days": np.arange(40.0), "evening_share": spend / 1600})
    shares = {"share": [0.5, 0.3, 0.2], "share_low": [0.4, 0.2, 0.1], "share_high": [0.6, 0.4, 0.3]}
    segments = {"segment": ["a", "b"], "n": [60, 40], "share": [0.6, 0.4], "low": [0.5, 0.3], "high": [0.7, 0.5]}
    return {
        "completeness": (
            plots_quality.plot_completeness,
            pd.DataFrame({"table": "customers", "column": ["age", HOSTILE], "rows": [100, 100], "filled": [100, 32]}),
            {},
        ),
        "records": (
            plots_quality.plot_records,
            pd.DataFrame(
                {
                    "step": ["records", "date-invalid", HOSTILE, "accepted"],
                    "kind": ["records", "rejected", "left_out", "accepted"],
                    "rows": [1000, 40, 60, 900],
                    "source": HOSTILE,
                }
            ),
            {},
        ),
        "rows_by_month": (
            plots_quality.plot_rows_by_month,
            pd.DataFrame({"month": months(4), "rows": [5, 9, 7, 1], "complete": [True, True, True, False]}),
            {},
        ),
        "coverage": (
            plots_features.plot_feature_coverage,
            pd.DataFrame({"feature": ["gap_days_mean", "recency_days"], "customers": 100, "known": [80, 100]}),
            {},
        ),
        "spreads": (
            plots_features.plot_feature_spreads,
            customers,
            {"columns": ["monetary_total", "recency_days", "evening_share", "absent"]},
        ),
        "distribution": (plots_description.plot_distribution, customers, {"column": "monetary_total", "log": True}),
        "lorenz": (
            plots_description.plot_lorenz,
            pd.DataFrame({"customers_share": [0, 0.1, 0.2, 0.5, 1], "spend_share": [0, 0.5, 0.7, 0.9, 1]}),
            {},
        ),
        "months": (
            plots_description.plot_months,
            pd.DataFrame(
                {
                    "month": months(3),
                    "new": [50, 20, 1],
                    "retained": [0, 40, 5],
                    "recalled": [0, 0, 2],
                    "lost": [0, 10, None],
                    "complete": [True, True, False],
                }
            ),
            {},
        ),
        "cohorts": (
            plots_cohorts.plot_cohorts,
            pd.DataFrame(
                {
                    "cohort": [*months(3)[:1] * 3, *months(3)[1:2] * 2, months(3)[2]],
                    "months_since": [0, 1, 2, 0, 1, 1],
                    "n": [100, 100, 100, 300, 300, None],
                    "share": [1.0, 0.4, 0.3, 1.0, 0.2, None],
                }
            ),
            {},
        ),
        "shares": (
            plots_shares.plot_shares,
            pd.DataFrame({"value": ["45-54", HOSTILE, "65+"], "n": [50, 30, 20], **shares}),
            {"column": "age_band"},
        ),
        "differences": (
            plots_description.plot_differences,
            pd.DataFrame(
                {
                    "group": ["45-54", HOSTILE, "65+"],
                    "variable": ["monetary_total", "category_top", "recency_days"],
                    "value": [None, "tea", None],
                    "effect": [0.4, -0.6, 0.1],
                    "effect_low": [0.3, -0.7, -0.1],
                    "effect_high": [0.5, -0.5, 0.3],
                }
            ),
            {},
        ),
        "grid": (
            plots_rfm.plot_grid,
            pd.DataFrame(
                [(r, f, 10 * r * f, 5.0 * r) for r in range(1, 6) for f in range(1, 6)],
                columns=["r_score", "f_score", "customers", "monetary_mean"],
            ),
            {},
        ),
        "types": (
            plots_rfm.plot_types,
            pd.DataFrame(
                {
                    "rfm_type": ["important_value", "general_winback", "general_value"],
                    "customers": [50, 30, 20],
                    "value_share": [0.8, 0.05, 0.15],
                    **shares,
                }
            ),
            {},
        ),
        "statuses": (
            plots_rfm.plot_statuses,
            pd.DataFrame({"activity_status": ["churned", "active", "dormant"], "customers": [50, 30, 20], **shares}),
            {},
        ),
        "k_scan": (
            plots_segments.plot_k_scan,
            pd.DataFrame(
                {
                    "k": [2, 3, 4],
                    "silhouette": [0.5, 0.4, 0.3],
                    "null_mean": [0.3, 0.3, 0.3],
                    "null_sd": [0.01, 0.01, 0.01],
                    "min_jaccard": [0.9, 0.7, 0.5],
                    "bootstrap_min_jaccard": [0.95, 0.8, 0.6],
                }
            ),
            {"chosen": 2, "verdict": "structure"},
        ),
        "profile": (
            plots_segments.plot_profile,
            pd.DataFrame(
                {
                    "segment": ["a", "a", "b", "b"],
                    "feature": ["recency_days", "monetary_total"] * 2,
                    "difference": [-1.2, 1.5, 0.8, -0.9],
                }
            ),
            {"names": NAMES},
        ),
        "sizes": (plots_segments.plot_sizes, pd.DataFrame(segments), {"names": NAMES}),
        "projection": (
            plots_segments.plot_projection,
            pd.DataFrame({"x": np.arange(20.0), "y": np.arange(20.0) % 3, "segment": ["a", "b"] * 10}),
            {"explained": (0.5, 0.2), "names": NAMES},
        ),
        "calibration": (
            plots_churn.plot_calibration,
            pd.DataFrame(
                {
                    "predicted": [0.1, 0.6],
                    "observed": [0.12, 0.55],
                    "low": [0.05, 0.4],
                    "high": [0.2, 0.7],
                    "n": [90, 30],
                }
            ),
            {},
        ),
        "gain": (
            plots_churn.plot_gain,
            pd.DataFrame({"share_contacted": [0, 0.1, 0.5, 1], "share_reached": [0, 0.4, 0.8, 1]}),
            {},
        ),
        "candidates": (
            plots_churn.plot_candidates,
            pd.DataFrame(
                {
                    "candidate": ["baseline", "logistic"],
                    "auc": [0.74, 0.771],
                    "auc_low": [0.71, 0.744],
                    "auc_high": [0.77, 0.799],
                    "chosen": [False, True],
                }
            ),
            {},
        ),
        "importance": (
            plots_churn.plot_importance,
            pd.DataFrame(
                {
                    "feature": ["recency_days", HOSTILE],
                    "importance": [0.08, 0.01],
                    "low": [0.06, -0.01],
                    "high": [0.1, 0.02],
                }
            ),
            {},
        ),
        **value_frames(),
    }


def value_frames() -> dict[str, tuple]:
    weeks = pd.DataFrame({"week": [1, 2, 3, 4], "actual_total": [1, 5, 9, 14], "bgnbd_total": [1.2, 4, 8, 12.5]})
    weeks = weeks.assign(pareto_total=[1.1, 4.5, 9, 13.2], calibration_weeks=2.0, chosen="pareto")
    repeats = {
        "repeats": [0, 1, 7],
        "n": [100, 50, 20],
        "observed": [0.2, 0.7, 6.1],
        "low": [0.1, 0.5, 5],
        "high": [0.3, 0.9, 7],
    }
    models = {"bgnbd": [0.2, 0.6, 6], "pareto": [0.15, 0.65, 6.2], "naive": [0, 1.2, 12]}
    tenths = {
        "decile": range(1, 11),
        "n": 24,
        "predicted": np.arange(10.0)[::-1],
        "observed": np.arange(10.0)[::-1] * 1.1,
    }
    cells = [
        (r, r, r if r < 5 else np.inf, idle, 84.0 * idle, 84.0 * idle + 83, 40, 0.9 - 0.2 * idle, 0.3 + r)
        for r in (0, 1, 5)
        for idle in (0, 1, 2)
    ]
    ladder = {
        "rank": [0.01, 0.1, 0.5],
        "expected_value": [300.0, 60, 3],
        "value_low": [20.0, 0, 0],
        "value_high": [660.0, 190, 11],
    }
    curves = {
        "group": ["all"] * 2 + ["a"] * 2,
        "n": [200] * 2 + [90] * 2,
        "days": [0.0, 90] * 2,
        "waiting": [1, 0.6, 1, 0.4],
    }
    bands = [f"{name}{end}" for name in ("repeats", "idle") for end in ("", "_low", "_high")]
    columns = [*bands, "n", "p_alive", "expected_orders"]
    ranked = pd.DataFrame({"observed": np.arange(40.0), "chosen": np.arange(40.0) % 30, "naive": np.arange(40.0) % 20})
    return {
        "tracking": (plots_value.plot_tracking, weeks, {}),
        "frequency": (plots_value.plot_frequency, pd.DataFrame({**repeats, **models}).assign(chosen="pareto"), {}),
        "tenths": (plots_value.plot_tenths, pd.DataFrame(tenths).assign(observed_share=0.2), {}),
        "ranking": (plots_value.plot_ranking, ranked, {}),
        "matrix": (plots_value.plot_matrix, pd.DataFrame(cells, columns=columns), {}),
        "ladder": (plots_value.plot_ladder, pd.DataFrame(ladder), {"level": 0.9, "horizon_days": 180}),
        "returns": (plots_value.plot_returns, pd.DataFrame(curves).assign(low=0.3, high=0.8), {"names": NAMES}),
    }


ALL = list(frames())
ORDERED = {"records", "profile"}  # the order of rows says something


def draw(name: str, frame: pd.DataFrame | None = None, **settings):
    plot, own, options = frames()[name]
    return plot(own if frame is None else frame, **{"about": ABOUT, **options, **settings})


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", ALL)
def test_nothing_is_clipped_and_no_glyph_is_missing(name, language):
    chart = draw(name, language=language)
    render(chart, "svg")
    width, height = chart.figure.bbox.width, chart.figure.bbox.height
    renderer = chart.figure.canvas.get_renderer() if hasattr(chart.figure.canvas, "get_renderer") else None
    texts = [*chart.figure.texts]
    for axes in chart.figure.axes:
        texts += [*axes.texts, *axes.get_yticklabels(), axes.title, axes.xaxis.label, axes.yaxis.label]
    for text in (artist for artist in texts if artist.get_visible() and artist.get_text().strip()):
        box = text.get_window_extent(renderer)
        assert box.x0 >= -1, text.get_text()
        assert box.x1 <= width + 1, text.get_text()
        assert box.y0 >= -1, text.get_text()
        assert box.y1 <= height + 1, text.get_text()


@pytest.mark.parametrize("name", ALL)
def test_both_languages_carry_the_same_numbers(name):
    def numbers(text: str) -> list[str]:
        return sorted(re.findall(r"\d[\d,.]*\d|\d", text))

    english, chinese = (draw(name, language=language) for language in ("en", "zh"))
    if "month" not in name:  # "Dec 2017" is 2017年12月
        assert numbers(english.title) == numbers(chinese.title)
    assert english.title != chinese.title
    assert re.search(r"[\u4e00-\u9fff]", chinese.title)
    assert english.note.endswith("1 January 2017 to 31 December 2017. Source: Shop & Sons")
    assert "来源：Shop & Sons" in chinese.note


@pytest.mark.parametrize("name", ALL)
def test_alt_text_tells_the_message_and_the_values(name):
    chart = draw(name)
    assert chart.title in chart.alt
    assert len(chart.alt) > len(chart.title) + 20


@pytest.mark.parametrize("name", [name for name in ALL if name not in ORDERED])
def test_row_order_does_not_matter(name):
    frame = frames()[name][1]
    assert render(draw(name), "svg") == render(draw(name, frame.sample(frac=1, random_state=3)), "svg")


@pytest.mark.parametrize("name", ALL)
def test_the_frame_is_left_as_it_was(name):
    plot, frame, options = frames()[name]
    before = frame.copy(deep=True)
    plot(frame, **options)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", ALL)
def test_an_empty_frame_says_there_is_not_enough_data(name, language):
    chart = draw(name, frames()[name][1].iloc[:0], language=language)
    assert chart.title == {"en": "Not enough data for this chart", "zh": "数据不足，无法绘图"}[language]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", [name for name in ALL if name != "records"])
def test_one_row_can_be_drawn(name):
    render(draw(name, frames()[name][1].tail(1)), "svg")


@pytest.mark.parametrize("name", [name for name in ALL if name not in {"spreads", "distribution"}])
def test_all_missing_is_not_enough_data(name):
    frame = frames()[name][1].astype(object)
    frame.loc[:, :] = None
    assert draw(name, frame).title == "Not enough data for this chart"


def test_a_missing_column_is_named_with_the_nearest():
    with pytest.raises(DataError) as error:
        plots_churn.plot_gain(pd.DataFrame({"share_contactd": [0.1], "reached": [0.2]}))
    assert "no column 'share_contacted'" in str(error.value)
    assert "Did you mean 'share_contactd'?" in str(error.value)
    assert "no column 'share_reached'" in str(error.value)


def test_titles_are_computed_from_the_data():
    assert draw("lorenz").title == "50 % of spend comes from 10 % of customers"
    source = f"records of '{HOSTILE}'"
    assert draw("records").title == f"900 of 1,000 {source} can be used (90 %); 100 cannot"
    assert draw("gain").title == (
        "The riskiest 10 % of customers include 40 % of the leavers, 4 times as many as a random choice"
    )
    assert draw("statuses").title == "30 % of customers bought within 90 days, 50 % not for over 360 days"
    assert draw("months").title == (
        "Feb 2015: 60 customers bought, 20 of them new; 10 of the previous month did not buy"
    )
    assert draw("types", language="zh").title == "重要价值客户：占客户的 50%，占消费的 80%".replace(" ", "\u2009")


def test_exact_points_of_the_curve_win_over_those_read_off_it():
    marks = pd.DataFrame({"spend_share": [0.8, 0.5], "customers_share": [0.33, 0.12]})
    assert draw("lorenz", marks=marks).title == "50 % of spend comes from 12 % of customers"


def test_a_curve_from_the_lowest_spender_says_the_same():
    frame = frames()["lorenz"][1]
    assert draw("lorenz", 1 - frame).title == draw("lorenz").title


def test_cohorts_are_weighted_by_their_size_and_open_cells_stay_blank():
    chart = draw("cohorts")
    assert chart.title == "20 % of new customers buy again in the next month"  # the first month is left-censored
    written = [text.get_text() for text in chart.figure.axes[0].texts]
    assert sorted(written) == ["20 %", "30 %", "40 %"]


def test_lost_customers_stand_below_zero():
    axes = draw("months").figure.axes[0]
    assert min(bar.get_y() + bar.get_height() for bar in axes.patches) == -10
    assert axes.get_ylim()[0] < -10


def test_small_groups_are_not_shown():
    frame = frames()["statuses"][1].assign(customers=[5, 30, 20])
    chart = draw("statuses", frame)
    assert chart.title == "30 % of customers bought within 90 days"
    assert "50 %" not in chart.alt
    assert chart.alt.count("not shown") == 2  # the 20 would give the 5 away
    cells = frames()["grid"][1].assign(customers=4)
    assert {text.get_text() for text in draw("grid", cells).figure.axes[0].texts} == {"–"}


def test_no_hidden_count_of_the_grid_can_be_computed_from_the_total():
    cells = frames()["grid"][1].assign(customers=[4, *range(20, 44)])
    written = [text.get_text() for text in draw("grid", cells).figure.axes[0].texts]
    assert written.count("–") == 2 and "20" not in written


def test_activity_is_labelled_by_its_days_never_by_words_of_the_life_cycle():
    assert plots_rfm._status_names((14, 34, 95), "en") == {
        "active": "up to 14 days", "dormant": "15–34 days", "pre_churn": "35–95 days", "churned": "over 95 days",
    }  # fmt: skip
    for language in ("en", "zh"):
        chart = draw("statuses", language=language, days=(14, 34, 95))
        words = {name_of(stage, language) for stage in plots_rfm.STAGES} | {"churned", "pre-churn", "预流失", "已流失"}
        assert not [word for word in words if word in chart.title + chart.alt]


def test_the_remaining_categories_stand_last_and_numbers_are_left_out():
    frame = pd.DataFrame(
        {
            "part": ["other", "value", "value", "numeric"],
            "value": [None, "GROCERY", "DELI", "7"],
            "n": [60, 25, 15, 100],
            "share": [0.6, 0.25, 0.15, None],
        }
    )
    chart = draw("shares", frame)
    assert chart.title == "Age band: GROCERY for 25 % of customers, the largest group"
    rows = [label.get_text() for label in chart.figure.axes[0].get_yticklabels()]
    assert rows == ["GROCERY", "DELI", "all others"]


def test_a_chart_without_data_says_that_it_is_not_drawn():
    assert draw("shares").drawn
    assert not draw("shares", frames()["shares"][1].iloc[:0]).drawn


def test_suppressed_shares_are_named_as_such():
    frame = frames()["shares"][1]
    frame = frame.assign(share=[0.5, 0.3, None], n=[50, 30, None])
    assert "65+: not shown" in draw("shares", frame).alt
    chart = draw("shares", frame, about=replace(ABOUT, least=40))
    assert "65+: not shown" in chart.alt and chart.alt.count("not shown") == 2


def test_differences_that_may_be_chance_are_grey():
    axes = draw("differences").figure.axes[0]
    colours = [tuple(colour) for colour in axes.collections[-1].get_facecolors().round(2)]
    assert len(set(colours)) == 3


def test_tgi_is_compared_with_a_hundred():
    frame = frames()["differences"][1].rename(columns=lambda name: name.replace("effect", "tgi"))
    frame = frame.assign(tgi=[150, 60, 105], tgi_low=[120, 50, 90], tgi_high=[160, 70, 120])
    assert "TGI 150" in draw("differences", frame, measure="tgi").title


def test_unknown_measure_is_refused():
    with pytest.raises(DataError, match="measure 'tgj'. Did you mean 'tgi'?"):
        draw("differences", measure="tgj")


def test_a_waterfall_that_does_not_add_up_is_refused():
    frame = frames()["records"][1].assign(rows=[1000, 40, 60, 901])
    with pytest.raises(DataError, match="1000 records less 100 lost are 900, and the last step says 901"):
        draw("records", frame)


def test_months_without_rows_are_counted():
    frame = pd.DataFrame({"month": [date(2017, 1, 5), date(2017, 4, 2)], "rows": [3, 4]})
    assert draw("rows_by_month", frame).title == "2 months between Jan 2017 and Apr 2017 have no rows"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [1, 2, 14, 30, 61, 200])
def test_any_number_of_months_can_be_read(count):
    chart = draw("rows_by_month", pd.DataFrame({"month": months(count), "rows": 5}))
    labels = chart.figure.axes[0].get_xticklabels()
    assert 1 <= len(labels) <= 16
    boxes = [label.get_window_extent() for label in labels]
    assert all(a.x1 <= b.x0 for a, b in zip(boxes, boxes[1:], strict=False))


def test_values_a_log_axis_cannot_show_are_counted():
    frame = pd.DataFrame({"monetary_total": [-5.0, 0.0, 1.0, 10.0, 100.0, None]})
    note = draw("distribution", frame).note
    assert "1 without a value not drawn" in note
    assert "2 at or below 0 not drawn" in note


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("log", [True, False])
def test_equal_values_can_be_drawn(log):
    frame = pd.DataFrame({"monetary_total": [5.0] * 12})
    assert "half of the customers at or below ¥5" in draw("distribution", frame, log=log).title


def test_an_unknown_column_is_named_with_the_nearest():
    with pytest.raises(DataError, match="no column 'monetary_totl'. Did you mean 'monetary_total'?"):
        draw("distribution", column="monetary_totl")


@pytest.mark.parametrize("verdict", ["structure", "continuum", "no_structure", "too_little_data", ""])
def test_every_verdict_has_its_own_message(verdict):
    titles = {draw("k_scan", verdict=verdict).title for verdict in ("structure", "continuum", "no_structure", "")}
    assert len(titles) == 4
    assert draw("k_scan", verdict=verdict).title


def test_a_segment_has_one_colour_in_every_chart():
    sizes = draw("sizes").figure.axes[0].collections[-1].get_facecolors()
    key = draw("projection").figure.axes[1].collections
    assert sizes[0].tolist() == key[0].get_facecolors()[0].tolist()


def test_no_feature_beyond_chance_is_said():
    frame = frames()["importance"][1].assign(low=-0.01)
    assert draw("importance", frame).title == "No single feature matters beyond chance"


def test_every_plot_of_the_modules_is_tried_here():
    modules = [
        plots_quality,
        plots_features,
        plots_description,
        plots_cohorts,
        plots_rfm,
        plots_segments,
        plots_churn,
        plots_shares,
    ]
    own = [(module, name) for module in [*modules, plots_value] for name in module.__all__]
    named = {name for module, name in own if getattr(module, name).__module__ == module.__name__}
    assert named == {plot.__name__ for plot, _, _ in frames().values()}


def test_segments_that_are_all_too_small_give_a_chart_that_says_so():
    sizes = pd.DataFrame({"segment": ["all"], "n": [2], "share": [1.0], "low": [0.3], "high": [1.0]})
    assert not plots_segments.plot_sizes(sizes).drawn


@pytest.mark.parametrize(
    ("language", "texts"), [("en", "No link is based on similarity"), ("zh", "没有凭相似度建立的关联")]
)
def test_where_keys_decide_alone_the_waterfall_says_so(language, texts):
    nothing = pd.DataFrame(columns=["comparison", "weight", "start", "end"])
    chart = plots_identity.plot_waterfall(nothing, language=language)
    assert chart.title == texts
    assert not chart.drawn


def test_a_profile_that_credits_nobody_names_no_source():
    about = About(source={"en": "", "zh": ""})
    assert footnote("zh", about, "n = 3") == "n = 3"
    assert footnote("zh", replace(about, source={"en": "x", "zh": "某店"})) == "来源：某店"


def test_few_pairs_leave_no_mathematical_signs_on_the_axis():
    frame = pd.DataFrame({"weight": [-4, 2, 8], "pairs": [3, 2, 4]})
    axes = plots_identity.plot_scores(frame, threshold=0.95, language="zh").figure.axes[0]
    axes.figure.canvas.draw()
    texts = [label.get_text() for label in axes.yaxis.get_ticklabels(which="both")]
    assert not [text for text in texts if "$" in text or "mathdefault" in text]


def test_shares_of_known_customers_are_called_so():
    frame = frames()["shares"][1].assign(missing=1668)
    assert "50 % of the 100 customers where it is known" in draw("shares", frame).title
    assert "已知的 100 位客户中" in draw("shares", frame, language="zh").title.replace("\u2009", " ")
    assert "known" not in draw("shares", frame.assign(missing=0)).title
