"""Write rows back to a database in one transaction; the URL is in an environment variable."""

from __future__ import annotations

import os
import re

import ibis
import sqlalchemy as sa

from workbench.core.errors import DataError, Fault, ProfileError

__all__ = ["write_back"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_BATCH = 10_000


def write_back(rows: ibis.Table, *, variable: str, table: str, version: str) -> int:
    """Replace the rows of one version in a database table; rows of other versions stay.

    Parameters
    ----------
    rows : ibis.Table
        customer_id and further columns; written as text, numbers, dates and flags.
    variable : str
        Environment variable that holds a SQLAlchemy URL, such as ``sqlite:////path/to/crm.db``; the URL is never shown.
    table : str
        Lower-case letters, digits and _; created if absent, with a column ``audience_version``.
    version : str
        Existing rows of this version are replaced, so that writing twice has the same result.

    Returns
    -------
    int
        Number of rows written.

    Raises
    ------
    ProfileError
        When the variable is not set, or the table name is invalid.
    DataError
        When the database does not answer, or its table has different columns; with the database's message, without the
        URL.
    """
    url = os.environ.get(variable)
    if not url:
        raise ProfileError(Fault(f"env:{variable}", "not set", "A database URL", f"export {variable}=sqlite:///crm.db"))
    if not _NAME.fullmatch(table):
        raise ProfileError(Fault("write-back", f"table {table!r}", "Expected lower-case letters, digits and _"))
    try:
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            return _replace(connection, rows, table, version)
    except sa.exc.ArgumentError:
        raise ProfileError(Fault(f"env:{variable}", "no database URL", "dialect://user:password@host/name")) from None
    except sa.exc.SQLAlchemyError as error:
        message = str(getattr(error, "orig", None) or type(error).__name__).replace(url, f"env:{variable}")
        remedy = "Check that the database answers and that the table has these columns"
        raise DataError(Fault(f"write-back to env:{variable}, table {table}", message, "", remedy)) from None


def _replace(connection: sa.Connection, rows: ibis.Table, table: str, version: str) -> int:
    columns = [sa.Column("audience_version", sa.String(64), nullable=False)]
    columns += [sa.Column(name, _type_of(kind)) for name, kind in rows.schema().items()]
    target = sa.Table(table, sa.MetaData(), *columns)
    target.create(connection, checkfirst=True)
    connection.execute(sa.delete(target).where(target.c.audience_version == version))
    written = 0
    for batch in rows.to_pyarrow_batches(chunk_size=_BATCH):
        records = [{"audience_version": version, **row} for row in batch.to_pylist()]
        if records:
            connection.execute(sa.insert(target), records)
        written += len(records)
    return written


def _type_of(kind: ibis.expr.datatypes.DataType) -> sa.types.TypeEngine:
    if kind.is_boolean():
        return sa.Boolean()
    if kind.is_integer():
        return sa.BigInteger()
    if kind.is_decimal():
        return sa.Numeric(18, 4)
    if kind.is_floating():
        return sa.Double()
    if kind.is_timestamp():
        return sa.DateTime()
    return sa.Date() if kind.is_date() else sa.Text()
