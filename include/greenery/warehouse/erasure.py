"""Erase for good: write the warehouse's file without the free blocks that hold deleted rows, and look for ids."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from greenery.settings import Settings
from greenery.warehouse.connection import Connection
from greenery.warehouse.duckdb import open_file

BLOCK = 1 << 20


def write_anew(settings: Settings, connection: Connection) -> Path:
    """Write what `connection` has of the warehouse into a file beside it, without free blocks; return that file.

    The caller puts it in the warehouse's place.
    """
    beside = settings.warehouse.with_suffix(".purged")
    beside.unlink(missing_ok=True)
    name = connection.execute("select current_database()").fetchall()[0][0]
    connection.execute(f"attach '{str(beside).replace(chr(39), chr(39) * 2)}' as purged")
    connection.execute(f'copy from database "{name}" to purged')
    connection.execute("detach purged")
    return beside


def containing(settings: Settings, ids: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """Yield each file of the home, extracts and reports included, that holds one of these ids, with the id.

    Databases and Parquet files keep values compressed: they are asked for them; other files are searched for the text.
    """
    for path in sorted(
        {path for folder in (settings.home, settings.extracts, settings.reports) for path in folder.rglob("*")}
    ):
        if not path.is_file() or path.is_symlink():
            continue
        if path.suffix == ".duckdb":
            with open_file(path, read_only=True) as connection:
                found = _in_database(connection, ids)
        elif path.suffix == ".parquet":
            with duckdb.connect() as connection:
                connection.from_parquet(str(path)).create("parquet")
                found = _in_database(connection, ids)
        else:
            found = [id for id in ids if _holds(path, id.encode())]
        yield from ((path, id) for id in found)


def _in_database(connection: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> list[str]:
    """Return which of the ids stand in any text column of any table."""
    columns = connection.execute(
        "select table_schema, table_name, column_name from information_schema.columns where data_type = 'VARCHAR'"
    ).fetchall()
    found: set[str] = set()
    for schema, table, column in columns:
        query = f"""
            select distinct id from (select unnest(?) as id) as wanted
            inner join "{schema}"."{table}" as rows on contains(rows."{column}", wanted.id)
        """
        found |= {row[0] for row in connection.execute(query, [list(ids)]).fetchall()}
    return sorted(found)


def _holds(path: Path, text: bytes) -> bool:
    tail = b""
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        while block := file.read(BLOCK):
            if text in tail + block:
                return True
            tail = block[-len(text) :]
    return False
