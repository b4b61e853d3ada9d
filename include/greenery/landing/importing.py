"""Import an existing dbt snapshot of the orders: it becomes the order history before the first landed extract.

At each instant at which a version begins or ends, its orders are landed as an extract of their own, without any other
table. So whatever compares extracts continues the history.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import duckdb
from pydantic import BaseModel

from greenery.landing import ledger
from greenery.landing.check import read_rows
from greenery.landing.extract import IMPORTED
from greenery.settings import Settings
from greenery.source.folders import ExtractError
from greenery.source.tables import COUNT, TABLES, TIME, Column, Table
from greenery.warehouse import raw_tables
from greenery.warehouse.access import connect, offer
from greenery.warehouse.connection import Connection, rows, transaction
from greenery.warehouse.duckdb import open_file, open_in_memory

if TYPE_CHECKING:
    import pyarrow as pa

ORDERS = next(table for table in TABLES if table.name == "orders")
VERSIONS = Table(
    "orders",
    ("order_id", "dbt_valid_from"),
    (*ORDERS.columns, Column("dbt_valid_from", TIME), Column("dbt_valid_to", TIME, required=False)),
)
# dbt writes it where `hard_deletes` is new_record: such a version says that the order is gone.
DELETED = Column("dbt_is_deleted", required=False)
INSTANTS = Table("instants", ("as_of",), (Column("as_of", TIME), Column("extract_id"), Column("orders", COUNT)))
# At each instant all orders are landed. A snapshot that was run weekly has 52 a year.
MOST_INSTANTS = 1000
NAMED = 5
BATCH = 100_000


class ImportedSnapshot(BaseModel, frozen=True):
    """What an import did. findings: what was odd in the snapshot, and what was made of it, a sentence each."""

    outcome: Literal["imported", "unchanged"]
    versions: int
    instants: int
    first: datetime
    last: datetime
    findings: list[str]


@dataclass
class _Snapshot:
    """A snapshot to be read. rows: how many were read."""

    name: str
    columns: dict[str, str]
    read: Callable[[list[str]], Iterator[pa.Table]]
    rows: int = 0

    def __str__(self) -> str:
        return self.name

    def batches(self, columns: list[str]) -> Iterator[pa.Table]:
        """Yield the rows in batches, with these columns."""
        for batch in self.read(columns):
            self.rows += batch.num_rows
            yield batch


def import_snapshot(
    settings: Settings, relation: str, file: Path | None, *, before: datetime | None = None, again: bool = False
) -> ImportedSnapshot:
    """Import the dbt snapshot `relation` of a DuckDB file, or of Snowflake where no file is given.

    before: leave out what happened then or later (naive UTC). What happened from the first landed extract on is left
        out in any case.
    again: replace the history that was imported before, if this one differs.

    Raises ExtractError, with nothing imported, where the snapshot can't be read, contradicts itself, or differs from
    what was imported and `again` is not set.
    """
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (
        tempfile.TemporaryDirectory(prefix=".importing-", dir=settings.home) as folder,
        open_in_memory(settings, Path(folder)) as reader,
    ):
        with _found(relation, file) as snapshot:
            findings = _read(reader, snapshot)
        with connect(settings) as connection:
            landed = [extract.as_of for extract in ledger.extracts(connection) if not extract.is_imported]
            until = min([moment for moment in (before, *landed) if moment], default=None)
            findings += (_cut(reader, until) if until else []) + _notes(reader)
            content_hash = _content_hash(reader)
            found = _summary(reader, relation, content_hash, findings)
            query = f"select content_hash from landing.extracts where extract_id like '{IMPORTED}%' limit 1"
            imported = [row["content_hash"] for row in rows(connection, query)]
            if imported == [content_hash]:
                return found.model_copy(update={"outcome": "unchanged"})
            if imported and not again:
                raise ExtractError(
                    f"{relation} differs from the snapshot that was imported before. If it is right, import it with "
                    "--again: it replaces the other one."
                )
            _land(connection, reader, Path(folder), content_hash)
    return found


def check_follows(connection: Connection, as_of: datetime) -> None:
    """Raise ExtractError for an extract that does not follow the imported order history."""
    query = f"select max(as_of) as last from landing.extracts where extract_id like '{IMPORTED}%'"
    last = rows(connection, query)[0]["last"]
    if last and as_of <= last:
        raise ExtractError(
            f"extract {as_of:%Y-%m-%d}: an order history up to {last:%Y-%m-%d %H:%M:%S} is imported, and extracts "
            "follow it. To land this week, run `greenery import-snapshot` for the same snapshot with "
            f"--before {as_of:%Y-%m-%d} --again: the history then ends before the week."
        )


@contextmanager
def _found(relation: str, file: Path | None) -> Iterator[_Snapshot]:
    """Open the snapshot. Raises ExtractError."""
    if file is None:
        with raw_tables.table_now(relation) as table:
            yield _Snapshot(table.name, table.columns, table.batches)
        return
    if not file.is_file():
        raise ExtractError(f"there is no file {file}: name the DuckDB file that holds {relation}.")
    try:
        with open_file(file, read_only=True) as opened:
            described = opened.table(relation)
            columns = {name.lower(): str(kind) for name, kind in zip(described.columns, described.types, strict=True)}

            def batches(names: list[str]) -> Iterator[pa.Table]:
                import pyarrow as pa

                for batch in opened.table(relation).select(*names).to_arrow_reader(BATCH):
                    yield pa.Table.from_batches([batch])

            yield _Snapshot(f"{file}, {relation}", columns, batches)
    except duckdb.Error as error:
        raise ExtractError(f"{relation} in {file} can't be read: {error}") from None


def _read(reader: duckdb.DuckDBPyConnection, snapshot: _Snapshot) -> list[str]:
    """Read the snapshot into the table `versions`; return what was odd.

    Raises ExtractError for what can't be read, and for versions that contradict each other.
    """
    table = replace(VERSIONS, columns=(*VERSIONS.columns, *([DELETED] if DELETED.name in snapshot.columns else [])))
    wanted = {column.name for column in table.columns}
    snapshot.columns = {name: kind for name, kind in snapshot.columns.items() if name in wanted}
    for other in TABLES:
        # No table that an id names is there, so no text is an id that only looks like "no value".
        if len(other.key) == 1 and other is not ORDERS:
            reader.execute(f"create or replace temp table typed_{other.name} ({other.key[0]} varchar)")
    findings = read_rows(reader, table, "import", snapshot, datetime(9999, 1, 1))
    deleted = f"coalesce(lower({DELETED.name}) in ('true', 't', '1'), false)" if DELETED in table.columns else "false"
    names = ", ".join(column.name for column in VERSIONS.columns if column.name != "dbt_valid_to")
    # dbt can be told to write a time far in the future for "until now".
    reader.execute(
        f"""
        create or replace temp table versions as
        select
            {names},
            case when year(dbt_valid_to) < 9999 then dbt_valid_to end as dbt_valid_to,
            {deleted} as is_deleted
        from typed_orders
        """
    )
    _refuse(
        reader,
        snapshot,
        "select order_id, dbt_valid_from, dbt_valid_to from versions where dbt_valid_to < dbt_valid_from",
        "have a version that ends before it begins",
    )
    kept = _count(reader, "select count(*) from versions")
    findings += _note(snapshot.rows - kept, "row(s) are there twice with the same content: each counts once")
    removed = _count(reader, "select count(*) from versions where is_deleted")
    findings += _note(removed, "row(s) with dbt_is_deleted say that an order is gone: they count as no version")
    empty = _count(reader, "select count(*) from versions where dbt_valid_to = dbt_valid_from")
    findings += _note(empty, "version(s) end at the moment at which they begin: they are left out")
    reader.execute("delete from versions where is_deleted or dbt_valid_to = dbt_valid_from")
    _refuse(
        reader,
        snapshot,
        """
        select order_id, dbt_valid_from, dbt_valid_to from versions
        qualify lead(dbt_valid_from) over (partition by order_id order by dbt_valid_from)
            < coalesce(dbt_valid_to, timestamp 'infinity')
        """,
        "have a version that is still valid when the next one begins",
    )
    return findings


def _refuse(reader: duckdb.DuckDBPyConnection, snapshot: _Snapshot, query: str, problem: str) -> None:
    """Raise ExtractError where the query finds versions."""
    found = reader.execute(f"{query} order by all").fetchall()
    if found:
        named = "; ".join(f"{order}, {start} to {end or 'now'}" for order, start, end in found[:NAMED])
        more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        raise ExtractError(
            f"import, {snapshot}: {len(found)} order(s) {problem}: {named}{more}. Which one is right, only people can "
            "say: correct or delete these rows in a copy, and import it."
        )


def _cut(reader: duckdb.DuckDBPyConnection, until: datetime) -> list[str]:
    """Leave out what happened from `until` on; return what that was."""
    moment = f"timestamp '{until}'"
    late = _count(reader, f"select count(*) from versions where dbt_valid_from >= {moment}")
    reader.execute(f"delete from versions where dbt_valid_from >= {moment}")
    open_again = _count(reader, f"select count(*) from versions where dbt_valid_to >= {moment}")
    reader.execute(f"update versions set dbt_valid_to = null where dbt_valid_to >= {moment}")
    return [
        *_note(late, f"version(s) begin on {until:%Y-%m-%d} or later: the extracts show these, they are left out"),
        *_note(open_again, f"version(s) end on {until:%Y-%m-%d} or later: the first extract shows what became of them"),
    ]


def _notes(reader: duckdb.DuckDBPyConnection) -> list[str]:
    """Return what may surprise people about the versions, which is kept as it is."""
    columns = ", ".join(column.name for column in ORDERS.columns)
    same, back, alone = reader.execute(
        f"""
        with followed as (
            select
                dbt_valid_to,
                lead(dbt_valid_from) over of_order as next_from,
                row({columns}) is not distinct from lead(row({columns})) over of_order as is_same
            from versions
            window of_order as (partition by order_id order by dbt_valid_from)
        )

        select
            count(*) filter (dbt_valid_to = next_from and is_same),
            count(*) filter (dbt_valid_to < next_from),
            count(*) filter (
                dbt_valid_to is not null and dbt_valid_to not in (select dbt_valid_from from versions)
            )
        from followed
        """
    ).fetchall()[0]
    return [
        *_note(same, "version(s) differ from the one before in no column of an order: they continue it"),
        *_note(back, "time(s) an order is gone for a while: it counts as removed, then as returned"),
        *_note(alone, "removal(s) have a time at which no version begins, perhaps a clock's: they count at that time"),
    ]


def _note(count: int, sentence: str) -> list[str]:
    return [f"{count} {sentence}"] if count else []


def _count(reader: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(reader.execute(query).fetchall()[0][0])


def _content_hash(reader: duckdb.DuckDBPyConnection) -> str:
    row = ", ".join(f"'{column.name}', {column.name}" for column in VERSIONS.columns)
    hashes = f"string_agg(md5(json_object({row})::varchar), '' order by order_id, dbt_valid_from)"
    return str(reader.execute(f"select coalesce(md5({hashes}), 'empty') from versions").fetchall()[0][0])


def _summary(
    reader: duckdb.DuckDBPyConnection, relation: str, content_hash: str, findings: list[str]
) -> ImportedSnapshot:
    """Make the table `instants`: when a version begins or ends, with its extract's id. Raises ExtractError."""
    reader.execute(
        f"""
        create or replace temp table instants as
        with moments as (
            select dbt_valid_from as as_of from versions
            union
            select dbt_valid_to as as_of from versions where dbt_valid_to is not null
        )

        select
            as_of,
            '{IMPORTED}' || strftime(as_of, '%Y%m%dT%H%M%S%f') || '-{content_hash[:16]}' as extract_id,
            (
                select count(*) from versions
                where moments.as_of >= dbt_valid_from and moments.as_of < coalesce(dbt_valid_to, timestamp 'infinity')
            ) as orders
        from moments
        """
    )
    instants, first, last = reader.execute("select count(*), min(as_of), max(as_of) from instants").fetchall()[0]
    if not instants:
        raise ExtractError(f"{relation} has no version from before the first extract: there is nothing to import.")
    if instants > MOST_INSTANTS:
        raise ExtractError(
            f"{relation} has {instants} instants at which versions begin or end, more than {MOST_INSTANTS}: it has a "
            "time for each change, not for each run of dbt. Round dbt_valid_from and dbt_valid_to up to whole days in "
            "a copy, delete the versions that are empty then, and import it."
        )
    versions = _count(reader, "select count(*) from versions")
    return ImportedSnapshot(
        outcome="imported", versions=versions, instants=instants, first=first, last=last, findings=findings
    )


