"""Consent counts as of its date, a later refusal wins, and overlaps are counted against chance."""

from datetime import date

import ibis
import pandas as pd

from workbench.analysis.audiences.overlap import overlap
from workbench.analysis.audiences.reachable import consenting, reachable

AS_OF = date(2025, 1, 1)
CONSENTS = ibis.memtable(pd.DataFrame({
    "customer_id": ["a", "a", "b", "b", "c", "d", "e", "e", "f"],
    "purpose": ["marketing"] * 4 + [" Marketing"] + ["profiling"] + ["marketing"] * 3,
    "granted": [False, True, True, False, True, True, True, False, None],
    "changed_at": pd.to_datetime([
        "2024-01-01", "2024-02-01", "2024-01-01", "2024-03-01", "2024-01-01", "2024-01-01", "2024-12-31", "2025-01-01", "2024-01-01",
    ]),
}))  # fmt: skip


def ids(table):
    return "".join(sorted(table.customer_id.to_pandas()))


def test_the_last_word_before_the_date_counts():
    assert ids(consenting(CONSENTS, purpose="marketing", as_of=AS_OF)) == "ace"
    assert ids(consenting(CONSENTS, purpose="marketing", as_of=date(2025, 1, 2))) == "ac"


def test_of_two_words_at_one_moment_the_refusal_counts():
    both = pd.DataFrame({"customer_id": ["a", "a"], "purpose": ["m", "m"], "granted": [True, False]})
    dated = both.assign(changed_at=pd.Timestamp("2024-01-01"))
    for frame in (both, dated):
        assert ids(consenting(ibis.memtable(frame), purpose="m", as_of=AS_OF)) == ""


def test_without_a_record_of_consent_only_the_suppressed_are_left_out():
    members = ibis.memtable(pd.DataFrame({"customer_id": list("abcd"), "city": ["x"] * 4}))
    result = reachable(members, consents=None, purpose="marketing", as_of=AS_OF, suppressed={"b"})
    assert result.customer_id.to_pandas().tolist() == ["a", "c", "d"]
    assert ids(reachable(members, consents=CONSENTS, purpose="marketing", as_of=AS_OF, suppressed={"c"})) == "a"


def test_overlap_is_counted_against_chance():
    tables = {
        name: ibis.memtable(pd.DataFrame({"customer_id": list(who)}))
        for name, who in {"x": "abcd", "y": "cdef"}.items()
    }
    result = overlap(tables, customers=8).iloc[0]
    assert (result["n_first"], result["n_second"], result["both"]) == (4, 4, 2)
    assert (result["jaccard"], result["lift"]) == (0.333333, 1.0)
