"""Airflow's own backfills of the weekly DAG: created, followed to their end, cancelled, and cleared away."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from greenery.commands import InputError
from greenery.local_airflow.client import Airflow, AirflowError, ApiError
from greenery.local_airflow.progress import WeeksProgress, console
from greenery.local_airflow.runs import (
    DagRun,
    WeekResult,
    as_of_of,
    interval_start,
    result_of,
    running_tasks,
    runs_of,
    state_of,
    tasks_of,
)
from greenery.settings import DAG_ID

POLL_SECONDS = 0.5
UNFINISHED = ("queued", "running")
NEVER = datetime.min.replace(tzinfo=UTC)


class Backfill(BaseModel, frozen=True):
    """A backfill, as the API describes it: the fields that are used here."""

    id: int
    from_date: datetime
    to_date: datetime
    created_at: datetime
    completed_at: datetime | None = None

    def __str__(self) -> str:
        """Describe it by its weeks, such as `Backfill 3 (FROM=2023-01-11 TO=2023-02-01)`."""
        return f"Backfill {self.id} (FROM={as_of_of(self.from_date)} TO={as_of_of(self.to_date)})"


def run(
    airflow: Airflow, weeks: Sequence[date], conf: dict[str, Any], run_backwards: bool, max_active_runs: int
) -> list[WeekResult]:
    """Run one backfill of Airflow's to its end, show its progress, and return the results, oldest first.

    conf: parameters of the runs. run_backwards: newest week first. max_active_runs: weeks at a time.

    Raises InputError where Airflow can't take it, and AirflowError where another backfill is active or Airflow stops.
    """
    backfill = _create(airflow, weeks, conf, run_backwards, max_active_runs)
    try:
        results = _follow(airflow, backfill, weeks)
    except (KeyboardInterrupt, SystemExit):
        _cancel(airflow, backfill)
        raise
    _complete(airflow, backfill)
    return results


def _create(
    airflow: Airflow, weeks: Sequence[date], conf: dict[str, Any], run_backwards: bool, max_active_runs: int
) -> Backfill:
    """Create the backfill with all its runs."""
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
        return Backfill.model_validate(airflow.request("POST", "backfills", json=request))
    except ApiError as error:
        if error.status == httpx.codes.UNPROCESSABLE_ENTITY:
            reason = str(error.detail).splitlines()[0]  # a schema follows
            raise InputError(f"Airflow refuses the backfill: {reason}") from None
        if error.status != httpx.codes.CONFLICT:
            raise
        active = " and ".join(map(str, _active(airflow)))
        raise AirflowError(
            f"{active} is still active, and Airflow runs one backfill of a DAG at a time. Wait until it has ended, "
            f"or cancel it at {airflow.base_url}/dags/{DAG_ID}/backfills, then run this again."
        ) from None


def _follow(airflow: Airflow, backfill: Backfill, weeks: Sequence[date]) -> list[WeekResult]:
    """Show progress until every run of the backfill has ended.

    A run belongs to the backfill when it was queued since the backfill was created: creating a backfill queues its new
    and its reprocessed runs alike, at once. A run of the week that was still unfinished then is not touched by it.
    """
    results: dict[date, WeekResult] = {}
    with WeeksProgress(weeks) as progress:
        while True:
            runs = runs_of(airflow, weeks)
            states = {week: state_of(runs.get(week), backfill.created_at) for week in weeks if week not in results}
            ended = {week: run.end_date for week, run in runs.items() if run.end_date}
            for week in sorted(states, key=lambda week: ended.get(week, NEVER)):
                if states[week] not in UNFINISHED:
                    results[week] = result_of(airflow, week, states[week], runs.get(week))
                    progress.end(results[week])
            for week in weeks:
                if states.get(week) == "running":
                    progress.start(week)
            if len(results) == len(weeks):
                return [results[week] for week in weeks]
            progress.tasks(running_tasks(airflow, weeks))
            time.sleep(POLL_SECONDS)


def _active(airflow: Airflow) -> list[Backfill]:
    found = airflow.collect("backfills", "backfills", dag_id=DAG_ID)
    return [backfill for backfill in map(Backfill.model_validate, found) if not backfill.completed_at]


def clear_leftovers(airflow: Airflow, weeks: Sequence[date]) -> None:
    """Mark as failed everything that an interrupted command left unfinished: the active backfill, its runs, and runs of
    these weeks."""
    for backfill in _active(airflow):
        _complete(airflow, backfill)
        console().print(f"{backfill} was interrupted: cancelled. Run it again if it is still wanted.")
    starts = {datetime.fromisoformat(interval_start(week)) for week in weeks}
    for run in _unfinished(airflow):
        if run.run_type == "backfill" or run.logical_date in starts:
            _fail(airflow, run)
            _fail_teardown(airflow, run)


def _cancel(airflow: Airflow, backfill: Backfill) -> None:
    """Stop a backfill: its queued runs fail, its running tasks are killed within seconds."""
    _complete(airflow, backfill)
    for run in _unfinished(airflow):
        if run.run_type == "backfill":
            _fail(airflow, run)
    console().print(f"{backfill} is cancelled.")


def _complete(airflow: Airflow, backfill: Backfill) -> None:
    """End a backfill: by itself Airflow notices up to 30 seconds late that one has ended, and refuses another."""
    try:
        airflow.request("PUT", f"backfills/{backfill.id}/cancel")
    except ApiError as error:
        if error.status != httpx.codes.CONFLICT:  # it is complete
            raise
    airflow.unblock_ended_backfills()


def _unfinished(airflow: Airflow) -> list[DagRun]:
    # `~` is every DAG: by its name, one that was never parsed is an error.
    runs = airflow.collect("dags/~/dagRuns", "dag_runs", state=list(UNFINISHED))
    return [run for run in map(DagRun.model_validate, runs) if run.dag_id == DAG_ID]


def _path(run: DagRun) -> str:
    """Return the path of a run in the API."""
    return f"dags/{DAG_ID}/dagRuns/{quote(run.dag_run_id, safe='')}"


def _fail(airflow: Airflow, run: DagRun) -> None:
    airflow.request("PATCH", _path(run), json={"state": "failed"})


def _fail_teardown(airflow: Airflow, run: DagRun) -> None:
    """End a failed run whose teardown has not run: Airflow keeps it running until then, and refuses to run it again."""
    if airflow.request("GET", _path(run))["state"] not in UNFINISHED:
        return
    for task in tasks_of(airflow, run.dag_run_id):
        if task.state not in ("success", "failed", "skipped", "upstream_failed", "removed"):
            path = f"{_path(run)}/taskInstances/{quote(task.task_id, safe='')}"
            airflow.request("PATCH", path, json={"new_state": "failed"})
    _fail(airflow, run)
