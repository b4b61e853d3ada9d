"""The records in the ledger of sent messages: the place of each message, and the progress of each attempt."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from greenery.messages.alert import Alert
from greenery.messages.alert_layout import HeldNotice


class Reference(BaseModel, frozen=True):
    """The place of a sent message, and facts that a later message needs. Each channel uses its own fields.

    channel, ts: the channel in Slack, and the message in it.
    message_id, to: the id of the mail, and the addresses that received it.
    dedup_key: the key of the incident in PagerDuty.
    files: the files in the outbox.
    state, alert: for an incident, `open` or `resolved`, and the alert that was sent last.
    held: for a held notice, the notice that was sent last.
    withdrawn: why the week was withdrawn; empty unless the message says that its week is withdrawn.
    """

    channel: str = ""
    ts: str = ""
    message_id: str = ""
    to: tuple[str, ...] = ()
    dedup_key: str = ""
    files: tuple[str, ...] = ()
    state: str = ""
    alert: Alert | None = None
    held: HeldNotice | None = None
    withdrawn: str = ""


class Parts(BaseModel, frozen=True):
    """The parts of a message that an unfinished try has prepared or delivered, as far as known.

    channel, ts: the channel in Slack, and the message in it. replaces: whether it replaced an earlier message.
    images: the ids of uploaded images, by name.
    note: whether the note is in the thread. shared: the names of the files in the thread. thread_files: the ids of
        uploaded files, by name.
    message_id, accepted: the id of the mail, and the addresses that the server has accepted.
    """

    channel: str = ""
    ts: str = ""
    replaces: bool | None = None
    images: dict[str, str] = {}
    note: bool = False
    shared: tuple[str, ...] = ()
    thread_files: dict[str, str] = {}
    message_id: str = ""
    accepted: tuple[str, ...] = ()


class Sent(BaseModel, frozen=True):
    """The last completed send of a message over a channel."""

    channel: str
    content_hash: str
    sent_at: datetime
    reference: Reference


class Message(BaseModel, frozen=True):
    """A message that a channel has, or may have.

    reference: the reference of the last completed send; None if no send was ever completed.
    is_doubtful: whether a send began after that and never ended.
    """

    subject: str
    channel: str
    reference: Reference | None
    is_doubtful: bool
