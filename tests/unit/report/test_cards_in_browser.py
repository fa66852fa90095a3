"""Cards in a real browser, network off: one A5 page each, accessible by light and dark, inert whatever names hold."""

import re
from datetime import date

import pytest

from workbench.analysis.cards.card import CardTag, PortraitCard
from workbench.analysis.cards.urgency import by_urgency
from workbench.analysis.tags.strategies import Suggestion
from workbench.core.tags.pack import Strategy
from workbench.report.cards.customer import card_page
from workbench.report.cards.tags import useful_first

pytestmark = pytest.mark.browser
AS_OF = date(2025, 7, 1)
NAMES = {
    "markup": "<script>alert(1)</script><img src=https://example.org/x onerror=alert(2)>",
    "attribute": '" autofocus onfocus="alert(3)',
    "address": "<a href='javascript:alert(4)'>欧</a><svg onload=alert(5)>",
    "formula": '=HYPERLINK("https://example.org")',
    "mathematics": "$x_1$ {{ 7 * 7 }} {% raw %}",
    "direction": "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe\N{RIGHT-TO-LEFT ISOLATE}שלום",
    "rare": "䶮𠮷",
}


def tag(at, text):
    kind = ("fact", "rule", "predicted")[at % 3]
    return CardTag(
        f"tag_{at}", f"item_{at % 30}", {"en": f"Favourite thing {at}", "zh": f"首选项目 {at}"}, text,
        {"en": text, "zh": text}, kind, AS_OF, AS_OF, date(2025, 6, 1), at % 11 == 0, text,
    )  # fmt: skip


def full_card(customer="000042", name="欧**", text="several a month"):
    """A card with as much on it as a customer can have."""
    words = {"en": "keep the habit and broaden it by one category", "zh": "保持习惯，拓展一个品类，按节奏提醒"}
    parts = ("goal", "offer", "channel", "content", "cadence", "measure", "avoid")
    strategy = Strategy.model_validate(dict.fromkeys(parts, words))
    months = [date(2024, at, 1) for at in range(1, 13)]
    return PortraitCard(
        customer, AS_OF, consents={"marketing": True, "profiling": True, "third_party": False}, name=name,
        sentence=("tag_1", "tag_2", "tag_3", "tag_4"),
        value={"expected_value": 120.0, "value_low": 80.0, "value_high": 200.0},
        rhythm={"recency_days": 30.0, "gap_days_median": 10.0, "ratio": 3.0}, orders=35, life_cycle_stage="at_risk",
        rfm={"rfm_type": "important_value", "r_score": 5, "f_score": 4, "m_score": 3}, segment="at_risk",
        preferences=tuple({"by": "category", "value": text, "lines": 9, "share": share} for share in (0.5, 0.3, 0.1)),
        occasions=({"what": "purchase", "on": date(2025, 7, 2)}, {"what": "birthday", "on": date(2025, 8, 2)}),
        risk={"churn_probability": 0.62, "cut_off": date(2025, 4, 2), "reasons": [
            {"feature": "recency_days", "value": 30.0, "contribution": contribution} for contribution in (1.2, 0.8, -0.3)]},
        suggestions=(Suggestion(strategy, "life_cycle", "at_risk"), Suggestion(strategy, "segment", "lapsed")),
        timeline={kind: dict.fromkeys(months, 2) for kind in ("transactions", "events", "service", "campaigns")},
        tags=tuple(tag(at, text) for at in range(55)),
        unknown=tuple(["income", "education", "marital_status", "children", "occupation"] * 12),
        versions={"definition_version": "2025-07-01-abcdef", "model_version": "728d9691b54b"},
    )  # fmt: skip


@pytest.fixture
def visit(browser, tmp_path):
    """Open a page of cards with the network off; collect what it asks for, says, or puts up."""
    contexts = []

    def open_page(cards, language="en", scheme="light"):
        text = cards if isinstance(cards, str) else card_page(cards, language=language, currency="CNY")
        file = tmp_path / f"cards.{language}.html"
        file.write_text(text, encoding="utf-8")
        context = browser.new_context(offline=True, color_scheme=scheme, viewport={"width": 820, "height": 900})
        contexts.append(context)
        page, seen = context.new_page(), []
        context.on("request", lambda request: seen.append(request.url))
        page.on("console", lambda message: seen.append(message.text))
        page.on("pageerror", lambda error: seen.append(str(error)))
        page.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
        page.goto(file.as_uri())
        return page, seen, file.as_uri()

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_full_card_prints_on_one_page_and_two_on_two(visit, language):
    for count in (1, 2):
        page, *_ = visit([full_card(f"{at:06d}") for at in range(count)], language)
        printed = page.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page[^s]", printed)) == count


