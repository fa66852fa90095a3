"""Who meets a rule, and how many customers remain after each clause? Counted in one pass over the customers."""

from __future__ import annotations

import operator
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
from workbench.analysis.audiences.recommended import check_recommended, recommended_customers
from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.intake.expressions import check_expression, columns_in, compared_texts, to_ibis

if TYPE_CHECKING:
    from workbench.analysis.audiences.rule import Audience, Clause

__all__ = [
    "Knowledge",
    "check_audience",
    "check_references",
    "compared_in",
    "funnel",
    "members",
    "named_columns",
    "named_tables",
    "standing",
]


_BITS = 16  # flags packed into one integer
_JOINED = ("did", "sequence", "recommended")  # clauses on other tables, joined by customer_id


@dataclass(frozen=True)
class Knowledge:
    """The data that a rule is applied to.

    Attributes
    ----------
    tables : mapping of str to ibis.Table
        Tables with one row per customer (``attributes.SOURCES``), the dated canonical ones, and ``recommendations``.
    as_of : date
    named : mapping of str to Audience
        Other rules by name, for ``audience`` clauses.
    """

    tables: Mapping[str, ibis.Table]
    as_of: date
    named: Mapping[str, Audience]


def check_audience(audience: Audience, knowledge: Knowledge) -> None:
    """Raise an error for a rule that this data cannot answer.

    Raises
    ------
    ProfileError
        All faults together: unknown columns, tables and audiences with the most similar name, comparisons of different
        types, windows longer than the data, circular references between audiences.
    """
    faults = _faults(audience, knowledge, seen=(audience.name,))
    kinds = attribute_kinds(knowledge.tables)
    named = [*audience.columns, *([audience.limit.by] if audience.limit else [])]
    faults += [
        Fault(f"audience {audience.name}", f"unknown column '{name}'", "", did_you_mean(name, kinds))
        for name in named
        if name not in kinds
    ]
    if faults:
        raise ProfileError(faults)


def check_references(audience: Audience, named: Mapping[str, Audience], seen: tuple[str, ...] = ()) -> list[Fault]:
    """Return the faults of a rule that need no data: unknown audiences and circular references.

    Parameters
    ----------
    audience : Audience
    named : mapping of str to Audience
        Other rules.
    seen : tuple of str
        Names of the rules that led to this one, to detect a circle.
    """
    seen, faults = (*seen, audience.name), []
    for clause in _leaves([*audience.rule, *audience.exclude]):
        if clause.kind != "audience":
            continue
        where = f"audience {audience.name}, {clause.words}"
        if clause.content in seen:
            faults.append(_circle(where, clause.content, seen))
        elif clause.content not in named:
            faults.append(Fault(where, f"no audience '{clause.content}'", "", did_you_mean(clause.content, named)))
        else:
            faults += check_references(named[clause.content], named, seen)
    return faults


def standing(audience: Audience, knowledge: Knowledge) -> ibis.Table:
    """Evaluate every clause for every customer.

    Returns
    -------
    ibis.Table
        customer_id, the columns of ``limit`` and of the export, one boolean per clause (step_1, ...) and per exclusion
        (out_1, ...). A clause on a missing value is null and counts as false; ``not`` is true where its clause is not.
    """
    clauses = [*audience.rule, *audience.exclude]
    behaviours = [leaf for clause in clauses for leaf in _behaviours(clause, knowledge)]
    needed = {name for clause in clauses for name in _columns(clause, knowledge)} | set(audience.columns)
    table = attributes(knowledge.tables, needed | ({audience.limit.by} if audience.limit else set()))
    columns = [name for name in table.columns if name in {"customer_id", *audience.columns, *_limit_column(audience)}]
    for number, clause in enumerate(behaviours):
        matches = _behaviour(clause, knowledge).mutate(**{f"_b{number}": ibis.literal(True)})
        flagged = matches.select("customer_id", f"_b{number}")
        table = table.left_join(flagged, "customer_id").drop("customer_id_right")
    flag_names = {id(clause): f"_b{number}" for number, clause in enumerate(behaviours)}
    kinds = attribute_kinds(knowledge.tables)
    flags = {
        f"step_{number}": _holds(part, table, kinds, flag_names, knowledge)
        for number, part in enumerate(audience.rule, start=1)
    }
    flags |= {
        f"out_{number}": _holds(part, table, kinds, flag_names, knowledge)
        for number, part in enumerate(audience.exclude, start=1)
    }
    return table.select(*columns, **flags)


