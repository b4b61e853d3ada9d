"""The task dbt_test: it records what dbt's tests say, and fails only where they can't run."""

from __future__ import annotations

from datetime import datetime, timedelta
from unittest.mock import MagicMock

import pytest
from airflow.sdk import DAG
from greenery.build import dbt_project, locking, record
from greenery.build.record import FailedTest
from greenery.landing import ledger
from greenery.landing.loading import land
from greenery.orchestration.dbt_models import dbt_models
from greenery.settings import Settings
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows

from tests.conftest import small_shop, write_extract
from tests.pipeline import dbt

WEEK = datetime(2023, 1, 11)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Settings:
    """A home with one week built and not tested, its lock held by the run `run`."""
    home = Settings(home=tmp_path / "home", extracts=tmp_path / "extracts")
    monkeypatch.setenv("GREENERY_HOME", str(home.home))
    write_extract(home.extracts / "2023-01-11", small_shop())
    land(home, WEEK)
    with connect(home) as connection:
        locking.acquire(connection, "run", WEEK, lambda _: False)
    dbt(home, "run")
    return home


def run_tests(home: Settings, run_id: str = "run") -> None:
    with DAG("weekly", schedule=None, start_date=WEEK):
        task = next(task for task in dbt_models(home, "false").iter_tasks() if task.task_id == "dbt.dbt_test")
    task.execute({"run_id": run_id, "ti": MagicMock(), "task_instance": MagicMock()})


def failed(home: Settings, run_id: str = "run") -> list[FailedTest]:
    with connect(home) as connection:
        return record.failed_tests(connection, record.check_build(connection, run_id))


def test_tests_that_pass_and_tests_that_fail_are_recorded(home):
    with pytest.raises(record.NotTestedError):
        failed(home)
    run_tests(home)
    assert failed(home) == []
    with connect(home) as connection:
        connection.execute("insert into marts.fct_sessions from marts.fct_sessions")
    run_tests(home)
    names = {test.test: test for test in failed(home)}
    assert names["unique_fct_sessions_session_id"].model == "fct_sessions"
    assert names["unique_fct_sessions_session_id"].failures == 1
    by_hand = names["funnel_daily_adds_up_to_sessions"]
    assert by_hand.model == "fct_funnel_daily"
    assert by_hand.meaning.startswith("Over countries and states, the sessions")


def test_a_test_that_can_not_run_fails_the_task(home):
    with connect(home) as connection:
        connection.execute("drop table marts.dim_users")
    with pytest.raises(Exception, match=r"dim_users|not_null_dim_users"):
        run_tests(home)
    with pytest.raises(record.NotTestedError):
        failed(home)


def test_what_was_tested_in_another_run_of_the_same_build_counts(home):
    run_tests(home)
    with connect(home) as connection:
        locking.acquire(connection, "another", WEEK, lambda _: False)
    assert failed(home, "another") == []


def test_what_failed_once_fails_again_though_nothing_is_built_again(home):
    run_tests(home)
    with connect(home) as connection:
        extract = locking.check_lock(connection, "run").extract_id
        ledger.admit(connection, extract)
    # The person moved, so the session is built again; nothing else of the week touches it.
    moved = [{**address, "country": "Chile"} for address in small_shop()["addresses"]]
    write_extract(home.extracts / "2023-01-18", {**small_shop(), "addresses": moved})
    land(home, WEEK + timedelta(days=7))

    def acquire() -> None:
        with connect(home) as connection:
            locking.acquire(connection, "next", WEEK + timedelta(days=7), lambda _: False)
        dbt(home, "run")

    acquire()
    with connect(home) as connection:
        assert rows(connection, "select session_id from intermediate.int_changed_sessions") == [{"session_id": "s1"}]
        connection.execute("update marts.fct_sessions set ended_at = ended_at + interval 1 hour")
    for _ in range(2):
        run_tests(home, "next")
        assert [test.test for test in failed(home, "next")] == ["sessions_equal_known_events"]
        acquire()
        with connect(home) as connection:
            assert rows(connection, "select session_id from intermediate.int_changed_sessions") == []


def test_other_models_are_not_tested_before_they_have_built(home, monkeypatch):
    run_tests(home)
    monkeypatch.setattr(dbt_project, "version", lambda: "another")
    with connect(home) as connection:
        locking.acquire(connection, "run", WEEK, lambda _: False)
    with pytest.raises(locking.LockLostError, match="clear its task acquire_warehouse with all that"):
        run_tests(home)
