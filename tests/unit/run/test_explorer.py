"""The explorer finds, filters, shows and compares; text typed by customers cannot run in its frames."""

import json

import ibis
import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from workbench.core.workspace import find_workspace
from workbench.run.services.cards import CardService
from workbench.run.services.explorer import Explorer

IDS = [f"{at:06d}" for at in range(12)]
AS_OF = pd.Timestamp("2025-07-01")


@pytest.fixture
def root(fresh_workspace):
    features = pd.DataFrame({"customer_id": IDS, "recency_days": range(12), "monetary_total": range(100, 1300, 100)})
    genders = ["female", "male"] * 6
    portraits = pd.DataFrame(
        {"customer_id": IDS, "as_of": AS_OF.date(), "gender": genders, "city": ["<b>上海</b>"] * 12}
    )
    tags = pd.DataFrame({
        "customer_id": IDS, "tag": "gender", "item": "gender", "value": genders, "since": AS_OF, "as_of": AS_OF,
        "expires_at": pd.NaT, "evidence": "", "version": "1",
    })  # fmt: skip
    segments = pd.DataFrame({"customer_id": IDS, "segment": ["many"] * 10 + ["few"] * 2, "definition_version": "v1"})
    folder = fresh_workspace / "data/processed/tiny"
    folder.mkdir(parents=True)
    for name, frame in {"features": features, "portraits": portraits, "tags": tags, "segments": segments}.items():
        frame.to_parquet(folder / f"{name}.parquet")
    current = folder / ".stages/03_build_features/current"
    current.mkdir(parents=True)
    (current / "summary.json").write_text(json.dumps({"as_of": "2025-07-01"}), encoding="utf-8")
    return fresh_workspace


@pytest.fixture
def explorer(root):
    return Explorer(CardService(find_workspace(root), "tiny"))


def test_customers_are_found_by_id_and_by_tag(explorer):
    assert explorer.find("00001") == ["000010", "000011", "000001"]  # ids that start with it come first
    assert explorer.find("", "gender", "male") == IDS[1::2]
    assert explorer.find("00001", "gender", "male") == ["000011", "000001"]


def test_the_exact_id_comes_first(explorer, monkeypatch):
    ids = ibis.memtable({"customer_id": ["1906", "9061", "906", "77"]})
    monkeypatch.setitem(explorer.service.tables, "portraits", ids)
    assert explorer.find("906") == ["906", "9061", "1906"]


def test_every_customer_is_reached_page_by_page_in_the_order_of_numbers(explorer, monkeypatch):
    ids = [*map(str, range(450, 0, -1)), "B7", "A2"]
    monkeypatch.setitem(explorer.service.tables, "portraits", ibis.memtable({"customer_id": ids}))
    for drawn in ("_frame", "_table"):
        monkeypatch.setattr(explorer, drawn, lambda customer: customer)
    explorer._search()
    assert "452 customers on 3 pages of 200" in explorer.count.value
    seen = []
    for page in range(1, explorer.at.max + 1):
        explorer.at.value = page
        seen += explorer.customers.options
    assert seen == [*map(str, range(1, 451)), "A2", "B7"]
    explorer.search.value = "45"
    assert (explorer.at.value, explorer.at.max) == (1, 1)
    assert list(explorer.customers.options) == ["45", "450", "145", "245", "345", "445"]


def test_a_chosen_tag_offers_its_values_and_a_chosen_value_filters(explorer):
    explorer.tag.value = "gender"
    assert sorted(value for _, value in explorer.value.options) == ["", "female", "male"]
    explorer.value.value = "female"
    assert list(explorer.customers.options) == IDS[::2]


def test_the_first_customer_is_shown_with_another_beside_her(explorer):
    assert 'title="000000"' in explorer.card.value
    explorer.other.value = "000007"
    assert 'title="000007"' in explorer.beside.value
    explorer.other.value = "<img src=x>"
    assert "<img" not in explorer.beside.value


def test_a_card_is_shown_in_a_frame_without_scripts(explorer):
    assert explorer.card.value.startswith('<iframe sandbox=""')
    assert "<script" not in explorer.card.value
    explorer.tag.value = "city"
    assert ("<b>上海</b> (12)", "<b>上海</b>") in explorer.value.options  # a dropdown shows text as text


def test_a_customer_is_compared_with_her_segment(explorer):
    row = explorer.comparison("000004").set_index("feature").loc["recency_days"]
    assert (row["customer"], row["group_median"], row["base_median"], row["group_n"]) == (4.0, 4.5, 5.5, 10)


def test_without_a_match_nothing_is_shown(explorer):
    explorer.search.value = "nobody"
    assert (explorer.card.value, explorer.group.value, list(explorer.customers.options)) == ("", "", [])


@pytest.mark.slow
def test_the_notebook_runs_and_shows_the_explorer(root):
    path = root / "notebooks/explore_portraits.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cell = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    cell.source = cell.source.replace('"journey"', '"tiny"')
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(path.parent)}}).execute()
    outputs = [output for code in notebook.cells if code.cell_type == "code" for output in code.outputs]
    assert any("application/vnd.jupyter.widget-view+json" in output.get("data", {}) for output in outputs)
