"""The registry records who, when and why; rolls back; refuses a definition changed after registration."""

import json

import pytest

from workbench.analysis.segments.declared import declare
from workbench.core.errors import DataError, ProfileError
from workbench.core.workspace import Workspace
from workbench.run.definitions.champion import champion_path, read_champion


def definition(bound):
    segments = [
        {"key": "high", "name": {"en": "High", "zh": "高"}, "when": {"spend": {"at_least": bound}}},
        {"key": "low", "name": {"en": "Low", "zh": "低"}, "otherwise": True},
    ]
    return declare({"name": "tiers", "as_of": "2025-01-01", "segments": segments})


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    from workbench.run.tracking.runs import Tracker

    workspace = Workspace(tmp_path_factory.mktemp("registry"))
    (workspace.root / "params").mkdir()
    tracker = Tracker(workspace, "shop")
    for bound in (100, 200):
        run = tracker.begin(f"r{bound}", {})
        path = workspace.root / "segment_definition.json"
        path.write_text(definition(bound).to_json(), encoding="utf-8")
        tracker.client.log_artifact(run, str(path))
        registered = tracker.segments.register(json.loads(definition(bound).to_json()), run_id=run)
        assert registered.version == definition(bound).version
        assert (
            tracker.segments.register(json.loads(definition(bound).to_json()), run_id=run).number == registered.number
        )
    return workspace, tracker.segments


def test_before_any_promotion_the_newest_version_is_named(service):
    with pytest.raises(ProfileError, match="no version is the champion yet.*newest is 2.*promote shop 2"):
        service[1].find("champion")


def test_definitions_are_promoted_with_who_when_and_why_and_rolled_back(service):
    workspace, registry = service
    assert registry.champion() is None
    with pytest.raises(ProfileError, match="no reason is given"):
        registry.promote("1", who="ana", why=" ")
    first = registry.promote("1", who="ana", why="agreed")
    assert (first.aliases, first.tags["promoted_by"], first.tags["promoted_because"]) == (
        ("champion",),
        "ana",
        "agreed",
    )
    assert first.tags["promoted_at"].startswith("20")
    registry.propose(registry.find("2"), why="explains more")
    assert registry.find("challenger").number == 2
    second = registry.promote(definition(200).version[:6], who="ben", why="better")
    assert second.aliases == ("champion",)
    with pytest.raises(ProfileError, match="version 2 is already the champion"):
        registry.promote("2", who="ben", why="again")
    registry.export_champion(champion_path(workspace, "shop"))
    assert read_champion(workspace, "shop").definition == definition(200)
    back = registry.rollback(who="ana", why="cannot be acted on")
    assert (back.number, back.aliases) == (1, ("champion",))
    assert (back.tags["promoted_because"], back.tags["restored_because"]) == ("agreed", "cannot be acted on")
    history = [(entry["number"], entry["who"], entry.get("back", False)) for entry in registry.history()]
    assert history == [(1, "ana", False), (2, "ben", False), (1, "ana", True)]
    with pytest.raises(ProfileError, match="no earlier champion"):
        registry.rollback(who="ana", why="x")
    registry.promote("2", who="ben", why="after all")
    assert registry.rollback(who="ana", why="no").number == 1


def test_an_unknown_version_is_refused_with_the_nearest(service):
    with pytest.raises(ProfileError, match="no version 'chamption'.*Did you mean 'champion'"):
        service[1].find("chamption")


def test_a_tampered_definition_is_refused(service):
    workspace, registry = service
    registered = registry.find("2")
    stored = next(path for path in workspace.tracking.rglob("segment_definition.json") if "200.0" in path.read_text())
    original = stored.read_text(encoding="utf-8")
    stored.write_text(original.replace("200.0", "150.0"), encoding="utf-8")
    with pytest.raises(DataError, match="its content has version"):
        registry.definition(registered)
    stored.write_text(definition(150).to_json(), encoding="utf-8")  # changed, with a version that fits
    with pytest.raises(DataError, match="the file holds definition"):
        registry.promote("2", who="eve", why="trust me")
    stored.unlink()
    with pytest.raises(DataError, match="segment_definition.json is missing"):
        registry.definition(registered)
    stored.write_text(original, encoding="utf-8")
