"""The warehouse's file and who may open it."""

from __future__ import annotations

import subprocess
import sys

import duckdb
import pytest
from greenery.warehouse.duckdb import connect
from tenacity import stop_after_delay

HOLD = """
import duckdb, sys, time
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def hold(home):
    """Open the warehouse in another process for so many seconds."""
    processes = []

    def start(seconds: float) -> None:
        home.home.mkdir(parents=True)
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(home.warehouse), str(seconds)], stdout=subprocess.PIPE
        )
        processes.append(process)
        assert process.stdout
        process.stdout.readline()

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_a_process_that_still_has_the_file_open_is_waited_for(home, hold):
    hold(1.5)
    with connect(home) as connection:
        assert connection.execute("select count(*) from landing.extracts").fetchall() == [(0,)]


def test_one_that_keeps_it_open_is_named(home, hold, monkeypatch):
    monkeypatch.setattr("greenery.warehouse.duckdb._open_when_free.retry.stop", stop_after_delay(0.1))
    hold(60)
    with pytest.raises(duckdb.IOException, match="Conflicting lock is held in"), connect(home):
        pass
