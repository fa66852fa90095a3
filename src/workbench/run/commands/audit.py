"""The command ``workbench audit verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.core.workspace import find_workspace
from workbench.run.terminal.printing import check_language

__all__ = ["audit"]

audit = typer.Typer(no_args_is_help=True, help="The audit log: what left the workbench, and who opened the vault.")

Language = Annotated[str, typer.Option(help="en or zh.")]
Workspace = Annotated[
    Path | None, typer.Option("--workspace", help="Folder that holds params/; default: the nearest one upward.")
]


@audit.callback()
def about() -> None:
    """Check the audit log of exports and vault openings (审计日志)."""


@audit.command()
def verify(language: Language = "en", workspace: Workspace = None) -> None:
    """Check that no line of the audit log was changed, and report what could not be checked; exit 3 on changes."""
    from workbench.report.text import say  # noqa: PLC0415
    from workbench.run.artifacts.audit import verify_audit  # noqa: PLC0415

    verdict, language = verify_audit(find_workspace(workspace)), check_language(language)
    faults = verdict.changed
    print(
        say(f"audit_said_{'changed' if faults else 'sound'}", language, {"lines": verdict.lines, "faults": len(faults)})
    )
    for line, fault in faults:
        what = {"what": say(f"audit_what_{fault}", language), "line": line}
        print(say("audit_said_line" if line else "audit_said_whole", language, what))
    for name, count in (("unchecked", verdict.unchecked), ("own_key", verdict.own_key)):
        if count:
            print(say(f"audit_said_{name}", language, {"lines": count}))
    if not verdict.head:
        print(say("audit_said_no_head", language))
    if faults:
        raise typer.Exit(3)
