"""Sentences on experiments: shares and their difference agree to the digit."""

import pytest

from workbench.report.findings.experiments import numbers_of
from workbench.report.text import say

ROW = {
    "method": "newcombe", "mean_treated": 0.1162, "mean_control": 0.0943, "effect": 0.0219, "low": 0.001, "high": 0.043,
    "detectable": 0.03,
}  # fmt: skip
SIZES = {"n_treated": 2137, "n_control": 1394}
WHO = {"experiment": "spring", "arm": "letter", "outcome": "bought"}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_shares_of_both_arms_differ_by_what_the_sentence_says(language):
    text = "".join(str(say("experiment_shown_rate", language, WHO | SIZES | numbers_of(ROW))).split())
    assert "11.6%" in text and "9.4%" in text and "2.2" in text
    assert "0.1" in text and "4.3" in text
