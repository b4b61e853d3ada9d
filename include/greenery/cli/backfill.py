"""`make backfill`: run the weekly DAG for past weeks, through Airflow's own backfill, and show how it goes.

A week is named by its as_of, the day on whose 00:00 UTC it ends. Airflow names a run by the start of its data interval,
a week earlier; that is converted here and nowhere else.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from greenery import commands
from greenery.local_airflow.client import Airflow, AirflowError, ApiError
from greenery.local_airflow.processes import exit_on_signals
from greenery.local_airflow.server import attach, running_airflow
from greenery.report import weeks as status
from greenery.settings import BEGINNING, DAG_ID, WEEK, WEEKDAYS, SettingError, Settings, load

POLL_SECONDS = 0.5
TASK_LINE_SECONDS = 10  # between two lines on running tasks, where no progress bar can be shown
REASON_LENGTH = 500
UNFINISHED = ("queued", "running")
WAITING = "waiting: "  # begins the line in which wait_for_extract logs what is missing


class InputError(ValueError):
    """What was asked for can't be done; the message is one line that says what to write instead."""


@dataclass(frozen=True)
class Failure:
    """A failed task, the exception that its log ends with, and the path of the log."""

    task: str
    reason: str
    log: str = ""


@dataclass(frozen=True)
class WeekResult:
    """How the run of a week ended.

    state: success or failed; `not run` when Airflow did not queue a run because the week's was unfinished; deleted.
    seconds: how long the run took.
    """

    as_of: date
    state: str
    seconds: float | None = None
    failures: tuple[Failure, ...] = ()


