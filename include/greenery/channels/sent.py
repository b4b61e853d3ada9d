"""The ledger of sent messages, apart from the extracts and from Airflow's metadata: `<home>/delivery.sqlite`, or tables
in the warehouse where several hosts share one.

A message has a kind (digest, held, alert, notice), a subject (the week `2023-02-01`, or an incident's key) and a
channel (slack, email, slack_alerts, email_alerts, pagerduty). A send is recorded as begun before anything leaves, and
as sent after the channel accepted it. A send that began and never ended is doubtful: only the channel knows whether it
arrived.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from greenery.channels.channel import DIGEST_CHANNELS
from greenery.channels.errors import PermanentError
from greenery.channels.records import TABLES, found_in, is_there, ledger_file, message_lock, open_ledger
from greenery.channels.reference import Message, Parts, Reference, Sent
from greenery.files import write_atomically
from greenery.settings import Settings
from greenery.warehouse.connection import rows
from greenery.warehouse.sqlite import erase_free_pages, open_sqlite
from greenery.week import Week


@dataclass
class Sending:
    """One attempt to send a message. It holds the message's lock while its `sending` block runs.

    content_hash: the hash of the content to send.
    begun_at: when this attempt began.
    previous: the reference of the last completed send; None if the message was never sent.
    doubtful: whether an earlier attempt began and never ended, so that nobody knows whether it arrived.
    doubtful_since: when the first of these began.
    corrects: whether readers have, or may have, a version of the message with other content.
    corrects_hash: the hash of that version. It is the last content that was sent or, if that equals this content, the
        last content whose sending began. Empty if there is none.
    parts: the parts that an earlier attempt with this content has prepared or delivered; empty if there was none.
    has_arrived: whether this attempt is known to have delivered a part.
    """

    settings: Settings
    id: int
    kind: str
    subject: str
    channel: str
    content_hash: str
    begun_at: datetime
    previous: Reference | None
    doubtful: bool
    doubtful_since: datetime | None
    corrects: bool
    corrects_hash: str
    parts: Parts
    has_arrived: bool = False

    @property
    def key(self) -> str:
        """The name of the message, which does not depend on its content. Channels that can be searched get it too."""
        return f"{self.kind}.{self.subject}.{self.channel}"

    def keep(self, **parts: Any) -> None:
        """Record parts (fields of Parts) that have arrived, so that another attempt continues from there."""
        self.has_arrived = True
        self.prepare(**parts)

    def prepare(self, **parts: Any) -> None:
        """Record data (fields of Parts) that another attempt needs and that readers do not see yet."""
        self.parts = self.parts.model_copy(update=parts)
        with open_ledger(self.settings) as ledger:
            ledger.execute(
                "update sends set reference = $reference where id = $id",
                {"reference": _json(self.parts), "id": self.id},
            )

    def finish(self, reference: Reference) -> None:
        """Record that the message was sent, and where it is. Its digest is then no longer owed to the channel."""
        message = {"kind": self.kind, "subject": self.subject, "channel": self.channel}
        with open_ledger(self.settings) as ledger:
            ledger.execute(
                "update sends set state = 'sent', sent_at = $now, reference = $reference where id = $id",
                {"now": _now(), "reference": _json(reference), "id": self.id},
            )
            # This send replaces earlier attempts that never ended.
            ledger.execute(
                "delete from sends "
                "where kind = $kind and subject = $subject and channel = $channel and state = 'begun'",
                message,
            )
            if self.kind == "digest":
                ledger.execute("delete from owed where subject = $subject and channel = $channel", message)


@contextmanager
def sending(settings: Settings, kind: str, subject: str, channel: str, content_hash: str) -> Iterator[Sending | None]:
    """Hold the message's lock and yield the attempt to send this content; None if this content was sent last.

    The lock ends with the process that holds it, however it ends. If the block raises or its process is killed, the
    send stays unfinished, and the next one is doubtful. After a PermanentError it is not doubtful as long as nothing
    has arrived, because the channel refused the message.

    Raises PassingError if another process holds the message's lock for more than MESSAGE_LOCK_SECONDS.
    """
    with message_lock(settings, kind, subject, channel):
        known = _sends(settings, kind, subject, channel)
        completed = [_sent(row) for row in known if row.state == "sent"]
        last = completed[-1] if completed else None
        unfinished = [row for row in known if row.state == "begun"]
        if last and last.content_hash == content_hash and not unfinished:
            yield None
            return
        begun_at = _now()
        own = [row for row in unfinished if row.content_hash == content_hash]
        parts = Parts.model_validate_json(own[-1].reference) if own else Parts()
        begun_or_sent = [*(row.content_hash for row in unfinished), *([last.content_hash] if last else [])]
        had = [other for other in begun_or_sent if other != content_hash]
        with open_ledger(settings) as ledger:
            # Later sends have greater numbers, on whichever host, also after a clock was set back.
            newest = rows(ledger, "select max(id) as id from sends")[0]["id"] or 0
            send_id = max(time.time_ns(), newest + 1)
            ledger.execute(
                """
                insert into sends (id, kind, subject, channel, content_hash, state, begun_at, reference)
                values ($id, $kind, $subject, $channel, $content_hash, 'begun', $begun_at, $reference)
                """,
                {
                    "id": send_id,
                    "kind": kind,
                    "subject": subject,
                    "channel": channel,
                    "content_hash": content_hash,
                    "begun_at": begun_at,
                    "reference": _json(parts),
                },
            )
        begun = Sending(
            settings=settings,
            id=send_id,
            kind=kind,
            subject=subject,
            channel=channel,
            content_hash=content_hash,
            begun_at=datetime.fromisoformat(begun_at),
            previous=last.reference if last else None,
            doubtful=bool(unfinished),
            doubtful_since=datetime.fromisoformat(unfinished[0].begun_at) if unfinished else None,
            corrects=bool(had),
            corrects_hash=had[-1] if had else "",
            parts=parts,
        )
        try:
            yield begun
        except PermanentError:
            if not begun.has_arrived:
                with open_ledger(settings) as ledger:
                    ledger.execute("delete from sends where id = $id", {"id": begun.id})
            raise


def keep_content(settings: Settings, content_hash: str, content: dict[str, Any]) -> None:
    """Keep the content of a message before it is sent, so that a later correction can list the changes."""
    write_atomically(contents(settings) / f"{content_hash}.json", json.dumps(content))


def content(settings: Settings, content_hash: str) -> dict[str, Any] | None:
    """Return the content that `keep_content` kept under a hash; None if it is gone."""
    path = contents(settings) / f"{content_hash}.json"
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def contents(settings: Settings) -> Path:
    """Return the folder that keeps the contents of messages.

    If the reports have a folder of their own, which all workers share, the contents are there too.
    """
    return (settings.reports_in or settings.home) / "delivery.contents"


def last_sent(settings: Settings, kind: str, subject: str) -> list[Sent]:
    """Return the last completed send of a message on each channel."""
    return last_of_each(settings, kind, subject).get(subject, [])


def last_of_each(settings: Settings, kind: str, subject: str = "") -> dict[str, list[Sent]]:
    """Return the last completed send of each message of a kind, on each channel, by subject.

    subject: the only one that is looked for; empty looks for all.
    """
    found = {(row.subject, row.channel): row for row in _sends(settings, kind, subject) if row.state == "sent"}
    sends: dict[str, list[Sent]] = {}
    for (of, _), row in sorted(found.items()):
        sends.setdefault(of, []).append(_sent(row))
    return sends


def has_sent(settings: Settings, kind: str, channel: str) -> bool:
    """Return whether a message of a kind was ever sent over a channel."""
    query = "select id from sends where kind = $kind and channel = $channel and state = 'sent' limit 1"
    return bool(found_in(settings, query, kind=kind, channel=channel))


def messages(settings: Settings, kind: str, prefix: str) -> list[Message]:
    """Return every message of a kind whose subject begins with `prefix`."""
    found: dict[tuple[str, str], list[_Row]] = {}
    for row in _sends(settings, kind):
        if row.subject.startswith(prefix):
            found.setdefault((row.subject, row.channel), []).append(row)
    listed = []
    for (subject, channel), rows_of_it in sorted(found.items()):
        sent = [row for row in rows_of_it if row.state == "sent"]
        reference = _sent(sent[-1]).reference if sent else None
        is_doubtful = len(sent) < len(rows_of_it)
        listed.append(Message(subject=subject, channel=channel, reference=reference, is_doubtful=is_doubtful))
    return listed


def owe(settings: Settings, as_of: datetime, why: str, channels: Sequence[str] = DIGEST_CHANNELS) -> None:
    """Record that the digest of the week that ends at `as_of` is owed on these channels until it was sent there.

    why: the reason, for the list of weeks.
    """
    with open_ledger(settings) as ledger:
        for channel in channels:
            owed = {"subject": Week(end=as_of).name, "channel": channel, "why": why, "since": _now()}
            query = "select since from owed where subject = $subject and channel = $channel"
            for row in rows(ledger, query, owed):
                owed["since"] = row["since"]
            ledger.execute("delete from owed where subject = $subject and channel = $channel", owed)
            ledger.execute(
                "insert into owed (subject, channel, why, since) values ($subject, $channel, $why, $since)", owed
            )


def owed(settings: Settings, as_of: datetime, channel: str | None = None) -> bool:
    """Return whether the week's digest is owed on this channel; without a channel, whether it is owed on any."""
    found = owed_digests(settings).get(as_of.date(), {})
    return channel in found if channel else bool(found)


