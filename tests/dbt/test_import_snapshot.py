"""An imported dbt snapshot of the first weeks, continued by the pipeline, is the dbt snapshot of all weeks."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from greenery.build import target
from greenery.landing import importing
from greenery.publishing.versions import open_published
from greenery.settings import Settings
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows

from tests.dbt.test_dbt_snapshot import COLUMNS, META, RANDOM_HISTORIES, DbtSnapshot, landed, random_history
from tests.dbt.test_real_extracts import WEEKS
from tests.pipeline import run_week
from tests.properties.histories import describe
from tests.properties.reference import Extract, order_changes
from tests.properties.world import insert

RELATION = "snapshots.snapshotted_orders"
SNAPSHOT_QUERY = f"select {', '.join((*COLUMNS, *META))} from {{}}.orders_snapshot"
CHANGES_QUERY = "select as_of, order_id, change, status_from, status_to from {}.fct_order_changes"


class KeptSnapshot(DbtSnapshot):
    """Keeps the snapshot as it was after each extract, each in a file of its own. dbt itself keeps its file open."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.after: list[Path] = []

    def of(self, extracts: list[Extract]) -> list[tuple]:
        self.after = []
        return super().of(extracts)

    def _run(self, as_of: datetime) -> None:
        super()._run(as_of)
        file = self._folder / f"{self._cases}_after_{len(self.after) + 1}.duckdb"
        with duckdb.connect(self._file) as connection:
            connection.execute(f"attach '{file}' as kept")
            connection.execute("create schema kept.snapshots")
            connection.execute(f"create table kept.{RELATION} as from {RELATION}")
            connection.execute("detach kept")
        self.after.append(file)


@pytest.fixture(scope="module")
def dbt_snapshot(tmp_path_factory) -> KeptSnapshot:
    return KeptSnapshot(tmp_path_factory.mktemp("dbt_snapshot"))


def expected_changes(extracts: list[Extract]) -> list[tuple]:
    return sorted(
        (extract.as_of, change["order_id"], change["change"], change["status_from"], change["status_to"])
        for extract in extracts
        for change in order_changes(extracts, extract.as_of)
    )


def in_text(rows: list[tuple]) -> list[str]:
    return sorted(map(repr, rows))


def test_the_real_weeks_continue_an_imported_snapshot(replays, real_extracts, dbt_snapshot, tmp_path):
    extracts = landed(tmp_path / "landed", real_extracts)
    expected = dbt_snapshot.of(extracts)
    home = Settings(home=tmp_path / "home", extracts=real_extracts)
    found = importing.import_snapshot(home, RELATION, dbt_snapshot.after[1])
    assert (found.first, found.last, found.findings) == (WEEKS[0], WEEKS[1], [])
    for week in WEEKS[2:]:
        run_week(home, week)
    with open_published(home) as connection:
        snapshot = connection.execute(SNAPSHOT_QUERY.format("analytics")).fetchall()
        changes = connection.execute(CHANGES_QUERY.format("analytics")).fetchall()
    assert in_text(snapshot) == in_text(expected)
    assert in_text(changes) == in_text(expected_changes(extracts))
    # The first landed week is compared with the newest imported state. The list of weeks has no imported ones.
    summary = json.loads((home.report_folder(WEEKS[2]) / "summary.json").read_bytes())
    assert summary["order_changes"]["previous_as_of"] == "2023-01-18T00:00:00+00:00"
    assert [week["as_of"] for week in json.loads((home.reports / "weeks.json").read_bytes())] == [
        "2023-01-25",
        "2023-02-01",
    ]
    with connect(home) as connection:
        assert rows(connection, "select distinct extract_id from landing.events order by all") == [
            row
            for row in rows(connection, "select extract_id from landing.extracts order by all")
            if not row["extract_id"].startswith("imported-")
        ]


@pytest.mark.parametrize("number", RANDOM_HISTORIES)
def test_random_histories_continue_an_imported_snapshot(warehouse, dbt_snapshot, tmp_path, monkeypatch, number):
    history = random_history(number)
    extracts = [variants[0] for variants in history.values()]
    expected = dbt_snapshot.of(extracts)
    for known in range(1, len(extracts)):
        if not any(extract.tables["orders"] for extract in extracts[:known]):
            continue  # dbt has nothing to keep
        warehouse.clear()
        connection = warehouse.open()
        monkeypatch.setattr(importing, "connect", lambda _, opened=connection: nullcontext(opened))
        home = Settings(home=tmp_path, extracts=tmp_path)
        importing.import_snapshot(home, RELATION, dbt_snapshot.after[known - 1])
        for extract in extracts[known:]:
            insert(connection, extract, "admitted")
            target.set_build(connection)
            warehouse.build()
        found = connection.execute(SNAPSHOT_QUERY.format("marts")).fetchall()
        assert in_text(found) == in_text(expected), describe(history)
        if extracts[0].tables["orders"]:  # else the first state with orders is the baseline
            changes = connection.execute(CHANGES_QUERY.format("marts")).fetchall()
            assert in_text(changes) == in_text(expected_changes(extracts)), describe(history)


def test_the_random_histories_have_removals_before_the_import():
    removed = [
        change
        for number in RANDOM_HISTORIES
        for extracts in [[variants[0] for variants in random_history(number).values()]]
        for change in order_changes(extracts[:-1], extracts[-2].as_of)
        if change["change"] == "removed"
    ]
    assert removed


def test_an_import_after_the_weeks_is_taken_up_by_the_next_run(warehouse, dbt_snapshot, tmp_path, monkeypatch):
    extracts = [variants[0] for variants in random_history(RANDOM_HISTORIES[0]).values()]
    expected = dbt_snapshot.of(extracts)
    # The snapshot goes on after the first landed extract: what it says from there on is left out.
    file = dbt_snapshot.after[2]
    warehouse.clear()
    connection = warehouse.open()
    monkeypatch.setattr(importing, "connect", lambda _: nullcontext(connection))
    for extract in extracts[2:]:
        insert(connection, extract, "admitted")
        target.set_build(connection)
        warehouse.build()
    found = importing.import_snapshot(Settings(home=tmp_path, extracts=tmp_path), RELATION, file)
    assert found.last < extracts[2].as_of
    target.set_build(connection)
    warehouse.build()
    assert in_text(connection.execute(SNAPSHOT_QUERY.format("marts")).fetchall()) == in_text(expected)