def weeks_between(
    settings: Settings,
    first: date,
    last: date,
    now: datetime | None = None,
    names: tuple[str, str] = ("FROM", "TO"),
) -> list[date]:
    """Return the as_of dates from `first` to `last`, oldest first.

    now: with time zone; weeks that end later can't be run. names: what the dates are called where the user gave them.

    Raises InputError when one does not end a week, the order is wrong, or the last week has not ended.
    """
    for name, day in zip(names, (first, last), strict=True):
        if day <= BEGINNING.date():
            raise InputError(f"{name}={day} is too long ago: weeks are counted from {BEGINNING:%Y-%m-%d}.")
        if past := (day.weekday() - settings.week_ends_on) % 7:
            before = day - timedelta(days=past)
            raise InputError(
                f"{name}={day} is a {WEEKDAYS[day.weekday()].capitalize()}, which does not end a week: "
                f"write {before} or {before + WEEK}."
            )
    if last < first:
        raise InputError(f"{names[1]}={last} is before {names[0]}={first}: write FROM={last} TO={first}.")
    now = now or datetime.now(UTC)
    if _midnight(last) >= now:  # as Airflow sees it
        newest = (now - datetime.resolution).date()
        newest -= timedelta(days=(newest.weekday() - settings.week_ends_on) % 7)
        raise InputError(f"{names[1]}={last} has not ended yet: the newest week that has is {newest}.")
    return [first + WEEK * number for number in range((last - first) // WEEK + 1)]


def parse_date(name: str, text: str) -> date:
    """Return the date; raise InputError when the text is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{name}={text!r} is no date: write {name}=2023-02-01, the day a week ends.") from None


def parse_params(text: str) -> dict[str, Any]:
    """Return the parameters of the runs; raise InputError unless the text is a JSON object with reasons for its own."""
    try:
        params = json.loads(text or "{}")
    except ValueError as error:
        raise InputError(f"PARAMS={text!r} is no JSON ({error}): write PARAMS='{{\"reextract\": true}}'.") from None
    if not isinstance(params, dict):
        raise InputError(f"PARAMS={text!r} is no JSON object: write PARAMS='{{\"reextract\": true}}'.")
    for name in ("accept", "withdraw"):
        check_reason(f"{name} in PARAMS", params.get(name))
    return params


def check_reason(name: str, reason: Any) -> None:
    """Raise InputError where a reason is still the placeholder of a printed command, such as `<why>`."""
    if isinstance(reason, str) and reason.lstrip().startswith("<"):
        raise InputError(f"{name} is still the placeholder {reason.strip()}: write the reason in its place.")


def interval_start(as_of: date) -> str:
    """Return the start of the data interval that ends at `as_of` 00:00 UTC: what Airflow knows the run by."""
    return (_midnight(as_of) - WEEK).isoformat()


def as_of_of(start: str) -> date:
    """Return the as_of of the run whose data interval starts at `start` (ISO, with time zone)."""
    return (datetime.fromisoformat(start).astimezone(UTC) + WEEK).date()


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@contextmanager
def airflow_for(settings: Settings, weeks: Sequence[date] = ()) -> Iterator[Airflow]:
    """Yield the Airflow that `make up` started for these settings, else one that is started here and stopped.

    weeks: as_of dates that are about to be run. What an interrupted command left unfinished of them, or of any
    backfill, is failed before anything is scheduled in an Airflow that is started here; else it would go on.

    Raises AirflowError.
    """
    console = _console()
    if airflow := attach(settings):
        console.print(f"Using the Airflow that runs at {airflow.base_url}.")
        with closing(airflow.api):
            yield airflow
        return
    console.print(f"Starting Airflow for {settings.home} …")
    began = time.monotonic()
    with running_airflow(settings, before_scheduler=lambda airflow: _clear_leftovers(airflow, weeks)) as airflow:
        console.print(f"Airflow is ready after {time.monotonic() - began:.0f} s.")
        yield airflow


def run_backfill(
    settings: Settings,
    first: date,
    last: date,
    conf: dict[str, Any] | None = None,
    run_backwards: bool = False,
    max_active_runs: int = 1,
    airflow: Airflow | None = None,
    restate: bool = True,
) -> list[WeekResult]:
    """Run the weekly DAG for each as_of from `first` to `last`, done weeks again too; return the results, oldest first.

    A failed week does not stop the others. Published weeks whose report would differ afterwards are run again, oldest
    first; their results follow the others. Progress goes to stdout.

    conf: parameters of the runs; weeks that are restated run with its `deliver` alone.
    run_backwards: newest week first.
    max_active_runs: weeks at a time; those that are restated run one by one.
    airflow: where to run it; None takes what `airflow_for` gives.
    restate: whether to run again what the backfill restates.

    Raises InputError, and AirflowError when Airflow can't be used or refuses the backfill.
    """
    weeks = weeks_between(settings, first, last)
    if airflow is None:
        with airflow_for(settings, weeks) as found:
            return run_backfill(settings, first, last, conf, run_backwards, max_active_runs, found, restate)
    with _unpaused(settings, airflow):
        results = _run(airflow, weeks, conf or {}, run_backwards, max_active_runs)
        outdated = status.outdated(settings) if restate else []
        if outdated:
            named = ", ".join(map(str, outdated))
            _console().print(f"Published weeks whose report differs now: {named}. Running them again, oldest first.")
        deliver = {name: value for name, value in (conf or {}).items() if name == "deliver"}
        for start, end in commands.stretches(outdated):
            results += _run(airflow, weeks_between(settings, start, end), deliver, False, 1)
        return results


def _run(
    airflow: Airflow, weeks: Sequence[date], conf: dict[str, Any], run_backwards: bool, max_active_runs: int
) -> list[WeekResult]:
    """Run one backfill of Airflow's to its end."""
    backfill = _create(airflow, weeks, conf, run_backwards, max_active_runs)
    try:
        results = _follow(airflow, backfill, weeks)
    except (KeyboardInterrupt, SystemExit):
        _cancel(airflow, backfill)
        raise
    _complete(airflow, backfill)
    return results


def print_results(results: Sequence[WeekResult]) -> None:
    """Print a table of the weeks: state, time, and each failed task with its reason and log."""
    table = Table("week", "state", "time", "failed task", "reason", box=None, pad_edge=False)
    for result in results:
        failures = result.failures or (Failure("", ""),)
        for number, failure in enumerate(failures):
            week = (str(result.as_of), result.state, _duration(result.seconds)) if number == 0 else ("", "", "")
            table.add_row(*week, failure.task, failure.reason)
    console = _console()
    console.print(table)
    for failure in (failure for result in results for failure in result.failures if failure.log):
        console.print(f"log of {failure.task}: {failure.log}", soft_wrap=True)


def print_checks(settings: Settings, results: Sequence[WeekResult]) -> None:
    """Print the checks that failed in these weeks: while a backfill runs nobody is alerted, so it is said here.

    A week that failed before it was judged has none here. A check that another tells of is not told again.
    """
    table = Table("week", "", "check", "severity", "observed", "owner", "rows", box=None, pad_edge=False)
    # A week that was run twice is named once, as it ended.
    for result in {result.as_of: result for result in results}.values():
        file = settings.reports / f"{result.as_of}" / "quality.json"
        judged = result.state == "success" or any(failure.task == "quality" for failure in result.failures)
        quality = json.loads(file.read_text(encoding="utf-8")) if judged and file.exists() else {"checks": []}
        for check in quality["checks"]:
            if check["passed"] or check["severity"] == "info" or check.get("told_by"):
                continue
            notes = [name for name in ("accepted", "silenced") if check[name]]
            critical = "failed" if quality.get("stays_admitted") else "held"
            state = ", ".join(notes) or (critical if check["severity"] == "critical" else "")
            rows = f"{check['failing_rows']:,}" if check["failing_rows"] else ""
            rows += f" of {check['rows']:,}" if rows and check["rows"] else ""
            table.add_row(
                f"{result.as_of}", state, check["check"], check["severity"], check["observed"], check["owner"], rows
            )
    if table.row_count:
        console = _console()
        console.print("\nChecks that failed (nobody is alerted of a backfill; the next digest names held weeks):")
        console.print(table)


@contextmanager
def _unpaused(settings: Settings, airflow: Airflow) -> Iterator[None]:
    """Unpause the DAG, for a paused one can't be backfilled, and pause it again."""
    path = f"dags/{DAG_ID}"
    if not airflow.request("GET", path)["is_paused"]:
        yield
        return
    if airflow.schedules:
        raise AirflowError(
            f"{DAG_ID} is paused, and a paused DAG can't be backfilled. Unpause it at {airflow.base_url}/{path}, "
            f"which also runs the newest week; or run `{commands.make(settings, 'down')}`, then this again, "
            "to run only these weeks."
        )
    with airflow.unpaused():
        yield


def _create(
    airflow: Airflow, weeks: Sequence[date], conf: dict[str, Any], run_backwards: bool, max_active_runs: int
) -> dict[str, Any]:
    """Create the backfill with all its runs, and return it as the API describes it."""
    known = airflow.request("GET", f"dags/{DAG_ID}/details")["params"] or {}
    if unknown := sorted(conf.keys() - known.keys()):  # Airflow would take it without a word
        raise InputError(f"{DAG_ID} has no parameter {', '.join(unknown)}: it has {', '.join(sorted(known))}.")
    request = {
        "dag_id": DAG_ID,
        "from_date": interval_start(weeks[0]),
        "to_date": interval_start(weeks[-1]),
        "run_backwards": run_backwards,
        "dag_run_conf": conf,  # never null: a run that is done again would keep the parameters it had before
        "reprocess_behavior": "completed",
        "max_active_runs": max_active_runs,
    }
    try:
        return airflow.request("POST", "backfills", json=request)
    except ApiError as error:
        if error.status == httpx.codes.UNPROCESSABLE_ENTITY:
            reason = str(error.detail).splitlines()[0]  # a schema follows
            raise InputError(f"Airflow refuses the backfill: {reason}") from None
        if error.status != httpx.codes.CONFLICT:
            raise
        active = " and ".join(map(_describe, _active(airflow)))
        raise AirflowError(
            f"{active} is still active, and Airflow runs one backfill of a DAG at a time. Wait until it has ended, "
            f"or cancel it at {airflow.base_url}/dags/{DAG_ID}/backfills, then run this again."
        ) from None


def _follow(airflow: Airflow, backfill: dict[str, Any], weeks: Sequence[date]) -> list[WeekResult]:
    """Show progress until every run of the backfill has ended.

    A run belongs to the backfill when it was queued since the backfill was created: creating a backfill queues its new
    and its reprocessed runs alike, at once. A run of the week that was still unfinished then is not touched by it.
    """
    console = _console()
    created = datetime.fromisoformat(backfill["created_at"])
    results: dict[date, WeekResult] = {}
    started: set[date] = set()
    shown, shown_at = "", time.monotonic()
    now = TextColumn("{task.fields[now]}")
    columns = (TextColumn("weeks"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), now)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=len(weeks), now="")
        while True:
            runs = _runs(airflow, weeks)
            states = {week: _state(runs.get(week), created) for week in weeks if week not in results}
            for week in sorted(states, key=lambda week: (runs.get(week) or {}).get("end_date") or ""):
                if states[week] not in UNFINISHED:
                    results[week] = _result(airflow, week, states[week], runs.get(week))
                    console.print(f"{week}  {states[week]}  {_duration(results[week].seconds)}".rstrip())
                    progress.advance(bar)
            for week in weeks:
                if states.get(week) == "running" and week not in started:
                    console.print(f"{week}  started")
                    started.add(week)
            if len(results) == len(weeks):
                return [results[week] for week in weeks]
            tasks = _running_tasks(airflow, weeks)
            progress.update(bar, now=tasks)
            if progress.disable and tasks not in ("", shown) and time.monotonic() - shown_at >= TASK_LINE_SECONDS:
                console.print(f"running: {tasks}")
                shown, shown_at = tasks, time.monotonic()
            time.sleep(POLL_SECONDS)


def _state(run: dict[str, Any] | None, created: datetime) -> str:
    """Return the state of a week in the backfill that was created then."""
    if run is None:
        return "deleted"
    ours = run["queued_at"] and datetime.fromisoformat(run["queued_at"]) >= created
    return run["state"] if ours else "not run"


def _result(airflow: Airflow, week: date, state: str, run: dict[str, Any] | None) -> WeekResult:
    if run is None:
        return WeekResult(week, state, failures=(Failure("", "its run was deleted: run this week again"),))
    if state == "not run":
        waits = _waits_for(airflow, run["dag_run_id"])
        unfinished = f"{run['dag_run_id']} was still unfinished" + (f", for it {waits}" if waits else "")
        reason = f"{unfinished}: wait until it has ended, then run this week again"
        return WeekResult(week, state, failures=(Failure("", reason),))
    failures = _failures(airflow, run["dag_run_id"]) if state == "failed" else ()
    return WeekResult(week, state, run["duration"], failures)


def _runs(airflow: Airflow, weeks: Sequence[date]) -> dict[date, dict[str, Any]]:
    """Return the run of each week that has one; Airflow keeps one for each start of an interval."""
    runs = airflow.collect(
        f"dags/{DAG_ID}/dagRuns",
        "dag_runs",
        logical_date_gte=interval_start(weeks[0]),
        logical_date_lte=interval_start(weeks[-1]),
    )
    starts = {datetime.fromisoformat(interval_start(week)): week for week in weeks}
    return {starts[start]: run for run in runs if (start := datetime.fromisoformat(run["logical_date"])) in starts}


def _running_tasks(airflow: Airflow, weeks: Sequence[date]) -> str:
    """Return the running tasks of these weeks, such as `2023-01-18 land, 2023-01-25 report`."""
    tasks = airflow.collect(
        f"dags/{DAG_ID}/dagRuns/~/taskInstances",
        "task_instances",
        state=["running", "deferred"],
        logical_date_gte=interval_start(weeks[0]),
        logical_date_lte=interval_start(weeks[-1]),
    )
    return ", ".join(sorted(f"{as_of_of(task['logical_date'])} {task['task_id']}" for task in tasks))


def _waits_for(airflow: Airflow, run_id: str) -> str:
    """Return what a run waits for, such as `waits for its extract (expected …)`; empty where it is not known to."""
    path = _tasks(run_id)
    waiting = airflow.collect(path, "task_instances", state="up_for_reschedule")
    if any(task["task_id"] == "acquire_warehouse" for task in waiting):
        return "waits for another run that builds"
    for task in waiting:
        if task["task_id"] == "wait_for_extract":
            try:
                said = [line["event"] for line in _log(airflow, path, task) if line["event"].startswith(WAITING)]
            except ApiError:
                said = []
            return "waits for its extract" + (f" ({said[-1].removeprefix(WAITING)})" if said else "")
    return ""


def _failures(airflow: Airflow, run_id: str) -> tuple[Failure, ...]:
    """Return the failed tasks of a run in the order in which they ended, with the reason from the log of each."""
    path = _tasks(run_id)
    tasks = sorted(
        airflow.collect(path, "task_instances", state="failed"), key=lambda task: task["end_date"] or task["run_after"]
    )
    if not tasks:
        return (Failure("", "no task failed: the run was cancelled or marked as failed"),)
    return tuple(_failure(airflow, path, task) for task in tasks)


def _failure(airflow: Airflow, path: str, task: dict[str, Any]) -> Failure:
    try:
        log = _log(airflow, path, task)
    except ApiError as error:
        return Failure(task["task_id"], f"its log can't be read: {error}")
    file = next((line["event"] for line in log if line["event"].endswith(".log")), "")  # the log begins with its source
    return Failure(task["task_id"], reason_in(log), file)


def _tasks(run_id: str) -> str:
    """Return the path of a run's tasks in the API."""
    return f"dags/{DAG_ID}/dagRuns/{quote(run_id, safe='')}/taskInstances"


def _log(airflow: Airflow, path: str, task: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the lines of a task's log, of its newest try; raise ApiError where it can't be read."""
    return airflow.request(
        "GET",
        f"{path}/{quote(task['task_id'], safe='')}/logs/{task['try_number']}",
        params={"map_index": task["map_index"], "full_content": True},
        headers={"Accept": "application/json"},
    )["content"]


def reason_in(log: Sequence[dict[str, Any]]) -> str:
    """Return the exception that a task failed with, in one line, from the lines of its log; else its last error."""
    raised = [line for line in log if line.get("error_detail")]
    # A callback that fails afterwards has an exception in the log as well.
    failed = [line for line in raised if line["event"].startswith("Task failed")] or raised
    errors = [line["event"] for line in log if line.get("level") in ("error", "critical")]
    if failed:
        exception = failed[-1]["error_detail"][0]  # the others are what it was raised from
        text = f"{exception['exc_type']}: {exception['exc_value']}"
    else:
        text = errors[-1] if errors else "its log names no error"
    text = " ".join(text.split())
    return text if len(text) <= REASON_LENGTH else f"{text[:REASON_LENGTH]}…"


def _active(airflow: Airflow) -> list[dict[str, Any]]:
    backfills = airflow.collect("backfills", "backfills", dag_id=DAG_ID)
    return [backfill for backfill in backfills if not backfill["completed_at"]]


def _describe(backfill: dict[str, Any]) -> str:
    first, last = as_of_of(backfill["from_date"]), as_of_of(backfill["to_date"])
    return f"Backfill {backfill['id']} (FROM={first} TO={last})"


def _clear_leftovers(airflow: Airflow, weeks: Sequence[date]) -> None:
    """Fail what an interrupted command left unfinished: the active backfill, its runs, and runs of these weeks."""
    console = _console()
    for backfill in _active(airflow):
        _complete(airflow, backfill)
        console.print(f"{_describe(backfill)} was interrupted: cancelled. Run it again if it is still wanted.")
    starts = {datetime.fromisoformat(interval_start(week)) for week in weeks}
    for run in _unfinished(airflow):
        week = run["logical_date"] and datetime.fromisoformat(run["logical_date"])
        if run["run_type"] == "backfill" or week in starts:
            _fail(airflow, run)
            _fail_teardown(airflow, run)


def _cancel(airflow: Airflow, backfill: dict[str, Any]) -> None:
    """Stop a backfill: its queued runs fail, its running tasks are killed within seconds."""
    _complete(airflow, backfill)
    for run in _unfinished(airflow):
        if run["run_type"] == "backfill":
            _fail(airflow, run)
    _console().print(f"{_describe(backfill)} is cancelled.")


def _complete(airflow: Airflow, backfill: dict[str, Any]) -> None:
    """End a backfill: by itself Airflow notices up to 30 seconds late that one has ended, and refuses another."""
    try:
        airflow.request("PUT", f"backfills/{backfill['id']}/cancel")
    except ApiError as error:
        if error.status != httpx.codes.CONFLICT:  # it is complete
            raise
    airflow.unblock_ended_backfills()


def _unfinished(airflow: Airflow) -> list[dict[str, Any]]:
    # `~` is every DAG: by its name, one that was never parsed is an error.
    runs = airflow.collect("dags/~/dagRuns", "dag_runs", state=list(UNFINISHED))
    return [run for run in runs if run["dag_id"] == DAG_ID]


def _fail(airflow: Airflow, run: dict[str, Any]) -> None:
    path = f"dags/{DAG_ID}/dagRuns/{quote(run['dag_run_id'], safe='')}"
    airflow.request("PATCH", path, json={"state": "failed"})


def _fail_teardown(airflow: Airflow, run: dict[str, Any]) -> None:
    """End a failed run whose teardown has not run: Airflow keeps it running until then, and refuses to run it again."""
    path = f"dags/{DAG_ID}/dagRuns/{quote(run['dag_run_id'], safe='')}"
    if airflow.request("GET", path)["state"] not in UNFINISHED:
        return
    for task in airflow.collect(f"{path}/taskInstances", "task_instances"):
        if task["state"] not in ("success", "failed", "skipped", "upstream_failed", "removed"):
            airflow.request(
                "PATCH", f"{path}/taskInstances/{quote(task['task_id'], safe='')}", json={"new_state": "failed"}
            )
    _fail(airflow, run)


def _duration(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.0f} s"


def _console() -> Console:
    """Return the console of stdout; what is no terminal has long lines, so that they can be searched."""
    return Console(highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else 300)


def exit_code(command: Callable[[], bool]) -> int:
    """Run a command that returns whether all went well; return its exit code, and print what stopped it.

    0, 1 when a week failed or Airflow can't be used, 2 when the input is wrong, 130 when it was interrupted.
    """
    exit_on_signals()
    try:
        return 0 if command() else 1
    except (InputError, SettingError) as error:
        print(error, file=sys.stderr)
        return 2
    except AirflowError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0, 1 when a week failed or Airflow can't be used, or 2 when the input is wrong."""
    parser = argparse.ArgumentParser(prog="make backfill", description="Run the weekly DAG for past weeks.")
    parser.add_argument("--from", dest="first", default="", metavar="DATE", help="the first week, by the day it ends")
    parser.add_argument("--to", dest="last", default="", metavar="DATE", help="the last week; as --from if not given")
    parser.add_argument("--params", default="", metavar="JSON", help="parameters of the runs")
    parser.add_argument("--run-backwards", action="store_true", help="newest week first")
    parser.add_argument("--max-active-runs", type=int, default=1, metavar="N", help="weeks at a time (default 1)")
    options = parser.parse_args(arguments)

    def command() -> bool:
        if not options.first:
            raise InputError("FROM is missing: write `make backfill FROM=2023-01-11 TO=2023-02-01`.")
        settings = load()
        results = run_backfill(
            settings,
            parse_date("FROM", options.first),
            parse_date("TO", options.last or options.first),
            parse_params(options.params),
            options.run_backwards,
            options.max_active_runs,
        )
        print_results(results)
        print_checks(settings, results)
        return all(result.state == "success" for result in results)

    return exit_code(command)


if __name__ == "__main__":
    sys.exit(main())
