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
from workbench.core.params.profile import load_profile
from workbench.core.workspace import find_workspace
from workbench.report.cards.audience import label_funnel
from workbench.run.commands.cli import app
from workbench.run.definitions.tag_purposes import PURPOSES_FILE, acknowledged_purposes
from workbench.run.definitions.tag_registry import registry_of
from workbench.run.services.audience_pages import read_crosses, write_audience_pages
from workbench.run.services.audiences import AudienceService

CUSTOMERS = 300
SOURCE = """sources:
  consents:
    path: data/raw/consents.csv
    table: consents
    columns: {customer_id: customer_id, purpose: purpose, granted: granted, changed_at: changed_at}
"""


def with_customers(workspace):
    """Write features, rfm, orders and consents of 300 customers for the tiny profile of a workspace."""
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
    (workspace / "data/raw").mkdir(exist_ok=True)
    consents.to_csv(workspace / "data/raw/consents.csv", index=False)
    profile = workspace / "params/tiny.yaml"
    text = profile.read_text(encoding="utf-8").replace("sources:\n", SOURCE, 1)
    profile.write_text(text, encoding="utf-8")
    current = folder / ".stages/03_build_features/current"
    current.mkdir(parents=True)
    (current / "summary.json").write_text(json.dumps({"as_of": "2025-07-01"}), encoding="utf-8")
    return workspace


@pytest.fixture
def root(fresh_workspace):
    """A workspace whose tiny profile has customers."""
    return with_customers(fresh_workspace)


@pytest.fixture(scope="module")
def pages(tmp_path_factory, repository):
    """An estimate and its page in English and Chinese, for customers with tags, some of them malicious."""
    workspace = tmp_path_factory.mktemp("pages")
    shutil.copytree(repository / "params", workspace / "params")
    at = np.arange(CUSTOMERS)
    tags = pd.DataFrame({
        "customer_id": [f"{number:06d}" for number in at], "as_of": pd.Timestamp("2025-07-01"),
        "life_cycle": np.where(at % 2, "active", "lost"), "spend_band": np.where(at % 4 > 1, "high", "top"),
        "media_habit": "<b>price</b>", "city_tier": np.where(at % 3, "first", "other"),
    })  # fmt: skip
    tags.to_parquet(with_customers(workspace) / "data/processed/tiny/portraits.parquet")
    service = AudienceService(find_workspace(workspace), "tiny")
    estimate = service.estimate(service.rule("recency_days < 100"))
    return estimate, *(path.read_text(encoding="utf-8") for path in write_audience_pages(service, estimate))


@pytest.fixture
def service(root):
    return AudienceService(find_workspace(root), "tiny")


def test_an_estimate_counts_members_and_reachable_members(service):
    estimate = service.estimate(service.rule("recency_days < 100"))
    features = service.store.frame("features")
    inside = features[features["recency_days"] < 100]
    assert (estimate.as_of, estimate.members) == (dt.date(2025, 7, 1), len(inside))
    assert estimate.reachable == (inside["customer_id"].astype(int) % 3 > 0).sum()


def test_an_export_has_only_reachable_members_and_no_formula(service, root):
    (root / "params/audiences/near.yaml").write_text(
        "purpose: marketing\nwhere: recency_days < 100\ncolumns: [city]\nsuppress: data/raw/never.csv\n",
        encoding="utf-8",
    )
    (root / "data/raw").mkdir(parents=True, exist_ok=True)
    inside = service.store.frame("features").query("recency_days < 100")["customer_id"]
    suppressed = next(customer for customer in inside if int(customer) % 3)
    (root / "data/raw/never.csv").write_text(f"customer_id\n{suppressed}\n", encoding="utf-8")
    manifest = service.export(service.rule("near"), "csv")
    written = pd.read_csv(root / manifest["target"], dtype=str, encoding="utf-8-sig")
    assert suppressed not in set(written["customer_id"])
    assert (written["customer_id"].str.len() == 6).all()
    assert not written["city"].str.startswith("=").any()
    assert len(written) == manifest["exported"] < manifest["members"]
    assert (
        json.loads((root / manifest["target"]).with_name("manifest.json").read_text(encoding="utf-8"))["purpose"]
        == "marketing"
    )


def suppressing(root, ids):
    rule = "purpose: marketing\nwhere: recency_days >= 0\nsuppress: data/raw/never.csv\n"
    (root / "params/audiences/all.yaml").write_text(rule, encoding="utf-8")
    (root / "data/raw/never.csv").write_text("customer_id\n" + "\n".join(ids) + "\n", encoding="utf-8")
    service = AudienceService(find_workspace(root), "tiny")
    return service.estimate(service.rule("all"))


