"""Hostile and wrong YAML is refused with its line; plain YAML is read unchanged."""

import datetime as dt

import pytest

from workbench.core.errors import ProfileError
from workbench.core.yaml_lines import read_value, read_yaml


@pytest.fixture
def read(tmp_path):
    def reading(text):
        path = tmp_path / "shop.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        return read_yaml(path, "params/shop.yaml")

    return reading


def refusal(read, text):
    with pytest.raises(ProfileError) as caught:
        read(text)
    return str(caught.value)


@pytest.mark.parametrize("text", ["1:30", "0100", "00123", "-01", "12:30:45", "1:30.5"])
def test_a_number_of_another_base_is_the_text_that_was_typed(read, text):
    assert read(f"key: {text}\n").content == {"key": text}
    assert read_value(text, "--set") == text


@pytest.mark.parametrize(("text", "value"), [("10", 10), ("0", 0), ("1.5", 1.5), ("-3", -3), ("[1, 0]", [1, 0])])
def test_plain_numbers_stay_numbers(text, value):
    assert read_value(text, "--set") == value


def test_a_setting_that_is_nested_too_deep_is_refused():
    with pytest.raises(ProfileError, match="more nested or repeated values"):
        read_value("[" * 3000 + "]" * 3000, "--set")


def test_plain_values_are_read_with_the_line_of_every_key(read):
    marked = read("name: 画像\nrun:\n  k: 3\n  day: 2024-02-29\n  several:\n    - a\n    - b\n")
    run = {"k": 3, "day": dt.date(2024, 2, 29), "several": ["a", "b"]}
    assert marked.content == {"name": "画像", "run": run}
    assert marked.line(("run", "k")) == 3
    assert marked.line(("run", "several", 1)) == 7
    assert marked.line(("run", "unknown", "deeper")) == 2
    assert marked.line(("nothing",)) == 1


def test_a_byte_order_mark_is_not_part_of_the_first_key(read):
    assert read(b"\xef\xbb\xbfname: a\n").content == {"name": "a"}


def test_all_duplicate_keys_are_reported_with_both_lines(read):
    message = refusal(read, "a: 1\nb: 2\na: 3\nc:\n  d: 1\n  d: 2\n")
    assert "params/shop.yaml, line 3: duplicate key 'a', first on line 1." in message
    assert "params/shop.yaml, line 6: duplicate key 'd', first on line 5." in message


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb: !!python/object/apply:os.system ['true']\n",
        "a: 1\nb: !!python/object:os.path {x: 1}\n",
        "a: 1\nb: !!python/name:os.system\n",
        "a: 1\nb: !secret x\n",
        "a: 1\nb: !!set {x, y}\n",
    ],
)
def test_a_tag_that_builds_objects_is_refused_with_its_line(read, text):
    message = refusal(read, text)
    assert message.startswith("params/shop.yaml, line 2: ")
    assert "tag" in message
    assert "Plain text, numbers, dates, lists and mappings" in message


def test_anchors_that_expand_exponentially_are_refused(read):
    lines = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    for last, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{last}'] * 9)}]")
    assert "more nested or repeated values than a profile needs" in refusal(read, "\n".join(lines))


def test_an_anchor_that_contains_itself_is_refused(read):
    assert "more nested or repeated values" in refusal(read, "a: &a [*a]\n")


@pytest.mark.parametrize("depth", [21, 1_000, 400_000])
def test_deep_nesting_is_refused_before_it_exhausts_the_stack(read, depth):
    assert "line 2: more nested or repeated values" in refusal(read, "a: 1\nb: " + "[" * depth + "]" * depth)


def test_a_very_large_file_is_refused_by_its_size(read):
    message = refusal(read, b"a: " + b"x" * 1_000_001)
    assert message == "params/shop.yaml: 1,000,004 bytes. At most 1,000,000 bytes of YAML."


@pytest.mark.parametrize("text", ["a:\n\tb: 1\n", "a: 1\n\tb: 2\n"])
def test_a_tab_is_reported_with_its_line(read, text):
    expected = "params/shop.yaml, line 2: a tab. YAML is indented with spaces. Replace the tab by spaces."
    assert refusal(read, text) == expected


def test_a_tab_inside_a_text_is_allowed(read):
    assert read('a: "x\\ty"\nb: x\ty\n').content == {"a": "x\ty", "b": "x\ty"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no 'key: value' lines"),
        ("# only a comment\n", "no 'key: value' lines"),
        ("- a\n- b\n", "no 'key: value' lines"),
        ("just text\n", "no 'key: value' lines"),
        (b"a: \xff\n", "not UTF-8 at byte 3"),
        ("a: 'unclosed\n", "not YAML"),
        ("a: 1\n---\nb: 2\n", "line 2: not YAML"),
        ("a: \x01\n", "not YAML"),
        ("a: 1\nb: 2024-13-40\n", "line 2: month must be in 1..12"),
        ("? [a, b]\n: 1\n", "line 1: a key that is a list or a mapping"),
        ("<<: {a: 1}\n", "line 1: "),
    ],
)
def test_anything_but_a_mapping_of_plain_values_is_refused(read, text, message):
    assert message in refusal(read, text)


def test_keys_become_text(read):
    assert read("1: a\n").content == {"1": "a"}
