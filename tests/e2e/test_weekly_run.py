"""The weekly DAG in a real Airflow: its own scheduler, workers, API and metadata, on loopback.

All tests share one Airflow, one shop and the servers of all channels, and go on where the test before ended: a start
takes longer than a run. What a run computes is proven in one process by tests/dbt, tests/gate and tests/properties.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil
import pytest
from greenery import commands
from greenery.alerts import sending
from greenery.cli.backfill import run_backfill
from greenery.local_airflow.client import Airflow, AirflowError, ApiError
from greenery.local_airflow.server import running_airflow
from greenery.report.judged import quality_of
from greenery.report.weeks import outdated
from greenery.settings import DAG_ID, FUNNEL_PAGE, MODELS_PAGE, REPORTS_PAGE, Settings
from greenery.simulator.shop import Shop, simulate
from greenery.week import WEEK

from tests.alerting import ALERTS, DIGESTS, Alerting, alerting
from tests.servers.slack import TOKEN
from tests.servers.smtp import PASSWORD

PATIENCE = 600
CHECK = "orders_mostly_not_from_the_future"
REASON = "the shop takes orders for next year's plants"


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Iterator[Alerting]:
    with alerting(tmp_path_factory.mktemp("e2e")) as made:
        # The weeks have ended long ago, so a digest is late as soon as its run begins.
        os.environ["GREENERY_DEADLINE_HOURS"] = "0"
        # Nobody edits the DAG meanwhile.
        os.environ["AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL"] = "3600"
        yield made


@pytest.fixture(scope="module")
def home(world) -> Settings:
    return world.settings


@pytest.fixture(scope="module")
def weeks(home) -> list[date]:
    """Three weeks of a shop, the last of which has just ended. Its orders are dated a year ahead."""
    last = home.newest_week_end(datetime.now(UTC))
    simulate(Shop(first_as_of=last - 2 * WEEK, weeks=3, sessions_per_week=100), home.extracts)
    shutil.copytree(home.extracts / f"{last:%Y-%m-%d}", home.home.parent / "good")
    a_year_ahead(home.extracts / f"{last:%Y-%m-%d}" / "orders.csv")
    return [(last - number * WEEK).date() for number in (2, 1, 0)]


@pytest.fixture(scope="module")
def airflow(home, weeks) -> Iterator[Airflow]:
    with running_airflow(home, use_job_schedule=True, shared=True) as airflow:
        yield airflow
    mine = [
        process
        for process in psutil.process_iter()
        if process.pid != os.getpid() and str(home.home) in " ".join(_command(process))
    ]
    assert mine == [], "a process of Airflow outlived it"


def _command(process: psutil.Process) -> list[str]:
    try:
        return [*process.cmdline(), *process.environ().values()]
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return []


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


def wait_for(what: str, is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.5)


def path_of(run_id: str) -> str:
    return f"dags/{DAG_ID}/dagRuns/{quote(run_id, safe='')}"


def report_files(home: Settings, suffix: str = "") -> dict[str, bytes]:
    """Return the content of the files that must not depend on the run that wrote them."""
    return {
        str(path.relative_to(home.reports)): path.read_bytes()
        for path in sorted(home.reports.glob(f"20*/*{suffix}"))
        if path.name != "run.json"
    }


def states_of(home: Settings) -> dict[str, str]:
    """Return the state of each week, as weeks.json says."""
    return {week["as_of"]: week["state"] for week in json.loads((home.reports / "weeks.json").read_text())}


def published_as_of(home: Settings) -> str:
    return json.loads((home.published / "manifest.json").read_text())["as_of"][:10]


def readers_mails(world: Alerting) -> list[EmailMessage]:
    """Return the mails that readers of the digest got."""
    return [mail.message for mail in world.smtp.mails if mail.to == ["ada@shop.example"]]


def failures(home: Settings, week: date, parameters: dict | None = None) -> tuple[str, str]:
    """Backfill a week that has to fail at one task; return the task and its reason."""
    (result,) = run_backfill(home, week, week, parameters, restate=False)
    assert result.state == "failed"
    (failure,) = result.failures
    return failure.task, failure.reason


def succeeded(home: Settings, first: date, last: date, parameters: dict | None = None, **options) -> list[date]:
    """Backfill weeks that all have to succeed; return those that were run."""
    results = run_backfill(home, first, last, parameters, **options)
    assert {result.state for result in results} == {"success"}, results
    return [result.as_of for result in results]


def test_a_scheduled_week_is_late_and_held(world, home, weeks, airflow):
    day = f"{weeks[-1]}"
    late, held = f"greenery/{day}/late", f"greenery/{day}/{CHECK}"
    # With schedules, unpausing runs the newest week.
    airflow.request("PATCH", f"dags/{DAG_ID}", json={"is_paused": False})

    def runs() -> list[dict]:
        return airflow.collect(f"dags/{DAG_ID}/dagRuns", "dag_runs", run_type=["scheduled"])

    wait_for("the scheduled run's end", lambda: any(run["state"] in ("failed", "success") for run in runs()))
    (run,) = runs()
    assert run["state"] == "failed"
    tasks = airflow.collect(f"{path_of(run['dag_run_id'])}/taskInstances", "task_instances")
    states = {task["task_id"]: task["state"] for task in tasks}
    assert [name for name, state in states.items() if state == "failed"] == ["quality"]
    assert (states["held_notice"], states["alert"], states["finished"]) == ("success", "success", "upstream_failed")
    # The task graph is the dbt project.
    assert {"dbt.stg_greenery__orders_run", "dbt.int_order_versions_run", "dbt.fct_sessions_run"} <= set(states)
    assert states_of(home)[day] == "held"
    assert not home.published.exists()
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
    assert [mail["Subject"] for mail in readers_mails(world)] == [
        subject for _, subject in mails if subject.endswith("is held")
    ]
    assert {to for to, subject in mails if CHECK in subject or "missing" in subject} == {"oncall@shop.example"}


def test_the_anomaly_is_accepted_which_resolves_the_incidents_and_delivers_the_digest(world, home, weeks, airflow):
    day = f"{weeks[-1]}"
    assert succeeded(home, weeks[-1], weeks[-1], {"accept": REASON}) == [weeks[-1]]

    judged = quality_of(home, datetime.fromisoformat(day))
    assert judged.verdict == "accepted"
    assert judged.accepted.checks == (CHECK,)
    assert REASON in judged.accepted.reason
    assert set(world.page.incidents.values()) == {"resolved"}
    # The warnings are still true.
    assert {alert.severity for alert in sending.open_incidents(home, day).values()} <= {"warning"}
    # Readers have the digest of the week, and it says what was accepted.
    notice, digest = world.slack.messages(DIGESTS)
    assert "is no longer held" in notice["text"]
    assert "is held" not in digest["text"]
    assert REASON in json.dumps(digest)
    assert "Greenery weekly" in digest["text"]
    mail = readers_mails(world)[-1]
    assert "Correction" not in mail["Subject"]
    assert REASON in mail.get_body(("plain",)).get_content()


def test_other_content_is_refused_until_it_is_asked_for_and_then_corrects_the_digest(world, home, weeks, airflow):
    last = weeks[-1]
    shutil.rmtree(home.extracts / f"{last}")
    shutil.copytree(home.home.parent / "good", home.extracts / f"{last}")
    task, reason = failures(home, last)
    assert task == "land"
    assert '{"reextract": true}' in reason
    assert succeeded(home, last, last, {"reextract": True}) == [last]
    assert quality_of(home, datetime.fromisoformat(f"{last}")).verdict == "passed"
    assert "Correction" in readers_mails(world)[-1]["Subject"]


@pytest.mark.timeout(1800)  # on a machine that does other work too
def test_earlier_weeks_restate_the_last_and_each_is_delivered_once(world, home, weeks, airflow):
    first, second, last = weeks
    refused: list[str] = []

    def backfill_meanwhile() -> None:
        def is_active() -> bool:
            found = airflow.collect("backfills", "backfills", dag_id=DAG_ID)
            return any(not backfill["completed_at"] for backfill in found)

        wait_for("the backfill", is_active)
        with pytest.raises(AirflowError) as error:
            run_backfill(home, first, first, airflow=airflow)
        refused.append(str(error.value))

    meanwhile = threading.Thread(target=backfill_meanwhile)
    meanwhile.start()
    assert succeeded(home, first, second, {"deliver": "always"}) == [first, second, last]
    meanwhile.join()
    assert f"(FROM={first} TO={second}) is still active" in refused[0]
    assert states_of(home) == dict.fromkeys(map(str, weeks), "admitted")
    assert published_as_of(home) == f"{last}"
    assert f"{last}/restatement.json" in report_files(home)
    assert outdated(home) == []
    # The notice, and the digests of three weeks, of which the last was corrected where it was.
    assert len(world.slack.messages(DIGESTS)) == 4
    assert "Correction" in readers_mails(world)[-1]["Subject"]
    assert {name for name in report_files(home) if name.startswith(f"{second}")} == {
        f"{second}/{name}"
        for name in ("summary.json", "quality.json", "quality.html", "index.html", "funnel.png", "order_changes.csv")
    }


def test_withdrawing_names_the_weeks_to_restate_and_bringing_back_gives_the_same_bytes(home, weeks, airflow):
    _, second, last = weeks
    before = report_files(home, "summary.json")
    assert succeeded(home, second, second, {"withdraw": "prices in cents"}, restate=False) == [second]
    assert f"{second}/summary.json" not in report_files(home)
    named = json.loads((home.reports / f"{second}" / "run.json").read_text())
    assert named["restates"] == [f"{last}"] == [f"{week}" for week in outdated(home)]
    command = f"make backfill FROM={last} TO={last}{commands.make_variables(home)}"
    assert named["next_commands"] == [command]
    note = airflow.request("GET", path_of(named["run_id"]))["note"]
    assert f"would differ now: {last}" in note
    assert f"`{command}`" in note

    # Without a word, a backfill does not bring it back.
    task, reason = failures(home, second)
    assert task == "land"
    assert "was withdrawn (withdrawn: prices in cents)" in reason
    # The last week was not run without it, so it is right again.
    assert succeeded(home, second, second, {"reextract": True}) == [second]
    assert report_files(home, "summary.json") == before
    assert outdated(home) == []


def test_a_backfill_of_a_missing_week_fails_at_once_and_names_the_path(home, weeks, airflow):
    missing = weeks[0] - WEEK
    task, reason = failures(home, missing)
    assert task == "wait_for_extract"
    assert f"expected {home.extracts}/{missing} with orders" in reason


def test_a_trigger_with_the_date_of_a_week_s_own_run_is_refused_with_the_command(weeks, airflow):
    day = weeks[0] - 4 * WEEK
    run = {"logical_date": f"{day}T00:00:00+00:00"}
    with pytest.raises(ApiError, match=f"make backfill FROM={day} TO={day}"):
        airflow.request("POST", f"dags/{DAG_ID}/dagRuns", json=run)


def test_the_page_needs_a_login(airflow):
    assert airflow.api.get(f"{airflow.base_url}/api/v2/dags", auth=None, headers={}).status_code == 401
    assert airflow.base_url.startswith("http://127.0.0.1:")


def test_the_reports_are_a_page_of_airflow_for_who_is_logged_in(home, weeks, airflow):
    address = f"{airflow.base_url}{REPORTS_PAGE}"
    for path in ("index.html", "weeks.json", f"{weeks[0]}/summary.json"):
        assert httpx.get(f"{address}/{path}", trust_env=False).status_code == httpx.codes.UNAUTHORIZED
        assert airflow.api.get(f"{address}/{path}").content == (home.reports / path).read_bytes()
    outside = f"{airflow.base_url}{REPORTS_PAGE}/%2e%2e/airflow/passwords.json"
    assert airflow.api.get(outside).status_code == httpx.codes.NOT_FOUND
    views = [view for plugin in airflow.collect("plugins", "plugins") for view in plugin["external_views"]]
    models = f"{MODELS_PAGE}/greenery/dbt_docs_index.html"
    assert {view["href"] for view in views} == {f"{REPORTS_PAGE}/index.html", f"{FUNNEL_PAGE}/", models}


def test_the_logs_say_what_was_delivered_and_hold_no_secret(airflow):
    logged = "".join(path.read_text(errors="replace") for path in airflow.logs.rglob("*.log"))
    assert "was sent in slack" in logged
    assert TOKEN not in logged
    assert PASSWORD not in logged
