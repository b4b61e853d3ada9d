"""The ledger of sent messages: `<home>/delivery.sqlite`, apart from the warehouse and from Airflow's metadata.

A message has a kind (digest, held, alert, notice), a subject (the week `2023-02-01`, or an incident's key) and a
channel (slack, email, slack_alerts, email_alerts, pagerduty). A send is recorded as begun before anything leaves, and
as sent after the channel accepted it. A send that began and never ended is doubtful: only the channel knows whether it
arrived.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from pydantic import BaseModel
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from greenery.channels.channel import DIGEST_CHANNELS
from greenery.channels.errors import PassingError, PermanentError
from greenery.channels.reference import Message, Parts, Reference, Sent
from greenery.files import write_atomically
from greenery.settings import Settings
from greenery.warehouse.sqlite import erase_free_pages, open_sqlite
from greenery.week import Week

# How long a second process waits for the lock of a message. Most sends take less time; if a slow channel takes longer,
# the second process gives up.
MESSAGE_LOCK_SECONDS = 180

_SCHEMA = """
create table if not exists sends (
    id integer primary key,
    kind text not null,
    subject text not null,
    channel text not null,
    content_hash text not null,
    state text not null check (state in ('begun', 'sent')),
    begun_at text not null,
    sent_at text,
    reference text not null  -- JSON: the place of the message; while begun, the parts that are known to have arrived
);
create index if not exists sends_of_message on sends (kind, subject, channel);
create table if not exists owed (
    subject text not null,
    channel text not null,
    why text not null,
    since text not null,
    primary key (subject, channel)
);
"""


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
        with _open(self.settings) as connection:
            connection.execute("update sends set reference = ? where id = ?", [_json(self.parts), self.id])

    def finish(self, reference: Reference) -> None:
        """Record that the message was sent, and where it is. Its digest is then no longer owed to the channel."""
        message = [self.kind, self.subject, self.channel]
        with _open(self.settings) as connection:
            connection.execute(
                "update sends set state = 'sent', sent_at = ?, reference = ? where id = ?",
                [_now(), _json(reference), self.id],
            )
            # This send replaces earlier attempts that never ended.
            connection.execute(
                "delete from sends where kind = ? and subject = ? and channel = ? and state = 'begun'", message
            )
            if self.kind == "digest":
                connection.execute("delete from owed where subject = ? and channel = ?", [self.subject, self.channel])


@contextmanager
def sending(settings: Settings, kind: str, subject: str, channel: str, content_hash: str) -> Iterator[Sending | None]:
    """Hold the message's lock and yield the attempt to send this content; None if this content was sent last.

    The lock ends with the process that holds it, however it ends. If the block raises or its process is killed, the
    send stays unfinished, and the next one is doubtful. After a PermanentError it is not doubtful as long as nothing
    has arrived, because the channel refused the message.

    Raises PassingError if another process holds the message's lock for more than MESSAGE_LOCK_SECONDS.
    """
    with _lock(settings, kind, subject, channel):
        last = _last_sent(settings, kind, subject, channel)
        unfinished = _sends(settings, kind, subject, channel, "begun")
        if last and last.content_hash == content_hash and not unfinished:
            yield None
            return
        begun_at = _now()
        own = [row for row in unfinished if row.content_hash == content_hash]
        parts = Parts.model_validate_json(own[-1].reference) if own else Parts()
        begun_or_sent = [*(row.content_hash for row in unfinished), *([last.content_hash] if last else [])]
        had = [other for other in begun_or_sent if other != content_hash]
        with _open(settings) as connection:
            (send_id,) = connection.execute(
                """
                insert into sends (kind, subject, channel, content_hash, state, begun_at, reference)
                values (?, ?, ?, ?, 'begun', ?, ?)
                returning id
                """,
                [kind, subject, channel, content_hash, begun_at, _json(parts)],
            ).fetchone()
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
                with _open(settings) as connection:
                    connection.execute("delete from sends where id = ?", [begun.id])
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
    """Return the folder that keeps the contents of messages."""
    return settings.home / "delivery.contents"


def last_sent(settings: Settings, kind: str, subject: str) -> list[Sent]:
    """Return the last completed send of a message on each channel."""
    if not _path(settings).exists():
        return []
    with _open(settings) as connection:
        channels = connection.execute(
            "select distinct channel from sends where kind = ? and subject = ? order by channel", [kind, subject]
        ).fetchall()
    found = (_last_sent(settings, kind, subject, channel) for (channel,) in channels)
    return [sent for sent in found if sent]


def has_sent(settings: Settings, kind: str, channel: str) -> bool:
    """Return whether a message of a kind was ever sent over a channel."""
    if not _path(settings).exists():
        return False
    with _open(settings) as connection:
        found = connection.execute(
            "select 1 from sends where kind = ? and channel = ? and state = 'sent' limit 1", [kind, channel]
        )
        return found.fetchone() is not None


def messages(settings: Settings, kind: str, prefix: str) -> list[Message]:
    """Return every message of a kind whose subject begins with `prefix`."""
    with _open(settings) as connection:
        found = connection.execute(
            "select distinct subject, channel from sends where kind = ? and substr(subject, 1, ?) = ? order by 1, 2",
            [kind, len(prefix), prefix],
        ).fetchall()
    rows = []
    for subject, channel in found:
        last = _last_sent(settings, kind, subject, channel)
        begun = _sends(settings, kind, subject, channel, "begun")
        reference = last.reference if last else None
        rows.append(Message(subject=subject, channel=channel, reference=reference, is_doubtful=bool(begun)))
    return rows


def owe(settings: Settings, as_of: datetime, why: str, channels: Sequence[str] = DIGEST_CHANNELS) -> None:
    """Record that the digest of the week that ends at `as_of` is owed on these channels until it was sent there.

    why: the reason, for the list of weeks.
    """
    with _open(settings) as connection:
        connection.executemany(
            "insert into owed values (?, ?, ?, ?) on conflict do update set why = excluded.why",
            [(Week(end=as_of).name, channel, why, _now()) for channel in channels],
        )


def owed(settings: Settings, as_of: datetime, channel: str | None = None) -> bool:
    """Return whether the week's digest is owed on this channel; without a channel, whether it is owed on any."""
    return bool({channel} & owed_on(settings, as_of).keys() if channel else owed_on(settings, as_of))