def with_identities(root):
    identities = pd.DataFrame({"source": "crm", "source_id": [f"C{at}" for at in range(CUSTOMERS)]})
    identities["customer_id"] = [f"{at:06d}" for at in range(CUSTOMERS)]
    identities.assign(match_probability=1.0).to_parquet(root / "data/processed/tiny/identities.parquet")


def test_ids_of_a_source_suppress_as_ours_do(root):
    everybody = suppressing(root, ["000001"]).reachable
    with_identities(root)
    assert everybody == 199
    assert suppressing(root, ["C1"]).reachable == 199
    assert suppressing(root, [f"C{at}" for at in range(CUSTOMERS)]).reachable == 0
    assert suppressing(root, ["C1", "000002", "gone"]).reachable == 198


def test_a_list_of_ids_that_nobody_has_is_refused(root):
    with pytest.raises(DataError, match=r"data/raw/never.csv: none of its 2 ids is a customer"):
        suppressing(root, ["C1", "C2"])


def test_a_refusal_after_the_as_of_date_is_obeyed_by_an_export(root):
    path = root / "data/raw/consents.csv"
    path.write_text(path.read_text(encoding="utf-8") + "000001,marketing,False,2025-07-15\n", encoding="utf-8")
    service = AudienceService(find_workspace(root), "tiny")
    manifest = service.export(service.rule("recency_days >= 0"), "csv")
    written = pd.read_csv(root / manifest["target"], dtype=str, encoding="utf-8-sig")
    assert len(written) == 199 and "000001" not in set(written.customer_id)


def test_the_same_audience_has_the_same_version_in_every_form(service, root):
    rule = service.rule("rfm_type = 'important_value'")
    forms = ["csv", "parquet", "xlsx", "csv"]
    manifests = [service.export(rule, form) for form in forms]
    versions = {manifest["version"] for manifest in manifests}
    stored = json.loads((root / manifests[0]["target"]).with_name("manifest.json").read_text(encoding="utf-8"))
    assert [export["form"] for export in stored["exports"]] == forms
    other = service.export(service.rule("rfm_type = 'general_winback'"), "csv")["version"]
    assert len(versions) == 1
    assert other not in versions


def test_a_single_word_is_the_name_of_a_rule(service):
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
    ("form", "variable", "error", "message"),
    [
        ("xls", None, ProfileError, "Did you mean 'xlsx'?"),
        ("sql", None, ProfileError, "--to NAME"),
        ("csv", "CRM_URL", ProfileError, "--to NAME"),
    ],
)
def test_an_impossible_export_is_refused(service, form, variable, error, message):
    with pytest.raises(error, match=message):
        service.export(service.rule("recency_days < 50"), form, variable=variable)


def test_a_tag_whose_purpose_changed_is_exported_only_under_a_raised_version(root):
    portraits = pd.DataFrame({"customer_id": [f"{at:06d}" for at in range(CUSTOMERS)], "life_cycle": "active"})
    portraits.to_parquet(root / "data/processed/tiny/portraits.parquet")
    place = find_workspace(root)
    registry = registry_of(place, load_profile(place, "tiny"))
    purpose, version = registry.tags["life_cycle"].purpose, registry.tags["life_cycle"].version

    def publish():
        now = registry_of(place, load_profile(place, "tiny"))
        current = root / "data/processed/tiny/.stages/12_tag_customers/current"
        current.mkdir(parents=True, exist_ok=True)
        (current / PURPOSES_FILE).write_text(acknowledged_purposes(place, "tiny", now), encoding="utf-8")

    def export(rule):
        service = AudienceService(place, "tiny")
        return service.export(service.rule(rule), "csv")["exported"]

    publish()
    everybody = export("life_cycle = 'active'")
    file = next(
        path for path in sorted((root / "params/tags").glob("*.yaml")) if "  life_cycle:" in path.read_text("utf-8")
    )
    text = file.read_text(encoding="utf-8")
    changed = text.replace("  life_cycle:\n", "  life_cycle:\n    purpose: credit scoring\n", 1)
    file.write_text(changed, encoding="utf-8")
    for _ in range(2):  # computing the tag again acknowledges nothing
        with pytest.raises(ProfileError) as caught:
            export("life_cycle = 'active'")
        fault = caught.value.faults[0]
        assert fault.where == "tag life_cycle"
        assert fault.found == f"its purpose changed from “{purpose}” to “credit scoring”"
        assert f"version: {version + 1}" in fault.remedy
        publish()
    assert export("recency_days < 100") > 0  # rests on no tag
    raised = changed.replace("credit scoring\n", f"credit scoring\n    version: {version + 1}\n", 1)
    file.write_text(raised, encoding="utf-8")
    assert export("life_cycle = 'active'") == everybody
    publish()
    assert export("life_cycle = 'active'") == everybody


