"""Code and texts fit together: no sentence without its text, no text that nothing says, one name for one thing."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from workbench.analysis.actions.candidates import STEPS
from workbench.analysis.audiences.consent import MINOR, NEVER_CONTACT, REFUSED
from workbench.analysis.clustering.candidates import UNSUITED
from workbench.analysis.clustering.methods import METHODS
from workbench.analysis.clustering.verdicts import CRITERIA, VERDICTS
from workbench.analysis.description.retention import STATES
from workbench.analysis.experiments.guards import GUARDS
from workbench.analysis.portraits.blocks import BLOCKS
from workbench.analysis.rfm.life_cycle import ACTIVITY_STATUSES, LIFE_CYCLE_STAGES, MANAGEMENT_VIEWS
from workbench.analysis.rfm.scores import NO_PURCHASE, RFM_TYPES
from workbench.analysis.segments.choice import REASONS
from workbench.core.actions.definition import BASES
from workbench.core.params.hooks import EVENTS
from workbench.core.stages import STAGES
from workbench.intake.features.registry import GROUPS, REGISTRY
from workbench.intake.feedback.marks import KINDS as MARKED
from workbench.report import text
from workbench.report.answer import CONTACT_LIST, KEEP_LIST
from workbench.report.charts.theme import LIGHTS
from workbench.report.findings.actions import UNPLANNED
from workbench.report.findings.quality import SUSPICION
from workbench.report.findings.watching.changes import CAUSES, DEFINED, HAPPENED
from workbench.report.pages.parts import PARTS
from workbench.report.runs.graph_page import KINDS
from workbench.report.text import has_label, label, texts
from workbench.run.health.line import PARTS as DOCTOR_PARTS
from workbench.run.schedules.deciding import IDLE

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "src" / "workbench"
LISTS = (CONTACT_LIST, KEEP_LIST)
_AUDIENCE = ("funnel", "shares", "numbers", "region", "week", "journey", "overlap", "lift")
SAYING = {"say", "pieces", "t", "_tell", "_text"}  # functions whose first argument is the key of a text
SEGMENT_HEADS = (
    "segment", "name", "customers", "share", "share_of_from", "interval", "from", "to", "differ", "movers", "stayers",
    "effect", "evidence", "value", "feature", "own", "condition", "typical", "other_typical", "weight",
)  # fmt: skip
TAG_HEADS = (
    "tag", "name", "item", "kind", "status", "owner", "valid", "customers", "value", "share", "when", "from", "figure",
)  # fmt: skip
EXPERIMENT_HEADS = (
    "experiment", "assigned_on", "customers", "arms", "arm", "share", "before_p", "outcome", "until", "verdict",
    "control", "rule", "seed", "effect", "needed", "detectable", "low", "high", "n_treated", "n_control",
)  # fmt: skip
RUN_HEADS = (
    "run", "profile", "started", "as_of", "status", "seconds", "stages", "alerts", "stage", "tables", "kind", "name",
    "size",
)  # fmt: skip
TAG_FACTS = (
    "item", "kind", "status", "business", "technical", "owner", "cadence", "purpose", "consent", "sensitivity",
    "valid", "on_null",
)  # fmt: skip
ASSESSED = {
    "part": (
        "purposes", "data", "tags", "models", "exports", "retention", "requests", "measures", "offers", "risks", "sign",
    ),
    "risk": (
        "no_consents", "no_retention", "no_key", "no_outside", "no_head", "late", "unchecked", "erasure", "sensitive",
        "retrain", "minors",
    ),
    "head": (
        "purpose", "permitted", "not_permitted", "legal_basis", "source", "table", "path", "files", "columns",
        "contact_data", "sensitive_data", "kind", "tags", "names", "model", "version", "in_use", "trained_on",
        "retrain_since", "export", "date", "layout", "rows", "data", "days", "number", "people", "received", "due", "done",
        "identity_checked", "late", "action", "group_by", "group", "customers", "share", "interval",
    ),
    "kind": (
        "fact", "statistic", "first_last", "preference", "rule", "rfm", "life_cycle", "predicted", "look_alike", "survey",
        "imported",
    ),
}  # fmt: skip
SUBJECT = {
    "kind": ("access", "erasure", "correction", "restriction", "objection"),
    "out": ("backups", "lab_scheduler", "cron_mail"),
    "why": ("elsewhere", "xls", "outside", "read_only", "remote"),
    "page": ("contact", "sources", "purposes", "tags", "exports", "corrections"),
    "logic": (
        "features", "rfm", "segments", "churn", "churn_reasons", "purchase_propensity", "answers", "value",
        "next_purchase", "uplift", "recommendations", "actions",
    ),
    "head": (
        "files", "columns", "meaning", "definition", "exported", "at", "list", "plan", "arm", "name", "expires_at",
        "since", "status",
    ),
}  # fmt: skip
RETENTION = {
    "head": ("kind", "name", "dated", "days", "limit"),
    "kind": ("tables", "runs", "reports", "rejects", "logs", "mlflow", "subjects"),
}
BUILT = {  # keys that are put together: how, and what they can come to
    **{f"assess_{part}_*": [f"assess_{part}_{name}" for name in names] for part, names in ASSESSED.items()},
    **{f"subject_{part}_*": [f"subject_{part}_{name}" for name in names] for part, names in SUBJECT.items()},
    **{f"retention_{part}_*": [f"retention_{part}_{name}" for name in names] for part, names in RETENTION.items()},
    "watch_*": [f"watch_{what}" for what in (*HAPPENED, *DEFINED, "realised")],
    "watch_by_*": [f"watch_by_{cause}" for cause in CAUSES],
    "watch_family_*": [f"watch_family_{name}" for name in (*GROUPS, "first")],
    "watch_subject_*": ["watch_subject_coverage"],
    "watch_level_*": [f"watch_level_{name}" for name in ("low", "middle", "high", "new", "old", "missing")],
    "portrait_card_do_not_contact_*": [
        f"portrait_card_do_not_contact_{reason}" for reason in ("refused", "never_contact", "minor", "restricted")
    ],
    "portrait_card_plan_*": ["portrait_card_plan_treat", "portrait_card_plan_hold_out"],
    "portrait_card_explained_*": [f"portrait_card_explained_{name}" for name in ("stage", "risk", "keep_list")],
    "chart_*": ["chart_not_enough", "chart_no_likeness"],
    "quality_*": [f"quality_{name}" for name in (*SUSPICION, "standardised", "imputed")],
    "quality_phone_*": ["quality_phone_placeholder", "quality_phone_invalid", "quality_phone_shared"],
    "segments_*": [f"segments_{name}" for name in (*VERDICTS, *UNSUITED)],
    "segments_overruled_*": [f"segments_overruled_{name}" for name in CRITERIA if name != "chosen"],
    "segments_choice_*": [f"segments_choice_{reason}" for reason in REASONS],
    "segments_limit_*": [f"segments_limit_{method}" for method in METHODS],
    "new_head_*": [f"new_head_{head}" for head in ("file", "table", "records", "left")],
    "segments_head_*": [f"segments_head_{head}" for head in SEGMENT_HEADS],
    "tags_head_*": [f"tags_head_{head}" for head in TAG_HEADS],
    "experiments_head_*": [f"experiments_head_{head}" for head in EXPERIMENT_HEADS],
    "experiments_said_left_out_*": [
        f"experiments_said_left_out_{reason}" for reason in ("refused", "minor", "never_contact", "in_a_plan", "restricted")
    ],
    "experiments_said_past_*": [f"experiments_said_past_{kind}" for kind in ("rate", "mean")],
    "experiments_said_needed_*": [f"experiments_said_needed_{formula}" for formula in ("pooled", "normal")],
    "experiments_said_past_splits*": ["experiments_said_past_splits", "experiments_said_past_splits_unreliable"],
    "tags_fact_*": [f"tags_fact_{fact}" for fact in TAG_FACTS],
    "tags_said_*": [
        f"tags_said_{said}" for said in ("always", "days", "lowest", "highest", "otherwise", "copies")
    ],
    "actions_why_*": [
        f"actions_why_{why}" for why in (REFUSED, NEVER_CONTACT, MINOR, "gone", "merged", "no_contact", "restricted")
    ],
    "actions_head_*": [f"actions_head_{head}" for head in ("action", "variant", "when", "customers", "example")],
    "actions_occasion_*": [f"actions_occasion_{kind}" for kind in ("case", "birthday", "after_order")],
    "audit_said_*": [f"audit_said_{said}" for said in ("changed", "sound", "unchecked", "own_key")],
    "audit_what_*": [
        f"audit_what_{fault}"
        for fault in ("not_a_line", "order", "chain", "mac", "no_workspace_key", "shorter", "head", "head_unreadable")
    ],
    "audience_said_limit_*": ["audience_said_limit_highest", "audience_said_limit_lowest"],
    "segments_said_*": ["segments_said_pattern", "segments_said_do_not_use"],
    "churn_*": ["churn_no_purchases", "churn_no_repeats", "churn_too_short"],
    "experiment_*_*": [
        f"experiment_{verdict}_{kind}" for verdict in ("shown", "opposite", "not_shown") for kind in ("rate", "mean")
    ],
    "experiment_guard_*": [f"experiment_guard_{name}" for name in GUARDS if name != "size"],
    "list_plan_*": [f"list_plan_{basis}" for basis in BASES],
    "plan_not_*": [f"plan_not_{state}" for state in UNPLANNED],
    "plan_nobody_*": [f"plan_nobody_{step}" for step in STEPS[1:]],
    "plan_limit_*": [f"plan_limit_{kind}" for kind in ("budget", "explore", "capacity", "channel")],
    "plan_reason_*": [
        *(f"plan_reason_{basis}" for basis in ("experiment", "uplift", "not_shown", "assumed", "due")),
        *(f"plan_reason_due_{occasion}" for occasion in ("case", "birthday", "after_order")),
    ],
    "chart_plan_row*": ["chart_plan_row", "chart_plan_row_assumed"],
    "churn_left_out_*": [
        f"churn_left_out_{why}" for why in ("before_first_cut_off", "household_later", "without_features", "unread")
    ],
    "features_unit_*": [f"features_unit_{unit}" for unit in sorted({feature.unit for feature in REGISTRY.values()})],
    "params_head_*": [
        f"params_head_{head}" for head in ("section", "name", "type", "unit", "default", "range", "help")
    ],
    "how_to_read_*": [f"how_to_read_{stage}" for stage in STAGES if stage != "14_write_report"],
    "part_*": [f"part_{part.name}" for part in PARTS],
    "idle_*": [f"idle_{reason}" for reason in ("not_drawn", "own_inputs", "few_marks", "alike", "straight")],
    "answer_*": [
        f"answer_{name}"
        for name in ("answer_is_no_gain", "leaving_is_no_gain", "no_consents", "selected_before", "groups_of_today")
    ],
    "segment_*": ["segment_do", "segment_do_not"],
    "answer_one_*": [f"answer_one_{name}" for name in LISTS],
    "answer_list_*": [f"answer_list_{name}" for name in LISTS],
    "answer_segments_*": [f"answer_segments_{verdict}" for verdict in VERDICTS],
    "answer_quality_*": [f"answer_quality_{state}" for state in ("passed", "warned", "failed")],
    "answer_quality_*_people": [f"answer_quality_{state}_people" for state in ("passed", "warned")],
    "answer_no_list_*": [f"answer_no_list_{why}" for why in ("no_gain", "no_profit", "nobody")],
    "answer_basis_*": [f"answer_basis_{basis}" for basis in ("plan", "answers", "leaving")],
    "answer_stake_*": ["answer_stake_answers", "answer_stake_leaving"],
    "answer_events_*": ["answer_events_answers", "answer_events_leaving"],
    "answer_tested_*": ["answer_tested_answers", "answer_tested_leaving"],
    "segment_trait*": ["segment_trait", "segment_trait_known"],
    "segment_trait_median*": ["segment_trait_median", "segment_trait_median_known"],
    "answer_not_made_*": [
        f"answer_not_made_{why}" for why in ("no_model", "no_gain", "no_profit", "nobody", "not_asked")
    ],
    "answer_evidence_*": ["answer_evidence_value_tier", "answer_evidence_risk_tenth"],
    "answer_tier_*": [f"answer_tier_{tier}" for tier in ("high", "middle", "low")],
    "answer_left_out_*": [f"answer_left_out_{reason}" for reason in ("refused", "never_contact", "minor", "lost", "restricted")],
    "ui_goal_*": [f"ui_goal_{part}" for part in ("question", "decision", "audience", "measure")],
    "ui_*": ["ui_tables", "ui_settings", "ui_versions"],
    "ui_status_*": ["ui_status_done", "ui_status_failed", "ui_status_stale"],
    "light_*": [f"light_{key}" for key in LIGHTS],
    "key_*": [
        "key_records", "key_accepted", "key_low_decile", "key_median", "key_high_decile", "key_new", "key_retained",
        "key_recalled", "key_lost", "key_silhouette", "key_null", "key_min_jaccard", "key_bootstrap_min_jaccard",
    ],
    "key_reach_*": ["key_reach_below", "key_reach_above"],
    "axis_*": ["axis_effect", "axis_tgi"],
    "axis_*_*": [f"axis_{what}_{end}" for what in ("recency", "frequency") for end in ("lowest", "highest")],
    "chart_*_title": [
        "chart_activity_status_title", "chart_life_cycle_stage_title", "chart_activity_status_bare_title",
        "chart_life_cycle_stage_bare_title", "chart_not_enough_title", "chart_no_likeness_title",
    ],
    "chart_k_scan_*_title": [f"chart_k_scan_{verdict}_title" for verdict in (*VERDICTS, "bare")],
    "chart_differences_*_title": ["chart_differences_effect_title", "chart_differences_tgi_title"],
    "chart_distribution_*": [f"chart_distribution_{name}" for name in ("missing", "below", "beyond")],
    "portrait_card_consent_*": ["portrait_card_consent_granted", "portrait_card_consent_refused"],
    "portrait_card_timing_*": [
        f"portrait_card_timing_{name}" for name in ("none", "away", "away_once", "once", "late", "due", "in_time")
    ],
    "portrait_card_kind_*": [f"portrait_card_kind_{kind}" for kind in ("fact", "rule", "predicted")],
    "portrait_card_kind_of_*": [f"portrait_card_kind_of_{table}" for table in ("transactions", "events", "service", "campaigns")],
    "portrait_card_action_*": ["portrait_card_action_life_cycle", "portrait_card_action_segment"],
    "portrait_card_occasion_*": ["portrait_card_occasion_purchase", "portrait_card_occasion_birthday"],
    "audience_*_title": [f"audience_{part}_title" for part in _AUDIENCE],
    "audience_*_none": ["audience_region_none", "audience_week_none", "audience_journey_none"],
    "audience_block_*": [f"audience_block_{block}" for block in BLOCKS],
    "doctor_part_*": [f"doctor_part_{part}" for part in DOCTOR_PARTS],
    "doctor_head_*": [f"doctor_head_{head}" for head in ("part", "state", "text", "command")],
    "schedule_said_*": [f"schedule_said_{verdict}" for verdict in IDLE],
    "hook_subject_*": [f"hook_subject_{event}" for event in EVENTS],
    "hook_line_*": [f"hook_line_{name}" for name in ("run_id", "as_of", "failed_stage", "report")],
    "index_head_*": [
        f"index_head_{head}"
        for head in ("profile", "status", "good", "schedule", "alerts", "started", "as_of", "stages", "links")
    ],
    "index_other_*": ["index_other_en", "index_other_zh"],
    "graph_*": [f"graph_{kind}" for kind in KINDS],
    "graph_*_from": ["graph_reused_from", "graph_outside_from"],
    "graph_head_*": [f"graph_head_{head}" for head in ("table", "rows", "digest", "readers")],
    "graph_reads_*": ["graph_reads_people", "graph_reads_summaries"],
    "runs_head_*": [f"runs_head_{head}" for head in RUN_HEADS],
    "runs_what_*": [f"runs_what_{kind}" for kind in ("run", "stage", "setting", "metric", "table")],
    "feedback_title_*": [f"feedback_title_{kind}" for kind in MARKED],
    "*_heading": [],  # the heading of a finding, where it has one
    "table_*": [],  # the tables that notebooks show, read from them below
}  # fmt: skip

# the other activity statuses share their keys with the life cycle and are always labelled by their days
LATE_STATUSES = {name: ACTIVITY_STATUSES[name] for name in ("pre_churn", "churned")}


@cache
def trees() -> tuple[ast.Module, ...]:
    """Return the parsed modules of the package and code cells of the stages' notebooks."""
    modules = [ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SOURCE.rglob("*.py"))]
    return (*modules, *notebooks())


