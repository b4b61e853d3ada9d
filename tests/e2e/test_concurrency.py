"""Runs side by side, readers meanwhile, and what a user clears or marks: all end as weeks run one by one.

`make prove-side-by-side` runs it. `make test` has tests/unit/test_two_processes.py, for the lock that this rests on.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

import duckdb
import pytest
from greenery.cli.backfill import run_backfill
from greenery.local_airflow.client import Airflow, ApiError
from greenery.local_airflow.server import running_airflow
from greenery.settings import DAG_ID, REPOSITORY, Settings
from greenery.simulator.shop import Shop, simulate
from greenery.week import WEEK

from tests.e2e import kills
from tests.pipeline import run_week

pytestmark = pytest.mark.prove
BACKFILLED = 4
WEEKS = BACKFILLED + 4
LOCKED = re.compile(r"Could not set lock|database is locked|IO Error|IOException", re.IGNORECASE)
MINUTES = 15


def newest_ended_week() -> datetime:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return today - timedelta(days=(today.weekday() - 2) % 7)


LAST = newest_ended_week()
DAYS = [(LAST - (WEEKS - 1 - number) * WEEK).date() for number in range(WEEKS)]


def state_of(home: Settings) -> dict[str, Any]:
    """Return what must not depend on the order of runs: quality.json is of what was admitted when it was judged."""
    state = kills.state_of(home)
    judged = [name for name in state if name.endswith("quality.json")]
    assert {json.loads(state.pop(name))["verdict"] for name in judged} == {"passed"}
    return state


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Settings:
    folder = tmp_path_factory.mktemp("concurrency")
    home = Settings(home=folder / "home", extracts=folder / "extracts")
    first = LAST - (WEEKS - 1) * WEEK
    simulate(Shop(first_as_of=first, weeks=WEEKS, sessions_per_week=60), home.extracts)
    return home


@pytest.fixture(scope="module")
def chronological(shop) -> Callable[..., dict[str, Any]]:
    """Return the state after these weeks, run one by one, oldest first."""
    alone = Settings(home=shop.home.parent / "alone" / "home", extracts=shop.extracts)
    done: list[date] = []

    def state(*days: date) -> dict[str, Any]:
        assert list(days[: len(done)]) == done
        for day in days[len(done) :]:
            run_week(alone, datetime(day.year, day.month, day.day))
            done.append(day)
        return state_of(alone)

    return state


@pytest.fixture(scope="module")
def airflow(shop) -> Iterator[Airflow]:
    with running_airflow(shop, use_job_schedule=True, shared=True) as airflow:
        yield airflow


def runs(airflow: Airflow, **parameters: Any) -> list[dict[str, Any]]:
    return airflow.collect(f"dags/{DAG_ID}/dagRuns", "dag_runs", **parameters)


def path_of(run_id: str) -> str:
    return f"dags/{DAG_ID}/dagRuns/{quote(run_id, safe='')}"


def trigger(airflow: Airflow, day: date | None, hour: int = 12) -> str:
    """Trigger a manual run of the week that ends on this day, and return its id."""
    logical_date = day and datetime(day.year, day.month, day.day, hour, tzinfo=UTC).isoformat()
    return airflow.request("POST", f"dags/{DAG_ID}/dagRuns", json={"logical_date": logical_date})["dag_run_id"]


def ended(airflow: Airflow, *run_ids: str) -> list[str]:
    """Wait until the runs have ended, and return their states."""
    deadline = time.monotonic() + MINUTES * 60
    while True:
        states = [airflow.request("GET", path_of(run_id))["state"] for run_id in run_ids]
        if not {"queued", "running"} & set(states):
            return states
        assert time.monotonic() < deadline, f"{run_ids} are still {states}"
        time.sleep(0.5)


def wait_until(airflow: Airflow, run_id: str, task_id: str, *states: str) -> None:
    deadline = time.monotonic() + MINUTES * 60
    while (state := task_states(airflow, run_id).get(task_id)) not in states:
        assert time.monotonic() < deadline, f"{task_id} of {run_id} is still {state}"
        time.sleep(0.2)


def task_states(airflow: Airflow, run_id: str) -> dict[str, str]:
    tasks = airflow.collect(f"{path_of(run_id)}/taskInstances", "task_instances")
    return {task["task_id"]: task["state"] for task in tasks}


def clear(airflow: Airflow, run_id: str, task_id: str) -> None:
    """Clear a task with all that follows, which is what Airflow's page offers first."""
    body = {
        "dry_run": False,
        "dag_run_id": run_id,
        "task_ids": [task_id],
        "include_downstream": True,
        "only_failed": False,
    }
    airflow.request("POST", f"dags/{DAG_ID}/clearTaskInstances", json=body)


