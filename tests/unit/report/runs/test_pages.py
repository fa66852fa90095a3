"""The index of all runs and the graph of one: complete, escaped, the same in both languages."""

import re

import pytest

from workbench.report.runs.graph_page import StageNode, TableNode, graph_page
from workbench.report.runs.index_page import ProfileRow, RunRow, index_page
from workbench.report.runs.layout import lay_out, needed_edges

HOSTILE = "<img src=x onerror=alert(1)>"


def run(status="done", **parts):
    return RunRow(
        "20261201T060000-aaaaaa", "2026-12-01 06:00", "2026-12-01", status, ran=3, reused=9, skipped=1, **parts
    )


def page(*rows, language="en"):
    return index_page(rows, written="2026-12-02 08:00", language=language)


def text(html):
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", html.split("<body")[1]))


def test_a_profile_without_a_run_says_so():
    html = page(ProfileRow("idle"))
    assert "not run yet" in text(html)
    assert 'id="p-idle"' not in html


def test_a_run_shows_its_status_stages_alerts_and_links():
    row = run(alerts=2, warnings=1, report="shop/r/report.html", graph="shop/r/pages/dag.html")
    html = page(
        ProfileRow("shop", [row], total=23, good=row, good_days=1, schedule="06:00 UTC", next="2026-12-03 06:00")
    )
    words = text(html)
    for part in ("Complete", "3 run, 9 reused, 1 skipped", "2 alerts, 1 warning", "(1 day old)", "06:00 UTC",
                 "next 2026-12-03 06:00", "22 older runs"):  # fmt: skip
        assert part in words
    assert {'href="shop/r/report.html"', 'href="shop/r/pages/dag.html"'} <= set(re.findall(r'href="shop[^"]*"', html))


def test_a_failed_run_leads_to_its_stage_and_a_missed_one_is_marked():
    failed = run("failed", failed_stage="05_score_rfm", failed_page="shop/r/pages/05_score_rfm.html")
    assert ProfileRow("shop", [failed]).status == "failed"
    html = page(ProfileRow("shop", [failed], missed="2026-12-02 06:00"))
    assert "failed at RFM and life cycle" in text(html) and "missed 2026-12-02 06:00" in text(html)
    assert "none succeeded" in text(html)
    assert ProfileRow("shop", [run()], missed="x").status == "stale"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_comes_from_files_is_escaped_and_nothing_is_loaded(language):
    row = RunRow(HOSTILE, HOSTILE, HOSTILE, "failed", failed_stage=HOSTILE)
    html = page(ProfileRow("shop", [row], schedule=HOSTILE, missed=HOSTILE), language=language)
    assert "<img" not in html
    assert "default-src &#39;none&#39;" in html
    assert not re.findall(r'(?:src|href)="https?:', html)


STAGES = [
    StageNode("01_check_quality", "ran", 3.0, [TableNode("transactions", 1200, "abcdef0123456789")], page="01_check_quality.html"),
    StageNode("03_build_features", "reused", 2.0, [TableNode("features", 40, "123456789abcdef0")],
              [("transactions", "01_check_quality")], "20261101T060000-aaaaaa"),
    StageNode("05_score_rfm", "failed", reads=[("features", "03_build_features"), ("transactions", "01_check_quality")]),
    StageNode("08_predict_churn", "skipped", note=HOSTILE),
]  # fmt: skip


def graph(language="en", stages=STAGES):
    return graph_page(stages, profile="shop", run_id="r", as_of="2026-12-01", status="failed", language=language)


def test_the_graph_names_every_stage_with_state_and_tables():
    html = graph()
    words = text(html)
    for part in ("✓ run in 3 s", "↻ reused", "✕ failed", "– skipped", "1 table, 1,200 rows", "abcdef012345",
                 "Unchanged since run 20261101T060000-aaaaaa"):  # fmt: skip
        assert part in words
    assert "Reads features, transactions." in words and "Reads transactions." in words
    assert html.count("<rect") == 4
    assert 'href="01_check_quality.html"' in html and "<img" not in html


def test_both_languages_show_the_same_boxes_and_digests():
    shapes = [
        re.findall(r"<(?:rect|path) [^>]*>|[0-9a-f]{12}", graph(language).split("<main")[1])
        for language in ("en", "zh")
    ]
    assert shapes[0] == shapes[1]


def test_an_arrow_that_follows_from_others_is_left_out():
    assert graph().count('marker-end="url(#arrow)"') == 2  # 01 > 03 > 05; 01 > 05 follows
    assert needed_edges([("a", "b"), ("a", "c"), ("b", "c"), ("c", "d"), ("a", "d")]) == [
        ("a", "b"),
        ("b", "c"),
        ("c", "d"),
    ]


def test_boxes_do_not_overlap_and_lines_lead_down():
    names = list("abcdefg")
    edges = [("a", "b"), ("a", "c"), ("a", "d"), ("b", "e"), ("e", "f"), ("f", "g"), ("c", "g")]
    layout = lay_out(names, edges)
    boxes = list(layout.boxes.values())
    for at, one in enumerate(boxes):
        for other in boxes[at + 1 :]:
            apart = one.y != other.y or one.x + one.width <= other.x or other.x + other.width <= one.x
            assert apart, (one, other)
    for line in layout.lines.values():
        heights = [y for _, y in line]
        assert heights == sorted(heights)
    through = [x for x, y in layout.lines["c", "g"] if y == layout.boxes["e"].y]
    assert all(not layout.boxes["e"].x < x < layout.boxes["e"].x + layout.boxes["e"].width for x in through) and through


def test_a_graph_without_stages_is_a_page_too():
    assert lay_out([], []).height == 0
    assert "Stages and tables of shop" in text(graph(stages=[]))
