"""The embedded warehouse: one DuckDB file that one process at a time opens."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from greenery.settings import REPOSITORY, Settings
from greenery.source.tables import TABLES

SQL = REPOSITORY / "include" / "sql"
# If a running task is cleared or marked, its slot is free at once, but its process ends some seconds later.
LOCK_SECONDS = 60


@functools.cache
def statement(name: str) -> str:
    """Return the text of `include/sql/<name>.sql`."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


@contextmanager
def connect(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse for writing, with its landing tables there; times are UTC.

    Only a task that holds the slot of the warehouse pool may call this. If another process has the file open, Airflow
    is about to kill that process, so this function waits. Raises duckdb.IOException if the file stays open.
    """
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _open_when_free(settings.warehouse) as connection:
        _use_utc(connection)
        create_landing_tables(connection)
        yield connection


def create_landing_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Create what the schema landing holds, where it is not there yet."""
    connection.execute(statement("landing/create"))
    for table in TABLES:
        columns = ", ".join(f"{column.name} {column.type}" for column in table.landed)
        connection.execute(f"create table if not exists landing.{table.name} (extract_id varchar not null, {columns})")


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, duckdb.IOException) and "Could not set lock" in str(error)


@retry(retry=retry_if_exception(_is_locked), stop=stop_after_delay(LOCK_SECONDS), wait=wait_fixed(0.5), reraise=True)
def _open_when_free(path: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(path)


@contextmanager
def open_file(path: Path, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB file with the session's time zone set to UTC."""
    with duckdb.connect(path, read_only=read_only) as connection:
        _use_utc(connection)
        yield connection


def _use_utc(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("set TimeZone = 'UTC'")


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit everything that is done inside, or nothing if it raises."""
    connection.begin()
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def rows(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, Any] | list[Any] | None = None
) -> list[dict[str, Any]]:
    """Run `query` and return its rows as dicts, column name to value."""
    cursor = connection.execute(query, parameters) if parameters else connection.execute(query)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def open_for_readers(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB file for reading by many threads, each with a cursor of its own, with a database in memory beside
    it, named `known`. Both close with the last connection to them."""
    connection = duckdb.connect(path, read_only=True)
    connection.execute("set global TimeZone = 'UTC'")
    # DuckDB opens a file once a process: the second time, what is beside it is there.
    connection.execute("attach if not exists ':memory:' as known (read_write)")
    return connection
