"""Faults and changes of the last 30 days that the generator can plant, each as it would stand in the raw files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb

from workbench.intake.demo.jewellery.days import DAYS

__all__ = ["PLANTED", "PLANTED_DAYS", "cut_off_file", "plant"]

PLANTED_DAYS = 30
PRICE_SHOCK = 1.3
NEW_SHOP, NEW_SHOP_SHARE = 9999, 0.3
OUTAGE_FROM, OUTAGE_DAYS = 20, 10  # days before the end, and its length
RENAMED = {"微信支付": "WeChat Pay"}
CUT_FILE, CUT_AT = "reviews.csv", 0.6  # of its bytes, in the middle of a row

_LATE = f"day + later BETWEEN {DAYS - PLANTED_DAYS} AND {DAYS - 1}"


def plant(engine: duckdb.DuckDBPyConnection, name: str) -> None:
    """Plant a change into the tables of the engine, before they are written.

    Parameters
    ----------
    engine : duckdb.DuckDBPyConnection
    name : str
        A key of ``PLANTED``; empty: none.

    Raises
    ------
    ValueError
        Another name.
    """
    if name and name not in PLANTED:
        raise ValueError(f"unknown change {name!r}; known are {', '.join(PLANTED)}")
    if name:
        PLANTED[name](engine)


def cut_off_file(folder: Path, name: str) -> None:
    """Cut the file of a ``truncated_file`` off in the middle of a row, as a full disk does; else do nothing."""
    if name == "truncated_file":
        content = (folder / CUT_FILE).read_bytes()
        (folder / CUT_FILE).write_bytes(content[: int(len(content) * CUT_AT)])


def _price_shock(engine: duckdb.DuckDBPyConnection) -> None:
    """Raise every price by three tenths."""
    engine.execute(f"""UPDATE lines SET unit_price = round(unit_price * {PRICE_SHOCK}, 2),
        amount = round(unit_price * {PRICE_SHOCK}, 2) * quantity - discount - coupon WHERE {_LATE}""")


def _broken_till(engine: duckdb.DuckDBPyConnection) -> None:
    """Lose the unit price in the export of the tills."""
    engine.execute(f"UPDATE lines SET unit_price = NULL WHERE NOT online AND {_LATE}")


def _tracking_outage(engine: duckdb.DuckDBPyConnection) -> None:
    """Record no event for ten days."""
    first = DAYS - OUTAGE_FROM
    engine.execute(f"DELETE FROM events WHERE day >= {first} AND day < {first + OUTAGE_DAYS}")


def _new_shop(engine: duckdb.DuckDBPyConnection) -> None:
    """Open a shop that serves three in ten of the shops' customers."""
    engine.execute(f"""UPDATE lines SET shop = {NEW_SHOP}
        WHERE NOT online AND hash(person) % 100 < {100 * NEW_SHOP_SHARE:.0f} AND {_LATE}""")


def _renamed_category(engine: duckdb.DuckDBPyConnection) -> None:
    """Give a way to pay another name."""
    for old, new in RENAMED.items():
        engine.execute(f"UPDATE lines SET payment = '{new}' WHERE payment = '{old}' AND {_LATE}")


PLANTED: dict[str, Callable[[duckdb.DuckDBPyConnection], None]] = {
    "price_shock": _price_shock,
    "broken_till": _broken_till,
    "tracking_outage": _tracking_outage,
    "new_shop": _new_shop,
    "truncated_file": lambda _: None,  # of bytes: `cut_off_file`
    "renamed_category": _renamed_category,
}