def owed_on(settings: Settings, as_of: datetime) -> dict[str, str]:
    """Return the channels on which the week's digest is owed, and why."""
    if not _path(settings).exists():
        return {}
    with _open(settings) as connection:
        return dict(
            connection.execute(
                "select channel, why from owed where subject = ? order by channel", [Week(end=as_of).name]
            ).fetchall()
        )


def owed_weeks(settings: Settings) -> list[date]:
    """Return the weeks (as_of) whose digest is owed on any channel, oldest first."""
    if not _path(settings).exists():
        return []
    with _open(settings) as connection:
        found = connection.execute("select distinct subject from owed order by subject").fetchall()
    return [date.fromisoformat(subject) for (subject,) in found]


def forgive(settings: Settings, as_of: datetime, channel: str) -> None:
    """Record that the week's digest is no longer owed on a channel: it is switched off, or has the digest."""
    if not _path(settings).exists():
        return
    with _open(settings) as connection:
        connection.execute("delete from owed where subject = ? and channel = ?", [Week(end=as_of).name, channel])


def forget_rows(settings: Settings) -> tuple[int, int]:
    """Delete the example rows of alerts and the contents of sent messages; return how many alerts had examples, and how
    many contents there were.

    Afterwards a correction can't list what changed. What is open, sent and owed stays recorded.
    """
    kept = list(contents(settings).glob("*"))
    for file in kept:
        file.unlink()
    if not _path(settings).exists():
        return 0, len(kept)
    with _open(settings) as connection:
        changed = connection.execute(
            """
            update sends set reference = json_set(reference, '$.alert.examples', json('[]'))
            where json_extract(reference, '$.alert.examples[0]') is not null
            """
        ).rowcount
    erase_free_pages(_path(settings))
    return changed, len(kept)


class _Row(BaseModel, frozen=True):
    """A row of the table `sends`. reference: the JSON of a Reference, or of the Parts if the send has only begun."""

    channel: str
    content_hash: str
    begun_at: str
    sent_at: str | None
    reference: str


def _last_sent(settings: Settings, kind: str, subject: str, channel: str) -> Sent | None:
    found = _sends(settings, kind, subject, channel, "sent")
    if not found:
        return None
    reference = Reference.model_validate_json(found[-1].reference)
    return Sent.model_validate({**dict(found[-1]), "reference": reference})


def _sends(settings: Settings, kind: str, subject: str, channel: str, state: str) -> list[_Row]:
    """Return the sends of a message in this state, oldest first. While a process holds the message's lock, no other
    process can begin one."""
    with _open(settings) as connection:
        rows = connection.execute(
            """
            select channel, content_hash, begun_at, sent_at, reference from sends
            where kind = ? and subject = ? and channel = ? and state = ?
            order by id
            """,
            [kind, subject, channel, state],
        ).fetchall()
    return [_Row(**dict(zip(_Row.model_fields, row, strict=True))) for row in rows]


def _json(model: Reference | Parts) -> str:
    return model.model_dump_json(exclude_defaults=True)


@contextmanager
def _lock(settings: Settings, kind: str, subject: str, channel: str) -> Iterator[None]:
    """Hold the lock of one message. A lock of SQLite would block all other messages as long as the send takes."""
    folder = settings.home / "delivery.locks"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = hashlib.sha256("\0".join((kind, subject, channel)).encode()).hexdigest()[:32]
    retrying = Retrying(
        retry=retry_if_exception_type(BlockingIOError),
        stop=stop_after_delay(MESSAGE_LOCK_SECONDS),
        wait=wait_fixed(0.2),
    )
    with (folder / name).open("a") as file:
        try:
            retrying(fcntl.flock, file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except RetryError:
            raise PassingError(
                f"another process has been sending {kind} {subject} over {channel} for {MESSAGE_LOCK_SECONDS} seconds: "
                "run this again when it has ended."
            ) from None
        yield


def _open(settings: Settings) -> AbstractContextManager[Connection]:
    """Open the ledger for one transaction."""
    return open_sqlite(_path(settings), _SCHEMA)


def _path(settings: Settings) -> Path:
    return settings.home / "delivery.sqlite"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
