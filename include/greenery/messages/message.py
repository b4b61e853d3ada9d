"""Messages, rendered and ready to be sent. A sender adds addresses and ids, and changes no word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Block = dict[str, Any]
"""A part of a Slack message, as Block Kit has it."""


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a message.

    title: what an image shows, for those who don't see it.
    """

    name: str
    content: bytes
    media_type: str
    title: str = ""


@dataclass(frozen=True)
class SlackMessage:
    """A message of Block Kit blocks.

    text: what notifications and clients without blocks show.
    blocks: an image block names one of `images` as `{"slack_file": {"id": "<its name>"}}`; the sender uploads it first
        and puts the file's id there.
    thread_files: uploaded into the message's thread.
    thread_note: the text in the thread when this replaces an earlier message.
    """

    text: str
    blocks: list[Block]
    images: tuple[Attachment, ...] = ()
    thread_files: tuple[Attachment, ...] = ()
    thread_note: str = ""


@dataclass(frozen=True)
class MailMessage:
    """A mail as text and as HTML.

    inline: images that the HTML shows as `cid:<name>`.
    """

    subject: str
    text: str
    html: str
    inline: tuple[Attachment, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    list_id: str = "Greenery weekly <weekly.greenery>"
