"""Cards as pages: escaped, one page in print, the same figures in both languages, plain values for a CRM."""

import json
from dataclasses import replace
from datetime import date

import pytest

from workbench.analysis.cards.card import CardTag, PortraitCard
from workbench.analysis.tags.strategies import Suggestion
from workbench.core.schema import UNDATED
from workbench.core.tags.pack import Strategy
from workbench.report import html
from workbench.report.cards.customer import card_page, card_pages, card_values, card_view
from workbench.report.cards.first_line import first_line
from workbench.report.cards.tags import MOST_OPEN, MOST_PRINTED
from workbench.report.html import stylesheet

NASTY = '<img src=x onerror=alert(1)>"$x_1$ =1+1 \N{RIGHT-TO-LEFT OVERRIDE}𠮷䶮'


def card(**changes):
    tag = CardTag(
        "city", "region", {"en": "City", "zh": "城市"}, NASTY, {"en": NASTY, "zh": NASTY}, "fact", date(2025, 1, 1),
        date(2025, 7, 1), date(2025, 6, 1), True, NASTY,
    )  # fmt: skip
    fields = {
        "customer_id": "00042", "as_of": date(2025, 7, 1), "consents": {"marketing": True}, "name": "欧**",
        "sentence": ("city",), "value": {"expected_value": 120.0, "value_low": 80.0, "value_high": 200.0},
        "rhythm": {"recency_days": 30.0, "gap_days_median": 10.0, "ratio": 3.0}, "orders": 4, "life_cycle_stage": "at_risk",
        "rfm": {"rfm_type": "important_value", "r_score": 5, "f_score": 4, "m_score": 3}, "tags": (tag,),
        "preferences": ({"by": "category", "value": NASTY, "lines": 3, "share": 0.4},),
        "risk": {"churn_probability": 0.62, "cut_off": date(2025, 4, 2),
                 "reasons": [{"feature": "recency_days", "value": 30.0, "contribution": 1.2}]},
        "timeline": {"transactions": {date(2025, 6, 1): 2, date(2024, 6, 1): 1}}, "unknown": ("income",),
    }  # fmt: skip
    return PortraitCard(**fields | changes)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_customers_type_is_inert(language):
    page = card_page([card()], language=language, currency="CNY")
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
    assert "http" not in page.split("<main")[1]


def test_many_pages_of_one_card_each_carry_one_cut_of_the_chinese_font():
    html._subset.cache_clear()
    cards = [card(name="欧**"), card(customer_id="2", name="𠮷**"), card(customer_id="3", name="李*")]
    pages = card_pages(cards, language="zh", currency="CNY")
    assert html._subset.cache_info().misses == 1
    assert len({page.split("base64,")[1].split(")")[0] for page in pages}) == 1
    assert [page.split("<title>")[1].split("</title>")[0] for page in pages] == [
        "客户画像卡 00042", "客户画像卡 2", "客户画像卡 3",
    ]  # fmt: skip
    assert pages[0] == card_pages(cards, language="zh", currency="CNY")[0]


def test_both_languages_carry_the_same_figures():
    views = [card_view(card(), language=language, currency="CNY") for language in ("en", "zh")]
    for left, other in zip(*(view["numbers"] for view in views), strict=True):
        assert [character for character in left["value"] if character.isdigit()] == [
            character for character in other["value"] if character.isdigit()
        ]
    assert views[0]["timeline"]["bars"] == views[1]["timeline"]["bars"]


@pytest.mark.parametrize(("language", "words"), [("en", "This data has no dates"), ("zh", "数据未记录事件发生的时间")])
def test_a_card_of_undated_data_names_no_day(language, words):
    undated = card(
        as_of=UNDATED, tags=(replace(card().tags[0], as_of=UNDATED, since=UNDATED, expires_at=None),), timeline={}
    )
    page = card_page([undated], language=language, currency="CNY")
    assert words in page and "9999" not in page.split("<main")[1]


