"""A real Airflow on this machine: SQLite, LocalExecutor, loopback only; all its state is in `<home>/airflow`.

Five processes are started: api-server, execution-api, scheduler, dag-processor and triggerer. Each leads a session of
its own, which all its descendants stay in (a task has its own process group, so a group would not do). However the
process that started them ends, nothing of these sessions outlives it:

- it ends, by itself or by a signal that it catches: it stops them;
- it is killed: its guard, a small process, reads the end of a pipe and kills them;
- the guard is killed too: they still hold the lock of the home, and `down` kills what holds it.
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn, TextIO

import httpx
import psutil
from tenacity import RetryError, Retrying, retry_if_exception, retry_if_exception_type, stop_after_delay, wait_fixed

from greenery import commands
from greenery.settings import (
    DAG_ID,
    DELIVERY_POOL,
    REPORTS_PAGE,
    REPOSITORY,
    WAREHOUSE_POOL,
    SettingError,
    Settings,
    load,
)

USER = "admin"
UI_PORT = 8080
START_SECONDS = 180  # a slow machine needs a minute for a first start
STOP_SECONDS = 5  # then what still runs, such as a task, is killed: every task may be killed at any point

_PATH = (str(REPOSITORY / "include"), str(REPOSITORY / "include" / "greenery" / "airflow_settings"))
Start = Callable[[str, Sequence[str], dict[str, str]], subprocess.Popen]


class AirflowError(RuntimeError):
    """Airflow did not start, stopped, or can't be used; the message says what to do."""


