"""Of which kind the columns of a source are, and which are made of others; used by 01_check_quality."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workbench.core.schema import columns_of

if TYPE_CHECKING:
    from workbench.core.params.sources import SourceParams

__all__ = ["EXCEL_DATE", "derived_kinds", "derived_names", "kinds_of"]

EXCEL_DATE = "excel"  # a declared format: days since 1899-12-30


def kinds_of(source: SourceParams) -> dict[str, str]:
    """Return the kind of every mapped column that is cast; contact columns are not."""
    known = columns_of(source.table, contact=False, neighbours=True)
    kinds = {name: known[name] for name in source.columns if name in known}
    return kinds | {name: "category" for name in source.attributes}


def derived_kinds(source: SourceParams, kinds: Mapping[str, str]) -> dict[str, str]:
    """Return the kinds of the derived columns that a source does not map itself."""
    return {name: "money" if name == "amount" else "id" for name in derived_names(source) if name not in kinds}


def derived_names(source: SourceParams) -> tuple[str, ...]:
    """Name the columns that are filled from others, or may not be missing."""
    mapped = set(source.columns)
    if source.table == "transactions" and mapped & {"amount", "unit_price"}:
        return ("amount",)
    if source.table == "customers" and mapped & {"customer_id", "source_id"}:
        return ("customer_id",)
    return ("product_id",) if source.table == "products" and "product_id" in mapped else ()
