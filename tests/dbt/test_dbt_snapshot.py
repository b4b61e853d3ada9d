"""orders_snapshot is what a real `dbt snapshot`, run on the day of each extract, would have kept.

Equal in every row and every column, dbt_scd_id and dbt_updated_at too.
"""

from __future__ import annotations

import os
import random
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from dbt.cli.main import dbtRunner
from greenery.build import target
from greenery.landing import loading
from greenery.settings import Settings
from greenery.simulator.shop import Shop, simulate
from greenery.source.tables import TABLES
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows

from tests.properties.histories import describe, make_history
from tests.properties.reference import Extract, order_changes
from tests.properties.world import insert, sql_text

PROJECT = Path(__file__).with_name("snapshot_project")
ORDERS = next(table for table in TABLES if table.name == "orders")
COLUMNS = tuple(column.name for column in ORDERS.columns)
META = ("dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to")
# Numbers among which every kind of change occurs; orders that come back are rare.
RANDOM_HISTORIES = range(37, 52)


class DbtSnapshot:
    """A database on which `dbt snapshot` is run, extract by extract."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "shop.duckdb"
        self._cases = 0
        self._runner: dbtRunner | None = None

    def of(self, extracts: list[Extract]) -> list[tuple]:
        """Snapshot the orders of the extracts in turn; return the rows of the snapshot."""
        self._cases += 1
        columns = ", ".join(f"{column.name} {column.type}" for column in ORDERS.columns)
        with duckdb.connect(self._file) as connection:
            connection.execute(
                f"create table if not exists landed_orders (case_number integer, as_of timestamp, {columns})"
            )
            connection.execute("drop table if exists snapshots.snapshotted_orders" if self._cases > 1 else "select 1")
            for extract in extracts:
                orders = [
                    f"({', '.join(sql_text(value) for value in (self._cases, extract.as_of, *order))})"
                    for order in ([row[name] for name in COLUMNS] for row in extract.tables["orders"])
                ]
                if orders:
                    connection.execute(f"insert into landed_orders values {', '.join(orders)}")
        for extract in extracts:
            self._run(extract.as_of)
        with duckdb.connect(self._file) as connection:
            query = f"select {', '.join((*COLUMNS, *META))} from snapshots.snapshotted_orders"
            return sorted(connection.execute(query).fetchall(), key=repr)

    def _run(self, as_of: datetime) -> None:
        os.environ.update(
            SNAPSHOT_DATABASE=str(self._file),
            SNAPSHOT_CASE=str(self._cases),
            SNAPSHOT_AS_OF=f"{as_of:%Y-%m-%d %H:%M:%S}",
        )
        places = ["--project-dir", PROJECT, "--profiles-dir", PROJECT]
        places += ["--target-path", self._folder / "target", "--log-path", self._folder / "logs"]
        if self._runner is None:
            parsed = dbtRunner().invoke(["--quiet", "parse", *map(str, places)])
            assert parsed.success, parsed.exception
            # With a manifest at hand dbt does not read the project again.
            self._runner = dbtRunner(manifest=parsed.result)
        result = self._runner.invoke(["--quiet", "snapshot", *map(str, places)])
        assert result.success, [node.message for node in result.result or []] or result.exception


@pytest.fixture(scope="module")
def dbt_snapshot(tmp_path_factory) -> DbtSnapshot:
    return DbtSnapshot(tmp_path_factory.mktemp("dbt_snapshot"))


def by_models(warehouse, extracts: list[Extract]) -> list[tuple]:
    """Return orders_snapshot after a build for each extract in turn."""
    warehouse.clear()
    connection = warehouse.open()
    for extract in extracts:
        insert(connection, extract, "admitted")
        target.set_build(connection)
        warehouse.build()
    query = f"select {', '.join((*COLUMNS, *META))} from marts.orders_snapshot"
    return sorted(connection.execute(query).fetchall(), key=repr)


def landed(folder: Path, extracts: Path) -> list[Extract]:
    """Land all extracts of a folder and return their orders as landed."""
    home = Settings(home=folder / "home", extracts=extracts)
    found = []
    for path in sorted(extracts.iterdir()):
        as_of = datetime.fromisoformat(path.name)
        loading.land(home, as_of)
        with connect(home) as connection:
            query = "select orders.* exclude extract_id from landing.orders join landing.extracts using (extract_id)"
            orders = rows(connection, f"{query} where as_of = $as_of", {"as_of": as_of})
        found.append(Extract(as_of, {table.name: [] for table in TABLES} | {"orders": orders}))
    return found


def kinds(extracts: list[Extract]) -> set[str]:
    return {change["change"] for extract in extracts for change in order_changes(extracts, extract.as_of)}


def random_history(number: int) -> dict[int, list[Extract]]:
    return make_history(random.Random(number).randrange, weeks=4)  # noqa: S311


def test_real_extracts(real_extracts, warehouse, dbt_snapshot, tmp_path):
    extracts = landed(tmp_path, real_extracts)
    found = dbt_snapshot.of(extracts)
    assert len(found) > len(extracts[0].tables["orders"])
    assert by_models(warehouse, extracts) == found


def test_simulated_shop(warehouse, dbt_snapshot, tmp_path):
    simulate(Shop(first_as_of=datetime(2025, 1, 8), weeks=6, sessions_per_week=80), tmp_path / "extracts")
    extracts = landed(tmp_path, tmp_path / "extracts")
    # Some orders are missing from one extract and back in the next.
    orders = extracts[2].tables["orders"]
    extracts[3].tables["orders"] = [row for row in extracts[3].tables["orders"] if row not in orders[::5]]
    assert kinds(extracts) >= {"new", "status_changed", "removed", "returned"}
    assert by_models(warehouse, extracts) == dbt_snapshot.of(extracts)


@pytest.mark.parametrize("number", RANDOM_HISTORIES)
def test_random_history(warehouse, dbt_snapshot, number):
    history = random_history(number)
    extracts = [variants[0] for variants in history.values()]
    assert by_models(warehouse, extracts) == dbt_snapshot.of(extracts), describe(history)


def test_the_random_histories_have_every_kind_of_change():
    found = set()
    for number in RANDOM_HISTORIES:
        found |= kinds([variants[0] for variants in random_history(number).values()])
    assert found == {"new", "status_changed", "details_changed", "removed", "returned"}
