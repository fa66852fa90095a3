"""The command that starts the MLflow UI, and the check of who may open it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from workbench.core.errors import Fault, ProfileError
from workbench.core.params.profile import load_profile, profile_names
from workbench.run.tracking.relocation import relocate_store
from workbench.run.tracking.server import server_environment, set_up_users

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace

__all__ = ["ui_command"]


def ui_command(
    workspace: Workspace, host: str, port: int, *, auth: bool
) -> tuple[list[str], dict[str, str], list[str]]:
    """Return the command of the server, its variables, and the lines to print.

    Raises
    ------
    ProfileError
        Nothing is tracked yet; a profile shares its report with a group but no password is required; or the extra
        ``auth`` is not installed.
    """
    if not (workspace.tracking / "mlflow.db").is_file():
        raise ProfileError(Fault("mlruns/mlflow.db", "nothing is tracked yet", "", "Run a profile first"))
    shared = None if auth else _first_shared(workspace)
    if shared:
        problem = f"{shared} shares its report with a group, and the UI would show all runs to every user here"
        raise ProfileError(Fault("ui", problem, "A password", "Start it with --auth"))
    relocate_store(workspace)
    lines = [f"MLflow on http://{host}:{port}"]
    if auth:
        user, password = set_up_users(workspace)
        lines.append(f"name {user}, password {password} (of this start)")
    command = [sys.executable, "-m", "uvicorn", "--host", host, "--port", str(port), "--workers", "1"]
    command += ["--log-level", "warning", "--factory", "workbench.run.tracking.server:create_app"]
    return command, server_environment(workspace, host, port, auth=auth), lines


def _first_shared(workspace: Workspace) -> str | None:
    """Return a profile that shares its report with a group; unreadable profiles are ignored."""
    for name in profile_names(workspace):
        try:
            if load_profile(workspace, name).share.group:
                return name
        except ProfileError:
            continue
    return None
