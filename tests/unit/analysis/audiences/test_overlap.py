"""Overlaps of audiences are counted against chance."""

import ibis
import pandas as pd

from workbench.analysis.audiences.overlap import overlap


def test_overlap_is_counted_against_chance():
    tables = {
        name: ibis.memtable(pd.DataFrame({"customer_id": list(who)}))
        for name, who in {"x": "abcd", "y": "cdef"}.items()
    }
    result = overlap(tables, customers=8).iloc[0]
    assert (result["n_first"], result["n_second"], result["both"]) == (4, 4, 2)
    assert (result["jaccard"], result["lift"]) == (0.333333, 1.0)