def owed_digests(settings: Settings) -> dict[date, dict[str, str]]:
    """Return for each week (as_of) whose digest is owed the channels on which it is, and why."""
    found: dict[date, dict[str, str]] = {}
    for row in found_in(settings, "select subject, channel, why from owed order by subject, channel"):
        found.setdefault(date.fromisoformat(row["subject"]), {})[row["channel"]] = row["why"]
    return found


def forgive(settings: Settings, as_of: datetime, channel: str) -> None:
    """Record that the week's digest is no longer owed on a channel: it is switched off, or has the digest."""
    if is_there(settings):
        with open_ledger(settings) as ledger:
            ledger.execute(
                "delete from owed where subject = $subject and channel = $channel",
                {"subject": Week(end=as_of).name, "channel": channel},
            )


def forget_rows(settings: Settings) -> tuple[int, int]:
    """Delete the example rows of alerts and the contents of sent messages; return how many alerts had examples, and how
    many contents there were.

    Afterwards a correction can't list what changed. What is open, sent and owed stays recorded.
    """
    kept = list(contents(settings).glob("*"))
    for file in kept:
        file.unlink()
    if not ledger_file(settings).exists():
        return 0, len(kept)
    with open_sqlite(ledger_file(settings), TABLES) as connection:
        changed = connection.execute(
            """
            update sends set reference = json_set(reference, '$.alert.examples', json('[]'))
            where json_extract(reference, '$.alert.examples[0]') is not null
            """
        ).rowcount
    erase_free_pages(ledger_file(settings))
    return changed, len(kept)


class _Row(BaseModel, frozen=True):
    """A row of the table `sends`. reference: the JSON of a Reference, or of the Parts if the send has only begun."""

    subject: str
    channel: str
    state: str
    content_hash: str
    begun_at: str
    sent_at: str | None
    reference: str


def _sent(row: _Row) -> Sent:
    return Sent.model_validate({**dict(row), "reference": Reference.model_validate_json(row.reference)})


def _sends(settings: Settings, kind: str, subject: str = "", channel: str = "") -> list[_Row]:
    """Return the sends of messages of a kind, oldest first. The holder of a message's lock finds no other begun send.

    subject, channel: the only ones that are looked for; empty looks for all.
    """
    query = """
        select subject, channel, state, content_hash, begun_at, sent_at, reference from sends
        where kind = $kind and $subject in ('', subject) and $channel in ('', channel)
        order by id
    """
    found = found_in(settings, query, kind=kind, subject=subject, channel=channel)
    return [_Row.model_validate(row) for row in found]


def _json(model: Reference | Parts) -> str:
    return model.model_dump_json(exclude_defaults=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
