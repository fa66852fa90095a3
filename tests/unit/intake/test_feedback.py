"""The feedback file: both forms, both languages, the later mark holds, every fault with its line."""

import datetime as dt

import openpyxl
import pytest

from workbench.core.errors import DataError
from workbench.core.workspace import Workspace
from workbench.intake.feedback.marks import feedback_faults, marks_of, read_marks

HEAD = "kind,verdict,customer_id,name,value,source,source_id,other_source,other_source_id,by,at,note"


@pytest.fixture
def place(tmp_path):
    (tmp_path / "data/feedback").mkdir(parents=True)
    return Workspace(tmp_path.resolve())


def write(place, *rows, head=HEAD, encoding="utf-8-sig"):
    path = place.root / "data/feedback/shop.csv"
    path.write_text("\n".join([head, *rows]) + "\n", encoding=encoding)
    return path


def test_every_kind_is_read_and_chinese_words_are_ours(place):
    write(
        place,
        "tag,Wrong,c1,gender,male,,,,,Li,2026-11-01,",
        "推荐,错,c1,p7,,,,,,李,2026-11-02,已有",
        "客群名称,right,,Regulars,,,,,,Li,2026-11-03,",
        "merge,wrong,,,,shop,2,crm,1,Li,2026-11-04T10:00,",
        ",,,,,,,,,,,",
    )
    marks = read_marks(place, "shop")
    assert [(mark["kind"], mark["verdict"]) for mark in marks] == [
        ("tag", "wrong"), ("recommendation", "wrong"), ("segment", "right"), ("merge", "wrong"),
    ]  # fmt: skip
    pair = [marks[3][name] for name in ("source", "source_id", "other_source", "other_source_id")]
    assert pair == ["crm", "1", "shop", "2"]


def test_the_later_mark_on_the_same_thing_holds(place):
    write(
        place,
        "tag,right,c1,gender,,,,,,Wu,2026-11-05,",
        "tag,wrong,c1,gender,,,,,,Li,2026-11-01,",
        "merge,wrong,,,,a,1,b,2,Li,2026-11-01,",
        "merge,right,,,,b,2,a,1,Wu,2026-11-02,",
    )
    marks = read_marks(place, "shop")
    assert [(mark["verdict"], mark["by"]) for mark in marks_of(marks, "tag")] == [("right", "Wu")]
    assert [mark["verdict"] for mark in marks_of(marks, "merge")] == ["right"]


def test_a_workbook_is_read_like_the_text(place):
    book = openpyxl.Workbook()
    for row in (HEAD.split(","), ["tag", "wrong", 17, "gender", *[None] * 5, "Li", dt.datetime(2026, 11, 1), None]):
        book.active.append(row)
    book.save(place.root / "data/feedback/shop.xlsx")
    (mark,) = read_marks(place, "shop")
    assert (mark["customer_id"], mark["at"], mark["note"]) == ("17", "2026-11-01T00:00:00", "")


def test_all_faults_are_told_with_their_lines(place):
    write(
        place,
        "tags,wrong,c1,gender,,,,,,Li,2026-11-01,",
        "tag,maybe,c1,,,,,,,,yesterday,",
        "merge,wrong,,,,a,1,a,1,Li,2026-11-01,",
    )
    faults = [str(fault) for fault in feedback_faults(place, "shop")]
    assert len(faults) == 5
    assert faults[0] == "data/feedback/shop.csv, line 2: kind 'tags'. Did you mean 'tag'?"
    assert "line 3: verdict 'maybe'" in faults[1]
    assert "line 3: name, by is blank" in faults[2]
    assert "line 3: at 'yesterday' is no date" in faults[3]
    assert "line 4: a record is paired with itself" in faults[4]


def test_a_missing_column_two_files_and_another_encoding_are_refused(place):
    path = write(place, head="kind,verdict,customer_id")
    assert "no column by, at" in str(feedback_faults(place, "shop")[0])
    path.write_bytes("kind,verdict,by,at\ntag,错\n".encode("gbk"))
    assert "CSV in UTF-8" in str(feedback_faults(place, "shop")[0])
    path.with_suffix(".xlsx").write_bytes(b"no workbook")
    assert "both shop.csv and shop.xlsx exist" in str(feedback_faults(place, "shop")[0])
    path.unlink()
    with pytest.raises(DataError, match="A workbook"):
        read_marks(place, "shop")


def test_without_a_file_there_are_no_marks(place):
    assert read_marks(place, "shop") == [] and feedback_faults(place, "shop") == []
