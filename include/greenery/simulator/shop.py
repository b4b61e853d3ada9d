"""A simulated plant shop that writes weekly extracts in the form of the real ones.

The whole shop is generated at once, with a time for every later change of a row (shipped_at, moved_at, ...). An extract
then selects everything that had happened before its as_of.
"""

from __future__ import annotations

import filecmp
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Literal

import duckdb

from greenery.source.tables import TABLES
from greenery.warehouse.statements import statement
from greenery.week import WEEK

FileFormat = Literal["csv", "parquet"]
FILE_FORMATS: dict[FileFormat, str] = {
    "csv": "FORMAT csv, HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%SZ'",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
}

STEADY_ORDERS_DAYS = 84


@dataclass(frozen=True)
class Shop:
    """The shop to simulate. Raises ValueError, which names the field, if a value can't be used.

    first_as_of: as_of of the first extract, naive UTC, at 00:00; the others follow every 7 days.
    weeks: number of weekly extracts.
    sessions_per_week: sessions in the first simulated week; each later week has 2 % of that number more.
    seed: another seed gives another shop.
    history_weeks: weeks of shop life before the week that the first extract ends.
    events_window_days: if set, an extract has only the events of so many days before its as_of, and `_extract.json`
        says since when.
    improved_checkout_week: index of the extract (0 is the first) from whose week on more sessions check out. It does
        not depend on `weeks`, so a shop with more weeks has the same earlier extracts.
    file_format: csv or parquet.
    steady: a shop that does not grow: every week has as many sessions, nobody signs up, and orders older than
        STEADY_ORDERS_DAYS are left out of the extracts. With a window of events all its extracts are of one size.
    """

    first_as_of: datetime
    weeks: int
    sessions_per_week: int = 600
    seed: int = 1
    history_weeks: int = 4
    events_window_days: int | None = None
    improved_checkout_week: int = 4
    file_format: FileFormat = "csv"
    steady: bool = False

    def __post_init__(self) -> None:
        if self.first_as_of.tzinfo or self.first_as_of.time() != time():
            raise ValueError(f"first_as_of={self.first_as_of} must be a naive UTC time at 00:00, such as 2025-01-08.")
        for field, least in (("weeks", 1), ("sessions_per_week", 1), ("history_weeks", 0), ("events_window_days", 1)):
            value = getattr(self, field)
            if value is not None and value < least:
                raise ValueError(f"{field}={value} is too small: use {least} or more.")
        if self.file_format not in FILE_FORMATS:
            raise ValueError(f"file_format={self.file_format!r} is unknown: use one of {', '.join(FILE_FORMATS)}.")


# The scripts that generate the shop. Later scripts read the tables of earlier ones.
SCRIPTS = ("draws", "catalogue", "users", "sessions", "orders", "inventory")


def simulate(shop: Shop, out: Path) -> list[Path]:
    """Write the extracts of `shop` to `<out>/<YYYY-MM-DD>/<table>.<file_format>`; return their folders, oldest first.

    The same shop gives the same bytes. A shop with more weeks gives the same earlier folders. (For Parquet this needs
    the same version of DuckDB, which writes its version into the file.) An existing folder with the same content is
    left alone. Nothing is ever overwritten: raises ValueError at the first folder with other content.
    """
    return list(write_extracts(shop, out))


def write_extracts(shop: Shop, out: Path) -> Iterator[Path]:
    """Write the extracts as `simulate` does, and yield each folder after it is written. Raises the same errors."""
    out.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        _generate(connection, shop)
        for week in range(shop.weeks):
            yield _write(connection, shop, shop.first_as_of + week * WEEK, out)


def _generate(connection: duckdb.DuckDBPyConnection, shop: Shop) -> None:
    variables: dict[str, int | datetime | None] = {
        "seed": shop.seed,
        "opened_at": shop.first_as_of - (shop.history_weeks + 1) * WEEK,
        "first_as_of": shop.first_as_of,
        "weeks": shop.history_weeks + shop.weeks,
        "sessions_per_week": shop.sessions_per_week,
        "improved_week": shop.history_weeks + shop.improved_checkout_week,
        "growth_percent": 0 if shop.steady else 2,
        "moving_weeks": 120 if shop.steady else 26,
    }
    _set(connection, variables)
    for script in SCRIPTS:
        connection.execute(statement(f"simulator/{script}"))
    connection.execute("SET threads = 1")
    connection.execute(statement("simulator/events"))


def _write(connection: duckdb.DuckDBPyConnection, shop: Shop, as_of: datetime, out: Path) -> Path:
    window = shop.events_window_days
    events_since = as_of - timedelta(days=window) if window else None
    orders_since = as_of - timedelta(days=STEADY_ORDERS_DAYS) if shop.steady else None
    _set(connection, {"as_of": as_of, "events_since": events_since, "orders_since": orders_since})
    connection.execute(statement("simulator/orders_as_of"))
    folder = out / f"{as_of:%Y-%m-%d}"
    with tempfile.TemporaryDirectory(prefix=".simulating-", dir=out) as parent:
        draft = Path(parent) / folder.name
        draft.mkdir()
        for table in TABLES:
            file = str(draft / f"{table.name}.{shop.file_format}").replace("'", "''")
            query = statement(f"simulator/extract/{table.name}")
            connection.execute(f"COPY ({query}) TO '{file}' ({FILE_FORMATS[shop.file_format]})")
        if events_since:
            since = {"events_since": f"{events_since:%Y-%m-%dT%H:%M:%SZ}"}
            (draft / "_extract.json").write_text(json.dumps(since) + "\n")
        if not folder.exists():
            draft.rename(folder)
        elif not _same_content(draft, folder):
            raise ValueError(f"{folder} holds other content than this shop: delete it, or simulate to another folder.")
    return folder


def _set(connection: duckdb.DuckDBPyConnection, variables: Mapping[str, int | datetime | None]) -> None:
    for name, value in variables.items():
        connection.execute(f"SET VARIABLE {name} = ?", [value])


def _same_content(one: Path, other: Path) -> bool:
    names = {file.name for file in one.iterdir()}
    if names != {file.name for file in other.iterdir()}:
        return False
    return len(filecmp.cmpfiles(one, other, names, shallow=False)[0]) == len(names)
