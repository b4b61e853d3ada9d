"""Registers a listener: a weekly run that restates published weeks gets a note that says so, seen in the UI."""

from __future__ import annotations

import json
import sys
from datetime import UTC
from typing import TYPE_CHECKING

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
from greenery import settings

if TYPE_CHECKING:
    from airflow.models import DagRun


@hookimpl
def on_dag_run_success(dag_run: DagRun, msg: str) -> None:
    """Note what the run restates."""
    _note(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: DagRun, msg: str) -> None:
    """Note what the run restates: it may have failed after it published, as where a delivery is refused."""
    _note(dag_run)


def _note(dag_run: DagRun) -> None:
    """Put the weeks that the run restates, and the command that reruns them, into the note of the run."""
    if dag_run.dag_id != settings.DAG_ID:
        return
    home = settings.load()
    end = dag_run.data_interval_end
    as_of = end.astimezone(UTC) if end else home.newest_week_end(dag_run.run_after)
    file = home.report_folder(as_of) / "run.json"
    facts = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if facts.get("run_id") == dag_run.run_id and facts["restates"]:
        weeks, commands = ", ".join(facts["restates"]), "\n\n".join(f"`{line}`" for line in facts["next_commands"])
        text = f"Published weeks whose report would differ now: {weeks}. To restate them:\n\n{commands}"
        if text not in (dag_run.note or ""):
            dag_run.note = "\n\n".join(filter(None, [dag_run.note, text]))


class GreeneryRunNotes(AirflowPlugin):
    """What Airflow registers: this module's hook."""

    name = "greenery_run_notes"
    listeners = [sys.modules[__name__]]  # noqa: RUF012 (Airflow declares it so)
