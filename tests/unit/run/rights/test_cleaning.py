"""Pages, notebooks, lists, archives and databases without a person."""

import base64
import gzip
import io
import json
import sqlite3
import zipfile

import pytest

from workbench.run.rights.cleaning.files import clean_content, clean_file
from workbench.run.rights.cleaning.pages import clean_html
from workbench.run.rights.traces.traces import Traces

TRACES = Traces(
    customers=frozenset({"CQUILL7ZOE", "17"}),
    records=frozenset({("p", "crm", "17")}),
    words=frozenset({"Zoë Quill", "O'Ra"}),
)


def test_her_card_and_rows_go_and_those_of_others_stay():
    card = '<article class="card" data-id="{0}"><h2>{0}</h2><table><tr><td>x</td></tr></table></article>\n'
    page = card.format("CQUILL7ZOE") + card.format("CBOB")
    assert clean_html(page, TRACES) == (card.format("CBOB"), 1)
    rows = "<table><tr><th></th><th>customer_id</th><th>n</th></tr>{}</table>"
    hers, other = "<tr><td>0</td><td>17</td><td>3</td></tr>", "<tr><td>1</td><td>18</td><td>17</td></tr>"
    assert clean_html(rows.format(hers + other), TRACES) == (rows.format(other), 1)


def test_mentions_are_masked_in_every_spelling():
    page, count = clean_html("<p>O&#x27;Ra and Zo\u00eb Quill; 17 orders</p>", TRACES)
    assert (page, count) == ("<p>[erased] and [erased]; 17 orders</p>", 2)


def test_data_uris_are_decoded():
    def uri(kind, content):
        return f'<a href="data:{kind};base64,{base64.b64encode(content.encode()).decode()}">x</a>'

    page, count = clean_html(
        uri("text/csv", "id,name\n1,Bo\n2,Zoë Quill\n") + uri("image/png", "\x89 Zoë Quill"), TRACES
    )
    assert page == uri("text/csv", "id,name\n1,Bo\n") + '<a href="data:,">x</a>' and count == 2


def test_a_notebook_loses_the_rows_of_outputs():
    table = "<table><tr><th></th><th>customer_id</th></tr><tr><td>0</td><td>17</td></tr></table>"
    output = {"data": {"text/html": [table], "text/plain": ["  customer_id\n", "0 17"]}, "output_type": "display_data"}
    notebook = {"cells": [{"source": ["x = 'Zoë Quill'"], "outputs": [output]}], "nbformat": 4}
    content, count = clean_content("a.ipynb", json.dumps(notebook).encode(), TRACES)
    cell = json.loads(content)["cells"][0]
    assert count and cell["source"] == ["x = '[erased]'"] and "17" not in json.dumps(cell["outputs"])


def test_json_loses_records_and_keys():
    value = {
        "rows": [{"customer_id": "17", "n": 1}, {"customer_id": "18", "n": 17}],
        "CQUILL7ZOE": 1,
        "ids": ["CQUILL7ZOE"],
    }
    content, _ = clean_content("a.json", json.dumps(value, indent=1).encode(), TRACES)
    assert json.loads(content) == {"rows": [{"customer_id": "18", "n": 17}], "ids": []}
    assert content.decode().startswith('{\n "rows"')


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_list_loses_her_rows(mark):
    content, count = clean_content("l.csv", mark + b'source_id,reason\n17,"a\nb"\n18,17 orders\n', TRACES)
    assert (content, count) == (mark + b"source_id,reason\n18,17 orders\n", 1)


def test_archives_are_cleaned_within():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a/note.txt", "first\nZoë Quill\n")
        archive.writestr("b.bin", b"\0\1" + "Zoë Quill".encode())
    content, count = clean_content("x.zip", packed.getvalue(), TRACES)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert (archive.namelist(), archive.read("a/note.txt"), count) == (["a/note.txt"], b"first\n", 2)
    content, _ = clean_content("x.csv.gz", gzip.compress(b"customer_id\n17\n18\n"), TRACES)
    assert gzip.decompress(content) == b"customer_id\n18\n"


def test_a_binary_file_with_her_is_removed(tmp_path):
    path, touched = tmp_path / "model.bin", []
    path.write_bytes(b"\0\0" + b"CQUILL7ZOE" + b"\xff\xfe\x00")
    assert clean_file(path, TRACES, touched.append).what == "removed"
    assert not path.exists() and touched == [path]


def test_a_database_keeps_nothing_in_free_pages_or_its_log(tmp_path):
    path = tmp_path / "a.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (a TEXT, n INT)")
    connection.executemany("INSERT INTO t VALUES (?, ?)", [("see Zoë Quill", at) for at in range(200)] + [("other", 1)])
    connection.commit()
    connection.execute("DELETE FROM t WHERE n > 100")
    connection.commit()
    connection.close()
    assert clean_file(path, TRACES, lambda _: None).rows
    content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert "Zoë Quill".encode() not in content
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*), min(a) FROM t").fetchone() == (102, "other")


def test_files_without_her_are_not_touched(tmp_path):
    for name, content in (
        ("a.html", b"<p>17</p>"),
        ("a.json", b'{"n":17}'),
        ("a.log", b"17\n"),
        ("a.png", b"\x89PNG\0"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        assert clean_file(path, TRACES, pytest.fail) is None and path.read_bytes() == content
