"""What 07 needs from the run: who permits recommendations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.audiences.consent import keep_permitted, permitted
from workbench.core.params.consent import ConsentParams
from workbench.intake.purposes import name_purposes

if TYPE_CHECKING:
    from workbench.run.stages.stage import StageRun

__all__ = ["permitted_customers"]

_PURPOSE = "recommendation"


def permitted_customers(stage: StageRun) -> set[str] | None:
    """Return the customers who may get recommendations of their own, as of the run; None without customers."""
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
