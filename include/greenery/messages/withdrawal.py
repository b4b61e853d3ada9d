"""The message that replaces a digest when its week is withdrawn."""

from __future__ import annotations

from html import escape

from greenery.messages import rich_text, wording
from greenery.messages.message import MailMessage, SlackMessage

LONGEST_REASON = 300


def text(as_of: str, reason: str) -> str:
    """Return the text of the message.

    as_of: the end of the week, as ISO text. reason: why it is withdrawn.
    """
    return (
        f"Greenery weekly: the week to {wording.date(as_of)} is withdrawn: {wording.plain(reason, LONGEST_REASON)}. "
        "Please stop using its figures. A new report follows once the extract is corrected."
    )


def to_slack(as_of: str, reason: str) -> SlackMessage:
    """Return the message for Slack, with a note for the thread of the digest."""
    said = text(as_of, reason)
    block = {"type": "section", "text": {"type": "plain_text", "text": said, "emoji": False}}
    return SlackMessage(text=rich_text.slack_escape(said), blocks=[block], thread_note=rich_text.slack_escape(said))


def to_mail(as_of: str, reason: str) -> MailMessage:
    """Return the message as a mail."""
    said = text(as_of, reason)
    subject = f"Withdrawn: Greenery weekly: week to {wording.date(as_of)}"
    return MailMessage(subject=subject, text=f"{said}\n", html=f"<p>{escape(said)}</p>")
