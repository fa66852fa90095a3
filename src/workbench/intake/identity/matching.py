"""Score pairs of people with Splink on DuckDB, trained without labels, seeded; used by 02_resolve_identity."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import duckdb
import pandas as pd
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.internals.blocking_rule_creator import BlockingRuleCreator
from splink.internals.exceptions import SplinkException

from workbench.core.errors import DataError, Fault
from workbench.intake.identity.comparisons import (
    IDENTIFYING,
    Blocking,
    choose_blocking,
    choose_comparisons,
    count_pairs,
    filled_columns,
)
from workbench.intake.identity.standardise import COMPARABLE

__all__ = ["LEAST_PROBABILITY", "Model", "make_linker", "score_pairs", "sure_rules", "train", "unlinkable"]

RECALL_OF_KEYS = 0.7  # share of true pairs assumed to agree on a key, for the prior
MOST_TRAINING_RULES = 4
PRIOR = 0.0001
LEAST_PROBABILITY = 0.001  # pairs below it are dropped
LEAST_CHANCE = 1e-4  # smallest m probability of a comparison level


@dataclass
class Model:
    """A trained matcher and its scored pairs.

    Attributes
    ----------
    pairs : str
        Table in the engine: record_l, record_r (the smaller first), match_weight (bits), match_probability, and per
        comparison its level and weight; empty if no columns can be compared by similarity.
    blocking : Blocking
    comparisons : list of str
        The compared columns; empty if only keys decide.
    linker : splink.Linker or None
    notes : list of str
        Keys of the notes to print: ``no_comparisons``, ``prior_kept``, ``not_trained``.
    curve : DataFrame or None
        `unlinkable`; None if nothing is compared by similarity.
    """

    pairs: str
    blocking: Blocking
    comparisons: list[str] = field(default_factory=list)
    linker: Linker | None = None
    notes: list[str] = field(default_factory=list)
    curve: pd.DataFrame | None = None

    def score(self, engine: duckdb.DuckDBPyConnection, people: str, pair: tuple[int, int]) -> pd.DataFrame:
        """Score one pair of records, whether or not a blocking rule pairs it: one row, as in ``pairs``."""
        if self.linker is None:
            raise DataError(Fault("", "nothing can be compared by likeness", "Names, birth dates or addresses"))
        sides = []
        for side, record in zip(("left", "right"), pair, strict=True):
            name = f"{people}_{side}"
            engine.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM {people} WHERE record = {record:d}")
            sides.append(DuckDBAPI(connection=engine).register(name))
        with _quiet():
            return self.linker.inference.score_pair(sides[0], sides[1]).as_pandas_dataframe()


def score_pairs(
    engine: duckdb.DuckDBPyConnection, people: str, *, blocking: list[str], most_pairs: int, seed: int
) -> Model:
    """Train the matcher on the people themselves and score every pair of a blocking rule.

    Parameters
    ----------
    engine : duckdb connection
        Restricted to one thread while pairs are sampled, so that the weights are reproducible.
    people : str
        `standardise`.
    blocking : list of str
        Declared blocking rules; empty: chosen by the number of pairs.
    most_pairs : int
        Largest number of pairs per person; rules with more are left out.
    seed : int

    Returns
    -------
    Model
        Source: Fellegi & Sunter (1969); u by random sampling, m by expectation maximisation per blocking rule.
    """
    filled = filled_columns(engine, people, COMPARABLE)
    records = int(engine.execute(f"SELECT count(*) FROM {people}").fetchall()[0][0])
    rules = choose_blocking(engine, people, filled, most_pairs=most_pairs * max(records, 1), declared=blocking)
    comparisons = choose_comparisons(filled, records)
    target = f"{people}_pairs"
    if len(comparisons) < 2 or not rules.rules or records < 2:  # noqa: PLR2004  (one comparison proves nothing)
        _no_pairs(engine, target)
        return Model(target, rules, notes=["no_comparisons"])
    linker = make_linker(engine, people, comparisons, rules)
    with _quiet():
        notes = train(linker, rules, sure_rules(engine, people, filled, rules.pairs), seed)
        scored = linker.inference.predict(threshold_match_probability=LEAST_PROBABILITY, warning_mode="never")
        _keep(engine, scored.physical_name, target)
        curve = _against_themselves(engine, linker, people, filled)
    names = [comparison.output_column_name for comparison in linker._settings_obj.comparisons]  # noqa: SLF001
    return Model(target, rules, names, linker, notes, curve)


def make_linker(engine: duckdb.DuckDBPyConnection, people: str, comparisons: list, rules: Blocking) -> Linker:
    """Set up the untrained matcher over standardised people."""
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="record",
        comparisons=comparisons,
        blocking_rules_to_generate_predictions=rules.creators(),
        probability_two_random_records_match=PRIOR,
        retain_intermediate_calculation_columns=True,
        retain_matching_columns=False,
        max_iterations=50,
        em_convergence=1e-5,
        linker_uid="identity",
    )
    table = DuckDBAPI(connection=engine).register(people)
    return Linker(table, settings, log_level=logging.CRITICAL)


def sure_rules(
    engine: duckdb.DuckDBPyConnection, people: str, filled: Mapping[str, int], pairs: Mapping[str, int] | None = None
) -> list[tuple[str, ...]]:
    """List the rules that identify a person, among rules with at least one pair.

    Parameters
    ----------
    engine : duckdb connection
    people : str
        `standardise`.
    filled : mapping of str to int
        `filled_columns`.
    pairs : mapping of str to int or None
        `Blocking.pairs`: counts already known.
    """
    pairs = pairs or {}
    agreeing: list[tuple[str, ...]] = []
    for rule in IDENTIFYING:
        count = pairs.get(", ".join(rule))
        if all(filled.get(name) for name in rule) and (count_pairs(engine, people, rule) if count is None else count):
            agreeing.append(rule)
    return agreeing


def train(linker: Linker, rules: Blocking, sure: list[tuple[str, ...]], seed: int) -> list[str]:
    """Estimate the prior, then u, then m by one session per blocking rule, the narrowest first."""
    notes = [] if sure else ["prior_kept"]
    if sure:
        exact: list[str | BlockingRuleCreator] = [block_on(*rule) for rule in sure]
        try:
            linker.training.estimate_probability_two_random_records_match(exact, recall=RECALL_OF_KEYS)
        except (SplinkException, ValueError):  # more agreeing pairs than possible pairs
            notes.append("prior_kept")
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=seed)
    trained = sum(_train_by(linker, rule) for rule in _training_rules(rules))
    return notes if trained else [*notes, "not_trained"]


def _train_by(linker: Linker, rule: tuple[str, ...]) -> bool:
    """Train on the pairs of one rule; return whether it succeeded, and leave the model unchanged if not.

    A level that does not occur in one block of pairs is unlikely, not impossible. Without a smallest probability one
    block would exclude levels that occur in the next.
    """
    settings = linker._settings_obj  # noqa: SLF001
    before = settings.core_model_settings.copy()
    try:
        linker.training.estimate_parameters_using_expectation_maximisation(
            block_on(*rule), fix_probability_two_random_records_match=True, record_sample_proportion=1.0
        )
    except (SplinkException, ValueError):  # too few pairs agree on this rule, or a probability falls below 1e-300
        settings.core_model_settings = before  # a failed session changes the prior
        return False
    for comparison in settings.comparisons:
        for level in comparison.comparison_levels:
            if not level.is_null_level:
                level.m_probability = max(cast("float", level.m_probability), LEAST_CHANCE)
    return True


def _training_rules(rules: Blocking) -> list[tuple[str, ...]]:
    """Choose the narrowest rules such that every column is left out by at least one rule."""
    narrowest_first = sorted((rule for rule in rules.rules), key=lambda rule: (rules.pairs[", ".join(rule)], rule))
    chosen: list[tuple[str, ...]] = []
    for rule in narrowest_first:
        if not any(set(rule) & set(other) for other in chosen):
            chosen.append(rule)
    return (chosen if len(chosen) > 1 else narrowest_first)[:MOST_TRAINING_RULES]


def _keep(engine: duckdb.DuckDBPyConnection, scored: str, target: str) -> None:
    present = [row[0] for row in engine.execute(f"DESCRIBE {scored}").fetchall()]
    columns = [f'"{name}"' for name in present if name.startswith(("gamma_", "mw_"))]
    engine.execute(f"""
        CREATE OR REPLACE TEMP TABLE {target} AS
        SELECT least(record_l, record_r) AS record_l, greatest(record_l, record_r) AS record_r,
            round(match_weight, 6) AS match_weight, round(match_probability, 9) AS match_probability,
            {", ".join(columns)}
        FROM {scored} ORDER BY 1, 2
    """)


def _no_pairs(engine: duckdb.DuckDBPyConnection, target: str) -> None:
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE {target} "
        "(record_l BIGINT, record_r BIGINT, match_weight DOUBLE, match_probability DOUBLE)"
    )


@contextmanager
def _quiet() -> Any:
    """Silence the matcher's log; important messages are in the notes."""
    logger = logging.getLogger("splink")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def unlinkable(model: Model) -> pd.DataFrame:
    """Return the share of people with too little data to reach a match probability even with themselves.

    Returns
    -------
    DataFrame
        match_probability, share (of people at or below it); one row with share 0 if everybody reaches any probability;
        empty if nothing is compared by similarity.
    """
    if model.curve is None:
        return pd.DataFrame({"match_probability": [], "share": []}, dtype="float64")
    return model.curve