def funnel(audience: Audience, table: ibis.Table) -> pd.DataFrame:
    """Count the customers who remain after each clause, in one pass.

    Parameters
    ----------
    audience : Audience
    table : ibis.Table
        From ``standing``.

    Returns
    -------
    DataFrame
        One row for all customers, then one per clause and exclusion: part (``everybody``, ``rule`` or ``exclude``),
        step (its description; empty for all customers), alone (customers who meet this clause), left (customers who
        remain after this and all previous clauses).
    """
    steps = [(f"step_{number}", "rule", clause.words) for number, clause in enumerate(audience.rule, start=1)]
    steps += [(f"out_{number}", "exclude", clause.words) for number, clause in enumerate(audience.exclude, start=1)]
    combinations = _combinations(table, [name for name, _, _ in steps])
    remaining, everybody = np.ones(len(combinations), dtype=bool), int(combinations["n"].sum())
    rows = [("everybody", "", everybody, everybody)]
    for name, part, words in steps:
        holds = combinations[name].to_numpy()
        remaining &= holds == (part == "rule")
        rows.append((part, words, int(combinations.loc[holds, "n"].sum()), int(combinations.loc[remaining, "n"].sum())))
    return pd.DataFrame(rows, columns=["part", "step", "alone", "left"])


def _combinations(table: ibis.Table, flags: Sequence[str]) -> pd.DataFrame:
    """Count the customers with each combination of flags, so that every clause is evaluated once per customer."""
    codes = {}
    for start in range(0, len(flags), _BITS):
        bits = [ibis.ifelse(table[name], 2**position, 0) for position, name in enumerate(flags[start : start + _BITS])]
        codes[f"code_{start // _BITS}"] = reduce(operator.add, bits).cast("int64")
    coded = table.select(**codes) if codes else table.select(code_0=ibis.literal(0))
    counts = coded.group_by(list(codes) or ["code_0"]).aggregate(n=coded.count()).to_pandas()
    decoded = {
        name: (counts[f"code_{position // _BITS}"].to_numpy(dtype="int64") >> (position % _BITS)) % 2 == 1
        for position, name in enumerate(flags)
    }
    return pd.DataFrame({**decoded, "n": counts["n"].astype("int64")})


def members(audience: Audience, table: ibis.Table) -> ibis.Table:
    """Return the customers of the audience, at most as many as its limit.

    Returns
    -------
    ibis.Table
        customer_id and the columns of the export, sorted by customer_id.
    """
    conditions = [table[f"step_{number}"] for number in range(1, len(audience.rule) + 1)]
    conditions += [~table[f"out_{number}"].fill_null(False) for number in range(1, len(audience.exclude) + 1)]
    selected = table.filter(reduce(operator.and_, conditions, ibis.literal(True)))
    if audience.limit:
        by = selected[audience.limit.by]
        order = (
            ibis.desc(by, nulls_first=False) if audience.limit.order == "highest" else ibis.asc(by, nulls_first=False)
        )
        selected = selected.order_by(order, "customer_id").limit(audience.limit.customers)
    return selected.select("customer_id", *audience.columns).order_by("customer_id")


def named_columns(audience: Audience, knowledge: Knowledge) -> tuple[str, ...]:
    """Return the attributes that a rule names in clauses and limit, including those of the audiences it refers to."""
    named = {name for clause in (*audience.rule, *audience.exclude) for name in _columns(clause, knowledge)}
    return tuple(sorted(named | _limit_column(audience)))


def compared_in(audience: Audience, knowledge: Knowledge) -> list[tuple[str, str]]:
    """Return the columns that a rule compares with a text, with the text, including those of its audiences."""
    pending = [*audience.rule, *audience.exclude]
    comparisons: list[tuple[str, str]] = []
    for clause in pending:
        for leaf in _leaves([clause]):
            comparisons += compared_texts(leaf.content) if leaf.kind == "where" else []
            pending += _clauses_of(leaf.content, knowledge) if leaf.kind == "audience" else []
    return list(dict.fromkeys(comparisons))


def named_tables(audience: Audience, knowledge: Knowledge) -> tuple[str, ...]:
    """Return the tables whose rows a rule counts, including those of the audiences it refers to."""
    behaviours = [leaf for clause in (*audience.rule, *audience.exclude) for leaf in _behaviours(clause, knowledge)]
    counting = [leaf for leaf in behaviours if leaf.kind != "recommended"]
    steps = [step for leaf in counting for step in (leaf.content.steps if leaf.kind == "sequence" else [leaf.content])]
    return tuple(sorted({step.table for step in steps}))


def _limit_column(audience: Audience) -> set[str]:
    return {audience.limit.by} if audience.limit else set()


