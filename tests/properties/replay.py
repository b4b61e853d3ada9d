"""Builds replayed as plain SQL: what a real `dbt build` executes is recorded once, then run on databases in memory.

A dbt build takes seconds, mostly in dbt itself; its statements on a small shop take milliseconds. dbt chooses a model's
statements by whether its relation exists, so they are recorded twice: on an empty warehouse, and on a built one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from dbt.cli.main import dbtRunner
from greenery.build import dbt_project, target
from greenery.build.record import FailedTest, note_built, tested
from greenery.settings import Settings
from greenery.warehouse.access import connect
from greenery.warehouse.duckdb import create_landing_tables

from tests.pipeline import Build, parsed, places

COMMENT = re.compile(r"^\s*/\*.*?\*/", re.DOTALL)
READS = ("select", "with", "describe", "show", "explain", "pragma")
TRANSACTION = ("begin", "commit", "rollback")


@dataclass
class Node:
    """A model, with its statements in order.

    first: where its relation does not exist yet; again: where it does; afresh: with --full-refresh.
    """

    name: str
    relation: tuple[str, str] | None
    first: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    afresh: list[str] = field(default_factory=list)


@dataclass
class Check:
    """A data test whose failures are an error: a query of one row with the columns failures and should_error."""

    name: str
    query: str


@dataclass
class Recording:
    """What a build executes: the schemas it creates, then its nodes in order; and its tests."""

    schemas: list[str]
    nodes: list[Node]
    checks: list[Check]


def record(folder: Path) -> Recording:
    """Run dbt on a scratch warehouse in `folder` and return the statements that it executes."""
    home = Settings(home=folder / "home", extracts=folder / "extracts")
    with connect(home):
        pass
    first, manifest = _build(home, folder)
    # The tests are the same each time.
    again, _ = _build(home, folder, "--exclude-resource-type", "test")
    afresh, _ = _build(home, folder, "--exclude-resource-type", "test", "--full-refresh")

    schemas = [text for node_id, text in first if not node_id and _verb(text) not in (*READS, *TRANSACTION)]
    nodes: dict[str, Node] = {}
    for variant, statements in (("first", first), ("again", again), ("afresh", afresh)):
        for node_id, text in statements:
            if not node_id or node_id.startswith("test.") or _verb(text) in READS:
                continue
            config = manifest.nodes[node_id]
            relation = (config.schema, config.alias) if node_id.startswith("model.") else None
            getattr(nodes.setdefault(node_id, Node(config.name, relation)), variant).append(text)
    checks = [
        Check(manifest.nodes[node_id].name, text)
        for node_id, text in first
        if node_id.startswith("test.")
        and "should_error" in text
        and manifest.nodes[node_id].config.severity.lower() == "error"
    ]
    return Recording(schemas, list(nodes.values()), checks)


def _build(home: Settings, folder: Path, *options: str) -> tuple[list[tuple[str, str]], Any]:
    """Run `dbt build`; return the statements with the id of their node ('' for dbt's own), and the manifest."""
    statements: list[tuple[str, str]] = []

    def keep(event: Any) -> None:
        if event.info.name == "SQLQuery":
            statements.append((event.data.node_info.unique_id, COMMENT.sub("", event.data.sql).strip()))

    os.environ["GREENERY_WAREHOUSE"] = str(home.warehouse)
    manifest = parsed()
    runner = dbtRunner(manifest=manifest, callbacks=[keep])
    arguments = ["--quiet", "--no-write-json", "build", "--exclude-resource-type", "unit_test", "--threads", "1"]
    # As a weekly run does.
    arguments += ["--exclude", "path:models/semantic"]
    result = runner.invoke([*arguments, *options, *places(folder)])
    assert result.success, result.exception
    return statements, manifest


def _verb(text: str) -> str:
    found = re.match(r"\s*\(?\s*(\w+)", text)
    return found.group(1).lower() if found else ""


class Broken(Exception):
    """A build was broken off on purpose."""


class Connection:
    """A DuckDB connection that reads the text of a statement only the first time: that costs as much as running it."""

    def __init__(self, raw: duckdb.DuckDBPyConnection, read: dict[str, list]) -> None:
        self.raw = raw
        self._read = read

    def execute(self, text: str, parameters: Any = None) -> duckdb.DuckDBPyConnection:
        """Run one or more statements; `raw.execute` is for texts that do not come again."""
        if text not in self._read:
            self._read[text] = self.raw.extract_statements(text)
        *others, last = self._read[text]
        for statement in others:
            self.raw.execute(statement)
        return self.raw.execute(last, parameters) if parameters else self.raw.execute(last)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


class Warehouse:
    """A warehouse in memory, under the name that the recorded statements give it, and its published copy beside it.

    `clear` makes both empty again, in less time than another DuckDB takes to start.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._root = duckdb.connect(":memory:")
        # Small tables: the time goes into planning, not into reading.
        self._root.execute("set global threads = 1; set global TimeZone = 'UTC'")
        self._read: dict[str, list] = {}
        self._attached = False
        self.clear()

    def clear(self) -> None:
        """Begin anew: landing tables without rows, nothing built, nothing published."""
        for name in ("warehouse", "published"):
            if self._attached:
                self._root.execute(f"detach {name}")
            self._root.execute(f"attach ':memory:' as {name}")
        self._attached = True
        create_landing_tables(self.open())
        reader = self.open("published")
        reader.execute("create schema analytics; create schema intermediate")

    def open(self, database: str = "warehouse") -> Any:
        """Return a connection of its own, as another process would have: without the temporary tables of others.

        It can be used as the DuckDB connection that it stands for.
        """
        connection = Connection(self._root.cursor(), self._read)
        connection.execute(f"use {database}; pragma disable_optimizer")
        return connection

    def build(self, *, afresh: bool = False, break_at: int | None = None) -> None:
        """Build all models as dbt would now.

        break_at: break off after so many thousandths of the statements; what is not committed then is lost.
        Raises Broken.
        """
        connection = self.open()
        try:
            statements = self.statements(connection, afresh=afresh)
            done = len(statements) if break_at is None else break_at * len(statements) // 1000
            for statement in statements[:done]:
                connection.execute(statement)
            if done == len(statements):
                self._note_built(connection)
        finally:
            # As when a process ends: an open transaction is rolled back, temporary tables are gone.
            connection.close()
        if done < len(statements):
            raise Broken

    def statements(self, connection: Connection, *, afresh: bool = False) -> list[str]:
        """Return what a build would execute now."""
        return [*self._left_over(connection), *build_statements(self.recording, connection, afresh=afresh)]

    def build_committing_each(self, break_at: int | None = None) -> int:
        """Build all models with each statement committed by itself, as where a warehouse knows no long transactions.

        break_at: break off after so many statements. Returns how many there were.
        """
        connection = self.open()
        single = [
            statement
            for text in self.statements(connection)
            if _verb(text) not in TRANSACTION
            for statement in connection.raw.extract_statements(text)
        ]
        for statement in single[:break_at]:
            connection.raw.execute(statement)
        connection.close()
        return len(single)

    def _note_built(self, connection: Connection) -> None:
        """Note that all models are built, as their tasks do one by one."""
        connection.execute("delete from landing.built_models")
        connection.execute(
            "insert into landing.built_models select unnest($models), $extracts",
            {"models": [node.name for node in self.recording.nodes], "extracts": target.extracts(connection)},
        )

    def _left_over(self, connection: Connection) -> list[str]:
        """Return what dbt does first when a broken-off build left relations that it works with."""
        query = """
            select schema_name, table_name from duckdb_tables()
            where database_name = 'warehouse' and contains(table_name, '__dbt_')
        """
        return [f'drop table "{schema}"."{name}"' for schema, name in connection.execute(query).fetchall()]

    def failures(self) -> dict[str, int]:
        """Run all data tests; return those that fail with an error, with the number of their failures."""
        return data_test_failures(self.recording, self.open())

    def relations(self, schemas: tuple[str, ...] = ("marts", "intermediate")) -> dict[str, list[tuple]]:
        """Return the rows of all relations of `schemas`, sorted, by the relation's name."""
        return contents(self.open(), schemas)


def build_statements(recording: Recording, connection: Any, *, afresh: bool = False) -> Iterator[str]:
    """Yield what dbt would execute on the connection's database, which is called warehouse, to build all models."""
    yield from recording.schemas
    query = """
        select schema_name, table_name from duckdb_tables() where database_name = 'warehouse'
        union all
        select schema_name, view_name from duckdb_views() where database_name = 'warehouse' and not internal
    """
    there = set(connection.execute(query).fetchall())
    for node in recording.nodes:
        if node.relation not in there:
            yield from node.first
        else:
            yield from node.afresh if afresh else node.again


def replayed(
    recording: Recording,
    before: Callable[[duckdb.DuckDBPyConnection], None] = lambda _: None,
    after: Callable[[duckdb.DuckDBPyConnection], None] = lambda _: None,
) -> Build:
    """Return a build of a week that replays the recording; dbt would do the same in four times the time.

    before, after: what is done to the warehouse before and after the models are built.
    """

    def build(home: Settings, run_id: str, full_refresh: bool) -> None:
        with connect(home) as connection:
            before(connection)
            for statement in build_statements(recording, connection, afresh=full_refresh):
                connection.execute(statement)
            for node in recording.nodes:
                note_built(connection, run_id, node.name)
            after(connection)
            failed = [
                FailedTest(test=name, model="models", meaning=f"dbt's test {name}.", failures=found, message="")
                for name, found in sorted(data_test_failures(recording, connection).items())
            ]
            tested(connection, run_id, failed)

    return build


def data_test_failures(recording: Recording, connection: Any) -> dict[str, int]:
    """Run all data tests; return those that fail with an error, with the number of their failures."""
    found = {}
    for check in recording.checks:
        cursor = connection.execute(check.query)
        row = dict(zip((column[0] for column in cursor.description), cursor.fetchone() or (), strict=True))
        if row["should_error"]:
            found[check.name] = row["failures"]
    return found


def contents(connection: Connection, schemas: tuple[str, ...]) -> dict[str, list[tuple]]:
    """Return the rows of all tables and views of `schemas` in the connection's database, sorted, each by its name.

    A log may hold pairs of extracts that are not part of the build, and int_changed_sessions says what the last build
    found: neither is part of the outcome.
    """
    names = connection.execute(
        "select table_schema, table_name, string_agg(column_name, ',' order by column_name) "
        "from information_schema.columns where table_catalog = current_catalog() and table_schema in "
        f"({', '.join(repr(schema) for schema in schemas)}) group by all order by all"
    ).fetchall()
    current = "where pair_id in (select pair_id from intermediate.int_extract_pairs)"
    return {
        f"{schema}.{name}({columns})": sorted(
            connection.execute(
                f'select {columns} from "{schema}"."{name}" {current if name in dbt_project.models().logs else ""}'
            ).fetchall(),
            key=repr,
        )
        for schema, name, columns in names
        if name != "int_changed_sessions"
    }