def clear_run(airflow: Airflow, run_id: str) -> None:
    airflow.request("POST", f"{path_of(run_id)}/clear", json={"dry_run": False, "only_failed": False})


def mark(airflow: Airflow, run_id: str, task_id: str, state: str = "success") -> None:
    path = f"{path_of(run_id)}/taskInstances/{quote(task_id, safe='')}"
    airflow.request("PATCH", path, json={"new_state": state})


def locked_lines(airflow: Airflow) -> list[str]:
    """Return the lines of all task logs that say that a database was locked."""
    return [
        f"{path.relative_to(airflow.logs)}: {line[:300]}"
        for path in airflow.logs.glob("dag_id=*/**/*.log")
        for line in path.read_text(errors="replace").splitlines()
        if LOCKED.search(line)
    ]


class Reader(threading.Thread):
    """Reads all that readers may read, again and again, and keeps what was wrong."""

    def __init__(self, home: Settings) -> None:
        super().__init__(daemon=True)
        self.home = home
        self.done = threading.Event()
        self.wrong: list[str] = []
        self.versions: set[int] = set()
        self.rounds = 0
        self.analyst: duckdb.DuckDBPyConnection | None = None
        self.before: list = []

    def run(self) -> None:
        while not self.done.wait(0.1):
            self.rounds += 1
            for read in (self.read_published, self.read_reports, self.read_as_analyst):
                try:
                    read()
                except Exception as error:
                    self.wrong.append(f"{read.__name__}: {error!r}")

    def read_published(self) -> None:
        if not self.home.published.exists():
            return
        version = self.home.published.resolve()
        manifest = json.loads((version / "manifest.json").read_text())
        assert str(manifest["version"]) == version.name
        self.versions.add(manifest["version"])
        with duckdb.connect(version / "greenery.duckdb", read_only=True) as connection:
            for relation, rows in manifest["row_counts"].items():
                for source in (f"analytics.{relation}", f"'{version / relation}.parquet'"):
                    found = connection.execute(f"select count(*) from {source}").fetchall()[0][0]
                    assert found == rows, f"{source} of version {version.name} has {found} rows instead of {rows}"
            newest = connection.execute("select max(as_of) from intermediate.int_extract_pairs").fetchall()[0][0]
            assert manifest["as_of"].startswith(f"{newest:%Y-%m-%dT%H:%M:%S}")

    def read_reports(self) -> None:
        for path in self.home.reports.glob("**/*.json"):
            content = json.loads(path.read_text())
            if path.name == "summary.json":
                assert content["as_of"].startswith(path.parent.name)
        for path in self.home.reports.glob("**/*.html"):
            assert path.read_text().rstrip().endswith("</html>"), f"{path} is cut off"

    def read_as_analyst(self) -> None:
        """Ask one connection the same question again, which stays open whatever is published."""
        if self.analyst is None:
            if not self.home.published.exists():
                return
            self.analyst = duckdb.connect(self.home.published / "greenery.duckdb", read_only=True)
            self.before = self.ask()
        assert self.ask() == self.before

    def ask(self) -> list:
        assert self.analyst
        query = "select session_date, sum(sessions) from analytics.fct_funnel_daily group by all order by all"
        return self.analyst.execute(query).fetchall()


@contextmanager
def reading(home: Settings) -> Iterator[Reader]:
    reader = Reader(home)
    reader.start()
    try:
        yield reader
    finally:
        reader.done.set()
        reader.join()
        if reader.analyst:
            reader.analyst.close()


