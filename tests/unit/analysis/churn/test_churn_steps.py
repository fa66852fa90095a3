"""Words as columns: what scikit-learn's encoder gives, unseen and rare words together."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.preprocessing import OneHotEncoder

from workbench.analysis.churn.models.candidates import build_inputs
from workbench.analysis.churn.models.fitting import Recipe, Training, fit_candidate, pinned
from workbench.analysis.churn.models.steps import EmptyAsZero, WordColumns
from workbench.analysis.model_columns import ModelColumns

WORDS = st.lists(st.tuples(st.sampled_from(["", "a", "b", "c", "红"]), st.sampled_from(["x", "y"])), min_size=1)


def frame(rows):
    return pd.DataFrame(rows, columns=["one", "two"], dtype=object)


@settings(max_examples=40, deadline=None)
@given(WORDS, WORDS, st.sampled_from([0.01, 0.3, 0.6]))
def test_words_become_the_columns_that_the_library_makes_of_them(train, later, least):
    theirs = OneHotEncoder(min_frequency=least, handle_unknown="infrequent_if_exist", sparse_output=False)
    ours = WordColumns(min_frequency=least)
    np.testing.assert_array_equal(ours.fit_transform(frame(train)), theirs.fit_transform(frame(train)))
    np.testing.assert_array_equal(ours.transform(frame(later)), theirs.transform(frame(later)))
    for mine, other in zip(ours.infrequent_categories_, theirs.infrequent_categories_, strict=True):
        assert (mine is None) == (other is None) and (mine is None or mine.tolist() == other.tolist())


def test_an_unseen_word_has_no_column_where_none_is_rare():
    step = WordColumns(0.01).fit(frame([("a", "x"), ("b", "x")]))
    assert step.transform(frame([("phone", "x")])).tolist() == [[0.0, 0.0, 1.0]]


@pytest.mark.parametrize("rows", [0, 3])
def test_no_text_columns_make_no_columns(rows):
    none = pd.DataFrame(index=range(rows))
    assert WordColumns().fit(none).transform(none).shape == (rows, 0)


def test_a_column_without_a_value_among_the_training_customers_does_not_stop_the_trees():
    columns = ModelColumns(("empty", "spend"), ())
    train = pd.DataFrame({"empty": [np.nan] * 40, "spend": [np.nan, *range(39)]})
    with pinned():
        model = fit_candidate("gradient_boosting", Recipe(columns), Training(train, np.array([0, 1] * 20), columns))
        assert np.isfinite(model.predict(train.assign(empty=5.0))).all()
    made = EmptyAsZero().fit(train).transform(train.assign(empty=5.0))
    assert made[:, 0].tolist() == [0.0] * 40 and np.isnan(made[0, 1])
    assert build_inputs("trees", columns).fit(train).transform(train).shape == (40, 2)
