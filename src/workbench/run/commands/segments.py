"""The commands ``workbench segments list|show|compare|why|promote|rollback|assign``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.core.errors import Fault, ProfileError
from workbench.core.workspace import find_workspace
from workbench.run.terminal.printing import Table, check_language, print_table

if TYPE_CHECKING:
    import pandas as pd

    from workbench.analysis.segments.definition import SegmentDefinition
    from workbench.run.services.segments import Comparison, SegmentService
    from workbench.run.tracking.registry import RegisteredDefinition

__all__ = ["segments"]

segments = typer.Typer(no_args_is_help=True, help="Segment definitions: compare, promote, apply (分群定义).")

Workspace = Annotated[
    Path | None, typer.Option("--workspace", help="Folder that holds params/; default: the nearest one upward.")
]
Profile = Annotated[str, typer.Argument(help="A profile: the stem of params/<profile>.yaml.")]
Which = Annotated[str, typer.Argument(help="A version number, champion, challenger, or the version of a definition.")]
Why = Annotated[str, typer.Option("--why", help="The reason; it is recorded.")]
Who = Annotated[str | None, typer.Option("--by", help="Who decides; default: the account.")]
Language = Annotated[str, typer.Option(help="en or zh.")]
# evidence for or against a definition, in display order
_EVIDENCE = (
    "verdict", "k", "silhouette", "null_high", "min_jaccard", "split_half_jaccard", "bootstrap_min_jaccard",
    "prediction_strength", "time_min_jaccard", "value_explained", "churn_explained", "smallest_share", "customers",
)  # fmt: skip
_LISTED = ("verdict", "k", "silhouette", "min_jaccard")


@segments.command("list")
def list_versions(profile: Profile, workspace: Workspace = None) -> None:
    """List the registered definitions, newest first, and who promoted a champion, when and why."""
    service = _service(profile, workspace)
    table = Table("version", "definition", "alias", "as of", *_LISTED)
    for version in service.versions():
        evidence = (version.tags.get(key, "") for key in ("as_of", *_LISTED))
        table.add_row(str(version.number), version.version, ", ".join(version.aliases), *evidence)
    print_table(table)
    champions = Table("became champion", "version", "by", "why")
    for entry in reversed(service.registry.history()):
        number = f"{entry['number']} (again)" if entry.get("back") else str(entry["number"])
        champions.add_row(entry["when"], number, entry["who"], entry["why"])
    if champions.row_count:
        print_table(champions)


@segments.command()
def show(profile: Profile, which: Which = "champion", language: Language = "en", workspace: Workspace = None) -> None:
    """Show a definition: its features, its segments with today's sizes, its evidence."""
    language = check_language(language)
    service = _service(profile, workspace)
    definition = service.definition(which)
    about = {name: getattr(definition, name) for name in ("name", "version", "method", "verdict", "as_of")}
    _print_text("segments_said_definition", language, about)
    _print_text("segments_said_features", language, {"features": ", ".join(definition.columns) or "-"})
    print_table(_sizes(definition, service.sizes(definition), language))
    for segment in definition.segments:
        mark = "" if segment.use == "ok" else _text(f"segments_said_{segment.use}", language, {})
        print(f"{segment.key}: {segment.description.get(language, '')} {mark}".rstrip())
    print_table(_evidence(definition, language))


@segments.command()
def compare(
    profile: Profile,
    first: Which,
    second: Which,
    language: Language = "en",
    out: Annotated[Path | None, typer.Option("--out", help="Write the customers who moved to this .csv file.")] = None,
    workspace: Workspace = None,
) -> None:
    """Compare two definitions on today's customers: evidence, sizes, who moved, and how movers differ."""
    language = check_language(language)
    if out is not None and out.suffix != ".csv":
        raise ProfileError(Fault("--out", f"'{out.name}'", "A file ending in .csv"))
    service = _service(profile, workspace)
    comparison = service.compare(first, second)
    print_table(_metrics(comparison, language))
    for definition, sizes in zip((comparison.first, comparison.second), comparison.sizes, strict=True):
        print_table(_sizes(definition, sizes, language))
    print_table(_matrix(comparison, language))
    migration = comparison.migration
    rand = f"{migration.adjusted_rand:.3f}"
    _print_text("segments_said_migration", language, {"n": migration.customers, "moved": migration.moved, "rand": rand})
    if len(comparison.moves):
        print_table(_moves(comparison, language))
    elif not migration.moved:
        _print_text("segments_said_nobody_moved", language, {})
    if out is not None:
        _print_text("segments_said_written", language, {"n": service.write_moves(comparison, out), "path": str(out)})


@segments.command()
def why(
    profile: Profile,
    customer: Annotated[str, typer.Argument(help="A customer_id.")],
    which: Which = "champion",
    language: Language = "en",
    workspace: Workspace = None,
) -> None:
    """Explain the segment of a customer: conditions met or deciding features, and the nearest other segment."""
    language = check_language(language)
    definition, reasons = _service(profile, workspace).why(customer, which)
    first = reasons.iloc[0]
    segment = {"segment": first["segment"], "name": definition.label(first["segment"], language)}
    _print_text("segments_said_why", language, {"customer": customer, **segment})
    table = _table(("feature", "own", "condition", "typical", "other_typical", "weight"), language)
    for row in reasons.dropna(subset=["feature"]).to_dict("records"):
        cells = (row[name] for name in ("value", "condition", "typical", "other_typical", "weight"))
        table.add_row(_named(row["feature"], language), *(_cell(cell) for cell in cells))
    print_table(table)
    if isinstance(first["nearest_other"], str):
        other = {"segment": first["nearest_other"], "name": definition.label(first["nearest_other"], language)}
        _print_text("segments_said_nearest", language, {**other, "distance": f"{first['distance']:.3g}"})


