"""An incident on a real Slack, mail and PagerDuty server: told once a run, updated in place, resolved everywhere."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pagerduty
import pytest
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied
from greenery.alerts import incidents, sending
from greenery.channels import sent
from greenery.channels.channel import CHANNELS, Readiness
from greenery.channels.reference import Reference
from greenery.cli import doctor
from greenery.messages import alert
from greenery.orchestration import deadline, sensors

from tests.alerting import ALERTS, DAY, DIGESTS, WEEK, Alerting, alerting, check_result
from tests.servers.slack import Fault

KEY = f"greenery/{DAY}/sessions_unique"


@pytest.fixture
def world(tmp_path, monkeypatch) -> Iterator[Alerting]:
    monkeypatch.setattr(pagerduty.EventsApiV2Client, "sleep_timer", 0.01)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example")
    with alerting(tmp_path) as made:
        yield made


def subjects(world: Alerting) -> list[str]:
    return [mail.message["Subject"].removeprefix("[greenery] ")[:8] for mail in world.smtp.mails]


def test_one_incident_across_three_tries_on_every_channel(world):
    for _ in range(3):
        world.run(check_result())
    assert world.page.accepted() == [("trigger", KEY)] * 3
    (message,) = world.slack.messages(ALERTS)
    assert [reply["text"] for reply in world.slack.thread(message["ts"], ALERTS)] == [
        "Still failing: the scheduled run scheduled__2",
        "Still failing: the scheduled run scheduled__3",
    ]
    assert subjects(world) == ["CRITICAL"]  # nothing else is wrong than was said: one mail
    assert world.smtp.mails[0].to == ["oncall@shop.example"]

    world.run(check_result(passed=True), type="backfill")
    assert world.page.incidents == {KEY: "resolved"}
    (message,) = world.slack.messages(ALERTS)
    assert "RESOLVED" in message["text"]
    assert world.slack.thread(message["ts"], ALERTS)[-1]["text"] == "Resolved by the backfill run backfill__4."
    assert subjects(world) == ["CRITICAL", "RESOLVED"]
    first, second = (mail.message for mail in world.smtp.mails)
    assert second["In-Reply-To"] == first["Message-ID"]

    calls = len(world.page.calls), len(world.slack.calls), len(world.smtp.mails)
    world.run(check_result(passed=True))
    assert (len(world.page.calls), len(world.slack.calls), len(world.smtp.mails)) == calls


def test_more_failing_rows_are_worth_another_mail(world):
    world.run(check_result())
    world.run(check_result(failing_rows=90, observed="90 of 430 rows fail"))
    assert subjects(world) == ["CRITICAL", "CRITICAL"]
    assert "90 of 430" in world.smtp.mails[1].message.get_body(("plain",)).get_content()


def test_one_failing_channel_keeps_no_other_from_being_told_and_is_told_later(world):
    world.page.faults.extend([500] * 99)
    with pytest.raises(sending.NotSentError, match="PagerDuty did not take") as raised:
        world.run(check_result())
    assert not raised.value.permanent
    assert len(world.slack.messages(ALERTS)) == len(world.smtp.mails) == 1
    world.page.faults.clear()
    world.slack.faults["chat.update"].append(Fault("channel_not_found"))
    world.run(check_result())
    assert world.page.accepted() == [("trigger", KEY)]
    assert subjects(world) == ["CRITICAL"]


def test_a_refusing_slack_does_not_keep_the_page_from_going_out(world):
    world.slack.channels[ALERTS]["is_member"] = False
    with pytest.raises(sending.NotSentError, match="not_in_channel") as raised:
        world.run(check_result(), check_result("orders_unique"))
    assert raised.value.permanent
    assert set(world.page.incidents.values()) == {"triggered"}
    assert len(world.page.incidents) == 2


def test_the_held_notice_goes_to_the_readers_once(world):
    world.run(check_result())
    run = incidents.run_of(world.settings, WEEK, "scheduled__1", "scheduled", "https://airflow.example/r")
    for _ in range(2):
        incidents.notify_held(world.settings, run, WEEK)
    (message,) = world.slack.messages(DIGESTS)
    assert "is held" in message["text"]
    held = [mail for mail in world.smtp.mails if mail.to == ["ada@shop.example"]]
    assert len(held) == 1
    assert "Owner: web-team" in held[0].message.get_body(("plain",)).get_content()


def late(world: Alerting, state: str = "its run is running") -> bool:
    return incidents.notify_late(world.settings, WEEK, "scheduled__1", "https://airflow.example/r", state, waits=True)


def test_a_report_that_is_missing_is_told_of_once(world):
    assert late(world)
    assert world.page.incidents == {f"greenery/{DAY}/late": "triggered"}
    assert "not landed" in world.page.calls[0].event["payload"]["custom_details"]["Observed"]
    late(world, "its run waits for the extract")
    assert len(world.page.calls) == len(world.slack.messages(ALERTS)) == len(world.smtp.mails) == 1
    assert sent.owed(world.settings, WEEK)


def test_nobody_is_woken_by_a_late_report_while_someone_is_on_it(world):
    world.run(check_result())
    assert not late(world)
    assert world.page.incidents == {KEY: "triggered"}
    assert sent.owed(world.settings, WEEK)


def test_a_held_week_that_could_page_nobody_pages_at_the_deadline(world):
    world.page.faults.extend([500] * 99)
    with pytest.raises(sending.NotSentError, match="PagerDuty did not take"):
        world.run(check_result())
    assert world.page.incidents == {}
    world.page.faults.clear()
    assert late(world)
    assert world.page.incidents == {f"greenery/{DAY}/late": "triggered"}


def test_where_pagerduty_is_off_another_channel_has_told_somebody(world):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AIRFLOW_CONN_GREENERY_PAGERDUTY")
        world.run(check_result())
        assert not late(world)


def test_a_week_that_a_silenced_check_holds_wakes_nobody_when_it_is_late(world):
    world.run(check_result(silenced={"reason": "known", "owner": "ana", "until": "2025-02-01"}))
    assert late(world)
    assert world.page.incidents == {}
    (message,) = world.slack.messages(ALERTS)
    assert message["text"].startswith("🟡 WARNING: the report is missing")


def test_a_late_week_has_a_command_only_where_its_run_has_ended(world):
    run = incidents.run_of(world.settings, WEEK, "scheduled__1", "scheduled", "")
    assert alert.of_missing_report(run, 12, "its run waits", waits=True).command == ""
    assert alert.of_missing_report(run, 12, "its run is failed", waits=False).command.startswith(
        f"make backfill FROM={DAY}"
    )


def test_the_held_notice_says_when_the_week_is_held_no_more(world):
    world.run(check_result())
    run = incidents.run_of(world.settings, WEEK, "scheduled__1", "scheduled", "https://airflow.example/r")
    incidents.notify_held(world.settings, run, WEEK)
    mails = len(world.smtp.mails)
    for _ in range(2):
        world.run(check_result(passed=True), type="backfill", tells=False)
    (message,) = world.slack.messages(DIGESTS)
    assert message["text"] == "✅ Greenery weekly: the week to 22 Jan 2025 is no longer held"
    assert "Ended by the backfill run" in json.dumps(message["blocks"])
    readers = [mail for mail in world.smtp.mails[mails:] if mail.to == ["ada@shop.example"]]
    assert readers == []


def test_who_could_not_be_told_that_the_report_is_late_is_told_at_the_next_look(world):
    world.page.faults.extend([500] * 99)
    with pytest.raises(sending.NotSentError, match="PagerDuty did not take"):
        late(world)
    world.page.faults.clear()
    assert late(world)
    assert world.page.accepted() == [("trigger", f"greenery/{DAY}/late")]
    assert len(world.slack.messages(ALERTS)) == len(world.smtp.mails) == 1


@pytest.fixture
def quick(monkeypatch) -> list[float]:
    """Make pauses short; return how long they would be."""
    pauses: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", pauses.append)
    return pauses


def deadline_of(run_type: str) -> dict:
    run = {"dag_run_id": "scheduled__1", "run_type": run_type, "state": "running"}
    return {"dag_run": run | {"data_interval_end": "2025-01-22T00:00:00Z"}}


def test_airflow_calls_once_so_the_deadline_tries_again_within_a_bound(world, quick):
    world.page.faults.extend([500] * 5)  # of a client's first try, with its four more
    deadline.missed(deadline_of("scheduled"))
    assert world.page.incidents == {f"greenery/{DAY}/late": "triggered"}
    assert 30 in quick


def test_a_channel_that_refuses_the_deadline_is_not_asked_again(world, quick):
    world.slack.channels[ALERTS]["is_member"] = False
    with pytest.raises(sending.NotSentError, match="not_in_channel"):
        deadline.missed(deadline_of("scheduled"))
    assert 30 not in quick


def test_a_scheduled_week_that_was_run_again_by_a_backfill_is_late_too(world):
    deadline.missed(deadline_of("backfill"))
    assert world.page.calls == []
    sent.owe(world.settings, WEEK, "its scheduled run has not delivered it")
    deadline.missed(deadline_of("backfill"))
    assert world.page.incidents == {f"greenery/{DAY}/late": "triggered"}


@pytest.fixture
def in_a_callback(world):
    """Deny connections that are not in the environment, as Airflow does in the callback of a deadline.

    What is deleted comes back before `world` restores the environment.
    """

    def read(connection_id: str):
        if f"AIRFLOW_CONN_{connection_id.upper()}" in os.environ:
            return real(connection_id)
        raise AirflowSecretsBackendAccessDenied(f"Access denied for connection {connection_id!r} by Execution API")

    real = BaseHook.get_connection
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseHook, "get_connection", staticmethod(read))
        yield patch


@pytest.mark.parametrize("name", ["SLACK_ALERTS", "EMAIL_ALERTS"])
def test_a_connection_that_a_callback_cannot_read_keeps_no_other_from_being_told(world, quick, in_a_callback, name):
    in_a_callback.delenv(f"AIRFLOW_CONN_GREENERY_{name}")
    with pytest.raises(sending.NotSentError, match=f"Put greenery_{name.lower()} into the environment") as raised:
        deadline.missed(deadline_of("scheduled"))
    assert len(raised.value.errors) == 1
    assert quick == []
    assert world.page.incidents == {f"greenery/{DAY}/late": "triggered"}
    told = len(world.slack.messages(ALERTS)), len(world.smtp.mails)
    assert told == ((0, 1) if name == "SLACK_ALERTS" else (1, 0))


def test_a_callback_that_cannot_know_of_pagerduty_tells_the_others(world, quick, in_a_callback, caplog):
    in_a_callback.delenv("AIRFLOW_CONN_GREENERY_PAGERDUTY")
    deadline.missed(deadline_of("scheduled"))
    assert len(world.slack.messages(ALERTS)) == len(world.smtp.mails) == 1
    assert "Put greenery_pagerduty into the environment" in caplog.text
    in_a_callback.undo()  # a task of a run that waits can read it
    assert late(world)
    assert world.page.incidents == {f"greenery/{DAY}/late": "triggered"}
    assert len(world.slack.messages(ALERTS)) == len(world.smtp.mails) == 1


@pytest.mark.parametrize("name", ["slack_alerts", "email_alerts", "pagerduty"])
def test_the_doctor_names_an_alert_connection_that_a_callback_cannot_read(world, in_a_callback, name):
    connection_id = CHANNELS[name].connection_id
    read, made_in_the_ui = BaseHook.get_connection, BaseHook.get_connection(connection_id)
    in_a_callback.delenv(f"AIRFLOW_CONN_{connection_id.upper()}")
    # The doctor reads connections of the metadata database, as a server of Airflow does.
    in_a_callback.setattr(
        BaseHook, "get_connection", staticmethod(lambda id: made_in_the_ui if id == connection_id else read(id))
    )
    found = {one.what: one for one in doctor.diagnoses(world.settings) if one.what in CHANNELS}
    assert {what: one.state for what, one in found.items()} == {**dict.fromkeys(CHANNELS, "ok"), name: "FIX"}
    assert "the alert that a digest is late comes from the callback of a deadline" in found[name].says
    assert (
        f"Put {connection_id} into the environment (AIRFLOW_CONN_{connection_id.upper()}) or into a secrets backend."
        in found[name].says
    )


def test_a_callback_that_can_reach_nobody_fails(world, quick, in_a_callback):
    for name in ("SLACK_ALERTS", "EMAIL_ALERTS", "PAGERDUTY"):
        in_a_callback.delenv(f"AIRFLOW_CONN_GREENERY_{name}")
    for setting in ("GREENERY_ALERT_CHANNEL", "GREENERY_ALERT_EMAIL_TO"):
        in_a_callback.delenv(setting)
    with pytest.raises(sending.NotSentError, match="Put greenery_pagerduty into the environment"):
        deadline.missed(deadline_of("scheduled"))
    assert not (world.settings.home / "outbox").exists()


@pytest.mark.parametrize("end", [None, "2025-01-23T00:00:00Z"])
def test_a_run_by_hand_that_ends_no_week_is_late_for_nobody(world, end):
    deadline.missed({"dag_run": deadline_of("manual")["dag_run"] | {"data_interval_end": end}})
    assert world.page.calls == []


def test_with_no_channel_for_digests_a_report_is_enough(world, monkeypatch):
    monkeypatch.setattr("greenery.channels.channel.readiness", lambda *_: Readiness(off="it is off"))
    folder = world.settings.report_folder(WEEK)
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text("{}")
    sensors.announce(world.settings, WEEK, is_scheduled=True)  # the run is cleared
    assert not late(world)


def test_a_delivered_week_whose_run_is_cleared_is_not_late(world):
    folder = world.settings.report_folder(WEEK)
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text("{}")
    for channel in ("slack", "email"):
        with sent.sending(world.settings, "digest", DAY, channel, "content") as begun:
            begun.finish(Reference())
    sensors.announce(world.settings, WEEK, is_scheduled=True)
    assert not late(world)
    assert world.page.calls == []


def test_an_incident_ends_on_channels_that_were_disconnected_since(world, monkeypatch):
    world.run(check_result())
    mails = len(world.smtp.mails)
    with monkeypatch.context() as patch:
        patch.delenv("AIRFLOW_CONN_GREENERY_PAGERDUTY")
        patch.delenv("GREENERY_ALERT_EMAIL_TO")
        world.run(check_result(passed=True))
    assert sending.open_incidents(world.settings, DAY) == {}
    (message,) = world.slack.messages(ALERTS)
    assert "RESOLVED" in message["text"]
    assert len(world.smtp.mails) == mails
    assert world.page.accepted() == [("trigger", KEY)]


def test_a_busy_channel_is_asked_once_a_try_and_holds_up_no_other(world):
    world.run(check_result("events_unique"))
    calls = len(world.page.calls)
    world.page.faults.extend([500] * 99)
    with pytest.raises(sending.NotSentError, match="PagerDuty did not take") as raised:
        world.run(check_result("events_unique", passed=True), *(check_result(name) for name in ("a", "b", "c")))
    assert len(raised.value.errors) == 1
    assert {call.event["dedup_key"] for call in world.page.calls[calls:]} == {f"greenery/{DAY}/a"}
    assert len(world.slack.messages(ALERTS)) == 4
    assert subjects(world) == ["CRITICAL"] * 4 + ["RESOLVED"]
    world.page.faults.clear()
    world.run(check_result("events_unique", passed=True), *(check_result(name) for name in ("a", "b", "c")))
    assert world.page.incidents[f"greenery/{DAY}/events_unique"] == "resolved"
    assert list(world.page.incidents.values()).count("triggered") == 3
