"""The commands ``workbench tags list|show|preview``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.core.tags.items import GROUPS, ITEMS
from workbench.core.workspace import find_workspace
from workbench.run.terminal.printing import Table, check_language, print_table

if TYPE_CHECKING:
    import pandas as pd

    from workbench.analysis.tags.tracing import Trace
    from workbench.core.tags.definition import Tag
    from workbench.core.tags.registry import TagRegistry
    from workbench.run.services.tags import Preview, TagService

__all__ = ["tags"]

tags = typer.Typer(no_args_is_help=True, help="The tag registry: list, show and preview tags (标签).")

Workspace = Annotated[
    Path | None, typer.Option("--workspace", help="Folder that holds params/; default: the nearest one upward.")
]
Profile = Annotated[str, typer.Argument(help="A profile: the stem of params/<profile>.yaml.")]
Language = Annotated[str, typer.Option(help="en or zh.")]


@tags.command("list")
def list_tags(
    profile: Profile,
    group: Annotated[str | None, typer.Option(help="Only the tags of one group of items.")] = None,
    language: Language = "en",
    workspace: Workspace = None,
) -> None:
    """List the tags of a profile, with the number of customers in the last run."""
    if group is not None and group not in GROUPS:
        raise ProfileError(Fault("--group", f"unknown group '{group}'", "", did_you_mean(group, GROUPS)))
    service, language = _service(profile, workspace), check_language(language)
    counts = service.counts()
    table = _table(("tag", "name", "item", "kind", "status", "owner", "valid", "customers"), language)
    for tag in service.registry.tags.values():
        if group in (None, tag.group):
            valid = _text("tags_said_always", language) if tag.ttl_days is None else str(tag.ttl_days)
            count = f"{counts[tag.id]:,}" if counts.get(tag.id) else _text("tags_said_unknown", language)
            table.add_row(tag.id, getattr(tag.name, language), tag.item, tag.kind, tag.status, tag.owner, valid, count)
    print_table(table)


@tags.command()
def show(
    profile: Profile,
    tag: str,
    customer: Annotated[str | None, typer.Option(help="Trace the tag of this customer to the rows behind it.")] = None,
    language: Language = "en",
    workspace: Workspace = None,
) -> None:
    """Show one tag: its definition, values and conditions; for one customer the figures and rows behind it."""
    language = check_language(language)
    service = _service(profile, workspace)
    definition = service.registry.find(tag)
    table = Table("", f"{definition.id} ({getattr(definition.name, language)})")
    for name, fact in _facts(definition, language).items():
        table.add_row(_text(f"tags_fact_{name}", language), fact)
    print_table(table)
    print_table(_values(definition, language))
    if customer is not None:
        _print_trace(definition, customer, *service.trace(tag, customer), language)


@tags.command()
def preview(
    profile: Profile,
    names: Annotated[list[str], typer.Argument(metavar="TAG...", help="Tags, drafts included.")],
    language: Language = "en",
    workspace: Workspace = None,
) -> None:
    """Preview tags on today's customers: count, coverage, values, changes since the last run; write nothing."""
    language = check_language(language)
    service = _service(profile, workspace)
    for result in service.preview(names):
        _print_preview(result, service.registry, language)


def _facts(tag: Tag, language: str) -> dict[str, str]:
    valid = "always" if tag.ttl_days is None else "days"
    return {
        "item": ITEMS[tag.item].name[language], "kind": tag.kind,
        "status": _text("tags_said_status", language, status=tag.status, version=tag.version),
        "business": getattr(tag.business, language), "technical": getattr(tag.technical, language),
        "owner": tag.owner, "cadence": tag.cadence, "purpose": tag.purpose,
        "consent": tag.consent or _text("tags_said_no_consent", language), "sensitivity": tag.sensitivity,
        "valid": _text(f"tags_said_{valid}", language, days=tag.ttl_days), "on_null": tag.on_null.replace("_", " "),
    }  # fmt: skip


