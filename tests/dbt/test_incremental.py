"""Whatever happened to the extracts, and wherever a build was killed, the models end as built from the start."""

from __future__ import annotations

import random
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from greenery.build import locking, record, target
from greenery.build.locking import LockLostError
from greenery.landing import ledger, loading
from greenery.settings import Settings
from greenery.simulator.shop import Shop, simulate
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows
from greenery.week import WEEK

from tests.pipeline import dbt

FIRST = datetime(2025, 1, 8)
WEEKS = [FIRST + number * WEEK for number in range(5)]


def contents(home: Settings) -> dict[str, list[tuple]]:
    """Return the rows of every model, of the logs those that the build reads."""
    found = {}
    with connect(home) as connection:
        for schema, table, has_pairs in connection.execute(
            """
            select table_schema, table_name, bool_or(column_name = 'pair_id')
            from information_schema.columns
            where table_schema in ('intermediate', 'marts') and table_name <> 'int_changed_sessions'
            group by table_schema, table_name
            """
        ).fetchall():
            pairs = "where pair_id in (select pair_id from intermediate.int_extract_pairs)" if has_pairs else ""
            found[table] = connection.execute(f"from {schema}.{table} {pairs} order by all").fetchall()
    return found


def build(home: Settings, as_of: datetime, *, full_refresh: bool = False, check: bool = True) -> None:
    """Build the models for the week, and admit its extract."""
    with connect(home) as connection:
        locking.acquire(connection, "run", as_of, lambda _: False, full_refresh=full_refresh)
        arguments = ["--full-refresh"] if target.builds_anew(connection) else []
    dbt(home, *(("build", "--exclude-resource-type", "unit_test") if check else ("run",)), *arguments)
    with connect(home) as connection:
        record.tested(connection, "run", [])
        lock = record.check_build(connection, "run")
        ledger.admit(connection, lock.extract_id)
        locking.release(connection, "run")


def same_as_from_the_start(home: Settings, as_of: datetime) -> None:
    """Compare what is built with a full refresh of it."""
    found = contents(home)
    build(home, as_of, full_refresh=True, check=False)
    expected = contents(home)
    assert set(found) == set(expected)
    assert {table for table in expected if found[table] != expected[table]} == set()


def spoil(folder: Path, seed: str) -> None:
    """Rewrite an extract as a troubled source might: rows gone, sessions renamed, events dated ahead, people moved."""
    with duckdb.connect() as connection:
        connection.execute("create macro one_in(n, id) as hash(id || $seed) % n = 0".replace("$seed", f"'{seed}'"))
        for table, query in {
            "events": """
                select * replace (
                    if(one_in(20, 'session' || event_id), 'taken over', session_id) as session_id,
                    if(one_in(15, 'time' || event_id), (created_at::timestamp + to_days(8))::varchar, created_at)
                        as created_at
                )
                from extract where not one_in(10, event_id)
            """,
            "orders": "select * replace (if(one_in(9, user_id), 'Moved', address_id) as address_id) from extract",
            "order_items": "from extract where not one_in(9, order_id || product_id)",
            "users": "from extract where not one_in(20, user_id)",
            "addresses": "select * replace (if(one_in(9, address_id), 'Moved', state) as state) from extract",
        }.items():
            file = str(folder / f"{table}.csv")
            connection.execute(
                f"create or replace temp table extract as from read_csv('{file}', all_varchar = true, header = true)"
            )
            connection.execute(f"copy ({query}) to '{file}' (header)")


def test_any_order_of_landing_holding_and_replacing_ends_as_built_from_the_start(tmp_path):
    draw = random.Random(1)  # noqa: S311
    home = Settings(home=tmp_path / "home", extracts=tmp_path / "extracts")
    simulate(Shop(FIRST, weeks=len(WEEKS), sessions_per_week=40), home.extracts)
    for week in draw.sample(WEEKS[1:], 2):
        spoil(home.extracts / f"{week:%Y-%m-%d}", "spoiled")
    order = draw.sample(WEEKS, len(WEEKS))
    for number, week in enumerate(order):
        if number == 3:
            hold(home, order[1])
        loading.land(home, week, accept_shrink=True)
        build(home, week)
    same_as_from_the_start(home, order[-1])

    replaced = order[2]
    spoil(home.extracts / f"{replaced:%Y-%m-%d}", "again")
    loading.land(home, replaced, accept_shrink=True, reextract=True)
    build(home, replaced)
    build(home, order[1])
    assert pairs_logged(home) > pairs_built(home), "rows of pairs that were left stay while a model has to see them"
    build(home, order[1])
    assert pairs_logged(home) == pairs_built(home), "and are gone after the next run"
    same_as_from_the_start(home, order[1])


