"""The churn study: which labels are used, the features at each cut-off, and who gets a probability."""

from datetime import date, datetime, timedelta
from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
import pytest

from workbench.analysis import features_at_cutoff
from workbench.analysis.churn import study as churn_study
from workbench.analysis.churn.models.results import ChurnResult
from workbench.analysis.churn.scoring import CHURN_COLUMNS
from workbench.analysis.churn.study import ChurnStudy, score_customers, study_churn
from workbench.analysis.features_at_cutoff import FeaturesAtCutoff
from workbench.core.errors import DataError

FIRST, AS_OF = date(2024, 1, 1), date(2024, 6, 17)  # 168 days: six periods of four weeks
EVERY = 7  # days between the purchases of a customer who has not left


def shop(customers=240, seed=3):
    """Weekly buyers, each of whom leaves for good on some day after the sixth week."""
    rng = np.random.default_rng(seed)
    rows = []
    for at in range(customers):
        begins, leaves = int(rng.integers(0, EVERY)), int(rng.integers(42, 190))
        days = range(begins, min(leaves, 168), EVERY)
        rows += [(f"c{at:03}", FIRST + timedelta(days=day), float(rng.integers(5, 60))) for day in days]
    return rows


def lines(rows):
    frame = pd.DataFrame(rows, columns=["customer_id", "ordered_at", "amount"])
    when = pd.to_datetime(frame["ordered_at"]).astype("datetime64[us]")
    return ibis.memtable(frame.assign(ordered_at=when, order_id=[f"o{at}" for at in frame.index]))


def labels(rows):
    frame = pd.DataFrame(rows, columns=["customer_id", "label", "observed_at"])
    when = pd.to_datetime(frame["observed_at"], format="mixed").astype("datetime64[us]")
    return ibis.memtable(frame.assign(observed_at=when))


@pytest.fixture
def fitted(monkeypatch):
    """Collect the training data by period instead of fitting a model."""
    seen = {}

    def fit_dated(periods, **settings):
        seen.update(periods, settings=settings)
        return ChurnResult("model", "time", {}, {"leak_alarms": 0})

    def fit_undated(labelled, **settings):
        seen.update(all=labelled, settings=settings)
        return ChurnResult("model", "random", {}, {"leak_alarms": 0})

    monkeypatch.setattr(churn_study, "fit_dated", fit_dated)
    monkeypatch.setattr(churn_study, "fit_undated", fit_undated)
    return seen


def study(rows, **options):
    settings = {"as_of": AS_OF, "horizon_days": 28, "train_cut_offs": 1, **options}
    return study_churn({"transactions": lines(rows)}, pd.DataFrame(), **settings)


def same(one, two):
    pd.testing.assert_frame_equal(one.reset_index(drop=True), two.reset_index(drop=True))


def test_purchases_give_three_periods_one_horizon_apart(fitted):
    result = study(shop())
    assert (result.kind, result.verdict, result.reason) == ("purchases", "model", "")
    assert result.cut_offs == {"train": date(2024, 3, 25), "calibrate": date(2024, 4, 22), "test": date(2024, 5, 20)}
    assert (result.horizon.days, result.horizon.set_by, result.active_within_days) == (28, "profile", 56)
    for name in ("train", "calibrate", "test"):
        frame = fitted[name]
        assert len(frame) == result.counts[f"{name}.eligible"] > 100
        assert int(frame["label"].sum()) == result.counts[f"{name}.churned"] > 20
        assert frame["customer_id"].is_unique
        assert frame["recency_days"].between(1, 56).all()


def test_several_training_cut_offs_are_stacked_each_with_its_features_at_the_time(fitted):
    result = study(shop(60), train_cut_offs=9)
    assert result.train_cut_offs == (date(2024, 1, 29), date(2024, 2, 26), date(2024, 3, 25))
    assert (result.train_cut_offs_asked, result.cut_offs["train"]) == (9, date(2024, 3, 25))
    rows = fitted["train"]
    assert rows.groupby("cut_off").size().sum() == len(rows) == result.counts["train.eligible"]
    assert not rows.duplicated(["customer_id", "cut_off"]).any()
    most = rows.groupby("cut_off")["frequency_orders"].max().tolist()
    assert most == [4, 8, 12]  # one a week, and nothing of what came later
    assert result.counts["immature"] == study(shop(60)).counts["immature"] > 0


