"""Inputs of 07 (customers who permit recommendations or match the rule), and storage of its lists."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.audiences.consent import keep_permitted, permitted
from workbench.analysis.audiences.select import Knowledge
from workbench.analysis.recommendations.eligibility import eligible_customers
from workbench.core.params.consent import ConsentParams
from workbench.core.store.parts import hold_parts
from workbench.intake.purposes import name_purposes
from workbench.run.definitions.audience_rules import named_rules, rule_of
from workbench.run.stages.files import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from workbench.run.stages.stage import StageRun

__all__ = ["permitted_customers", "ruled_customers", "write_recommendations"]

_PURPOSE, _TABLE = "recommendation", "recommendations"
_EARLIER = ("features", "rfm", "segments", "transactions")


def permitted_customers(stage: StageRun) -> set[str] | None:
    """Return the customers who permit personal recommendations as of the run; None without customers."""
    tables = stage.tables(["transactions", "customers", "consents"])
    if "customer_id" not in getattr(tables.get("transactions"), "columns", ()):
        return None
    names = ("words", "default", "minors_under")
    params = ConsentParams(**{name: stage.setting(f"consent.{name}") for name in names})
    consents = name_purposes(tables, params.words).get("consents")
    lines = tables["transactions"]
    buyers = lines.filter(lines.customer_id.notnull()).select("customer_id").distinct()
    verdicts = permitted(buyers, consents, _PURPOSE, stage.as_of, params=params, people=tables.get("customers"))
    return set(keep_permitted(buyers, verdicts).to_pyarrow()["customer_id"].to_pylist())


def ruled_customers(stage: StageRun, eligible: Mapping[str, str]) -> set[str] | None:
    """Return the customers whom the rule ``eligible.customers`` includes; None without a rule.

    The rule is the name of a rule in params/audiences, or an expression over the tables of earlier stages.
    """
    text = eligible.get("customers", "").strip()
    if not text:
        return None
    rule = rule_of(stage.workspace, text)
    return eligible_customers(rule, Knowledge(stage.tables([*_EARLIER]), stage.as_of, named_rules(stage.workspace)))


def write_recommendations(stage: StageRun, frames: Iterable[pd.DataFrame]) -> None:
    """Write the table ``recommendations`` from parts, with only one part in memory at a time."""
    path = scratch_folder(stage) / f"{_TABLE}.parquet"
    stage.write(_TABLE, hold_parts(stage.store.engine, _TABLE, frames, path))
