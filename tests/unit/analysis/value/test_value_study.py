"""The study of value: refusals with their count, the same bytes, intervals, margin, and the definition as data."""

import json
from dataclasses import replace
from datetime import date, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from workbench.analysis.saved_models import SavedModel
from workbench.analysis.value.definition import VALUE_COLUMNS, LearnedValue, ValueDefinition
from workbench.analysis.value.history import days_of_purchase, purchase_history
from workbench.analysis.value.learned import Learned, learn_spend
from workbench.analysis.value.learning import LEARNERS, Past, learn_until
from workbench.analysis.value.saved import pack_value, unpack_value
from workbench.analysis.value.study import study_value
from workbench.core.errors import DataError
from workbench.report.cards.value import value_cards
from workbench.run.services.scorers import prepare_value

START, AS_OF = date(2023, 1, 1), date(2024, 7, 1)


def base(customers=400, *, seed=1, spend=30.0, most=12):
    """Order lines of customers who buy at rates of their own and stop at some time."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(customers):
        day = int(rng.integers(0, 200))
        end, gap, level = day + rng.exponential(400), rng.gamma(2, 25) + 5, rng.gamma(4, spend / 4)
        for _ in range(int(rng.integers(1, most + 1))):
            if day >= min(end, 546):
                break
            rows.append((f"c{number:04d}", START + timedelta(days=day), round(level * rng.gamma(5, 0.2), 2)))
            day += 1 + int(rng.exponential(gap))
    return pd.DataFrame(rows, columns=["customer_id", "ordered_at", "amount"])


def table(frame):
    made = ibis.memtable(frame.assign(ordered_at=pd.to_datetime(frame["ordered_at"])))
    return made.mutate(amount=made.amount.cast("decimal(18, 4)"))


def histories(frame=None):
    lines = base() if frame is None else frame
    return purchase_history(days_of_purchase(table(lines), before=AS_OF), before=AS_OF)


def study(frame, products=None, features=None, **settings):
    settings = {"as_of": AS_OF, "n_draws": 60, "seed": 3} | settings
    tables = {"transactions": table(frame)} | ({"products": products} if products is not None else {})
    return study_value(tables, features, **settings)


@pytest.fixture(scope="module")
def valued():
    return study(base(), profile="shop", currency="CNY")


def test_everybody_who_bought_has_one_value_within_its_bounds(valued):
    values = valued.values
    assert list(values.columns) == list(VALUE_COLUMNS)
    assert values["customer_id"].is_unique
    assert len(values) == base()["customer_id"].nunique()
    assert values.notna().all().all()
    assert (values["value_low"] >= 0).all()
    assert (values["value_low"] <= values["value_high"]).all()
    assert values["p_alive"].between(0, 1).all()


def test_the_intervals_of_the_test_period_hold_as_often_as_they_say(valued):
    assert valued.reasons["interval_coverage"] > 0.86


def test_the_same_seed_gives_the_same_bytes_whatever_the_order_of_rows(valued):
    repeated = study(base().sample(frac=1, random_state=9), profile="shop", currency="CNY")
    pd.testing.assert_frame_equal(repeated.values, valued.values)
    pd.testing.assert_frame_equal(repeated.next_purchases, valued.next_purchases)
    assert repeated.definition.to_json() == valued.definition.to_json()


def test_a_row_after_the_date_changes_nothing(valued):
    planted = pd.concat([base(), pd.DataFrame([("c0001", AS_OF, 9e6)], columns=base().columns)])
    pd.testing.assert_frame_equal(study(planted, profile="shop", currency="CNY").values, valued.values)


def test_a_later_horizon_a_higher_rate_and_more_draws_do_something(valued):
    definition, history = valued.definition, histories()

    def value(**terms):
        return replace(definition, terms=replace(definition.terms, **terms)).value(history)

    longer, shorter = (value(weeks=weeks)["expected_orders"].sum() for weeks in (52.0, 4.0))
    assert longer > 2 * shorter
    dear, free = (value(discount_rate=rate)["expected_value"].sum() for rate in (0.5, 0.0))
    assert dear < free
    assert (value(level=0.95)["value_high"] >= value(level=0.5)["value_high"]).all()
    assert not value(draws=61)["value_high"].equals(value()["value_high"])
    assert study(base(150), horizon_days=30).facts["horizon_days"] == 30


def test_amounts_in_another_unit_scale_the_values(valued):
    cents = study(base().assign(amount=lambda frame: frame["amount"] * 100), profile="shop", currency="CNY")
    ratio = cents.values["expected_value"].sum() / valued.values["expected_value"].sum()
    assert ratio == pytest.approx(100, rel=1e-3)


def test_one_purchase_each_is_too_little_and_the_repeaters_are_counted():
    once = base().drop_duplicates("customer_id")
    result = study(once)
    assert (result.verdict, result.reason) == ("too_little_data", "few_repeaters")
    assert result.facts["calibration_repeaters"] == 0
    assert result.values.empty
    assert pack_value(result) is None


def test_an_empty_base_and_one_customer_are_too_little():
    assert study(base().head(0)).reason == "few_repeaters"
    assert study(base().head(1)).verdict == "too_little_data"


def test_a_history_of_less_than_two_gaps_is_too_short():
    days = [(f"c{n:02d}", START + timedelta(days=day), 10.0) for n in range(60) for day in (n % 5, 90 + n % 7)]
    frame = pd.DataFrame(days, columns=["customer_id", "ordered_at", "amount"])
    result = study(frame, as_of=START + timedelta(days=150))
    assert (result.verdict, result.reason) == ("too_little_data", "few_cycles")
    assert result.facts["gap_days_median"] > result.facts["span_days"] / 2


def test_a_calibration_outside_the_history_is_refused_with_the_dates_that_work():
    with pytest.raises(
        DataError, match=r"calibration_until 2030-01-01 leaves no purchase before it or no day after it"
    ):
        study(base(), calibration_until="2030-01-01")


def test_the_cost_of_most_spend_makes_value_a_margin():
    frame = base().assign(product_id="p", quantity=1.0, amount=40.0)
    products = ibis.memtable(pd.DataFrame({"product_id": ["p"], "unit_cost": [30.0]}))
    plain, margin = study(frame), study(frame, products)
    assert (plain.facts["margin_known"], margin.facts["margin_known"]) == (False, True)
    assert margin.facts["margin"] == pytest.approx(0.25)
    assert margin.values["expected_value"].sum() == pytest.approx(0.25 * plain.values["expected_value"].sum(), rel=1e-6)


def test_equal_spend_cannot_be_modelled_and_the_mean_is_used():
    result = study(base().assign(amount=40.0))
    assert result.definition.spend.fit is None
    assert result.definition.spend.mean == pytest.approx(40)


def test_returns_lower_what_stays_of_a_purchase():
    frame = base()
    back = frame[frame.index % 5 == 0].assign(
        amount=lambda each: -each["amount"], ordered_at=lambda each: each["ordered_at"] + timedelta(days=3)
    )
    back = back[back["ordered_at"] < AS_OF]
    result = study(pd.concat([frame, back]))
    share = (frame["amount"].sum() + back["amount"].sum()) / frame["amount"].sum()
    assert result.facts["net_share"] == pytest.approx(share, abs=0.02)


# the definition ----------------------------------------------------------------------------------


def test_a_definition_read_back_gives_the_same_values(valued):
    read = ValueDefinition.from_json(valued.definition.to_json())
    assert read.version == valued.definition.version
    whole = histories()
    pd.testing.assert_frame_equal(read.value(whole), valued.values)


def test_a_definition_that_was_changed_is_refused(valued):
    held = json.loads(valued.definition.to_json())
    held["orders"]["parameters"]["r"] *= 2
    with pytest.raises(DataError, match="its content has digest"):
        ValueDefinition.from_json(json.dumps(held))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "segments"}'])
def test_what_is_no_definition_is_refused(text):
    with pytest.raises(DataError, match="no definition of value"):
        ValueDefinition.from_json(text)


def test_a_definition_names_profile_currency_and_the_evidence(valued):
    held = json.loads(valued.definition.to_json())
    assert (held["profile"], held["currency"], held["as_of"]) == ("shop", "CNY", "2024-07-01")
    assert held["evidence"]["orders_mae"] > 0


def test_the_kept_model_is_data_alone_and_scores_as_the_stage_does(valued):
    saved = pack_value(valued)
    repeated = SavedModel.from_json(saved.to_json(), b"")
    assert (repeated.kind, repeated.version, repeated.body) == ("value", valued.definition.version, b"")
    assert unpack_value(repeated).to_json() == valued.definition.to_json()
    prepared = prepare_value(repeated, {"transactions": table(base())}, AS_OF)
    scored = prepared.score(prepared.rows.to_pandas())
    pd.testing.assert_frame_equal(scored, valued.values)


def test_a_model_of_another_kind_or_a_base_without_orders_is_refused(valued):
    with pytest.raises(DataError, match="a model of kind 'churn'"):
        unpack_value(SavedModel("churn", "1", {}))
    with pytest.raises(DataError, match="no table transactions"):
        prepare_value(pack_value(valued), {}, AS_OF)


def test_the_card_is_written_in_both_languages(valued):
    cards = value_cards(pack_value(valued), profile="shop", credit={"en": "made up", "zh": "虚构"})
    assert set(cards) == {"en", "zh"}
    assert valued.definition.version in cards["en"]
    assert "仍在购买的概率" in cards["zh"]
    assert value_cards(None, profile="shop", credit="") == {}


# the learner -------------------------------------------------------------------------------------


def taught(seed=2, n=600):
    """Customers whose spend depends on a number with gaps and on a word."""
    rng = np.random.default_rng(seed)
    known = pd.DataFrame(
        {"customer_id": [f"c{at:03}" for at in range(n)], "visits": rng.integers(0, 9, n).astype(float)}
    )
    known["plan"] = rng.choice(["gold", "iron", ""], n)
    known.loc[::7, "visits"] = np.nan
    mean = 5 + 3 * known["visits"].fillna(20) + 40 * (known["plan"] == "gold")
    return known, np.round(mean * rng.gamma(2, 0.5, n) * (rng.random(n) < 0.6), 2).to_numpy(copy=True)


@pytest.mark.parametrize("parts", [1, 2])
def test_the_trees_held_as_numbers_predict_what_the_library_predicts(parts):
    known, spend = taught()
    mine = learn_spend(known, spend, parts=parts, seed=4)
    matrix, target, bought = mine.inputs.matrix(known), spend / spend.mean(), spend > 0
    settings = {
        "learning_rate": 0.05,
        "max_iter": 100,
        "max_leaf_nodes": 4,
        "min_samples_leaf": 40,
        "early_stopping": False,
    }
    if parts == 1:
        theirs = HistGradientBoostingRegressor(loss="poisson", **settings).fit(matrix, target).predict(matrix)
    else:
        chance = HistGradientBoostingClassifier(**settings).fit(matrix, bought).predict_proba(matrix)[:, 1]
        amount = HistGradientBoostingRegressor(loss="gamma", **settings).fit(matrix[bought], target[bought])
        theirs = chance * amount.predict(matrix)
    assert mine.predict(known) == pytest.approx(theirs * spend.mean() / theirs.mean(), rel=1e-7)
    repeated = Learned.from_dict(json.loads(json.dumps(mine.as_dict(), allow_nan=False)))
    assert (repeated.predict(known) == mine.predict(known)).all()


def test_what_is_expected_of_those_learned_from_sums_up_to_what_they_spent_net():
    known, spend = taught()
    spend[:50] -= 30.0  # sent back later than bought
    result = learn_spend(known, spend, parts=1, seed=4).predict(known)
    assert result.sum() == pytest.approx(spend.sum(), rel=1e-6)
    assert (result > 0).all()


def test_a_word_never_seen_counts_as_none_and_a_missing_column_is_named():
    known, spend = taught()
    mine = learn_spend(known, spend, parts=1, seed=4)
    assert mine.inputs.words == {"plan": ("gold", "iron")}
    strange = mine.predict(known.assign(plan="tin"))
    assert (strange == mine.predict(known.assign(plan=""))).all()
    with pytest.raises(DataError, match="column 'plan' is missing"):
        mine.predict(known.drop(columns="plan"))


def test_a_learner_of_features_is_applied_to_the_features_of_today_and_names_those_that_are_lacking(valued):
    known, spend = taught(n=len(valued.values))
    features = known.assign(customer_id=valued.values["customer_id"].to_numpy())
    model = learn_spend(known, spend, parts=1, seed=4)
    learned = LearnedValue("learned", model, 52.0, (10.0,), (0.0, 5.0), (50.0, 90.0))
    held = replace(valued, definition=replace(valued.definition, learned=learned))
    assert held.definition.features == ["visits", "plan"]
    saved = SavedModel.from_json(pack_value(held).to_json(), b"")
    assert (saved.inputs["visits"], saved.inputs["plan"], saved.inputs["repeats"]) == ("number", "text", "number")
    lines, shuffled = table(base()), ibis.memtable(features.sample(frac=1, random_state=1))
    prepared = prepare_value(saved, {"transactions": lines, "features": shuffled}, AS_OF)
    scored = prepared.score(prepared.rows.to_pandas())
    pd.testing.assert_frame_equal(scored, held.definition.value(histories(), features))
    assert (scored["expected_value"] != valued.values["expected_value"]).all()
    with pytest.raises(DataError) as error:
        prepare_value(saved, {"transactions": lines, "features": ibis.memtable(features[["customer_id"]])}, AS_OF)
    assert "column 'visits'" in str(error.value) and "column 'plan'" in str(error.value)


def test_few_customers_few_buyers_or_no_spend_teach_nothing():
    known, spend = taught()
    assert learn_spend(known.head(150), spend[:150], parts=1, seed=1) is None
    assert learn_spend(known, np.where(np.arange(len(spend)) < 99, 5.0, 0.0), parts=1, seed=1) is None
    assert learn_spend(known, np.zeros(len(known)), parts=2, seed=1) is None
    assert learn_spend(known, np.ones(len(known)), parts=2, seed=1) is None  # all bought: no chance to learn


def test_nothing_at_or_after_a_cut_off_is_learned():
    rows = table(base(200))
    days = days_of_purchase(rows, before=AS_OF)
    until, settings = date(2024, 2, 1), {"window_days": 90, "cut_offs": 3, "seed": 1}
    whole = learn_until(Past(days, AS_OF), until, START, **settings)
    cut = learn_until(Past(days.filter(days.day < until), AS_OF), until, START, **settings)
    assert whole == cut and set(whole) == {"learned", "two_part"}
    assert (
        learn_until(Past(days, AS_OF), START + timedelta(days=120), START, **settings) == {}
    )  # nothing before a cut-off
    assert learn_until(Past(days, AS_OF), until, START, **{**settings, "cut_offs": 0}) == {}


def test_a_base_whose_spend_the_models_of_orders_cannot_know_goes_to_the_learner():
    """High spenders buy again and often, others never: the rate of purchases does not separate them."""
    rng = np.random.default_rng(8)
    rows = []
    for number in range(1200):
        rich = number % 6 == 0
        first = int(rng.integers(0, 30))
        days = [first, first + 20, first + 40]
        days += list(range(first + 60, 540, 20)) if rich else []
        amount = 500.0 if rich else 5.0
        rows += [
            (f"c{number:04d}", START + timedelta(days=day), round(amount * rng.gamma(9, 1 / 9), 2)) for day in days
        ]
    result = study(pd.DataFrame(rows, columns=["customer_id", "ordered_at", "amount"]))
    assert result.verdict == "valued"
    assert result.chosen in LEARNERS
    assert result.reasons[f"{result.chosen}_loss_less"] < -result.reasons[f"{result.chosen}_loss_error"]
    read = ValueDefinition.from_json(result.definition.to_json())
    assert read.chosen == result.chosen
    assert (result.values["value_low"] <= result.values["expected_value"]).all()