class ApiError(AirflowError):
    """Airflow refused a request."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        is_json = "json" in response.headers.get("content-type", "")
        self.detail = response.json().get("detail") if is_json else response.text
        super().__init__(f"{response.request.method} {response.request.url.path}: {self.status} {self.detail}")


def environment(settings: Settings, port: int, execution_port: int, use_job_schedule: bool = False) -> dict[str, str]:
    """Return the environment of Airflow's processes: defaults < this process's environment < what must be so.

    port: of the UI and API on 127.0.0.1. execution_port: of what tasks report to.

    So any AIRFLOW__* variable that is only a default here can be set from outside, such as
    AIRFLOW__CORE__DAGS_FOLDER. Makes the home's folders and secrets where they are missing.
    """
    home = _airflow_home(settings)
    url = f"http://127.0.0.1:{port}"
    secret = _secrets(settings)
    defaults = {
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__PARALLELISM": "8",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "120",
        "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "180",
        # Parsing costs seconds of a core. Only who works in the UI edits DAGs meanwhile.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60" if use_job_schedule else "3600",
        # By default the scheduler sleeps a second between two tasks.
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        # Tasks of an Airflow that was killed are taken up again within a minute instead of five.
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
        # An Airflow that ends with its command is no address to give away.
        **({"GREENERY_REPORTS_URL": f"{url}{REPORTS_PAGE}"} if use_job_schedule else {}),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
        "AIRFLOW__COSMOS__CACHE_DIR": str(home / "cosmos"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
        "GX_ANALYTICS_ENABLED": "False",
        "SCARF_ANALYTICS": "False",
        "DO_NOT_TRACK": "1",
    }
    required = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONFIG": str(home / "airflow.cfg"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__FERNET_KEY": secret["fernet_key"],
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{execution_port}/execution/",
        "AIRFLOW__CORE__AUTH_MANAGER": (
            "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords_file(settings)),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__SECRET_KEY": secret["api_secret_key"],
        "AIRFLOW__API_AUTH__JWT_SECRET": secret["jwt_secret"],
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": str(use_job_schedule),
        "GREENERY_HOME": str(settings.home),
        "GREENERY_EXTRACTS": str(settings.extracts),
        "PYTHONPATH": os.pathsep.join(filter(None, (*_PATH, os.environ.get("PYTHONPATH")))),
        # Tasks talk to the api-server, which a proxy does not see.
        "NO_PROXY": ",".join(filter(None, ("127.0.0.1", os.environ.get("NO_PROXY")))),
        "no_proxy": ",".join(filter(None, ("127.0.0.1", os.environ.get("no_proxy")))),
    }
    return {**defaults, **os.environ, **required}


def passwords_file(settings: Settings) -> Path:
    """The JSON file with the password of the user `admin`."""
    return settings.home / "airflow" / "passwords.json"


class _Login(httpx.Auth):
    """Logs in at the first request, and again when the token has expired."""

    requires_response_body = True

    def __init__(self, url: str, password: str) -> None:
        self.login = httpx.Request("POST", f"{url}/auth/token", json={"username": USER, "password": password})
        self.token = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        for _ in range(2):
            if not self.token:
                response = yield self.login
                response.raise_for_status()
                self.token = response.json()["access_token"]
            request.headers["Authorization"] = f"Bearer {self.token}"
            if (yield request).status_code != httpx.codes.UNAUTHORIZED:
                return
            self.token = ""


def _is_passing(error: BaseException) -> bool:
    """Whether it helps to try again: SQLite is locked, or the api-server is busy."""
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.is_server_error and error.request.method != "POST"  # part of it may have been done
    return isinstance(error, httpx.TransportError)


@dataclass
class Airflow:
    """A running Airflow, and its REST API.

    schedules: whether an unpaused DAG gets its scheduled runs.
    processes: name and process of what this process started; empty when another one did.
    """

    base_url: str
    password: str
    logs: Path
    schedules: bool
    processes: dict[str, subprocess.Popen] = field(default_factory=dict)

    @cached_property
    def api(self) -> httpx.Client:
        """A client of `/api/v2`, logged in as admin."""
        return httpx.Client(
            base_url=f"{self.base_url}/api/v2", auth=_Login(self.base_url, self.password), timeout=60, trust_env=False
        )

    def request(self, method: str, path: str, **arguments: Any) -> Any:
        """Return the JSON of a request to `/api/v2`, tried again for half a minute while Airflow is busy.

        Raises ApiError when Airflow refuses it, AirflowError when it does not answer or one of its processes ended.
        """
        retrying = Retrying(
            retry=retry_if_exception(_is_passing), stop=stop_after_delay(30), wait=wait_fixed(0.5), reraise=True
        )
        try:
            return retrying(self._request, method, path, **arguments)
        except httpx.HTTPError as error:
            raise AirflowError(f"Airflow at {self.base_url} does not answer: {error}") from error

    def _request(self, method: str, path: str, **arguments: Any) -> Any:
        self.check()
        response = self.api.request(method, path, **arguments)
        if response.is_client_error:
            raise ApiError(response)
        return response.raise_for_status().json()

    def collect(self, path: str, key: str, **parameters: Any) -> list[dict[str, Any]]:
        """Return all items of a collection, which the API gives in pages of 100."""
        items: list[dict[str, Any]] = []
        while True:
            page = self.request("GET", path, params={**parameters, "limit": 100, "offset": len(items)})
            items += page[key]
            if not page[key] or len(items) >= page["total_entries"]:
                return items

    @contextmanager
    def unpaused(self) -> Iterator[None]:
        """Unpause the DAG and pause it again; if this process is killed, the next start of Airflow pauses it."""
        self._pause_again.touch()
        self.request("PATCH", f"dags/{DAG_ID}", json={"is_paused": False})
        try:
            yield
        finally:
            self.pause_again()

    def pause_again(self) -> None:
        """Pause the DAG if a command unpaused it for itself: else an Airflow with scheduling would run it weekly."""
        if self._pause_again.exists():
            self.request("PATCH", f"dags/{DAG_ID}", json={"is_paused": True})
            self._pause_again.unlink()

    def unblock_ended_backfills(self) -> None:
        """Let the runs of ended backfills run when they are cleared.

        Ending a backfill by the API leaves it paused for ever: a run of it that is cleared would stay queued. There is
        no request that changes this.
        """
        with closing(sqlite3.connect(self.logs.parent / "airflow.db", timeout=60)) as connection:
            connection.execute("update backfill set is_paused = false where completed_at is not null")
            connection.commit()

    @property
    def _pause_again(self) -> Path:
        return self.logs.parent / "pause-again"

    def check(self) -> None:
        """Raise AirflowError, with the end of its log, when a process that was started here has ended."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                log = self.logs / f"{name}.log"
                raise AirflowError(f"Airflow's {name} ended with exit code {process.returncode}. {_tail(log)}")


