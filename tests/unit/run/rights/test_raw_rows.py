"""Raw files without the rows of a person: all other bytes or values as they were."""

import csv
import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook, load_workbook

from workbench.intake.reading.text.text_files import read_head
from workbench.intake.reading.text.text_scan import scan_text
from workbench.run.rights.raw.json_rows import clean_json_records
from workbench.run.rights.raw.rules import RowRules
from workbench.run.rights.raw.tables import TableRules, clean_parquet
from workbench.run.rights.raw.text_rows import clean_text, pack_like, unpack
from workbench.run.rights.raw.workbooks import clean_workbook
from workbench.run.rights.traces.traces import Traces

RULES = [RowRules(own=(1,), others=(3,), ids=frozenset({"K1", "17"}))]
TRACES = Traces(words=frozenset({"Zoë Quill", "欧阳若兰"}))
ROWS = [
    ["id", "name", "referrer", "note"],
    ["K1", "Zoë Quill", "", "hers"],
    ["K2", 'Bo "B" Ray', "K1", "a, b"],
    [" 17 ", "x", "", ""],
    ["K3", "欧阳", "K2", "two\nlines"],
    ["K17", "y", "", "asked for Zoë Quill"],
    ["K4", "z", "", ""],
]


def written(rows, *, separator=",", newline="\r\n"):
    text = io.StringIO()
    csv.writer(text, delimiter=separator, lineterminator=newline).writerows(rows)
    return text.getvalue()


def cleaned(tmp_path, content, **declared):
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    head = read_head(path, wanted=["id"], **declared)
    scan = scan_text(path, encoding=declared.get("encoding"), separator=head.separator, header=True)
    return clean_text(
        unpack(content), head=head, encoding=scan.encoding, rules=RULES, traces=TRACES, newline=scan.newline
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize(("separator", "newline"), [(",", "\r\n"), (";", "\n"), ("\t", "\n")])
def test_other_records_stay_byte_for_byte(tmp_path, encoding, separator, newline):
    declared = {"encoding": "gb18030"} if encoding == "gb18030" else {}
    result = cleaned(tmp_path, written(ROWS, separator=separator, newline=newline).encode(encoding), **declared)
    left = [ROWS[0], [*ROWS[2][:2], "", ROWS[2][3]], ROWS[4], [*ROWS[5][:3], "asked for [erased]"], ROWS[6]]
    assert result.content == written(left, separator=separator, newline=newline).encode(encoding)
    assert (result.removed, result.blanked) == (2, 2)


def test_a_plain_file_is_cleaned_without_decoding_every_line(tmp_path):
    lines = [b"id,name,referrer,note", *(b"K%d,n,K1,t" % at for at in range(1, 2000))]
    result = cleaned(tmp_path, b"\n".join(lines))
    assert result.removed == 1  # K1, and no other that begins with it
    assert b"K1," not in result.content and b"K10,n,,t" in result.content and not result.content.endswith(b"\n")


def test_a_broken_line_goes_where_it_holds_a_word(tmp_path):
    content = b'id,name,referrer,note\nK5,a,,b\nK6,Zo\xc3\xab Quill\nK7,short\nK8,"open,,x\n'
    result = cleaned(tmp_path, content)
    assert result.content == b'id,name,referrer,note\nK5,a,,b\nK7,short\nK8,"open,,x\n'


def test_gzip_keeps_its_time_and_content():
    packed = gzip.compress(b"abc", mtime=1234)
    assert pack_like(packed, b"abd")[4:8] == packed[4:8] and unpack(pack_like(packed, b"abd")) == b"abd"
    assert pack_like(b"plain", b"x") == b"x"


def test_json_lines_and_lists_keep_the_other_records(tmp_path):
    rules = [RowRules(own=("buyer.id",), others=("friend",), ids=frozenset({"K1"}))]
    records = [{"buyer": {"id": "K1"}}, {"buyer": {"id": "K2"}, "friend": "K1", "n": 1.50}, {"buyer": {"id": "K3"}}]
    lines = "\n".join(json.dumps(record) for record in records) + "\n"
    result = clean_json_records(lines.encode(), encoding="utf-8", rules=rules, traces=TRACES, records=None)
    assert [json.loads(line) for line in result.content.splitlines()] == [{**records[1], "friend": None}, records[2]]
    text = '{"a": 1, "rows": [\n {"buyer": {"id": "K1"}},\n {"buyer": {"id":"K3"}, "x": 1.10}\n]}\n'
    result = clean_json_records(text.encode(), encoding="utf-8", rules=rules, traces=TRACES, records="rows")
    assert '{"buyer": {"id":"K3"}, "x": 1.10}' in result.content.decode() and result.removed == 1
    assert json.loads(result.content) == {"a": 1, "rows": [{"buyer": {"id": "K3"}, "x": 1.1}]}


def test_a_workbook_keeps_values_formulas_and_other_sheets():
    workbook = Workbook()
    sheet = workbook.active
    for row in [
        ["id", "name", "referrer", "sum"],
        ["K1", "Zoë Quill", None, 1],
        ["K2", "b", "K1", "=1+1"],
        [17, "c", None, 2],
    ]:
        sheet.append(row)
    workbook.create_sheet("other").append(["Zoë Quill was here"])
    stream = io.BytesIO()
    workbook.save(stream)
    result = clean_workbook(stream.getvalue(), TRACES, rules=RULES, sheet=sheet.title)
    again = load_workbook(io.BytesIO(result.content))
    assert [list(row) for row in again[sheet.title].values] == [
        ["id", "name", "referrer", "sum"],
        ["K2", "b", None, "=1+1"],
    ]
    assert again["other"]["A1"].value == "[erased] was here"


def test_a_table_keeps_schema_order_and_compression(tmp_path):
    path = tmp_path / "t.parquet"
    table = pa.table({"id": ["K1", "K2", None], "friend": [None, "K1", "K2"], "n": pa.array([1, 2, 3], pa.int8())})
    pq.write_table(table, path, compression="gzip")
    touched = []
    counts = clean_parquet(
        path, [TableRules({"id": {"K1"}}, {"friend": {"K1"}})], TRACES, mode=0o600, before=touched.append
    )
    assert counts == (1, 1) and touched == [path] and path.stat().st_mode & 0o777 == 0o600
    left = pq.read_table(path)
    assert left.to_pydict() == {"id": ["K2", None], "friend": [None, "K2"], "n": [2, 3]}
    assert (
        left.schema.equals(table.schema) and pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "GZIP"
    )


def test_a_table_without_the_person_is_not_touched(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"id": ["K2"]}), path)
    before = path.stat().st_mtime_ns
    assert clean_parquet(path, [TableRules({"id": {"K1"}}, {})], TRACES, mode=0o600, before=pytest.fail) == (0, 0)
    assert path.stat().st_mtime_ns == before
