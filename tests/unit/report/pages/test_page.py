"""The report page, composed from the summaries of a made-up run."""

import copy
import re
from pathlib import Path

import pytest
import yaml

from workbench.core.errors import WorkbenchError
from workbench.report.changes import compare_runs, follow_records
from workbench.report.pages import page as page_module
from workbench.report.pages.addresses import GRAPH_PAGE, details_file, report_file
from workbench.report.pages.page import RunFacts, heading_of, key_findings, mark, write_details, write_report

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 4"><script>alert("svg")</script></svg>'
LANGUAGES = ("en", "zh")


@pytest.fixture
def made_up():
    return yaml.safe_load((Path(__file__).parents[1] / "made_up_run.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "figures").mkdir()
    for language in LANGUAGES:
        (tmp_path / f"figures/made_up.{language}.svg").write_text(SVG, encoding="utf-8")
    return tmp_path


def compose(made_up, folder, language="en", languages=LANGUAGES, **facts):
    run = RunFacts(**{**made_up["run"], "languages": languages, "previous": made_up["previous"], **facts})
    return write_report(made_up["summaries"], run=run, folder=folder, language=language)


def details(made_up, language="en", **facts):
    run = RunFacts(**{**made_up["run"], "languages": LANGUAGES, "previous": made_up["previous"], **facts})
    return write_details(made_up["summaries"], run=run, language=language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_one_file_without_any_outside_reference(made_up, folder, language):
    page = compose(made_up, folder, language)
    assert re.findall(r'(?:src|href)="(?!data:|#)([^"]*)"', page) == [
        report_file(other, LANGUAGES) for other in LANGUAGES if other != language
    ] + ["05_score_rfm.html", "06_segment_customers.html", details_file(language, LANGUAGES), "01_check_quality.html"]
    assert "http:" not in page.replace("http://www.w3.org/2000/svg", "") and "https:" not in page
    assert "@import" not in page
    assert re.findall(r"url\(([a-z]+:[a-z]+)", page) == ["data:font"]  # the glyphs of the page, or of the link to zh
    assert len(page.encode()) < 2_000_000
    assert len(re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1].encode()) < 30_000


def test_the_policy_allows_the_one_script_and_nothing_else(made_up, folder):
    import base64
    import hashlib

    page = compose(made_up, folder)
    script = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(script) == 1
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1].replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert f"script-src 'sha256-{digest}'" in policy
    assert "unsafe-eval" not in policy and "script-src 'unsafe-inline'" not in policy


def test_what_users_typed_is_inert(made_up, folder):
    made_up["run"]["goal"]["question"] = "who <img src=x onerror=alert(1)>"
    page = compose(made_up, folder)
    assert "<img src=x" not in page + details(made_up)
    assert "<script>alert" not in page + details(made_up)
    assert "<h1>who &lt;img src=x onerror=alert(1)&gt;</h1>" in page
    assert "contact list &lt;img src=x onerror=alert(1)&gt;" in page


def test_the_page_keeps_the_order_of_its_parts(made_up, folder):
    page = compose(made_up, folder)
    assert re.findall(r'<section id="([^"]+)"', page) == ["answer", "segments", "who", "trust"]  # none of 08 and 09
    assert "Not in this run: " in page.partition('<section id="trust"')[2]
    assert set(re.findall(r'href="#([^"]+)"', page)) - set(re.findall(r'id="([^"]+)"', page)) == set()
    beside = details(made_up)
    assert re.findall(r'<section id="([^"]+)"', beside) == ["findings", "changes", "population", "limits", "computed"]
    assert f'href="{details_file("en", LANGUAGES)}"' in page
    assert 'href="report.html"' in beside


def test_a_notebook_of_ones_own_stands_after_the_parts(made_up, folder):
    own = {
        "stage": "15_study_gifts",
        "status": "done",
        "findings": [{"text": {"en": "Mine."}, "values": {}, "weight": 1}],
    }
    made_up["summaries"].append(own)
    page = compose(made_up, folder)
    assert re.findall(r'<section id="([^"]+)"', page)[-2:] == ["trust", "15_study_gifts"]
    assert "Mine." in page
    made_up["summaries"].append({"stage": "16_declared_later", "status": "done", "findings": []})
    assert re.findall(r'<section id="([^"]+)"', compose(made_up, folder))[-1] == "16_declared_later"


def test_the_report_shows_no_table_and_stays_short(made_up, folder):
    page = compose(made_up, folder)
    body = re.sub(r"<(script|style)>.*?</\1>|<head>.*?</head>", "", page, flags=re.DOTALL)
    assert "<table" not in body
    assert len(re.sub(r"<[^>]+>", " ", body).split()) < 900


def test_both_languages_carry_the_same_numbers(made_up):
    def numbers(language):
        texts = [str(finding["text"]) for finding in key_findings(made_up["summaries"], language=language)]
        return [sorted(re.findall(r"\d[\d,.]*\d|\d", re.sub(r"\s", " ", text))) for text in texts]

    assert numbers("en") == numbers("zh")
    assert numbers("en")[0] == ["13", "14", "16", "2,469", "95"]


def test_five_key_findings_are_flagged_ones_first_then_the_heaviest(made_up):
    findings = key_findings(made_up["summaries"], language="en")
    assert [finding["stage"][:2] for finding in findings] == ["04", "05", "06", "05", "04"]
    assert str(findings[0]["text"]).startswith(
        "Half of spend comes from <strong>14\u202f%</strong> of customers. <small>"
    )
    for summary in made_up["summaries"]:
        for finding in summary.get("findings") or ():
            finding["key_finding"] = False
            finding["weight"] = 1
    assert [finding["stage"][:2] for finding in key_findings(made_up["summaries"], language="en")] == ["01"] * 5


def test_a_section_is_headed_by_its_heaviest_answer(made_up):
    by_stage = {summary["stage"]: summary for summary in made_up["summaries"]}
    assert heading_of(by_stage["05_score_rfm"], "en") == "Champions: 24 % of customers, 61 % of spend"
    assert heading_of(by_stage["04_describe_customers"], "en") == "Half of spend comes from 14 % of customers"
    assert heading_of({"stage": "05_score_rfm"}, "en") == "How recent, frequent and valuable is each customer?"


def test_the_page_of_details_links_the_page_of_stages_and_tables_once(made_up, folder):
    link = f'<a href="{GRAPH_PAGE}">Which stage read which table</a>'
    assert details(made_up).count(link) == 1
    assert GRAPH_PAGE not in details(made_up, pages={}) + compose(made_up, folder)


def test_a_skipped_stage_says_what_it_lacks_and_what_that_would_unlock(made_up, folder):
    page = details(made_up)
    assert "Churn: not in this run" in page
    assert "It needs transactions or labels, and this profile has neither." in page
    assert "With it you would get: churn and purchase probabilities." in page
    assert "Not in this run: Churn." in compose(made_up, folder)
    churn = next(summary for summary in made_up["summaries"] if summary["stage"] == "08_predict_churn")
    churn["skipped_because"] = None
    assert "Missing input: transactions, labels." in details(made_up)


def test_a_failed_stage_shows_in_badge_and_section_and_links_to_its_cell(made_up, folder):
    segments = made_up["summaries"][4]
    segments |= {"status": "failed", "error": "boom <b>", "findings": []}
    page = compose(made_up, folder, status="failed")
    assert "Failed at Segments; results of the completed stages follow." in page
    assert 'href="06_segment_customers.html#error-cell"' in page
    assert "boom &lt;b&gt;" in page


def test_a_figure_is_inlined_with_its_alternative_text_and_a_missing_one_is_named(made_up, folder):
    page = compose(made_up, folder, "zh")
    assert re.search(r'<img src="data:image/svg\+xml,%3C[^"<>&#]+" alt="按消费额从高到低', page)
    assert "alert(&quot;svg" not in page and 'alert("svg' not in page  # only as an image, where no script runs
    assert "未找到图“A chart that was not written”（figures/not_there.en.svg）" in page


def test_pictures_beyond_the_budget_are_named_not_shown(made_up, folder, monkeypatch):
    monkeypatch.setattr(page_module, "PICTURE_BUDGET", len(SVG) - 1)
    page = compose(made_up, folder)
    assert "data:image/svg" not in page
    assert "is too large for this page; it is in the file figures/made_up.en.svg." in page


def test_the_same_summaries_give_the_same_bytes(made_up, folder):
    assert compose(made_up, folder, "zh") == compose(copy.deepcopy(made_up), folder, "zh")


@pytest.mark.parametrize("status", ["done", "failed", "stale"])
def test_the_badge_can_be_replaced_and_nothing_else_changes(made_up, folder, status):
    page = compose(made_up, folder)
    marked = mark(page, status, r"failed at <06> \1", "en")
    assert r"failed at &lt;06&gt; \1" in marked
    assert f"badge-{status}" in re.search(r"<!--status-->(.*?)<!--/status-->", marked, re.DOTALL)[1]
    cut = re.compile(r"<!--status-->.*?<!--/status-->", re.DOTALL)
    assert cut.sub("", marked) == cut.sub("", page)
    assert mark(marked, "done", "", "en").count("<!--status-->") == 1


def test_a_page_without_badge_and_an_unknown_status_are_refused():
    with pytest.raises(WorkbenchError, match="the page has no badge"):
        mark("<html></html>", "done", "", "en")
    with pytest.raises(WorkbenchError, match=r"unknown status 'stalled'. Did you mean 'stale'\?"):
        mark("<!--status--><!--/status-->", "stalled", "", "en")


def test_what_changed_compares_labelled_figures_and_settings(made_up, folder):
    moved = compare_runs(made_up["summaries"], made_up["previous"], language="en", currency="USD")
    assert moved.rows == [
        ["order lines", "1,341,200", "1,469,307", "+128,107"],
        ["net order value", "$4.2 million", "$4.6 million", "+$396,000"],
        ["quality score", "97.2", "97.8", "+0.6"],
        ["verdict", "separate groups", "a continuum", ""],
        ["groups (k)", "5", "4", "−1"],
        ["silhouette", "0.41", "0.31", "−0.1"],
    ]
    assert (moved.compared, moved.moved) == (7, 6)
    assert "05_score_rfm.bins: 4 → 5" in compose(made_up, folder)
    assert "<td" in details(made_up)
    assert "There is no earlier run of this profile" in compose(made_up, folder, previous=None)
    same = {"run_id": "r0", "as_of": "2018-01-01", "stages": {e["stage"]: e for e in made_up["summaries"]}}
    assert "No figure and no setting changed" in compose(made_up, folder, previous=same)


def test_every_record_is_followed_to_the_customers(made_up):
    groups = follow_records(made_up["summaries"], language="en")
    assert [[(step.text, step.count) for step in group] for group in groups] == [
        [
            ("orders: records read", 1469400),
            ("rejected: too few fields", -61),
            ("rejected: date that can be read two ways", -32),
            ("orders: records accepted", 1469307),
        ],
        [("products: records accepted", 92331)],
        [("order lines", 1469307), ("left out by the rule “no_postage”", -12411), ("order lines used", 1456896)],
        [("customers with orders", 2469), ("customers analysed", 2469)],
    ]
    first = groups[0]
    assert first[0].width == 1
    assert first[2].start == pytest.approx(1469307 / 1469400)
    assert follow_records([], language="en") == []


def test_records_of_the_same_customer_are_counted_where_identity_was_resolved():
    summaries = [
        {"stage": "01_check_quality", "metrics": {"transactions.customers": 90}},
        {"stage": "02_resolve_identity", "metrics": {"records": 120, "customers": 80}},
        {"stage": "03_build_features", "metrics": {"customers": 80}},
    ]
    steps = follow_records(summaries, language="en")[-1]
    assert [(step.text, step.count, step.kind) for step in steps] == [
        ("customer records from all sources", 120, "read"),
        ("further records of the same customers", -40, "lost"),
        ("customers after identity resolution", 80, "kept"),
    ]
    summaries[2]["metrics"]["customers"] = 70
    assert follow_records(summaries, language="zh")[-1][-1].text == "进入分析的客户"


def test_ids_that_no_list_of_people_holds_are_added_where_records_are_followed():
    summaries = [
        {"stage": "02_resolve_identity", "metrics": {"records": 100, "customers": 80, "orphans": 60}},
        {"stage": "03_build_features", "metrics": {"customers": 138}},
    ]
    steps = follow_records(summaries, language="en")[-1]
    findings = [(step.count, step.kind, round(step.start * 140), round(step.width * 140)) for step in steps]
    assert findings == [
        (100, "read", 0, 100), (-20, "lost", 80, 20), (80, "kept", 0, 80), (60, "added", 80, 60), (138, "kept", 0, 138),
    ]  # fmt: skip
    assert steps[3].text == "ids in orders and other tables that are in no list of people"


def test_a_run_without_goal_or_stages_still_gives_an_honest_page(tmp_path):
    run = RunFacts("empty", "r1", "2018-01-01")
    page = write_report([], run=run, folder=tmp_path)
    assert "This run has nothing to report yet." in page
    assert "The profile states no goal" in page
    assert re.findall(r'<section id="([^"]+)"', page) == ["answer", "trust"]
    assert 'href="details.html"' in page
    assert "No stage of this run reported a finding." in write_details([], run=run)
    assert "No stage reported a limitation." in write_details([], run=run)


def test_a_finding_without_its_value_is_refused_with_its_name(made_up, folder):
    made_up["summaries"][0]["findings"][0]["values"].pop("score")
    with pytest.raises(WorkbenchError, match="text 'quality_answer': no value for score"):
        compose(made_up, folder)


def test_the_first_language_is_report_html():
    assert [report_file(language, ("zh", "en")) for language in ("zh", "en")] == ["report.html", "report.en.html"]


def test_the_head_of_the_page_holds_as_many_findings_as_asked_for():
    limits = [
        {"key": "repeat_rate", "values": {"share": n / 10, "low": 0, "high": 1, "n": 60 + n}, "weight": 0.5}
        for n in range(1, 9)
    ]
    summaries = [{"stage": "04_describe_customers", "findings": limits}]
    for most in (1, 3, 8):
        assert len(key_findings(summaries, language="en", most=most)) == most


def test_the_goal_is_in_the_language_of_the_page_and_a_heading_is_not_repeated(made_up, folder):
    question = {"en": "Whom to call?", "zh": "联系谁？"}
    for language, line in (("en", "Decision: a list"), ("zh", "决策：名单")):
        goal = made_up["run"]["goal"] | {"question": question, "decision": {"en": "a list", "zh": "名单"}}
        page = compose(made_up, folder, language=language, goal=goal)
        assert f"<h1>{question[language]}</h1>" in page and line in page
        for heading, sentence in re.findall(r'<h2 id="\w+-title">([^<]+)</h2>\s*<p>(.+?)</p>', page):
            assert not re.sub("<[^>]+>", "", sentence).startswith(heading)


@pytest.mark.parametrize(
    ("as_of", "words"), [("2018-01-01", "since run r0 (as of 1 January 2018)."), (None, "since run r0.")]
)
def test_the_run_compared_with_is_named_with_its_date_where_it_has_one(made_up, folder, as_of, words):
    made_up["previous"] = {"run_id": "r0", "as_of": as_of, "stages": {e["stage"]: e for e in made_up["summaries"]}}
    assert words in compose(made_up, folder)
