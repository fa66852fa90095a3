"""Guards fire on a planted fault and stay silent on sound experiments."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.experiments import guards
from workbench.analysis.experiments.designs import read_experiments
from workbench.core.errors import DataError


def assignments(n=2_000, seed=0, **columns):
    draws = np.random.default_rng(seed)
    frame = {
        "experiment": "spring",
        "customer_id": [f"c{at:05}" for at in range(n)],
        "arm": np.where(draws.random(n) < 0.5, "mail", "control"),
        "assigned_at": pd.Timestamp("2025-03-01"),
    }
    return pd.DataFrame(frame | columns)


def experiment(n=2_000, seed=0, **settings):
    (read,) = read_experiments(assignments(n, seed), **settings)
    return read


def test_the_control_is_named_or_recognised():
    assert experiment().control == "control"
    renamed = assignments().replace({"control": "nobody"})
    with pytest.raises(DataError, match="no control arm among 'mail', 'nobody'"):
        read_experiments(renamed)
    assert read_experiments(renamed, control="nobody")[0].arms == ("nobody", "mail")
    assert read_experiments(renamed, control={"spring": "nobody"})[0].control == "nobody"
    chinese = assignments().replace({"control": "对照组", "mail": "触达组"})
    assert read_experiments(chinese)[0].arms == ("对照组", "触达组")
    with pytest.raises(DataError, match="only one arm"):
        read_experiments(assignments().query("arm == 'control'"))


def test_shares_are_declared_read_or_equal():
    by_arm = {"mail": 0.9, "control": 0.1}
    assert experiment(shares=by_arm).shares == {"control": 0.1, "mail": 0.9}
    assert experiment(shares={"spring": by_arm}).shares["mail"] == 0.9
    assert experiment(shares={"autumn": by_arm}).shares == {"control": 0.5, "mail": 0.5}
    column = assignments().assign(share=lambda rows: rows["arm"].map(by_arm))
    assert read_experiments(column)[0].shares["mail"] == 0.9
    with pytest.raises(DataError, match="adding up to 1"):
        experiment(shares={"mail": 0.9, "control": 0.2})


def test_unequal_arms_fire_and_declared_ones_do_not():
    draws = np.random.default_rng(1)
    frame = assignments(4_000).assign(arm=np.where(draws.random(4_000) < 0.6, "mail", "control"))
    (read,) = read_experiments(frame)
    assert guards.guard_shares(read).fired and guards.guard_shares(read).is_fatal
    (declared,) = read_experiments(frame, shares={"mail": 0.6, "control": 0.4})
    assert not guards.guard_shares(declared).fired


def test_customers_in_two_arms_are_left_out_and_too_many_are_fatal():
    frame = assignments(200)
    doubled = pd.concat(
        [frame, frame.head(5).assign(arm=frame["arm"].head(5).map({"mail": "control", "control": "mail"}))]
    )
    (read,) = read_experiments(doubled)
    assert (read.two_arms, len(read.assigned)) == (5, 195)
    assert guards.guard_two_arms(read).is_fatal
    (again,) = read_experiments(pd.concat([frame, frame.head(5)]))
    assert (again.two_arms, len(again.assigned)) == (0, 200)


def test_an_arm_renamed_midway_is_named():
    later = pd.Timestamp("2025-03-10")
    frame = assignments(400)
    is_later = frame.index >= 200
    frame.loc[is_later, "assigned_at"] = later
    frame.loc[is_later & (frame["arm"] == "mail"), "arm"] = "letter"
    (read,) = read_experiments(frame)
    (guard,) = guards.guard_renamed(read)
    assert (guard.arm, guard.facts["before"], guard.fired) == ("letter", "mail", True)
    assert not guards.guard_renamed(experiment())[0].fired


def test_a_difference_before_the_assignment_fires():
    read = experiment()
    draws = np.random.default_rng(2)
    covariates = pd.DataFrame({"spend_before": draws.normal(0, 1, 2_000), "orders_before": draws.poisson(2, 2_000)})
    assert not guards.guard_balance(read, covariates)[0].fired
    covariates["spend_before"] += 0.3 * read.assigned["code"]
    (guard,) = guards.guard_balance(read, covariates)
    assert guard.fired and guard.facts["covariate"] == "spend_before"


def test_a_control_that_got_the_campaign_is_fatal():
    read = experiment()
    contacted = read.assigned["arm"] == "mail"
    assert not guards.guard_contamination(read, contacted).fired
    reached = contacted | (read.assigned.index % 20 == 0)
    assert guards.guard_contamination(read, reached).is_fatal


def test_outcomes_missing_unequally_are_fatal():
    read = experiment()
    values = np.ones(2_000)
    values[::4] = np.nan
    assert not guards.guard_attrition(values, read, "spend")[0].fired
    values[(read.assigned["code"] == 1) & (read.assigned.index % 5 == 1)] = np.nan
    assert guards.guard_attrition(values, read, "spend")[0].is_fatal


def test_an_effect_of_a_few_large_values_is_told():
    read = experiment()
    draws = np.random.default_rng(3)
    values = draws.normal(100, 10, 2_000)
    treated = np.flatnonzero(read.assigned["code"] == 1)[:15]
    values[treated] += 2_000
    (guard,), cut = guards.guard_outliers(values, read, "spend", alpha=0.05)
    assert guard.fired and guard.facts["effect"] > 20 and abs(guard.facts["winsorised"]) < 10
    assert cut.max() < 2_000
    assert not guards.guard_outliers(draws.normal(100, 10, 2_000), read, "spend", alpha=0.05)[0][0].fired


def test_a_reversal_within_groups_is_told():
    draws = np.random.default_rng(4)
    n = 6_000
    big = draws.random(n) < 0.5
    arm = np.where(draws.random(n) < np.where(big, 0.9, 0.1), "mail", "control")
    (read,) = read_experiments(assignments(n).assign(arm=arm))
    values = np.where(big, 10.0, 0.0) - 1.0 * (arm == "mail") + draws.normal(0, 1, n)
    (guard,) = guards.guard_reversal(values, np.where(big, "big", "small"), read, "spend", "size")
    assert guard.fired and guard.facts["effect"] > 0 > guard.facts["stratified"]


def test_small_arms_are_named():
    read = experiment(40)
    from workbench.analysis.experiments.statistics.samples import samples_by_arm  # noqa: PLC0415

    samples = samples_by_arm(np.ones(40), read.assigned["code"].to_numpy(), 2)
    assert guards.guard_size(samples, read, "spend")[0].fired


def test_two_hundred_sound_experiments_fire_at_most_a_few_guards():
    fired = {name: 0 for name in guards.GUARDS}
    for seed in range(200):
        read = experiment(600, seed)
        draws = np.random.default_rng(10_000 + seed)
        covariates = pd.DataFrame(draws.normal(0, 1, (600, 3)), columns=["a", "b", "c"])
        values = draws.gamma(2, 10, 600)
        values[draws.random(600) < 0.1] = np.nan
        checks = [guards.guard_shares(read), guards.guard_two_arms(read), *guards.guard_renamed(read)]
        checks += guards.guard_balance(read, covariates) + guards.guard_attrition(values, read, "spend")
        checks += guards.guard_outliers(values, read, "spend", alpha=0.05)[0]
        checks += guards.guard_reversal(values, np.where(covariates["a"] > 0, "x", "y"), read, "spend", "g")
        for guard in checks:
            fired[guard.name] += guard.fired
    fatal = {name: count for name, count in fired.items() if name in guards.INVALIDATING}
    assert max(fatal.values()) <= 2  # one in a thousand expected
    assert fired["balance"] <= 2 and fired["reversal"] == 0
    assert fired["outliers"] <= 10  # at most alpha
