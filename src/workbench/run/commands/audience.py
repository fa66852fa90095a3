"""The command ``workbench audience``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.core.errors import listed
from workbench.core.workspace import find_workspace
from workbench.run.commands.terminal import Table, print_table, spoken

if TYPE_CHECKING:
    import pandas as pd

    from workbench.run.services.audiences import AudienceService, Estimate

__all__ = ["audience"]

_MOST_NAMED = 6  # features not used for look-alikes
Rule = Annotated[str, typer.Argument(help="A rule of params/audiences, a YAML file, or an expression in quotes.")]
Profile = Annotated[str, typer.Option("--profile", help="The profile whose last run is asked.")]
Form = Annotated[str | None, typer.Option("--export", help="csv, xlsx, parquet or sql.")]
Variable = Annotated[str | None, typer.Option("--to", help="With sql: environment variable of the database's URL.")]
Cross = Annotated[list[str], typer.Option("--cross", help="With --page: two tags to cross, first:second; repeatable.")]
Language = Annotated[str, typer.Option(help="en or zh.")]
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
    language: Language = "en",
    workspace: Workspace = None,
) -> None:
    """Select customers by a rule: count, portray, compare, widen, export (人群圈选)."""
    from workbench.run.services.audiences import AudienceService  # noqa: PLC0415

    service, language = AudienceService(find_workspace(workspace), profile), spoken(language)
    found = service.estimate(service.rule(rule))
    _tell_estimate(found, language)
    if (found.funnel["alone"] == 0).any():
        print(*service.strange_values(found.audience), sep="\n")
    if estimate:
        return
    if overlap:
        _print(service.overlaps(found.audience), language)
    if look_alike:
        _tell_alike(service, found, look_alike, language)
    if page:
        from workbench.run.services.audience_pages import read_crosses, write_audience_pages  # noqa: PLC0415

        for path in write_audience_pages(service, found, crosses=read_crosses(cross, service)):
            _tell("audience_said_page", language, path=path)
    if export or to:
        manifest = service.export(found.audience, export or "", variable=to)
        told = {"version": manifest["version"], "target": manifest["target"]}
        _tell("audience_said_exported", language, customers=manifest["exported"], **told)


def _tell_estimate(found: Estimate, language: str) -> None:
    from workbench.report.cards.audience import told_funnel  # noqa: PLC0415

    rule = found.audience
    _tell("audience_said_rule", language, name=rule.name, as_of=found.as_of, purpose=rule.purpose)
    _print(told_funnel(found.funnel, language).drop(columns="left_share"), language)
    if rule.limit:
        _tell(f"audience_said_limit_{rule.limit.order}", language, customers=rule.limit.customers, by=rule.limit.by)
    counts = {"members": found.members, "reachable": found.reachable}
    if found.consent_recorded:
        _tell("audience_said_members", language, **counts)
    else:
        _tell("audience_said_members_no_consent", language, **counts)
    if found.purposes and rule.purpose not in found.purposes:
        _tell("audience_said_never_asked", language, purpose=rule.purpose, recorded=", ".join(found.purposes))


def _tell_alike(service: AudienceService, found: Estimate, customers: int, language: str) -> None:
    alike = service.look_alikes(found.audience)
    _tell("audience_said_alike", language, auc=alike.auc, unused=listed(alike.left_out, most=_MOST_NAMED) or "-")
    _print(alike.lift, language)
    _print(alike.scores.head(customers), language)


def _tell(key: str, language: str, **values: object) -> None:
    from workbench.report.text import say  # noqa: PLC0415

    print(say(key, language, values))


def _print(frame: pd.DataFrame, language: str) -> None:
    from workbench.report.text import label  # noqa: PLC0415

    table = Table(*[label(str(name), language) for name in frame.columns])
    for row in frame.itertuples(index=False):
        table.add_row(*[f"{value:,}" if isinstance(value, int) else str(value) for value in row])
    print_table(table)
