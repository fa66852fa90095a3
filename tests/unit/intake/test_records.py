"""Lines become records: one line each, unless a quoted field validly spans lines."""

from workbench.intake.reading.text.records import BadLine, Record, RejectedRecord, read_records, split_line


def read(text, width=3, separator=","):
    return list(read_records(enumerate(text.split("\n"), 1), width=width, separator=separator))


def kinds(records):
    return [
        (record.line, "ok" if isinstance(record, Record) else record.code) for record in records if record is not None
    ]


def test_doubled_quotes_and_separators_inside_quotes_belong_to_the_field():
    assert split_line('1,"a, ""b""",3', ",").fields == ["1", 'a, "b"', "3"]


def test_quote_inside_an_unquoted_field_is_a_letter():
    assert split_line('1,5" pipe,3', ",").fields == ["1", '5" pipe', "3"]


def test_blanks_before_a_quoted_field_are_no_part_of_it():
    assert split_line('1, "a, b" ,3', ",").fields == ["1", "a, b", "3"]


def test_tab_separates_and_is_no_blank():
    assert split_line('1\t\t"a\tb"', "\t").fields == ["1", "", "a\tb"]


def test_quoted_field_spans_lines_even_where_a_later_line_has_as_many_separators():
    assert read('"Once upon \na time",5,6') == [Record(1, ["Once upon \na time", "5", "6"], multiline=True)]


def test_quote_still_open_is_closed_at_line_end_when_the_next_line_is_complete():
    assert kinds(read('1,"a,3\n2,b,3\n3,c,3')) == [(1, "unclosed-quote"), (2, "ok"), (3, "ok")]


def test_unclosed_quote_never_swallows_the_rest_of_the_file():
    text = "\n".join(['1,"a,3', "2,ragged", *[f"{at},b,c" for at in range(3, 60)]])
    records = kinds(read(text))
    assert records[:3] == [(1, "unclosed-quote"), (2, "missing-cell"), (3, "ok")]
    assert len(records) == 59


def test_unclosed_quote_in_the_last_line_rejects_that_line_alone():
    assert kinds(read('1,a,3\n2,"b,3')) == [(1, "ok"), (2, "unclosed-quote")]


def test_a_quote_closed_in_a_record_of_other_width_ends_with_its_own_line():
    assert kinds(read('1,"a\nb",3,4\n2,b,3')) == [(1, "unclosed-quote"), (2, "ok"), (3, "ok")]


def test_text_behind_a_closing_quote_is_rejected():
    assert kinds(read('1,"a"b,3')) == [(1, "stray-quote")]


def test_blank_lines_are_no_records():
    assert read("1,2,3\n\n4,5,6") == [Record(1, ["1", "2", "3"]), None, Record(3, ["4", "5", "6"])]


def test_line_of_separators_alone_is_a_record_of_blank_cells():
    assert read(",,") == [Record(1, ["", "", ""])]


def test_line_that_does_not_decode_is_rejected_with_its_byte():
    records = list(read_records([(7, BadLine(120, "A2,\\xff"))], width=2, separator=","))
    assert records == [RejectedRecord(7, 0, "invalid-encoding", "byte 120: A2,\\xff")]


def test_missing_cell_names_the_first_missing_field():
    assert read("1,2") == [RejectedRecord(1, 3, "missing-cell", "1,2")]
