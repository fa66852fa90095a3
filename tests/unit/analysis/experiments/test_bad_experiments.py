"""What can be wrong with an experiment, each fault planted in a whole one: what is shown, and what is not."""

from datetime import date

import ibis
import numpy as np
import pandas as pd
import pytest

from workbench.analysis.experiments.designs import read_experiments
from workbench.analysis.experiments.guards import GUARDS, INVALIDATING
from workbench.analysis.experiments.statistics.effects import compare
from workbench.analysis.experiments.statistics.samples import linearised, mean_sample, ratio_sample, samples_by_arm
from workbench.analysis.experiments.statistics.sequential import always_valid, mixture_scale
from workbench.analysis.experiments.studies import measure_experiments
from workbench.analysis.experiments.study import Settings, study_experiment
from workbench.core.errors import DataError

AS_OF, N = date(2025, 7, 1), 2_000


def assigned(n=N, seed=0, share=0.5, **columns):
    draws = np.random.default_rng(seed)
    frame = {
        "experiment": "spring",
        "customer_id": [f"c{at:05}" for at in range(n)],
        "arm": np.where(draws.random(n) < share, "触达组", "对照组"),
        "assigned_at": pd.Timestamp("2025-03-01"),
        "spend": draws.gamma(2, 10, n),
    }
    return pd.DataFrame(frame | columns)


def study(frame, *, tables=None, as_of=AS_OF, settings=Settings(n_bootstraps=50), **design):  # noqa: B008
    (experiment,) = read_experiments(frame, **design)
    return study_experiment(experiment, {"experiments": ibis.memtable(frame), **(tables or {})}, settings, as_of=as_of)


def fired(result):
    return {guard.name for guard in result.guards if guard.fired}


def test_a_sound_experiment_with_an_arm_named_in_chinese_fires_nothing():
    frame = assigned()
    frame["spend"] += 5 * (frame["arm"] == "触达组")
    result = study(frame)
    assert (result.verdict, result.experiment.control, fired(result)) == ("shown", "对照组", set())
    row = result.effects.iloc[0]
    assert row["low"] < 5 < row["high"] and row["relative_low"] < 0.25 < row["relative_high"]
    assert row["winsorised"] == pytest.approx(row["effect"], abs=1)


def test_without_a_control_arm_nothing_is_compared_and_the_arms_are_named():
    with pytest.raises(DataError, match="no control arm among '触达组', '邮件组'"):
        measure_experiments({"experiments": ibis.memtable(assigned().replace({"对照组": "邮件组"}))}, as_of=AS_OF)


def test_a_plan_that_held_nobody_out_is_reported_and_stops_nothing():
    alone = assigned(50).assign(experiment="p_coupon", arm="treat", share=0.9, spend=None)
    both = pd.concat([assigned().assign(share=np.nan), alone])
    measured = measure_experiments({"experiments": ibis.memtable(both)}, as_of=AS_OF, n_bootstraps=50)
    assert measured.alone == {"p_coupon": "treat"}
    assert [result.experiment.name for result in measured.studies] == ["spring"]


def test_arms_of_three_customers_show_no_number():
    result = study(assigned().groupby("arm").head(3))
    assert "size" in fired(result) and result.verdict == "not_shown" and result.effects["effect"].isna().all()


def test_ninety_to_ten_is_sound_where_it_was_planned_and_not_valid_where_it_was_not():
    frame = assigned(share=0.9)
    assert study(frame).verdict == "not_valid"
    planned = study(frame, shares={"触达组": 0.9, "对照组": 0.1})
    assert (planned.verdict, fired(planned)) == ("not_shown", set())
    assert study(frame.assign(share=frame["arm"].map({"触达组": 0.9, "对照组": 0.1}))).verdict == "not_shown"


def test_an_outcome_of_zeros_has_no_effect_and_no_relative_lift():
    row = study(assigned(spend=0.0)).effects.iloc[0]
    assert (row["effect"], row["p_value"], row["verdict"]) == (0, 1, "not_shown") and np.isnan(row["relative"])


