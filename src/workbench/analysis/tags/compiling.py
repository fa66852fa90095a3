"""Compiling tag definitions: every tag becomes one Ibis expression, and all are computed in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.analysis.tags.columns import CONSENT, TAG, TAG_PURPOSE, KnownColumn, null_type
from workbench.core.errors import Fault, ProfileError, did_you_mean
from workbench.core.later import later
from workbench.intake.expressions import check_expression, columns_in, to_ibis

if TYPE_CHECKING:
    import ibis
    import ibis.expr.datatypes as dt
    import ibis.expr.types as ir

    from workbench.core.tags.definition import Tag
else:
    ibis = later("ibis")

__all__ = [
    "VISIBLE",
    "Plan",
    "check_tags",
    "columns_of_tag",
    "compile_tags",
    "find_cut_points",
    "names_in",
    "needs_of",
    "plan_tags",
    "window_of",
]

CUT_DECIMALS = 6
VISIBLE = "_visible"  # column: whether the customer may be tagged


@dataclass(frozen=True)
class Plan:
    """The tags a profile can have, ordered so that each follows the tags it depends on.

    Attributes
    ----------
    levels : tuple of tuple of Tag
        Tags that depend only on columns, then tags that depend on these, and so on.
    absent : dict of str to tuple of str
        Tag that this profile cannot have, to its missing groups of columns (``a|b``: a or b).
    short : dict of str to int
        Tag whose window is longer than the data, to the length of the window in days.
    """

    levels: tuple[tuple[Tag, ...], ...]
    absent: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    short: Mapping[str, int] = field(default_factory=dict)

    @property
    def tags(self) -> list[Tag]:
        """The computed tags, in the order of the levels."""
        return [tag for level in self.levels for tag in level]


def columns_of_tag(tag: Tag) -> list[str]:
    """Return the distinct columns of a tag's value, in order of appearance; tags as ``tag_<id>``."""
    columns = [name for condition in tag.conditions().values() for name in columns_in(condition)]
    columns += [tag.copies] if tag.copies else []
    columns += [tag.quantiles.of] if tag.quantiles else []
    return list(dict.fromkeys(columns))


def needs_of(tag: Tag) -> list[str]:
    """Return the groups of columns that must be known: the declared ones, else all columns used, and the support."""
    groups = tag.needs or columns_of_tag(tag)
    return [*groups, *(name for name in tag.support if name not in groups)]


def names_in(tags: Iterable[Tag]) -> set[str]:
    """Return every column and tag used by tags, for values, needs, support and evidence."""
    groups = {name for tag in tags for group in needs_of(tag) for name in group.split("|")}
    return groups | {name for tag in tags for name in (*columns_of_tag(tag), *tag.evidence)}


def window_of(tag: Tag, columns: Mapping[str, KnownColumn]) -> int:
    """Return the window of a tag in days: the declared one, but at least that of its columns; 0 for all data."""
    windows = [columns[name].window or 0 for name in columns_of_tag(tag) if name in columns]
    return max([tag.window_days or 0, *windows])


def check_tags(tags: Sequence[Tag], columns: Mapping[str, KnownColumn]) -> list[Fault]:
    """List the faults of tag rules: unknown columns or tags, comparisons of different types, circular dependencies.

    Parameters
    ----------
    tags : sequence of Tag
    columns : mapping of str to KnownColumn
        From ``known_columns``.
    """
    kinds = {name: column.kind for name, column in columns.items()}
    kinds |= {f"{TAG}{tag.id}": "category" for tag in tags}
    faults = [fault for tag in tags for fault in _rule_faults(tag, kinds)]
    if faults:
        return faults
    circle = _circle(tags)
    if circle:
        return [
            Fault(f"tag {circle[0]}", f"depends on itself: {' -> '.join([*circle, circle[0]])}", "", "Break the circle")
        ]
    return []


