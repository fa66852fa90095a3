"""The command line: ``workbench run|schedule|check|new|score|stages|params|demo-data|lab|ui``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.core.errors import Fault, ProfileError, WorkbenchError, did_you_mean
from workbench.core.files import PRIVATE_UMASK
from workbench.core.held_secrets import take_secrets
from workbench.core.params.own_notebooks import is_own_name, own_stage
from workbench.core.params.profile import DEMO_DATA, load_profile
from workbench.core.stages import SECTIONS, STAGES
from workbench.core.workspace import find_workspace
from workbench.run.artifacts.scratch import SCRATCH_VARIABLE, open_scratch
from workbench.run.commands.actions import actions
from workbench.run.commands.audience import audience
from workbench.run.commands.audit import audit
from workbench.run.commands.card import card
from workbench.run.commands.experiments import experiment
from workbench.run.commands.keeping.doctor import doctor
from workbench.run.commands.keeping.retention import retention
from workbench.run.commands.keeping.runs import runs
from workbench.run.commands.rights.assess import assess
from workbench.run.commands.rights.subject import subject
from workbench.run.commands.segments import segments
from workbench.run.commands.servers import serve
from workbench.run.commands.tags import tags
from workbench.run.terminal.guarding import GuardedStream, visible
from workbench.run.terminal.printing import Table, check_language, print_table

if TYPE_CHECKING:
    from workbench.core.workspace import Workspace
    from workbench.run.flows.outcome import FlowResult

__all__ = ["app", "main"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Customer portraits (客户画像) from data quality to report.",
)
app.add_typer(segments, name="segments")
app.add_typer(tags, name="tags")
app.add_typer(experiment, name="experiment")
app.add_typer(actions, name="actions")
app.add_typer(audit, name="audit")
app.add_typer(runs, name="runs")
app.add_typer(retention, name="retention")
app.add_typer(subject, name="subject")

WorkspaceOption = Annotated[
    Path | None, typer.Option("--workspace", help="Folder that holds params/; default: the nearest one upward.")
]
ProfileArgument = Annotated[str, typer.Argument(help="A profile: the stem of params/<profile>.yaml.")]
StageOption = Annotated[str | None, typer.Option(help="A stage, for example 05_score_rfm.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="SECTION.KEY=VALUE; may be given several times.")]
AsOfOption = Annotated[str | None, typer.Option("--as-of", help="Freeze the run at this date, YYYY-MM-DD.")]
ScratchOption = Annotated[
    str | None,
    typer.Option(help="Compute and track without publishing; tables lie under data/interim/PROFILE/scratch/NAME."),
]
LanguageOption = Annotated[str, typer.Option(help="en or zh.")]
_LOOPBACK = "127.0.0.1"


def main() -> None:
    """Run the command line; errors of the workbench become their exit codes."""
    os.umask(PRIVATE_UMASK)
    take_secrets()
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (GuardedStream(stream) for stream in streams)
    try:
        app(standalone_mode=True)
    except WorkbenchError as error:
        _print_error(error)
        sys.exit(error.exit_code)
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    finally:
        sys.stdout, sys.stderr = streams


@app.command()
def run(
    profile: ProfileArgument,
    only: StageOption = None,
    first: Annotated[str | None, typer.Option("--from", help="First stage to run.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last stage to run.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Also run stages that are up to date.")] = False,
    setting: SetOption = None,
    as_of: AsOfOption = None,
    scratch: ScratchOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Run a profile's stages and write its report."""
    from workbench.run.flows.flow import run_flow  # noqa: PLC0415
    from workbench.run.flows.outcome import describe  # noqa: PLC0415
    from workbench.run.flows.selection import FlowOptions  # noqa: PLC0415
    from workbench.run.hooks.after_run import run_and_tell  # noqa: PLC0415

    options = FlowOptions(only, first, last, force, tuple(setting or ()), as_of)
    current_workspace = find_workspace(workspace)
    if scratch is not None:
        load_profile(current_workspace, profile, settings=options.settings, as_of=as_of)
        current_workspace = open_scratch(current_workspace, profile, scratch)
    result = run_and_tell(run_flow, current_workspace, profile, options)
    print(describe(result))
    if result.error is not None:
        raise result.error


