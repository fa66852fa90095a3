"""The cron line of the README, run as cron would: by sh, in an almost empty environment."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.core.stages import STAGES

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("sh") is None, reason="no sh on this machine")
def test_the_cron_line_runs_the_flow(tiny, tmp_path):
    root = tmp_path / "workbench"
    shutil.copytree(tiny, root, symlinks=True)
    (root / ".venv" / "bin").mkdir(parents=True)
    (root / ".venv" / "bin" / "workbench").symlink_to(Path(sys.executable).with_name("workbench"))
    line = re.search(r"```cron\n(.+)\n```", (ROOT / "README.md").read_text(encoding="utf-8")).group(1)
    command = line.split(" ", 5)[5].replace("/path/to/workbench", str(root)).replace("run journey", "run tiny")
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "SHELL": "/bin/sh",
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
    }
    process = subprocess.run(
        ["sh", "-c", command], env=environment, capture_output=True, text=True, check=False, cwd="/"
    )
    log = (root / "reports/cron.log").read_text(encoding="utf-8")
    assert process.returncode == 0, log
    assert (process.stdout, process.stderr) == ("", "")
    n = len(STAGES)
    assert f"0 stages run, {n} unchanged, 0 skipped" in log
    assert f"[{n}/{n}] 14_write_report unchanged, reused" in log