def plan_tags(
    tags: Sequence[Tag],
    columns: Mapping[str, KnownColumn],
    present: Mapping[str, dt.DataType],
    *,
    days_covered: int | None = None,
) -> Plan:
    """Sort tags into computable ones, those with missing columns, and those with too long a window.

    Parameters
    ----------
    tags : sequence of Tag
    columns : mapping of str to KnownColumn
    present : mapping of str to type
        The columns of the wide table. A copied column must have texts, a column with quantiles numbers.
    days_covered : int, optional
        Days between the first dated row and the as-of date; windows are not checked without it.

    Raises
    ------
    ProfileError
        With all faults from `check_tags`.
    """
    faults = check_tags(tags, columns)
    if faults:
        raise ProfileError(faults)
    available = set(present)
    absent: dict[str, tuple[str, ...]] = {}
    short: dict[str, int] = {}
    levels: list[tuple[Tag, ...]] = []
    waiting = list(tags)
    while waiting:
        names = {f"{TAG}{tag.id}" for tag in waiting}
        ready = [tag for tag in waiting if not names & set(columns_of_tag(tag))]
        computable = []
        for tag in ready:
            missing = tuple(group for group in needs_of(tag) if not set(group.split("|")) & available)
            missing = missing or _wrong_type(tag, present)
            if missing:
                absent[tag.id] = missing
            elif days_covered is not None and window_of(tag, columns) > days_covered:
                short[tag.id] = window_of(tag, columns)
            else:
                computable.append(tag)
        available |= {f"{TAG}{tag.id}" for tag in computable}
        levels += [tuple(computable)] if computable else []
        waiting = [tag for tag in waiting if tag not in ready]
    return Plan(tuple(levels), absent, short)


def find_cut_points(table: ir.Table, tags: Iterable[Tag]) -> dict[str, tuple[float, ...]]:
    """Compute the cut points of all tags with quantiles in one query.

    Returns
    -------
    dict
        Tag to its cut points (linear interpolation, six decimals); tags whose column has no value are left out.
    """
    quantiles = {
        f"{tag.id}:{position}": table[tag.quantiles.of].cast("float64").quantile(cut)
        for tag in tags
        if tag.quantiles
        for position, cut in enumerate(tag.quantiles.cuts)
    }
    if not quantiles:
        return {}
    row = table.aggregate(**quantiles).to_pyarrow().to_pylist()[0]
    cuts_of: dict[str, list[float]] = {}
    for key, value in row.items():
        if value is not None:
            cuts_of.setdefault(key.partition(":")[0], []).append(round(float(value), CUT_DECIMALS))
    return {name: tuple(cuts) for name, cuts in cuts_of.items()}


def compile_tags(
    table: ir.Table,
    plan: Plan,
    columns: Mapping[str, KnownColumn],
    *,
    cuts: Mapping[str, Sequence[float]],
    minors: bool = False,
) -> ir.Table:
    """Add one column ``tag_<id>`` per tag to the wide table; the result is a lazy expression.

    Parameters
    ----------
    table : ibis.Table
        One row per customer.
    plan : Plan
    columns : mapping of str to KnownColumn
    cuts : mapping of str to sequence of float
        From `find_cut_points`.
    minors : bool
        Whether minors may be tagged if they consent.

    Returns
    -------
    ibis.Table
        The table with one more column per tag: text, null if a required column is missing or the customer has not
        granted the required purpose; and ``_visible``, whether the customer may be tagged.
    """
    from workbench.analysis.tags.wide import hidden_customers  # noqa: PLC0415  (imports the engine, which checking does not need)

    kinds = {name: column.kind for name, column in columns.items()}
    computed = {f"{TAG}{tag.id}" for tag in plan.tags}
    optional = {name for tag in plan.tags for name in columns_of_tag(tag)} - set(table.columns) - computed
    kinds |= dict.fromkeys((name for name in optional if name.startswith(TAG)), "category")
    if optional:
        table = table.mutate(**{name: ibis.null(null_type(kinds[name])) for name in sorted(optional)})
    table = table.mutate(**{VISIBLE: ~hidden_customers(table, minors=minors)})
    for level in plan.levels:
        tag_columns = {}
        for tag in level:
            value = _value(tag, table, kinds, cuts.get(tag.id, ()))
            tag_columns[f"{TAG}{tag.id}"] = ibis.ifelse(_allowed(tag, table), value, ibis.null("string"))
        table = table.mutate(**tag_columns)
        kinds |= dict.fromkeys(tag_columns, "category")
    return table


