"""The command ``workbench audience``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.core.errors import listed
from workbench.core.workspace import find_workspace
from workbench.run.terminal import Table, print_table

if TYPE_CHECKING:
    import pandas as pd

    from workbench.run.audience_desk import AudienceDesk, Estimate

__all__ = ["audience"]

_MOST_NAMED = 6  # features not used for look-alikes
Rule = Annotated[str, typer.Argument(help="A rule of params/audiences, a YAML file, or an expression in quotes.")]
Profile = Annotated[str, typer.Option("--profile", help="The profile whose last run is asked.")]
Form = Annotated[str | None, typer.Option("--export", help="csv, xlsx, parquet or sql.")]
Variable = Annotated[str | None, typer.Option("--to", help="With sql: environment variable of the database's URL.")]
Cross = Annotated[list[str], typer.Option("--cross", help="With --page: two tags to cross, first:second; repeatable.")]
Workspace = Annotated[
    Path | None, typer.Option("--workspace", help="Folder that holds params/; default: the nearest one upward.")
]


def audience(
    rule: Rule,
    profile: Profile = "journey",
    estimate: Annotated[bool, typer.Option("--estimate", help="Count only; the default.")] = False,
    overlap: Annotated[bool, typer.Option("--overlap", help="Count what it shares with params/audiences.")] = False,
    look_alike: Annotated[int, typer.Option("--look-alike", help="List so many customers like these.", min=0)] = 0,
    page: Annotated[bool, typer.Option("--page", help="Write its portrait as a page per report language.")] = False,
    cross: Cross = (),
    export: Form = None,
    to: Variable = None,
    workspace: Workspace = None,
) -> None:
    """Select customers by a rule: count, portray, compare, widen, export (人群圈选)."""
    from workbench.run.audience_desk import AudienceDesk  # noqa: PLC0415

    desk = AudienceDesk(find_workspace(workspace), profile)
    found = desk.estimate(desk.rule(rule))
    _tell(found)
    if (found.funnel["alone"] == 0).any():
        print(*desk.strange_values(found.audience), sep="\n")
    if estimate:
        return
    if overlap:
        _print(desk.overlaps(found.audience))
    if look_alike:
        _tell_alike(desk, found, look_alike)
    if page:
        from workbench.run.audience_pages import read_crosses, write_audience_pages  # noqa: PLC0415

        for path in write_audience_pages(desk, found, crosses=read_crosses(cross, desk)):
            print(f"page: {path}")
    if export or to:
        manifest = desk.export(found.audience, export or "", variable=to)
        print(f"exported {manifest['exported']:,} customers, version {manifest['version']}: {manifest['target']}")


def _tell(found: Estimate) -> None:
    print(f"audience {found.audience.name}, as of {found.as_of}, purpose {found.audience.purpose}")
    _print(found.funnel)
    limit = found.audience.limit
    if limit:
        print(f"limited to {limit.customers:,} with the {limit.order} {limit.by}")
    consent = "consent as of the date" if found.consent_recorded else "consent is not recorded in this profile"
    print(f"{found.members:,} members, {found.reachable:,} may be reached ({consent})")
    if found.purposes and found.audience.purpose not in found.purposes:
        remedy = "name the source's word for it under 12_tag_customers.purposes"
        print(f"nobody was asked for {found.audience.purpose}; recorded: {', '.join(found.purposes)}; {remedy}")


def _tell_alike(desk: AudienceDesk, found: Estimate, customers: int) -> None:
    alike = desk.look_alikes(found.audience)
    unused = listed(alike.left_out, most=_MOST_NAMED) or "-"
    print(f"look-alikes: AUC {alike.auc:.3f} on customers held out; not used: {unused}")
    _print(alike.lift)
    _print(alike.scores.head(customers))


def _print(frame: pd.DataFrame) -> None:
    table = Table(*[str(name) for name in frame.columns])
    for row in frame.itertuples(index=False):
        table.add_row(*[f"{value:,}" if isinstance(value, int) else str(value) for value in row])
    print_table(table)
