"""The lock where no file can be locked: of two runs one takes it, and a task that lost it commits nothing."""

from __future__ import annotations

from datetime import datetime

import pytest
from greenery.build import locking, record
from greenery.landing import loading
from greenery.settings import Settings
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows, transaction

from tests.conftest import small_shop, write_extract

AS_OF = datetime(2023, 1, 11)


@pytest.fixture(scope="module")
def home(snowflake, tmp_path_factory):
    """A home with a landed week. Its database is made once, which takes most of the time."""
    folder = tmp_path_factory.mktemp("lock")
    write_extract(folder / "extracts" / "2023-01-11", small_shop())
    home = Settings(home=folder / "home", extracts=folder / "extracts", target="snowflake")
    assert loading.land(home, AS_OF).outcome == "landed"
    return home


@pytest.fixture
def landed(home):
    """The same home with a free lock."""
    with connect(home) as connection:
        connection.execute("delete from landing.build_lock")
        connection.execute("update landing.lock_holder set run_id = ''")
    return home


def take(home, run_id: str, running: bool = False) -> bool:
    with connect(home) as connection:
        return locking.acquire(connection, run_id, AS_OF, lambda _: running)


def test_it_is_taken_given_back_and_taken_again(landed):
    assert take(landed, "one")
    assert take(landed, "one")
    assert not take(landed, "two", running=True)
    with connect(landed) as connection:
        locking.release(connection, "two")
        assert locking.check_lock(connection, "one").run_id == "one"
        locking.release(connection, "one")
    assert take(landed, "two", running=True)


def test_of_two_runs_that_saw_it_free_one_takes_it(landed, monkeypatch):
    swap = locking._swap

    def while_another_takes_it(connection, seen, run_id):
        monkeypatch.setattr(locking, "_swap", swap)
        assert take(landed, "faster")
        return swap(connection, seen, run_id)

    monkeypatch.setattr(locking, "_swap", while_another_takes_it)
    assert not take(landed, "slower")
    with connect(landed) as connection:
        assert locking.check_lock(connection, "faster").run_id == "faster"


def delete_what_was_built(connection, run_id: str) -> None:
    with transaction(connection):
        locking.still_holds(connection, run_id)
        connection.execute("delete from landing.built_with")


def test_what_a_run_writes_that_lost_the_lock_is_not_kept(landed):
    assert take(landed, "taken for dead")
    with connect(landed) as dead:
        assert take(landed, "next")
        before = rows(dead, "select * from landing.built_with")
        with pytest.raises(locking.LockLostError):
            delete_what_was_built(dead, "taken for dead")
        assert rows(dead, "select * from landing.built_with") == before
        with pytest.raises(locking.LockLostError):
            record.note_built(dead, "taken for dead", "int_extract_pairs")


def test_landing_again_changes_nothing_and_other_content_is_refused(landed):
    assert loading.land(landed, AS_OF).outcome == "unchanged"
    shop = small_shop()
    shop["orders"][0]["status"] = "shipped"
    write_extract(landed.extracts / "2023-01-11", shop)
    with pytest.raises(loading.ExtractError, match="orders: 1 row\\(s\\) new or changed, 1 gone or changed"):
        loading.land(landed, AS_OF)
    assert loading.land(landed, AS_OF, reextract=True).outcome == "landed"
