"""Land one extract: read its tables, check every value, keep it whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel

from greenery.landing import finding, importing, ledger
from greenery.landing.check import read_table, typed_rows
from greenery.landing.extract import Extract
from greenery.settings import Settings
from greenery.source.folders import ExtractError, ExtractFolder, MissingExtractError
from greenery.source.tables import TABLES, Table
from greenery.warehouse.access import connect, offer, reader
from greenery.warehouse.connection import Connection, rows, transaction
from greenery.warehouse.raw_tables import RawExtract
from greenery.week import WEEKDAYS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SHRINK_LIMIT = 0.5
# The beginning of the name of the folder for a landing's temporary files.
SCRATCH = ".landing-"
# A table comes after the tables to which its ids refer.
READING_ORDER = {
    table.name: table
    for name in ("promos", "products", "addresses", "users", "orders", "order_items", "events")
    for table in TABLES
    if table.name == name
}


class Landing(BaseModel, frozen=True):
    """The outcome of a landing.

    outcome: 'landed', 'unchanged' (the source equals the landed extract) or 'source gone' (the landed extract is used).
    rows: the number of rows, by table. warnings: one sentence each.
    """

    as_of: datetime
    extract_id: str
    outcome: Literal["landed", "unchanged", "source gone"]
    rows: dict[str, int]
    warnings: list[str]


def land(settings: Settings, as_of: datetime, *, reextract: bool = False, accept_shrink: bool = False) -> Landing:
    """Land the extract as of `as_of` (naive UTC, the end of a week).

    reextract: whether to replace the landed extract of the week if the source has other content now.
    accept_shrink: whether to land it even if it lacks more than half of the orders or events of the extract before.

    Raises ExtractError, with nothing landed, if the extract is missing, broken or shrunk, or if it differs from the
    landed extract or was withdrawn and `reextract` is not set; SettingError if `as_of` does not end a week.
    """
    as_of = settings.check_as_of(as_of)
    with connect(settings) as connection:
        _check_week_end(connection, settings)
        importing.check_follows(connection, as_of)
        landed = ledger.newest(connection, as_of)
        if landed and landed.withdrawn and not reextract:
            raise ExtractError(
                f"the extract {as_of:%Y-%m-%d} was withdrawn ({landed.reason}). "
                'To bring it back, corrected or as it is, run the week with {"reextract": true}.'
            )
        try:
            with finding.found_extract(settings, as_of) as found:
                # A landing that was killed leaves its folder. No other landing is under way: this one has the warehouse
                # open.
                for left_over in settings.home.glob(f"{SCRATCH}*"):
                    shutil.rmtree(left_over)
                with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=settings.home) as scratch:
                    place = Path(scratch)
                    # DuckDB reads and checks the rows, whichever warehouse the rows go to.
                    with reader(settings, connection, place) as read:
                        return _land(
                            connection, read, place, found, landed, reextract=reextract, accept_shrink=accept_shrink
                        )
        except MissingExtractError:
            if landed is None:
                raise
            return _kept(landed, "source gone")


def _land(
    connection: Connection,
    read: DuckDBPyConnection,
    scratch: Path,
    folder: ExtractFolder | RawExtract,
    landed: Extract | None,
    *,
    reextract: bool,
    accept_shrink: bool,
) -> Landing:
    """Land the tables of the extract `folder`, as `land` describes.

    read: the DuckDB that reads and checks the rows. scratch: an empty folder for temporary files.
    landed: the landed extract of the week; None if there is none.
    """
    as_of = folder.as_of
    found = {name: read_table(read, folder, table) for name, table in READING_ORDER.items()}
    warnings = [warning for table in TABLES for warning in found[table.name]]
    content_hash = _content_hash(read, folder)
    if landed and landed.content_hash == content_hash:
        return _kept(landed, "unchanged")
    row_counts = {table.name: _count(read, table) for table in TABLES}
    for table in TABLES:
        offer(connection, table, offered_rows(table), read, typed_rows(table), scratch)
    if landed and not reextract:
        difference = _difference(connection, landed, folder)
        # An earlier version of the code hashed the content in another way.
        if not difference:
            return _kept(landed, "unchanged")
        raise ExtractError(
            f"extract {as_of:%Y-%m-%d}: the {folder.kind}s in {folder.path} differ from the landed extract "
            f"({difference}). If the new {folder.kind}s are right, run the week with "
            '{"reextract": true}. If not, restore the old ones.'
        )
    # These warnings are not stored, because a stored extract must not depend on what was landed before it.
    warnings_beside_others = _check_shrink(connection, folder, accept_shrink=accept_shrink)
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
        if rows(connection, "select extract_id from landing.extracts where extract_id = $id", {"id": extract_id}):
            # The files have the content that is in use again. No build has used the other content.
            return landing.model_copy(update={"outcome": "unchanged"})
        connection.execute(
            """
            insert into landing.extracts
            (extract_id, as_of, state, content_hash, events_since, accept_shrink, row_counts, warnings)
            values (
                $extract_id, $as_of, 'landed', $content_hash, $events_since, $accept_shrink, $row_counts, $warnings
            )
            """,
            {
                "extract_id": extract_id,
                "as_of": as_of,
                "content_hash": content_hash,
                "events_since": folder.events_since,
                "accept_shrink": accept_shrink,
                "row_counts": json.dumps(row_counts),
                "warnings": json.dumps(warnings, ensure_ascii=False),
            },
        )
        for table in TABLES:
            names = ", ".join(column.name for column in table.landed)
            connection.execute(
                f"insert into landing.{table.name} (extract_id, {names}) "
                f"select $extract_id, {names} from {offered_rows(table)}",
                {"extract_id": extract_id},
            )
    return landing


def offered_rows(table: Table) -> str:
    """Return the name of the temporary relation of the table's rows in the warehouse, before they are landed."""
    return f"offered_{table.name}"


