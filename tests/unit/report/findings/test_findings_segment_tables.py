"""The table of portraits shows what is asked first, in the order of the segments, and nothing that was suppressed."""

import pandas as pd
import pytest

from workbench.report.findings.segments.tables import PORTRAITS, shown_portraits

SIZES = pd.DataFrame({"segment": ["rich", "poor"], "n": [100, 40]})
NAMES = {"rich": {"en": "Rich", "zh": "富"}, "poor": {"en": "Poor", "zh": "贫"}}


def portrait(*rows):
    names = ["group", "variable", "kind", "value", "n", "share", "median", "suppressed"]
    table = pd.DataFrame(rows, columns=names)
    blank = {name: float("nan") for name in ("base_share", "tgi", "tgi_low", "tgi_high", "base_median")}
    return table.assign(block="rfm", differs=False, effect=float("nan"), **blank)


def test_the_most_frequent_values_stand_before_medians_in_the_order_of_the_segments():
    table = shown_portraits(
        portrait(
            ("poor", "recency_days", "numeric", None, 40, None, 300.0, False),
            ("poor", "weekday_top", "categorical", "6", 20, 0.5, None, False),
            *(("rich", "province", "categorical", name, n, n / 100, None, False) for name, n in
              (("a", 10), ("b", 40), ("c", 30), ("d", 20))),
            ("rich", "gender", "categorical", "female", 70, 0.7, None, False),
            ("rich", "gap_days_std", "numeric", None, 100, None, 3.0, False),
            ("rest", "gender", "categorical", "female", 70, 0.7, None, False),
        ),
        NAMES, SIZES, 10,
    )  # fmt: skip
    assert list(table) == list(PORTRAITS)
    traits = [trait if isinstance(trait, str) else trait["en"] for trait in table["trait"]]
    assert list(zip([segment["en"] for segment in table["segment"]], traits, table["n"], strict=True)) == [
        ("Rich", "Gender: female", 70),
        ("Rich", "Province: b", 40),
        ("Rich", "Province: c", 30),
        ("Rich", "Province: d", 20),
        ("Poor", "Main weekday: Saturday", 20),
        ("Poor", "recency_days", 40),
    ]


@pytest.mark.parametrize(
    ("names", "segments"),
    [
        ({"rich": {"en": "Tier 1 of 2: many", "zh": "高层：多"}, "poor": {"en": "Tier 2 of 2: few", "zh": "低层：少"}},
         ["Tier 1 of 2", "Tier 2 of 2"]),
        ({"rich": {"en": "A: many", "zh": "甲：多"}, "poor": {"en": "A: few", "zh": "甲：少"}}, ["A: many", "A: few"]),
    ],
)  # fmt: skip
def test_tiers_are_called_by_what_keeps_them_apart(names, segments):
    rows = [(key, "gender", "categorical", "female", 70, 0.7, None, False) for key in names]
    assert [segment["en"] for segment in shown_portraits(portrait(*rows), names, SIZES, 10)["segment"]] == segments


def test_suppressed_cells_and_an_empty_portrait_show_nothing():
    hidden = portrait(("rich", "gender", "categorical", "male", None, None, None, True))
    assert shown_portraits(hidden, NAMES, SIZES, 10).empty
    assert shown_portraits(hidden.iloc[:0], NAMES, SIZES, 10).empty


def test_declared_attributes_that_set_a_segment_apart_follow_the_strongest_first():
    rows = [
        ("rich", "contract", "categorical", "Two year", 100, 0.7, None, False),
        ("rich", "tech support", "categorical", "No internet", 100, 1.0, None, False),
        ("rich", "streaming", "categorical", "No internet", 100, 1.0, None, False),
        ("rich", "phone", "categorical", "No", 100, 0.1, None, False),
        ("rich", "charges", "numeric", None, 100, None, 90.0, False),
        ("rich", "partner", "categorical", "Yes", 100, 0.6, None, False),
    ]
    table = portrait(*rows).assign(
        block="declared", effect=[0.4, 1.5, 1.5, -0.9, 0.8, 0.1], differs=[True] * 5 + [False],
        tgi=[150, 300, 300, 20, None, 104], base_median=[None] * 4 + [60.0, None],
    )  # fmt: skip
    shown = shown_portraits(table, NAMES, SIZES, 10)["trait"]
    traits = [trait if isinstance(trait, str) else trait["en"] for trait in shown]
    assert traits == ["Tech support: No internet", "charges", "Contract: Two year"]


def test_a_segment_whose_size_is_hidden_has_no_traits():
    names = {**NAMES, "few": {"en": "Few", "zh": "少"}, "many": {"en": "Many", "zh": "多"}}
    sizes = pd.DataFrame({"segment": list(names), "n": [100, 12, 4, 300]})
    rows = portrait(*((key, "gender", "categorical", "female", 3, 0.7, None, False) for key in names))
    # with the small one goes the next smallest, which would give it away
    assert [segment["en"] for segment in shown_portraits(rows, names, sizes, 10)["segment"]] == ["Rich", "Many"]
    assert len(shown_portraits(rows, names, sizes, 3)) == 4
