"""The model of answers: labels by date, periods in time order, a test of later campaigns, honest refusals."""

from datetime import date

import ibis
import numpy as np
import pandas as pd
import pytest

from workbench.analysis.churn.answers import ANSWER_DAYS, plan_periods, study_answers

AS_OF = date(2024, 12, 31)
AMOUNTS = {"contact_cost": 1.0, "gain_per_leaver": 5.0}
WAVES = pd.to_datetime(["2024-01-10", "2024-03-10", "2024-05-10", "2024-07-10"])


class Builder:
    """Features at a cut-off: the taste for coupons, which decides who answers, and noise."""

    def __init__(self, features):
        self.features = features
        self.cut_offs = []

    def at(self, tables, cut_off, *, undated=()):
        self.cut_offs.append(cut_off)
        return self.features


def world(*, informative=True, customers=400):
    rng = np.random.default_rng(3)
    ids = [f"{at:04d}" for at in range(customers)]
    taste = rng.normal(size=customers)
    features = pd.DataFrame(
        {"customer_id": ids, "monetary_total": taste, "recency_days": rng.integers(1, 90, customers)}
    )
    rows = []
    for wave, sent in enumerate(WAVES):
        answers = (taste if informative else 0) + rng.normal(size=customers) > 0.8
        redeemed = pd.Series(pd.NaT, index=range(customers)).mask(answers, sent + pd.Timedelta(days=3))
        rows.append(
            pd.DataFrame({"customer_id": ids, "campaign_id": str(wave), "sent_at": sent, "redeemed_at": redeemed})
        )
    return features, pd.concat(rows, ignore_index=True)


def study(campaigns, features, **options):
    tables = {} if campaigns is None else {"campaigns": ibis.memtable(campaigns)}
    builder = options.pop("builder", Builder(features))
    return study_answers(
        tables, features, as_of=AS_OF, features_at=builder, amounts=AMOUNTS, n_bootstraps=50, seed=1, **options
    )


@pytest.fixture(scope="module")
def fitted():
    features, campaigns = world()
    builder = Builder(features)
    return study(campaigns, features, builder=builder), builder


def test_features_are_built_at_the_start_of_each_period(fitted):
    assert fitted[1].cut_offs == [wave.date() for wave in WAVES]


def test_who_answers_is_predicted_better_than_by_the_last_answer_and_is_calibrated(fitted):
    metrics = fitted[0].metrics
    assert metrics["answers.verdict"] == "model" and metrics["answers.customers"] == 400
    assert metrics["answers.auc_low"] > 0.6
    assert metrics["answers.auc"] > metrics["answers.baseline_auc"] > 0.5
    assert 0.6 < metrics["answers.calibration_slope"] < 1.6


def test_everybody_of_today_is_scored_once(fitted):
    scored = fitted[0].scored
    assert scored["customer_id"].is_unique and len(scored) == 400
    assert scored["answer_probability"].between(0, 1).all()
    assert set(scored["cut_off"]) == {pd.Timestamp(AS_OF)}


def test_answers_without_a_pattern_do_not_beat_a_random_draw():
    features, campaigns = world(informative=False)
    assert study(campaigns, features).metrics["answers.auc_low"] <= 0.5


def test_without_campaigns_or_answers_there_is_no_model():
    features, campaigns = world(customers=60)
    assert study(None, features).verdict == "no_campaigns"
    assert study(campaigns.drop(columns="redeemed_at"), features).verdict == "no_campaigns"
    nobody = study(campaigns.assign(redeemed_at=pd.NaT), features)
    assert (nobody.verdict, nobody.metrics, len(nobody.scored)) == (
        "no_campaigns",
        {"answers.verdict": "no_campaigns"},
        0,
    )


def test_campaigns_whose_answers_are_not_complete_do_not_count():
    features, campaigns = world(customers=60)
    late = pd.Timestamp(AS_OF) - pd.Timedelta(days=ANSWER_DAYS - 1)
    moved = campaigns.assign(sent_at=campaigns["sent_at"].mask(campaigns["campaign_id"] == "3", late))
    assert study(moved, features).verdict == "too_short"


def test_too_few_answers_give_no_model():
    features, campaigns = world(customers=60)
    assert study(campaigns, features).verdict == "too_few_positives"


def test_periods_start_on_days_of_sending_with_about_equal_numbers():
    days = [date(2024, 1, 1)] * 6 + [date(2024, 2, 1), date(2024, 3, 1), date(2024, 4, 1)]
    assert plan_periods(days) == [date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1), date(2024, 4, 1)]
    assert plan_periods(days[:8]) == [] and plan_periods([]) == []


def test_campaigns_before_the_first_order_do_not_count():
    features, campaigns = world(customers=60)
    orders = pd.DataFrame({"customer_id": ["0001"], "ordered_at": [WAVES[0]]})
    tables = {"campaigns": ibis.memtable(campaigns), "transactions": ibis.memtable(orders)}
    result = study_answers(tables, features, as_of=AS_OF, features_at=Builder(features), amounts=AMOUNTS)
    assert result.verdict == "too_short"  # three days of sending are left
