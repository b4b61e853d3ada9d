"""Kill tasks, the scheduler or everything at random moments, run again, and compare with weeks that nothing disturbed.

Two harnesses share the moments and the comparison: one kills parts of a real Airflow, the other a process that does
all steps of a week, which costs a second instead of ten. `make prove-kills` runs both in two parts, keeps the kills of
each part in docs/proofs/kills, and writes docs/proofs/kills.md from them; each part draws its moments from its number.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import psutil
from greenery import quality
from greenery.build import locking
from greenery.cli.backfill import airflow_for
from greenery.landing import loading
from greenery.local_airflow.client import Airflow
from greenery.local_airflow.runs import interval_start
from greenery.local_airflow.server import running_airflow
from greenery.publishing import versions
from greenery.report import writing
from greenery.settings import DAG_ID, REPOSITORY, Settings
from greenery.simulator.shop import Shop, simulate
from greenery.week import WEEK

from tests import pipeline, proofs

SHOP = Shop(first_as_of=datetime(2025, 1, 8), weeks=4, sessions_per_week=60)
RUN_SECONDS = 2400  # a run that takes longer hangs
COMPARED = ("summary.json", "quality.json", "order_changes.csv")
DBT_SECONDS, OTHER_SECONDS = 1.5, 0.3  # a task's usual time where none was measured
# Scheduler and supervisor notice within seconds instead of minutes that a task's supervisor is gone.
QUICK = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "25",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
}
TASK_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")

TASK, SUPERVISOR, SCHEDULER = "task process", "its supervisor", "scheduler"
COMMAND, EVERYTHING, ONE_PROCESS = "make backfill", "everything", "process that does all steps"


@dataclass
class Kill:
    """A process that was killed in the middle of its work.

    task: what ran then. moment: how the moment was drawn. milliseconds: from when the task was seen (for the whole
    Airflow: from when the run began) to the kill. differences: what differed once the week had been run to its end.
    """

    week: str
    task: str
    target: str
    moment: str
    milliseconds: int
    recovery: str = ""
    differences: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Usual:
    """How long an undisturbed task takes, in seconds: from its first sight, and with the warehouse open."""

    life: float
    opened: float


def weeks_of(shop: Shop) -> list[datetime]:
    """Return the as_of of each of the shop's extracts."""
    return [shop.first_as_of + number * WEEK for number in range(shop.weeks)]


def state_of(home: Settings) -> dict[str, Any]:
    """Return everything that must not depend on how often a week was begun: name of the part to its content."""
    state: dict[str, Any] = {}
    version = home.published.resolve()
    manifest = json.loads((version / "manifest.json").read_text())
    state["manifest"] = {name: value for name, value in manifest.items() if name != "version"}
    with duckdb.connect(version / "greenery.duckdb", read_only=True) as connection:
        relations = connection.execute("select table_schema, table_name from information_schema.tables").fetchall()
        for schema, table in sorted(relations):
            rows = connection.execute(f"select * from {schema}.{table} order by all").fetchall()
            state[f"published {schema}.{table}"] = [tuple(map(str, row)) for row in rows]
        for name, count in manifest["row_counts"].items():
            found = connection.execute(f"select count(*) from '{version / name}.parquet'").fetchall()[0][0]
            state[f"rows of {name}.parquet match the manifest"] = found == count
    with duckdb.connect(home.warehouse) as connection:
        ledger_rows = connection.execute("select as_of, extract_id, state, reason from landing.extracts order by all")
        state["ledger"] = [tuple(map(str, row)) for row in ledger_rows.fetchall()]
        state["lock"] = connection.execute("select * from landing.build_lock").fetchall()
    for name in COMPARED:
        for path in sorted(home.reports.glob(f"*/{name}")):
            state[f"report {path.relative_to(home.reports)}"] = path.read_bytes()
    return state


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Return the parts that differ, each in one line."""
    lines = []
    for name in sorted(expected.keys() | found.keys()):
        a, b = expected.get(name), found.get(name)
        if a == b:
            continue
        if isinstance(a, list) and isinstance(b, list):
            differ = set(map(str, a)) ^ set(map(str, b))
            lines.append(f"{name}: {len(a)} rows expected, {len(b)} found, {len(differ)} differ")
        else:
            lines.append(f"{name}: {_short(a)} expected, {_short(b)} found")
    return lines


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


# Moments


def drawn_from(seed: int) -> random.Random:
    """Return where the moments come from."""
    return random.Random(seed)  # noqa: S311


def is_open(pid: int, file: Path) -> bool:
    """Whether the process has the file open."""
    try:
        return any(opened.path == str(file) for opened in psutil.Process(pid).open_files())
    except psutil.Error:
        return False


def lives(pid: int) -> bool:
    """Whether the process runs; one that ended and was not waited for does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for_moment(pid: int, warehouse: Path, draw: random.Random, usual: Usual) -> str:
    """Wait for a random moment of a process that was just seen, and return how it was drawn.

    A third of the moments is spread over all its time, a third over the time in which it has the warehouse open, and
    a third lies within milliseconds of a write to the warehouse or its log, where commits are.
    """
    kind = draw.choice(("any time", "warehouse open", "at a write"))
    share, late = draw.random(), draw.random()
    if kind == "any time":
        time.sleep(share * usual.life)
        return kind
    while lives(pid) and not is_open(pid, warehouse):
        time.sleep(0.002)
    if kind == "warehouse open":
        time.sleep(share * usual.opened)
        return kind
    before = _written(warehouse)
    deadline = time.monotonic() + share * usual.opened  # past it, the next write is the one
    while lives(pid) and ((now := _written(warehouse)) == before or time.monotonic() < deadline):
        if time.monotonic() < deadline:
            before = now
        time.sleep(0.0005)
    time.sleep(late * 0.02)
    return kind


