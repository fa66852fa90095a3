"""Steps after every run: update the index of all runs and send the messages of the hooks."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from workbench.core.errors import WorkbenchError, WorkspaceBusyError
from workbench.run.flows.progress import visible
from workbench.run.hooks.messages import refusal_message, run_message
from workbench.run.hooks.telling import send_messages
from workbench.run.overview.index import write_index

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace
    from workbench.run.flows.outcome import FlowResult
    from workbench.run.flows.selection import FlowOptions

__all__ = ["run_and_tell"]

RunFlow = Callable[["Workspace", str, "FlowOptions"], "FlowResult"]


def run_and_tell(run_flow: RunFlow, workspace: Workspace, name: str, options: FlowOptions) -> FlowResult:
    """Run a profile's stages, update the index and send the hook messages. Runs in a scratch area send none.

    Errors of these steps are printed; they do not change the result of the run.

    Parameters
    ----------
    run_flow : callable
        `workbench.run.flows.flow.run_flow`.
    workspace : Workspace
    name : str
        The profile.
    options : FlowOptions

    Raises
    ------
    WorkbenchError
        The run was refused; ``on_failure`` hooks get a message, unless another run holds the workspace.
    """
    if workspace.scratch:
        return run_flow(workspace, name, options)
    try:
        result = run_flow(workspace, name, options)
    except WorkspaceBusyError:
        raise
    except WorkbenchError as error:
        message = refusal_message(workspace, name, options.as_of, error.exit_code)
        _follow(lambda: send_messages(workspace, message, settings=options.settings))
        raise
    code = result.error.exit_code if result.error else 0
    _follow(lambda: write_index(workspace))
    message = run_message(workspace, name, result.summary, result.folder, code)
    _follow(lambda: send_messages(workspace, message, settings=options.settings))
    return result


def _follow(step: Callable[[], Any]) -> None:
    try:
        step()
    except (WorkbenchError, OSError) as error:
        print(f"after the run: {visible(str(error))}", file=sys.stderr)
