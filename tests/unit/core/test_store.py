"""The store checks what it writes, publishes it by one rename, and keeps raw rows in the engine."""

import os
import stat
from decimal import Decimal

import ibis
import pandas as pd
import pyarrow.parquet as pq
import pytest

from workbench.core import files
from workbench.core.errors import DataError
from workbench.core.store.tables import Store, connect, digest_table, to_pandas

FEATURES = "03_build_features"
QUALITY = "01_check_quality"


@pytest.fixture
def store(workspace):
    return Store(workspace, "shop", memory_limit_gb=0.5, threads=2)


def features(n=6, **columns):
    return pd.DataFrame({"customer_id": [f"c{i}" for i in range(n)], "recency_days": range(n), **columns})


def orders():
    return pd.DataFrame(
        {
            "order_id": ["1", "1", "2"],
            "customer_id": ["007", None, "42"],
            "amount": ["10.10", "0.005", "-3.5"],
            "ordered_at": pd.to_datetime(["2024-01-01 10:00", "2024-01-01 10:00", None]),
        }
    )


def publish(store, content=None, run="run1", stage=FEATURES, table="features"):
    staging = store.stage(stage, run)
    staging.write(table, features() if content is None else content)
    return staging.publish()


def test_a_staged_table_is_not_visible_before_it_is_published(store):
    staging = store.stage(FEATURES, "run1")
    assert staging.write("features", features()) == 6
    assert store.present() == set()
    with pytest.raises(DataError, match="features.parquet not found for profile shop. It is written by 03_build"):
        store.read("features")
    staging.publish()
    assert store.present() == {"features"}
    assert store.frame("features")["customer_id"].tolist() == [f"c{i}" for i in range(6)]
    assert not staging.folder.exists()


def test_a_stage_starts_with_an_empty_staging_folder(store):
    store.stage(FEATURES, "run1").write("features", features())
    assert list(store.stage(FEATURES, "run1").folder.iterdir()) == []


def test_discarding_leaves_nothing(store):
    staging = store.stage(FEATURES, "run1")
    staging.write("features", features())
    staging.discard()
    assert not staging.folder.exists()
    assert store.present() == set()


def test_a_new_version_replaces_the_old_and_one_older_version_is_kept(store):
    for number in range(4):
        publish(store, features(number + 1), run=f"run{number}")
        os.utime(store.folder / ".stages" / FEATURES / f"run{number}", (number, number))
    assert len(store.frame("features")) == 4
    names = sorted(path.name for path in (store.folder / ".stages" / FEATURES).iterdir())
    assert names == ["current", "run2", "run3"]


@pytest.mark.parametrize("step", ["rename", "replace"])
def test_a_crash_while_publishing_leaves_the_old_table_readable(store, monkeypatch, step):
    publish(store, features(2))
    staging = store.stage(FEATURES, "run2")
    staging.write("features", features(5))

    def fail(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, step, fail)
    with pytest.raises(OSError, match="No space left"):
        staging.publish()
    monkeypatch.undo()
    assert len(store.frame("features")) == 2


def test_after_a_crash_between_the_renames_show_publishes_the_new_table(store, monkeypatch):
    publish(store, features(2))
    monkeypatch.setattr(Store, "show", lambda *_args: (_ for _ in ()).throw(OSError("killed")))
    with pytest.raises(OSError, match="killed"):
        publish(store, features(5), run="run2")
    monkeypatch.undo()
    store.show(FEATURES)
    assert len(store.frame("features")) == 5


def test_a_retired_stage_has_no_table(store):
    publish(store)
    store.retire(FEATURES)
    assert store.present() == set()


def test_a_table_absent_from_the_new_version_is_withdrawn(store):
    first = store.stage("04_describe_customers", "run1")
    first.write("profile_pareto", pd.DataFrame({"share": [0.5]}))
    first.write("profile_months", pd.DataFrame({"month": ["2024-01"]}))
    first.publish()
    second = store.stage("04_describe_customers", "run2")
    second.write("profile_pareto", pd.DataFrame({"share": [0.6]}))
    second.publish()
    assert store.present() == {"profile_pareto"}


# writing ---------------------------------------------------------------------------------


def test_only_its_writer_writes_a_table(store):
    with pytest.raises(DataError, match="05_score_rfm would write features. Only 03_build_features writes it"):
        store.stage("05_score_rfm", "run1").write("features", features())


