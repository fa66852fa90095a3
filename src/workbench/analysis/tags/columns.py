"""Which columns may a tag use? Features, results of later stages, survey answers, and account data.

A column that cannot exist in any profile is an error. If this profile lacks a column, the tag is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.core.schema import CANONICAL, ibis_type
from workbench.core.stages import TABLES
from workbench.core.tags.items import ITEMS
from workbench.intake.expressions import ATTRIBUTE
from workbench.intake.features.registry import REGISTRY, window_features

if TYPE_CHECKING:
    import ibis.expr.datatypes as dt

__all__ = [
    "ACCOUNT",
    "ANSWER",
    "ATTRIBUTES",
    "CONSENT",
    "LIKES",
    "SCORE",
    "TAG",
    "TAG_PURPOSE",
    "KnownColumn",
    "kind_of",
    "known_columns",
    "null_type",
]

TAG = "tag_"  # prefix of the id of a tag in a condition
ANSWER = "answer_"  # prefix of an item answered in a survey
SCORE = "score_"  # prefix of an item scored from a survey scale
ACCOUNT = "account_"  # prefix of a column of the customer's account
CONSENT = "consent_"  # prefix of a consent purpose
TAG_PURPOSE = "tag_"  # prefix of the consent purpose of a single tag, which a customer may refuse
ATTRIBUTES = "attribute_"  # prefix of a declared attribute of customers
LIKES = "likes_"  # prefix of the columns of a declared preference (like)
MIXED = ("income", "children", "household_size")  # numbers in one source, bands in another
_ACCOUNT_NUMBERS = ("employees", "revenue", "sites")
_SURVEYED = tuple(name for name, item in ITEMS.items() if any("responses" in need for need in item.needs))
_PER_CUSTOMER = ("rfm", "segments", "churn", "households")
_VALUE = ("expected_orders", "expected_value", "value_low", "value_high", "p_alive")  # of 09_value_customers
_OFFERED = {"next_category": "category", "next_category_items": "integer", "cross_sell_share": "number"}
_REASON = ("churn_reason_top", "churn_reason_value")  # of churn_reasons of 08_predict_churn
_PLANNED = {"next_action": "category", "plan_arm": "category"}  # of actions of 11_plan_actions
_LIKED = {"lift": "number", "lines": "integer"}  # measures of a like
_KINDS = {  # type in the engine -> kind
    "string": "category",
    "boolean": "flag",
    "integer": "integer",
    "decimal": "money",
    "floating": "number",
    "date": "date",
    "timestamp": "timestamp",
}


@dataclass(frozen=True)
class KnownColumn:
    """A column a tag may use.

    Attributes
    ----------
    kind : str
        A key of ``core.schema.KINDS``, or ``attribute`` if the type differs between sources.
    needs : str
        The source columns, as text for the reader.
    window : int or None
        Length of the column's window in days.
    """

    kind: str
    needs: str
    window: int | None = None


def _is_like(name: str) -> bool:
    return name.startswith(LIKES) and name.rpartition("_")[2] in _LIKED


def kind_of(name: str, dtype: dt.DataType) -> str:
    """Return the kind of a column by its type in the database; columns of numbers or bands stay ``attribute``."""
    if name in MIXED:
        return ATTRIBUTE
    return next((kind for word, kind in _KINDS.items() if getattr(dtype, f"is_{word}")()), "text")


def known_columns(
    present: Mapping[str, dt.DataType],
    *,
    windows_days: Iterable[int] = (),
    named: Iterable[str] = (),
    attributes: Iterable[str] = (),
) -> dict[str, KnownColumn]:
    """Return every column a tag may use.

    Parameters
    ----------
    present : mapping of str to type
        The columns of this profile's wide table.
    windows_days : iterable of int
        The windows of 03_build_features.
    named : iterable of str
        Columns used by tags; those with the prefix ``attribute_`` are attributes that a profile may declare.
    attributes : iterable of str
        Attributes declared by a profile, if their types are not yet known.
    """
    allowed = {name: KnownColumn(_customer_kind(name, kind), f"customers.{name}") for name, kind in _attributes()}
    for table in _PER_CUSTOMER:
        for column in TABLES[table].columns:
            allowed[column.name] = KnownColumn(column.kind, table)
    allowed |= {name: KnownColumn("number", "value") for name in _VALUE}
    allowed |= {name: KnownColumn("category", "churn_reasons") for name in _REASON}
    allowed |= {name: KnownColumn(kind, "recommendations") for name, kind in _OFFERED.items()}
    allowed |= {name: KnownColumn(kind, "actions") for name, kind in _PLANNED.items()}
    allowed |= {name: KnownColumn(_LIKED[name.rpartition("_")[2]], "products") for name in named if _is_like(name)}
    windows = [feature for days in windows_days for feature in window_features(days)]
    for feature in (*REGISTRY.values(), *windows):
        needs = " + ".join(need.replace("|", " or ") for need in feature.needs)
        allowed[feature.name] = KnownColumn(feature.kind, needs, feature.window)
    declared = [name for name in named if name.startswith(ATTRIBUTES)]
    allowed |= {name: KnownColumn(ATTRIBUTE, f"customers.{name.removeprefix(ATTRIBUTES)}") for name in declared}
    allowed |= {f"{ANSWER}{item}": KnownColumn("category", f"responses (question {item})") for item in _SURVEYED}
    allowed |= {f"{SCORE}{item}": KnownColumn("number", f"responses (scale {item})") for item in _SURVEYED}
    allowed |= _account_columns()
    allowed["household_members"] = KnownColumn("integer", "households")
    allowed["age"] = KnownColumn("integer", "customers.birth_date or customers.age")
    kinds = {name: ATTRIBUTE if name in MIXED else "category" for name in attributes}
    for name, kind in (kinds | {name: kind_of(name, dtype) for name, dtype in present.items()}).items():
        needs = allowed[name].needs if name in allowed else f"customers.{name}"
        window = allowed[name].window if name in allowed else None
        allowed[name] = KnownColumn(kind, needs, window)
    allowed.pop("customer_id", None)
    return allowed


def null_type(kind: str) -> str:
    """Return the database type for a missing column of a kind."""
    return "string" if kind == ATTRIBUTE else ibis_type(kind)


def _attributes() -> list[tuple[str, str]]:
    return [(column.name, column.kind) for column in CANONICAL["customers"].columns if not column.contact]


def _customer_kind(name: str, kind: str) -> str:
    return ATTRIBUTE if name in MIXED else kind


def _account_columns() -> dict[str, KnownColumn]:
    columns = {}
    for table in ("accounts", "contacts"):
        for column in CANONICAL[table].columns:
            if column.kind == "id" or column.name == "name":
                continue
            kind = "number" if column.name in _ACCOUNT_NUMBERS else "category"
            columns[f"{ACCOUNT}{column.name}"] = KnownColumn(kind, f"{table}.{column.name}")
    return columns