def _written(warehouse: Path) -> tuple:
    files = (warehouse, warehouse.with_name(f"{warehouse.name}.wal"))
    stats = [file.stat() if file.exists() else None for file in files]
    return tuple((stat.st_size, stat.st_mtime_ns) if stat else None for stat in stats)


# A real Airflow


@contextmanager
def quick_heartbeats() -> Iterator[None]:
    """Let an Airflow that is started meanwhile notice within seconds that a task's supervisor is gone."""
    before = {name: os.environ.get(name) for name in QUICK}
    os.environ.update(QUICK)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def task_processes(scheduler: int) -> dict[int, str]:
    """Return process id and task instance id of each task that the scheduler's workers run."""
    found = {}
    for worker in children_of(scheduler):
        if children := children_of(worker):  # a worker turns into the supervisor of its task, which is its child
            with suppress(psutil.NoSuchProcess):
                if running := TASK_ID.search(" ".join(psutil.Process(worker).cmdline())):
                    found.update(dict.fromkeys(children, running.group()))
    return found


def children_of(pid: int) -> list[int]:
    """Return the children of a process; Linux says at once, psutil looks at every process there is."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        with suppress(psutil.NoSuchProcess):
            return [child.pid for child in psutil.Process(pid).children()]
        return []


class WeeklyRun:
    """The backfill of one week, followed from outside.

    goes_on: whether its run is there, left by an Airflow that was killed; else a backfill is made.
    """

    def __init__(self, airflow: Airflow, week: datetime, goes_on: bool = False) -> None:
        self.airflow = airflow
        self.week = f"{week:%Y-%m-%d}"
        start = interval_start(week.date())
        request = {
            "dag_id": DAG_ID,
            "from_date": start,
            "to_date": start,
            "dag_run_conf": {},
            "reprocess_behavior": "completed",
        }
        if goes_on:
            backfills = airflow.collect("backfills", "backfills", dag_id=DAG_ID)
            self.backfill = max(backfill["id"] for backfill in backfills)
        else:
            self.backfill = airflow.request("POST", "backfills", json=request)["id"]
        runs = airflow.collect(f"dags/{DAG_ID}/dagRuns", "dag_runs", logical_date_gte=start, logical_date_lte=start)
        self.run_id = runs[0]["dag_run_id"]
        self.path = f"dags/{DAG_ID}/dagRuns/{quote(self.run_id, safe='')}"
        self.names: dict[str, str] = {}

    def end(self) -> None:
        """End the backfill, so that Airflow takes the next."""
        with suppress(Exception):
            self.airflow.request("PUT", f"backfills/{self.backfill}/cancel")

    def state(self) -> str:
        """Return the state of the run."""
        return self.airflow.request("GET", self.path)["state"]

    def tasks(self) -> list[dict[str, Any]]:
        """Return all its task instances."""
        return self.airflow.collect(f"{self.path}/taskInstances", "task_instances")

    def name_of(self, instance_id: str) -> str:
        """Return the task that a task instance id is of; empty if it is none of this run's."""
        if instance_id not in self.names:
            self.names.update({task["id"]: task["task_id"] for task in self.tasks()})
        return self.names.get(instance_id, "")

    def settled(self, task_id: str, seconds: float = 120) -> str:
        """Return the state of a task once Airflow knows what became of its process."""
        deadline = time.monotonic() + seconds
        while True:
            state = self.airflow.request("GET", f"{self.path}/taskInstances/{quote(task_id, safe='')}")["state"]
            if state not in ("running", "queued", "scheduled", "restarting") or time.monotonic() > deadline:
                return state or "none"
            time.sleep(0.1)

    def clear(self, task_id: str, with_following: bool) -> None:
        """Clear a task as a user does, so that it runs again at once."""
        body = {
            "dry_run": False,
            "dag_run_id": self.run_id,
            "task_ids": [task_id],
            "include_downstream": with_following,
            "only_failed": False,
        }
        self.airflow.request("POST", f"dags/{DAG_ID}/clearTaskInstances", json=body)

    def clear_all(self) -> None:
        """Clear the whole run."""
        self.airflow.request("POST", f"{self.path}/clear", json={"dry_run": False, "only_failed": False})