@contextmanager
def running_airflow(
    settings: Settings,
    use_job_schedule: bool = False,
    port: int | None = None,
    shared: bool = False,
    before_scheduler: Callable[[Airflow], None] | None = None,
) -> Iterator[Airflow]:
    """Start Airflow, yield it once the weekly DAG is parsed, and stop it.

    use_job_schedule: whether an unpaused DAG gets its scheduled runs.
    port: of the UI and API on 127.0.0.1; None takes a free one.
    shared: whether other commands may use it.
    before_scheduler: called when the API answers and nothing is scheduled yet.

    Raises AirflowError when the home is in use, a process ends, or the DAG can't be parsed.
    """
    home = _airflow_home(settings)
    with closing(_lock(settings)) as lock, _guarded(home, lock.fileno()) as start:
        port, execution_port = port or _free_port(), _free_port()
        env = environment(settings, port, execution_port, use_job_schedule)
        airflow = Airflow(
            base_url=f"http://127.0.0.1:{port}",
            password=json.loads(passwords_file(settings).read_text())[USER],
            logs=home / "logs",
            schedules=use_job_schedule,
        )

        def component(name: str, *command: str) -> None:
            airflow.processes[name] = start(name, command, env)
            note()

        def note(ready: bool = False) -> None:
            facts = {
                "pid": os.getpid(),
                "started": psutil.Process().create_time(),
                "port": port,
                "url": airflow.base_url,
                "home": str(settings.home),
                "extracts": str(settings.extracts),
                "shared": shared,
                "schedules": use_job_schedule,
                "ready": ready,
                "sessions": [process.pid for process in airflow.processes.values()],
            }
            _write_private(home / "running.json", json.dumps(facts, indent=2))

        note()
        try:
            _migrate(home, env, lock.fileno())
            started = datetime.now(UTC)
            # A process each: a request of the UI waits for SQLite's lock on the thread that would let a task's request
            # go on and give it back. In one process both stand still until the lock's time is out.
            component("api-server", "api-server", "--apps", "core")
            component("execution-api", "api-server", "--apps", "execution", "--port", str(execution_port))
            component("dag-processor", "dag-processor")
            _wait(airflow, "api-server", "answer", lambda: _answers(f"{airflow.base_url}/api/v2/monitor/health"))
            _make_pool(airflow, WAREHOUSE_POOL, 1, "One process may open the warehouse.")
            _make_pool(airflow, DELIVERY_POOL, 2, "A slow channel holds up no other.")
            airflow.pause_again()
            if before_scheduler:
                before_scheduler(airflow)
            # Logs are read from their folder: serving them would take fixed ports.
            component("scheduler", "scheduler", "--skip-serve-logs")
            component("triggerer", "triggerer", "--skip-serve-logs")
            # What tasks talk to is built when it is first asked, which takes seconds: not when a task waits.
            health = f"{env['AIRFLOW__CORE__EXECUTION_API_SERVER_URL']}health"
            _wait(airflow, "execution-api", "answer", lambda: _answers(health))
            _wait(airflow, "dag-processor", f"parse {DAG_ID}", lambda: _is_parsed(airflow, since=started))
            note(ready=True)
            yield airflow
        finally:
            airflow.api.close()
            (home / "running.json").unlink()


def attach(settings: Settings) -> Airflow | None:
    """Return the Airflow that `make up` started for these settings, or None when none runs for this home.

    Raises AirflowError when one runs that can't be used.
    """
    facts = running(settings)
    if facts is None:
        return None
    if not facts:
        raise AirflowError("Airflow is starting or stopping: wait a moment, then run this again.")
    if not facts["shared"]:
        raise AirflowError(
            f"Another command (process {facts['pid']}) works in {settings.home}: wait until it has ended."
        )
    if _owner(facts) is None:
        raise AirflowError(
            f"Airflow was killed, and parts of it still run: run `{commands.make(settings, 'down')}`, then this again."
        )
    if not facts["ready"]:
        raise AirflowError("Airflow is starting or stopping: wait a moment, then run this again.")
    if facts["extracts"] != str(settings.extracts):
        raise AirflowError(
            f"The Airflow that runs for {settings.home} reads the extracts in {facts['extracts']}, "
            f"not those in {settings.extracts}. Run `{commands.make(settings, 'down')}`, then this again."
        )
    password = json.loads(passwords_file(settings).read_text())[USER]
    return Airflow(facts["url"], password, _airflow_home(settings) / "logs", facts["schedules"])


