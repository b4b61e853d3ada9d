"""One incident a check and week: opened, updated and resolved once on every channel, whatever becomes of the others."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pagerduty
import pytest
from greenery.alerts import incidents, sending
from greenery.alerts.incidents import Outcome
from greenery.channels import sent
from greenery.messages.alert import TaskFailure
from greenery.settings import Settings

from tests.alerting import GOOD, HELD, WEEK, check_result, judged
from tests.servers.pagerduty import ROUTING_KEY, PagerDuty, running_pagerduty

KEY = "greenery/2025-01-22/sessions_unique"


@pytest.fixture
def page(monkeypatch) -> Iterator[PagerDuty]:
    monkeypatch.setattr(pagerduty.EventsApiV2Client, "sleep_timer", 0.01)
    with running_pagerduty() as server:
        connection = {"conn_type": "pagerduty_events", "password": ROUTING_KEY, "extra": {"base_url": server.url}}
        monkeypatch.setenv("AIRFLOW_CONN_GREENERY_PAGERDUTY", json.dumps(connection))
        yield server


def outcome(home: Settings, number: int = 1, type: str = "scheduled", **changes) -> Outcome:
    run = incidents.run_of(home, WEEK, f"{type}__{number}", type, "https://airflow.example/r")
    failed = TaskFailure(task="quality", reason="AirflowFailException: held", log="https://airflow.example/log")
    return Outcome(**{"run": run, "states": HELD, "failures": [failed], "judged": True} | changes)


def passed(home: Settings, type: str = "scheduled") -> Outcome:
    return outcome(home, 9, type, states=GOOD, failures=[])


def test_three_tries_are_one_incident_and_a_pass_resolves_it(home, page):
    judged(home, check_result())
    for number in (1, 2, 3):
        incidents.update(home, outcome(home, number), WEEK, notifies=True)
        incidents.update(home, outcome(home, number), WEEK, notifies=True)  # the task is tried again
    assert page.accepted() == [("trigger", KEY)] * 3
    assert page.calls[0].event["payload"]["severity"] == "critical"
    judged(home, check_result(passed=True), verdict="passed")
    incidents.update(home, passed(home, "backfill"), WEEK, notifies=False)
    incidents.update(home, passed(home), WEEK, notifies=True)
    assert page.accepted() == [("trigger", KEY)] * 3 + [("resolve", KEY)]
    assert page.incidents == {KEY: "resolved"}
    assert sending.open_incidents(home, "2025-01-22") == {}


def test_while_a_backfill_runs_nobody_is_paged(home, page):
    judged(home, check_result())
    incidents.update(home, outcome(home, type="backfill"), WEEK, notifies=False)
    assert page.calls == []
    incidents.update(home, outcome(home), WEEK, notifies=True)
    incidents.update(home, outcome(home, 2, "backfill"), WEEK, notifies=False)
    assert page.accepted() == [("trigger", KEY)]


def test_a_failure_that_comes_back_opens_the_incident_again(home, page):
    for fails in (True, False, True, False):
        judged(home, check_result(passed=not fails), verdict="held" if fails else "passed")
        incidents.update(home, outcome(home) if fails else passed(home), WEEK, notifies=True)
    assert page.accepted() == [("trigger", KEY), ("resolve", KEY)] * 2


def test_only_what_passed_is_resolved_while_another_check_fails(home, page):
    judged(home, check_result(), check_result("orders_unique"))
    incidents.update(home, outcome(home), WEEK, notifies=True)
    judged(home, check_result(passed=True), check_result("orders_unique"))
    incidents.update(home, outcome(home, 2), WEEK, notifies=True)
    assert page.incidents == {KEY: "resolved", "greenery/2025-01-22/orders_unique": "triggered"}
    # A run that never came to judge says nothing of the checks.
    crashed = [TaskFailure(task="land", reason="ExtractError: a wrong value")]
    incidents.update(
        home, outcome(home, 3, failures=crashed, states={"land": "failed"}, judged=False), WEEK, notifies=True
    )
    assert page.incidents["greenery/2025-01-22/orders_unique"] == "triggered"
    assert page.incidents["greenery/2025-01-22/task/land"] == "triggered"
    incidents.update(home, outcome(home, 4, states={**HELD, "land": "success"}), WEEK, notifies=True)
    assert page.incidents["greenery/2025-01-22/task/land"] == "resolved"


def test_failures_that_are_accepted_silenced_or_told_of_by_another_page_nobody_and_end_the_incident(home, page):
    for change in (
        {"told_by": "sessions_not_lost"},
        {"accepted": True},
        {"silenced": {"reason": "known", "owner": "web-team", "until": "2025-02-01"}},
    ):
        judged(home, check_result())
        incidents.update(home, outcome(home, str(change)), WEEK, notifies=True)
        assert page.incidents[KEY] == "triggered"
        calls = len(page.calls)
        judged(home, check_result(**change), verdict="accepted")
        incidents.update(home, passed(home), WEEK, notifies=True)
        assert page.incidents[KEY] == "resolved"
        assert len(page.calls) == calls + 1


def test_a_warning_pages_nobody_and_one_that_was_critical_ends_its_page(home, page):
    judged(home, check_result(severity="warning"), verdict="passed")
    incidents.update(home, passed(home), WEEK, notifies=True)
    assert page.calls == []
    assert (home.home / "outbox" / "alert-2025-01-22-sessions_unique.eml").exists()
    judged(home, check_result())
    incidents.update(home, outcome(home), WEEK, notifies=True)
    judged(home, check_result(severity="warning"), verdict="passed")
    incidents.update(home, passed(home), WEEK, notifies=True)
    assert page.incidents == {KEY: "resolved"}


def test_a_busy_pagerduty_is_tried_again_within_a_bound(home, page):
    judged(home, check_result())
    page.faults.extend([429, 500, 503])
    incidents.update(home, outcome(home), WEEK, notifies=True)
    assert [call.status for call in page.calls] == [429, 500, 503, 202]
    page.faults.extend([429] * 99)
    with pytest.raises(sending.NotSentError, match="PassingError: PagerDuty did not take the trigger") as raised:
        incidents.update(home, outcome(home, 2), WEEK, notifies=True)
    assert not raised.value.permanent
    assert len(page.calls) < 15


def test_a_refusing_pagerduty_says_what_to_fix_and_keeps_the_others_from_nothing(home, page, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_GREENERY_PAGERDUTY", json.dumps({"conn_type": "http", "password": "short"}))
    judged(home, check_result(), check_result("sessions_near_history", severity="warning"))
    with pytest.raises(sending.NotSentError, match="routing key of the connection greenery_pagerduty") as raised:
        incidents.update(home, outcome(home), WEEK, notifies=True)
    assert raised.value.permanent
    assert (home.home / "outbox" / "alert-2025-01-22-sessions_near_history.json").exists()


def test_a_page_whose_sender_was_killed_is_resolved_all_the_same(home, page, monkeypatch):
    judged(home, check_result())

    def die(self, reference):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sent.Sending, "finish", die)
        with pytest.raises(KeyboardInterrupt):
            incidents.update(home, outcome(home), WEEK, notifies=True)
    assert page.incidents == {KEY: "triggered"}
    judged(home, check_result(passed=True), verdict="passed")
    incidents.update(home, passed(home), WEEK, notifies=True)
    assert page.incidents == {KEY: "resolved"}


def test_without_any_connection_the_outbox_shows_what_would_be_sent(home):
    judged(home, check_result())
    incidents.update(home, outcome(home), WEEK, notifies=True)
    incidents.notify_held(home, outcome(home).run, WEEK)
    names = {path.name for path in (home.home / "outbox").iterdir()}
    assert names == {
        *(
            "alert-2025-01-22-sessions_unique.json",
            "alert-2025-01-22-sessions_unique.eml",
            "alert-2025-01-22-sessions_unique.pagerduty.json",
        ),
        *("held-2025-01-22.json", "held-2025-01-22.eml"),
    }
    assert sent.owed(home, WEEK)
    judged(home, check_result(passed=True), verdict="passed")
    incidents.update(home, passed(home), WEEK, notifies=True)
    assert "RESOLVED" in (home.home / "outbox" / "resolved-2025-01-22-sessions_unique.json").read_text()


def test_an_admitted_week_whose_rerun_fails_is_not_called_held(home):
    assert not incidents.is_held(home, WEEK)
    judged(home, check_result())
    assert incidents.is_held(home, WEEK)
    file = home.report_folder(WEEK) / "quality.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "stays_admitted": True}))
    assert not incidents.is_held(home, WEEK)
    (alert,) = incidents.update(home, outcome(home), WEEK, notifies=True)
    assert alert.held_back == "the data that this run built: all weeks stay published as they were"


def test_withdrawing_ends_the_incidents_of_its_week_and_says_that_it_did(home, page):
    judged(home, check_result())
    incidents.update(home, outcome(home), WEEK, notifies=True)
    withdrawn = {"states": GOOD, "judged": False, "withdrawn": "prices in cents"}
    failed = [TaskFailure(task="publish", reason="OSError: disk full")]
    incidents.update(home, outcome(home, 2, "manual", failures=failed, **withdrawn), WEEK, notifies=False)
    assert page.incidents == {KEY: "triggered"}
    run = outcome(home, 3, "manual", failures=[], **withdrawn)
    assert incidents.over(home, run, None, [], WEEK) == {
        KEY: "the manual run manual__3, which took the extract back (withdrawn: prices in cents)"
    }
    incidents.update(home, run, WEEK, notifies=True)
    assert page.incidents == {KEY: "resolved"}


def test_a_run_that_judged_nothing_says_nothing_of_the_checks(home, page):
    judged(home, check_result())
    incidents.update(home, outcome(home), WEEK, notifies=True)
    incidents.update(home, outcome(home, 2, states=GOOD, failures=[], judged=False), WEEK, notifies=True)
    assert page.incidents == {KEY: "triggered"}


def test_a_missing_extract_pages_once(home, page):
    missing = outcome(
        home, judged=False, failures=[TaskFailure(task="wait_for_extract", reason="no extract")], states={}
    )
    incidents.notify_late(home, WEEK, "scheduled__1", "https://airflow.example/r", "its run waits", waits=True)
    (alert,) = incidents.update(home, missing, WEEK, notifies=True)
    assert alert.severity == "warning"
    assert page.incidents == {"greenery/2025-01-22/late": "triggered"}


def test_a_missing_extract_that_nothing_has_paged_for_does(home, page):
    missing = outcome(
        home, judged=False, failures=[TaskFailure(task="wait_for_extract", reason="no extract")], states={}
    )
    incidents.update(home, missing, WEEK, notifies=True)
    assert page.incidents == {"greenery/2025-01-22/task/wait_for_extract": "triggered"}


@pytest.mark.parametrize("type", ["manual", "backfill"])
def test_a_run_that_a_person_started_without_an_extract_is_no_incident(home, page, type):
    failures = [TaskFailure(task="wait_for_extract", reason="AirflowFailException: no extract")]
    missing = outcome(home, type=type, judged=False, failures=failures, states={"wait_for_extract": "failed"})
    assert incidents.update(home, missing, WEEK, notifies=True) == []
    assert page.calls == []
    # What fails otherwise is told.
    landing = outcome(home, type=type, judged=False, failures=[TaskFailure(task="land", reason="a bug")], states={})
    incidents.update(home, landing, WEEK, notifies=True)
    assert page.incidents == {"greenery/2025-01-22/task/land": "triggered"}


def test_it_does_not_end_the_incident_of_a_scheduled_run(home, page):
    failures = [TaskFailure(task="wait_for_extract", reason="waited 24 hours")]
    states = {"wait_for_extract": "failed"}
    incidents.update(home, outcome(home, judged=False, failures=failures, states=states), WEEK, notifies=True)
    by_hand = outcome(home, 2, "manual", judged=False, failures=failures, states=states)
    incidents.update(home, by_hand, WEEK, notifies=True)
    assert page.incidents == {"greenery/2025-01-22/task/wait_for_extract": "triggered"}


def test_a_warning_says_whether_its_run_published_the_week(home):
    judged(home, check_result(severity="warning"), verdict="passed")
    crashed = outcome(
        home, states={"publish": "failed"}, failures=[TaskFailure(task="publish", reason="OSError: disk full")]
    )
    warning, _ = incidents.update(home, crashed, WEEK, notifies=False)
    assert "before it published" in warning.held_back
