"""The tags of each customer with their evidence, for 12_tag_customers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pandas as pd

from workbench.analysis.tags.columns import ATTRIBUTES, CONSENT, TAG, KnownColumn, known_columns
from workbench.analysis.tags.compiling import Plan, compile_tags, find_cut_points, names_in, plan_tags
from workbench.analysis.tags.long import lengthen, to_portraits
from workbench.analysis.tags.wide import widen
from workbench.core.tags.items import ITEMS
from workbench.intake.features.inputs.settings import Scale

if TYPE_CHECKING:
    from workbench.analysis.tags.answers import ScoredScale
    from workbench.analysis.tags.offers import Likes
    from workbench.core.tags.definition import Tag
    from workbench.intake.features.inputs.keep import Keep

__all__ = ["TagOptions", "Tagged", "days_of_data", "tag_customers", "tag_options"]


@dataclass(frozen=True)
class TagOptions:
    """Tag options of a profile.

    Attributes
    ----------
    sensitive_items : tuple of str
        Sensitive items computed for customers who consent; other sensitive items are off.
    minors : bool
        Whether minors may be tagged where the purpose ``minors`` is granted.
    questions : mapping of str to sequence of str
        Survey item to its questions.
    scales : mapping of str to Scale
        Survey item to its scale.
    alpha_least : float
        Smallest Cronbach's alpha of a scale that is used, 0..1.
    windows_days : tuple of int
        The windows of 03_build_features.
    likes : mapping
        Declared likes: name to a column of products and its values.
    """

    sensitive_items: tuple[str, ...] = ()
    minors: bool = False
    questions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    scales: Mapping[str, Scale] = field(default_factory=dict)
    alpha_least: float = 0.7
    windows_days: tuple[int, ...] = ()
    likes: Likes = field(default_factory=dict)


@dataclass(frozen=True)
class Tagged:
    """The tags of every customer.

    Attributes
    ----------
    wide : ibis.Table
        The wide table with tag columns, from ``compile_tags``.
    tags : ibis.Table
        One row per customer and tag, from ``lengthen``.
    portraits : ibis.Table
        One row per customer, one column per tag.
    plan : Plan
    off : tuple of Tag
        Sensitive tags that the parameters do not allow.
    cuts : dict of str to tuple of float
        Cut points of tags with quantiles.
    columns : dict of str to KnownColumn
    scales : tuple of ScoredScale
    """

    wide: ir.Table
    tags: ir.Table
    portraits: ir.Table
    plan: Plan
    off: tuple[Tag, ...]
    cuts: Mapping[str, tuple[float, ...]]
    columns: Mapping[str, KnownColumn]
    scales: tuple[ScoredScale, ...]

    @property
    def computed(self) -> list[Tag]:
        """The computed tags."""
        return self.plan.tags

    def sample(self, labelled: Mapping[str, str]) -> pd.DataFrame:
        """Return the tags (``tag_<id>``) and the columns of true values, for customers with at least one true value."""
        pairs = {f"{TAG}{tag}": column for tag, column in labelled.items()}
        names = [name for pair in pairs.items() if set(pair) <= set(self.wide.columns) for name in pair]
        if not names:
            return pd.DataFrame()
        labelled_rows = self.wide.filter(
            ibis.or_(*[self.wide[name].notnull() for name in names if name in pairs.values()])
        )
        return labelled_rows.select(*dict.fromkeys(names)).to_pandas()


def tag_customers(
    tables: Mapping[str, ir.Table],
    tags: Sequence[Tag],
    *,
    as_of: date,
    options: TagOptions | None = None,
    days_covered: int | None = None,
    before: ir.Table | None = None,
    also: Sequence[str] = (),
    keep: Keep | None = None,
) -> Tagged:
    """Compute every tag that the data allows.

    Parameters
    ----------
    tables : mapping of str to ibis.Table
        features (required) and the tables for ``widen``.
    tags : sequence of Tag
        The tags of the registry to compute.
    as_of : date
    options : TagOptions, optional
    days_covered : int, optional
        Days of data before the as-of date (`days_of_data`); tags with a longer window are left out.
    before : ibis.Table, optional
        The table ``tags`` of the last run.
    also : sequence of str
        Further columns of the wide table, for example true values.
    keep : callable, optional
        Executes an expression into a table (``keeping``), so that the join of all sources is computed only once.

    Raises
    ------
    ProfileError
        When a rule uses an unknown column or tag, compares different types, or depends on itself.
    """
    settings = options or TagOptions()
    execute = keep or _lazily
    widened = widen(
        tables, as_of=as_of, questions=settings.questions, scales=settings.scales,
        sensitive_items=settings.sensitive_items,
        alpha_least=settings.alpha_least, likes=settings.likes,
    )  # fmt: skip
    source = _with_attributes(widened.table, names_in(tags))
    present = dict(source.schema().items())
    columns = known_columns(present, windows_days=settings.windows_days, named=names_in(tags))
    off = tuple(tag for tag in tags if tag.sensitive and tag.item not in settings.sensitive_items)
    plan = plan_tags([tag for tag in tags if tag not in off], columns, present, days_covered=days_covered)
    used = source.select(*_used(source, plan.tags, also))
    table = (
        execute(used) if used.op().find(ops.JoinChain) else used
    )  # without a join, reading the file again is as fast
    cuts = find_cut_points(table, plan.tags)
    wide = compile_tags(table, plan, columns, cuts=cuts, minors=settings.minors)
    long = lengthen(wide, plan, as_of=as_of, cuts=cuts, before=before)
    portraits = to_portraits(wide, [tag for tag in tags if tag in plan.tags], as_of=as_of, before=before)
    return Tagged(wide, long, portraits, plan, off, cuts, columns, widened.scales)


def days_of_data(tables: Mapping[str, ir.Table], *, as_of: date) -> int | None:
    """Count the days from the first dated order or event to the as-of date; None without dated rows."""
    firsts = []
    for name, column in (("transactions", "ordered_at"), ("events", "occurred_at")):
        if name in tables and column in tables[name].columns:
            firsts.append(tables[name].aggregate(first=tables[name][column].min()).to_pyarrow().to_pylist()[0]["first"])
    dates = [first.date() for first in firsts if first is not None]
    return (as_of - min(dates)).days if dates else None


def tag_options(
    *,
    sensitive_items: Sequence[str] = (),
    minors: bool = False,
    questions: Mapping[str, Sequence[str]] | None = None,
    scales: Mapping[str, Mapping[str, Any]] | None = None,
    alpha_least: float = 0.7,
    windows_days: Sequence[int] = (),
    likes: Likes | None = None,
) -> TagOptions:
    """Turn the parameters of 12_tag_customers into options; a scale is ``{items, reverse, low, high, survey}``."""
    return TagOptions(
        sensitive_items=tuple(sensitive_items),
        minors=minors,
        questions=dict(questions or {}),
        scales={item: _scale(item, scale) for item, scale in (scales or {}).items()},
        alpha_least=alpha_least,
        windows_days=tuple(windows_days),
        likes=dict(likes or {}),
    )


def _with_attributes(table: ir.Table, named: Iterable[str]) -> ir.Table:
    """Add declared attributes under the column names that tags use."""
    column_of = {name: name.removeprefix(ATTRIBUTES) for name in sorted(named) if name.startswith(ATTRIBUTES)}
    present = {name: table[column] for name, column in column_of.items() if column in table.columns}
    return table.mutate(**present) if present else table


def _used(table: ir.Table, tags: Sequence[Tag], also: Sequence[str]) -> list[str]:
    """List the columns that tags use, and those that decide who may be tagged."""
    needed = {*names_in(tags), "customer_id", "age", "age_band", *also}
    return [name for name in table.columns if name in needed or name.startswith(CONSENT)]


def _lazily(table: ir.Table) -> ir.Table:
    return table


def _scale(item: str, content: Mapping[str, Any]) -> Scale:
    reversed_items = set(content.get("reverse") or ())
    questions = {question: question in reversed_items for question in content["items"]}
    label = ITEMS[item].name if item in ITEMS else {"en": item, "zh": item}
    return Scale(content.get("survey") or "", questions, float(content["low"]), float(content["high"]), label)
