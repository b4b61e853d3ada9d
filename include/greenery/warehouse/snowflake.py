"""Snowflake as the warehouse: one database with the same schemas as the DuckDB file, and those that people read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from greenery.settings import WAREHOUSE_CONNECTION, Settings
from greenery.source.tables import TABLES, Table
from greenery.warehouse.connection import Connection, RefusedError, UnavailableError, tables, transaction
from greenery.warehouse.snowflake_errors import explained, explained_in, grant
from greenery.warehouse.snowflake_login import connection_parameters, plain_name, query_tag
from greenery.warehouse.statements import statement

# The schema of the session: temporary tables are made there.
WORK = "landing"
# The schema of what is written down beside the data, such as what was sent.
RECORDS = "delivery"
# A statement that hangs ends the task; the next try finds everything as it was committed.
STATEMENT_SECONDS = 3600
SESSION = {
    # A time is what the extract says, in UTC: the account's own settings must not matter.
    "TIMEZONE": "UTC",
    "TIMESTAMP_TYPE_MAPPING": "TIMESTAMP_NTZ",
    "TIMESTAMP_INPUT_FORMAT": "AUTO",
    "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT": "ARROW",
    "STATEMENT_TIMEOUT_IN_SECONDS": STATEMENT_SECONDS,
    # A statement of a lost client ends after five minutes. Its open transaction is rolled back at most five minutes
    # later, if another one waits for it.
    "ABORT_DETACHED_QUERY": True,
}
CONNECT_SECONDS = 60
COMMENT = re.compile(r"--[^\n]*")
PARAMETER = re.compile(r"\$(\w+)")


class SnowflakeConnection:
    """A session of Snowflake, in the form of `Connection`."""

    def __init__(self, raw: Any, session: Mapping[str, str]) -> None:
        """Take an open session; session: what its errors name, as `explained` says."""
        self.raw = raw
        self.session = session
        self._cursor = raw.cursor()

    def execute(self, query: str, parameters: Mapping[str, Any] | None = None, /) -> SnowflakeConnection:
        """Run a statement with these parameters, by name, and return this connection, which has its result.

        Raises UnavailableError where Snowflake refuses it for a reason that people can do something about.
        """
        text = COMMENT.sub("", query)
        if parameters:
            text = PARAMETER.sub(lambda found: _place(found[1], parameters[found[1]]), text.replace("%", "%%"))
        self._send(text, parameters or None)
        return self

    def _send(self, text: str, parameters: Mapping[str, Any] | None = None) -> None:
        from snowflake.connector.errors import Error

        try:
            self._cursor.execute(text, parameters)
        except Error as error:
            if found := explained(error, self.session):
                raise found from None
            raise

    @property
    def description(self) -> Sequence[Sequence[Any]]:
        """The columns of the result; the first item of each is the name."""
        return [(column[0].lower(), *column[1:]) for column in self._cursor.description]

    def fetchall(self) -> list[Any]:
        """Return the rows of the result as tuples."""
        found: list[Any] = self._cursor.fetchall()
        return found

    def begin(self) -> None:
        """Begin a transaction."""
        self._send("begin")

    def commit(self) -> None:
        """Keep what was done since it began."""
        self._send("commit")

    def rollback(self) -> None:
        """Undo what was done since it began."""
        self._send("rollback")


def _place(name: str, value: Any) -> str:
    """Return where a parameter stands. A time arrives as text: only as a time it can be calculated with."""
    return f"cast(%({name})s as timestamp_ntz)" if isinstance(value, datetime) else f"%({name})s"


@contextmanager
def connect(settings: Settings) -> Iterator[Connection]:
    """Open the warehouse as `access.connect` says. The database and its schemas are made where they are missing.

    Raises UnavailableError where Snowflake refuses it.
    """
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _session() as connection:
        _make_landing_tables(connection)
        yield connection


def _make_landing_tables(connection: Connection) -> None:
    """Make the schemas, and what the schema landing holds, where something of it is missing; enter that schema."""
    texts = [statement("landing/create")]
    for table in TABLES:
        columns = ", ".join(["extract_id varchar not null", *(f"{one.name} {one.type}" for one in table.landed)])
        texts.append(f"create table if not exists landing.{table.name} ({columns})")
    _make_tables(connection, WORK, ";".join(texts), ("analytics", "history"))


def _make_tables(connection: Connection, schema: str, text: str, more_schemas: Sequence[str] = ()) -> None:
    """Run the statements that create a schema's tables, where one of these is missing; enter the schema."""
    names = set(re.findall(r"create table if not exists (?:\w+\.)?(\w+)", text))
    # Each statement takes the time of a way to Snowflake and back, so one question comes first.
    there = tables(connection, schema)
    if not names <= there:
        _check_nothing_is_lost(connection, names - there, there)
        for one in (schema, *more_schemas):
            connection.execute(f"create schema if not exists {one}")
        connection.execute(f"use schema {schema}")
        for part in COMMENT.sub("", text).split(";"):
            if part.strip():
                connection.execute(part)
    connection.execute(f"use schema {schema}")


