"""From definitions to columns: every tag becomes one Ibis expression, and all of them one pass over the customers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.analysis.tags.columns import CONSENT, TAG, KnownColumn, null_type
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
VISIBLE = "_visible"  # whether any tag of this customer may be kept


@dataclass(frozen=True)
class Plan:
    """Which tags a profile can have, in an order in which each follows those it names.

    Attributes
    ----------
    levels : tuple of tuple of Tag
        Tags that need nothing but columns, then those that need these, and so on.
    absent : dict of str to tuple of str
        Tags this profile cannot have, to the groups of columns it lacks (``a|b``).
    short : dict of str to int
        Tags whose window, in days, is longer than the data.
    """

    levels: tuple[tuple[Tag, ...], ...]
    absent: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    short: Mapping[str, int] = field(default_factory=dict)

    @property
    def tags(self) -> list[Tag]:
        """The tags that are computed, in the order of the levels."""
        return [tag for level in self.levels for tag in level]


def columns_of_tag(tag: Tag) -> list[str]:
    """Return the columns a tag's value is computed from, each once, in order of appearance; tags as ``tag_<id>``."""
    named = [name for condition in tag.conditions().values() for name in columns_in(condition)]
    named += [tag.copies] if tag.copies else []
    named += [tag.quantiles.of] if tag.quantiles else []
    return list(dict.fromkeys(named))


def needs_of(tag: Tag) -> list[str]:
    """Return the groups of columns that must be known: as declared, by default all it names, and its support."""
    groups = tag.needs or columns_of_tag(tag)
    return [*groups, *(name for name in tag.support if name not in groups)]


def names_in(tags: Iterable[Tag]) -> set[str]:
    """Return every column and tag that tags name, for values, needs, support and evidence."""
    groups = {name for tag in tags for group in needs_of(tag) for name in group.split("|")}
    return groups | {name for tag in tags for name in (*columns_of_tag(tag), *tag.evidence)}


def window_of(tag: Tag, columns: Mapping[str, KnownColumn]) -> int:
    """Return how many days a tag looks back: as declared, at least the longest window of its columns; 0 for all."""
    windows = [columns[name].window or 0 for name in columns_of_tag(tag) if name in columns]
    return max([tag.window_days or 0, *windows])


def check_tags(tags: Sequence[Tag], columns: Mapping[str, KnownColumn]) -> list[Fault]:
    """List what is wrong with the rules of tags: unknown columns or tags, comparisons across kinds, cycles.

    Parameters
    ----------
    tags : sequence of Tag
    columns : mapping of str to KnownColumn
        As ``known_columns`` gives it.
    """
    kinds = {name: column.kind for name, column in columns.items()}
    kinds |= {f"{TAG}{tag.id}": "category" for tag in tags}
    faults = [fault for tag in tags for fault in _rule_faults(tag, kinds)]
    if faults:
        return faults
    circle = _circle(tags)
    if circle:
        return [
            Fault(f"tag {circle[0]}", f"named by itself: {' -> '.join([*circle, circle[0]])}", "", "Break the circle")
        ]
    return []


def plan_tags(
    tags: Sequence[Tag], columns: Mapping[str, KnownColumn], present: Iterable[str], *, days_covered: int | None = None
) -> Plan:
    """Sort tags into those that can be computed, those that lack columns and those that look back too far.

    Parameters
    ----------
    tags : sequence of Tag
    columns : mapping of str to KnownColumn
    present : mapping of str to type
        The columns of the wide table. A copied column must hold names and a cut one numbers.
    days_covered : int, optional
        Days between the first dated row and the as-of date; windows are not checked without it.

    Raises
    ------
    ProfileError
        Everything `check_tags` finds.
    """
    faults = check_tags(tags, columns)
    if faults:
        raise ProfileError(faults)
    there = set(present)
    absent: dict[str, tuple[str, ...]] = {}
    short: dict[str, int] = {}
    levels, waiting = [], list(tags)
    while waiting:
        names = {f"{TAG}{tag.id}" for tag in waiting}
        ready = [tag for tag in waiting if not names & set(columns_of_tag(tag))]
        kept = []
        for tag in ready:
            lacking = tuple(group for group in needs_of(tag) if not set(group.split("|")) & there)
            lacking = lacking or _unfit(tag, present)
            if lacking:
                absent[tag.id] = lacking
            elif days_covered is not None and window_of(tag, columns) > days_covered:
                short[tag.id] = window_of(tag, columns)
            else:
                kept.append(tag)
        there |= {f"{TAG}{tag.id}" for tag in kept}
        levels += [tuple(kept)] if kept else []
        waiting = [tag for tag in waiting if tag not in ready]
    return Plan(tuple(levels), absent, short)


