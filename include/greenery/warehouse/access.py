"""How the rooms reach the warehouse that the settings name: no other module knows which one it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from greenery.settings import Settings
from greenery.source.tables import Table
from greenery.warehouse import duckdb, snowflake, snowflake_login
from greenery.warehouse.connection import Connection, UnavailableError
from greenery.warehouse.snowflake import SnowflakeConnection
from greenery.warehouse.sqlite import open_sqlite

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def _of(settings: Settings) -> Any:
    return snowflake if settings.target == "snowflake" else duckdb


def connect(settings: Settings) -> AbstractContextManager[Connection]:
    """Open the warehouse for writing, with its landing tables there; times are UTC.

    Only a task that holds the slot of the warehouse pool may call this. Raises UnavailableError where it can't be
    opened.
    """
    opened: AbstractContextManager[Connection] = _of(settings).connect(settings)
    return opened


def connect_to_read(settings: Settings) -> AbstractContextManager[Connection]:
    """Open the warehouse for reading and for temporary tables. Raises UnavailableError where it can't be opened."""
    opened: AbstractContextManager[Connection] = _of(settings).connect_to_read(settings)
    return opened


def dbt_variables(settings: Settings) -> dict[str, str]:
    """Return the variables, secrets among them, by which dbt reaches the warehouse. They are for its process alone.

    DuckDB has no secrets: the tasks' own environment names its file. Raises UnavailableError where the connection can't
    be used.
    """
    return snowflake_login.dbt_variables(settings) if settings.target == "snowflake" else {}


def parsing_variables(settings: Settings) -> dict[str, str]:
    """Return the variables, none of them secret, that dbt needs to parse its project for the warehouse.

    Raises UnavailableError where the connection can't be read in this process.
    """
    return snowflake_login.parsing_variables() if settings.target == "snowflake" else {}


def refusal(settings: Settings, text: str) -> UnavailableError | None:
    """Return the error that says what to do about an error of the warehouse that dbt printed; None for any other."""
    return snowflake.refusal(text) if settings.target == "snowflake" else None


def check_models_warehouse(connection: Connection, settings: Settings) -> None:
    """Raise RefusedError where the session may not use the virtual warehouse that the settings name for the models."""
    if isinstance(connection, SnowflakeConnection) and settings.models_warehouse:
        snowflake.use_models_warehouse(connection, settings.models_warehouse)


def publishes_files(settings: Settings) -> bool:
    """Return whether people read published files; where not, they read the schemas analytics and history of the
    warehouse itself."""
    return settings.target != "snowflake"


def shares_records(settings: Settings) -> bool:
    """Return whether the records that are kept beside the data are tables of the warehouse, which several hosts see."""
    return settings.target == "snowflake" and not settings.records_in_home


def has_records(settings: Settings, file: Path) -> bool:
    """Return whether records can have been written: into the file, or into the warehouse."""
    return shares_records(settings) or file.exists()


def open_records(settings: Settings, file: Path, tables: str) -> AbstractContextManager[Connection]:
    """Open the records for one transaction. tables: the statements that create what they are kept in.

    Raises UnavailableError where the warehouse keeps them and can't be opened.
    """
    opened: Any = snowflake.open_records(tables) if shares_records(settings) else open_sqlite(file, tables)
    found: AbstractContextManager[Connection] = opened
    return found


def history_schema(connection: Connection) -> str:
    """Return the schema in which published relations stand that are no marts."""
    return "history" if isinstance(connection, SnowflakeConnection) else "intermediate"


@contextmanager
def reader(settings: Settings, connection: Connection, scratch: Path) -> Iterator[DuckDBPyConnection]:
    """Yield the DuckDB that reads and checks rows before they go to the warehouse: the warehouse itself if it is one.

    scratch: the folder for what does not fit into memory.
    """
    if isinstance(connection, SnowflakeConnection):
        with duckdb.open_in_memory(settings, scratch) as opened:
            yield opened
    else:
        duckdb.spill_to(connection, scratch)
        yield cast("DuckDBPyConnection", connection)


def offer(
    connection: Connection, table: Table, name: str, reader: DuckDBPyConnection, relation: str, scratch: Path
) -> None:
    """Let the session read a relation of the reader, in the columns of `table`, as the temporary relation `name`.

    scratch: a folder for a file, which has to stay as long as the rows are read. No transaction may be open.
    """
    columns = ", ".join(column.name for column in table.landed)
    rows = f"select {columns} from {relation}"
    if reader is not connection:
        file = scratch / f"{name}.parquet"
        reader.execute(f"copy ({rows}) to '{duckdb.sql_text(file)}' (format parquet)")
        if isinstance(connection, SnowflakeConnection):
            snowflake.offer(connection, table, name, file)
            return
        rows = f"select * from read_parquet('{duckdb.sql_text(file)}')"
    connection.execute(f"create or replace temporary view {name} as {rows}")


def keep(connection: Connection, name: str, query: str, parameters: Mapping[str, Any] | None = None) -> None:
    """Keep the rows of a query as a temporary table of the session, in the place of one of that name."""
    if isinstance(connection, SnowflakeConnection):
        snowflake.keep(connection, name, query, parameters)
    else:
        connection.execute(f"create or replace temporary table {name} as {query}", parameters)


def batches(connection: Connection, query: str) -> Iterator[Any]:
    """Yield the rows of a query in parts, as Arrow tables."""
    if isinstance(connection, SnowflakeConnection):
        yield from connection.raw.cursor().execute(query).fetch_arrow_batches()
    else:
        yield connection.execute(query).to_arrow_table()  # type: ignore[attr-defined]


def put_back(connection: Connection, names: Sequence[str], moment: datetime) -> Iterator[tuple[str, str]]:
    """Yield for each table the statement that inserts the rows which it had at `moment` (a parameter of it).

    Raises UnavailableError where the warehouse does not know them any more.
    """
    for name in names:
        columns = ", ".join(snowflake.columns_at(connection, name, moment))
        yield name, f"insert into {name} ({columns}) select {columns} from {snowflake.at(name)}"


def data_source(connection: Connection) -> dict[str, Any]:
    """Return what `add_sql` of Great Expectations is given so that it reads in this session."""
    if isinstance(connection, SnowflakeConnection):
        return snowflake.data_source(connection)
    # It imports SQLAlchemy's dialects, which only the task that judges needs.
    from greenery.warehouse import duckdb_dialect

    return duckdb_dialect.source(connection)