def kill_tasks(
    airflow: Airflow,
    home: Settings,
    week: datetime,
    draw: random.Random,
    usual: dict[str, Usual],
    wanted: Collection[str] | None = None,
    again: float = 0.5,
    goes_on: bool = False,
    say: Callable[[str], None] = print,
) -> list[Kill]:
    """Run a week; kill its tasks at random moments, rerun them, and return the kills.

    wanted: the tasks to kill; None is all. again: share of them that is killed twice. goes_on: whether the run is
    there already, left by an Airflow that was killed. The DAG must be unpaused. A kill that came after the task had
    ended does not count and is not returned.
    """
    scheduler = airflow.processes["scheduler"].pid
    run = WeeklyRun(airflow, week, goes_on)
    kills: list[Kill] = []
    seen: set[int] = set()
    twice = {task["task_id"] for task in run.tasks() if draw.random() < again}
    times: Counter[str] = Counter()
    deadline = time.monotonic() + RUN_SECONDS
    failures = 0
    asked = 0.0
    pace = 1.0  # how much faster tasks are now than they were measured
    try:
        while True:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the run of {run.week} hangs: {[(t['task_id'], t['state']) for t in run.tasks()]}")
            fresh = {pid: task for pid, task in task_processes(scheduler).items() if pid not in seen}
            seen.update(fresh)
            for pid, instance in fresh.items():
                began = time.monotonic()
                name = run.name_of(instance)
                if not name or (wanted is not None and name not in wanted) or times[name] >= 1 + (name in twice):
                    continue
                supervised = draw.random() < 0.96
                recovery = draw.random()
                try:
                    supervisor = psutil.Process(pid).ppid()
                except psutil.NoSuchProcess:
                    continue
                default = Usual(*2 * [DBT_SECONDS if name.startswith("dbt.") else OTHER_SECONDS])
                took = usual.get(name, default)
                moment = wait_for_moment(pid, home.warehouse, draw, Usual(took.life * pace, took.opened * pace))
                with suppress(ProcessLookupError):
                    os.kill(pid if supervised else supervisor, signal.SIGKILL)
                milliseconds = round((time.monotonic() - began) * 1000)
                state = run.settled(name)
                if state in ("success", "up_for_reschedule"):
                    pace *= 0.8
                    continue
                times[name] += 1
                target = TASK if supervised else SUPERVISOR
                kill = Kill(run.week, name, target, moment, milliseconds)
                kill.recovery = _recover(run, name, state, recovery)
                kills.append(kill)
                say(f"{run.week} {name}: {target} killed after {milliseconds} ms ({moment}), {state}, {kill.recovery}")
            if not fresh and time.monotonic() - asked > 0.5:
                asked = time.monotonic()
                state = run.state()
                if state == "success":
                    return kills
                if state == "failed":
                    failed = [task["task_id"] for task in run.tasks() if task["state"] == "failed"]
                    if kills and not failed:
                        # The scheduler had decided on the run before it was cleared: SQLite locks no rows.
                        kills[-1].recovery += ", and again"
                    else:
                        # Every kill was recovered from, so this is a failure of its own.
                        failures += 1
                    if kills and failed:
                        kills[-1].differences.append(f"then the run failed at {', '.join(failed)}")
                    say(f"{run.week}: the run failed at {failed} without a kill")
                    if failures == 3:
                        raise RuntimeError(f"the run of {run.week} fails at {failed} without a kill")
                    run.clear_all()
            time.sleep(0.02)
    finally:
        run.end()


