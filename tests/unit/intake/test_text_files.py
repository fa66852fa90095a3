"""Encodings, separators and headers are detected from the file."""

import gzip

import pytest

from workbench.core.errors import DataError
from workbench.intake.reading.text.text_files import read_head, read_lines
from workbench.intake.reading.text.text_scan import scan_text


def written(tmp_path, content, name="file.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(("separator", "expected"), [(",", ","), ("\t", "\t"), (";", ";"), ("|", "|")])
def test_separator_is_the_one_that_splits_every_line_alike(tmp_path, separator, expected):
    lines = ["id{s}name{s}note", "1{s}a b{s}x y z", "2{s}c d{s}p q"]
    path = written(tmp_path, "\n".join(lines).format(s=separator))
    assert read_head(path).separator == expected


def test_separator_that_finds_the_mapped_names_wins(tmp_path):
    path = written(tmp_path, "id;price, net;name\n1;2,50;a\n2;3,50;b\n")
    assert read_head(path, wanted=["id", "price, net"]).header == ["id", "price, net", "name"]


def test_single_column_of_names_is_not_split_at_blanks(tmp_path):
    head = read_head(written(tmp_path, "customer name\nAlice Smith\nBob Jones\n"), wanted=["customer name"])
    assert head.header == ["customer name"]


def test_header_loses_blanks_and_the_byte_order_mark(tmp_path):
    head = read_head(written(tmp_path, b"\xef\xbb\xbf id , name\t\n1,a\n"))
    assert (head.header, head.first, head.width) == (["id", "name"], ["1", "a"], 2)


def test_majority_of_lines_decides_the_encoding(tmp_path):
    lines = ["编号,姓名", "1,张伟", "2,李娜"]
    path = written(tmp_path, ("\n".join(lines) + "\n").encode() + "3,王芳\n".encode("gbk"))
    scan = scan_text(path)
    assert (scan.encoding, scan.decodes, scan.plain, scan.lines) == ("utf-8", False, False, 4)
    path = written(tmp_path, ("\n".join(lines) + "\n").encode("gbk"))
    assert (scan_text(path).encoding, scan_text(path).decodes) == ("gb18030", True)


def test_utf16_without_a_mark_is_recognised(tmp_path):
    path = written(tmp_path, "id,name\n1,alice\n".encode("utf-16-le"))
    assert read_head(path).header == ["id", "name"]


def test_declared_encoding_is_used(tmp_path):
    path = written(tmp_path, "id,name\n1,Jos\xe9\n".encode("cp1252"))
    assert read_head(path, encoding="cp1252").first == ["1", "José"]


def test_unknown_encoding_is_refused(tmp_path):
    with pytest.raises(DataError, match="unknown encoding 'utf-9'"):
        read_head(written(tmp_path, "a\n1\n"), encoding="utf-9")


def test_gzip_is_unpacked_whatever_the_name(tmp_path):
    assert read_head(written(tmp_path, gzip.compress(b"id,n\n1,2\n"))).header == ["id", "n"]


def test_lines_are_counted_with_and_without_a_last_line_end(tmp_path):
    assert scan_text(written(tmp_path, "a\n1\n2")).lines == 3
    assert scan_text(written(tmp_path, "a\r\n1\r\n2\r\n")).lines == 3


def test_byte_of_a_line_that_does_not_decode_is_counted_from_the_start_of_the_file(tmp_path):
    path = written(tmp_path, b"id\nab\xffc\n")
    lines = list(read_lines(path, encoding="utf-8"))
    assert lines[0] == (1, "id")
    assert (lines[1][1].offset, lines[1][1].raw) == (5, "ab\\xffc")
