"""Words on one card agree: risk and retention, activity and life cycle, in every pack that ships."""

from __future__ import annotations

import datetime as dt
from itertools import product

import ibis
import numpy as np
import pandas as pd
import pytest

from workbench.analysis.rfm.life_cycle import ACTIVITY_STATUSES, LIFE_CYCLE_STAGES
from workbench.analysis.tags.tagging import tag_customers
from workbench.core.tags.registry import load_registry
from workbench.core.workspace import find_workspace

PACKS = ("retail", "jewellery", "banking", "automotive")
AGREE = {"high": "unlikely", "middle": "unsure", "low": "likely"}


@pytest.fixture(params=PACKS)
def registry(request, repository):
    return load_registry(find_workspace(repository), pack=request.param, thresholds={})


@pytest.mark.parametrize("thresholds", [{}, {"churn_risk.high": 0.9, "churn_risk.middle": 0.05}])
def test_a_high_risk_is_never_called_likely_to_stay(repository, thresholds):
    tags = load_registry(find_workspace(repository), pack="retail", thresholds=thresholds).tags
    pairs = list(product(np.linspace(0, 1, 21), np.linspace(0, 1, 11)))
    ids = [f"c{at:03d}" for at in range(len(pairs))]
    tables = {
        "features": pd.DataFrame({"customer_id": ids}),
        "churn": pd.DataFrame({"customer_id": ids, "churn_probability": [pair[0] for pair in pairs]}),
        "value": pd.DataFrame({"customer_id": ids, "p_alive": [pair[1] for pair in pairs]}),
    }
    tagged = tag_customers(
        {name: ibis.memtable(frame) for name, frame in tables.items()},
        [tags["churn_risk"], tags["retention"]],
        as_of=dt.date(2025, 7, 1),
    )
    portraits = tagged.portraits.to_pandas()
    assert (portraits["churn_risk"].map(AGREE) == portraits["retention"]).all()
    assert portraits["churn_risk"].nunique() == 3


def test_without_a_risk_retention_is_the_chance_of_being_alive(repository):
    tags = load_registry(find_workspace(repository), pack="retail", thresholds={}).tags
    tables = {
        "features": pd.DataFrame({"customer_id": ["a", "b", "c"]}),
        "value": pd.DataFrame({"customer_id": ["a", "b", "c"], "p_alive": [0.7, 0.3, 0.29]}),
    }
    tagged = tag_customers(
        {name: ibis.memtable(frame) for name, frame in tables.items()},
        [tags["churn_risk"], tags["retention"]],
        as_of=dt.date(2025, 7, 1),
    )
    assert tagged.portraits.to_pandas().sort_values("customer_id")["retention"].tolist() == [
        "likely",
        "unsure",
        "unlikely",
    ]


def test_activity_shares_no_word_with_the_life_cycle(registry):
    for language in ("en", "zh"):
        stages = {getattr(value, language) for value in registry.tags["life_cycle"].values.values()}
        stages |= {names[language] for names in LIFE_CYCLE_STAGES.values()}
        status = {getattr(value, language) for value in registry.tags["activity_status"].values.values()}
        status |= {names[language] for names in ACTIVITY_STATUSES.values()}
        assert stages & status == set()
