"""The states of an extract and the lock of the run that builds."""

from __future__ import annotations

import shutil
from datetime import datetime

import pytest
from greenery.build import dbt_project, locking, record, target
from greenery.build.locking import Lock, LockLostError
from greenery.build.record import FailedTest, NotJudgedError, NotTestedError
from greenery.landing import ledger
from greenery.landing.loading import land
from greenery.settings import Settings
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows
from greenery.week import WEEK

from tests.conftest import ORDER, small_shop, write_extract
from tests.pipeline import dbt

AS_OF = datetime(2023, 1, 11)
FAILED = FailedTest(test="unique_orders", model="orders", meaning="", failures=1, message="")


def running(*runs: str):
    return lambda run_id: run_id in runs


def taken(connection, run: str, as_of: datetime) -> Lock:
    """Return the lock, taken by the run, of what is built already: as where one of its tasks is cleared by itself."""
    assert locking.acquire(connection, run, as_of, running())
    return record.check_build(connection, run)


@pytest.fixture
def landed(home):
    write_extract(home.extracts / "2023-01-11", small_shop())
    return land(home, AS_OF)


def test_a_second_run_waits_while_the_first_runs(home, landed):
    with connect(home) as connection:
        assert locking.acquire(connection, "first", AS_OF, running())
        assert not locking.acquire(connection, "second", AS_OF, running("first"))
        assert locking.acquire(connection, "first", AS_OF, running("first"))
        locking.release(connection, "second")
        assert locking.check_lock(connection, "first").extract_id == landed.extract_id
        locking.release(connection, "first")
        assert locking.acquire(connection, "second", AS_OF, running("first"))


def test_the_lock_of_a_run_that_ended_is_taken_over(home, landed):
    with connect(home) as connection:
        locking.acquire(connection, "killed", AS_OF, running())
        assert locking.acquire(connection, "next", AS_OF, running("next"))
        with pytest.raises(LockLostError, match="another run holds the warehouse"):
            locking.check_lock(connection, "killed")


def test_nothing_is_published_on_admissions_that_changed(home, landed):
    write_extract(home.extracts / "2023-01-18", small_shop())
    other = land(home, datetime(2023, 1, 18))
    with connect(home) as connection:
        locking.acquire(connection, "run", AS_OF, running())
        ledger.admit(connection, landed.extract_id)
        assert locking.check_lock(connection, "run"), "its own admission is no change: publishing can be tried again"
        ledger.admit(connection, other.extract_id)
        with pytest.raises(LockLostError, match="admitted or withdrawn since this run built"):
            locking.check_lock(connection, "run")


def test_a_run_without_a_landing_gets_no_lock(home):
    with connect(home) as connection, pytest.raises(LockLostError, match="nothing is landed for 2023-01-11"):
        locking.acquire(connection, "run", AS_OF, running())


def test_landed_again_the_admitted_content_stays_until_its_week_is_built(home, landed):
    with connect(home) as connection:
        ledger.admit(connection, landed.extract_id)
    write_extract(home.extracts / "2023-01-11", {**small_shop(), "orders": [{**ORDER, "status": "shipped"}]})
    again = land(home, AS_OF, reextract=True)
    with connect(home) as connection:
        states = {row.extract_id: row.state for row in ledger.extracts(connection)}
        assert states == {landed.extract_id: "admitted", again.extract_id: "landed"}
        locking.acquire(connection, "run", AS_OF, running())
        assert [row.extract_id for row in ledger.extracts(connection)] == [again.extract_id]
        assert [row["status"] for row in rows(connection, "select status from landing.orders")] == ["shipped"]


@pytest.mark.parametrize("way", ["released", "taken over", "taken over by another week"])
def test_content_landed_while_its_week_is_built_is_what_the_next_run_builds(home, landed, way):
    write_extract(home.extracts / "2023-01-18", small_shop())
    land(home, AS_OF + WEEK)
    with connect(home) as connection:
        assert locking.acquire(connection, "first", AS_OF, running())
    products = [{**row, "price": "99.50"} for row in small_shop()["products"]]
    write_extract(home.extracts / "2023-01-11", small_shop() | {"products": products})
    again = land(home, AS_OF, reextract=True)
    assert land(home, AS_OF).outcome == "unchanged"
    with connect(home) as connection:
        assert locking.check_lock(connection, "first").extract_id == landed.extract_id
        assert rows(connection, "select extract_id from landing.build") == [{"extract_id": landed.extract_id}]
        # The first run failed and published nothing.
        if way == "released":
            locking.release(connection, "first")
        elif way == "taken over by another week":
            assert locking.acquire(connection, "other", AS_OF + WEEK, running())
        assert locking.acquire(connection, "second", AS_OF, running())
        assert locking.check_lock(connection, "second").extract_id == again.extract_id
        assert [one.extract_id for one in ledger.extracts(connection) if one.as_of == AS_OF] == [again.extract_id]