def _land(connection: Connection, reader: duckdb.DuckDBPyConnection, folder: Path, content_hash: str) -> None:
    """Land the orders of each instant as an admitted extract, in the place of those that were imported before."""
    for name, table in (("versions", VERSIONS), ("instants", INSTANTS)):
        offer(connection, table, f"offered_{name}", reader, name, folder)
    others = json.dumps({table.name: 0 for table in TABLES if table is not ORDERS})
    names = [column.name for column in ORDERS.columns]
    with transaction(connection):
        ledger.forget(connection, f"extract_id like '{IMPORTED}%'", {})
        # Its window of events is empty, so that an event that it lacks means nothing.
        connection.execute(
            """
            insert into landing.extracts
            (extract_id, as_of, state, content_hash, events_since, accept_shrink, row_counts, warnings, withdrawn)
            select
                extract_id, as_of, 'admitted', $content_hash, as_of, true,
                $before_count || cast(orders as varchar) || $after_count, '[]', false
            from offered_instants
            """,
            {"content_hash": content_hash, "before_count": '{"orders": ', "after_count": f", {others[1:]}"},
        )
        connection.execute(
            f"""
            insert into landing.orders (extract_id, {", ".join(names)})
            select instants.extract_id, {", ".join(f"versions.{name}" for name in names)}
            from offered_instants as instants
            inner join offered_versions as versions
                on instants.as_of >= versions.dbt_valid_from
                and (instants.as_of < versions.dbt_valid_to or versions.dbt_valid_to is null)
            """
        )
