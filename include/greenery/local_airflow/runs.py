"""The runs of weeks in Airflow: how they ended, and the reason of each task that failed.

A week is named by its as_of, the day on whose 00:00 UTC it ends. Airflow names a run by the start of its data interval,
a week earlier; that is converted here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from urllib.parse import quote

from pydantic import BaseModel

from greenery.local_airflow.client import Airflow, ApiError
from greenery.settings import DAG_ID
from greenery.week import WEEK

REASON_LENGTH = 500
WAITING = "waiting: "  # begins the line in which wait_for_extract logs the missing extract


class DagRun(BaseModel, frozen=True):
    """A run of a DAG, as the API describes it: the fields that are used here."""

    dag_run_id: str
    dag_id: str = ""
    run_type: str = ""
    state: str = ""
    logical_date: datetime | None = None
    queued_at: datetime | None = None
    end_date: datetime | None = None
    duration: float | None = None


class TaskInstance(BaseModel, frozen=True):
    """A task of a run, as the API describes it: the fields that are used here."""

    task_id: str
    state: str | None = None
    logical_date: datetime | None = None
    run_after: datetime | None = None
    end_date: datetime | None = None
    try_number: int = 0
    map_index: int = -1


class RaisedError(BaseModel, frozen=True):
    """An exception in a log."""

    exc_type: str
    exc_value: str


class LogLine(BaseModel, frozen=True):
    """A line of a task's log, with the exception that it reports and what that was raised from."""

    event: str
    level: str | None = None
    error_detail: list[RaisedError] | None = None


@dataclass(frozen=True)
class FailedTask:
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
    failures: tuple[FailedTask, ...] = ()


def interval_start(as_of: date) -> str:
    """Return the start of the data interval that ends at `as_of` 00:00 UTC: what Airflow knows the run by."""
    return (datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC) - WEEK).isoformat()


def as_of_of(start: datetime | str) -> date:
    """Return the as_of of the run whose data interval starts at `start` (ISO where it is a text, with time zone)."""
    moment = datetime.fromisoformat(start) if isinstance(start, str) else start
    return (moment.astimezone(UTC) + WEEK).date()


def state_of(run: DagRun | None, created: datetime) -> str:
    """Return the state of a week in the backfill that was created then; None is a week without a run."""
    if run is None:
        return "deleted"
    ours = run.queued_at and run.queued_at >= created
    return run.state if ours else "not run"


def result_of(airflow: Airflow, week: date, state: str, run: DagRun | None) -> WeekResult:
    """Return how a week ended, with its failed tasks.

    state: from `state_of` this run.
    """
    if run is None:
        return WeekResult(week, state, failures=(FailedTask("", "its run was deleted: run this week again"),))
    if state == "not run":
        waits = _waits_for(airflow, run.dag_run_id)
        unfinished = f"{run.dag_run_id} was still unfinished" + (f", for it {waits}" if waits else "")
        reason = f"{unfinished}: wait until it has ended, then run this week again"
        return WeekResult(week, state, failures=(FailedTask("", reason),))
    failures = _failures(airflow, run.dag_run_id) if state == "failed" else ()
    return WeekResult(week, state, run.duration, failures)


def runs_of(airflow: Airflow, weeks: Sequence[date]) -> dict[date, DagRun]:
    """Return the run of each week that has one; Airflow keeps one for each start of an interval."""
    runs = airflow.collect(
        f"dags/{DAG_ID}/dagRuns",
        "dag_runs",
        logical_date_gte=interval_start(weeks[0]),
        logical_date_lte=interval_start(weeks[-1]),
    )
    starts = {datetime.fromisoformat(interval_start(week)): week for week in weeks}
    found = map(DagRun.model_validate, runs)
    return {starts[run.logical_date]: run for run in found if run.logical_date in starts}


