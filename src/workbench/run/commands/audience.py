"""The command ``workbench audience``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.core.errors import listed
from workbench.core.workspace import find_workspace
from workbench.run.terminal.printing import Table, check_language, print_table

if TYPE_CHECKING:
    import pandas as pd

    from workbench.run.services.audiences import AudienceService, Estimate

__all__ = ["audience"]

_MOST_NAMED = 6  # of the features that look-alikes do not use
Rule = Annotated[str, typer.Argument(help="A rule of params/audiences, a YAML file, or an expression in quotes.")]
Profile = Annotated[str, typer.Option("--profile", help="The profile whose last run is read.")]
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
    overlap: Annotated[bool, typer.Option("--overlap", help="Count customers shared with params/audiences.")] = False,
    look_alike: Annotated[int, typer.Option("--look-alike", help="List this many similar customers.", min=0)] = 0,
    page: Annotated[bool, typer.Option("--page", help="Write its portrait as a page per report language.")] = False,
    cross: Cross = [],  # noqa: B006  (typer reads it and never changes it)
    export: Form = None,
    to: Variable = None,
    language: Language = "en",
    workspace: Workspace = None,
) -> None:
    """Select customers by a rule: count, profile, compare, expand, export (人群圈选)."""
    from workbench.run.services.audiences import AudienceService  # noqa: PLC0415

    service, language = AudienceService(find_workspace(workspace), profile), check_language(language)
    counts = service.estimate(service.rule(rule))
    _print_estimate(counts, language)
    if (counts.funnel["alone"] == 0).any():
        print(*service.absent_values(counts.audience), sep="\n")
    if estimate:
        return
    if overlap:
        _print_frame(service.overlaps(counts.audience), language)
    if look_alike:
        _print_look_alikes(service, counts, look_alike, language)
    if page:
        from workbench.run.services.audience_pages import read_crosses, write_audience_pages  # noqa: PLC0415

        for path in write_audience_pages(service, counts, crosses=read_crosses(cross, service)):
            _print_text("audience_said_page", language, path=path)
    if export or to:
        manifest = service.export(counts.audience, export or "", variable=to)
        facts = {"version": manifest["version"], "target": manifest["target"]}
        _print_text("audience_said_exported", language, customers=manifest["exported"], **facts)


def _print_estimate(estimate: Estimate, language: str) -> None:
    from workbench.report.cards.audience import label_funnel  # noqa: PLC0415

    rule = estimate.audience
    _print_text("audience_said_rule", language, name=rule.name, as_of=estimate.as_of, purpose=rule.purpose)
    _print_frame(label_funnel(estimate.funnel, language).drop(columns="left_share"), language)
    if rule.limit:
        _print_text(
            f"audience_said_limit_{rule.limit.order}", language, customers=rule.limit.customers, by=rule.limit.by
        )
    counts = {"members": estimate.members, "reachable": estimate.reachable}
    if estimate.consent_recorded:
        _print_text("audience_said_members", language, **counts)
    else:
        _print_text("audience_said_members_no_consent", language, **counts)
    if estimate.purposes and rule.purpose not in estimate.purposes:
        _print_text("audience_said_never_asked", language, purpose=rule.purpose, recorded=", ".join(estimate.purposes))


def _print_look_alikes(service: AudienceService, estimate: Estimate, customers: int, language: str) -> None:
    alike = service.look_alikes(estimate.audience)
    _print_text("audience_said_alike", language, auc=alike.auc, unused=listed(alike.left_out, most=_MOST_NAMED) or "-")
    _print_frame(alike.lift, language)
    _print_frame(alike.scores.head(customers), language)


def _print_text(key: str, language: str, **values: object) -> None:
    from workbench.report.text import say  # noqa: PLC0415

    print(say(key, language, values))


def _print_frame(frame: pd.DataFrame, language: str) -> None:
    from workbench.report.text import label  # noqa: PLC0415

    table = Table(*[label(str(name), language) for name in frame.columns])
    for row in frame.itertuples(index=False):
        table.add_row(*[f"{value:,}" if isinstance(value, int) else str(value) for value in row])
    print_table(table)
