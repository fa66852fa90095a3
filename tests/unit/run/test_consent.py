"""Consents and never-contact files as they are at this moment, with merged records and refusals of bad files."""

import pandas as pd
import pytest

from workbench.core.errors import DataError, WorkbenchError
from workbench.core.params.profile import load_profile
from workbench.core.store.tables import Store
from workbench.core.workspace import Workspace
from workbench.run.flows.check import check_sources
from workbench.run.services.consent import ConsentService

DAY = pd.Timestamp("2024-07-01").date()
PROFILE = """\
sources:
  crm: {path: data/raw/crm.csv, table: customers, columns: {customer_id: id}}
  web: {path: data/raw/web.csv, table: customers, columns: {customer_id: id}}
  words:
    path: data/raw/words.csv
    table: consents
    people: crm
    columns: {customer_id: id, purpose: use, granted: yes_no, changed_at: day}
  web_words:
    path: data/raw/web_words.csv
    table: consents
    people: web
    columns: {customer_id: id, purpose: use, granted: yes_no, changed_at: day}
consent: {words: {marketing: [Mailing]}}
never_contact: [data/raw/stop.csv]
"""
IDENTITIES = pd.DataFrame(
    [("crm", "1", "P1", 1.0), ("web", "1", "P2", 1.0), ("web", "9", "P1", 1.0), ("crm", "3", "P3", 1.0)],
    columns=["source", "source_id", "customer_id", "match_probability"],
)


@pytest.fixture
def service(tmp_path):
    for name in ("params", "data/raw", "data/processed/shop"):
        (tmp_path / name).mkdir(parents=True)
    write(tmp_path, "stop.csv", "source_id,source\n1,web\n")
    write(tmp_path, "words.csv", "id,use,yes_no,day\n1,mailing,yes,2024-05-01\n3,Mailing,yes,2024-05-01\n")
    write(tmp_path, "web_words.csv", "id,use,yes_no,day\n1,mailing,yes,2024-05-01\n")
    (tmp_path / "params/shop.yaml").write_text(PROFILE, encoding="utf-8")
    IDENTITIES.to_parquet(tmp_path / "data/processed/shop/identities.parquet")
    features = pd.DataFrame({"customer_id": ["P1", "P2", "P3"]})
    features.to_parquet(tmp_path / "data/processed/shop/features.parquet")
    workspace = Workspace(tmp_path.resolve())
    return ConsentService(workspace, load_profile(workspace, "shop"), Store(workspace, "shop"), DAY)


def write(root, name, text):
    (root / "data/raw" / name).write_text(text, encoding="utf-8")


def reasons(service, purpose="marketing"):
    verdicts = service.verdicts(service.store.read("features"), purpose).to_pandas()
    return {row.customer_id: None if row.permitted else row.reason for row in verdicts.itertuples()}


def test_words_of_the_source_purposes_records_and_never_contact_files_are_read_together(service):
    assert reasons(service) == {"P1": None, "P2": "never_contact", "P3": None}
    assert reasons(service, "research") == {"P1": "refused", "P2": "never_contact", "P3": "refused"}
    assert service.keep_ids(["P3", "P2", "P1"], "marketing") == ["P3", "P1"]
    assert service.keep_ids([], "marketing") == []


def test_a_refusal_after_the_run_counts_at_once(service):
    write(service.workspace.root, "words.csv", "id,use,yes_no,day\n1,mailing,yes,2024-05-01\n3,mailing,no,2024-08-01\n")
    assert reasons(service)["P3"] == "refused"


def test_one_refusal_of_merged_records_counts_for_all_though_it_is_older(service):
    write(service.workspace.root, "web_words.csv", "id,use,yes_no,day\n9,mailing,no,2023-01-01\n")
    assert reasons(service)["P1"] == "refused"


def test_without_a_source_an_id_of_any_source_is_meant(service):
    write(service.workspace.root, "stop.csv", "source_id\n1\n")
    assert service.never_contact() == {"P1", "P2"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source_id\n77\n", "data/raw/stop.csv: none of its 1 ids is a customer. Ids as in the sources"),
        ("id\n1\n", "data/raw/stop.csv: columns id. A column source_id. Rename the column."),
    ],
)
def test_a_never_contact_file_that_means_nobody_is_refused(service, text, message):
    write(service.workspace.root, "stop.csv", text)
    with pytest.raises(DataError, match=message.split(". ")[0]) as caught:
        reasons(service)
    assert message in str(caught.value)


def test_a_missing_file_is_refused_before_a_run_and_by_every_list(service):
    (service.workspace.root / "data/raw/stop.csv").unlink()
    with pytest.raises(DataError, match="never_contact: no file data/raw/stop.csv"):
        reasons(service)
    with pytest.raises(WorkbenchError, match=r"params/shop.yaml, line \d+: no file data/raw/stop.csv"):
        check_sources(service.workspace, service.profile)


def test_consents_that_cannot_be_read_are_refused(service):
    (service.workspace.root / "data/raw/words.csv").unlink()
    with pytest.raises(DataError, match="words"):
        reasons(service)


def test_an_empty_never_contact_file_stops_nobody(service):
    write(service.workspace.root, "stop.csv", "source_id\n")
    assert service.never_contact() == set()
