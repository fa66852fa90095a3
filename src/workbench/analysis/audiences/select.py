"""Who fulfils a rule, and how many remain after each clause: one pass over what is known of the customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import TYPE_CHECKING

import ibis
import numpy as np
import pandas as pd

from workbench.analysis.audiences.attributes import attribute_kinds, attributes
from workbench.analysis.audiences.behaviour import check_rows, count_rows, followed_in_order
from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.intake.expressions import check_expression, columns_in, compared_texts, to_ibis

if TYPE_CHECKING:
    from workbench.analysis.audiences.rule import Audience, Clause

__all__ = [
    "Knowledge",
    "check_audience",
    "compared_in",
    "funnel",
    "members",
    "named_columns",
    "named_tables",
    "standing",
]


_BITS = 16  # flags in one number


@dataclass(frozen=True)
class Knowledge:
    """What a rule is read against.

    Attributes
    ----------
    tables : mapping of str to ibis.Table
        Those of one row per customer (``attributes.SOURCES``) and the dated canonical ones.
    as_of : date
    named : mapping of str to Audience
        Other rules, for ``audience`` clauses.
    """

    tables: Mapping[str, ibis.Table]
    as_of: date
    named: Mapping[str, Audience]


def check_audience(audience: Audience, known: Knowledge) -> None:
    """Refuse a rule that this data cannot answer.

    Raises
    ------
    ProfileError
        All at once: unknown columns, tables and audiences with the nearest name, comparisons across kinds, windows
        longer than the data, audiences that name each other in a circle.
    """
    faults = _faults(audience, known, seen=(audience.name,))
    kinds = attribute_kinds(known.tables)
    named = [*audience.columns, *([audience.limit.by] if audience.limit else [])]
    faults += [
        Fault(f"audience {audience.name}", f"unknown column '{name}'", "", did_you_mean(name, kinds))
        for name in named
        if name not in kinds
    ]
    if faults:
        raise ProfileError(faults)


def standing(audience: Audience, known: Knowledge) -> ibis.Table:
    """Say of every customer which clauses hold.

    Returns
    -------
    ibis.Table
        customer_id, the columns of ``limit`` and of the export, one boolean per clause (step_1, ...) and per exclusion
        (out_1, ...). A clause that cannot be answered for want of a value is null and does not hold; ``not`` holds
        wherever its clause does not.
    """
    clauses = [*audience.rule, *audience.exclude]
    behaviours = [each for clause in clauses for each in _behaviours(clause, known)]
    wanted = {name for clause in clauses for name in _columns(clause, known)} | set(audience.columns)
    table = attributes(known.tables, wanted | ({audience.limit.by} if audience.limit else set()))
    kept = [name for name in table.columns if name in {"customer_id", *audience.columns, *_limit_column(audience)}]
    for at, clause in enumerate(behaviours):
        found = _behaviour(clause, known).mutate(**{f"_b{at}": ibis.literal(True)})
        counted = found.select("customer_id", f"_b{at}")
        table = table.left_join(counted, "customer_id").drop("customer_id_right")
    held = {id(clause): f"_b{at}" for at, clause in enumerate(behaviours)}
    kinds = attribute_kinds(known.tables)
    flags = {f"step_{at}": _holds(each, table, kinds, held, known) for at, each in enumerate(audience.rule, start=1)}
    flags |= {f"out_{at}": _holds(each, table, kinds, held, known) for at, each in enumerate(audience.exclude, start=1)}
    return table.select(*kept, **flags)


def funnel(audience: Audience, table: ibis.Table) -> pd.DataFrame:
    """Count who is left after each clause, in one pass.

    Parameters
    ----------
    audience : Audience
    table : ibis.Table
        As ``standing`` gives it.

    Returns
    -------
    DataFrame
        One row for all customers, then one per clause and exclusion: part (``everybody``, ``rule`` or ``exclude``),
        step (its words; empty for all customers), alone (customers for whom it holds by itself), left (customers after
        it and all before).
    """
    steps = [(f"step_{at}", "rule", each.words) for at, each in enumerate(audience.rule, start=1)]
    steps += [(f"out_{at}", "exclude", each.words) for at, each in enumerate(audience.exclude, start=1)]
    met = _combinations(table, [name for name, _, _ in steps])
    passed, everybody = np.ones(len(met), dtype=bool), int(met["n"].sum())
    rows = [("everybody", "", everybody, everybody)]
    for name, part, words in steps:
        held = met[name].to_numpy()
        passed &= held == (part == "rule")
        rows.append((part, words, int(met.loc[held, "n"].sum()), int(met.loc[passed, "n"].sum())))
    return pd.DataFrame(rows, columns=["part", "step", "alone", "left"])


def _combinations(table: ibis.Table, flags: Sequence[str]) -> pd.DataFrame:
    """Count the customers of each combination of flags that occurs: every clause is looked at once a customer."""
    codes = {}
    for start in range(0, len(flags), _BITS):
        bits = [ibis.ifelse(table[name], 2**at, 0) for at, name in enumerate(flags[start : start + _BITS])]
        codes[f"code_{start // _BITS}"] = reduce(lambda one, two: one + two, bits).cast("int64")
    coded = table.select(**codes) if codes else table.select(code_0=ibis.literal(0))
    counted = coded.group_by(list(codes) or ["code_0"]).aggregate(n=coded.count()).to_pandas()
    met = {
        name: (counted[f"code_{at // _BITS}"].to_numpy(dtype="int64") >> (at % _BITS)) % 2 == 1
        for at, name in enumerate(flags)
    }
    return pd.DataFrame({**met, "n": counted["n"].astype("int64")})


def members(audience: Audience, table: ibis.Table) -> ibis.Table:
    """Keep the customers of the audience, limited where the rule says so.

    Returns
    -------
    ibis.Table
        customer_id and the columns of the export, sorted by customer_id.
    """
    held = [table[f"step_{at}"] for at in range(1, len(audience.rule) + 1)]
    held += [~table[f"out_{at}"].fill_null(False) for at in range(1, len(audience.exclude) + 1)]
    kept = table.filter(reduce(lambda one, other: one & other, held, ibis.literal(True)))
    if audience.limit:
        by = kept[audience.limit.by]
        order = (
            ibis.desc(by, nulls_first=False) if audience.limit.order == "highest" else ibis.asc(by, nulls_first=False)
        )
        kept = kept.order_by(order, "customer_id").limit(audience.limit.customers)
    return kept.select("customer_id", *audience.columns).order_by("customer_id")


def named_columns(audience: Audience, known: Knowledge) -> tuple[str, ...]:
    """Return the attributes that a rule names in clauses and limit, those of the audiences it refers to included."""
    named = {name for each in (*audience.rule, *audience.exclude) for name in _columns(each, known)}
    return tuple(sorted(named | _limit_column(audience)))


def compared_in(audience: Audience, known: Knowledge) -> list[tuple[str, str]]:
    """Return the columns that a rule compares with a text, and the text, those of its audiences included."""
    waiting, found = [*audience.rule, *audience.exclude], []
    for each in waiting:
        for leaf in _leaves([each]):
            found += compared_texts(leaf.content) if leaf.kind == "where" else []
            waiting += _whole(leaf.content, known) if leaf.kind == "audience" else []
    return list(dict.fromkeys(found))


def named_tables(audience: Audience, known: Knowledge) -> tuple[str, ...]:
    """Return the tables whose rows the clauses of a rule count, those of the audiences it refers to included."""
    behaviours = [each for clause in (*audience.rule, *audience.exclude) for each in _behaviours(clause, known)]
    steps = [
        step for each in behaviours for step in (each.content.steps if each.kind == "sequence" else [each.content])
    ]
    return tuple(sorted({step.table for step in steps}))


def _limit_column(audience: Audience) -> set[str]:
    return {audience.limit.by} if audience.limit else set()


def _faults(audience: Audience, known: Knowledge, seen: tuple[str, ...]) -> list[Fault]:
    faults: list[Fault] = []
    for clause in _leaves([*audience.rule, *audience.exclude]):
        where = f"audience {audience.name}, {clause.words}"
        if clause.kind == "where":
            faults += check_expression(clause.content, attribute_kinds(known.tables), where=f"audience {audience.name}")
        elif clause.kind == "audience":
            faults += _named_faults(clause.content, known, where, seen)
        else:
            rows = (clause.content,) if clause.kind == "did" else clause.content.steps
            faults += [
                fault for each in rows for fault in check_rows(each, known.tables, as_of=known.as_of, where=where)
            ]
    return faults


def _named_faults(name: str, known: Knowledge, where: str, seen: tuple[str, ...]) -> list[Fault]:
    if name in seen:
        return [Fault(where, f"audiences in a circle: {' -> '.join((*seen, name))}", "", "Take one of them out")]
    if name not in known.named:
        return [Fault(where, f"no audience '{name}'", "", did_you_mean(name, known.named))]
    return _faults(known.named[name], known, (*seen, name))


def _leaves(clauses: Sequence[Clause]) -> list[Clause]:
    """List the clauses that have none below them."""
    found: list[Clause] = []
    for each in clauses:
        found += _leaves(each.parts) if each.kind in ("all", "any", "not") else [each]
    return found


def _whole(name: str, known: Knowledge) -> list[Clause]:
    return [*known.named[name].rule, *known.named[name].exclude]


def _behaviours(clause: Clause, known: Knowledge) -> list[Clause]:
    leaves = _leaves([clause])
    nested = [
        each
        for leaf in leaves
        if leaf.kind == "audience"
        for part in _whole(leaf.content, known)
        for each in _behaviours(part, known)
    ]
    return [leaf for leaf in leaves if leaf.kind in ("did", "sequence")] + nested


def _columns(clause: Clause, known: Knowledge) -> list[str]:
    leaves = _leaves([clause])
    nested = [
        each
        for leaf in leaves
        if leaf.kind == "audience"
        for part in _whole(leaf.content, known)
        for each in _columns(part, known)
    ]
    return [name for leaf in leaves if leaf.kind == "where" for name in columns_in(leaf.content)] + nested


def _behaviour(clause: Clause, known: Knowledge) -> ibis.Table:
    """Find the customers of a behaviour clause; for one that asks for few or none, those who did too much."""
    if clause.kind == "sequence":
        return followed_in_order(clause.content, known.tables, as_of=known.as_of)
    counted = count_rows(clause.content, known.tables, as_of=known.as_of)
    rows = clause.content
    if rows.at_least == 0:
        return counted.filter(counted.n > (rows.at_most or 0))
    fits = counted.n >= rows.at_least
    return counted.filter(fits & (counted.n <= rows.at_most) if rows.at_most is not None else fits)


def _holds(
    clause: Clause, table: ibis.Table, kinds: Mapping[str, str], held: Mapping[int, str], known: Knowledge
) -> ibis.Value:
    if clause.kind == "where":
        return to_ibis(clause.content, table, kinds)
    if clause.kind in ("did", "sequence"):
        found = table[held[id(clause)]].fill_null(False)
        return ~found if clause.kind == "did" and clause.content.at_least == 0 else found
    if clause.kind == "audience":
        other = known.named[clause.content]
        parts = [_holds(each, table, kinds, held, known) for each in other.rule]
        parts += [~_holds(each, table, kinds, held, known).fill_null(False) for each in other.exclude]
        return reduce(lambda one, two: one & two, parts, ibis.literal(True))
    parts = [_holds(each, table, kinds, held, known) for each in clause.parts]
    if clause.kind == "not":
        return ~parts[0].fill_null(False)
    if clause.kind == "any":
        return reduce(lambda one, two: one | two, parts, ibis.literal(False))
    return reduce(lambda one, two: one & two, parts, ibis.literal(True))
