"""The ledger of what was sent: `<home>/delivery.sqlite`, apart from the warehouse and from Airflow's metadata.

A message is a kind (digest, held, alert, notice), a subject (the week `2023-02-01`, or an incident's key) and a channel
(slack, email, slack_alerts, email_alerts, pagerduty). A send is written down as begun before anything leaves, and as
sent after the channel took it. What began and never ended is doubtful: only the channel knows whether it arrived.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from greenery.channels.errors import PassingError, PermanentError
from greenery.files import write_atomically
from greenery.settings import Settings

DIGEST_CHANNELS = ("slack", "email")
LOCK_SECONDS = 180  # most sends take less; one over a slow channel may take longer, and is then waited for in vain
BUSY_SECONDS = 30

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
    reference text not null  -- JSON: where it is; while begun, the parts that are known to have arrived
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
    """The right to send one message, held while its `sending` block runs.

    content_hash: of the content to be sent.
    begun_at: when this try began.
    previous: the reference of the last completed send, None where the message never went out.
    doubtful: whether a send of the message began since, and nobody knows whether it arrived.
    doubtful_since: when the first of these began.
    corrects: whether readers have, or may have, other content of the message.
    corrects_hash: of that content, as far as known: what was sent last if it is other, else what began last; empty
        where there is none.
    parts: what an earlier try of this content is known to have prepared or delivered; empty where there was none.
    has_arrived: whether this try is known to have delivered a part.
    """

    settings: Settings
    id: int
    kind: str
    subject: str
    channel: str
    content_hash: str
    begun_at: datetime
    previous: dict[str, Any] | None
    doubtful: bool
    doubtful_since: datetime | None
    corrects: bool
    corrects_hash: str
    parts: dict[str, Any]
    has_arrived: bool = False

    @property
    def key(self) -> str:
        """The name of the message, whatever its content: put it where the channel can be asked for it."""
        return f"{self.kind}.{self.subject}.{self.channel}"

    def keep(self, **parts: Any) -> None:
        """Write down parts that have arrived, so that another try goes on from there."""
        self.has_arrived = True
        self.prepare(**parts)

    def prepare(self, **parts: Any) -> None:
        """Write down what another try needs to know, of which readers see nothing yet."""
        self.parts |= parts
        with _open(self.settings) as connection:
            connection.execute("update sends set reference = ? where id = ?", [json.dumps(self.parts), self.id])

    def finish(self, reference: dict[str, Any]) -> None:
        """Write down that the message was sent, and where it is; what is owed on its channel is paid."""
        message = [self.kind, self.subject, self.channel]
        with _open(self.settings) as connection:
            connection.execute(
                "update sends set state = 'sent', sent_at = ?, reference = ? where id = ?",
                [_now(), json.dumps(reference), self.id],
            )
            # Earlier tries that never ended are settled by this one.
            connection.execute(
                "delete from sends where kind = ? and subject = ? and channel = ? and state = 'begun'", message
            )
            if self.kind == "digest":
                connection.execute("delete from owed where subject = ? and channel = ?", [self.subject, self.channel])


@contextmanager
def sending(settings: Settings, kind: str, subject: str, channel: str, content_hash: str) -> Iterator[Sending | None]:
    """Hold the message's lock and yield the right to send this content; None where it was the last one sent.

    The lock ends with the process that holds it, however it ends. A block that raises, or a process that is killed,
    leaves the send unfinished, which makes the next one doubtful. A PermanentError does not, as long as nothing has
    arrived: the channel said no.

    Raises PassingError where another process has been sending the message for too long.
    """
    with _lock(settings, kind, subject, channel):
        last = _last_sent(settings, kind, subject, channel)
        unfinished = _sends(settings, kind, subject, channel, "begun")
        if last and last["content_hash"] == content_hash and not unfinished:
            yield None
            return
        begun_at = _now()
        own = [row for row in unfinished if row["content_hash"] == content_hash]
        begun_or_sent = [row["content_hash"] for row in (*unfinished, *filter(None, [last]))]
        had = [other for other in begun_or_sent if other != content_hash]
        with _open(settings) as connection:
            (send_id,) = connection.execute(
                """
                insert into sends (kind, subject, channel, content_hash, state, begun_at, reference)
                values (?, ?, ?, ?, 'begun', ?, ?)
                returning id
                """,
                [kind, subject, channel, content_hash, begun_at, json.dumps(own[-1]["reference"] if own else {})],
            ).fetchone()
        begun = Sending(
            settings=settings,
            id=send_id,
            kind=kind,
            subject=subject,
            channel=channel,
            content_hash=content_hash,
            begun_at=datetime.fromisoformat(begun_at),
            previous=last["reference"] if last else None,
            doubtful=bool(unfinished),
            doubtful_since=datetime.fromisoformat(unfinished[0]["begun_at"]) if unfinished else None,
            corrects=bool(had),
            corrects_hash=had[-1] if had else "",
            parts=own[-1]["reference"] if own else {},
        )
        try:
            yield begun
        except PermanentError:
            if not begun.has_arrived:
                with _open(settings) as connection:
                    connection.execute("delete from sends where id = ?", [begun.id])
            raise


def keep_content(settings: Settings, content_hash: str, content: dict[str, Any]) -> None:
    """Keep what is about to be sent, so that a correction can say what changed since."""
    write_atomically(contents(settings) / f"{content_hash}.json", json.dumps(content))


def content(settings: Settings, content_hash: str) -> dict[str, Any] | None:
    """Return what was kept under a hash; None where it is not there any more."""
    path = contents(settings) / f"{content_hash}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def contents(settings: Settings) -> Path:
    """Folder of what was sent."""
    return settings.home / "delivery.contents"


def sent(settings: Settings, kind: str, subject: str) -> list[dict[str, Any]]:
    """Return the last completed send of a message on each channel: channel, content_hash, sent_at (ISO), reference."""
    if not _path(settings).exists():
        return []
    with _open(settings) as connection:
        channels = connection.execute(
            "select distinct channel from sends where kind = ? and subject = ? order by channel", [kind, subject]
        ).fetchall()
    found = (_last_sent(settings, kind, subject, channel) for (channel,) in channels)
    return [row for row in found if row]


def has_sent(settings: Settings, kind: str, channel: str) -> bool:
    """Return whether a message of a kind was ever sent over a channel."""
    if not _path(settings).exists():
        return False
    with _open(settings) as connection:
        found = connection.execute(
            "select 1 from sends where kind = ? and channel = ? and state = 'sent' limit 1", [kind, channel]
        )
        return found.fetchone() is not None


def messages(settings: Settings, kind: str, prefix: str) -> list[dict[str, Any]]:
    """Return every message of a kind whose subject begins like this: subject, channel, reference and doubtful.

    reference: of the last completed send; None where a send began and none ever ended.
    doubtful: whether a send began since that nobody knows the end of.
    """
    with _open(settings) as connection:
        found = connection.execute(
            "select distinct subject, channel from sends where kind = ? and substr(subject, 1, ?) = ? order by 1, 2",
            [kind, len(prefix), prefix],
        ).fetchall()
    rows = []
    for subject, channel in found:
        last = _last_sent(settings, kind, subject, channel)
        rows.append(
            {
                "subject": subject,
                "channel": channel,
                "reference": last["reference"] if last else None,
                "doubtful": bool(_sends(settings, kind, subject, channel, "begun")),
            }
        )
    return rows


def owe(settings: Settings, as_of: datetime, why: str, channels: Sequence[str] = DIGEST_CHANNELS) -> None:
    """Write down that the digest of the week that ends at `as_of` is owed on these channels until it was sent there."""
    with _open(settings) as connection:
        connection.executemany(
            "insert into owed values (?, ?, ?, ?) on conflict do update set why = excluded.why",
            [(f"{as_of:%Y-%m-%d}", channel, why, _now()) for channel in channels],
        )


def owed(settings: Settings, as_of: datetime, channel: str | None = None) -> bool:
    """Return whether the week's digest is owed on this channel, or on any: announced, late, or begun and not sent."""
    return bool({channel} & owed_on(settings, as_of).keys() if channel else owed_on(settings, as_of))