def test_an_expired_tag_says_so_by_word():
    assert card_view(card())["tags"][0]["word"] == "expired"


def test_unknown_is_said_and_never_zero():
    view = card_view(PortraitCard("x", date(2025, 7, 1)))
    assert [number["value"] for number in view["numbers"]] == ["unknown"] * 4
    assert (view["risk"], view["timeline"]) == (None, None)


def test_who_refused_has_no_portrait():
    page = card_page([card(opted_out=True)])
    assert "refused profiling" in page
    assert "Risk" not in page.split("<main")[1]


def test_values_for_a_crm_are_plain():
    values = json.loads(json.dumps(card_values(card()), ensure_ascii=False))
    assert values["timeline"]["transactions"] == {"2025-06-01": 2, "2024-06-01": 1}
    assert values["risk"]["cut_off"] == "2025-04-02"


def test_a_card_is_found_by_id_pinyin_initials_and_stage():
    assert card_view(card(tags=(), sentence=()))["search"] == "00042 欧** ou** o** at risk"
    city = replace(card().tags[0], tag="city", value_name={"en": "上海", "zh": "上海"})
    search = card_view(card(tags=(city,), name=None), language="zh")["search"]
    assert search.startswith("00042 上海 shanghai sh ")


def test_several_cards_have_a_finder_and_one_has_none():
    left, several = (
        card_page(cards).split("<main")[1].split("<script")[0] for cards in ([card()], [card(), card(customer_id="2")])
    )
    assert "data-cards" not in left
    assert "data-cards" in several


STRATEGY = Strategy.model_validate(
    dict.fromkeys(
        ("goal", "offer", "channel", "content", "cadence", "measure", "avoid"), {"en": "a visit", "zh": "邀请到店"}
    )
)


@pytest.mark.parametrize(
    ("changes", "en", "zh"),
    [
        ({}, "Late: 30 days, usually 10. Worth ¥120. Offer: a visit. Channel: a visit.",
         "已晚：30 天未购，平时 10 天一次。预期价值 ¥120。建议：邀请到店；渠道：邀请到店。"),
        ({"consents": {"marketing": False}}, "Late: 30 days, usually 10. Worth ¥120. Do not contact: marketing refused.",
         "已晚：30 天未购，平时 10 天一次。预期价值 ¥120。不要联系：客户拒绝营销。"),
        ({"no_contact": "never_contact"}, "Late: 30 days, usually 10. Worth ¥120. Do not contact: on the never-contact list.",
         "已晚：30 天未购，平时 10 天一次。预期价值 ¥120。不要联系：在免打扰名单上。"),
        ({"no_contact": "", "consents": {"marketing": False}, "lists": {"keep_list": (12, 229)}, "value": {}},
         "Late: 30 days, usually 10. On the keep list: 12 of 229. Offer: a visit. Channel: a visit.",
         "已晚：30 天未购，平时 10 天一次。挽留名单第 12 位（共 229 位）。建议：邀请到店；渠道：邀请到店。"),
        ({"rhythm": {"recency_days": 12.0, "gap_days_median": 10.0, "ratio": 1.2}, "value": {}, "suggestions": ()},
         "Due: 12 days, usually 10.", "该来了：12 天未购，平时 10 天一次。"),
        ({"rhythm": {"recency_days": 5.0, "gap_days_median": 10.0, "ratio": 0.5}, "value": {"monetary_total": 55.0}, "suggestions": ()},
         "In time: 5 days, usually 10. Spent ¥55 so far.", "节奏正常：上次购买 5 天前，平时 10 天一次。累计消费 ¥55。"),
        ({"rhythm": {"recency_days": 1.0}, "value": {}, "suggestions": ()},
         "Last purchase 1 day ago; no usual gap yet.", "上次购买在 1 天前，尚无固定间隔。"),
        ({"rhythm": {}, "value": {}, "suggestions": ()}, "No purchase yet.", "尚未购买。"),
        ({"life_cycle_stage": "lost", "value": {}, "suggestions": ()},
         "Away for 30 days, used to buy every 10 days.", "已 30 天未购，以往每 10 天购买一次。"),
        ({"life_cycle_stage": "lost", "rhythm": {"recency_days": 30.0}, "value": {}, "suggestions": ()},
         "Away for 30 days.", "已 30 天未购。"),
    ],
)  # fmt: skip
def test_the_first_line_says_what_to_do(changes, en, zh):
    one = card(**({"suggestions": (Suggestion(STRATEGY, "life_cycle", "at_risk"),)} | changes))
    assert first_line(one, "en", "CNY").replace("\u2009", " ") == en
    assert first_line(one, "zh", "CNY").replace("\u2009", " ") == zh
    assert card_page([one], currency="CNY").split('<p class="do">')[1].startswith(first_line(one, "en", "CNY"))


