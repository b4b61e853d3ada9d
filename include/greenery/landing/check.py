"""Read one table of an extract, check its values and keys, and keep its typed rows for the landing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb

from greenery.landing import raw_rows, reading
from greenery.landing.values import doubtful_fraction, expected, is_no_value, placeholders, remedy, says_nothing, typed
from greenery.source.folders import ExtractError, ExtractFolder
from greenery.source.tables import MONEY, TABLES, TEXT, Column, RowSource, Table
from greenery.warehouse.raw_tables import RawExtract

NAMED_KEYS = 5
# This share of a week's events, or this number of them, may be delivered again with another time.
REDELIVERED_SHARE, FEW_REDELIVERED = 0.1, 10
# Tables by their key. Such a key is taken as it is written, even if its text usually means "no value".
NAMED = {table.key[0]: table for table in TABLES if len(table.key) == 1 and table.name != "events"}


def typed_rows(table: Table) -> str:
    """Return the name of the temporary table with the table's typed rows, each once."""
    return f"temp.typed_{table.name}"


def read_table(connection: duckdb.DuckDBPyConnection, folder: ExtractFolder | RawExtract, table: Table) -> list[str]:
    """Read one table into `typed_rows`; return the warnings. The tables to which its ids refer must be read before it.

    Raises ExtractError if the file can't be read, a column is missing, or a value or key is wrong.
    """
    return read_rows(connection, table, f"extract {folder.as_of:%Y-%m-%d}", folder.files[table.name], folder.as_of)


def read_rows(
    connection: duckdb.DuckDBPyConnection, table: Table, extract: str, source: Path | RowSource, as_of: datetime
) -> list[str]:
    """Read the table from its file, its folder or a database, as `read_table` says.

    extract: what is read, for errors.
    """
    if isinstance(source, Path):
        raw, warnings = reading.read(connection, table, extract, source)
    else:
        raw, warnings = raw_rows.read(connection, table, extract, source)
    with reading.readable(raw.where):
        nothing = {column.name: _nothing(connection, table, column) for column in table.columns}
        _read_values(connection, table, nothing)
        if connection.execute(f"select bool_or(is_doubtful) from read_{table.name}").fetchall()[0][0]:
            warnings += _check_values(connection, table, raw, nothing)
        _check_fractions(connection, table, raw)
        connection.execute(f"drop {raw.kind} raw_{table.name}")
        connection.execute(f"alter table read_{table.name} drop column is_doubtful")
        connection.execute(f"drop table if exists {typed_rows(table)}")
        connection.execute(f"alter table read_{table.name} rename to typed_{table.name}")
        warnings += _check_keys(connection, table, as_of, raw)
        return warnings + _unexpected_values(connection, table, raw.source.name)


def _read_values(connection: duckdb.DuckDBPyConnection, table: Table, nothing: dict[str, str]) -> None:
    """Read the texts of raw_<table> as typed values into read_<table>, in their order.

    is_doubtful: whether `_check_values` finds anything in the row.
    """
    values = ", ".join(
        f"{typed(column, nothing[column.name])} as {column.name}, raw.{column.name} is not null as has_{column.name}"
        for column in table.columns
    )
    doubts = [f"(has_{column.name} and {column.name} is null)" for column in table.landed]
    doubts += [f"contains({column.name}, chr(0))" for column in table.landed if column.type == TEXT]
    doubts += [f"{name} is null or {_repeats_name(name, name)}" for name in table.key]
    names = ", ".join(column.name for column in table.columns)
    connection.execute(f"""
        create or replace temp table read_{table.name} as
        select {names}, coalesce({" or ".join(doubts)}, false) as is_doubtful
        from (select {values} from raw_{table.name} as raw)
    """)


def _repeats_name(value: str, name: str) -> str:
    """Return the condition (SQL) that is true if the value is the name of its column."""
    return f"lower(trim({value}::varchar, ' \ufeff')) = '{name}'"


def _nothing(connection: duckdb.DuckDBPyConnection, table: Table, column: Column) -> str:
    """Return the condition (SQL) that is true if a raw text of the column means that there is no value."""
    named = NAMED.get(column.name)
    if named is None or named.name == table.name:
        return is_no_value(column, is_key=named is not None)
    keys = connection.execute(placeholders(typed_rows(named), column)).fetchall()
    return is_no_value(column, named=[key for (key,) in keys])


