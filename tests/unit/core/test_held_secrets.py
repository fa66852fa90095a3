"""Secrets of the environment: taken out of it, kept for this process alone."""

import os
import subprocess
import sys

CODE = """
import os, sys
from pathlib import Path
from workbench.core.held_secrets import held_secrets, read_secret, take_secrets

assert b"s3cret-value" in Path("/proc/self/environ").read_bytes()
take_secrets(["WORKBENCH_VAULT_KEY", "WORKBENCH_VAULT_KEY_FILE"])
shown = Path("/proc/self/environ").read_bytes()
child = os.popen("cat /proc/$PPID/environ; env").read()
print(read_secret("WORKBENCH_VAULT_KEY"), held_secrets(), b"s3cret" in shown, "s3cret" in child, "OTHER=1" in child)
"""


def test_a_secret_is_read_by_its_process_and_seen_by_no_other():
    environment = {**os.environ, "WORKBENCH_VAULT_KEY": "s3cret-value", "OTHER": "1"}
    environment.pop("WORKBENCH_VAULT_KEY_FILE", None)
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "s3cret-value {'WORKBENCH_VAULT_KEY': 's3cret-value'} False False True"
