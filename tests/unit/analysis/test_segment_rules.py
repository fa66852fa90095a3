"""Rules: who fulfils them, the same in both engines; gaps and overlaps are reported and counted."""

import ibis
import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings, strategies as st

from workbench.analysis.segments.conditions import compile_condition, holds, normalise
from workbench.analysis.segments.declared import declare
from workbench.analysis.segments.definition import SegmentDefinition, assign, assign_table
from workbench.analysis.segments.rules import check_rules, prove, read_rules
from workbench.core.errors import DataError, ProfileError

CON = ibis.duckdb.connect()
AGES = """
name: ages
as_of: 2025-01-01
title: {en: Age bands, zh: 年龄段}
segments:
  - {key: young, name: {en: Young, zh: 青年}, when: {age: {below: 30}}}
  - {key: middle, name: {en: Middle, zh: 中年}, when: {age: {between: [30, 60]}}}
  - {key: older, name: {en: Older, zh: 长者}, when: {age: {at_least: 60}}}
  - {key: no_age, name: {en: Age unknown, zh: 年龄未知}, when: {age: {missing: true}}}
"""


def people(**columns):
    frame = pd.DataFrame(columns)
    return frame.assign(customer_id=[f"c{at:03}" for at in range(len(frame))])


def rules(*whens):
    return read_rules([{"key": f"s{at}", **item} for at, item in enumerate(whens)])


def test_age_bands_by_hand_in_both_and_through_json():
    one = declare(yaml.safe_load(AGES))
    features = people(age=[17.9, 30, 59.99, 60, None, np.inf])
    wanted = ["young", "middle", "middle", "older", "no_age", "older"]
    assert assign(one, features)["segment"].tolist() == wanted
    table = assign_table(one, ibis.memtable(features)).order_by("customer_id")
    assert CON.to_pandas(table)["segment"].tolist() == wanted
    assert SegmentDefinition.from_json(one.to_json()) == one
    assert (one.columns, one.method, one.verdict) == (["age"], "rules", "declared")
    check = prove(one.model)
    assert check.proven and check.exhaustive and check.exclusive


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ({"age": 40}, [0, 1, 0, 0]),
        ({"city": ["Bath", "York"]}, [1, 0, 1, 0]),
        ({"not": {"city": "Bath"}}, [0, 1, 1, 1]),
        ({"any": [{"age": {"above": 40}}, {"city": "York"}]}, [0, 0, 1, 0]),
        ({"all": [{"age": {"at_most": 40}}, {"city": {"missing": False}}]}, [1, 1, 0, 0]),
        ({"age": {"between": [None, 40]}, "city": "Bath"}, [1, 0, 0, 0]),
        ({"spend": {"window_days": 90, "at_least": 10}}, [1, 0, 0, 1]),
        ({"flag": True}, [1, 0, 0, 0]),
        ({"city": {"missing": True}}, [0, 0, 0, 1]),
    ],
)
def test_conditions_by_hand_in_both(written, wanted):
    frame = people(
        age=[20.0, 40, 60, None], city=["Bath", "Rome", "York", None], spend_90d=[10, 9, 0, 11],
        flag=pd.array([True, False, False, None], dtype="boolean"),
    )  # fmt: skip
    condition = normalise(written, where="here")
    assert holds(condition, frame).astype(int).tolist() == wanted
    table = ibis.memtable(frame)
    result = CON.to_pandas(table.select("customer_id", x=compile_condition(condition, table)).order_by("customer_id"))
    assert result["x"].astype(int).tolist() == wanted


LEAF = st.one_of(
    st.fixed_dictionaries({"age": st.fixed_dictionaries({"below": st.integers(0, 5)})}),
    st.fixed_dictionaries({"age": st.fixed_dictionaries({"at_least": st.integers(0, 5)})}),
    st.fixed_dictionaries({"age": st.fixed_dictionaries({"between": st.just([1, 4])})}),
    st.fixed_dictionaries({"city": st.sampled_from([["Bath"], ["York", "Bath"]])}),
    st.fixed_dictionaries({"city": st.fixed_dictionaries({"missing": st.booleans()})}),
)
CONDITION = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"not": inner}),
        st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=3)}),
    ),
    max_leaves=6,
)
ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 5).map(float), st.floats(0, 6)),
        st.one_of(st.none(), st.sampled_from(["Bath", "York", "Rome"])),
    ),
    min_size=1,
    max_size=20,
)


