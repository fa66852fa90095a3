"""The command ``workbench card``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from workbench.core.errors import Fault, ProfileError
from workbench.core.files import write_text
from workbench.core.workspace import find_workspace

__all__ = ["card"]

Customers = Annotated[list[str], typer.Argument(help="customer_id of one customer or of several.")]
Profile = Annotated[str, typer.Option("--profile", help="The profile whose last run is read.")]
Language = Annotated[str | None, typer.Option(help="en or zh; default: the first of the profile.")]
Contact = Annotated[bool, typer.Option("--contact", help="Show names in full; needs the key of the vault.")]
Workspace = Annotated[
    Path | None, typer.Option("--workspace", help="Folder that holds params/; default: the nearest one upward.")
]


def card(
    customer: Customers,
    profile: Profile = "journey",
    language: Language = None,
    png: Annotated[bool, typer.Option("--png", help="Also draw it as a picture for slides; needs a Chromium.")] = False,
    contact: Contact = False,
    workspace: Workspace = None,
) -> None:
    """Write the portrait card of customers: HTML that prints on one page, JSON for a CRM, PNG on demand (画像卡)."""
    from workbench.report.cards.customer import card_pages, card_values  # noqa: PLC0415
    from workbench.run.commands.picture import picture_page  # noqa: PLC0415
    from workbench.run.services.cards import CardService  # noqa: PLC0415

    service = CardService(find_workspace(workspace), profile)
    chosen = language or service.profile.languages[0]
    if chosen not in ("en", "zh"):
        raise ProfileError(Fault("--language", f"language {language!r}", "Expected en or zh"))
    folder = service.workspace.reports(service.profile.name) / "cards"
    folder.mkdir(parents=True, exist_ok=True)
    cards = service.cards(customer, contact=contact)
    mode = 0o600 if contact else None
    for found, page in zip(cards, card_pages(cards, language=chosen, currency=service.profile.currency), strict=True):
        name = "".join(each if each.isalnum() or each in "-_" else "_" for each in found.customer_id)
        html = write_text(folder / f"{name}.{chosen}.html", page, mode=mode)
        values = json.dumps(card_values(found), ensure_ascii=False, indent=1)
        written = [html, write_text(folder / f"{name}.json", values + "\n", mode=mode)]
        if png:
            written.append(picture_page(html, html.with_suffix(".png"), selector="article.card"))
        print("\n".join(service.workspace.relative(each) for each in written))
