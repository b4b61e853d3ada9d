"""Which runs have a deadline, as Airflow reads it from the DAG."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta

import pytest
from airflow import plugins_manager
from airflow.models import DagRun
from airflow.sdk import DeadlineAlert
from airflow.sdk.definitions.callback import SyncCallback
from airflow.serialization.encoders import ensure_serialized_deadline_alert
from greenery.orchestration.deadline import StartOfScheduledWeek
from greenery.settings import DAG_ID, REPOSITORY
from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session

WEEK = timedelta(days=7)
START = datetime(2025, 1, 15, tzinfo=UTC)
RUNS = {
    "scheduled": START,
    "backfill": START - WEEK,
    "manual": START + timedelta(hours=1),
    "manual2": None,
}


@pytest.fixture
def session():
    engine = create_engine("sqlite://")
    DagRun.__table__.create(engine)
    with Session(engine) as found:
        for run_id, logical_date in RUNS.items():
            found.execute(
                insert(DagRun).values(
                    dag_id=DAG_ID,
                    run_id=run_id,
                    run_type=run_id.rstrip("2"),
                    logical_date=logical_date,
                    run_after=START,
                    clear_number=0,
                    log_template_id=None,
                )
            )
        yield found


def test_only_a_scheduled_run_has_a_deadline(session, monkeypatch):
    path = REPOSITORY / "plugins" / "greenery_schedule.py"
    spec = importlib.util.spec_from_file_location("greenery_schedule_tested", path)
    plugin = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(plugin)
    (reference,) = plugin.GreenerySchedule.deadline_references
    known = {f"{reference.__module__}.{reference.__qualname__}": reference}
    monkeypatch.setattr(plugins_manager, "get_deadline_references_plugins", lambda: known)
    alert = DeadlineAlert(
        reference=StartOfScheduledWeek(),
        interval=WEEK + timedelta(hours=12),
        callback=SyncCallback("greenery.orchestration.deadline.missed"),
    )
    stored = ensure_serialized_deadline_alert(alert)
    found = {
        run_id: stored.reference.evaluate_with(session=session, interval=stored.interval, dag_id=DAG_ID, run_id=run_id)
        for run_id in RUNS
    }
    assert found == {
        "scheduled": datetime(2025, 1, 22, 12, tzinfo=UTC),
        "backfill": None,
        "manual": None,
        "manual2": None,
    }
