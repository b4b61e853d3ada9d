"""A real Airflow on this machine: SQLite, LocalExecutor, loopback only; all its state is in `<home>/airflow`.

Five processes are started: api-server, execution-api, scheduler, dag-processor and triggerer.
"""

from __future__ import annotations

import fcntl
import os
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

import httpx
import psutil
from pydantic import BaseModel
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from greenery import commands
from greenery.local_airflow.client import Airflow, AirflowError, tail
from greenery.local_airflow.environment import (
    airflow_home,
    environment,
    password,
    write_private,
)
from greenery.local_airflow.processes import Start, guarded
from greenery.settings import DAG_ID, DELIVERY_POOL, WAREHOUSE_POOL, Settings

HEALTH_SECONDS = 10  # how long to wait for an answer about its health
START_SECONDS = 180  # a slow machine needs a minute for a first start


class Running(BaseModel, frozen=True):
    """The Airflow that runs for a home, as `running.json` describes it. The defaults mean that it has recorded nothing.

    pid, started: the process that started it, and the time at which that process began.
    shared: whether other commands may use it.
    schedules: whether an unpaused DAG gets its scheduled runs.
    step: what its start does now, such as `waiting for its API`.
    ready: whether it answers and the weekly DAG is parsed.
    sessions: the leaders of its processes' sessions.
    """

    pid: int | None = None
    started: float = 0
    url: str = ""
    home: str = ""
    extracts: str = ""
    shared: bool = False
    schedules: bool = False
    step: str = ""
    ready: bool = False
    sessions: list[int] = []


@dataclass
class _Starter:
    """Starts the components of an Airflow, and records in `running.json` how far the start has come.

    start: starts a process, as `guarded` yields it. env: the environment of the processes.
    shared: whether other commands may use this Airflow. show_step: called with each step of the start.
    """

    settings: Settings
    airflow: Airflow
    start: Start
    env: dict[str, str]
    shared: bool
    show_step: Callable[[str], None] | None
    step: str = ""

    def component(self, name: str, *command: str) -> None:
        """Start a component of Airflow."""
        self.airflow.processes[name] = self.start(name, command, self.env)
        self.record()

    def begin(self, step: str) -> None:
        """Record and show that a step of the start begins."""
        self.step = step
        self.record()
        if self.show_step:
            self.show_step(step)

    def record(self, ready: bool = False) -> None:
        """Write `running.json`."""
        found = Running(
            pid=os.getpid(),
            started=psutil.Process().create_time(),
            url=self.airflow.base_url,
            home=str(self.settings.home),
            extracts=self.settings.source_place,
            shared=self.shared,
            schedules=self.airflow.schedules,
            step=self.step,
            ready=ready,
            sessions=[process.pid for process in self.airflow.processes.values()],
        )
        write_private(airflow_home(self.settings) / "running.json", found.model_dump_json(indent=2))


@contextmanager
def running_airflow(
    settings: Settings,
    use_job_schedule: bool = False,
    port: int | None = None,
    shared: bool = False,
    before_scheduler: Callable[[Airflow], None] | None = None,
    show_step: Callable[[str], None] | None = None,
) -> Iterator[Airflow]:
    """Start Airflow, yield it once the weekly DAG is parsed, and stop it.

    use_job_schedule: whether an unpaused DAG gets its scheduled runs.
    port: the port of UI and API on 127.0.0.1; None takes a free one.
    shared: whether other commands may use it.
    before_scheduler: called when the API answers and nothing is scheduled yet.
    show_step: called with each step of the start, such as `waiting for its API`.

    Raises AirflowError when the home is in use, a process ends, or the DAG can't be parsed.
    """
    home = airflow_home(settings)
    with closing(lock(settings)) as locked, guarded(home, locked.fileno()) as start:
        port, execution_port = port or free_port(), free_port()
        env = environment(settings, port, execution_port, use_job_schedule)
        airflow = Airflow(
            base_url=f"http://127.0.0.1:{port}",
            password=password(settings),
            logs=home / "logs",
            schedules=use_job_schedule,
        )
        starter = _Starter(settings, airflow, start, env, shared, show_step)
        starter.record()
        try:
            if not _is_migrated(home):
                starter.begin("making its database")
                _migrate(home, env, locked.fileno())
            _start_components(starter, execution_port, before_scheduler)
            starter.record(ready=True)
            yield airflow
        finally:
            airflow.api.close()
            (home / "running.json").unlink()