@pytest.fixture(scope="module")
def three_weeks(tmp_path_factory) -> Settings:
    folder = tmp_path_factory.mktemp("three_weeks")
    home = Settings(home=folder / "home", extracts=folder / "extracts")
    simulate(Shop(FIRST, weeks=3, sessions_per_week=40), home.extracts)
    for week in WEEKS[:3]:
        loading.land(home, week)
        build(home, week, check=False)
    return home


def test_a_model_whose_table_is_lost_is_built_from_the_start(three_weeks):
    expected = contents(three_weeks)
    for statement in (
        "drop table marts.fct_sessions",
        "drop table intermediate.int_event_appearances",
        "drop table marts.fct_funnel_daily; drop table marts.dim_users; drop table intermediate.int_session_steps",
    ):
        with connect(three_weeks) as connection:
            connection.execute(statement)
        build(three_weeks, WEEKS[2], check=False)
        found = contents(three_weeks)
        assert {table for table in expected if found[table] != expected[table]} == set(), statement


def test_a_full_refresh_that_is_broken_off_is_one_until_it_is_done(three_weeks):
    """A log that is built from the start no longer says which keys an extract had that left the build."""
    hold(three_weeks, WEEKS[1])
    with connect(three_weeks) as connection:
        locking.acquire(connection, "run", WEEKS[2], lambda _: False, full_refresh=True)
    dbt(three_weeks, "run", "--full-refresh", "--select", "int_extract_pairs", "path:models/intermediate/versions")
    build(three_weeks, WEEKS[2], check=False)
    same_as_from_the_start(three_weeks, WEEKS[2])
    build(three_weeks, WEEKS[1], check=False)
    same_as_from_the_start(three_weeks, WEEKS[1])


def test_a_model_that_was_left_out_stops_those_that_read_it_and_the_run(three_weeks):
    hold(three_weeks, WEEKS[1])
    with connect(three_weeks) as connection:
        locking.acquire(connection, "run", WEEKS[2], lambda _: False)
    with pytest.raises(LockLostError, match="not built from the extracts of this run: fct_sessions"):
        dbt(three_weeks, "run", "--exclude", "fct_sessions")
    with (
        connect(three_weeks) as connection,
        pytest.raises(LockLostError, match="extracts: fct_funnel_daily, fct_product_funnel_daily, fct_sessions"),
    ):
        record.check_build(connection, "run")
    dbt(three_weeks, "run", "--select", "fct_sessions", "fct_funnel_daily", "fct_product_funnel_daily")
    with connect(three_weeks) as connection:
        assert record.check_build(connection, "run")
    same_as_from_the_start(three_weeks, WEEKS[2])


def test_a_log_that_is_lost_while_others_need_it_is_noticed(three_weeks):
    build(three_weeks, WEEKS[1], check=False)
    hold(three_weeks, WEEKS[1])
    with connect(three_weeks) as connection:
        locking.acquire(connection, "run", WEEKS[2], lambda _: False)
    with pytest.raises(AssertionError, match="int_order_versions can not be built from the start by itself"):
        dbt(three_weeks, "run", "--full-refresh", "--select", "int_extract_pairs", "int_order_versions")
    with connect(three_weeks) as connection:
        connection.execute("drop table intermediate.int_order_versions")
    build(three_weeks, WEEKS[2], check=False)
    same_as_from_the_start(three_weeks, WEEKS[2])


def hold(home: Settings, as_of: datetime) -> None:
    with connect(home) as connection:
        ledger.hold(connection, ledger.newest(connection, as_of).extract_id, "withdrawn")


def pairs_logged(home: Settings) -> set[str]:
    with connect(home) as connection:
        return {row["pair_id"] for row in rows(connection, "select pair_id from intermediate.int_order_versions")}


def pairs_built(home: Settings) -> set[str]:
    with connect(home) as connection:
        return {row["pair_id"] for row in rows(connection, "select pair_id from intermediate.int_extract_pairs")}
