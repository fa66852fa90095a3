"""Who may see which files: the owner alone, and one group the report and the stage pages."""

import grp
import os
import stat

import pytest

from workbench.core.errors import ProfileError
from workbench.core.workspace import find_workspace
from workbench.run.artifacts.modes import close_to_others
from workbench.run.flows.flow import run_flow
from workbench.run.flows.selection import FlowOptions

OURS = ("data/interim", "data/processed", "reports", "mlruns", ".workbench")
GROUP = grp.getgrgid(os.getegid()).gr_name


def modes(root):
    paths = [path for name in OURS for path in ((root / name), *(root / name).rglob("*")) if not path.is_symlink()]
    return {path: stat.S_IMODE(path.stat().st_mode) for path in paths if path.exists()}


def test_everything_is_private_under_a_umask_that_keeps_nothing_private(toy_root):
    umask = os.umask(0)
    try:
        assert run_flow(find_workspace(toy_root), "toy", FlowOptions()).error is None
    finally:
        os.umask(umask)
    wrong = {path: oct(mode) for path, mode in modes(toy_root).items() if mode & 0o077}
    assert wrong == {} and len(modes(toy_root)) > 50


def test_what_an_earlier_version_left_open_is_closed(toy_copy):
    for path in modes(toy_copy):
        path.chmod(0o755 if path.is_dir() else 0o644)
    close_to_others(find_workspace(toy_copy))
    assert {mode & 0o077 for mode in modes(toy_copy).values()} == {0}


def test_a_group_gets_report_and_stage_pages_and_nothing_else(toy_copy):
    profile = toy_copy / "params/toy.yaml"
    plain = profile.read_text(encoding="utf-8")
    profile.write_text(f"share: {{group: {GROUP}}}\n{plain}", encoding="utf-8")
    folder = run_flow(find_workspace(toy_copy), "toy", FlowOptions()).folder
    opened = {path.relative_to(toy_copy).as_posix(): mode for path, mode in modes(toy_copy).items() if mode & 0o077}
    home = folder.relative_to(toy_copy).as_posix()
    assert {path for path in opened if (toy_copy / path).is_dir()} == {"reports", "reports/toy", home, f"{home}/pages"}
    files = {path for path in opened if (toy_copy / path).is_file()}
    assert f"{home}/report.html" in files and f"{home}/pages/14_write_report.html" in files
    assert all(path.endswith(".html") and "/people/" not in path and "/figures/" not in path for path in files)
    assert set(opened.values()) == {0o750, 0o640}
    profile.write_text(plain, encoding="utf-8")
    run_flow(find_workspace(toy_copy), "toy", FlowOptions())
    assert stat.S_IMODE((toy_copy / "reports/toy").stat().st_mode) == 0o700


def test_an_unknown_group_is_refused_with_its_line(toy_root):
    profile = toy_root / "params/toy.yaml"
    profile.write_text("share: {group: no_such_group}\n" + profile.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ProfileError, match="params/toy.yaml, line 1: no group 'no_such_group'"):
        run_flow(find_workspace(toy_root), "toy", FlowOptions())
