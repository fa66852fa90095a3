"""README matches the project: tree, notebook table, commands, profile, cron line; README.zh.md matches README."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pandas as pd
import pytest
import typer

from workbench.core.params.profile import load_profile
from workbench.core.schema import ABOUT_CUSTOMERS, CANONICAL
from workbench.core.stages import STAGES
from workbench.core.workspace import Workspace
from workbench.run.commands.cli import app

ROOT = Path(__file__).parents[2]
PAGES = {"en": ROOT / "README.md", "zh": ROOT / "README.zh.md"}
TEXT = {language: path.read_text(encoding="utf-8") for language, path in PAGES.items()}
COMMANDS = typer.main.get_command(app).commands


def fenced(language: str, kind: str | None = None) -> list[str]:
    """Return the bodies of the fenced blocks of one kind, or all blocks, each after its kind."""
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT[language], re.MULTILINE | re.DOTALL)
    if kind:
        return [body for block_kind, body in blocks if block_kind == kind]
    return [f"{block_kind}\n{body}" for block_kind, body in blocks]


def headings(language: str) -> list[str]:
    prose = re.sub(r"^```.*?^```$", "", TEXT[language], flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^(#+) .+$", prose, re.MULTILINE)


def tables(language: str) -> list[list[list[str]]]:
    """Return every table of a page as rows of cells, with header and rule."""
    blocks = re.findall(r"(?:^\|.*\|\n)+", TEXT[language], re.MULTILINE)
    return [[[cell.strip() for cell in row.strip("|").split("|")] for row in block.splitlines()] for block in blocks]


def table(language: str, *first: str) -> list[list[str]]:
    """Return the rows of the table whose first heading is one of these."""
    return next(rows[2:] for rows in tables(language) if rows[0][0] in first)


def tree_paths(language: str) -> list[str]:
    folder, paths = "", []
    for line in fenced(language, "text")[0].splitlines():
        entry = line.split()[0]
        if line.startswith(" "):
            paths.append(f"{folder}{entry}")
        else:
            folder = entry
            paths.append(entry)
    return paths


def ignored() -> set[str]:
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    return {line.strip("/") for line in lines if line and not line.startswith("!")}


# the tree ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", PAGES)
def test_every_entry_of_the_tree_exists(language):
    missing = [path for path in tree_paths(language) if not (ROOT / path).exists() and path.strip("/") not in ignored()]
    assert not missing


@pytest.mark.parametrize("language", PAGES)
def test_the_tree_is_complete(language):
    hidden = {".git", "src", *(name for name in ignored() if "*" not in name)}
    present = {path.name for path in ROOT.iterdir() if not path.name.endswith(".egg-info")} - hidden
    listed = {path.strip("/") for path in tree_paths(language)}
    assert not present - listed
    wings = {path.name for path in (ROOT / "src" / "workbench").iterdir() if (path / "__init__.py").is_file()}
    assert {f"src/workbench/{wing}" for wing in wings} <= listed


@pytest.mark.parametrize("language", PAGES)
def test_every_entry_has_a_description(language):
    assert all(len(line.split(maxsplit=1)) == 2 for line in fenced(language, "text")[0].splitlines())


def test_every_folder_of_data_says_what_belongs_there():
    for name in ("data", "reports", "params"):
        assert (ROOT / name / "README.md").is_file(), f"{name}/README.md is missing"


# notebooks, commands, parameters -----------------------------------------------------------------


def reads(stage: str, language: str) -> str:
    canonical, joint = {"en": ("canonical tables", ", "), "zh": ("标准表", "、")}[language]
    source = {"en": "the profile's sources", "zh": "配置中的来源"}[language]
    summaries = {"en": "every stage's summary", "zh": "各阶段的摘要"}[language]
    names = STAGES[stage].reads
    if not names:
        return summaries if "summaries" in STAGES[stage].inputs else source
    if set(ABOUT_CUSTOMERS) <= set(names):  # the assignments of experiments are read by 10 and later alone
        return joint.join([*(f"`{name}`" for name in names if name not in CANONICAL), canonical])
    return joint.join(f"`{name}`" for name in names)


def writes(stage: str, language: str) -> str:
    canonical, joint = {"en": ("canonical tables", ", "), "zh": ("标准表", "、")}[language]
    names = STAGES[stage].writes
    if not names:
        return "`report.html`"
    if set(CANONICAL) <= set(names):
        return joint.join([canonical, *(f"`{name}`" for name in names if name not in CANONICAL)])
    if len(names) > 1 and all(name.startswith("profile_") for name in names):
        return "`profile_*`"
    return joint.join(f"`{name}`" for name in names)


@pytest.mark.parametrize("language", PAGES)
def test_the_notebook_table_matches_the_declarations(language):
    expected = [
        [f"`{name}`", stage.question[language], reads(name, language), writes(name, language)]
        for name, stage in STAGES.items()
    ]
    assert table(language, "notebook", "笔记本") == expected


@pytest.mark.parametrize("language", PAGES)
def test_the_command_table_matches_the_command_line(language):
    names = [row[0].strip("`").split()[1] for row in table(language, "command", "命令")]
    assert names == list(COMMANDS)


@pytest.mark.parametrize("language", PAGES)
def test_every_option_of_run_is_listed(language):
    for parameter in COMMANDS["run"].params:
        for option in parameter.opts:
            assert not option.startswith("--") or f"`{option}" in TEXT[language], f"{option} is not listed"


@pytest.mark.parametrize("language", PAGES)
def test_the_command_line_accepts_every_example(language):
    examples = re.findall(r"^\.venv/bin/workbench (.+)$", "\n".join(fenced(language, "bash")), re.MULTILINE)
    assert len(examples) >= 5
    for line in examples:
        name, *arguments = shlex.split(line)
        COMMANDS[name].make_context(name, list(arguments)).close()


def test_every_make_target_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\S+)$", "\n".join(fenced("en", "bash")), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("language", PAGES)
def test_the_profile_table_lists_the_shipped_profiles(language):
    names = [row[0].strip("`") for row in table(language, "profile", "配置") if row[0].startswith("`")]
    assert sorted(names) == sorted(path.stem for path in (ROOT / "params").glob("*.yaml"))


@pytest.mark.parametrize("language", PAGES)
def test_the_exit_codes_are_in_order(language):
    assert [row[0] for row in table(language, "exit code", "退出码")] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("language", PAGES)
def test_the_example_profile_is_valid(language, tmp_path):
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "shop.yaml").write_text(fenced(language, "yaml")[0], encoding="utf-8")
    assert load_profile(Workspace(tmp_path.resolve()), "shop").languages == ("zh", "en")


@pytest.mark.parametrize("language", PAGES)
def test_the_cron_line_has_five_fields_and_runs_a_shipped_profile(language):
    (line,) = fenced(language, "cron")[0].splitlines()
    *schedule, command = line.split(maxsplit=5)
    assert len(schedule) == 5
    assert all(re.fullmatch(r"[\d*/,-]+", field) for field in schedule)
    assert "%" not in command, "cron ends a command at a percent sign"
    match = re.match(r"cd /path/to/workbench && \.venv/bin/workbench run (\w+) >> reports/cron\.log 2>&1$", command)
    assert match
    assert (ROOT / "params" / f"{match[1]}.yaml").is_file()


@pytest.mark.parametrize("language", PAGES)
def test_every_link_and_picture_has_a_target(language):
    targets = re.findall(r"\]\(([^)]+)\)", TEXT[language])
    slugs = {slug(line) for line in re.findall(r"^#+ (.+)$", TEXT[language], re.MULTILINE)}
    for target in targets:
        if target.startswith("#"):
            assert target[1:] in slugs
        else:
            assert (ROOT / target).exists(), f"{target} does not exist"


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_example_rows_are_those_of_the_table():
    path = ROOT / "data" / "processed" / "journey" / "rfm.parquet"
    if not path.is_file():
        pytest.skip("data/processed/journey/rfm.parquet is absent: run the profile journey first")
    example = pd.DataFrame(table("en", "customer_id"), columns=tables("en")[1][0])
    rows = pd.read_parquet(path, columns=list(example.columns)).set_index("customer_id").loc[example["customer_id"]]
    for name in example.columns.drop("customer_id"):
        expected = [str(value) for value in example[name]]
        actual = [f"{value:.2f}" if name == "monetary_total" else str(value) for value in plain(rows[name])]
        assert actual == expected, name


def plain(values: pd.Series) -> list:
    return [int(value) if isinstance(value, float) and values.name != "monetary_total" else value for value in values]


# the two languages -------------------------------------------------------------------------------


def test_both_pages_show_the_same_code_and_the_same_tree():
    assert [block for block in fenced("en") if not block.startswith("text")] == [
        block for block in fenced("zh") if not block.startswith("text")
    ]
    assert tree_paths("en") == tree_paths("zh")


def test_both_pages_have_the_same_headings_in_number_and_depth():
    assert headings("en") == headings("zh")


def test_both_pages_have_the_same_tables_in_rows_and_columns():
    shapes = {language: [[len(row) for row in rows] for rows in tables(language)] for language in PAGES}
    assert shapes["en"] == shapes["zh"]


def test_both_pages_show_the_same_rows_of_data():
    for at in (0, 1):
        assert tables("en")[at][2:] == tables("zh")[at][2:]


def test_both_glossaries_have_the_same_pairs():
    english = [(row[0], row[1]) for row in table("en", "English")]
    chinese = [(row[1], row[0]) for row in table("zh", "中文")]
    assert english == chinese
    assert len(english) == len(set(english)) >= 25


def test_both_pages_have_the_same_names():
    names = {language: sorted(set(re.findall(r"`([^`\n]+)`", TEXT[language]))) for language in PAGES}
    assert names["en"] == names["zh"]


def test_chinese_has_full_width_punctuation():
    prose = re.sub(r"^```.*?^```$|`[^`]*`", "", TEXT["zh"], flags=re.MULTILINE | re.DOTALL)
    assert not re.findall(r"[\u4e00-\u9fff][,;:?!]", prose)