@settings(max_examples=40, deadline=None)
@given(whens=st.lists(CONDITION, min_size=1, max_size=4), rows=ROWS)
def test_both_engines_agree_and_the_proof_holds_of_every_customer(whens, rows):
    frame = people(
        age=pd.Series([r[0] for r in rows], dtype="float64"), city=pd.Series([r[1] for r in rows], dtype="str")
    )
    names = [
        {"key": f"s{at}", "name": {"en": f"S{at}", "zh": f"组{at}"}, "when": item} for at, item in enumerate(whens)
    ]
    one = declare({"name": "any", "as_of": "2025-01-01", "segments": names})
    placed = assign(one, frame)["segment"].tolist()
    assert CON.to_pandas(assign_table(one, ibis.memtable(frame)).order_by("customer_id"))["segment"].tolist() == placed
    check = check_rules(one.model, ibis.memtable(frame))
    assert check.uncovered == placed.count("unknown")
    assert {key: n for key, n in check.counts.items() if n} == {k: placed.count(k) for k in set(placed) - {"unknown"}}
    assert check.proven
    if not check.gaps:
        assert check.uncovered == 0
    assert set(check.shared) <= set(check.overlaps)


def test_the_gap_and_the_overlap_are_named_and_counted():
    model = rules({"when": {"age": {"below": 30}}}, {"when": {"age": {"between": [25, 60]}}})
    check = check_rules(model, ibis.memtable(people(age=[20.0, 27, 29, 40, 60, 70, None])))
    assert not check.exhaustive and not check.exclusive
    assert check.gaps == ({"age": "60"}, {"age": "above 60"}, {"age": "missing"})
    assert check.overlaps == (("s0", "s1"),)
    assert (check.uncovered, check.shared, check.counts) == (3, {("s0", "s1"): 2}, {"s0": 3, "s1": 1})


def test_otherwise_closes_every_gap_and_overlaps_with_nothing():
    check = prove(rules({"when": {"age": {"below": 30}}}, {"otherwise": True}))
    assert check.exhaustive and check.exclusive


def test_rules_of_the_same_segment_do_not_overlap_with_each_other():
    model = read_rules([{"key": "a", "when": {"x": {"above": 1}}}, {"key": "a", "when": {"x": {"above": 0}}}])
    assert prove(model).exclusive


def test_too_many_combinations_are_counted_and_called_unproven():
    many = {f"x{at}": {"between": [0, 1]} for at in range(12)}
    check = prove(rules({"when": many}, {"otherwise": True}))
    assert not check.proven and not check.exhaustive
    frame = people(**{name: [0.5, 2.0] for name in many})
    assert check_rules(rules({"when": many}, {"otherwise": True}), ibis.memtable(frame)).exhaustive


def test_every_fault_of_declared_rules_is_named_at_once():
    with pytest.raises(ProfileError) as error:
        declare(
            {
                "name": "bad",
                "as_of": "2025-01-01",
                "segment": 1,
                "segments": [
                    {"key": "a", "when": {"age": {"belw": 3}}},
                    {"key": "b", "otherwise": True},
                    {"key": "c", "when": {"age": {"between": [1]}, "city": {"in": ["x", 1]}}},
                    {"key": "d"},
                ],
            }
        )
    message = str(error.value)
    for part in (
        "unknown entry 'segment'", "Did you mean 'segments'", "age: unknown comparison 'belw'", "Did you mean 'below'",
        "otherwise comes before other rules", "age: between [1]", "city: in ['x', 1]",
        "both when and otherwise, or neither",
    ):  # fmt: skip
        assert part in message


def test_texts_and_numbers_are_not_mixed():
    with pytest.raises(ProfileError, match="x is compared with texts and with numbers"):
        rules({"when": {"x": "a"}}, {"when": {"x": 1}})
    one = declare(yaml.safe_load(AGES))
    with pytest.raises(DataError, match="column 'age' has texts, the rule compares numbers"):
        assign(one, people(age=["old", "young"]))