def _start_components(
    starter: _Starter, execution_port: int, before_scheduler: Callable[[Airflow], None] | None
) -> None:
    """Start all components one after the other, and return once the weekly DAG is parsed."""
    airflow, started = starter.airflow, datetime.now(UTC)
    # UI and tasks have a process each: a request of the UI waits for SQLite's lock on the thread that would let a
    # task's request go on and give it back. In one process both stand still until the lock's time is out.
    starter.component("api-server", "api-server", "--apps", "core")
    starter.component("execution-api", "api-server", "--apps", "execution", "--port", str(execution_port))
    starter.component("dag-processor", "dag-processor")
    starter.begin("waiting for its API")
    _wait(airflow, "api-server", "answer", lambda: _answers(f"{airflow.base_url}/api/v2/monitor/health"))
    _make_pool(airflow, WAREHOUSE_POOL, 1, "One process may open the warehouse.")
    _make_pool(airflow, DELIVERY_POOL, 2, "A slow channel holds up no other.")
    airflow.pause_again()
    if before_scheduler:
        before_scheduler(airflow)
    # Logs are read from their folder: serving them would take fixed ports.
    starter.begin("starting the scheduler and reading the DAG")
    starter.component("scheduler", "scheduler", "--skip-serve-logs")
    starter.component("triggerer", "triggerer", "--skip-serve-logs")
    # The execution API is built at its first request, which takes seconds. So it is asked before a task waits for it.
    health = f"{starter.env['AIRFLOW__CORE__EXECUTION_API_SERVER_URL']}health"
    _wait(airflow, "execution-api", "answer", lambda: _answers(health))
    _wait(airflow, "dag-processor", f"parse {DAG_ID}", lambda: _is_parsed(airflow, since=started))


def attach(settings: Settings) -> Airflow | None:
    """Return the Airflow that `make up` started for these settings, or None when none runs for this home.

    Raises AirflowError when one runs that can't be used.
    """
    found = running(settings)
    if found is None:
        return None
    if found.pid is None:
        raise AirflowError("Airflow is starting or stopping: wait a moment, then run this again.")
    if not found.shared:
        raise AirflowError(f"Another command (process {found.pid}) works in {settings.home}: wait until it has ended.")
    if owner(found) is None:
        raise AirflowError(
            f"Airflow was killed, and parts of it still run: run `{commands.make(settings, 'down')}`, then this again."
        )
    if not found.ready:
        raise AirflowError("Airflow is starting or stopping: wait a moment, then run this again.")
    if found.extracts != settings.source_place:
        raise AirflowError(
            f"The Airflow that runs for {settings.home} reads the extracts in {found.extracts}, "
            f"not those in {settings.source_place}. Run `{commands.make(settings, 'down')}`, then this again."
        )
    return Airflow(found.url, password(settings), airflow_home(settings) / "logs", found.schedules)