def test_settings_reach_the_fit(fitted):
    study(shop(40), seed=7, min_positives=31, leak_auc=0.9, n_bootstraps=5)
    settings = {
        "leak_auc": 0.9,
        "min_positives": 31,
        "n_bootstraps": 5,
        "seed": 7,
        "horizon_days": 28,
        "households": None,
    }
    assert fitted["settings"] == settings


def test_the_requested_windows_are_features(fitted):
    study(shop(40), features_at=FeaturesAtCutoff((14,)))
    assert "orders_14d" in fitted["train"] and "orders_30d" not in fitted["train"]


@pytest.mark.parametrize("name", ["train", "calibrate", "test"])
def test_nothing_at_or_after_a_cut_off_is_known_at_it(fitted, name):
    rows = shop(60)
    cut_off = study(rows).cut_offs[name]
    before = fitted[name]
    buyer = before["customer_id"].iloc[0]
    moment = datetime(cut_off.year, cut_off.month, cut_off.day)  # the first instant after the features end
    planted = [(buyer, moment, 1e6), (buyer, moment + timedelta(hours=5), 1e6)]
    study([*rows, *planted])
    after = fitted[name]
    columns = [column for column in before if column != "label"]
    same(before[columns], after[columns])
    assert after.set_index("customer_id").loc[buyer, "label"] == 0  # but it is a purchase of the period


def test_an_order_just_before_a_cut_off_is_known_at_it(fitted):
    rows = shop(60)
    cut_off = study(rows).cut_offs["test"]
    before = fitted["test"].set_index("customer_id")
    buyer = before.index[0]
    moment = datetime(cut_off.year, cut_off.month, cut_off.day) - timedelta(seconds=1)
    study([*rows, (buyer, moment, 1e6)])
    spent = fitted["test"].set_index("customer_id").loc[buyer, "monetary_total"]
    assert spent == pytest.approx(before.loc[buyer, "monetary_total"] + 1e6)


def test_rows_at_or_after_the_as_of_date_change_nothing(fitted):
    rows = shop(60)
    study(rows)
    before = {name: fitted[name] for name in ("train", "calibrate", "test")}
    later = datetime(2024, 6, 17)
    study([*rows, ("c000", later, 1e6), ("c001", later + timedelta(days=40), 1e6), ("stranger", later, 5.0)])
    for name, frame in before.items():
        same(frame, fitted[name])


def test_the_order_of_the_rows_does_not_matter(fitted):
    rows = shop(60)
    first = study(rows)
    before = fitted["test"].copy()
    second = study(rows[::-1])
    assert (first.counts, first.cut_offs) == (second.counts, second.cut_offs)
    columns = [name for name in before if not name.startswith("order_id")]
    same(before[columns].sort_values("customer_id"), fitted["test"][columns].sort_values("customer_id"))


def test_an_empty_tail_does_not_make_everybody_a_leaver(fitted):
    early = study(shop(60))
    late = study(shop(60), as_of=date(2025, 6, 1))
    assert late.cut_offs == early.cut_offs
    assert late.counts == early.counts


def bought(*days):
    return [("c1", FIRST + timedelta(days=day), 5.0) for day in days]