def find_cut_points(table: ir.Table, tags: Iterable[Tag]) -> dict[str, tuple[float, ...]]:
    """Compute the cut points of every tag with quantiles, in one query.

    Returns
    -------
    dict
        Tag to its cut points (linear between neighbours, six decimals); a tag whose column is known of nobody is left
        out.
    """
    asked = {
        f"{tag.id}:{at}": table[tag.quantiles.of].cast("float64").quantile(cut)
        for tag in tags
        if tag.quantiles
        for at, cut in enumerate(tag.quantiles.cuts)
    }
    if not asked:
        return {}
    row = table.aggregate(**asked).to_pyarrow().to_pylist()[0]
    found: dict[str, list[float]] = {}
    for key, value in row.items():
        if value is not None:
            found.setdefault(key.partition(":")[0], []).append(round(float(value), CUT_DECIMALS))
    return {name: tuple(cuts) for name, cuts in found.items()}


def compile_tags(
    table: ir.Table,
    plan: Plan,
    columns: Mapping[str, KnownColumn],
    *,
    cuts: Mapping[str, Sequence[float]],
    minors: bool = False,
) -> ir.Table:
    """Add one column ``tag_<id>`` per tag to the wide table; nothing is computed until it is executed.

    Parameters
    ----------
    table : ibis.Table
        One row per customer.
    plan : Plan
    columns : mapping of str to KnownColumn
    cuts : mapping of str to sequence of float
        As `find_cut_points` gives it.
    minors : bool
        Whether customers under age who consent may be tagged.

    Returns
    -------
    ibis.Table
        The table with the tags beside its columns: text, null where a column that a tag needs is missing, or where the
        customer has not granted the purpose it needs; and ``_visible``, whether the customer may be tagged at all.
    """
    from workbench.analysis.tags.wide import hidden_customers  # noqa: PLC0415  (it needs the engine, checking does not)

    kinds = {name: column.kind for name, column in columns.items()}
    made_later = {f"{TAG}{tag.id}" for tag in plan.tags}
    optional = {name for tag in plan.tags for name in columns_of_tag(tag)} - set(table.columns) - made_later
    kinds |= dict.fromkeys((name for name in optional if name.startswith(TAG)), "category")
    if optional:
        table = table.mutate(**{name: ibis.null(null_type(kinds[name])) for name in sorted(optional)})
    table = table.mutate(**{VISIBLE: ~hidden_customers(table, minors=minors)})
    for level in plan.levels:
        made = {}
        for tag in level:
            value = _value(tag, table, kinds, cuts.get(tag.id, ()))
            made[f"{TAG}{tag.id}"] = ibis.ifelse(_allowed(tag, table), value, ibis.null("string"))
        table = table.mutate(**made)
        kinds |= dict.fromkeys(made, "category")
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
    plain = text.lower()
    branches = [
        (plain.isin(sorted({name, *(each.lower() for each in value.same_as)})), name)
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


def _unfit(tag: Tag, present: Mapping[str, dt.DataType]) -> tuple[str, ...]:
    """Name the column that is there in another form: numbers instead of names, or names of numbers."""
    if tag.copies in present and present[tag.copies].is_floating():
        return (tag.copies,)
    if tag.quantiles and tag.quantiles.of in present and not present[tag.quantiles.of].is_numeric():
        return (tag.quantiles.of,)
    return ()


def _allowed(tag: Tag, table: ir.Table) -> ir.BooleanValue:
    """Every group of needs is known, the purpose is granted, the customer may be profiled."""
    there = set(table.columns)
    conditions = []
    for group in needs_of(tag):
        known = [table[name].notnull() for name in group.split("|") if name in there]
        conditions.append(ibis.or_(*known) if known else ibis.literal(False))
    conditions += [table[name] >= least for name, least in tag.support.items()]
    if tag.consent:
        granted = f"{CONSENT}{tag.consent}"
        conditions.append(table[granted].fill_null(False) if granted in there else ibis.literal(False))
    return ibis.and_(*conditions, table[VISIBLE])


def _rule_faults(tag: Tag, kinds: Mapping[str, str]) -> list[Fault]:
    faults = []
    for value, condition in tag.conditions().items():
        faults += check_expression(condition, kinds, where=f"tag {tag.id}, value {value}")
    named = [name for group in tag.needs for name in group.split("|")]
    named += [tag.copies] if tag.copies else []
    named += [tag.quantiles.of] if tag.quantiles else []
    named += [*tag.evidence, *tag.support]
    for name in dict.fromkeys(named):
        if name not in kinds:
            what = "tag" if name.startswith(TAG) else "column"
            faults.append(Fault(f"tag {tag.id}", f"unknown {what} '{name}'", "", did_you_mean(name, kinds)))
    return faults


def _circle(tags: Sequence[Tag]) -> list[str]:
    """Return the ids of tags that name each other in a circle, or nothing."""
    names = {tag.id: [name.removeprefix(TAG) for name in columns_of_tag(tag) if name.startswith(TAG)] for tag in tags}
    done: set[str] = set()

    def walk(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return trail[trail.index(name) :]
        if name in done:
            return []
        for other in names.get(name, ()):
            found = walk(other, [*trail, name])
            if found:
                return found
        done.add(name)
        return []

    return next((found for name in names if (found := walk(name, []))), [])
