"""The command ``workbench actions export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.core.workspace import find_workspace
from workbench.run.terminal.printing import Table, check_language, print_table

if TYPE_CHECKING:
    from workbench.run.services.actions.exporting import ActionService, Exported

__all__ = ["actions"]

actions = typer.Typer(no_args_is_help=True, help="Planned actions: the lists that go back to the systems that act.")

Profile = Annotated[str, typer.Argument(help="A profile: the stem of params/<profile>.yaml.")]
Plan = Annotated[str | None, typer.Option("--plan", help="A plan by its id; default: that of the last run.")]
Contacts = Annotated[
    str | None, typer.Option("--contacts", help="phone or email: from the vault, with its key; logged.")
]
Layout = Annotated[str, typer.Option("--layout", help="A file of params/exports: generic, sms, hubspot ...")]
Preview = Annotated[bool, typer.Option("--preview", help="Only count the texts, with examples; nothing is written.")]
Variable = Annotated[str | None, typer.Option("--to", help="Environment variable of a database's URL.")]
Language = Annotated[str | None, typer.Option(help="en or zh; default: the leading language of the profile.")]
Workspace = Annotated[
    Path | None, typer.Option("--workspace", help="Folder that holds params/; default: the nearest one upward.")
]


@actions.callback()
def about() -> None:
    """Export planned actions as lists for the systems that carry them out (执行闭环)."""


@actions.command()
def export(
    profile: Profile,
    plan: Plan = None,
    contacts: Contacts = None,
    layout: Layout = "generic",
    preview: Preview = False,
    to: Variable = None,
    language: Language = None,
    workspace: Workspace = None,
) -> None:
    """Freeze a plan and write its lists, with the consents as they are now."""
    from workbench.run.services.actions.exporting import ActionService  # noqa: PLC0415

    service = ActionService(find_workspace(workspace), profile)
    language = check_language(language or service.profile.languages[0])
    if preview:
        _print_preview(service, plan, language)
        return
    result = service.export(plan=plan, contacts=contacts, layout=layout, language=language, variable=to)
    _print_export(result, language)
    if contacts is None and layout == "sms":
        _print_text("actions_said_no_contacts", language)


def _print_preview(service: ActionService, plan: str | None, language: str) -> None:
    from workbench.report.text import say  # noqa: PLC0415

    heads = ("action", "variant", "when", "customers", "example")
    table = Table(*(say(f"actions_head_{head}", language) for head in heads))
    for entry in service.preview(plan=plan, language=language):
        known_note = say("actions_said_known", language, {"names": ", ".join(entry.needs)}) if entry.needs else ""
        when = ", ".join(filter(None, (entry.when, known_note))) or say(_rest(entry.variant), language)
        table.add_row(entry.action, str(entry.variant or ""), when, f"{entry.customers:,}", entry.example)
    print_table(table)


def _rest(variant: int) -> str:
    return "actions_said_all" if variant <= 1 else "actions_said_everybody"


def _print_export(result: Exported, language: str) -> None:
    from workbench.report.text import say  # noqa: PLC0415

    key = "actions_said_frozen" if result.frozen_now else "actions_said_again"
    _print_text(key, language, plan=result.plan, until=result.valid_until)
    _print_text("actions_said_rows", language, rows=result.rows, held_out=result.held_out)
    for reason, count in result.left_out.items():
        _print_text("actions_said_left_out", language, count=count, why=say(f"actions_why_{reason}", language))
    if not result.consent_recorded:
        _print_text("actions_said_no_consents", language)
    for file in result.files:
        _print_text("actions_said_file", language, file=file.file, rows=file.rows)
    for path in result.removed:
        _print_text("actions_said_removed", language, file=path)
    if result.database_rows:
        _print_text("actions_said_database", language, rows=result.database_rows)
    if result.frozen_now and result.experiments:
        _print_text("actions_said_assignment", language, names=", ".join(result.experiments))


def _print_text(key: str, language: str, **values: object) -> None:
    from workbench.report.text import say  # noqa: PLC0415

    print(say(key, language, values))
