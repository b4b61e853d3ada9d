"""The connection to a warehouse as all rooms use it, whichever warehouse it is.

DuckDB's own connection has this form. Parameters are named in a statement as `$name`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

Parameters = Mapping[str, Any]


class UnavailableError(Exception):
    """The warehouse can't be opened, or refuses its service; the message says why."""


class RefusedError(UnavailableError):
    """Another try would be refused too: someone has to change the connection or a grant first."""


class Connection(Protocol):
    """A session of a warehouse. It holds the result of its last statement."""

    @property
    def description(self) -> Sequence[Sequence[Any]]:
        """The columns of the result; the first item of each is the name."""

    def execute(self, query: str, parameters: Any = None, /) -> Connection:
        """Run a statement with these parameters, by name, and return what has its result."""

    def fetchall(self) -> list[Any]:
        """Return the rows of the result as tuples."""

    def begin(self) -> object:
        """Begin a transaction."""

    def commit(self) -> object:
        """Keep what was done since it began."""

    def rollback(self) -> object:
        """Undo what was done since it began."""


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Commit everything that is done inside, or nothing if it raises."""
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def has_table(connection: Connection, schema: str, name: str) -> bool:
    """Return whether the warehouse has a table or view of this name."""
    return name in tables(connection, schema)


def tables(connection: Connection, schema: str) -> set[str]:
    """Return the names of the tables and views of a schema."""
    query = """
        select lower(table_name) as table_name from information_schema.tables
        where lower(table_schema) = $schema and table_catalog = current_database()
    """
    return {row["table_name"] for row in rows(connection, query, {"schema": schema})}


def rows(connection: Connection, query: str, parameters: Parameters | None = None) -> list[dict[str, Any]]:
    """Run `query` and return its rows as dicts, column name to value."""
    cursor = connection.execute(query, parameters) if parameters else connection.execute(query)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
