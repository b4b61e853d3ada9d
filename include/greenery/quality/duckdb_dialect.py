"""SQLAlchemy on a DuckDB connection that is open already, so that Great Expectations sees its temporary tables.

`cursor()` of DuckDB is another session without them: every cursor here reads on the one connection. It reads its rows
at once, because a second statement would cut off the first.
"""

from __future__ import annotations

from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.pool import StaticPool

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
    """A DB-API cursor on a connection that others use too."""

    arraysize = 1
    rowcount = -1

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._rows: list[tuple[Any, ...]] = []
        self.description: Any = None

    def execute(self, text: str, parameters: Any = None) -> None:
        """Run a statement and read its rows."""
        done = self._connection.execute(text, parameters) if parameters else self._connection.execute(text)
        self.description, self._rows = done.description, done.fetchall()

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows that are left."""
        rows, self._rows = self._rows, []
        return rows

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row; None where there is none."""
        return self._rows.pop(0) if self._rows else None

    def fetchmany(self, size: int = 1) -> list[tuple[Any, ...]]:
        """Return the next rows."""
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows

    def close(self) -> None:
        """Nothing is held open."""


class Connection:
    """A DB-API connection that neither commits nor closes the connection of the pipeline."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def cursor(self) -> Cursor:
        """Return a cursor on the one session."""
        return Cursor(self._connection)

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


def source(connection: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Return what `add_sql` of Great Expectations is given so that it reads on `connection`."""
    options = {"creator": lambda: Connection(connection), "poolclass": StaticPool}
    return {"connection_string": "duckdb://", "kwargs": options}