def _print_trace(tag: Tag, customer: str, trace: Trace, last: Mapping[str, Any], language: str) -> None:
    if not trace.allowed:
        _print_text("tags_said_refused", language, customer=customer)
        return
    value, unknown = tag.values.get(trace.value or ""), _text("tags_said_unknown", language)
    print(f"{customer}: {trace.value or unknown}{f' ({getattr(value, language)})' if value else ''}")
    if last:
        until = last["expires_at"] or _text("tags_said_ageless", language)
        facts = {name: last[name] for name in ("value", "since", "version")}
        _print_text("tags_said_last", language, until=str(until), **facts)
        _print_text("tags_said_evidence", language, evidence=last["evidence"])
    figures = _table(("from", "figure"), language)
    for name, figure in trace.figures.items():
        figures.add_row(name, unknown if figure is None else str(figure))
    print_table(figures)
    for name, rows in trace.rows.items():
        key = "tags_said_rows_since" if trace.since else "tags_said_rows"
        _print_text(key, language, table=name, n=trace.totals[name], since=str(trace.since), shown=len(rows))
        _print_rows(rows)


def _print_rows(rows: pd.DataFrame) -> None:
    filled = rows.dropna(axis="columns", how="all")
    table = Table(*filled.columns)
    for row in filled.astype("object").where(filled.notna(), "").itertuples(index=False):
        table.add_row(*map(str, row))
    print_table(table)


def _print_preview(preview: Preview, registry: TagRegistry, language: str) -> None:
    share = preview.with_value / preview.customers if preview.customers else 0.0
    counts = {"known": preview.with_value, "customers": preview.customers, "share": share}
    _print_text("tags_said_known", language, tag=preview.tag.id, name=getattr(preview.tag.name, language), **counts)
    table = _table(("value", "name", "customers", "share"), language)
    for row in preview.values.itertuples():
        name = registry.called(preview.tag.id, row.value)[language]
        table.add_row(row.value, name, f"{row.customers:,}", f"{row.share:.1%}")
    print_table(table)
    if preview.overlap is None:
        _print_text("tags_said_not_before", language)
    else:
        _print_text("tags_said_overlap", language, **preview.overlap)


def _values(tag: Tag, language: str) -> Table:
    table = _table(("value", "name", "when"), language)
    if tag.quantiles:
        ends = [_text(f"tags_said_{end}", language) for end in ("lowest", "highest")]
        bounds = [ends[0], *(f"{cut:.0%}" for cut in tag.quantiles.cuts), ends[1]]
        for (key, value), low, high in zip(tag.values.items(), bounds, bounds[1:], strict=False):
            band = _text("tags_said_quantile", language, column=tag.quantiles.of, low=low, high=high)
            table.add_row(key, getattr(value, language), band)
        return table
    for key, value in tag.values.items():
        rule = "otherwise" if value.otherwise else "copies"
        when = tag.condition(key) or _text(f"tags_said_{rule}", language, column=tag.copies, value=key)
        same = _text("tags_said_or", language, values=", ".join(value.same_as)) if value.same_as else ""
        table.add_row(key, getattr(value, language), when + same)
    if not tag.values:
        table.add_row("-", "-", _text("tags_said_says", language, column=tag.copies))
    return table


def _table(heads: Sequence[str], language: str) -> Table:
    return Table(*(_text(f"tags_head_{head}", language) for head in heads))


def _print_text(key: str, language: str, **values: object) -> None:
    print(_text(key, language, **values))


def _text(key: str, language: str, **values: object) -> str:
    from workbench.report.text import say  # noqa: PLC0415

    return say(key, language, values)


def _service(profile: str, workspace: Path | None) -> TagService:
    from workbench.run.services.tags import TagService  # noqa: PLC0415  (the engine takes a second to import)

    return TagService(find_workspace(workspace), profile)
