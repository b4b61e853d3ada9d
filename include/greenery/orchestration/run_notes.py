"""The note on a run that restates published weeks, which the UI shows beside it."""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING

from greenery import settings

if TYPE_CHECKING:
    from airflow.models import DagRun


def add_note(dag_run: DagRun) -> None:
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