def test_half_missing_evenly_counts_the_others_and_unevenly_is_not_valid():
    frame = assigned()
    even = study(frame.assign(spend=frame["spend"].where(frame.index % 2 == 0)))
    assert even.verdict == "not_shown" and even.effects.iloc[0][["n_treated", "n_control"]].sum() == N / 2
    uneven = study(frame.assign(spend=frame["spend"].where((frame["arm"] == "对照组") | (frame.index % 2 == 0))))
    assert uneven.verdict == "not_valid" and "attrition" in fired(uneven)


def test_assignments_after_the_data_are_immature():
    late = study(assigned(assigned_at=pd.Timestamp("2025-08-01")))
    assert late.verdict == "immature" and late.effects["effect"].isna().all()


def test_an_arm_renamed_midway_is_named_and_shows_no_effect():
    frame = assigned()
    second = frame.index >= N // 2
    frame.loc[second, "assigned_at"] = pd.Timestamp("2025-03-10")
    frame.loc[second & (frame["arm"] == "触达组"), "arm"] = "短信组"
    result = study(frame)
    assert {"renamed", "shares"} <= fired(result) and result.verdict == "not_valid"


def test_a_control_that_was_contacted_and_customers_in_two_arms_are_not_valid():
    frame = assigned()
    reached = frame["arm"].eq("触达组") | (frame.index % 20 == 0)
    campaigns = frame.loc[reached, ["customer_id"]].assign(campaign_id="m", sent_at=pd.Timestamp("2025-03-02"))
    result = study(frame, tables={"campaigns": ibis.memtable(campaigns)})
    assert result.verdict == "not_valid" and fired(result) == {"contamination"}
    twice = frame.head(60).assign(arm=frame["arm"].head(60).map({"触达组": "对照组", "对照组": "触达组"}))
    assert fired(study(pd.concat([frame, twice]))) == {"two_arms"}


