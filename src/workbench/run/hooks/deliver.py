"""Deliver one message in a separate process: ``python -m workbench.run.hooks.deliver WORKSPACE RECEIPT``.

The run that sends the message has already published its results and released the workspace; it does not wait.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.core.errors import ProfileError
from workbench.core.files import write_text
from workbench.core.params.hooks import HookParams
from workbench.core.workspace import Workspace
from workbench.run.flows.progress import visible
from workbench.run.hooks.network import post_message, send_mail
from workbench.run.hooks.programs import HookFailed, run_program
from workbench.run.hooks.receipts import Receipt, read_receipt

__all__ = ["Limits", "deliver"]

_LONGEST_DETAIL = 300


@dataclass(frozen=True)
class Limits:
    """Attempts per receiver, seconds per attempt, and the pauses between attempts."""

    attempts: int = 3
    seconds: float = 30.0
    pauses: tuple[float, ...] = (2.0, 8.0)


def deliver(workspace: Workspace, receipt: Receipt, limits: Limits = Limits()) -> bool:
    """Deliver a message to every waiting receiver; return whether all have it.

    Receivers are independent: one that hangs does not delay the others.

    Parameters
    ----------
    workspace : Workspace
    receipt : Receipt
    limits : Limits
    """
    receipt.pid = os.getpid()
    receipt.write()
    for attempt in range(1, limits.attempts + 1):
        for receiver in receipt.waiting():
            last = attempt == limits.attempts
            try:
                detail = _send(workspace, receipt, receiver["hook"], limits.seconds)
            except HookFailed as error:
                receipt.note(receiver, "failed" if last else "waiting", _short(str(error)))
            else:
                receipt.note(receiver, "delivered", _short(detail))
        if not receipt.waiting():
            break
        time.sleep(limits.pauses[min(attempt, len(limits.pauses)) - 1] if limits.pauses else 0)
    return all(receiver["state"] == "delivered" for receiver in receipt.receivers)


def _send(workspace: Workspace, receipt: Receipt, declared: dict[str, Any], seconds: float) -> str:
    hook = HookParams.model_validate(declared)
    message = json.dumps(receipt.message, ensure_ascii=False, sort_keys=True)
    if hook.command is not None:
        return run_program(hook.command, message, folder=workspace.root, seconds=seconds)
    if hook.file is not None:
        return _drop(workspace, hook.file, receipt, message)
    if hook.webhook is not None:
        return post_message(hook.webhook, message, seconds=seconds)
    if hook.mail is not None:
        return send_mail(hook.mail, _subject(receipt), _letter(receipt), seconds=seconds)
    raise HookFailed("names no receiver")


def _drop(workspace: Workspace, folder: str, receipt: Receipt, message: str) -> str:
    """Write the message as one file, atomically."""
    name = f"{receipt.path.stem}.json" if receipt.message.get("run_id") is None else (
        f"{receipt.message['run_id']}-{receipt.event}-{secrets.token_hex(2)}.json"
    )  # fmt: skip
    try:
        path = write_text(workspace.resolve(folder) / name, message + "\n", mode=0o600)
    except ProfileError as error:
        raise HookFailed(error.faults[0].found) from None
    except OSError as error:
        raise HookFailed(str(error.strerror or error)) from None
    return path.name


def _subject(receipt: Receipt) -> str:
    from workbench.report.text import say  # noqa: PLC0415

    return say(f"hook_subject_{receipt.event}", receipt.language, receipt.message)


def _letter(receipt: Receipt) -> str:
    from workbench.report.text import say  # noqa: PLC0415

    message = receipt.message
    lines = [say(f"hook_subject_{receipt.event}", receipt.language, message)]
    for name in ("run_id", "as_of", "failed_stage", "report"):
        if message.get(name):
            lines.append(say(f"hook_line_{name}", receipt.language, {"value": message[name]}))
    return "\n".join([*lines, "", json.dumps(message, ensure_ascii=False, indent=1), ""])


def _short(text: str) -> str:
    return visible(" ".join(text.split()))[:_LONGEST_DETAIL]


def _main() -> int:
    root, path = sys.argv[1:]
    receipt = read_receipt(Path(path))
    return 0 if receipt is not None and deliver(Workspace(Path(root)), receipt) else 1


if __name__ == "__main__":
    sys.exit(_main())
