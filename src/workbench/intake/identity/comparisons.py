"""What two people are compared by, and which pairs are compared at all: chosen from the columns that are there."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import duckdb
import numpy as np
import splink.comparison_level_library as cll
from splink import block_on
from splink.comparison_library import CustomComparison

__all__ = ["Blocking", "choose_blocking", "choose_comparisons", "count_pairs", "filled_columns"]

LEAST_SHARE = 0.01  # of people in whom a column must be known to be compared
_SINGLE = ("document_text", "phone_key", "email_key", "member_key", "birth_key", "surname_key", "given_key",
           "postcode_key", "address_key")  # fmt: skip
_JOINT = (
    ("surname_key", "given_key"), ("given_key", "birth_key"), ("surname_key", "birth_key"),
    ("birth_key", "postcode_key"), ("surname_key", "postcode_key"), ("given_key", "postcode_key"),
    ("given_key", "city_key"), ("address_key", "surname_key"), ("address_key", "given_key"),
)  # fmt: skip
_LATER = ("city_key",)  # stands in joint rules alone
_ODD = np.uint64(0x9E3779B97F4A7C15)  # mixes the hashes of two columns


@dataclass(frozen=True)
class Blocking:
    """The columns on which two people must agree to be compared; one rule after another.

    Attributes
    ----------
    rules : list of tuple of str
    pairs : dict of str to int
        Pairs that each rule alone gives, by its columns joined with commas; those left out as well.
    """

    rules: list[tuple[str, ...]]
    pairs: dict[str, int]

    def creators(self) -> list:
        """Return the rules as the matcher takes them."""
        return [block_on(*rule) for rule in self.rules]


def filled_columns(engine: duckdb.DuckDBPyConnection, table: str, names: tuple[str, ...]) -> dict[str, int]:
    """Count the people in whom each column is known."""
    counts = ", ".join(f"count({name})" for name in names)
    found = engine.execute(f"SELECT {counts} FROM {table}").fetchall()[0]
    return dict(zip(names, map(int, found), strict=True))


def choose_blocking(
    engine: duckdb.DuckDBPyConnection, table: str, known: Mapping[str, int], *, most_pairs: int, declared: list[str]
) -> Blocking:
    """Choose blocking rules: those declared, else every column alone that does not give too many pairs, else jointly.

    Parameters
    ----------
    engine : duckdb connection
    table : str
        `standardise`.
    known : mapping of str to int
        `filled_columns`.
    most_pairs : int
        Pairs above which a rule is left out.
    declared : list of str
        Rules of the profile, each ``column`` or ``column, column``; empty: chosen here.

    Returns
    -------
    Blocking
    """
    if declared:
        rules = [tuple(part.strip() for part in rule.split(",")) for rule in declared]
        return Blocking(rules, {", ".join(rule): count_pairs(engine, table, rule) for rule in rules})
    hashes = _hashes(engine, table, [name for name in _SINGLE + _LATER if known.get(name)])
    single = _agreeing_by_rule(engine, hashes, [(name,) for name in _SINGLE if known.get(name)])
    narrow = [rule for rule, pairs in single.items() if 0 < pairs <= most_pairs]
    free = [rule for rule in _JOINT if set(rule) <= set(hashes) and not any({*one} <= {*rule} for one in narrow)]
    joint = _agreeing_by_rule(engine, hashes, free)
    narrow += [rule for rule, pairs in joint.items() if 0 < pairs <= most_pairs]
    return Blocking(narrow, {", ".join(rule): pairs for rule, pairs in {**single, **joint}.items()})


def count_pairs(engine: duckdb.DuckDBPyConnection, table: str, rule: tuple[str, ...]) -> int:
    """Count the pairs of people who agree on every column of a rule."""
    return _agreeing(_hashes(engine, table, list(rule)), rule)


def _hashes(engine: duckdb.DuckDBPyConnection, table: str, names: list[str]) -> dict[str, np.ndarray]:
    """Read columns as hashes of 64 bits, 0 for null: sorting numbers costs a fraction of grouping texts.

    Among a million people the chance that two values have one hash, and a count is off by one, is below one in ten
    million.
    """
    if not names:
        return {}
    read = ", ".join(f"if({name} IS NULL, 0::UBIGINT, hash({name})) AS {name}" for name in names)
    columns = engine.execute(f"SELECT {read} FROM {table}").fetchnumpy()
    return {name: np.asarray(column) for name, column in columns.items()}


def _agreeing_by_rule(
    engine: duckdb.DuckDBPyConnection, hashes: Mapping[str, np.ndarray], rules: list[tuple[str, ...]]
) -> dict[tuple[str, ...], int]:
    """Count the pairs of every rule, on as many threads as the engine has; sorting needs no interpreter lock."""
    threads = int(engine.execute("SELECT current_setting('threads')").fetchall()[0][0])
    with ThreadPoolExecutor(max_workers=threads) as pool:
        return dict(zip(rules, pool.map(lambda rule: _agreeing(hashes, rule), rules), strict=True))


def _agreeing(hashes: Mapping[str, np.ndarray], rule: tuple[str, ...]) -> int:
    mixed, there = hashes[rule[0]], hashes[rule[0]] > 0
    for name in rule[1:]:
        mixed = mixed * _ODD + hashes[name]
        there = there & (hashes[name] > 0)
    ordered = np.sort(mixed[there])
    ends = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    sizes = np.diff(np.concatenate([[0], ends, [len(ordered)]]))
    return int((sizes * (sizes - 1) // 2).sum())


def choose_comparisons(known: Mapping[str, int], records: int) -> list[CustomComparison]:
    """Choose the comparisons from the columns that are known of at least one person in a hundred.

    Each has a level for missing values, which count neither for nor against; then from equal to unlike.
    """
    there = {name for name, count in known.items() if count >= max(2, LEAST_SHARE * records)}
    found = []
    if {"surname_key", "given_key"} & there:
        found += _names(there)
    if "birth_key" in there:
        found.append(_birth())
    for name in ("phone_key", "email_key", "document_text"):
        if name in there:
            found.append(_number(name))
    if "address_key" in there:
        found.append(_fuzzy("address_key", 0.9, 0.75))
    if "address_2_key" in there:
        found.append(_fuzzy("address_2_key", 0.9))
    if "postcode_key" in there:
        found.append(_code("postcode_key"))
    if "city_key" in there:
        found.append(_fuzzy("city_key", 0.9))
    for name in ("street_number_key", "province_key"):
        if name in there:
            found.append(_levels(name, [cll.ExactMatchLevel(name)]))
    return found


def _names(there: set[str]) -> list[CustomComparison]:
    """Compare both parts of a name, each by spelling and sound; changed places count for the surname."""
    found = []
    if "surname_key" in there:
        swapped = "surname_key_l = given_key_r AND given_key_l = surname_key_r"
        levels = [
            cll.ExactMatchLevel("surname_text", term_frequency_adjustments=True),
            cll.ExactMatchLevel("surname_key"),
            *([_custom(swapped, "changed places")] if "given_key" in there else []),
            *_near("surname_key", 0.92, 0.8),
        ]
        found.append(_levels("surname_key", levels))
    if "given_key" in there:
        swapped = "given_key_l = surname_key_r AND surname_key_l = given_key_r"
        levels = [
            cll.ExactMatchLevel("given_text", term_frequency_adjustments=True),
            cll.ExactMatchLevel("given_key"),
            *([_custom(swapped, "changed places")] if "surname_key" in there else []),
            *_near("given_key", 0.92, 0.8),
        ]
        found.append(_levels("given_key", levels))
    return found


def _birth() -> CustomComparison:
    left, right = "birth_key_l", "birth_key_r"
    turned = f"length({left}) = 8 AND {left} = left({right}, 4) || substr({right}, 7, 2) || substr({right}, 5, 2)"
    levels = [
        cll.ExactMatchLevel("birth_key"),
        _custom(turned, "day and month changed"),
        _custom(f"damerau_levenshtein({left}, {right}) <= 1", "one digit"),
        _custom(f"left({left}, 4) = left({right}, 4)", "year"),
    ]
    return _levels("birth_key", levels)


def _number(name: str) -> CustomComparison:
    near = _custom(f"damerau_levenshtein({name}_l, {name}_r) <= 1", "one character")
    return _levels(name, [cll.ExactMatchLevel(name), near])


def _code(name: str) -> CustomComparison:
    near = _custom(f"damerau_levenshtein({name}_l, {name}_r) <= 1", "one character")
    return _levels(name, [cll.ExactMatchLevel(name), near])


def _fuzzy(name: str, *thresholds: float) -> CustomComparison:
    return _levels(name, [cll.ExactMatchLevel(name), *_near(name, *thresholds)])


def _near(name: str, *thresholds: float) -> list:
    return [
        _custom(f"jaro_winkler_similarity({name}_l, {name}_r) >= {each}", f"similar, {each}") for each in thresholds
    ]


def _custom(condition: str, label: str) -> cll.CustomLevel:
    return cll.CustomLevel(condition, label_for_charts=label)


def _levels(name: str, levels: list) -> CustomComparison:
    missing = _custom(f"{name}_l IS NULL OR {name}_r IS NULL", "missing")
    missing.configure(is_null_level=True)
    levels = [missing, *levels, cll.ElseLevel()]
    return CustomComparison(output_column_name=name.removesuffix("_key"), comparison_levels=levels)
