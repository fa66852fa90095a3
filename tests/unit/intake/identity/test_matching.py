"""The trained matcher: links without labels, explanations of any pair, and when it does not train."""

from __future__ import annotations

import duckdb
import pandas as pd
import pytest
from splink.internals.unlinkables import unlinkables_data

from workbench.core.errors import DataError
from workbench.intake.identity.comparisons import count_pairs
from workbench.intake.identity.explain import explain_pair
from workbench.intake.identity.matching import LEAST_CHANCE, _train_by, score_pairs, unlinkable
from workbench.intake.identity.standardise import standardise

GIVEN = ["Anna", "Bruno", "Clara", "David", "Emma", "Felix", "Greta", "Hugo", "Ida", "Jonas"]
SURNAMES = ["Ahrens", "Becker", "Conrad", "Dietz", "Ebert", "Fuchs", "Geiger", "Hahn", "Imhof", "Jung", "Kraus", "Lang"]


def score(rows, **more):
    engine = duckdb.connect(config={"threads": 1})
    people = pd.DataFrame(rows, dtype="str")
    people = people.assign(source="crm", source_id=[f"{at:04d}" for at in range(len(rows))], precedence=0)
    engine.register("given", people.assign(record=range(len(rows))))
    engine.execute("CREATE TABLE people AS SELECT * FROM given")
    standardise(engine, "people", "standard")
    settings = {"blocking": [], "most_pairs": 100, "seed": 1} | more
    return engine, score_pairs(engine, "standard", **settings)


def people(doubled=0):
    """120 people; the first ``doubled`` of them twice, with one letter of the name changed."""
    rows = [
        {"given_name": given, "surname": surname, "birth_date": f"19{40 + at}-{1 + at % 12:02d}-{1 + other * 2:02d}",
         "postcode": f"{10000 + 37 * at + other}"}
        for at, given in enumerate(GIVEN) for other, surname in enumerate(SURNAMES)
    ]  # fmt: skip
    return rows + [row | {"surname": row["surname"] + "n"} for row in rows[:doubled]]


@pytest.fixture(scope="module")
def doubled():
    return score(people(doubled=30))


def test_duplicate_people_are_linked_without_labels(doubled):
    engine, model = doubled
    linked = set(
        engine.execute(f"SELECT record_l, record_r FROM {model.pairs} WHERE match_probability > .9").fetchall()
    )
    assert linked >= {(at, 120 + at) for at in range(30)}
    assert len(linked) <= 33


def test_any_pair_is_explained_and_its_weights_add_up_and_show_no_name(doubled):
    engine, model = doubled
    for right, likely in (("0120", True), ("0119", False)):  # the same person; a person no blocking rule pairs
        frame = explain_pair(engine, "standard", model, ("crm", "0000"), ("crm", right))
        steps, total = frame.iloc[:-1], frame.iloc[-1]
        assert steps["comparison"].tolist()[0] == "prior"
        assert steps["weight"].sum() == pytest.approx(total["weight"])
        assert (total["weight"] > 0) == likely
        texts = " ".join(frame["left"]) + " ".join(frame["right"])
        assert not any(word in texts for word in ("hrens", "nna", "400101", "10000"))


def test_an_unknown_person_cannot_be_explained(doubled):
    engine, model = doubled
    with pytest.raises(DataError, match="no person crm 9999"):
        explain_pair(engine, "standard", model, ("crm", "0000"), ("crm", "9999"))
    with pytest.raises(DataError, match="given twice"):
        explain_pair(engine, "standard", model, ("crm", "0000"), ("crm", "0000"))


def test_the_same_people_give_the_same_weights():
    first, second = (score(people(doubled=30)) for _ in range(2))
    sql = "SELECT record_l, record_r, match_weight FROM {} ORDER BY 1, 2"
    assert (
        first[0].execute(sql.format(first[1].pairs)).fetchall()
        == second[0].execute(sql.format(second[1].pairs)).fetchall()
    )


def test_where_no_two_agree_the_prior_is_kept_and_nobody_is_linked():
    engine, model = score(people())
    assert "prior_kept" in model.notes
    assert engine.execute(f"SELECT count(*) FROM {model.pairs} WHERE match_probability > .9").fetchall() == [(0,)]


@pytest.mark.parametrize("missing", [{}, {"postcode": 3, "birth_date": 5, "given_name": 7, "surname": 11}])
def test_self_comparison_of_distinct_people_gives_the_curve_of_all_people(missing):
    rows = [
        {name: None if name in missing and at % missing[name] == 0 else value for name, value in row.items()}
        for at, row in enumerate(people(doubled=30))
    ]
    model = score(rows)[1]
    full_curve = pd.DataFrame(unlinkables_data(model.linker)).rename(columns={"cum_prop": "share"})
    curve = unlinkable(model)
    assert len(curve) > 1
    pd.testing.assert_frame_equal(curve, full_curve[["match_probability", "share"]], rtol=1e-6)


def test_pairs_are_counted_on_all_columns_of_a_rule_and_missing_values_match_nothing():
    engine = duckdb.connect()
    engine.execute("CREATE TABLE t AS SELECT * FROM (VALUES ('a', 'x'), ('a', 'x'), ('a', 'y'), ('a', NULL), (NULL, 'x'),"
                   " (NULL, 'x'), ('x', 'a')) AS v(one, other)")  # fmt: skip
    counts = [count_pairs(engine, "t", rule) for rule in (("one",), ("other",), ("one", "other"))]
    assert counts == [6, 6, 1]
    engine.execute("DELETE FROM t")
    assert count_pairs(engine, "t", ("one", "other")) == 0


def test_a_single_column_is_not_compared():
    engine, model = score([{"birth_date": "1990-01-01"}] * 3)
    assert (model.notes, model.linker) == (["no_comparisons"], None)
    assert explain_pair(engine, "standard", model, ("crm", "0000"), ("crm", "0001")).empty


def chances(model):
    comparisons = model.linker._settings_obj.comparisons
    levels = [level for comparison in comparisons for level in comparison.comparison_levels]
    return [level.m_probability for level in levels if not level.is_null_level]


def test_levels_unseen_in_training_are_unlikely_and_not_impossible(doubled):
    assert min(chances(doubled[1])) >= LEAST_CHANCE


def test_a_training_session_that_stops_leaves_the_model_as_it_was(doubled, monkeypatch):
    linker = doubled[1].linker
    prior, levels = linker._settings_obj._probability_two_random_records_match, chances(doubled[1])

    def stop(*args, **kwargs):
        linker._settings_obj.core_model_settings.probability_two_random_records_match = 0.99
        raise ValueError("m_probability value 0.0 is below the minimum")

    monkeypatch.setattr(linker.training, "estimate_parameters_using_expectation_maximisation", stop)
    assert _train_by(linker, ("surname_key",)) is False
    assert linker._settings_obj._probability_two_random_records_match == prior
    assert chances(doubled[1]) == levels
