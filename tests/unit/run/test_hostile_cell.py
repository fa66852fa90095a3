"""A cell of one stage cannot read the vault's key, not in its own environment and not in that of any other process."""

import base64
import json
import os
import subprocess
import sys

import pytest

from workbench.core.workspace import find_workspace

SEARCH = """import os
from pathlib import Path
places = ["own"] if any(SECRET in value for value in os.environ.values()) else []
for process in Path("/proc").glob("[0-9]*"):
    for name in ("environ", "cmdline"):
        try:
            if SECRET.encode() in (process / name).read_bytes(): places.append(f"{process.name}/{name}")
        except OSError:
            pass
stage.metric("places", " ".join(places) or "none")
stage.finish()"""


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="reads /proc")
def test_a_cell_of_another_stage_finds_the_key_nowhere(toy_root):
    key = base64.b64encode(os.urandom(32)).decode()
    path = toy_root / "notebooks/03_build_features.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    body = "".join(notebook["cells"][-1]["source"]).replace("stage.finish()", "")
    halves = f"SECRET = {key[:20]!r} + {key[20:]!r}\n"  # so that the cell itself is no place
    notebook["cells"][-1]["source"] = body + halves + SEARCH
    path.write_text(json.dumps(notebook), encoding="utf-8")
    command = [sys.executable, "-m", "workbench.run.commands.cli", "run", "toy", "--workspace", str(toy_root)]
    environment = {**os.environ, "WORKBENCH_VAULT_KEY": key}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    summary = json.loads((toy_root / "reports/toy/latest/summary.json").read_text(encoding="utf-8"))
    assert summary["stages"]["03_build_features"]["metrics"]["places"] == "none"


def test_02_replaces_no_vault_without_its_key(toy_root, monkeypatch):
    import pyarrow as pa

    from workbench.core.errors import DataError
    from workbench.core.params.profile import load_profile
    from workbench.intake.identity.vault import Vault
    from workbench.run.flows.environments import check_vault, kernel_environment

    key = base64.b64encode(os.urandom(32)).decode()
    monkeypatch.delenv("WORKBENCH_VAULT_KEY_FILE", raising=False)
    monkeypatch.setenv("WORKBENCH_VAULT_KEY", key)
    workspace, profile = find_workspace(toy_root), load_profile(find_workspace(toy_root), "toy")
    stages = ["01_check_quality", "02_resolve_identity"]
    Vault.of(workspace, "toy").write(pa.table({"customer_id": ["C1"], "name": ["Ann"]}))
    check_vault(workspace, profile, stages)
    environments = {
        stage: kernel_environment(workspace, profile, stage, os.environ) for stage in [*stages, "05_score_rfm"]
    }
    assert [key in variables.values() for variables in environments.values()] == [False, True, False]
    monkeypatch.delenv("WORKBENCH_VAULT_KEY")
    check_vault(workspace, profile, ["01_check_quality"])
    with pytest.raises(DataError, match="there is a vault, and no key is given"):
        check_vault(workspace, profile, stages)