def test_held_says_why(home, landed):
    with connect(home) as connection:
        ledger.hold(connection, landed.extract_id, "no events")
        assert ledger.newest(connection, AS_OF).reason == "no events"
        ledger.admit(connection, landed.extract_id)
        assert ledger.newest(connection, AS_OF).reason is None


def test_only_what_the_gate_passed_is_published(home, landed):
    with connect(home) as connection:
        locking.acquire(connection, "run", AS_OF, running())
        lock = locking.check_lock(connection, "run")
        with pytest.raises(NotJudgedError, match="clear its task quality"):
            record.check_passed(connection, lock)
        record.passed(connection, lock)
        record.check_passed(connection, lock)

        # A publish that was killed after admitting is tried again.
        ledger.admit(connection, landed.extract_id)
        record.check_passed(connection, lock)

        # Held again it is judged again; and an admitted extract in a build that failed publishes nothing either.
        ledger.hold(connection, landed.extract_id, "no events")
        with pytest.raises(NotJudgedError):
            record.check_passed(connection, lock)
        ledger.admit(connection, landed.extract_id)
        record.passed(connection, lock)
        record.fail(connection)
        assert ledger.newest(connection, AS_OF).state == "admitted"
        with pytest.raises(NotJudgedError):
            record.check_passed(connection, lock)


@pytest.fixture(scope="module")
def two_weeks(tmp_path_factory):
    """Two weeks, each built, tested, judged, published and admitted by a run of its own: `first`, then `second`."""
    folder = tmp_path_factory.mktemp("two_weeks")
    home = Settings(home=folder / "home", extracts=folder / "extracts")
    for day in ("2023-01-11", "2023-01-18"):
        write_extract(home.extracts / day, small_shop())
    landed, later = land(home, AS_OF), land(home, AS_OF + WEEK)
    for run, extract in (("first", landed), ("second", later)):
        with connect(home) as connection:
            locking.acquire(connection, run, extract.as_of, running())
        dbt(home, "run")
        with connect(home) as connection:
            record.tested(connection, run, [])
            lock = record.check_build(connection, run)
            record.passed(connection, lock)
            record.published(connection, lock, 1)
            ledger.admit(connection, extract.extract_id)
    return folder, later


@pytest.fixture
def later(home, two_weeks):
    """The later of two published weeks, in a home of the test's own."""
    folder, later = two_weeks
    shutil.copytree(folder, home.home.parent, dirs_exist_ok=True)
    return later


def test_what_readers_have_is_published_again(home, later):
    """A task `publish` that is cleared by itself, after a later week was added."""
    with connect(home) as connection:
        lock = taken(connection, "first", AS_OF)
        record.check_passed(connection, lock)


def test_what_the_gate_found_wrong_is_not_published_by_another_week(home, later):
    with connect(home) as connection:
        taken(connection, "second", later.as_of)
        record.fail(connection)
        for run, as_of in (("first", AS_OF), ("second", later.as_of)):
            with pytest.raises(NotJudgedError):
                record.check_passed(connection, taken(connection, run, as_of))


def test_what_a_test_found_wrong_is_not_published_by_another_week(home, later):
    with connect(home) as connection:
        taken(connection, "first", AS_OF)
        record.tested(connection, "first", [FAILED])
        for run, as_of in (("first", AS_OF), ("second", later.as_of)):
            with pytest.raises(NotJudgedError):
                record.check_passed(connection, taken(connection, run, as_of))


def test_a_withdrawal_is_published_only_where_tests_pass_without_the_extract(home, later):
    with connect(home) as connection:
        locking.acquire(connection, "withdraw", later.as_of, running(), "in cents")
    dbt(home, "run")
    with connect(home) as connection:
        lock = record.check_build(connection, "withdraw")
        with pytest.raises(NotTestedError, match="have not run on what this run built"):
            record.check_passed(connection, lock)
        record.tested(connection, "withdraw", [FAILED])
        with pytest.raises(NotTestedError, match="without the extract, dbt tests fail: unique_orders"):
            record.check_passed(connection, lock)
        record.tested(connection, "withdraw", [])
        record.check_passed(connection, lock)