def test_an_empty_audience_is_counted_and_not_exported(service):
    rule = service.rule("recency_days < 0")
    assert service.estimate(rule).members == 0
    with pytest.raises(DataError, match="nobody to export"):
        service.export(rule, "csv")


def test_the_page_has_the_same_numbers_in_both_languages(pages):
    estimate, english, chinese = pages
    for page in (english, chinese):
        assert f"{estimate.members:,}" in page and "http" not in page.split("<main")[1]
        assert "=HYPERLINK(1)</script" not in page
    assert "人群" in chinese and f"{estimate.members} of {CUSTOMERS} customers" in english


def test_look_alikes_use_neither_columns_of_the_rule_nor_counts_of_the_same_orders(service):
    alike = service.look_alikes(service.rule("recency_days < 100"))
    assert alike.left_out == ("frequency_orders", "monetary_total", "recency_days")
    assert len(alike.scores) == CUSTOMERS - service.estimate(service.rule("recency_days < 100")).members


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["recency_days < 100"], 0, "members"),
        (["recency_dayz < 100"], 2, "Did you mean 'recency_days'?"),
        (["nowhere.yaml"], 3, "no file nowhere.yaml"),
        (["../outside.yaml"], 2, "outside"),
    ],
)
def test_the_exit_code_is_that_of_the_fault(root, arguments, code, message):
    result = CliRunner().invoke(app, ["audience", *arguments, "--profile", "tiny", "--workspace", str(root)])
    if code == 0:
        assert (result.exit_code, message in result.output) == (0, True)
    else:
        assert result.exception.exit_code == code
        assert message in str(result.exception)


def test_a_value_that_no_customer_has_is_reported_with_the_nearest(service, root):
    rule = service.rule("city in ('上海', '北京市') and recency_days < 100 or rfm_type = 'important_valu'")
    assert service.absent_values(rule) == [
        "no customer has city '北京市'. Did you mean '北京'?",
        "no customer has rfm_type 'important_valu'. Did you mean 'important_value'?",
    ]
    result = CliRunner().invoke(app, ["audience", "city = '上海市'", "--profile", "tiny", "--workspace", str(root)])
    assert "no customer has city '上海市'. Did you mean '上海'?" in result.output


def test_the_shipped_rules_can_be_read(service):
    assert set(service.named) >= {"win_back_valuable", "promotion_responders", "browsers_without_order"}


def test_the_page_has_the_whole_portrait_with_map_week_journey_and_cross_table(pages):
    _, english, chinese = (page.split("<main")[1] if isinstance(page, str) else page for page in pages)
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
    ("text", "message"),
    [("life_cycle", "Two tags, first:second"), ("a:a", "Two tags"), ("life_cicle:spend_band", "no tag 'life_cicle'")],
)
def test_an_invalid_cross_is_refused(service, text, message):
    with pytest.raises(ProfileError, match=message):
        read_crosses([text], service)


@pytest.mark.parametrize(
    ("language", "all_customers", "without"),
    [("en", "all customers", "without: city"), ("zh", "全部客户", "排除：city")],
)
def test_the_funnel_is_shown_in_either_language(service, root, language, all_customers, without):
    rule = root / "params/audiences/outside_shanghai.yaml"
    rule.write_text("where: recency_days < 100\nexclude: [city = '上海']\n", encoding="utf-8")
    funnel = label_funnel(service.estimate(service.rule("params/audiences/outside_shanghai.yaml")).funnel, language)
    assert funnel.columns.tolist() == ["step", "alone", "left", "left_share"]
    assert funnel["step"].iloc[0] == all_customers and funnel["left_share"].iloc[0] == 1
    assert funnel["step"].iloc[1].startswith("recency_days") and funnel["step"].iloc[2].startswith(without)
    words = ["audience", "outside_shanghai", "--profile", "tiny", "--workspace", str(root), "--language", language]
    output = CliRunner().invoke(app, words).output
    assert all_customers in output and without in output and ("without" in output) == (language == "en")
    rule.unlink()


def test_a_purpose_without_any_consent_is_reported_with_the_recorded_ones(root):
    audience = root / "params/audiences/near.yaml"
    audience.write_text("purpose: research\nwhere: recency_days < 100\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["audience", "near", "--profile", "tiny", "--workspace", str(root)])
    assert "0 may be contacted" in result.output
    assert "no consent is recorded for research; recorded: marketing; map the source's word to it" in result.output
    words = ["audience", "near", "--profile", "tiny", "--workspace", str(root), "--language", "zh"]
    assert "可触达\u20090\u2009位" in CliRunner().invoke(app, words).output
    with pytest.raises(DataError, match="nobody to export. Purposes with recorded consent: marketing"):
        service = AudienceService(find_workspace(root), "tiny")
        service.export(service.rule("near"), "csv")
