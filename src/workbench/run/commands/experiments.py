"""The commands ``workbench experiment plan|list|show``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.core.errors import Fault, ProfileError
from workbench.core.params.profile import load_profile
from workbench.core.workspace import Workspace, find_workspace
from workbench.run.terminal.printing import Table, check_language, print_table

if TYPE_CHECKING:
    import pandas as pd

    from workbench.run.services.planned_tests import DrawnTest

__all__ = ["experiment"]

experiment = typer.Typer(no_args_is_help=True, help="Plan tests (A/B 测试), list them, show one.")

WorkspaceOption = Annotated[
    Path | None, typer.Option("--workspace", help="Folder that holds params/; default: the nearest one upward.")
]
Profile = Annotated[str, typer.Argument(help="A profile: the stem of params/<profile>.yaml.")]
Language = Annotated[str | None, typer.Option(help="en or zh; default: the language of the profile.")]
Arms = Annotated[
    str,
    typer.Option(
        help="Names of the arms, such as control,coupon. The control is the arm named control, hold_out, none, 对照, "
        "对照组, 空白 or 空白组, else the first."
    ),
]


@experiment.command("plan")
def plan_experiment(
    profile: Profile,
    arms: Arms,
    outcome: Annotated[str, typer.Option(help="orders_<n>d, spend_<n>d, bought_<n>d, returned_<n>d or opened.")],
    shares: Annotated[str, typer.Option(help="Share of each arm, in the same order; default: equal.")] = "",
    effect: Annotated[
        str, typer.Option(help="Smallest effect worth seeing, in the unit of the outcome or as a share of it: 5%.")
    ] = "",
    customers: Annotated[int | None, typer.Option(help="How many take part; default: all who may.")] = None,
    rule: Annotated[str, typer.Option(help="An audience: a rule of params/audiences, a file, or an expression.")] = "",
    seed: Annotated[int, typer.Option(help="Seed of the random assignment.", min=0)] = 0,
    name: Annotated[str, typer.Option(help="Name of the test; default: made from the date and the request.")] = "",
    power: Annotated[float, typer.Option(help="Chance to see the effect.")] = 0.8,
    estimate: Annotated[bool, typer.Option("--estimate", help="Plan only; write no assignment.")] = False,
    language: Language = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Plan a test: size, duration, smallest visible effect, random assignment; write the assignment for the next run.

    Customers who refuse marketing, are under age, are never to be contacted or are in an exported plan take no part.
    """
    current, spoken = _place(workspace, profile, language)
    from workbench.run.services.audiences import AudienceService  # noqa: PLC0415  (the engine is slow to import)
    from workbench.run.services.planned_tests import Request, TestPlanner  # noqa: PLC0415

    request = Request(
        tuple(arm.strip() for arm in arms.split(",")), outcome, _numbers(shares), effect, customers, rule, seed, name,
        power,
    )  # fmt: skip
    drawn = TestPlanner(AudienceService(current, profile)).plan(request, write=not estimate)
    _print_plan(drawn, spoken, current, profile)


@experiment.command("list")
def list_experiments(profile: Profile, language: Language = None, workspace: WorkspaceOption = None) -> None:
    """List the tests of a profile: planned ones, exported plans, and those that a source holds."""
    current, spoken = _place(workspace, profile, language)
    from workbench.run.services.experiments import ExperimentService  # noqa: PLC0415

    listed = ExperimentService(current, profile).experiments()
    if listed.empty:
        _print_text("experiments_said_none", spoken)
        return
    heads = ("experiment", "assigned_on", "customers", "arms", "outcome", "until", "verdict")
    print_table(_table(heads, listed.assign(verdict=[_verdict(name, spoken) for name in listed["verdict"]]), spoken))


