import json
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar

import httpx
import psutil
import pytest
from greenery.cli import arguments, results
from greenery.commands import InputError
from greenery.local_airflow import backfills, client, environment, runs, server
from greenery.settings import Settings

from tests.alerting import check_result, quality
from tests.program import greenery

NOW = datetime(2023, 2, 3, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", extracts=tmp_path / "extracts")


def test_a_week_is_known_to_airflow_by_its_start():
    assert runs.interval_start(date(2023, 2, 1)) == "2023-01-25T00:00:00+00:00"
    assert runs.as_of_of("2023-01-25T00:00:00Z") == date(2023, 2, 1)


def test_weeks_include_both_ends(settings):
    weeks = arguments.weeks_between(settings, date(2023, 1, 11), date(2023, 2, 1), NOW)
    assert weeks == [date(2023, 1, 11), date(2023, 1, 18), date(2023, 1, 25), date(2023, 2, 1)]
    assert arguments.weeks_between(settings, date(2023, 2, 1), date(2023, 2, 1), NOW) == [date(2023, 2, 1)]


def test_another_weekday_ends_the_week(tmp_path):
    mondays = Settings(home=tmp_path, extracts=tmp_path, week_ends_on=0)
    assert arguments.weeks_between(mondays, date(2023, 1, 30), date(2023, 1, 30), NOW) == [date(2023, 1, 30)]
    with pytest.raises(InputError, match="write 2023-01-30 or 2023-02-06"):
        arguments.weeks_between(mondays, date(2023, 2, 1), date(2023, 2, 1), NOW)


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        (
            date(2023, 1, 12),
            date(2023, 2, 1),
            "FROM=2023-01-12 is a Thursday, which does not end a week: write 2023-01-11 or 2023-01-18.",
        ),
        (
            date(2023, 1, 11),
            date(2023, 1, 31),
            "TO=2023-01-31 is a Tuesday, which does not end a week: write 2023-01-25 or 2023-02-01.",
        ),
        (
            date(2023, 2, 1),
            date(2023, 1, 11),
            "TO=2023-01-11 is before FROM=2023-02-01: write FROM=2023-01-11 TO=2023-02-01.",
        ),
        (
            date(2023, 2, 1),
            date(2023, 2, 8),
            "TO=2023-02-08 has not ended yet: the newest week that has is 2023-02-01.",
        ),
    ],
)
def test_weeks_that_cannot_be_run_are_refused(settings, first, last, message):
    with pytest.raises(InputError) as error:
        arguments.weeks_between(settings, first, last, NOW)
    assert str(error.value) == message


