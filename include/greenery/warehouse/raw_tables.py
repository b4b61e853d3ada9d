"""The shop's raw tables in Snowflake as the source of extracts: Time Travel shows them as they were at the as_of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from greenery.settings import WAREHOUSE_CONNECTION, Settings
from greenery.source.folders import ExtractError, LostExtractError, MissingExtractError
from greenery.source.tables import TABLES
from greenery.warehouse.connection import UnavailableError, rows
from greenery.warehouse.snowflake import SnowflakeConnection, open_session
from greenery.warehouse.snowflake_errors import explained

if TYPE_CHECKING:
    import pyarrow as pa

# What Snowflake says, by its numbers.
NOT_THERE, NO_TIME_TRAVEL = 2003, 707


@dataclass(frozen=True)
class RawTable:
    """A raw table as it was at the as_of, in a session; as it is now where there is none.

    name: with database and schema. columns: Snowflake's type of each column; one that the settings rename has our name.
    theirs: the names of such columns in Snowflake, by ours.
    """

    session: SnowflakeConnection
    name: str
    as_of: datetime | None
    columns: dict[str, str]
    theirs: dict[str, str]

    def __str__(self) -> str:
        return self.name

    def batches(self, columns: list[str]) -> Iterator[pa.Table]:
        """Yield the rows in batches, with these columns. Raises LostExtractError, UnavailableError."""
        selected = ", ".join(f"{self.theirs.get(column, column)} as {column}" for column in columns)
        with _explained(self.session, self.name, self.as_of):
            cursor = self.session.raw.cursor()
            cursor.execute(f"select {selected} from {_then(self.name, self.as_of)}")
            # Times have one precision in all batches; finer than microseconds no extract is.
            yield from cursor.fetch_arrow_batches(force_microsecond_precision=True)


@dataclass(frozen=True)
class RawExtract:
    """The raw tables at one as_of. `files` has the tables by name, as for an extract in a folder.

    path: database and schema.
    """

    as_of: datetime
    path: str
    files: dict[str, RawTable]
    events_since: ClassVar = None
    kind: ClassVar = "table"


@contextmanager
def found_extract(settings: Settings, as_of: datetime) -> Iterator[RawExtract]:
    """Yield the raw tables as of `as_of` (naive UTC), to be read while the context lasts.

    Raises MissingExtractError where the week has not ended, LostExtractError where Time Travel does not reach back so
    far, ExtractError where a table is not there, UnavailableError where Snowflake can't be reached.
    """
    _check_names(settings)
    with open_session() as (session, _):
        now = session.execute("select sysdate()").fetchall()[0][0]
        if as_of > now:
            raise MissingExtractError(f"no extract for {as_of:%Y-%m-%d}: in Snowflake it is only {now:%Y-%m-%d %H:%M}.")
        files = {table.name: _table(session, settings, table.name, as_of) for table in TABLES}
        yield RawExtract(as_of=as_of, path=settings.source_place, files=files)


@contextmanager
def table_now(name: str) -> Iterator[RawTable]:
    """Yield a table or view as it is now, to be read while the context lasts.

    name: with database and schema. Raises ExtractError where it is not there, UnavailableError where Snowflake can't be
    reached.
    """
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*){2}", name):
        raise ExtractError(f"{name!r} names no table of Snowflake: write <database>.<schema>.<table>.")
    with open_session() as (session, _):
        yield _described(session, name.upper(), None, {})


def retention(settings: Settings) -> int:
    """Return the days for which Time Travel shows all raw tables. Raises UnavailableError, ExtractError."""
    with open_session() as (session, _):
        return min(_kept(session, _place(settings, table.name))[0] for table in TABLES)


def _check_names(settings: Settings) -> None:
    known = {name for table in TABLES for name in (table.name, *(f"{table.name}.{c.name}" for c in table.columns))}
    if unknown := sorted(settings.source_names.keys() - known):
        raise ExtractError(
            f"GREENERY_SOURCE_NAMES: {', '.join(unknown)} is no table or column of an extract: write names such as "
            f"{TABLES[0].name} or {TABLES[0].name}.{TABLES[0].columns[0].name} before the sign =."
        )


def _place(settings: Settings, table: str) -> str:
    return f"{settings.source_place}.{settings.source_names.get(table, table)}".upper()


def _then(name: str, as_of: datetime | None) -> str:
    if as_of is None:
        return name
    return f"{name} at(timestamp => cast('{as_of:%Y-%m-%d %H:%M:%S} +0000' as timestamp_tz))"


def _table(session: SnowflakeConnection, settings: Settings, table: str, as_of: datetime) -> RawTable:
    theirs = {
        ours.removeprefix(f"{table}."): theirs
        for ours, theirs in settings.source_names.items()
        if ours.startswith(f"{table}.")
    }
    return _described(session, _place(settings, table), as_of, theirs)


def _described(session: SnowflakeConnection, name: str, as_of: datetime | None, theirs: dict[str, str]) -> RawTable:
    from snowflake.connector.constants import FIELD_ID_TO_NAME

    ours = {theirs.lower(): ours for ours, theirs in theirs.items()}
    with _explained(session, name, as_of):
        cursor = session.raw.cursor()
        cursor.execute(f"select * from {_then(name, as_of)} limit 0")
    described = [(column[0].lower(), column[1]) for column in cursor.description]
    columns = {ours.get(column, column): FIELD_ID_TO_NAME[kind] for column, kind in described}
    return RawTable(session=session, name=name, as_of=as_of, columns=columns, theirs=theirs)


@contextmanager
def _explained(session: SnowflakeConnection, name: str, as_of: datetime | None) -> Iterator[None]:
    """Raise what Snowflake says of a raw table as an error with the way out."""
    from snowflake.connector.errors import Error

    try:
        yield
    except Error as error:
        where = f"extract {as_of:%Y-%m-%d}, {name}" if as_of else name
        if as_of and error.errno == NO_TIME_TRAVEL:
            raise LostExtractError(_beyond_retention(session, name, as_of)) from None
        if error.errno == NOT_THERE:
            raise ExtractError(
                f"{where}: there is no such table, or the role of {WAREHOUSE_CONNECTION} may not read it. Grant select "
                "on it, or correct GREENERY_SOURCE_DATABASE, GREENERY_SOURCE_SCHEMA or GREENERY_SOURCE_NAMES."
            ) from None
        broke_off = UnavailableError(f"{where}: Snowflake broke off ({error.msg}): nothing was landed, try again.")
        raise explained(error, session.session) or broke_off from None


def _beyond_retention(session: SnowflakeConnection, name: str, as_of: datetime) -> str:
    days, made = _kept(session, name)
    now: datetime = session.execute("select sysdate()").fetchall()[0][0]
    since = max(now - timedelta(days=days), made)
    why = f"Time Travel keeps {days} day(s) of it"
    if made > now - timedelta(days=days):
        why += f", and the table was made anew on {made:%Y-%m-%d %H:%M}"
    return (
        f"no extract for {as_of:%Y-%m-%d}: Snowflake does not show any more what {name} was then. {why}: weeks that "
        f"end after {since:%Y-%m-%d %H:%M} UTC can still be read. Write the seven tables of this day to files, and run "
        "the week with GREENERY_SOURCE=folders and GREENERY_EXTRACTS=<their folder>. For weeks to come: alter table "
        f"{name} set data_retention_time_in_days = 8, and do not make it anew."
    )


def _kept(session: SnowflakeConnection, name: str) -> tuple[int, datetime]:
    """Return for how many days Time Travel keeps a table, and when it was made (naive UTC)."""
    schema, table = name.rsplit(".", 1)
    found: list[dict[str, Any]] = [
        row for row in rows(session, f"show tables in schema {schema}") if row["name"].upper() == table
    ]
    if not found:
        raise ExtractError(f"{name} is no table that Time Travel keeps: name a table, not a view.")
    made: datetime = found[0]["created_on"]
    return int(found[0]["retention_time"]), (made - (made.utcoffset() or timedelta())).replace(tzinfo=None)
