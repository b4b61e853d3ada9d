"""Registers a listener: it notes that a weekly run began or ended, and which published weeks it restates."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
from greenery.orchestration import run_notes

if TYPE_CHECKING:
    from airflow.models import DagRun


@hookimpl
def on_dag_run_running(dag_run: DagRun, msg: str) -> None:
    """Note that the run is under way."""
    run_notes.began(dag_run)


@hookimpl
def on_dag_run_success(dag_run: DagRun, msg: str) -> None:
    """Note that the run has ended, and the weeks that it restates."""
    run_notes.ended(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:
    """Note the same: a run can restate weeks and then fail, such as when a channel refuses its digest."""
    run_notes.ended(dag_run)


class GreeneryRunNotes(AirflowPlugin):
    """What Airflow registers: this module's hooks."""

    name = "greenery_run_notes"
    listeners = [sys.modules[__name__]]  # noqa: RUF012 (Airflow declares it so)
