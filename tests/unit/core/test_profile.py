"""A profile is read with its overrides; all its faults are reported together, with line and nearest name."""

import datetime as dt

import pytest

from workbench.core.errors import ProfileError
from workbench.core.params.profile import load_profile, profile_names
from workbench.core.stages import STAGES


def faults(workspace, **options):
    with pytest.raises(ProfileError) as caught:
        load_profile(workspace, "shop", **options)
    assert caught.value.exit_code == 2
    return [str(fault) for fault in caught.value.faults]


def test_a_profile_of_one_source_has_every_default(workspace):
    profile = load_profile(workspace, "shop")
    assert profile.name == "shop"
    assert profile.languages == ("en",)
    assert profile.as_of is None
    assert profile.stages == list(STAGES)
    assert profile.sources["orders"].columns["amount"] == "Amount"
    assert profile.sections["05_score_rfm"].bins == 5
    assert profile.currency == ""


def test_stages_come_in_number_order_whatever_the_yaml_says(write_profile):
    profile = load_profile(write_profile("run: {stages: [05_score_rfm, 01_check_quality]}\n"), "shop")
    assert profile.stages == ["01_check_quality", "05_score_rfm"]


def test_both_languages_keep_their_order(write_profile):
    assert load_profile(write_profile("language: [zh, en]\n"), "shop").languages == ("zh", "en")


def test_the_one_declared_currency_is_that_of_the_profile(write_profile):
    assert load_profile(write_profile("    formats: {currency: GBP}\n"), "shop").currency == "GBP"


@pytest.mark.parametrize(("support", "limit"), [("0", "greater than 0"), ("2", "less than or equal to 1")])
def test_a_number_out_of_range_is_refused_with_its_limit_and_its_default(write_profile, support, limit):
    messages = faults(write_profile(f"07_mine_affinities: {{min_support: {support}}}\n"))
    assert messages == [
        f"params/shop.yaml, line 7: 07_mine_affinities: min_support is {support}. Input should be {limit}. "
        "The default is 0.01 (share of baskets)."
    ]


def test_all_faults_are_reported_together_with_file_line_and_nearest_name(write_profile):
    lines = (
        "langauge: zh\n"
        "run:\n  stages: [05_score_rmf]\n  cell_seconds: 1.5\n"
        "06_segment_customers:\n  k_maxx: 3\n  k_min: two\n"
    )
    messages = faults(write_profile(lines, old="transactions", new="transaction"))
    assert messages == [
        "params/shop.yaml, line 7: unknown key 'langauge'. Did you mean 'language'?",
        "params/shop.yaml, line 5: unknown table 'transaction'. Did you mean 'transactions'?",
        "params/shop.yaml, line 10: run: cell_seconds is 1.5. Input should be a valid integer.",
        "params/shop.yaml, line 9: unknown stage '05_score_rmf'. Did you mean '05_score_rfm'?",
        "params/shop.yaml, line 13: 06_segment_customers: k_min is 'two'. Input should be a valid integer.",
        "params/shop.yaml, line 12: 06_segment_customers: unknown key 'k_maxx'. Known keys: "
        "challenger_margin, choice, costly_sample, feature_weights, features, k, k_max, k_min, log_features, methods, "
        "min_share, n_bootstraps, n_restarts, n_splits, scaling, seed, silhouette_sample. "
        "Did you mean 'k_max'?",
    ]


