"""SQLAlchemy on a DuckDB connection that is open already, so that Great Expectations sees its temporary tables.

`cursor()` of DuckDB is another session without them, so all cursors here share the one connection. It holds the
result of one statement only: before the next one runs, the cursor that is still in use reads the rest of its rows.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.pool import StaticPool

from greenery.warehouse.connection import Connection as WarehouseConnection

# Great Expectations compares a number only with a column that it knows as one.
TYPES = {
    "BOOLEAN": sa.Boolean(),
    "TIMESTAMP": sa.TIMESTAMP(),
    "DATE": sa.Date(),
    "BIGINT": sa.BigInteger(),
    "HUGEINT": sa.BigInteger(),
    "INTEGER": sa.Integer(),
    "DOUBLE": sa.Double(),
    "DECIMAL": sa.Numeric(),
}


class Cursor:
    """A DB-API cursor on a session that others use too. Only the rows that are asked for leave DuckDB."""

    arraysize = 1
    rowcount = -1

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: Iterator[tuple[Any, ...]] = iter(())
        self.description: Any = None

    def execute(self, text: str, parameters: Any = None) -> None:
        """Run a statement."""
        session = self._connection.hand_over(self)
        self.description = (session.execute(text, parameters) if parameters else session.execute(text)).description
        self._rows = iter(session.fetchone, None)

    def keep_rest(self) -> None:
        """Read the rows that are left, because another statement is about to run."""
        self._rows = iter(list(self._rows))

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows that are left."""
        return list(self._rows)

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row; None where there is none."""
        return next(self._rows, None)

    def fetchmany(self, size: int = 1) -> list[tuple[Any, ...]]:
        """Return the next rows."""
        return list(islice(self._rows, size))

    def close(self) -> None:
        """Drop the rows that are left."""
        self._rows = iter(())


class Connection:
    """A DB-API connection that neither commits nor closes the connection of the pipeline."""

    def __init__(self, session: Any) -> None:
        self._session = session
        # Weak, so that nobody reads the rest of a million rows for a cursor that was given up.
        self._reader: Callable[[], Cursor | None] = lambda: None

    def cursor(self) -> Cursor:
        """Return a cursor on the one session."""
        return Cursor(self)

    def hand_over(self, cursor: Cursor) -> Any:
        """Return the session for a cursor's next statement; the cursor that reads there keeps the rest of its rows."""
        if reader := self._reader():
            reader.keep_rest()
        self._reader = weakref.ref(cursor)
        return self._session

    def commit(self) -> None:
        """The pipeline commits."""

    def rollback(self) -> None:
        """The pipeline rolls back."""

    def close(self) -> None:
        """The pipeline closes."""


class DuckDBDialect(PGDialect):
    """DuckDB speaks PostgreSQL's SQL and has a catalogue of its own."""

    name = "duckdb"
    driver = "open"
    default_paramstyle = "qmark"
    supports_statement_cache = True
    server_version_info: Any = (14, 0)
    default_schema_name = "main"

    @classmethod
    def import_dbapi(cls) -> Any:
        """Return the module whose errors SQLAlchemy wraps."""
        return duckdb

    def initialize(self, connection: sa.Connection) -> None:
        """Ask nothing: PostgreSQL's settings are not there."""

    def has_table(self, connection: sa.Connection, table_name: str, schema: str | None = None, **_: Any) -> bool:
        """Return whether there is a table, temporary ones too."""
        return bool(self.get_columns(connection, table_name, schema))

    def get_columns(self, connection: sa.Connection, table_name: str, schema: str | None = None, **_: Any) -> list[Any]:
        """Return the columns of a table."""
        query = sa.text(
            "select column_name, data_type from duckdb_columns() where table_name = :name and schema_name = :schema "
            "order by column_index"
        )
        found = connection.execute(query, {"name": table_name, "schema": schema or "main"})
        return [
            {"name": name, "type": TYPES.get(kind.split("(")[0], sa.String()), "nullable": True, "default": None}
            for name, kind in found
        ]

    def get_pk_constraint(self, connection: sa.Connection, table_name: str, schema: str | None = None, **_: Any) -> Any:
        """Return that there is none."""
        return {"constrained_columns": [], "name": None}

    def get_schema_names(self, connection: sa.Connection, **_: Any) -> list[str]:
        """Return the names of all schemas."""
        return [row[0] for row in connection.execute(sa.text("select schema_name from duckdb_schemas()"))]

    def get_table_names(self, connection: sa.Connection, schema: str | None = None, **_: Any) -> list[str]:
        """Return the names of a schema's tables."""
        query = sa.text("select table_name from duckdb_tables() where schema_name = :schema")
        return [row[0] for row in connection.execute(query, {"schema": schema or "main"})]

    def get_view_names(self, connection: sa.Connection, schema: str | None = None, **_: Any) -> list[str]:
        """Return the names of a schema's views."""
        query = sa.text("select view_name from duckdb_views() where schema_name = :schema")
        return [row[0] for row in connection.execute(query, {"schema": schema or "main"})]


registry.register("duckdb", __name__, "DuckDBDialect")


def source(connection: WarehouseConnection) -> dict[str, Any]:
    """Return what `add_sql` of Great Expectations is given so that it reads on `connection`."""
    options = {"creator": lambda: Connection(connection), "poolclass": StaticPool}
    return {"connection_string": "duckdb://", "kwargs": options}
