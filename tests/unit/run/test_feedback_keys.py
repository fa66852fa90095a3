"""Marks of people are inputs of the stages that read them, and of no others."""

import pytest

from workbench.core.errors import DataError
from workbench.core.params.profile import load_profile
from workbench.core.stages import STAGES
from workbench.core.workspace import find_workspace
from workbench.run.flows.check import check_sources
from workbench.run.keys.inputs import stage_inputs

HEAD = "kind,verdict,customer_id,name,value,source,source_id,other_source,other_source_id,by,at\n"
MARKS = {
    "02_resolve_identity": "merge,wrong,,,,a,1,b,2,Li,2026-11-01\n",
    "06_segment_customers": "segment,wrong,,Rare,Guests,,,,,Li,2026-11-01\n",
    "07_mine_affinities": "recommendation,wrong,c1,p1,,,,,,Li,2026-11-01\n",
    "12_tag_customers": "tag,wrong,c1,gender,,,,,,Li,2026-11-01\n",
}


@pytest.fixture
def place(toy_root):
    (toy_root / "data/feedback").mkdir()
    return find_workspace(toy_root)


def inputs(place):
    profile = load_profile(place, "toy")
    return {
        name: stage_inputs(stage, workspace=place, profile=profile, summaries={})
        for name, stage in STAGES.items()
        if name not in ("11_plan_actions", "14_write_report")
    }


@pytest.mark.parametrize("stage", MARKS)
def test_a_mark_changes_the_inputs_of_its_stage_alone(place, stage):
    path = place.root / "data/feedback/toy.csv"
    path.write_text(HEAD, encoding="utf-8")
    before = inputs(place)
    path.write_text(HEAD + MARKS[stage], encoding="utf-8")
    marked = inputs(place)
    assert [name for name in before if before[name] != marked[name]] == [stage]
    path.write_text(HEAD + MARKS[stage].replace("wrong", "right"), encoding="utf-8")
    assert [name for name in before if marked[name] != inputs(place)[name]] == [stage]


def test_a_damaged_feedback_file_is_refused_before_any_kernel_starts(place):
    (place.root / "data/feedback/toy.csv").write_text(
        HEAD + "tag,maybe,c1,gender,,,,,,Li,2026-11-01\n", encoding="utf-8"
    )
    with pytest.raises(DataError, match="feedback/toy.csv, line 2: verdict 'maybe'"):
        check_sources(place, load_profile(place, "toy"))
