"""What follows from the marks of people: shares with intervals, better names, items that are not offered."""

import pandas as pd
import pytest

from workbench.analysis.feedback.verdicts import count_verdicts, judge_tags, rename_segments
from workbench.analysis.recommendations.unwanted import most_unwanted, without_unwanted


def marks(*rows):
    return pd.DataFrame(rows, columns=["customer_id", "name", "value", "verdict"])


def test_the_share_of_right_marks_has_the_interval_of_wilson():
    counted = count_verdicts(marks(*[("c", "gender", "", "right")] * 8, *[("c", "gender", "", "wrong")] * 2))
    (row,) = counted.itertuples()
    assert (row.n, row.right, row.right_share) == (10, 8, 0.8)
    assert (row.low, row.high) == (pytest.approx(0.49016, abs=1e-5), pytest.approx(0.94331, abs=1e-5))
    assert count_verdicts(marks()).empty


def test_a_mark_counts_while_the_tag_has_the_value_it_names():
    now = pd.DataFrame({"customer_id": ["a", "b", "c"], "tag": "gender", "value": ["male", "female", "male"]})
    measured, counts = judge_tags(
        marks(
            ("a", "gender", "Male", "wrong"),
            ("b", "gender", "male", "wrong"),  # the tag has changed since
            ("c", "gender", "", "right"),
            ("d", "gender", "", "wrong"),  # no such customer
        ),
        now,
    )
    assert measured[["name", "n", "right"]].values.tolist() == [["gender", 2, 1]]
    assert dict(zip(counts["state"], counts["marks"], strict=True)) == {"counted": 2, "changed": 1, "absent": 1}


NAMES = {"s1": {"en": "Regulars", "zh": "常客"}, "s2": {"en": "Rare", "zh": "稀客"}}


@pytest.mark.parametrize("name", ["s1", "Regulars", "常客"])
def test_a_segment_marked_as_wrong_gets_the_better_name(name):
    assert rename_segments(marks(("", name, "Friends", "wrong")), NAMES) == {"s1": "Friends"}


def test_a_name_is_kept_without_a_better_one_or_if_another_segment_has_it():
    assert rename_segments(marks(("", "Regulars", "", "wrong")), NAMES) == {}
    assert rename_segments(marks(("", "Regulars", "Rare", "wrong")), NAMES) == {}
    assert rename_segments(marks(("", "Regulars", "Friends", "right")), NAMES) == {}
    assert rename_segments(marks(("", "Nobody", "Friends", "wrong")), NAMES) == {}
    both = marks(("", "Regulars", "Friends", "wrong"), ("", "Rare", "Friends", "wrong"))
    assert rename_segments(both, NAMES) == {"s1": "Friends"}


def test_unwanted_items_leave_the_lists_and_ranks_are_counted_anew():
    rows = [("a", "new", rank, item) for rank, item in enumerate("wxyz", start=1)]
    rows += [("b", "new", rank, item) for rank, item in enumerate("wxyz", start=1)]
    frame = pd.DataFrame(rows, columns=["customer_id", "list", "rank", "item"])
    unwanted = {"a": frozenset("w"), "c": frozenset("xy")}
    assert most_unwanted(unwanted) == 2 and most_unwanted({}) == 0
    (left,) = without_unwanted([frame], unwanted, n=2)
    assert left[["customer_id", "rank", "item"]].values.tolist() == [
        ["a", 1, "x"], ["a", 2, "y"], ["b", 1, "w"], ["b", 2, "x"],
    ]  # fmt: skip
    assert left["rank"].dtype == frame["rank"].dtype
    (none,) = without_unwanted([frame.head(0)], unwanted, n=2)
    assert none.empty and list(none.columns) == list(frame.columns)
