"""Choose comparison columns and blocking rules from the filled columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import duckdb
import numpy as np
import splink.comparison_level_library as cll
from splink import block_on
from splink.comparison_library import CustomComparison

__all__ = ["IDENTIFYING", "Blocking", "choose_blocking", "choose_comparisons", "count_pairs", "filled_columns"]

LEAST_SHARE = 0.01  # a column is compared if at least this share of people has a value
_SINGLE = ("document_text", "phone_key", "email_key", "member_key", "birth_key", "surname_key", "given_key",
           "postcode_key", "address_key")  # fmt: skip
_JOINT = (
    ("surname_key", "given_key"), ("given_key", "birth_key"), ("surname_key", "birth_key"),
    ("birth_key", "postcode_key"), ("surname_key", "postcode_key"), ("given_key", "postcode_key"),
    ("given_key", "city_key"), ("address_key", "surname_key"), ("address_key", "given_key"),
)  # fmt: skip
IDENTIFYING: tuple[tuple[str, ...], ...] = (
    ("document_text",),
    ("phone_key",),
    ("email_key",),
    ("surname_key", "given_key", "birth_key"),
)
_LATER = ("city_key",)  # used only in joint rules
_ODD = np.uint64(0x9E3779B97F4A7C15)  # mixes the hashes of two columns


@dataclass(frozen=True)
class Blocking:
    """Blocking rules: columns on which two people must agree to be compared.

    Attributes
    ----------
    rules : list of tuple of str
    pairs : dict of str to int
        Rule (columns joined with commas) to its number of pairs, including rules that were not chosen.
    """

    rules: list[tuple[str, ...]]
    pairs: dict[str, int]

    def creators(self) -> list:
        """Return the rules as Splink blocking rules."""
        return [block_on(*rule) for rule in self.rules]


def filled_columns(engine: duckdb.DuckDBPyConnection, table: str, names: tuple[str, ...]) -> dict[str, int]:
    """Return column to the number of people with a value."""
    counts = ", ".join(f"count({name})" for name in names)
    filled = engine.execute(f"SELECT {counts} FROM {table}").fetchall()[0]
    return dict(zip(names, map(int, filled), strict=True))


def choose_blocking(
    engine: duckdb.DuckDBPyConnection, table: str, filled: Mapping[str, int], *, most_pairs: int, declared: list[str]
) -> Blocking:
    """Choose blocking rules: the declared ones, else single columns without too many pairs, else joint ones.

    Parameters
    ----------
    engine : duckdb connection
    table : str
        `standardise`.
    filled : mapping of str to int
        `filled_columns`.
    most_pairs : int
        A rule with more pairs is left out.
    declared : list of str
        Rules of the profile, each ``column`` or ``column, column``; empty: chosen automatically.

    Returns
    -------
    Blocking
    """
    if declared:
        rules = [tuple(part.strip() for part in rule.split(",")) for rule in declared]
        return Blocking(rules, {", ".join(rule): count_pairs(engine, table, rule) for rule in rules})
    hashes = _hashes(engine, table, [name for name in _SINGLE + _LATER if filled.get(name)])
    single = _agreeing_by_rule(engine, hashes, [(name,) for name in _SINGLE if filled.get(name)])
    narrow = [rule for rule, pairs in single.items() if 0 < pairs <= most_pairs]
    free = [rule for rule in _JOINT if set(rule) <= set(hashes) and not any({*one} <= {*rule} for one in narrow)]
    identifying = [rule for rule in IDENTIFYING if len(rule) > 1 and set(rule) <= set(hashes)]
    joint = _agreeing_by_rule(engine, hashes, [*free, *identifying])
    narrow += [rule for rule in free if 0 < joint[rule] <= most_pairs]
    return Blocking(narrow, {", ".join(rule): pairs for rule, pairs in {**single, **joint}.items()})


def count_pairs(engine: duckdb.DuckDBPyConnection, table: str, rule: tuple[str, ...]) -> int:
    """Count the pairs of people who agree on every column of a rule."""
    return _agreeing(_hashes(engine, table, list(rule)), rule)


def _hashes(engine: duckdb.DuckDBPyConnection, table: str, names: list[str]) -> dict[str, np.ndarray]:
    """Read columns as hashes of 64 bits, 0 for null: sorting numbers costs a fraction of grouping texts.

    For a million people the probability of a hash collision, which changes a count by one, is below one in ten million.
    """
    if not names:
        return {}
    read = ", ".join(f"if({name} IS NULL, 0::UBIGINT, hash({name})) AS {name}" for name in names)
    columns = engine.execute(f"SELECT {read} FROM {table}").fetchnumpy()
    return {name: np.asarray(column) for name, column in columns.items()}


def _agreeing_by_rule(
    engine: duckdb.DuckDBPyConnection, hashes: Mapping[str, np.ndarray], rules: Sequence[tuple[str, ...]]
) -> dict[tuple[str, ...], int]:
    """Count the pairs of every rule in parallel threads, since sorting releases the interpreter lock."""
    threads = int(engine.execute("SELECT current_setting('threads')").fetchall()[0][0])
    with ThreadPoolExecutor(max_workers=threads) as pool:
        return dict(zip(rules, pool.map(lambda rule: _agreeing(hashes, rule), rules), strict=True))


def _agreeing(hashes: Mapping[str, np.ndarray], rule: tuple[str, ...]) -> int:
    mixed, filled = hashes[rule[0]], hashes[rule[0]] > 0
    for name in rule[1:]:
        mixed = mixed * _ODD + hashes[name]
        filled = filled & (hashes[name] > 0)
    ordered = np.sort(mixed[filled])
    repeats = np.flatnonzero(ordered[1:] == ordered[:-1])  # few: most values are unique
    ends = np.flatnonzero(np.diff(repeats) != 1) + 1
    sizes = np.diff(np.concatenate([[0], ends, [len(repeats)]])) + 1
    return int((sizes * (sizes - 1) // 2).sum())


def choose_comparisons(filled: Mapping[str, int], records: int) -> list[CustomComparison]:
    """Choose the comparisons from the columns filled for at least one person in a hundred.

    Each has a level without weight for missing values, then levels from equal to different.
    """
    present = {name for name, count in filled.items() if count >= max(2, LEAST_SHARE * records)}
    comparisons = []
    if {"surname_key", "given_key"} & present:
        comparisons += _names(present)
    if "birth_key" in present:
        comparisons.append(_birth())
    for name in ("phone_key", "email_key", "document_text"):
        if name in present:
            comparisons.append(_number(name))
    if "address_key" in present:
        comparisons.append(_fuzzy("address_key", 0.9, 0.75))
    if "address_2_key" in present:
        comparisons.append(_fuzzy("address_2_key", 0.9))
    if "postcode_key" in present:
        comparisons.append(_code("postcode_key"))
    if "city_key" in present:
        comparisons.append(_fuzzy("city_key", 0.9))
    for name in ("street_number_key", "province_key"):
        if name in present:
            comparisons.append(_levels(name, [cll.ExactMatchLevel(name)]))
    return comparisons


def _names(present: set[str]) -> list[CustomComparison]:
    """Compare both parts of a name by spelling and sound; swapped parts are a separate level."""
    comparisons = []
    if "surname_key" in present:
        swapped = "surname_key_l = given_key_r AND given_key_l = surname_key_r"
        levels = [
            cll.ExactMatchLevel("surname_text", term_frequency_adjustments=True),
            cll.ExactMatchLevel("surname_key"),
            *([_custom(swapped, "changed places")] if "given_key" in present else []),
            *_near("surname_key", 0.92, 0.8),
        ]
        comparisons.append(_levels("surname_key", levels))
    if "given_key" in present:
        swapped = "given_key_l = surname_key_r AND surname_key_l = given_key_r"
        levels = [
            cll.ExactMatchLevel("given_text", term_frequency_adjustments=True),
            cll.ExactMatchLevel("given_key"),
            *([_custom(swapped, "changed places")] if "surname_key" in present else []),
            *_near("given_key", 0.92, 0.8),
        ]
        comparisons.append(_levels("given_key", levels))
    return comparisons


def _birth() -> CustomComparison:
    left, right = "birth_key_l", "birth_key_r"
    swapped = f"length({left}) = 8 AND {left} = left({right}, 4) || substr({right}, 7, 2) || substr({right}, 5, 2)"
    levels = [
        cll.ExactMatchLevel("birth_key"),
        _custom(swapped, "day and month changed"),
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
        _custom(f"jaro_winkler_similarity({name}_l, {name}_r) >= {threshold}", f"similar, {threshold}")
        for threshold in thresholds
    ]


def _custom(condition: str, label: str) -> cll.CustomLevel:
    return cll.CustomLevel(condition, label_for_charts=label)


def _levels(name: str, levels: list) -> CustomComparison:
    missing = _custom(f"{name}_l IS NULL OR {name}_r IS NULL", "missing")
    missing.configure(is_null_level=True)
    levels = [missing, *levels, cll.ElseLevel()]
    return CustomComparison(output_column_name=name.removesuffix("_key"), comparison_levels=levels)
