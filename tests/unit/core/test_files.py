"""Files are written completely or not at all: a crash leaves the old content or the new."""

import json
import os
import stat

import pytest

from workbench.core import files
from workbench.core.files import digest_file, digest_json, fsync_tree, point_to, publish_folder, write_json, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_text_is_written_with_its_folder_and_unix_line_ends(tmp_path):
    path = write_text(tmp_path / "deep" / "a.txt", "画像\nb\n")
    assert path.read_bytes() == "画像\nb\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(path.parent) == ["a.txt"]


def test_only_its_owner_may_read_a_private_file(tmp_path):
    path = write_text(tmp_path / "a.txt", "x", mode=0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("step", ["fsync", "chmod", "replace"])
def test_a_write_that_fails_at_any_step_leaves_only_the_old_file(tmp_path, monkeypatch, step):
    path = write_text(tmp_path / "a.txt", "old")

    def fail(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, step, fail)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_json_keeps_its_order_and_refuses_nan(tmp_path):
    path = write_json(tmp_path / "a.json", {"b": 1, "a": "画"})
    assert path.read_text(encoding="utf-8") == '{\n "b": 1,\n "a": "画"\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text(encoding="utf-8"))["b"] == 1


def test_a_digest_of_json_does_not_depend_on_the_order_of_keys():
    assert digest_json({"a": 1, "b": [1, 2]}) == digest_json({"b": [1, 2], "a": 1})
    assert digest_json({"a": 1}) != digest_json({"a": 2})
    assert digest_json([1, 2]) != digest_json([2, 1])


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert digest_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_folder_is_published_by_one_rename(tmp_path):
    staging = tmp_path / ".staging"
    write_text(staging / "deep" / "a.txt", "x")
    target = publish_folder(staging, tmp_path / "home" / "run1")
    assert (target / "deep" / "a.txt").read_text() == "x"
    assert not staging.exists()


def test_publishing_to_an_existing_target_keeps_it_and_removes_the_staging_folder(tmp_path):
    write_text(tmp_path / "home" / "a.txt", "first")
    write_text(tmp_path / ".staging" / "a.txt", "second")
    publish_folder(tmp_path / ".staging", tmp_path / "home")
    assert (tmp_path / "home" / "a.txt").read_text() == "first"
    assert names(tmp_path) == ["home"]


def test_a_failed_publication_leaves_no_target(tmp_path, monkeypatch):
    write_text(tmp_path / ".staging" / "a.txt", "x")

    def fail(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "rename", fail)
    with pytest.raises(OSError, match="No space left"):
        publish_folder(tmp_path / ".staging", tmp_path / "home")
    assert not (tmp_path / "home").exists()


def test_flushing_a_tree_skips_broken_links(tmp_path):
    write_text(tmp_path / "a.txt", "x")
    (tmp_path / "gone").symlink_to("nowhere")
    fsync_tree(tmp_path)


def test_a_link_is_pointed_to_a_new_target(tmp_path):
    link = tmp_path / "latest"
    point_to(link, "run1")
    point_to(link, "run2")
    point_to(link, "run2")
    assert os.readlink(link) == "run2"
    assert names(tmp_path) == ["latest"]


def test_a_link_that_cannot_be_changed_still_points_to_the_old_target(tmp_path, monkeypatch):
    link = tmp_path / "latest"
    point_to(link, "run1")

    def fail(*_args):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(OSError, match="Input/output error"):
        point_to(link, "run2")
    assert os.readlink(link) == "run1"
