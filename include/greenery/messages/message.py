"""Messages that are rendered and ready to send. A sender adds addresses and ids, and changes no word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Block = dict[str, Any]
"""A part of a Slack message, in the form of Block Kit."""


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a message.

    title: for an image, a text for people who can't see it.
    """

    name: str
    content: bytes
    media_type: str
    title: str = ""


@dataclass(frozen=True)
class SlackMessage:
    """A message of Block Kit blocks.

    text: the text for notifications, and for clients that show no blocks.
    blocks: an image block names one of `images` as `{"slack_file": {"id": "<its name>"}}`. The sender uploads the image
        and replaces the name by the id of the file.
    thread_files: files to upload into the message's thread.
    thread_note: the text for the thread if this message replaces an earlier one.
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
