"""Baskets from order lines, customers and answers. Serves 07_mine_affinities.

An item counts once in a basket. Returns and cancelled lines are not purchases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import reduce

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from workbench.core.errors import DataError, Fault
from workbench.intake.features.inputs.exact import at_midnight
from workbench.intake.features.inputs.lines import is_marked, is_sale

__all__ = ["Baskets", "bought_lines", "build_baskets", "encode_baskets", "item_entries"]

_SEPARATOR = "\x1f"  # between the parts of a basket's key
_CUSTOMER, _ANSWER = "customers.", "answers."
_MOST_COUNTED = 50_000_000  # largest code for which counting replaces sorting
_NAMED = 1  # with more levels than this, item names include the level


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
        Baskets with more than the permitted number of items; not counted anywhere else.
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


@dataclass(frozen=True)
class _Names:
    levels: tuple[str, ...]
    items: tuple[str, ...]


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
        The same columns. A purchase has a positive amount and no negative quantity. Without amounts it has a positive
        quantity; without both, every line is a purchase. Lines with a status of returned or cancelled are not.
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
        When a table or column is missing, or items of customers or answers are requested for baskets that are not
        customers.
    """
    faults = _faults(lines, tables, basket, items)
    if faults:
        raise DataError(faults)
    parts = [_entries(lines, tables, basket, level) for level in items]
    entries = reduce(lambda first, second: first.union(second), parts)
    return entries.filter(entries.basket.notnull(), entries["item"].notnull(), entries["item"] != "")


def build_baskets(entries: ibis.Table, *, max_basket: int) -> Baskets:
    """Collect entries into baskets, in the engine.

    Baskets are identified by a 64-bit hash; the probability of any collision among a million is below 1e-7.

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
    grouped = entries.group_by("level", "item").aggregate(first=entries.day.min(), last=entries.day.max())
    item_rows = grouped.order_by("level", "item").to_pyarrow()
    first, last = pc.min(item_rows["first"]).as_py(), pc.max(item_rows["last"]).as_py()
    half = first + (last - first + timedelta(days=1)) / 2 if first is not None and first < last else None
    coded = _coded(entries, item_rows)
    marks = {}
    if half is not None:
        undated = coded.day.isnull()
        marks = {"early": undated | (coded.day < half), "late": undated | (coded.day >= half)}
    collected = coded.select("row", "column", **marks)
    levels, items = (item_rows[name].to_pylist() for name in ("level", "item"))
    return _assembled(collected.to_pyarrow(), _item_names(levels, items), max_basket=max_basket, half=half)


def _coded(entries: ibis.Table, item_rows: pa.Table) -> ibis.Table:
    """Replace baskets and items by numbers, in the engine: row, column, day."""
    columns = pa.array(np.arange(item_rows.num_rows, dtype=np.int32))
    items = ibis.memtable(item_rows.select(["level", "item"]).append_column("column", columns))
    entries = entries.mutate(basket=entries.basket.hash())
    baskets = entries.select("basket").distinct()
    baskets = baskets.mutate(row=ibis.row_number().cast("int32"))
    joined = entries.inner_join(items, ["level", "item"]).inner_join(baskets, "basket")
    return joined.select("row", "column", "day")


def encode_baskets(entries: pa.Table, *, max_basket: int, half: date | None = None) -> Baskets:
    """Turn entries into a matrix, independently of their order and of repeated entries.

    Parameters
    ----------
    entries : pyarrow.Table
        basket, level, item and, with ``half``, early, late (flags).
    max_basket : int
    half : date or None
        The first day of the later half; None without dates.

    Returns
    -------
    Baskets
        Rows are in no particular order; columns are sorted by level and item.
    """
    columns, names = _item_codes(entries)
    rows = pa.array(_codes(entries["basket"])[0], pa.int64())
    coded = entries.drop_columns(["basket", "level", "item"]).append_column("row", rows)
    return _assembled(coded.append_column("column", pa.array(columns)), names, max_basket=max_basket, half=half)


def _assembled(coded: pa.Table, names: _Names, *, max_basket: int, half: date | None) -> Baskets:
    """Build the matrices from numbered baskets and items; an item may be repeated in a basket."""
    rows, columns = (coded[name].to_numpy() for name in ("row", "column"))
    shape = (int(rows.max(initial=-1)) + 1, len(names.items))
    matrix = _matrix(rows, columns, shape)
    fits = np.diff(matrix.indptr) <= max_basket
    left_out = int((~fits).sum())
    halves = {}
    if half is not None:
        for name in ("early", "late"):
            in_half = np.asarray(coded[name].to_numpy(zero_copy_only=False), dtype=bool)
            part = _matrix(rows[in_half], columns[in_half], shape)
            halves[name] = part[fits & (np.diff(part.indptr) > 0)]
    matrix = matrix[fits] if left_out else matrix
    return Baskets(matrix, names.items, names.levels, left_out=left_out, half=half, **halves)


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
    if lines is None:  # already rejected by _faults
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


def _codes(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """Return a code per row and the distinct values."""
    if not len(column):
        return np.zeros(0, dtype=np.int64), []
    if pc.all(pc.equal(column, column[0])).as_py():  # the usual case for the level
        return np.zeros(len(column), dtype=np.int64), [column[0].as_py()]
    encoded = pc.dictionary_encode(column.combine_chunks())
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()


def _item_codes(entries: pa.Table) -> tuple[np.ndarray, _Names]:
    """Return the column of each row, and the columns, sorted by level and item."""
    level_codes, level_names = _codes(entries["level"])
    item_codes, item_names = _codes(entries["item"])
    pairs = level_codes * max(len(item_names), 1) + item_codes
    distinct, positions = _distinct(pairs, len(level_names) * len(item_names))
    keys = [(level_names[pair // len(item_names)], item_names[pair % len(item_names)]) for pair in distinct.tolist()]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    column_of = np.empty(len(keys), dtype=np.int64)
    column_of[order] = np.arange(len(keys))
    names = _item_names([keys[code][0] for code in order], [keys[code][1] for code in order])
    return column_of[positions], names


def _item_names(levels: Sequence[str], items: Sequence[str]) -> _Names:
    """Return the names of the columns; with several levels the level is part of the name."""
    several = len(set(levels)) > _NAMED
    names = tuple(f"{level}={item}" if several else item for level, item in zip(levels, items, strict=True))
    return _Names(tuple(levels), names)


def _distinct(codes: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct codes, sorted, and the position of each code among them."""
    if most > _MOST_COUNTED:
        return np.unique(codes, return_inverse=True)
    present = np.bincount(codes, minlength=most) > 0
    return np.flatnonzero(present), (np.cumsum(present) - 1)[codes]


def _matrix(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> sparse.csr_array:
    """Return a matrix of ones; repeated positions count once."""
    ones = np.ones(len(rows), dtype=np.int32)
    matrix = sparse.csr_array((ones, (rows, columns)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix
