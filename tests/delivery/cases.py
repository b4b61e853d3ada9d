"""The cases of delivery: each plays one, asserts what must hold, and returns what was done and what the server saw."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from greenery.channels import sent
from greenery.channels.errors import PassingError, PermanentError

from tests.delivery.world import AS_OF, READERS, WEEK, World
from tests.servers import slack, smtp
from tests.servers.slack import Fault

POST, UPDATE, SHARE = "chat.postMessage", "chat.update", "files.completeUploadExternal"


@dataclass(frozen=True)
class Case:
    """A case: its channel, a sentence that names it, and the function that plays it."""

    channel: str
    name: str
    play: Callable[[World], str]


CASES: list[Case] = []


def case(channel: str, name: str) -> Callable[[Callable[[World], str]], Callable[[World], str]]:
    def register(play: Callable[[World], str]) -> Callable[[World], str]:
        CASES.append(Case(channel, name, play))
        return play

    return register


def channel_shows(world: World, messages: int = 1, replies: int = 1) -> dict:
    """Check how many messages people see and what the newest thread holds; return the newest message."""
    assert len(world.slack.messages()) == messages, world.slack.messages()
    message = world.slack.messages()[-1]
    assert len(world.slack.thread(message["ts"])) == replies, world.slack.thread(message["ts"])
    return message


def saw(world: World) -> str:
    """Return what the server saw, in short."""
    counts = {method: world.slack.methods().count(method) for method in (POST, UPDATE, "conversations.history")}
    calls = ", ".join(f"{count} {method}" for method, count in counts.items() if count)
    threads = sum(len(world.slack.thread(message["ts"])) for message in world.slack.messages())
    return f"{calls}; the channel shows {len(world.slack.messages())} message(s), {threads} in threads"


def got(world: World) -> str:
    """Return what the mail server saw, in short."""
    ids = {mail.message["Message-ID"] for mail in world.smtp.mails}
    return f"{len(world.smtp.mails)} mail(s), {len(ids)} Message-ID(s): {'; '.join(world.smtp.log)}"


# Slack


@case("slack", "first delivery")
def first_message(world: World) -> str:
    assert "was sent in slack" in world.deliver("slack")
    message = channel_shows(world)
    shown = [block["slack_file"]["id"] for block in message["blocks"] if block["type"] == "image"]
    assert [world.slack.files[file_id]["name"] for file_id in shown] == ["funnel.png"]
    assert world.slack.thread(message["ts"])[0]["files"][0]["name"] == "order_changes.csv"
    assert message["metadata"]["event_payload"]["key"] == f"digest.{WEEK}.slack"
    assert "60.0% of sessions checked out" in message["text"]
    return saw(world)


@case("slack", "run again with the same content")
def same_message(world: World) -> str:
    world.deliver("slack")
    calls = len(world.slack.calls)
    assert "nothing is sent" in world.deliver("slack")
    assert len(world.slack.calls) == calls
    return saw(world)


@case("slack", "run again with other content")
def updated_message(world: World) -> str:
    world.deliver("slack")
    world.report(checkouts=61)
    assert "was corrected in slack" in world.deliver("slack")
    message = channel_shows(world, replies=3)
    assert message["edited"]
    assert "61.0%" in message["text"]
    note, file = world.slack.thread(message["ts"])[1:]
    assert note["text"].startswith("Restated.")
    assert file["files"]
    return saw(world)


@case("slack", "and back to the content before")
def updated_and_back(world: World) -> str:
    world.deliver("slack")
    world.report(checkouts=61)
    world.deliver("slack")
    world.report(checkouts=60)
    assert "was corrected" in world.deliver("slack")
    assert "60.0%" in channel_shows(world, replies=5)["text"]
    return saw(world)


@case("slack", "other content, but someone deleted the message")
def message_gone(world: World) -> str:
    world.deliver("slack")
    world.slack.delete(world.slack.messages()[0]["ts"])
    world.report(checkouts=61)
    world.deliver("slack")
    assert "61.0%" in channel_shows(world, replies=2)["text"]
    return saw(world)


@case("slack", "rate limited, Retry-After: 1")
def rate_limited(world: World) -> str:
    world.slack.faults[POST] = [Fault(429), Fault(429)]
    world.deliver("slack")
    channel_shows(world)
    assert world.slack.methods().count(POST) == 3
    return saw(world)


@case("slack", "500 before anything was done")
def server_error(world: World) -> str:
    world.slack.faults["files.getUploadURLExternal"] = [Fault(500)]
    world.slack.faults["upload"] = [Fault(503)]
    world.slack.faults[SHARE] = [Fault(500)]
    world.slack.faults[POST] = [Fault(500)]
    world.deliver("slack")
    channel_shows(world)
    return saw(world)


@case("slack", "500 after the message was posted")
def server_error_after(world: World) -> str:
    world.slack.faults[POST] = [Fault(500, done=True)]
    world.deliver("slack")
    channel_shows(world)
    assert world.slack.methods().count(POST) == 1
    return saw(world)


@case("slack", "the line is cut after the message was posted")
def line_cut(world: World) -> str:
    world.slack.faults[POST] = [Fault(slack.LOST, done=True)]
    world.slack.faults[SHARE] = [Fault(None), Fault(slack.LOST, done=True)]
    world.deliver("slack")
    channel_shows(world)
    return saw(world)


@case("slack", "no answer within the time limit, after the message was posted")
def timed_out(world: World) -> str:
    world.slack.faults[POST] = [Fault(None, done=True, delay=3)]
    world.deliver("slack")
    channel_shows(world)
    return saw(world)


@case("slack", "500 for as long as it is tried, then well again")
def down(world: World) -> str:
    world.slack.faults[POST] = [Fault(500)] * 50
    with pytest.raises(PassingError, match=r"Slack is busy: it answered 500"):
        world.deliver("slack")
    tried = world.slack.methods().count(POST)
    assert tried == 4
    assert world.owed("slack")
    world.slack.faults.clear()
    world.deliver("slack", "auto")
    channel_shows(world)
    assert not world.owed("slack")
    return f"{tried} tries, then PassingError and owed; the next run: {saw(world)}"


@case("slack", "no such channel")
def no_channel(world: World) -> str:
    world.set(GREENERY_SLACK_CHANNEL="C0NOWHERE99")
    with pytest.raises(PermanentError, match=r"channel C0NOWHERE99 .*channel_not_found\. Fix: .*invite the app"):
        world.deliver("slack")
    assert world.slack.methods().count(POST) == 1
    assert "was sent in email" in world.deliver("email")
    world.set(GREENERY_SLACK_CHANNEL=slack.CHANNEL)
    world.deliver("slack", "auto")
    assert "conversations.history" not in world.slack.methods()  # Slack said no: there is nothing to look for
    channel_shows(world)
    return f"refused with what to fix, the email went out; after the fix: {saw(world)}"


@case("slack", "the token was revoked")
def revoked(world: World) -> str:
    world.slack.token = "xoxb-another"
    with pytest.raises(PermanentError, match=r"invalid_auth\. Fix: the token is wrong"):
        world.deliver("slack")
    return f"refused with what to fix; {len(world.slack.calls)} call"


@case("slack", "the image is usable only some tries later")
def image_late(world: World) -> str:
    world.slack.file_delay = 2
    world.deliver("slack")
    channel_shows(world)
    assert world.slack.methods().count(POST) == 3
    return saw(world)


@case("slack", "killed after the message was posted, before it was written down")
def killed_after_post(world: World) -> str:
    world.killed("slack", at=POST)
    assert world.owed("slack")
    world.deliver("slack", "auto")
    channel_shows(world)
    assert world.slack.methods().count(POST) == 1
    return saw(world)


@case("slack", "the same, and the message is on the third page of the history")
def killed_and_buried(world: World) -> str:
    world.slack.page_size = 2
    world.killed("slack", at=POST)
    for number in range(4):
        world.slack.call("chat.postMessage", {"channel": slack.CHANNEL, "text": f"chatter {number}"})
    world.deliver("slack", "auto")
    found = [message for message in world.slack.messages() if message["metadata"]]
    assert len(found) == 1
    assert world.slack.methods().count("conversations.history") == 3
    return saw(world)


@case("slack", "the same, and the content changed meanwhile")
def killed_then_other_content(world: World) -> str:
    world.killed("slack", at=POST)
    world.report(checkouts=61)
    world.deliver("slack", "auto")
    message = channel_shows(world, replies=2)
    assert "61.0%" in message["text"]
    assert message["edited"]
    return saw(world)


@case("slack", "killed after the message was updated")
def killed_after_update(world: World) -> str:
    world.deliver("slack")
    world.report(checkouts=61)
    world.killed("slack", at=UPDATE)
    world.deliver("slack", "auto")
    message = channel_shows(world, replies=3)
    assert [reply["text"][:9] for reply in world.slack.thread(message["ts"]) if reply["text"]] == ["Restated."]
    return saw(world)


@case("slack", "killed after the note went into the thread")
def killed_after_note(world: World) -> str:
    world.deliver("slack")
    world.report(checkouts=61)
    world.killed("slack", at=POST)
    world.deliver("slack", "auto")
    channel_shows(world, replies=3)
    return saw(world)


def killed_in_thread(world: World) -> None:
    """Let a process deliver until the second file, the one of the thread, is shared."""

    def kill() -> None:
        world.children[-1].kill()
        world.children[-1].wait()

    world.slack.hooks[SHARE] = lambda: world.slack.hooks.update({SHARE: kill})
    child = world.start("slack")
    output = child.communicate(timeout=120)[0]
    assert child.returncode == -signal.SIGKILL, output
    assert world.slack.methods().count(SHARE) == 2


@case("slack", "killed after the file went into the thread")
def killed_after_share(world: World) -> str:
    killed_in_thread(world)
    world.deliver("slack", "auto")
    channel_shows(world)
    return saw(world)


@case("slack", "the same, and someone deleted the message meanwhile")
def killed_and_deleted(world: World) -> str:
    killed_in_thread(world)
    world.slack.delete(world.slack.messages()[0]["ts"])
    world.deliver("slack", "auto")
    channel_shows(world)
    return saw(world)


@case("slack", "two processes at once")
def two_processes(world: World) -> str:
    children = [world.start("slack") for _ in range(2)]
    outputs = [child.communicate(timeout=120)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0], outputs
    assert sorted("was sent" in output for output in outputs) == [False, True]
    channel_shows(world)
    return saw(world)


@case("slack", "Airflow's metadata is lost")
def metadata_lost(world: World) -> str:
    airflow = world.settings.home / "airflow"
    airflow.mkdir(parents=True)
    (airflow / "airflow.db").touch()
    world.deliver("slack")
    shutil.rmtree(airflow)
    assert "nothing is sent" in world.deliver("slack")
    channel_shows(world)
    return saw(world)


# Email


@case("email", "first delivery")
def first_mail(world: World) -> str:
    assert "was sent in email" in world.deliver("email")
    (mail,) = world.smtp.mails
    assert mail.to == list(READERS)
    assert world.smtp.log[0] == "AUTH PLAIN ok by TLS"
    types = [part.get_content_type() for part in mail.message.walk() if not part.is_multipart()]
    assert types == ["text/plain", "text/html", "image/png", "text/csv"]
    assert mail.message["List-Id"] == "Greenery weekly <weekly.greenery>"
    assert mail.message["Message-ID"].startswith(f"<digest.{WEEK}.email.")
    assert mail.message["References"] == f"<{WEEK}@shop.example>"
    assert mail.message["Date"]
    html = mail.message.get_body(("html",)).get_content()
    assert 'src="cid:funnel.png"' in html
    image = next(part for part in mail.message.walk() if part.get_content_type() == "image/png")
    assert image["Content-ID"] == "<funnel.png>"
    return got(world)


@case("email", "run again with the same content")
def same_mail(world: World) -> str:
    world.deliver("email")
    assert "nothing is sent" in world.deliver("email")
    assert len(world.smtp.mails) == 1
    return got(world)


@case("email", "run again with other content")
def correction(world: World) -> str:
    world.deliver("email")
    world.report(checkouts=61)
    world.deliver("email")
    first, second = (mail.message for mail in world.smtp.mails)
    assert second["Subject"].startswith("Correction: ")
    assert second["In-Reply-To"] == first["Message-ID"]
    assert second["References"].split() == [first["References"], first["Message-ID"]]
    assert second["Message-ID"] != first["Message-ID"]
    return got(world)


@case("email", "and back to the content before")
def correction_back(world: World) -> str:
    for checkouts in (60, 61, 60):
        world.report(checkouts)
        world.deliver("email")
    assert len({mail.message["Message-ID"] for mail in world.smtp.mails}) == 3
    return got(world)


@case("email", "451, try again later")
def later(world: World) -> str:
    world.smtp.faults = ["451 4.3.0 try again later", "421 4.7.0 busy"]
    world.deliver("email")
    assert len(world.smtp.mails) == 1
    return got(world)


@case("email", "451 for one receiver (greylisting)")
def greylisted(world: World) -> str:
    world.smtp.refused[READERS[1]] = ["450 4.2.0 greylisted"]
    world.deliver("email")
    assert [mail.to for mail in world.smtp.mails] == [[READERS[0]], [READERS[1]]]
    return got(world)


@case("email", "the line is cut after the mail was taken")
def mail_line_cut(world: World) -> str:
    world.smtp.faults = [smtp.LOST]
    world.deliver("email")
    first, second = (mail.message for mail in world.smtp.mails)
    assert first["Message-ID"] == second["Message-ID"]
    return got(world)


@case("email", "killed after the mail was taken, before it was written down")
def killed_after_mail(world: World) -> str:
    world.killed("email", at="")
    assert world.owed("email")
    world.deliver("email", "auto")
    first, second = (mail.message for mail in world.smtp.mails)
    assert first["Message-ID"] == second["Message-ID"]
    assert not second["Subject"].startswith("Correction")
    return got(world)


@case("email", "550 5.7.1")
def policy(world: World) -> str:
    world.smtp.faults = ["550 5.7.1 relaying denied"]
    with pytest.raises(PermanentError, match=r"550 5\.7\.1 relaying denied\. Fix: let this login send"):
        world.deliver("email")
    assert len(world.smtp.log) == 2
    assert "was sent in slack" in world.deliver("slack")
    world.deliver("email", "auto")
    assert not world.smtp.mails[0].message["Subject"].startswith("Correction")
    return f"refused with what to fix, Slack went out; after the fix: {got(world)}"


@case("email", "the sender is refused")
def sender_refused(world: World) -> str:
    world.smtp.sender_refused = "553 5.7.1 not your address"
    with pytest.raises(PermanentError, match=r"refuses the sender weekly@shop\.example.*GREENERY_EMAIL_FROM"):
        world.deliver("email")
    return "refused with what to fix"


@case("email", "wrong password")
def wrong_password(world: World) -> str:
    world.smtp.password = "changed"
    with pytest.raises(PermanentError, match=r"refuses the login.*correct login and password"):
        world.deliver("email")
    return f"refused with what to fix: {'; '.join(world.smtp.log)}"


@case("email", "one receiver does not exist")
def one_receiver_refused(world: World) -> str:
    world.smtp.refused[READERS[1]] = "550 5.1.1 no such user"
    with pytest.raises(PermanentError, match=rf"refuses {READERS[1]} \(550 5.1.1 no such user\).*sent to {READERS[0]}"):
        world.deliver("email")
    assert world.owed("email")
    world.set(GREENERY_EMAIL_TO=f"{READERS[0]},cy@shop.example")
    world.deliver("email", "auto")
    assert [mail.to for mail in world.smtp.mails] == [[READERS[0]], ["cy@shop.example"]]
    assert not world.owed("email")
    return f"named; after the fix only the new receiver gets it: {got(world)}"


@case("email", "the server's certificate is not trusted")
def not_trusted(world: World) -> str:
    world.set(SSL_CERT_FILE="")
    with pytest.raises(PermanentError, match=r"certificate that this machine does not trust.*SSL_CERT_FILE"):
        world.deliver("email")
    assert world.smtp.log == []
    return "refused with what to fix; no login, no mail"


@case("email", "the server is down, then up again")
def server_down(world: World) -> str:
    connection = world.smtp.connection()
    world.set(AIRFLOW_CONN_GREENERY_EMAIL=connection.replace(str(world.smtp.port), "1"))
    with pytest.raises(PassingError, match=r"takes no mail after 4 tries: .*refused"):
        world.deliver("email")
    world.set(AIRFLOW_CONN_GREENERY_EMAIL=connection)
    world.deliver("email", "auto")
    return f"4 tries, then PassingError and owed; the next run: {got(world)}"


@case("email", "two processes at once")
def two_mail_processes(world: World) -> str:
    children = [world.start("email") for _ in range(2)]
    outputs = [child.communicate(timeout=120)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0], outputs
    assert len(world.smtp.mails) == 1
    return got(world)


# Both


@case("both", "nothing is connected")
def nothing_connected(world: World) -> str:
    world.set(AIRFLOW_CONN_GREENERY_SLACK="", AIRFLOW_CONN_GREENERY_EMAIL="")
    for channel in ("slack", "email"):
        assert f"add the connection greenery_{channel}" in world.deliver(channel)
    outbox = world.settings.home / "outbox"
    assert {path.name for path in outbox.iterdir()} == {f"digest-{WEEK}", f"digest-{WEEK}.eml", f"digest-{WEEK}.json"}
    assert not sent.owed(world.settings, AS_OF)
    assert (world.slack.calls, world.smtp.log) == ([], [])
    return "nothing; `outbox/` holds the mail (.eml) and the Slack message (.json) with its files"
