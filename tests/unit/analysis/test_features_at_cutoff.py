"""Features at a cut-off have the meaning of today's, or are missing."""

from datetime import date

import ibis
import pandas as pd

from workbench.analysis.features_at_cutoff import FeaturesAtCutoff, dated_only
from workbench.intake.features.inputs.settings import FeatureSettings

CUT_OFF = date(2024, 3, 1)
ORDERS = pd.DataFrame(
    {
        "customer_id": ["a", "a", "b", "b"],
        "order_id": ["1", "2", "3", "4"],
        "ordered_at": pd.to_datetime(["2024-01-05", "2024-02-05", "2024-01-07", "2024-03-01"]),
        "amount": [10.0, 20.0, 30.0, 1000.0],
        "channel": ["shop", "shop", "web", "web"],
    }
)


def tables(**columns):
    people = pd.DataFrame({"customer_id": ["a", "b"], **columns})
    return {"transactions": ibis.memtable(ORDERS), "customers": ibis.memtable(people)}


def test_features_have_the_windows_and_settings_of_today_and_use_no_later_rows():
    occasions = {"new year": {"dates": ["01-06"], "days_before": 3, "days_after": 3}}
    then = FeaturesAtCutoff((14,), FeatureSettings(occasions=occasions))
    result = then.at(tables(), CUT_OFF).set_index("customer_id")
    assert result.loc["b", "monetary_total"] == 30  # not the order of the cut-off's own day
    assert "orders_14d" in result and "orders_30d" not in result
    assert result["occasion_top"].tolist() == ["new year", "new year"]
    assert "occasion_top" not in FeaturesAtCutoff((14,)).at(tables(), CUT_OFF)


def test_only_features_that_exist_today_are_built():
    result = FeaturesAtCutoff(columns=frozenset({"customer_id", "recency_days"})).at(tables(), CUT_OFF)
    assert list(result.columns) == ["customer_id", "recency_days"]


def test_a_feature_built_today_from_an_undated_column_is_left_out_at_the_cut_off():
    inputs = tables(source_l1=["friend", "advert"])
    dated, undated = dated_only(inputs)
    assert undated == ("source_l1",)
    # without `undated` the channel is that of the first purchase, unlike today's
    assert "acquisition_channel" in FeaturesAtCutoff().at(dated, CUT_OFF)
    assert "acquisition_channel" not in FeaturesAtCutoff().at(dated, CUT_OFF, undated=undated)
    stable, none = dated_only(inputs, stable=["source_l1"])
    assert none == ()
    result = FeaturesAtCutoff().at(stable, CUT_OFF, undated=none).set_index("customer_id")
    assert result["acquisition_channel"].to_dict() == {"a": "friend", "b": "advert"}
