"""Audiences from rule to file: counts, consent, suppression, versions, pages, refusals."""

import datetime as dt
import json
import shutil
import sqlite3

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from workbench.core.errors import DataError, ProfileError
from workbench.core.workspace import find_workspace
from workbench.report.cards.audience import told_funnel
from workbench.run.commands.cli import app
from workbench.run.services.audience_pages import read_crosses, write_audience_pages
from workbench.run.services.audiences import AudienceService

CUSTOMERS = 300


def with_customers(workspace):
    """Give the tiny profile of a workspace features, rfm, orders and consents of 300 customers."""
    rng = np.random.default_rng(1)
    ids = [f"{at:06d}" for at in range(CUSTOMERS)]
    recency = rng.integers(1, 400, CUSTOMERS)
    features = pd.DataFrame({
        "customer_id": ids, "recency_days": recency, "monetary_total": np.round(rng.gamma(2, 100, CUSTOMERS), 2),
        "city": rng.choice(["上海", "=HYPERLINK(1)", "北京"], CUSTOMERS), "frequency_orders": 1 + rng.integers(0, 5, CUSTOMERS),
    })  # fmt: skip
    rfm = pd.DataFrame({"customer_id": ids, "rfm_type": np.where(recency < 100, "important_value", "general_winback")})
    orders = pd.DataFrame({
        "order_id": ids, "customer_id": ids, "amount": 10.0,
        "ordered_at": pd.Timestamp("2025-07-01") - pd.to_timedelta(recency, unit="D"),
    })  # fmt: skip
    consents = pd.DataFrame({
        "customer_id": ids, "purpose": "marketing", "granted": np.arange(CUSTOMERS) % 3 > 0,
        "changed_at": pd.Timestamp("2025-01-01"),
    })  # fmt: skip
    folder = workspace / "data/processed/tiny"
    for name, frame in {"features": features, "rfm": rfm, "transactions": orders, "consents": consents}.items():
        folder.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(folder / f"{name}.parquet")
    current = folder / ".stages/03_build_features/current"
    current.mkdir(parents=True)
    (current / "summary.json").write_text(json.dumps({"as_of": "2025-07-01"}), encoding="utf-8")
    return workspace


@pytest.fixture
def root(fresh_workspace):
    """A workspace in which the tiny profile has customers."""
    return with_customers(fresh_workspace)


@pytest.fixture(scope="module")
def pages(tmp_path_factory, repository):
    """An estimate and its page in English and Chinese, of customers with tags, some of them nasty."""
    workspace = tmp_path_factory.mktemp("pages")
    shutil.copytree(repository / "params", workspace / "params")
    at = np.arange(CUSTOMERS)
    tags = pd.DataFrame({
        "customer_id": [f"{each:06d}" for each in at], "as_of": pd.Timestamp("2025-07-01"),
        "life_cycle": np.where(at % 2, "active", "lost"), "spend_band": np.where(at % 4 > 1, "high", "top"),
        "media_habit": "<b>price</b>", "city_tier": np.where(at % 3, "first", "other"),
    })  # fmt: skip
    tags.to_parquet(with_customers(workspace) / "data/processed/tiny/portraits.parquet")
    service = AudienceService(find_workspace(workspace), "tiny")
    found = service.estimate(service.rule("recency_days < 100"))
    return found, *(path.read_text(encoding="utf-8") for path in write_audience_pages(service, found))


@pytest.fixture
def service(root):
    return AudienceService(find_workspace(root), "tiny")


def test_an_estimate_counts_members_and_those_who_may_be_reached(service):
    found = service.estimate(service.rule("recency_days < 100"))
    features = service.store.frame("features")
    inside = features[features["recency_days"] < 100]
    assert (found.as_of, found.members) == (dt.date(2025, 7, 1), len(inside))
    assert found.reachable == (inside["customer_id"].astype(int) % 3 > 0).sum()


