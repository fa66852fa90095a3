"""Errors say what was found, what was expected and what to do next."""

import pytest

from workbench.core.errors import (
    DataError,
    Fault,
    ProfileError,
    StageError,
    WorkbenchError,
    WorkspaceBusyError,
    did_you_mean,
    listed,
)


def test_a_fault_prints_where_found_expected_and_remedy():
    fault = Fault("params/shop.yaml, line 3", "k_max is 1", "At least 2", "Raise it")
    assert str(fault) == "params/shop.yaml, line 3: k_max is 1. At least 2. Raise it."


def test_a_fault_without_a_place_starts_with_what_was_found():
    assert str(Fault("", "nothing to read")) == "nothing to read."


def test_a_part_that_ends_a_sentence_gets_no_second_full_stop():
    assert str(Fault("", "no such key", "", "Did you mean 'k_max'?")) == "no such key. Did you mean 'k_max'?"


def test_an_error_lists_all_its_faults_one_per_line():
    error = WorkbenchError([Fault("a", "one"), Fault("b", "two")])
    assert str(error) == "a: one.\nb: two."
    assert [fault.found for fault in error.faults] == ["one", "two"]


def test_an_error_of_plain_text_is_one_fault():
    assert WorkbenchError("went wrong").faults == [Fault("", "went wrong")]


@pytest.mark.parametrize(
    ("kind", "code"),
    [(StageError, 1), (ProfileError, 2), (DataError, 3), (WorkspaceBusyError, 4)],
)
def test_each_kind_of_error_has_its_exit_code(kind, code):
    assert kind("x").exit_code == code


def test_a_similar_name_is_offered_otherwise_all_names_are_listed():
    assert did_you_mean("k_maxx", ["k_max", "k_min"]) == "Did you mean 'k_max'?"
    assert did_you_mean("colour", ["k_min", "k_max"]) == "Known names: k_max, k_min."


def test_a_long_list_says_how_many_more_there_are():
    assert listed([str(n) for n in range(25)], most=3) == "0, 1, 2 and 22 more"
    assert listed(["a", "b"], most=2) == "a, b"
    assert listed([]) == ""
