"""The paths of a workspace; no path named in a profile leads outside."""

import pytest

from workbench.core.errors import ProfileError
from workbench.core.workspace import Workspace, find_workspace


def test_the_workspace_is_the_nearest_folder_upward_with_params(tmp_path):
    (tmp_path / "params").mkdir()
    deep = tmp_path / "notebooks" / "scratch"
    deep.mkdir(parents=True)
    assert find_workspace(deep).root == tmp_path.resolve()


def test_without_params_the_message_says_what_a_workspace_holds(tmp_path):
    with pytest.raises(ProfileError, match=r"no params/ in this folder or any above it.*--workspace DIR"):
        find_workspace(tmp_path)


def test_every_path_is_inside_the_root(workspace):
    paths = [workspace.params, workspace.notebooks, workspace.raw, workspace.tracking, workspace.lock]
    paths += [folder_of("shop") for folder_of in (workspace.interim, workspace.processed, workspace.reports)]
    assert all(path.is_relative_to(workspace.root) for path in paths)
    assert workspace.relative(workspace.processed("shop")) == "data/processed/shop"


@pytest.mark.parametrize("text", ["data/raw/a.csv", "data/raw/*.csv", "data/raw/**/a?.csv", "data/./raw/a[0-9].csv"])
def test_a_path_or_pattern_inside_is_accepted(workspace, text):
    assert workspace.resolve(text) == workspace.root / text


@pytest.mark.parametrize(
    "text",
    [
        "../secret.csv",
        "data/../../secret.csv",
        "data/raw/*/../../../../secret.csv",
        "/etc/passwd",
        "~/secret.csv",
        "~root/secret.csv",
        "data/raw/a\0.csv",
        "",
        " ",
        ".",
        "./",
        "data/**x.csv",
        "data/" + "x" * 300,
    ],
)
def test_a_path_that_leads_outside_or_cannot_be_used_is_refused_and_shown(workspace, text):
    with pytest.raises(ProfileError) as caught:
        workspace.resolve(text)
    fault = caught.value.faults[0]
    assert repr(text) in fault.found
    assert fault.expected == f"Expected a path inside the workspace {workspace.root.name}/"


def test_an_absolute_path_is_refused_even_when_it_points_inside(workspace):
    with pytest.raises(ProfileError, match="cannot be used"):
        workspace.resolve(str(workspace.raw / "a.csv"))


@pytest.mark.parametrize("text", ["data/raw/away/a.csv", "data/raw/away/*.csv", "data/raw/*/a.csv", "data/raw/a*.csv"])
def test_a_symbolic_link_that_leads_outside_is_refused(tmp_path, text):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.csv").write_text("x\n", encoding="utf-8")
    raw = tmp_path / "here" / "data" / "raw"
    raw.mkdir(parents=True)
    (raw / "away").symlink_to(outside)
    (raw / "abroad.csv").symlink_to(outside / "a.csv")
    with pytest.raises(ProfileError, match="leads outside"):
        Workspace((tmp_path / "here").resolve()).resolve(text)


def test_a_symbolic_link_that_stays_inside_is_accepted(workspace):
    (workspace.raw / "b.csv").write_text("x\n", encoding="utf-8")
    (workspace.raw / "a.csv").symlink_to("b.csv")
    assert workspace.resolve("data/raw/a.csv").is_file()