def _kept(landed: Extract, outcome: Literal["unchanged", "source gone"]) -> Landing:
    return Landing(
        as_of=landed.as_of,
        extract_id=landed.extract_id,
        outcome=outcome,
        rows=landed.row_counts,
        warnings=landed.warnings,
    )


def _check_week_end(connection: Connection, settings: Settings) -> None:
    found = rows(connection, "select week_ends_on from landing.settings")
    if not found:
        connection.execute("insert into landing.settings values ($day)", {"day": settings.week_ends_on})
    elif found[0]["week_ends_on"] != settings.week_ends_on:
        fixed = WEEKDAYS[found[0]["week_ends_on"]]
        raise ExtractError(
            f"weeks end on {fixed} in {settings.warehouse}, because its first extract was landed so: "
            f"set GREENERY_WEEK_ENDS_ON={fixed}, or use another GREENERY_HOME."
        )


def _count(connection: DuckDBPyConnection, table: Table) -> int:
    return int(connection.execute(f"select count(*) from {typed_rows(table)}").fetchall()[0][0])


def _content_hash(connection: DuckDBPyConnection, folder: ExtractFolder | RawExtract) -> str:
    """Return a hash (hex) of events_since and of the typed rows to land. The order of the rows does not change it."""
    parts = [str(folder.events_since)]
    for table in TABLES:
        # No text is empty or has a zero byte, so this text has one meaning. Every row is there once, so none cancels
        # another one out.
        values = ", ".join(f"coalesce({column.name}::varchar, '')" for column in table.landed)
        query = f"select count(*), bit_xor(md5_number(concat_ws(chr(0), {values}))) from {typed_rows(table)}"
        parts += map(str, connection.execute(query).fetchall()[0])
    return str(connection.execute("select md5(?)", [" ".join(parts)]).fetchall()[0][0])


def _difference(connection: Connection, landed: Extract, folder: ExtractFolder | RawExtract) -> str:
    """Return a text with the number of rows, for each table, that are new in the source or gone from it.

    It is empty if the content is the same.
    """
    parts = []
    for table in TABLES:
        names = ", ".join(column.name for column in table.landed)
        kept = f"select {names} from landing.{table.name} where extract_id = $extract_id"
        offered = f"select {names} from {offered_rows(table)}"
        added, gone = (
            connection.execute(f"select count(*) from ({query})", {"extract_id": landed.extract_id}).fetchall()[0][0]
            for query in (f"{offered} except {kept}", f"{kept} except {offered}")
        )
        if added or gone:
            parts.append(f"{table.name}: {added} row(s) new or changed, {gone} gone or changed")
    if landed.events_since != folder.events_since:
        parts.append("events_since has changed")
    return "; ".join(parts)


def _check_shrink(connection: Connection, folder: ExtractFolder | RawExtract, *, accept_shrink: bool) -> list[str]:
    """Compare with the neighbouring extracts; return warnings.

    Raises ExtractError if the extract lacks more than half of the orders or events of the extract before, unless
    `accept_shrink` is set.
    """
    warnings = []
    for neighbour in _neighbours(connection, folder.as_of):
        name = f"{neighbour.as_of:%Y-%m-%d}"
        for table, key in (("orders", "order_id"), ("events", "event_id")):
            offered = f"select {key}, created_at from offered_{table}"
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
                    f"extract {folder.as_of:%Y-%m-%d}, {folder.files[table]}: the {folder.kind} lacks {share} of the "
                    f"extract {name}, more than half. If the shop really shrank, run the week with "
                    '{"accept_shrink": true}. If not, export the table again.'
                )
    return warnings


def _neighbours(connection: Connection, as_of: datetime) -> list[Extract]:
    """Return the newest extract before and the oldest after `as_of` that are not held."""
    query = """
        select * from landing.extracts
        where state <> 'held' and as_of <> $as_of
        qualify row_number() over (
            partition by as_of < $as_of
            order by abs(datediff('second', as_of, $as_of)), state = 'landed' desc
        ) = 1
        order by as_of
    """
    return [Extract.model_validate(row) for row in rows(connection, query, {"as_of": as_of})]


def _gone(
    connection: Connection, table: str, key: str, older: str, newer: str, since: datetime | None
) -> tuple[int, int]:
    """Return how many keys the older rows have, and how many of them the newer rows lack.

    since: the time (naive UTC) from which the newer extract has all events. Events before it do not count.
    """
    is_window = table == "events" and since is not None
    query = f"""
        select count(*) as known, count(*) - count(newer.{key}) as gone
        from ({older}) as older
        left join ({newer}) as newer on older.{key} = newer.{key}
        {"where older.created_at >= $since" if is_window else ""}
    """
    found = rows(connection, query, {"since": since} if is_window else None)[0]
    return found["known"], found["gone"]