def _against_themselves(
    engine: duckdb.DuckDBPyConnection, linker: Linker, people: str, filled: Mapping[str, int]
) -> pd.DataFrame:
    """Score people against themselves: one person per combination of missing columns and name frequencies.

    Against oneself every filled column is equal, so nothing else changes the score.
    """
    representatives = f"{people}_alike"
    engine.execute(f"CREATE OR REPLACE TEMP TABLE {representatives} AS {_alike_sql(linker, people, filled)}")
    linker.table_management.register_blocked_pairs_for_predict(DuckDBAPI(connection=engine).register(representatives))
    scored = linker.inference.predict(warning_mode="never")
    rows = engine.execute(f"""
        SELECT round(match_probability, 5) AS match_probability, sum(n)::DOUBLE AS n
        FROM {scored.physical_name} JOIN {representatives} ON record_l = join_key_l GROUP BY 1 ORDER BY 1""").df()
    scored.drop_table_from_database_and_remove_from_cache()
    rows["share"] = rows["n"].cumsum() / rows["n"].sum()
    below = rows.loc[rows["match_probability"] < 1, ["match_probability", "share"]].reset_index(drop=True)
    return below if len(below) else pd.DataFrame({"match_probability": [0.0], "share": [0.0]})


def _alike_sql(linker: Linker, people: str, filled: Mapping[str, int]) -> str:
    """Select one person per combination of missing columns and name frequencies, with the number of people."""
    weighted = sorted(column.name.strip('"') for column in linker._settings_obj._term_frequency_columns)  # noqa: SLF001
    tables = {name: linker.table_management.compute_tf_table(name).physical_name for name in weighted}
    joins = "".join(f" LEFT JOIN {table} USING ({name})" for name, table in tables.items())
    partly_filled = [name for name, count in filled.items() if 0 < count < max(filled.values())]
    missing = " + ".join(["0", *(f"({name} IS NULL)::BIGINT * {1 << at}" for at, name in enumerate(partly_filled))])
    parts = ", ".join([*(f"tf_{name}" for name in weighted), f"{missing} AS lacking"])
    return f"""SELECT min(record) AS join_key_l, min(record) AS join_key_r, '0' AS match_key, count(*) AS n, {parts}
        FROM {people}{joins} GROUP BY ALL"""
