"""What the description of the base says: concentration, movement, groups; each with its n."""

from datetime import date, datetime

import ibis
import pandas as pd
import pytest

from workbench.analysis.description.concentration import pareto
from workbench.analysis.description.differences import DIFFERENCE_COLUMNS
from workbench.analysis.description.population import repeat_rate
from workbench.analysis.description.retention import cohort_retention, monthly_states
from workbench.analysis.description.variables import describe_variables
from workbench.report.findings.description.population import (
    find_base,
    find_differences,
    find_movement,
    limit_description,
)


def base(features):
    return find_base(describe_variables(features), pareto(features, seed=1, n_bootstraps=20), repeat_rate(features))


@pytest.fixture
def features():
    """Forty customers: ten spend 70 in three orders, thirty spend 10 in one; of thirty the city is known."""
    big = [True] * 10 + [False] * 30
    return pd.DataFrame(
        {
            "customer_id": [f"c{at:02}" for at in range(40)],
            "category_top": ["tea"] * 40,
            "monetary_total": [70.0 if is_big else 10.0 for is_big in big],
            "frequency_orders": pd.array([3 if is_big else 1 for is_big in big], dtype="Int64"),
            "city": ["A"] * 18 + ["B"] * 12 + [None] * 10,
        }
    )


def test_the_base_by_hand(features, values_by_key):
    values = values_by_key(base(features))
    assert values["description_answer"] == {"customers": 40, "variables": 4}
    spend = values["spend_concentration"]
    assert (spend["share_spend"], spend["n"]) == (0.5, 40)
    assert spend["share_customers"] == pytest.approx(8 / 40)  # 8 x 70 of 1000; 7 would hold 490
    assert spend["low"] <= 0.2 <= spend["high"]
    assert values["spend_gini"]["gini"] == pytest.approx(0.45)  # 70 % of spend less 25 % of customers
    repeat = values["repeat_rate"]
    assert (repeat["share"], repeat["n"]) == (0.25, 40)
    assert values["spend_typical"] == {"median": 10.0, "mean": 25.0, "n": 40}
    assert (values["orders_typical"]["median"], values["orders_typical"]["p90"]) == (1.0, 3.0)


def test_what_was_declared_is_reported_before_what_was_computed_and_how_far_it_is_known(features, values_by_key):
    findings = [finding for finding in base(features) if finding.key.startswith("variable_")]
    assert [(finding.key, finding.values["variable"]) for finding in findings] == [
        ("variable_largest", "city"), ("variable_known", "city"), ("variable_largest", "category_top"),
    ]  # fmt: skip
    city = findings[0].values
    assert (city["value"], city["share"], city["n"]) == ("A", 0.6, 30)
    assert city["low"] < 0.6 < city["high"]
    assert findings[1].values == {"variable": "city", "share": 0.75, "n": 40}
    values_by_key(findings)


@pytest.mark.parametrize(("count", "n"), [(29, 100), (57, 100), (58, 100), (113, 200), (115, 200)])
def test_the_n_of_a_share_is_exact(count, n):
    people = pd.DataFrame({"customer_id": [f"c{at}" for at in range(n)], "city": ["A"] * count + ["B"] * (n - count)})
    largest = [finding.values["n"] for finding in base(people) if finding.key == "variable_largest"]
    assert largest == [n]


def test_at_most_three_variables_are_reported(features):
    categories = features.assign(**dict.fromkeys(("gender", "province", "education"), "x"))
    assert sum(finding.key == "variable_largest" for finding in base(categories)) == 3


def test_without_orders_only_what_is_known_is_reported(features, values_by_key):
    people = features[["customer_id", "city"]]
    assert set(values_by_key(base(people))) == {"description_answer", "variable_largest", "variable_known"}
    assert set(values_by_key(find_base(describe_variables(people), None, None))) == set(values_by_key(base(people)))


def test_nobody_is_reported_as_nobody(features, values_by_key):
    values = values_by_key(base(features.iloc[:0]))
    assert values["description_answer"]["customers"] == 0
    assert {"spend_concentration", "repeat_rate", "variable_largest"}.isdisjoint(values)


@pytest.mark.parametrize("n", [1, 5])
def test_few_customers_are_reported_without_a_gap_in_any_sentence(features, n, values_by_key):
    values = values_by_key(base(features.head(n)))
    assert "spend_typical" not in values  # fewer than ten are not described
    assert ("spend_concentration" in values) == (n > 1)


def test_the_order_of_the_customers_does_not_matter(features, values_by_key):
    assert values_by_key(base(features)) == values_by_key(base(features.sample(frac=1, random_state=2)))


def orders(*rows):
    frame = pd.DataFrame(rows, columns=["customer_id", "ordered_at"])
    return ibis.memtable(
        frame.assign(ordered_at=[datetime.fromisoformat(day) for day in frame["ordered_at"]], amount=1.0)
    )


def bought(customers, *days):
    return [(f"{customers[0]}{at}", day) for at in range(customers[1]) for day in days]


