"""The README's cron line, run as cron would run it: by sh, with next to no environment."""

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
    place = tmp_path / "workbench"
    shutil.copytree(tiny, place, symlinks=True)
    (place / ".venv" / "bin").mkdir(parents=True)
    (place / ".venv" / "bin" / "workbench").symlink_to(Path(sys.executable).with_name("workbench"))
    line = re.search(r"```cron\n(.+)\n```", (ROOT / "README.md").read_text(encoding="utf-8")).group(1)
    command = line.split(" ", 5)[5].replace("/path/to/workbench", str(place)).replace("run journey", "run tiny")
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "SHELL": "/bin/sh",
        "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
    }
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=False, cwd="/")
    told = (place / "reports/cron.log").read_text(encoding="utf-8")
    assert done.returncode == 0, told
    assert (done.stdout, done.stderr) == ("", "")
    n = len(STAGES)
    assert f"0 stages run, {n} unchanged, 0 skipped" in told
    assert f"[{n}/{n}] 14_write_report unchanged, reused" in told
