"""Scales of surveys: alpha by hand, reversed items, unreliable scales are not scored."""

from datetime import date, datetime

import ibis
import numpy as np
import pytest
from pydantic import ValidationError

from workbench.core.stages.build_features import BuildFeatures
from workbench.intake.features.build import build_features
from workbench.intake.features.contacts.scales import judge_scales, read_scales
from workbench.intake.features.inputs.settings import FeatureSettings

AS_OF = date(2024, 7, 1)
DECLARED = {"care": {"items": ["q1", "q2", "q3"], "reverse": ["q3"], "low": 1, "high": 5}}


def responses(answers, at=datetime(2024, 6, 1)):
    """Convert answers (customers x items) to long form; q3 is a reversed item."""
    rows = [
        {"customer_id": f"c{who:03d}", "survey": "s", "question": f"q{item + 1}", "answer": f"{value:g}", "answered_at": at}
        for who, person_answers in enumerate(answers) for item, value in enumerate(person_answers) if value is not None
    ]  # fmt: skip
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return ibis.memtable(columns)


def judged(answers, least=0.7, as_of=AS_OF):
    tables = {"responses": responses(answers)}
    return judge_scales(tables, read_scales(DECLARED), as_of=as_of, least_reliability=least)


@pytest.fixture(scope="module")
def loyal():
    """Forty people whose answers follow one opinion, the third question reversed."""
    rng = np.random.default_rng(7)
    opinion = rng.integers(1, 6, size=40)
    noisy = np.clip(opinion[:, None] + rng.integers(-1, 2, size=(40, 3)), 1, 5)
    noisy[:, 2] = 6 - noisy[:, 2]
    return noisy.tolist()


def test_alpha_follows_the_formula_with_reversed_items_recoded(loyal):
    recoded = np.array(loyal, dtype=float)
    recoded[:, 2] = 6 - recoded[:, 2]
    expected = 3 / 2 * (1 - recoded.var(axis=0, ddof=1).sum() / recoded.sum(axis=1).var(ddof=1))
    reliable, frame = judged(loyal)
    (row,) = frame.to_dict("records")
    assert row["alpha"] == pytest.approx(expected, abs=1e-6)
    assert row["alpha_low"] < row["alpha"]
    assert (list(reliable), row["status"], row["customers"], row["scale_items"]) == (["care"], "pass", 40, 3)


def test_unreliable_items_are_not_scored():
    rng = np.random.default_rng(8)
    reliable, frame = judged(rng.integers(1, 6, size=(60, 3)).tolist())
    assert reliable == {}
    assert (frame.loc[0, "status"], frame.loc[0, "alpha"] < 0.7) == ("warn", True)


def test_fewer_than_thirty_complete_answers_give_no_alpha(loyal):
    reliable, frame = judged([*loyal[:29], *([1, None, 2] for _ in range(20))])
    assert reliable == {}
    assert frame["alpha"].isna().all() and frame.loc[0, "customers"] == 29


def test_answers_from_the_as_of_date_on_do_not_count(loyal):
    assert judged(loyal, as_of=date(2024, 6, 1))[1].loc[0, "customers"] == 0


def test_the_score_is_the_mean_of_the_answered_items_and_needs_half_of_them():
    tables = {
        "customers": ibis.memtable({"customer_id": ["c000", "c001", "c002"]}),
        "responses": responses([[5, 3, 1], [4, None, 2], [None, None, 3]]),
    }
    settings = FeatureSettings(scales=read_scales(DECLARED))
    built = build_features(tables, as_of=AS_OF, settings=settings).to_pandas().set_index("customer_id")
    assert built["scale_care"].tolist()[:2] == [pytest.approx(13 / 3, abs=1e-6), 4.0]
    assert np.isnan(built.loc["c002", "scale_care"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reverse": ["q9"]}, "none of the items"),
        ({"low": 6}, "low must be the smaller"),
        ({"items": ["q1"]}, "at least 2"),
    ],
)
def test_a_scale_that_cannot_be_scored_is_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        BuildFeatures(scales={"care": DECLARED["care"] | {"low": 1.0, "high": 5.0} | change})
