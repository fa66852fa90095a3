"""Fixtures of several test folders: the repository, public data, and one run of the tiny profile."""

import os
import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[1]


def pytest_collection_modifyitems(items):
    """Start files with slow tests first, so that none runs alone at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def repository():
    """The root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def public_data():
    """The folder of public data sets; tests that need it are skipped if it is absent."""
    folder = Path(os.environ.get("WORKBENCH_PUBLIC_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"public data not found at {folder}; name it with WORKBENCH_PUBLIC_DATA")
    return folder


def make_workspace(folder: Path) -> Path:
    """Copy notebooks and profiles into a fresh workspace."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("notebooks", "params"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints", "scratch"))
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A workspace after one run of the tiny profile, shared by all test processes; tests must not change it."""
    from workbench.core.workspace import find_workspace
    from workbench.run.flows.flow import run_flow
    from workbench.run.flows.selection import FlowOptions

    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    root, error = folder / "tiny/workspace", folder / "tiny.error"
    with FileLock(folder / "tiny.lock"):
        if not error.exists():
            result = run_flow(find_workspace(make_workspace(root)), "tiny", FlowOptions())
            error.write_text("" if result.error is None else str(result.error), encoding="utf-8")
    assert not error.read_text(encoding="utf-8"), error.read_text(encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def plain_content():
    """A function that returns all content of a file: its bytes, the cells of a table, the members of a zip file."""

    def read(path: Path) -> bytes:
        content = path.read_bytes()
        if path.suffix == ".parquet" and path.name != "vault.parquet":
            content += pd.read_parquet(path).to_csv().encode()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                content += b"".join(packed.read(name) for name in packed.namelist())
        return content

    return read


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium; tests that need it are skipped where there is none."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def fresh_workspace(tmp_path):
    """A workspace with only the repository's notebooks and profiles."""
    return make_workspace(tmp_path / "workspace")