@pytest.mark.parametrize(("language", "words"), [("en", "31 more"), ("zh", "另有 31 个")])
def test_five_tags_show_all_unfold_and_paper_has_the_24_most_useful_in_a_legible_size(visit, language, words):
    card = full_card()
    page, *_ = visit([card], language)
    assert page.locator(".chip:visible").count() == 5
    page.locator("summary").first.click()
    assert page.locator(".chip:visible").count() == 55
    page.locator("summary").first.click()
    page.emulate_media(media="print")
    names = [tag.name[language] for tag in useful_first(card.tags, mentioned=card.sentence)[:24]]
    printed = page.locator(".chip:visible").all_inner_texts()
    assert [re.split("[:：]", text)[0] for text in printed] == names
    assert words in page.locator("p.paper:visible").inner_text().replace("\u2009", " ")
    sizes = page.locator("article *:visible").evaluate_all(
        "all => all.filter(one => one.innerText).map(one => parseFloat(getComputedStyle(one).fontSize))"
    )
    assert min(sizes) >= 8  # pixels: six points
    assert len(re.findall(rb"/Type\s*/Page[^s]", page.pdf(prefer_css_page_size=True))) == 1


@pytest.mark.parametrize(
    ("language", "scheme", "count"), [("en", "light", 1), ("en", "dark", 2), ("zh", "light", 2), ("zh", "dark", 1)]
)
def test_cards_pass_an_accessibility_check(visit, language, scheme, count):
    from axe_playwright_python.sync_playwright import Axe

    page, *_ = visit([full_card(f"{at:06d}") for at in range(count)], language, scheme)
    page.locator("summary").first.click()
    violations = Axe().run(page).response["violations"]
    assert [(violation["id"], [node["target"] for node in violation["nodes"]]) for violation in violations] == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_whatever_names_hold_nothing_runs_and_nothing_is_fetched(visit, language):
    cards = [full_card(f"{at:06d}", name, name) for at, name in enumerate(NAMES.values())]
    page, seen, address = visit(cards, language)
    page.locator("summary").first.click()
    for name in NAMES.values():
        page.locator("#find").fill(name)
    page.wait_for_timeout(100)
    assert [request for request in seen if request != address] == []
    assert page.locator("main img, main script, main a").count() == 0
    page.locator("#find").fill("")
    headings = page.locator("h2").all_inner_texts()
    assert all(name in text for name, text in zip(NAMES.values(), headings, strict=True))


def test_cards_are_found_by_id_and_by_pinyin(visit):
    page, *_ = visit([full_card("000001", "欧阳娜"), full_card("000002", "李雷")])
    for query, customer in (("000002", "c-000002"), ("ouyang", "c-000001"), ("李", "c-000002")):
        page.locator("#find").fill(query)
        visible = page.locator("article.card:visible")
        assert (visible.count(), visible.first.get_attribute("id")) == (1, customer)
    page.locator("#find").fill("nobody")
    assert page.locator("article.card:visible").count() == 0
    assert page.locator("[data-found]").inner_text().startswith("No match among ")


def many_cards(count):
    """Cards with little on them, the expected loss falling with the number."""
    risk, segment = (
        CardTag(name, name, {"en": title, "zh": title}, value, {"en": value, "zh": value}, "rule", AS_OF, AS_OF, None,
                False, "")
        for name, title, value in (("churn_risk", "Churn risk", "high"), ("segment", "Segment", "tier 2 of 3"))
    )  # fmt: skip
    cards = [
        PortraitCard(
            f"{at:06d}", AS_OF, tags=(risk, segment) if at == 7 else (risk,), lists={"keep_list": (1, 9)} if at == 3 else {},
            value={"expected_value": 1234567.0 if at == 8 else 100.0 + at}, risk={"churn_probability": 0.5},
        )
        for at in range(count)
    ]  # fmt: skip
    return by_urgency(cards)


