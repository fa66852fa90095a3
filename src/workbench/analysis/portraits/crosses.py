"""Cross-tabulation of two tags, with suppression of small cells."""

from __future__ import annotations

import pandas as pd

from workbench.analysis.description.differences import differences_from_base
from workbench.analysis.intervals import SMALL_CELL
from workbench.core.errors import DataError, Fault

__all__ = ["CROSS_COLUMNS", "cross_tags"]

CROSS_COLUMNS = (
    "first", "first_value", "second", "second_value", "n", "cell", "share", "share_low", "share_high", "base_share",
    "tgi", "tgi_low", "tgi_high", "q_value", "differs", "suppressed",
)  # fmt: skip


def cross_tags(
    tags: pd.DataFrame, first: str, second: str, *, top_values: int = 30, least: int = SMALL_CELL
) -> pd.DataFrame:
    """Cross-tabulate two tags.

    Parameters
    ----------
    tags : DataFrame, one row per customer
        customer_id and the two columns, with one value per customer, missing where unknown.
    first, second : str
        Columns whose values are the rows and the columns of the cross table.
    top_values : int
        Most values of each tag, the most frequent first.
    least : int
        Cells of 1 to ``least`` - 1 customers are suppressed, with further cells to prevent recovery by subtraction.

    Returns
    -------
    DataFrame, `CROSS_COLUMNS`
        One row per pair of values: n (customers with the first value and any value of the second tag), cell
        (customers with both values), share = cell / n with its 95 % interval, base_share, TGI with interval; q_value
        and differs over all cells of the cross table.

    Raises
    ------
    DataError
        When both are the same column, or a column must not be compared.
    """
    if first == second:
        raise DataError(Fault("cross_tags", f"'{first}' crossed with itself", "two different tags"))
    table = differences_from_base(
        tags[["customer_id", first, second]].astype({first: "object", second: "object"}),
        by=first, columns=[second], top_values=top_values, least=least,
    )  # fmt: skip
    cell = (table["share"] * table["n"].astype("float64")).round().astype("Int64")
    renamed = table.rename(columns={"group": "first_value", "value": "second_value"})
    return renamed.assign(first=first, second=second, cell=cell)[list(CROSS_COLUMNS)]
