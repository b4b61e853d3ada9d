"""Land one extract: read its files, check every value, keep it whole or not at all."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path
from typing import Literal

import duckdb
from pydantic import BaseModel

from greenery.landing import ledger
from greenery.landing.extract import Extract
from greenery.settings import Settings
from greenery.source.folders import ExtractError, ExtractFolder, MissingExtractError, find_extract
from greenery.source.tables import MONEY, TABLES, TIME, Column, Table
from greenery.warehouse.duckdb import connect, rows, transaction
from greenery.week import WEEKDAYS

SHRINK_LIMIT = 0.5
NAMED_KEYS = 5


class Landing(BaseModel, frozen=True):
    """The outcome of a landing.

    outcome: 'landed', 'unchanged' (the source equals the landed extract) or 'source gone' (the landed extract is used).
    rows: table name to number of rows. warnings: one sentence each.
    """

    as_of: datetime
    extract_id: str
    outcome: Literal["landed", "unchanged", "source gone"]
    rows: dict[str, int]
    warnings: list[str]


def land(settings: Settings, as_of: datetime, *, reextract: bool = False, accept_shrink: bool = False) -> Landing:
    """Land the extract as of `as_of` (naive UTC, the end of a week).

    reextract: replace the landed extract of the week if the files have other content now.
    accept_shrink: land it though more than half of its predecessor's orders or events are gone.

    Raises ExtractError, with nothing landed, if the extract is missing, broken or shrunk, or if it differs from the
    landed extract or was withdrawn and `reextract` is not set; SettingError if `as_of` does not end a week.
    """
    as_of = settings.check_as_of(as_of)
    with connect(settings) as connection:
        _check_week_end(connection, settings)
        landed = ledger.newest(connection, as_of)
        if landed and landed.withdrawn and not reextract:
            raise ExtractError(
                f"the extract {as_of:%Y-%m-%d} was withdrawn ({landed.reason}). "
                'To bring it back, corrected or as it is, run the week with {"reextract": true}.'
            )
        try:
            folder = find_extract(settings, as_of)
        except MissingExtractError:
            if landed is None:
                raise
            return _kept(landed, "source gone")
        warnings = []
        for table in TABLES:
            warnings += _read(connection, folder, table)
        content_hash = _content_hash(connection, folder)
        if landed and landed.content_hash == content_hash:
            return _kept(landed, "unchanged")
        if landed and not reextract:
            difference = _difference(connection, landed)
            raise ExtractError(
                f"extract {as_of:%Y-%m-%d}: the files in {folder.path} differ from the landed extract ({difference}"
                '). If the new files are right, run the week with {"reextract": true}. If not, restore the old ones.'
            )
        # Not kept with the extract: what is kept must not depend on the extracts that were landed before it.
        warnings_beside_others = _check_shrink(connection, folder, accept_shrink=accept_shrink)
        row_counts = {table.name: _count(connection, table) for table in TABLES}
        extract_id = f"{as_of:%Y-%m-%d}-{content_hash[:16]}"
        landing = Landing(
            as_of=as_of,
            extract_id=extract_id,
            outcome="landed",
            rows=row_counts,
            warnings=warnings + warnings_beside_others,
        )
        with transaction(connection):
            # Content that was landed before and not built yet is replaced. Content in use stays until its week is built
            # again.
            ledger.forget(
                connection,
                "as_of = $as_of and state = 'landed' and extract_id <> $extract_id "
                "and extract_id not in (select extract_id from landing.build_lock)",
                {"as_of": as_of, "extract_id": extract_id},
            )
            if rows(connection, "select 1 from landing.extracts where extract_id = $id", {"id": extract_id}):
                # The files have the content in use again, and no build has used the other content.
                return landing.model_copy(update={"outcome": "unchanged"})
            connection.execute(
                """
                insert into landing.extracts
                (extract_id, as_of, state, content_hash, events_since, accept_shrink, row_counts, warnings)
                values (?, ?, 'landed', ?, ?, ?, ?, ?)
                """,
                [
                    extract_id,
                    as_of,
                    content_hash,
                    folder.events_since,
                    accept_shrink,
                    json.dumps(row_counts),
                    json.dumps(warnings, ensure_ascii=False),
                ],
            )
            for table in TABLES:
                names = ", ".join(column.name for column in table.landed)
                connection.execute(
                    f"insert into landing.{table.name} (extract_id, {names}) select ?, {names} from {_typed(table)}",
                    [extract_id],
                )
    return landing


def _kept(landed: Extract, outcome: Literal["unchanged", "source gone"]) -> Landing:
    return Landing(
        as_of=landed.as_of,
        extract_id=landed.extract_id,
        outcome=outcome,
        rows=landed.row_counts,
        warnings=landed.warnings,
    )


def _check_week_end(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    found = rows(connection, "select week_ends_on from landing.settings")
    if not found:
        connection.execute("insert into landing.settings values (?)", [settings.week_ends_on])
    elif found[0]["week_ends_on"] != settings.week_ends_on:
        fixed = WEEKDAYS[found[0]["week_ends_on"]]
        raise ExtractError(
            f"weeks end on {fixed} in {settings.warehouse}, because its first extract was landed so: "
            f"set GREENERY_WEEK_ENDS_ON={fixed}, or use another GREENERY_HOME."
        )


def _raw(table: Table) -> str:
    return f"temp.raw_{table.name}"


def _typed(table: Table) -> str:
    return f"temp.typed_{table.name}"


def _count(connection: duckdb.DuckDBPyConnection, table: Table) -> int:
    return int(connection.execute(f"select count(*) from {_typed(table)}").fetchall()[0][0])


def _read(connection: duckdb.DuckDBPyConnection, folder: ExtractFolder, table: Table) -> list[str]:
    """Read one table's file into a temporary table of typed, distinct rows; return the warnings."""
    file = folder.files[table.name]
    where = f"extract {folder.as_of:%Y-%m-%d}, {file}"
    try:
        names = _column_names(connection, file)
        warnings = _check_columns(table, names, where)
        _load_raw(connection, table, file, names)
    except (duckdb.Error, UnicodeDecodeError, csv.Error) as error:
        raise ExtractError(f"{where}: can't be read ({_reason(error)}): export the file again.") from None
    _check_values(connection, table, where)
    connection.execute(
        f"create or replace temp table typed_{table.name} as select distinct "
        + ", ".join(f"{_cast(column)} as {column.name}" for column in table.columns)
        + f" from {_raw(table)}"
    )
    _check_keys(connection, table, where)
    return warnings + _unexpected_values(connection, table, file.name)


