"""What an import makes of a dbt snapshot: its oddities are reported, put right by a rule, or refused."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from greenery.cli import import_snapshot as command
from greenery.commands import InputError
from greenery.landing import importing, ledger, loading
from greenery.source.folders import ExtractError
from greenery.source.tables import TABLES
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows

from tests.conftest import ORDER, small_shop, write_extract

COLUMNS = [column.name for column in TABLES[0].columns]
FIRST, SECOND, THIRD = "2022-12-21", "2022-12-28", "2023-01-04"
RELATION = "snapshots.orders_snapshot"


def version(order_id: str, start: str, end: str | None, **values: str) -> dict:
    return {**ORDER, "order_id": order_id, **values, "dbt_valid_from": start, "dbt_valid_to": end}


def write_snapshot(file: Path, versions: list[dict], types: dict[str, str] | None = None) -> Path:
    names = list(versions[0])
    file.unlink(missing_ok=True)
    with duckdb.connect(file) as connection:
        connection.execute("create schema snapshots")
        kinds = {column.name: column.type for column in TABLES[0].columns} | {
            "dbt_valid_from": "TIMESTAMP",
            "dbt_valid_to": "TIMESTAMP",
            **(types or {}),
        }
        columns = ", ".join(f"{name} {kinds.get(name, 'VARCHAR')}" for name in names)
        connection.execute(f"create table {RELATION} ({columns})")
        values = [[row[name] or None for name in names] for row in versions]
        connection.executemany(f"insert into {RELATION} values ({', '.join('?' * len(names))})", values)
    return file


@pytest.fixture
def imported(home, tmp_path):
    def run(*versions: dict, types: dict[str, str] | None = None, **options):
        file = write_snapshot(tmp_path / "shop.duckdb", list(versions), types)
        return importing.import_snapshot(home, RELATION, file, **options)

    return run


def states(home) -> dict[str, list[str]]:
    """Return the ids of the orders at each instant."""
    query = """
        select as_of, list(order_id order by order_id) filter (order_id is not null) as ids
        from landing.extracts left join landing.orders using (extract_id) group by as_of order by as_of
    """
    with connect(home) as connection:
        return {f"{row['as_of']:%Y-%m-%d}": row["ids"] or [] for row in rows(connection, query)}


def test_each_instant_has_its_orders(imported, home):
    found = imported(
        version("o1", FIRST, SECOND),
        version("o1", SECOND, None, status="shipped"),
        version("o2", FIRST, THIRD),
    )
    assert (found.outcome, found.versions, found.instants) == ("imported", 3, 3)
    assert found.findings == [
        "1 removal(s) have a time at which no version begins, perhaps a clock's: they count at that time"
    ]
    assert states(home) == {FIRST: ["o1", "o2"], SECOND: ["o1", "o2"], THIRD: ["o1"]}
    with connect(home) as connection:
        extracts = ledger.extracts(connection)
    assert [(one.state, one.events_since == one.as_of, one.row_counts["orders"]) for one in extracts] == [
        ("admitted", True, 2),
        ("admitted", True, 2),
        ("admitted", True, 1),
    ]


def test_importing_twice_changes_nothing_and_another_one_must_be_asked_for(imported, home):
    imported(version("o1", FIRST, None))
    before = states(home)
    assert imported(version("o1", FIRST, None)).outcome == "unchanged"
    with pytest.raises(ExtractError, match="differs from the snapshot that was imported before"):
        imported(version("o2", FIRST, None))
    assert states(home) == before
    assert imported(version("o2", FIRST, None), again=True).outcome == "imported"
    assert states(home) == {FIRST: ["o2"]}


@pytest.mark.parametrize(
    ("versions", "finding", "found"),
    [
        (
            [version("o1", FIRST, None), version("o1", FIRST, None)],
            "1 row(s) are there twice with the same content: each counts once",
            {FIRST: ["o1"]},
        ),
        (
            [version("o1", FIRST, FIRST), version("o2", FIRST, None)],
            "1 version(s) end at the moment at which they begin: they are left out",
            {FIRST: ["o2"]},
        ),
        (
            [version("o1", FIRST, SECOND), version("o1", THIRD, None)],
            "1 time(s) an order is gone for a while: it counts as removed, then as returned",
            {FIRST: ["o1"], SECOND: [], THIRD: ["o1"]},
        ),
        (
            [version("o1", FIRST, SECOND), version("o1", SECOND, None)],
            "1 version(s) differ from the one before in no column of an order: they continue it",
            {FIRST: ["o1"], SECOND: ["o1"]},
        ),
        (
            [
                {**version("o1", FIRST, SECOND), "dbt_is_deleted": "False"},
                {**version("o1", SECOND, None), "dbt_is_deleted": "True"},
            ],
            "1 row(s) with dbt_is_deleted say that an order is gone: they count as no version",
            {FIRST: ["o1"], SECOND: []},
        ),
    ],
)
def test_an_oddity_is_reported_and_put_right(imported, home, versions, finding, found):
    assert finding in imported(*versions).findings
    assert states(home) == found


def test_a_time_far_in_the_future_means_until_now(imported, home):
    assert imported(version("o1", FIRST, "9999-12-31")).instants == 1


@pytest.mark.parametrize(
    ("versions", "problem"),
    [
        (
            [version("o1", FIRST, THIRD), version("o1", SECOND, None)],
            "1 order(s) have a version that is still valid when the next one begins: o1, 2022-12-21 00:00:00 to",
        ),
        (
            [version("o1", FIRST, None), version("o1", SECOND, None)],
            "1 order(s) have a version that is still valid when the next one begins: o1, 2022-12-21 00:00:00 to now",
        ),
        ([version("o1", SECOND, FIRST)], "1 order(s) have a version that ends before it begins: o1, 2022-12-28"),
        (
            [version("o1", FIRST, None), version("o1", FIRST, None, status="shipped")],
            "1 value(s) of the key (order_id, dbt_valid_from) have rows with different content: o1, 2022-12-21",
        ),
        ([version("", FIRST, None)], "column order_id: the key is empty"),
    ],
)
def test_what_contradicts_itself_is_refused_with_its_rows(imported, home, versions, problem):
    with pytest.raises(ExtractError) as caught:
        imported(*versions)
    assert problem in str(caught.value)
    assert "shop.duckdb, snapshots.orders_snapshot" in str(caught.value)
    assert states(home) == {}


def test_a_value_of_the_wrong_type_is_named(imported):
    with pytest.raises(
        ExtractError, match=r"the row with order_id 'o1', dbt_valid_from '.*', column order_total: 'a lot'"
    ):
        imported(version("o1", FIRST, None, order_total="a lot"), types={"order_total": "VARCHAR"})


def test_a_column_that_is_missing_is_named(imported):
    without = version("o1", FIRST, None)
    del without["status"]
    with pytest.raises(ExtractError, match="column status is missing"):
        imported(without)


def test_a_file_or_relation_that_is_not_there_is_named(home, tmp_path, monkeypatch):
    with pytest.raises(ExtractError, match=f"there is no file {tmp_path}/none.duckdb"):
        importing.import_snapshot(home, RELATION, tmp_path / "none.duckdb")
    file = write_snapshot(tmp_path / "shop.duckdb", [version("o1", FIRST, None)])
    with pytest.raises(ExtractError, match=r"snapshots.other in .* can't be read"):
        importing.import_snapshot(home, "snapshots.other", file)
    monkeypatch.setenv("GREENERY_HOME", str(home.home))
    with pytest.raises(InputError, match="names no table of Snowflake"):
        command.import_snapshot("orders_snapshot")


def test_a_clock_for_each_change_is_refused(imported, monkeypatch):
    monkeypatch.setattr(importing, "MOST_INSTANTS", 2)
    with pytest.raises(ExtractError, match="has 3 instants at which versions begin or end, more than 2"):
        imported(version("o1", FIRST, SECOND), version("o2", SECOND, THIRD))


def test_it_ends_before_the_first_landed_extract(imported, home, as_of):
    write_extract(home.extracts / "2023-01-11", small_shop())
    loading.land(home, as_of)
    found = imported(
        version("o1", FIRST, None),
        version("o2", FIRST, "2026-01-01 13:37:00"),  # removed, and stamped by a clock years later
        version("o3", "2023-01-18", None),
    )
    assert found.findings == [
        "1 version(s) begin on 2023-01-11 or later: the extracts show these, they are left out",
        "1 version(s) end on 2023-01-11 or later: the first extract shows what became of them",
    ]
    assert states(home) == {FIRST: ["o1", "o2"], "2023-01-11": ["o1"]}


def test_an_extract_follows_the_imported_history(imported, home, as_of):
    write_extract(home.extracts / "2023-01-11", small_shop())
    versions = [version("o1", FIRST, None), version("o2", FIRST, "2026-01-01 13:37:00")]
    imported(*versions)
    with pytest.raises(
        ExtractError, match=r"an order history up to 2026-01-01 13:37:00 is imported.*--before 2023-01-11"
    ):
        loading.land(home, as_of)
    imported(*versions, before=as_of, again=True)
    assert loading.land(home, as_of).outcome == "landed"


def test_an_imported_state_can_not_be_withdrawn(imported, home):
    imported(version("o1", FIRST, None))
    with connect(home) as connection, pytest.raises(ledger.NothingToWithdrawError, match="no extract 2022-12-21"):
        ledger.to_withdraw(connection, datetime(2022, 12, 21))


def test_the_command_says_what_it_did(home, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GREENERY_HOME", str(home.home))
    file = write_snapshot(tmp_path / "shop.duckdb", [version("o1", FIRST, None), version("o1", FIRST, None)])
    command.import_snapshot(RELATION, file, before="2023-01-11")
    assert capsys.readouterr().out.splitlines() == [
        "Note: 1 row(s) are there twice with the same content: each counts once.",
        f"{RELATION}: 1 versions of orders, from {FIRST} 00:00:00 to {FIRST} 00:00:00, at 1 instants: imported.",
        "Next: run the weeks that follow it.",
    ]