def test_an_export_holds_only_those_who_may_be_reached_and_no_formula(service, root):
    (root / "params/audiences/near.yaml").write_text(
        "purpose: marketing\nwhere: recency_days < 100\ncolumns: [city]\nsuppress: data/raw/never.csv\n",
        encoding="utf-8",
    )
    (root / "data/raw").mkdir(parents=True, exist_ok=True)
    never = next(
        each for each in service.store.frame("features").query("recency_days < 100")["customer_id"] if int(each) % 3
    )
    (root / "data/raw/never.csv").write_text(f"customer_id\n{never}\n", encoding="utf-8")
    manifest = service.export(service.rule("near"), "csv")
    written = pd.read_csv(root / manifest["target"], dtype=str, encoding="utf-8-sig")
    assert never not in set(written["customer_id"])
    assert (written["customer_id"].str.len() == 6).all()
    assert not written["city"].str.startswith("=").any()
    assert len(written) == manifest["exported"] < manifest["members"]
    assert (
        json.loads((root / manifest["target"]).with_name("manifest.json").read_text(encoding="utf-8"))["purpose"]
        == "marketing"
    )


def test_the_same_audience_has_the_same_version_in_every_form(service, root):
    rule = service.rule("rfm_type = 'important_value'")
    forms = ["csv", "parquet", "xlsx", "csv"]
    told = [service.export(rule, form) for form in forms]
    versions = {each["version"] for each in told}
    kept = json.loads((root / told[0]["target"]).with_name("manifest.json").read_text(encoding="utf-8"))
    assert [each["form"] for each in kept["exports"]] == forms
    other = service.export(service.rule("rfm_type = 'general_winback'"), "csv")["version"]
    assert len(versions) == 1
    assert other not in versions


def test_a_word_alone_is_the_name_of_a_rule(service):
    with pytest.raises(ProfileError, match="no rule 'everyone' in params/audiences"):
        service.rule("everyone")


def test_rows_are_written_back_to_a_database(service, tmp_path, monkeypatch):
    monkeypatch.setenv("CRM_URL", f"sqlite:///{tmp_path / 'crm.db'}")
    manifest = service.export(service.rule("recency_days < 50"), "sql", variable="CRM_URL")
    with sqlite3.connect(tmp_path / "crm.db") as connection:
        rows = connection.execute("select count(*), min(audience_version) from audience_expression").fetchone()
    assert rows == (manifest["exported"], manifest["version"])
    assert str(tmp_path) not in json.dumps(manifest)


@pytest.mark.parametrize(
    ("form", "variable", "error", "said"),
    [
        ("xls", None, ProfileError, "Did you mean 'xlsx'?"),
        ("sql", None, ProfileError, "--to NAME"),
        ("csv", "CRM_URL", ProfileError, "--to NAME"),
    ],
)
def test_what_cannot_be_exported_is_refused(service, form, variable, error, said):
    with pytest.raises(error, match=said):
        service.export(service.rule("recency_days < 50"), form, variable=variable)


def test_an_audience_of_nobody_is_counted_and_not_exported(service):
    rule = service.rule("recency_days < 0")
    assert service.estimate(rule).members == 0
    with pytest.raises(DataError, match="nobody to export"):
        service.export(rule, "csv")


def test_the_page_says_the_same_in_both_languages(pages):
    found, english, chinese = pages
    for page in (english, chinese):
        assert f"{found.members:,}" in page and "http" not in page.split("<main")[1]
        assert "=HYPERLINK(1)</script" not in page
    assert "人群" in chinese and f"{found.members} of {CUSTOMERS} customers" in english


def test_look_alikes_do_not_use_what_the_rule_names_or_what_counts_the_same_orders(service):
    alike = service.look_alikes(service.rule("recency_days < 100"))
    assert alike.left_out == ("frequency_orders", "monetary_total", "recency_days")
    assert len(alike.scores) == CUSTOMERS - service.estimate(service.rule("recency_days < 100")).members


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["recency_days < 100"], 0, "members"),
        (["recency_dayz < 100"], 2, "Did you mean 'recency_days'?"),
        (["nowhere.yaml"], 3, "no file nowhere.yaml"),
        (["../outside.yaml"], 2, "outside"),
    ],
)
def test_the_command_ends_with_the_code_of_its_fault(root, arguments, code, said):
    result = CliRunner().invoke(app, ["audience", *arguments, "--profile", "tiny", "--workspace", str(root)])
    if code == 0:
        assert (result.exit_code, said in result.output) == (0, True)
    else:
        assert result.exception.exit_code == code
        assert said in str(result.exception)


