"""What a person does in Airflow's pages, and what the callback of a missed deadline may do, in a real Airflow."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import date
from urllib.parse import quote

import httpx
from greenery.cli.backfill import run_backfill
from greenery.local_airflow.runs import tasks_of
from greenery.local_airflow.server import running_airflow
from greenery.settings import DAG_ID, MODELS_PAGE, REPORTS_PAGE, WAREHOUSE_POOL

from tests.alerting import ALERTS, alerting
from tests.e2e.test_weekly_run import wait_for

DAG = f"dags/{DAG_ID}"
BROWSER = {"Accept": "text/html"}


def deadlines(home) -> list[tuple[str, bool]]:
    """Return the run of each deadline, and whether it is missed."""
    with closing(sqlite3.connect(home.home / "airflow" / "airflow.db", timeout=60)) as database:
        return database.execute(
            "select dag_run.run_type, missed from deadline join dag_run on dag_run.id = dagrun_id"
        ).fetchall()


def test_beside_an_airflow_that_schedules(tmp_path, monkeypatch):
    with alerting(tmp_path) as world:
        slack = json.loads(world.slack.connection)
        monkeypatch.setenv("GREENERY_DEADLINE_HOURS", "0")
        monkeypatch.delenv("AIRFLOW_CONN_GREENERY_SLACK_ALERTS")
        home = world.settings
        for day in ("2025-01-08", "2025-01-15"):
            (home.extracts / day).mkdir(parents=True)

        with running_airflow(home, use_job_schedule=True) as airflow:

            def runs() -> dict[str, dict]:
                return {run["run_type"]: run for run in airflow.collect(f"{DAG}/dagRuns", "dag_runs")}

            # Pages: behind the login, which leads back.
            for page in (f"{REPORTS_PAGE}/index.html", f"{MODELS_PAGE}/greenery/dbt_docs_index.html"):
                address = f"{airflow.base_url}{page}"
                assert httpx.get(address, trust_env=False).status_code == httpx.codes.UNAUTHORIZED
                login = httpx.get(address, headers=BROWSER, follow_redirects=True, trust_env=False)
                assert str(login.url) == f"{airflow.base_url}/auth/login?next={quote(page, safe='')}"
            models = airflow.api.get(address)
            assert models.status_code == httpx.codes.OK
            assert models.headers["x-frame-options"] == "SAMEORIGIN"
            manifest = airflow.api.get(f"{airflow.base_url}{MODELS_PAGE}/greenery/manifest.json").json()
            assert "model.greenery.fct_sessions" in manifest["nodes"]

            # A backfill beside a paused DAG: no scheduled run comes, and no deadline.
            week = date(2025, 1, 29)
            (result,) = run_backfill(home, week, week, airflow=airflow)
            assert [failure.task for failure in result.failures] == ["wait_for_extract"]
            assert "These weeks have an extract: 2025-01-08 to 2025-01-15." in result.failures[0].reason
            assert airflow.request("GET", DAG)["is_paused"]
            assert runs().keys() == {"backfill"}

            # A run by hand for a week without an extract fails at once, and wakes nobody.
            with airflow.unpaused():
                airflow.request("POST", f"{DAG}/dagRuns", json={"logical_date": None})
                wait_for("the manual run's end", lambda: runs()["manual"]["state"] == "failed")
                states = {task.task_id: task.state for task in tasks_of(airflow, runs()["manual"]["dag_run_id"])}
                assert (states["wait_for_extract"], states["alert"]) == ("failed", "success")
            assert runs().keys() == {"backfill", "manual"}
            assert deadlines(home) == []
            assert (world.page.calls, world.slack.messages(ALERTS), world.smtp.mails) == ([], [], [])

            # No task of the scheduled run can start: only the callback can tell that its digest is late. It can't read
            # the connection of one channel, and tells the others.
            airflow.request(
                "POST",
                "connections",
                json={
                    "connection_id": "greenery_slack_alerts",
                    "conn_type": "slack",
                    "password": slack["password"],
                    "extra": json.dumps(slack["extra"]),
                },
            )
            pool = airflow.request("GET", f"pools/{WAREHOUSE_POOL}")
            closed = {"pool": WAREHOUSE_POOL, "slots": 0, "description": pool["description"], "include_deferred": False}
            airflow.request("PATCH", f"pools/{WAREHOUSE_POOL}", json=closed)
            wait_for("the next run", lambda: airflow.request("GET", DAG)["next_dagrun_run_after"])
            airflow.request("PATCH", DAG, json={"is_paused": False})
            wait_for("the mail of the late digest", lambda: world.smtp.mails)
            assert list(world.page.incidents.values()) == ["triggered"]
            assert world.page.calls[0].key.endswith("/late")
            assert world.slack.messages(ALERTS) == []
            assert deadlines(home) == [("scheduled", True)]
