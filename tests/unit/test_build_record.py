"""The record of what a run builds: its pairs of extracts, those touched since the last whole build, its models."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest
from greenery.build import dbt_project, locking, record, target
from greenery.build.locking import LockLostError
from greenery.landing import ledger
from greenery.warehouse.connection import rows
from greenery.warehouse.duckdb import create_landing_tables
from greenery.warehouse.statements import statement

DAYS = {"e1": 11, "e2": 18, "e3": 25}
ALL_PAIRS = ["none > e1", "e1 > e2", "e2 > e3"]


@pytest.fixture
def connection():
    with duckdb.connect() as connection:
        create_landing_tables(connection)
        for extract_id, day in DAYS.items():
            connection.execute(
                "insert into landing.extracts (extract_id, as_of, state, content_hash, events_since, accept_shrink, "
                "row_counts, warnings) values (?, ?, 'admitted', '', ?, false, '{}', '[]')",
                [extract_id, datetime(2023, 1, day), datetime(2023, 1, 1) if extract_id == "e2" else None],
            )
        yield connection


def acquire(connection, extract_id, withdrawal="", **parameters):
    as_of = datetime(2023, 1, DAYS[extract_id])
    assert locking.acquire(connection, extract_id, as_of, lambda _: False, withdrawal, **parameters)


def build_all(connection, run_id):
    """Note all models as built by the run, each after those that it reads."""
    connection.execute("create schema if not exists intermediate")
    connection.execute("create or replace table intermediate.int_extract_pairs as from landing.build")
    for log in dbt_project.models().logs:
        connection.execute(f"create table if not exists intermediate.{log} (pair_id varchar)")
    left = dict(dbt_project.models().inputs)
    while left:
        name = next(name for name, inputs in left.items() if not inputs & set(left))
        record.note_built(connection, run_id, name)
        del left[name]


def pairs(connection):
    return [row["pair_id"] for row in rows(connection, f"from ({statement('landing/pairs')}) order by as_of")]


def touched(connection):
    return sorted(row["pair_id"] for row in rows(connection, "from landing.touched_pairs"))


def test_neighbours_are_by_as_of_across_a_week_without_an_extract(connection):
    ledger.hold(connection, "e2", "")
    first, last = rows(connection, f"from ({statement('landing/pairs')}) order by as_of")
    assert (first["pair_id"], first["previous_as_of"], first["previous_extract_id"]) == ("none > e1", None, None)
    assert (last["pair_id"], last["previous_as_of"]) == ("e1 > e3", datetime(2023, 1, 11))
    ledger.admit(connection, "e2")
    assert [row["events_since"] for row in rows(connection, f"from ({statement('landing/pairs')}) order by as_of")] == [
        None,
        datetime(2023, 1, 1),
        None,
    ]


def test_held_and_landed_extracts_stay_out_but_for_the_runs_own(connection):
    connection.execute("update landing.extracts set state = 'held' where extract_id = 'e1'")
    connection.execute("update landing.extracts set state = 'landed' where extract_id = 'e3'")
    assert pairs(connection) == ["none > e2"]
    acquire(connection, "e3")
    assert pairs(connection) == ["none > e2", "e2 > e3"]
    acquire(connection, "e1")
    assert pairs(connection) == ["none > e1", "e1 > e2"]
    ledger.admit(connection, "e1")
    assert pairs(connection) == ["none > e1", "e1 > e2"], "not twice"


def test_a_run_that_withdraws_its_extract_builds_without_it(connection):
    acquire(connection, "e2", "wrong currency")
    assert pairs(connection) == ["none > e1", "e1 > e3"]


def test_a_pair_stays_touched_until_all_is_built_and_tested(connection):
    acquire(connection, "e3")
    assert touched(connection) == sorted(ALL_PAIRS)
    build_all(connection, "e3")
    record.tested(connection, "e3", [])
    assert touched(connection) == []
    acquire(connection, "e2", "wrong currency")
    changed = sorted(["e1 > e2", "e2 > e3", "e1 > e3"])
    assert touched(connection) == changed
    # Back again, though nothing is known of what was built meanwhile.
    acquire(connection, "e3")
    assert touched(connection) == changed


def test_what_is_built_by_hand_after_a_hold_is_what_is_admitted(connection):
    acquire(connection, "e3")
    ledger.hold(connection, "e3", "a critical check")
    locking.release(connection, "another")
    query = "select extract_id from landing.build order by as_of"
    assert [row["extract_id"] for row in rows(connection, query)] == ["e1", "e2", "e3"]
    locking.release(connection, "e3")
    assert [row["extract_id"] for row in rows(connection, query)] == ["e1", "e2"]


def test_a_model_is_noted_only_after_those_that_it_reads(connection):
    acquire(connection, "e3")
    with pytest.raises(LockLostError, match="not built from the extracts of this run: int_extract_pairs"):
        record.note_built(connection, "e3", "int_order_versions")
    with pytest.raises(LockLostError, match="another run holds the warehouse"):
        record.note_built(connection, "e1", "int_extract_pairs")
    with pytest.raises(LockLostError, match="built from other extracts"):
        record.check_build(connection, "e3")
    build_all(connection, "e3")
    record.check_build(connection, "e3")


def test_a_model_whose_second_build_breaks_off_is_not_noted(connection):
    acquire(connection, "e3")
    build_all(connection, "e3")
    record.forget_built(connection, "e3", "fct_sessions")
    with pytest.raises(LockLostError, match=r"not built from this run.s extracts: fct_sessions"):
        record.check_build(connection, "e3")
    record.note_built(connection, "e3", "fct_sessions")
    record.check_build(connection, "e3")


def test_a_run_that_lost_the_lock_forgets_nothing(connection):
    acquire(connection, "e3")
    build_all(connection, "e3")
    with pytest.raises(LockLostError, match="another run holds the warehouse"):
        record.forget_built(connection, "e1", "fct_sessions")
    record.check_build(connection, "e3")


def test_notes_hold_until_a_run_has_built_from_other_extracts(connection):
    acquire(connection, "e3")
    build_all(connection, "e3")
    acquire(connection, "e2", "wrong currency")
    acquire(connection, "e3")
    record.check_build(connection, "e3")
    acquire(connection, "e2", "wrong currency")
    connection.execute("create or replace table intermediate.int_extract_pairs as from landing.build")
    acquire(connection, "e3")
    with pytest.raises(LockLostError, match="built from other extracts"):
        record.check_build(connection, "e3")  # built, and killed before it was noted
    acquire(connection, "e2", "wrong currency")
    record.note_built(connection, "e2", "int_extract_pairs")
    acquire(connection, "e3")
    connection.execute("create or replace table intermediate.int_extract_pairs as from landing.build")
    record.note_built(connection, "e3", "int_extract_pairs")
    with pytest.raises(LockLostError, match=r"not built from this run.s extracts: .*fct_sessions"):
        record.check_build(connection, "e3")


def test_a_full_build_stays_one_until_all_is_built_and_tested(connection):
    acquire(connection, "e3")
    build_all(connection, "e3")
    record.tested(connection, "e3", [])
    assert not target.builds_anew(connection)
    acquire(connection, "e3", full_refresh=True)
    assert touched(connection) == sorted(ALL_PAIRS)
    acquire(connection, "e2")
    assert target.builds_anew(connection)
    build_all(connection, "e2")
    assert target.builds_anew(connection)
    record.tested(connection, "e2", [])
    assert not target.builds_anew(connection)


def test_a_log_that_was_dropped_makes_the_next_run_a_full_build(connection):
    acquire(connection, "e3")
    build_all(connection, "e3")
    record.tested(connection, "e3", [])
    acquire(connection, "e3")
    assert not target.builds_anew(connection)
    connection.execute("drop table intermediate.int_order_versions")
    acquire(connection, "e3")
    assert target.builds_anew(connection)