@segments.command()
def promote(profile: Profile, which: Which, why: Why, who: Who = None, workspace: Workspace = None) -> None:
    """Make a definition the champion; the next run uses it."""
    from workbench.run.services.segments import whoami  # noqa: PLC0415

    service = _service(profile, workspace)
    _print_champion(service, service.promote(which, who=who or whoami(), why=why))


@segments.command()
def rollback(profile: Profile, why: Why, who: Who = None, workspace: Workspace = None) -> None:
    """Make the previous champion the champion again."""
    from workbench.run.services.segments import whoami  # noqa: PLC0415

    service = _service(profile, workspace)
    _print_champion(service, service.rollback(who=who or whoami(), why=why))


@segments.command("assign")
def assign_customers(
    profile: Profile,
    out: Annotated[Path, typer.Option("--out", help="A .csv or .parquet file.")],
    which: Which = "champion",
    language: Language = "en",
    workspace: Workspace = None,
) -> None:
    """Assign today's customers to segments and write the result to a file."""
    language = check_language(language)
    service = _service(profile, workspace)
    definition = service.definition(which)
    table = _table(("segment", "name", "customers"), language, {"version": definition.version})
    for row in service.assign_all(which, out).itertuples():
        table.add_row(row.segment, definition.label(row.segment, language), f"{row.n:,}")
    print_table(table)
    _print_text("segments_said_assigned", language, {"version": definition.version, "path": str(out)})


def _service(profile: str, workspace: Path | None) -> SegmentService:
    from workbench.run.services.segments import SegmentService  # noqa: PLC0415  (MLflow takes seconds to import)

    return SegmentService(find_workspace(workspace), profile)


def _print_champion(service: SegmentService, version: RegisteredDefinition) -> None:
    last = service.registry.history()[-1]
    role = "champion again" if last.get("back") else "champion"
    decision = f"by {last['who']}, {last['when']}, because: {last['why']}"
    print(f"version {version.number} (definition {version.version}) is {role}: {decision}")


def _evidence(definition: SegmentDefinition, language: str) -> Table:
    table = _table(("evidence", "value"), language)
    for key in (name for name in _EVIDENCE if name in definition.evidence):
        table.add_row(_named(key, language), _cell(definition.evidence[key]))
    return table


def _metrics(comparison: Comparison, language: str) -> Table:
    first, second = comparison.first, comparison.second
    table = Table("", first.version, second.version)
    rows: dict[str, tuple[object, object]] = {
        "method": (first.method, second.method),
        "as_of": (first.as_of, second.as_of),
        "segments_head_features": (", ".join(first.columns), ", ".join(second.columns)),
    }
    keys = [key for key in _EVIDENCE if key in {**first.evidence, **second.evidence}]
    rows |= {key: (first.evidence.get(key), second.evidence.get(key)) for key in keys}
    for key, pair in rows.items():
        head = _text(key, language, {}) if key.startswith("segments_") else _named(key, language)
        table.add_row(head, *(_cell(value) for value in pair))
    return table


def _sizes(definition: SegmentDefinition, sizes: pd.DataFrame, language: str) -> Table:
    heads = ("segment", "name", "customers", "share", "interval")
    table = _table(heads, language, {"version": definition.version})
    for row in sizes.itertuples():
        interval = f"{row.low:.1%} – {row.high:.1%}"
        table.add_row(row.segment, definition.label(row.segment, language), f"{row.n:,}", f"{row.share:.1%}", interval)
    return table


def _matrix(comparison: Comparison, language: str) -> Table:
    table = _table(("from", "to", "customers", "share_of_from", "interval"), language)
    for row in comparison.migration.matrix.itertuples():
        names = comparison.first.label(row.before, language), comparison.second.label(row.after, language)
        table.add_row(*names, f"{row.n:,}", f"{row.share:.1%}", f"{row.low:.1%} – {row.high:.1%}")
    return table


def _moves(comparison: Comparison, language: str) -> Table:
    table = _table(("from", "to", "customers", "differ", "movers", "stayers", "effect"), language)
    for row in comparison.moves.itertuples():
        names = comparison.first.label(row.before, language), comparison.second.label(row.after, language)
        means = _cell(row.mean_moved), _cell(row.mean_stayed)
        table.add_row(*names, f"{row.n:,}", _named(row.feature, language), *means, f"{row.effect:+.2f}")
    return table


def _table(heads: Sequence[str], language: str, values: Mapping[str, object] | None = None) -> Table:
    return Table(*(_text(f"segments_head_{head}", language, values or {}) for head in heads))


def _print_text(key: str, language: str, values: Mapping[str, object]) -> None:
    print(_text(key, language, values))


def _text(key: str, language: str, values: Mapping[str, object]) -> str:
    from workbench.report.text import say  # noqa: PLC0415

    return say(key, language, values)


def _named(name: str, language: str) -> str:
    from workbench.report.text import label  # noqa: PLC0415

    return label("one_cloud_high" if name == "null_high" else name, language)


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
