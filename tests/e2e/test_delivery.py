"""The digest of a week, delivered once by runs in a real Airflow."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest
from greenery.cli.backfill import airflow_for, run_backfill
from greenery.settings import load
from greenery.simulator.shop import Shop, simulate

from tests.delivery.world import world
from tests.servers.slack import TOKEN
from tests.servers.smtp import PASSWORD

WEEK = date(2025, 1, 8)


def states(airflow, week: date) -> dict[str, str]:
    """Return the states of the delivery tasks of the week's run."""
    path = "dags/greenery_weekly/dagRuns"
    (run,) = [run for run in airflow.collect(path, "dag_runs") if run["data_interval_end"].startswith(str(week))]
    tasks = airflow.collect(f"{path}/{run['dag_run_id']}/taskInstances", "task_instances")
    return {task["task_id"]: task["state"] for task in tasks if task["task_id"].startswith("deliver_")}


@pytest.fixture
def made(tmp_path):
    with world(tmp_path, report=False) as found:
        shop = Shop(first_as_of=datetime(2025, 1, 8), weeks=1, sessions_per_week=100)
        simulate(shop, found.settings.extracts)
        yield found


def test_a_digest_is_delivered_once_where_it_is_asked_for(made):
    home = load()
    with airflow_for(home) as airflow:
        for parameters in ({"deliver": "always"}, {}):
            results = run_backfill(home, WEEK, WEEK, parameters, airflow=airflow)
            assert [result.state for result in results] == ["success"], results
            assert states(airflow, WEEK) == {"deliver_slack": "success", "deliver_email": "success"}
            assert len(made.slack.messages()) == len(made.smtp.mails) == 1
        assert "Greenery weekly" in made.slack.messages()[0]["text"]

    logged = "".join(path.read_text(errors="replace") for path in Path(airflow.logs).rglob("*.log"))
    assert "was sent in slack" in logged
    assert "is in slack already, with this content" in logged
    assert TOKEN not in logged
    assert PASSWORD not in logged
