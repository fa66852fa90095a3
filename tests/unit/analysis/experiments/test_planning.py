"""Planning a test, and campaigns without a control."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.experiments.association import associate, e_value
from workbench.analysis.experiments.planning import (
    assign,
    detectable_mean,
    detectable_rate,
    sample_size_mean,
    sample_size_rate,
)


def test_sample_sizes_of_named_formulas():
    assert sample_size_rate(0.2, 0.05) == 1030  # Evan Miller's calculator
    assert sample_size_rate(0.2, 0.05, formula="unpooled") == 1091
    assert sample_size_mean(10, 2) == 392
    assert sample_size_mean(10, 2, variance_saved=0.5) == 196
    assert sample_size_rate(0.2, 0.05, ratio=3) < 1030


def test_the_detectable_effect_and_the_sample_size_are_inverse():
    assert detectable_mean(10, 392, 392) == pytest.approx(2, abs=0.01)
    assert detectable_rate(0.2, 1_000, 1_000) == pytest.approx(0.0501, abs=0.0005)


def people(n):
    return pd.DataFrame({"customer_id": [f"c{at:05}" for at in range(n)], "tier": ["high", "mid", None] * (n // 3)})


def test_arms_have_their_shares_in_every_stratum_whatever_the_order():
    customers = people(3_000)
    arms = assign(customers, {"treat": 0.9, "hold_out": 0.1}, seed="plan 7", strata=["tier"])
    joined = arms.merge(customers, on="customer_id").fillna({"tier": "none"})
    shares = joined.assign(held=joined["arm"] == "hold_out").groupby("tier")["held"].mean()
    assert shares.tolist() == pytest.approx([0.1] * 3, abs=0.001)
    pd.testing.assert_frame_equal(
        arms,
        assign(
            customers.sample(frac=1, random_state=1), {"treat": 0.9, "hold_out": 0.1}, seed="plan 7", strata=["tier"]
        ),
    )
    other = assign(customers, {"treat": 0.9, "hold_out": 0.1}, seed="plan 8", strata=["tier"])
    assert (other["arm"] != arms["arm"]).mean() > 0.1


def test_many_small_strata_keep_the_share_on_average():
    customers = pd.DataFrame(
        {"customer_id": [f"c{at}" for at in range(4_000)], "shop": [str(at // 2) for at in range(4_000)]}
    )
    arms = assign(customers, {"treat": 0.7, "hold_out": 0.3}, seed="s", strata=["shop"])
    assert (arms["arm"] == "treat").mean() == pytest.approx(0.7, abs=0.02)


def test_the_e_value_is_the_published_one():
    assert e_value(3.9) == pytest.approx(7.26, abs=0.005)  # VanderWeele and Ding 2017, example of breastfeeding
    assert e_value(1 / 3.9) == pytest.approx(e_value(3.9))
    assert e_value(1.0) == 1


def test_overlap_weights_take_a_known_cause_away():
    draws = np.random.default_rng(0)
    cause = draws.normal(0, 1, 20_000)
    contacted = draws.random(20_000) < 1 / (1 + np.exp(-cause))
    values = cause + draws.normal(0, 1, 20_000)
    measured = associate(values, contacted, cause[:, None])
    assert measured.crude > 0.7
    assert measured.low < 0 < measured.high and abs(measured.difference) < 0.05
    with_effect = associate(values + 0.5 * contacted, contacted, cause[:, None])
    assert with_effect.difference == pytest.approx(0.5, abs=0.05)
    assert with_effect.e_value > measured.e_value >= 1
