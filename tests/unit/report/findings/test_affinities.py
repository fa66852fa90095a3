"""Findings and charts of 07_mine_affinities, with and without baskets."""

import datetime as dt
import json

import ibis
import pandas as pd

from workbench.analysis.affinities.study import study_affinities
from workbench.analysis.recommendations.study import study_recommendations
from workbench.report.findings import affinities as findings, recommendations as offers
from workbench.report.plots import affinities as plots

AS_OF = dt.date(2024, 1, 1)
RULES = {
    "basket": "order", "items": ["product_id"], "min_support": 0.1, "min_confidence": 0.1, "max_items": 2,
    "max_rules": 100, "max_basket": 10, "prune": True,
}  # fmt: skip
OFFERS = {
    "items": ["product_id"], "methods": ["own"], "trial": "quick", "hold_out_days": 30, "n_recommendations": 3,
    "never": {}, "once": {}, "eligible": {}, "n_bootstraps": 50, "seed": 1,
}  # fmt: skip


def keys(findings_of_stage):
    return [finding.key for finding in findings_of_stage]


def test_without_baskets_the_page_says_so_and_draws_nothing():
    study = study_affinities({}, as_of=AS_OF, least=10, **RULES)
    assert keys(findings.find_affinities(study, least=10)) == ["affinity_no_baskets"]
    assert not plots.plot_rules(findings.table_rules(study, least=10)).drawn
    assert not plots.plot_affinity_map(findings.map_cells(study)).drawn
    assert findings.table_partners(study).empty
    advice = study_recommendations({}, as_of=AS_OF, **OFFERS)
    assert keys(offers.find_recommendations(advice)) == ["recommend_lacking"]
    assert not plots.plot_trial(offers.table_trial(advice)).drawn


def test_rules_below_the_smallest_cell_are_not_shown():
    rows = [(f"{at}", item) for at in range(30) for item in ("ab" if at < 12 else "c")]
    tables = {"transactions": ibis.memtable(pd.DataFrame(rows, columns=["order_id", "product_id"]))}
    study = study_affinities(tables, as_of=AS_OF, least=1, **RULES)
    assert findings.table_rules(study, least=12)["name"].tolist() == ["a → b"]
    assert keys(findings.find_affinities(study, least=13))[0] == "affinity_none"
    assert findings.measure_affinities(study)["rules"] == 2


def fallen(baskets):
    """Return the rule said to look good and not to last; ``baskets``: (month, items, count)."""
    rows = [
        (f"{month}-{items}-{at}", item, dt.datetime(2023, month, 1))
        for month, items, count in baskets
        for at in range(count)
        for item in items
    ]
    tables = {"transactions": ibis.memtable(pd.DataFrame(rows, columns=["order_id", "product_id", "ordered_at"]))}
    study = study_affinities(tables, as_of=AS_OF, least=1, **RULES | {"min_support": 0.01})
    rules = [one.values for one in findings.find_affinities(study, least=10) if one.key == "affinity_falling"]
    return [(rule["antecedent"], rule["consequent"], round(rule["lift"], 3), round(rule["late"], 3)) for rule in rules]


def test_only_a_rule_that_looked_good_is_said_not_to_last():
    # both of a and b: 105 of 400 baskets where 75 were expected; in the later half 25 of 200, as many as expected
    fading = [(1, "ab", 80), (1, "a", 20), (1, "b", 20), (1, "c", 80), (12, "ab", 25), (12, "a", 75), (12, "b", 25)]
    fading += [(12, "c", 75)]
    assert fallen(fading) == [("a", "b", 1.4, 1.0)]
    # bought apart from the beginning, and more so later: nobody took it for good
    apart = [(1, "ab", 20), (1, "a", 80), (1, "b", 80), (1, "c", 20), (12, "ab", 10), (12, "a", 90), (12, "b", 90)]
    assert fallen([*apart, (12, "c", 10)]) == []


def test_reasons_are_written_from_the_evidence_in_both_languages():
    lines = [("x", "milk", dt.datetime(2023, 1, day)) for day in (1, 11, 21)] + [("y", "jam", dt.datetime(2023, 1, 1))]
    tables = {"transactions": ibis.memtable(pd.DataFrame(lines, columns=["customer_id", "product_id", "ordered_at"]))}
    advice = study_recommendations(tables, as_of=dt.date(2023, 1, 31), **OFFERS)
    rows = pd.concat(offers.recommendation_rows(advice, {}, dt.date(2023, 1, 31), "en"))
    again = rows[(rows["customer_id"] == "x") & (rows["list"] == "again")].iloc[0]
    assert again["reason"] == "you buy it every 10 days, last 10 days ago"
    assert json.loads(again["evidence"]) == {"bought": 3, "every_days": 10, "last_days": 10}
    assert rows[rows["list"] == "neutral"]["customer_id"].unique().tolist() == ["*"]
    chinese = pd.concat(offers.recommendation_rows(advice, {}, dt.date(2023, 1, 31), "zh"))
    assert "10" in chinese["reason"].str.cat()


def test_each_method_is_one_candidate_with_the_same_measures():
    lines = [
        (f"c{at:02d}", item, dt.datetime(2023, 1, 1) + dt.timedelta(days=7 * week))
        for at in range(40) for week in range(20) for item in ("ab" if (at + week) % 2 else "bc")
    ]  # fmt: skip
    tables = {"transactions": ibis.memtable(pd.DataFrame(lines, columns=["customer_id", "product_id", "ordered_at"]))}
    methods = ["popularity", "own", "bm25"]
    advice = study_recommendations(tables, as_of=dt.date(2023, 5, 21), **OFFERS | {"methods": methods})
    frame = offers.candidates(advice)
    assert frame["candidate"].tolist() == methods
    measures = ("customers", "recall_at_10", "low", "high", "ndcg", "coverage", "chosen", "hit_rate", "long_tail")
    assert set(frame.columns) == {"candidate", *(f"{name}.{one}" for name in ("again", "new") for one in measures)}
    own = frame.set_index("candidate").loc["own"]
    assert own["again.recall_at_10"] == 1.0
    assert (own["new.recall_at_10"], own["new.customers"]) == (0.0, 0.0)  # it lists nothing new
    assert frame.filter(like="again.").notna().all(axis=None)


def test_the_map_names_its_items_and_tells_products_of_one_name_apart():
    rows = [(f"{at}", item) for at in range(60) for item in (("a", "b") if at % 2 else ("c", "d"))]
    products = pd.DataFrame({"product_id": list("abcd"), "product_name": ["Milk", "Bread", "Milk", "Jam"]})
    tables = {
        "transactions": ibis.memtable(pd.DataFrame(rows, columns=["order_id", "product_id"])),
        "products": ibis.memtable(products),
    }
    study = study_affinities(tables, as_of=AS_OF, least=1, **RULES)
    chart = plots.plot_affinity_map(findings.map_cells(study))
    assert chart.drawn
    written = [tick.get_text() for axis in (chart.figure.axes[0].xaxis, chart.figure.axes[0].yaxis)
               for tick in axis.get_ticklabels()]  # fmt: skip
    assert set(written) == {"Milk (a)", "Bread", "Milk (c)", "Jam"}
