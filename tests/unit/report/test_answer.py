"""The answer to the goal as plain JSON."""

import json
from pathlib import Path

from workbench.report.answer import GoalAnswer

CONTENT = json.loads(Path(__file__).with_name("made_up_answer.json").read_text(encoding="utf-8"))


def test_an_answer_survives_json_unchanged():
    answer = GoalAnswer.from_json(CONTENT)
    assert json.loads(json.dumps(answer.to_json())) == CONTENT
    assert GoalAnswer.from_json(GoalAnswer().to_json()) == GoalAnswer()


def test_parts_are_read_by_name():
    answer = GoalAnswer.from_json(CONTENT)
    assert answer.lists[0].file == "people/lists/contact_list.csv"
    assert (answer.leave_out[1].reason, answer.leave_out[1].n) == ("lost", 133)
    assert answer.evidence[2].share is None
    assert answer.tests[1].detectable is None
    assert answer.unproven == ("answer_is_no_gain", "selected_before", "leaving_is_no_gain")
