"""Registers a listener: a weekly run that restates published weeks gets a note that says so, seen in the UI."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
from greenery.orchestration import run_notes

if TYPE_CHECKING:
    from airflow.models import DagRun


@hookimpl
def on_dag_run_success(dag_run: DagRun, msg: str) -> None:
    """Note the weeks that the run restates."""
    run_notes.add_note(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:
    """Note the weeks that the run restates: it may have failed after it published, as where a delivery is refused."""
    run_notes.add_note(dag_run)


class GreeneryRunNotes(AirflowPlugin):
    """What Airflow registers: this module's hooks."""

    name = "greenery_run_notes"
    listeners = [sys.modules[__name__]]  # noqa: RUF012 (Airflow declares it so)
