"""What 12_tag_customers says it does not show."""

from __future__ import annotations

from datetime import date

import ibis
import pandas as pd
import pytest

from workbench.analysis.tags.tagging import tag_customers
from workbench.report.findings.tags import limit_tags
from workbench.report.text import say

ITEMS = pd.DataFrame({"item": ["age", "gender"], "status": ["unknown", "known"]})


@pytest.mark.parametrize(("present", "reported"), [({"features"}, True), ({"features", "actions"}, False)])
def test_the_absence_of_actions_is_reported_until_they_are_there(present, reported):
    tagged = tag_customers({"features": ibis.memtable({"customer_id": ["a"]})}, [], as_of=date(2025, 7, 1))
    limits = limit_tags(tagged, ITEMS, present=present)
    keys = [limit.key for limit in limits]
    assert keys == ["tags_limit_unknown", *(["tags_limit_actions"] if reported else [])]
    assert all(say(limit.key, language, limit.values) for limit in limits for language in ("en", "zh"))


@pytest.mark.parametrize(("present", "items"), [({"features"}, 2), ({"features", "contacts"}, None)])
def test_items_of_companies_say_why_they_are_unknown(present, items):
    tagged = tag_customers({"features": ibis.memtable({"customer_id": ["a"]})}, [], as_of=date(2025, 7, 1))
    table = pd.DataFrame(
        {"item": ["industry", "position", "age", "past_use"], "status": ["unknown", "unknown", "unknown", "known"]}
    )
    limits = {limit.key: limit.values for limit in limit_tags(tagged, table, present=present)}
    assert limits.get("tags_limit_companies") == (items and {"items": items})
    if items:
        assert say("tags_limit_companies", "en", limits["tags_limit_companies"]).startswith(
            "2 unknown items describe companies"
        )