def _check_values(
    connection: duckdb.DuckDBPyConnection, table: Table, raw: reading.Raw, nothing: dict[str, str]
) -> list[str]:
    """Return a warning for each column with texts that mean "no value".

    nothing: for each column the condition (SQL) that finds these texts.

    Raises ExtractError for the first value of the wrong type, or the first empty key.
    """
    checked = table.landed

    def is_fault(column: Column) -> str:
        fault = f"{is_unread(column)} and not ({nothing[column.name]})" if expected(column) else "false"
        if column.name in table.key:
            fault = f"read.{column.name} is null or {_repeats_name(f'raw.{column.name}', column.name)}"
        return f"{fault} or contains(raw.{column.name}, chr(0))"

    def is_unread(column: Column) -> str:
        return f"raw.{column.name} is not null and read.{column.name} is null"

    facts = ", ".join(
        f"min(raw.rowid) filter ({is_fault(column)}), count(*) filter ({is_unread(column)}), "
        f"min(raw.{column.name}) filter ({is_unread(column)})"
        for column in checked
    )
    found = connection.execute(
        f"select {facts} from raw_{table.name} as raw inner join read_{table.name} as read on raw.rowid = read.rowid"
    ).fetchall()[0]
    faults = [(row, column) for row, column in zip(found[::3], checked, strict=True) if row is not None]
    if faults:
        row, column = min(faults, key=lambda fault: fault[0])
        text = _raw_text(connection, table, column.name, row)
        place = _row(connection, table, raw, row)
        where = f"{place}, column {column.name}"
        if column.name in table.key and (text is None or says_nothing(text)):
            written = "" if text is None else f" ({text[:80]!r})"
            raise ExtractError(f"{where}: the key is empty{written}: every row of {table.name} needs one.")
        if "\0" in (text or ""):
            raise ExtractError(f"{where}: {text[:80]!r} has a zero byte, which is no text: export the file again.")
        if column.name in table.key and text.strip(" \ufeff").lower() == column.name:
            raise ExtractError(
                f"{place}: it repeats the names of the columns, as files do that were joined: remove the line."
            )
        raise ExtractError(f"{where}: {text[:80]!r} is not {expected(column)}: {remedy(column, text)}.")
    return [
        f"{raw.source.name}: {count} value(s) of {column.name}, such as {text!r}, were read as empty"
        for column, count, text in zip(checked, found[1::3], found[2::3], strict=True)
        if count
    ]


def _check_fractions(connection: duckdb.DuckDBPyConnection, table: Table, raw: reading.Raw) -> None:
    """Raise ExtractError for a column of amounts in which the points may separate thousands."""
    amounts = [column for column in table.columns if column.type == MONEY]
    if not amounts:
        return
    doubtful = ", ".join(doubtful_fraction(column) for column in amounts)
    found = connection.execute(f"select {doubtful} from raw_{table.name} as raw").fetchall()[0]
    for column, row in zip(amounts, found, strict=True):
        if row is not None:
            text = _raw_text(connection, table, column.name, row)
            raise ExtractError(
                f"{_row(connection, table, raw, row)}, column {column.name}: {text!r} may be thousands or thousandths, "
                "like all fractions of the column: write amounts with two digits after the decimal point."
            )


def _row(connection: duckdb.DuckDBPyConnection, table: Table, raw: reading.Raw, row: int) -> str:
    """Return extract, file and row for errors. The rows of a database have no order: their key names one."""
    if isinstance(raw.source, Path):
        return raw.row(row)
    key = ", ".join(f"{name} {_raw_text(connection, table, name, row)!r}" for name in table.key)
    return f"{raw.where}, the row with {key}"


def _raw_text(connection: duckdb.DuckDBPyConnection, table: Table, column: str, row: int) -> str:
    query = f"select {column} from raw_{table.name} where rowid = ?"
    text: str = connection.execute(query, [row]).fetchall()[0][0]
    return text


