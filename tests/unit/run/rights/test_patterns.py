"""Words found in every spelling and encoding, and nothing else."""

import pytest

from workbench.run.rights.traces.patterns import bytes_pattern, spellings, text_pattern
from workbench.run.rights.traces.traces import Traces, is_distinctive

WORDS = ["Rose O'Hara", "欧阳若兰", "C4263RMZ", "C4263R", "zoe@example.com"]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "gb18030"])
def test_every_spelling_is_found_in_every_encoding(word, encoding):
    pattern = bytes_pattern(WORDS)
    for form in spellings(word):
        assert pattern.search(f"before {form}, after".encode(encoding)), form


def test_a_word_is_no_part_of_another():
    pattern = text_pattern(["C4263R", "张伟"])
    assert not pattern.search("C4263RX or AC4263R")
    assert pattern.search("(C4263R)") and pattern.search("客户张伟，你好")


def test_the_longer_of_two_words_is_masked_whole():
    assert Traces(words=frozenset(["C4263R", "C4263R-MZ"])).masked("see C4263R-MZ.") == "see [erased]."


def test_without_words_there_is_no_pattern():
    assert text_pattern([]) is None and bytes_pattern([]) is None
    assert Traces().masked("anything") == "anything"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("17850", False), ("000124", True), ("123456789", True), ("C00017", True), ("anna", False), ("anna_1", True)],
)
def test_only_ids_that_are_no_other_number_are_searched_in_text(value, expected):
    assert is_distinctive(value) is expected