def test_a_household_in_both_arms_counts_where_households_were_assigned():
    frame = assigned()
    units = {customer: f"h{at // 2}" for at, customer in enumerate(frame["customer_id"])}
    assert "two_arms" in fired(study(frame, units=units))
    whole = frame.assign(arm=np.where((np.arange(N) // 2) % 2, "触达组", "对照组"))
    assert fired(study(whole, units=units)) == set()


def test_households_that_differ_fire_no_guard_though_their_customers_are_alike():
    """Rows are not independent: by customer, imbalance and reversals would be found in one of three."""
    counts = dict.fromkeys(GUARDS, 0)
    for seed in range(25):
        draws = np.random.default_rng(seed)
        household = np.repeat(np.arange(65), 6)
        level = draws.normal(0, 1, 65)[household]
        arm = np.where(draws.permutation(65)[household] < 32, "触达组", "对照组")
        frame = assigned(390, seed, arm=arm, spend=50 + level + draws.normal(0, 0.2, 390), before=level)
        units = dict(zip(frame["customer_id"], household.astype(str), strict=True))
        settings = Settings(covariates=("before",), n_bootstraps=50)
        for guard in study(frame, settings=settings, units=units).guards:
            counts[guard.name] += guard.fired
    assert max(counts[name] for name in (*INVALIDATING, "balance", "reversal")) == 0
    assert counts["outliers"] <= 4


def test_a_ratio_of_two_outcomes_is_compared_by_the_delta_method():
    draws = np.random.default_rng(5)
    frame = assigned(4_000)
    treated = frame["arm"] == "触达组"
    frame["orders"] = draws.poisson(2, 4_000)
    frame["money"] = frame["orders"] * draws.gamma(4, np.where(treated, 11, 10))
    result = study(frame, settings=Settings(outcomes=("money/orders", "money"), n_bootstraps=50))
    row = result.effects.iloc[0]
    pair = [ratio_sample(*frame.loc[of, ["money", "orders"]].to_numpy(float).T) for of in (treated, ~treated)]
    direct = compare(pair[0], pair[1], ratio=True)
    assert (row["method"], row["verdict"]) == ("delta", "shown")
    assert row[["effect", "low", "high", "p_value"]].tolist() == pytest.approx(
        [direct.effect, direct.low, direct.high, direct.p_value]
    )
    assert set(result.groups["outcome"]) <= {"money"}


def test_linearised_values_have_the_ratio_and_its_variance():
    draws = np.random.default_rng(6)
    x = draws.poisson(3, 500).astype(float)
    y, codes = x * draws.gamma(2, 5, 500), draws.integers(0, 2, 500)
    y[::9] = np.nan
    for sample, at in zip(samples_by_arm(linearised(y, x, codes), codes, 2), (0, 1), strict=True):
        direct = ratio_sample(y[codes == at], x[codes == at])
        assert (sample.n, sample.mean, sample.variance) == pytest.approx((direct.n, direct.mean, direct.variance))
    assert np.isnan(linearised(y, np.zeros(500), codes)).all()


def looks_of(seed, *, effect, looks=20, n=1_000):
    """Compare two arms at every look, as their customers' outcomes come in: shown at any look, fixed and always valid."""
    draws = np.random.default_rng(seed)
    values, codes = draws.normal(0, 1, n), draws.integers(0, 2, n)
    values += effect * codes
    fixed = always = False
    for seen in np.linspace(n / looks, n, looks).astype(int):
        parts = [mean_sample(values[:seen][codes[:seen] == at]) for at in (1, 0)]
        found = compare(*parts)
        scale = mixture_scale(found.error * np.sqrt(seen / n))
        low, high = always_valid(found.effect, found.error, scale=scale)
        fixed |= found.p_value <= 0.05
        always |= not low <= 0 <= high
    return fixed, always


def test_looking_twenty_times_fires_the_fixed_test_and_not_the_always_valid_one():
    silent = np.array([looks_of(seed, effect=0.0) for seed in range(200)])
    assert silent[:, 0].mean() > 0.15 and silent[:, 1].mean() <= 0.05
    shown = np.array([looks_of(seed, effect=0.3) for seed in range(40)])
    assert shown[:, 1].mean() > 0.9


def test_a_planned_test_is_measured_by_its_outcome_and_control_whatever_the_profile_declares():
    frame = pd.concat(
        [
            assigned(),
            assigned(seed=1).assign(
                experiment="autumn", arm=lambda rows: rows["arm"].map({"触达组": "b", "对照组": "a"}), spend=None
            ),
        ]
    )
    frame["share"] = np.where(frame["experiment"] == "autumn", 0.5, np.nan)
    lines = pd.DataFrame(
        {"customer_id": ["c00001"], "ordered_at": [pd.Timestamp("2025-03-05")], "amount": [10.0], "order_id": ["o"]}
    )
    tables = {"experiments": ibis.memtable(frame), "transactions": ibis.memtable(lines)}
    settings = {"control": "对照组", "outcomes": ["spend"], "shares": {"触达组": 0.5, "对照组": 0.5}}
    planned = {"autumn": {"control": "b", "outcome": "orders_30d"}}
    measured = measure_experiments(tables, as_of=AS_OF, planned=planned, n_bootstraps=50, **settings)
    of_name = {result.experiment.name: result for result in measured.studies}
    assert of_name["autumn"].experiment.control == "b"
    assert of_name["autumn"].effects["outcome"].unique().tolist() == ["orders_30d"]
    assert of_name["spring"].effects["outcome"].unique().tolist() == ["spend"]


@pytest.mark.long
def test_the_guards_of_a_whole_study_stay_silent_on_two_hundred_sound_experiments():
    counts, verdicts = dict.fromkeys(GUARDS, 0), []
    for seed in range(200):
        draws = np.random.default_rng(50_000 + seed)
        frame = assigned(390, seed, before=draws.gamma(2, 10, 390), bought=draws.random(390) < 0.2)
        frame = frame.astype({"bought": float})
        campaigns = frame.loc[frame["arm"] == "触达组", ["customer_id"]]
        sent = {"campaigns": ibis.memtable(campaigns.assign(campaign_id="m", sent_at=pd.Timestamp("2025-03-02")))}
        settings = Settings(covariates=("before",), outcomes=("bought", "spend"), looks=5, n_bootstraps=50)
        result = study(frame, tables=sent, settings=settings)
        verdicts.append(result.verdict)
        for name in {guard.name for guard in result.guards if guard.fired}:
            counts[name] += 1
    print({"guards": counts, "verdicts": {name: verdicts.count(name) for name in sorted(set(verdicts))}})
    assert max(counts[name] for name in (*INVALIDATING, "balance", "reversal", "size", "renamed")) <= 2
    assert counts["outliers"] <= 20  # at most alpha: 10 expected
    assert sum(verdict != "not_shown" for verdict in verdicts) <= 10
