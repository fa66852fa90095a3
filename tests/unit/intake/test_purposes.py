"""The purposes of consents in one vocabulary."""

from __future__ import annotations

import ibis

from workbench.intake.purposes import name_purposes

WORDS = ["营销短信", " SMS ", "数据分析", "service", None]


def named(purposes):
    consents = ibis.memtable({"customer_id": list("abcde"), "purpose": WORDS, "granted": [True] * 5})
    tables = name_purposes({"consents": consents, "features": consents}, purposes)
    assert tables["features"].equals(consents)
    return tables["consents"].order_by("customer_id").to_pandas()["purpose"].tolist()


def test_a_purpose_has_the_name_the_profile_gives_its_words_and_others_stay():
    purposes_read = named({"marketing": ["营销短信", "sms"], "profiling": ["数据分析"]})
    assert purposes_read[:4] == ["marketing", "marketing", "profiling", "service"]
    assert purposes_read[4] is None or purposes_read[4] != purposes_read[4]


def test_without_names_the_words_stay_as_they_are():
    assert named({})[:4] == WORDS[:4]
