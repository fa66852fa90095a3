"""The commands ``workbench segments list|show|compare|why|promote|rollback|assign``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from workbench.core.errors import Fault, ProfileError
from workbench.core.workspace import find_workspace

if TYPE_CHECKING:
    import pandas as pd

    from workbench.analysis.segments import SegmentDefinition
    from workbench.run.segment_commands import Comparison, SegmentDesk
    from workbench.run.tracking.registry import RegisteredDefinition

__all__ = ["segments"]

segments = typer.Typer(no_args_is_help=True, help="Segment definitions: compared, promoted, applied (分群定义).")

Workspace = Annotated[
    Path | None, typer.Option("--workspace", help="Folder that holds params/; default: the nearest one upward.")
]
Profile = Annotated[str, typer.Argument(help="A profile: the stem of params/<profile>.yaml.")]
Which = Annotated[str, typer.Argument(help="A version's number, champion, challenger, or a definition's version.")]
Why = Annotated[str, typer.Option("--why", help="The reason; it is kept.")]
Who = Annotated[str | None, typer.Option("--by", help="Who decides; default: the account.")]
Language = Annotated[str, typer.Option(help="en or zh.")]
_UNWRAPPED = 10_000  # characters; wider than any row
_USE = {"ok": "", "pattern": "[a pattern only]", "do_not_use": "[do not use: it does not come back]"}
_EVIDENCE = ("verdict", "k", "silhouette", "min_jaccard")


@segments.command("list")
def list_versions(profile: Profile, workspace: Workspace = None) -> None:
    """List the registered definitions, the newest first."""
    table = Table("version", "definition", "alias", "as of", *_EVIDENCE, "promoted by", "when", "why")
    for each in _desk(profile, workspace).versions():
        tags = each.tags
        promoted = (tags.get(f"promoted_{key}", "") for key in ("by", "at", "because"))
        evidence = (tags.get(key, "") for key in ("as_of", *_EVIDENCE))
        table.add_row(str(each.number), each.version, ", ".join(each.aliases), *evidence, *promoted)
    _print(table)


@segments.command()
def show(profile: Profile, which: Which = "champion", language: Language = "en", workspace: Workspace = None) -> None:
    """Show a definition: its features, its segments with today's sizes, its evidence."""
    desk = _desk(profile, workspace)
    definition = desk.definition(which)
    print(
        f"{definition.name} {definition.version}: {definition.method}, {definition.verdict}, as of {definition.as_of}"
    )
    print(f"features: {', '.join(definition.columns) or '-'}")
    _print(_sizes(definition, desk.sizes(definition), _language(language)))
    for each in definition.segments:
        print(f"{each.key}: {each.description.get(language, '')} {_USE[each.use]}".rstrip())
    _print(_evidence(definition.evidence))


@segments.command()
def compare(
    profile: Profile,
    first: Which,
    second: Which,
    language: Language = "en",
    out: Annotated[Path | None, typer.Option("--out", help="Write who moved to this .csv file.")] = None,
    workspace: Workspace = None,
) -> None:
    """Compare two definitions on today's customers: evidence, sizes, who moved, and in what movers differ."""
    language = _language(language)
    if out is not None and out.suffix != ".csv":
        raise ProfileError(Fault("--out", f"'{out.name}'", "A file ending in .csv"))
    desk = _desk(profile, workspace)
    found = desk.compare(first, second)
    _print(_metrics(found))
    for each, sizes in zip((found.first, found.second), found.sizes, strict=True):
        _print(_sizes(each, sizes, language))
    _print(_matrix(found, language))
    migration = found.migration
    print(
        f"{migration.customers:,} customers placed by both, {migration.moved:,} called differently; "
        f"adjusted Rand index {migration.adjusted_rand:.3f}"
    )
    _print(_moves(found, language))
    if out is not None:
        print(f"{desk.write_moves(found, out):,} customers written to {out}")


@segments.command()
def why(
    profile: Profile,
    customer: Annotated[str, typer.Argument(help="A customer_id.")],
    which: Which = "champion",
    language: Language = "en",
    workspace: Workspace = None,
) -> None:
    """Say why a customer is in her segment: conditions met, or what decided, and the nearest other segment."""
    definition, found = _desk(profile, workspace).why(customer, which)
    first = found.iloc[0]
    print(f"{customer} is in {first['segment']}: {definition.label(first['segment'], _language(language))}")
    table = Table("feature", "hers", "condition", "typical here", "typical there", "share of the decision")
    for row in found.dropna(subset=["feature"]).to_dict("records"):
        cells = (row[name] for name in ("value", "condition", "typical", "other_typical", "weight"))
        table.add_row(row["feature"], *(_cell(cell) for cell in cells))
    _print(table)
    if isinstance(first["nearest_other"], str):
        other = definition.label(first["nearest_other"], language)
        print(f"nearest other: {first['nearest_other']} ({other}), {first['distance']:.3g} further away")


