"""Which charts and sentences stand in the parts of the report."""

import pytest

from workbench.report.pages.parts import PARTS, choose_figures, choose_sentences, heaviest, segments_of


def stage(name, *findings, status="done", **more):
    entries = [{"key": key, "values": {"n": n}, "weight": weight} for key, weight, n in findings]
    return {"stage": name, "status": status, "findings": entries, **more}


def keys(pairs):
    return [finding["key"] for _, finding in pairs]


def test_there_are_at_most_four_charts_a_part_and_fifteen_in_all():
    assert all(part.most <= 4 for part in PARTS)
    assert sum(part.most for part in PARTS) <= 14  # and one beside the answer
    assert [part.name for part in PARTS] == ["segments", "who", "risk", "trust"]


def test_a_chart_with_nothing_to_say_gives_its_place_to_the_next():
    figures = [{"name": "a", "idle": "straight"}, {"name": "b"}, {"name": "c"}]
    chosen = choose_figures([{"stage": "04", "figures": figures}], [("04", "a"), ("04", "c"), ("04", "b")], 2)
    assert [figure["name"] for _, figure in chosen] == ["c", "b"]
    assert choose_figures([], [("04", "a")], 2) == []


def test_stages_take_turns_and_named_findings_come_first():
    summaries = [
        stage("01", ("a", 0.9, 100), ("b", 0.8, 100)),
        stage("02", ("c", 0.1, 100)),
        stage("03", ("d", 1.0, 100), status="failed"),
        stage("08", ("e", 0.5, 100)),
    ]
    assert keys(choose_sentences(summaries, ["01", "02", "03"], 3)) == ["a", "c", "b"]
    assert keys(choose_sentences(summaries, ["01", "02"], 2, keys=["e"])) == ["e", "a"]
    assert choose_sentences(summaries, ["09"], 3) == []


def test_what_the_answer_says_is_not_said_again():
    summaries = [stage("08", ("churn_decision", 0.9, 100), ("churn_answer", 0.8, 100))]
    assert keys(choose_sentences(summaries, ["08"], 3)) == ["churn_answer"]


@pytest.mark.parametrize(("n", "key"), [(49, "spend_concentration"), (50, "repeat_rate")])
def test_fewer_than_fifty_customers_head_no_part(n, key):
    summaries = [stage("04", ("repeat_rate", 0.9, n), ("spend_concentration", 0.8, 2000))]
    assert heaviest(summaries)[1]["key"] == key
    assert heaviest(summaries, ["05"]) is None


def test_traits_of_a_segment_are_ranked_by_people_times_index():
    head = ["segment", "trait", "n", "share", "base_share", "tgi", "tgi_low"]
    traits = [
        ["High", "rare", 100, 0.02, 0.01, 200, 150],
        ["High", "common", 100, 0.9, 0.6, 150, 140],
        ["High", "unproven", 100, 0.9, 0.5, 180, 90],
        ["High", "few", 49, 0.9, 0.5, 180, 170],
        ["High", "shared by all", 100, 0.99, 0.91, 109, 108],
        ["Low", "other", 100, 0.9, 0.5, 180, 170],
    ]
    sizes = {
        "columns": ["segment", "n", "share", "value_share"],
        "rows": [["High", 100, 0.5, 0.8], ["Low", 100, 0.5, 0.2]],
    }
    shown = [{"name": "segment_sizes", **sizes}, {"name": "segment_portraits", "columns": head, "rows": traits}]
    segment, _ = segments_of([stage("06_segment_customers", shown=shown)], "en")
    assert segment["name"] == "High"
    assert [str(text).split(",")[0] for text in segment["sentences"][1:]] == ["Common", "Rare"]


def test_medians_that_differ_fill_up_the_traits_of_a_segment():
    head = ["segment", "trait", "n", "share", "base_share", "tgi", "tgi_low", "median", "base_median"]
    traits = [
        ["High", "monetary_total", 100, None, None, None, None, 600.0, 200.0],
        ["High", "recency_days", 100, None, None, None, None, 5.0, 20.0],
        ["High", "frequency_orders", 100, None, None, None, None, 11.0, 10.0],
    ]
    sizes = {
        "columns": ["segment", "n", "share", "value_share"],
        "rows": [["High", 100, 0.5, 0.8], ["Low", 100, 0.5, 0.2]],
    }
    shown = [{"name": "segment_sizes", **sizes}, {"name": "segment_portraits", "columns": head, "rows": traits}]
    segment, _ = segments_of([stage("06_segment_customers", shown=shown, currency="USD")], "en")
    first, second = (str(text) for text in segment["sentences"][1:])
    assert "median 5 days (all 20 days)" in first.replace("\u00a0", " ")
    assert "median $600 (all $200)" in second.replace("\u00a0", " ")


