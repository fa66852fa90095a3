"""The shipped registry, and what a registry refuses."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from workbench.core.errors import ProfileError
from workbench.core.tags.definition import KINDS, Tag
from workbench.core.tags.items import GROUPS, ITEMS
from workbench.core.tags.registry import load_registry
from workbench.core.workspace import Workspace

ROOT = Path(__file__).parents[3]
PACKS = sorted(path.stem for path in (ROOT / "params/packs").glob("*.yaml"))
TAG = {
    "item": "recency", "name": {"en": "Last", "zh": "最近"}, "business": {"en": "b", "zh": "业"}, "technical": {"en": "t", "zh": "技"},
    "kind": "statistic", "owner": "someone", "cadence": "daily", "ttl_days": 30, "on_null": "drop", "purpose": "p",
    "version": 1, "status": "published",
    "values": {"near": {"en": "near", "zh": "近", "when": "recency_days <= 30"}, "far": {"en": "far", "zh": "远", "otherwise": True}},
}  # fmt: skip


@pytest.fixture(scope="module")
def shipped():
    return load_registry(Workspace(ROOT))


@pytest.fixture
def registry_of(tmp_path):
    """Return a function that loads a registry of these tags, all in one group file, with a pack."""

    def load(tags, *, pack=None, group="consumption", **options):
        for name in ("tags", "packs"):
            (tmp_path / "params" / name).mkdir(parents=True, exist_ok=True)
        path = tmp_path / "params/tags" / f"{group}.yaml"
        path.write_text(yaml.safe_dump({"tags": tags}, allow_unicode=True, sort_keys=False), encoding="utf-8")
        content = {"name": {"en": "Trade", "zh": "行业"}, **(pack or {})}
        (tmp_path / "params/packs/retail.yaml").write_text(
            yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8"
        )
        return load_registry(Workspace(tmp_path.resolve()), **options)

    return load


def changed(**changes):
    return {key: value for key, value in {**TAG, **changes}.items() if value is not None}


def refusal(call, *arguments, **options):
    with pytest.raises(ProfileError) as raised:
        call(*arguments, **options)
    return str(raised.value)


def test_every_one_of_the_98_items_has_a_tag(shipped):
    assert len(ITEMS) == 98
    assert [item for item in ITEMS if not shipped.of_item(item)] == []
    assert {item.group for item in ITEMS.values()} == set(GROUPS)


def test_every_sensitive_item_names_the_consent_it_needs(shipped):
    sensitive = [tag for tag in shipped.tags.values() if tag.sensitive]
    assert {tag.item for tag in sensitive} == {name for name, item in ITEMS.items() if item.sensitive}
    assert all(tag.consent for tag in sensitive)


def test_every_kind_of_tag_is_in_use(shipped):
    assert {tag.kind for tag in shipped.tags.values()} == set(KINDS)


@pytest.mark.parametrize("pack", PACKS)
def test_every_pack_loads_with_a_strategy_for_each_stage_and_every_segment(pack):
    strategies = load_registry(Workspace(ROOT), pack=pack).pack
    stages = {"prospect", "new", "active", "at_risk", "dormant", "lost", "reactivated"}
    assert set(strategies.life_cycle) == stages
    assert list(strategies.segments.values())[-1].matches == []


def test_there_are_packs_for_four_industries():
    assert PACKS == ["automotive", "banking", "jewellery", "retail"]


def test_the_values_of_a_tag_have_different_names_in_both_languages(shipped):
    for tag in shipped.tags.values():
        for language in ("en", "zh"):
            names = [getattr(value, language) for value in tag.values.values()]
            assert len(set(names)) == len(names), tag.id


def test_a_tag_without_owner_or_definition_is_refused(registry_of):
    assert "no owner. Add owner" in refusal(registry_of, {"last": changed(owner=None)})
    assert "no owner" in refusal(registry_of, {"last": changed(owner=" ")})
    assert "no business. Add business" in refusal(registry_of, {"last": changed(business=None)})
    assert "both en and zh are needed" in refusal(registry_of, {"last": changed(technical={"en": "t", "zh": ""})})


def test_values_that_do_not_cover_all_customers_are_refused(registry_of):
    open_ended = {"near": TAG["values"]["near"]}
    message = refusal(registry_of, {"last": changed(values=open_ended)})
    assert "values do not cover all customers: the last, and only the last, needs 'otherwise: true'" in message


def test_two_values_with_the_same_condition_are_refused(registry_of):
    values = {"a": TAG["values"]["near"], "b": TAG["values"]["near"], "far": TAG["values"]["far"]}
    assert "two values have the same condition: the second can never hold" in refusal(
        registry_of, {"last": changed(values=values)}
    )


def test_two_tags_with_one_name_are_refused_with_both_places(registry_of, tmp_path):
    (tmp_path / "params/tags").mkdir(parents=True)
    path = tmp_path / "params/tags/relationship.yaml"
    path.write_text(
        yaml.safe_dump({"tags": {"last": changed(item="loyalty")}}, allow_unicode=True, sort_keys=False),
        encoding="utf-8",
    )
    message = refusal(registry_of, {"last": TAG})
    assert (
        "params/tags/relationship.yaml, line 2: two tags named 'last', first at params/tags/consumption.yaml, line 2"
        in message
    )


def test_an_unknown_item_key_or_kind_is_refused_with_the_nearest_name(registry_of):
    assert "unknown item 'recancy'. Did you mean 'recency'?" in refusal(registry_of, {"last": changed(item="recancy")})
    assert "unknown key 'onwer'. Did you mean 'owner'?" in refusal(registry_of, {"last": changed(onwer="x")})
    assert "kind is 'magic'" in refusal(registry_of, {"last": changed(kind="magic")})


def test_a_tag_in_the_file_of_another_group_is_refused(registry_of):
    message = refusal(registry_of, {"last": TAG}, group="usage")
    assert "tag last describes recency, of the group consumption. Move it to params/tags/consumption.yaml" in message


def test_all_faults_of_a_registry_are_reported_together(registry_of):
    message = refusal(registry_of, {"last": changed(owner=None), "next": changed(item="recancy")})
    assert "no owner" in message and "recancy" in message


def test_the_profile_overrides_thresholds_of_the_pack_and_the_pack_those_of_the_tag(registry_of):
    values = {"near": {"en": "n", "zh": "近", "when": "recency_days <= {near}"}, "far": TAG["values"]["far"]}
    tags = {"last": changed(values=values, thresholds={"near": 30})}
    pack = {"thresholds": {"last.near": 365.0}}
    assert registry_of(tags).tags["last"].conditions() == {"near": "recency_days <= 30"}
    assert registry_of(tags, pack=pack).tags["last"].conditions() == {"near": "recency_days <= 365"}
    assert registry_of(tags, pack=pack, thresholds={"last.near": 7.5}).tags["last"].conditions() == {
        "near": "recency_days <= 7.5"
    }
    assert "unknown threshold 'last.nearr'. Did you mean 'last.near'?" in refusal(
        registry_of, tags, thresholds={"last.nearr": 1.0}
    )


def test_a_pack_adds_changes_and_retires_tags(registry_of):
    pack = {"tags": {"last": {"owner": "pack"}, "more": TAG}, "retired": ["gone"]}
    tags = registry_of({"last": TAG, "gone": TAG}, pack=pack).tags
    assert list(tags) == ["last", "more"]
    assert tags["last"].owner == "pack"


def test_an_unknown_pack_is_refused_with_the_nearest_name(tmp_path):
    shutil.copytree(ROOT / "params", tmp_path / "params")
    message = refusal(load_registry, Workspace(tmp_path.resolve()), pack="jewelry")
    assert message == "params/packs/jewelry.yaml: no pack 'jewelry'. Did you mean 'jewellery'?"


def test_drafts_and_retired_tags_are_not_computed(registry_of):
    tags = {status: changed(status=status) for status in ("draft", "published", "deprecated", "retired")}
    assert {tag.id for tag in registry_of(tags).computed()} == {"published", "deprecated"}


def test_a_sensitive_item_without_consent_is_refused():
    with pytest.raises(ValueError, match="item religion is sensitive and no consent is named"):
        Tag.model_validate({"id": "faith", **changed(item="religion", copies="religion", values={})})


def test_the_name_of_a_value_comes_from_its_tag_else_from_the_run_else_is_the_value(shipped):
    names = {"segment": {"tier_1": {"en": "Best", "zh": "最好"}}, "gender": {"female": {"en": "not", "zh": "不"}}}
    registry = replace(shipped, value_names=names)
    declared = registry.tags["gender"].values["female"]
    assert registry.called("gender", "female") == {"en": declared.en, "zh": declared.zh}
    assert registry.called("segment", "tier_1") == {"en": "Best", "zh": "最好"}
    assert registry.called("segment", "tier_9") == {"en": "tier_9", "zh": "tier_9"}
    assert registry.called("no_such_tag", "x") == {"en": "x", "zh": "x"}