def test_the_timeline_begins_where_the_data_begin():
    bars = card_view(card(data_from=date(2025, 3, 20)))["timeline"]
    assert "Mar 2025" in bars["period"] and bars["width"] == 4 * 17
    assert [bar["x"] for bar in bars["bars"]] == [3 * 17]


def test_five_tags_stand_open_all_else_is_folded_and_paper_has_24():
    tags = tuple(replace(card().tags[0], tag=f"t{at}", item=f"i{at}") for at in range(30))
    main = card_page([card(tags=tags, sentence=())]).split("<main")[1]
    opened, folded = main.split('<details class="more-of-card">')
    assert (opened.count('<li class="chip'), folded.count('<li class="chip')) == (5, 25)
    assert "and 6 more on the screen" in folded
    assert f".chip:nth-child(n + {MOST_PRINTED - MOST_OPEN + 1})" in stylesheet("card.css")


def test_a_card_writes_each_tag_once_and_the_date_of_the_card_once():
    tags = tuple(
        replace(card().tags[0], tag=f"t{at}", item=f"i{at}", evidence=f"orders={at}", as_of=card().as_of)
        for at in range(30)
    )
    main = card_page([card(tags=tags, sentence=())]).split("<main")[1].split("<script")[0]
    assert main.count('<li class="chip') == 30
    assert [main.count(f"orders={at} ") + main.count(f"orders={at}<") for at in range(30)] == [1] * 30
    assert main.count("1 July 2025") == 1


def test_few_tags_leave_nothing_for_paper_alone():
    main = card_page([card(tags=card().tags * 5, sentence=())]).split("<main")[1]
    assert main.count('<ul class="chips">') == 1 and "more on the screen" not in main


@pytest.mark.parametrize("reason", ["refused", "never_contact", "minor"])
def test_a_customer_whom_nobody_may_contact_has_no_offer_on_the_card(reason):
    one = card(suggestions=(Suggestion(STRATEGY, "life_cycle", "at_risk"),), no_contact=reason)
    for language, offer in (("en", "a visit"), ("zh", "邀请到店")):
        main = card_page([one], language=language, currency="CNY").split("<main")[1]
        assert main.count("Do not contact" if language == "en" else "不要联系") == 2
        assert offer not in main and card_view(one, language=language)["neutral"] not in main


def test_what_seems_to_contradict_itself_is_explained_once():
    risk, retention = (
        replace(card().tags[0], tag=name, item=name, expired=False, value=value)
        for name, value in (("churn_risk", "low"), ("retention", "likely"))
    )
    one = card(tags=(risk, retention), sentence=(), lists={"keep_list": (1, 9)}, consents={})
    for language in ("en", "zh"):
        notes = card_view(one, language=language)["explained"]
        assert len(notes) == 2  # at risk by the calendar, and on the keep list, with a low churn risk
        main = card_page([one], language=language).split("<main")[1]
        assert [main.count(str(note)) for note in notes] == [1, 1]