def running(settings: Settings) -> Running | None:
    """Return the Airflow that runs for this home, as `running.json` describes it; None when none runs.

    The lock decides whether one runs, because it ends with the last process. A file that a killed Airflow left behind
    does not count.
    """
    home = airflow_home(settings)
    with (home / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            noted = home / "running.json"
            return Running.model_validate_json(noted.read_text()) if noted.exists() else Running()
    return None


def unhealthy(settings: Settings, address: str = "") -> list[str]:
    """Return a sentence for each part of Airflow that does not work, or one when Airflow does not answer.

    address: of Airflow; empty asks the one that `make up` started for this home.
    """
    found = running(settings)
    address = address or (found.url if found else "")
    if not address:
        up = commands.make(settings, "up")
        return [f"no Airflow runs for {settings.home}: start it with {up}, or name it with --airflow"]
    try:
        answer = httpx.get(f"{address.rstrip('/')}/api/v2/monitor/health", timeout=HEALTH_SECONDS, trust_env=False)
        parts = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        return [f"Airflow at {address} does not answer: {error or type(error).__name__}"]
    return [
        f"Airflow's {name} is {part['status']}" + (f", last heard of at {seen}" if (seen := _last_seen(part)) else "")
        for name, part in parts.items()
        if part and part.get("status") == "unhealthy"
    ]


def _last_seen(part: Mapping[str, Any]) -> str:
    return next((str(value) for name, value in part.items() if name.startswith("latest_") and value), "")


def owner(found: Running) -> psutil.Process | None:
    """Return the process that started this Airflow; None when it has ended. Another process can have its number now."""
    if found.pid is None:
        return None
    try:
        process = psutil.Process(found.pid)
        runs = process.create_time() == found.started and process.status() != psutil.STATUS_ZOMBIE
        return process if runs else None
    except psutil.NoSuchProcess:
        return None


def lock(settings: Settings, patience: float = 3) -> TextIO:
    """Lock the home for one Airflow; its processes inherit the lock, so that it ends with the last of them.

    patience: seconds to wait for an Airflow that is just stopping.

    Raises AirflowError when the home is in use.
    """
    file = (airflow_home(settings) / "lock").open("a")
    retrying = Retrying(
        retry=retry_if_exception_type(BlockingIOError), stop=stop_after_delay(patience), wait=wait_fixed(0.1)
    )
    try:
        retrying(fcntl.flock, file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except RetryError:
        file.close()
        raise AirflowError(
            f"An Airflow already runs for {settings.home}. `{commands.make(settings, 'down')}` stops it."
        ) from None
    return file


def free_port(wanted: int = 0) -> int:
    """Return the wanted port of 127.0.0.1 if it is free, else any free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return free_port()
        return int(probe.getsockname()[1])


def _is_migrated(home: Path) -> bool:
    """Return whether the metadata database is of the installed Airflow's version."""
    done = home / "migrated-to"
    return (home / "airflow.db").exists() and done.exists() and done.read_text() == version("apache-airflow")


def _migrate(home: Path, env: dict[str, str], lock: int) -> None:
    """Bring the metadata database to the installed Airflow's version, which takes seconds."""
    with guarded(home, lock) as start:  # one of its own, to forget a process that ends: its number is used again
        exit_code = start("db-migrate", ["db", "migrate"], env).wait()
    if exit_code != 0:
        raise AirflowError(f"`airflow db migrate` failed. {tail(home / 'logs' / 'db-migrate.log')}")
    with closing(sqlite3.connect(home / "airflow.db")) as connection:
        connection.execute("pragma journal_mode = wal")  # else readers and the writer block each other
    (home / "migrated-to").write_text(version("apache-airflow"))


def _wait(airflow: Airflow, name: str, task: str, is_done: Callable[[], bool]) -> None:
    """Wait until a component has done its task; raise AirflowError when that takes too long or a process ends."""
    deadline = time.monotonic() + START_SECONDS
    while not is_done():
        airflow.check()
        if time.monotonic() > deadline:
            log = tail(airflow.logs / f"{name}.log")
            raise AirflowError(f"Airflow's {name} did not {task} within {START_SECONDS} seconds. {log}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=30, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _is_parsed(airflow: Airflow, since: datetime) -> bool:
    """Whether the weekly DAG was parsed since then (UTC); raise AirflowError when it could not be.

    An older result does not count: the code may have changed.
    """
    errors = airflow.collect("importErrors", "import_errors")
    fresh = [error for error in errors if datetime.fromisoformat(error["timestamp"]) >= since]
    if fresh:
        texts = "\n".join(f"{error['filename']}:\n{error['stack_trace']}" for error in fresh)
        raise AirflowError(f"The DAGs folder has errors:\n{texts}")
    dags = airflow.collect("dags", "dags", dag_id_pattern=DAG_ID, exclude_stale=False)
    parsed = [dag["last_parsed_time"] for dag in dags if dag["dag_id"] == DAG_ID and not dag["is_stale"]]
    return any(time and datetime.fromisoformat(time) >= since for time in parsed)


def _make_pool(airflow: Airflow, name: str, slots: int, why: str) -> None:
    """Make the pool that lets so many of its tasks run at a time."""
    pool = {"slots": slots, "description": why, "include_deferred": False}
    found = {pool["name"]: pool["slots"] for pool in airflow.collect("pools", "pools")}
    if name not in found:
        airflow.request("POST", "pools", json={**pool, "name": name})
    elif found[name] != slots:
        airflow.request("PATCH", f"pools/{name}", json={**pool, "pool": name})
