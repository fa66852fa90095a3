"""Whole experiments on small tables: outcomes in their windows, verdicts, campaigns, bad input."""

from dataclasses import replace
from datetime import date

import ibis
import numpy as np
import pandas as pd
import pytest

from workbench.analysis.experiments.designs import read_experiments
from workbench.analysis.experiments.outcomes import choose_outcomes, measure_outcomes
from workbench.analysis.experiments.studies import measure_experiments
from workbench.analysis.experiments.study import Settings, own_campaigns, study_experiment
from workbench.core.errors import DataError, ProfileError

AS_OF = date(2025, 7, 1)
N = 3_000


def line(customer, day, amount=10.0, order=None):
    return {
        "customer_id": customer,
        "ordered_at": pd.Timestamp(day),
        "amount": amount,
        "order_id": order or f"{customer} {day}",
    }


@pytest.fixture(scope="module")
def tables():
    """A mailing that raises orders of members, assigned on 1 March 2025; its control is 对照组."""
    draws = np.random.default_rng(0)
    ids = [f"c{at:05}" for at in range(N)]
    treated = draws.random(N) < 0.5
    member = draws.random(N) < 0.5
    active = draws.random(N) < 0.6
    chance = 0.15 + 0.2 * active + 0.25 * (treated & member)
    buys = draws.random(N) < chance
    lines = [line(ids[at], "2025-02-10", 20.0) for at in np.flatnonzero(active)]
    lines += [line(ids[at], "2025-03-20", 30.0) for at in np.flatnonzero(buys)]
    experiments = pd.DataFrame(
        {
            "experiment": "mailing",
            "customer_id": ids,
            "arm": np.where(treated, "mail", "对照组"),
            "assigned_at": pd.Timestamp("2025-03-01"),
        }
    )
    campaigns = pd.DataFrame(
        {
            "campaign_id": ["m1"] * treated.sum() + ["old"] * 800,
            "customer_id": [ids[at] for at in np.flatnonzero(treated)]
            + [ids[at] for at in np.flatnonzero(active)[:800]],
            "sent_at": [pd.Timestamp("2025-03-02")] * treated.sum() + [pd.Timestamp("2025-02-20")] * 800,
        }
    )
    customers = pd.DataFrame({"customer_id": ids, "level": np.where(member, "member", "guest")})
    return {
        "experiments": ibis.memtable(experiments), "transactions": ibis.memtable(pd.DataFrame(lines)),
        "campaigns": ibis.memtable(campaigns), "customers": ibis.memtable(customers),
    }  # fmt: skip


@pytest.fixture(scope="module")
def measured(tables):
    return measure_experiments(tables, as_of=AS_OF, n_bootstraps=50)


def test_windows_begin_with_the_day_of_assignment_and_end_before_their_last():
    experiments = pd.DataFrame(
        {
            "experiment": "x",
            "customer_id": ["a", "b"],
            "arm": ["control", "t"],
            "assigned_at": pd.Timestamp("2025-03-01"),
        }
    )
    days = ["2025-01-30", "2025-01-31", "2025-02-28", "2025-03-01", "2025-03-30", "2025-03-31"]
    lines = [line("a", day, 10.0) for day in days] + [
        line("b", "2025-03-05", 50.0, "o"),
        line("b", "2025-03-09", -20.0, "r"),
    ]
    tables = {"experiments": ibis.memtable(experiments), "transactions": ibis.memtable(pd.DataFrame(lines))}
    names = ["orders_30d", "spend_30d", "returned_30d", "bought_30d"]
    after = measure_outcomes(names, tables, as_of=AS_OF)
    assert after.loc[("x", "a")].tolist() == [2, 20, 0, 1]
    assert after.loc[("x", "b")].tolist() == [1, 30, 1, 1]
    before = measure_outcomes(["orders_29d"], tables, as_of=AS_OF, before=True)
    assert before.loc[("x", "a"), "orders_29d"] == 2
    assert measure_outcomes(["orders_30d"], tables, as_of=date(2025, 3, 30)).loc[("x", "a"), "orders_30d"] == 1


def test_the_effect_the_group_and_the_table(measured):
    (study,) = measured.studies
    assert study.verdict == "shown" and not study.fatal
    overall = measured.effects[measured.effects["group"].isna() & (measured.effects["verdict"] != "association")]
    orders = overall.set_index("outcome").loc["orders_90d"]
    assert (orders["arm"], orders["control"], bool(orders["primary"])) == ("mail", "对照组", True)
    assert orders["low"] < 0.125 < orders["high"]
    assert orders["adjusted_high"] - orders["adjusted_low"] < orders["high"] - orders["low"]
    assert pd.isna(orders["q_value"]) and orders["p_adjusted"] < 0.001
    differing = study.groups[study.groups["differs"].astype(bool)]
    assert "level" in set(differing["group"])
    assert set(measured.uplift["outcome"]) == {"orders_90d"} and measured.uplift["customer_id"].is_unique
    assert {"all", "none", "response"} <= set(measured.policies["policy"])


def test_its_own_campaign_is_no_campaign_without_control(tables, measured):
    (experiment,) = read_experiments(tables["experiments"].to_pandas())
    assert own_campaigns(experiment, tables) == {"m1"}
    assert set(measured.associations["campaign"]) == {"old"}
    rows = measured.effects[measured.effects["experiment"] == "old"]
    assert (
        set(rows["verdict"]) == {"association"}
        and rows["effect"].isna().all()
        and rows["adjusted_effect"].notna().all()
    )


def study(tables, settings=Settings(n_bootstraps=50), as_of=AS_OF, **design):  # noqa: B008
    (experiment,) = read_experiments(tables["experiments"].to_pandas(), **design)
    return study_experiment(experiment, tables, settings, as_of=as_of)


