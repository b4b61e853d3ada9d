"""Admit the checked extract and switch the published version: readers see the new version whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from greenery import commands
from greenery.build import dbt_project, locking, record
from greenery.files import switch_link
from greenery.landing import ledger
from greenery.publishing import published_file, published_tables
from greenery.settings import Settings
from greenery.warehouse.access import connect, connect_to_read, publishes_files
from greenery.warehouse.connection import Connection, has_table, rows, transaction
from greenery.warehouse.duckdb import open_file, sql_text

# Besides the marts, a report needs these relations to show what was known at an earlier time.
HISTORY = (
    "int_session_steps",
    "int_events_without_session",
    "int_extract_pairs",
    "int_order_item_versions",
    "int_product_versions",
    "int_user_versions",
    "int_address_versions",
)
KEPT_VERSIONS = 5
FILE = "greenery.duckdb"
# The oldest DuckDB that can open the published file.
OLDEST_CLIENT = "v1.1.0"


class NothingPublishedError(Exception):
    """No version is published yet."""


def publish(settings: Settings, run_id: str) -> int:
    """Admit (or withdraw) the extract of the run that holds the build lock, publish what it built, return the version.

    First the new version is written beside the others. Then the extract is admitted and the version recorded, in one
    transaction. Then the link is switched. After a kill in between, `published` is still the old version, and the next
    call completes the switch.

    Raises LockLostError if the run has lost the lock or the admitted extracts have changed, NotJudgedError if the
    quality gate has not passed the build, NotTestedError if dbt's tests fail without the extract that is withdrawn.
    """
    with connect(settings) as connection:
        lock = record.check_build(connection, run_id)
        record.check_passed(connection, lock)
        # No number comes again, also after a rollback: it names one content.
        query = "select version from landing.publication union all select version from landing.versions"
        version = 1 + max([*_numbers(settings), *(row["version"] for row in rows(connection, query))], default=0)
        in_files = publishes_files(settings)
        if in_files:
            _write_version(connection, settings, version)
        else:
            published_tables.prepare(connection, list(relations()))
        with transaction(connection):
            locking.still_holds(connection, run_id)
            if not in_files:
                published_tables.replace(connection, list(relations()))
            if lock.withdrawal:
                ledger.hold(connection, lock.extract_id, f"withdrawn: {lock.withdrawal}", withdrawn=True)
            else:
                ledger.admit(connection, lock.extract_id)
            record.published(connection, lock, version)
        if in_files:
            switch_link(settings.published, f"versions/{version}")
            _prune(settings, version)
    return version


def catch_up(settings: Settings, connection: Connection) -> None:
    """Switch to the recorded version if a kill came between recording it and switching to it."""
    version = recorded_version(connection)
    if version is None or not publishes_files(settings):
        return
    if _version_folder(settings, version).is_dir() and _published_version(settings) != version:
        switch_link(settings.published, f"versions/{version}")


def recorded_version(connection: Connection) -> int | None:
    """Return the number of the published version, as the warehouse records it; None before the first publish."""
    found = rows(connection, "select version from landing.publication")
    return int(found[0]["version"]) if found else None


@contextmanager
def open_published(settings: Settings) -> Iterator[Connection]:
    """Open the published version for reading; a later publish does not disturb it.

    Raises NothingPublishedError before the first publish.
    """
    if not publishes_files(settings):
        with connect_to_read(settings) as session:
            if recorded_version(session) is None:
                raise nothing_published(settings)
            yield session
        return
    if not settings.published.exists():
        raise nothing_published(settings)
    with open_file(settings.published.resolve() / FILE, read_only=True) as connection:
        yield connection


def nothing_published(settings: Settings) -> NothingPublishedError:
    """Return the error that says how to publish the first version."""
    return NothingPublishedError(
        f"nothing is published in {settings.home} yet: run a week first "
        f"({commands.make(settings, 'backfill FROM=… TO=…')})."
    )


def published_extracts(settings: Settings, connection: Connection) -> list[str]:
    """Return the ids of the extracts that the published version holds, oldest first; none before the first publish.

    connection: the warehouse. An id begins with the as_of.
    """
    if publishes_files(settings):
        file = settings.published / "manifest.json"
        found: list[str] = json.loads(file.read_text(encoding="utf-8"))["admitted_extracts"] if file.exists() else []
        return found
    if not has_table(connection, "history", "int_extract_pairs"):
        return []
    pairs = rows(connection, "select extract_id from history.int_extract_pairs")
    return sorted(row["extract_id"] for row in pairs)


def relations() -> Iterator[tuple[str, str]]:
    """Yield what the published file holds: each relation with its schema, and the query of its rows."""
    models = dbt_project.models()
    for relation in models.marts:
        yield f"analytics.{relation}", f"select * from marts.{relation}"
    for relation in HISTORY:
        # A log may hold rows of extracts that are not admitted, or no longer.
        of_build = (
            "where pair_id in (select pair_id from intermediate.int_extract_pairs)" if relation in models.logs else ""
        )
        yield f"intermediate.{relation}", f"select * from intermediate.{relation} {of_build}"


def is_kept(settings: Settings, version: int) -> bool:
    """Return whether the files of a version are kept. Where people read tables, the warehouse itself knows."""
    return not publishes_files(settings) or _version_folder(settings, version).is_dir()


def _version_folder(settings: Settings, version: int) -> Path:
    return settings.home / "versions" / str(version)


def _numbers(settings: Settings) -> list[int]:
    folder = settings.home / "versions"
    return [int(path.name) for path in folder.iterdir() if path.name.isdigit()] if folder.is_dir() else []


def _published_version(settings: Settings) -> int | None:
    return int(settings.published.resolve().name) if settings.published.exists() else None


def _write_version(connection: Connection, settings: Settings, version: int) -> None:
    """Write the relations as one DuckDB file and one Parquet file each, with a manifest."""
    folder = _version_folder(settings, version)
    beside = folder.with_name(f".{folder.name}")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    file, before = beside / FILE, settings.published / FILE
    if not (before.exists() and _is_updated(connection, file, before)):
        with _attached(connection, file):
            published_file.write(connection, list(relations()))
    row_counts = {}
    for relation in dbt_project.models().marts:
        target = sql_text(beside / f"{relation}.parquet")
        row_counts[relation] = connection.execute(f"copy marts.{relation} to '{target}' (format parquet)").fetchall()[
            0
        ][0]
    admitted = rows(connection, "select as_of, extract_id from intermediate.int_extract_pairs order by as_of")
    manifest = {
        "version": version,
        "as_of": f"{admitted[-1]['as_of']:%Y-%m-%dT%H:%M:%S+00:00}",
        "admitted_extracts": [row["extract_id"] for row in admitted],
        "row_counts": row_counts,
    }
    (beside / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    for file in beside.iterdir():
        # Nobody changes what is published: a client that opens the file for writing is refused.
        file.chmod(0o444)
    beside.rename(folder)


def _is_updated(connection: Connection, file: Path, before: Path) -> bool:
    """Return whether the new file could be made from the one before. If not, it is not there."""
    shutil.copyfile(before, file)
    with _attached(connection, file):
        is_equal = published_file.update(connection, list(relations()))
    if not is_equal:
        file.unlink()
    return is_equal


@contextmanager
def _attached(connection: Connection, file: Path) -> Iterator[None]:
    version = "" if file.exists() else f"(storage_version '{OLDEST_CLIENT}')"
    connection.execute(f"attach '{sql_text(file)}' as published {version}")
    try:
        yield
    finally:
        connection.execute("detach published")


def keep_only_published(settings: Settings) -> int:
    """Delete every version but the published one; return the number of deleted versions. Readers are not disturbed."""
    others = [number for number in _numbers(settings) if number != _published_version(settings)]
    for number in others:
        shutil.rmtree(_version_folder(settings, number))
    return len(others)


def _prune(settings: Settings, newest: int) -> None:
    for number in _numbers(settings):
        if number <= newest - KEPT_VERSIONS:
            shutil.rmtree(_version_folder(settings, number))
