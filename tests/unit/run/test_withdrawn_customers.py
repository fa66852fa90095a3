"""Who of an earlier run withdrew, and who simply left."""

import datetime as dt
from types import SimpleNamespace

import ibis
import pandas as pd
import pytest

from workbench.core.params.consent import ConsentParams
from workbench.core.workspace import Workspace
from workbench.run.artifacts.corrections import restrict_records
from workbench.run.stages.watching import withdrawn_customers

THEN = pd.Series(["stays", "refuses", "restricted", "left"])


class Tables:
    """The published tables: four customers, one of whom refuses since the earlier run."""

    def __init__(self):
        ids = ["stays", "refuses", "restricted", "new"]
        consents = {"customer_id": ["stays", "refuses"], "purpose": "profiling", "granted": [True, False],
                    "changed_at": pd.Timestamp("2025-05-20")}  # fmt: skip
        self.tables = {
            "customers": ibis.memtable(pd.DataFrame({"customer_id": ids})),
            "consents": ibis.memtable(pd.DataFrame(consents)),
        }

    def present(self):
        return set(self.tables)

    def read(self, name):
        return self.tables[name]


def stage(tmp_path, **default):
    profile = SimpleNamespace(
        name="shop", consent=ConsentParams(default=default),
        sources={name: SimpleNamespace(table=name) for name in ("customers", "consents")},
    )  # fmt: skip
    workspace = Workspace(tmp_path.resolve())
    restrict_records(workspace, [{"profile": "shop", "source": "", "source_id": "restricted"}], since="2025-05-20")
    return SimpleNamespace(store=Tables(), profile=profile, workspace=workspace, as_of=dt.date(2025, 6, 1))


@pytest.mark.parametrize("default", [{}, {"profiling": "refused"}])
def test_the_withdrawn_refuse_or_are_restricted_and_those_in_no_source_have_left(tmp_path, default):
    assert withdrawn_customers(stage(tmp_path, **default), THEN) == ["refuses", "restricted"]


def test_a_refusal_after_the_date_of_the_run_does_not_count_yet(tmp_path):
    before = stage(tmp_path)
    before.as_of = dt.date(2025, 5, 20)
    assert withdrawn_customers(before, THEN) == ["restricted"]