def test_an_invalid_experiment_shows_no_number(tables):
    result = study(tables, shares={"mail": 0.8, "对照组": 0.2})
    assert (result.verdict, {guard.name for guard in result.fatal}) == ("not_valid", {"shares"})
    assert result.effects[["effect", "low", "p_value", "adjusted_effect", "relative"]].isna().all(axis=None)
    assert set(result.effects["verdict"]) == {"not_valid"} and result.groups.empty


def test_a_window_that_is_not_over_shows_no_number(tables):
    result = study(tables, as_of=date(2025, 5, 29))
    assert result.verdict == "immature" and result.effects["effect"].isna().all()
    assert study(tables, as_of=date(2025, 5, 30)).verdict == "shown"


def test_assignments_after_the_data_are_immature(tables):
    assert study(tables, as_of=date(2025, 2, 1)).verdict == "immature"


def test_looking_often_needs_more_evidence(tables):
    fixed, looked = study(tables), study(tables, Settings(looks=20, n_bootstraps=50))
    first, second = fixed.effects.iloc[0], looked.effects.iloc[0]
    assert pd.isna(first["always_low"]) and second["always_low"] < second["low"]


def test_three_customers_an_outcome_of_zeros_and_missing_halves(tables):
    experiments = (
        tables["experiments"].to_pandas().assign(zero=0.0, half=lambda rows: np.where(rows.index % 2, 1.0, np.nan))
    )
    small = experiments.groupby("arm").head(3)
    result = study({**tables, "experiments": ibis.memtable(small)}, Settings(outcomes=("orders_90d",)))
    assert result.verdict == "not_shown" and result.effects["effect"].isna().all()
    zeros = study({**tables, "experiments": ibis.memtable(experiments)}, Settings(outcomes=("zero", "half")))
    table = zeros.effects.set_index("outcome")
    assert (table.at["zero", "effect"], table.at["zero", "verdict"]) == (0, "not_shown")
    assert table.at["half", "n_treated"] + table.at["half", "n_control"] == N / 2


def test_the_opposite_is_told(tables):
    experiments = tables["experiments"].to_pandas()
    turned = experiments.assign(arm=experiments["arm"].map({"mail": "对照组", "对照组": "mail"}))
    assert study({**tables, "experiments": ibis.memtable(turned)}).verdict == "opposite"


def test_declared_columns_are_outcomes_unless_they_are_covariates(tables):
    experiments = tables["experiments"].to_pandas().assign(score="3", age="40")
    result = study({**tables, "experiments": ibis.memtable(experiments)}, Settings(covariates=("age",)))
    assert result.effects["outcome"].unique().tolist() == ["score"]


def test_a_declared_outcome_is_no_fault_of_campaigns_which_have_no_columns(tables):
    experiments = tables["experiments"].to_pandas().assign(score="3")
    named = {**tables, "experiments": ibis.memtable(experiments)}
    found = measure_experiments(named, as_of=AS_OF, outcomes=["score", "orders_90d"], n_bootstraps=50)
    assert set(found.effects["outcome"]) == {"score", "orders_90d"}
    of_campaigns = found.effects[found.effects["verdict"] == "association"]
    assert set(of_campaigns["outcome"]) <= {"orders_90d"}


def test_outcomes_before_the_assignment_are_fatal(tables):
    experiments = tables["experiments"].to_pandas()
    visited = experiments.assign(visited_at=np.where(experiments.index % 4 == 0, "2025-03-05", None))
    sound = study({**tables, "experiments": ibis.memtable(visited)})
    assert sound.effects.iloc[0]["outcome"] == "visited_at" and not sound.fatal
    early = visited.assign(visited_at=visited["visited_at"].where(visited.index % 40 != 0, "2025-02-27"))
    assert [guard.name for guard in study({**tables, "experiments": ibis.memtable(early)}).fatal] == ["early_outcome"]


def test_unknown_names_are_refused_with_the_nearest(tables):
    with pytest.raises(ProfileError, match="orders_90d"):
        choose_outcomes(["order_90d"], (), tables)
    with pytest.raises(DataError, match="unknown covariate 'agee'"):
        study(tables, Settings(covariates=("agee",)))
    with pytest.raises(DataError, match="no column household_id"):
        measure_experiments(tables, as_of=AS_OF, unit="household")


def test_households_are_the_unit_where_they_were_assigned(tables):
    experiments = tables["experiments"].to_pandas()
    pairs = experiments.assign(
        household_id=[f"h{at // 2}" for at in range(N)], arm=["mail" if (at // 2) % 2 else "对照组" for at in range(N)]
    )
    own = {"experiments": ibis.memtable(pairs), "transactions": tables["transactions"]}
    result = measure_experiments(own, as_of=AS_OF, unit="household", outcomes=["orders_90d"], n_bootstraps=50)
    row = result.effects.iloc[0]
    assert (row["method"], row["n_treated"] + row["n_control"]) == ("delta", N / 2)


def test_baskets_without_dates_or_nothing_at_all_give_no_rows(tables):
    only = {"campaigns": tables["campaigns"]}
    empty = measure_experiments(only, as_of=AS_OF)
    assert (len(empty.effects), len(empty.uplift), len(empty.policies)) == (0, 0, 0)


def test_the_order_of_rows_changes_nothing(tables, measured):
    experiments = tables["experiments"].to_pandas().sample(frac=1, random_state=1)
    again = measure_experiments({**tables, "experiments": ibis.memtable(experiments)}, as_of=AS_OF, n_bootstraps=50)
    pd.testing.assert_frame_equal(again.effects, measured.effects)
    pd.testing.assert_frame_equal(again.uplift, measured.uplift)
    assert replace(again.studies[0].experiment, assigned=None).arms == measured.studies[0].experiment.arms