@pytest.mark.parametrize("name", ["own_", "own_a/b", "own_../x", "own_a b", "own_a'b"])
def test_an_own_table_needs_a_plain_name(store, name):
    with pytest.raises(DataError, match="cannot be the name of a table"):
        store.stage("15_study_gifts", "run1").write(name, features())


def test_a_refused_table_leaves_nothing_to_publish(store):
    staging = store.stage("15_study_gifts", "run1")
    with pytest.raises(DataError, match="repeat"):
        staging.write("own_gifts", pd.concat([features(), features()]))
    assert staging.rows == {}
    assert list(staging.folder.iterdir()) == []


def test_an_own_table_passes_to_another_notebook_when_its_writer_is_gone(store):
    notebook = store.workspace.notebooks / "15_study_gifts.ipynb"
    notebook.parent.mkdir(exist_ok=True)
    notebook.write_text("{}", encoding="utf-8")
    publish(store, stage="15_study_gifts", table="own_gifts")
    with pytest.raises(DataError, match="remove notebooks/15_study_gifts.ipynb"):
        store.stage("14_study_gifts", "run2").write("own_gifts", features())
    notebook.unlink()
    publish(store, features(3), run="run2", stage="14_study_gifts", table="own_gifts")
    assert len(store.frame("own_gifts")) == 3
    assert store.writer("own_gifts") == "14_study_gifts"


def test_for_an_unknown_table_the_nearest_name_is_offered(store):
    with pytest.raises(DataError, match="unknown table 'feature'. Did you mean 'features'?"):
        store.stage(FEATURES, "run1").write("feature", features())
    with pytest.raises(DataError, match="unknown table 'feature'"):
        store.read("feature")


def test_for_an_unknown_column_the_nearest_name_is_offered(store):
    frame = pd.DataFrame({"customer_id": ["a"], "segmnt": ["b"]})
    with pytest.raises(DataError, match="segments: unknown column segmnt. Did you mean 'segment'?"):
        store.stage("06_segment_customers", "run1").write("segments", frame)


def test_an_open_table_has_further_columns_after_the_declared_ones(store):
    staging = store.stage(FEATURES, "run1")
    staging.write("features", pd.DataFrame({"spend_90d": [1.5], "customer_id": ["a"]}))
    assert list(staging.read("features").columns) == ["customer_id", "spend_90d"]


def test_a_table_without_its_key_is_refused(store):
    with pytest.raises(DataError, match="features: no column customer_id. Keys: customer_id"):
        store.stage(FEATURES, "run1").write("features", features().drop(columns="customer_id"))


def test_repeated_and_missing_keys_are_reported_together(store):
    frame = pd.DataFrame({"customer_id": ["a", "a", None], "recency_days": [1, 2, 3]})
    with pytest.raises(DataError) as caught:
        store.stage(FEATURES, "run1").write("features", frame)
    assert [str(fault) for fault in caught.value.faults] == [
        "features: 1 rows without customer_id.",
        "features: 1 rows repeat customer_id. One row per customer_id.",
    ]


def test_contact_columns_stay_out_of_every_table(store):
    frame = pd.DataFrame({"customer_id": ["a"], "phone": ["1"], "name": ["n"]})
    with pytest.raises(DataError) as caught:
        store.stage(QUALITY, "run1").write("customers", frame)
    assert [fault.found for fault in caught.value.faults] == ["contact column name", "contact column phone"]


def test_columns_are_cast_to_the_schema_and_money_stays_exact(store):
    staging = store.stage(QUALITY, "run1")
    staging.write("transactions", orders())
    table = staging.read("transactions")
    kinds = {name: str(kind) for name, kind in table.schema().items()}
    assert kinds["amount"] == "decimal(18, 4)"
    assert kinds["order_id"] == "string"
    amounts = [row[0] for row in store.engine.raw_sql(f"SELECT amount FROM '{staging.folder}/*.parquet'").fetchall()]
    assert amounts == [Decimal("10.1000"), Decimal("0.0050"), Decimal("-3.5000")]


def test_ids_keep_their_leading_zeros(store):
    publish(store, orders(), stage=QUALITY, table="transactions")
    assert "007" in store.read("transactions").customer_id.execute().tolist()


def test_a_table_of_one_row_per_customer_is_sorted_by_its_key(store):
    publish(store, features().iloc[::-1])
    assert store.frame("features")["customer_id"].is_monotonic_increasing


def test_a_table_without_rows_may_be_written(store):
    publish(store, features(0))
    assert len(store.frame("features")) == 0
    assert store.digest("features")


