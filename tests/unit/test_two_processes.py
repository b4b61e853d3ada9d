"""The lock of the build between two real processes: one builds, the other waits, and takes over from one that died."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from greenery.build import locking
from greenery.build.locking import LockLostError
from greenery.landing import loading
from greenery.settings import REPOSITORY
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows

from tests.conftest import small_shop, write_extract

LOCKED, IN_TRANSACTION = "holds the lock", "has a transaction open"
# Lands a week, takes the lock and gives it back. Where its last argument says, it prints that and waits for a line.
OTHER = f"""
import sys
from datetime import datetime
from pathlib import Path
from greenery.build import locking
from greenery.landing import loading
from greenery.settings import Settings
from greenery.warehouse.access import connect

home = Settings(home=Path(sys.argv[1]), extracts=Path(sys.argv[2]))
week = datetime.fromisoformat(sys.argv[3])

def wait(place):
    if sys.argv[4] == place:
        print(place, flush=True)
        sys.stdin.readline()

loading.land(home, week)
with connect(home) as connection:
    assert locking.acquire(connection, "other", week, lambda _: False)
    connection.begin()
    connection.execute("delete from landing.orders; delete from landing.build_lock")
    wait("{IN_TRANSACTION}")
    connection.rollback()
wait("{LOCKED}")
with connect(home) as connection:
    locking.release(connection, "other")
"""


@contextmanager
def other(home, as_of, where: str) -> Iterator[subprocess.Popen]:
    """Yield a second process that has landed the week, holds the lock and waits where it says."""
    write_extract(home.extracts / f"{as_of:%Y-%m-%d}", small_shop())
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(home.home), str(home.extracts), f"{as_of:%Y-%m-%d}", where],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "include")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == f"{where}\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_run_waits_while_another_process_builds_and_follows_it(home, as_of):
    later = as_of + timedelta(days=7)
    write_extract(home.extracts / f"{later:%Y-%m-%d}", small_shop())
    with other(home, as_of, LOCKED) as process:
        # Landing may interleave.
        loading.land(home, later)
        with connect(home) as connection:
            assert not locking.acquire(connection, "mine", later, lambda run: run == "other" and process.poll() is None)
            assert rows(connection, "select run_id from landing.build_lock") == [{"run_id": "other"}]
            with pytest.raises(LockLostError, match="clear the task acquire_warehouse"):
                locking.check_lock(connection, "mine")
        process.communicate("\n")
        assert process.returncode == 0
        with connect(home) as connection:
            assert rows(connection, "select run_id from landing.build_lock") == []
            assert locking.acquire(connection, "mine", later, lambda _: True)


def test_a_run_takes_over_from_a_process_that_was_killed_which_can_not_go_on(home, as_of):
    with other(home, as_of, LOCKED) as process:
        process.kill()
        process.wait()
        with connect(home) as connection:
            assert locking.check_lock(connection, "other")
            assert locking.acquire(connection, "mine", as_of, lambda _: process.poll() is None)
            assert locking.check_lock(connection, "mine")
            with pytest.raises(LockLostError, match="another run holds the warehouse"):
                locking.check_lock(connection, "other")


def test_a_process_with_the_warehouse_open_is_waited_for_and_what_it_did_not_commit_is_gone(home, as_of):
    with other(home, as_of, IN_TRANSACTION) as process:
        began = time.monotonic()
        threading.Timer(1, process.kill).start()
        with connect(home) as connection:
            assert time.monotonic() - began > 1
            assert rows(connection, "select run_id from landing.build_lock") == [{"run_id": "other"}]
            assert rows(connection, "select count(*) as n from landing.orders") == [{"n": 1}]