def owed_on(settings: Settings, as_of: datetime) -> dict[str, str]:
    """Return the channels on which the week's digest is owed, and why."""
    if not _path(settings).exists():
        return {}
    with _open(settings) as connection:
        return dict(
            connection.execute(
                "select channel, why from owed where subject = ? order by channel", [f"{as_of:%Y-%m-%d}"]
            ).fetchall()
        )


def forgive(settings: Settings, as_of: datetime, channel: str) -> None:
    """Write down that nothing is owed on a channel: it is switched off."""
    if not _path(settings).exists():
        return
    with _open(settings) as connection:
        connection.execute("delete from owed where subject = ? and channel = ?", [f"{as_of:%Y-%m-%d}", channel])


def forget_rows(settings: Settings) -> tuple[int, int]:
    """Delete what the ledger holds of single rows; return how many alerts had examples, how many contents it had.

    Afterwards a correction can't list what changed; what is open, sent and owed stays known.
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
    with closing(sqlite3.connect(_path(settings), timeout=BUSY_SECONDS)) as connection:
        connection.execute("vacuum")  # else the text stays in free pages
    return changed, len(kept)


def _last_sent(settings: Settings, kind: str, subject: str, channel: str) -> dict[str, Any] | None:
    found = _sends(settings, kind, subject, channel, "sent")
    return found[-1] if found else None


def _sends(settings: Settings, kind: str, subject: str, channel: str, state: str) -> list[dict[str, Any]]:
    """Return the sends of a message in this state, oldest first; who holds its lock finds none begun but its own."""
    with _open(settings) as connection:
        rows = connection.execute(
            """
            select channel, content_hash, begun_at, sent_at, reference from sends
            where kind = ? and subject = ? and channel = ? and state = ?
            order by id
            """,
            [kind, subject, channel, state],
        ).fetchall()
    names = ("channel", "content_hash", "begun_at", "sent_at", "reference")
    return [dict(zip(names, (*row[:4], json.loads(row[4])), strict=True)) for row in rows]


@contextmanager
def _lock(settings: Settings, kind: str, subject: str, channel: str) -> Iterator[None]:
    """Hold the lock of one message; a lock of SQLite would hold up every other message for as long as a send takes."""
    folder = settings.home / "delivery.locks"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = hashlib.sha256("\0".join((kind, subject, channel)).encode()).hexdigest()[:32]
    retrying = Retrying(
        retry=retry_if_exception_type(BlockingIOError), stop=stop_after_delay(LOCK_SECONDS), wait=wait_fixed(0.2)
    )
    with (folder / name).open("a") as file:
        try:
            retrying(fcntl.flock, file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except RetryError:
            raise PassingError(
                f"another process has been sending {kind} {subject} over {channel} for {LOCK_SECONDS} seconds: "
                "run this again when it has ended."
            ) from None
        yield


@contextmanager
def _open(settings: Settings) -> Iterator[sqlite3.Connection]:
    """Open the ledger for one transaction; only its owner may read it."""
    path = _path(settings)
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection, connection:
        connection.executescript(_SCHEMA)
        connection.execute("begin immediate")
        yield connection


def _path(settings: Settings) -> Path:
    return settings.home / "delivery.sqlite"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