def _recover(run: WeeklyRun, task_id: str, state: str, choice: float) -> str:
    """Bring a killed task to run again in one of the ways that there are, and return which.

    A clear in the very moment in which the scheduler decides on the run is lost on SQLite: no user is that fast.
    """
    decided = time.monotonic() + 3
    while state == "failed" and run.state() != "failed" and time.monotonic() < decided:
        time.sleep(0.1)
    if state == "up_for_retry" and choice < 0.05:
        return "tried again by itself"
    if state == "up_for_retry" and choice < 0.45:
        run.clear(task_id, with_following=False)
        return "cleared"
    if choice > 0.97:
        run.clear_all()
        return "whole run cleared"
    run.clear(task_id, with_following=True)
    return "cleared with all that follows"


def undisturbed_times(airflow: Airflow, home: Settings, week: datetime) -> dict[str, Usual]:
    """Run a week undisturbed, and return how long each task took. The DAG must be unpaused."""
    scheduler = airflow.processes["scheduler"].pid
    run = WeeklyRun(airflow, week)
    first: dict[int, float] = {}
    last: dict[int, float] = {}
    opened: dict[int, float] = {}
    names: dict[int, str] = {}
    asked = 0.0
    while True:
        for pid, instance in task_processes(scheduler).items():
            now = time.monotonic()
            names.setdefault(pid, instance)
            first.setdefault(pid, now)
            last[pid] = now
            if pid not in opened and is_open(pid, home.warehouse):
                opened[pid] = now
        if time.monotonic() - asked > 0.5:
            asked = time.monotonic()
            if (state := run.state()) in ("success", "failed"):
                break
        time.sleep(0.05)
    assert state == "success", [(task["task_id"], task["state"]) for task in run.tasks()]
    run.end()
    return {
        run.name_of(names[pid]): Usual(last[pid] - first[pid], last[pid] - opened.get(pid, first[pid])) for pid in first
    }


@dataclass
class BackfillProcess:
    """`make backfill` of one week as a process of its own, with all that it starts."""

    home: Settings
    week: datetime
    output: Path
    process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start it and wait until the run of the week has begun."""
        day = f"{self.week:%Y-%m-%d}"
        environment = {
            **os.environ,
            "GREENERY_HOME": str(self.home.home),
            "GREENERY_EXTRACTS": str(self.home.extracts),
            "PYTHONPATH": str(REPOSITORY / "include"),
            "PYTHONUNBUFFERED": "1",
        }
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "greenery.cli.app", "backfill", day],
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + RUN_SECONDS
        while f"{day}  started" not in self.output.read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"make backfill of {day} did not start: {self.output.read_text()}")
            time.sleep(0.02)

    def processes(self) -> list[psutil.Process]:
        """Return it and all that it started."""
        assert self.process
        with suppress(psutil.NoSuchProcess):
            return [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        return []

    def running_tasks(self) -> str:
        """Return the tasks that run now, by Airflow's own database."""
        database = f"file:{self.home.home / 'airflow' / 'airflow.db'}?mode=ro"
        with closing(sqlite3.connect(database, uri=True, timeout=10)) as connection:
            found = connection.execute(
                "select task_id from task_instance where state in ('running', 'queued') and dag_id = ?", [DAG_ID]
            ).fetchall()
        return ", ".join(sorted(task for (task,) in found)) or "between two tasks"

    def kill(self, target: str) -> None:
        """Kill the target, and wait until nothing of it all is left."""
        assert self.process
        victims = self.processes()
        if target == COMMAND:
            os.kill(self.process.pid, signal.SIGKILL)
        elif target == SCHEDULER:
            for victim in victims:
                with suppress(psutil.NoSuchProcess):
                    # The scheduler itself leads a session; its workers look alike.
                    if "scheduler" in victim.cmdline()[3:4] and os.getsid(victim.pid) == victim.pid:
                        victim.kill()
        else:
            for victim in victims:
                with suppress(psutil.NoSuchProcess):
                    victim.kill()
        self.process.wait(60)
        deadline = time.monotonic() + 60
        while left := [victim for victim in victims if lives(victim.pid) and victim.is_running()]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"a kill of {target} left {left}")
            time.sleep(0.05)


