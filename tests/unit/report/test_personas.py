"""Persona cards: what they say is in the portrait, what customers typed stays text, nothing is loaded."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.portraits.study import GroupStudy, study_groups
from workbench.analysis.segments.declared import declare
from workbench.core.schema import UNDATED
from workbench.report.cards.personas import gather_personas, persona_card, personas_page
from workbench.report.charts.chart import About
from workbench.report.charts.theme import render
from workbench.report.plots.portraits.groups import plot_portraits, strongest_traits, weight_of_trait

DEFINITION = {
    "name": "spenders", "as_of": "2025-01-01",
    "segments": [
        {"key": "big", "name": {"en": "Big <b>spenders</b> $x$", "zh": "高消费客户"},
         "when": {"monetary_total": {"at_least": 50}}},
        {"key": "small", "name": {"en": "Small spenders", "zh": "低消费客户"}, "otherwise": True},
    ],
}  # fmt: skip


def study(n=400) -> GroupStudy:
    draw = np.random.default_rng(4)
    big = np.arange(n) % 2 == 0
    features = pd.DataFrame(
        {
            "customer_id": [f"{at:04d}" for at in range(n)],
            "monetary_total": np.where(big, 80.0, 20.0) + draw.random(n),
            "gender": np.where(draw.random(n) < np.where(big, 0.8, 0.4), "f", "m"),
            "channel_top": draw.choice(["web", "store"], n),
        }
    )
    groups = pd.DataFrame({"customer_id": features["customer_id"], "group": np.where(big, "big", "small")})
    return study_groups(features, groups, {}, as_of=UNDATED, keys=["big", "small", "unknown"])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_card_says_name_size_and_facts_and_advice_only_where_it_is_given(language):
    cards = gather_personas(study(), declare(DEFINITION))
    assert [card.key for card in cards] == ["big", "small"]
    plain = persona_card(cards[0], language=language)
    assert "TGI" in plain.alt and "n = 200" in plain.alt
    texts = [text.get_text() for text in plain.figure.texts]
    assert any("50" in text and "%" in text for text in texts)
    assert not any("✓" in text for text in texts)
    advice = {"big": {"do": {"en": ["Say thanks"], "zh": ["致谢"]}}}
    other_card = persona_card(gather_personas(study(), declare(DEFINITION), advice=advice)[0], language=language)
    assert any(text.get_text() in ("Say thanks", "致谢") for text in other_card.figure.texts)


def test_without_orders_the_emblem_is_drawn_from_the_numbers_there_are_and_no_day_is_named():
    draw, n = np.random.default_rng(5), 300
    odd = np.arange(n) % 2 == 1
    features = pd.DataFrame({"customer_id": [f"{at:04d}" for at in range(n)], "scale_arts": odd + draw.random(n)})
    groups = pd.DataFrame({"customer_id": features["customer_id"], "group": np.where(odd, "big", "small")})
    groups_study = study_groups(features, groups, {}, as_of=UNDATED, keys=["big", "small"])
    card = gather_personas(groups_study, declare(DEFINITION | {"as_of": UNDATED.isoformat()}))[0]
    assert card.traits["variable"].tolist() == ["scale_arts"] and card.traits["effect"].iloc[0] > 0
    written = " ".join(text.get_text() for text in persona_card(card).figure.texts).replace("\n", " ")
    assert "arts (scale score)" in written and "this data has no dates" in written and "9999" not in written


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_numbers_of_a_card_have_the_units_of_their_features(language):
    rng, n = np.random.default_rng(6), 400
    big = np.arange(n) % 2 == 0
    features = pd.DataFrame({"customer_id": [f"{at:04d}" for at in range(n)]}).assign(
        spend_per_order_mean=np.where(big, 20_809.0, 3_676.0) + rng.random(n),
        gift_order_share=np.where(big, 0.0643, 0.412) + 1e-6 * rng.random(n),
        promotion_spend_share=np.where(big, 1.0, 0.0),
    )
    groups = pd.DataFrame({"customer_id": features["customer_id"], "group": np.where(big, "big", "small")})
    portrait = study_groups(features, groups, {}, as_of=UNDATED, keys=["big", "small"])
    card = gather_personas(portrait, declare(DEFINITION))[0]
    figure = persona_card(card, language=language, about=About(currency="CNY")).figure
    written = " ".join(text.get_text() for text in figure.texts).replace("\u2009", " ")
    percent = " %" if language == "en" else "%"
    assert ("¥20,8" if language == "en" else "¥2.08万") in written
    assert f"6.4{percent}" in written and f"100{percent}" in written and "0.064" not in written


@pytest.mark.parametrize("words", [1, 4, 9, 13])
def test_a_name_of_several_lines_stands_above_the_sentence(words):
    cards = gather_personas(study(), declare(DEFINITION))
    name = {"en": " ".join(["promotion"] * words), "zh": "促销"}
    figure = persona_card(replace(cards[0], name=name, sentence={"en": "Spends more than all.", "zh": ""})).figure
    figure.canvas.draw()
    boxes = {text.get_text(): text.get_window_extent() for text in figure.texts}
    head = next(box for text, box in boxes.items() if text.startswith("promotion"))
    sentence, emblem = boxes["Spends more than all."], next(box for text, box in boxes.items() if "Emblem" in text)
    assert head.y0 > sentence.y1 and sentence.y0 > emblem.y1


def test_a_page_of_cards_is_one_file_with_escaped_names_and_the_same_bytes_again():
    cards = [persona_card(persona) for persona in gather_personas(study(), declare(DEFINITION))]
    page = personas_page(cards, language="en")
    assert "<b>spenders</b>" not in page and "&lt;b&gt;spenders&lt;/b&gt; $x$" in page
    assert "http:" not in page.replace("http://www.w3.org", "") and "<script" not in page
    again = [persona_card(persona) for persona in gather_personas(study(), declare(DEFINITION))]
    assert render(cards[0], "svg") == render(again[0], "svg")


def test_a_group_without_differences_says_so():
    empty = study().portrait.assign(differs=False)
    card = persona_card(gather_personas(GroupStudy(study().sizes, empty, study().week), declare(DEFINITION))[1])
    assert "No measured difference from all customers" in card.alt
    assert strongest_traits(empty) == [] and not plot_portraits(empty, traits=[]).drawn


def test_a_suppressed_group_has_no_card():
    sizes = study().sizes.assign(suppressed=[True, False])
    cards = gather_personas(GroupStudy(sizes, study().portrait, study().week), declare(DEFINITION))
    assert [card.key for card in cards] == ["small"]
    assert gather_personas(GroupStudy(sizes.tail(1), study().portrait, study().week), declare(DEFINITION)) == []


def test_the_map_of_traits_reads_out_its_largest_and_keeps_the_order_of_names():
    portrait = study().portrait
    traits = strongest_traits(portrait)
    assert traits[0][0] == "gender"
    chart = plot_portraits(portrait, traits=traits, names={"big": "Big"}, language="en")
    assert chart.drawn and "small" in chart.title and "TGI" in chart.title
    for names in ({"big": "Big", "small": "Small"}, {"small": "Small", "big": "Big"}):
        heads = plot_portraits(portrait, names=names, language="en").figure.axes[0].get_xticklabels()
        assert [head.get_text() for head in heads] == list(names.values())


def test_a_few_unknown_customers_hide_no_segment():
    features = pd.DataFrame({"customer_id": [f"{at:03d}" for at in range(100)], "gender": ["f", "m"] * 50})
    groups = features.assign(segment=["big"] * 50 + ["small"] * 46 + ["unknown"] * 4)
    groups_study = study_groups(features, groups, {}, as_of=UNDATED, by="segment", keys=["big", "small", "unknown"])
    assert groups_study.sizes["group"].tolist() == ["big", "small"] and groups_study.sizes["n"].tolist() == [50, 46]
    assert set(groups_study.portrait["group"]) == {"big", "small"} and (groups_study.portrait["base_n"] == 96).all()


def test_what_stands_out_is_ranked_by_people_times_tgi():
    rows = pd.DataFrame({
        "group": "g", "kind": "share", "differs": True, "variable": ["a", "b", "c"], "value": ["rare", "usual", "less"],
        "n": 100, "share": [0.02, 0.60, 0.30], "tgi": [400.0, 150.0, 50.0], "effect": [0.9, 0.3, -0.5],
    })  # fmt: skip
    assert weight_of_trait(rows).tolist() == [600.0, 3000.0, 1500.0]
    assert strongest_traits(rows) == [("b", "usual"), ("a", "rare"), ("c", "less")]
    assert weight_of_trait(rows.drop(columns=["n", "share"])).tolist() == [300.0, 50.0, 50.0]


def test_of_traits_with_the_same_shares_in_every_group_one_is_drawn():
    rows = pd.DataFrame(
        [(group, name, "No internet", 100, 0.5, tgi) for name in ("tv", "backup", "support")
         for group, tgi in (("a", 10.0), ("b", 230.0))] + [("a", "phone", "No", 100, 0.1, 90.0), ("b", "phone", "No", 100, 0.3, 150.0)],
        columns=["group", "variable", "value", "n", "share", "tgi"],
    )  # fmt: skip
    picked = strongest_traits(rows.assign(differs=True))
    assert picked == [("tv", "No internet"), ("phone", "No")]
