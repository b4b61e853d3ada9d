"""`make purge`: delete what earlier content of corrected extracts has left behind, and look for ids that must be gone.

A correction replaces an extract everywhere that is read: landing, models, the published version, the reports. Copies of
the old content stay in older published versions, in notes on restated weeks, in the outbox, in what is remembered of
alerts and digests, and in blocks of the warehouse's file that are free and not yet written again. Erasing a person
needs these gone too.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import duckdb

from greenery import commands
from greenery.channels import sent as delivery_ledger
from greenery.cli import backfill
from greenery.local_airflow.client import AirflowError
from greenery.local_airflow.server import running
from greenery.publishing import versions as publishing
from greenery.report import weeks as status
from greenery.report import writing as weekly_report
from greenery.settings import Settings, load
from greenery.warehouse.duckdb import connect, open_file

BLOCK = 1 << 20


def purge(settings: Settings) -> list[str]:
    """Delete the leftovers; return a line for each kind.

    No run may be active: the warehouse's file is replaced.
    """
    done = []
    with connect(settings) as connection:
        publishing.catch_up(settings, connection)
        done.append(f"{publishing.keep_only_published(settings)} older published versions")
        notes = sorted(settings.reports.glob("*/restatement.json"))
        for note in notes:
            note.unlink()
        for week in {note.parent.name for note in notes}:
            weekly_report.write_page(settings, datetime.fromisoformat(week))
        done.append(f"{len(notes)} notes on restated weeks")
        files = [path for path in (settings.home / "outbox").rglob("*") if path.is_file()]
        for file in files:
            file.unlink()
        done.append(f"{len(files)} files in the outbox")
        alerts, contents = delivery_ledger.forget_rows(settings)
        done.append(
            f"the example rows of {alerts} remembered alerts, and {contents} contents of digests that were sent"
        )
        before = settings.warehouse.stat().st_size
        beside = settings.warehouse.with_suffix(".purged")
        beside.unlink(missing_ok=True)
        name = connection.execute("select current_database()").fetchall()[0][0]
        connection.execute(f"attach '{str(beside).replace(chr(39), chr(39) * 2)}' as purged")
        connection.execute(f'copy from database "{name}" to purged')
        connection.execute("detach purged")
        status.record(settings, connection)
        # The old file is unlinked while it is open: nothing can be written into it in between.
        beside.replace(settings.warehouse)
    done.append(f"free blocks of the warehouse ({before:,} bytes before, {settings.warehouse.stat().st_size:,} now)")
    return done


def containing(settings: Settings, ids: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """Yield each file of the home, extracts included, that holds one of these ids, with the id.

    Databases and Parquet files keep values compressed: they are asked for them; other files are searched for the text.
    """
    for path in sorted({*settings.home.rglob("*"), *settings.extracts.rglob("*")}):
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
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            if text in tail + block:
                return True
            tail = block[-len(text) :]
    return False


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0, 1 when an id is still somewhere or Airflow runs, 2 when the input is wrong."""
    parser = argparse.ArgumentParser(prog="make purge", description="Delete what corrected extracts left behind.")
    parser.add_argument("--find", default="", metavar="IDS", help="ids that must be gone, separated by spaces")
    options = parser.parse_args(arguments)

    def command() -> bool:
        settings = load()
        if running(settings) is not None:
            raise AirflowError(
                f"Airflow runs for {settings.home}: stop it first ({commands.make(settings, 'down')}), "
                "for nothing may build."
            )
        if not settings.warehouse.exists():
            raise backfill.InputError(f"there is no warehouse in {settings.home}: nothing was landed.")
        for line in purge(settings):
            print(f"Deleted {line}.")
        left = list(containing(settings, options.find.split()))
        for path, id in left:
            print(f"{id} is still in {path}")
        if options.find and not left:
            print("None of these ids is in the home or the extracts any more.")
        return not left

    return backfill.exit_code(command)


if __name__ == "__main__":
    sys.exit(main())