def test_twenty_cards_stand_first_and_more_come_by_a_click(visit):
    page, *_ = visit(many_cards(45))
    visible, more = page.locator("article.card:visible"), page.locator("[data-more]")
    assert (visible.count(), visible.first.get_attribute("data-id")) == (20, "000008")
    assert [visible.nth(at).get_attribute("data-id") for at in (1, 2)] == ["000044", "000043"]
    assert page.locator("[data-found]").inner_text().startswith("45 of 45 on this page; 20 shown")
    for count in (40, 45):
        more.click()
        assert visible.count() == count
    assert not more.is_visible()


@pytest.mark.parametrize(
    ("query", "customers"),
    [
        ("7", ["000007"]), ("000007", ["000007"]), ("tier 2", ["000007"]), ("keep list", ["000003"]),
        ("¥1.23 million", ["000008"]), ("churn high tier", ["000007"]), ("Churn risk: high", [f"{at:06d}" for at in (8, *range(44, 25, -1))]),
    ],
)  # fmt: skip
def test_the_search_finds_ids_as_numbers_tiers_lists_tags_and_money_as_shown(visit, query, customers):
    page, *_ = visit(many_cards(45))
    if query.startswith("¥"):
        query = page.locator("#c-000008 dd").first.text_content().split(" ")[0]
    page.locator("#find").fill(query)
    found = page.locator("article.card:visible").evaluate_all("all => all.map(one => one.dataset.id)")
    assert found == customers


def test_a_link_to_a_card_beyond_the_first_twenty_shows_it(visit):
    page, _, address = visit(many_cards(45))
    assert not page.locator("#c-000001").is_visible()
    page.goto(f"{address}#c-000001")
    assert page.locator("#c-000001").is_visible()
    assert page.locator("article.card:visible").count() == 21
    page.evaluate("location.hash = '#c-000002'")
    page.locator("#c-000002").wait_for(state="visible")
    assert not page.locator("#c-000001").is_visible()
    assert 0 <= page.locator("#c-000002").bounding_box()["y"] < 900


@pytest.mark.parametrize(("language", "scheme"), [("en", "dark"), ("zh", "light")])
def test_the_page_of_an_audience_passes_an_accessibility_check_and_is_inert(visit, language, scheme):
    import ibis
    import pandas as pd
    from axe_playwright_python.sync_playwright import Axe

    from workbench.analysis.portraits.members import portray_members
    from workbench.report.cards.audience import audience_page

    ids, cities = [f"{at:03d}" for at in range(80)], list(NAMES.values())
    features = pd.DataFrame({
        "customer_id": ids, "monetary_total": range(80), "recency_days": range(80), "frequency_orders": 2,
        "city": [cities[at % 2] for at in range(80)], "category_top": ["tea"] * 40 + ["salt"] * 40,
    })  # fmt: skip
    tags = pd.DataFrame({"customer_id": ids, "stage": ["new", "old"] * 40, "band": ["low", "low", "top", "top"] * 20})
    orders = pd.DataFrame(
        {"order_id": ids, "customer_id": ids, "amount": 1.0, "ordered_at": pd.Timestamp("2025-05-05 10:00")}
    )
    portrait = portray_members(
        features, ids[:40], {"transactions": ibis.memtable(orders)}, as_of=AS_OF, tags=tags, crosses=[("stage", "band")]
    )
    steps = {"part": ["everybody", "rule"], "step": ["", cities[0]]}
    funnel = pd.DataFrame({**steps, "alone": [80, 40], "left": [80, 40]})
    estimate = {"name": "tea", "label": {}, "as_of": AS_OF, "purpose": "marketing", "purposes": (), "members": 40, "reachable": 40,
            "consent_recorded": True, "customers": 80, "funnel": funnel}  # fmt: skip
    page, seen, address = visit(audience_page(estimate, portrait, language=language, currency="CNY"), language, scheme)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    violations = Axe().run(page).response["violations"]
    assert [(violation["id"], [node["target"] for node in violation["nodes"]]) for violation in violations] == []
    assert [request for request in seen if request != address and not request.startswith("data:")] == []
    assert page.locator("main script, main a[href^='javascript']").count() == 0
