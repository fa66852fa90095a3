"""Standardise people: one row per person of a source, with cells normalised for comparison.

All of it is SQL over the whole table, except pinyin, which is computed once per distinct name.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import numpy as np
import pyarrow as pa
from pypinyin import lazy_pinyin

__all__ = ["COMPARABLE", "PLACEHOLDER_PHONES", "standardise"]

# columns of the result besides record, source and source_id; null if a person has no value
COMPARABLE = (
    "phone_key", "email_key", "document_key", "member_key", "document_text", "name_text", "surname_text", "given_text",
    "surname_key", "given_key", "gender", "birth_key", "address_key", "address_2_key", "street_number_key",
    "postcode_key", "city_key", "province_key",
)  # fmt: skip

PLACEHOLDER_PHONES = ("13800000000", "13800138000", "13900000000", "13888888888", "13912345678", "12345678901")
_PLACEHOLDER_MAILS = ("none", "null", "na", "test", "noemail", "no", "unknown", "xxx", "123", "a")
_COMPOUND_SURNAMES = (
    "欧阳", "司马", "诸葛", "上官", "皇甫", "尉迟", "公孙", "慕容", "令狐", "司徒", "夏侯", "东方", "长孙", "宇文",
    "端木", "南宫", "司空", "独孤", "轩辕", "呼延", "钟离", "闻人", "东郭", "百里", "澹台", "赫连", "申屠", "太史",
    "公冶", "濮阳",
)  # fmt: skip
_HAN = "[\\x{3400}-\\x{9FFF}\\x{F900}-\\x{FAFF}\\x{20000}-\\x{3134F}]"
_FULL_WIDTH = "".join(map(chr, range(0xFF01, 0xFF5F))) + "\u3000"
_HALF_WIDTH = "".join(map(chr, range(0x21, 0x7F))) + " "
_TEXTS = (
    "name", "given_name", "surname", "gender", "birth_date", "birth_date_as_written", "phone", "email", "address",
    "address_2", "street_number", "postcode", "city", "province", "document_id", "member_number",
)  # fmt: skip
_BIRTHS = ("birth_date", "birth_date_as_written")
_NAMES = ("name", "given_name", "surname")
_PLACES = ("address", "address_2", "street_number", "postcode", "city", "province")
# GB 11643: weights of the first 17 digits, and the check character by the sum modulo 11
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"


def standardise(engine: duckdb.DuckDBPyConnection, people: str, target: str) -> int:
    """Create the table of standardised people; return its number of rows.

    Parameters
    ----------
    engine : duckdb connection
    people : str
        A table or view: source, source_id, precedence, record, then contact and other columns as text.
    target : str
        The table to make: record (from 0, by source and source_id), source, source_id, and `COMPARABLE`. One row per
        source and source_id, with the first filled value of each column. ``phone_key`` is E.164 digits without
        placeholders; ``email_key`` is case-folded; ``document_key`` is an identity number of 18 characters with a
        valid GB 11643 check character; ``surname_key`` and ``given_key`` are Latin letters (pinyin for Chinese);
        ``birth_key`` is yyyymmdd, or the digits as written.
    """
    present = {row[0] for row in engine.execute(f"DESCRIBE {people}").fetchall()}
    spelled = f"{target}_spelled"
    chinese = _spell(engine, people, present, spelled)
    folded = _folded_sql(people, present, repeated=_has_repeats(engine, people))
    keys = _keys_sql(_parted_sql(folded, present), present, spelled=spelled if chinese else None)
    engine.execute(f"CREATE OR REPLACE TEMP TABLE {target} AS {keys}")
    engine.execute(f"DROP TABLE {spelled}")
    return engine.execute(f"SELECT count(*) FROM {target}").fetchall()[0][0]


def _has_repeats(engine: duckdb.DuckDBPyConnection, people: str) -> bool:
    """Return whether a person of a source may have several rows; a hash collision only costs time."""
    hashes = engine.execute(f"SELECT hash(source, source_id) AS h FROM {people}").fetchnumpy()["h"]
    ordered = np.sort(np.asarray(hashes))
    return bool((ordered[1:] == ordered[:-1]).any())


def _folded_sql(people: str, present: set[str], *, repeated: bool) -> str:
    """Select one row per person of a source, with places, dates and digits normalised for comparison."""
    columns = [name for name in _TEXTS if name in present]
    if repeated:
        rows = ", ".join(["source, source_id, precedence, record", *(f"{_fold(name)} AS {name}" for name in columns)])
        first = [f"first({name} ORDER BY precedence, record) FILTER ({name} IS NOT NULL) AS {name}" for name in columns]
        people = f"""(SELECT {", ".join(["source, source_id", *first])} FROM (SELECT {rows} FROM {people})
            GROUP BY source, source_id)"""
    text = {name: name if repeated else _fold(name) for name in columns}
    formed = {name: f"{text[name]} AS {name}" for name in columns if name not in (*_BIRTHS, *_PLACES)}
    formed |= {name: f"{_letters(name, _halved(name))} AS {name}_key" for name in _PLACES if name in columns}
    if "phone" in columns:
        formed["phone"] = f"{_digits('phone')} AS digits"
    if set(_BIRTHS) & set(columns):
        formed["birth_date"] = f"{_birth_sql(text)} AS birth_key"
    return f"SELECT {', '.join(['source, source_id', *formed.values()])} FROM {people}"


def _halved(name: str) -> str:
    """Convert to half width and lower case; converting full width is slow, and only non-ASCII text can have it."""
    return f"""lower(CASE WHEN strlen({name}) = length({name}) THEN {name}
        ELSE translate({name}, '{_quoted(_FULL_WIDTH)}', '{_quoted(_HALF_WIDTH)}') END)"""


def _fold(name: str) -> str:
    """Convert to half width, lower case and single blanks; a cheap condition recognises plain words, the usual case."""
    half, blank = _halved(name), "\\s\\x{200B}-\\x{200F}\\x{FEFF}"
    odd = f"^ | $| [{blank}]|[\\t-\\r\\x{{200B}}-\\x{{200F}}\\x{{FEFF}}\\x{{3000}}]"  # not one blank between words
    single = f"trim(regexp_replace({half}, '[{blank}]+', ' ', 'g'))"
    return f"""CASE WHEN regexp_full_match({name}, '[A-Za-z0-9]+') THEN lower({name})
        WHEN regexp_matches({name}, '{odd}') THEN nullif({single}, '') ELSE nullif({half}, '') END"""


def _digits(name: str) -> str:
    return f"""CASE WHEN regexp_matches({name}, '[^0-9]') THEN regexp_replace({_halved(name)}, '[^0-9]', '', 'g')
        ELSE {name} END"""


def _birth_sql(text: Mapping[str, str]) -> str:
    """Write a birth date as yyyymmdd, or its digits as written; most dates are ISO already."""
    date, written = (text.get(name, "CAST(NULL AS VARCHAR)") for name in _BIRTHS)
    raw = "birth_date" if "birth_date" in text else date
    return f"""CASE WHEN length({raw}) = 10 AND TRY_CAST({raw} AS DATE)::VARCHAR = {raw} THEN replace({raw}, '-', '')
        WHEN TRY_CAST({date} AS DATE) IS NOT NULL THEN strftime(TRY_CAST({date} AS DATE), '%Y%m%d')
        ELSE nullif(regexp_replace(coalesce({written}, {date}), '[^0-9]', '', 'g'), '') END"""


def _parted_sql(folded: str, present: set[str]) -> str:
    """Split full names: Chinese names after the surname, Latin names at the last blank."""
    surname, given_name = (name if name in present else "CAST(NULL AS VARCHAR)" for name in ("surname", "given_name"))
    if "name" not in present:
        return f"SELECT *, {surname} AS surname_text, {given_name} AS given_text FROM ({folded})"
    compound = ", ".join(f"'{name}'" for name in _COMPOUND_SURNAMES)
    return f"""
    SELECT * EXCLUDE (han, bare),
        coalesce({surname}, CASE
            WHEN name IS NULL THEN NULL
            WHEN NOT han THEN CASE WHEN name LIKE '% %' THEN regexp_extract(name, '(\\S+)$', 1) ELSE NULL END
            WHEN left(bare, 2) IN ({compound}) AND length(bare) > 2 THEN left(bare, 2)
            ELSE left(bare, 1) END) AS surname_text,
        coalesce({given_name}, CASE
            WHEN name IS NULL THEN NULL
            WHEN NOT han THEN CASE WHEN name LIKE '% %' THEN regexp_replace(name, '\\s+\\S+$', '') ELSE name END
            WHEN left(bare, 2) IN ({compound}) AND length(bare) > 2 THEN substr(bare, 3)
            ELSE nullif(substr(bare, 2), '') END) AS given_text
    FROM (SELECT *, regexp_matches(coalesce(name, ''), '^\\s*{_HAN}') AS han,
        regexp_replace(coalesce(name, ''), '[\\s·•.]', '', 'g') AS bare FROM ({folded}))
    """


def _spell(engine: duckdb.DuckDBPyConnection, people: str, present: set[str], target: str) -> int:
    """Write every distinct part of a Chinese name in pinyin; return the number of parts."""
    names = [name for name in _NAMES if name in present]
    chinese = " OR ".join(f"strlen({name}) > length({name})" for name in names) or "FALSE"
    given_name = (
        f"(SELECT DISTINCT '' AS source, '' AS source_id, {', '.join(names) or 'NULL'} FROM {people} WHERE {chinese})"
    )
    parted = _parted_sql(_folded_sql(given_name, set(names), repeated=False), set(names))
    rows = engine.execute(f"""
        SELECT DISTINCT part FROM (SELECT unnest([surname_text, given_text]) AS part FROM ({parted}))
        WHERE regexp_matches(part, '{_HAN}') ORDER BY part
    """).fetchall()
    parts = [row[0] for row in rows]
    spelled = pa.table({"part": pa.array(parts, pa.string()), "spelling": pa.array(map(_pinyin, parts), pa.string())})
    engine.register(f"{target}_view", spelled)
    engine.execute(f"CREATE OR REPLACE TEMP TABLE {target} AS SELECT * FROM {target}_view")
    engine.unregister(f"{target}_view")
    return len(parts)


def _pinyin(part: str) -> str:
    return "".join(lazy_pinyin(part)).lower()


def _keys_sql(parted: str, present: set[str], *, spelled: str | None) -> str:
    def key(name: str, value: str) -> str:
        return value if name in present else "CAST(NULL AS VARCHAR)"

    values = {name: key(name, f"p.{name}") for name in _TEXTS}
    given_name, surname = values["given_name"], values["surname"]
    joined = f"coalesce({values['name']}, {given_name} || ' ' || {surname}, {given_name}, {surname})"
    sounds = {name: f"strip_accents({name}_text)" for name in ("surname", "given")}
    joins = ""
    if spelled:
        sounds = {name: f"coalesce(s_{name}.spelling, {sound})" for name, sound in sounds.items()}
        joins = "".join(f" LEFT JOIN {spelled} AS s_{name} ON p.{name}_text = s_{name}.part" for name in sounds)
    return f"""
    SELECT (row_number() OVER (ORDER BY source, source_id) - 1)::BIGINT AS record, source, source_id,
        {key("phone", _phone_sql("full_number", "digits"))} AS phone_key,
        {key("email", _email_sql())} AS email_key, {key("document_id", _document_sql())} AS document_key,
        nullif(upper(regexp_replace({values["member_number"]}, '\\s', '', 'g')), '') AS member_key,
        nullif(regexp_replace({values["document_id"]}, '[^0-9a-z]', '', 'g'), '') AS document_text,
        {joined} AS name_text, surname_text, given_text,
        {_letters(sounds["surname"], sounds["surname"])} AS surname_key,
        {_letters(sounds["given"], sounds["given"])} AS given_key,
        CASE WHEN {values["gender"]} IN ('m', 'male', '男', '男性', '先生', '1') THEN 'm'
            WHEN {values["gender"]} IN ('f', 'female', '女', '女性', '女士', '2') THEN 'f' END AS gender,
        {"birth_key" if present & set(_BIRTHS) else "CAST(NULL AS VARCHAR)"} AS birth_key,
        {", ".join(f"{key(name, f'{name}_key')} AS {name}_key" for name in _PLACES)}
    FROM ({_numbers_sql(parted) if "phone" in present else parted}) AS p{joins}
    """


def _letters(name: str, text: str) -> str:
    """Keep the letters and digits of a text; blanks, the usual case, are removed by a cheaper rule."""
    other = "[^\\p{L}\\p{N}"
    return f"""CASE WHEN regexp_full_match({name}, '[a-z0-9]+') THEN {name}
        WHEN regexp_matches({name}, '{other} ]') THEN nullif(regexp_replace({text}, '{other}]', '', 'g'), '')
        ELSE nullif(replace({text}, ' ', ''), '') END"""


def _numbers_sql(parted: str) -> str:
    """Add the international digits of a phone: mainland mobiles all get 86."""
    short = "regexp_replace(digits, '^(00)?(86)?(1[3-9][0-9]{9})$', '\\3')"
    bare = f"CASE WHEN length(digits) = 11 THEN digits ELSE {short} END"
    mobile = "length(bare) = 11 AND bare[1] = '1' AND bare[2] BETWEEN '3' AND '9'"
    return f"""
    SELECT *, CASE WHEN {mobile} THEN '86' || bare ELSE ltrim(digits, '0') END AS full_number
    FROM (SELECT *, {bare} AS bare FROM ({parted}))
    """


def _phone_sql(full: str, digits: str) -> str:
    """Write E.164 digits; null for placeholders and short numbers."""
    listed = ", ".join(f"'86{number}'" for number in PLACEHOLDER_PHONES)
    return f"""CASE WHEN length({full}) NOT BETWEEN 7 AND 15 OR {full} IN ({listed})
        OR length(replace({digits}, right({digits}, 1), '')) <= 1 OR ends_with({digits}, '00000')
        THEN NULL ELSE {full} END"""


def _email_sql() -> str:
    listed = ", ".join(f"'{name}'" for name in _PLACEHOLDER_MAILS)
    shape = "^[^@\\s]+@[^@\\s]+\\.[a-z]{2,}$"
    return (
        f"""CASE WHEN regexp_matches(email, '{shape}') AND split_part(email, '@', 1) NOT IN ({listed}) THEN email END"""
    )


def _document_sql() -> str:
    """Write an identity number of 18 with a valid check character, or one of 15 extended to 18; else null."""
    text = "upper(regexp_replace(coalesce(document_id, ''), '[^0-9a-z]', '', 'g'))"
    long = f"CASE WHEN length({text}) = 15 THEN left({text}, 6) || '19' || substr({text}, 7) ELSE left({text}, 17) END"
    total = " + ".join(f"CAST(substr({long}, {at}, 1) AS INTEGER) * {weight}" for at, weight in enumerate(_WEIGHTS, 1))
    check = f"substr('{_CHECKS}', ({total}) % 11 + 1, 1)"
    born = f"TRY_STRPTIME(substr({long}, 7, 8), '%Y%m%d') IS NOT NULL"
    return f"""CASE WHEN regexp_matches({text}, '^[1-9][0-9]{{14}}$') AND {born} THEN ({long}) || {check}
        WHEN regexp_matches({text}, '^[1-9][0-9]{{16}}[0-9X]$') AND {born} AND right({text}, 1) = {check}
            THEN {text} END"""


def _quoted(text: str) -> str:
    return text.replace("'", "''")