def kill_airflow(
    home: Settings,
    week: datetime,
    target: str,
    draw: random.Random,
    seconds: float,
    say: Callable[[str], None] = print,
) -> Kill:
    """Start `make backfill` of a week, and kill it, its scheduler or everything within so many seconds."""
    backfill = BackfillProcess(home, week, home.home.parent / "backfill.log")
    backfill.start()
    began = time.monotonic()
    time.sleep(draw.random() * seconds)
    tasks = backfill.running_tasks()
    backfill.kill(target)
    milliseconds = round((time.monotonic() - began) * 1000)
    kill = Kill(f"{week:%Y-%m-%d}", tasks, target, "any time", milliseconds, "make backfill again")
    say(f"{kill.week} {tasks}: {target} killed after {milliseconds} ms")
    return kill


# One process that does all steps of a week

# What the steps import, so that a kill hits their work and not this.
PRELOADED = ("dbt.adapters.duckdb", "dbt.cli.main", "great_expectations", "greenery.messages.page", "vl_convert")
# Children begin as copies of a process that has imported this and has no threads.
_CHILDREN = multiprocessing.get_context("forkserver")
_CHILDREN.set_forkserver_preload([__name__ if __name__ != "__main__" else "tests.e2e.kills", *PRELOADED])
STEPS: tuple[tuple[Any, str], ...] = (
    (loading, "land"),
    (locking, "acquire"),
    (pipeline, "dbt"),
    (quality, "judge"),
    (versions, "publish"),
    (locking, "release"),
    (writing, "write"),
)


