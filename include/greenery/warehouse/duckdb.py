"""The embedded warehouse: one DuckDB file that one process at a time opens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
from tenacity import retry, retry_if_exception, stop_after_delay, wait_fixed

from greenery.settings import Settings
from greenery.source.tables import TABLES
from greenery.warehouse.connection import Connection, UnavailableError, rows, transaction
from greenery.warehouse.statements import statement

# `rows` and `transaction` are for code that works on DuckDB alone.
__all__ = ["connect", "create_landing_tables", "open_file", "open_for_readers", "open_in_memory", "rows", "transaction"]

# If a running task is cleared or marked, its slot is free at once, but its process ends some seconds later.
LOCK_SECONDS = 60


@contextmanager
def connect(settings: Settings) -> Iterator[Connection]:
    """Open the warehouse for writing, as `access.connect` says.

    If another process has the file open, Airflow is about to kill that process, so this function waits. Raises
    UnavailableError if the file stays open.
    """
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _named_as_unavailable():
        opened = _open_when_free(settings.warehouse)
    with opened as connection:
        _use_utc(connection)
        _limit_memory(connection, settings)
        create_landing_tables(connection)
        yield connection


@contextmanager
def connect_to_read(settings: Settings) -> Iterator[Connection]:
    """Open the warehouse as `access.connect_to_read` says; while a run has it open, that fails."""
    with _named_as_unavailable():
        opened = duckdb.connect(settings.warehouse, read_only=True)
    with opened as connection:
        _use_utc(connection)
        yield connection


@contextmanager
def _named_as_unavailable() -> Iterator[None]:
    try:
        yield
    except duckdb.IOException as error:
        raise UnavailableError(str(error)) from error


def create_landing_tables(connection: Connection) -> None:
    """Create what the schema landing holds, where it is not there yet."""
    connection.execute(statement("landing/create"))
    for table in TABLES:
        columns = ", ".join(f"{column.name} {column.type}" for column in table.landed)
        connection.execute(f"create table if not exists landing.{table.name} (extract_id varchar not null, {columns})")


def sql_text(path: Path) -> str:
    """Return a path as it stands between quotes in SQL."""
    return str(path).replace("'", "''")


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


@contextmanager
def open_in_memory(settings: Settings, spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB that lives in memory, and writes into the folder `spill` what does not fit there; times are UTC."""
    with duckdb.connect() as connection:
        spill_to(connection, spill)
        _use_utc(connection)
        _limit_memory(connection, settings)
        yield connection


def spill_to(connection: Connection, folder: Path) -> None:
    """Let the database write into `folder` what does not fit into memory.

    If this process has written into another folder before, it goes on there: DuckDB can't switch then.
    """
    with suppress(duckdb.NotImplementedException):
        connection.execute(f"set temp_directory = '{sql_text(folder)}'")


def _limit_memory(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    connection.execute(f"set memory_limit = '{settings.memory}'")


def _use_utc(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("set TimeZone = 'UTC'")


def open_for_readers(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB file for reading by many threads, each with a cursor of its own, with a database in memory beside
    it, named `known`. Both close with the last connection to them."""
    connection = duckdb.connect(path, read_only=True)
    connection.execute("set global TimeZone = 'UTC'")
    # DuckDB opens a file once a process: the second time, what is beside it is there.
    connection.execute("attach if not exists ':memory:' as known (read_write)")
    return connection
