"""``workbench score``: only the registered champion and its own files, clear refusals, counted rare values."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.churn.models.fitting import Recipe, Training, fit_candidate, pinned
from workbench.analysis.churn.models.results import ChurnResult
from workbench.analysis.churn.saved import TRUSTED, pack_churn, unpack_churn
from workbench.analysis.churn.study import ChurnStudy
from workbench.analysis.model_columns import choose_columns, tidy
from workbench.analysis.saved_models import SavedModel, dump_pipeline, load_pipeline
from workbench.core.errors import DataError, ProfileError
from workbench.core.store.tables import Store
from workbench.core.workspace import Workspace
from workbench.run.artifacts.context import new_run_id
from workbench.run.artifacts.model_files import digest_model, write_model
from workbench.run.services.scoring import score_profile
from workbench.run.tracking.runs import Tracker

PROFILE = """profile: shop
as_of: 2024-03-01
sources:
  people: {path: data/raw/people.csv, table: customers, columns: {customer_id: id}}
run: {stages: [01_check_quality, 03_build_features, 08_predict_churn, 14_write_report]}
"""


def customers(n=300):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"customer_id": [f"c{at:03}" for at in range(n)]})
    frame["tenure"] = rng.integers(1, 70, n)
    frame["plan"] = rng.choice(["basic", "plus"], n)
    frame["label"] = (rng.random(n) < 1 / (1 + np.exp(0.08 * (frame["tenure"] - 30)))).astype(int)
    return frame


@pytest.fixture(scope="module")
def saved():
    frame = customers()
    columns = choose_columns(frame)
    train = Training(tidy(frame, columns), frame["label"].to_numpy(), columns)
    with pinned():
        model = fit_candidate("logistic", Recipe(columns), train)
    nothing = pd.DataFrame(columns=["alarm", "feature", "auc"])
    result = ChurnResult("model", "random", {}, {"auc": 0.8}, alarms=nothing, model=model, model_version="abc123")
    return pack_churn(ChurnStudy("undated_labels", "model", result), frame, as_of="", label_name="churn")


@pytest.fixture
def shop(tmp_path, saved):
    """A workspace with features and one registered churn model."""
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "shop.yaml").write_text(PROFILE, encoding="utf-8")
    workspace = Workspace(tmp_path)
    keep_features(workspace, customers().drop(columns="label"))
    register(workspace, saved)
    return workspace


def keep_features(workspace: Workspace, frame: pd.DataFrame) -> None:
    store, run_id = Store(workspace, "shop"), new_run_id()
    store.stage("03_build_features", run_id).write("features", frame)
    store.publish("03_build_features", run_id)


def register(workspace: Workspace, model: SavedModel, run_id: str = "r1") -> Path:
    folder = workspace.root / "staged" / model.version
    write_model(folder / "model", model, {"en": "# card\n", "zh": "# 卡\n"})
    tracker = Tracker(workspace, "shop")
    summary = {"stage": "08_predict_churn", "run_id": run_id, "status": "done", "metrics": {}, "settings": {}}
    tracker.log_stage(None, summary, folder)
    return tracker.models("churn").versions()[0].folder


def test_the_champion_scores_all_customers_without_training_and_is_logged(shop, saved):
    (result,) = score_profile(shop, "shop")
    assert (result.kind, result.version, result.number, result.rows, result.notes) == ("churn", "abc123", 1, 300, {})
    scores = pd.read_parquet(result.path)
    assert list(scores.columns) == [
        "customer_id", "churn_probability", "purchase_probability", "cut_off", "model_version"
    ]  # fmt: skip
    expected = unpack_churn(saved).predict(customers()).round(6)
    assert scores["churn_probability"].to_numpy() == pytest.approx(expected)
    tracker = Tracker(shop, "shop")
    runs = tracker.client.search_runs([tracker.experiment], filter_string="params.model = 'churn-shop'")
    assert [run.data.params["model_version"] for run in runs] == ["abc123"]
    registered = tracker.models("churn").find()
    names = {path.name for path in registered.folder.iterdir()}
    assert {"model.json", "model.skops", "MLmodel", "model_card.en.md"} <= names
    assert tracker.client.get_model_version("churn-shop", "1").description == "# card\n\n---\n\n# 卡"


def test_csv_is_safe_and_holds_the_same_rows(shop, tmp_path):
    keep_features(shop, customers().drop(columns="label").assign(customer_id=lambda t: "=" + t["customer_id"]))
    (result,) = score_profile(shop, "shop", out=tmp_path / "out", form=".csv")
    text = result.path.read_bytes()
    assert text.startswith(b"\xef\xbb\xbf") and b"'=c000" in text and text.count(b"\n") == 301


@pytest.mark.parametrize("name", ["model.skops", "model.json"])
def test_a_model_file_with_another_digest_is_refused(shop, name):
    path = Tracker(shop, "shop").models("churn").find().folder / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(DataError, match="its digest is .* registered was .*The model that was registered"):
        score_profile(shop, "shop")
    path.unlink()
    with pytest.raises(DataError, match="the file is missing"):
        score_profile(shop, "shop")


def test_every_feature_that_is_missing_is_named(shop):
    keep_features(shop, customers()[["customer_id"]].assign(tenur=1))
    with pytest.raises(DataError) as error:
        score_profile(shop, "shop")
    assert "column 'plan' is missing" in str(error.value) and "column 'tenure' is missing" in str(error.value)
    assert "tenur" in str(error.value)


def test_unseen_values_are_scored_as_rare_ones_and_counted(shop):
    keep_features(shop, customers().drop(columns="label").assign(plan=["gold"] * 7 + ["plus"] * 293))
    (result,) = score_profile(shop, "shop")
    assert result.notes == {"plan": 7} and result.rows == 300


def test_nothing_registered_and_an_unknown_kind_are_refused(tmp_path, shop):
    with pytest.raises(ProfileError, match="no model of kind 'churm'"):
        score_profile(shop, "shop", kind="churm")
    with pytest.raises(ProfileError, match="One of .parquet and .csv"):
        score_profile(shop, "shop", form=".xls")
    (tmp_path / "bare" / "params").mkdir(parents=True)
    (tmp_path / "bare" / "params" / "shop.yaml").write_text(PROFILE, encoding="utf-8")
    with pytest.raises(ProfileError, match="nothing is tracked yet"):
        score_profile(Workspace(tmp_path / "bare"), "shop")


def test_a_model_with_leak_alarms_does_not_become_the_champion(shop, saved):
    leaky = replace(saved, version="def456", facts={**saved.facts, "leak_alarms": 2})
    register(shop, leaky, "r2")
    registry = Tracker(shop, "shop").models("churn")
    assert registry.find().version == "abc123"
    assert registry.find("def456").tags["not_champion_because"] == "2 leak alarms"
    register(shop, replace(saved, version="fed789"), "r3")
    assert registry.find().version == "fed789"
    register(shop, replace(saved, version="fed789"), "r4")
    assert len(registry.versions()) == 3  # the same model again makes no new version


def test_without_a_champion_the_reason_is_reported(tmp_path, saved):
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "shop.yaml").write_text(PROFILE, encoding="utf-8")
    workspace = Workspace(tmp_path)
    keep_features(workspace, customers().drop(columns="label"))
    register(workspace, replace(saved, facts={**saved.facts, "leak_alarms": 2}))
    message = "churn-shop: no version is the champion; the newest, 1, is not because of 2 leak alarms"
    with pytest.raises(ProfileError, match=message):
        score_profile(workspace, "shop")


def test_a_type_outside_the_list_is_not_loaded(saved):
    from collections import Counter

    body = dump_pipeline(Counter("ab"))
    with pytest.raises(DataError, match="types that are not on our list: collections.Counter"):
        load_pipeline(body, trusted=TRUSTED)
    facts = json.loads(saved.to_json())
    assert facts["inputs"] == {"tenure": "number", "plan": "text"}
    with pytest.raises(DataError, match="not the pipeline that model.json names"):
        SavedModel.from_json(saved.to_json(), b"other")
    with pytest.raises(DataError, match="not a saved model"):
        SavedModel.from_json("[]", b"")


def test_the_digest_depends_on_both_files(tmp_path, saved):
    write_model(tmp_path, saved, {})
    before = digest_model(tmp_path)
    (tmp_path / "model.json").write_text(saved.to_json().replace("0", "1", 1), encoding="utf-8")
    assert digest_model(tmp_path) != before