def test_a_word_that_no_customer_has_is_told_with_the_nearest(service, root):
    rule = service.rule("city in ('上海', '北京市') and recency_days < 100 or rfm_type = 'important_valu'")
    assert service.strange_values(rule) == [
        "no customer has city '北京市'. Did you mean '北京'?",
        "no customer has rfm_type 'important_valu'. Did you mean 'important_value'?",
    ]
    result = CliRunner().invoke(app, ["audience", "city = '上海市'", "--profile", "tiny", "--workspace", str(root)])
    assert "no customer has city '上海市'. Did you mean '上海'?" in result.output


def test_the_rules_that_ship_can_be_read(service):
    assert set(service.named) >= {"win_back_valuable", "promotion_responders", "browsers_without_order"}


def test_the_page_holds_the_whole_portrait_the_places_the_week_the_journey_and_the_cross_asked_for(pages):
    _, english, chinese = (each.split("<main")[1] if isinstance(each, str) else each for each in pages)
    for page, cross, block, tier in (
        (english, "Life-cycle stage by Net spend", "Attitudes and answers", "first tier"),
        (chinese, "人群内：生命周期阶段", "心理与态度", "一线"),
    ):
        assert cross in page
        assert block in page
        assert page.count("<img") == 3  # where they live, the week and the journey
        assert tier in page
        assert "&lt;b&gt;price" in page and "<b>price" not in page


@pytest.mark.parametrize(
    ("text", "said"),
    [("life_cycle", "Two tags, first:second"), ("a:a", "Two tags"), ("life_cicle:spend_band", "no tag 'life_cicle'")],
)
def test_a_cross_that_cannot_be_made_is_refused(service, text, said):
    with pytest.raises(ProfileError, match=said):
        read_crosses([text], service)


@pytest.mark.parametrize(
    ("language", "everybody", "without"), [("en", "all customers", "without: city"), ("zh", "全部客户", "排除：city")]
)
def test_the_funnel_is_told_in_either_language(service, root, language, everybody, without):
    rule = root / "params/audiences/outside_shanghai.yaml"
    rule.write_text("where: recency_days < 100\nexclude: [city = '上海']\n", encoding="utf-8")
    told = told_funnel(service.estimate(service.rule("params/audiences/outside_shanghai.yaml")).funnel, language)
    assert told.columns.tolist() == ["step", "alone", "left", "left_share"]
    assert told["step"].iloc[0] == everybody and told["left_share"].iloc[0] == 1
    assert told["step"].iloc[1].startswith("recency_days") and told["step"].iloc[2].startswith(without)
    words = ["audience", "outside_shanghai", "--profile", "tiny", "--workspace", str(root), "--language", language]
    output = CliRunner().invoke(app, words).output
    assert everybody in output and without in output and ("without" in output) == (language == "en")
    rule.unlink()


def test_a_purpose_nobody_was_asked_for_is_told_with_those_that_are_recorded(root):
    audience = root / "params/audiences/near.yaml"
    audience.write_text("purpose: profiling\nwhere: recency_days < 100\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["audience", "near", "--profile", "tiny", "--workspace", str(root)])
    assert "0 may be reached" in result.output
    assert "no consent is recorded for profiling; recorded: marketing; map the source's word to it" in result.output
    words = ["audience", "near", "--profile", "tiny", "--workspace", str(root), "--language", "zh"]
    assert "可触达\u20090\u2009位" in CliRunner().invoke(app, words).output
    with pytest.raises(DataError, match="nobody to export. Purposes asked for: marketing"):
        service = AudienceService(find_workspace(root), "tiny")
        service.export(service.rule("near"), "csv")
