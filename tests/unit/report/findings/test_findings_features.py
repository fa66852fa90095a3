"""What the features say of the base: counts, coverage, rhythm, and what is not known."""

from datetime import date

import pandas as pd
import pytest

from workbench.core.schema import UNDATED
from workbench.report.findings.features import catalogue_features, find_features, limit_features, table_coverage
from workbench.report.findings.scales import find_scales
from workbench.report.text import say

AS_OF = date(2024, 3, 1)
FEATURES = pd.DataFrame(
    {
        "customer_id": ["a", "b", "c", "d", "e"],
        "frequency_orders": pd.array([1, 1, 2, 4, 0], dtype="Int64"),
        "gap_days_median": [None, None, 10.0, 20.0, None],
        "returns_total": [0.0, -3.0, 0.0, -2.0, None],
        "city": ["x", "x", "y", "y", "y"],
    }
)


def test_coverage_counts_the_customers_for_whom_a_feature_is_known():
    table = table_coverage(FEATURES).set_index("feature")
    assert "customer_id" not in table.index
    assert table.loc["gap_days_median"].to_dict() == {"group": "rhythm", "customers": 5, "known": 2, "share": 0.4}
    assert table.loc["frequency_orders", "share"] == 1


def test_coverage_of_nobody_has_no_share():
    table = table_coverage(FEATURES.iloc[:0])
    assert table["known"].sum() == 0
    assert table["share"].isna().all()


def test_the_catalogue_says_units_in_both_languages_and_a_multiple_is_no_hazard_ratio():
    coverage = pd.DataFrame({"feature": ["recency_days", "category_top", "promotion_lift", "tenure"], "share": 1.0})
    units = catalogue_features(coverage).set_index(coverage["feature"][:3])["unit"]
    assert units["recency_days"] == {"en": "days", "zh": "天"}
    assert units["category_top"]["zh"] == "名称"
    assert units["promotion_lift"] == {"en": "ratio", "zh": "倍"}


def test_what_is_reported_of_customers_by_hand(values_by_key):
    values = values_by_key(find_features(FEATURES, table_coverage(FEATURES), as_of=AS_OF))
    assert values["features_answer"] == {"customers": 5, "features": 4, "as_of": AS_OF}
    one_order = values["features_one_order"]
    assert (one_order["share"], one_order["n"]) == (0.5, 4)  # of the four who bought
    assert one_order["low"] < 0.5 < one_order["high"]
    assert values["features_rhythm"] == {"median_days": 15.0, "n": 2}
    assert values["features_missing"] == {"feature": "gap_days_median", "share": pytest.approx(0.6), "n": 5}


def test_undated_data_is_described_without_a_date(values_by_key):
    values = values_by_key(find_features(FEATURES, table_coverage(FEATURES), as_of=UNDATED))
    assert values["features_answer_undated"] == {"customers": 5, "features": 4}
    limits = values_by_key(limit_features(FEATURES[["customer_id", "city"]], as_of=UNDATED))
    assert set(limits) == {"features_limit_undated"}
    assert "9999" not in " ".join(say(key, "en", limits[key]) for key in limits)


def test_attributes_alone_tell_no_order(values_by_key):
    people = FEATURES[["customer_id", "city"]]
    assert set(values_by_key(find_features(people, table_coverage(people), as_of=AS_OF))) == {"features_answer"}
    assert set(values_by_key(limit_features(people, as_of=AS_OF))) == {"features_limit_as_of"}


def test_nobody_who_bought_tells_no_share(values_by_key):
    idle = FEATURES.assign(frequency_orders=0, gap_days_median=float("nan"))
    values = values_by_key(find_features(idle, table_coverage(idle), as_of=AS_OF))
    assert {"features_one_order", "features_rhythm"}.isdisjoint(values)


def test_nobody_at_all_is_reported_as_nobody(values_by_key):
    nobody = FEATURES.iloc[:0]
    values = values_by_key(find_features(nobody, table_coverage(nobody), as_of=AS_OF))
    assert values == {"features_answer": {"customers": 0, "features": 4, "as_of": AS_OF}}
    assert set(values_by_key(limit_features(nobody, as_of=AS_OF))) == {"features_limit_as_of"}


def test_the_limits_count_who_never_bought_and_what_was_returned(values_by_key):
    values = values_by_key(limit_features(FEATURES, as_of=AS_OF))
    assert values["features_limit_no_orders"] == {"customers": 1, "n": 5}
    assert values["features_limit_returns"] == {"returns": 5.0}
    none = FEATURES.assign(returns_total=0.0, frequency_orders=1)
    assert set(values_by_key(limit_features(none, as_of=AS_OF))) == {"features_limit_as_of"}


def test_the_order_of_the_customers_does_not_matter():
    turned = FEATURES.iloc[::-1]
    assert find_features(turned, table_coverage(turned), as_of=AS_OF) == find_features(
        FEATURES, table_coverage(FEATURES), as_of=AS_OF
    )


def test_scales_that_are_not_scored_are_named():
    rows = [({"en": "Arts", "zh": "艺术"}, "pass"), ({"en": "Joy", "zh": "快乐"}, "warn")]
    reliability = pd.DataFrame(rows, columns=["scale", "status"])
    (finding,) = find_scales(reliability, least_reliability=0.7)
    assert finding.values["unscored"] == 1 and finding.values["declared"] == 2
    assert "低于 0.7）而不计分：快乐。" in say(finding.key, "zh", finding.values).replace("\u2009", " ")
    assert find_scales(reliability.iloc[:1], least_reliability=0.7) == []
