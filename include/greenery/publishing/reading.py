"""Read the published version for many requests at the same time, as known on the day of any of its extracts."""

from __future__ import annotations

import json
import re
import threading
import time
import weakref
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any

import duckdb
from cachetools import LRUCache

from greenery.build.known import BEGINNING, known
from greenery.publishing import copies
from greenery.publishing.versions import nothing_published
from greenery.settings import Settings
from greenery.warehouse.access import publishes_files
from greenery.warehouse.connection import UnavailableError, rows
from greenery.warehouse.duckdb import open_for_readers
from greenery.warehouse.statements import statement

Parameters = dict[str, Any]
# For so many days the known sessions are kept in memory, and answers up to so many bytes.
KEPT_DAYS = 6
KEPT_BYTES = 64 * 1024 * 1024
# To look a version up in a warehouse takes a login.
LOOK_SECONDS = 60


class UnreadableError(Exception):
    """The files of the published version can't be read."""


class Published:
    """Opens the published version, and keeps it open until another version is published."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._version: Version | None = None
        self._look_again = 0.0

    def version(self) -> Version:
        """Return the version that is published now. A request takes it once and reads only from it.

        Where people read tables, it is looked up once in LOOK_SECONDS, and read from a copy.

        Raises NothingPublishedError before the first publish, UnreadableError if it can't be read.
        """
        with self._lock:
            if self._version and time.monotonic() < self._look_again:
                return self._version
            while True:
                folder = self._folder()
                if self._version and self._version.folder == folder:
                    return self._version
                try:
                    self._version = Version(folder)
                except (OSError, ValueError, duckdb.Error) as error:
                    # It may have been deleted since it was looked up; then another one is published.
                    if self._folder() == folder:
                        raise UnreadableError(
                            f"The published data in {folder} can't be read: {error}. If another program has the file "
                            "open for writing, close it. Else run the newest week again."
                        ) from error

    def _folder(self) -> Path:
        published = self._settings.published
        if publishes_files(self._settings):
            if not published.exists():
                raise nothing_published(self._settings)
            return published.resolve()
        try:
            folder = copies.newest(self._settings)
        except UnavailableError as error:
            raise UnreadableError(str(error)) from error
        self._look_again = time.monotonic() + LOOK_SECONDS
        return folder


class Version:
    """A published version. Its files are read as long as somebody holds this object, even if they are deleted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.number: int = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["version"]
        self._database = open_for_readers(folder / "greenery.duckdb")
        self._known: LRUCache[datetime, Known] = LRUCache(KEPT_DAYS)
        self._answers: LRUCache[Any, tuple[int, bytes]] = LRUCache(KEPT_BYTES, itemgetter(0))
        self._lock = threading.Lock()
        self._building = threading.Lock()

    @cached_property
    def extracts(self) -> tuple[datetime, ...]:
        """The as_of of each admitted extract, oldest first."""
        return tuple(self.compared_with)

    @cached_property
    def compared_with(self) -> dict[datetime, datetime | None]:
        """For each of `extracts`, the as_of of the one that it is compared with, which can be an imported state."""
        found = rows(self._database.cursor(), statement("funnel/extracts"))
        return {row["as_of"]: row["previous_as_of"] for row in found}

    def known_on(self, as_of: datetime) -> Known:
        """Return the data as known on `as_of` (naive UTC), which must be one of `extracts`."""
        known = self._kept(as_of)
        if known is None:
            # Requests for a day that is kept do not wait here.
            with self._building:
                known = self._kept(as_of) or Known(self._database.cursor(), as_of)
                with self._lock:
                    self._known[as_of] = known
        return known

    def _kept(self, as_of: datetime) -> Known | None:
        with self._lock:
            return self._known.get(as_of)

    def answer(self, query: Any, make: Callable[[], bytes]) -> bytes:
        """Return the answer to `query` (hashable): the answer that is kept, or else the result of `make`."""
        with self._lock:
            kept = self._answers.get(query)
        if kept:
            return kept[1]
        answer = make()
        size = len(answer) + len(repr(query))
        # A single answer must not displace all others.
        if size <= KEPT_BYTES // 8:
            with self._lock:
                self._answers[query] = size, answer
        return answer


class Known:
    """The data as known on a day: the sessions, and the products that they met, in two tables of a schema in memory."""

    def __init__(self, database: duckdb.DuckDBPyConnection, as_of: datetime) -> None:
        self.as_of = as_of
        self._database = database
        self._kept: dict[str, list[dict[str, Any]]] = {}
        schema = f"as_of_{as_of:%Y%m%d}_{id(self)}"
        self._path = f"greenery.main,known.{schema}"
        database.execute(f"create schema known.{schema}")
        # The schema is dropped when the last reader lets go of this object, or ends with the process.
        forget: Any = weakref.finalize(self, database.cursor().execute, f"drop schema known.{schema} cascade")
        forget.atexit = False
        cursor = self._cursor()
        read = known(cursor, as_of, "analytics", "intermediate", since=BEGINNING, products_since=BEGINNING)
        for relation in ("sessions", "session_products"):
            query = statement(f"funnel/{relation}", "intermediate", *read)
            cursor.execute(*bound(f"create table known.{schema}.{relation} as {query}", {"as_of": as_of}))

    def rows(self, name: str, parameters: Parameters | None = None, *ctes: tuple[str, str]) -> list[dict[str, Any]]:
        """Return the rows of `include/sql/funnel/<name>.sql`, column name to value.

        parameters: the values of its parameters; `as_of` is added. A list stands for its values, as in `x in ($list)`.
        ctes: relations that it reads, each with its name and its query.
        """
        text = _with(statement(f"funnel/{name}"), *ctes)
        return rows(self._cursor(), *bound(text, {**(parameters or {}), "as_of": self.as_of}))

    def all_rows(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of a statement that has no parameters but `as_of`. They are kept in memory."""
        if name not in self._kept:
            self._kept[name] = self.rows(name)
        return self._kept[name]

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor = self._database.cursor()
        cursor.execute(f"set search_path = '{self._path}'")
        return cursor


def _with(text: str, *ctes: tuple[str, str]) -> str:
    """Return the query with CTEs added, each with its name and its query."""
    if not ctes:
        return text
    more = [f"{alias} as (\n{query})" for alias, query in ctes]
    body = re.sub(r"\A(--.*\n)*", "", text)
    return "with " + ",\n".join([*more, ""] if body.startswith("with ") else more) + body.removeprefix("with")


def bound(text: str, parameters: Parameters) -> tuple[str, Parameters]:
    """Return the query with one parameter for each value of a list, and the values of the parameters that it names."""
    found: Parameters = {}

    def expand(match: re.Match[str]) -> str:
        name = match.group(1)
        if name is None:  # a comment
            return match.group()
        value = parameters[name]
        if not isinstance(value, (list, tuple)):
            found[name] = value
            return f"${name}"
        # An empty list holds no value: null equals none.
        names = {f"{name}_{number}": one for number, one in enumerate(value or [None])}
        found.update(names)
        return ", ".join(f"${one}" for one in names)

    return re.sub(r"--.*|\$(\w+)", expand, text), found
