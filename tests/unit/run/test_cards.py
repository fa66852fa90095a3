"""Cards from the tables of a run: expired tags, unknown customers, refusals, the customers of a report."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from typer.testing import CliRunner

from workbench.core.errors import DataError
from workbench.core.params.profile import load_profile
from workbench.core.workspace import find_workspace
from workbench.run.commands.cli import app
from workbench.run.services.cards import CardService

IDS = [f"{at:06d}" for at in range(12)]
AS_OF = pd.Timestamp("2025-07-01")


@pytest.fixture
def root(fresh_workspace):
    """A workspace whose tiny profile has features, tags, churn, segments and consents of twelve customers."""
    features = pd.DataFrame({"customer_id": IDS, "recency_days": range(12), "monetary_total": range(100, 1300, 100)})
    tags = pd.DataFrame({
        "customer_id": IDS, "tag": "gender", "item": "gender", "value": "female", "since": AS_OF, "as_of": AS_OF,
        "expires_at": [pd.Timestamp("2025-06-01"), *[pd.NaT] * 11], "evidence": "gender = female", "version": "1",
    })  # fmt: skip
    consents = pd.DataFrame({
        "customer_id": ["000001", "000002", "000002"], "purpose": "profiling", "granted": [False, False, True],
        "changed_at": pd.to_datetime(["2025-01-01", "2025-01-01", "2025-02-01"]),
    })  # fmt: skip
    churn = pd.DataFrame({"customer_id": IDS, "churn_probability": [at / 20 for at in range(12)]})
    segments = pd.DataFrame({"customer_id": IDS, "segment": ["many"] * 11 + ["few"], "definition_version": "v1"})
    folder = fresh_workspace / "data/processed/tiny"
    folder.mkdir(parents=True)
    tables = {"features": features, "tags": tags, "consents": consents, "churn": churn, "segments": segments}
    for name, frame in tables.items():
        frame.to_parquet(folder / f"{name}.parquet")
    current = folder / ".stages/03_build_features/current"
    current.mkdir(parents=True)
    (current / "summary.json").write_text(json.dumps({"as_of": "2025-07-01"}), encoding="utf-8")
    return fresh_workspace


def run_card(root, *arguments):
    return CliRunner().invoke(app, ["card", *arguments, "--profile", "tiny", "--workspace", str(root)])


def test_a_card_is_written_as_a_page_and_as_values(root):
    result = run_card(root, "000003")
    assert (result.exit_code, result.output.split()) == (
        0, ["reports/tiny/cards/000003.en.html", "reports/tiny/cards/000003.json"],
    )  # fmt: skip
    values = json.loads((root / "reports/tiny/cards/000003.json").read_text(encoding="utf-8"))
    assert (values["customer_id"], values["as_of"], values["risk"]["churn_probability"]) == (
        "000003",
        "2025-07-01",
        0.15,
    )


@pytest.mark.parametrize(("customer", "message"), [("000000", "expired"), ("000003", "fact")])
def test_an_expired_tag_is_marked_and_used_in_no_sentence(root, customer, message):
    run_card(root, customer)
    values = json.loads((root / f"reports/tiny/cards/{customer}.json").read_text(encoding="utf-8"))
    page = (root / f"reports/tiny/cards/{customer}.en.html").read_text(encoding="utf-8")
    assert f"<small>{message}</small>" in page
    assert (values["sentence"] == []) == (message == "expired")


def birthdays(root, *, as_of="2025-07-01", dates=None):
    """Return the next birthdays of two customers, from a birth date each."""
    people = pd.DataFrame({"customer_id": IDS[:2], "birth_date": pd.to_datetime(["1990-08-02", "1988-02-29"])})
    people.to_parquet(root / "data/processed/tiny/customers.parquet")
    summary = root / "data/processed/tiny/.stages/03_build_features/current/summary.json"
    summary.write_text(json.dumps({"as_of": as_of}), encoding="utf-8")
    profile = load_profile(find_workspace(root), "tiny")
    sources = {
        name: source.model_copy(update={"formats": source.formats.model_copy(update={"dates": dates})})
        for name, source in profile.sources.items()
    }
    service = CardService(find_workspace(root), "tiny", profile=replace(profile, sources=sources))
    return dict(service._birthdays(IDS[:2]).itertuples(index=False))


def test_the_next_birthday_needs_a_known_day(root):
    assert birthdays(root) == {IDS[0]: pd.Timestamp("2025-08-02"), IDS[1]: pd.Timestamp("2026-03-01")}
    assert birthdays(root, dates={"birth_date": "%Y%m%d"}) != {}


def test_without_an_as_of_date_or_days_of_birth_there_is_no_next_birthday(root):
    assert birthdays(root, as_of=None) == {}
    assert birthdays(root, dates={"birth_date": ["%Y", "%Y-%m"]}) == {}


def test_a_customer_who_refused_profiling_has_only_a_header(root):
    refused, granted = CardService(find_workspace(root), "tiny").cards(["000001", "000002"])
    assert (refused.opted_out, refused.tags, granted.opted_out, len(granted.tags)) == (True, (), False, 1)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["00000x"], 3, "Did you mean '0000"),
        (["000003", "nobody"], 3, "no customer 'nobody'"),
        (["000003", "--contact"], 3, "key of the vault"),
        (["000003", "--language", "fr"], 2, "Expected en or zh"),
    ],
)
def test_a_card_that_cannot_be_made_is_refused_with_its_exit_code(root, arguments, code, message):
    error = run_card(root, *arguments).exception
    assert (error.exit_code, message in str(error)) == (code, True)
    assert not (root / "reports/tiny/cards/nobody.json").exists()


def test_all_unknown_customers_are_named_together(root):
    with pytest.raises(DataError) as caught:
        CardService(find_workspace(root), "tiny").cards(["a", "000003", "b"])
    assert len(caught.value.faults) == 2


def test_without_tags_there_is_no_card(root):
    (root / "data/processed/tiny/tags.parquet").unlink()
    assert run_card(root, "000003").exception.exit_code == 3


def test_a_report_has_all_customers_if_few_else_some_at_risk_and_some_of_every_segment(root):
    service = CardService(find_workspace(root), "tiny")
    assert service.ids_for_report(12) == IDS
    customers = service.ids_for_report(4)
    assert len(customers) == 4
    assert {"000011", "000010"} <= set(customers)  # the two most likely to leave; the first is alone in its segment


def test_the_first_of_every_list_have_a_card_besides(root):
    service = CardService(find_workspace(root), "tiny")
    chosen = set(service.ids_for_report(4))
    others = [customer for customer in IDS if customer not in chosen]
    lists = {"contact_list": others[:4], "keep_list": others[3:]}
    customers = service.ids_for_report(4, lists, most_listed=2)
    assert customers == sorted({*chosen, *others[:2], *others[3:5]})
