"""The states of an extract and the lock of the run that builds."""

from __future__ import annotations

from datetime import datetime

import pytest
from greenery import ledger
from greenery.landing import land
from greenery.ledger import LockLostError, NotJudgedError
from greenery.warehouse import connect, rows

from tests.conftest import ORDER, small_shop, write_extract

AS_OF = datetime(2023, 1, 11)


def running(*runs: str):
    return lambda run_id: run_id in runs


@pytest.fixture
def landed(home):
    write_extract(home.extracts / "2023-01-11", small_shop())
    return land(home, AS_OF)


def test_a_second_run_waits_while_the_first_runs(home, landed):
    with connect(home) as connection:
        assert ledger.acquire(connection, "first", AS_OF, running())
        assert not ledger.acquire(connection, "second", AS_OF, running("first"))
        assert ledger.acquire(connection, "first", AS_OF, running("first"))
        ledger.release(connection, "second")
        assert ledger.check_lock(connection, "first")["extract_id"] == landed.extract_id
        ledger.release(connection, "first")
        assert ledger.acquire(connection, "second", AS_OF, running("first"))


def test_the_lock_of_a_run_that_ended_is_taken_over(home, landed):
    with connect(home) as connection:
        ledger.acquire(connection, "killed", AS_OF, running())
        assert ledger.acquire(connection, "next", AS_OF, running("next"))
        with pytest.raises(LockLostError, match="another run holds the warehouse"):
            ledger.check_lock(connection, "killed")


def test_nothing_is_published_on_admissions_that_changed(home, landed):
    write_extract(home.extracts / "2023-01-18", small_shop())
    other = land(home, datetime(2023, 1, 18))
    with connect(home) as connection:
        ledger.acquire(connection, "run", AS_OF, running())
        ledger.admit(connection, landed.extract_id)
        assert ledger.check_lock(connection, "run"), "its own admission is no change: publishing can be tried again"
        ledger.admit(connection, other.extract_id)
        with pytest.raises(LockLostError, match="admitted or withdrawn since this run built"):
            ledger.check_lock(connection, "run")


def test_a_run_without_a_landing_gets_no_lock(home):
    with connect(home) as connection, pytest.raises(LockLostError, match="nothing is landed for 2023-01-11"):
        ledger.acquire(connection, "run", AS_OF, running())


def test_landed_again_the_admitted_content_stays_until_its_week_is_built(home, landed):
    with connect(home) as connection:
        ledger.admit(connection, landed.extract_id)
    write_extract(home.extracts / "2023-01-11", {**small_shop(), "orders": [{**ORDER, "status": "shipped"}]})
    again = land(home, AS_OF, reextract=True)
    with connect(home) as connection:
        states = {row["extract_id"]: row["state"] for row in ledger.extracts(connection)}
        assert states == {landed.extract_id: "admitted", again.extract_id: "landed"}
        ledger.acquire(connection, "run", AS_OF, running())
        assert [row["extract_id"] for row in ledger.extracts(connection)] == [again.extract_id]
        assert [row["status"] for row in rows(connection, "select status from landing.orders")] == ["shipped"]


def test_held_says_why(home, landed):
    with connect(home) as connection:
        ledger.hold(connection, landed.extract_id, "no events")
        assert ledger.newest(connection, AS_OF)["reason"] == "no events"
        ledger.admit(connection, landed.extract_id)
        assert ledger.newest(connection, AS_OF)["reason"] is None


def test_only_what_the_gate_passed_is_published(home, landed):
    with connect(home) as connection:
        ledger.acquire(connection, "run", AS_OF, running())
        lock = ledger.check_lock(connection, "run")
        with pytest.raises(NotJudgedError, match="clear its task quality"):
            ledger.check_passed(connection, lock)
        ledger.passed(connection, lock)
        ledger.check_passed(connection, lock)

        # A publish that was killed after admitting is tried again.
        ledger.admit(connection, landed.extract_id)
        ledger.check_passed(connection, lock)

        # Held again it is judged again; and an admitted extract in a build that failed publishes nothing either.
        ledger.hold(connection, landed.extract_id, "no events")
        with pytest.raises(NotJudgedError):
            ledger.check_passed(connection, lock)
        ledger.admit(connection, landed.extract_id)
        ledger.passed(connection, lock)
        ledger.fail(connection, landed.extract_id)
        assert ledger.newest(connection, AS_OF)["state"] == "admitted"
        with pytest.raises(NotJudgedError):
            ledger.check_passed(connection, lock)


def test_what_readers_have_is_published_again_and_nothing_else(home, landed):
    """A task `publish` that is cleared by itself, after a later week was added."""
    write_extract(home.extracts / "2023-01-18", small_shop())
    later = land(home, datetime(2023, 1, 18))
    with connect(home) as connection:
        for run, extract in (("first", landed), ("second", later)):
            ledger.acquire(connection, run, extract.as_of, running())
            lock = ledger.check_lock(connection, run)
            ledger.passed(connection, lock)
            ledger.published(connection, lock, 1)
            ledger.admit(connection, extract.extract_id)
        ledger.acquire(connection, "first", AS_OF, running())
        lock = ledger.check_lock(connection, "first")
        ledger.check_passed(connection, lock)

        # Built with other models, it is not what readers have.
        with pytest.raises(NotJudgedError):
            ledger.check_passed(connection, {**lock, "models": "others"})
        # Nor is what the gate found wrong in another week's run of the same extracts.
        ledger.fail(connection, later.extract_id)
        with pytest.raises(NotJudgedError):
            ledger.check_passed(connection, lock)


def test_what_is_held_since_is_not_published_again(home, landed):
    with connect(home) as connection:
        ledger.acquire(connection, "run", AS_OF, running())
        lock = ledger.check_lock(connection, "run")
        ledger.passed(connection, lock)
        ledger.published(connection, lock, 1)
        ledger.admit(connection, landed.extract_id)
        ledger.hold(connection, landed.extract_id, "no events")
        with pytest.raises(NotJudgedError):
            ledger.check_passed(connection, lock)