def test_only_its_owner_may_read_rejected_raw_text(store):
    frame = pd.DataFrame(
        {"source": ["orders"], "file": ["a"], "line": [2], "column": [""], "code": ["x"], "raw": ["y"]}
    )
    folder = publish(store, frame, stage=QUALITY, table="rejects")
    assert stat.S_IMODE((folder / "rejects.parquet").stat().st_mode) == 0o600


def test_writing_does_not_change_the_frame(store):
    frame = features()
    before = frame.copy(deep=True)
    publish(store, frame)
    pd.testing.assert_frame_equal(frame, before)


# reading ------------------------------------------------------------------------------------


def test_raw_rows_do_not_become_pandas(store):
    publish(store, orders(), stage=QUALITY, table="transactions")
    with pytest.raises(DataError, match="transactions holds raw rows, which do not become pandas. Aggregate them"):
        store.frame("transactions")
    assert isinstance(store.read("transactions"), ibis.Table)
    assert set(store.canonical()) == {"transactions"}


def test_customers_may_become_pandas_and_decimals_are_floats(store):
    publish(store, pd.DataFrame({"customer_id": ["a"]}), stage=QUALITY, table="customers")
    assert store.frame("customers")["customer_id"].tolist() == ["a"]
    frame = to_pandas(ibis.memtable(orders()).mutate(amount=ibis._.amount.cast("decimal(18, 4)")))
    assert frame["amount"].dtype == "float64"


def test_only_the_requested_columns_are_read(store):
    publish(store)
    assert list(store.frame("features", ["recency_days"]).columns) == ["recency_days"]


# digests and bytes -------------------------------------------------------------------------------


def digest(frame):
    engine = connect(memory_limit_gb=0.5, threads=1)
    return digest_table(engine.create_table("t", frame, overwrite=True))


def test_a_digest_does_not_depend_on_row_or_column_order():
    frame = features(50, spend_90d=[i / 7 for i in range(50)])
    shuffled = frame.sample(frac=1, random_state=3)[["spend_90d", "recency_days", "customer_id"]]
    assert digest(frame) == digest(shuffled)


@pytest.mark.parametrize(
    ("row", "column", "value"),
    [(0, "customer_id", "C0"), (3, "recency_days", 4), (5, "spend", 0.0), (2, "spend", None), (1, "city", "")],
)
def test_a_change_of_any_cell_changes_the_digest(row, column, value):
    frame = features(spend=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], city=["a", None, "b", "c", "d", "e"])
    changed = frame.copy()
    changed.loc[row, column] = value
    assert digest(changed) != digest(frame)


def test_swapped_cells_repeated_rows_names_and_types_change_the_digest():
    frame = features(2, spend=[1.0, 2.0])
    assert digest(frame.assign(spend=[2.0, 1.0])) != digest(frame)
    assert digest(pd.concat([frame, frame])) != digest(frame)
    assert digest(frame.rename(columns={"spend": "spent"})) != digest(frame)
    assert digest(frame.assign(spend=[1, 2])) != digest(frame)


def test_the_same_rows_give_the_same_bytes_on_any_number_of_threads(workspace):
    frame = features(5_000, spend=[i / 7 for i in range(5_000)])
    digests = set()
    for run, threads in (("a", 1), ("b", 2), ("c", 2)):
        store = Store(workspace, "shop", memory_limit_gb=0.5, threads=threads)
        staging = store.stage(FEATURES, run)
        staging.write("features", frame.sample(frac=1, random_state=threads))
        digests.add(files.digest_file(staging.folder / "features.parquet"))
    assert len(digests) == 1


def test_the_digest_is_the_same_before_and_after_publishing(store):
    staging = store.stage(FEATURES, "run1")
    staging.write("features", features())
    before = staging.digest("features")
    staging.publish()
    assert store.digest("features") == before


def test_the_row_count_is_that_on_disk(store):
    folder = publish(store, features(7))
    assert pq.read_metadata(folder / "features.parquet").num_rows == 7


def test_an_engine_has_limits_and_spills_into_its_scratch_folder(tmp_path):
    scratch = tmp_path / "it's here"
    engine = connect(memory_limit_gb=0.5, threads=1, scratch=scratch)
    names = ("threads", "TimeZone", "temp_directory")
    settings = {name: engine.raw_sql(f"SELECT current_setting('{name}')").fetchall()[0][0] for name in names}
    assert settings == {"threads": 1, "TimeZone": "UTC", "temp_directory": str(scratch)}