def running(settings: Settings) -> dict[str, Any] | None:
    """Return what `running.json` says of the Airflow that runs for this home, or None when none does.

    The lock decides, which ends with its last process; what a killed Airflow left in the file does not count.
    """
    home = _airflow_home(settings)
    with (home / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            facts = home / "running.json"
            return json.loads(facts.read_text()) if facts.exists() else {}
    return None


def _owner(facts: dict[str, Any]) -> psutil.Process | None:
    """Return the process that started this Airflow, if it still runs; its number may be another process's by now."""
    try:
        process = psutil.Process(facts["pid"])
        runs = process.create_time() == facts["started"] and process.status() != psutil.STATUS_ZOMBIE
        return process if runs else None
    except (psutil.NoSuchProcess, KeyError):
        return None


@contextmanager
def _guarded(home: Path, lock: int) -> Iterator[Start]:
    """Yield a function that starts `airflow` in a session of its own from (name, arguments, environment).

    Its log is `logs/<name>.log`, beside the one of the last time. It keeps the lock. At the end all are stopped.
    """
    end_of_pipe, pipe = os.pipe()
    guard = subprocess.Popen(
        [sys.executable, "-m", "greenery.local_airflow.server", "guard"],
        stdin=end_of_pipe,
        start_new_session=True,  # else Ctrl-C ends it as well
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "include")},
    )
    os.close(end_of_pipe)
    processes: dict[str, subprocess.Popen] = {}

    def start(name: str, arguments: Sequence[str], env: dict[str, str]) -> subprocess.Popen:
        log = home / "logs" / f"{name}.log"
        if log.exists():
            log.replace(log.with_suffix(".previous.log"))
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "airflow", *arguments],
                env=env,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
                pass_fds=[lock],
            )
        processes[name] = process
        os.write(pipe, f"{process.pid}\n".encode())
        return process

    try:
        yield start
    finally:
        deadline = time.monotonic() + STOP_SECONDS
        for process in processes.values():
            process.terminate()
        for name, process in processes.items():
            if name not in ("api-server", "execution-api"):  # they keep no state; some of their threads end late
                with suppress(subprocess.TimeoutExpired):
                    process.wait(max(deadline - time.monotonic(), 0))
        _kill([process.pid for process in processes.values()])
        for process in processes.values():
            process.wait()
        os.close(pipe)
        guard.wait()


def _kill(sessions: Sequence[int]) -> None:
    """Kill the processes of these sessions, and what they started in sessions of their own, until none is left."""
    while members := [process for process in psutil.process_iter() if _belongs(process, sessions)]:
        alive = list(members)
        for process in members:
            with suppress(psutil.NoSuchProcess):
                alive += process.children(recursive=True)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.05)


def _belongs(process: psutil.Process, sessions: Sequence[int]) -> bool:
    try:
        return os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, PermissionError, psutil.Error):  # it has ended, or is another user's
        return False


def _lock(settings: Settings, patience: float = 3) -> TextIO:
    """Lock the home for one Airflow; its processes inherit the lock, so that it ends with the last of them.

    patience: seconds to wait for an Airflow that is just stopping.

    Raises AirflowError when the home is in use.
    """
    file = (_airflow_home(settings) / "lock").open("a")
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