@contextmanager
def open_records(text: str) -> Iterator[Connection]:
    """Open the tables of the schema delivery, which the statements of `text` create, for one transaction."""
    with _session() as connection:
        _make_tables(connection, RECORDS, text)
        with transaction(connection):
            yield connection


def _check_nothing_is_lost(connection: Connection, missing: set[str], there: set[str]) -> None:
    """Raise RefusedError where a table is missing while others hold extracts: an empty one would change every figure.

    Where the first run broke off while it made them, all that are there are empty.
    """
    for name in sorted(there & {"extracts", *(table.name for table in TABLES)}):
        if connection.execute(f"select 1 from {WORK}.{name} limit 1").fetchall():
            gone = [f"{WORK}.{one}" for one in sorted(missing)]
            raise RefusedError(
                f"{' and '.join(gone)} {'is' if len(gone) == 1 else 'are'} gone, and {WORK}.{name} holds rows. Bring "
                f"back what was dropped: {' '.join(f'undrop table {one};' for one in gone)} When Time Travel no longer "
                f"has it, drop the schemas {WORK}, intermediate and marts, and run all weeks again."
            )


@contextmanager
def connect_to_read(settings: Settings) -> Iterator[Connection]:
    """Open the warehouse as `access.connect_to_read` says. Raises UnavailableError where Snowflake refuses it."""
    with _session() as connection:
        try:
            connection.execute(f"use schema {WORK}")
        except RefusedError as error:
            raise RefusedError(f"there is no schema {WORK}: nothing was landed yet, or {error}") from None
        yield connection


@contextmanager
def _session() -> Iterator[SnowflakeConnection]:
    with open_session() as (connection, database):
        _use(connection, database)
        yield connection


@contextmanager
def open_session() -> Iterator[tuple[SnowflakeConnection, str]]:
    """Log in; yield the session, which has entered no database yet, and the database that the connection names.

    Raises UnavailableError where Snowflake refuses it.
    """
    from snowflake.connector import connect as connect_to_snowflake
    from snowflake.connector.errors import Error

    given = connection_parameters()
    database = given.pop("database")
    session = _session_of(given)
    try:
        raw = connect_to_snowflake(
            **given,
            session_parameters={**SESSION, "QUERY_TAG": query_tag()},
            login_timeout=CONNECT_SECONDS,
            # The connector cancels each statement that takes longer.
            network_timeout=STATEMENT_SECONDS,
            socket_timeout=CONNECT_SECONDS,
            autocommit=True,
            client_session_keep_alive=True,
            # Else an amount would arrive in Arrow as a double.
            arrow_number_to_decimal=True,
        )
    except Error as error:
        if found := explained(error, session):
            raise found from None
        raise UnavailableError(
            f"Snowflake does not answer to the connection {WAREHOUSE_CONNECTION}: {error.msg}. Check its account, and "
            "the network between, with `make doctor`."
        ) from None
    with raw:
        yield SnowflakeConnection(raw, session | {"role": str(raw.role or session["role"])}), database


def _session_of(given: Mapping[str, Any]) -> dict[str, str]:
    """Return what the errors of a session name, from the parameters of its connection."""
    return {name: str(given.get(name) or f"<{name}>") for name in ("account", "user", "role", "warehouse")}


def refusal(text: str) -> UnavailableError | None:
    """Return the error that says what to do about one of Snowflake's in a text, as `access.refusal` says."""
    return explained_in(text, _session_of(connection_parameters()))