def in_child(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function returns in a process of its own, which leaves nothing behind in this one."""
    receiver, sender = _CHILDREN.Pipe(duplex=False)
    child = _CHILDREN.Process(target=_send, args=(sender, function, *arguments))
    child.start()
    sender.close()
    try:
        return receiver.recv()
    finally:
        child.join()


def _send(sender: Any, function: Callable[..., Any], *arguments: Any) -> None:
    sender.send(function(*arguments))


def _all_steps(home: Settings, week: datetime, step: Any) -> None:
    """Do all steps of a week, with the number of the one that is being done in `step`."""

    def noting(number: int, function: Callable) -> Callable:
        def call(*arguments: Any, **options: Any) -> Any:
            step.value = number
            return function(*arguments, **options)

        return call

    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)
    for number, (module, name) in enumerate(STEPS):
        setattr(module, name, noting(number, getattr(module, name)))
    pipeline.run_week(home, week)


def kill_steps(
    folder: Path,
    expected: Sequence[dict[str, Any]],
    points: int,
    draw: random.Random,
    say: Callable[[str], None] = print,
) -> Iterator[list[Kill]]:
    """Kill a process that does all steps of a week, again and again, until there are so many kills; yield each week's.

    expected: the state after each week, from the first on. After one to four kills a week is run to its end and
    compared; after the last of these weeks a new home is begun.
    """
    kills = 0
    usual = Usual(5, 4)
    while kills < points:
        home = Settings(home=folder / "steps" / "home", extracts=folder / "extracts")
        shutil.rmtree(home.home.parent, ignore_errors=True)
        for number, week in enumerate(weeks_of(SHOP)[: len(expected)]):
            day = f"{week:%Y-%m-%d}"
            of_week: list[Kill] = []
            for last in [False] * min(draw.randint(1, 4), points - kills) + [True]:
                step = _CHILDREN.Value("i", 0)
                child = _CHILDREN.Process(target=_all_steps, args=(home, week, step))
                began = time.monotonic()
                child.start()
                assert child.pid
                moment = "" if last else wait_for_moment(child.pid, home.warehouse, draw, usual)
                if last:
                    child.join()
                    usual = Usual(time.monotonic() - began, time.monotonic() - began)
                else:
                    child.kill()
                    child.join()
                milliseconds = round((time.monotonic() - began) * 1000)
                if child.exitcode == -signal.SIGKILL:
                    of_week.append(Kill(day, STEPS[step.value][1], ONE_PROCESS, moment, milliseconds, "run again"))
                elif child.exitcode != 0:
                    of_week.append(Kill(day, STEPS[step.value][1], ONE_PROCESS, moment, milliseconds, "none"))
                    of_week[-1].differences.append(f"the next run failed with exit code {child.exitcode}")
            if of_week:
                of_week[-1].differences += differences(expected[number], in_child(state_of, home))
            kills += len(of_week)
            yield of_week
            say(f"{kills} of {points} kills of a process that does all steps")
            if kills >= points:
                break


# The proof

PARTS = 2
REPORT = proofs.FOLDER / "kills.md"
KEPT = proofs.FOLDER / "kills"


def copied(home: Settings, folder: Path) -> Settings:
    """Return a home in `folder` that begins as a copy of this one, without its Airflow."""
    shutil.copytree(home.home, folder, symlinks=True, ignore=shutil.ignore_patterns("airflow"))
    return Settings(home=folder, extracts=home.extracts)


def prove(folder: Path, points: int, step_points: int, seed: int, say: Callable[[str], None] = print) -> list[Kill]:
    """Run the shop's weeks undisturbed, then again while killing, as often as it takes; return the kills.

    The last two weeks run in Airflow, on what the others left. Each of them begins with kills of the scheduler, of
    everything and of the command, each of which ends Airflow; in the last Airflow of the week its tasks are killed.
    """
    kills: list[Kill] = []
    draw = drawn_from(seed)
    extracts = folder / "extracts"
    simulate(SHOP, extracts)
    weeks = weeks_of(SHOP)
    first = len(weeks) - (2 if points else 0)
    begun = Settings(home=folder / "begun" / "home", extracts=extracts)
    expected = [in_child(state_after, begun, week) for week in weeks[:first]]
    if points:
        undisturbed = copied(begun, folder / "undisturbed" / "home")
        usual: dict[str, Usual] = {}
        with airflow_for(undisturbed) as airflow, airflow.unpaused():
            for week in weeks[first:]:
                usual.update(undisturbed_times(airflow, undisturbed, week))
                expected.append(in_child(state_of, undisturbed))
                say(f"{week:%Y-%m-%d} undisturbed")
        while len(kills) < points:
            shutil.rmtree(folder / "disturbed", ignore_errors=True)
            home = copied(begun, folder / "disturbed" / "home")
            for week, state in zip(weeks[first:], expected[first:], strict=True):
                kills += _disturbed(home, week, state, draw, usual, say)
                say(f"{len(kills)} of {points} kills in Airflow, {len(differing(kills))} with differences")
    for of_week in kill_steps(folder, expected, step_points, draw, say):
        kills += of_week
    return kills


def differing(kills: Sequence[Kill]) -> list[Kill]:
    """Return the kills after which something differed or failed."""
    return [kill for kill in kills if kill.differences]


def _disturbed(
    home: Settings,
    week: datetime,
    expected: dict[str, Any],
    draw: random.Random,
    usual: dict[str, Usual],
    say: Callable[[str], None],
) -> list[Kill]:
    """Kill Airflow in a week three times, then its tasks, let it run to its end, and compare."""
    seconds = sum(task.life for task in usual.values())
    targets = draw.sample([SCHEDULER, EVERYTHING, COMMAND], 3)
    with quick_heartbeats():
        kills = [kill_airflow(home, week, target, draw, seconds, say) for target in targets]
        # What was left begins anew with `make backfill`, and goes on with `make up`.
        if goes_on := draw.random() < 0.5:
            kills[-1].recovery = "Airflow started again"
        started = running_airflow(home) if goes_on else airflow_for(home, [week.date()])
        with started as airflow, airflow.unpaused():
            kills += kill_tasks(airflow, home, week, draw, usual, goes_on=goes_on, say=say)
    kills[-1].differences += differences(expected, in_child(state_of, home))
    return kills


def state_after(home: Settings, week: datetime) -> dict[str, Any]:
    """Do all steps of a week in this process, and return the state after it."""
    pipeline.run_week(home, week)
    return state_of(home)


def as_markdown(parts: list[dict[str, Any]]) -> str:
    """Return the kills of the parts that were kept as a page."""
    kills = [Kill(**kill) for part in parts for kill in part["kills"]]
    in_airflow = [kill for kill in kills if kill.target != ONE_PROCESS]
    steps = [kill for kill in kills if kill.target == ONE_PROCESS]
    wrong = differing(kills)
    tasks = Counter(kill.task for kill in in_airflow if kill.target in (TASK, SUPERVISOR))
    lines = [
        "# Kills",
        "",
        "Processes are killed (SIGKILL) in the middle of their work and the work is run again. What is published, the",
        "reports, the ledger and the lock are then compared with weeks that nothing disturbed: all relations row for",
        f"row, {', '.join(f'`{name}`' for name in COMPARED)} byte for byte.",
        "",
        f"**{len(in_airflow)} kills in a real Airflow and {len(steps)} of a process that does all steps of a week; "
        + (f"after {len(wrong)} of them something differed or failed." if wrong else "differences: none.")
        + "**",
        "",
        f"Written by `make prove-kills`, or part by part by `make prove-kills PART=1/{PARTS}`. A part draws the same",
        "moments each time, but a kill hits what the machine does at that moment.",
        "",
        *proofs.table(parts, {"kills": [len(part["kills"]) for part in parts]}).splitlines(),
        "",
        *_totals("what was killed", Counter(kill.target for kill in kills)),
        *_totals("moment", Counter(kill.moment for kill in kills)),
        *_totals("recovery", Counter(kill.recovery for kill in kills)),
        *_totals("task in Airflow", tasks),
        *_totals("step of the one process", Counter(kill.task for kill in steps)),
        "## Every kill",
        "",
        "ms: from when the task was seen, or the run of the week began, to the kill. Differences are found when the",
        "week has been run to its end, and stand at its last kill.",
        "",
        "| # | week | running | killed | moment | ms | recovery | differences |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {number} | {kill.week} | {kill.task} | {kill.target} | {kill.moment} | {kill.milliseconds} "
        f"| {kill.recovery} | {'; '.join(kill.differences) or 'none'} |"
        for number, kill in enumerate(kills, 1)
    ]
    return "\n".join(lines) + "\n"


def _totals(title: str, counts: Counter[str]) -> list[str]:
    rows = [f"| {name} | {count} |" for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    return [f"| {title} | kills |", "|---|---|", *rows, ""] if rows else []


def main(arguments: list[str] | None = None) -> int:
    """Prove the parts that are asked for and write the report of all that were kept; return 1 if something differed."""
    parser = argparse.ArgumentParser(prog="tests.e2e.kills", description=__doc__.splitlines()[0])
    parts = [f"{number}/{PARTS}" for number in range(1, PARTS + 1)]
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{' or '.join(parts)}; by default all")
    parser.add_argument("--points", type=int, default=50, help="kills in a real Airflow, at least, a part (default 50)")
    parser.add_argument("--step-points", type=int, default=50, help="kills of a process that does all steps, a part")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(parts):
        parser.error(f"no part {', '.join(sorted(unknown))}: there are {' and '.join(parts)}")
    began = time.monotonic()
    proofs.commit()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {text}", flush=True)

    wrong: list[Kill] = []
    for name in options.parts or parts:
        part, start = int(name.partition("/")[0]), time.monotonic()
        with tempfile.TemporaryDirectory(prefix="kills-") as folder:
            kills = prove(Path(folder), options.points, options.step_points, part, say)
        proofs.keep(KEPT, part, PARTS, time.monotonic() - start, kills=[asdict(kill) for kill in kills])
        REPORT.write_text(as_markdown(proofs.kept(KEPT)), encoding="utf-8")
        wrong += differing(kills)
    for kill in wrong:
        say(f"DIFFERENCE {kill}")
    return 1 if wrong else 0


if __name__ == "__main__":
    from tests.e2e import kills  # the module by the name that the children know

    sys.exit(kills.main())