def _airflow_home(settings: Settings) -> Path:
    """Make the folder for Airflow's own state, which only its owner may read, and return it."""
    home = settings.home / "airflow"
    for folder in (settings.home, home, home / "logs"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home


def _secrets(settings: Settings) -> dict[str, str]:
    """Return the keys and the password of this home, which are made up once."""
    file = _airflow_home(settings) / "secrets.json"
    if not file.exists():
        keys = {
            "jwt_secret": secrets.token_urlsafe(64),
            "api_secret_key": secrets.token_urlsafe(64),
            "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        }
        _write_private(file, json.dumps(keys))
    if not passwords_file(settings).exists():
        _write_private(passwords_file(settings), json.dumps({USER: secrets.token_urlsafe(16)}))
    return json.loads(file.read_text())


def _write_private(file: Path, text: str) -> None:
    """Replace the file at once by one that only its owner may read."""
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(text)
    new.replace(file)


def _free_port(wanted: int = 0) -> int:
    """Return the wanted port of 127.0.0.1 if it is free, else any free one."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return _free_port()
        return probe.getsockname()[1]


def _migrate(home: Path, env: dict[str, str], lock: int) -> None:
    """Bring the metadata database to the installed Airflow's version; seconds, so only when that has changed."""
    database, done = home / "airflow.db", home / "migrated-to"
    installed = version("apache-airflow")
    if database.exists() and done.exists() and done.read_text() == installed:
        return
    with _guarded(home, lock) as start:  # one of its own, to forget a process that ends: its number is used again
        exit_code = start("db-migrate", ["db", "migrate"], env).wait()
    if exit_code != 0:
        raise AirflowError(f"`airflow db migrate` failed. {_tail(home / 'logs' / 'db-migrate.log')}")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("pragma journal_mode = wal")  # else readers and the writer block each other
    done.write_text(installed)


def _wait(airflow: Airflow, name: str, task: str, is_done: Callable[[], bool]) -> None:
    """Wait until a component has done its task; raise AirflowError when that takes too long or a process ends."""
    deadline = time.monotonic() + START_SECONDS
    while not is_done():
        airflow.check()
        if time.monotonic() > deadline:
            log = _tail(airflow.logs / f"{name}.log")
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


def _tail(log: Path, lines: int = 20) -> str:
    text = log.read_text(errors="replace").splitlines()[-lines:] if log.exists() else []
    return "\n".join([f"Its log is {log}:", *(f"  {line}" for line in text)])


def exit_on_signals() -> None:
    """Let SIGTERM and SIGHUP end this process like Ctrl-C does, so that it stops what it started."""

    def leave(number: int, _: object) -> NoReturn:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)


def up(settings: Settings, port: int) -> None:
    """Start Airflow in the background, with its UI on 127.0.0.1, and print where it is.

    Scheduling is on, but a new DAG is paused, as everywhere in Airflow: unpausing it starts the run of the newest
    week, which waits for its extract and pages when that does not come. So that is for the user to do.
    """
    if running(settings) is None:
        log = _airflow_home(settings) / "logs" / "up.log"
        print(f"Starting Airflow for {settings.home} …", flush=True)
        with log.open("w") as output:
            daemon = subprocess.Popen(
                [sys.executable, "-m", "greenery.local_airflow.server", "serve", "--port", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "GREENERY_HOME": str(settings.home), "GREENERY_EXTRACTS": str(settings.extracts)},
            )
        while not (running(settings) or {}).get("ready"):
            if daemon.poll() is not None:
                raise AirflowError(log.read_text().strip())
            time.sleep(0.2)
    elif attach(settings):
        print("Airflow is already running.")
    if airflow := attach(settings):
        print(f"Airflow:  {airflow.base_url}")
        print(f"User:     {USER}, password in {passwords_file(settings)}")
        if airflow.request("GET", f"dags/{DAG_ID}")["is_paused"]:
            print(f"{DAG_ID} is paused: unpause it there to run it every week, the newest week first.")
        print(f"`{commands.make(settings, 'down')}` stops it.")


def serve(settings: Settings, port: int) -> NoReturn:
    """Run Airflow, with scheduling, until a signal comes or one of its processes ends (AirflowError)."""
    with running_airflow(settings, use_job_schedule=True, port=_free_port(port), shared=True) as airflow:
        while True:
            airflow.check()
            time.sleep(1)


def down(settings: Settings) -> None:
    """Stop the Airflow that `up` started for this home, and all that is left of one that was killed."""
    facts = running(settings)
    if facts is None:
        print(f"No Airflow runs for {settings.home}.")
        return
    if owner := _owner(facts):
        if not facts["shared"]:
            raise AirflowError(f"Another command (process {owner.pid}) started it: end that command, and it stops.")
        owner.terminate()
    try:
        _lock(settings, patience=2 * STOP_SECONDS if owner else 0).close()
    except AirflowError:
        _kill(facts.get("sessions", []))
        _lock(settings).close()
    print(f"Stopped the Airflow of {settings.home}.")


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit code: 1 when Airflow can't be used, 2 for a wrong setting."""
    parser = argparse.ArgumentParser(prog="local_airflow", description="Airflow on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, function in (("up", up), ("serve", serve)):
        command = commands.add_parser(name, help=function.__doc__ and function.__doc__.splitlines()[0])
        command.add_argument("--port", type=int, default=UI_PORT, help="of the UI; when it is taken, any free one")
    commands.add_parser("down", help="stop it")
    commands.add_parser("guard")
    options = parser.parse_args(arguments)
    if options.command == "guard":
        _kill([int(line) for line in sys.stdin])  # session ids, until the writer is gone, however it went
        return 0
    exit_on_signals()
    try:
        settings = load()
        match options.command:
            case "up":
                up(settings, options.port)
            case "serve":
                serve(settings, options.port)
            case "down":
                down(settings)
    except (AirflowError, SettingError) as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, SettingError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