def second_backfill(home: Settings) -> subprocess.CompletedProcess:
    day = f"{DAYS[0]}"
    return subprocess.run(
        [sys.executable, "-m", "greenery.cli.app", "backfill", day],
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY / "include"),
            "GREENERY_HOME": str(home.home),
            "GREENERY_EXTRACTS": str(home.extracts),
        },
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.timeout(3600)  # on a machine that does other work too
def test_runs_side_by_side_end_as_one_by_one(shop, airflow, chronological):
    first, last, manual = DAYS[0], DAYS[BACKFILLED - 1], DAYS[BACKFILLED]
    refused: list[subprocess.CompletedProcess] = []

    def refuse() -> None:
        while not runs(airflow, run_type="backfill"):
            time.sleep(0.2)
        refused.append(second_backfill(shop))

    with reading(shop) as reader:
        # With schedules, unpausing runs the newest week.
        airflow.request("PATCH", f"dags/{DAG_ID}", json={"is_paused": False})
        with pytest.raises(ApiError, match=f"make backfill FROM={manual} TO={manual}"):
            trigger(airflow, manual, hour=0)
        triggered = trigger(airflow, manual)
        other = threading.Thread(target=refuse)
        other.start()
        results = run_backfill(shop, first, last, max_active_runs=4, airflow=airflow)
        other.join()
        # The weeks after follow once more where they were done before those that they compare with.
        days = [result.as_of for result in results]
        assert days[:BACKFILLED] == DAYS[:BACKFILLED]
        assert days[BACKFILLED:] in ([], [manual], [DAYS[-1]], [manual, DAYS[-1]])
        assert {result.state for result in results} == {"success"}
        # By its name: a backfill that restates the week makes the run one of its own.
        scheduled = [
            run
            for run in runs(airflow)
            if run["dag_run_id"].startswith("scheduled__") and run["data_interval_end"][:10] == f"{DAYS[-1]}"
        ]
        assert len(scheduled) == 1
        assert ended(airflow, triggered, scheduled[0]["dag_run_id"]) == ["success", "success"]

        assert refused[0].returncode == 1
        assert f"Backfill 1 (FROM={first} TO={last}) is still active" in refused[0].stderr

        # A week that ran before an earlier one was admitted is run again, oldest first.
        days = [*DAYS[: BACKFILLED + 1], DAYS[-1]]
        expected = chronological(*days)
        for day in days:
            wrong = kills.differences(expected, state_of(shop))
            if any(f"report {day}/" in line for line in wrong):
                run_id = run_of(airflow, day)
                clear_run(airflow, run_id)
                assert ended(airflow, run_id) == ["success"]
        assert kills.differences(expected, state_of(shop)) == []
    assert reader.wrong == []
    assert len(reader.versions) > BACKFILLED
    assert locked_lines(airflow) == []


def run_of(airflow: Airflow, day: date) -> str:
    found = [run for run in runs(airflow) if (run["data_interval_end"] or "").startswith(f"{day}")]
    return found[0]["dag_run_id"]


def test_a_cleared_task_or_run_beside_an_active_run(shop, airflow, chronological):
    expected = chronological(*DAYS[: BACKFILLED + 1], DAYS[-1])
    whole, part, running = (run_of(airflow, day) for day in (DAYS[0], DAYS[1], DAYS[BACKFILLED]))
    with reading(shop) as reader:
        clear_run(airflow, whole)
        wait_until(airflow, whole, "acquire_warehouse", "success")
        clear(airflow, part, "quality")
        clear(airflow, running, "publish")
        # A task that is cleared while it runs is killed, and another may not meet the file it still has open.
        wait_until(airflow, whole, "dbt.int_order_versions_run", "running")
        clear(airflow, whole, "dbt.int_order_versions_run")
        assert ended(airflow, whole, part, running) == ["success"] * 3
    assert kills.differences(expected, state_of(shop)) == []
    assert reader.wrong == []
    assert locked_lines(airflow) == []


def test_what_is_marked_as_done_is_not_published(shop, airflow, chronological):
    day = DAYS[BACKFILLED + 1]
    published = shop.published.resolve()
    run_id = trigger(airflow, day)
    mark(airflow, run_id, "quality")
    with reading(shop) as reader:
        # Neither is tried again: another try would say the same.
        wait_until(airflow, run_id, "publish", "failed")
        assert shop.published.resolve() == published

        mark(airflow, run_id, "publish")
        wait_until(airflow, run_id, "report", "failed")
        assert ended(airflow, run_id) == ["failed"]
        assert shop.published.resolve() == published
        assert not (shop.reports / f"{day}" / "summary.json").exists()

        clear(airflow, run_id, "quality")
        assert ended(airflow, run_id) == ["success"]
    assert reader.wrong == []
    manifest = json.loads((shop.published / "manifest.json").read_text())
    assert len(manifest["admitted_extracts"]) == BACKFILLED + 3


def test_a_trigger_without_a_date_runs_the_newest_week_that_had_ended(shop, airflow):
    run_id = trigger(airflow, None)
    assert ended(airflow, run_id) == ["success"]
    weeks = json.loads((shop.reports / "weeks.json").read_text())
    assert [week["as_of"] for week in weeks][-1] == f"{newest_ended_week():%Y-%m-%d}"
    landed = airflow.request("GET", f"{path_of(run_id)}/taskInstances/land/xcomEntries/return_value")["value"]
    assert f"{newest_ended_week():%Y-%m-%d}" in json.dumps(landed)