def test_what_other_models_built_counts_for_nothing(home, later, monkeypatch):
    for version in ("another", "a third"):
        monkeypatch.setattr(dbt_project, "version", lambda version=version: version)
        with connect(home) as connection:
            locking.acquire(connection, "first", AS_OF, running())
            assert target.builds_anew(connection)
            lock = locking.check_lock(connection, "first")
            with pytest.raises(LockLostError, match="clear its task acquire_warehouse with all that follows"):
                record.check_build(connection, "first")
            with pytest.raises(NotTestedError):
                record.failed_tests(connection, lock)
            with pytest.raises(NotJudgedError):
                record.check_passed(connection, lock)
        # Built by the first of them, it does not count for the second either.
        dbt(home, "run", "--full-refresh")
        with connect(home) as connection:
            record.check_build(connection, "first")
            assert target.builds_anew(connection)


def test_a_project_that_changes_after_the_last_model_is_built_anew_by_the_next_run(home, later, monkeypatch):
    with connect(home) as connection:
        taken(connection, "first", AS_OF)
        monkeypatch.setattr(dbt_project, "version", lambda: "another")
        record.tested(connection, "first", [])
        assert record.failed_tests(connection, record.check_build(connection, "first")) == []
        locking.acquire(connection, "first", AS_OF, running())
        assert target.builds_anew(connection)


def test_tests_look_at_all_until_all_have_passed(home, later):
    with connect(home) as connection:
        assert not taken(connection, "first", AS_OF).tests_all
        # It may have built something: nothing says that this was tested.
        assert taken(connection, "second", later.as_of).tests_all
        record.tested(connection, "second", [FAILED])
        assert taken(connection, "second", later.as_of).tests_all
        record.tested(connection, "second", [])
        assert not taken(connection, "second", later.as_of).tests_all
        record.tested(connection, "second", [])
        ledger.hold(connection, later.extract_id, "no events")
        locking.acquire(connection, "first", AS_OF, running())
        assert locking.check_lock(connection, "first").tests_all


def test_tests_look_at_all_that_a_full_refresh_builds(home, later):
    with connect(home) as connection:
        locking.acquire(connection, "second", later.as_of, running(), full_refresh=True)
        assert locking.check_lock(connection, "second").tests_all


def test_tests_look_at_all_after_a_build_that_was_tested_and_not_published(home, later):
    """A correction is tested, its run ends before it is judged, and the run of the next week takes over."""
    write_extract(home.extracts / "2023-01-11", {**small_shop(), "orders": [{**ORDER, "status": "shipped"}]})
    land(home, AS_OF, reextract=True)
    with connect(home) as connection:
        locking.acquire(connection, "first", AS_OF, running())
        assert not locking.check_lock(connection, "first").tests_all
    dbt(home, "run")
    with connect(home) as connection:
        record.tested(connection, "first", [])
        locking.acquire(connection, "second", later.as_of, running())
        assert locking.check_lock(connection, "second").tests_all


def test_what_is_held_since_is_not_published_again(home, landed):
    with connect(home) as connection:
        locking.acquire(connection, "run", AS_OF, running())
        lock = locking.check_lock(connection, "run")
        record.passed(connection, lock)
        record.published(connection, lock, 1)
        ledger.admit(connection, landed.extract_id)
        ledger.hold(connection, landed.extract_id, "no events")
        with pytest.raises(NotJudgedError):
            record.check_passed(connection, lock)


def test_a_withdrawal_takes_back_what_was_landed_again_too(home, later):
    write_extract(home.extracts / "2023-01-18", {**small_shop(), "orders": [{**ORDER, "status": "shipped"}]})
    land(home, later.as_of, reextract=True)
    with connect(home) as connection:
        locking.acquire(connection, "withdraw", later.as_of, running(), "in cents")
        assert [row.extract_id for row in ledger.extracts(connection) if row.as_of == later.as_of] == [later.extract_id]


def test_what_was_tested_counts_until_another_run_begins_to_build(home, later):
    with connect(home) as connection:
        assert record.failed_tests(connection, taken(connection, "first", AS_OF)) == []
        locking.acquire(connection, "withdraw", later.as_of, running(), "in cents")
        with pytest.raises(NotTestedError):
            record.failed_tests(connection, taken(connection, "first", AS_OF))
