"""Airflow's processes: each leads a session of its own, and nothing of these sessions outlives its starter.

All descendants stay in that session (a task has its own process group, so a group would not do). However the process
that started them ends:

- it ends, by itself or by a signal that it catches: it stops them;
- it is killed: its guard, a small process, reads the end of a pipe and kills them;
- the guard is killed too: they still hold the lock of the home, and `make down` kills what holds it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import psutil

from greenery.settings import REPOSITORY

STOP_SECONDS = 5  # then what still runs, such as a task, is killed: every task may be killed at any point

Start = Callable[[str, Sequence[str], dict[str, str]], subprocess.Popen[bytes]]


@contextmanager
def guarded(home: Path, lock: int) -> Iterator[Start]:
    """Yield a function that starts `airflow` in a session of its own from (name, arguments, environment).

    Its log is `logs/<name>.log`, beside the one of the last time. It keeps the lock. At the end all are stopped.
    """
    end_of_pipe, pipe = os.pipe()
    guard = subprocess.Popen(
        [sys.executable, "-m", "greenery.local_airflow.processes"],
        stdin=end_of_pipe,
        start_new_session=True,  # else Ctrl-C ends it as well
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "include")},
    )
    os.close(end_of_pipe)
    processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(name: str, arguments: Sequence[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
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
        kill([process.pid for process in processes.values()])
        for process in processes.values():
            process.wait()
        os.close(pipe)
        guard.wait()


def kill(sessions: Sequence[int]) -> None:
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


def exit_on_signals() -> None:
    """Let SIGTERM and SIGHUP end this process like Ctrl-C does, so that it stops what it started."""

    def leave(number: int, _: object) -> NoReturn:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, leave)


if __name__ == "__main__":  # the guard
    kill([int(line) for line in sys.stdin])  # session ids, until the writer is gone, however it went