def test_a_segment_says_what_to_do_and_what_not_and_links_to_its_members():
    sizes = {"name": "segment_sizes", "columns": ["segment", "n", "share", "value_share"]}
    rows = [[{"en": "High", "zh": "高价值"}, 60, 0.6, 0.9], [{"en": "Low", "zh": "低价值"}, 40, 0.4, 0.1]]
    summaries = [stage("06_segment_customers", shown=[sizes | {"rows": rows}])]
    do = {"en": ["keep and deepen", "first choice", "news"], "zh": ["维系", "优先", "新品"]}
    advice = {"High": {"do": do, "do_not": {"en": ["price cuts"], "zh": ["降价"]}, "members": "people/lists/m.csv"}}
    for language, said in (
        ("en", ["<strong>Do:</strong> keep and deepen; first choice", "<strong>Do not:</strong> price cuts"]),
        ("zh", ["<strong>宜：</strong>维系；优先", "<strong>忌：</strong>降价"]),
    ):
        high, low = segments_of(summaries, language, advice)
        assert (list(map(str, high["sentences"][1:])), high["members"]) == (said, "people/lists/m.csv")
        assert (len(low["sentences"]), low["members"]) == (1, "")


def test_no_other_size_of_a_list_stands_beside_the_answer():
    values = {"size": 704, "about": 534}
    decision = [{"key": key, "values": values, "weight": 1.0} for key in ("churn_decision", "churn_decision_labels")]
    summaries = [stage("08_predict_churn", findings=decision)]
    assert choose_sentences(summaries, ("08_predict_churn",), 2) == []
    assert heaviest(summaries, ("08_predict_churn",)) is None


def test_a_segment_without_spend_says_nothing_of_it():
    sizes = {
        "columns": ["segment", "n", "share", "value_share"],
        "rows": [["High", 100, 0.5, None], ["Low", 100, 0.5, None]],
    }
    segment, _ = segments_of([stage("06_segment_customers", shown=[{"name": "segment_sizes", **sizes}])], "en")
    assert [str(text) for text in segment["sentences"]] == ["<strong>50\u202f%</strong> of customers (100)."]


def test_a_single_segment_and_the_same_advice_for_all_are_not_shown():
    sizes = {"name": "segment_sizes", "columns": ["segment", "n", "share", "value_share"]}
    one = [stage("06_segment_customers", shown=[sizes | {"rows": [["All", 100, 1.0, 1.0]]}])]
    assert segments_of(one, "en") == []
    two = [stage("06_segment_customers", shown=[sizes | {"rows": [["A", 60, 0.6, None], ["B", 40, 0.4, None]]}])]
    advice = {"do": {"en": ["know them better"], "zh": ["增进了解"]}, "do_not": {"en": ["guessing"], "zh": ["猜测"]}}
    shown = segments_of(two, "en", {"A": advice, "B": advice | {"members": "people/lists/b.csv"}})
    assert [(len(segment["sentences"]), segment["members"]) for segment in shown] == [
        (1, ""),
        (1, "people/lists/b.csv"),
    ]


def test_what_the_answer_states_is_left_out_of_the_parts():
    summaries = [stage("04", ("repeat_rate", 0.9, 100), ("spend_concentration", 0.8, 2000))]
    assert keys(choose_sentences(summaries, ["04"], 2, stated=["repeat_rate"])) == ["spend_concentration"]
    assert heaviest(summaries, stated=["repeat_rate"])[1]["key"] == "spend_concentration"


def test_a_hidden_size_is_not_given_away_by_the_n_of_a_trait():
    head = ["segment", "trait", "n", "share", "base_share", "tgi", "tgi_low", "median", "base_median"]
    rows = [[name, "frequency_orders", 182, None, None, None, None, 3.0, 8.0] for name in ("High", "Low")]
    sizes = {"name": "segment_sizes", "columns": ["segment", "n", "share", "value_share"]}
    hidden = ["fewer than: 10"] * 3
    shown = [sizes | {"rows": [["High", 182, 0.9, 1.0], ["Low", *hidden]]}]
    shown.append({"name": "segment_portraits", "columns": head, "rows": rows})
    high, low = segments_of([stage("06_segment_customers", shown=shown)], "en")
    assert "182" in str(high["sentences"][0])
    assert "182" not in " ".join(map(str, low["sentences"]))


def test_a_segment_that_bought_nothing_has_no_share_below_zero():
    sizes = {"name": "segment_sizes", "columns": ["segment", "n", "share", "value_share"]}
    rows = [["High", 80, 0.8, 1.00001], ["Unknown", 60, 0.2, -0.00001]]
    _, unknown = segments_of([stage("06_segment_customers", shown=[sizes | {"rows": rows}])], "en")
    assert str(unknown["sentences"][0]).endswith("(60), 0\u202f% of spend.")