HISTORY = [
    *bought(("stay", 12), "2024-01-05", "2024-02-05", "2024-03-05"),
    *bought(("skip", 3), "2024-01-05", "2024-03-05"),
    *bought(("quit", 6), "2024-01-05", "2024-02-05"),
    *bought(("new", 2), "2024-03-05"),
]


def moved(as_of, rows=HISTORY):
    lines = orders(*rows)
    return monthly_states(lines, as_of=as_of), cohort_retention(lines, as_of=as_of)


def test_the_last_whole_month_is_reported(values_by_key):
    february = [*bought(("feb", 8), "2024-02-07", "2024-03-07"), *bought(("once", 2), "2024-02-09")]
    values = values_by_key(find_movement(*moved(date(2024, 4, 1), [*HISTORY, *february])))
    assert values["months_last"] == {"month": "2024-03-01", "new": 2, "retained": 20, "recalled": 3, "lost": 8}
    retained = values["months_retained"]
    assert (retained["share"], retained["n"], retained["month"]) == (pytest.approx(20 / 28), 28, "2024-03-01")
    later = values["cohort_retention"]
    assert (later["months"], later["n"]) == (1, 10)  # without January, whose customers may have bought before
    assert later["share"] == pytest.approx(0.8)


def test_a_month_under_way_is_not_reported_but_named_as_left_out(values_by_key):
    months, cohorts = moved(date(2024, 3, 20))
    values = values_by_key(find_movement(months, cohorts))
    assert values["months_last"]["month"] == "2024-02-01"
    limits = values_by_key(limit_description(pd.DataFrame(columns=list(DIFFERENCE_COLUMNS)), months))
    assert limits["description_limit_months"] == {"month": "2024-03-01"}
    assert limits["description_limit_start"] == {"month": "2024-01-01"}


def test_whole_months_are_not_called_incomplete(values_by_key):
    months, _ = moved(date(2024, 4, 1))
    limits = values_by_key(limit_description(pd.DataFrame(columns=list(DIFFERENCE_COLUMNS)), months))
    assert set(limits) == {"description_limit_association", "description_limit_start"}


def test_a_single_month_has_no_movement_and_no_cohort_old_enough(values_by_key):
    values = values_by_key(find_movement(*moved(date(2024, 2, 1))))
    assert values == {"cohort_none": {"months": 1}}


def test_cohorts_too_small_to_show_are_reported_as_none(values_by_key):
    few = [row for row in HISTORY if row[0].startswith(("new", "skip"))]
    values = values_by_key(find_movement(*moved(date(2024, 4, 1), few)))
    assert values["cohort_none"] == {"months": 1}


def test_undated_data_has_no_movement():
    months, cohorts = monthly_states(None, as_of=date(2024, 4, 1)), cohort_retention(None, as_of=date(2024, 4, 1))
    assert find_movement(months, cohorts) == []


def differences(*rows):
    frame = pd.DataFrame(list(rows), columns=list(DIFFERENCE_COLUMNS) if not rows else None)
    return frame.reindex(columns=list(DIFFERENCE_COLUMNS))


NUMBER = {
    "group_by": "city", "group": "A", "variable": "monetary_total", "kind": "numeric", "n": 30, "effect": 0.5,
    "effect_low": 0.2, "effect_high": 0.8, "p_value": 0.001, "differs": True, "suppressed": False,
}  # fmt: skip
SHARE = {
    "group_by": "city", "group": "B", "variable": "gender", "kind": "categorical", "value": "f", "n": 20,
    "share": 0.6, "base_share": 0.4, "tgi": 150.0, "tgi_low": 120.0, "tgi_high": 180.0, "effect": 0.4,
    "p_value": 0.01, "differs": True, "suppressed": False,
}  # fmt: skip
HIDDEN = {"group_by": "city", "group": "C", "variable": "gender", "kind": "categorical", "suppressed": True}


def test_the_largest_difference_in_a_number(values_by_key):
    values = values_by_key(find_differences(differences(NUMBER, HIDDEN), differences(NUMBER)))
    expected = {"variable": "city", "group": "A", "n": 30, "feature": "monetary_total"}
    assert values["difference_largest"] == expected | {"effect": 0.5, "low": 0.2, "high": 0.8}
    assert values["description_suppressed"] == {"cells": 1, "least": 10}


def test_the_largest_difference_in_a_share(values_by_key):
    values = values_by_key(find_differences(differences(SHARE), differences(SHARE)))
    expected = {"variable": "city", "group": "B", "n": 20, "value": "f", "share": 0.6, "base_share": 0.4}
    expected["feature"] = differences(SHARE)["variable"].iloc[0]
    assert values == {"difference_tgi": expected | {"tgi": 150.0, "low": 120.0, "high": 180.0}}


def test_no_difference_says_how_many_were_looked_for(values_by_key):
    values = values_by_key(find_differences(differences(NUMBER, SHARE, HIDDEN), differences()))
    assert values["difference_none"] == {"tested": 2}
    assert values_by_key(limit_description(differences(NUMBER, SHARE, HIDDEN), pd.DataFrame()))[
        "description_limit_tests"
    ] == {"tested": 2}


def test_without_groups_no_difference_is_reported():
    assert find_differences(differences(), differences()) == []