def tasks_of(airflow: Airflow, run_id: str, **filters: object) -> list[TaskInstance]:
    """Return the tasks of a run; `filters` are those of the API, such as `state="failed"`."""
    return [TaskInstance.model_validate(task) for task in airflow.collect(_path(run_id), "task_instances", **filters)]


def running_tasks(airflow: Airflow, weeks: Sequence[date]) -> str:
    """Return the running tasks of these weeks, such as `2023-01-18 land, 2023-01-25 report`."""
    tasks = airflow.collect(
        f"dags/{DAG_ID}/dagRuns/~/taskInstances",
        "task_instances",
        state=["running", "deferred"],
        logical_date_gte=interval_start(weeks[0]),
        logical_date_lte=interval_start(weeks[-1]),
    )
    found = map(TaskInstance.model_validate, tasks)
    return ", ".join(sorted(f"{as_of_of(task.logical_date)} {task.task_id}" for task in found if task.logical_date))


def _waits_for(airflow: Airflow, run_id: str) -> str:
    """Return what a run waits for, such as `waits for its extract (expected …)`; empty if it is not known to wait."""
    waiting = tasks_of(airflow, run_id, state="up_for_reschedule")
    if any(task.task_id == "acquire_warehouse" for task in waiting):
        return "waits for another run that builds"
    for task in waiting:
        if task.task_id == "wait_for_extract":
            try:
                said = [line.event for line in _log(airflow, run_id, task) if line.event.startswith(WAITING)]
            except ApiError:
                said = []
            return "waits for its extract" + (f" ({said[-1].removeprefix(WAITING)})" if said else "")
    return ""


def _failures(airflow: Airflow, run_id: str) -> tuple[FailedTask, ...]:
    """Return the failed tasks of a run in the order in which they ended, with the reason from the log of each."""
    last = datetime.max.replace(tzinfo=UTC)
    tasks = sorted(tasks_of(airflow, run_id, state="failed"), key=lambda task: task.end_date or task.run_after or last)
    if not tasks:
        return (FailedTask("", "no task failed: the run was cancelled or marked as failed"),)
    return tuple(_failure(airflow, run_id, task) for task in tasks)


def _failure(airflow: Airflow, run_id: str, task: TaskInstance) -> FailedTask:
    try:
        log = _log(airflow, run_id, task)
    except ApiError as error:
        return FailedTask(task.task_id, f"its log can't be read: {error}")
    file = next((line.event for line in log if line.event.endswith(".log")), "")  # the log begins with its source
    return FailedTask(task.task_id, reason_in(log), file)


def _path(run_id: str) -> str:
    """Return the path of a run's tasks in the API."""
    return f"dags/{DAG_ID}/dagRuns/{quote(run_id, safe='')}/taskInstances"


def _log(airflow: Airflow, run_id: str, task: TaskInstance) -> list[LogLine]:
    """Return the lines of a task's log, of its newest try; raise ApiError where it can't be read."""
    answer = airflow.request(
        "GET",
        f"{_path(run_id)}/{quote(task.task_id, safe='')}/logs/{task.try_number}",
        params={"map_index": task.map_index, "full_content": True},
        headers={"Accept": "application/json"},
    )
    return [LogLine.model_validate(line) for line in answer["content"]]


def reason_in(log: Sequence[LogLine]) -> str:
    """Return the exception that a task failed with, in one line, from the lines of its log; else its last error."""
    # The first exception is the one that was raised, the others are what it was raised from.
    raised = [(line.event, line.error_detail[0]) for line in log if line.error_detail]
    # A callback that fails afterwards has an exception in the log as well.
    failed = [error for event, error in raised if event.startswith("Task failed")] or [error for _, error in raised]
    errors = [line.event for line in log if line.level in ("error", "critical")]
    if failed:
        text = f"{failed[-1].exc_type}: {failed[-1].exc_value}"
    else:
        text = errors[-1] if errors else "its log names no error"
    text = " ".join(text.split())
    return text if len(text) <= REASON_LENGTH else f"{text[:REASON_LENGTH]}…"
