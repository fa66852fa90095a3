"""Whether money is money: rates, prices that are line totals, amounts of a whole order, several currencies."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

from workbench.intake.guessing.values.numbers import read_number

__all__ = ["agrees_with_product", "grows_with", "is_line_total", "is_order_level", "is_rate", "numbers_of"]

_CENT, _ALMOST_ALL, _LEAST_ROWS, _MUCH_LARGER = 0.011, 0.9, 5, 5.0


def numbers_of(cells: Sequence[str], mark: str = ".") -> list[float | None]:
    """Read a column of numbers; None where a cell is none."""
    return [read_number(cell, mark) if cell else None for cell in cells]


def is_rate(values: Sequence[float | None], money: Sequence[float | None]) -> bool:
    """Tell whether values are rates: all from 0 to 1, some between, beside much larger amounts."""
    present = [value for value in values if value is not None]
    amounts = sorted(abs(value) for value in money if value is not None)
    if not present or min(present) < 0 or max(present) > 1 or all(value in (0, 1) for value in present):
        return False
    return not amounts or amounts[len(amounts) // 2] > _MUCH_LARGER * max(present)


def agrees_with_product(
    amount: Sequence[float | None], price: Sequence[float | None], quantity: Sequence[float | None]
) -> float | None:
    """Return the share of rows in which the amount is price times quantity; None where too few rows have all three."""
    rows = [
        (a, p, q)
        for a, p, q in zip(amount, price, quantity, strict=True)
        if a is not None and p is not None and q is not None
    ]
    if len(rows) < _LEAST_ROWS:
        return None
    agreeing = sum(abs(a - p * q) <= max(_CENT, 1e-6 * abs(a)) for a, p, q in rows)
    return agreeing / len(rows)


def is_line_total(price: Sequence[float | None], quantity: Sequence[float | None], goods: Sequence[str]) -> bool:
    """Tell whether a price is the total of its line: within one product, price / quantity is constant and price is not.

    Parameters
    ----------
    price, quantity : sequence of float or None
    goods : sequence of str
        Product or category of each row.
    """
    by_product: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for value, pieces, product in zip(price, quantity, goods, strict=True):
        if value and pieces:
            by_product[product].append((value, pieces))
    told, total = 0, 0
    for rows in by_product.values():
        if len({pieces for _, pieces in rows}) < 2:  # noqa: PLR2004  (one quantity tells nothing)
            continue
        per_piece, prices = [value / pieces for value, pieces in rows], [value for value, _ in rows]
        total += 1
        told += _spread(per_piece) < _CENT and _spread(prices) > 0.1  # noqa: PLR2004
    return total > 0 and told >= _ALMOST_ALL * total


def grows_with(price: Sequence[float | None], quantity: Sequence[float | None]) -> bool:
    """Tell whether larger quantities have larger values: the logarithms are correlated by more than one half."""
    rows = [(math.log(p), math.log(q)) for p, q in zip(price, quantity, strict=True) if p and q and p > 0 and q > 0]
    if len(rows) < _LEAST_ROWS:
        return True
    n = len(rows)
    mean_p, mean_q = sum(p for p, _ in rows) / n, sum(q for _, q in rows) / n
    both = sum((p - mean_p) * (q - mean_q) for p, q in rows)
    spread = math.sqrt(sum((p - mean_p) ** 2 for p, _ in rows) * sum((q - mean_q) ** 2 for _, q in rows))
    return bool(spread) and both / spread > 0.5  # noqa: PLR2004


def is_order_level(amount: Sequence[str], orders: Sequence[str]) -> bool:
    """Tell whether an amount belongs to the order: orders of several lines repeat it, or give it on one line alone."""
    by_order: dict[str, list[str]] = defaultdict(list)
    for value, order in zip(amount, orders, strict=True):
        if order:
            by_order[order].append(value)
    several = [values for values in by_order.values() if len(values) > 1]
    if not several:
        return False
    once = sum(len({value for value in values if value}) <= 1 for values in several)
    return once >= _ALMOST_ALL * len(several)


def _spread(values: Sequence[float]) -> float:
    return (max(values) - min(values)) / max(abs(max(values)), 1e-9)