@pytest.mark.parametrize(
    ("rows", "options", "reason", "span"),
    [
        ([], {}, "no_purchases", {}),
        ([("c1", date(2024, 7, 1), 5.0)], {}, "no_purchases", {}),  # after the as-of date
        ([(None, FIRST, 5.0)], {}, "no_purchases", {}),  # without a customer
        ([("c1", FIRST, -5.0)], {}, "no_purchases", {}),  # a refund
        (bought(0, 110), {"horizon_days": None}, "too_short", {"days": 111, "needed_days": 112}),
        (bought(0, 30), {}, "too_short", {"days": 31, "needed_days": 112}),
        (bought(0, 120), {"horizon_days": 31}, "too_short", {"days": 121, "needed_days": 124}),
        ([*bought(0), ("c2", date(2024, 5, 30), 5.0)], {"horizon_days": None}, "no_repeats", None),
    ],
)
def test_a_history_without_a_model_has_the_reason(rows, options, reason, span):
    empty = pd.DataFrame({"customer_id": pd.Series(dtype="str"), "ordered_at": [], "amount": pd.Series(dtype="float")})
    result = study(rows or empty, **options)
    assert (result.verdict, result.reason) == ("too_short", reason)
    assert span is None or result.span == span
    assert (result.horizon, result.cut_offs, result.result.model) == (None, {}, None)
    scored = score_customers(result, pd.DataFrame({"customer_id": ["c1"]}), {}, as_of=AS_OF)
    assert scored.empty
    assert list(scored) == list(CHURN_COLUMNS)


def test_a_history_of_exactly_four_periods_is_enough(fitted):
    assert study(bought(0, 40, 111), horizon_days=None).verdict == "model"


def test_orders_without_a_date_give_no_model():
    undated = ibis.memtable(pd.DataFrame({"customer_id": ["c1"], "amount": [5.0]}))
    assert study_churn({"transactions": undated}, pd.DataFrame(), as_of=AS_OF).reason == "no_purchases"


FEATURES = pd.DataFrame({"customer_id": ["a", "b", "c"], "tenure": [1, 2, 3], "plan": ["x", "y", "x"]})


def label_study(rows, features=FEATURES, tables=None, **options):
    inputs = {"labels": labels(rows), **(tables or {})}
    return study_churn(inputs, features, **{"as_of": AS_OF, "train_cut_offs": 1, **options})


def test_labels_without_dates_are_learned_from_with_the_features_of_the_run(fitted):
    result = label_study([("b", 1, None), ("a", 0, None), ("stranger", 1, None)])
    assert (result.kind, result.cut_offs, result.horizon) == ("undated_labels", {}, None)
    assert fitted["all"].to_dict("list") == {
        "customer_id": ["a", "b"], "label": [0, 1], "tenure": [1, 2], "plan": ["x", "y"],
    }  # fmt: skip


def test_a_label_table_without_a_date_column_is_undated(fitted):
    bare = ibis.memtable(pd.DataFrame({"customer_id": ["a", "b"], "label": [True, False]}))
    assert study_churn({"labels": bare}, FEATURES, as_of=AS_OF).kind == "undated_labels"
    assert fitted["all"]["label"].tolist() == [1, 0]


def test_blank_labels_and_labels_without_customer_are_left_out_and_the_latest_counts(fitted):
    rows = [("a", 0, "2024-01-01"), ("a", 1, "2024-02-01"), ("b", None, "2024-02-01"), (None, 1, "2024-02-01")]
    assert label_study([*rows, ("c", 0, "2024-03-01")]).counts["labels.unread"] == 1
    assert fitted["all"].set_index("customer_id")["label"].to_dict() == {"a": 1, "c": 0}


def test_labels_observed_at_or_after_the_as_of_date_are_not_known(fitted):
    label_study([("a", 0, "2024-01-01"), ("b", 1, "2024-06-17"), ("c", 1, "2024-06-16 23:59:59")])
    assert fitted["all"]["customer_id"].tolist() == ["a", "c"]


def dated_labels(customers=60):
    """Label one customer a day, alternately 1 and 0, over 60 days from 1 April."""
    return [(f"c{at:03}", at % 2, datetime(2024, 4, 1, 12) + timedelta(days=at)) for at in range(customers)]


def test_dated_labels_are_split_by_their_dates(fitted):
    result = label_study(dated_labels(), tables={"transactions": lines(shop(60))})
    assert result.kind == "dated_labels"
    assert result.cut_offs == {  # two, three and four fifths of the 59 days, at midnight
        "train": date(2024, 4, 25), "calibrate": date(2024, 5, 6), "test": date(2024, 5, 18),
    }  # fmt: skip
    labelled = {name: set(fitted[name]["customer_id"]) for name in ("train", "calibrate", "test")}
    assert labelled["train"] == {f"c{at:03}" for at in range(24, 35)}
    assert labelled["calibrate"] == {f"c{at:03}" for at in range(35, 47)}
    assert labelled["test"] == {f"c{at:03}" for at in range(47, 60)}


def test_earlier_labels_are_trained_on_too_and_those_before_the_first_cut_off_are_counted(fitted):
    result = label_study(dated_labels(), tables={"transactions": lines(shop(60))}, train_cut_offs=2)
    assert result.train_cut_offs == (date(2024, 4, 13), date(2024, 4, 25))
    assert set(fitted["train"]["customer_id"]) == {f"c{at:03}" for at in range(12, 35)}
    assert result.counts["labels.before_first_cut_off"] == 12


def test_no_household_is_in_two_periods_of_a_label_table(fitted):
    homes = pd.DataFrame({"customer_id": ["c026", "c040", "c050", "c051"], "household_id": ["h1", "h1", "h2", "h2"]})
    result = label_study(dated_labels(), tables={"transactions": lines(shop(60))}, households=homes)
    assert "c026" not in set(fitted["train"]["customer_id"])  # c040 of the same household calibrates
    assert "c040" in set(fitted["calibrate"]["customer_id"])
    assert {"c050", "c051"} <= set(fitted["test"]["customer_id"])  # within one period they may be together
    assert result.counts["labels.household_later"] == 1


def test_labels_of_customers_of_whom_nothing_is_known_are_counted(fitted):
    assert label_study([("b", 1, None), ("stranger", 1, None)]).counts["labels.without_features"] == 1


def test_features_of_a_dated_label_end_where_its_period_begins(fitted):
    rows = shop(60)
    label_study(dated_labels(), tables={"transactions": lines(rows)})
    before = fitted["test"]
    planted = [("c050", datetime(2024, 5, 18), 1e6), ("c050", datetime(2024, 5, 19), 1e6)]
    label_study(dated_labels(), tables={"transactions": lines([*rows, *planted])})
    same(before, fitted["test"])
    label_study(dated_labels(), tables={"transactions": lines([*rows, ("c050", datetime(2024, 5, 17), 1e6)])})
    assert fitted["test"]["monetary_total"].max() > 1e6


def test_the_label_table_is_no_source_of_features(fitted, monkeypatch):
    inputs = []
    real = features_at_cutoff.build_features

    def build(tables, **options):
        inputs.append(set(tables))
        return real(tables, **options)

    monkeypatch.setattr(features_at_cutoff, "build_features", build)
    label_study(dated_labels(), tables={"transactions": lines(shop(60))})
    assert inputs == [{"transactions"}] * 3
    assert "observed_at" not in fitted["test"]


def test_labels_of_three_moments_make_no_three_periods(fitted):
    hours = [(f"c{at}", at % 2, datetime(2024, 4, 1, at)) for at in range(3)]
    assert label_study(hours).kind == "undated_labels"


def test_labels_that_all_fall_on_one_day_are_too_few_for_three_periods():
    hours = [(f"c{at:03}", at % 2, datetime(2024, 4, 1, at)) for at in range(20)]
    assert label_study(hours, tables={"transactions": lines(shop(20))}).verdict == "too_few_positives"


class Half:
    """A model that gives customer b another probability than everybody else."""

    def predict(self, frame):
        return 0.5 + 0.1234567 * (frame["customer_id"] == "b").to_numpy()


def scored(kind, features=FEATURES, tables=None, **more):
    predictions = pd.DataFrame({"customer_id": ["a"], "label": [1], "churn_probability": [0.9]})
    result = ChurnResult("model", "time", {}, {}, predictions=predictions, model=Half(), model_version="abc")
    inputs = ChurnStudy(kind, "model", result, active_within_days=30, **more)
    return score_customers(inputs, features, tables or {}, as_of=AS_OF)