def test_an_unknown_stage_gets_the_nearest_one(write_profile):
    messages = faults(write_profile("run: {stages: [05_score_rmf]}\n"))
    assert messages == ["params/shop.yaml, line 7: unknown stage '05_score_rmf'. Did you mean '05_score_rfm'?"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("run: {stages: []}\n", "line 7: no stage to run"),
        ("run: {stages: [05_score_rfm, 05_score_rfm]}\n", "line 7: a stage is named twice"),
        ("run: {stages: 05_score_rfm}\n", "line 7: run: stages is '05_score_rfm'"),
        ("run: 5\n", "line 7: 'run' holds the number 5"),
        ("run: {memory_limit_gb: .nan}\n", "line 7: run: memory_limit_gb is nan"),
        ("run: {threads: no}\n", "line 7: run: threads is False"),
        ("goal: why\n", "line 7: 'goal' holds the text 'why'"),
        ("goal: {kind: contact_lst}\n", "line 7: goal: kind is 'contact_lst'. Input should be 'contact_list', "),
        ("goal: {kind: contact_lst}\n", "Did you mean 'contact_list'?"),
        (
            "goal: {stages: [08_predict_chrun]}\n",
            "line 7: goal: '08_predict_chrun' is not a stage of this run. Did you mean '08_predict_churn'?",
        ),
        ("run: {stages: [05_score_rfm]}\ngoal: {stages: [09_value_customers]}\n", "is not a stage of this run"),
        ("consent: {words: {marketting: [sms]}}\n", "'marketting' is not a purpose. Did you mean 'marketing'?"),
        ("consent: {words: {marketing: [sms], research: [SMS]}}\n", "'sms' is listed under two purposes; list it once"),
        ("consent: {default: {marketing: grantd}}\n", "default.marketing is 'grantd'"),
        ("consent: {default: {marketing: grantd}}\n", "Did you mean 'granted'?"),
        ("consent: {minor_under: 16}\n", "Did you mean 'minors_under'?"),
        ("consent: {minors_under: -1}\n", "line 7: consent: minors_under is -1"),
        ("never_contact: a.csv\n", "line 7: never_contact 'a.csv'. A list of CSV files inside the workspace"),
        ("never_contact: [../a.csv]\n", "line 7: path '../a.csv' leads outside"),
        ("12_tag_customers: {purposes: {marketing: [sms]}}\n", "'purposes' is now consent.words"),
        ("engine: spark\n", "line 7: engine 'spark'. Expected duckdb"),
        ("language: fr\n", "line 7: language 'fr'. Expected en, zh, or a list of both"),
        ("language: [en, en]\n", "line 7: language ['en', 'en']"),
        ("language: []\n", "line 7: language []"),
        ("as_of: '2024-01-01'\n", "line 7: as_of '2024-01-01' is not a date"),
        ("as_of: 2024-01-01 10:00:00\n", "line 7: as_of datetime.datetime(2024, 1, 1, 10, 0) is not a date"),
        ("demo_data: journy\n", "line 7: demo_data 'journy'. Did you mean 'journey'?"),
        ("05_score_rfm: {active_days: 200}\n", "line 7: 05_score_rfm: active_days, dormant_days, pre_churn_days are"),
        ("    formats: {decimals: ';'}\n", "line 7: sources.orders: formats.decimals is ';'"),
        ("    formats: {curency: EUR}\n", "Did you mean 'currency'?"),
    ],
)
def test_a_wrong_value_is_reported_with_its_line_and_what_was_expected(write_profile, lines, message):
    assert message in "\n".join(faults(write_profile(lines)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("profile: shop", "profile: store", "line 1: profile 'store'. The file's name, 'shop'"),
        ("data/raw/orders.csv", "../orders.csv", "line 4: path '../orders.csv' leads outside"),
        ("data/raw/orders.csv", "/etc/passwd", "line 4: path '/etc/passwd' cannot be used"),
        ("data/raw/orders.csv", "~/orders.csv", "line 4: path '~/orders.csv' cannot be used"),
        ("data/raw/orders.csv", '"a\\0b"', "line 4: path 'a\\x00b' cannot be used"),
        ("data/raw/orders.csv", "5", "line 4: sources.orders: path is 5"),
        ("orders:", "Orders!:", "line 3: source name 'Orders!'"),
        ("order_id:", "ordr_id:", "line 6: 'ordr_id' is not a column of transactions. Did you mean 'order_id'?"),
        ("order_id: Order", "order_id: 1", "line 6: order_id is mapped to 1. Expected the name of a source column"),
        ("    table: transactions\n", "", "line 3: sources.orders: 'table' is missing"),
        ("table: transactions", "table: products", "'order_id' is not a column of products"),
        ("table: transactions", "table: products", "product_id not mapped. Table products needs product_id"),
    ],
)
def test_a_wrong_source_is_reported_with_its_line(write_profile, old, new, message):
    assert message in "\n".join(faults(write_profile(old=old, new=new)))


def test_a_source_without_a_header_is_mapped_by_position(write_profile):
    messages = faults(write_profile("    header: false\n"))
    assert messages[0].endswith("Expected a position from 1, since header is false.")
    assert len(messages) == 4


