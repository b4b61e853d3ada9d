"""How the rooms reach the warehouse: no other module knows which one it is."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from greenery.settings import Settings
from greenery.warehouse import duckdb
from greenery.warehouse.connection import Connection


def connect(settings: Settings) -> AbstractContextManager[Connection]:
    """Open the warehouse for writing, with its landing tables there; times are UTC.

    Only a task that holds the slot of the warehouse pool may call this. Raises UnavailableError where it can't be
    opened.
    """
    return duckdb.connect(settings)


def connect_to_read(settings: Settings) -> AbstractContextManager[Connection]:
    """Open the warehouse for reading and for temporary tables. Raises UnavailableError where it can't be opened."""
    return duckdb.connect_to_read(settings)


def offer(connection: Connection, name: str, file: Path) -> None:
    """Let the session read a Parquet file as the temporary relation `name`, as long as the file is there."""
    duckdb.offer(connection, name, file)


def data_source(connection: Connection) -> dict[str, Any]:
    """Return what `add_sql` of Great Expectations is given so that it reads in this session."""
    # It imports SQLAlchemy's dialects, which only the task that judges needs.
    from greenery.warehouse import duckdb_dialect

    return duckdb_dialect.source(connection)