@segments.command()
def promote(profile: Profile, which: Which, why: Why, who: Who = None, workspace: Workspace = None) -> None:
    """Make a definition the champion; the next run places customers by it."""
    from workbench.run.segment_commands import whoami  # noqa: PLC0415

    _say("champion", _desk(profile, workspace).promote(which, who=who or whoami(), why=why))


@segments.command()
def rollback(profile: Profile, why: Why, who: Who = None, workspace: Workspace = None) -> None:
    """Make the champion before this one the champion again."""
    from workbench.run.segment_commands import whoami  # noqa: PLC0415

    _say("champion again", _desk(profile, workspace).rollback(who=who or whoami(), why=why))


@segments.command("assign")
def assign_customers(
    profile: Profile,
    out: Annotated[Path, typer.Option("--out", help="A .csv or .parquet file.")],
    which: Which = "champion",
    language: Language = "en",
    workspace: Workspace = None,
) -> None:
    """Place today's customers by a definition, inside the engine, and write the result."""
    desk = _desk(profile, workspace)
    definition = desk.definition(which)
    table = Table("segment", "name", "customers")
    for row in desk.assign_all(which, out).itertuples():
        table.add_row(row.segment, definition.label(row.segment, _language(language)), f"{row.n:,}")
    _print(table)
    print(f"definition {definition.version}, written to {out}")


def _desk(profile: str, workspace: Path | None) -> SegmentDesk:
    from workbench.run.segment_commands import SegmentDesk  # noqa: PLC0415  (MLflow takes seconds to import)

    return SegmentDesk(find_workspace(workspace), profile)


def _say(what: str, version: RegisteredDefinition) -> None:
    tags = version.tags
    by, at, why = (tags.get(f"promoted_{key}", "") for key in ("by", "at", "because"))
    print(f"version {version.number} (definition {version.version}) is {what}: by {by}, {at}, because: {why}")


def _evidence(evidence: Mapping[str, object]) -> Table:
    table = Table("evidence", "value")
    for key, value in evidence.items():
        if isinstance(value, (int, float, str)):
            table.add_row(key, f"{value:.4g}" if isinstance(value, float) else str(value))
    return table


def _metrics(found: Comparison) -> Table:
    one, other = found.first, found.second
    table = Table("", one.version, other.version)
    rows: dict[str, tuple[object, object]] = {"method": (one.method, other.method), "as of": (one.as_of, other.as_of)}
    rows |= {"features": (", ".join(one.columns), ", ".join(other.columns))}
    numeric = [key for key in {**one.evidence, **other.evidence} if _is_plain(one.evidence.get(key, 0))]
    rows |= {key: (one.evidence.get(key), other.evidence.get(key)) for key in numeric}
    for key, pair in rows.items():
        table.add_row(key, *(_cell(value) for value in pair))
    return table


def _sizes(definition: SegmentDefinition, sizes: pd.DataFrame, language: str) -> Table:
    table = Table(f"segment of {definition.version}", "name", "customers", "share", "95 % interval")
    for row in sizes.itertuples():
        interval = f"{row.low:.1%} – {row.high:.1%}"
        table.add_row(row.segment, definition.label(row.segment, language), f"{row.n:,}", f"{row.share:.1%}", interval)
    return table


def _matrix(found: Comparison, language: str) -> Table:
    table = Table("from", "to", "customers", "share of from", "95 % interval")
    for row in found.migration.matrix.itertuples():
        names = found.first.label(row.before, language), found.second.label(row.after, language)
        table.add_row(*names, f"{row.n:,}", f"{row.share:.1%}", f"{row.low:.1%} – {row.high:.1%}")
    return table


def _moves(found: Comparison, language: str) -> Table:
    table = Table("from", "to", "customers", "differ in", "mean of movers", "mean of stayers", "effect")
    for row in found.moves.itertuples():
        names = found.first.label(row.before, language), found.second.label(row.after, language)
        table.add_row(
            *names, f"{row.n:,}", row.feature, _cell(row.mean_moved), _cell(row.mean_stayed), f"{row.effect:+.2f}"
        )
    return table


def _is_plain(value: object) -> bool:
    return isinstance(value, (int, float, str))


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _language(language: str) -> str:
    if language not in ("en", "zh"):
        raise ProfileError(Fault("--language", f"language {language!r}", "Expected en or zh"))
    return language


def _print(table: Table) -> None:
    """Print a table in the terminal's width, or unwrapped where there is none."""
    console = Console()
    (console if console.is_terminal else Console(width=_UNWRAPPED)).print(table)