def test_only_customers_still_active_are_scored_for_a_missing_purchase():
    orders = lines([("b", date(2024, 6, 1), 5.0), ("a", date(2024, 5, 18), 5.0), ("c", date(2024, 5, 17), 5.0)])
    result = scored("purchases", FEATURES.iloc[::-1], {"transactions": orders})
    assert result["customer_id"].tolist() == ["a", "b"]  # the 18th is 30 days before, the 17th 31
    assert result["churn_probability"].tolist() == [0.5, 0.623457]
    assert result["purchase_probability"].tolist() == pytest.approx([0.5, 0.376543])
    assert (result["cut_off"] == pd.Timestamp(AS_OF)).all()
    assert (result["model_version"] == "abc").all()


def test_a_label_that_is_no_missing_purchase_gives_no_probability_of_one():
    result = scored("dated_labels")
    assert result["customer_id"].tolist() == ["a", "b", "c"]
    assert result["purchase_probability"].isna().all()
    assert (result["cut_off"] == pd.Timestamp(AS_OF)).all()


def test_customers_with_undated_labels_keep_their_out_of_fold_probability():
    result = scored("undated_labels").set_index("customer_id")["churn_probability"]
    assert result.to_dict() == {"a": 0.9, "b": 0.623457, "c": 0.5}


def test_no_active_customers_give_no_rows():
    orders = lines([("a", date(2024, 1, 1), 5.0)])
    assert scored("purchases", tables={"transactions": orders}).empty


def test_the_study_runs_end_to_end_gives_the_same_result_again_and_names_leaking_columns():
    rows = shop()
    ids = sorted({customer for customer, *_ in rows})
    after = {customer: sum(day >= date(2024, 5, 20) for who, day, _ in rows if who == customer) for customer in ids}
    people = pd.DataFrame(
        {"customer_id": ids, "plan": [f"p{at % 3}" for at in range(len(ids))], "later_orders": list(after.values())}
    )
    people["next_order_on"] = "2024-09-01"
    tables = {"transactions": lines(rows), "customers": ibis.memtable(people)}
    settings = {"as_of": AS_OF, "horizon_days": 28, "min_positives": 20, "n_bootstraps": 20, "seed": 5}
    actual = [
        study_churn(tables, pd.DataFrame(), train_cut_offs=2, stable_attributes=stable, **settings)
        for stable in ([], ["plan", "next_order_on"], [])
    ]
    assert actual[0].verdict == "model"
    assert actual[0].result.metrics == actual[2].result.metrics
    assert actual[0].result.model_version == actual[2].result.model_version
    alarms = actual[0].result.alarms
    assert list(alarms.loc[alarms["alarm"] == "after_cut_off", "feature"]) == ["later_orders", "next_order_on"]
    assert actual[0].result.metrics["leak_alarms"] == len(alarms)
    assert {"later_orders", "next_order_on"}.isdisjoint(actual[0].result.columns.names)
    assert "plan" not in actual[0].result.columns.names  # undated: it may have changed since
    assert actual[0].undated == ("plan",)
    assert "plan" in actual[1].result.columns.names
    assert actual[1].undated == ()
    assert actual[0].result.origins["role"].tolist() == ["train", "train", "calibrate", "test"]
    assert 0.4 < actual[0].result.metrics["auc_apart"] < 1
    features = FeaturesAtCutoff().at(tables, AS_OF)
    result = score_customers(actual[0], features, tables, as_of=AS_OF)
    assert result["churn_probability"].between(0, 1).all()
    assert 0 < len(result) < features["customer_id"].nunique()


def test_a_stable_attribute_that_is_not_there_is_refused_with_the_nearest(fitted):
    tables = {
        "transactions": lines(shop(40)),
        "customers": ibis.memtable(pd.DataFrame({"customer_id": ["a"], "plan": "x"})),
    }
    with pytest.raises(DataError, match="stable_attributes: 'plam' is not a column of customers. Did you mean 'plan'?"):
        study_churn(tables, pd.DataFrame(), as_of=AS_OF, horizon_days=28, stable_attributes=["plam"])


def test_too_few_of_either_outcome_is_a_verdict_not_a_failure():
    result = study(shop(40), min_positives=30, n_bootstraps=5)
    assert result.verdict == "too_few_positives"
    assert score_customers(result, FEATURES, {}, as_of=AS_OF).empty
    assert SimpleNamespace(**result.result.metrics).positives < 30
