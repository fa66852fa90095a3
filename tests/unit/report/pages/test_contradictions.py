"""A report of one mind passes; each of five planted contradictions is found."""

import copy
import json
from pathlib import Path

import pytest

from workbench.report.answer import GoalAnswer
from workbench.report.pages.contradictions import find_contradictions
from workbench.report.pages.page import RunFacts, write_report

HERE = Path(__file__).parents[1]
CONTENT = json.loads((HERE / "made_up_answer.json").read_text(encoding="utf-8"))
CHURN = "08_predict_churn"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 4"><g/></svg>'


def report(folder, content, *, status="done", best=1, language="en"):
    (folder / "p.svg").write_text(SVG, encoding="utf-8")
    data = {"n": 1900, "steps": [[0, 0, 0, 0, 0], [90 / 1900, 9, 8, 10, 1], [0.24, 8, 7, 9, 1]], "best": best}
    figure = {"name": "profit", "files": {"en": "p.svg"}, "title": {"en": "Profit"}, "alt": {}, "data": data}
    churn = {"stage": CHURN, "status": "done", "currency": "USD", "figures": [figure], "findings": []}
    goal = {"question": "Who?", "kind": "contact_list", "stages": [CHURN]}
    run = RunFacts("made_up", "r1", "2018-01-01", goal=goal, status=status, answer=GoalAnswer.from_json(content))
    return write_report([churn], run=run, folder=folder, language=language)


@pytest.fixture
def content():
    return copy.deepcopy(CONTENT)


@pytest.fixture
def summary(content):
    metrics = {"auc": 0.87, "baseline_auc": 0.78}
    stages = {CHURN: {"status": "done", "metrics": metrics}, "14_write_report": {"status": "done", "answer": content}}
    return {"status": "done", "stages": stages}


def kinds(page, summary):
    return [fault.kind for fault in find_contradictions(page, summary)]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_report_of_one_mind_has_none(tmp_path, content, summary, language):
    assert find_contradictions(report(tmp_path, content, language=language), summary) == []


def test_a_list_of_another_size_than_pays_best_is_found(tmp_path, content, summary):
    page = report(tmp_path, content, best=2)
    (fault,) = find_contradictions(page, summary)
    assert fault.kind == "size_against_profit"
    assert fault.text == "keep_list.n is 5% of customers, most profit is at 24%"
    content["lists"][1]["profit_share"] = 0.24  # stated beside the list, which is smaller for a reason
    assert kinds(report(tmp_path, content, best=2), summary) == []
    content["lists"][1]["profit_share"] = 0.6  # another optimum than the chart shows
    assert kinds(report(tmp_path, content, best=2), summary) == ["size_against_profit"]
    content["lists"][1]["size_by"] = "decision_size"  # set by the reader, who may
    assert kinds(report(tmp_path, content, best=2), summary) == []


def test_advice_to_contact_nobody_beside_a_list_is_found(tmp_path, content, summary):
    page = report(tmp_path, content).replace(
        'data-fact="advice" data-value="contact"', 'data-fact="advice" data-value="none"'
    )
    assert kinds(page, summary) == ["advice_against_list"]


def test_a_list_by_a_model_that_its_baseline_beats_is_found(tmp_path, content, summary):
    summary["stages"][CHURN]["metrics"] |= {"auc": 0.7}
    (fault,) = find_contradictions(report(tmp_path, content), summary)
    assert fault.kind == "model_against_baseline"
    assert fault.text == "keep_list.n is ranked by a model (AUC 0.7) that does not beat its baseline (0.78)"


def test_one_count_in_two_versions_is_found(tmp_path, content, summary):
    page = report(tmp_path, content)
    assert kinds(page.replace("To keep: 90 of", "To keep: 91 of"), summary) == ["count_said_twice"]
    summary["stages"]["14_write_report"]["answer"]["lists"][1]["n"] = 91
    assert kinds(page, summary) == ["count_said_twice"]


def test_a_badge_that_the_run_belies_is_found(tmp_path, content, summary):
    page = report(tmp_path, content)
    assert kinds(page, summary | {"status": "failed"}) == ["verdict_against_badge"]
    summary["stages"][CHURN]["status"] = "failed"
    assert "verdict_against_badge" in kinds(page, summary)
    summary["stages"][CHURN]["status"] = "skipped"
    (fault,) = [fault for fault in find_contradictions(page, summary) if fault.kind == "verdict_against_badge"]
    assert fault.text == f"the answer rests on {CHURN}, which this run does not have, and does not say so"