def _reason(error: Exception) -> str:
    """Return the error in a file, without the line that DuckDB quotes, because it may hold personal data."""
    first, *others = str(error).strip().splitlines()
    explanations = ("Expected Number of Columns", "Value with unterminated quote", "Invalid unicode")
    return ", ".join([first.removeprefix("Invalid Input Error: "), *(o for o in others if o.startswith(explanations))])


def _column_names(connection: duckdb.DuckDBPyConnection, file: Path) -> list[str]:
    """Return the file's column names, lower case, in the file's order."""
    if file.suffix == ".parquet":
        described = rows(
            connection, "select name from parquet_schema($file) where num_children is null", {"file": str(file)}
        )
        names = [row["name"] for row in described]
    else:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            names = next(csv.reader(handle), [])
    return [name.strip().lower() for name in names]


def _check_columns(table: Table, names: list[str], where: str) -> list[str]:
    missing = [column.name for column in table.columns if column.name not in names]
    if missing:
        raise ExtractError(
            f"{where}: column {', '.join(missing)} is missing; "
            f"expected {', '.join(column.name for column in table.columns)}. Add it to the file."
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ExtractError(f"{where}: column {', '.join(twice)} is there twice: keep one.")
    known = {column.name for column in table.columns}
    return [f"{Path(where).name}: unknown column {name!r} was not landed" for name in names if name not in known]


def _load_raw(connection: duckdb.DuckDBPyConnection, table: Table, file: Path, names: list[str]) -> None:
    """Load the file as it is; the row's position is kept as rowid, for messages."""
    if file.suffix == ".parquet":
        source = "read_parquet($file)"
    else:
        # The types and the dialect are given: guessing would let one odd row change how the others are read.
        columns = ", ".join(f"{_quoted(name, chr(39))}: 'VARCHAR'" for name in names)
        source = (
            f"read_csv($file, auto_detect = false, header = true, columns = {{{columns}}}, delim = ',', quote = '\"', "
            "escape = '\"', nullstr = '', encoding = 'utf-8', max_line_size = 16777216)"
        )
    wanted = ", ".join(f"{_quoted(column.name, chr(34))} as {column.name}" for column in table.columns)
    connection.execute(
        f"create or replace temp table raw_{table.name} as select {wanted} from {source}", {"file": str(file)}
    )


def _quoted(name: str, mark: str) -> str:
    return mark + name.replace(mark, mark * 2) + mark


def _cast(column: Column) -> str:
    """Return the expression that reads a raw value as the column's type, NULL where it can't be read."""
    if column.type == TIME:
        moment = f"try_cast(try_cast({column.name} as timestamptz) as timestamp)"
        return f"case when {moment} between timestamp '1900-01-01' and timestamp '9999-12-31' then {moment} end"
    if column.type == MONEY:
        return f"try_cast({column.name} as {MONEY})"
    if column.type == "BIGINT":
        number = f"try_cast({column.name} as decimal(30, 6))"
        return f"case when {number} = trunc({number}) then try_cast({number} as bigint) end"
    return f"cast({column.name} as varchar)"


EXPECTED = {
    TIME: "a time such as 2023-02-01T12:00:00Z, between the years 1900 and 9999",
    MONEY: "an amount such as 12.50",
    "BIGINT": "a whole number",
}


def _check_values(connection: duckdb.DuckDBPyConnection, table: Table, where: str) -> None:
    """Raise ExtractError for the first value of the wrong type, or the first empty key."""
    problems = {
        column.name: f"{column.name} is null or {column.name} = ''"
        if column.name in table.key
        else f"{column.name} is not null and {_cast(column)} is null"
        for column in table.columns
        if column.name in table.key or column.type in EXPECTED
    }
    firsts = ", ".join(f"min(rowid) filter (where {problem}) as {name}" for name, problem in problems.items())
    found = rows(connection, f"select {firsts} from {_raw(table)}")[0]
    bad = {name: row for name, row in found.items() if row is not None}
    if not bad:
        return
    name, row = min(bad.items(), key=lambda item: item[1])
    position = f"{where}, row {row + 1}, column {name}"
    if name in table.key:
        raise ExtractError(f"{position}: the key is empty: every row of {table.name} needs one.")
    value = connection.execute(f"select {name}::varchar from {_raw(table)} where rowid = ?", [row]).fetchall()[0][0]
    type = next(column.type for column in table.columns if column.name == name)
    raise ExtractError(f"{position}: {value[:80]!r} is not {EXPECTED[type]}: correct the value.")


def _check_keys(connection: duckdb.DuckDBPyConnection, table: Table, where: str) -> None:
    key = ", ".join(table.key)
    twice = connection.execute(
        f"select {key} from {_typed(table)} group by all having count(*) > 1 order by all"
    ).fetchall()
    if twice:
        named = "; ".join(", ".join(values) for values in twice[:NAMED_KEYS])
        more = f" and {len(twice) - NAMED_KEYS} more" if len(twice) > NAMED_KEYS else ""
        raise ExtractError(
            f"{where}: {len(twice)} value(s) of the key ({key}) have rows with different content: {named}{more}. "
            "Keep one row for each."
        )


def _unexpected_values(connection: duckdb.DuckDBPyConnection, table: Table, file_name: str) -> list[str]:
    warnings = []
    for column in table.landed:
        if column.known_values:
            known = ", ".join(f"'{value}'" for value in column.known_values)
            found = connection.execute(
                f"select {column.name}, count(*) from {_typed(table)} where {column.name} not in ({known}) "
                "group by all order by all limit 5"
            ).fetchall()
            warnings += [
                f"{file_name}: {count} row(s) with the unknown {column.name} {value!r}" for value, count in found
            ]
        if column.required and column.name not in table.key:
            query = f"select count(*) from {_typed(table)} where {column.name} is null"
            if empty := connection.execute(query).fetchall()[0][0]:
                warnings.append(f"{file_name}: {empty} row(s) with an empty {column.name}")
    return warnings


def _content_hash(connection: duckdb.DuckDBPyConnection, folder: ExtractFolder) -> str:
    """Return a hash (hex) of the typed rows that would be landed, whatever their order in the files."""
    parts = [str(folder.events_since)]
    for table in TABLES:
        row = ", ".join(f"'{column.name}', {column.name}" for column in table.landed)
        key = ", ".join(table.key)
        # Key order makes the hash one of sorted rows; hashing each row first keeps the sorted text short.
        hashes = f"string_agg(md5(json_object({row})::varchar), '' order by {key})"
        parts.append(
            connection.execute(f"select coalesce(md5({hashes}), 'empty') from {_typed(table)}").fetchall()[0][0]
        )
    return str(connection.execute("select md5(?)", [" ".join(parts)]).fetchall()[0][0])


def _difference(connection: duckdb.DuckDBPyConnection, landed: Extract) -> str:
    """Count, for each table, the landed rows that are gone from the source and the rows of the source that are not
    landed."""
    parts = []
    for table in TABLES:
        names = ", ".join(column.name for column in table.landed)
        kept = f"select {names} from landing.{table.name} where extract_id = $extract_id"
        offered = f"select {names} from {_typed(table)}"
        added, gone = (
            connection.execute(f"select count(*) from ({query})", {"extract_id": landed.extract_id}).fetchall()[0][0]
            for query in (f"{offered} except {kept}", f"{kept} except {offered}")
        )
        if added or gone:
            parts.append(f"{table.name}: {added} row(s) new or changed, {gone} gone or changed")
    return "; ".join(parts) or "events_since has changed"


def _check_shrink(connection: duckdb.DuckDBPyConnection, folder: ExtractFolder, *, accept_shrink: bool) -> list[str]:
    """Compare with the neighbouring extracts; return warnings.

    Raises ExtractError where the extract lost more than half of its predecessor, unless that is accepted.
    """
    warnings = []
    for neighbour in _neighbours(connection, folder.as_of):
        name = f"{neighbour.as_of:%Y-%m-%d}"
        for table, key in (("orders", "order_id"), ("events", "event_id")):
            offered = f"select {key}, created_at from temp.typed_{table}"
            landed = f"select {key}, created_at from landing.{table} where extract_id = '{neighbour.extract_id}'"
            if neighbour.as_of < folder.as_of:
                known, gone = _gone(connection, table, key, landed, offered, folder.events_since)
            else:
                known, gone = _gone(connection, table, key, offered, landed, neighbour.events_since)
            if gone <= known * SHRINK_LIMIT:
                continue
            share = f"{gone} of {known} {key}s"
            if neighbour.as_of > folder.as_of:
                warnings.append(f"the later extract {name} now looks shrunk: it lacks {share} of this extract")
            elif accept_shrink:
                warnings.append(f"accepted: {folder.files[table].name} lacks {share} of the extract {name}")
            else:
                raise ExtractError(
                    f"extract {folder.as_of:%Y-%m-%d}, {folder.files[table]}: the file lacks {share} of the extract "
                    f"{name}, more than half. If the shop really shrank, run the week with "
                    '{"accept_shrink": true}. If not, export the table again.'
                )
    return warnings


def _neighbours(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> list[Extract]:
    """Return the newest extract before and the oldest after `as_of` that are not held."""
    query = """
        select * from landing.extracts
        where state <> 'held' and as_of <> $as_of
        qualify row_number() over (
            partition by as_of < $as_of
            order by abs(datediff('second', as_of, $as_of::timestamp)), state = 'landed' desc
        ) = 1
        order by as_of
    """
    return [Extract.model_validate(row) for row in rows(connection, query, {"as_of": as_of})]


def _gone(
    connection: duckdb.DuckDBPyConnection, table: str, key: str, older: str, newer: str, since: datetime | None
) -> tuple[int, int]:
    """Return how many keys the older rows have, and how many of them the newer rows lack.

    since: start of the newer extract's window of events; older events before it do not count.
    """
    window = f"where created_at >= timestamp '{since}'" if table == "events" and since else ""
    return connection.execute(
        f"""
        with older as (select {key} from ({older}) {window}), newer as (select {key} from ({newer}))
        select count(*), count(*) filter ({key} not in (from newer)) from older
        """
    ).fetchall()[0]