@experiment.command()
def show(
    profile: Profile,
    name: Annotated[str, typer.Argument(help="Name of the test, as experiment list shows it.")],
    language: Language = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Show one test: what was planned, who is in which arm, and the effects of the last run."""
    current, spoken = _place(workspace, profile, language)
    from workbench.run.services.experiments import ExperimentService  # noqa: PLC0415

    facts, arms, effects = ExperimentService(current, profile).show(name)
    table = Table("", name)
    for fact in ("assigned_on", "until", "outcome", "control", "rule", "seed", "effect", "needed", "detectable"):
        if facts.get(fact) not in (None, ""):
            table.add_row(_text(f"experiments_head_{fact}", spoken), _cell(facts[fact]))
    table.add_row(_text("experiments_head_verdict", spoken), _verdict(facts["verdict"], spoken))
    print_table(table)
    print_table(_table(("arm", "customers"), arms, spoken))
    if len(effects):
        heads = ("arm", "outcome", "n_treated", "n_control", "effect", "low", "high", "verdict")
        labelled = effects.assign(verdict=[_verdict(verdict, spoken) for verdict in effects["verdict"]])
        print_table(_table(heads, labelled, spoken))


def _place(workspace: Path | None, profile: str, language: str | None) -> tuple[Workspace, str]:
    """Return the workspace, and the language of the output."""
    current = find_workspace(workspace)
    return current, check_language(language) if language else load_profile(current, profile).languages[0]


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",")) if text.strip() else ()
    except ValueError:
        raise ProfileError(Fault("--shares", f"shares '{text}'", "Numbers with commas, such as .9,.1")) from None


def _print_plan(drawn: DrawnTest, language: str, workspace: Workspace, profile: str) -> None:
    plan, past = drawn.plan, drawn.past
    _print_text("experiments_said_name", language, name=drawn.name, as_of=drawn.as_of, control=drawn.control)
    for reason, customers in drawn.left_out.items():
        _print_text(f"experiments_said_left_out_{reason}", language, customers=customers)
    kind = "rate" if past.binary else "mean"
    history = {"outcome": drawn.outcome, "mean": past.mean, "deviation": past.deviation, "customers": past.customers}
    _print_text(f"experiments_said_past_{kind}", language, **history)
    if plan.needed is not None:
        sizes = {"needed": plan.needed, "adjusted": plan.needed_adjusted, "saved": past.variance_saved}
        stated = {"effect": plan.effect, "power": plan.power, "alpha": plan.alpha}
        _print_text(f"experiments_said_needed_{plan.formula}", language, **sizes, **stated)
    _print_enrolment(drawn, language)
    visible = {"detectable": plan.detectable, "adjusted": plan.detectable_adjusted, "saved": past.variance_saved}
    scale = {"share": plan.detectable / abs(past.mean)} if past.mean else {}
    key = "experiments_said_detectable" if scale else "experiments_said_detectable_only"
    _print_text(key, language, **visible, **scale, customers=plan.customers, power=plan.power)
    heads = ("arm", "share", "customers", "before_p")
    table = Table(*(_text(f"experiments_head_{head}", language) for head in heads))
    for arm, share in drawn.shares.items():
        p_value = drawn.arms_before.get(arm)
        table.add_row(arm, f"{share:.1%}", f"{drawn.counts[arm]:,}", "" if p_value is None else f"{p_value:.3f}")
    print_table(table)
    alarms = {"alarms": drawn.false_alarms, "alpha": plan.alpha * (len(drawn.shares) - 1)}
    _print_text(f"experiments_said_past_splits{'_unreliable' if drawn.unreliable else ''}", language, **alarms)
    if drawn.path is None:
        _print_text("experiments_said_not_written", language)
    else:
        _print_text("experiments_said_written", language, path=workspace.relative(drawn.path), profile=profile)


def _print_enrolment(drawn: DrawnTest, language: str) -> None:
    """Print how long the test takes: until enough customers take part, and until the outcome window ends."""
    plan = drawn.plan
    days = {"days": drawn.days or 1, "until": drawn.until}
    if plan.needed is None or plan.needed <= drawn.at_hand:
        _print_text("experiments_said_at_hand", language, customers=drawn.at_hand, **days)
        return
    counts = {"customers": drawn.at_hand, "needed": plan.needed, "rate": drawn.new_per_day}
    if drawn.days_to_enrol is None:
        _print_text("experiments_said_never_enough", language, **counts)
    else:
        _print_text("experiments_said_too_few", language, wait=round(drawn.days_to_enrol), **counts, **days)


def _verdict(verdict: str, language: str) -> str:
    from workbench.report.text import label  # noqa: PLC0415

    return label(verdict, language) if verdict else _text("experiments_said_not_measured", language)


def _table(heads: Sequence[str], rows: pd.DataFrame, language: str) -> Table:
    table = Table(*(_text(f"experiments_head_{head}", language) for head in heads))
    for row in rows[list(heads)].to_dict("records"):
        table.add_row(*(_cell(value) for value in row.values()))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:,.4g}"  # noqa: PLR0124  NaN
    return f"{value:,}" if isinstance(value, int) else str(value)


def _print_text(key: str, language: str, **values: object) -> None:
    print(_text(key, language, **values))


def _text(key: str, language: str, **values: object) -> str:
    from workbench.report.text import say  # noqa: PLC0415

    return say(key, language, values)
