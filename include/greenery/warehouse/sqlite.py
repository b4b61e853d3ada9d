"""A SQLite file that several processes write, for records that are kept apart from the warehouse."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

BUSY_SECONDS = 30


@contextmanager
def open_sqlite(path: Path, schema: str) -> Iterator[sqlite3.Connection]:
    """Open the file for one transaction, which waits for those of other processes; only its owner may read it.

    schema: statements that create what the file holds, where it is not there yet.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection, connection:
        connection.executescript(schema)
        connection.execute("begin immediate")
        yield connection


def erase_free_pages(path: Path) -> None:
    """Write the file anew: deleted text otherwise stays in its free pages."""
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
        connection.execute("vacuum")