@app.command()
def schedule(
    names: Annotated[list[str], typer.Argument(metavar="[due] PROFILE", help="A profile; due runs it if it is due.")],
    every: Annotated[str | None, typer.Option(help="'Mon 06:00', '06:00', '1 06:00', '10 minutes' ...")] = None,
    time_zone: Annotated[str | None, typer.Option(help="The zone of that time, such as Asia/Shanghai.")] = None,
    kind: Annotated[str | None, typer.Option("--as", help="Print only systemd or only cron.")] = None,
    install: Annotated[bool, typer.Option("--install", help="Also set it up on this machine.")] = False,
    max_staleness: Annotated[
        float | None, typer.Option(help="Hours after which a missed run is left out; default: caught up always.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the schedule back.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="With due: print nothing where nothing is due.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Set when a profile runs and print what wakes it up: systemd units and a cron line; due runs it if it is due."""
    from workbench.run.commands.keeping import scheduling  # noqa: PLC0415

    current_workspace = find_workspace(workspace)
    due, profile = scheduling.named_profile(names)
    if due:
        _run_due(current_workspace, profile, quiet=quiet)
    elif remove:
        scheduling.drop_schedule(current_workspace, profile)
    elif every is None:
        scheduling.show_schedule(current_workspace, profile, kind=kind, install=install)
    else:
        scheduling.set_schedule(
            current_workspace, profile, every=every, zone=time_zone, hours=max_staleness, kind=kind, install=install
        )


def _run_due(workspace: Workspace, profile: str, *, quiet: bool) -> None:
    """Run a profile if its moment has come; the as-of date is that of the moment."""
    from workbench.run.commands.keeping.scheduling import call_due  # noqa: PLC0415

    def run_as_of(as_of: str) -> FlowResult:
        from workbench.run.flows.flow import run_flow  # noqa: PLC0415
        from workbench.run.flows.selection import FlowOptions  # noqa: PLC0415
        from workbench.run.hooks.after_run import run_and_tell  # noqa: PLC0415

        return run_and_tell(run_flow, workspace, profile, FlowOptions(as_of=as_of))

    result = call_due(workspace, profile, run_as_of, quiet=quiet)
    if result is None:
        return
    from workbench.run.flows.outcome import describe  # noqa: PLC0415

    print(describe(result))
    if result.error is not None:
        raise result.error


@app.command()
def check(
    profile: ProfileArgument, setting: SetOption = None, as_of: AsOfOption = None, workspace: WorkspaceOption = None
) -> None:
    """Check a profile and its sources; nothing is written."""
    from workbench.run.commands.profiles.checking import check_profile  # noqa: PLC0415
    from workbench.run.flows.trial import try_sources  # noqa: PLC0415

    lines = check_profile(find_workspace(workspace), profile, try_sources, settings=setting or (), as_of=as_of)
    print("\n".join(lines.texts))
    if lines.serious:
        raise typer.Exit(2)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the new profile: params/<name>.yaml.")],
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files, or folders of files, under data/raw.")],
    language: Annotated[str | None, typer.Option(help="en or zh; default: the language of most headers.")] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Inspect files and write a first profile with a proposed mapping and the reasons for it."""
    from workbench.run.commands.profiles.new_profile import closing_lines, closing_table, write_new_profile  # noqa: PLC0415
    from workbench.run.flows.trial import try_sources  # noqa: PLC0415

    current_workspace = find_workspace(workspace)
    profile = write_new_profile(current_workspace, name, files, try_sources, language=language)
    print_table(closing_table(profile))
    for line in closing_lines(profile, name, current_workspace.relative(profile.path)):
        print(line)


@app.command()
def score(
    profile: ProfileArgument,
    kind: Annotated[str | None, typer.Option(help="Only this model, for example churn; default: all.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write into; default: data/interim/PROFILE/scores.")
    ] = None,
    form: Annotated[str, typer.Option(help=".parquet or .csv.")] = ".parquet",
    workspace: WorkspaceOption = None,
) -> None:
    """Apply the champions to today's features, without training; log the versions."""
    from workbench.run.services.scoring import score_profile  # noqa: PLC0415  (MLflow takes seconds to import)

    for result in score_profile(find_workspace(workspace), profile, kind=kind, out=out, form=form):
        version = f"version {result.number} ({result.version})"
        print(f"{result.kind}: {result.rows:,} customers by {version}, written to {result.path}")
        for column, count in sorted(result.notes.items()):
            print(f"  {column}: {count:,} with a value new to the model, scored as a rare value")


@app.command()
def stages(
    profile: Annotated[str | None, typer.Argument(help="Show only this profile's stages.")] = None,
    language: LanguageOption = "en",
    workspace: WorkspaceOption = None,
) -> None:
    """List the stages: the question of each, what it needs and what it writes."""
    loaded = load_profile(find_workspace(workspace), profile) if profile else None
    names = loaded.stages if loaded else list(STAGES)
    table = Table("stage", "question", "needs", "writes")
    for name in names:
        stage = loaded.stage(name) if loaded else STAGES[name]
        needs = ", ".join(" or ".join(group) for group in stage.needs) or "sources"
        writes = ", ".join(stage.writes) or "report.html"
        if loaded and name in loaded.own:  # an own notebook declares neither
            needs, writes = "", "own_..."
        table.add_row(name, stage.question[check_language(language)], needs, writes)
    print_table(table)


@app.command()
def params(
    stage: Annotated[str | None, typer.Argument(help="A stage; default: all.")] = None,
    language: LanguageOption = "en",
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the reference page in Markdown.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """List the parameters of a stage, with type, unit, default and range."""
    from workbench.run.commands.profiles.parameter_help import describe_parameters, parameters_markdown  # noqa: PLC0415

    if workspace is not None:
        find_workspace(workspace)
    if markdown:
        print(parameters_markdown(), end="")
        return
    sections = [*SECTIONS, "run", "sources", "goal"]
    own = {}
    if stage is not None and is_own_name(stage):
        notebooks = find_workspace(workspace).notebooks
        own = {stage: own_stage(notebooks, stage).parameters} if (notebooks / f"{stage}.ipynb").is_file() else {}
    if stage is not None and stage not in (*sections, *own):
        raise ProfileError(Fault("params", f"unknown stage '{stage}'", "", did_you_mean(stage, sections)))
    from workbench.report.text import say  # noqa: PLC0415

    heads = ("section", "name", "type", "unit", "default", "range", "help")
    table = Table(*(say(f"params_head_{head}", check_language(language)) for head in heads))
    for row in describe_parameters(stage, language, own):
        table.add_row(row.section, row.name, row.type, row.unit, row.default, row.range, row.help)
    print_table(table)


@app.command("new-stage")
def new_stage(
    name: Annotated[str, typer.Argument(help="Two digits, a verb, an object: 15_study_gifts.")],
    source: Annotated[str | None, typer.Option("--from", help="A declared stage to copy.")] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Write your own notebook: a template that runs, a copy of a stage, or the frame of a newly declared stage."""
    from workbench.run.commands.profiles.new_stage import write_new_stage  # noqa: PLC0415

    current_workspace = find_workspace(workspace)
    path = write_new_stage(current_workspace, name, source=source)
    advice = "fill in its cells" if name in STAGES else f"name it in a profile under run.also: [{name}]"
    print(f"{current_workspace.relative(path)} is written; {advice}")


@app.command("demo-data")
def demo_data(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(DEMO_DATA)}.")],
    customers: Annotated[int | None, typer.Option(help="How many customers to generate.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the generated data.")] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Write published or generated demo data into data/raw/<name>."""
    from workbench.intake.demo.datasets import materialise  # noqa: PLC0415

    if name not in DEMO_DATA:
        raise ProfileError(Fault("demo-data", f"unknown data '{name}'", "", did_you_mean(name, DEMO_DATA)))
    current_workspace = find_workspace(workspace)
    for path in materialise(name, current_workspace.raw / name, customers=customers, seed=seed):
        print(current_workspace.relative(path))


@app.command()
def lab(
    port: Annotated[int, typer.Option(help="Port on loopback.")] = 8888,
    scratch: Annotated[str | None, typer.Option(help="What cells compute goes to this scratch area.")] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Open JupyterLab on the notebooks, on loopback."""
    current_workspace = find_workspace(workspace)
    command = [sys.executable, "-m", "jupyterlab", f"--ip={_LOOPBACK}", f"--port={port}"]
    command += [f"--ServerApp.root_dir={current_workspace.root}", "--LabApp.default_url=/lab/tree/notebooks"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--LabApp.news_url=None"]
    command += ["--ServerApp.allow_remote_access=False", "--ServerApp.local_hostnames=['localhost']"]
    command += ["--allow-root"] if os.geteuid() == 0 else []  # the only user in some containers
    raise typer.Exit(serve(command, current_workspace.root, {SCRATCH_VARIABLE: scratch} if scratch else {}))


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on loopback.")] = 5000,
    auth: Annotated[bool, typer.Option("--auth", help="Ask for a name and a password, new at every start.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Open the MLflow UI on the workspace's tracking store, on loopback."""
    from workbench.run.services.tracking_ui import ui_command  # noqa: PLC0415

    current_workspace = find_workspace(workspace)
    command, variables, lines = ui_command(current_workspace, _LOOPBACK, port, auth=auth)
    print(*lines, sep="\n", flush=True)
    raise typer.Exit(serve(command, current_workspace.root, variables))


app.command()(audience)
app.command()(card)
app.command()(doctor)
app.command()(assess)


def _print_error(error: WorkbenchError) -> None:
    for fault in error.faults:
        print(f"error: {visible(str(fault))}", file=sys.stderr)


if __name__ == "__main__":
    main()
