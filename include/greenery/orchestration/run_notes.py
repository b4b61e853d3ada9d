"""What is noted of a run: that it is under way, for the list of weeks, and which weeks it restates, for the UI."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from greenery import settings
from greenery.report import runs

if TYPE_CHECKING:
    from airflow.models import DagRun


def began(dag_run: DagRun) -> None:
    """Note that the run is under way."""
    if dag_run.dag_id == settings.DAG_ID:
        home = settings.load()
        runs.note(home, _as_of(home, dag_run), dag_run.run_id)


def ended(dag_run: DagRun) -> None:
    """Note that the run is no longer under way. Put the weeks that it restates, and the command that reruns them, into
    its note."""
    if dag_run.dag_id != settings.DAG_ID:
        return
    home = settings.load()
    as_of = _as_of(home, dag_run)
    runs.end(home, as_of, dag_run.run_id)
    file = home.report_folder(as_of) / "run.json"
    facts = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if facts.get("run_id") == dag_run.run_id and facts["restates"]:
        weeks, commands = ", ".join(facts["restates"]), "\n\n".join(f"`{line}`" for line in facts["next_commands"])
        text = f"Published weeks whose report would differ now: {weeks}. To restate them:\n\n{commands}"
        if text not in (dag_run.note or ""):
            dag_run.note = "\n\n".join(filter(None, [dag_run.note, text]))


def _as_of(home: settings.Settings, dag_run: DagRun) -> datetime:
    """Return the end of the run's week (UTC)."""
    end = dag_run.data_interval_end
    return end.astimezone(UTC) if end else home.newest_week_end(dag_run.run_after)
