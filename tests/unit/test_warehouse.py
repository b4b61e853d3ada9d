"""The warehouse's file and who may open it."""

from __future__ import annotations

import gzip
import subprocess
import sys
from types import SimpleNamespace

import duckdb
import pytest
from greenery.publishing import versions
from greenery.warehouse import erasure
from greenery.warehouse.access import connect, reader
from greenery.warehouse.connection import UnavailableError
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
    with pytest.raises(UnavailableError, match="Conflicting lock is held in"), connect(home):
        pass


def test_the_published_file_is_for_older_clients_and_read_only(home, monkeypatch):
    monkeypatch.setattr(versions, "relations", lambda: [("analytics.t", "from (select 1 as one)")])
    monkeypatch.setattr(versions.dbt_project, "models", lambda: SimpleNamespace(marts=()))
    folder = home.home / "versions" / "1"
    with duckdb.connect() as connection:
        connection.execute("create schema intermediate")
        connection.execute("create table intermediate.int_extract_pairs as select now() as as_of, 'e1' as extract_id")
        versions._write_version(connection, home, 1)
        connection.execute(f"attach '{folder / 'greenery.duckdb'}' as published (read_only)")
        tags = connection.execute("select tags from duckdb_databases() where database_name = 'published'").fetchall()
    assert tags[0][0]["storage_version"] in ("v1.0.0+", "v1.1.0+")
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o444}


def test_a_landing_writes_what_does_not_fit_into_its_own_folder(home, tmp_path):
    with connect(home) as connection, reader(home, connection, tmp_path) as read:
        read.execute("set memory_limit = '60MB'")
        read.execute("create temp table t as select range as a, md5(range::varchar) as b from range(2000000)")
        assert [file.name for file in tmp_path.iterdir()]
        # A process that has done other work before goes on in the folder that it used.
        with reader(home, connection, tmp_path / "other") as again:
            assert again.execute("select count(distinct b) from t").fetchall() == [(2000000,)]
    assert not [file for file in home.home.iterdir() if file.is_dir()]


def test_an_id_is_found_in_a_compressed_file_of_the_extracts(home):
    home.home.mkdir(parents=True)
    home.extracts.mkdir(parents=True)
    file = home.extracts / "users.csv.gz"
    file.write_bytes(gzip.compress(b"user_id\nu-17\n"))
    assert list(erasure.containing(home, ["u-17", "u-18"])) == [(file, "u-17")]
