"""The reasons of a list in words, and its page: sorted by plain values, linked, escaped."""

import pandas as pd

from workbench.report.lists.page import MOST_ROWS, lists_page
from workbench.report.lists.words import reasons_in_words

LATE = pd.DataFrame(
    {"probability": [0.5, 0.16, None], "recency_days": [69, 13, None], "gap_days_median": [16, 12, None]}
)
SENT = pd.DataFrame({"probability": [0.35, 0.1, 0.2], "sent": [4, 1, None], "answered": [2, 0, None]})


def test_who_is_late_against_their_own_rhythm_is_called_late():
    assert reasons_in_words(LATE, basis="leaving", language="en") == [
        "late: last order 69 days ago, usually every 16 days; chance of leaving 50 %",
        "last order 13 days ago; chance of leaving 16 %",
        "",
    ]
    assert reasons_in_words(LATE, basis="leaving", language="zh")[0].startswith("已超期：距上次购买")


def test_answers_say_how_many_campaigns_were_answered_before():
    assert reasons_in_words(SENT, basis="answers", language="en") == [
        "answered 2 of 4 campaigns; likely to answer: 35 %",
        "answered none of 1 campaign; likely to answer: 10 %",
        "never sent a campaign; likely to answer: 20 %",
    ]


def rows(count):
    return pd.DataFrame({
        "source_id": [f"{at:05d}" for at in range(count)], "customer_id": "<b>x</b>", "reason": "late",
        "value": 12.5, "probability": 0.25, "segment": "high", "card": ["../cards.html#c-1"] + [""] * (count - 1),
    })  # fmt: skip


def test_the_page_sorts_by_plain_values_links_cards_and_escapes_ids():
    page = lists_page({"contact_list": rows(2)}, language="en", currency="USD")
    assert 'data-sort="12.5"' in page and 'data-sort="0.25"' in page
    assert page.count('href="cards.html#c-1"') == 1  # files lie one folder below the page
    assert "<b>x</b>" not in page and "&lt;b&gt;x&lt;/b&gt;" in page
    assert "Contact list: 2 customers" in page.replace("\u2009", " ") or "contact list: 2 customers" in page


def test_a_long_list_says_that_the_file_has_all():
    page = lists_page({"keep_list": rows(MOST_ROWS + 1)}, language="zh")
    assert page.count("<tr>") == MOST_ROWS + 1  # with its header
    assert "完整名单见文件" in page
