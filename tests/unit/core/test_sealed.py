"""Published files are compared with the manifest beside them before they are used."""

import os

import pytest

from workbench.core.errors import DataError
from workbench.core.files import digest_file, write_json
from workbench.core.store.sealed import check_published, read_manifest, seal_again


@pytest.fixture
def stage(tmp_path):
    folder = tmp_path / ".stages/03_build_features/run1"
    folder.mkdir(parents=True)
    for name in ("features.parquet", "summary.json"):
        (folder / name).write_bytes(name.encode())
    files = {path.name: digest_file(path) for path in folder.iterdir()}
    write_json(folder / "manifest.json", {"files": files})
    return folder


def test_a_changed_file_is_named_though_its_size_and_time_are_the_same(stage):
    path = stage / "features.parquet"
    check_published(path, stage / "summary.json")
    state = path.stat()
    path.write_bytes(b"Features.parquet")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(
        DataError, match="features.parquet of 03_build_features was changed after it was published"
    ) as e:
        check_published(path, stage / "summary.json")
    assert len(e.value.faults) == 1 and "--from 03_build_features --force" in str(e.value)


def test_a_link_is_followed_and_a_file_that_no_manifest_names_is_not_checked(stage, tmp_path):
    (tmp_path / "features.parquet").symlink_to(stage / "features.parquet")
    (stage / "features.parquet").write_bytes(b"x")
    with pytest.raises(DataError):
        check_published(tmp_path / "features.parquet")
    (stage / "own.txt").write_bytes(b"y")
    check_published(stage / "own.txt")


def test_what_the_workbench_itself_rewrites_is_sealed_again(stage):
    (stage / "features.parquet").write_bytes(b"without her")
    (stage / "summary.json").unlink()
    seal_again(stage)
    check_published(stage / "features.parquet")
    assert list(read_manifest(stage)["files"]) == ["features.parquet"]
