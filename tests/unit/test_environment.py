"""pyproject, lock, environment.yml, pre-commit and .ci/run agree."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import workbench
from workbench.report.pages.page import RunFacts, write_report

ROOT = Path(__file__).parents[2]
LOCKS = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("requirements.lock", "requirements-dev.lock")}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = ("3.11", "3.12", "3.13")


def locked(lock: str) -> list[tuple[str, str, Marker | None]]:
    """Return name, version and marker of every line of a lock."""
    lines = re.findall(
        r"^([A-Za-z0-9_.-]+)(?:\[[^]]*\])?==([^\s;\\]+)(?:\s*;\s*([^\\\n]+?))?\s*\\?$", LOCKS[lock], re.MULTILINE
    )
    return [(canonicalize_name(name), version, Marker(text) if text else None) for name, version, text in lines]


def version_on(name: str, python: str, lock: str = "requirements.lock") -> str | None:
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "os_name": "posix",
    }
    versions = [
        version
        for locked_name, version, marker in locked(lock)
        if locked_name == name and (marker is None or marker.evaluate(environment))
    ]
    return versions[0] if len(versions) == 1 else None


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_satisfies_its_dependencies_on_every_python(python, lock):
    unmet = []
    development = PROJECT["optional-dependencies"]["dev"] if lock == "requirements-dev.lock" else []
    for text in [*PROJECT["dependencies"], *development]:
        requirement = Requirement(text)
        version = version_on(canonicalize_name(requirement.name), python, lock)
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            unmet.append(f"{text}: locked {version}")
    assert not unmet


def test_every_dependency_has_a_lower_bound():
    bounds = {text: {bound.operator for bound in Requirement(text).specifier} for text in PROJECT["dependencies"]}
    assert not [text for text, operators in bounds.items() if ">=" not in operators]


def test_the_runtime_lock_is_a_part_of_the_development_lock_without_test_tools():
    pins = {lock: {(name, version) for name, version, _ in locked(lock)} for lock in LOCKS}
    assert pins["requirements.lock"] < pins["requirements-dev.lock"]
    names = {name for name, _ in pins["requirements.lock"]}
    assert not names & {canonicalize_name(Requirement(text).name) for text in PROJECT["optional-dependencies"]["dev"]}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_hashes_and_names_no_host(lock):
    assert len(locked(lock)) > 100
    blocks = re.split(r"^(?=\S)", LOCKS[lock], flags=re.MULTILINE)
    packages = [block for block in blocks if "==" in block.split("\n", maxsplit=1)[0]]
    assert not [block.split()[0] for block in packages if "--hash=sha256:" not in block]
    assert not re.findall(r"https?://|--index-url|--extra-index-url|--find-links|--trusted-host", LOCKS[lock])


def test_pyproject_allows_exactly_the_locked_pythons():
    allowed = SpecifierSet(PROJECT["requires-python"])
    assert [python for python in ("3.10", *PYTHONS, "3.14") if allowed.contains(f"{python}.0")] == list(PYTHONS)


def test_environment_yml_has_the_same_python_and_the_same_lock():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["name"] == PROJECT["name"]
    python = next(name for name in environment["dependencies"] if isinstance(name, str) and name.startswith("python"))
    assert SpecifierSet(python.removeprefix("python")) == SpecifierSet(PROJECT["requires-python"])
    pip = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert pip == [f"-r {name}" for name in LOCKS]
    assert "pip" in environment["dependencies"]


def test_environment_yml_says_how_the_package_itself_is_installed():
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert "pip install --no-deps --no-build-isolation --editable ." in text


def test_pre_commit_runs_ruff_checks_types_strips_notebooks_and_holds_their_rules():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    hooks = {hook["id"]: hook for repo in config["repos"] for hook in repo["hooks"]}
    assert list(hooks) == ["ruff-check", "ruff-format", "mypy", "nbstripout", "notebook-rules"]
    assert {hook["language"] for hook in hooks.values()} == {"system"}
    assert "tests/notebooks/test_rules.py" in hooks["notebook-rules"]["entry"]


def test_ci_run_calls_both_parts_of_the_suite_and_is_executable():
    script = ROOT / ".ci" / "run"
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in text
    assert re.findall(r"^(?:COVERAGE=1 )?(make .+)", text, re.MULTILINE) == ["make check", "make test", "make test-all"]
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


def test_the_licence_is_the_one_that_pyproject_names():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_newest_version_of_the_changelog_is_that_of_the_package():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    unreleased, newest = re.findall(r"^## \[(\S+)\]", text, re.MULTILINE)[:2]
    assert (unreleased, newest) == ("Unreleased", PROJECT["version"])
    assert workbench.__version__ == PROJECT["version"], "install the package again: make setup"


def test_the_report_names_the_version_of_the_package(tmp_path):
    versions = {workbench.PACKAGE: workbench.__version__}
    page = write_report([], run=RunFacts("empty", "r1", "2018-01-01", versions=versions), folder=tmp_path)
    assert f"<footer><p>Customer portrait workbench {PROJECT['version']} · " in page
