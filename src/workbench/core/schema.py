"""Tables and columns, and the canonical tables to which every source is mapped.

Tables written by stages are declared with the stages (`workbench.core.stages`). Column names include unit and window.
Contact columns are never stored in a canonical table.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

__all__ = [
    "ABOUT_CUSTOMERS",
    "CANONICAL",
    "CONTACT_COLUMNS",
    "ID_SPACE",
    "KINDS",
    "NEIGHBOURS",
    "UNDATED",
    "UNKNOWN_SEGMENT",
    "Column",
    "Table",
    "columns",
    "columns_of",
    "ibis_type",
]

# as-of date of data without dates; later than every row
UNDATED = dt.date(9999, 12, 31)
UNKNOWN_SEGMENT = (
    "unknown",
    {"en": "Too little known", "zh": "信息不足"},
)  # segment of customers who cannot be assigned

# hidden column of a canonical table: the source to whose id space customer_id belongs, until identities are joined
ID_SPACE = "_people"

# kind of column -> type in the database engine
KINDS = {
    "id": "string",
    "text": "string",
    "category": "string",
    "flag": "boolean",
    "integer": "int64",
    "number": "float64",
    "quantity": "decimal(18, 3)",
    "money": "decimal(18, 4)",
    "date": "date",
    "timestamp": "timestamp(6)",
}


@dataclass(frozen=True)
class Column:
    """A column: its name, its kind (a key of ``KINDS``), and whether it has contact or sensitive data."""

    name: str
    kind: str
    contact: bool = False
    sensitive: bool = False


@dataclass(frozen=True)
class Table:
    """A table: its columns, the columns that identify a row, and the one stage that writes it.

    Attributes
    ----------
    name : str
    columns : tuple of Column
    keys : tuple of str
        Columns that identify a row; a source must map them.
    writer : str
        The stage that writes it.
    open : bool
        True if the table may have further columns.
    own : bool
        True for a table written by an analyst's own notebook.
    dated_by : str
        The column with the date on which a row became known; empty if rows have no date.
    """

    name: str
    columns: tuple[Column, ...]
    keys: tuple[str, ...] = ()
    writer: str = "01_check_quality"
    open: bool = False
    dated_by: str = ""
    own: bool = False

    def kind(self, column: str) -> str | None:
        """Return the declared kind of a column, or None."""
        return next((candidate.kind for candidate in self.columns if candidate.name == column), None)


def columns(kinds: str, contact: str = "", sensitive: str = "") -> tuple[Column, ...]:
    """Read ``name:kind name:kind ...`` into columns; ``contact`` and ``sensitive`` list the names of such columns."""
    contact_names, sensitive_names = set(contact.split()), set(sensitive.split())
    pairs = (item.split(":") for item in kinds.split())
    return tuple(Column(name, kind, name in contact_names, name in sensitive_names) for name, kind in pairs)


CONTACT_COLUMNS = (
    "name", "given_name", "surname", "phone", "email", "address", "street_number", "address_2", "document_id",
)  # fmt: skip

_CUSTOMERS = """
source:category source_id:id customer_id:id member_number:id document_id:id name:text given_name:text surname:text
gender:category birth_date:date age:number age_band:category phone:id email:text address:text street_number:text
address_2:text postcode:id city:category province:category country:category education:category occupation:category
income:category marital_status:category children:category household_size:category home_ownership:category
car_ownership:category nationality:category ethnicity:category religion:category registered_at:timestamp
source_l1:category source_l2:category source_l3:category member_level:category referrer_customer_id:id
"""
_TRANSACTIONS = """
order_id:id customer_id:id ordered_at:timestamp product_id:id quantity:quantity unit_price:money amount:money
discount:money coupon:money channel:category platform:category payment_method:category store_id:id status:category
currency:category
"""
_EVENTS = """
customer_id:id occurred_at:timestamp type:category product_id:id search_term:text page:text dwell_seconds:number
platform:category channel:category session_id:id campaign_id:id
"""

CANONICAL = {
    table.name: table
    for table in (
        Table(
            "customers",
            columns(_CUSTOMERS, " ".join(CONTACT_COLUMNS), "ethnicity religion"),
            keys=("customer_id",),
            open=True,
        ),
        Table("transactions", columns(_TRANSACTIONS), dated_by="ordered_at"),
        Table(
            "products",
            columns("product_id:id product_name:text category:category brand:category unit_cost:money"),
            keys=("product_id",),
            open=True,
        ),
        Table("events", columns(_EVENTS), keys=("customer_id", "occurred_at"), dated_by="occurred_at"),
        Table(
            "service",
            columns(
                "case_id:id customer_id:id opened_at:timestamp closed_at:timestamp type:category topic:category "
                "rating:number text:text"
            ),
            keys=("customer_id",),
            dated_by="opened_at",
        ),
        Table(
            "reviews",
            columns(
                "customer_id:id product_id:id rating:number text:text reviewed_at:timestamp channel:category "
                "likes:integer followers:integer"
            ),
            keys=("customer_id",),
            dated_by="reviewed_at",
        ),
        Table(
            "responses",
            columns("customer_id:id survey:category question:category answer:text answered_at:timestamp"),
            keys=("customer_id", "question", "answer"),
            dated_by="answered_at",
        ),
        Table(
            "campaigns",
            columns(
                "campaign_id:id customer_id:id sent_at:timestamp channel:category opened_at:timestamp "
                "redeemed_at:timestamp"
            ),
            keys=("campaign_id", "customer_id"),
            dated_by="sent_at",
        ),
        Table(
            "experiments",
            columns(
                "experiment:category customer_id:id arm:category assigned_at:timestamp share:number source:category"
            ),
            keys=("experiment", "customer_id", "arm"),
            open=True,
            dated_by="assigned_at",
        ),
        Table(
            "relations",
            columns("customer_id:id other_id:id kind:category"),
            keys=("customer_id", "other_id"),
        ),
        Table(
            "labels",
            columns("customer_id:id label:flag observed_at:timestamp"),
            keys=("customer_id", "label"),
            dated_by="observed_at",
        ),
        Table(
            "consents",
            columns("customer_id:id purpose:category granted:flag changed_at:timestamp"),
            keys=("customer_id", "purpose", "granted"),
            dated_by="changed_at",
        ),
        Table(
            "accounts",
            columns(
                "account_id:id parent_id:id name:text industry:category employees:number revenue:money sites:number "
                "stage:category region:category business:text culture:text"
            ),
            keys=("account_id",),
        ),
        Table(
            "contacts",
            columns(
                "contact_id:id account_id:id customer_id:id position:category function:category "
                "decision_role:category problem:text"
            ),
            keys=("contact_id",),
        ),
    )
}

# tables that describe customers; assignments to experiments do not, so they must not re-run descriptive stages
ABOUT_CUSTOMERS = tuple(name for name in CANONICAL if name != "experiments")

# columns of a related table that a source of this table may also map
NEIGHBOURS = {
    "transactions": {
        "products": ("product_name", "category", "brand"),
        "customers": ("country", "province", "city"),
    },
}


def ibis_type(kind: str) -> str:
    """Return the database type of a column kind."""
    return KINDS[kind]


def columns_of(table: str, *, contact: bool = False, neighbours: bool = False) -> dict[str, str]:
    """Return the kind of each column that a source of this table may map.

    Parameters
    ----------
    table : str
        A canonical table.
    contact : bool
        Include contact columns.
    neighbours : bool
        Include columns of related tables (``NEIGHBOURS``).
    """
    kinds = {column.name: column.kind for column in CANONICAL[table].columns if contact or not column.contact}
    if neighbours:
        for other, names in NEIGHBOURS.get(table, {}).items():
            neighbour = {column.name: column.kind for column in CANONICAL[other].columns}
            kinds |= {name: neighbour[name] for name in names}
    return kinds
