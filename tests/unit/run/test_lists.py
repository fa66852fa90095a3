"""The lists beside the report of a run: private files, plain columns, no customer in the report or the summary."""

import json
import re
import stat
from urllib.parse import unquote

import pandas as pd
import pytest

from workbench.report.answer import PLAN, GoalAnswer
from workbench.run.stages.lists.writing import COLUMNS


@pytest.fixture(scope="module")
def run(tiny):
    return tiny / "reports/tiny/latest"


@pytest.fixture(scope="module")
def answer(run):
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    return GoalAnswer.from_json(summary["stages"]["14_write_report"]["answer"])


def test_people_are_private(run):
    assert stat.S_IMODE((run / "people").stat().st_mode) == 0o700
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (run / "people").rglob("*") if path.is_file()}
    assert modes == {0o600}


def test_every_list_has_the_same_plain_columns_in_its_order(run, answer):
    assert answer.lists
    for entry in answer.lists:
        rows = pd.read_csv(run / entry.file, dtype={"source_id": "str", "customer_id": "str"})
        assert tuple(rows.columns) == COLUMNS
        assert len(rows) == entry.n and rows["customer_id"].is_unique
        assert rows["value"].sum() == pytest.approx(entry.expected_value, abs=0.01 * entry.n)
        assert rows["probability"].between(0, 1).all()
        assert list(pd.read_excel(run / entry.workbook, dtype=str, engine="openpyxl")["customer_id"]) == list(
            rows["customer_id"]
        )


def test_the_list_of_a_plan_counts_its_actions_unless_few_customers_get_one(tiny, run, answer):
    entry = next(part for part in answer.lists if part.basis == PLAN)
    listed = set(pd.read_csv(run / entry.file, dtype=str)["customer_id"])
    actions = pd.read_parquet(tiny / "data/processed/tiny/actions.parquet")
    planned = actions[actions["customer_id"].isin(listed) & (actions["arm"] == "treat")]
    sizes = sorted(planned["action"].value_counts(), reverse=True)
    counts = [action.n for action in entry.actions]
    assert counts == sizes[: len(counts)]
    assert counts and min(counts) >= 10
    rest = sizes[len(counts) :]
    assert not rest or sum(rest) >= 10 + len(rest)


def test_a_list_of_leavers_has_nobody_who_has_left(tiny, run, answer):
    rfm = pd.read_parquet(tiny / "data/processed/tiny/rfm.parquet")
    lost = set(rfm.loc[rfm["life_cycle_stage"] == "lost", "customer_id"])
    leavers = [entry for entry in answer.lists if entry.basis == "leaving"]
    assert leavers
    for entry in leavers:
        assert not lost & set(pd.read_csv(run / entry.file, dtype=str)["customer_id"])


def test_the_report_and_the_summary_name_nobody(run, answer):
    ids = {name for entry in answer.lists for name in pd.read_csv(run / entry.file, dtype=str)["customer_id"]}
    for name in ("report.html", "summary.json"):
        text = (run / name).read_text(encoding="utf-8")
        assert not [customer for customer in ids if customer in text]


def test_members_of_every_segment_lie_beside_the_lists(tiny, run, answer):
    segments = pd.read_parquet(tiny / "data/processed/tiny/segments.parquet")
    assert sum(len(pd.read_csv(run / file)) for file in answer.members.values()) == len(segments)


def carded(page):
    """Return the customers who have a card on a page."""
    return set(re.findall(r'<article class="card" id="c-([^"]+)"', page.read_text(encoding="utf-8")))


def test_every_link_to_a_card_leads_to_it_and_the_first_of_every_list_have_one(run, answer):
    folder = run / "people/lists"
    for file in sorted(folder.glob("*.csv")):
        links = pd.read_csv(file, dtype=str)["card"].dropna()
        for page, ids in links.str.split("#c-", expand=True).groupby(0)[1]:
            assert set(map(unquote, ids)) <= carded(folder / page), file.name
    for entry in answer.lists:
        rows = pd.read_csv(run / entry.file, dtype=str)
        assert rows["card"].head(200).notna().all(), entry.name


@pytest.mark.parametrize(("lists", "cards"), [("lists.html", "cards.html"), ("lists.zh.html", "cards.zh.html")])
def test_the_page_of_the_lists_links_to_the_cards_in_its_language(run, lists, cards):
    page = (run / "people" / lists).read_text(encoding="utf-8")
    links = set(re.findall(r'<a href="([^"#]+)#c-([^"]+)"', page))
    assert {address for address, _ in links} == {cards}
    assert {unquote(customer) for _, customer in links} <= carded(run / "people" / cards)


def test_pages_that_name_customers_lie_in_people_alone(run):
    assert not list(run.glob("cards*.html")) and not list(run.glob("lists*.html"))
    for name in ("report.html", "report.zh.html"):
        text = (run / name).read_text(encoding="utf-8")
        targets = {link for link in re.findall(r'href="([^"#:]+)"', text) if not link.startswith("data")}
        assert any(link.startswith("people/cards") for link in targets)
        assert [link for link in targets if not (run / link).is_file()] == []


def test_no_card_of_a_customer_on_a_list_advises_against_a_contact(run, answer):
    cards = (run / "people/cards.html").read_text(encoding="utf-8")
    first_lines = dict(re.findall(r'<article class="card" id="c-([^"]+)"[^>]*>\s*<p class="do">(.*?)</p>', cards))
    for entry in answer.lists:
        listed = pd.read_csv(run / entry.file, dtype=str)["customer_id"]
        for place, customer in enumerate(listed.head(200), start=1):
            assert "Do not contact" not in first_lines[customer]
            assert f"list: {place} of {entry.n}" in first_lines[customer].replace("\u2009", "")
    assert any("Do not contact" in line for line in first_lines.values()) or not answer.consent_recorded
