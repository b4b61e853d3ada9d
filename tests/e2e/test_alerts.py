"""A scheduled week in a real Airflow is late, held and corrected; what the servers of all channels were told."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from greenery.alerts import sending
from greenery.cli.backfill import run_backfill
from greenery.cli.incident import CHECK, COLUMN, TABLE, empty_column
from greenery.local_airflow.server import running_airflow
from greenery.report.judged import quality_of
from greenery.settings import DAG_ID
from greenery.simulator.shop import Shop, simulate

from tests.alerting import ALERTS, DIGESTS, Alerting, alerting

PATIENCE = 600


@pytest.fixture
def world(tmp_path, monkeypatch) -> Iterator[Alerting]:
    with alerting(tmp_path) as made:
        # The week has ended long ago, so its digest is late as soon as its run begins.
        monkeypatch.setenv("GREENERY_DEADLINE_HOURS", "0")
        yield made


def wait_for(what: str, is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(1)


def a_year_ahead(file: Path) -> None:
    """Date all orders of an extract a year later than they were made."""
    with file.open(newline="", encoding="utf-8") as source:
        orders = list(csv.DictReader(source))
    with file.open("w", newline="", encoding="utf-8") as target:
        writer = csv.DictWriter(target, orders[0], lineterminator="\n")
        writer.writeheader()
        for order in orders:
            made = order["created_at"]
            writer.writerow({**order, "created_at": f"{int(made[:4]) + 1}{made[4:]}"})


def test_a_scheduled_week_is_late_held_corrected_delivered_and_an_anomaly_in_it_accepted(world):
    home = world.settings
    week = home.newest_week_end(datetime.now(UTC))
    day = f"{week:%Y-%m-%d}"
    simulate(Shop(first_as_of=week, weeks=1, sessions_per_week=100), home.extracts)
    file = home.extracts / day / f"{TABLE}.csv"
    good = file.read_bytes()
    empty_column(file, COLUMN)
    late, held = f"greenery/{day}/late", f"greenery/{day}/{CHECK}"

    with running_airflow(home, use_job_schedule=True) as airflow:
        airflow.request("PATCH", f"dags/{DAG_ID}", json={"is_paused": False})

        def runs() -> list[dict]:
            return airflow.collect(f"dags/{DAG_ID}/dagRuns", "dag_runs", run_type=["scheduled"])

        wait_for("the scheduled run's end", lambda: any(run["state"] in ("failed", "success") for run in runs()))
        (run,) = runs()
        assert run["state"] == "failed"
        path = f"dags/{DAG_ID}/dagRuns/{quote(run['dag_run_id'], safe='')}/taskInstances"
        states = {task["task_id"]: task["state"] for task in airflow.collect(path, "task_instances")}
        assert [name for name, state in states.items() if state == "failed"] == ["quality"]
        assert (states["held_notice"], states["alert"], states["finished"]) == ("success", "success", "upstream_failed")
        wait_for("the page of the late report", lambda: late in world.page.incidents)

        assert world.page.incidents == {late: "triggered", held: "triggered"}
        event = next(call.event for call in world.page.calls if call.key == held)
        assert event["payload"]["custom_details"]["Run"] == "scheduled"
        assert "/tasks/quality?try_number=1" in str(event["links"])
        told = [message["text"] for message in world.slack.messages(ALERTS)]
        assert any(CHECK in text for text in told)
        assert any("the report is missing" in text for text in told)
        (notice,) = world.slack.messages(DIGESTS)
        assert "is held" in notice["text"]
        mails = [(mail.to[0], mail.message["Subject"]) for mail in world.smtp.mails]
        assert len(set(mails)) == len(mails)
        assert [subject for to, subject in mails if to == "ada@shop.example"] == [
            subject for _, subject in mails if subject.endswith("is held")
        ]
        assert {to for to, subject in mails if CHECK in subject or "missing" in subject} == {"oncall@shop.example"}

        file.write_bytes(good)
        (result,) = run_backfill(home, week.date(), week.date(), {"reextract": True}, airflow=airflow)
        assert result.state == "success"

        assert world.page.incidents == {late: "resolved", held: "resolved"}
        assert sending.open_incidents(home, day) == {}
        notice, digest = world.slack.messages(DIGESTS)
        assert "is held no more" in notice["text"]
        assert "is held" not in digest["text"]
        assert "Correction" not in str([mail.message["Subject"] for mail in world.smtp.mails])

        a_year_ahead(home.extracts / day / "orders.csv")
        (result,) = run_backfill(home, week.date(), week.date(), {"reextract": True}, airflow=airflow)
        assert result.state == "failed"
        why = "the shop takes orders for next year's plants"
        (result,) = run_backfill(home, week.date(), week.date(), {"accept": why}, airflow=airflow)
        assert result.state == "success"

    judged = quality_of(home, week)
    assert judged.verdict == "accepted"
    assert judged.accepted.checks == ("orders_mostly_not_from_the_future",)
    assert why in judged.accepted.reason
    # Readers have the digest of the week, and it says what was accepted.
    assert why in json.dumps(world.slack.messages(DIGESTS)[-1])
    assert "Correction" in world.smtp.mails[-1].message["Subject"]
    assert why in world.smtp.mails[-1].message.get_body(("plain",)).get_content()
    assert world.page.incidents == {late: "resolved", held: "resolved"}
