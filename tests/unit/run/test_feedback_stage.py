"""What the stages do with marks: pairs kept apart or linked, items not offered, names taken, small numbers hidden."""

from types import SimpleNamespace

import ibis
import pandas as pd
import pytest

from workbench.core.workspace import Workspace
from workbench.intake.identity.links import declared_pairs
from workbench.run.stages import feedback

HEAD = "kind,verdict,customer_id,name,value,source,source_id,other_source,other_source_id,by,at"
PAIR = ["source", "source_id", "other_source", "other_source_id"]


class Stage:
    """A stage that reads tables from a mapping and records what it shows."""

    def __init__(self, root, rows, **tables):
        folder = root / "data/feedback"
        folder.mkdir(parents=True)
        (folder / "shop.csv").write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
        self.workspace, self.profile = Workspace(root.resolve()), SimpleNamespace(name="shop")
        self.tables, self.shown, self.metrics = tables, {}, {}

    def read(self, name, **_):
        return ibis.memtable(self.tables[name]) if name in self.tables else None

    def setting(self, _):
        return 10

    def metric(self, values):
        self.metrics |= values

    def table(self, name, frame, _formats, *, title):
        assert set(title) == {"en", "zh"}
        self.shown[name] = frame


def test_wrong_pairs_are_kept_apart_right_ones_linked_and_lost_ones_counted(tmp_path):
    rows = ["merge,wrong,,,,b,2,a,1,Li,2026-11-01", "merge,right,,,,a,1,c,3,Li,2026-11-01",
            "merge,wrong,,,,a,1,z,9,Li,2026-11-01"]  # fmt: skip
    stage = Stage(tmp_path, rows)
    people = ibis.memtable(pd.DataFrame({"source": list("abc"), "source_id": list("123")}))
    marked = feedback.marked_merges(stage, people)
    assert marked.apart(declared_pairs(None)).values.tolist() == [["a", "1", "b", "2"]]
    declared = pd.DataFrame([["a", "1", "b", "2"], ["x", "1", "y", "2"]], columns=PAIR)
    assert marked.linked(declared).values.tolist() == [["x", "1", "y", "2"], ["a", "1", "c", "3"]]
    assert marked.table[["n", "right", "honoured", "not_there"]].values.tolist() == [[3, 1, 2, 1]]


def test_items_are_unwanted_by_customers_who_are_there(tmp_path):
    rows = ["recommendation,wrong,c1,p1,,,,,,Li,2026-11-01", "recommendation,wrong,c1,p2,,,,,,Li,2026-11-01",
            "recommendation,right,c2,p1,,,,,,Li,2026-11-01", "recommendation,wrong,c9,p1,,,,,,Li,2026-11-01"]  # fmt: skip
    stage = Stage(tmp_path, rows, features=pd.DataFrame({"customer_id": ["c1", "c2"]}))
    marked = feedback.marked_recommendations(stage)
    assert marked.unwanted == {"c1": frozenset({"p1", "p2"})}
    assert marked.table[["n", "right", "honoured", "not_there"]].values.tolist() == [[4, 1, 2, 1]]


@pytest.mark.parametrize(("count", "shown"), [(9, False), (10, True)])
def test_the_accuracy_of_a_tag_is_shown_from_the_smallest_number_on(tmp_path, count, shown):
    rows = [f"tag,{'right' if at else 'wrong'},c{at},gender,male,,,,,Li,2026-11-01" for at in range(count)]
    tags = pd.DataFrame({"customer_id": [f"c{at}" for at in range(count)], "tag": "gender", "value": "male"})
    stage = Stage(tmp_path, rows, tags=tags)
    feedback.show_marks(stage, "tag", feedback.marked_tags(stage))
    row = stage.shown["tag_feedback"].iloc[0]
    assert (row["marked"], row["n"], row["honoured"]) == ("gender", count, count)
    assert (row["right_share"] == 0.9) == shown
    assert ("feedback.gender.accuracy" in stage.metrics) == shown


def test_without_marks_nothing_is_shown(tmp_path):
    stage = Stage(tmp_path, [])
    feedback.show_marks(stage, "tag", feedback.marked_tags(stage))
    feedback.show_marks(
        stage, "merge", feedback.marked_merges(stage, ibis.memtable({"source": ["a"], "source_id": ["1"]})).table
    )
    assert stage.shown == {}
