"""The records in the ledger of sent messages: the place of each message, and the progress of each attempt."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from greenery.messages.alert import Alert
from greenery.messages.alert_layout import HeldNotice


class Reference(BaseModel, frozen=True):
    """The place of a sent message, and facts that a later message needs; each channel has its own part.

    channel, ts: of the message in Slack.
    message_id, to: of the mail, and who got it.
    dedup_key: of the incident in PagerDuty.
    files: in the outbox.
    state, alert: of an incident, open or resolved, as it was last sent.
    held: the notice that a week is held, as it was last sent.
    withdrawn: why the week was withdrawn whose digest this was.
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
    """The parts that an unfinished try has prepared or delivered, as far as known.

    channel, ts: of the message in Slack; replaces: whether it took the place of an earlier one.
    images: ids of the uploaded images by name.
    note, shared, thread_files: of the thread: whether its note is there, which files are, and their ids by name.
    message_id, accepted: of the mail, and which receivers the server took it for.
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

    reference: of the last completed send; None where a send began and none ever ended.
    is_doubtful: whether a send began since then and never ended.
    """

    subject: str
    channel: str
    reference: Reference | None
    is_doubtful: bool
