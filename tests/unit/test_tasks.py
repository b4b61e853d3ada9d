"""Which runs wait for a missing extract, and which week a run is for."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout
from greenery.alerts import incidents
from greenery.build import dbt_project, locking, target
from greenery.landing.loading import land
from greenery.orchestration import tasks
from greenery.orchestration.run_context import BUILDS_ANEW, MODELS, note_failure, run_url, week_end
from greenery.orchestration.sensors import AcquireWarehouse, WaitForExtract
from greenery.orchestration.tasks import check_project
from greenery.publishing import versions
from greenery.report import comparing, runs, weeks
from greenery.warehouse.access import connect
from greenery.warehouse.connection import rows

from tests.conftest import small_shop, write_extract


def run(run_type: str, end: datetime | None = datetime(2023, 1, 11, tzinfo=UTC)) -> dict:
    started = datetime(2023, 1, 17, 23, 59, tzinfo=UTC)
    return {
        "data_interval_end": end,
        "dag_run": SimpleNamespace(run_type=run_type, run_after=started, run_id=f"{run_type}__1"),
        "run_id": f"{run_type}__1",
        "ti": SimpleNamespace(get_dr_count=lambda **_: 1),
        "params": {"withdraw": None, "full_refresh": False},
    }


@pytest.fixture
def wait(home, monkeypatch):
    monkeypatch.setenv("GREENERY_HOME", str(home.home))
    monkeypatch.setenv("GREENERY_EXTRACTS", str(home.extracts))
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example")
    return WaitForExtract(task_id="wait_for_extract")


def test_a_scheduled_run_waits_until_all_of_the_extract_is_there(wait, home):
    assert wait.poke(run("scheduled")) is False
    folder = write_extract(home.extracts / "2023-01-11", small_shop())
    (folder / "promos.csv").unlink()
    assert wait.poke(run("scheduled")) is False
    write_extract(folder, small_shop())
    assert wait.poke(run("scheduled")) is True


def test_what_it_waited_for_is_said_when_the_time_is_over(wait, home, monkeypatch):
    def over(self, context):
        assert not self.poke(context)
        raise AirflowSensorTimeout(
            "Sensor has timed out; run duration of 86401.0 seconds exceeds the specified timeout"
        )

    monkeypatch.setattr(BaseSensorOperator, "execute", over)
    where = f"no extract for 2023-01-11: expected {home.extracts}/2023-01-11 with"
    with pytest.raises(AirflowSensorTimeout, match=where) as raised:
        wait.execute(run("scheduled"))
    assert "run duration" not in str(raised.value)


def alerted(home) -> bool:
    return (home.home / "outbox" / "alert-2023-01-11-late.eml").exists()


def test_a_waiting_scheduled_run_tells_that_its_digest_is_late_once_it_is(wait, home, monkeypatch):
    monkeypatch.setenv("GREENERY_DEADLINE_HOURS", "1e6")
    assert wait.poke(run("scheduled")) is False
    assert not alerted(home)
    monkeypatch.setenv("GREENERY_DEADLINE_HOURS", "12")
    assert wait.poke(run("scheduled")) is False
    assert alerted(home)


def test_one_that_waits_for_the_warehouse_tells_it_too_and_a_backfill_does_not(wait, home, as_of):
    acquire = AcquireWarehouse(task_id="acquire_warehouse")
    write_extract(home.extracts / "2023-01-11", small_shop())
    land(home, as_of)
    with connect(home) as connection:
        assert locking.acquire(connection, "another", as_of, lambda _: True, "")
    assert acquire.poke(run("backfill")) is False
    assert not alerted(home)
    assert acquire.poke(run("scheduled")) is False
    assert alerted(home)


def test_who_takes_the_lock_says_that_other_models_built_what_is_there(wait, home, as_of, monkeypatch):
    acquire, context, pushed = AcquireWarehouse(task_id="acquire_warehouse"), run("backfill"), []
    context["ti"].xcom_push = lambda key, value: pushed.append((key, value))
    write_extract(home.extracts / "2023-01-11", small_shop())
    land(home, as_of)
    with connect(home) as connection:
        version = dbt_project.version()
        connection.execute("insert into landing.built_with values (?, '', '[]', true)", [version])
    assert acquire.poke(context) is True
    assert pushed == [(MODELS, version)]
    monkeypatch.setattr(dbt_project, "version", lambda: "another")
    assert acquire.poke(context) is True
    assert pushed[1:] == [(BUILDS_ANEW, True), (MODELS, "another")]
    # Whether the other version got as far as building something is not known: going back is a change too.
    monkeypatch.setattr(dbt_project, "version", lambda: version)
    assert acquire.poke(context) is True
    assert pushed[3:] == [(BUILDS_ANEW, True), (MODELS, version)]


@pytest.mark.parametrize(("state", "anew"), [(None, True), ("success", False)])
def test_a_full_refresh_begins_with_its_first_model(wait, home, as_of, state, anew):
    """Not where a task that follows the models is cleared by itself: what they have built is still there."""
    context, pushed = run("backfill"), []
    context["params"]["full_refresh"] = True
    context["ti"].xcom_push = lambda key, value: pushed.append(key)
    context["ti"].get_task_states = lambda **_: {context["run_id"]: {"dbt.int_extract_pairs_run": state}}
    write_extract(home.extracts / "2023-01-11", small_shop())
    land(home, as_of)
    with connect(home) as connection:
        connection.execute("insert into landing.built_with values (?, '', '[]', true)", [dbt_project.version()])
    assert AcquireWarehouse(task_id="acquire_warehouse").poke(context) is True
    assert (BUILDS_ANEW in pushed) is anew


def test_a_model_that_was_changed_while_its_run_builds_fails_for_good(wait, home, as_of, monkeypatch):
    write_extract(home.extracts / "2023-01-11", small_shop())
    land(home, as_of)
    context, version = run("backfill"), dbt_project.version()
    context["ti"].xcom_pull, context["ti"].task_id = lambda task_ids, key: version, "dbt.int_extract_pairs_run"
    with connect(home) as connection:
        assert locking.acquire(connection, context["run_id"], as_of, lambda _: False)
        check_project(connection, context, {"int_extract_pairs": ["source.greenery.landing.build"]})
        monkeypatch.setattr(dbt_project, "version", lambda: "another")
        with pytest.raises(AirflowFailException, match="clear its task acquire_warehouse with all that follows"):
            check_project(connection, context, {"int_extract_pairs": []})
        # Back again, it is not known what was built meanwhile.
        monkeypatch.setattr(dbt_project, "version", lambda: version)
        assert rows(connection, "select models from landing.built_with") == [{"models": ""}]
        assert locking.acquire(connection, "run", as_of, lambda _: False)
        assert target.builds_anew(connection)


@pytest.mark.parametrize(
    "built", [{}, {"int_extract_pairs": ["model.greenery.dim_users"]}], ids=["is gone", "reads another model"]
)
def test_a_model_that_is_not_as_the_dag_knows_it_is_not_noted(wait, home, as_of, built):
    """The project was edited, but not parsed: the DAG may have built two models in the other order."""
    write_extract(home.extracts / "2023-01-11", small_shop())
    land(home, as_of)
    context = run("backfill")
    context["ti"].xcom_pull = lambda task_ids, key: dbt_project.version()
    context["ti"].task_id = "dbt.int_extract_pairs_run"
    with connect(home) as connection:
        assert locking.acquire(connection, context["run_id"], as_of, lambda _: False)
        with pytest.raises(AirflowFailException, match="run `make install`"):
            check_project(connection, context, built)
        assert target.built_models(connection) == set()


def test_who_waits_does_not_ask_a_failing_channel_at_every_look(wait, home, monkeypatch):
    asked = []

    def fail(*_, **__):
        asked.append(1)
        raise OSError("no answer")

    monkeypatch.setattr(incidents, "notify_late", fail)
    assert [wait.poke(run("scheduled")) for _ in range(3)] == [False] * 3
    assert len(asked) == 1
    os.utime(home.home / "late.failed", (0, 0))
    assert wait.poke(run("scheduled")) is False
    assert len(asked) == 2


@pytest.mark.parametrize("run_type", ["backfill", "manual"])
def test_another_run_fails_at_once(wait, home, run_type):
    with pytest.raises(AirflowFailException, match=f"no extract for 2023-01-11: expected {home.extracts}/2023-01-11"):
        wait.poke(run(run_type))


def test_a_run_that_finds_no_extract_names_the_weeks_that_have_one(wait, home):
    for week in ("2023-01-18", "2023-01-25", "2023-02-08"):
        write_extract(home.extracts / week, small_shop())
    with pytest.raises(AirflowFailException) as raised:
        wait.poke(run("manual", None))
    named = "These weeks have an extract: 2023-01-18 to 2023-01-25, 2023-02-08. To run the newest, trigger with the"
    assert f"{named} logical date 2023-02-08 12:00, or run `make backfill FROM=2023-02-08 TO=2023-02-08" in str(
        raised.value
    )


def test_the_list_of_weeks_shows_what_a_run_waits_for(wait, home, as_of):
    def listed():
        return {f"{week.as_of}": week for week in weeks.listed(home)}

    runs.note(home, as_of, "scheduled__1")  # as the listener does
    assert listed()["2023-01-11"].states == ("running",)
    assert wait.poke(run("scheduled")) is False
    waiting = listed()["2023-01-11"]
    assert waiting.states == ("waiting", "late")
    assert waiting.notes[1].startswith("waiting for its extract since 20")
    assert waiting.notes[2] == "the digest was due on 2023-01-11 12:00 UTC"
    assert waiting.next_command is None
    assert "waiting for its extract since 20" in (home.reports / "index.html").read_text()
    write_extract(home.extracts / "2023-01-11", small_shop())
    assert wait.poke(run("scheduled")) is True
    assert listed()["2023-01-11"].states == ("running", "late")
    land(home, as_of)
    with connect(home) as connection:
        assert locking.acquire(connection, "another", as_of, lambda _: True, "")
        weeks.write_list(home, connection)
    assert AcquireWarehouse(task_id="acquire_warehouse").poke(run("scheduled")) is False
    assert listed()["2023-01-11"].states == ("landed", "waiting", "late")
    runs.end(home, as_of, "scheduled__0")  # of an earlier run, told late
    assert listed()["2023-01-11"].run_since
    runs.end(home, as_of, "scheduled__1")
    assert listed()["2023-01-11"].states == ("landed", "late")


def test_a_publish_tells_other_dags_what_changed(wait, home, monkeypatch):
    changed = [datetime(2023, 1, 4), datetime(2023, 1, 11), datetime(2023, 1, 18), datetime(2023, 2, 1)]
    monkeypatch.setattr(versions, "publish", lambda home, run_id: 7)
    monkeypatch.setattr(comparing, "settle", lambda home, connection: changed)
    events = {tasks.PUBLISHED: SimpleNamespace(extra={})}
    assert tasks.publish.function(**run("backfill"), outlet_events=events) == 7
    assert events[tasks.PUBLISHED].extra == {
        "as_of": "2023-01-11T00:00:00+00:00",
        "version": 7,
        "restates": ["2023-01-18", "2023-02-01"],
    }


def test_links_lead_to_an_airflow_that_stays(wait, monkeypatch):
    assert run_url("scheduled__1").startswith("https://airflow.example/dags/greenery_weekly/runs/scheduled__1")
    monkeypatch.setenv("AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE", "False")  # as a command that starts one for itself
    assert run_url("scheduled__1") == ""


def test_what_is_landed_needs_no_source(wait, home, as_of):
    write_extract(home.extracts / "2023-01-11", small_shop())
    land(home, as_of)
    shutil.rmtree(home.extracts)
    assert wait.poke(run("backfill")) is True


@pytest.mark.parametrize(
    ("name", "content"), [("orders.csv.gz", b"\x1f\x8b\x08\x00cut"), ("orders.parquet", b"PAR1 cut off PAR1")]
)
def test_a_file_that_no_library_can_read_fails_the_landing_at_its_first_try(wait, home, name, content):
    folder = write_extract(home.extracts / "2023-01-11", small_shop())
    (folder / "orders.csv").unlink()
    (folder / name).write_bytes(content)
    context = run("backfill")
    context["params"] |= {"reextract": False, "accept_shrink": False}
    with pytest.raises(AirflowFailException, match=rf"2023-01-11/{name}: can't be read \(.+\): export the file again"):
        tasks.land.function(**context)


def test_a_run_for_no_week_is_refused(wait):
    with pytest.raises(AirflowFailException, match="2023-01-12 00:00 UTC does not end a week"):
        week_end(run("manual", datetime(2023, 1, 12, tzinfo=UTC)))


def test_a_run_without_a_date_is_for_the_newest_week_that_has_ended(wait):
    assert week_end(run("manual", None)) == datetime(2023, 1, 11)


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        (datetime(2023, 1, 18, tzinfo=UTC), datetime(2023, 1, 18)),
        (datetime(2023, 1, 17, 23, 59, 59, 999999, tzinfo=UTC), datetime(2023, 1, 11)),
        (datetime(2023, 1, 17, 20, tzinfo=timezone(timedelta(hours=-5))), datetime(2023, 1, 18)),
    ],
)
def test_the_newest_week_end_is_in_utc(home, moment, end):
    assert home.newest_week_end(moment) == end


def test_a_killed_task_pushes_nothing(home):
    pushed = []

    class Instance:
        log_url = "https://airflow.example/log"

        def xcom_push(self, key, value):
            pushed.append((key, value))

    note_failure({"ti": Instance()})  # as the DAG processor calls it
    assert pushed == []
    note_failure({"ti": Instance(), "exception": OSError("disk full")})
    ((key, note),) = pushed
    assert (key, note["reason"], note["log"]) == ("failure", "OSError: disk full", "https://airflow.example/log")


def test_a_log_of_an_airflow_that_ends_with_its_command_is_no_link(home, monkeypatch):
    pushed = {}
    ti = SimpleNamespace(log_url="http://127.0.0.1:40001/log", xcom_push=lambda key, value: pushed.update({key: value}))
    monkeypatch.setenv("AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE", "False")
    note_failure({"ti": ti, "exception": OSError("disk full")})
    assert pushed["failure"]["log"] == ""
