"""The commands ``workbench tags list|show|preview``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.core.tags import GROUPS, ITEMS, Tag, TagRegistry
from workbench.core.workspace import find_workspace

if TYPE_CHECKING:
    from workbench.analysis.tags.tracing import Trace
    from workbench.run.tag_commands import Preview, TagDesk

__all__ = ["tags"]

tags = typer.Typer(no_args_is_help=True, help="The tag registry: listed, shown, tried without writing (标签).")

Workspace = Annotated[
    Path | None, typer.Option("--workspace", help="Folder that holds params/; default: the nearest one upward.")
]
Profile = Annotated[str, typer.Argument(help="A profile: the stem of params/<profile>.yaml.")]
Language = Annotated[str, typer.Option(help="en or zh.")]
_UNWRAPPED = 10_000  # characters; wider than any row
_OVERLAP = ("same", "changed", "gained", "lost")


@tags.command("list")
def list_tags(
    profile: Profile,
    group: Annotated[str | None, typer.Option(help="Only the tags of one group of items.")] = None,
    language: Language = "en",
    workspace: Workspace = None,
) -> None:
    """List the tags of a profile, with the customers of whom the last run knew them."""
    if group is not None and group not in GROUPS:
        raise ProfileError(Fault("--group", f"unknown group '{group}'", "", did_you_mean(group, GROUPS)))
    desk, language = _desk(profile, workspace), _language(language)
    counts = desk.counts()
    table = Table("tag", "name", "item", "kind", "status", "owner", "valid days", "customers")
    for tag in desk.registry.tags.values():
        if group in (None, tag.group):
            valid = "always" if tag.ttl_days is None else str(tag.ttl_days)
            known = f"{counts[tag.id]:,}" if counts.get(tag.id) else "unknown"
            table.add_row(tag.id, getattr(tag.name, language), tag.item, tag.kind, tag.status, tag.owner, valid, known)
    _print(table)


@tags.command()
def show(
    profile: Profile,
    tag: str,
    customer: Annotated[str | None, typer.Option(help="Trace it for this customer to the rows behind it.")] = None,
    language: Language = "en",
    workspace: Workspace = None,
) -> None:
    """Show one tag: its definition, values and conditions; for one customer the figures and rows it rests on."""
    language = _language(language)
    desk = _desk(profile, workspace)
    found = desk.registry.find(tag)
    facts = {
        "item": ITEMS[found.item].name[language], "kind": found.kind,
        "status": f"{found.status}, version {found.version}",
        "in business words": getattr(found.business, language), "technically": getattr(found.technical, language),
        "owner": found.owner, "cadence": found.cadence, "purpose": found.purpose,
        "consent": found.consent or "none needed",
        "sensitivity": found.sensitivity, "valid": "always" if found.ttl_days is None else f"{found.ttl_days} days",
        "when no longer known": found.on_null.replace("_", " "),
    }  # fmt: skip
    table = Table("", f"{found.id} ({getattr(found.name, language)})")
    for name, fact in facts.items():
        table.add_row(name, fact)
    _print(table)
    _print(_values(found, language))
    if customer is not None:
        _tell_trace(found, customer, *desk.trace(tag, customer), language)


@tags.command()
def preview(
    profile: Profile,
    names: Annotated[list[str], typer.Argument(metavar="TAG...", help="Tags, drafts too.")],
    language: Language = "en",
    workspace: Workspace = None,
) -> None:
    """Try tags on today's customers: count, coverage, values, what changes against the last run; nothing is written."""
    language = _language(language)
    desk = _desk(profile, workspace)
    for found in desk.preview(names):
        _tell(found, desk.registry, language)


def _tell_trace(tag: Tag, customer: str, trace: Trace, last: Mapping[str, Any], language: str) -> None:
    if not trace.allowed:
        print(f"{customer}: no tag is shown of this customer, who refuses profiling or is under age")
        return
    named = tag.values.get(trace.value or "")
    print(f"{customer}: {trace.value or 'unknown'}{f' ({getattr(named, language)})' if named else ''}")
    if last:
        until = last["expires_at"] or "it does not age"
        print(f"last run: {last['value']} since {last['since']}, until {until}, version {last['version']}")
        print(f"evidence: {last['evidence']}")
    figures = Table("computed from", "figure")
    for name, value in trace.figures.items():
        figures.add_row(name, "unknown" if value is None else str(value))
    _print(figures)
    for name, rows in trace.rows.items():
        window = f" from {trace.since} on" if trace.since else ""
        print(f"{name}: {trace.totals[name]:,} rows of this customer{window}, the newest {len(rows):,} shown")
        shown = rows.dropna(axis="columns", how="all")
        table = Table(*shown.columns)
        for row in shown.astype("object").where(shown.notna(), "").itertuples(index=False):
            table.add_row(*map(str, row))
        _print(table)


def _tell(found: Preview, registry: TagRegistry, language: str) -> None:
    share = found.known / found.customers if found.customers else 0.0
    known = f"known of {found.known:,} of {found.customers:,} customers ({share:.1%})"
    print(f"{found.tag.id} ({getattr(found.tag.name, language)}): {known}")
    table = Table("value", "name", "customers", "share")
    for row in found.values.itertuples():
        name = registry.called(found.tag.id, row.value)[language]
        table.add_row(row.value, name, f"{row.customers:,}", f"{row.share:.1%}")
    _print(table)
    if found.overlap is None:
        print("the last run did not compute this tag")
    else:
        print("against the last run: " + ", ".join(f"{found.overlap[name]:,} {name}" for name in _OVERLAP))


def _values(tag: Tag, language: str) -> Table:
    table = Table("value", "name", "when")
    if tag.quantiles:
        bounds = ["lowest", *(f"{cut:.0%}" for cut in tag.quantiles.cuts), "highest"]
        for (key, value), low, high in zip(tag.values.items(), bounds, bounds[1:], strict=False):
            table.add_row(key, getattr(value, language), f"{tag.quantiles.of} from {low} to {high} of customers")
        return table
    for key, value in tag.values.items():
        when = tag.condition(key) or ("otherwise" if value.otherwise else f"{tag.copies} is {key}")
        table.add_row(
            key, getattr(value, language), when + (f" or {', '.join(value.same_as)}" if value.same_as else "")
        )
    if not tag.values:
        table.add_row("-", "-", f"what {tag.copies} says")
    return table


def _desk(profile: str, workspace: Path | None) -> TagDesk:
    from workbench.run.tag_commands import TagDesk  # noqa: PLC0415  (the engine takes a second to import)

    return TagDesk(find_workspace(workspace), profile)


def _language(language: str) -> str:
    if language not in ("en", "zh"):
        raise ProfileError(Fault("--language", f"language {language!r}", "Expected en or zh"))
    return language


def _print(table: Table) -> None:
    """Print a table in the terminal's width, or unwrapped where there is none; cells are text, never markup."""
    console = Console(markup=False)
    (console if console.is_terminal else Console(width=_UNWRAPPED, markup=False)).print(table)