def test_a_profile_without_sources_is_refused(workspace):
    (workspace.params / "shop.yaml").write_text("language: en\n", encoding="utf-8")
    assert faults(workspace) == [
        "params/shop.yaml, line 1: no sources. At least one, with its path, table and columns."
    ]


def test_for_a_missing_profile_the_nearest_name_is_offered(workspace):
    with pytest.raises(ProfileError, match=r"params/shopp.yaml: no profile 'shopp'. Did you mean 'shop'?"):
        load_profile(workspace, "shopp")


@pytest.mark.parametrize("name", ["../shop", "/etc/passwd", "shop\n", "SHOP", ""])
def test_an_invalid_name_is_refused(workspace, name):
    with pytest.raises(ProfileError, match="no profile"):
        load_profile(workspace, name)


def test_a_profile_that_ends_in_yml_is_refused_with_a_hint(workspace):
    (workspace.params / "shop.yaml").rename(workspace.params / "shop.yml")
    assert faults(workspace) == ["params/shop.yml: ends in .yml. Profiles end in .yaml. Rename it."]


def test_folders_beside_the_profiles_are_no_profiles(workspace):
    (workspace.params / "tags").mkdir()
    (workspace.params / "packs").mkdir()
    assert profile_names(workspace) == ["shop"]


def test_a_setting_on_the_command_line_wins_over_the_yaml(write_profile):
    workspace = write_profile("05_score_rfm: {bins: 4}\n")
    profile = load_profile(workspace, "shop", settings=["05_score_rfm.bins=3", "language=[en, zh]"], as_of="2024-02-29")
    assert profile.sections["05_score_rfm"].bins == 3
    assert profile.languages == ("en", "zh")
    assert profile.as_of == dt.date(2024, 2, 29)


def test_a_setting_may_add_a_section_that_the_yaml_lacks(workspace):
    profile = load_profile(workspace, "shop", settings=["03_build_features.windows_days=[7, 28]"])
    assert profile.sections["03_build_features"].windows_days == [7, 28]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("05_score_rfm.bnis=3", "--set 05_score_rfm.bnis=3: 05_score_rfm: unknown key 'bnis'"),
        ("05_score_rmf.bins=3", "--set 05_score_rmf.bins=3: unknown key '05_score_rmf'. Did you mean '05_score_rfm'?"),
        ("05_score_rfm.bins=1", "--set 05_score_rfm.bins=1: 05_score_rfm: bins is 1."),
        ("bins", "--set bins: not SECTION.KEY=VALUE."),
        ("=3", "--set =3: not SECTION.KEY=VALUE."),
        ("as_of=2024-13-40", "--set as_of=2024-13-40: value '2024-13-40' is not YAML."),
        ("run.threads=[", "--set run.threads=[: value '[' is not YAML."),
        ("goal.question=!!python/name:os.system x", "is not YAML."),
        ("run.threads=" + "[" * 3000, "--set run.threads=[[["),
        ("profile.deeper=1", "--set profile.deeper=1: 'profile' has no keys."),
    ],
)
def test_a_wrong_setting_is_reported_as_it_was_typed(workspace, setting, message):
    assert message in "\n".join(faults(workspace, settings=[setting]))


def test_a_wrong_as_of_is_refused(workspace):
    assert faults(workspace, as_of="2024-13-40") == ["--as-of: '2024-13-40' is not a date. Expected YYYY-MM-DD."]


def test_where_returns_file_and_line(workspace):
    assert load_profile(workspace, "shop").where("sources", "orders", "table") == "params/shop.yaml, line 5"


SCALES = "03_build_features: {scales: {attitude: {items: [a, b], reverse: [b], low: 1, high: 5}}}\n"


def test_scales_are_declared_once_for_features_and_tags(write_profile):
    profile = load_profile(write_profile(SCALES), "shop")
    assert profile.sections["12_tag_customers"].scales == {
        "attitude": {"items": ["a", "b"], "reverse": ["b"], "low": 1.0, "high": 5.0, "least_share": 0.5}
    }


def test_scales_declared_for_tags_are_kept(write_profile):
    profile = load_profile(write_profile(SCALES + "12_tag_customers: {scales: {}}\n"), "shop")
    assert profile.sections["12_tag_customers"].scales == {}
