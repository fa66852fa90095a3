"""The profile: one YAML file with the sources, stages and parameters of a run."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from workbench.core.errors import Fault, ProfileError, did_you_mean, listed, nearest
from workbench.core.params.assignments import ASSIGNMENTS, assignment_source
from workbench.core.params.consent import ConsentParams
from workbench.core.params.hooks import EVENTS
from workbench.core.params.own_notebooks import is_own_name, own_stage
from workbench.core.params.run import GoalParams, RunParams, ShareParams
from workbench.core.params.sources import SourceParams
from workbench.core.schema import CANONICAL, columns_of
from workbench.core.section import Section
from workbench.core.stages import SECTIONS, STAGES, ordered
from workbench.core.yaml_lines import MarkedYaml, read_value, read_yaml

if TYPE_CHECKING:
    from workbench.core.stages.stage import Stage
    from workbench.core.workspace import Workspace

__all__ = ["DEMO_DATA", "LANGUAGES", "TOP_LEVEL", "Profile", "is_profile_name", "load_profile", "profile_names"]

LANGUAGES = ("en", "zh")
DEMO_DATA = ("journey", "tiny", "b2b", "jewellery")
TOP_LEVEL = (
    "profile", "language", "as_of", "engine", "demo_data", "credit", "sources", "consent", "never_contact", "goal",
    "run", "share",
)  # fmt: skip
# old name of a parameter: its new name
MOVED = {
    "04_describe_customers.min_cell": "run.min_cell", "12_tag_customers.least_group": "run.min_cell",
    "12_tag_customers.purposes": "consent.words",
}  # fmt: skip
_LIMITS = (
    "greater_than",
    "greater_than_equal",
    "less_than",
    "less_than_equal",
)  # pydantic error types of numbers out of range
_NAME = re.compile(r"^[a-z][a-z0-9_]{0,39}$")
_SECRETS = ("token",)  # keys whose value is not shown in messages
_LONGEST_SETTING = 200  # most characters of a setting shown in a message
_VARIABLE = re.compile(r"^env:[A-Za-z_][A-Za-z0-9_]*$")


@dataclass(frozen=True)
class Profile:
    """A profile, read and checked.

    Attributes
    ----------
    name : str
    languages : tuple of str
        Report languages, the leading one first.
    as_of : date or None
        As-of date; None: the day after the last order.
    engine : str
    demo_data : str or None
        Demonstration data, written to ``data/raw`` if absent.
    credit : dict of str
        Credit for the data, by language; printed under every chart.
    sources : dict of str to SourceParams
    consent : ConsentParams
    never_contact : tuple of str
        CSV files of people who must not be on any list, relative to the workspace.
    goal : GoalParams
    run : RunParams
    share : ShareParams
    sections : mapping of str to Section
        Stage name to its parameters; each stage has its own subclass of Section.
    own : dict of str to Stage
        Declarations of the analyst's own notebooks, by name.
    label : str
        Name of the file in messages.
    """

    name: str
    languages: tuple[str, ...]
    as_of: dt.date | None
    engine: str
    demo_data: str | None
    credit: dict[str, str]
    sources: dict[str, SourceParams]
    consent: ConsentParams
    never_contact: tuple[str, ...]
    goal: GoalParams
    run: RunParams
    share: ShareParams
    sections: Mapping[str, Any]
    own: dict[str, Stage]
    label: str
    marks: MarkedYaml = field(repr=False, compare=False)

    @property
    def stages(self) -> list[str]:
        """The stages to run, in number order, the report last."""
        names = self.run.stages if self.run.stages is not None else list(STAGES)
        return ordered([*names, *self.run.also])

    def stage(self, name: str) -> Stage:
        """Return the declaration of a stage or of an own notebook."""
        return self.own[name] if name in self.own else STAGES[name]

    @property
    def currency(self) -> str:
        """The currency of all sources, or an empty string if they declare none or several."""
        currencies = (source.formats.currency for source in self.sources.values())
        declared = {currency for currency in currencies if currency is not None}
        return declared.pop() if len(declared) == 1 else ""

    def where(self, *path: str) -> str:
        """Return the file and line of a key path."""
        return f"{self.label}, line {self.marks.line(path)}"


def is_profile_name(name: str) -> bool:
    """Return whether a name is valid for a profile."""
    return bool(_NAME.match(name))


def profile_names(workspace: Workspace) -> list[str]:
    """List the profiles of a workspace."""
    return sorted(path.stem for path in workspace.params.glob("*.yaml"))


def load_profile(
    workspace: Workspace,
    name: str,
    *,
    settings: Sequence[str] = (),
    as_of: str | None = None,
) -> Profile:
    """Read ``params/<name>.yaml`` with its overrides; report all faults in one error.

    Parameters
    ----------
    workspace : Workspace
    name : str
    settings : sequence of str
        Overrides ``SECTION.KEY=VALUE`` (or ``KEY=VALUE`` at the top level).
    as_of : str, optional
        ISO date that overrides the as-of date of the profile.

    Raises
    ------
    ProfileError
        When a profile, key, table, column or stage is unknown, a type is wrong, a value is out of range, or a path
        leads outside the workspace.
    """
    path = _profile_path(workspace, name)
    label = workspace.relative(path)
    marked = read_yaml(path, label)
    reader = _ProfileReader(workspace, marked, label)
    reader.override(settings, as_of)
    return reader.read(name)


def _profile_path(workspace: Workspace, name: str) -> Path:
    path = workspace.params / f"{name}.yaml"
    if _NAME.match(name) and path.is_file():
        return path
    if (workspace.params / f"{name}.yml").is_file():
        raise ProfileError(Fault(f"params/{name}.yml", "ends in .yml", "Profiles end in .yaml", "Rename it"))
    names = profile_names(workspace)
    remedy = did_you_mean(name, names) if names else "Write params/<profile>.yaml first"
    raise ProfileError(Fault(f"params/{name}.yaml", f"no profile {name!r}", "", remedy))


class _ProfileReader:
    """Turns YAML with line numbers into a Profile and collects errors."""

    def __init__(self, workspace: Workspace, marked: MarkedYaml, label: str):
        self.workspace = workspace
        self.marked = marked
        self.content = marked.content
        self.label = label
        self.faults: list[Fault] = []
        self.overridden: dict[tuple, str] = {}
        self.unreadable: list[
            tuple[tuple, Fault]
        ] = []  # errors of own notebooks, by the key path that names the notebook

    def override(self, settings: Sequence[str], as_of: str | None) -> None:
        for setting in settings:
            key, equals, text = setting.partition("=")
            path = tuple(part for part in key.strip().split(".") if part)
            where = f"--set {_shortened(setting)}"
            if not equals or not 1 <= len(path) <= 4:
                self.faults.append(Fault(where, "not SECTION.KEY=VALUE", "For example 06_segment_customers.k_max=6"))
                continue
            try:
                value = read_value(text, where)
            except ProfileError:
                self.faults.append(Fault(where, f"value {_shortened(text)!r} is not YAML"))
                continue
            self._place(path, value, where)
        if as_of is not None:
            try:
                self.content["as_of"] = dt.date.fromisoformat(as_of)
                self.overridden[("as_of",)] = "--as-of"
            except ValueError:
                self.faults.append(Fault("--as-of", f"{as_of!r} is not a date", "Expected YYYY-MM-DD"))

    def _place(self, path: tuple, value: Any, where: str) -> None:
        target = self.content
        for part in path[:-1]:
            if target.get(part) is None:
                target[part] = {}
            target = target[part]
            if not isinstance(target, dict):
                self.faults.append(Fault(where, f"'{part}' has no keys"))
                return
        target[path[-1]] = value
        self.overridden[path] = where

    def where(self, path: tuple) -> str:
        for length in range(len(path), 0, -1):
            if path[:length] in self.overridden:
                return self.overridden[path[:length]]
        opened_by = (where for key, where in self.overridden.items() if key[: len(path)] == path)
        if path not in self.marked.lines and (where := next(opened_by, None)):
            return where
        return f"{self.label}, line {self.marked.line(path)}"

    def fault(self, path: tuple, found: str, expected: str = "", remedy: str = "") -> None:
        self.faults.append(Fault(self.where(path), found, expected, remedy))

    def read(self, name: str) -> Profile:
        own_stages = self._own_notebooks()
        models = SECTIONS | {stage: declared.parameters for stage, declared in own_stages.items()}
        keys = (*TOP_LEVEL, *models)
        for key in self.content:
            if key not in keys:
                self.fault((key,), f"unknown key '{key}'", "", did_you_mean(key, keys))
        self._check_top(name)
        profile = Profile(
            name=name,
            languages=self._languages(),
            as_of=self._date("as_of"),
            engine=self.content.get("engine", "duckdb"),
            demo_data=self.content.get("demo_data"),
            credit=self._credit(),
            sources=self._sources(name),
            consent=self._section(ConsentParams, ("consent",)),
            never_contact=self._never_contact(),
            goal=self._section(GoalParams, ("goal",)),
            run=self._run(),
            share=self._section(ShareParams, ("share",)),
            sections=_with_shared_scales({stage: self._section(model, (stage,)) for stage, model in models.items()}),
            own=own_stages,
            label=self.label,
            marks=self.marked,
        )
        self._check_goal(profile)
        if self.faults:
            raise ProfileError(self.faults)
        return profile

    def _check_goal(self, profile: Profile) -> None:
        """Check that the goal refers only to stages of the run."""
        for position, stage in enumerate(profile.goal.stages):
            if stage not in profile.stages:
                remedy = did_you_mean(stage, profile.stages)
                self.fault(("goal", "stages", position), f"goal: '{stage}' is not a stage of this run", "", remedy)

    def _never_contact(self) -> tuple[str, ...]:
        paths = self.content.get("never_contact") or []
        if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
            expected = "A list of CSV files inside the workspace, such as [data/raw/never_contact.csv]"
            self.fault(("never_contact",), f"never_contact {paths!r}", expected)
            return ()
        for position, path in enumerate(paths):
            self._check_inside(("never_contact", position), path)
        return tuple(paths)

    def _check_top(self, name: str) -> None:
        stated = self.content.get("profile", name)
        if stated != name:
            self.fault(("profile",), f"profile {stated!r}", f"The file's name, {name!r}", "Rename one of them")
        engine = self.content.get("engine", "duckdb")
        if engine != "duckdb":
            self.fault(("engine",), f"engine {engine!r}", "Expected duckdb")
        demo = self.content.get("demo_data")
        if demo is not None and demo not in DEMO_DATA:
            self.fault(("demo_data",), f"demo_data {demo!r}", "", did_you_mean(str(demo), DEMO_DATA))

    def _credit(self) -> dict[str, str]:
        credit = self.content.get("credit", "")
        if isinstance(credit, str):
            return dict.fromkeys(LANGUAGES, credit)
        by_language = isinstance(credit, dict) and set(credit) == set(LANGUAGES)
        if by_language and all(isinstance(text, str) for text in credit.values()):
            return credit
        self.fault(("credit",), f"credit {credit!r}", "Text, or a mapping of en and zh to text")
        return dict.fromkeys(LANGUAGES, "")

    def _languages(self) -> tuple[str, ...]:
        value = self.content.get("language", "en")
        languages = value if isinstance(value, list) else [value]
        valid = languages and all(language in LANGUAGES for language in languages)
        if not valid or len(set(languages)) < len(languages):
            self.fault(("language",), f"language {value!r}", "Expected en, zh, or a list of both")
            return ("en",)
        return tuple(languages)

    def _date(self, key: str) -> dt.date | None:
        value = self.content.get(key)
        if value is None or (isinstance(value, dt.date) and not isinstance(value, dt.datetime)):
            return value
        self.fault((key,), f"{key} {value!r} is not a date", "Expected YYYY-MM-DD without quotes")
        return None

    def _mapping(self, path: tuple) -> dict[str, Any]:
        value: Any = self.content
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.fault(path, f"'{path[-1]}' holds {_kind(value)} {value!r}", "Expected a mapping of 'key: value' lines")
            return {}
        return value

    def _section(self, model: type[Section], path: tuple) -> Any:
        content = self._mapping(path)
        try:
            return model.model_validate(content)
        except ValidationError as error:
            for details in error.errors():
                self._explain(model, path, details)
            return model.model_construct()

    def _explain(self, model: type[Section], path: tuple, error: Mapping[str, Any]) -> None:
        trail = tuple(str(part) for part in error["loc"])
        key_path = (*path, *(part for part in trail if not part.startswith(("function-", "list[", "dict["))))
        section = ".".join(path)
        if error["type"] == "extra_forbidden" and (moved := MOVED.get(".".join((*path, *trail)))):
            self.fault(key_path, f"{section}: '{trail[-1]}' is now {moved}", "", f"Write it as {moved}")
        elif error["type"] == "extra_forbidden":
            names = _fields_at(model, trail[:-1])
            self.fault(
                key_path,
                f"{section}: unknown key '{trail[-1]}'",
                f"Known keys: {listed(names)}",
                _near(trail[-1], names),
            )
        elif error["type"] == "missing":
            self.fault(path, f"{section}: '{trail[-1]}' is missing", "Every source names its path and its table")
        else:
            key = ".".join(trail)
            value = "not repeated, it may be a secret" if trail and trail[-1] in _SECRETS else error.get("input")
            message = error["msg"].removeprefix("Value error, ")
            if error["type"] == "literal_error":
                choices = re.findall(r"'([^']+)'", message)
                self.fault(key_path, f"{section}: {key} is {value!r}", message, _near(str(value), choices))
            elif trail:
                remedy = _default_of(model, trail) if error["type"] in _LIMITS else ""
                self.fault(key_path, f"{section}: {key} is {value!r}", message, remedy)
            else:
                self.fault(key_path, f"{section}: {message}")

    def _run(self) -> RunParams:
        run = self._section(RunParams, ("run",))
        for path, fault in self.unreadable:
            found = f"{fault.where}: {fault.found}" if fault.where else fault.found
            self.fault(path, found, fault.expected, fault.remedy)
        for position, stage in enumerate(run.stages or []):
            if stage not in STAGES and not is_own_name(stage):
                self.fault(("run", "stages", position), f"unknown stage '{stage}'", "", did_you_mean(stage, STAGES))
        for position, stage in enumerate(run.also):
            if not is_own_name(stage):
                expected = "Your own notebook: two digits, a verb, an object, no built-in stage, such as 15_study_gifts"
                self.fault(("run", "also", position), f"'{stage}' cannot be named here", expected)
        for event in EVENTS:
            for position, hook in enumerate(run.hooks.of(event)):
                if hook.file is not None:
                    self._check_inside(("run", "hooks", event, position, "file"), hook.file)
        if run.stages == []:
            self.fault(("run", "stages"), "no stage to run", "At least one", "Omit the key to run all")
        stage_names = [*(run.stages or []), *run.also]
        if len(set(stage_names)) < len(stage_names):
            self.fault(("run", "stages"), "a stage is named twice", "Each stage once")
        return run

    def _own_notebooks(self) -> dict[str, Stage]:
        """Read the declarations of the own notebooks that the profile names."""
        run = self.content.get("run")
        lists = {key: run.get(key) for key in ("stages", "also")} if isinstance(run, dict) else {}
        own_stages: dict[str, Stage] = {}
        for key, names in lists.items():
            for position, name in enumerate(names if isinstance(names, list) else []):
                if isinstance(name, str) and is_own_name(name):
                    self._read_own(own_stages, name, ("run", key, position))
        return own_stages

    def _read_own(self, own_stages: dict[str, Stage], name: str, path: tuple) -> None:
        try:
            own_stages[name] = own_stage(self.workspace.notebooks, name)
        except ProfileError as error:
            self.unreadable += [(path, fault) for fault in error.faults]

    def _sources(self, profile: str) -> dict[str, SourceParams]:
        declared = self._mapping(("sources",))
        if not declared:
            self.fault(("sources",), "no sources", "At least one, with its path, table and columns")
        sources = {}
        for name in declared:
            path = ("sources", name)
            if not _NAME.match(name):
                self.fault(path, f"source name {name!r}", "Lower-case letters, digits and _")
            sources[name] = self._with_snapshot(profile, name, self._section(SourceParams, path))
            self._check_path(path)
            self._check_mapping(path)
        return self._with_assignments(profile, sources)

    def _with_assignments(self, profile: str, sources: dict[str, SourceParams]) -> dict[str, SourceParams]:
        """Add the assignments of planned tests and exported plans, if any, as the last source."""
        if ASSIGNMENTS in sources:
            expected = f"Planned tests and exported plans are read from data/raw/{profile}/{ASSIGNMENTS} under it"
            self.fault(("sources", ASSIGNMENTS), f"source name '{ASSIGNMENTS}'", expected, "Give yours another name")
        if self.faults or not sources:
            return sources
        implicit = assignment_source(self.workspace, profile, sources)
        return sources if implicit is None else {**sources, ASSIGNMENTS: implicit}

    def _with_snapshot(self, profile: str, name: str, source: SourceParams) -> SourceParams:
        """Set the path for the copy of a remote source: a table as Parquet, an HTTP response as JSON lines."""
        if not str(getattr(source, "path", "")).startswith("env:") or source.snapshot:
            return source
        ending = ".parquet" if source.select else ".jsonl"
        return source.model_copy(update={"snapshot": f"data/raw/{profile}/snapshots/{name}{ending}"})

    def _check_path(self, path: tuple) -> None:
        source, formats = self._mapping(path), self._mapping(path).get("formats")
        paths: dict[tuple[str, ...], Any] = {(key,): source.get(key) for key in ("path", "snapshot", "questionnaire")}
        paths[("formats", "rates")] = formats.get("rates") if isinstance(formats, dict) else None
        for key, text in paths.items():
            if key == ("path",) and isinstance(text, str) and text.startswith("env:"):
                if not _VARIABLE.match(text):
                    self.fault((*path, *key), f"{text!r} is not an environment variable", "For example env:CRM_URL")
            elif isinstance(text, str):
                self._check_inside((*path, *key), text)

    def _check_inside(self, at: tuple, text: str) -> None:
        try:
            self.workspace.resolve(text)
        except ProfileError as error:
            fault = error.faults[0]
            self.fault(at, fault.found, fault.expected, fault.remedy)

    def _check_mapping(self, path: tuple) -> None:
        source = self._mapping(path)
        table, columns = source.get("table"), source.get("columns") or {}
        if not isinstance(table, str) or not isinstance(columns, dict):
            return
        if table not in CANONICAL:
            self.fault((*path, "table"), f"unknown table '{table}'", "", did_you_mean(table, CANONICAL))
            return
        self._check_columns(path, table, columns, header=source.get("header", True))
        mapped = set(columns) | ({"customer_id"} if "source_id" in columns else set()) | {source.get("numbered")}
        constants = source.get("constants")
        mapped |= set(constants) if isinstance(constants, dict) else set()
        self._check_constants(path, table, constants)
        mapped |= {"question", "answer"} if source.get("layout") == "wide" else set()
        if source.get("numbered") is not None and CANONICAL[table].kind(str(source["numbered"])) != "id":
            ids = [column.name for column in CANONICAL[table].columns if column.kind == "id"]
            self.fault(
                (*path, "numbered"), f"'{source['numbered']}' is not an id column of {table}", "", did_you_mean("", ids)
            )
        missing = [key for key in CANONICAL[table].keys if key not in mapped]
        if missing:
            expected = f"Table {table} needs {listed(CANONICAL[table].keys)}"
            self.fault((*path, "columns"), f"{listed(missing)} not mapped", expected)

    def _check_columns(self, path: tuple, table: str, columns: dict, *, header: bool) -> None:
        canonical = columns_of(table, contact=True, neighbours=True)
        for column, original in columns.items():
            key_path = (*path, "columns", column)
            if column not in canonical:
                self.fault(key_path, f"'{column}' is not a column of {table}", "", did_you_mean(column, canonical))
            parts = original if isinstance(original, list) else [original]
            if isinstance(original, list) and len(original) < 2:  # noqa: PLR2004
                self.fault(key_path, f"{column} is mapped to {original!r}", "A column, or two and more to join")
            if any(part == "" for part in parts):
                self.fault(key_path, f"{column} is mapped to a column without a name", "The name of a source column",
                           "Declare skip_rows where notes stand above the header")  # fmt: skip
            if any(header == isinstance(part, int) for part in parts):
                expected = "the name of a source column" if header else "a position from 1, since header is false"
                quote = "YAML reads yes, no, on and off as true or false: quote the name"
                remedy = quote * isinstance(original, bool)
                self.fault(key_path, f"{column} is mapped to {original!r}", f"Expected {expected}", remedy)

    def _check_constants(self, path: tuple, table: str, constants: Any) -> None:
        canonical = columns_of(table, contact=False, neighbours=True)
        for column in constants if isinstance(constants, dict) else ():
            if column not in canonical:
                remedy = did_you_mean(str(column), canonical)
                self.fault((*path, "constants", column), f"'{column}' is not a column of {table}", "", remedy)


def _with_shared_scales(sections: dict[str, Any]) -> dict[str, Any]:
    """Copy the scales of 03_build_features to 12_tag_customers, unless that stage declares scales."""
    declared, tags = sections["03_build_features"].scales, sections["12_tag_customers"]
    if not declared or "scales" in tags.model_fields_set:
        return sections
    scales = {name: scale.model_dump(exclude_none=True) for name, scale in declared.items()}
    return sections | {"12_tag_customers": tags.model_copy(update={"scales": scales})}


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_SETTING else f"{text[:_LONGEST_SETTING]}..."


def _fields_at(model: type[Section], trail: Sequence[str]) -> list[str]:
    for part in trail:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        inner = (annotation, *getattr(annotation, "__args__", ()))  # a section, or a list of sections
        model = next((kind for kind in inner if isinstance(kind, type) and issubclass(kind, Section)), model)
    return sorted(model.model_fields)


def _default_of(model: type[Section], trail: Sequence[str]) -> str:
    """Return a hint with the default and unit of a number that is out of range."""
    field = model.model_fields.get(trail[0]) if len(trail) == 1 else None
    if field is None or isinstance(field.default, bool) or not isinstance(field.default, (int, float)):
        return ""
    unit = field.json_schema_extra.get("unit") if isinstance(field.json_schema_extra, dict) else ""
    return f"The default is {field.default}" + (f" ({unit})" if unit else "")


def _near(name: str, names: Sequence[str]) -> str:
    return nearest(name, names)


def _kind(value: Any) -> str:
    return {list: "a list", str: "the text", int: "the number", float: "the number"}.get(type(value), "the value")