def _value(tag: Tag, table: ir.Table, kinds: Mapping[str, str], cuts: Sequence[float]) -> ir.StringValue:
    if tag.copies:
        return _copied(tag, table[tag.copies])
    if tag.quantiles:
        return _banded(tag, table[tag.quantiles.of], cuts)
    branches = [(to_ibis(condition, table, kinds), name) for name, condition in tag.conditions().items()]
    return ibis.cases(*branches, else_=tag.fallback)


def _copied(tag: Tag, column: ir.Column) -> ir.StringValue:
    text = column.cast("string").strip().nullif("")
    if not tag.values:
        return text
    lower = text.lower()
    branches = [
        (lower.isin(sorted({name, *(synonym.lower() for synonym in value.same_as)})), name)
        for name, value in tag.values.items()
        if not value.otherwise
    ]
    return ibis.cases(*branches, else_=tag.fallback)


def _banded(tag: Tag, column: ir.NumericColumn, cuts: Sequence[float]) -> ir.StringValue:
    names = list(tag.values)
    if not cuts:
        return ibis.null("string")
    number = column.cast("float64")
    return ibis.cases(*[(number <= cut, name) for cut, name in zip(cuts, names, strict=False)], else_=names[-1])


def _wrong_type(tag: Tag, present: Mapping[str, dt.DataType]) -> tuple[str, ...]:
    """Return the column of the wrong type: numbers instead of texts, or texts instead of numbers."""
    if tag.copies in present and present[tag.copies].is_floating():
        return (tag.copies,)
    if tag.quantiles and tag.quantiles.of in present and not present[tag.quantiles.of].is_numeric():
        return (tag.quantiles.of,)
    return ()


def _allowed(tag: Tag, table: ir.Table) -> ir.BooleanValue:
    """Return whether every need is known, the purpose granted, the tag not refused, and the customer profiled."""
    present = set(table.columns)
    conditions = []
    for group in needs_of(tag):
        is_known = [table[name].notnull() for name in group.split("|") if name in present]
        conditions.append(ibis.or_(*is_known) if is_known else ibis.literal(False))
    conditions += [table[name] >= least for name, least in tag.support.items()]
    if tag.consent:
        granted = f"{CONSENT}{tag.consent}"
        conditions.append(table[granted].fill_null(False) if granted in present else ibis.literal(False))
    opted = f"{CONSENT}{TAG_PURPOSE}{tag.id}"
    conditions += [table[opted].fill_null(True)] if opted in present else []
    return ibis.and_(*conditions, table[VISIBLE])


def _rule_faults(tag: Tag, kinds: Mapping[str, str]) -> list[Fault]:
    faults = []
    for value, condition in tag.conditions().items():
        faults += check_expression(condition, kinds, where=f"tag {tag.id}, value {value}")
    columns = [name for group in tag.needs for name in group.split("|")]
    columns += [tag.copies] if tag.copies else []
    columns += [tag.quantiles.of] if tag.quantiles else []
    columns += [*tag.evidence, *tag.support]
    for name in dict.fromkeys(columns):
        if name not in kinds:
            kind = "tag" if name.startswith(TAG) else "column"
            faults.append(Fault(f"tag {tag.id}", f"unknown {kind} '{name}'", "", did_you_mean(name, kinds)))
    return faults


def _circle(tags: Sequence[Tag]) -> list[str]:
    """Return the ids of tags that depend on each other in a circle, or an empty list."""
    names = {tag.id: [name.removeprefix(TAG) for name in columns_of_tag(tag) if name.startswith(TAG)] for tag in tags}
    visited: set[str] = set()

    def walk(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return trail[trail.index(name) :]
        if name in visited:
            return []
        for other in names.get(name, ()):
            circle = walk(other, [*trail, name])
            if circle:
                return circle
        visited.add(name)
        return []

    return next((circle for name in names if (circle := walk(name, []))), [])
