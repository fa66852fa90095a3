"""Faults found before any kernel starts: all together, with file, line and the nearest name."""

import pytest

from workbench.core.errors import DataError, ProfileError
from workbench.core.params.profile import load_profile
from workbench.core.workspace import find_workspace
from workbench.run.flows.check import check_notes, check_sources, fetch_remote, make_demo_data, missing_files

SOURCE = "    columns: {order_id: order_id, customer_id: customer_id, ordered_at: ordered_at, amount: amount}\n"


@pytest.fixture
def checked(toy_root):
    """Return a function that checks the toy profile after changes of its text."""

    def check(*changes, **options):
        path = toy_root / "params/toy.yaml"
        text = path.read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")
        workspace = find_workspace(toy_root)
        profile = load_profile(workspace, "toy")
        check_sources(workspace, profile, **options)
        return profile

    return check


def faults(raised):
    return [str(fault) for fault in raised.value.faults]


def test_a_valid_profile_passes(checked):
    assert checked().name == "toy"


def test_a_missing_file_is_a_data_error(checked):
    with pytest.raises(DataError) as raised:
        checked(("data/raw/toy.csv", "data/raw/absent.csv"))
    assert raised.value.exit_code == 3
    (message,) = faults(raised)
    assert message.startswith("params/toy.yaml, line 5: ")
    assert "data/raw/absent.csv" in message


@pytest.mark.parametrize(("content", "words"), [("", "empty"), ("order_id,customer_id,ordered_at,amount\n", "header")])
def test_a_file_without_rows_is_a_data_error(checked, toy_root, content, words):
    (toy_root / "data/raw/toy.csv").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=words) as raised:
        checked()
    assert "data/raw/toy.csv" in str(raised.value)


def test_a_missing_column_is_named_with_the_nearest(checked):
    with pytest.raises(DataError) as raised:
        checked(("amount: amount}", "amount: amout}"))
    assert "'amout'" in str(raised.value)
    assert "Did you mean 'amount'?" in str(raised.value)


def test_an_unknown_column_in_a_rule_is_a_profile_error(checked):
    with pytest.raises(ProfileError) as raised:
        checked((SOURCE, SOURCE + '    rules: {sales: "amuont > 0"}\n'))
    assert raised.value.exit_code == 2
    (message,) = faults(raised)
    assert message.startswith("params/toy.yaml, line 5: ")
    assert "amuont" in message and "amount" in message


def test_an_unknown_feature_is_named_with_line_and_nearest(checked):
    section = "06_segment_customers:\n  features: [recency_day, monetary_total]\n  log_features: [monetary_totl]\n"
    with pytest.raises(ProfileError) as raised:
        checked(("  cell_seconds: 20\n", "  cell_seconds: 20\n" + section))
    first, second = faults(raised)
    assert first == (
        "params/toy.yaml, line 13: 06_segment_customers: features names 'recency_day', which is not a feature. "
        "Did you mean 'recency_days'?"
    )
    assert "log_features names 'monetary_totl'" in second
    assert "Did you mean 'monetary_total'?" in second


def test_windows_attributes_and_columns_of_customers_are_features(checked):
    people = "  crm:\n    path: data/raw/toy.csv\n    table: customers\n    columns: {customer_id: customer_id}\n"
    people += "    attributes: {loyalty: amount}\n"
    section = "03_build_features:\n  windows_days: [7]\n"
    section += "  scales: {arts: {items: [Opera, Theatre], low: 1, high: 5}}\n"
    section += "06_segment_customers:\n  features: [orders_7d, spend_7d, loyalty, income, scale_arts]\n"
    section += "  log_features: [spend_7d]\n"
    checked(("run:\n", people + "run:\n"), ("  cell_seconds: 20\n", "  cell_seconds: 20\n" + section))


def test_a_window_that_is_not_built_is_not_a_feature(checked):
    section = "03_build_features:\n  windows_days: [7]\n06_segment_customers:\n  features: [orders_90d, recency_days]\n"
    with pytest.raises(ProfileError, match="names 'orders_90d', which is not a feature. Did you mean 'orders_7d'"):
        checked(("  cell_seconds: 20\n", "  cell_seconds: 20\n" + section))


def test_faults_of_profile_and_data_are_reported_together_as_a_profile_error(checked):
    section = "06_segment_customers:\n  features: [recency_day, monetary_total]\n"
    with pytest.raises(ProfileError) as raised:
        checked(
            ("data/raw/toy.csv", "data/raw/absent.csv"),
            (SOURCE, SOURCE + '    rules: {sales: "amuont > 0"}\n'),
            ("  cell_seconds: 20\n", "  cell_seconds: 20\n" + section),
        )
    messages = faults(raised)
    assert len(messages) == 3
    for part in ("amuont", "recency_day", "absent.csv"):
        assert sum(part in message for message in messages) == 1


def test_before_demo_data_is_written_only_the_profile_is_checked(checked):
    section = "06_segment_customers:\n  features: [recency_day, monetary_total]\n"
    assert checked(("data/raw/toy.csv", "data/raw/absent.csv"), files=False)
    with pytest.raises(ProfileError) as raised:
        checked(("  cell_seconds: 20\n", "  cell_seconds: 20\n" + section), files=False)
    assert len(faults(raised)) == 1


def test_demo_data_is_written_only_if_absent(fresh_workspace):
    workspace = find_workspace(fresh_workspace)
    tiny = load_profile(workspace, "tiny")
    assert missing_files(workspace, tiny) == ["orders", "products", "crm", "campaigns"]
    assert make_demo_data(workspace, tiny)
    assert missing_files(workspace, tiny) == []
    written = {path: path.stat().st_mtime_ns for path in (workspace.raw / "tiny").iterdir()}
    assert not make_demo_data(workspace, tiny)
    assert {path: path.stat().st_mtime_ns for path in (workspace.raw / "tiny").iterdir()} == written
    check_sources(workspace, tiny)


def test_a_profile_without_demo_data_gets_none(toy_root):
    workspace = find_workspace(toy_root)
    (toy_root / "data/raw/toy.csv").unlink()
    assert not make_demo_data(workspace, load_profile(workspace, "toy"))
    assert missing_files(workspace, load_profile(workspace, "toy")) == ["orders"]


REMOTE = """  one: {path: env:TOY_ONE, select: orders, table: transactions, columns: {order_id: a}}
  two: {path: env:TOY_TWO, select: orders, table: transactions, columns: {order_id: a}}
  typed: {path: data/raw/typed.csv, manual: true, table: products, columns: {product_id: item}}
"""


def test_all_sources_that_cannot_be_fetched_are_named_together_with_their_lines(checked, monkeypatch, toy_root):
    for name in ("TOY_ONE", "TOY_TWO"):
        monkeypatch.setenv(name, f"sqlite:////absent/{name}.db")
    profile = checked((SOURCE, SOURCE + REMOTE))
    workspace = find_workspace(toy_root)
    assert check_notes(workspace, profile) == [
        "one: not fetched yet, so its columns are not checked; a run fetches it",
        "two: not fetched yet, so its columns are not checked; a run fetches it",
        "typed: data/raw/typed.csv does not exist yet; a run creates it, to be filled by hand",
    ]
    with pytest.raises(DataError) as raised:
        fetch_remote(workspace, profile)
    assert faults(raised) == [
        f"params/toy.yaml, line {line}: sources.{name}: orders: no SQLite file {file}.db."
        for line, name, file in ((9, "one", "TOY_ONE"), (10, "two", "TOY_TWO"))
    ]
