"""Data errors: garbled text, numbers damaged by a spreadsheet, impossible dates, duplicate rows."""

from __future__ import annotations

from workbench.intake.demo.jewellery.draws import Draws, quoted

__all__ = ["DIRT", "dirty_birthday", "dirty_member_number", "dirty_name", "dirty_phone", "dirty_text", "twice_sql"]

# share of cells, or of rows for rows_twice
DIRT = {
    "garbled": 0.006, "scientific": 0.006, "impossible": 0.006, "padded": 0.01, "full_width": 0.006, "prefixed": 0.05,
    "rows_twice": 0.003, "no_date": 0.0008, "no_number": 0.0005, "no_product": 0.001, "no_customer": 0.002, "odd": 0.003,
}  # fmt: skip
BIRTHDAYS = ("1893-06-01", "2031-01-15", "1990-02-30", "1900-01-01", "0000-00-00")
GARBLED = tuple(
    name.encode().decode("gb18030", errors="replace").replace("\ufffd", "?")
    for name in ("王芳", "李娜", "张伟国", "陈思雨")
)
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")


def dirty_name(draws: Draws, name: str, key: str) -> str:
    """Write a name that is garbled (UTF-8 read as GBK) or has blanks around it, now and then."""
    garbled = draws.one_of(key, "garbled name", GARBLED)
    return f"""CASE WHEN {draws.happens(key, "garbles", DIRT["garbled"])} THEN {garbled}
        WHEN {draws.happens(key, "pads", DIRT["padded"])} THEN ' ' || {name} || '　' ELSE {name} END"""


def dirty_phone(draws: Draws, phone: str, key: str) -> str:
    """Write a phone with the country code and hyphens, or in full-width digits, now and then."""
    digits, wide = "0123456789", "0123456789".translate(FULL_WIDTH)
    return f"""CASE WHEN {draws.happens(key, "prefixes", DIRT["prefixed"])} THEN '+86 ' || left({phone}, 3) || '-' || substr({phone}, 4, 4) || '-' || substr({phone}, 8)
        WHEN {draws.happens(key, "widens", DIRT["full_width"])} THEN translate({phone}, '{digits}', '{wide}') ELSE {phone} END"""


def dirty_member_number(draws: Draws, number: str, key: str) -> str:
    """Write a number of thirteen digits as a spreadsheet shows it, 6.20012E+12, now and then."""
    return f"""CASE WHEN {draws.happens(key, "scientific", DIRT["scientific"])}
        THEN left({number}, 1) || '.' || substr({number}, 2, 5) || 'E+12' ELSE {number} END"""


def dirty_birthday(draws: Draws, day: str, key: str) -> str:
    """Write an impossible birthday, or none, now and then."""
    return f"""CASE WHEN {draws.happens(key, "impossible", DIRT["impossible"])} THEN {draws.one_of(key, "which day", BIRTHDAYS)}
        WHEN {draws.happens(key, "no birthday", 0.18)} THEN NULL ELSE {day} END"""


def dirty_text(draws: Draws, text: str, key: str, name: str, odd: str) -> str:
    """Write an odd value now and then."""
    return f"CASE WHEN {draws.happens(key, name, DIRT['odd'])} THEN {quoted(odd)} ELSE {text} END"


def twice_sql(draws: Draws, query: str, key: str) -> str:
    """Write a query with some rows duplicated."""
    return f"SELECT *, unnest(CASE WHEN {draws.happens(key, 'twice', DIRT['rows_twice'])} THEN [1, 2] ELSE [1] END) AS again FROM ({query})"