def test_a_week_has_ended_once_its_last_instant_has_passed(settings):
    midnight = datetime(2023, 2, 1, tzinfo=UTC)
    with pytest.raises(InputError, match="the newest week that has is 2023-01-25"):
        arguments.weeks_between(settings, date(2023, 2, 1), date(2023, 2, 1), midnight)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["", ""], "FROM is missing: write `make backfill FROM=2023-01-11 TO=2023-02-01`."),
        (["last week"], "FROM='last week' is not a date: write FROM=2023-02-01, the day a week ends."),
        (["2023-01-11", "2023-02-30"], "TO='2023-02-30' is not a date"),
        (["2023-01-11", "--params", "{reextract: true}"], "PARAMS='{reextract: true}' is not JSON ("),
        (["2023-01-11", "--params", "[1]"], "PARAMS='[1]' is not a JSON object"),
        (
            ["2023-01-11", "--params", '{"accept": "<why>"}'],
            "accept in PARAMS is still the placeholder <why>: write the reason in its place.",
        ),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(given, message, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("GREENERY_HOME", str(tmp_path))
    assert greenery("backfill", *given) == 2
    error = capsys.readouterr().err
    assert error.startswith(message)
    assert error.count("\n") == 1


def test_params_are_a_json_object():
    assert arguments.parse_params('{"reextract": true}') == {"reextract": True}
    assert arguments.parse_params("") == {}
    assert arguments.parse_params('{"accept": null, "withdraw": ""}') == {"accept": None, "withdraw": ""}
    assert arguments.parse_params('{"accept": "a <b> sale"}') == {"accept": "a <b> sale"}


def test_a_placeholder_is_no_reason_to_withdraw(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("GREENERY_HOME", str(tmp_path))
    assert greenery("withdraw", "2023-01-11", "--reason", " <why> ") == 2
    assert capsys.readouterr().err == "REASON is still the placeholder <why>: write the reason in its place.\n"


def test_a_run_belongs_to_the_backfill_when_it_was_queued_since():
    created = datetime(2023, 2, 3, tzinfo=UTC)
    before = runs.DagRun(dag_run_id="a", queued_at="2023-02-02T23:59:59Z", state="running")
    since = runs.DagRun(dag_run_id="b", queued_at="2023-02-03T00:00:00.5Z", state="running")
    assert runs.state_of(before, created) == "not run"
    assert runs.state_of(since, created) == "running"
    assert runs.state_of(None, created) == "deleted"


@pytest.mark.parametrize(
    ("tasks", "log", "waits"),
    [
        (
            {"land": "none", "wait_for_extract": "up_for_reschedule"},
            ["waiting: no extract for 2023-01-18: old", "waiting: no extract for 2023-01-18: expected /x", "later"],
            ", for it waits for its extract (no extract for 2023-01-18: expected /x)",
        ),
        ({"wait_for_extract": "up_for_reschedule"}, [], ", for it waits for its extract"),
        ({"wait_for_extract": "up_for_reschedule"}, None, ", for it waits for its extract"),
        ({"acquire_warehouse": "up_for_reschedule"}, [], ", for it waits for another run that builds"),
        ({"land": "running"}, [], ""),
    ],
)
def test_a_week_that_is_not_run_says_what_its_unfinished_run_waits_for(tasks, log, waits):
    class Waiting:
        """An Airflow with these tasks; a log of None can't be read."""

        def request(self, _method, path, **_arguments):
            assert path == "dags/greenery_weekly/dagRuns/scheduled__2023-01-18/taskInstances/wait_for_extract/logs/1"
            if log is None:
                raise client.ApiError(httpx.Response(404, request=httpx.Request("GET", "http://airflow/")))
            return {"content": [{"event": event} for event in log]}

        def collect(self, _path, _key, state):
            found = [name for name, its in tasks.items() if its == state]
            return [{"task_id": name, "try_number": 1, "map_index": -1} for name in found]

    run = runs.DagRun(dag_run_id="scheduled__2023-01-18")
    result = runs.result_of(Waiting(), date(2023, 1, 18), "not run", run)
    assert result.failures[0].reason == (
        f"scheduled__2023-01-18 was still unfinished{waits}: wait until it has ended, then run this week again"
    )


def reason_in(*lines):
    return runs.reason_in([runs.LogLine.model_validate(line) for line in lines])


def test_the_reason_is_the_exception_that_the_task_failed_with():
    cause = {"exc_type": "OSError", "exc_value": "gone"}
    raised = {"exc_type": "LandingError", "exc_value": "no extract for 2023-01-18:\n  expected x"}
    log = [
        {"event": "Task failed with exception", "level": "error", "error_detail": [raised, cause]},
        {"event": "Failed to run task callback", "level": "error", "error_detail": [cause]},
    ]
    assert reason_in(*log) == "LandingError: no extract for 2023-01-18: expected x"
    assert reason_in({"event": "Task exited", "level": "error"}) == "Task exited"
    assert reason_in() == "its log names no error"


def test_results_name_week_task_reason_and_log(capsys):
    failure = runs.FailedTask("land", "LandingError: no extract", "attempt=1.log")
    results.print_results(
        [
            runs.WeekResult(date(2023, 1, 11), "success", 61.2),
            runs.WeekResult(date(2023, 1, 18), "failed", 1.0, (failure,)),
        ]
    )
    _, good, bad, log = (line.split() for line in capsys.readouterr().out.splitlines())
    assert good == ["2023-01-11", "success", "61", "s"]
    assert bad == ["2023-01-18", "failed", "1", "s", "land", "LandingError:", "no", "extract"]
    assert log == ["log", "of", "land:", "attempt=1.log"]


def test_secrets_are_made_once_and_only_for_their_owner(settings):
    first = environment.environment(settings, 8080, 8081)
    assert environment.environment(settings, 8080, 8081) == first
    assert len(first["AIRFLOW__API_AUTH__JWT_SECRET"]) >= 64
    assert settings.home.stat().st_mode & 0o777 == 0o700
    for file in (settings.home / "airflow" / "secrets.json", environment.passwords_file(settings)):
        assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(environment.passwords_file(settings).read_text()).keys() == {"admin"}


def test_the_environment_overrides_defaults_but_not_what_isolates_a_home(settings, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", "elsewhere")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://production")
    env = environment.environment(settings, 8080, 8081)
    assert env["AIRFLOW__CORE__DAGS_FOLDER"] == "elsewhere"
    assert env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == f"sqlite:///{settings.home}/airflow/airflow.db"


def test_a_home_runs_one_airflow_at_a_time(settings):
    lock = server.lock(settings)
    assert server.running(settings) == server.Running()
    with pytest.raises(client.AirflowError, match=r"already runs .* `make down GREENERY_HOME="):
        server.lock(settings, patience=0)
    lock.close()
    assert server.running(settings) is None


def test_what_a_killed_airflow_left_behind_does_not_count_as_running(settings):
    server.lock(settings).close()
    (settings.home / "airflow" / "running.json").write_text('{"pid": 1, "ready": true, "shared": true}')
    assert server.attach(settings) is None


def test_an_airflow_with_other_extracts_is_refused(settings):
    me = psutil.Process()
    facts = {"pid": me.pid, "started": me.create_time(), "ready": True, "shared": True, "extracts": "/other"}
    with server.lock(settings):
        (settings.home / "airflow" / "running.json").write_text(json.dumps(facts))
        with pytest.raises(
            client.AirflowError, match=r"reads the extracts in /other, not those in .* `make down GREENERY_HOME="
        ):
            server.attach(settings)


def test_an_airflow_whose_owner_was_killed_is_refused(settings):
    facts = {"pid": psutil.Process().pid, "started": 0, "ready": True, "shared": True}  # the number is another's now
    with server.lock(settings):
        (settings.home / "airflow" / "running.json").write_text(json.dumps(facts))
        with pytest.raises(client.AirflowError, match=r"was killed.* `make down GREENERY_HOME="):
            server.attach(settings)


def test_a_run_that_waits_for_its_teardown_is_ended():
    class Interrupted:
        """Airflow keeps a run running that is set to failed before its teardown has run."""

        tasks: ClassVar = {"publish": "skipped", "release_warehouse": None}
        state = "running"

        def request(self, method, path, json=None):
            if "taskInstances/" in path:
                self.tasks[path.rsplit("/", 1)[1]] = json["new_state"]
            elif json and self.tasks["release_warehouse"]:
                self.state = json["state"]
            return {"state": self.state}

        def collect(self, _path, _key):
            return [{"task_id": name, "state": state} for name, state in self.tasks.items()]

    airflow = Interrupted()
    backfills._fail_teardown(airflow, runs.DagRun(dag_run_id="backfill__2025-01-29"))
    assert (airflow.state, airflow.tasks["release_warehouse"]) == ("failed", "failed")


def test_the_runs_of_an_ended_backfill_can_be_cleared(tmp_path):
    with closing(sqlite3.connect(tmp_path / "airflow.db")) as database:
        database.execute("create table backfill (id, is_paused boolean, completed_at)")
        database.execute("insert into backfill values (1, true, '2026-01-01'), (2, true, null)")
        database.commit()
        client.Airflow("", "", tmp_path / "logs", schedules=False).unblock_ended_backfills()
        assert database.execute("select id from backfill where is_paused").fetchall() == [(2,)]


class Reads(client.Airflow):
    """An Airflow that reads the DAG at the second look after it was asked to, as its timetable then says.

    is_left: whether it knows of no next run before that, for an earlier command has just ended.
    """

    paused, looks, calls, is_left = True, 0, (), False

    def request(self, method, path, json=None):
        self.calls += (f"{method} {path}" + (f" {json['is_paused']}" if json else ""),)
        if json:
            self.paused = json["is_paused"]
        elif method == "PUT":
            self.looks = 0
        elif path.endswith("details"):
            return {"file_token": "token"}
        else:
            self.looks += 1
        is_read = self._pause_again.exists() and self.looks > 1
        return {
            "is_paused": self.paused,
            "next_dagrun_run_after": None if is_read or self.is_left else "2023-02-01",
            "last_parsed_time": (datetime.now(UTC) if is_read else NOW).isoformat(),
        }


@pytest.mark.parametrize("is_left", [False, True])
def test_a_paused_dag_is_unpaused_once_no_scheduled_run_is_next_and_paused_again(tmp_path, monkeypatch, is_left):
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    airflow = Reads("", "", tmp_path / "logs", schedules=True)
    airflow.is_left = is_left
    with airflow.unpaused():
        assert not airflow.paused
        airflow.pause_if_left()  # as the Airflow that runs looks every second
        assert not airflow.paused
    assert airflow.paused
    dag = "dags/greenery_weekly"
    asked = (f"GET {dag}/details", "PUT parseDagFile/token")
    assert airflow.calls == (
        *(f"GET {dag}", *asked, f"GET {dag}", f"GET {dag}", f"PATCH {dag} False"),
        *(f"PATCH {dag} True", *asked),  # so that the next run is known again
    )
    assert list(tmp_path.iterdir()) == []


def test_a_dag_that_is_not_paused_stays_so(tmp_path):
    airflow = Reads("", "", tmp_path / "logs", schedules=True)
    airflow.paused = False
    with airflow.unpaused():
        pass
    assert not airflow.paused
    assert airflow.calls == ("GET dags/greenery_weekly",)


def test_an_airflow_that_does_not_read_the_dag_keeps_it_paused(tmp_path, monkeypatch):
    monkeypatch.setattr(client, "READ_SECONDS", 0)
    airflow = Reads("", "", tmp_path / "logs", schedules=True)
    with pytest.raises(client.AirflowError, match="did not read greenery_weekly again"), airflow.unpaused():
        pass
    assert airflow.paused
    assert "PATCH dags/greenery_weekly False" not in airflow.calls


def test_a_dag_whose_command_was_killed_is_paused(tmp_path):
    airflow = Reads("", "", tmp_path / "logs", schedules=True)
    airflow.pause_if_left()
    assert airflow.calls == ()
    (tmp_path / "pause-again").touch()
    airflow.paused = False
    airflow.pause_if_left()
    assert airflow.paused
    assert list(tmp_path.iterdir()) == []


def test_the_checks_that_failed_are_printed_of_weeks_that_were_judged(settings, capsys):
    silenced = {"reason": "known", "owner": "web-team", "until": "2023-02-01"}
    for day, verdict in (("2023-01-11", "held"), ("2023-01-18", "held"), ("2023-01-25", "passed")):
        folder = settings.reports / day
        folder.mkdir(parents=True)
        failing = [
            check_result(f"critical_{day}"),
            check_result(f"warning_{day}", severity="warning", silenced=silenced),
        ]
        checks = (
            failing
            if verdict == "held"
            else [check_result(f"passed_{day}", passed=True), failing[1], check_result("dbt_test", rows=0)]
        )
        (folder / "quality.json").write_text(json.dumps(quality(day, *checks, verdict=verdict)))
    results.print_checks(
        settings,
        [
            runs.WeekResult(date(2023, 1, 11), "failed", failures=(runs.FailedTask("quality", "held"),)),
            runs.WeekResult(date(2023, 1, 18), "failed", failures=(runs.FailedTask("land", "a wrong value"),)),
            runs.WeekResult(date(2023, 1, 25), "success"),
        ],
    )
    printed = capsys.readouterr().out
    printed_lines = [line for line in printed.splitlines() if line.startswith("2023")]
    lines = {line.split()[0]: line for line in printed_lines if "dbt_test" not in line}
    assert "critical_2023-01-11" in printed
    assert "held" in lines["2023-01-11"] or "silenced" in lines["2023-01-11"]
    assert "27 of 430" in printed
    assert printed_lines[-1].split()[-2:] == ["web-team", "27"]
    assert "silenced" in lines["2023-01-25"]
    assert "2023-01-18" not in printed  # its quality.json is of an earlier run
    assert "passed_2023-01-25" not in printed
    results.print_checks(settings, [runs.WeekResult(date(2023, 1, 4), "success")])
    assert capsys.readouterr().out == ""


def test_a_week_that_stays_admitted_is_not_printed_as_held_and_one_fact_is_printed_once(settings, capsys):
    weeks = {"2023-01-11": False, "2023-01-18": True}
    for day, stays in weeks.items():
        warning = check_result("sessions_near_history", severity="warning", told_by="sessions_not_collapsed")
        judged = quality(day, check_result("sessions_not_collapsed"), warning) | {"stays_admitted": stays}
        (settings.reports / day).mkdir(parents=True)
        (settings.reports / day / "quality.json").write_text(json.dumps(judged))
    failure = runs.FailedTask("quality", "HeldError")
    results.print_checks(
        settings, [runs.WeekResult(date.fromisoformat(day), "failed", failures=(failure,)) for day in weeks]
    )
    lines = [line.split()[:3] for line in capsys.readouterr().out.splitlines() if line.startswith("2023")]
    assert lines == [
        ["2023-01-11", "held", "sessions_not_collapsed"],
        ["2023-01-18", "failed", "sessions_not_collapsed"],
    ]
