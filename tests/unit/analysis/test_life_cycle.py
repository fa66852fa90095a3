"""Every customer has one status and one stage; bounds come from the rhythm, or the reason why not is given."""

import itertools

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.rfm import life_cycle
from workbench.core.errors import DataError, ProfileError


def _gaps(days, of=1):
    counted = pd.Series(days).value_counts().sort_index()
    return pd.DataFrame({"gap_days": counted.index, "gaps_of_customer": of, "gaps": counted.to_numpy()})


def test_the_bounds_belong_to_the_earlier_status():
    recency = pd.Series([0, 90, 91, 180, 181, 360, 361, 4000, np.nan], dtype="float64")
    named = life_cycle.activity_status(recency)
    assert named.tolist()[:8] == [
        "active", "active", "dormant", "dormant", "pre_churn", "pre_churn", "churned", "churned",
    ]  # fmt: skip
    assert named.isna().tolist() == [False] * 8 + [True]


def test_bounds_can_be_declared():
    named = life_cycle.activity_status(pd.Series([10.0, 20.0, 30.0, 31.0]), bounds=(10, 20, 30))
    assert named.tolist() == ["active", "dormant", "pre_churn", "churned"]


@pytest.mark.parametrize("bounds", [(90, 90, 360), (0, 180, 360), (90, 180), (90, 180, 360.5)])
def test_bounds_that_do_not_increase_are_refused_with_their_values(bounds):
    with pytest.raises(ProfileError, match="Three increasing whole numbers of days above 0") as caught:
        life_cycle.activity_status(pd.Series([1.0]), bounds=bounds)
    assert str(list(bounds)) in str(caught.value)


def test_each_stage_follows_from_its_definition():
    features = pd.DataFrame(
        [
            ("prospect", np.nan, 0, np.nan, np.nan),
            ("new", 90, 1, 90, np.nan),
            ("active", 90, 2, 91, 1),
            ("at_risk", 91, 5, 700, 30),
            ("dormant", 181, 5, 700, 30),
            ("lost", 361, 5, 700, 30),
            ("reactivated", 3, 4, 700, 181),
            ("active", 3, 4, 700, 180),
        ],
        columns=["expected", "recency_days", "frequency_orders", "tenure_days", "last_gap_days"],
    )
    assert life_cycle.life_cycle_stage(features).tolist() == features["expected"].tolist()
    without_gap = life_cycle.life_cycle_stage(features.drop(columns="last_gap_days"))
    assert without_gap.tolist()[6] == "active"


def test_stages_are_exhaustive_whatever_is_missing():
    values = [np.nan, 0.0, 1.0, 90.0, 181.0, 400.0]
    features = pd.DataFrame(
        itertools.product(values, repeat=4),
        columns=["recency_days", "frequency_orders", "tenure_days", "last_gap_days"],
    )
    stages = life_cycle.life_cycle_stage(features)
    assert set(stages) <= set(life_cycle.LIFE_CYCLE_STAGES) and stages.notna().all()
    no_purchase = features["recency_days"].isna() | ~(features["frequency_orders"] > 0)
    assert ((stages == "prospect") == no_purchase).all()


def test_stages_agree_with_the_activity_status():
    features = pd.DataFrame({"recency_days": np.arange(0, 500.0), "frequency_orders": 2, "tenure_days": 900.0})
    status, stage = life_cycle.activity_status(features["recency_days"]), life_cycle.life_cycle_stage(features)
    pairs = set(zip(status, stage, strict=True))
    assert pairs == {("active", "active"), ("dormant", "at_risk"), ("pre_churn", "dormant"), ("churned", "lost")}


def test_a_missing_column_is_named_with_the_stage_that_writes_it():
    with pytest.raises(DataError, match="features: column 'tenure_days' not found.*03_build_features"):
        life_cycle.life_cycle_stage(pd.DataFrame({"recency_days": [1.0], "frequency_orders": [1]}))


def test_every_stage_has_a_management_view_and_two_names():
    assert set(life_cycle.MANAGEMENT_VIEW) == set(life_cycle.LIFE_CYCLE_STAGES)
    assert set(life_cycle.MANAGEMENT_VIEW.values()) == set(life_cycle.MANAGEMENT_VIEWS)
    assert all({"en", "zh"} == set(names) for names in life_cycle.LIFE_CYCLE_STAGES.values())
    assert life_cycle.management_view(pd.Series(["lost", "new"])).tolist() == ["win_back", "development"]


def test_bounds_are_quantiles_of_the_gaps():
    bounds = life_cycle.derive_bounds(_gaps(range(1, 1001)))
    assert bounds == life_cycle.Bounds((750, 900, 975), "derived", "", 1000, 1000)


def test_every_customer_weighs_the_same_in_the_rhythm():
    slow = _gaps(np.arange(100, 200))
    fast = pd.DataFrame({"gap_days": [2], "gaps_of_customer": [1000], "gaps": [50_000]})
    bounds = life_cycle.derive_bounds(pd.concat([fast, slow]), quantiles=(0.2, 0.5, 0.9))
    assert bounds.customers == 150 and bounds.days == (2, 124, 184)


def test_too_few_customers_fall_back_and_say_so():
    bounds = life_cycle.derive_bounds(_gaps(range(1, 100)))
    assert (bounds.days, bounds.source, bounds.reason) == ((90, 180, 360), "fallback", "too_few_customers")
    assert life_cycle.derive_bounds(_gaps([])).customers == 0


def test_gaps_that_are_all_equal_fall_back_and_say_so():
    bounds = life_cycle.derive_bounds(_gaps([30] * 500), fallback=(30, 60, 90))
    assert (bounds.days, bounds.source, bounds.reason) == ((30, 60, 90), "fallback", "no_spread")


def test_quantiles_out_of_order_are_refused():
    with pytest.raises(ProfileError, match=r"quantiles: \[0.9, 0.75, 0.975\]"):
        life_cycle.derive_bounds(_gaps([1]), quantiles=(0.9, 0.75, 0.975))


def test_the_choice_of_bounds_is_fixed_or_rhythm():
    gaps = _gaps(range(1, 1001))
    assert life_cycle.choose_bounds(days=(5, 6, 7)) == life_cycle.Bounds((5, 6, 7), "fixed")
    assert life_cycle.choose_bounds(gaps, bounds="rhythm").source == "derived"
    with pytest.raises(ProfileError, match="bounds: 'weekly'"):
        life_cycle.choose_bounds(gaps, bounds="weekly")
