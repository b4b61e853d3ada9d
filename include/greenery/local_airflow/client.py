"""The REST API of a running Airflow: requests, pages of items, and actions for which the API has no request."""

from __future__ import annotations

import fcntl
import sqlite3
import subprocess
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from tenacity import RetryError, Retrying, retry_if_exception, retry_if_result, stop_after_delay, wait_fixed

from greenery.local_airflow.environment import USER
from greenery.settings import DAG_ID, PAUSE_AGAIN

READ_SECONDS = 120  # for the DAG's file, on a busy machine


class AirflowError(RuntimeError):
    """Airflow did not start, stopped, or can't be used; the message says what to do."""


class ApiError(AirflowError):
    """Airflow refused a request."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        is_json = "json" in response.headers.get("content-type", "")
        self.detail = response.json().get("detail") if is_json else response.text
        super().__init__(f"{response.request.method} {response.request.url.path}: {self.status} {self.detail}")


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
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

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
        """Unpause the DAG, without a scheduled run, and pause it again. One that is not paused stays as it is.

        The DAG's timetable gives no next run while the file is there. If this process is killed, its lock on the file
        ends: then the Airflow that schedules, or the next start of Airflow, pauses the DAG again.

        Raises AirflowError where Airflow does not read the DAG again in time.
        """
        if not self.request("GET", f"dags/{DAG_ID}")["is_paused"]:
            yield
            return
        # Locked before it has its name, so that nobody takes it for one that was left.
        new = self._pause_again.with_suffix(".new")
        with new.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            new.rename(self._pause_again)
            try:
                if self.schedules:
                    self._await_no_next_run()
                self.request("PATCH", f"dags/{DAG_ID}", json={"is_paused": False})
                yield
            finally:
                self.pause_again()

    def pause_again(self) -> None:
        """Pause the DAG if a command unpaused it for itself: else an Airflow with scheduling would run it weekly."""
        if self._pause_again.exists():
            self.request("PATCH", f"dags/{DAG_ID}", json={"is_paused": True})
            self._pause_again.unlink(missing_ok=True)
            if self.schedules:
                self._read_again()

    def pause_if_left(self) -> None:
        """Pause the DAG if the command that unpaused it for itself was killed."""
        try:
            with self._pause_again.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (FileNotFoundError, BlockingIOError):  # none is left: the command has ended, or works
            return
        self.pause_again()

    def _await_no_next_run(self) -> None:
        """Let Airflow read the DAG again, and wait until it knows of no next scheduled run."""
        since = datetime.now(UTC)
        self._read_again()

        def is_known() -> bool:
            dag = self.request("GET", f"dags/{DAG_ID}")
            # None may be left from an earlier command, while Airflow still reads the DAG as it was.
            return dag["next_dagrun_run_after"] is None and datetime.fromisoformat(dag["last_parsed_time"]) >= since

        waits = Retrying(
            retry=retry_if_result(lambda known: not known), stop=stop_after_delay(READ_SECONDS), wait=wait_fixed(0.5)
        )
        try:
            waits(is_known)
        except RetryError:
            raise AirflowError(
                f"Airflow did not read {DAG_ID} again within {READ_SECONDS} seconds. See "
                f"{self.logs / 'dag-processor.log'}, then run this again."
            ) from None

    def _read_again(self) -> None:
        """Ask Airflow to read the DAG's file soon."""
        token = self.request("GET", f"dags/{DAG_ID}/details")["file_token"]
        try:
            self.request("PUT", f"parseDagFile/{token}")
        except ApiError as error:
            if error.status != httpx.codes.CONFLICT:  # it was asked before
                raise

    def unblock_ended_backfills(self) -> None:
        """Let the runs of ended backfills run when they are cleared.

        A backfill that is ended by the API stays paused for ever (Airflow 3.3.2): a run of it that is cleared would
        stay queued. There is no request that changes this.
        """
        with closing(sqlite3.connect(self.logs.parent / "airflow.db", timeout=60)) as connection:
            connection.execute("update backfill set is_paused = false where completed_at is not null")
            connection.commit()

    @property
    def _pause_again(self) -> Path:
        return self.logs.parent / PAUSE_AGAIN

    def check(self) -> None:
        """Raise AirflowError, with the end of its log, when a process that was started here has ended."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                log = self.logs / f"{name}.log"
                raise AirflowError(f"Airflow's {name} ended with exit code {process.returncode}. {tail(log)}")


def tail(log: Path, lines: int = 20) -> str:
    """Return the name of a log and its last lines, for a message."""
    text = log.read_text(errors="replace").splitlines()[-lines:] if log.exists() else []
    return "\n".join([f"Its log is {log}:", *(f"  {line}" for line in text)])
