"""The command line: exit codes, where messages go, and what each command prints."""

import subprocess
import sys

import pytest

from workbench.core.errors import DataError, StageError, WorkspaceBusyError
from workbench.core.stages import SECTIONS, STAGES
from workbench.core.workspace import find_workspace
from workbench.run.artifacts.lock import hold_workspace
from workbench.run.commands import cli
from workbench.run.flows import flow
from workbench.run.flows.flow import FlowResult


@pytest.fixture
def call(monkeypatch, capsys):
    """Return a function that runs the command line in this process and returns (exit code, stdout, stderr)."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["workbench", *map(str, words)])
        with pytest.raises(SystemExit) as raised:
            cli.main()
        output = capsys.readouterr()
        return raised.value.code or 0, output.out, output.err

    return run


def edit(root, old, new):
    path = root / "params/toy.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def tree(root):
    return {path.relative_to(root): path.stat().st_mtime_ns for path in root.rglob("*")}


# check --------------------------------------------------------------------------------------------


def test_a_valid_profile_ends_with_zero_and_writes_nothing(call, toy_root):
    before = tree(toy_root)
    code, out, err = call("check", "toy", "--workspace", toy_root)
    assert (code, out, err) == (0, "toy: sources orders; 3 stages; no problems found\n", "")
    assert tree(toy_root) == before


def test_a_misspelt_parameter_ends_with_two_and_names_file_line_and_nearest(call, toy_root):
    edit(toy_root, "  cell_seconds: 20\n", "  cell_seconds: 20\n05_score_rfm:\n  bin: 5\n  tie_rule: lowst\n")
    code, out, err = call("check", "toy", "--workspace", toy_root)
    assert (code, out) == (2, "")
    first, second = sorted(err.splitlines())
    assert first.startswith("error: params/toy.yaml, line 13: 05_score_rfm: unknown key 'bin'.")
    assert first.endswith("Did you mean 'bins'?")
    assert second.startswith("error: params/toy.yaml, line 14: 05_score_rfm: tie_rule is 'lowst'.")


def test_a_misspelt_override_ends_with_two_and_names_the_option(call, toy_root):
    code, _, err = call("check", "toy", "--workspace", toy_root, "--set", "05_score_rfm.binz=5", "--as-of", "soon")
    assert code == 2
    assert "error: --set 05_score_rfm.binz=5: 05_score_rfm: unknown key 'binz'" in err
    assert "error: --as-of: 'soon' is not a date. Expected YYYY-MM-DD." in err


def test_a_missing_file_ends_with_three(call, toy_root):
    (toy_root / "data/raw/toy.csv").unlink()
    code, out, err = call("check", "toy", "--workspace", toy_root)
    assert (code, out) == (3, "")
    assert err.startswith("error: params/toy.yaml, line 5: ")
    assert "data/raw/toy.csv" in err


def test_an_unknown_profile_ends_with_two_and_names_the_nearest(call, toy_root):
    code, _, err = call("check", "toi", "--workspace", toy_root)
    assert (code, err) == (2, "error: params/toi.yaml: no profile 'toi'. Did you mean 'toy'?\n")


def test_outside_a_workspace_the_message_says_how_to_name_one(call, tmp_path):
    code, _, err = call("check", "toy", "--workspace", tmp_path)
    assert code == 2
    assert "no params/ in this folder or any above it" in err
    assert "name it with --workspace DIR" in err


def test_the_nearest_workspace_upward_is_used(call, toy_root, monkeypatch):
    monkeypatch.chdir(toy_root / "data/raw")
    assert call("check", "toy")[0] == 0


def test_absent_demo_data_is_allowed_but_a_misspelt_feature_is_not(call, fresh_workspace):
    code, out, _ = call("check", "tiny", "--workspace", fresh_workspace)
    assert code == 0
    assert "raw files absent; the first run, or 'workbench demo-data tiny', writes them" in out
    misspelt = ("--set", "06_segment_customers.features=[recency_day, monetary_total]")
    code, _, err = call("check", "tiny", "--workspace", fresh_workspace, *misspelt)
    assert code == 2
    assert "names 'recency_day', which is not a feature. Did you mean 'recency_days'?" in err


def test_a_message_can_neither_control_the_terminal_nor_fake_a_line(call, toy_root):
    edit(toy_root, "  cell_seconds: 20\n", '  cell_seconds: 20\n05_score_rfm:\n  tie_rule: "a\\e[2J\\rb"\n')
    code, _, err = call("check", "toy", "--workspace", toy_root)
    assert code == 2
    assert "\x1b" not in err and "\r" not in err


# run ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--only", "05_score_rfm"), "error: --only: stage '05_score_rfm' is not among the stages of toy."),
        (("--from", "03_build_feature"), "Did you mean '03_build_features'?"),
        (("--from", "14_write_report", "--to", "01_check_quality"), "14_write_report comes after --to"),
        (("--set", "k_max=5"), "unknown key 'k_max'"),
        (("--set", "run"), "not SECTION.KEY=VALUE"),
    ],
)
def test_a_wrong_request_ends_with_two_and_writes_nothing(call, toy_root, words, message):
    before = tree(toy_root)
    code, out, err = call("run", "toy", "--workspace", toy_root, *words)
    assert (code, out) == (2, "")
    assert message in err
    assert tree(toy_root) == before


def test_a_workspace_in_use_ends_with_four_and_names_its_holder(call, toy_root):
    with hold_workspace(find_workspace(toy_root), "workbench run shop"):
        code, out, err = call("run", "toy", "--workspace", toy_root)
    assert (code, out) == (4, "")
    assert "workbench run shop" in err
    assert "Wait for it, or stop that process" in err


@pytest.fixture
def fake_flow(monkeypatch, tmp_path):
    """Replace the flow by one that ends in a given way; return a list of its requests."""
    requests = []

    def install(error=None, raised=None):
        def run_flow(workspace, name, options):
            requests.append((name, options))
            if raised:
                raise raised
            summary = {"status": "failed" if error else "done", "seconds": 65.0, "stages": {}}
            return FlowResult(summary, tmp_path / "reports/toy/run1", error)

        monkeypatch.setattr(flow, "run_flow", run_flow)
        return requests

    return install


@pytest.mark.parametrize(
    ("error", "code"),
    [(None, 0), (StageError("it broke"), 1), (DataError("no such column"), 3), (WorkspaceBusyError("in use"), 4)],
)
def test_the_exit_code_is_that_of_the_flow_and_its_end_is_described(call, toy_root, fake_flow, error, code):
    fake_flow(error)
    exit_code, out, err = call("run", "toy", "--workspace", toy_root)
    assert exit_code == code
    assert out.startswith(f"{'failed' if error else 'done'} in 1:05: 0 stages run, 0 unchanged, 0 skipped\n")
    assert err == (f"error: {error}\n" if error else "")


def test_a_full_disk_ends_with_one_and_a_message_instead_of_a_traceback(call, toy_root, fake_flow):
    fake_flow(raised=OSError(28, "No space left on device"))
    assert call("run", "toy", "--workspace", toy_root) == (1, "", "error: [Errno 28] No space left on device\n")


def test_every_option_reaches_the_flow(call, toy_root, fake_flow):
    requests = fake_flow()
    words = ("--from", "01_check_quality", "--to", "03_build_features", "--force", "--set", "a.b=1", "--set", "c.d=2")
    call("run", "toy", "--workspace", toy_root, *words, "--as-of", "2024-02-01")
    ((name, options),) = requests
    assert name == "toy"
    assert (options.first, options.last, options.only, options.force) == (
        "01_check_quality", "03_build_features", None, True,
    )  # fmt: skip
    assert (options.settings, options.as_of) == (("a.b=1", "c.d=2"), "2024-02-01")


# lists -----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh"])
def test_stages_are_listed_with_their_questions(call, language):
    code, out, _ = call("stages", "--language", language)
    assert code == 0
    for name, stage in STAGES.items():
        assert name in out
        assert stage.question[language] in out
        for group in stage.needs:
            assert " or ".join(group) in out
    assert "report.html" in out


def test_only_the_stages_of_a_profile_are_listed(call, toy_root):
    code, out, _ = call("stages", "toy", "--workspace", toy_root)
    assert code == 0
    assert "03_build_features" in out and "05_score_rfm" not in out


@pytest.mark.parametrize("language", ["en", "zh"])
def test_parameters_of_a_stage_are_listed_with_unit_default_and_range(call, language):
    code, out, _ = call("params", "05_score_rfm", "--language", language)
    assert code == 0
    for name in SECTIONS["05_score_rfm"].model_fields:
        assert name in out
    assert "k_max" not in out
    assert "≥ 2, ≤ 10" in out


def test_all_parameters_can_be_printed_as_a_page(call, repository):
    code, out, _ = call("params", "--markdown")
    assert code == 0
    for section in SECTIONS:
        assert f"\n## {section}\n" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("params", "05_score_rmf"), "error: params: unknown stage '05_score_rmf'. Did you mean '05_score_rfm'?"),
        (("stages", "--language", "de"), "error: --language: language 'de'. Expected en or zh."),
        (("params", "--language", "de"), "error: --language: language 'de'. Expected en or zh."),
        (("demo-data", "tinny"), "error: demo-data: unknown data 'tinny'. Did you mean 'tiny'?"),
    ],
)
def test_an_unknown_name_ends_with_two_and_offers_the_nearest(call, words, message):
    code, out, err = call(*words)
    assert (code, out, err) == (2, "", message + "\n")


@pytest.mark.parametrize("words", [("chek", "toy"), ("check",), ("check", "toy", "--sett", "a=1"), ("run", "toy", "x")])
def test_a_wrong_command_ends_with_two(call, words):
    code, _, err = call(*words)
    assert code == 2
    assert "Error" in err


# data and viewers ---------------------------------------------------------------------------------


def test_demo_data_is_written_into_the_workspace_and_its_files_are_listed(call, toy_root):
    code, out, _ = call("demo-data", "tiny", "--workspace", toy_root)
    assert code == 0
    written = out.split()
    assert written and all(name.startswith("data/raw/tiny/") for name in written)
    assert {name.rsplit("/", 1)[1] for name in written} == {
        path.name for path in (toy_root / "data/raw/tiny").iterdir()
    }


def test_ui_is_refused_in_a_workspace_without_runs(call, toy_root):
    code, _, err = call("ui", "--workspace", toy_root)
    assert (code, err) == (2, "error: mlruns/mlflow.db: nothing is tracked yet. Run a profile first.\n")


@pytest.mark.parametrize("command", ["ui", "lab"])
def test_viewers_open_only_on_loopback(call, toy_root, monkeypatch, command):
    (toy_root / "mlruns").mkdir()
    (toy_root / "mlruns/mlflow.db").touch()
    started = []
    monkeypatch.setattr(cli, "serve", lambda words, folder, environment: started.append(words) or 0)
    assert call(command, "--workspace", toy_root, "--port", "5123")[0] == 0
    command_line = " ".join(started[0])
    assert "127.0.0.1" in command_line and "5123" in command_line
    assert "0.0.0.0" not in command_line


def test_the_module_run_as_a_program_returns_the_exit_code(toy_root):
    command = [sys.executable, "-m", "workbench.run.commands.cli", "check", "toi", "--workspace", str(toy_root)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr == "error: params/toi.yaml: no profile 'toi'. Did you mean 'toy'?\n"


def test_checking_a_profile_imports_no_slow_libraries(toy_root):
    program = (
        "import sys; from workbench.run.commands import cli; sys.argv = ['workbench', 'check', 'toy', '--workspace', sys.argv[1]]"
        "\ntry: cli.main()\nexcept SystemExit: pass"
        "\nheavy = {'mlflow', 'matplotlib', 'seaborn', 'sklearn', 'scipy', 'papermill', 'pointblank'} & set(sys.modules)"
        "\nprint(sorted(heavy))"
    )
    process = subprocess.run([sys.executable, "-c", program, str(toy_root)], capture_output=True, text=True, check=True)
    assert process.stdout.splitlines()[-1] == "[]"
