"""Which runs deliver, what a channel needs, and what the tasks make of it."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from greenery.channels import mail, records, sent, slack
from greenery.channels.channel import CHANNELS, EMAIL, PAGERDUTY, SLACK, problems, readiness
from greenery.channels.errors import PassingError, PermanentError
from greenery.channels.reference import Reference
from greenery.delivery import delivering
from greenery.delivery.delivering import NotDeliveredError
from greenery.documents import to_json
from greenery.files import write_atomically
from greenery.local_airflow.background import UI_PORT
from greenery.local_airflow.environment import environment
from greenery.messages import mail_message, slack_message
from greenery.messages.alert import Run
from greenery.messages.message import Attachment, MailMessage, SlackMessage
from greenery.messages.week_state import WeekState
from greenery.orchestration import sensors, tasks
from greenery.report import weeks
from greenery.settings import REPOSITORY

from tests.alerting import check_result, of_checks, quality
from tests.delivery.world import AS_OF, WEEK
from tests.program import greenery
from tests.servers.slack import CHANNEL, TOKEN
from tests.servers.smtp import PASSWORD
from tests.unit.digests import CORRECTION, DIGESTS
from tests.unit.summaries import PASSED


def test_a_scheduled_run_delivers(made):
    assert "was sent" in made.deliver("slack", "auto", is_scheduled=True)


def test_another_run_delivers_nothing_by_itself(made):
    with pytest.raises(NotDeliveredError, match="deliver is auto: this is no scheduled run, and the week is neither"):
        made.deliver("slack", "auto")
    assert made.slack.calls == []


def test_never_is_never(made):
    with pytest.raises(NotDeliveredError, match="deliver is never"):
        made.deliver("email", "never", is_scheduled=True)
    assert made.smtp.log == []


def test_any_run_delivers_what_is_owed_and_then_no_more(made):
    sent.owe(made.settings, AS_OF, "held: quality")
    for channel in ("slack", "email"):
        assert made.owed(channel)
        assert "was sent" in made.deliver(channel, "auto")
        assert not made.owed(channel)
    assert "nothing is sent" in made.deliver("slack", "auto")


def test_any_run_corrects_what_was_delivered_there(made):
    made.deliver("slack")
    made.report(checkouts=61)
    assert "was corrected" in made.deliver("slack", "auto")
    # Nobody has the week's mail, so nobody has a wrong one.
    with pytest.raises(NotDeliveredError):
        made.deliver("email", "auto")


def test_a_correction_says_what_changed_since_what_readers_have(made):
    def last() -> tuple[str, str]:
        reply = next(reply for reply in reversed(made.slack.thread(made.slack.messages()[0]["ts"])) if reply["text"])
        return reply["text"], made.smtp.mails[-1].message.get_body(("plain",)).get_content()

    def deliver() -> None:
        for channel in ("slack", "email"):
            made.deliver(channel)

    deliver()
    made.report(checkouts=61)  # a run that delivers nothing
    made.report(checkouts=62)
    deliver()
    for text in last():
        assert "share checked out" in text
        assert re.search("60.0% → 62.0%", text), text
    results = to_json(PASSED)
    write_atomically(made.settings.report_folder(AS_OF) / "quality.json", results)
    deliver()
    for text in last():
        assert "The figures are unchanged. Data quality: 2 of 2 checks passed" in " ".join(text.split())
        assert "→ 62.0%" not in text


def test_one_channel_that_is_off_is_skipped_and_owes_nothing(made):
    sent.owe(made.settings, AS_OF, "held: quality")
    made.set(AIRFLOW_CONN_GREENERY_EMAIL="")
    with pytest.raises(NotDeliveredError, match=r"add the connection greenery_email \(AIRFLOW_CONN_GREENERY_EMAIL\)"):
        made.deliver("email", "auto")
    assert not made.owed("email")
    assert made.owed("slack")
    assert not (made.settings.home / "outbox").exists()


@pytest.mark.parametrize(("channel", "setting"), [("slack", "GREENERY_SLACK_CHANNEL"), ("email", "GREENERY_EMAIL_TO")])
def test_a_used_channel_whose_connection_is_not_found_is_not_taken_for_switched_off(made, channel, setting):
    made.deliver(channel)
    made.report(checkouts=61)
    made.set(**{f"AIRFLOW_CONN_GREENERY_{channel.upper()}": ""})
    lost = f"the connection greenery_{channel} is not found, though digests went there before.*unset {setting}"
    with pytest.raises(PassingError, match=lost):
        made.deliver(channel, "auto")
    assert made.owed(channel)
    with pytest.raises(PassingError, match=lost):
        delivering.withdraw(made.settings, AS_OF, CHANNELS[channel], "prices in cents")
    made.set(**{setting: ""})
    with pytest.raises(NotDeliveredError, match="is off"):
        made.deliver(channel, "auto")
    assert not made.owed(channel)


def test_a_key_that_another_version_of_the_code_has_corrects_nothing(made):
    for channel in ("slack", "email"):
        made.deliver(channel)
    calls, mails = len(made.slack.calls), len(made.smtp.mails)
    file = made.settings.report_folder(AS_OF) / "summary.json"

    figures = json.loads(file.read_text(encoding="utf-8"))
    figures["verdict"] |= {"new_key": 1}
    write_atomically(file, json.dumps(figures))
    for channel in ("slack", "email"):
        assert "with the same figures: nothing is sent" in made.deliver(channel, "auto")
        assert "with this content: nothing is sent" in made.deliver(channel, "auto")
    assert (len(made.slack.calls), len(made.smtp.mails)) == (calls, mails)

    # A row that is only there now is a figure that differs.
    write_atomically(file, json.dumps(figures | {"trend": figures["trend"][1:]}))
    assert "was corrected" in made.deliver("slack", "auto")


def test_a_clock_that_was_set_back_changes_no_order(made, monkeypatch):
    for now, content in ((2_000_000, "a"), (1_000_000, "b")):
        monkeypatch.setattr(sent.time, "time_ns", lambda now=now: now)
        with sent.sending(made.settings, "digest", WEEK, "email", content) as sending:
            sending.finish(Reference())
    (last,) = sent.last_sent(made.settings, "digest", WEEK)
    assert last.content_hash == "b"


def test_content_that_comes_back_after_a_killed_send_is_compared_with_what_began_between(made):
    with sent.sending(made.settings, "digest", WEEK, "email", "a") as sending:
        sending.finish(Reference())
    with (
        pytest.raises(RuntimeError),
        sent.sending(made.settings, "digest", WEEK, "email", "b"),
    ):
        raise RuntimeError
    with sent.sending(made.settings, "digest", WEEK, "email", "a") as sending:
        assert (sending.corrects, sending.corrects_hash) == (True, "b")
        sending.finish(Reference())
    with sent.sending(made.settings, "digest", WEEK, "email", "c") as sending:
        assert (sending.corrects, sending.corrects_hash) == (True, "a")


def test_the_ledger_is_for_its_owner_only(made):
    made.deliver("slack")
    assert (made.settings.home / "delivery.sqlite").stat().st_mode & 0o777 == 0o600
    assert (made.settings.home / "delivery.locks").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("connection", "says"),
    [
        ({"password": "k" * 32, "extra": {"base_url": "http://proxy.example"}}, "begin it with https://"),
        ({"password": "k" * 32, "extra": ["base_url"]}, "is not a JSON object"),
        ({"extra": {"routing_key": "k" * 32}}, "into its password"),
        ({"password": "k" * 32, "extra": {"base_url": "http://localhost:1"}}, ""),
    ],
)
def test_what_is_wrong_about_pagerduty(made, connection, says):
    made.set(AIRFLOW_CONN_GREENERY_PAGERDUTY=json.dumps({"conn_type": "pagerduty_events", **connection}))
    wrong = readiness(made.settings, PAGERDUTY).wrong
    assert says in wrong
    assert bool(says) == bool(wrong)


def test_what_was_sent_last_is_last_whatever_the_clock_says(made, monkeypatch):
    for day, content in ((2, "a"), (1, "b")):
        monkeypatch.setattr(sent, "_now", lambda day=day: f"2023-02-0{day}T00:00:00+00:00")
        with sent.sending(made.settings, "digest", WEEK, "slack", content) as sending:
            sending.finish(Reference())
    with sent.sending(made.settings, "digest", WEEK, "slack", "b") as sending:
        assert sending is None


def test_the_rows_of_what_was_told_can_be_forgotten(made):
    made.deliver("email")
    found = quality(WEEK, check_result(examples=[{"id": "s-of-a-person"}]))
    (alert,) = of_checks(found, [], Run(week=WEEK, id="r", type="manual"))
    reference = Reference(message_id="<1>", state="resolved", alert=alert)
    with sent.sending(made.settings, "alert", "k", "email_alerts", "a") as sending:
        sending.finish(reference)
    path = made.settings.home / "delivery.sqlite"
    assert b"s-of-a-person" in path.read_bytes()
    assert sent.forget_rows(made.settings) == (1, 1)
    assert b"s-of-a-person" not in path.read_bytes()
    (known,) = sent.messages(made.settings, "alert", "k")
    assert known.reference == reference.model_copy(update={"alert": alert.model_copy(update={"examples": ()})})
    assert sent.forget_rows(made.settings) == (0, 0)
    made.report(checkouts=61)
    made.deliver("email", "auto")
    text = made.smtp.mails[-1].message.get_body(("plain",)).get_content()
    assert "The earlier content is no longer known" in " ".join(text.split())


def test_a_lock_is_waited_for_within_a_bound(made, monkeypatch):
    monkeypatch.setattr(records, "MESSAGE_LOCK_SECONDS", 0.5)
    with (
        sent.sending(made.settings, "digest", WEEK, "slack", "a"),
        pytest.raises(PassingError, match="another process has been sending digest 2023-02-01 over slack"),
        sent.sending(made.settings, "digest", WEEK, "slack", "b"),
    ):
        raise AssertionError("two hold the lock")
    # Another message is not held up.
    with sent.sending(made.settings, "digest", WEEK, "email", "a") as sending:
        assert sending


@pytest.mark.parametrize(
    ("variables", "channel", "says"),
    [
        ({"GREENERY_SLACK_CHANNEL": "#weekly"}, SLACK, "GREENERY_SLACK_CHANNEL=#weekly is not a channel id"),
        ({"AIRFLOW_CONN_GREENERY_SLACK": "{not json"}, SLACK, "AIRFLOW_CONN_GREENERY_SLACK is not read"),
        ({"AIRFLOW_CONN_GREENERY_SLACK": '{"password": "secret-9"}'}, SLACK, "is not a Slack token"),
        ({"GREENERY_EMAIL_TO": "ada@shop.example, bo"}, EMAIL, "'bo' is not an address"),
        ({"GREENERY_EMAIL_FROM": ""}, EMAIL, "set GREENERY_EMAIL_FROM"),
        ({"AIRFLOW_CONN_GREENERY_EMAIL": '{"extra": {"disable_ssl": true}}'}, EMAIL, "has no host"),
        ({"AIRFLOW_CONN_GREENERY_EMAIL": '{"host": "mail.example"}'}, EMAIL, "asks for TLS twice"),
        (
            {"AIRFLOW_CONN_GREENERY_EMAIL": "smtp://a:b@mail.example:587?disable_ssl=true&disable_tls=false"},
            EMAIL,
            "URI",
        ),
        (
            {
                "AIRFLOW_CONN_GREENERY_EMAIL": json.dumps(
                    {"host": "mail.example", "password": "p", "extra": {"disable_ssl": True, "disable_tls": True}}
                )
            },
            EMAIL,
            "in the clear",
        ),
        ({"AIRFLOW_CONN_GREENERY_EMAIL": '{"host": "mail.example", "extra": [1]}'}, EMAIL, "is not a JSON object"),
        (
            {"AIRFLOW_CONN_GREENERY_SLACK": '{"password": "xoxb-1", "extra": {"base_url": "http://proxy.example/"}}'},
            SLACK,
            "is http://proxy.example/: begin it with https://",
        ),
    ],
)
def test_what_is_wrong_is_seen_without_asking_and_fails_the_channel(made, variables, channel, says):
    made.set(**variables)
    assert says in readiness(made.settings, channel).wrong
    assert says in " ".join(problems(made.settings))
    assert "secret-9" not in " ".join(problems(made.settings))
    with pytest.raises(PermanentError, match="can't be used"):
        made.deliver(channel.name)
    assert made.owed(channel.name)


@pytest.mark.parametrize(("variable", "channel"), [("GREENERY_SLACK_CHANNEL", SLACK), ("GREENERY_EMAIL_TO", EMAIL)])
def test_a_missing_setting_switches_its_channel_off(made, variable, channel):
    made.set(**{variable: ""})
    assert readiness(made.settings, channel).off == f"{channel.name} is off: set {variable} to use the connection."


# The tasks


def context(run_type: str = "backfill", deliver: str = "always", withdraw: str | None = None) -> dict:
    end = AS_OF.replace(tzinfo=UTC)
    return {
        "data_interval_end": end,
        "dag_run": SimpleNamespace(run_type=run_type, run_after=end),
        "params": {"withdraw": withdraw, "deliver": deliver},
    }


deliver_task = tasks.deliver.function


def test_the_task_delivers(made):
    assert "was sent" in deliver_task("slack", **context())


def test_the_task_is_skipped_where_nothing_is_to_be_sent(made):
    with pytest.raises(AirflowSkipException, match="deliver is auto"):
        deliver_task("slack", **context(deliver="auto"))
    with pytest.raises(AirflowSkipException, match="nobody has its digest in slack"):
        deliver_task("slack", **context(withdraw="prices in cents"))


def test_who_has_the_digest_of_a_withdrawn_week_is_told_and_gets_it_again(made):
    for channel in ("slack", "email"):
        made.deliver(channel)
    with pytest.raises(AirflowSkipException, match="never"):
        deliver_task("slack", **context(deliver="never", withdraw="prices in cents"))
    for channel in ("slack", "email"):
        assert "is withdrawn" in deliver_task(channel, **context(deliver="auto", withdraw="prices in <cents>"))
        assert "nothing is sent" in deliver_task(channel, **context(deliver="auto", withdraw="prices in <cents>"))
    (message,) = made.slack.messages()
    said = "the week to 1 Feb 2023 is withdrawn: prices in &lt;cents&gt;."
    assert said in message["text"]
    assert "60.0%" not in json.dumps(message["blocks"])
    assert said in made.slack.thread(message["ts"])[-1]["text"]
    assert [mail.message["Subject"][:10] for mail in made.smtp.mails] == ["Greenery w", "Withdrawn:"]
    write_weeks(made)
    (week,) = weeks.listed(made.settings)
    delivered = week.delivered
    assert [line.endswith("UTC (as withdrawn)") for line in delivered] == [True, True]

    # It is brought back as it was.
    for channel in ("slack", "email"):
        assert "was corrected" in deliver_task(channel, **context(deliver="auto"))
    (message,) = made.slack.messages()
    assert "60.0%" in message["text"]
    text = " ".join(made.smtp.mails[-1].message.get_body(("plain",)).get_content().split())
    assert "replaces the mail sent before. It said that the week is withdrawn: prices in <cents>." in text


def test_the_task_is_not_tried_again_where_that_does_not_help(made):
    made.set(GREENERY_SLACK_CHANNEL="C0NOWHERE99")
    with pytest.raises(AirflowFailException, match="channel_not_found"):
        deliver_task("slack", **context())


def test_a_scheduled_run_owes_its_digest_from_its_start(made):
    sensors.announce(made.settings, AS_OF, is_scheduled=False)
    assert not sent.owed(made.settings, AS_OF)
    sensors.announce(made.settings, AS_OF, is_scheduled=True)
    assert sent.owed_digests(made.settings)[AS_OF.date()] == dict.fromkeys(
        ("email", "slack"), "its scheduled run has not delivered it"
    )


def test_nothing_about_delivery_stops_a_run(made, caplog):
    made.set(GREENERY_SLACK_CHANNEL="#weekly")
    sensors.announce(made.settings, AS_OF, is_scheduled=True)
    assert "GREENERY_SLACK_CHANNEL=#weekly is not a channel id" in caplog.text
    (made.settings.home / "delivery.sqlite").write_bytes(b"spoiled" * 1000)
    sensors.announce(made.settings, AS_OF, is_scheduled=True)
    assert "delivery can't be prepared" in caplog.text


# Where it is seen


def write_weeks(made):
    week = WeekState(as_of=AS_OF.date(), state="admitted", published=True, has_report=True)
    write_atomically(made.settings.reports / "weeks.json", json.dumps([week.document()]))


def test_the_list_of_weeks_says_where_it_was_delivered_and_where_it_is_owed(made, capsys):
    write_weeks(made)
    sent.owe(made.settings, AS_OF, "its extract was late")
    deliver_task("slack", **context(deliver="auto"))
    now = datetime.now(UTC)
    html = (made.settings.reports / "index.html").read_text()
    assert any(f"slack {moment:%Y-%m-%d %H:%M} UTC" in html for moment in (now, now - timedelta(minutes=1)))
    assert "owed in email: its extract was late" in html
    assert f"make backfill FROM={WEEK} TO={WEEK} GREENERY_HOME={made.settings.home}" in html
    assert greenery("status") == 0
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "delivered" in printed
    assert "owed in" in printed


def test_the_doctor_asks_each_channel(made, capsys):
    made.settings.extracts.mkdir()
    made.settings.home.chmod(0o700)
    assert greenery("doctor") == 0, capsys.readouterr().out
    printed = capsys.readouterr().out
    assert "ok   slack: posts to #weekly of Greenery" in printed
    assert "ok   email: logs in, sends to ada@shop.example, bo@shop.example" in printed
    made.slack.channels[CHANNEL]["is_member"] = False
    made.smtp.password = "changed"
    made.set(GREENERY_WEEK_ENDS_ON="friday")
    assert greenery("doctor") == 1
    printed = capsys.readouterr().out
    assert "FIX  slack: Slack refuses" in printed
    assert "/invite" in printed
    assert "FIX  email: The mail server of greenery_email refuses the login" in printed
    assert PASSWORD not in printed


def test_the_doctor_sees_a_connection_that_was_made_in_the_ui(made):
    made.set(AIRFLOW_CONN_GREENERY_EMAIL="", GREENERY_SLACK_CHANNEL="", SSL_CERT_FILE="")
    made.set(GREENERY_ALERT_EMAIL_TO="oncall@shop.example", AIRFLOW_CONN_GREENERY_EMAIL_ALERTS="")
    settings = made.settings
    env = {
        **os.environ,
        **environment(settings, port=UI_PORT, execution_port=0),
        "PYTHONPATH": str(REPOSITORY / "include"),
    }
    script = (
        "from airflow import settings; from airflow.models import Connection; from sqlalchemy.orm import Session; "
        "from airflow.models.base import Base; Base.metadata.create_all(settings.engine); "
        "session = Session(settings.engine); "
        "[session.add(Connection(f'greenery_{name}', conn_type='smtp', host='127.0.0.1', port=9, "
        'extra=\'{"disable_tls": true, "disable_ssl": true}\')) for name in ("email", "email_alerts")]; '
        "session.commit()"
    )
    subprocess.run([sys.executable, "-c", script], env=env, check=True, timeout=120)
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY / "include")}
    child = subprocess.run(
        [sys.executable, "-m", "greenery.cli.app", "doctor"],
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    printed = child.stdout + child.stderr
    assert "FIX  email: The mail server of greenery_email can't be used now" in child.stdout, printed
    assert re.search("FIX  email_alerts: .*Put greenery_email_alerts into the environment", child.stdout), printed


# What must not get out, and what must arrive as it is


def test_no_secret_is_logged_or_kept(made, caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("mail.log").setLevel(logging.ERROR)  # the test server's own
    for channel in ("slack", "email"):
        made.deliver(channel)
    made.slack.token, made.smtp.password = "xoxb-another", "changed"
    made.report(checkouts=61)
    errors = []
    for channel in ("slack", "email"):
        with pytest.raises(PermanentError) as raised:
            made.deliver(channel)
        errors.append(f"{raised.value} {raised.value.__cause__}")
    made.set(AIRFLOW_CONN_GREENERY_SLACK="", AIRFLOW_CONN_GREENERY_EMAIL="")
    made.set(GREENERY_SLACK_CHANNEL="", GREENERY_EMAIL_TO="")
    for channel in ("slack", "email"):
        made.deliver(channel)
    kept = b"".join(path.read_bytes() for path in made.settings.home.rglob("*") if path.is_file())
    for secret in (TOKEN, PASSWORD):
        assert secret not in caplog.text
        assert secret not in " ".join(errors)
        assert secret.encode() not in kept


def test_a_correction_goes_where_the_message_is(made):
    made.deliver("slack")
    made.slack.channels["C0ANOTHER22"] = {"name": "another", "is_member": True}
    made.set(GREENERY_SLACK_CHANNEL="C0ANOTHER22")
    made.report(checkouts=61)
    made.deliver("slack", "auto")
    assert "61.0%" in made.slack.messages()[0]["text"]
    assert made.slack.messages("C0ANOTHER22") == []
    made.slack.channels[CHANNEL]["is_archived"] = True
    made.report(checkouts=62)
    made.deliver("slack", "auto")
    assert "62.0%" in made.slack.messages("C0ANOTHER22")[0]["text"]


def test_every_kind_of_digest_is_taken(made):
    for name, digest in DIGESTS.items():
        with sent.sending(made.settings, "digest", name, "slack", digest.content_hash) as sending:
            sending.finish(slack.send("greenery_slack", CHANNEL, slack_message.render(digest), sending))
        with sent.sending(made.settings, "digest", name, "email", digest.content_hash) as sending:
            message = mail_message.render(digest, CORRECTION)
            mail.send("greenery_email", made.settings.email_to, made.settings.email_from, message, sending)
    assert len(made.slack.messages()) == len(made.smtp.mails) == len(DIGESTS)
    texts = " ".join(message["text"] for message in made.slack.messages())
    assert "<!" not in texts  # nobody is called


HOSTILE = 'Fern "<script>alert(1)</script>" & *bold* _it_ ~no~ <!channel> \u202egnirts\u202c \U0001f33f ' + "x" * 300


def test_hostile_text_arrives_as_it_was_rendered(made):
    block = {"type": "section", "text": {"type": "plain_text", "text": HOSTILE, "emoji": False}}
    file = Attachment('changes \U0001f33f "<a>" & b.csv', b"a\n", "text/csv")
    with sent.sending(made.settings, "digest", WEEK, "slack", "a") as sending:
        message = SlackMessage(HOSTILE, [block], thread_files=(file,))
        reference = slack.send("greenery_slack", CHANNEL, message, sending)
    (posted,) = made.slack.messages()
    assert (posted["text"], posted["blocks"]) == (HOSTILE, [block])
    assert made.slack.thread(reference.ts)[0]["files"][0]["name"] == file.name

    with sent.sending(made.settings, "digest", WEEK, "email", "a") as sending:
        message = MailMessage(f"{HOSTILE}\r\nBcc: eve@example.com", HOSTILE, f"<p>{HOSTILE}</p>", attachments=(file,))
        mail.send("greenery_email", made.settings.email_to, made.settings.email_from, message, sending)
    received = made.smtp.mails[0].message
    # The standard library may move a space when it folds a long subject.
    assert "".join(received["Subject"].split()) == "".join(f"{HOSTILE}Bcc:eve@example.com".split())
    assert received["Bcc"] is None
    assert received.get_body(("plain",)).get_content().strip() == HOSTILE
    assert next(received.iter_attachments()).get_filename() == file.name
