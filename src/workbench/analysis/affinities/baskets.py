"""Baskets from order lines, customers and answers. Serves 07_mine_affinities.

An item counts once in a basket. Returns and cancelled lines are no purchase.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import reduce

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from workbench.core.errors import DataError, Fault
from workbench.intake.features.inputs.exact import at_midnight
from workbench.intake.features.inputs.lines import is_marked, is_sale

__all__ = ["Baskets", "bought_lines", "build_baskets", "encode_baskets", "item_entries"]

_SEPARATOR = "\x1f"  # between the parts of a basket's key
_CUSTOMER, _ANSWER = "customers.", "answers."
_MOST_COUNTED = 50_000_000  # codes that are counted instead of sorted
_NAMED = 1  # with more levels than this, an item carries the name of its level


@dataclass(frozen=True)
class Baskets:
    """Baskets as a matrix of ones.

    Attributes
    ----------
    matrix : scipy.sparse.csr_array
        One row per basket, one column per item; 1 if the basket contains the item.
    items : tuple of str
        The names of the columns, sorted.
    levels : tuple of str
        The level of each item: product_id, category, ...
    early, late : scipy.sparse.csr_array or None
        The baskets of the earlier and of the later half of time; None without dates.
    left_out : int
        Baskets with more than the permitted number of items; in no count.
    half : datetime.date or None
        The first day of the later half.
    """

    matrix: sparse.csr_array
    items: tuple[str, ...]
    levels: tuple[str, ...]
    early: sparse.csr_array | None = None
    late: sparse.csr_array | None = None
    left_out: int = 0
    half: date | None = None
    counts: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", np.asarray(self.matrix.sum(axis=0), dtype=np.int64).ravel())

    @property
    def n(self) -> int:
        """The number of baskets."""
        return int(self.matrix.shape[0])


def bought_lines(transactions: ibis.Table, *, as_of: date) -> ibis.Table:
    """Keep the order lines that are purchases.

    Parameters
    ----------
    transactions : ibis.Table
        One row per order line; lines without a customer are kept.
    as_of : date
        Lines at or after its midnight, and lines without a date where the table has dates, are left out.

    Returns
    -------
    ibis.Table
        The same columns. A purchase has a positive amount and no negative quantity; without amounts, a positive
        quantity; without both, every line is one. A status that says returned or cancelled is no purchase.
    """
    lines = transactions
    if "ordered_at" in lines.columns:
        lines = lines.filter(lines.ordered_at < at_midnight(as_of))
    if "amount" in lines.columns:
        return lines.filter(is_sale(lines))
    if "quantity" in lines.columns:
        lines = lines.filter(lines.quantity > 0)
    return lines.filter(~is_marked(lines)) if "status" in lines.columns else lines


def item_entries(
    lines: ibis.Table | None,
    tables: Mapping[str, ibis.Table],
    *,
    basket: str,
    items: Sequence[str],
) -> ibis.Table:
    """List the items of each basket, possibly more than once.

    Parameters
    ----------
    lines : ibis.Table or None
        Purchases, from `bought_lines`.
    tables : mapping of str to ibis.Table
        ``products``, ``customers`` and ``responses``, where they exist.
    basket : {"order", "day", "customer"}
    items : sequence of str
        ``product_id``, columns of products, ``customers.<attribute>``, ``answers.<question>``.

    Returns
    -------
    ibis.Table
        basket, level, item (text), day (date, null if undated).

    Raises
    ------
    DataError
        A table or column is missing, or customers and answers are to be items of other baskets than customers.
    """
    faults = _faults(lines, tables, basket, items)
    if faults:
        raise DataError(faults)
    parts = [_entries(lines, tables, basket, level) for level in items]
    entries = reduce(lambda first, second: first.union(second), parts)
    return entries.filter(entries.basket.notnull(), entries["item"].notnull(), entries["item"] != "")


def build_baskets(entries: ibis.Table, *, max_basket: int) -> Baskets:
    """Collect entries into baskets, in the engine.

    Baskets are told apart by a hash of 64 bits: that any two of a million share one has a probability below 1e-7.

    Parameters
    ----------
    entries : ibis.Table
        From `item_entries`.
    max_basket : int
        Baskets with more items are left out and counted.

    Returns
    -------
    Baskets
    """
    days = entries.aggregate(first=entries.day.min(), last=entries.day.max()).to_pyarrow().to_pylist()[0]
    entries = entries.mutate(basket=entries.basket.hash())
    dated = days["first"] is not None and days["first"] < days["last"]
    half = days["first"] + (days["last"] - days["first"] + timedelta(days=1)) / 2 if dated else None
    marks = {"early": ibis.literal(True), "late": ibis.literal(True)}
    if half is not None:
        undated = entries.day.isnull()
        marks = {"early": (undated | (entries.day < half)).any(), "late": (undated | (entries.day >= half)).any()}
        collected = entries.group_by("basket", "level", "item").aggregate(**marks)
    else:
        collected = entries.select("basket", "level", "item").distinct().mutate(**marks)
    return encode_baskets(collected.to_pyarrow(), max_basket=max_basket, half=half)


def encode_baskets(entries: pa.Table, *, max_basket: int, half: date | None = None) -> Baskets:
    """Turn distinct entries into a matrix; the order of the entries changes nothing.

    Parameters
    ----------
    entries : pyarrow.Table
        basket (text, or a number that stands for it), level, item, early, late (flags): one row per basket and item.
    max_basket : int
    half : date or None
        The first day of the later half; None without dates.

    Returns
    -------
    Baskets
        Rows are in no particular order; columns are sorted by level and item.
    """
    baskets = _basket_codes(entries["basket"])
    columns, levels, items = _item_codes(entries)
    sizes = np.bincount(baskets) if len(baskets) else np.zeros(0, dtype=np.int64)
    fits = sizes <= max_basket
    row_of = np.cumsum(fits) - 1
    kept = fits[baskets]
    rows, columns = row_of[baskets[kept]], columns[kept]
    shape = (int(fits.sum()), len(items))
    halves = {}
    if half is not None:
        for name in ("early", "late"):
            chosen = np.asarray(entries[name].to_numpy(zero_copy_only=False), dtype=bool)[kept]
            halves[name] = _without_empty_rows(_matrix(rows[chosen], columns[chosen], shape))
    left_out = int((~fits).sum())
    return Baskets(_matrix(rows, columns, shape), items, levels, left_out=left_out, half=half, **halves)


def _faults(
    lines: ibis.Table | None, tables: Mapping[str, ibis.Table], basket: str, items: Sequence[str]
) -> list[Fault]:
    where = "07_mine_affinities"
    columns = set(lines.columns) if lines is not None else set()
    needed = {"order": {"order_id"}, "day": {"customer_id", "ordered_at"}, "customer": {"customer_id"}}[basket]
    faults = []
    for level in items:
        if level.startswith((_CUSTOMER, _ANSWER)):
            faults += _customer_faults(tables, basket, level, where)
            continue
        if lines is None:
            faults.append(Fault(where, f"items {level}: there are no transactions", "Orders, or items of customers"))
            continue
        lacking = sorted((needed | {"product_id"}) - columns)
        if lacking:
            remedy = "Map the column, or choose another basket: order, day or customer"
            problem = f"basket: {basket}, items {level}: transactions has no {' and no '.join(lacking)}"
            faults.append(Fault(where, problem, "A column that names it", remedy))
        if level != "product_id" and ("products" not in tables or level not in tables["products"].columns):
            have = sorted(tables["products"].columns) if "products" in tables else []
            faults.append(Fault(where, f"items: products has no column {level!r}", f"One of {', '.join(have) or '-'}"))
    return faults


def _customer_faults(tables: Mapping[str, ibis.Table], basket: str, level: str, where: str) -> list[Fault]:
    if basket != "customer":
        return [Fault(where, f"items {level} with basket: {basket}", "basket: customer")]
    name = "customers" if level.startswith(_CUSTOMER) else "responses"
    column = level.removeprefix(_CUSTOMER) if name == "customers" else "question"
    if name not in tables or column not in tables[name].columns:
        return [Fault(where, f"items {level}: {name} has no column {column!r}", "A mapped column")]
    return []


def _entries(lines: ibis.Table | None, tables: Mapping[str, ibis.Table], basket: str, level: str) -> ibis.Table:
    undated = ibis.null("date")
    if level.startswith(_CUSTOMER):
        customers = tables["customers"]
        item = customers[level.removeprefix(_CUSTOMER)].cast("string")
        return customers.select(basket=customers.customer_id, level=ibis.literal(level), item=item, day=undated)
    if level.startswith(_ANSWER):
        answers = tables["responses"]
        answers = answers.filter(answers.question == level.removeprefix(_ANSWER))
        return answers.select(basket=answers.customer_id, level=ibis.literal(level), item=answers.answer, day=undated)
    if lines is None:  # refused before
        raise DataError(Fault("07_mine_affinities", f"items {level}: there are no transactions"))
    day = lines.ordered_at.date() if "ordered_at" in lines.columns else undated
    bought = lines.select(basket=_key(lines, basket), product_id=lines.product_id, day=day)
    if level == "product_id":
        return bought.select("basket", level=ibis.literal(level), item=bought.product_id, day=bought.day)
    products = tables["products"].select("product_id", item=tables["products"][level].cast("string"))
    joined = bought.inner_join(products, "product_id")
    return joined.select("basket", level=ibis.literal(level), item=joined["item"], day=joined.day)


def _key(lines: ibis.Table, basket: str) -> ibis.expr.types.StringValue:
    if basket == "order":
        return lines.order_id
    if basket == "customer":
        return lines.customer_id
    return lines.customer_id + ibis.literal(_SEPARATOR) + lines.ordered_at.date().cast("string")


def _basket_codes(column: pa.ChunkedArray) -> np.ndarray:
    """Return a code per row."""
    return pd.factorize(column.to_numpy())[0] if pa.types.is_integer(column.type) else _codes(column)[0]


def _codes(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """Return a code per row and the distinct values."""
    if not len(column):
        return np.zeros(0, dtype=np.int64), []
    if pc.all(pc.equal(column, column[0])).as_py():  # as the level mostly is
        return np.zeros(len(column), dtype=np.int64), [column[0].as_py()]
    encoded = pc.dictionary_encode(column.combine_chunks())
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()


def _item_codes(entries: pa.Table) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Return the column of each row, then the level and the name of each column, sorted."""
    level_codes, level_names = _codes(entries["level"])
    item_codes, item_names = _codes(entries["item"])
    pairs = level_codes * max(len(item_names), 1) + item_codes
    distinct, positions = _distinct(pairs, len(level_names) * len(item_names))
    keys = [(level_names[pair // len(item_names)], item_names[pair % len(item_names)]) for pair in distinct.tolist()]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    column_of = np.empty(len(keys), dtype=np.int64)
    column_of[order] = np.arange(len(keys))
    levels = tuple(keys[at][0] for at in order)
    named = len(level_names) > _NAMED
    items = tuple(f"{keys[at][0]}={keys[at][1]}" if named else keys[at][1] for at in order)
    return column_of[positions], levels, items


def _distinct(codes: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct codes, sorted, and the position of each code among them."""
    if most > _MOST_COUNTED:
        return np.unique(codes, return_inverse=True)
    present = np.bincount(codes, minlength=most) > 0
    return np.flatnonzero(present), (np.cumsum(present) - 1)[codes]


def _matrix(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sparse.csr_array:
    ones = np.ones(len(rows), dtype=np.int32)
    return sparse.csr_array((ones, (rows, columns)), shape=shape)


def _without_empty_rows(matrix: sparse.csr_array) -> sparse.csr_array:
    return matrix[np.diff(matrix.indptr) > 0]