def _use(connection: SnowflakeConnection, database: str) -> None:
    """Let the session work in the database; make it where it is missing and the role may."""
    role, warehouse = connection.session["role"], connection.session["warehouse"]
    try:
        connection.execute(f"use database {database}")
    except RefusedError:
        try:
            connection.execute(f"create database if not exists {database}")
            connection.execute(f"use database {database}")
        except RefusedError:
            raise RefusedError(
                f"there is no database {database}, or the role {role} may not use it. An administrator runs: create "
                f"database if not exists {database}; {grant('DATABASE', database, role)}"
            ) from None
    if connection.execute("select current_warehouse()").fetchall()[0][0] is None:
        raise RefusedError(
            f"no virtual warehouse runs the statements: name one as `warehouse` in the extra of "
            f"{WAREHOUSE_CONNECTION}. An administrator runs: create warehouse if not exists {warehouse}; "
            f"{grant('WAREHOUSE', warehouse, role)}"
        )


def use_models_warehouse(connection: SnowflakeConnection, name: str) -> None:
    """Let the session work in the virtual warehouse of the models. Raises RefusedError where the role may not."""
    try:
        connection.execute(f"use warehouse {plain_name(name, 'GREENERY_SNOWFLAKE_MODELS_WAREHOUSE')}")
    except RefusedError as error:
        role = connection.session["role"]
        raise RefusedError(f"{error} An administrator runs: {grant('WAREHOUSE', name, role)}") from None


def offer(connection: Connection, table: Table, name: str, file: Path) -> None:
    """Load a Parquet file into the temporary table `name`, as `access.offer` says. No transaction may be open."""
    columns = ", ".join(f"{column.name} {column.type}" for column in table.landed)
    connection.execute(f"create temporary stage if not exists {WORK}.offered")
    connection.execute(f"create or replace temporary table {WORK}.{name} ({columns})")
    place = f"@{WORK}.offered/{name}"
    path = str(file).replace("'", "\\'")
    connection.execute(f"put 'file://{path}' {place} auto_compress = false overwrite = true")
    connection.execute(
        f"copy into {WORK}.{name} from {place} file_format = (type = parquet use_logical_type = true) "
        "match_by_column_name = case_insensitive force = true purge = true"
    )


def keep(connection: Connection, name: str, query: str, parameters: Mapping[str, Any] | None) -> None:
    """Keep the rows of a query as a temporary table, as `access.keep` says."""
    connection.execute(f"create or replace temporary table {WORK}.{name} as {query}", parameters)


def columns_at(connection: Connection, name: str, moment: datetime) -> list[str]:
    """Return the columns that a table had at `moment` (UTC).

    Raises UnavailableError where Time Travel can't read it.
    """
    from snowflake.connector.errors import Error

    try:
        found = connection.execute(f"select * from {at(name)} limit 0", {"moment": moment}).description
    except (Error, RefusedError) as error:
        says = error.msg if isinstance(error, Error) else error
        raise UnavailableError(
            f"{name} can't be read as it was at {moment:%Y-%m-%d %H:%M:%S} UTC ({says}). Time Travel reaches back "
            "as many days as data_retention_time_in_days of the database says (one, unless it was changed)."
        ) from None
    return [column[0] for column in found]


def at(name: str) -> str:
    """Return what a query reads to find the rows that a table had at its parameter `moment`."""
    return f"{name} at(timestamp => $moment)"


def data_source(connection: SnowflakeConnection) -> dict[str, Any]:
    """Return what `add_sql` of Great Expectations is given, as `access.data_source` says."""
    from sqlalchemy.pool import StaticPool

    # Temporary tables belong to the session, so all of it goes over the one connection.
    options = {"creator": lambda: _Shared(connection.raw), "poolclass": StaticPool}
    return {"connection_string": "snowflake://", "kwargs": options}


class _Shared:
    """A DB-API connection that neither commits nor closes the session of the pipeline."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def autocommit(self, _: bool) -> None:
        """Outside of the pipeline's transactions each statement commits by itself."""

    def commit(self) -> None:
        """The pipeline commits."""

    def rollback(self) -> None:
        """The pipeline rolls back."""

    def close(self) -> None:
        """The pipeline closes."""
