"""Each kind of goal is answered in plain words, in both languages, from what the run has."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from workbench.report.answer import GoalAnswer, ListFile, NoList, PlannedAction
from workbench.report.pages.goals import KINDS, answer_goal, lacking_stages
from workbench.report.pages.page import RunFacts, write_report

HERE = Path(__file__).parents[1]
ANSWER = GoalAnswer.from_json(json.loads((HERE / "made_up_answer.json").read_text(encoding="utf-8")))
LANGUAGES = ("en", "zh")
SEGMENTS = "06_segment_customers"
PLANNED = {"planned": 2133, "cost": 240, "expected_gain": 900, "gain_least": 1, "gain_most": 2, "held_out": 231}


@pytest.fixture
def summaries():
    return yaml.safe_load((HERE / "made_up_run.yaml").read_text(encoding="utf-8"))["summaries"]


def answered(kind, summaries, language="en", answer=None, previous=None, **goal):
    goal = {"question": "Who?", "kind": kind, **goal}
    return answer_goal(goal, answer or GoalAnswer(kind), summaries, language=language, previous=previous)


def done(stage, findings=(), **metrics):
    return {"stage": stage, "status": "done", "metrics": metrics, "findings": list(findings)}


def checks(passed, warned, failed):
    values = {"passed": passed, "warned": warned, "failed": failed}
    return done("01_check_quality", [{"key": "quality_checks", "values": values, "weight": 0.1}])


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Reminder <b>: 1,939, Call: 189; who is kept out by lot is on no list."),
        ("zh", "提醒 1,939 位、回访 189 位；随机留作对照者不在名单上。"),
    ],
)
def test_the_list_of_a_plan_says_how_many_get_each_action(language, sentence, summaries):
    actions = (
        PlannedAction({"en": "Reminder <b>", "zh": "提醒"}, 1939),
        PlannedAction({"en": "Call", "zh": "回访"}, 189),
    )
    plan = ListFile("contact_list", "a.csv", "a.xlsx", 2133, 2411, "plan", "plan", actions=actions)
    answer = GoalAnswer.from_json(json.loads(json.dumps(GoalAnswer("contact_list", lists=(plan,)).to_json())))
    planned = done("11_plan_actions", [{"key": "plan_answer", "values": PLANNED, "weight": 0.9}], planned=2133)
    first = answered("contact_list", [*summaries, planned], language, answer=answer).lists[0].sentences[0]
    assert first.unescape().replace("\u2009", " ").replace("\u2009", " ") == sentence
    assert "<b>" not in str(first)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_answered_on_the_page_and_names_no_file_of_the_workbench(kind, language, summaries, tmp_path):
    goal = {"question": "Who?", "kind": kind, "stages": ["06_segment_customers"]}
    run = RunFacts("made_up", "r1", "2018-01-01", goal=goal, languages=LANGUAGES, answer=replace(ANSWER, kind=kind))
    page = write_report(summaries, run=run, folder=tmp_path, language=language)
    heading = re.search(r'<h2 id="answer-title">([^<]+)</h2>', page)[1]
    assert len(heading) > 5
    assert "_" not in heading
    assert f'data-fact="kind" data-value="{kind}"' in page
    assert 'href="people/lists/contact_list.xlsx"' in page


def test_a_contact_list_says_how_many_what_it_brings_and_what_answered_before(summaries):
    view = answered("contact_list", summaries, answer=ANSWER)
    assert view.heading == "Two lists: 240 customers to contact, 90 to keep from leaving."
    assert [(part.name, part.n, part.files) for part in view.lists] == [
        ("contact_list", 240, ("people/lists/contact_list.xlsx", "people/lists/contact_list.csv")),
        ("keep_list", 90, ("people/lists/keep_list.xlsx", "people/lists/keep_list.csv")),
    ]
    first = " ".join(map(str, view.lists[0].sentences))
    assert "$90,000" in first
    assert "of the 210 most likely, <strong>34\u202f%</strong> answered; of all, 12\u202f%" in first
    assert "About <strong>82</strong> of 240 will answer." in first
    assert "Sent a campaign before: 200; 70 answered (35\u202f%)." in first
    groups = dict(view.groups)
    assert list(groups) == [
        "Who answered campaigns before, of those sent one (95 % interval)",
        "Leave alone",
        "Not proven",
        "What would settle it (80 % power, alpha 0.05)",
    ]
    assert (
        len(groups["Who answered campaigns before, of those sent one (95 % interval)"]) == 3
    )  # the group too small to show is left out
    assert str(groups["Leave alone"][1]) == "133 who left before: expected spend $47 each."
    assert str(groups["What would settle it (80 % power, alpha 0.05)"][0]).startswith(
        "Contact list: hold back 24 of 240 at random, "
    )
    assert "enough to see a difference of 28 percentage points" in str(
        groups["What would settle it (80 % power, alpha 0.05)"][0]
    )
    assert "too few to show" in groups["What would settle it (80 % power, alpha 0.05)"][1]


@pytest.mark.parametrize(
    ("names", "heading"),
    [
        (["contact_list"], "Contact these 240 customers first."),
        (["keep_list"], "No contact list can be defended, but 90 customers are worth keeping from leaving."),
        ([], "This run names nobody to contact: nothing could be predicted."),
    ],
)
def test_a_list_that_is_missing_is_said_to_be(names, heading, summaries):
    lists = tuple(part for part in ANSWER.lists if part.name in names)
    view = answered("contact_list", summaries, answer=replace(ANSWER, lists=lists))
    assert view.heading == heading


def test_why_a_list_was_not_made_is_said_where_the_goal_asks_for_one(summaries):
    answer = replace(ANSWER, lists=ANSWER.lists[1:], not_made=(NoList("contact_list", "no_gain"),))
    group = answered("contact_list", summaries, answer=answer).groups[0]
    assert group == ("Lists that were not made", ("Contact list: the ranking does not beat a random choice.",))
    answer = GoalAnswer("contact_list", not_made=(NoList("contact_list", "no_gain"), NoList("keep_list", "no_gain")))
    view = answered("contact_list", summaries, answer=answer)
    assert (view.heading, view.groups) == ("This run names nobody to contact: no ranking beats a random choice.", ())
    assert answered("describe", summaries, answer=replace(answer, kind="describe")).groups == ()


@pytest.mark.parametrize(
    ("verdict", "heading"),
    [
        ("structure", "4 groups differ clearly: treat each in its own way."),
        ("continuum", "4 groups, cut from a continuum: they differ on average, and customers near a cut are alike."),
        ("no_structure", "No grouping holds: use one strategy for all and rank customers by value."),
        ("too_little_data", "Too few customers to form segments."),
    ],
)
def test_a_strategy_follows_the_verdict_on_segments(verdict, heading):
    assert answered("segment_strategy", [done(SEGMENTS, verdict=verdict, k=4)]).heading == heading
    assert answered("segment_strategy", []).heading.startswith("No segments in this run")


def test_a_budget_is_split_by_plan_else_by_value_else_not_at_all():
    plan = done("11_plan_actions", planned=120)
    values = {"planned": 120, "cost": 240, "expected_gain": 900}
    plan["findings"] = [{"key": "plan_answer", "weight": 0.9, "values": values}]
    value = done("09_value_customers", [{"key": "value_answer", "values": {"share": 0.4}}])
    assert answered("budget_split", [plan]).heading == "Contact 120 customers for 240: expected gain 900"
    assert answered("budget_split", []).heading == "No split can be defended: neither gains nor values are known."
    value["findings"] = [{"key": "value_answer", "weight": 1, "values": {
        "share": 0.4, "customers": 9, "total": 1.0, "horizon_days": 30, "test_days": 60, "measure": "value_in_spend", "foretold": 1.0, "came": 1.0}}]  # fmt: skip
    assert "the top tenth will bring 40\u202f% of forecast spend" in answered("budget_split", [value]).heading


@pytest.mark.parametrize(
    ("counts", "heading"),
    [
        ((9, 0, 0), "Yes, use the data: 9 of 9 checks pass."),
        ((7, 2, 0), "Usable with care: 2 of 9 checks warn, none fails."),
        ((5, 3, 1), "Not yet: 1 of 9 checks fails."),
    ],
)
def test_a_quality_gate_opens_by_its_checks(counts, heading):
    assert answered("quality_gate", [checks(*counts)]).heading == heading
    assert answered("quality_gate", []).heading.startswith("Not checked")


def test_a_watch_counts_alerts_else_what_moved():
    watch = done("13_watch_changes", alerts=1, warnings=2)
    assert answered("watch", [watch]).heading == "Look at 1 alert and 2 warnings."
    assert answered("watch", [done("13_watch_changes", alerts=0, warnings=0)]).heading.startswith("Nothing to act on")
    assert answered("watch", []).heading.startswith("This is the first run")
    now = done("01_check_quality", quality_score=90)
    before = {"stages": {"01_check_quality": {"metrics": {"quality_score": 80}}}}
    assert answered("watch", [now], previous=before).heading == "1 of 1 figure changed since the last run."


def test_a_description_is_headed_by_the_heaviest_finding(summaries):
    assert answered("describe", summaries).heading == "Half of spend comes from 14\u202f% of customers"
    assert answered("describe", []).heading == "This run has nothing to report yet."


def test_stages_that_the_goal_names_and_the_run_lacks_are_named(summaries):
    goal = {"stages": ["06_segment_customers", "08_predict_churn"]}
    assert lacking_stages(goal, summaries) == ["08_predict_churn"]
    view = answered("contact_list", summaries, answer=ANSWER, **goal)
    assert str(view.sentences[-1]) == "Missing for a full answer: Churn."


def test_a_difference_of_shares_is_in_percentage_points_in_chinese_too(summaries):
    groups = dict(answered("contact_list", summaries, language="zh", answer=ANSWER).groups)
    proposal = next(str(lines[0]) for name, lines in groups.items() if name.startswith("如何验证"))
    assert "28 个百分点" in proposal.replace("\u2009", " ")


def test_groups_of_fewer_than_fifty_are_no_evidence_on_the_first_screen(summaries):
    few = replace(ANSWER, evidence=tuple(replace(row, n=49) for row in ANSWER.evidence))
    assert "Who answered campaigns before, of those sent one (95 % interval)" not in dict(
        answered("contact_list", summaries, answer=few).groups
    )


@pytest.mark.parametrize(
    ("share", "words"), [(1.0, "contacting everybody"), (0.82, "contacting 82\u202f% pays most, but")]
)
def test_a_list_smaller_than_pays_most_says_why(summaries, share, words):
    lists = (replace(ANSWER.lists[0], size_by="decision_share", profit_share=share), *ANSWER.lists[1:])
    view = answered("contact_list", summaries, answer=replace(ANSWER, lists=lists))
    assert words in " ".join(map(str, view.lists[0].sentences))
    assert words not in " ".join(map(str, view.lists[1].sentences))


def segments(*names):
    rows = [[{"en": name, "zh": name}, 60 + at, 0.5, None] for at, name in enumerate(names)]
    sizes = {"name": "segment_sizes", "columns": ["segment", "n", "share", "value_share"], "rows": rows}
    return done(SEGMENTS, verdict="continuum", k=len(names)) | {"shown": [sizes]}


def test_a_strategy_names_each_segment_and_speaks_of_tiers_only_where_they_are_ranked():
    cut = answered("segment_strategy", [segments("Low arts", "High arts")])
    assert cut.heading.startswith("2 groups, cut from a continuum")
    assert [str(line) for line in cut.sentences] == [
        "<strong>50\u202f%</strong> (60): Low arts.", "<strong>50\u202f%</strong> (61): High arts."]  # fmt: skip
    tiers = answered("segment_strategy", [segments("Tier 1 of 2, high", "Tier 2 of 2, low")])
    assert tiers.heading.startswith("2 tiers, not types")


@pytest.mark.parametrize(
    ("split", "words"), [("random", "customers that the model had not seen"), ("time", "later period")]
)
def test_a_test_on_a_random_split_is_not_called_a_later_period(split, words, summaries):
    leaving = replace(ANSWER, lists=ANSWER.lists[1:])
    view = answered("contact_list", [done("08_predict_churn", split=split)], answer=leaving)
    assert f"Tested on {'a ' if split == 'time' else ''}{words}: of the 95 at highest risk" in " ".join(
        map(str, view.lists[0].sentences)
    )


@pytest.mark.parametrize(("label_name", "outcome"), [("churn", "stay"), (None, "order again")])
def test_the_test_that_is_proposed_counts_what_the_data_has(label_name, outcome):
    horizon = {} if label_name else {"horizon_days": 35}
    view = answered("contact_list", [done("08_predict_churn", label_name="churn", **horizon)], answer=ANSWER)
    assert f"in the share who {outcome}." in str(dict(view.groups)["What would settle it (80 % power, alpha 0.05)"][0])


@pytest.mark.parametrize("word", ["spend", "margin"])
def test_what_customers_are_worth_is_called_margin_where_costs_are_known(word):
    finding = {"key": "value_answer", "values": {"horizon_days": 180, "measure": f"value_in_{word}"}}
    view = answered("contact_list", [done("09_value_customers", [finding])], answer=ANSWER)
    first = re.sub(r"\s", " ", str(view.lists[0].sentences[0]))
    assert f"weighted by expected {word}: together <strong>90,000</strong> in the next 180 days." in first
    assert f"expected {word} 47 each" in str(dict(view.groups)["Leave alone"][1])


def test_people_are_counted_where_the_gate_asks_who_is_the_same_person():
    people = done("02_resolve_identity", records=5000, customers=2000)
    assert answered("quality_gate", [checks(9, 0, 0), people]).heading == (
        "5,000 records are 2,000 people; all 9 quality checks pass."
    )


def test_accounts_answer_where_no_customer_can_be_named():
    risky = [{"key": "accounts_at_risk", "values": {"n": 15, "known": 45, "spend": 9.0, "days": 365}, "weight": 0.8}]
    answer = GoalAnswer("contact_list", not_made=(NoList("contact_list", "no_model"), NoList("keep_list", "no_model")))
    view = answered("contact_list", [done("12_tag_customers", risky)], answer=answer)
    assert view.heading.startswith("Visit these 15 of 45 accounts first: they fail two or more health checks.")
    assert (view.advice, view.see, "accounts_at_risk" in view.stated) == ("none", "12_tag_customers", True)
