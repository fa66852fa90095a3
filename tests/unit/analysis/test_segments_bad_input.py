"""Bad input to the search for segments: refused or answered with a reason; names stay with their customers."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.clustering.candidates import search, spaces_of
from workbench.analysis.clustering.verdicts import judge
from workbench.analysis.segments.choice import keep_names
from workbench.analysis.segments.definition import assign, check_features
from workbench.analysis.segments.names import define_segments
from workbench.core.errors import DataError

QUICK = {"n_restarts": 3, "n_bootstraps": 3, "n_splits": 5, "silhouette_sample": 300, "n_samples": 5}
COLUMNS = ["monetary_total", "recency_days"]
WHEN = date(2025, 1, 1)


def shoppers(n=240, seed=0, small=None):
    """Two kinds of customers far apart; ``small`` of them of the second kind, half where it is not given."""
    rng = np.random.default_rng(seed)
    rich = np.arange(n) < (n // 2 if small is None else small)
    return pd.DataFrame({
        "customer_id": [f"c{at:04}" for at in range(n)],
        "monetary_total": np.where(rich, 900.0, 100.0) + rng.normal(0, 20, n),
        "recency_days": np.where(rich, 10.0, 200.0) + rng.normal(0, 5, n),
    })  # fmt: skip


def found_in(features, columns=COLUMNS, *, methods=("kmeans",), k_max=2, seed=1, **options):
    spaces = spaces_of(features, columns, log_columns=[])
    tried = search(spaces, methods, k_max=k_max, features=features, effort=QUICK, seed=seed)
    verdict = judge(spaces.matrix, tried.candidates, tried.null, **options)
    return spaces, tried, verdict, define_segments(verdict, spaces, features, as_of=WHEN)


def test_one_giant_cluster_is_no_structure_unless_the_rest_reaches_the_declared_minimum():
    _, _, verdict, definition = found_in(shoppers(400, small=5))  # a handful: clipped to the edge, nobody's segment
    assert (verdict.verdict, definition.keys) == ("no_structure", ["all"])
    _, tried, verdict, _ = found_in(shoppers(400, small=40))
    assert tried.candidates[0].metrics["smallest_share"] == pytest.approx(0.1)
    assert verdict.verdict == "structure"
    assert found_in(shoppers(400, small=40), min_share=0.15)[2].verdict == "no_structure"


def test_fewer_customers_than_clusters_are_too_few():
    _, tried, verdict, definition = found_in(shoppers(6), k_max=8)
    assert tried.candidates == () and tried.skipped == {"kmeans": "too_little_data"}
    assert (verdict.verdict, verdict.reason, definition.keys) == ("too_little_data", "few_customers", ["all"])


def test_a_category_of_ten_thousand_levels_is_left_out_with_the_reason_or_pooled():
    n = 10_000
    features = shoppers(n).assign(search_term=[f"word {at}" for at in range(n)])
    spaces = spaces_of(features, [*COLUMNS, "search_term"])
    assert spaces.dropped == {"search_term": "all_different"} and "mixed" not in spaces.matrices
    common = features.assign(search_term=[f"word {at % 2_500}" for at in range(n)])
    spaces = spaces_of(common, [*COLUMNS, "search_term"])
    assert len(spaces.codes.levels["search_term"]) == 21 and spaces.matrices["mixed"].shape[1] == 2 + 21


def test_constant_missing_and_infinite_features_are_left_out_and_a_duplicate_changes_no_placement():
    features = shoppers().assign(
        flat=1.0, empty=np.nan, endless=lambda item: item["recency_days"].where(item.index != 3, np.inf)
    )
    features["spend_again"] = features["monetary_total"]
    spaces, _, verdict, definition = found_in(features, [*COLUMNS, "flat", "empty", "endless"])
    assert spaces.dropped == {"flat": "constant", "empty": "all_missing", "endless": "infinite"}
    assert (verdict.verdict, definition.columns) == ("structure", COLUMNS)
    twice = found_in(features, [*COLUMNS, "spend_again"])[3]
    sizes = [assign(item, features)["segment"].value_counts().tolist() for item in (definition, twice)]
    assert sizes == [[120, 120], [120, 120]]


def test_a_definition_whose_feature_is_missing_or_has_another_unit_is_refused_with_the_reason():
    definition = replace(found_in(shoppers())[3], features={name: {"unit": "money"} for name in COLUMNS})
    with pytest.raises(DataError, match="'monetary_total' no longer exists"):
        check_features(definition, {"recency_days": {"unit": "money"}})
    with pytest.raises(DataError, match="feature 'recency_days' is measured in weeks"):
        check_features(definition, {"monetary_total": {"unit": "money"}, "recency_days": {"unit": "weeks"}})
    with pytest.raises(DataError, match="column 'monetary_total' is not in the features"):
        assign(definition, shoppers().drop(columns="monetary_total"))


def later(features):
    """A month later: no one returned, three new customers bought, and spend has a little noise."""
    noise = np.random.default_rng(9).normal(1, 0.01, len(features))
    older = features.assign(
        recency_days=features["recency_days"] + 30, monetary_total=features["monetary_total"] * noise
    )
    new = shoppers(3, seed=5).assign(customer_id=["n1", "n2", "n3"])
    return pd.concat([older, new], ignore_index=True)


@pytest.mark.parametrize("change", ["another seed", "shuffled rows", "a later date"])
def test_names_stay_under_another_seed_shuffled_rows_and_a_slightly_later_date(change):
    features = shoppers()
    last = found_in(features)[3]
    assert last.keys == ["high_spend_recent", "low_spend_lapsed", "unknown"]
    seed = 77 if change == "another seed" else 1
    now = {"shuffled rows": features.sample(frac=1, random_state=2), "a later date": later(features)}
    now = now.get(change, features)
    kept, matches = keep_names(found_in(now, seed=seed)[3], last, now)
    assert [item.kind for item in matches] == ["kept", "kept"] and kept.keys == last.keys
    both = assign(last, features).merge(assign(kept, now), on="customer_id")
    assert (both["segment_x"] == both["segment_y"]).all()