@cache
def notebooks() -> tuple[ast.Module, ...]:
    keys = []
    for path in (ROOT / f"notebooks/{stage}.ipynb" for stage in sorted(STAGES)):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        keys.append(ast.parse("\n".join(code)))
    return tuple(keys)


@cache
def templates() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(SOURCE.rglob("*.j2")))


def called(trees: tuple[ast.Module, ...], names: set[str]) -> Iterator[ast.Call]:
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else f".{getattr(node.func, 'attr', '')}"
                if name in names and node.args:
                    yield node


def keys_in(node: ast.expr) -> Iterator[str]:
    """Yield every key an expression can come to; what is put in at run time stands as *."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (*keys_in(node.body), *keys_in(node.orelse))
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)


def said() -> set[str]:
    """Return the keys that calls name; built ones with a *."""
    calls = called(trees(), SAYING | {"Finding"})
    keys = {key for call in calls for key in keys_in(call.args[0])}
    keys |= set(re.findall(r"""\bt\(["'](\w+)["'][,)]""", templates()))
    keys |= {f"{start}*" for start in re.findall(r"""\bt\(["'](\w+)["'] \+""", templates())}
    return keys


def shown_tables() -> set[str]:
    tables, pages = called(notebooks(), {".table"}), called(notebooks(), {".show_page"})
    names = [*(call.args[0] for call in tables), *(call.args[1] for call in pages)]
    return {key for name in names for key in keys_in(name)}


@cache
def words() -> frozenset[str]:
    """Return every string the code holds: keys also stand in mappings, away from the call that says them."""
    keys = {
        node.value
        for tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return frozenset(keys)


def test_the_search_finds_what_it_is_to_find():
    assert {"rfm_champions", "quality_records", "ui_key_findings", "segments_*", "ui_goal_*"} <= said()
    assert shown_tables() >= {"rfm_types", "pointblank"}


def test_every_key_that_is_said_has_a_text():
    assert sorted(key for key in said() if "*" not in key and key not in texts()) == []


def test_every_key_that_is_put_together_has_its_texts():
    assert sorted(key for key in said() if "*" in key and key not in BUILT) == []
    assert sorted(key for keys in BUILT.values() for key in keys if key not in texts()) == []


def test_every_table_shown_has_a_title_and_every_title_a_table():
    titles = {key.removeprefix("table_") for key in texts() if key.startswith("table_")}
    assert titles == shown_tables()


def test_every_text_is_said_somewhere():
    built = {key for keys in BUILT.values() for key in keys} | {f"table_{name}" for name in shown_tables()}
    used = said() | words() | built
    idle = [key for key in texts() if key not in used and key.removesuffix("_heading") not in used]
    assert idle == []


def test_the_heading_of_a_finding_uses_no_further_values():
    for key, entry in texts().items():
        sentence = texts().get(key.removesuffix("_heading"))
        if key.endswith("_heading") and sentence and not key.startswith("ui_"):
            assert set(text.placeholders(entry["en"])) <= set(text.placeholders(sentence["en"])), key


@pytest.mark.parametrize(
    "names",
    [RFM_TYPES, NO_PURCHASE, LATE_STATUSES, LIFE_CYCLE_STAGES, MANAGEMENT_VIEWS],
    ids=min,
)
def test_types_and_statuses_are_called_the_same_in_the_analysis_and_on_the_page(names):
    for name, called_there in names.items():
        assert {language: label(name, language) for language in ("en", "zh")} == called_there


def test_the_months_chart_calls_the_states_as_the_analysis_does():
    for name, called_there in STATES.items():
        key = texts()[f"key_{name}"]
        assert (key["en"].casefold(), key["zh"]) == (called_there["en"].casefold(), called_there["zh"])


def test_every_registered_feature_has_a_label_of_its_own():
    assert [name for name in REGISTRY if not has_label(name)] == []
    for language in ("en", "zh"):
        called_twice = [label(name, language) for name in REGISTRY]
        assert len(set(called_twice)) == len(REGISTRY)


def test_the_labels_of_registered_features_name_registered_features_alone():
    content = (SOURCE / "report" / "texts" / "03_build_features.yaml").read_text(encoding="utf-8")
    section = re.search(r"  # registered features\n(.*?)\n  #", content, re.S).group(1)
    assert set(re.findall(r"^  (\w+):", section, re.M)) <= set(REGISTRY)


def test_a_window_of_any_length_has_a_label():
    assert label("orders_7d", "en") == "orders, last 7 days"
    assert label("spend_14d", "zh") == "近 14 天净消费额"
    assert has_label("orders_7d")
    assert label("orders_d", "en") == "orders_d"
    assert not has_label("orders_d")
