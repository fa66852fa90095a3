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

Customers = Annotated[list[str], typer.Argument(help="customer_id of one or several customers.")]
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
    png: Annotated[bool, typer.Option("--png", help="Also draw a picture for slides; needs a Chromium.")] = False,
    contact: Contact = False,
    workspace: Workspace = None,
) -> None:
    """Write the portrait cards of customers: HTML that prints on one page, JSON for a CRM, optionally PNG (画像卡)."""
    from workbench.report.cards.customer import card_pages, card_values  # noqa: PLC0415
    from workbench.run.artifacts.audit import append_audit  # noqa: PLC0415
    from workbench.run.services.cards import CardService  # noqa: PLC0415
    from workbench.run.terminal.picture import picture_page  # noqa: PLC0415

    service = CardService(find_workspace(workspace), profile)
    card_language = language or service.profile.languages[0]
    if card_language not in ("en", "zh"):
        raise ProfileError(Fault("--language", f"language {language!r}", "Expected en or zh"))
    folder = service.workspace.reports(service.profile.name) / "cards"
    folder.mkdir(parents=True, exist_ok=True)
    cards = service.cards(customer, contact=contact)
    if contact:
        append_audit(service.workspace, "card", profile=service.profile.name, customers=len(cards), form="contact")
    mode = 0o600 if contact else None
    pages = card_pages(cards, language=card_language, currency=service.profile.currency)
    for portrait, page in zip(cards, pages, strict=True):
        name = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in portrait.customer_id)
        html = write_text(folder / f"{name}.{card_language}.html", page, mode=mode)
        values = json.dumps(card_values(portrait), ensure_ascii=False, indent=1)
        files = [html, write_text(folder / f"{name}.json", values + "\n", mode=mode)]
        if png:
            files.append(picture_page(html, html.with_suffix(".png"), selector="article.card"))
        print("\n".join(service.workspace.relative(file) for file in files))
