"""Bands stand from low to high; other categories are left alone."""

import pytest

from workbench.report.charts.bands import band_order


@pytest.mark.parametrize(
    "names",
    [
        ["<18", "18-24", "25-29", "60+"],
        ["Under 15K", "15-24K", "100-124K", "250K+"],
        ["18岁以下", "18~24岁", "25~29岁", "60岁以上"],
        ["0", "1", "2", "3+"],
        ["不足1万", "1-3万", "3万以上"],
        ["up to 5", "5", "over 5"],
    ],
)
def test_bands_stand_from_low_to_high(names):
    assert [names[::-1][at] for at in band_order(names[::-1])] == names


@pytest.mark.parametrize(
    "names",
    [[], ["367", "356"], ["Gold", "25-34"], ["18-24", "18-29"], ["2024-05-01"], ["A1", "B2"], ["12-18 h pm 3", ""]],
)
def test_other_categories_have_no_order_of_their_own(names):
    assert band_order(names) is None