def _faults(audience: Audience, knowledge: Knowledge, seen: tuple[str, ...]) -> list[Fault]:
    faults: list[Fault] = []
    for clause in _leaves([*audience.rule, *audience.exclude]):
        where = f"audience {audience.name}, {clause.words}"
        if clause.kind == "where":
            faults += check_expression(
                clause.content, attribute_kinds(knowledge.tables), where=f"audience {audience.name}"
            )
        elif clause.kind == "recommended":
            faults += check_recommended(clause.content, knowledge.tables, where=where)
        elif clause.kind == "audience":
            faults += _named_faults(clause.content, knowledge, where, seen)
        else:
            rows = (clause.content,) if clause.kind == "did" else clause.content.steps
            faults += [
                fault for did in rows for fault in check_rows(did, knowledge.tables, as_of=knowledge.as_of, where=where)
            ]
    return faults


def _named_faults(name: str, knowledge: Knowledge, where: str, seen: tuple[str, ...]) -> list[Fault]:
    if name in seen:
        return [_circle(where, name, seen)]
    if name not in knowledge.named:
        return [Fault(where, f"no audience '{name}'", "", did_you_mean(name, knowledge.named))]
    return _faults(knowledge.named[name], knowledge, (*seen, name))


def _circle(where: str, name: str, seen: tuple[str, ...]) -> Fault:
    return Fault(where, f"audiences in a circle: {' -> '.join((*seen, name))}", "", "Remove one of these references")


def _leaves(clauses: Sequence[Clause]) -> list[Clause]:
    """List the clauses that contain no other clause."""
    leaves: list[Clause] = []
    for clause in clauses:
        leaves += _leaves(clause.parts) if clause.kind in ("all", "any", "not") else [clause]
    return leaves


def _clauses_of(name: str, knowledge: Knowledge) -> list[Clause]:
    return [*knowledge.named[name].rule, *knowledge.named[name].exclude]


def _leaves_below(clause: Clause, knowledge: Knowledge) -> list[Clause]:
    """List the leaves of a clause, then those of the audiences it names."""
    leaves = _leaves([clause])
    named = [part for leaf in leaves if leaf.kind == "audience" for part in _clauses_of(leaf.content, knowledge)]
    return [*leaves, *(leaf for part in named for leaf in _leaves_below(part, knowledge))]


def _behaviours(clause: Clause, knowledge: Knowledge) -> list[Clause]:
    return [leaf for leaf in _leaves_below(clause, knowledge) if leaf.kind in _JOINED]


def _columns(clause: Clause, knowledge: Knowledge) -> list[str]:
    return [
        name for leaf in _leaves_below(clause, knowledge) if leaf.kind == "where" for name in columns_in(leaf.content)
    ]


def _behaviour(clause: Clause, knowledge: Knowledge) -> ibis.Table:
    """Find the customers who meet a behaviour clause; for a clause that zero rows satisfy, those above its maximum."""
    if clause.kind == "recommended":
        return recommended_customers(clause.content, knowledge.tables)
    if clause.kind == "sequence":
        return followed_in_order(clause.content, knowledge.tables, as_of=knowledge.as_of)
    counts = count_rows(clause.content, knowledge.tables, as_of=knowledge.as_of)
    rows = clause.content
    if rows.at_least == 0:
        return counts.filter(counts.n > (rows.at_most or 0))
    enough = counts.n >= rows.at_least
    return counts.filter(enough & (counts.n <= rows.at_most) if rows.at_most is not None else enough)


def _holds(
    clause: Clause, table: ibis.Table, kinds: Mapping[str, str], flag_names: Mapping[int, str], knowledge: Knowledge
) -> ibis.Value:
    if clause.kind == "where":
        return to_ibis(clause.content, table, kinds)
    if clause.kind in _JOINED:
        flag = table[flag_names[id(clause)]].fill_null(False)
        return ~flag if clause.kind == "did" and clause.content.at_least == 0 else flag
    if clause.kind == "audience":
        other = knowledge.named[clause.content]
        parts = [_holds(part, table, kinds, flag_names, knowledge) for part in other.rule]
        parts += [~_holds(part, table, kinds, flag_names, knowledge).fill_null(False) for part in other.exclude]
        return reduce(operator.and_, parts, ibis.literal(True))
    parts = [_holds(part, table, kinds, flag_names, knowledge) for part in clause.parts]
    if clause.kind == "not":
        return ~parts[0].fill_null(False)
    if clause.kind == "any":
        return reduce(operator.or_, parts, ibis.literal(False))
    return reduce(operator.and_, parts, ibis.literal(True))
