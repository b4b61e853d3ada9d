"""The ledger of deliveries in the warehouse: what one host sent, another one knows, and one at a time sends."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

import pytest
from greenery.alerts import sending as alerting
from greenery.channels import records, sent
from greenery.channels.errors import PassingError, PermanentError
from greenery.channels.reference import Reference
from greenery.messages.alert import Run, of_missing_report
from greenery.settings import Settings
from greenery.warehouse.connection import UnavailableError
from tenacity import RetryError

from tests.snowflake import grammar

AS_OF = datetime(2023, 2, 1)
MESSAGE = ("digest", "2023-02-01", "slack")


@pytest.fixture(scope="module")
def hosts(snowflake, tmp_path_factory) -> tuple[Settings, Settings]:
    """Two hosts that share the warehouse and the folder of the reports, each with a home of its own."""
    folder = tmp_path_factory.mktemp("hosts")
    one = Settings(home=folder / "one", extracts=folder, target="snowflake", reports_in=folder / "reports")
    return one, replace(one, home=folder / "two")


def test_what_one_host_sent_the_other_does_not_send_again(hosts):
    one, two = hosts
    assert sent.last_of_each(two, "digest") == {}
    sent.owe(one, AS_OF, "late", ["slack", "email"])
    with sent.sending(one, *MESSAGE, "first") as sending:
        sent.keep_content(one, "first", {"sessions": 60})
        sending.keep(ts="1")
        sending.finish(Reference(channel="C1", ts="1"))
    assert sent.owed_digests(two) == {AS_OF.date(): {"email": "late"}}
    sent.owe(two, AS_OF, "held", ["email"])
    assert sent.owed_digests(one) == {AS_OF.date(): {"email": "held"}}
    sent.forgive(two, AS_OF, "email")
    assert not sent.owed(one, AS_OF)
    with sent.sending(two, *MESSAGE, "first") as again:
        assert again is None
    with sent.sending(two, *MESSAGE, "second") as correction:
        assert (correction.corrects_hash, correction.previous.ts) == ("first", "1")
        assert sent.content(two, correction.corrects_hash) == {"sessions": 60}
        correction.finish(Reference(channel="C1", ts="2"))
    (found,) = sent.last_sent(one, "digest", "2023-02-01")
    assert (found.content_hash, found.reference.ts) == ("second", "2")
    assert not (one.home / "delivery.sqlite").exists()


def test_of_two_hosts_that_insert_a_message_s_row_at_once_one_goes_on(hosts):
    """Inserts do not wait for each other, so the row of a message can be there twice."""
    one, two = hosts
    with records.open_ledger(one) as ledger:
        ledger.execute("insert into locks values ('digest 2023-02-08', '', '')")
    records._take(one, "digest 2023-02-08", "first")
    with records.open_ledger(two) as ledger:
        ledger.execute("insert into locks values ('digest 2023-02-08', '', '')")
    with pytest.raises(records._TakenError):
        records._take(two, "digest 2023-02-08", "second")


def test_what_a_killed_host_began_is_doubtful_and_what_was_refused_is_not(hosts):
    one, two = hosts
    with pytest.raises(KeyboardInterrupt), sent.sending(one, "alert", "week/check", "email_alerts", "a"):
        raise KeyboardInterrupt
    (message,) = sent.messages(two, "alert", "week/")
    assert (message.is_doubtful, message.reference) == (True, None)
    with sent.sending(two, "alert", "week/check", "email_alerts", "a") as sending:
        assert sending.doubtful
        sending.finish(Reference(state="open"))
    with pytest.raises(PermanentError), sent.sending(one, "alert", "week/check", "email_alerts", "b"):
        raise PermanentError("refused")
    (message,) = sent.messages(one, "alert", "week/")
    assert (message.is_doubtful, message.reference.state) == (False, "open")
    assert sent.has_sent(two, "alert", "email_alerts")
    assert not sent.has_sent(two, "alert", "slack_alerts")


def test_one_host_at_a_time_sends_a_message_and_a_dead_one_loses_its_lock(hosts, monkeypatch):
    one, two = hosts

    def other(settings, message, holder):
        taken.append(message)
        with pytest.raises(records._TakenError):
            records_take(settings, message, holder)
        raise records._TakenError

    taken: list[str] = []
    records_take = records._take
    with sent.sending(one, *MESSAGE, "third") as sending, monkeypatch.context() as patch:
        patch.setattr(records, "_take", other)
        patch.setattr(records, "_try", lambda _, take, *arguments: _once(take, *arguments))
        with pytest.raises(PassingError, match="another process has been sending digest 2023-02-01 over slack"):
            begin(two, "fourth")
        assert taken
        sending.finish(Reference(channel="C1", ts="3"))
    # It was given back. Then a process is killed: nobody gives its lock back, but it ends.
    records._take(two, taken[0], "dead")
    with pytest.raises(records._TakenError):
        records._take(one, taken[0], "alive")
    monkeypatch.setattr(records, "MESSAGE_LOCK_SECONDS", 0)
    records._take(one, taken[0], "alive")


def _once(take, *arguments) -> None:
    try:
        take(*arguments)
    except records._TakenError as error:
        raise RetryError(None) from error


def begin(settings: Settings, content_hash: str) -> None:
    with sent.sending(settings, *MESSAGE, content_hash):
        raise AssertionError("two hosts have the lock")


def test_snowflake_takes_the_statements_of_the_ledger(hosts, snowflake):
    of_ledger = re.compile(r"\b(sends|owed|locks)\b")
    texts = [text for text in snowflake.sent() if of_ledger.search(text)]
    assert len(texts) > 15
    assert {text: found for text in texts if (found := grammar.violations(text))} == {}


def test_people_hear_of_it_when_the_warehouse_can_not_be_opened(hosts, snowflake, monkeypatch):
    assert records.for_alerts(hosts[0]) is hosts[0]
    snowflake.use(account="")
    found = records.for_alerts(hosts[0])
    run = Run(week="2023-02-01", id="scheduled__1", type="scheduled")
    incident = of_missing_report(run, 12, "its run failed", waits=False)
    alerting.notify(found, [incident], "a scheduled run")
    assert list(alerting.open_incidents(found, incident.week)) == [incident.key]
    assert list((hosts[0].home / "outbox").iterdir())
    with pytest.raises(UnavailableError):
        sent.owed(hosts[0], AS_OF)