def _check_keys(connection: duckdb.DuckDBPyConnection, table: Table, as_of: datetime, raw: reading.Raw) -> list[str]:
    """Return a warning with the number of events of which the earliest row was taken, if there are any.

    Raises ExtractError if rows with the same key have different content.
    """
    key = ", ".join(table.key)
    query = f"select {key} from {typed_rows(table)} group by all having count(*) > 1 order by all"
    twice = connection.execute(query).fetchall()
    if twice:
        distinct = f"create or replace temp table typed_{table.name} as select distinct * from {typed_rows(table)}"
        twice = connection.execute(distinct).execute(query).fetchall()
    warnings = []
    if twice and table.name == "events" and (taken := _take_earliest(connection, table, as_of)):
        warnings = [f"{raw.source.name}: {taken} event(s) are there again with another time: the earliest was taken"]
        twice = connection.execute(query).fetchall()
    if twice:
        named = "; ".join(", ".join(map(str, values)) for values in twice[:NAMED_KEYS])
        more = f" and {len(twice) - NAMED_KEYS} more" if len(twice) > NAMED_KEYS else ""
        raise ExtractError(
            f"{raw.where}: {len(twice)} value(s) of the key ({key}) have rows with different content: {named}{more}. "
            "Keep one row for each."
        )
    return warnings


def _take_earliest(connection: duckdb.DuckDBPyConnection, table: Table, as_of: datetime) -> int:
    """Keep the earliest row of each event whose rows differ only in their time; return the number of these events.

    Nothing is done if they are more than ten, and more than a tenth of the events of a week.
    """
    others = ", ".join(column.name for column in table.columns if column.name not in ("event_id", "created_at"))
    events = typed_rows(table)
    connection.execute(f"""
        create or replace temp table redelivered as
        with twice as (select event_id from {events} group by event_id having count(*) > 1)
        select event_id, min(created_at) as created_at, max(created_at) as delivered_at
        from {events} where event_id in (from twice)
        group by event_id
        having count(created_at) = count(*) and count(distinct ({others})) = 1
    """)

    def week(moment: str) -> str:
        return f"floor(epoch(timestamp '{as_of}' - {moment}) / (7 * 86400))"

    count, is_few = connection.execute(f"""
        with of_weeks as (
            select {week("created_at")} as week, count(distinct event_id) as events from {events} group by all
        ),
        -- Their earliest times may lie in many weeks, the fault that sent them again lies in one.
        redelivered_of_weeks as (
            select {week("delivered_at")} as week, count(*) as redelivered from redelivered group by all
        )
        select
            coalesce(sum(redelivered), 0),
            coalesce(bool_and(redelivered <= {FEW_REDELIVERED} or redelivered <= {REDELIVERED_SHARE} * events), true)
        from redelivered_of_weeks inner join of_weeks using (week)
    """).fetchall()[0]
    if not is_few:
        return 0
    connection.execute(f"""
        delete from {events} using redelivered
        where typed_{table.name}.event_id = redelivered.event_id
        and typed_{table.name}.created_at > redelivered.created_at
    """)
    return int(count)


def _unexpected_values(connection: duckdb.DuckDBPyConnection, table: Table, file_name: str) -> list[str]:
    warnings = []
    for column in table.landed:
        if column.known_values:
            known = ", ".join(f"'{value}'" for value in column.known_values)
            found = connection.execute(
                f"select {column.name}, count(*) from {typed_rows(table)} where {column.name} not in ({known}) "
                "group by all order by all limit 5"
            ).fetchall()
            warnings += [
                f"{file_name}: {count} row(s) with the unknown {column.name} {value!r}" for value, count in found
            ]
        if column.required and column.name not in table.key:
            query = f"select count(*) - count({column.name}), count({column.name}) from {typed_rows(table)}"
            empty, filled = connection.execute(query).fetchall()[0]
            # A shop may never fill a column such as inventory. So there is a warning only if a figure needs the column,
            # or if some rows have a value.
            if column.name == "session_id" and empty:
                warnings.append(f"{file_name}: {empty} event(s) without a session_id: they count in no session")
            elif empty and (column.shown or filled):
                warnings.append(f"{file_name}: {empty} row(s) with an empty {column.name}")
    return warnings
