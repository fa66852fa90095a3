"""Send the messages of a finished run: write receipts, then deliver them in a background process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from workbench.core.errors import ProfileError
from workbench.core.params.hooks import HooksParams
from workbench.core.params.profile import is_profile_name, load_profile
from workbench.core.yaml_lines import read_yaml
from workbench.intake.identity.vault import KEY_VARIABLE
from workbench.run.hooks.messages import events_of
from workbench.run.hooks.receipts import Receipt, new_receipt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.core.workspace import Workspace

__all__ = ["send_messages", "start_delivery"]


def send_messages(workspace: Workspace, message: Mapping[str, Any], *, settings: Sequence[str] = ()) -> list[Receipt]:
    """Write the receipts of a run's messages for the hooks of its profile, and start their delivery.

    Parameters
    ----------
    workspace : Workspace
    message : mapping
        `run_message` or `refusal_message`.
    settings : sequence of str
        Overrides of the profile.

    Returns
    -------
    list of Receipt
    """
    hooks, language = _hooks(workspace, str(message["profile"]), settings)
    receipts = [
        new_receipt(workspace, event, dict(message), hooks.of(event), language)
        for event in events_of(message)
        if hooks.of(event)
    ]
    for receipt in receipts:
        start_delivery(workspace, receipt)
    return receipts


def start_delivery(workspace: Workspace, receipt: Receipt) -> None:
    """Deliver a message in a separate process that outlives this one."""
    command = [sys.executable, "-m", "workbench.run.hooks.deliver", str(workspace.root), str(receipt.path)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(KEY_VARIABLE)}
    process = subprocess.Popen(
        command, cwd=workspace.root, env=environment, start_new_session=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    process.returncode = 0  # avoids the warning about a process that nobody waits for


def _hooks(workspace: Workspace, name: str, settings: Sequence[str]) -> tuple[HooksParams, str]:
    """Return the hooks and the first language of a profile, even if other parts of the profile are invalid."""
    try:
        profile = load_profile(workspace, name, settings=settings)
    except ProfileError:
        return _hooks_alone(workspace, name), "en"
    return profile.run.hooks, profile.languages[0]


def _hooks_alone(workspace: Workspace, name: str) -> HooksParams:
    path = workspace.params / f"{name}.yaml"
    if not is_profile_name(name) or not path.is_file():
        return HooksParams()
    try:
        run = read_yaml(path, workspace.relative(path)).content.get("run")
        return HooksParams.model_validate(run.get("hooks", {})) if isinstance(run, dict) else HooksParams()
    except (ProfileError, ValidationError):
        return HooksParams()
